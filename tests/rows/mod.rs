//! What crosses the bridge, row by row (docs/bridging.md). Each journey is written once, for whoever reads and writes in
//! Matrix: it goes with the stub homeserver on both engines (`tests/journeys/row_by_row.rs`) and with Synapse and a real client
//! (`tests/synapse/row_by_row.rs`).

mod talk;

pub mod albums;
pub mod changes;
pub mod early;
pub mod forgotten;
pub mod galleries;
pub mod gone;
pub mod groups;
pub mod lost;
pub mod made;
pub mod marks;
pub mod media;
pub mod moving;
pub mod once;
pub mod past;
pub mod people;
pub mod places;
pub mod questions;
pub mod quotes;
pub mod sound;
pub mod states;
pub mod strangers;
pub mod timers;
pub mod votes;
pub mod words;

pub use talk::{Client, Talk, receives};
