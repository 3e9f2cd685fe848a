//! Commands about chats of all kinds: beginning and deleting them, and what is what.

use super::{
    super::{abandon, error::Failure, portals, recipients},
    Asked, Chat, Line, Read, push_notice, sentence,
};
use crate::{
    model::{Action, ChatKind, IdentityKind, Recipient, Sender},
    network,
};

/// How to use them.
pub(super) const HELP: &[&str] = &[
    "start-chat <number> – begin a chat, or find it",
    "delete-chat – delete the chat of this room here, and on the phone where it can be",
    "id – what WhatsApp calls the chat of this room",
    "version – which version this is",
];

/// A command of this family.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Command {
    Start(Recipient),
    Delete,
    Id,
    Version,
}

/// Reads one.
pub(super) fn read(line: &Line<'_>) -> Read<Command> {
    Some(match line.word.as_str() {
        "start-chat" => match recipients::read(&line.rest.join(" ")) {
            Some(Recipient::Invite(_)) => Err("This is a link. Write `join <link>` to follow it.".into()),
            Some(recipient) => Ok(Command::Start(recipient)),
            None => Err("With whom? Write for example `start-chat +15550001111`.".into()),
        },
        "delete-chat" => Ok(Command::Delete),
        "id" => Ok(Command::Id),
        "version" => Ok(Command::Version),
        _ => return None,
    })
}

/// Does one.
pub(super) async fn take(asked: &Asked<'_>, command: Command) -> Result<(), Failure> {
    match command {
        Command::Start(recipient) => start(asked, &recipient).await,
        Command::Delete => delete(asked).await,
        Command::Id => id(asked).await,
        Command::Version => {
            asked
                .answer(&format!("This is wharf {}.", env!("CARGO_PKG_VERSION")))
                .await
        }
    }
}

async fn start(asked: &Asked<'_>, recipient: &Recipient) -> Result<(), Failure> {
    let Some(device) = asked.device().await? else {
        return Ok(());
    };
    let bridge = asked.desk.bridge;
    let chat = match bridge.network.find(device.id, recipient).await {
        Ok(chat) => chat,
        Err(network::Error::NotFound(_)) => {
            return asked
                .answer(&format!("{} is not on WhatsApp.", spelled(recipient)))
                .await;
        }
        Err(error) => return asked.refused(error).await,
    };
    let kind = match bridge.network.direct_contact(&chat) {
        Some(_) => ChatKind::Direct,
        None => ChatKind::Group,
    };
    let room = portals::ensure(bridge, &device, &chat, kind, None).await?;
    portals::invite(bridge, &room.id, &asked.event.sender).await?;
    let name = room.name.as_deref().unwrap_or("them");
    let text = format!("Your chat with {name} is here: https://matrix.to/#/{}", room.id);
    asked.answer(&text).await
}

fn spelled(recipient: &Recipient) -> String {
    match recipient {
        Recipient::Phone(digits) => format!("+{digits}"),
        Recipient::Address(address) => address.clone(),
        Recipient::Invite(link) => link.clone(),
    }
}

async fn id(asked: &Asked<'_>) -> Result<(), Failure> {
    if !asked.in_portal {
        let text = format!(
            "You are {}. In the room of a chat I tell what WhatsApp calls it.",
            asked.event.sender
        );
        return asked.answer(&text).await;
    }
    let Some(Chat { portal, device, .. }) = asked.chat().await? else {
        return Ok(());
    };
    let kind = match portal.kind {
        ChatKind::Direct => "direct chat",
        ChatKind::Group => "group",
        ChatKind::Status => "place of statuses",
        ChatKind::Channel => "channel",
        ChatKind::Other => "chat",
    };
    let text = format!(
        "This {kind} is {} on {}, through +{}. The room is {}.",
        portal.key.chat.as_str(),
        device.platform.title(),
        device.number,
        asked.place
    );
    asked.answer(&text).await
}

/// Deletes a chat. A group the account is still in stays on the phone, and comes back with its next message.
async fn delete(asked: &Asked<'_>) -> Result<(), Failure> {
    let Some(chat) = asked.chat().await? else {
        return Ok(());
    };
    if !may_decide(asked, &chat) {
        return asked.answer("Only the owner may delete the chat.").await;
    }
    let bridge = asked.desk.bridge;
    let key = &chat.portal.key;
    let still_in = chat.portal.kind != ChatKind::Direct && is_in(asked, &chat).await?;
    let told = if still_in {
        let (stay, leave) = match chat.portal.kind {
            ChatKind::Channel => ("You still follow the channel", "unfollow"),
            _ => ("You are still in the group", "leave"),
        };
        format!(
            "The room of the chat is deleted. {stay}, so another one comes with its next message; `{leave}` before \
             `delete-chat` is for good."
        )
    } else {
        let id = bridge.network.message_id(asked.event.event.as_str());
        match bridge.network.act(key, &id, &Action::Discard).await {
            Ok(()) => "The chat is deleted, on the phone too.".to_owned(),
            Err(error) if error.is_transient() => return Err(error.into()),
            Err(error) => format!("The chat is deleted here, but not on the phone: {}.", sentence(&error)),
        }
    };
    let mut tx = abandon::portal(asked.desk, &chat.portal).await?;
    if let Some(room) = tx.find_management_room(&asked.event.sender).await? {
        let name = chat.portal.name.as_deref().unwrap_or("A chat");
        push_notice(&mut tx, bridge, asked.event, &room, &format!("{name}: {told}")).await?;
    }
    asked.desk.finish(tx).await
}

/// Whether the account is in a group.
async fn is_in(asked: &Asked<'_>, chat: &Chat) -> Result<bool, Failure> {
    let key = &chat.portal.key;
    match asked.desk.bridge.network.group(key.device, &key.chat).await {
        Ok(group) => Ok(group.rank(&Sender::Owner).is_some()),
        Err(error) if error.is_transient() => Err(error.into()),
        Err(_) => Ok(false),
    }
}

/// Chats of an identity that is nobody in particular are its members' own.
pub(super) fn may_decide(asked: &Asked<'_>, chat: &Chat) -> bool {
    chat.identity.kind == IdentityKind::Registered || chat.identity.user == asked.event.sender
}
