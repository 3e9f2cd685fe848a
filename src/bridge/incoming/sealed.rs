//! What comes sealed with the secret of a message that is not here: it is opened by the network when that has come, and
//! waits beside the chat until then, like all that is done to messages that come late. The network knows the secret a
//! moment before the message is shown, and a comment without what it is about would stand anywhere: so both are waited for.

use super::{super::error::Failure, scene::Scene};
use crate::model::{Action, MessageRef, SealedKind};

/// What was sealed. `None`: the job is settled, because it waits, or waited in vain (then a notice says so).
pub(super) async fn open(scene: &Scene<'_>, target: &MessageRef, kind: SealedKind) -> Result<Option<Action>, Failure> {
    match scene.desk.bridge.network.open(scene.event).await {
        Ok(Some(action)) => {
            if scene.has_come(target).await? {
                return Ok(Some(action));
            }
        }
        Ok(None) => {}
        // Nothing else of the chat waits for a device that is not there now. Beside the chat nobody waits behind it.
        Err(error) if error.is_transient() && scene.desk.job.lane.kind() == "in" => {
            tracing::debug!(%error, "what is sealed could not be opened yet");
        }
        Err(error) => return Err(error.into()),
    }
    scene.wait_for(target, deed(kind)).await.map(|_| None)
}

/// What somebody did, in a sentence that begins with their name.
pub(super) fn deed(kind: SealedKind) -> &'static str {
    match kind {
        SealedKind::Vote => "voted in a poll that is not here.",
        SealedKind::Answer => "answered to an event that is not here.",
        SealedKind::Edit => "edited a message that is not here.",
        SealedKind::Option => "added an option to a poll that is not here.",
        SealedKind::Mark => "reacted to a message that is not here.",
        SealedKind::Comment => "commented on a message that is not here.",
    }
}
