//! The keys of a person: a new phone has others, and sometimes the server has none.

use super::Contact;
use crate::phone::Phone;
use crate::server::keys;

impl Contact {
    /// Moves to a new phone: its identity changes, its sessions and linked devices are gone, and whoever
    /// talks to it is told.
    ///
    /// # Errors
    /// When no keys can be made.
    pub fn gets_new_phone(&self) -> anyhow::Result<()> {
        self.shared.act(|state| keys::new_phone(state, &self.number))
    }

    /// Whether the server refuses its keys to everybody who asks for them (406).
    pub fn has_no_keys(&self, none: bool) {
        self.behave(|conduct| conduct.has_no_keys = none);
    }
}

impl Phone {
    /// The server loses the one-time keys of all its devices and asks them for new ones.
    pub fn loses_one_time_keys(&self) {
        self.shared.act(|state| keys::lose(state, &self.number));
    }
}
