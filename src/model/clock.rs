//! The time, passed in and never grabbed: the only place that asks the system for it.

#[cfg(test)]
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// A moment in milliseconds since 1970, as it is stored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since 1970.
    pub(crate) const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// From whole seconds since 1970.
    pub(crate) const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// Milliseconds since 1970.
    pub(crate) const fn millis(self) -> i64 {
        self.0
    }

    /// This moment and so many milliseconds later (or earlier when negative).
    pub(crate) const fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// `2026-04-27T10:00:00Z`: UTC, whole seconds, as every door shows times.
    pub(crate) fn rfc3339(self) -> String {
        OffsetDateTime::from_unix_timestamp(self.0.div_euclid(1000))
            .ok()
            .and_then(|time| time.format(&Rfc3339).ok())
            .unwrap_or_else(|| "1970-01-01T00:00:00Z".into())
    }

    /// Reads RFC 3339 with any offset and fraction; `None` when it is not that.
    pub(crate) fn parse_rfc3339(text: &str) -> Option<Self> {
        let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        i64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok().map(Self)
    }
}

/// A time of so many seconds as people say it, in its largest unit.
pub(crate) fn lasting(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..60 => (seconds, "second"),
        60..3_600 => (seconds / 60, "minute"),
        3_600..86_400 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}

/// Where the time comes from.
#[derive(Clone, Debug, Default)]
pub(crate) enum Clock {
    /// The system's clock.
    #[default]
    System,
    /// A clock that stands still until it is moved.
    #[cfg(test)]
    Fixed(Arc<AtomicI64>),
}

impl Clock {
    /// A clock for tests that shows `now` until [`Clock::advance`].
    #[cfg(test)]
    pub(crate) fn fixed(now: Timestamp) -> Self {
        Self::Fixed(Arc::new(AtomicI64::new(now.0)))
    }

    /// The time now.
    pub(crate) fn now(&self) -> Timestamp {
        match self {
            #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the system")]
            Self::System => {
                let nanos = OffsetDateTime::now_utc().unix_timestamp_nanos();
                Timestamp(i64::try_from(nanos / 1_000_000).unwrap_or(i64::MAX))
            }
            #[cfg(test)]
            Self::Fixed(now) => Timestamp(now.load(Ordering::SeqCst)),
        }
    }

    /// Moves a fixed clock; the system's clock is not ours to move.
    #[cfg(test)]
    pub(crate) fn advance(&self, millis: i64) {
        if let Self::Fixed(now) = self {
            now.fetch_add(millis, Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_in_utc_with_whole_seconds() {
        assert_eq!(
            Timestamp::from_millis(1_777_284_000_999).rfc3339(),
            "2026-04-27T10:00:00Z"
        );
    }

    #[test]
    fn times_are_read_with_fractions_and_offsets() {
        let utc = Timestamp::parse_rfc3339("2026-12-31T23:59:59.250Z").unwrap();
        assert_eq!(utc.millis() % 1000, 250);
        assert_eq!(Timestamp::parse_rfc3339("2027-01-01T00:59:59.250+01:00"), Some(utc));
        assert_eq!(Timestamp::parse_rfc3339("tomorrow"), None);
    }

    #[test]
    fn times_are_said_in_their_largest_unit() {
        for (seconds, said) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (90, "1 minute"),
            (7_200, "2 hours"),
            (86_400, "1 day"),
            (7_776_000, "90 days"),
        ] {
            assert_eq!(lasting(seconds), said);
        }
    }

    #[test]
    fn a_fixed_clock_moves_only_when_told() {
        let clock = Clock::fixed(Timestamp::from_secs(10));
        clock.advance(5);
        assert_eq!(clock.now().millis(), 10_005);
    }
}
