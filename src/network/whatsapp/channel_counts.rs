//! How followers react to what a channel says. WhatsApp tells numbers, not people, and only to who looks at the channel;
//! Matrix counts people. So the mark that most followers gave stands as one of the channel's own on its message.
//!
//! What the numbers of the server mean is remembered from the last look. Deliberately not here: how often something was
//! seen. The library drops that (`whatsapp-rust` 0.7.0: `parse_reaction_counts`), and Matrix has no place for it.

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use whatsapp_rust::{Jid, types::events::NewsletterLiveUpdate};

use super::{ids, session::Session};
use crate::model::{Action, ChatKind, Event, MessageId, MessageRef, Sender, Timestamp};

/// So many of the newest messages are looked at.
const LOOKED_AT: u32 = 50;
/// The owner's own mark is counted by the server too; one alone shows nothing that is not shown already.
const FEWEST: u64 = 2;

/// What is known of the channels that were looked at: their messages by the numbers of the server.
#[derive(Debug, Default)]
pub(super) struct Counts {
    known: Mutex<HashMap<Jid, HashMap<u64, Known>>>,
    /// How often the server told of changes: what was asked for before is older.
    changes: AtomicU64,
}

#[derive(Debug)]
struct Known {
    message: MessageRef,
    told: Told,
}

/// What stands on a message, as it was told last.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
enum Told {
    /// Nobody knows: it was before the start.
    #[default]
    Before,
    /// This mark, or none.
    Mark(Option<String>),
}

/// The owner looks at a channel: what is told of its newest messages is shown, and the server tells of changes for a
/// while. All of it may fail: it is looked at again.
pub(super) async fn look(session: &Session, jid: &Jid) {
    let channels = session.client().newsletter();
    if let Err(error) = channels.subscribe_live_updates(jid).await {
        tracing::debug!(%error, "a channel cannot be watched");
    }
    let before = session.counts().changes.load(Ordering::SeqCst);
    let page = match channels.get_messages(jid, LOOKED_AT, None).await {
        Ok(page) => page,
        Err(error) => return tracing::debug!(%error, "a channel cannot be looked at"),
    };
    let Some(channel) = ids::channel(jid) else { return };
    let mut counted = Vec::with_capacity(page.len());
    {
        let mut counts = session.counts().known.lock().unwrap_or_else(PoisonError::into_inner);
        let told_before = counts.remove(jid).unwrap_or_default();
        let known = counts.entry(jid.clone()).or_default();
        for message in page.iter().filter(|message| !message.message_id.is_empty()) {
            let sender = if message.is_sender {
                Sender::Owner
            } else {
                Sender::Contact(channel.clone())
            };
            let reference = MessageRef {
                id: MessageId::from_adapter(message.message_id.as_str()),
                sender,
            };
            let told = told_before.get(&message.server_id).map(|known| known.told.clone());
            known.insert(
                message.server_id,
                Known {
                    message: reference,
                    told: told.unwrap_or_default(),
                },
            );
            let marks = message.reactions.iter().map(|mark| (mark.code.as_str(), mark.count));
            counted.push((message.server_id, most(marks)));
        }
    }
    if session.counts().changes.load(Ordering::SeqCst) == before {
        tell(session, jid, counted).await;
    }
}

/// The server tells that the numbers of some messages changed.
pub(super) async fn changed(session: &Session, update: &NewsletterLiveUpdate) {
    session.counts().changes.fetch_add(1, Ordering::SeqCst);
    let counted = update.messages.iter().map(|message| {
        let marks = message.reactions.iter().map(|mark| (mark.code.as_str(), mark.count));
        (message.server_id, most(marks))
    });
    tell(session, &update.newsletter_jid, counted.collect()).await;
}

/// Hands over what is another mark than before.
async fn tell(session: &Session, jid: &Jid, counted: Vec<(u64, Option<String>)>) {
    let Some(channel) = ids::channel(jid) else { return };
    let mut news = Vec::new();
    {
        let mut counts = session.counts().known.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = counts.get_mut(jid) else { return };
        for (number, mark) in counted {
            let Some(known) = known.get_mut(&number) else { continue };
            let told = Told::Mark(mark.clone());
            if known.told != told {
                known.told = told;
                news.push((known.message.clone(), mark));
            }
        }
    }
    let now = session.now();
    for (target, emoji) in news {
        session.deliver(event(session, &channel, (target, emoji), now)).await;
    }
}

fn event(
    session: &Session,
    channel: &crate::model::ContactId,
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
