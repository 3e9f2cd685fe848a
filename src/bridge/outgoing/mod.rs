//! Matrix → network: does in a chat what an event of its room says.
//!
//! The id of what is done follows from the id of the event and is written down before it is used, so a job that is done
//! again does the same thing. One file for each family: new messages (`say`), what happens to messages (`changes`),
//! marks on them (`marks`), votes (`polls`), the timer of a chat (`timer`), what words and media become on the way (`words`,
//! `media`).

mod changes;
mod gallery;
mod groups;
mod marks;
mod media;
mod places;
mod polls;
mod posts;
mod refused;
mod say;
mod stage;
mod timer;
mod words;

use ruma::{EventId, OwnedUserId, RoomId, UserId};

use super::{Inner, commands, error::Failure, invites, moving, timers, worker::Desk};
use crate::{
    matrix::{
        self,
        incoming::{Incoming, RoomChange, Said, read},
        outgoing::Status,
        transaction_id,
    },
    model::{ChatKind, Identity, Lane, MessageId, PortalKey, RoomEvent, Sender, Work},
    store::{Direction, Portal, Tx},
};

pub(super) use groups::invited;
pub(super) use media::{Carried, fetched, on_network};
pub(super) use say::quoted;
pub(super) use stage::{Stage, of as stage};

/// Does a job of kind `from_matrix`.
pub(super) async fn take(desk: &Desk<'_>, event: &RoomEvent) -> Result<(), Failure> {
    let incoming = match read(&event.json) {
        Ok(incoming) => incoming,
        Err(error) => {
            tracing::warn!(%error, "an event that cannot be read was passed over");
            return desk.done().await;
        }
    };
    match incoming {
        Incoming::Say(said) => said_something(desk, event, &said).await,
        Incoming::Notice(said) if desk.bridge.config.notices => said_something(desk, event, &said).await,
        Incoming::Edit { is_notice: true, .. } if !desk.bridge.config.notices => desk.done().await,
        Incoming::Edit { target, said, .. } => match stage::of(desk, event).await? {
            Some(stage) => changes::edit(&stage, &target, &said).await,
            None => Ok(()),
        },
        Incoming::Redact { target } => match stage::of(desk, event).await? {
            Some(stage) => changes::take_back(&stage, &target).await,
            None => Ok(()),
        },
        Incoming::React { target, key } => match stage::of(desk, event).await? {
            Some(stage) => marks::react(&stage, &target, &key).await,
            None => Ok(()),
        },
        Incoming::Vote { poll, answers } => match stage::of(desk, event).await? {
            Some(stage) => polls::vote(&stage, &poll, &answers).await,
            None => Ok(()),
        },
        Incoming::EndPoll { poll, words } => match stage::of(desk, event).await? {
            Some(stage) => polls::end(&stage, &poll, words).await,
            None => Ok(()),
        },
        Incoming::Moved { share, said } => places::begun(desk, event, &share, &said).await,
        Incoming::Pins { pinned, unpinned } => match stage::of(desk, event).await? {
            Some(stage) => marks::pin(&stage, &pinned, &unpinned).await,
            None => Ok(()),
        },
        Incoming::Replaced { next } => moving::replaced(desk, event, &next).await,
        Incoming::Invite { user, is_direct, was } => invites::take(desk, event, (&user, was), is_direct).await,
        Incoming::Left { user, was, banned } if desk.bridge.homeserver.names().ghost_name(&user).is_some() => {
            groups::gone(desk, event, &user, (was, banned)).await
        }
        Incoming::Left { user, .. } => moving::left(desk, event, &user).await,
        Incoming::Room(change) => match *change {
            RoomChange::Timer(after) => timer::changed(desk, event, after).await,
            change => groups::changed(desk, event, &change).await,
        },
        Incoming::Notice(_) | Incoming::Joined { .. } | Incoming::Ours | Incoming::Ignored(_) => desk.done().await,
    }
}

async fn said_something(desk: &Desk<'_>, event: &RoomEvent, said: &Said) -> Result<(), Failure> {
    let portal = desk.bridge.store.read().await?.find_portal_by_room(&event.room).await?;
    let command = match (&portal, said.content.text()) {
        (None, Some(text)) => Some(text),
        (Some(_), Some(text)) => prefixed(&desk.bridge.config.command_prefix, text),
        (_, None) => None,
    };
    if let Some(command) = command {
        return commands::take(desk, event, command, portal.is_some()).await;
    }
    match stage::of(desk, event).await? {
        Some(stage) if said.rest.is_empty() => say::say(&stage, said).await,
        Some(stage) => gallery::say(&stage, said).await,
        None => Ok(()),
    }
}

/// The command after the prefix: `!wa ping` → `ping`.
fn prefixed<'a>(prefix: &str, text: &'a str) -> Option<&'a str> {
    let rest = text.strip_prefix(prefix)?;
    (rest.is_empty() || rest.starts_with(char::is_whitespace)).then(|| rest.trim())
}

/// The owner and the members may; nobody else.
pub(super) fn may_speak(identity: &Identity, members: &[OwnedUserId], sender: &UserId) -> bool {
    identity.user == sender || members.iter().any(|member| member == sender)
}

/// Finishes a job because nothing can be sent, and says why: in the room, to clients, and in the row of a message.
pub(super) async fn refuse(desk: &Desk<'_>, event: &RoomEvent, why: &str) -> Result<(), Failure> {
    let mut tx = desk.bridge.store.begin().await?;
    if let Some(portal) = tx.find_portal_by_room(&event.room).await? {
        not_sent(&mut tx, desk.bridge, &portal, event, why.trim_end_matches('.')).await?;
    }
    desk.finish(tx).await
}

/// What an event leaves behind that does not arrive: a failed message, what clients are told, and one notice.
async fn not_sent(tx: &mut Tx, bridge: &Inner, portal: &Portal, event: &RoomEvent, why: &str) -> Result<(), Failure> {
    let is_sent = refused::keep(tx, bridge, portal, event, why).await?;
    push_status(tx, bridge, event, Some(why)).await?;
    let what = if is_sent { "Not all of it was sent" } else { "Not sent" };
    push_notice(tx, bridge, event, &format!("{what}: {why}.")).await
}

async fn push_notice(tx: &mut Tx, bridge: &Inner, event: &RoomEvent, text: &str) -> Result<(), Failure> {
    let notice = Work::Notice {
        room: event.room.clone(),
        about: event.event.as_str().to_owned(),
        text: text.to_owned(),
    };
    tx.push_job(&Lane::room(&event.room), &notice, bridge.clock().now())
        .await?;
    Ok(())
}

/// What a given-up event leaves behind: a failed message and one notice in the room.
pub(super) async fn given_up(tx: &mut Tx, desk: &Desk<'_>, event: &RoomEvent, why: &str) -> Result<(), Failure> {
    let Some(portal) = tx.find_portal_by_room(&event.room).await? else {
        return commands::given_up(tx, desk.bridge, event, why).await;
    };
    let incoming = read(&event.json);
    let event = match &incoming {
        Ok(Incoming::Moved { share, .. }) => &places::shared(event, share),
        _ => event,
    };
    if let Ok(Incoming::Room(change)) = incoming {
        match (&*change, portal.kind) {
            (RoomChange::Timer(_), _) => timers::promise(desk.bridge, tx, &portal.key).await?,
            (_, ChatKind::Group | ChatKind::Channel) => {
                groups::put_right(tx, desk.bridge, &portal.key, &change).await?;
            }
            (_, ChatKind::Direct | ChatKind::Status | ChatKind::Other) => {}
        }
    }
    not_sent(tx, desk.bridge, &portal, event, why).await
}

/// Somebody has a message of the owner, the first one to have it: promises to tell clients.
pub(super) async fn was_delivered(
    bridge: &Inner,
    tx: &mut Tx,
    portal: &PortalKey,
    message: &MessageId,
) -> Result<(), crate::store::Error> {
    if !bridge.config.send_status || tx.list_receipts(portal, message).await?.len() > 1 {
        return Ok(());
    }
    let Some(found) = tx.find_message(portal, message, &Sender::Owner).await? else {
        return Ok(());
    };
    // No client shows it to who spoke by REST.
    let names = bridge.homeserver.names();
    if found.speaker.as_deref().is_none_or(|user| names.is_ours(user)) {
        return Ok(());
    }
    // What was said elsewhere is shown, not sent.
    if let (Direction::Out, Some(room), Some(event)) = (found.direction, found.room, found.event) {
        let lane = Lane::room(&room);
        let status = Work::Status {
            room,
            event,
            failed: None,
        };
        tx.push_job(&lane, &status, bridge.clock().now()).await?;
    }
    Ok(())
}

/// Promises to tell clients what became of a message.
async fn push_status(tx: &mut Tx, bridge: &Inner, event: &RoomEvent, failed: Option<&str>) -> Result<(), Failure> {
    if !bridge.config.send_status {
        return Ok(());
    }
    let status = Work::Status {
        room: event.room.clone(),
        event: event.event.clone(),
        failed: failed.map(str::to_owned),
    };
    tx.push_job(&Lane::room(&event.room), &status, bridge.clock().now())
        .await?;
    Ok(())
}

/// Does a job of kind `status`.
pub(super) async fn status(
    desk: &Desk<'_>,
    room: &RoomId,
    event: &EventId,
    failed: Option<&str>,
) -> Result<(), Failure> {
    let bot = desk.bridge.homeserver.as_bot();
    let reached = match failed {
        None => reached(desk.bridge, event).await?,
        Some(_) => Vec::new(),
    };
    let status = match failed {
        Some(why) => Status::Failed { why, again: false },
        None if reached.is_empty() => Status::Sent,
        None => Status::Delivered(&reached),
    };
    let network = desk.bridge.homeserver.names().bot().as_str();
    let message = matrix::outgoing::status(event, network, status);
    let how = if reached.is_empty() {
        failed.unwrap_or_default()
    } else {
        "delivered"
    };
    let txn = transaction_id(&["status", room.as_str(), event.as_str(), how]);
    match bot.send(room, message.event_type, &message.content, &txn, None).await {
        // A room that a person opened: its clients do without.
        Err(error) if error.is_forbidden() => desk.done().await,
        Err(error) => Err(error.into()),
        Ok(_) => desk.done().await,
    }
}

/// Those who have a message by now, as far as they are people in Matrix.
async fn reached(bridge: &Inner, event: &EventId) -> Result<Vec<OwnedUserId>, Failure> {
    let mut read = bridge.store.read().await?;
    let Some(message) = read.find_message_by_event(event).await? else {
        return Ok(Vec::new());
    };
    let mut users = Vec::new();
    for receipt in read.list_receipts(&message.portal, &message.id).await? {
        users.extend(read.find_ghost(&receipt.contact).await?.map(|ghost| ghost.user));
    }
    Ok(users)
}

/// Does a job of kind `notice`.
pub(super) async fn notice(desk: &Desk<'_>, room: &RoomId, about: &str, text: &str) -> Result<(), Failure> {
    let content = matrix::outgoing::notice(text, EventId::parse(about).ok().as_deref());
    let txn = transaction_id(&["notice", room.as_str(), about, text]);
    desk.bridge
        .homeserver
        .as_bot()
        .send(room, "m.room.message", &content, &txn, None)
        .await?;
    desk.done().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_needs_the_whole_prefix() {
        assert_eq!(prefixed("!wa", "!wa ping"), Some("ping"));
        assert_eq!(prefixed("!wa", "!wa"), Some(""));
        assert_eq!(prefixed("!wa", "!wait for me"), None);
        assert_eq!(prefixed("!wa", "hello !wa"), None);
    }
}
