//! Commands about devices: linking, listing and unlinking them.

use super::{
    super::{Linking, error::Failure, login, worker::Desk},
    Asked, Line, Read, digits,
};
use crate::model::{Device, Identity, IdentityId, IdentityKind, Lane, Platform, RoomEvent, Work};

/// How to use them.
pub(super) const HELP: &[&str] = &[
    "login qr – link a phone by scanning a code",
    "login phone <number> – link a phone by typing a code into it",
    "devices – your linked devices and how they stand",
    "logout [number] – unlink a device",
];

/// A command of this family.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Command {
    Login(Linking),
    List,
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
        ("devices", _) => Ok(Command::List),
        ("logout", []) => Ok(Command::Logout(None)),
        ("logout", number) => match digits(number) {
            Some(number) => Ok(Command::Logout(Some(number))),
            None => Err("Which device? Write `devices` to see their numbers.".into()),
        },
        _ => return None,
    })
}

/// Does one.
pub(super) async fn take(asked: &Asked<'_>, command: Command) -> Result<(), Failure> {
    match command {
        Command::List => {
            let identity = asked.own().await?;
            let devices = devices(asked.desk, identity.as_ref()).await?;
            asked.answer(&list(asked.desk, &devices)).await
        }
        Command::Logout(number) => logout(asked, number.as_deref()).await,
        Command::Login(_) if asked.in_portal => {
            asked
                .answer("Codes are secret: write this to me in a direct chat.")
                .await
        }
        Command::Login(how) => {
            let identity = identity(asked.desk, asked.event).await?;
            login::start(asked.desk, asked.event, identity, how).await?;
            asked.desk.done().await
        }
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

async fn logout(asked: &Asked<'_>, number: Option<&str>) -> Result<(), Failure> {
    let (desk, event) = (asked.desk, asked.event);
    let identity = asked.own().await?;
    let devices = devices(desk, identity.as_ref()).await?;
    let device = match (number, devices.as_slice()) {
        (_, []) => return asked.answer("You have no linked device.").await,
        (None, [device]) => device,
        (None, _) => return asked.answer("You have several devices. Write `logout <number>`.").await,
        (Some(number), devices) => match devices.iter().find(|device| device.number == number) {
            Some(device) => device,
            None => {
                return asked
                    .answer("You have no device with that number. Write `devices`.")
                    .await;
            }
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
