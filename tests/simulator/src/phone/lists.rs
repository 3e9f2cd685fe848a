//! What a phone says that is no message to a person or a group: to broadcast lists, and what assistants answer to it.

use whatsapp_rust::prelude::MessageBuilderExt as _;
use whatsapp_rust::waproto::whatsapp as wa;

use super::Phone;
use crate::contact::Contact;
use crate::server::{assistants, lists};

impl Phone {
    /// Writes a text to a broadcast list of these people; answers the message id.
    ///
    /// # Errors
    /// When a linked device has no keys.
    pub fn writes_to_list(&self, text: &str, people: &[&Contact]) -> anyhow::Result<String> {
        self.broadcasts(text, people, true)
    }

    /// The same, but its linked devices are not told who is on the list.
    ///
    /// # Errors
    /// When a linked device has no keys.
    pub fn writes_to_list_of_nobody_named(&self, text: &str, people: &[&Contact]) -> anyhow::Result<String> {
        self.broadcasts(text, people, false)
    }

    fn broadcasts(&self, text: &str, people: &[&Contact], is_named: bool) -> anyhow::Result<String> {
        let numbers: Vec<String> = people.iter().map(|one| one.number.clone()).collect();
        self.shared
            .act(|state| lists::say(state, &self.number, &numbers, is_named, wa::Message::text(text)))
    }

    /// An assistant answers the owner alone, for phones only; answers the message id.
    ///
    /// # Errors
    /// When the assistant has no address.
    pub fn is_answered_by_assistant(&self) -> anyhow::Result<String> {
        self.shared.act(|state| assistants::answer(state, &self.number))
    }
}
