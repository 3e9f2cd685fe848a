//! How followers react to what a channel says. WhatsApp tells numbers, not people, and only to who looks at the channel;
//! Matrix counts people. So the mark that most followers gave stands as one of the channel's own on its message.
//!
//! What the server tells of itself has neither time nor number, and may be handled in another order than it was told
//! (`whatsapp-rust` 0.7.0 runs each notification in a task of its own). So it says only that something changed; what stands
//! there is asked for, one question at a time. Deliberately not here: how often something was seen. The library drops that
//! (`parse_reaction_counts`), and Matrix has no place for it.

use std::{
    collections::{HashMap, HashSet},
    mem,
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use whatsapp_rust::{Jid, features::NewsletterMessage};

use super::{ids, session::Session};
use crate::model::{Action, ChatKind, ContactId, Event, MessageId, MessageRef, Sender, Timestamp};

/// So many of the newest messages are looked at.
const LOOKED_AT: u32 = 50;
/// The owner's own mark is counted by the server too; one alone shows nothing that is not shown already.
const FEWEST: u64 = 2;

/// How often in a minute a channel is asked about whose numbers change all the time, and at once after a rest.
const A_MINUTE: NonZeroU32 = NonZeroU32::new(20).unwrap();
const AT_ONCE: NonZeroU32 = NonZeroU32::new(3).unwrap();

/// The mark on each of the newest messages of a channel, by the numbers of the server.
type Told = HashMap<u64, Option<String>>;

/// What was told of the channels that were looked at.
#[derive(Debug)]
pub(super) struct Counts {
    /// Each is held from the question until everything is handed over: what is older never comes after what is newer.
    told: Mutex<HashMap<Jid, Arc<tokio::sync::Mutex<Told>>>>,
    /// Somebody is about to ask about these.
    due: Mutex<HashSet<Jid>>,
    pace: DefaultKeyedRateLimiter<Jid>,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            told: Mutex::default(),
            due: Mutex::default(),
            pace: RateLimiter::keyed(Quota::per_minute(A_MINUTE).allow_burst(AT_ONCE)),
        }
    }
}

impl Counts {
    fn told(&self, jid: &Jid) -> Arc<tokio::sync::Mutex<Told>> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(told.entry(jid.clone()).or_default())
    }

    fn due(&self) -> MutexGuard<'_, HashSet<Jid>> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// That somebody is about to ask about a channel, until they ask or are cut off.
struct Due<'a>(&'a Counts, &'a Jid);

impl<'a> Due<'a> {
    /// `None`: somebody else is.
    fn of(counts: &'a Counts, jid: &'a Jid) -> Option<Self> {
        let is_first = counts.due().insert(jid.clone());
        is_first.then(|| Self(counts, jid))
    }
}

impl Drop for Due<'_> {
    fn drop(&mut self) {
        self.0.due().remove(self.1);
    }
}

/// The owner looks at a channel: what is told of its newest messages is shown, and the server tells of changes for a
/// while. All of it may fail: it is looked at again.
pub(super) async fn look(session: &Session, jid: &Jid) {
    if let Err(error) = session.client().newsletter().subscribe_live_updates(jid).await {
        tracing::debug!(%error, "a channel cannot be watched");
    }
    if let Some(due) = Due::of(session.counts(), jid) {
        ask(session, jid, due).await;
    }
}

/// The server tells that the numbers of some messages changed. The events behind this one do not wait for the question.
pub(super) fn changed(session: &Arc<Session>, jid: &Jid) {
    let (session, jid) = (Arc::clone(session), jid.clone());
    tokio::spawn(async move {
        let counts = session.counts();
        if let Some(due) = Due::of(counts, &jid) {
            counts.pace.until_key_ready(&jid).await;
            ask(&session, &jid, due).await;
        }
    });
}

/// Asks what stands on the newest messages, and hands over what is another mark than before.
async fn ask(session: &Session, jid: &Jid, due: Due<'_>) {
    let told = session.counts().told(jid);
    let mut told = told.lock().await;
    // What changes from here on is worth another question.
    drop(due);
    let page = match session.client().newsletter().get_messages(jid, LOOKED_AT, None).await {
        Ok(page) => page,
        Err(error) => return tracing::debug!(%error, "a channel cannot be looked at"),
    };
    let Some(channel) = ids::channel(jid) else { return };
    let before = mem::take(&mut *told);
    let now = session.now();
    for message in page.iter().filter(|message| !message.message_id.is_empty()) {
        let mark = most(message.reactions.iter().map(|mark| (mark.code.as_str(), mark.count)));
        if before.get(&message.server_id) != Some(&mark) {
            let event = event(session, &channel, (reference(message, &channel), mark.clone()), now);
            session.deliver(event).await;
        }
        told.insert(message.server_id, mark);
    }
}

fn reference(message: &NewsletterMessage, channel: &ContactId) -> MessageRef {
    let sender = if message.is_sender {
        Sender::Owner
    } else {
        Sender::Contact(channel.clone())
    };
    MessageRef {
        id: MessageId::from_adapter(message.message_id.as_str()),
        sender,
    }
}

fn event(
    session: &Session,
    channel: &ContactId,
    (target, emoji): (MessageRef, Option<String>),
    now: Timestamp,
) -> Event {
    let seed = format!(
        "{}/{}/{}",
        target.id.as_str(),
        emoji.as_deref().unwrap_or_default(),
        now.millis()
    );
    Event {
        device: session.device(),
        chat: ids::direct_chat(channel),
        chat_kind: ChatKind::Channel,
        id: ids::message_id(&seed),
        sender: Sender::Contact(channel.clone()),
        sender_name: None,
        at: now,
        action: Action::React { target, emoji },
    }
}

/// The mark that most gave; of equal ones the first by its code, so that it does not change from look to look.
fn most<'a>(marks: impl Iterator<Item = (&'a str, u64)>) -> Option<String> {
    let enough = marks.filter(|(_, count)| *count >= FEWEST);
    let most = enough.max_by(|(one, count), (other, number)| count.cmp(number).then_with(|| other.cmp(one)));
    most.map(|(code, _)| code.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b60_the_mark_that_most_gave_counts_and_one_alone_does_not() {
        assert_eq!(most([("👍", 2), ("⛵", 7)].into_iter()).as_deref(), Some("⛵"));
        assert_eq!(
            most([("b", 3), ("a", 3)].into_iter()),
            most([("a", 3), ("b", 3)].into_iter())
        );
        assert_eq!(most([("👍", 1)].into_iter()), None);
        assert_eq!(most(std::iter::empty()), None);
    }
}
