//! Commands about channels: following them and not any more.

use super::{
    super::{error::Failure, groups, portals},
    Asked, Line, Read,
};
use crate::{model::ChatKind, network};

/// How to use them.
pub(super) const HELP: &[&str] = &[
    "follow <link> – follow a WhatsApp channel; what it tells stands in a room of its own",
    "unfollow – follow the channel of this room no more",
];

/// A command of this family.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Command {
    Follow(String),
    Unfollow,
}

/// Reads one.
pub(super) fn read(line: &Line<'_>) -> Read<Command> {
    Some(match (line.word.as_str(), line.rest.as_slice()) {
        ("follow", [channel]) => Ok(Command::Follow((*channel).to_owned())),
        ("follow", _) => Err("Which channel? Write `follow https://whatsapp.com/channel/…`.".into()),
        ("unfollow", _) => Ok(Command::Unfollow),
        _ => return None,
    })
}

/// Does one.
pub(super) async fn take(asked: &Asked<'_>, command: Command) -> Result<(), Failure> {
    match command {
        Command::Follow(link) => follow(asked, &link).await,
        Command::Unfollow => unfollow(asked).await,
    }
}

async fn follow(asked: &Asked<'_>, link: &str) -> Result<(), Failure> {
    let bridge = asked.desk.bridge;
    let Some(identity) = asked.own().await? else {
        return asked
            .answer("You have no linked device. Write `login qr` to link one.")
            .await;
    };
    let devices = bridge.store.read().await?.list_devices(identity.id).await?;
    let live = devices
        .iter()
        .find(|device| bridge.link(device.id).is_some_and(|link| link.is_up()));
    let Some(device) = live else {
        return asked
            .answer("You have no device that is connected. `devices` says more.")
            .await;
    };
    let chat = match bridge.network.follow(device.id, link).await {
        Ok(chat) => chat,
        Err(network::Error::NotFound(_)) => return asked.answer("There is no channel behind this link.").await,
        Err(error) if error.is_transient() => return Err(error.into()),
        Err(error) => return asked.answer(&format!("That did not work: {error}")).await,
    };
    let room = portals::ensure(bridge, device, &chat, ChatKind::Channel, None).await?;
    let name = room.name.unwrap_or_else(|| "the channel".into());
    asked
        .answer(&format!("You follow {name}: https://matrix.to/#/{}", room.id))
        .await
}

async fn unfollow(asked: &Asked<'_>) -> Result<(), Failure> {
    let bridge = asked.desk.bridge;
    let mut read = bridge.store.read().await?;
    let portal = read.find_portal_by_room(asked.place).await?;
    let Some(portal) = portal.filter(|portal| portal.kind == ChatKind::Channel) else {
        drop(read);
        return asked.answer("Write this in the room of the channel.").await;
    };
    let device = read.find_device(portal.key.device).await?;
    drop(read);
    let own = asked.own().await?.map(|identity| identity.id);
    if device.map(|device| device.identity) != own || own.is_none() {
        return asked.answer("Only the owner of the device may do that.").await;
    }
    match bridge.network.unfollow(portal.key.device, &portal.key.chat).await {
        Ok(()) => {
            let mut tx = bridge.store.begin().await?;
            groups::push_look(&mut tx, bridge, &portal.key).await?;
            asked.finish(tx, "You follow this channel no more.").await
        }
        Err(error) if error.is_transient() => Err(error.into()),
        Err(error) => asked.answer(&format!("That did not work: {error}")).await,
    }
}
