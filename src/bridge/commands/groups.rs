//! Commands about groups: making, finding, joining and leaving them.

use super::{
    super::{error::Failure, groups::push_compare, new_chats, portals, recipients},
    Asked, Chat, Line, Read,
    chats::may_decide,
    digits,
};
use crate::{
    model::{Action, ChatId, ChatKind, ContactId, Device, GroupChange, Recipient, Sender},
    network::{self, Invited, Joined, NewGroup},
};

/// How to use them.
pub(super) const HELP: &[&str] = &[
    "create-group <name> <numbers> – make a group; a name that ends in digits goes between quotes",
    "join <link> – follow an invite link",
    "resolve-link <link> – what is behind an invite link",
    "invite-link [--reset] – the link into the group of this room, or a new one in its place",
    "leave – leave the group of this room",
    "sync groups – all groups, compared with what their rooms show",
];

/// A command of this family.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Command {
    Create { name: String, people: Vec<String> },
    Join(String),
    Resolve(String),
    Link { reset: bool },
    Leave,
    Sync,
}

/// Reads one.
pub(super) fn read(line: &Line<'_>) -> Read<Command> {
    let words = line.rest.as_slice();
    Some(match (line.word.as_str(), words) {
        ("create-group", words) => match named_people(words) {
            Some((name, people)) => Ok(Command::Create { name, people }),
            None => Err("Write for example `create-group Family +15550001111 +15550002222`.".into()),
        },
        ("join", [address]) => invite(address).map(Command::Join),
        ("resolve-link", [address]) => invite(address).map(Command::Resolve),
        ("join" | "resolve-link", _) => Err("Which link? It begins with `https://chat.whatsapp.com/`.".into()),
        ("invite-link", []) => Ok(Command::Link { reset: false }),
        ("invite-link", ["--reset"]) => Ok(Command::Link { reset: true }),
        ("invite-link", _) => Err("Write `invite-link` or `invite-link --reset`.".into()),
        ("leave", _) => Ok(Command::Leave),
        ("sync", ["groups"]) => Ok(Command::Sync),
        ("sync", _) => Err("Write `sync contacts`, `sync groups` or `sync history`.".into()),
        _ => return None,
    })
}

/// A name, between quotes or up to the first of the numbers at the end, and the numbers.
fn named_people(words: &[&str]) -> Option<(String, Vec<String>)> {
    let text = words.join(" ");
    let (name, rest) = if let Some(quoted) = text.strip_prefix(['"', '“']) {
        let (name, rest) = quoted.split_once(['"', '”'])?;
        (name.to_owned(), rest.split_whitespace().map(str::to_owned).collect())
    } else {
        let begin = words
            .iter()
            .rposition(|word| number(word).is_none())
            .map_or(0, |at| at + 1);
        let (name, rest) = words.split_at(begin);
        (
            name.join(" "),
            rest.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>(),
        )
    };
    let people = rest.iter().map(|word| number(word)).collect::<Option<Vec<_>>>()?;
    (!name.trim().is_empty()).then(|| (name.trim().to_owned(), people))
}

fn number(word: &str) -> Option<String> {
    digits(&[word.trim_end_matches([',', ';'])])
}

/// A link as people paste it, with or without what stands before its host.
fn invite(word: &str) -> Result<String, String> {
    let word = word.trim_matches(['<', '>']);
    let link = match word.split_once("://") {
        Some(_) => word.to_owned(),
        None => format!("https://{word}"),
    };
    match recipients::read(&link) {
        Some(Recipient::Invite(link)) if link.contains("chat.whatsapp.com/") => Ok(link),
        _ => Err("This is no invite link. It begins with `https://chat.whatsapp.com/`.".into()),
    }
}

/// Does one.
pub(super) async fn take(asked: &Asked<'_>, command: Command) -> Result<(), Failure> {
    match command {
        Command::Create { name, people } => create(asked, name, &people).await,
        Command::Join(link) => join(asked, &link).await,
        Command::Resolve(link) => resolve(asked, &link).await,
        Command::Link { reset } => link(asked, reset).await,
        Command::Leave => leave(asked).await,
        Command::Sync => sync(asked).await,
    }
}

/// Compares the groups of the person's own devices, or of the one they write through, as after a connect.
async fn sync(asked: &Asked<'_>) -> Result<(), Failure> {
    let bridge = asked.desk.bridge;
    let mut devices = match asked.own().await? {
        Some(identity) => bridge.store.read().await?.list_devices(identity.id).await?,
        None => Vec::new(),
    };
    if devices.is_empty() {
        match asked.device().await? {
            Some(device) => devices.push(device),
            None => return Ok(()),
        }
    }
    let mut tx = bridge.store.begin().await?;
    let mut rooms = 0;
    for device in &devices {
        let portals = tx.list_portals(device.id).await?;
        rooms += portals.iter().filter(|portal| portal.kind == ChatKind::Group).count();
        push_compare(&mut tx, device.id, bridge.clock().now()).await?;
    }
    asked
        .finish(tx, &format!("I compare your groups with their {rooms} rooms."))
        .await
}

async fn create(asked: &Asked<'_>, title: String, numbers: &[String]) -> Result<(), Failure> {
    let Some(device) = asked.device().await? else {
        return Ok(());
    };
    let network = &asked.desk.bridge.network;
    let mut people: Vec<ContactId> = Vec::new();
    for number in numbers.iter().filter(|number| **number != device.number) {
        let found = network.find(device.id, &Recipient::Phone(number.clone())).await;
        match found.map(|chat| network.direct_contact(&chat)) {
            Ok(Some(contact)) if people.contains(&contact) => {}
            Ok(Some(contact)) => people.push(contact),
            Ok(None) | Err(network::Error::NotFound(_)) => {
                return asked
                    .answer(&format!("+{number} is not on WhatsApp. The group was not made."))
                    .await;
            }
            Err(error) => return asked.refused(error).await,
        }
    }
    let new = NewGroup {
        title,
        people,
        asked_at: asked.desk.job.created_at,
        others: Vec::new(),
    };
    let people = new.people.clone();
    let bridge = asked.desk.bridge;
    match new_chats::make_group(bridge, &device, new, asked.event.event.as_str()).await? {
        Ok(chat) => {
            let outside = new_chats::outside(bridge, &device, &chat, &people).await?;
            let outside = if outside.is_empty() {
                String::new()
            } else {
                let names: Vec<_> = outside.iter().map(|name| format!("+{name}")).collect();
                let names = names.join(", ");
                format!(" {names} could not be added; `invite-link` there gives you a link to send.")
            };
            open(asked, &device, &chat, "The group", &outside).await
        }
        Err(error) => asked.refused(error).await,
    }
}

async fn join(asked: &Asked<'_>, link: &str) -> Result<(), Failure> {
    let Some(device) = asked.device().await? else {
        return Ok(());
    };
    match asked.desk.bridge.network.join(device.id, link).await {
        Ok(Joined::In(chat) | Joined::Before(chat)) => open(asked, &device, &chat, "You are in the group", "").await,
        Ok(Joined::Asked) => {
            asked
                .answer("An administrator of the group must let this account in first, and is asked to.")
                .await
        }
        Err(network::Error::NotFound(_)) => asked.answer(NOWHERE).await,
        Err(error) => asked.refused(error).await,
    }
}

const NOWHERE: &str = "This link leads nowhere, or does not any more.";

/// Points to the room of a group.
async fn open(asked: &Asked<'_>, device: &Device, chat: &ChatId, what: &str, more: &str) -> Result<(), Failure> {
    let bridge = asked.desk.bridge;
    let room = portals::ensure(bridge, device, chat, ChatKind::Group, None).await?;
    portals::invite(bridge, &room.id, &asked.event.sender).await?;
    let name = room.name.as_deref().unwrap_or("without a name");
    asked
        .answer(&format!(
            "{what} {name} is here: https://matrix.to/#/{}.{more}",
            room.id
        ))
        .await
}

async fn resolve(asked: &Asked<'_>, link: &str) -> Result<(), Failure> {
    let Some(device) = asked.device().await? else {
        return Ok(());
    };
    match asked.desk.bridge.network.look_behind(device.id, link).await {
        Ok(invited) => asked.answer(&told(&invited)).await,
        Err(network::Error::NotFound(_)) => asked.answer(NOWHERE).await,
        Err(error) => asked.refused(error).await,
    }
}

fn told(invited: &Invited) -> String {
    let size = match invited.size {
        Some(1) => ", one person".to_owned(),
        Some(size) => format!(", {size} people"),
        None => String::new(),
    };
    let topic = invited
        .topic
        .as_ref()
        .map(|topic| format!("\n{topic}"))
        .unwrap_or_default();
    let approval = if invited.approval {
        " An administrator decides who comes in."
    } else {
        ""
    };
    format!(
        "Behind this link is the group {}{size}.{approval} Write `join <link>` to join it.{topic}",
        invited.title
    )
}

async fn link(asked: &Asked<'_>, reset: bool) -> Result<(), Failure> {
    let Some(Chat { portal, .. }) = asked.chat().await? else {
        return Ok(());
    };
    if portal.kind != ChatKind::Group {
        return asked.answer("This is no group.").await;
    }
    let network = &asked.desk.bridge.network;
    if reset {
        let id = network.message_id(asked.event.event.as_str());
        let action = Action::Group(GroupChange::LinkReset);
        if let Err(error) = network.act(&portal.key, &id, &action).await {
            return asked.refused(error).await;
        }
    }
    match network.invite_link(&portal.key).await {
        Ok(link) if reset => {
            asked
                .answer(&format!("The new link is {link} – the old one leads nowhere now."))
                .await
        }
        Ok(link) => asked.answer(&format!("Whoever has this link can join: {link}")).await,
        Err(error) => asked.refused(error).await,
    }
}

async fn leave(asked: &Asked<'_>) -> Result<(), Failure> {
    let Some(chat) = asked.chat().await? else {
        return Ok(());
    };
    if chat.portal.kind != ChatKind::Group {
        return asked.answer("This is no group. `delete-chat` deletes the chat.").await;
    }
    if !may_decide(asked, &chat) {
        return asked.answer("Only the owner may leave the group.").await;
    }
    let network = &asked.desk.bridge.network;
    let id = network.message_id(asked.event.event.as_str());
    let action = Action::Group(GroupChange::Left(vec![Sender::Owner]));
    match network.act(&chat.portal.key, &id, &action).await {
        Ok(()) => {
            asked
                .answer("You left the group. This room stays; `delete-chat` deletes it.")
                .await
        }
        Err(error) => asked.refused(error).await,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read_text(text: &str) -> Read<Command> {
        let mut words = text.split_whitespace();
        read(&Line {
            word: words.next().unwrap_or_default().to_lowercase(),
            rest: words.collect(),
        })
    }

    #[test]
    fn a_new_group_has_a_name_and_people() {
        let create = |name: &str, people: &[&str]| {
            Some(Ok(Command::Create {
                name: name.to_owned(),
                people: people.iter().map(|one| (*one).to_owned()).collect(),
            }))
        };
        let (ana, bob) = ("15550001111", "15550002222");
        assert_eq!(read_text("create-group Family +15550001111"), create("Family", &[ana]));
        assert_eq!(
            read_text("create-group The  old crew +1-555-000-1111, 15550002222"),
            create("The old crew", &[ana, bob])
        );
        assert_eq!(
            read_text("create-group \"Summer 20252026\" 15550001111"),
            create("Summer 20252026", &[ana])
        );
        assert_eq!(read_text("create-group Alone"), create("Alone", &[]));
        for text in [
            "create-group",
            "create-group 15550001111",
            "create-group \"Family\" ana",
        ] {
            assert!(matches!(read_text(text), Some(Err(_))), "{text}");
        }
    }

    #[test]
    fn links_are_read_as_people_paste_them() {
        let link = "https://chat.whatsapp.com/AbC123xyz";
        let same = [
            link,
            "chat.whatsapp.com/AbC123xyz",
            "<https://chat.whatsapp.com/AbC123xyz>",
        ];
        for text in same {
            assert_eq!(read_text(&format!("join {text}")), Some(Ok(Command::Join(link.into()))));
        }
        assert!(matches!(read_text("join https://example.org/AbC123xyz"), Some(Err(_))));
        assert!(matches!(read_text("resolve-link"), Some(Err(_))));
        assert_eq!(
            read_text("invite-link --reset"),
            Some(Ok(Command::Link { reset: true }))
        );
    }

    proptest! {
        #[test]
        fn reading_a_group_never_fails(text in "create-group \\PC{0,60}") {
            let _ = read_text(&text);
        }
    }
}
