//! The list of what reached a primary device.
//!
//! It shows one message per sender and id, in the place where its first stanza arrived, as a WhatsApp client does; how
//! often stanzas came is counted beside it. What could be read stays; of what nobody could read, which a client may
//! send without end, the oldest is forgotten when it becomes too much, and counted.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::Received;

/// So many messages that could not be read are remembered,
const MOST_UNREAD: usize = 10_000;
/// and so many bytes of their ids.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// What reached a primary device.
#[derive(Default)]
pub(crate) struct Inbox {
    /// What could be read, in order of first arrival.
    places: BTreeMap<usize, Arc<Received>>,
    next: usize,
    index: HashMap<String, Vec<Known>>,
    /// In the order in which they could be read.
    log: Vec<Arc<Received>>,
    unread: Unread,
}

/// A message of which something came, among those with the same id.
struct Known {
    from: String,
    place: usize,
    /// How many stanzas.
    came: usize,
}

/// The sender and the id of messages that could not be read yet, by place.
#[derive(Default)]
struct Unread {
    by_place: BTreeMap<usize, (String, String)>,
    bytes: usize,
    forgotten: usize,
}

impl Unread {
    fn add(&mut self, place: usize, from: &str, id: &str) {
        self.bytes += from.len() + id.len();
        self.by_place.insert(place, (from.to_owned(), id.to_owned()));
    }

    fn remove(&mut self, place: usize) -> Option<(String, String)> {
        let (from, id) = self.by_place.remove(&place)?;
        self.bytes -= from.len() + id.len();
        Some((from, id))
    }

    /// The place of the oldest, when there are too many.
    fn one_too_many(&self) -> Option<usize> {
        let count = self.by_place.len();
        let is_much = count > MOST_UNREAD || (count > 1 && self.bytes > MOST_BYTES);
        self.by_place.keys().next().filter(|_| is_much).copied()
    }
}

impl Inbox {
    /// A stanza with this id came, readable or not.
    pub(crate) fn arrived(&mut self, from: &str, id: &str) {
        self.known(from, id).came += 1;
        while let Some(place) = self.unread.one_too_many() {
            self.forget(place);
        }
    }

    /// A message could be read; a second copy changes nothing.
    pub(crate) fn read(&mut self, received: Received) {
        self.read_shared(&Arc::new(received));
    }

    /// A message many people got could be read; a second copy changes nothing.
    pub(crate) fn read_shared(&mut self, received: &Arc<Received>) {
        let place = self.known(&received.from, &received.id).place;
        if let Entry::Vacant(vacant) = self.places.entry(place) {
            vacant.insert(Arc::clone(received));
            self.log.push(Arc::clone(received));
            self.unread.remove(place);
        }
    }

    /// Whether this message could be read.
    pub(crate) fn has(&self, from: &str, id: &str) -> bool {
        self.find(from, id).is_some()
    }

    pub(crate) fn find(&self, from: &str, id: &str) -> Option<&Arc<Received>> {
        let known = self.index.get(id)?.iter().find(|known| known.from == from)?;
        self.places.get(&known.place)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Received>> {
        self.places.values()
    }

    /// The messages with the number of their place.
    pub(crate) fn placed(&self) -> impl Iterator<Item = (usize, &Arc<Received>)> {
        self.places.iter().map(|(place, received)| (*place, received))
    }

    /// How many messages arrived, readable or not.
    pub(crate) fn places(&self) -> usize {
        self.next
    }

    /// What became readable, from the `start`-th on.
    pub(crate) fn read_since(&self, start: usize) -> &[Arc<Received>] {
        self.log.get(start..).unwrap_or_default()
    }

    pub(crate) fn count(&self) -> usize {
        self.log.len()
    }

    pub(crate) fn raw_count(&self, id: &str) -> usize {
        let known = self.index.get(id).into_iter().flatten();
        known.map(|known| known.came).sum()
    }

    /// The messages of which stanzas came but none could be read.
    pub(crate) fn unread(&self) -> Vec<String> {
        self.unread.by_place.values().map(|(_, id)| id.clone()).collect()
    }

    /// How many messages that could not be read were forgotten because there were too many.
    pub(crate) fn forgotten(&self) -> usize {
        self.unread.forgotten
    }

    fn known(&mut self, from: &str, id: &str) -> &mut Known {
        let same = self.index.entry(id.to_owned()).or_default();
        let found = same.iter().position(|known| known.from == from);
        let at = found.unwrap_or_else(|| {
            self.unread.add(self.next, from, id);
            same.push(Known {
                from: from.to_owned(),
                place: self.next,
                came: 0,
            });
            self.next += 1;
            same.len() - 1
        });
        &mut same[at]
    }

    fn forget(&mut self, place: usize) {
        let Some((from, id)) = self.unread.remove(place) else {
            return;
        };
        if self.unread.forgotten == 0 {
            tracing::warn!("too many messages that cannot be read: the oldest are forgotten");
        }
        self.unread.forgotten += 1;
        if let Some(same) = self.index.get_mut(&id) {
            same.retain(|known| known.from != from);
            if same.is_empty() {
                self.index.remove(&id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use whatsapp_rust::waproto::whatsapp as wa;

    use super::*;

    const ANA: &str = "15550002222";
    const BEN: &str = "15550003333";

    fn received(id: &str) -> Received {
        Received::new(id, ANA, None, 1, wa::Message::default())
    }

    #[test]
    fn of_many_messages_that_cannot_be_read_a_bounded_number_is_remembered() {
        let mut inbox = Inbox::default();
        inbox.arrived(ANA, "readable");
        inbox.read(received("readable"));
        inbox.arrived(BEN, "0");
        for id in 0..MOST_UNREAD {
            inbox.arrived(ANA, &id.to_string());
        }
        assert_eq!((inbox.unread().len(), inbox.forgotten()), (MOST_UNREAD, 1));
        // What was forgotten is Ben's, which came first; hers of the same id is still known.
        assert_eq!((inbox.raw_count("0"), inbox.raw_count("readable")), (1, 1));
        for id in 0..MOST_UNREAD {
            inbox.arrived(BEN, &format!("his {id}"));
        }
        assert_eq!((inbox.raw_count("0"), inbox.index.len()), (0, MOST_UNREAD + 1));
        assert!(inbox.has(ANA, "readable"));
    }

    #[test]
    fn ids_of_messages_that_cannot_be_read_take_a_bounded_number_of_bytes() {
        let mut inbox = Inbox::default();
        for sign in ["a", "b", "c", "d"] {
            inbox.arrived(ANA, &sign.repeat(MOST_BYTES / 4));
        }
        assert_eq!((inbox.unread().len(), inbox.forgotten()), (3, 1));
        assert!(inbox.unread.bytes <= MOST_BYTES);
    }

    #[test]
    fn a_message_keeps_the_place_of_its_first_stanza_and_is_unread_until_it_can_be_read() {
        let mut inbox = Inbox::default();
        inbox.arrived(ANA, "first");
        inbox.arrived(ANA, "second");
        inbox.read(received("second"));
        assert_eq!(inbox.unread(), ["first"]);
        inbox.arrived(ANA, "first");
        inbox.read(received("first"));
        inbox.read(received("first"));
        let places: Vec<_> = inbox.placed().map(|(place, one)| (place, one.id.as_str())).collect();
        assert_eq!(places, [(0, "first"), (1, "second")]);
        assert_eq!((inbox.raw_count("first"), inbox.count(), inbox.places()), (2, 2, 2));
        assert!(inbox.unread().is_empty() && inbox.unread.bytes == 0);
    }
}
