//! What a test or a script makes go wrong: every fault of the server as a verb.
//!
//! Thin covers of `Server` over [`super::faults`], [`super::tricks`], the wire's pace and goodbyes. Faults that
//! are a person's own (failing to decrypt, writing damaged messages) are on `Contact`.

use std::time::Duration;

use super::Server;
use super::goodbye::{self, Goodbye};
use super::refusal::Refusal;
use super::state::State;
use super::tricks::Tricks;
use crate::contact::Contact;
use crate::phone::Phone;
use crate::wire::Identity;

impl Server {
    /// Cuts every connection, without a goodbye.
    pub fn drops_connections(&self) {
        self.shared.act(super::handle::drop_connections);
    }

    /// Cuts every connection and accepts none until [`Self::is_up`].
    pub fn is_down(&self) {
        self.shared.act(|state| {
            state.faults.is_down = true;
            super::handle::drop_connections(state);
        });
    }

    /// Accepts connections again.
    pub fn is_up(&self) {
        self.shared.act(|state| state.faults.is_down = false);
    }

    /// Ends the connections of all linked devices.
    pub fn says_goodbye(&self, goodbye: &Goodbye) {
        self.shared.act(|state| goodbye::say(state, None, goodbye));
    }

    /// Ends the connections of one account's linked devices.
    pub fn says_goodbye_to(&self, phone: &Phone, goodbye: &Goodbye) {
        self.shared
            .act(|state| goodbye::say(state, Some(&phone.number), goodbye));
    }

    /// Refuses the next message with this code.
    pub fn nacks_next(&self, code: u32) {
        self.shared.act(|state| state.faults.nack_next(None, code));
    }

    /// Refuses the next message to this contact with this code.
    pub fn nacks_next_to(&self, contact: &Contact, code: u32) {
        self.shared
            .act(|state| state.faults.nack_next(Some(contact.number.clone()), code));
    }

    /// Delivers the next message without acknowledging it.
    pub fn loses_next_ack(&self) {
        self.shared.act(|state| state.faults.lose_next_ack());
    }

    /// Refuses every login with this reason and the usual words; see [`Refusal`].
    pub fn refuses_login(&self, reason: u32) {
        self.refuses_logins(None, Refusal::new(reason));
    }

    /// Refuses the logins of one account, or all, with these words.
    pub fn refuses_logins(&self, of: Option<&Phone>, refusal: Refusal) {
        let number = of.map(|phone| phone.number.clone());
        self.shared.act(|state| state.faults.refuse_logins(number, refusal));
    }

    /// Accepts logins again.
    pub fn accepts_logins(&self) {
        self.shared.act(|state| state.faults.accept_logins());
    }

    /// Refuses to make pairing codes, or makes them again: 400 too many, 403, 429, 452 not for this account, 500.
    pub fn refuses_codes(&self, code: Option<u32>) {
        self.shared.act(|state| state.faults.refused_codes = code);
    }

    /// The next device is linked with a signature it cannot verify.
    pub fn spoils_next_link(&self) {
        self.shared.act(|state| state.faults.spoiled_links += 1);
    }

    /// Everything to clients takes so long from now on; zero ends it.
    pub fn delays(&self, delay: Duration) {
        self.shared.pace.set_delay(delay);
    }

    /// The next frame to a client is damaged: it cannot be decrypted.
    pub fn corrupts_next_frame(&self) {
        self.shared.pace.damage_next();
    }

    /// The next message reaches every linked device of the account twice.
    pub fn duplicates_next(&self, to: &Phone) {
        self.tricks(to, |tricks| tricks.duplicates += 1);
    }

    /// The next message reaches the linked devices of the account after the one that follows it.
    pub fn swaps_next_two(&self, to: &Phone) {
        self.tricks(to, |tricks| tricks.swaps += 1);
    }

    /// The next message gets lost on the way to the linked devices; it comes at their next login.
    pub fn loses_next(&self, to: &Phone) {
        self.tricks(to, |tricks| tricks.losses += 1);
    }

    /// Has another Noise key from now on: who knows the old one needs a longer handshake.
    pub fn changes_its_key(&self) {
        self.shared.act(|state| state.noise = Identity::new());
    }

    fn tricks(&self, of: &Phone, change: impl Fn(&mut Tricks)) {
        self.shared.act(|state| play(state, Some(&of.number), change));
    }
}

/// Prepares tricks for the linked devices of an account, or of all.
pub(crate) fn play(state: &mut State, number: Option<&str>, change: impl Fn(&mut Tricks)) {
    let people = state.people.values_mut();
    for person in people.filter(|person| number.is_none_or(|number| person.number == number)) {
        for companion in person.companions.values_mut() {
            change(&mut companion.tricks);
        }
    }
}
