//! Somebody who speaks in a portal room: whoever of ours is not in it (any more) is brought in first.
//!
//! Deliberately not here: what is said, and who belongs in a room (`portals`).

use fail::fail_point;
use ruma::{OwnedEventId, RoomId};

use super::{Inner, error::Failure, groups, portals::enter};
use crate::{
    matrix::{Actor, outgoing::Message},
    model::Timestamp,
};

/// Somebody who says things in a portal room, and at which time they are shown.
pub(super) struct Voice<'a> {
    pub(super) bridge: &'a Inner,
    pub(super) room: &'a RoomId,
    pub(super) speaker: &'a Actor,
    pub(super) at: Timestamp,
}

impl Voice<'_> {
    /// Sends an event. A speaker of ours that is not in the room (any more) is brought in first.
    async fn send(&self, message: &Message, transaction: &str) -> Result<OwnedEventId, Failure> {
        // What came later counts. The network tells whole seconds, and media that come late have the time of their message:
        // only the homeserver's clock tells such events apart.
        let at = (!message.is_outdated_by_later_ones()).then_some(self.at);
        let attempt = || {
            self.speaker
                .send(self.room, message.event_type, &message.content, transaction, at)
        };
        fail_point!("bridge.show.send.before");
        let event = match attempt().await {
            Ok(event) => event,
            Err(error) if error.is_forbidden() && self.bridge.homeserver.names().is_ours(self.speaker.user()) => {
                enter(self.bridge, self.room, self.speaker.user()).await?;
                match attempt().await {
                    Err(error) if error.is_forbidden() => {
                        groups::let_write(self.bridge, self.room, self.speaker.user()).await?;
                        attempt().await?
                    }
                    other => other?,
                }
            }
            Err(error) => return Err(error.into()),
        };
        fail_point!("bridge.show.send.after");
        Ok(event)
    }

    /// Sends the events of one thing in order; `transaction` makes the id of each from its number.
    pub(super) async fn send_all(
        &self,
        messages: &[Message],
        transaction: impl Fn(usize) -> String,
    ) -> Result<Vec<OwnedEventId>, Failure> {
        let mut events = Vec::with_capacity(messages.len());
        for (number, message) in messages.iter().enumerate() {
            events.push(self.send(message, &transaction(number)).await?);
        }
        Ok(events)
    }
}
