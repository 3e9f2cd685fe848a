//! The server's answers to messages we sent. The library's `send_message` returns when a stanza is written; whether
//! the server took it is told later, by an acknowledgement with the message's id (`Event::ServerAck`).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

/// What the server said: `None` when it took the message, else the code of its refusal.
pub(super) type Answer = Option<String>;

/// Who waits for which answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Acks(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    by_id: HashMap<String, Vec<(u64, oneshot::Sender<Answer>)>>,
}

impl Acks {
    /// Begins to wait for the answer to `id`: call it before sending.
    pub(super) fn expect(&self, id: &str) -> Expected {
        let (sender, answer) = oneshot::channel();
        let mut waiting = self.lock();
        waiting.next += 1;
        let number = waiting.next;
        waiting.by_id.entry(id.to_owned()).or_default().push((number, sender));
        Expected {
            acks: self.clone(),
            id: id.to_owned(),
            number,
            answer,
        }
    }

    /// The server answered.
    pub(super) fn answered(&self, id: &str, answer: &Answer) {
        for (_, waiting) in self.lock().by_id.remove(id).unwrap_or_default() {
            // Nobody waits any more: the deadline passed a moment ago.
            let _ = waiting.send(answer.clone());
        }
    }

    /// The connection is gone, and with it all answers.
    pub(super) fn lost(&self) {
        self.lock().by_id.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer that is waited for; dropping it ends the waiting.
#[derive(Debug)]
pub(super) struct Expected {
    acks: Acks,
    id: String,
    number: u64,
    answer: oneshot::Receiver<Answer>,
}

impl Expected {
    /// The answer; `None` when the connection broke before it came.
    pub(super) async fn answer(mut self) -> Option<Answer> {
        (&mut self.answer).await.ok()
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        let mut waiting = self.acks.lock();
        if let Some(same) = waiting.by_id.get_mut(&self.id) {
            same.retain(|(number, _)| *number != self.number);
            if same.is_empty() {
                waiting.by_id.remove(&self.id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_reaches_whoever_waits_for_its_id() {
        let acks = Acks::default();
        let (first, again, other) = (acks.expect("A"), acks.expect("A"), acks.expect("B"));
        acks.answered("A", &Some("463".into()));
        acks.answered("B", &None);
        acks.answered("C", &None);
        assert_eq!(first.answer().await, Some(Some("463".into())));
        assert_eq!(again.answer().await, Some(Some("463".into())));
        assert_eq!(other.answer().await, Some(None));
    }

    #[tokio::test]
    async fn a_lost_connection_ends_all_waiting() {
        let acks = Acks::default();
        let expected = acks.expect("A");
        acks.lost();
        assert_eq!(expected.answer().await, None);
    }

    #[tokio::test]
    async fn who_stops_waiting_leaves_nothing_behind() {
        let acks = Acks::default();
        drop((acks.expect("A"), acks.expect("B")));
        assert!(acks.lock().by_id.is_empty());
    }
}
