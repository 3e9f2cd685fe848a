//! Whether a person is there, and what it is doing right now.

use std::time::Duration;

use super::{Contact, until};
use crate::phone::Phone;
use crate::server::{Typing, chat_state, presence};

impl Contact {
    /// Begins or stops typing.
    pub fn types_to(&self, to: &Phone, composing: bool) {
        let typing = if composing { Typing::Composing } else { Typing::Paused };
        self.does(to, typing);
    }

    /// Begins or stops recording a voice message.
    pub fn records_to(&self, to: &Phone, recording: bool) {
        let typing = if recording { Typing::Recording } else { Typing::Paused };
        self.does(to, typing);
    }

    fn does(&self, to: &Phone, typing: Typing) {
        self.shared
            .act(|state| chat_state::type_to(state, &self.number, &to.number, typing));
    }

    /// What the account is doing in its chat with this person.
    pub fn sees(&self, from: &Phone) -> Typing {
        self.shared
            .look(|state| state.chat_states.of(&from.number, &self.number))
    }

    /// Whether the account is typing to this person.
    pub fn sees_typing(&self, from: &Phone) -> bool {
        self.sees(from) == Typing::Composing
    }

    /// Waits until the account types, or stops typing, to this person.
    ///
    /// # Errors
    /// When it did not in time.
    pub async fn waits_for_typing(&self, from: &Phone, composing: bool, patience: Duration) -> anyhow::Result<()> {
        until(&self.shared, || self.sees_typing(from) == composing, patience).await
    }

    /// Waits until the account is seen doing this.
    ///
    /// # Errors
    /// When it did not in time.
    pub async fn waits_to_see(&self, from: &Phone, typing: Typing, patience: Duration) -> anyhow::Result<()> {
        until(&self.shared, || self.sees(from) == typing, patience).await
    }

    /// Comes online or leaves; whoever subscribed is told.
    pub fn is_online(&self, online: bool) {
        self.shared
            .act(|state| presence::set_online(state, &self.number, online, None));
    }

    /// Comes online.
    pub fn goes_online(&self) {
        self.is_online(true);
    }

    /// Leaves; was last seen then, in seconds since 1970, or now.
    pub fn goes_offline(&self, last_seen: Option<u64>) {
        self.shared
            .act(|state| presence::set_online(state, &self.number, false, last_seen));
    }

    /// Whether this person, or one of the devices of the account of this number, is online.
    pub fn is_seen_online(&self) -> bool {
        self.person(|person| person.presence.is_online).unwrap_or_default()
    }

    /// Waits until this person is online, or is not.
    ///
    /// # Errors
    /// When it did not come to that in time.
    pub async fn waits_for_presence(&self, online: bool, patience: Duration) -> anyhow::Result<()> {
        until(&self.shared, || self.is_seen_online() == online, patience).await
    }
}
