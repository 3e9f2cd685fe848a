//! What a load has shown: how much arrived, how late, what got lost or came twice.
//!
//! Filled by [`super::engine`]; printed by the binary and answered by the control API.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use crate::server::arrivals::Arrival;

/// What became of one message.
pub(super) struct Fate {
    sent: Instant,
    /// The devices it was for.
    readers: usize,
    /// Who got it, and when first; the phone of a person is device 0.
    got: Vec<(String, u16, Duration)>,
    doubles: usize,
}

impl Fate {
    pub(super) fn new(readers: usize) -> Self {
        Self {
            sent: Instant::now(),
            readers,
            got: Vec::with_capacity(readers),
            doubles: 0,
        }
    }

    /// A device confirmed it; whether for the first time.
    pub(super) fn arrived(&mut self, arrival: &Arrival) -> bool {
        let known = |(number, id, _): &(String, u16, Duration)| (number, *id) == (&arrival.by.number, arrival.by.id);
        if self.got.iter().any(known) {
            self.doubles += 1;
            return false;
        }
        let late = arrival.at.saturating_duration_since(self.sent);
        self.got.push((arrival.by.number.clone(), arrival.by.id, late));
        true
    }
}

/// What arrived when.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Messages sent.
    pub sent: usize,
    /// Deliveries there should have been: one per device that reads.
    pub expected: usize,
    /// Deliveries there were.
    pub arrived: usize,
    /// Deliveries missing at the end.
    pub lost: usize,
    /// Deliveries of a message a device had confirmed before.
    pub doubled: usize,
    /// Ciphertexts the light devices could not read.
    pub unreadable: usize,
    /// Messages of light devices the server refused.
    pub refused: usize,
    /// Messages sent per second.
    pub rate: f64,
    /// Half of all arrived within this, in milliseconds.
    pub p50: f64,
    /// Nine of ten.
    pub p90: f64,
    /// All but one of a hundred.
    pub p99: f64,
    /// The last.
    pub max: f64,
    /// How long linking took.
    #[serde(skip)]
    pub linking: Duration,
    /// How long sending took.
    #[serde(skip)]
    pub sending: Duration,
}

impl Report {
    pub(super) fn of(fates: impl Iterator<Item = Fate>, sending: Duration) -> Self {
        let mut report = Self {
            sending,
            ..Self::default()
        };
        let mut late = Vec::new();
        for fate in fates {
            report.sent += 1;
            report.expected += fate.readers;
            report.doubled += fate.doubles;
            late.extend(fate.got.iter().map(|(_, _, late)| late.as_secs_f64() * 1000.0));
        }
        late.sort_by(f64::total_cmp);
        report.arrived = late.len();
        report.lost = report.expected.saturating_sub(report.arrived);
        report.rate = f64::from(u32::try_from(report.sent).unwrap_or(u32::MAX)) / sending.as_secs_f64().max(0.001);
        let at = |percent: usize| {
            let place = late.len().saturating_sub(1) * percent / 100;
            late.get(place).copied().unwrap_or_default()
        };
        (report.p50, report.p90, report.p99, report.max) = (at(50), at(90), at(99), at(100));
        report
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "linking took {:.1} s", self.linking.as_secs_f64())?;
        writeln!(
            f,
            "sent {} messages in {:.1} s, {:.0} per second",
            self.sent,
            self.sending.as_secs_f64(),
            self.rate
        )?;
        writeln!(
            f,
            "arrived {} of {}, lost {}, doubled {}, unreadable {}, refused {}",
            self.arrived, self.expected, self.lost, self.doubled, self.unreadable, self.refused
        )?;
        write!(
            f,
            "within {:.1} ms half, {:.1} ms 90 %, {:.1} ms 99 %, {:.1} ms all",
            self.p50, self.p90, self.p99, self.max
        )
    }
}
