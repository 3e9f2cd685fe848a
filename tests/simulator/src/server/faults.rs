//! What goes wrong on purpose, set through `Server` and asked by the stanza families.

use std::collections::VecDeque;

use super::refusal::Refusal;

/// The faults that wait to happen.
#[derive(Default)]
pub(crate) struct Faults {
    /// Nacks for the next messages, each for any recipient or for one number only.
    nacks: VecDeque<(Option<String>, u32)>,
    lost_acks: u32,
    /// Logins are refused: of one account, or of everyone.
    refused_logins: Vec<(Option<String>, Refusal)>,
    /// No pairing code is made, with this reason.
    pub(crate) refused_codes: Option<u32>,
    /// So many devices are linked with a broken signature.
    pub(crate) spoiled_links: u32,
    /// No connection is accepted.
    pub(crate) is_down: bool,
}

impl Faults {
    pub(crate) fn nack_next(&mut self, to: Option<String>, code: u32) {
        self.nacks.push_back((to, code));
    }

    pub(crate) fn refuse_logins(&mut self, of: Option<String>, refusal: Refusal) {
        self.refused_logins.retain(|(whose, _)| *whose != of);
        self.refused_logins.push((of, refusal));
    }

    pub(crate) fn accept_logins(&mut self) {
        self.refused_logins.clear();
    }

    /// Why a login is refused; without a number, why everyone's is.
    pub(crate) fn refused_login(&self, number: Option<&str>) -> Option<&Refusal> {
        self.refused_logins
            .iter()
            .find(|(whose, _)| whose.is_none() || whose.as_deref() == number)
            .map(|(_, refusal)| refusal)
    }

    /// Whether the link now made is broken.
    pub(crate) fn take_spoiled_link(&mut self) -> bool {
        let spoiled = self.spoiled_links > 0;
        self.spoiled_links = self.spoiled_links.saturating_sub(1);
        spoiled
    }

    pub(crate) fn lose_next_ack(&mut self) {
        self.lost_acks += 1;
    }

    /// The code with which a message to this number is refused, once.
    pub(crate) fn take_nack(&mut self, to: &str) -> Option<u32> {
        let place = self
            .nacks
            .iter()
            .position(|(only, _)| only.as_deref().is_none_or(|only| only == to))?;
        self.nacks.remove(place).map(|(_, code)| code)
    }

    /// Whether the acknowledgement now due is lost.
    pub(crate) fn take_lost_ack(&mut self) -> bool {
        let lost = self.lost_acks > 0;
        self.lost_acks = self.lost_acks.saturating_sub(1);
        lost
    }
}
