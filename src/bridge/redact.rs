//! Takes events back in portal rooms: as the bot, which may in rooms it made, else as whoever sent them.

use ruma::{EventId, RoomId};

use super::{Inner, error::Failure};
use crate::matrix::Actor;

/// Redacts an event. In a room that a person opened nobody of ours may be allowed to: then it stays.
pub(super) async fn take_back(
    bridge: &Inner,
    room: &RoomId,
    event: &EventId,
    transaction: &str,
    sender: Option<&Actor>,
    reason: Option<&str>,
) -> Result<(), Failure> {
    let bot = bridge.homeserver.as_bot();
    for actor in [Some(&bot), sender].into_iter().flatten() {
        match actor.redact(room, event, transaction, reason).await {
            Ok(_) => return Ok(()),
            Err(error) if error.is_forbidden() => {}
            Err(error) => return Err(error.into()),
        }
    }
    tracing::info!("an event could not be taken back in a room that is not ours");
    Ok(())
}
