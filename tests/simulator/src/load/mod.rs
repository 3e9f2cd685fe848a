//! Load: many devices and people at once, and a report of what arrived when.
//!
//! [`run`] makes light devices of its own; the control API runs the same plan on the accounts of a running
//! simulator. The devices are as small as they can be, so that the machine is left to the server.

mod device;
mod engine;
mod line;
mod report;

pub(crate) use engine::run_here;
pub use engine::{Plan, run};
pub use report::Report;
