//! What goes wrong on purpose, set through `Server` and asked by the stanza families.

use std::collections::VecDeque;

/// The faults that wait to happen.
#[derive(Default)]
pub(crate) struct Faults {
    /// Nacks for the next messages, each for any recipient or for one number only.
    nacks: VecDeque<(Option<String>, u32)>,
    lost_acks: u32,
    /// Every login is refused with this reason.
    pub(crate) refused_login: Option<u32>,
    /// No connection is accepted.
    pub(crate) is_down: bool,
}

impl Faults {
    pub(crate) fn nack_next(&mut self, to: Option<String>, code: u32) {
        self.nacks.push_back((to, code));
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
