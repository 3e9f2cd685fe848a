//! The journeys on a real Synapse with a real Matrix client as the user, and the targets of reliability that need one.
//! `scripts/synapse install` comes first (250 MB of Python packages, once).

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it measured"
)]
#![expect(unreachable_pub, reason = "the support is shared by several test binaries")]

#[path = "../rows/mod.rs"]
mod rows;
#[path = "../support/mod.rs"]
mod support;

mod beside;
mod bot;
mod chats;
mod devices;
mod groups;
mod groups_out;
mod history;
mod journey;
mod line;
mod people;
mod person;
mod reliability;
mod room_list;
mod rooms;
mod row_by_row;
mod signs;
mod synapse;
