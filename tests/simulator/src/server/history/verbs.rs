//! The verbs of a phone on its history.

use std::time::Duration;

use serde::Deserialize;
use whatsapp_rust::waproto::whatsapp as wa;

use super::memory::{Remembered, chats};
use crate::contact;
use crate::phone::Phone;

/// How a phone shares its history.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "every switch stands for itself")]
pub struct HistoryForm {
    /// New devices get it at all.
    pub is_shared: bool,
    /// They also get what is older than three months.
    pub is_full: bool,
    /// So many messages of every chat come at once, the others later.
    pub first_messages: usize,
    /// So many messages make a later chunk.
    pub chunk_messages: usize,
    /// A chunk of more (compressed) bytes travels as a blob; 0 makes all of them blobs.
    pub largest_inline: usize,
    /// The phone answers devices that ask for older messages.
    pub answers_requests: bool,
    /// The phone also answers devices that ask for a message they could not read. Off unless wanted: such
    /// a message comes twice then, from the phone and, asked again, from its author.
    pub resends_lost: bool,
}

impl Default for HistoryForm {
    fn default() -> Self {
        Self {
            is_shared: true,
            is_full: false,
            first_messages: 20,
            chunk_messages: 500,
            largest_inline: 64 * 1024,
            answers_requests: true,
            resends_lost: false,
        }
    }
}

impl Phone {
    /// The phone has older messages of a chat (a person, a group or `status@broadcast`, by address).
    pub fn has_history(&self, chat: &str, messages: Vec<Remembered>) {
        self.shared.act(|state| {
            if let Ok(person) = state.person_mut(&self.number) {
                person.memory.past.entry(chat.to_owned()).or_default().extend(messages);
            }
        });
    }

    /// New messages of a chat of the phone's memory disappear after so many seconds, since then (in seconds since 1970).
    pub fn has_timer(&self, chat: &str, seconds: u32, since: u64) {
        self.shared.act(|state| {
            if let Ok(person) = state.person_mut(&self.number) {
                person.memory.timers.insert(chat.to_owned(), (seconds, since));
            }
        });
    }

    /// How it shares its history from now on.
    pub fn shares_history(&self, form: HistoryForm) {
        self.shared.act(|state| {
            if let Ok(person) = state.person_mut(&self.number) {
                person.memory.form = form;
            }
        });
    }

    /// How many messages of a chat the phone has.
    pub fn history_count(&self, chat: &str) -> usize {
        self.shared.look(|state| {
            let chats = chats(state, &self.number);
            chats.by_address.get(chat).map_or(0, Vec::len)
        })
    }

    /// The blobs in which it sent parts of its history, oldest first: the id of the message and the key.
    pub fn history_blobs(&self) -> Vec<(String, Vec<u8>)> {
        self.shared.look(|state| {
            let Ok(person) = state.person(&self.number) else {
                return Vec::new();
            };
            let mut parts: Vec<_> = person.sent.iter().filter(|(_, sent)| sent.is_peer).collect();
            parts.sort_by_key(|(_, sent)| sent.place);
            let key = |message: &wa::Message| {
                let part = message.protocol_message.history_sync_notification.as_option()?;
                part.media_key.clone()
            };
            let blobs = parts
                .into_iter()
                .filter_map(|(id, sent)| Some((id.clone(), key(&sent.message)?)));
            blobs.collect()
        })
    }

    /// How many parts of the history its devices confirmed.
    pub fn history_confirmed(&self) -> usize {
        self.shared.look(|state| {
            let person = state.person(&self.number);
            person.map_or(0, |person| person.memory.confirmed.len())
        })
    }

    /// Waits until its devices confirmed so many parts of the history.
    ///
    /// # Errors
    /// When it did not come to that in time.
    pub async fn waits_for_confirmed_history(&self, count: usize, patience: Duration) -> anyhow::Result<()> {
        contact::until(&self.shared, || self.history_confirmed() >= count, patience).await
    }
}
