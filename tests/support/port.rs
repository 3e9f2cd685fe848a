//! Ports for programs that listen only after somebody else was told where: nobody may take one in between.

use std::{
    net::TcpListener,
    process,
    sync::atomic::{AtomicU32, Ordering},
};

/// Below the ports that systems give to connections and to whoever does not care.
const LOWEST: u32 = 10_000;
const COUNT: u32 = 20_000;

/// A port of loopback that is free, and that is told once.
pub fn free_port() -> u16 {
    static TOLD: AtomicU32 = AtomicU32::new(0);
    // Processes beside each other begin at different places.
    let first = process::id().wrapping_mul(97);
    (0..COUNT)
        .map(|_| LOWEST + first.wrapping_add(TOLD.fetch_add(1, Ordering::Relaxed)) % COUNT)
        .filter_map(|port| u16::try_from(port).ok())
        .find(|&port| TcpListener::bind(("127.0.0.1", port)).is_ok())
        .expect("a free port")
}
