//! What the bot understands: in a direct chat with it, or with the prefix in a portal.
//!
//! Reading a command is pure. Doing one may be repeated after a crash; its answer carries a transaction id that
//! follows from the event, so it is shown once.

use super::{Linking, error::Failure, invites, login, worker::Desk};
use crate::{
    matrix::{self, transaction_id},
    model::{Device, Identity, IdentityId, IdentityKind, Lane, Platform, RoomEvent, Work},
};

/// Something the bot can do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Command {
    Help,
    Login(Linking),
    Devices,
    /// Which device, when there are several.
    Logout(Option<String>),
    Ping,
    /// Not understood, with what to say about it.
    Unknown(String),
}

const HELP: &str = "\
I bridge WhatsApp to Matrix. I understand:
help – this list
login qr – link a phone by scanning a code
login phone <number> – link a phone by typing a code into it
devices – your linked devices and how they stand
logout [number] – unlink a device
ping – whether everything answers";

/// Reads a command.
pub(super) fn read(text: &str) -> Command {
    let mut words = text.split_whitespace();
    let word = words.next().unwrap_or_default().to_lowercase();
    let rest: Vec<&str> = words.collect();
    match (word.as_str(), rest.as_slice()) {
        ("help" | "", _) => Command::Help,
        ("login", [] | ["qr"]) => Command::Login(Linking::Qr),
        ("login", ["phone", number @ ..]) => match digits(&number.concat()) {
            Some(number) => Command::Login(Linking::Code(number)),
            None => Command::Unknown("Which number? Write for example `login phone +15550001111`.".into()),
        },
        ("devices", []) => Command::Devices,
        ("logout", []) => Command::Logout(None),
        ("logout", number) => match digits(&number.concat()) {
            Some(number) => Command::Logout(Some(number)),
            None => Command::Unknown("Which device? Write `devices` to see their numbers.".into()),
        },
        ("ping", []) => Command::Ping,
        _ => Command::Unknown(format!("I do not understand `{}`.\n\n{HELP}", shortened(text))),
    }
}

fn digits(number: &str) -> Option<String> {
    let bare: String = number
        .chars()
        .filter(|c| !matches!(c, '+' | '-' | '(' | ')' | '.'))
        .collect();
    ((7..=15).contains(&bare.len()) && bare.bytes().all(|b| b.is_ascii_digit())).then_some(bare)
}

fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() && *c != '`').take(40).collect()
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
    match read(text) {
        Command::Help => answer(desk, event, HELP).await,
        Command::Unknown(what) => answer(desk, event, &what).await,
        Command::Ping => answer(desk, event, &ping(desk).await).await,
        Command::Devices => {
            let identity = own(desk, event).await?;
            let devices = devices(desk, identity.as_ref()).await?;
            answer(desk, event, &list(desk, &devices)).await
        }
        Command::Logout(number) => logout(desk, event, number.as_deref()).await,
        Command::Login(_) if in_portal => {
            answer(desk, event, "Codes are secret: write this to me in a direct chat.").await
        }
        Command::Login(how) => {
            let identity = identity(desk, event).await?;
            login::start(desk, event, identity, how).await?;
            desk.done().await
        }
    }
}

/// Answers and finishes.
async fn answer(desk: &Desk<'_>, event: &RoomEvent, text: &str) -> Result<(), Failure> {
    let txn = transaction_id(&["answer", event.event.as_str()]);
    let content = matrix::outgoing::notice(text, Some(&event.event));
    desk.bridge
        .homeserver
        .as_bot()
        .send(&event.room, "m.room.message", &content, &txn, None)
        .await?;
    desk.done().await
}

async fn own(desk: &Desk<'_>, event: &RoomEvent) -> Result<Option<Identity>, Failure> {
    Ok(desk
        .bridge
        .store
        .read()
        .await?
        .find_identity_by_user(&event.sender)
        .await?)
}

/// The identity of the person who asks, made now if there is none.
async fn identity(desk: &Desk<'_>, event: &RoomEvent) -> Result<IdentityId, Failure> {
    let mut tx = desk.bridge.store.begin().await?;
    if let Some(identity) = tx.find_identity_by_user(&event.sender).await? {
        return Ok(identity.id);
    }
    let identity = Identity {
        id: IdentityId::generate(),
        user: event.sender.clone(),
        kind: IdentityKind::Real,
        matrix_device: String::new(),
        is_host: false,
    };
    tx.insert_identity(&identity).await?;
    tx.commit().await?;
    Ok(identity.id)
}

async fn devices(desk: &Desk<'_>, identity: Option<&Identity>) -> Result<Vec<Device>, Failure> {
    match identity {
        Some(identity) => Ok(desk.bridge.store.read().await?.list_devices(identity.id).await?),
        None => Ok(Vec::new()),
    }
}

fn list(desk: &Desk<'_>, devices: &[Device]) -> String {
    if devices.is_empty() {
        return "You have no linked device. Write `login qr` to link one.".into();
    }
    let lines = devices.iter().map(|device| {
        let link = desk.bridge.link(device.id).unwrap_or_else(|| device.link.clone());
        format!("{} +{}: {}", device.platform.title(), device.number, link.name())
    });
    lines.collect::<Vec<_>>().join("\n")
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

async fn logout(desk: &Desk<'_>, event: &RoomEvent, number: Option<&str>) -> Result<(), Failure> {
    let identity = own(desk, event).await?;
    let devices = devices(desk, identity.as_ref()).await?;
    let device = match (number, devices.as_slice()) {
        (_, []) => return answer(desk, event, "You have no linked device.").await,
        (None, [device]) => device,
        (None, _) => return answer(desk, event, "You have several devices. Write `logout <number>`.").await,
        (Some(number), devices) => match devices.iter().find(|device| device.number == number) {
            Some(device) => device,
            None => return answer(desk, event, "You have no device with that number. Write `devices`.").await,
        },
    };
    let mut tx = desk.bridge.store.begin().await?;
    tx.remove_device(device.id).await?;
    let now = desk.bridge.clock().now();
    tx.push_job(&Lane::device(device.id), &Work::Unlink { device: device.id }, now)
        .await?;
    let text = format!("{} +{} is unlinked.", Platform::WhatsApp.title(), device.number);
    let notice = Work::Notice {
        room: event.room.clone(),
        about: event.event.as_str().to_owned(),
        text,
    };
    tx.push_job(&Lane::room(&event.room), &notice, now).await?;
    desk.bridge.links.forget(device.id);
    desk.finish(tx).await
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn commands_are_read_however_they_are_spaced_and_written() {
        assert_eq!(read("  HELP "), Command::Help);
        assert_eq!(read("login"), Command::Login(Linking::Qr));
        assert_eq!(read("Login  qr"), Command::Login(Linking::Qr));
        assert_eq!(
            read("login phone +1 (555) 000-1111"),
            Command::Login(Linking::Code("15550001111".into()))
        );
        assert_eq!(read("logout"), Command::Logout(None));
        assert_eq!(read("logout +15550001111"), Command::Logout(Some("15550001111".into())));
        assert_eq!(read("devices"), Command::Devices);
        assert_eq!(read("ping"), Command::Ping);
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
