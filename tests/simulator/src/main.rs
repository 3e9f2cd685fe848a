//! The simulator as a program, for demos and scripts.

use std::net::SocketAddr;

use clap::{Parser, ValueEnum};
use simulator::{Options, Server};
use tracing_subscriber::EnvFilter;

/// A simulated WhatsApp: clients at /ws/chat, control over HTTP at /admin.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:7080", env = "SIMULATOR_LISTEN")]
    listen: SocketAddr,
    /// Whether to encrypt the transport; only `no` is there, keep it on loopback.
    #[arg(long, value_enum, default_value_t = Tls::No)]
    tls: Tls,
}

#[derive(Clone, Copy, ValueEnum)]
enum Tls {
    No,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Arguments { listen, tls: Tls::No } = Arguments::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    let server = Server::start(Options {
        listen,
        ..Options::default()
    })
    .await?;
    tracing::info!("clients: {}, control: {}", server.url(), server.control_url());
    tokio::signal::ctrl_c().await?;
    server.stops().await;
    Ok(())
}
