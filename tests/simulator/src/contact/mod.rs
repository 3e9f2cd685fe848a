//! A person who uses WhatsApp on a phone: writes, reads, answers, types.
//!
//! Handles are cheap and name a person by number. What the person's phone does by itself (delivery
//! receipts, retries) happens in the server room.

mod calls;
mod cards;
mod inbox;
mod keys;
mod media;
pub(crate) mod place;
pub(crate) mod polls;
mod presence;
mod privacy;
mod profile;
mod received;
pub(crate) mod sealed;
mod seen;
pub(crate) mod speech;
mod waiting;

use std::sync::Arc;
use std::time::Duration;

use whatsapp_rust::buffa::MessageField;
use whatsapp_rust::prelude::MessageBuilderExt as _;
use whatsapp_rust::wacore::proto_helpers::build_quote_context;
use whatsapp_rust::waproto::whatsapp as wa;

pub(crate) use inbox::Inbox;
pub use media::Attachment;
pub(crate) use media::attached;
pub(crate) use received::text;
pub use received::{Kind, Received};
pub use seen::Seen;
pub(crate) use seen::SeenLog;
pub use speech::{Attendance, Card, Speech};
pub(crate) use waiting::{for_message, until};

use crate::phone::Phone;
use crate::server::person::{Addressing, Conduct, Person};
use crate::server::state::{Shared, State};
use crate::server::{messages, receipts};

/// Somebody an account talks to.
#[derive(Clone)]
pub struct Contact {
    pub(crate) shared: Arc<Shared>,
    pub(crate) number: String,
}

impl Contact {
    /// The number, digits only.
    pub fn number(&self) -> &str {
        &self.number
    }

    /// The LID, without the server part.
    pub fn lid(&self) -> String {
        self.person(|person| person.lid.clone()).unwrap_or_default()
    }

    /// The address `number@s.whatsapp.net`.
    pub fn jid(&self) -> String {
        self.person(|person| person.number_jid().to_string())
            .unwrap_or_default()
    }

    /// The address `lid@lid`.
    pub fn lid_jid(&self) -> String {
        self.person(|person| person.lid_jid().to_string()).unwrap_or_default()
    }

    /// Writes a text; answers the message id.
    pub fn says(&self, to: &Phone, text: &str) -> String {
        self.sends(to, wa::Message::text(text))
    }

    /// Writes a text under an id chosen by the caller.
    pub fn says_with_id(&self, to: &Phone, id: &str, text: &str) -> String {
        self.shared
            .act(|state| say(state, &self.number, &to.number, Some(id), wa::Message::text(text)))
    }

    /// Sends any message; answers its id.
    pub fn sends(&self, to: &Phone, message: wa::Message) -> String {
        self.shared
            .act(|state| say(state, &self.number, &to.number, None, message))
    }

    /// Sends any message under an id chosen by the caller.
    pub fn sends_with_id(&self, to: &Phone, id: &str, message: wa::Message) -> String {
        self.shared
            .act(|state| say(state, &self.number, &to.number, Some(id), message))
    }

    /// Sends a message of its own once more, under its id.
    pub fn sends_again(&self, to: &Phone, id: &str) {
        self.shared.act(|state| {
            let message = known_message(state, &self.number, &self.number, id);
            say(state, &self.number, &to.number, Some(id), message);
        });
    }

    /// Is elsewhere while it shares its place: the new place is sealed so that only phones can read it.
    pub fn strays(&self, to: &Phone) -> String {
        self.shared
            .act(|state| messages::stray(state, &self.number, &to.number))
    }

    /// Says anything; answers the message id.
    ///
    /// # Errors
    /// When it speaks of people or polls this person does not know, or is no message.
    pub fn speaks(&self, to: &Phone, speech: Speech) -> anyhow::Result<String> {
        self.shared.act(|state| {
            let message = speech::compose(state, &self.number, &to.number, speech)?;
            Ok(say(state, &self.number, &to.number, None, message))
        })
    }

    /// Answers a message it received or sent, with a quotation; answers the message id.
    pub fn replies(&self, to: &Phone, quoted_id: &str, text: &str) -> String {
        self.shared
            .act(|state| reply(state, &self.number, &to.number, quoted_id, text))
    }

    /// Reads messages of the account.
    pub fn reads(&self, from: &Phone, ids: &[String]) {
        self.shared
            .act(|state| receipts::read(state, &self.number, &from.number, ids));
    }

    /// Listens to messages of the account that were spoken, or looks at what is seen once.
    pub fn plays(&self, from: &Phone, ids: &[String]) {
        self.shared
            .act(|state| receipts::played(state, &self.number, &from.number, ids));
    }

    /// The options that a vote it received chooses; `None` when it is no vote in a poll it knows.
    pub fn chosen(&self, vote: &Received) -> Option<Vec<String>> {
        self.shared.look(|state| polls::chosen(state, &self.number, vote))
    }

    /// What was in a comment or an edit of a poll that it received; `None` when it is none it can open.
    pub fn opened(&self, sealed: &Received) -> Option<wa::Message> {
        self.shared.look(|state| sealed::opened(state, &self.number, sealed))
    }

    /// What an answer to an event that it received says; `None` when it is none to an event it knows.
    pub fn attends(&self, answer: &Received) -> Option<Attendance> {
        self.shared.look(|state| sealed::attends(state, &self.number, answer))
    }

    /// What it received: one message per id, in order of first arrival.
    pub fn received(&self) -> Vec<Received> {
        received(&self.shared, &self.number)
    }

    /// How many different messages it received.
    pub fn received_count(&self) -> usize {
        self.person(|person| person.inbox.count()).unwrap_or_default()
    }

    /// How often stanzas with this id arrived, copies and unreadable ones included.
    pub fn raw_count(&self, id: &str) -> usize {
        self.person(|person| person.inbox.raw_count(id)).unwrap_or_default()
    }

    /// The messages of which stanzas came but none could be decrypted; of very many the newest.
    pub fn unreadable(&self) -> Vec<String> {
        self.person(|person| person.inbox.unread()).unwrap_or_default()
    }

    /// Waits for a message, old or new.
    ///
    /// # Errors
    /// When none came in time.
    pub async fn waits_for(&self, is_it: impl Fn(&Received) -> bool, patience: Duration) -> anyhow::Result<Received> {
        for_message(&self.shared, &self.number, is_it, patience).await
    }

    /// What it learnt about its own messages: delivered, read, asked for again; of very much the newest.
    pub fn receipts(&self) -> Vec<Seen> {
        self.person(|person| person.conduct.seen.all()).unwrap_or_default()
    }

    /// Whether somebody confirmed this kind of receipt for a message.
    pub fn has_receipt(&self, id: &str, kind: &str) -> bool {
        self.person(|person| person.conduct.seen.has(id, kind))
            .unwrap_or_default()
    }

    /// Waits for a receipt of this kind for a message.
    ///
    /// # Errors
    /// When none came in time.
    pub async fn waits_for_receipt(&self, id: &str, kind: &str, patience: Duration) -> anyhow::Result<()> {
        until(&self.shared, || self.has_receipt(id, kind), patience).await
    }

    /// Does not decrypt the next message at first: asks for it again, then reads the copy.
    pub fn fails_to_decrypt_next(&self) {
        self.behave(|conduct| conduct.failures_left += 1);
    }

    /// The next message it writes reaches the companions damaged; they have to ask for it again.
    pub fn garbles_next(&self) {
        self.behave(|conduct| conduct.garbled_left += 1);
    }

    /// From now on it sends nothing again, whoever asks (or does again).
    pub fn ignores_retries(&self, ignores: bool) {
        self.behave(|conduct| conduct.ignores_retries = ignores);
    }

    /// The next message it writes is for phones only: companions are told that there is one to look at once.
    pub fn withholds_next(&self) {
        self.behave(|conduct| conduct.withheld_left += 1);
    }

    /// The next message it writes does not reach the companions, who are not told of it, until it is sent again.
    pub fn loses_next(&self) {
        self.behave(|conduct| conduct.lost_left += 1);
    }

    /// Its phone is switched off, or on again: what companions write to it alone waits that long.
    pub fn is_away(&self, away: bool) {
        if away {
            return self.behave(|conduct| conduct.is_away = true);
        }
        self.shared.act(|state| messages::comes_back(state, &self.number));
    }

    /// Has WhatsApp, or has not.
    pub fn is_registered(&self, registered: bool) {
        self.behave(|conduct| conduct.is_unregistered = !registered);
    }

    /// Writes from the LID, with the number beside it.
    pub fn lid_addressed(&self) {
        self.behave(|conduct| conduct.addressing = Addressing::Lid);
    }

    /// Writes from the LID and never shows the number.
    pub fn hides_number(&self) {
        self.behave(|conduct| conduct.addressing = Addressing::HiddenNumber);
    }

    fn behave(&self, change: impl FnOnce(&mut Conduct)) {
        self.shared.act(|state| {
            if let Ok(person) = state.person_mut(&self.number) {
                change(&mut person.conduct);
            }
        });
    }

    fn person<R>(&self, look: impl FnOnce(&Person) -> R) -> Option<R> {
        self.shared.look(|state| state.person(&self.number).ok().map(look))
    }
}

/// Sends a message under the given or a new id.
pub(crate) fn say(state: &mut State, from: &str, to: &str, id: Option<&str>, message: wa::Message) -> String {
    let id = id.map_or_else(|| state.next_message_id(), ToOwned::to_owned);
    messages::say(state, from, to, id.clone(), message);
    id
}

/// Answers a message; when nobody knows the quoted one, only its id is quoted.
pub(crate) fn reply(state: &mut State, from: &str, to: &str, quoted_id: &str, text: &str) -> String {
    let message = speech::reply(state, from, to, quoted_id, text);
    say(state, from, to, None, message)
}

/// A message a person sent or received; empty when it knows none.
pub(crate) fn known_message(state: &State, knower: &str, author: &str, id: &str) -> wa::Message {
    let Ok(person) = state.person(knower) else {
        return wa::Message::default();
    };
    match (person.sent.get(id), person.inbox.find(author, id)) {
        (Some(sent), _) => (*sent.message).clone(),
        (None, Some(found)) => found.message.clone(),
        (None, None) => wa::Message::default(),
    }
}

/// A text that answers a message.
pub(crate) fn quotation(quoted_id: &str, author: String, quoted: &wa::Message, text: &str) -> wa::Message {
    wa::Message {
        extended_text_message: MessageField::some(wa::message::ExtendedTextMessage {
            text: Some(text.to_owned()),
            context_info: MessageField::some(build_quote_context(quoted_id, author, quoted)),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// What reached a person's primary device.
pub(crate) fn received(shared: &Shared, number: &str) -> Vec<Received> {
    shared.look(|state| {
        state
            .person(number)
            .map(|person| person.inbox.all().map(|received| (**received).clone()).collect())
            .unwrap_or_default()
    })
}
