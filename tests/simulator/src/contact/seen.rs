//! Who received and read what a person wrote: the newest of it.
//!
//! Told by `server::receipts`, with the ids that clients say. A client may say ids nobody ever wrote, and the same ones
//! again and again; so there is a bound, beyond which the oldest is forgotten, and counted.

use std::collections::{HashMap, VecDeque};

use serde::Serialize;

/// So many ids are remembered,
const MOST_IDS: usize = 100_000;
/// and so many bytes of them.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// Who received or read messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// The number of the account that says so.
    pub by: String,
    /// `delivery`, `read`, `played` or `retry`.
    pub kind: String,
    /// The messages.
    pub ids: Vec<String>,
}

impl Seen {
    /// What it counts for.
    fn count(&self) -> usize {
        self.ids.len().max(1)
    }

    fn bytes(&self) -> usize {
        self.ids.iter().map(String::len).sum()
    }
}

/// What a person learnt about its messages, in order, and by message.
#[derive(Default)]
pub(crate) struct SeenLog {
    log: VecDeque<Seen>,
    /// How often each kind was said of a message.
    index: HashMap<(String, String), usize>,
    ids: usize,
    bytes: usize,
    forgotten: usize,
}

impl SeenLog {
    pub(crate) fn push(&mut self, seen: Seen) {
        for id in &seen.ids {
            *self.index.entry((id.clone(), seen.kind.clone())).or_default() += 1;
        }
        self.ids += seen.count();
        self.bytes += seen.bytes();
        self.log.push_back(seen);
        while self.log.len() > 1 && (self.ids > MOST_IDS || self.bytes > MOST_BYTES) {
            self.forget_oldest();
        }
    }

    pub(crate) fn all(&self) -> Vec<Seen> {
        self.log.iter().cloned().collect()
    }

    pub(crate) fn has(&self, id: &str, kind: &str) -> bool {
        self.index.contains_key(&(id.to_owned(), kind.to_owned()))
    }

    /// How many ids were forgotten because there were too many.
    pub(crate) fn forgotten(&self) -> usize {
        self.forgotten
    }

    fn forget_oldest(&mut self) {
        let Some(oldest) = self.log.pop_front() else {
            return;
        };
        if self.forgotten == 0 {
            tracing::warn!("too many receipts for one person: the oldest are forgotten");
        }
        self.ids -= oldest.count();
        self.bytes -= oldest.bytes();
        self.forgotten += oldest.count();
        for id in oldest.ids {
            let key = (id, oldest.kind.clone());
            if let Some(times) = self.index.get_mut(&key) {
                *times -= 1;
                if *times == 0 {
                    self.index.remove(&key);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(ids: Vec<String>) -> Seen {
        Seen {
            by: "15550002222".into(),
            kind: "read".into(),
            ids,
        }
    }

    #[test]
    fn of_many_receipts_a_bounded_number_is_remembered_and_the_oldest_are_forgotten() {
        let mut log = SeenLog::default();
        for id in 0..MOST_IDS + 3 {
            log.push(read(vec![id.to_string()]));
        }
        assert_eq!(
            (log.log.len(), log.index.len(), log.forgotten()),
            (MOST_IDS, MOST_IDS, 3)
        );
        assert!(!log.has("2", "read") && log.has("3", "read") && !log.has("3", "played"));
    }

    #[test]
    fn receipts_take_a_bounded_number_of_bytes() {
        let mut log = SeenLog::default();
        for sign in ["a", "b", "c", "d", "e"] {
            log.push(read(vec![sign.repeat(MOST_BYTES / 4)]));
        }
        assert_eq!((log.log.len(), log.bytes, log.forgotten()), (4, MOST_BYTES, 1));
        assert!(!log.has(&"a".repeat(MOST_BYTES / 4), "read"));
    }

    #[test]
    fn what_was_said_twice_is_remembered_until_both_are_forgotten() {
        let mut log = SeenLog::default();
        let fills = |count: usize| read((0..count).map(|id| id.to_string()).collect());
        log.push(read(vec!["twice".into()]));
        log.push(read(vec!["twice".into()]));
        log.push(fills(MOST_IDS - 1));
        assert_eq!((log.has("twice", "read"), log.forgotten()), (true, 1));
        log.push(fills(1));
        assert_eq!((log.has("twice", "read"), log.forgotten()), (false, 2));
    }
}
