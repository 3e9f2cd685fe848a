//! Commands about devices: linking, listing and unlinking them.

use std::fmt::Write as _;

use super::{
    super::{Error, Linking, devices, error::Failure, linking, links::ago, login, worker::Desk},
    Asked, Line, Read, digits,
};
use crate::{
    model::{Device, Identity, IdentityId, IdentityKind, Lane, Platform, RoomEvent, Work},
    network::{self, LinkAnswer},
};

/// How to use them.
pub(super) const HELP: &[&str] = &[
    "login qr – link a phone by scanning a code",
    "login phone <number> – link a phone by typing a code into it",
    "cancel – end the linking that runs",
    "devices – your linked devices and how they stand",
    "devices <number> – how one of them stood lately",
    "reconnect [number] – connect a device again that WhatsApp had sent away",
    "logout [number] – unlink a device",
];

/// A command of this family.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Command {
    Login(Linking),
    /// End the attempt that runs.
    Cancel,
    /// What the person's authenticator said, or that both sides show the same code.
    Answer(LinkAnswer),
    List,
    /// How one stood lately.
    Past(String),
    /// Which device, when there are several.
    Reconnect(Option<String>),
    /// Which device, when there are several.
    Logout(Option<String>),
}

/// Reads one.
pub(super) fn read(line: &Line<'_>) -> Read<Command> {
    Some(match (line.word.as_str(), line.rest.as_slice()) {
        ("login", [] | ["qr"]) => Ok(Command::Login(Linking::Qr)),
        ("login", ["phone", number @ ..]) => match digits(number) {
            Some(number) => Ok(Command::Login(Linking::Code(number))),
            None => Err("Which number? Write for example `login phone +15550001111`.".into()),
        },
        ("login", _) => Err("Write `login qr` or `login phone <number>`.".into()),
        ("cancel", _) => Ok(Command::Cancel),
        ("passkey", []) => Err("Write `passkey <answer>`, with what the browser answered.".into()),
        ("passkey", answer) => Ok(Command::Answer(LinkAnswer::Passkey(answer.join(" ")))),
        ("confirm", _) => Ok(Command::Answer(LinkAnswer::Same)),
        ("devices", []) => Ok(Command::List),
        ("devices", number) => numbered(number).map(Command::Past),
        ("reconnect", []) => Ok(Command::Reconnect(None)),
        ("reconnect", number) => numbered(number).map(|number| Command::Reconnect(Some(number))),
        ("logout", []) => Ok(Command::Logout(None)),
        ("logout", number) => numbered(number).map(|number| Command::Logout(Some(number))),
        _ => return None,
    })
}

fn numbered(words: &[&str]) -> Result<String, String> {
    digits(words).ok_or_else(|| "Which device? Write `devices` to see their numbers.".into())
}

/// Does one.
pub(super) async fn take(asked: &Asked<'_>, command: Command) -> Result<(), Failure> {
    match command {
        Command::List => {
            let identity = asked.own().await?;
            let devices = devices(asked.desk, identity.as_ref()).await?;
            asked.answer(&list(asked.desk, &devices).await?).await
        }
        Command::Past(number) => past(asked, &number).await,
        Command::Reconnect(number) => reconnect(asked, number.as_deref()).await,
        Command::Logout(number) => logout(asked, number.as_deref()).await,
        Command::Login(_) if asked.in_portal => {
            asked
                .answer("Codes are secret: write this to me in a direct chat.")
                .await
        }
        Command::Login(how) => {
            let identity = identity(asked.desk, asked.event).await?;
            match login::start(asked.desk, asked.event, identity, how).await? {
                Some(what) => asked.answer(&what).await,
                None => asked.desk.done().await,
            }
        }
        Command::Cancel => cancel(asked).await,
        Command::Answer(answer) => respond(asked, answer).await,
    }
}

async fn cancel(asked: &Asked<'_>) -> Result<(), Failure> {
    let runs = asked
        .own()
        .await?
        .is_some_and(|identity| asked.desk.bridge.linkings.cancel(identity.id));
    if runs {
        return asked.answer("I end the linking.").await;
    }
    asked.answer("There is nothing to cancel.").await
}

/// A person's answer to a question of the running attempt. What comes of it is shown as its next step.
async fn respond(asked: &Asked<'_>, answer: LinkAnswer) -> Result<(), Failure> {
    let Some(identity) = asked.own().await? else {
        return asked.answer("No linking runs. Write `login qr`.").await;
    };
    match linking::answer(asked.desk.bridge, identity.id, answer).await {
        Ok(()) => asked.desk.done().await,
        Err(Error::NotFound(_)) => asked.answer("No linking runs. Write `login qr`.").await,
        Err(error) => asked.answer(&format!("That did not work: {error}")).await,
    }
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

async fn list(desk: &Desk<'_>, devices: &[Device]) -> Result<String, Failure> {
    if devices.is_empty() {
        return Ok("You have no linked device. Write `login qr` to link one.".into());
    }
    let now = desk.bridge.clock().now();
    let mut lines = Vec::with_capacity(devices.len());
    for device in devices {
        let link = desk.bridge.link(device.id).unwrap_or_else(|| device.link.clone());
        let life = desk.bridge.store.read().await?.device_life(device.id).await?;
        let mut told = format!("{} +{}: {}", device.platform.title(), device.number, link.name());
        if let Some(at) = life.connected_at.filter(|_| !link.is_up()) {
            let _ = write!(told, ", last connected {} ago", ago(at, now));
        }
        if let Some(at) = life.phone_seen_at {
            let _ = write!(told, ", phone last seen {} ago", ago(at, now));
        }
        lines.push(told);
    }
    Ok(lines.join("\n"))
}

/// One of the asker's devices, or what to say instead.
async fn one(asked: &Asked<'_>, number: Option<&str>) -> Result<Result<Device, &'static str>, Failure> {
    let identity = asked.own().await?;
    let mut devices = devices(asked.desk, identity.as_ref()).await?;
    Ok(match (number, devices.len()) {
        (_, 0) => Err("You have no linked device."),
        (None, 1) => Ok(devices.remove(0)),
        (None, _) => Err("You have several devices. Write their number too; `devices` lists them."),
        (Some(number), _) => devices
            .into_iter()
            .find(|device| device.number == number)
            .ok_or("You have no device with that number. Write `devices`."),
    })
}

/// How a device stood lately, newest first.
async fn past(asked: &Asked<'_>, number: &str) -> Result<(), Failure> {
    const MOST: i64 = 15;
    let device = match one(asked, Some(number)).await? {
        Ok(device) => device,
        Err(why) => return asked.answer(why).await,
    };
    let changes = {
        let mut read = asked.desk.bridge.store.read().await?;
        read.list_link_changes(device.id, MOST).await?
    };
    let lines = changes
        .iter()
        .map(|change| format!("{} {}", change.at.rfc3339(), change.state));
    let text = format!(
        "{} +{}, newest first:\n{}",
        device.platform.title(),
        device.number,
        lines.collect::<Vec<_>>().join("\n")
    );
    asked.answer(&text).await
}

async fn reconnect(asked: &Asked<'_>, number: Option<&str>) -> Result<(), Failure> {
    let device = match one(asked, number).await? {
        Ok(device) => device,
        Err(why) => return asked.answer(why).await,
    };
    let bridge = asked.desk.bridge;
    if bridge.link(device.id).is_some_and(|link| link.is_up()) {
        return asked.answer("It is connected.").await;
    }
    let text = match bridge.network.connect(device.id).await {
        Ok(()) => "I try. `devices` says how it stands.",
        Err(network::Error::NotLinked) => "WhatsApp has ended this session. Link it again: `login qr`.",
        Err(error) => return Err(error.into()),
    };
    asked.answer(text).await
}

async fn logout(asked: &Asked<'_>, number: Option<&str>) -> Result<(), Failure> {
    let (desk, event) = (asked.desk, asked.event);
    let device = match one(asked, number).await? {
        Ok(device) => device,
        Err(why) => return asked.answer(why).await,
    };
    let mut tx = desk.bridge.store.begin().await?;
    devices::discard(&mut tx, device.id).await?;
    let now = desk.bridge.clock().now();
    let text = format!("{} +{} is unlinked.", Platform::WhatsApp.title(), device.number);
    let notice = Work::Notice {
        room: event.room.clone(),
        about: event.event.as_str().to_owned(),
        text,
    };
    tx.push_job(&Lane::room(&event.room), &notice, now).await?;
    desk.finish(tx).await?;
    desk.bridge.links.forget(device.id);
    Ok(())
}
