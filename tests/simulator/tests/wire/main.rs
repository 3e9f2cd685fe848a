//! The unmodified client library against the simulator: one module per ability.

mod addresses;
mod app_state;
mod backlog;
mod calls;
mod clients;
mod control;
mod control_faults;
mod crashes;
mod device;
mod fan_out;
mod faults;
mod groups;
mod groups_changes;
mod groups_communities;
mod groups_control;
mod groups_invites;
mod groups_status;
mod history;
mod keys;
mod lid;
mod linking;
mod load;
mod media;
mod messages;
mod newsletters;
mod passkey;
mod presence;
mod privacy;
mod profile;
mod program;
mod receipts;
mod robustness;
mod scenario;
mod services;
mod sessions;
mod speaking;
mod usync;

use std::time::Duration;

/// Long enough for a slow machine; nothing waits this long when all is well.
const PATIENCE: Duration = Duration::from_secs(30);
