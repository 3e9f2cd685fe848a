//! Matrix → network: does in a chat what an event of its room says.
//!
//! The id of the message follows from the id of the event and is written down before it is used, so a job that is
//! done again sends the same message.

use fail::fail_point;
use ruma::{EventId, OwnedEventId, RoomId, UserId};

use super::{Inner, commands, error::Failure, invites, worker::Desk};
use crate::{
    matrix::{
        self,
        incoming::{Incoming, read},
        transaction_id,
    },
    model::{Action, Content, Identity, Lane, MessageId, Quote, RoomEvent, Say, Sender, Work},
    store::{Direction, Message, MessageState, Portal, Tx},
};

/// Does a job of kind `from_matrix`.
pub(super) async fn take(desk: &Desk<'_>, event: &RoomEvent) -> Result<(), Failure> {
    match read(&event.json) {
        Ok(Incoming::Say(heard)) => said(desk, event, heard.content, heard.reply_to).await,
        Ok(Incoming::Invite { user, is_direct }) => invites::take(desk, event, &user, is_direct).await,
        Ok(
            Incoming::Notice(_)
            | Incoming::Edit { .. }
            | Incoming::React { .. }
            | Incoming::Redact { .. }
            | Incoming::Vote { .. }
            | Incoming::EndPoll { .. }
            | Incoming::Pins { .. }
            | Incoming::Joined { .. }
            | Incoming::Left { .. }
            | Incoming::Ours
            | Incoming::Ignored(_),
        ) => desk.done().await,
        Err(error) => {
            tracing::warn!(%error, "an event that cannot be read was passed over");
            desk.done().await
        }
    }
}

async fn said(
    desk: &Desk<'_>,
    event: &RoomEvent,
    content: Content,
    reply_to: Option<OwnedEventId>,
) -> Result<(), Failure> {
    let portal = desk.bridge.store.read().await?.find_portal_by_room(&event.room).await?;
    let command = match (&portal, content.text()) {
        (None, Some(text)) => Some(text),
        (Some(_), Some(text)) => prefixed(&desk.bridge.config.command_prefix, text),
        (_, None) => None,
    };
    if let Some(command) = command {
        return commands::take(desk, event, command, portal.is_some()).await;
    }
    match portal {
        Some(portal) => say(desk, event, &portal, content, reply_to).await,
        None => desk.done().await,
    }
}

/// The command after the prefix: `!wa ping` → `ping`.
fn prefixed<'a>(prefix: &str, text: &'a str) -> Option<&'a str> {
    let rest = text.strip_prefix(prefix)?;
    (rest.is_empty() || rest.starts_with(char::is_whitespace)).then(|| rest.trim())
}

async fn say(
    desk: &Desk<'_>,
    event: &RoomEvent,
    portal: &Portal,
    content: Content,
    reply_to: Option<OwnedEventId>,
) -> Result<(), Failure> {
    let bridge = desk.bridge;
    let id = bridge.network.message_id(event.event.as_str());
    match verdict(desk, event, portal, &id).await? {
        Verdict::Send => {}
        Verdict::Done => return desk.done().await,
        Verdict::Refused(why) => return refuse(desk, event, why).await,
    }
    let text = match &content {
        Content::Text(text) => text.body.clone(),
        other => return refuse(desk, event, &format!("{} cannot be sent yet.", other.kind())).await,
    };
    let mut read = bridge.store.read().await?;
    let quote = quoted(&mut read, portal, reply_to.as_deref()).await?;
    drop(read);
    let message = Message {
        portal: portal.key.clone(),
        id: id.clone(),
        sender: Sender::Owner,
        room: Some(event.room.clone()),
        event: Some(event.event.clone()),
        direction: Direction::Out,
        text: Some(text),
        kind: "m.text".into(),
        reply_to: quote.as_ref().map(|quote| quote.id.clone()),
        at: event.at,
        state: MessageState::Pending,
        error: None,
        transaction: None,
    };
    let mut tx = bridge.store.begin().await?;
    tx.insert_message(&message).await?;
    tx.commit().await?;

    bridge.pace.wait(portal.key.device).await;
    fail_point!("bridge.outgoing.act.before");
    bridge
        .network
        .act(
            &portal.key,
            &id,
            &Action::Say(Say {
                reply_to: quote,
                ..Say::new(content)
            }),
        )
        .await?;
    fail_point!("bridge.outgoing.act.after");
    let mut tx = bridge.store.begin().await?;
    tx.set_message_state(&portal.key, &id, &Sender::Owner, MessageState::Sent, None)
        .await?;
    desk.finish(tx).await
}

/// What to do with something said in a portal.
enum Verdict {
    Send,
    /// An earlier attempt did it all.
    Done,
    Refused(&'static str),
}

async fn verdict(desk: &Desk<'_>, event: &RoomEvent, portal: &Portal, id: &MessageId) -> Result<Verdict, Failure> {
    let mut read = desk.bridge.store.read().await?;
    let Some(device) = read.find_device(portal.key.device).await? else {
        return Ok(Verdict::Refused("the device of this room was removed."));
    };
    let Some(identity) = read.find_identity(device.identity).await? else {
        return Ok(Verdict::Refused("the owner of this room is gone."));
    };
    let members = read.list_members(identity.id).await?;
    if !may_speak(&identity, &members, &event.sender) {
        return Ok(Verdict::Refused("only the owner and members are heard here."));
    }
    let known = read.find_message(&portal.key, id, &Sender::Owner).await?;
    let done = known.is_some_and(|known| known.state != MessageState::Pending);
    Ok(if done { Verdict::Done } else { Verdict::Send })
}

/// The owner and the members may; nobody else.
pub(super) fn may_speak(identity: &Identity, members: &[ruma::OwnedUserId], sender: &UserId) -> bool {
    identity.user == sender || members.iter().any(|member| member == sender)
}

/// The message behind an event, if it was said in this chat; replies to anything else are sent without a quote.
pub(super) async fn quoted(tx: &mut Tx, portal: &Portal, event: Option<&EventId>) -> Result<Option<Quote>, Failure> {
    let Some(event) = event else { return Ok(None) };
    let message = tx
        .find_message_by_event(event)
        .await?
        .filter(|message| message.portal == portal.key);
    Ok(message.map(|message| Quote {
        id: message.id,
        sender: Some(message.sender),
        text: message.text,
        content: None,
    }))
}

/// Finishes a job with a notice that says why nothing was sent.
pub(super) async fn refuse(desk: &Desk<'_>, event: &RoomEvent, why: &str) -> Result<(), Failure> {
    let mut tx = desk.bridge.store.begin().await?;
    push_notice(&mut tx, desk.bridge, event, &format!("Not sent: {why}")).await?;
    desk.finish(tx).await
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
        return Ok(());
    };
    let id = desk.bridge.network.message_id(event.event.as_str());
    tx.set_message_state(&portal.key, &id, &Sender::Owner, MessageState::Failed, Some(why))
        .await?;
    push_notice(tx, desk.bridge, event, &format!("Not sent: {why}.")).await
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
