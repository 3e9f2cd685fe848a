//! wharf: WhatsApp docks at Matrix.
//!
//! The rooms in floor order, lowest first; imports only point down, and `tests/floors.rs` holds that.

pub(crate) mod model; // floor 0: words

pub(crate) mod store; // floor 1: memory

pub(crate) mod matrix; // floor 2: the homeserver, as we use it
pub(crate) mod media; // floor 2: what pictures, sounds and films are
pub(crate) mod network; // floor 2: one folder for each messaging network
pub(crate) mod webhook; // floor 2: one signed request

pub(crate) mod access; // floor 3: who may do what
pub(crate) mod bridge; // floor 3: every bridging decision

pub(crate) mod api; // floor 4: what applications call
pub(crate) mod appservice; // floor 4: what the homeserver calls

mod app; // floor 5: wiring
pub mod check;
mod config;
mod opening;
pub mod registration;
mod server;
pub mod telemetry;
mod wrong; // what is wrong with the settings

pub use app::App;
pub use config::Config;
pub use wrong::Wrong;

/// What a process does once, before anything else: chooses the TLS implementation, and in builds for tests lets a
/// fail point end the process as abruptly as a power cut would.
pub fn prepare_process() {
    // An error means that one was chosen before, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    #[cfg(feature = "simulator")]
    crash_at_fail_points();
}

/// `FAILPOINTS=store.commit.before=3*off->panic` ends the process there: any panic aborts without a word more.
#[cfg(feature = "simulator")]
fn crash_at_fail_points() {
    if std::env::var_os("FAILPOINTS").is_none() {
        return;
    }
    std::panic::set_hook(Box::new(|_| std::process::abort()));
    // The points stay set as long as the process lives.
    std::mem::forget(fail::FailScenario::setup());
}
