//! What the tests of the whole product stand on: a world with actors.
#![expect(dead_code, reason = "each test binary uses its own part")]

pub mod browser;
pub mod database;
pub mod homeserver;
pub mod past;
pub mod port;
pub mod process;
pub mod receiver;
pub mod rest;
pub mod waiting;
pub mod world;
