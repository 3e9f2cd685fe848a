//! Commands about one message of a chat: as an answer to it, or about the latest one that fits.

use super::{
    super::{
        error::Failure,
        forgetting,
        outgoing::{self, Stage},
        portals, retry,
    },
    Asked, Line, Read,
};
use crate::{
    matrix::incoming::{Incoming, read as read_event},
    model::{Action, Attendance, ChatKind, Content, Invitation, MessageRef, Sender},
    network,
    store::Message,
};

/// How to use them.
pub(super) const HELP: &[&str] = &[
    "retry – in a chat: ask once more for a file that did not come; as an answer to it, or the latest one",
    "accept – in a chat: join the group of an invitation; as an answer to it, or the latest one",
    "attend yes|no|maybe – in a chat, as an answer to an event: say whether you come",
    "delete-for-me – in a chat, as an answer: delete a message on your own devices only",
];

/// A command of this family.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Command {
    Retry,
    Accept,
    DeleteForMe,
    Attend(Attendance),
}

/// Reads one.
pub(super) fn read(line: &Line<'_>) -> Read<Command> {
    Some(Ok(match line.word.as_str() {
        "retry" => Command::Retry,
        "accept" => Command::Accept,
        "delete-for-me" => Command::DeleteForMe,
        "attend" => match line.rest.first().map(|word| word.to_lowercase()).as_deref() {
            Some("yes") => Command::Attend(Attendance::Yes),
            Some("no") => Command::Attend(Attendance::No),
            Some("maybe") => Command::Attend(Attendance::Maybe),
            _ => return Some(Err("Write `attend yes`, `attend no` or `attend maybe`.".to_owned())),
        },
        _ => return None,
    }))
}

/// Does one.
pub(super) async fn take(asked: &Asked<'_>, command: Command) -> Result<(), Failure> {
    if asked.place != asked.event.room {
        return asked
            .answer("Write this in the room of the chat, as an answer to the message.")
            .await;
    }
    if !asked.in_portal {
        return asked.answer("Write this in the room of the chat.").await;
    }
    // Nobody else commands here.
    let Some(stage) = outgoing::stage(asked.desk, asked.event).await? else {
        return Ok(());
    };
    match command {
        Command::Retry => retry(asked, &stage).await,
        Command::Accept => accept(asked, &stage).await,
        Command::DeleteForMe => delete_for_me(asked, &stage).await,
        Command::Attend(answer) => attend(asked, &stage, answer).await,
    }
}

/// The message that the command answers. `Err`: it answers one that is none of this chat.
async fn answered(asked: &Asked<'_>, stage: &Stage<'_>) -> Result<Option<Result<Message, ()>>, Failure> {
    let Ok(Incoming::Say(said)) = read_event(&asked.event.json) else {
        return Ok(None);
    };
    let Some(target) = said.reply_to else { return Ok(None) };
    Ok(Some(stage.message(&target).await?.ok_or(())))
}

async fn retry(asked: &Asked<'_>, stage: &Stage<'_>) -> Result<(), Failure> {
    let store = &asked.desk.bridge.store;
    let message = match answered(asked, stage).await? {
        Some(Ok(message)) if retry::awaits_media(&message) => message,
        Some(Ok(message)) if matches!(message.content, Some(Content::Media(_))) => {
            return asked.answer("It is here already.").await;
        }
        Some(_) => return asked.answer("That message has no file that could be asked for.").await,
        None => {
            let latest = store.read().await?.find_latest_told(&stage.portal.key, "media").await?;
            match latest {
                Some(message) => message,
                None => return asked.answer("No file is missing in this chat.").await,
            }
        }
    };
    let mut tx = store.begin().await?;
    retry::promise(&mut tx, &message, asked.desk.bridge.clock().now()).await?;
    tx.commit().await?;
    asked.answer(&retry::told(&message)).await
}

async fn accept(asked: &Asked<'_>, stage: &Stage<'_>) -> Result<(), Failure> {
    let bridge = asked.desk.bridge;
    let message = match answered(asked, stage).await? {
        Some(Ok(message)) => Some(message),
        Some(Err(())) => None,
        None => {
            let mut read = bridge.store.read().await?;
            read.find_latest_told(&stage.portal.key, "invitation").await?
        }
    };
    let Some((invitation, inviter)) = message.as_ref().and_then(invited) else {
        return asked.answer("There is no invitation to accept.").await;
    };
    let device = &stage.device;
    let group = match bridge.network.accept(device.id, invitation, inviter).await {
        Ok(group) => group,
        Err(error) if error.is_transient() => return Err(error.into()),
        Err(network::Error::NotFound(_)) => return asked.answer("The invitation is not valid any more.").await,
        Err(error) => return asked.answer(&format!("Not accepted: {error}.")).await,
    };
    let name = Some(invitation.name.as_str()).filter(|name| !name.is_empty());
    portals::ensure(bridge, device, &group, ChatKind::Group, name).await?;
    asked
        .answer(&format!(
            "You are in the group “{}” now.",
            name.unwrap_or("without a name")
        ))
        .await
}

/// The invitation in a message, and who invites.
fn invited(message: &Message) -> Option<(&Invitation, &crate::model::ContactId)> {
    match (&message.content, &message.sender) {
        (Some(Content::Invitation(invitation)), Sender::Contact(inviter)) => Some((invitation, inviter)),
        _ => None,
    }
}

async fn attend(asked: &Asked<'_>, stage: &Stage<'_>, answer: Attendance) -> Result<(), Failure> {
    let message = match answered(asked, stage).await? {
        Some(Ok(message)) if matches!(message.content, Some(Content::Appointment(_))) => message,
        Some(_) => return asked.answer("That is no event of this chat.").await,
        None => return asked.answer("Answer the event with this command.").await,
    };
    let appointment = MessageRef {
        id: message.id,
        sender: message.sender,
    };
    let attend = Action::Attend {
        appointment,
        answer,
        guests: None,
    };
    match stage.act(&attend).await {
        Ok(()) => {}
        Err(Failure::Never(why)) => return asked.answer(&format!("Not answered: {why}.")).await,
        Err(error) => return Err(error),
    }
    let told = match answer {
        Attendance::Yes => "Answered that you come.",
        Attendance::No => "Answered that you do not come.",
        Attendance::Maybe => "Answered that you perhaps come.",
    };
    asked.answer(told).await
}

async fn delete_for_me(asked: &Asked<'_>, stage: &Stage<'_>) -> Result<(), Failure> {
    let message = match answered(asked, stage).await? {
        Some(Ok(message)) => message,
        Some(Err(())) => return asked.answer("That is no message of this chat.").await,
        None => return asked.answer("Answer the message with this command.").await,
    };
    let event = &asked.event.event;
    match forgetting::on_devices(asked.desk, event.as_str(), &message).await {
        Ok(()) => {}
        Err(Failure::Never(why)) => return asked.answer(&format!("Not deleted: {why}.")).await,
        Err(error) => return Err(error),
    }
    if forgetting::is_shared(asked.desk.bridge, stage.identity.id).await? {
        return asked
            .answer("Deleted on the devices of this account; it stays here, where others read too.")
            .await;
    }
    asked.say("Deleted on the devices of this account.").await?;
    forgetting::in_room(asked.desk, &message).await
}
