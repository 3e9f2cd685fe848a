//! How far somebody has read a Matrix room.

use ruma::{OwnedEventId, OwnedRoomId, OwnedUserId};

/// A read receipt as the homeserver tells it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ReadUpTo {
    /// Where.
    pub(crate) room: OwnedRoomId,
    /// Up to which event.
    pub(crate) event: OwnedEventId,
    /// Who.
    pub(crate) user: OwnedUserId,
    /// Nobody else shall know.
    pub(crate) quietly: bool,
}
