//! What became of a message of a chat that was not sent: a row says so, and why, whether it was refused before anything
//! of it went or given up later.
//!
//! Deliberately not here: who is told (`outgoing`).

use super::{
    super::{Inner, error::Failure},
    may_speak, prefixed,
    stage::Stage,
};
use crate::{
    matrix::incoming::{CALL, Incoming, PICTURE_MARK, Said, read},
    model::{Content, RoomEvent, Sender},
    store::{Direction, Message, MessageState, Portal, REFUSED, Tx},
};

/// Two events of one ring are not further apart than so many milliseconds.
const ONE_RING: i64 = 10_000;

/// Whether the same ring was refused already: for a while clients tell each by an event of the old kind and one of the new.
pub(super) async fn rang(stage: &Stage<'_>) -> Result<bool, Failure> {
    let (key, event) = (&stage.portal.key, stage.event);
    let within = (event.at.plus_millis(-ONE_RING), event.at.plus_millis(ONE_RING));
    let call = Content::Unsupported(CALL.to_owned());
    let mut read = stage.desk.bridge.store.read().await?;
    Ok(read.was_refused(key, &event.sender, &call, within).await?)
}

/// Writes down that what an event says does not arrive; whether some of it did all the same.
pub(super) async fn keep(
    tx: &mut Tx,
    bridge: &Inner,
    portal: &Portal,
    event: &RoomEvent,
    why: &str,
) -> Result<bool, Failure> {
    let id = bridge.network.message_id(event.event.as_str());
    let known = tx.find_message(&portal.key, &id, &Sender::Owner).await?;
    if let Some(leads) = known.filter(|leads| leads.speaker.as_deref() == Some(&*event.sender)) {
        let is_sent = !tx.fail_message(&portal.key, &id, why).await?;
        tx.fail_pieces(&leads, why).await?;
        return Ok(is_sent);
    }
    let Some(said) = said(bridge, event) else {
        return Ok(false);
    };
    // An event that names another as what it is, and is another's.
    if tx.find_message_by_event(&event.event).await?.is_some() {
        return Ok(false);
    }
    // What a stranger said is not the owner's: only that it was refused is kept.
    let is_heard = is_heard(tx, portal, event).await?;
    let content = Some(said.content).filter(|_| is_heard);
    let row = Message {
        portal: portal.key.clone(),
        id,
        sender: Sender::Owner,
        room: Some(event.room.clone()),
        event: Some(event.event.clone()),
        direction: Direction::Out,
        text: content.as_ref().and_then(Content::text).map(str::to_owned),
        kind: REFUSED.to_owned(),
        reply_to: None,
        at: event.at,
        state: MessageState::Failed,
        error: Some(why.to_owned()),
        transaction: None,
        content,
        speaker: Some(event.sender.clone()),
        edited_at: None,
    };
    tx.insert_message(&row).await?;
    Ok(false)
}

/// The message that an event is. Commands are none, nor is what is about another message.
fn said(bridge: &Inner, event: &RoomEvent) -> Option<Said> {
    let said = match read(&event.json) {
        Ok(Incoming::Say(said) | Incoming::Moved { said, .. }) => said,
        Ok(Incoming::Notice(said)) if bridge.config.notices => said,
        _ => return None,
    };
    let is_mark = matches!(&said.content, Content::Unsupported(kind) if kind == PICTURE_MARK);
    let command = said
        .content
        .text()
        .and_then(|text| prefixed(&bridge.config.command_prefix, text));
    (!is_mark && command.is_none()).then_some(*said)
}

/// Whether who sent an event is heard in its room.
async fn is_heard(tx: &mut Tx, portal: &Portal, event: &RoomEvent) -> Result<bool, Failure> {
    let Some((_, identity)) = tx.find_owned_device(portal.key.device).await? else {
        return Ok(false);
    };
    let members = tx.list_members(identity.id).await?;
    Ok(may_speak(&identity, &members, &event.sender))
}
