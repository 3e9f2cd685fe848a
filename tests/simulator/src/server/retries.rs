//! How often a person asked for messages it could not read, by the device asked and the message.
//!
//! Counted by [`super::receipts`]. The ids are what clients say, so there is a bound: what was asked for longest ago is
//! forgotten first, and counted; it would be counted from one again.

use std::collections::{HashMap, VecDeque};

use super::companion::Device;

/// So many messages are remembered as asked for,
const MOST: usize = 10_000;
/// and so many bytes of their ids.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// What a person asked for again.
#[derive(Default)]
pub(crate) struct Retries {
    tries: HashMap<(Device, String), u32>,
    /// Oldest first.
    order: VecDeque<(Device, String)>,
    bytes: usize,
    forgotten: usize,
}

impl Retries {
    /// Counts one more; answers how many there are now.
    pub(crate) fn add(&mut self, asked: &Device, id: &str) -> u32 {
        let key = (asked.clone(), id.to_owned());
        if let Some(tries) = self.tries.get_mut(&key) {
            *tries = tries.saturating_add(1);
            return *tries;
        }
        self.bytes += id.len();
        self.order.push_back(key.clone());
        self.tries.insert(key, 1);
        while self.order.len() > MOST || (self.order.len() > 1 && self.bytes > MOST_BYTES) {
            self.forget_oldest();
        }
        1
    }

    /// How many were forgotten because there were too many.
    pub(crate) fn forgotten(&self) -> usize {
        self.forgotten
    }

    fn forget_oldest(&mut self) {
        if let Some(oldest) = self.order.pop_front() {
            self.bytes -= oldest.1.len();
            self.tries.remove(&oldest);
            self.forgotten += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device() -> Device {
        Device {
            number: "15550001111".into(),
            id: 1,
        }
    }

    #[test]
    fn of_what_was_asked_for_again_a_bounded_number_is_remembered() {
        let mut retries = Retries::default();
        assert_eq!(
            (retries.add(&device(), "first"), retries.add(&device(), "first")),
            (1, 2)
        );
        for id in 0..MOST {
            assert_eq!(retries.add(&device(), &id.to_string()), 1);
        }
        assert_eq!(
            (retries.tries.len(), retries.order.len(), retries.forgotten()),
            (MOST, MOST, 1)
        );
        assert_eq!((retries.add(&device(), "first"), retries.add(&device(), "7")), (1, 2));
    }

    #[test]
    fn what_was_asked_for_again_takes_a_bounded_number_of_bytes() {
        let mut retries = Retries::default();
        for sign in ["a", "b", "c"] {
            retries.add(&device(), &sign.repeat(MOST_BYTES / 2));
        }
        assert_eq!(
            (retries.order.len(), retries.bytes, retries.forgotten()),
            (2, MOST_BYTES, 1)
        );
    }
}
