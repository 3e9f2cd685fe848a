//! What a person keeps to itself, whom it blocks and whom it trusts.

use super::Contact;
use crate::phone::Phone;
use crate::server::{blocklist, privacy, tokens};

impl Contact {
    /// Changes a privacy setting, in the words of the protocol: `last`, `profile`, `status`, ... to `all`, `none`, ...
    ///
    /// # Errors
    /// When there is no such setting or it has no such value.
    pub fn keeps_private(&self, setting: &str, value: &str) -> anyhow::Result<()> {
        self.shared.act(|state| -> anyhow::Result<()> {
            let person = state.person_mut(&self.number)?;
            let changed = person.privacy.set(setting, value);
            changed.map_err(|_| anyhow::anyhow!("no such setting or value"))
        })
    }

    /// Blocks an account: nothing passes either way, and it sees nothing of this person.
    pub fn blocks(&self, whom: &Phone) {
        self.shared
            .act(|state| blocklist::set(state, &self.number, &whom.number, true));
    }

    /// Blocks an account no more.
    pub fn unblocks(&self, whom: &Phone) {
        self.shared
            .act(|state| blocklist::set(state, &self.number, &whom.number, false));
    }

    /// Whether the account blocked this person.
    pub fn is_blocked_by(&self, whom: &Phone) -> bool {
        self.shared
            .look(|state| privacy::is_blocked(state, &whom.number, &self.number))
    }

    /// Takes messages only from accounts that show a token this person gave them; others get error 463.
    pub fn refuses_strangers(&self, refuses: bool) {
        self.shared.act(|state| {
            if let Ok(person) = state.person_mut(&self.number) {
                person.privacy.refuses_strangers = refuses;
            }
        });
    }

    /// Gives an account a privacy token. Somebody who refuses strangers does so by itself when it writes first.
    pub fn trusts(&self, whom: &Phone) {
        self.shared
            .act(|state| tokens::trust(state, &self.number, &whom.number));
    }

    /// Whether the account gave this person a privacy token.
    pub fn is_trusted_by(&self, whom: &Phone) -> bool {
        self.shared.look(|state| {
            state
                .person(&whom.number)
                .is_ok_and(|person| person.privacy.tokens.contains_key(&self.number))
        })
    }
}
