//! What the server still owes one companion: every stanza stays here until the client acknowledges it.
//!
//! Called by [`super::companion`]. Delivery after a login follows the real server: the backlog is
//! announced, then pulled by the client in batches, and only after its end new stanzas flow, so order
//! holds. Typing and presence are not here, they are worth nothing later. Of what is never acknowledged the oldest
//! is dropped when it becomes too much, and counted: it is lost, as what a real server has kept for too long.

use std::collections::{BTreeMap, HashMap, VecDeque};

use whatsapp_rust::wacore_binary::Node;

use super::outlet::{Out, Outlet};
use super::stanza::{attr, node, weight};

/// So many stanzas are kept for a companion that does not acknowledge them.
const MOST_OWED: usize = 100_000;
/// And so many bytes of them, roughly.
const MOST_BYTES: usize = 256 * 1024 * 1024;

/// Stanzas not yet acknowledged, oldest first.
#[derive(Default)]
pub(crate) struct Queue {
    pending: BTreeMap<u64, Pending>,
    places: HashMap<(String, String), VecDeque<u64>>,
    next: u64,
    bytes: usize,
    dropped: usize,
}

struct Pending {
    stanza: Node,
    bytes: usize,
    sent: bool,
}

/// The connection of a companion and how far its backlog went.
pub(crate) struct Socket {
    pub(crate) link: u64,
    pub(crate) out: Outlet,
    phase: Phase,
}

enum Phase {
    /// Logged in, has not asked for traffic yet.
    Passive,
    /// Pulling the backlog: stanzas from `from` up to, not including, `until`.
    Draining { from: u64, until: u64, total: usize },
    /// Everything flows at once.
    Live,
}

impl Socket {
    pub(crate) fn new(link: u64, out: Outlet) -> Self {
        Self {
            link,
            out,
            phase: Phase::Passive,
        }
    }

    /// Sends now and never again.
    pub(crate) fn send(&self, stanza: Node) {
        // A closed channel means the connection just ended; the queue covers what matters.
        let _ = self.out.send(Out::Stanza(stanza));
    }

    pub(crate) fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Live)
    }
}

impl Queue {
    pub(crate) fn len(&self) -> usize {
        self.pending.len()
    }

    /// Everything owed, oldest first.
    #[cfg(test)]
    pub(crate) fn owed(&self) -> impl Iterator<Item = &Node> {
        self.pending.values().map(|one| &one.stanza)
    }

    /// Adds a stanza and sends it when the companion is live.
    pub(crate) fn push(&mut self, stanza: Node, socket: Option<&mut Socket>) {
        let place = self.next;
        self.next += 1;
        let key = (stanza.tag.to_string(), attr(&stanza, "id"));
        let live = socket.filter(|socket| socket.is_live());
        let sent = live.is_some();
        if let Some(socket) = live {
            socket.send(stanza.clone());
        }
        self.places.entry(key).or_default().push_back(place);
        let bytes = weight(&stanza);
        self.bytes += bytes;
        self.pending.insert(place, Pending { stanza, bytes, sent });
        while self.pending.len() > 1 && (self.pending.len() > MOST_OWED || self.bytes > MOST_BYTES) {
            self.drop_oldest();
        }
    }

    /// How many stanzas were dropped because too much was owed.
    pub(crate) fn dropped(&self) -> usize {
        self.dropped
    }

    fn drop_oldest(&mut self) {
        let Some((place, oldest)) = self.pending.pop_first() else {
            return;
        };
        if self.dropped == 0 {
            tracing::warn!("too much is owed to a device that acknowledges nothing: the oldest is dropped");
        }
        self.dropped += 1;
        self.bytes -= oldest.bytes;
        let key = (oldest.stanza.tag.to_string(), attr(&oldest.stanza, "id"));
        if let Some(places) = self.places.get_mut(&key) {
            places.retain(|other| *other != place);
            if places.is_empty() {
                self.places.remove(&key);
            }
        }
    }

    /// The client acknowledged a stanza of this class and id: the first one sent is done.
    pub(crate) fn acknowledge(&mut self, class: &str, id: &str) -> bool {
        let key = (class.to_owned(), id.to_owned());
        let Some(places) = self.places.get_mut(&key) else {
            return false;
        };
        let pending = &self.pending;
        let Some(found) = places
            .iter()
            .position(|place| pending.get(place).is_some_and(|one| one.sent))
        else {
            return false;
        };
        if let Some(done) = places.remove(found).and_then(|place| self.pending.remove(&place)) {
            self.bytes -= done.bytes;
        }
        if places.is_empty() {
            self.places.remove(&key);
        }
        true
    }

    /// The client wants traffic: announces the backlog, or goes live when there is none.
    pub(crate) fn activate(&mut self, socket: &mut Socket) {
        if !matches!(socket.phase, Phase::Passive) {
            return;
        }
        if self.pending.is_empty() {
            finish(socket, 0);
            return;
        }
        for one in self.pending.values_mut() {
            one.sent = false;
        }
        let total = self.pending.len();
        let of = |tag: &str| {
            let count = self.pending.values().filter(|one| one.stanza.tag == tag).count();
            u64::try_from(count).unwrap_or(u64::MAX)
        };
        socket.send(
            node("ib")
                .children([node("offline_preview")
                    .attr("count", u64::try_from(total).unwrap_or(u64::MAX))
                    .attr("message", of("message"))
                    .attr("receipt", of("receipt"))
                    .attr("notification", of("notification"))
                    .attr("appdata", 0u64)
                    .attr("call", of("call"))
                    .build()])
                .build(),
        );
        socket.phase = Phase::Draining {
            from: 0,
            until: self.next,
            total,
        };
    }

    /// The client asks for the next part of its backlog.
    pub(crate) fn send_batch(&mut self, size: usize, socket: &mut Socket) {
        let Phase::Draining { from, until, total } = socket.phase else {
            return;
        };
        let mut next = until;
        for (count, (place, one)) in self.pending.range_mut(from..until).enumerate() {
            if count == size {
                next = *place;
                break;
            }
            one.sent = true;
            let mut stanza = one.stanza.clone();
            stanza.attrs.push("offline", "0");
            socket.send(stanza);
        }
        if next < until {
            socket.phase = Phase::Draining {
                from: next,
                until,
                total,
            };
            return;
        }
        finish(socket, total);
        for (_, one) in self.pending.range_mut(until..) {
            one.sent = true;
            socket.send(one.stanza.clone());
        }
    }
}

fn finish(socket: &mut Socket, total: usize) {
    socket.phase = Phase::Live;
    socket.send(
        node("ib")
            .children([node("offline")
                .attr("count", u64::try_from(total).unwrap_or(u64::MAX))
                .build()])
            .build(),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: usize, bytes: usize) -> Node {
        let id = id.to_string();
        node("message").attr("id", id).bytes(vec![0; bytes]).build()
    }

    fn oldest(queue: &Queue) -> String {
        queue.owed().next().map(|stanza| attr(stanza, "id")).unwrap()
    }

    #[test]
    fn who_acknowledges_nothing_is_owed_a_bounded_number_of_stanzas_and_the_oldest_go_first() {
        let mut queue = Queue::default();
        for id in 0..MOST_OWED + 3 {
            queue.push(message(id, 0), None);
        }
        assert_eq!(
            (queue.len(), queue.dropped(), oldest(&queue).as_str()),
            (MOST_OWED, 3, "3")
        );
        assert_eq!(queue.places.len(), MOST_OWED);
    }

    #[test]
    fn who_acknowledges_nothing_is_owed_a_bounded_number_of_bytes_and_the_oldest_go_first() {
        let mut queue = Queue::default();
        for id in 0..10 {
            queue.push(message(id, MOST_BYTES / 8), None);
        }
        assert_eq!((queue.len(), queue.dropped(), oldest(&queue).as_str()), (7, 3, "3"));
        assert!(queue.bytes <= MOST_BYTES);
    }

    #[test]
    fn what_is_acknowledged_takes_no_room() {
        let (out, _inlet) = super::super::outlet::pipe();
        let mut socket = Socket::new(1, out);
        let mut queue = Queue::default();
        queue.activate(&mut socket);
        for id in 0..100 {
            queue.push(message(id, 1000), Some(&mut socket));
            assert!(queue.acknowledge("message", &id.to_string()));
        }
        assert_eq!((queue.len(), queue.bytes, queue.places.len()), (0, 0, 0));
    }
}
