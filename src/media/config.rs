//! The keys of the section `media` in the configuration.

use std::{num::NonZeroUsize, time::Duration};

use serde::{Deserialize, Serialize};

/// How media are turned into what the other side takes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The program `ffmpeg`: a name that is looked for in `PATH`, or a path; empty: it is not used.
    pub ffmpeg: String,
    /// The program `ffprobe`, likewise.
    pub ffprobe: String,
    /// How many files are worked on at once.
    pub jobs: NonZeroUsize,
    /// Seconds that one run of a program may take before it is killed.
    pub time_limit_seconds: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            ffmpeg: "ffmpeg".into(),
            ffprobe: "ffprobe".into(),
            jobs: NonZeroUsize::MIN.saturating_add(1),
            time_limit_seconds: 300,
        }
    }
}

impl Config {
    /// What is wrong with these settings: key and reason.
    pub(crate) fn check(&self) -> Result<(), (&'static str, &'static str)> {
        if self.time_limit_seconds == 0 {
            return Err(("media.time_limit_seconds", "must be at least 1"));
        }
        Ok(())
    }

    pub(super) fn time_limit(&self) -> Duration {
        Duration::from_secs(self.time_limit_seconds)
    }
}
