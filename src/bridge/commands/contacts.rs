//! Commands about people: looking through the owner's own address book and chats, and looking at everybody anew.
//!
//! An address book answers its owner only: direct chats with the bot, by the identity of who asks.

use std::collections::BTreeMap;

use super::{
    super::{contacts, error::Failure},
    Asked, Line, Read,
};
use crate::model::{ContactId, Device};

/// How to use them.
pub(super) const HELP: &[&str] = &[
    "search <name> – people of your address book and chats",
    "sync contacts – your address book, and names and pictures of the people you talk with, looked up anew",
];

/// How many people one answer names.
const MOST: usize = 20;

/// A command of this family.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Command {
    Search(String),
    Sync,
}

/// Reads one.
pub(super) fn read(line: &Line<'_>) -> Read<Command> {
    Some(match (line.word.as_str(), line.rest.as_slice()) {
        ("search", []) => Err("Whom? Write for example `search Ana`.".into()),
        ("search", words) => Ok(Command::Search(words.join(" "))),
        ("sync", ["contacts"]) => Ok(Command::Sync),
        _ => return None,
    })
}

/// Does one.
pub(super) async fn take(asked: &Asked<'_>, command: Command) -> Result<(), Failure> {
    if asked.in_portal {
        // Others read along there.
        return asked
            .answer("Your address book is yours: ask me in a direct chat.")
            .await;
    }
    let devices = match asked.own().await? {
        Some(identity) => asked.desk.bridge.store.read().await?.list_devices(identity.id).await?,
        None => Vec::new(),
    };
    if devices.is_empty() {
        return asked
            .answer("You have no linked device. Write `login qr` to link one.")
            .await;
    }
    match command {
        Command::Search(words) => search(asked, &devices, &words).await,
        Command::Sync => sync(asked, &devices).await,
    }
}

async fn search(asked: &Asked<'_>, devices: &[Device], words: &str) -> Result<(), Failure> {
    let bridge = asked.desk.bridge;
    let folded = words.to_lowercase();
    let mut found: BTreeMap<(String, String), ContactId> = BTreeMap::new();
    let mut read = bridge.store.read().await?;
    for device in devices {
        let limit = u32::try_from(MOST + 1).unwrap_or(u32::MAX);
        for (contact, name) in read.search_address_book(device.id, words, limit).await? {
            found.insert((name.to_lowercase(), name), contact);
        }
        for portal in read.list_portals(device.id).await? {
            let Some(contact) = bridge.network.direct_contact(&portal.key.chat) else {
                continue;
            };
            let Some(ghost) = read.find_ghost(&contact).await? else {
                continue;
            };
            let is_new = !found.values().any(|known| *known == contact);
            if let Some(name) = ghost
                .name
                .filter(|name| is_new && name.to_lowercase().contains(&folded))
            {
                found.insert((name.to_lowercase(), name), contact);
            }
        }
    }
    drop(read);
    let mut lines = Vec::new();
    for ((_, name), contact) in found.iter().take(MOST) {
        let ghost = bridge.homeserver.names().ghost(&bridge.network.ghost_name(contact));
        let phone = match devices.first() {
            Some(device) => bridge.network.contact(device.id, contact).await.ok(),
            None => None,
        };
        let phone = phone.and_then(|info| info.phone).map(|phone| format!(" +{phone}"));
        lines.push(format!("{name}:{} {ghost}", phone.unwrap_or_default()));
    }
    if found.len() > MOST {
        lines.push("There are more: search for more of the name.".into());
    }
    if lines.is_empty() {
        return asked.answer("I found nobody of that name.").await;
    }
    asked.answer(&lines.join("\n")).await
}

async fn sync(asked: &Asked<'_>, devices: &[Device]) -> Result<(), Failure> {
    let bridge = asked.desk.bridge;
    let (mut named, mut looked_at) = (0, 0_u32);
    let mut tx = bridge.store.begin().await?;
    for device in devices {
        named += tx.count_address_book(device.id).await?;
        looked_at += contacts::push_sync(bridge, &mut tx, device.id).await?;
    }
    tx.commit().await?;
    let text = format!("Your address book names {named} people. I look anew at {looked_at} whom you talk with.");
    asked.answer(&text).await
}
