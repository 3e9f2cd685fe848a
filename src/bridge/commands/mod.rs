//! What the bot understands: in a direct chat with it, or with the prefix in a portal. One file for each family.
//!
//! Reading a command is pure. Doing one may be repeated after a crash; its answer carries a transaction id that
//! follows from the event, so it is shown once.

mod channels;
mod chats;
mod contacts;
mod devices;
mod groups;
mod history;
mod marks;
mod members;
mod messages;
mod timer;

use ruma::{OwnedRoomId, RoomId};

use super::{
    Inner,
    error::{Failure, sentence},
    invites,
    outgoing::may_speak,
    worker::Desk,
};
use crate::{
    matrix::{self, transaction_id},
    model::{Device, Identity, Lane, RoomEvent, Work},
    network,
    store::{Portal, Tx},
};

/// Something the bot can do, by families.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Command {
    Help,
    Ping,
    Contacts(contacts::Command),
    Devices(devices::Command),
    History(history::Command),
    Members(members::Command),
    Marks(marks::Command),
    Timer(timer::Command),
    Messages(messages::Command),
    Chats(chats::Command),
    Groups(groups::Command),
    Channels(channels::Command),
    /// Not understood, with what to say about it.
    Unknown(String),
}

/// What a family makes of a line: `None` when its first word is not of that family.
type Read<C> = Option<Result<C, String>>;

/// A line of a person, divided into words; the first one in small letters.
struct Line<'a> {
    word: String,
    rest: Vec<&'a str>,
}

/// How to use each command, in the order of the list.
fn help() -> String {
    let lines = ["help – this list"]
        .iter()
        .chain(devices::HELP)
        .chain(history::HELP)
        .chain(members::HELP)
        .chain(contacts::HELP)
        .chain(marks::HELP)
        .chain(timer::HELP)
        .chain(messages::HELP)
        .chain(chats::HELP)
        .chain(groups::HELP)
        .chain(channels::HELP)
        .chain(&[
            "in <link to a room> <command> – the command for the room of a chat, given here: where you may only read",
            "ping – whether everything answers",
        ]);
    let lines: Vec<_> = lines.copied().collect();
    format!("I bridge WhatsApp to Matrix. I understand:\n{}", lines.join("\n"))
}

/// Reads a command.
fn read(text: &str) -> Command {
    let mut words = text.split_whitespace();
    let line = Line {
        word: words.next().unwrap_or_default().to_lowercase(),
        rest: words.collect(),
    };
    let known = match line.word.as_str() {
        "help" | "" => Some(Ok(Command::Help)),
        "ping" => Some(Ok(Command::Ping)),
        _ => devices::read(&line)
            .map(|read| read.map(Command::Devices))
            .or_else(|| history::read(&line).map(|read| read.map(Command::History)))
            .or_else(|| members::read(&line).map(|read| read.map(Command::Members)))
            .or_else(|| contacts::read(&line).map(|read| read.map(Command::Contacts)))
            .or_else(|| marks::read(&line).map(|read| read.map(Command::Marks)))
            .or_else(|| timer::read(&line).map(|read| read.map(Command::Timer)))
            .or_else(|| messages::read(&line).map(|read| read.map(Command::Messages)))
            .or_else(|| Some(chats::read(&line)?.map(Command::Chats)))
            .or_else(|| Some(groups::read(&line)?.map(Command::Groups)))
            .or_else(|| channels::read(&line).map(|read| read.map(Command::Channels))),
    };
    match known {
        Some(Ok(command)) => command,
        Some(Err(why)) => Command::Unknown(why),
        None => Command::Unknown(format!("I do not understand `{}`.\n\n{}", shortened(text), help())),
    }
}

/// A telephone number as people write it, digits only.
fn digits(words: &[&str]) -> Option<String> {
    let bare: String = words
        .concat()
        .chars()
        .filter(|c| !matches!(c, '+' | '-' | '(' | ')' | '.'))
        .collect();
    ((7..=15).contains(&bare.len()) && bare.bytes().all(|b| b.is_ascii_digit())).then_some(bare)
}

fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() && *c != '`').take(40).collect()
}

/// Where and by whom a command was given.
struct Asked<'a> {
    desk: &'a Desk<'a>,
    event: &'a RoomEvent,
    /// The room it is about: that of a chat, or where it was given.
    place: &'a RoomId,
    /// Whether it is about the room of a chat, else it was given in a direct chat with the bot.
    in_portal: bool,
}

/// The room that a command names, and the command itself: `in <link to a room> <command>`. Where people may not write
/// they cannot give commands either.
fn elsewhere(text: &str) -> Option<(OwnedRoomId, &str)> {
    let (first, rest) = text.trim_start().split_once(char::is_whitespace)?;
    if !first.eq_ignore_ascii_case("in") {
        return None;
    }
    let (place, command) = rest.trim_start().split_once(char::is_whitespace)?;
    let place = place.strip_prefix("https://matrix.to/#/").unwrap_or(place);
    let place = place
        .split('?')
        .next()
        .unwrap_or(place)
        .replace("%21", "!")
        .replace("%3A", ":");
    Some((RoomId::parse(place).ok()?, command))
}

/// Does a command.
pub(super) async fn take(desk: &Desk<'_>, event: &RoomEvent, text: &str, in_portal: bool) -> Result<(), Failure> {
    let bridge = desk.bridge;
    if !in_portal {
        let owner = bridge.store.read().await?.is_management_room(&event.room).await?;
        if owner.as_ref() != Some(&event.sender) {
            return desk.done().await;
        }
    }
    if !invites::welcome(bridge, &event.sender) {
        return desk.done().await;
    }
    let named = if in_portal { None } else { elsewhere(text) };
    let (place, text, in_portal) = match &named {
        Some((place, command)) => (&**place, *command, true),
        None => (&*event.room, text, in_portal),
    };
    let asked = Asked {
        desk,
        event,
        place,
        in_portal,
    };
    match read(text) {
        Command::Help => asked.answer(&help()).await,
        Command::Unknown(what) => asked.answer(&what).await,
        Command::Ping => asked.answer(&ping(desk).await).await,
        Command::Contacts(command) => contacts::take(&asked, command).await,
        Command::Devices(command) => devices::take(&asked, command).await,
        Command::History(command) => history::take(&asked, command).await,
        Command::Members(command) => members::take(&asked, command).await,
        Command::Marks(command) => marks::take(&asked, command).await,
        Command::Timer(command) => timer::take(&asked, command).await,
        Command::Messages(command) => messages::take(&asked, command).await,
        Command::Chats(command) => chats::take(&asked, command).await,
        Command::Groups(command) => groups::take(&asked, command).await,
        Command::Channels(command) => channels::take(&asked, command).await,
    }
}

impl Asked<'_> {
    /// Answers and finishes.
    async fn answer(&self, text: &str) -> Result<(), Failure> {
        self.say(text).await?;
        self.desk.done().await
    }

    /// Answers.
    async fn say(&self, text: &str) -> Result<(), Failure> {
        let txn = transaction_id(&["answer", self.event.event.as_str()]);
        let content = matrix::outgoing::notice(text, Some(&self.event.event));
        self.desk
            .bridge
            .homeserver
            .as_bot()
            .send(&self.event.room, "m.room.message", &content, &txn, None)
            .await?;
        Ok(())
    }

    /// Finishes with an effect, and answers by a job of the same transaction.
    async fn finish(&self, mut tx: Tx, text: &str) -> Result<(), Failure> {
        let notice = Work::Notice {
            room: self.event.room.clone(),
            about: self.event.event.as_str().to_owned(),
            text: text.to_owned(),
        };
        let now = self.desk.bridge.clock().now();
        tx.push_job(&Lane::room(&self.event.room), &notice, now).await?;
        self.desk.finish(tx).await
    }

    /// The device the person who asks writes through. `None`: there is none, and that is answered.
    async fn device(&self) -> Result<Option<Device>, Failure> {
        let device = invites::device_of(self.desk.bridge, &self.event.sender).await?;
        if device.is_none() {
            self.answer("You have no linked device. Write `login qr` to link one.")
                .await?;
        }
        Ok(device)
    }

    /// The chat of the room in which this was asked, by somebody who is heard there. `None`: it is no such room or
    /// person, and that is answered.
    async fn chat(&self) -> Result<Option<Chat>, Failure> {
        let mut read = self.desk.bridge.store.read().await?;
        let Some(portal) = read.find_portal_by_room(self.place).await? else {
            drop(read);
            self.answer("Write this in the room of the chat, with the prefix before it.")
                .await?;
            return Ok(None);
        };
        let owned = read.find_owned_device(portal.key.device).await?;
        let members = match &owned {
            Some((_, identity)) => read.list_members(identity.id).await?,
            None => Vec::new(),
        };
        drop(read);
        match owned {
            Some((device, identity)) if may_speak(&identity, &members, &self.event.sender) => Ok(Some(Chat {
                portal,
                device,
                identity,
            })),
            _ => {
                self.answer("Only the owner and members are heard here.").await?;
                Ok(None)
            }
        }
    }

    /// Answers what the network said no to; what may pass is for later.
    async fn refused(&self, error: network::Error) -> Result<(), Failure> {
        if error.is_transient() {
            return Err(error.into());
        }
        self.answer(&format!("That did not work: {}.", sentence(&error))).await
    }

    /// The identity of the person who asks.
    async fn own(&self) -> Result<Option<Identity>, Failure> {
        let mut read = self.desk.bridge.store.read().await?;
        Ok(read.find_identity_by_user(&self.event.sender).await?)
    }
}

/// A chat that a command is about.
struct Chat {
    portal: Portal,
    device: Device,
    identity: Identity,
}

/// What a command leaves behind that could not be done.
pub(super) async fn given_up(tx: &mut Tx, bridge: &Inner, event: &RoomEvent, why: &str) -> Result<(), Failure> {
    if tx.is_management_room(&event.room).await?.as_ref() != Some(&event.sender) {
        return Ok(());
    }
    push_notice(tx, bridge, event, &event.room, &format!("That did not work: {why}.")).await
}

/// Promises a notice in a room about a command.
async fn push_notice(tx: &mut Tx, bridge: &Inner, event: &RoomEvent, room: &RoomId, text: &str) -> Result<(), Failure> {
    let notice = Work::Notice {
        room: room.to_owned(),
        about: event.event.as_str().to_owned(),
        text: text.to_owned(),
    };
    tx.push_job(&Lane::room(room), &notice, bridge.clock().now()).await?;
    Ok(())
}

async fn ping(desk: &Desk<'_>) -> String {
    let ready = super::watch::ready(desk.bridge).await;
    let word = |ok: bool| if ok { "answers" } else { "does not answer" };
    format!(
        "Pong. The database {}, the homeserver {}.",
        word(ready.database),
        word(ready.homeserver)
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::Linking, *};

    #[test]
    fn the_list_in_the_documents_has_every_command() {
        let list = include_str!("../../../docs/bridging.md");
        let (_, list) = list.split_once("## Bot commands").unwrap();
        for line in help().lines().skip(1) {
            let (command, _) = line.split_once(" – ").unwrap();
            for name in command.split(" / ") {
                let name = name.split(' ').next().unwrap();
                assert!(
                    list.contains(&format!("`{name}")),
                    "`{name}` is not in docs/bridging.md"
                );
            }
        }
    }

    #[test]
    fn commands_are_read_however_they_are_spaced_and_written() {
        let device = Command::Devices;
        assert_eq!(read("  HELP "), Command::Help);
        assert_eq!(read("login"), device(devices::Command::Login(Linking::Qr)));
        assert_eq!(read("Login  qr"), device(devices::Command::Login(Linking::Qr)));
        assert_eq!(
            read("login phone +1 (555) 000-1111"),
            device(devices::Command::Login(Linking::Code("15550001111".into())))
        );
        assert_eq!(read("logout"), device(devices::Command::Logout(None)));
        assert_eq!(
            read("logout +15550001111"),
            device(devices::Command::Logout(Some("15550001111".into())))
        );
        assert_eq!(read("devices"), device(devices::Command::List));
        assert_eq!(read("ping"), Command::Ping);
    }

    #[test]
    fn b60_a_command_may_name_the_room_it_is_about() {
        let read = |text: &'static str| elsewhere(text).map(|(room, command)| (room.to_string(), command));
        let wanted = Some(("!abc:hs.test".to_owned(), "unfollow"));
        assert_eq!(read("in !abc:hs.test unfollow"), wanted);
        assert_eq!(
            read(" In https://matrix.to/#/!abc:hs.test?via=hs.test unfollow"),
            wanted
        );
        assert_eq!(read("in https://matrix.to/#/%21abc%3Ahs.test unfollow"), wanted);
        assert_eq!(read("invite-link --reset"), None);
        assert_eq!(read("in the room"), None);
        assert_eq!(read("in"), None);
    }

    #[test]
    fn an_unknown_command_says_what_exists() {
        let Command::Unknown(text) = read("dance `now`") else {
            panic!("understood")
        };
        assert!(text.contains("dance now") && text.contains("login qr"));
        assert!(matches!(read("login phone home"), Command::Unknown(_)));
        assert!(matches!(read("logout everything"), Command::Unknown(_)));
    }

    proptest! {
        #[test]
        fn reading_a_command_never_fails(text in "\\PC{0,60}") {
            let _ = read(&text);
        }
    }
}
