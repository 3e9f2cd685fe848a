//! The product through its doors only: HTTP, WebSocket, webhooks, and a real WhatsApp wire. wharf runs as the process
//! that people run.

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

/// Makes each journey two tests: one on SQLite, one on PostgreSQL.
macro_rules! on_both_engines {
    ($($(#[$doc:meta])* async fn $name:ident($engine:ident: Engine) $body:block)*) => { $(
        $(#[$doc])*
        mod $name {
            use super::*;

            async fn journey($engine: Engine) $body

            #[tokio::test(flavor = "multi_thread")]
            async fn on_sqlite() {
                journey(Engine::Sqlite).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn on_postgres() {
                journey(Engine::Postgres).await;
            }
        }
    )* };
}

mod api_guide;
mod bad_input;
mod bad_settings;
mod bot;
mod calls;
mod channels;
mod commands_line;
mod console;
mod console_forms;
mod contract;
mod crash_sweeps;
mod crashes;
mod crashes_linking;
mod description;
mod direct_chats;
mod edits;
mod erasing;
mod groups_in;
mod groups_out;
mod history;
mod history_kept;
mod kinds;
mod large_files;
mod linking;
mod links;
mod links_chat;
mod marks;
mod marks_of_chats;
mod matrix_to_whatsapp;
mod media;
mod media_links;
mod members;
mod message_commands;
mod new_rooms;
mod passkeys;
mod people;
mod receipts;
mod reliability;
mod resources;
mod rest_contacts;
mod rest_files;
mod rest_groups;
mod rest_to_whatsapp;
mod rooms_life;
mod row_by_row;
mod status;
mod tenancy;
mod webhook_kinds;
mod webhooks;
mod whatsapp_to_matrix;
