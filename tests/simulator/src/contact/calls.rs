//! Calling an account, and taking or declining a call on the phone itself.

use std::time::Duration;

use whatsapp_rust::wacore_binary::Jid;

use super::{Contact, until};
use crate::phone::Phone;
use crate::server::calls::{self, Occasion};
use crate::server::{CallState, state::Shared};

impl Contact {
    /// Calls an account; answers the id of the call.
    pub fn calls(&self, whom: &Phone, is_video: bool) -> String {
        self.offers(
            whom,
            &Occasion {
                is_video,
                ..Occasion::default()
            },
        )
    }

    /// Calls a whole group, of which the account hears; answers the id of the call.
    pub fn calls_group(&self, whom: &Phone, group: &Jid, is_video: bool) -> String {
        self.offers(
            whom,
            &Occasion {
                is_video,
                group: Some(group.clone()),
                is_notice: false,
            },
        )
    }

    /// Tells an account that a group call goes on; answers the id of the call.
    pub fn announces_group_call(&self, whom: &Phone, is_video: bool) -> String {
        self.offers(
            whom,
            &Occasion {
                is_video,
                group: None,
                is_notice: true,
            },
        )
    }

    fn offers(&self, whom: &Phone, occasion: &Occasion) -> String {
        self.shared
            .act(|state| calls::offer(state, &self.number, &whom.number, occasion))
    }

    /// Ends its call: gives up when nobody answered, hangs up otherwise.
    pub fn hangs_up(&self, call: &str) {
        self.shared.act(|state| calls::hang_up(state, call));
    }

    /// How far a call came.
    pub fn call(&self, id: &str) -> Option<CallState> {
        call(&self.shared, id)
    }

    /// Waits until a call came so far.
    ///
    /// # Errors
    /// When it did not in time.
    pub async fn waits_for_call(&self, id: &str, wanted: CallState, patience: Duration) -> anyhow::Result<()> {
        until(&self.shared, || self.call(id) == Some(wanted), patience).await
    }
}

impl Phone {
    /// Takes a call on the phone itself; the linked devices stop ringing.
    pub fn answers_call(&self, call: &str) {
        self.shared.act(|state| calls::settle(state, call, &self.number, true));
    }

    /// Declines a call on the phone itself; the linked devices stop ringing.
    pub fn rejects_call(&self, call: &str) {
        self.shared.act(|state| calls::settle(state, call, &self.number, false));
    }
}

fn call(shared: &Shared, id: &str) -> Option<CallState> {
    shared.look(|state| state.calls.get(id).map(|call| call.state))
}
