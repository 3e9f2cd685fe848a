//! When the next attempt of a delivery is due. Pure but for the jitter.

use std::time::Duration;

use crate::model::Timestamp;

/// Waits after the first failures, in seconds; the last one repeats.
const WAITS: [u64; 6] = [5, 30, 2 * 60, 10 * 60, 30 * 60, 60 * 60];

/// How long a delivery is tried at all.
const PATIENCE: Duration = Duration::from_hours(24);

/// How far a wait may stray, so that many deliveries that failed together do not come back together.
const JITTER: f64 = 0.2;

/// How long to wait after an attempt that failed; `attempts` were made before it, `after` is what the receiver asked
/// for. `None`: the last one was made, which is never earlier than a day after the delivery was created.
pub(crate) fn schedule(
    attempts: u32,
    created_at: Timestamp,
    now: Timestamp,
    after: Option<Duration>,
) -> Option<Duration> {
    let index = usize::try_from(attempts).unwrap_or(usize::MAX).min(WAITS.len() - 1);
    let wait = Duration::from_secs(WAITS[index]).mul_f64(rand::random_range(1.0 - JITTER..=1.0 + JITTER));
    let age = Duration::from_millis(u64::try_from(now.millis().saturating_sub(created_at.millis())).unwrap_or(0));
    let left = PATIENCE.checked_sub(age).filter(|left| !left.is_zero())?;
    Some(wait.max(after.unwrap_or_default()).min(left))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: Timestamp = Timestamp::from_secs(1_000_000);

    fn later(wait: Duration) -> Timestamp {
        START.plus_millis(i64::try_from(wait.as_millis()).unwrap())
    }

    #[test]
    fn the_waits_grow_to_an_hour() {
        for (attempts, seconds) in [
            (0, 5),
            (1, 30),
            (2, 120),
            (3, 600),
            (4, 1800),
            (5, 3600),
            (6, 3600),
            (99, 3600),
        ] {
            let wait = schedule(attempts, START, START, None).unwrap();
            let middle = Duration::from_secs(seconds);
            assert!(
                wait >= middle.mul_f64(0.8) && wait <= middle.mul_f64(1.2),
                "{attempts}: {wait:?}"
            );
        }
    }

    #[test]
    fn a_receiver_may_ask_for_more_but_not_for_less() {
        assert_eq!(
            schedule(0, START, START, Some(Duration::from_mins(5))),
            Some(Duration::from_mins(5))
        );
        assert!(schedule(1, START, START, Some(Duration::from_secs(1))).unwrap() >= Duration::from_secs(24));
    }

    #[test]
    fn the_last_attempt_is_made_after_a_day_and_no_other_follows() {
        let almost = later(PATIENCE).plus_millis(-10_000);
        assert_eq!(schedule(20, START, almost, None), Some(Duration::from_secs(10)));
        assert_eq!(
            schedule(20, START, almost, Some(Duration::MAX)),
            Some(Duration::from_secs(10))
        );
        assert_eq!(schedule(20, START, later(PATIENCE), None), None);
        assert_eq!(schedule(0, START, later(PATIENCE * 3), None), None);
    }

    proptest! {
        #[test]
        fn trying_goes_on_for_a_day_and_then_ends(answer_ms in 0_u64..10_000) {
            let (mut now, mut attempts) = (START, 0_u32);
            while let Some(wait) = schedule(attempts, START, now, None) {
                now = now.plus_millis(i64::try_from(wait.as_millis()).unwrap() + i64::try_from(answer_ms).unwrap());
                attempts += 1;
                prop_assert!(attempts < 100);
            }
            prop_assert!(now >= later(PATIENCE) && attempts >= 20);
        }
    }
}
