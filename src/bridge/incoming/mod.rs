//! Network → Matrix: shows one event in its room and tells the webhooks.
//!
//! The Matrix transaction ids are hashes of what was said and by whom, so a job that is done again after a crash shows
//! nothing twice. One file for each family: new messages (`say`), what stands around them (`frame`), what takes the place
//! of a message (`instead`), what happens to messages (`changes`) and to whole albums (`albums`), marks on them (`marks`),
//! what is kept from disappearing (`keeping`), polls (`polls`), places that move (`places`), what comes sealed (`sealed`),
//! media and pictures brought over (`media`), what was said before (`past`), people named in words (`people`).

mod albums;
mod changes;
#[cfg(test)]
mod corpus;
mod frame;
mod instead;
mod keeping;
mod marks;
mod media;
mod past;
mod people;
mod places;
mod polls;
mod say;
mod scene;
mod sealed;
mod settings;

use std::borrow::Cow;

use super::{
    abandon,
    error::Failure,
    groups,
    live::{Said, What},
    worker::Desk,
};
use crate::{
    model::{Action, ChatKind, Device, DeviceId, Event, Identity, Lane, PortalKey, Sender, Work},
    store::Tx,
};
use scene::Scene;

pub(super) use changes::{expire, take_all_away, take_away};
pub(super) use media::{fetch, fetch_given_up};
pub(super) use past::{open, show_older};
pub(super) use polls::close as close_poll;

/// Does a job of kind `incoming`.
pub(super) async fn show(desk: &Desk<'_>, event: &Event) -> Result<(), Failure> {
    if event.chat_kind == ChatKind::Status && !desk.bridge.config.status {
        return desk.done().await;
    }
    if event.chat_kind == ChatKind::Other {
        tracing::info!("a message of a kind of chat that is not bridged yet was passed over");
        return desk.done().await;
    }
    let (device, identity) = match whose(desk, event).await? {
        Whose::Of(device, identity) => (device, identity),
        Whose::Nobody => return desk.done().await,
        Whose::By(successor) => return pass_on(desk, event, successor).await,
    };
    let event = &by_names_for_life(desk, event).await?;
    let scene = Scene {
        desk,
        event,
        key: PortalKey::new(event.device, event.chat.clone()),
        device,
        identity,
    };
    let Action::Sealed { target, kind, .. } = &event.action else {
        return act(&scene).await;
    };
    let Some(action) = sealed::open(&scene, target, *kind).await? else {
        return Ok(());
    };
    let opened = Event {
        action,
        ..scene.event.clone()
    };
    act(&scene.with(&opened)).await
}

/// Shows what happened, and tells those who look.
async fn act(scene: &Scene<'_>) -> Result<(), Failure> {
    let desk = scene.desk;
    if scene.is_of_another().await? {
        tracing::info!("somebody would change what another one said");
        return desk.done().await;
    }
    let outcome = match &scene.event.action {
        Action::Say(said) => say::show(scene, said).await,
        Action::Edit { target, content } => changes::edit(scene, target, content).await,
        Action::Move { target, place, course } => places::go(scene, target, *place, *course).await,
        Action::Stray => places::stray(scene).await,
        Action::Delete { target } => changes::delete(scene, target).await,
        Action::Forget { target } => changes::forget(scene, target).await,
        Action::React { target, emoji } => marks::react(scene, target, emoji.as_deref()).await,
        Action::Vote { poll, options } => polls::vote(scene, poll, options).await,
        Action::AddOption { poll, option } => polls::add_option(scene, poll, option).await,
        Action::EndPoll { poll } => polls::end(scene, poll).await,
        Action::Attend {
            appointment,
            answer,
            guests,
        } => marks::attend(scene, appointment, (*answer, *guests)).await,
        Action::Pin {
            target,
            pinned,
            seconds,
        } => marks::pin(scene, target, *pinned, *seconds).await,
        Action::Keep { target, kept } => keeping::keep(scene, target, *kept).await,
        Action::Timer(seconds) => changes::timer(scene, *seconds).await,
        Action::Group(change) => groups::take(desk, &scene.device, scene.event, change).await,
        Action::Mark(mark) => settings::mark(scene, *mark).await,
        Action::Name(name) => settings::name(scene, name.as_deref()).await,
        Action::Discard => discard(desk, scene).await,
        Action::Clear { until } => changes::clear(scene, *until).await,
        // They come as news, never as a job; what is sealed was opened before.
        Action::Typing(_) | Action::Read { .. } | Action::Sealed { .. } => desk.done().await,
    };
    if outcome.is_ok() {
        let now = desk.bridge.clock().now();
        desk.bridge
            .live
            .tell(&scene.device, now, || What::Incoming(said(scene)));
    }
    outcome
}

/// An event as those see it who look.
fn said(scene: &Scene<'_>) -> Said {
    let (kind, text) = scene.event.action.summary();
    Said {
        chat: Some(scene.sender_name().to_owned()),
        kind: kind.to_owned(),
        text: text.map(str::to_owned),
        id: None,
    }
}

/// What came while somebody was known by a name that was given up since belongs to the name for life.
async fn by_names_for_life<'a>(desk: &Desk<'_>, event: &'a Event) -> Result<Cow<'a, Event>, Failure> {
    let network = &desk.bridge.network;
    let mut read = desk.bridge.store.read().await?;
    let mut event = Cow::Borrowed(event);
    if let Some(contact) = network.direct_contact(&event.chat)
        && let Some(name) = read.find_alias(&contact).await?
    {
        event.to_mut().chat = network.direct_chat(&name);
    }
    if let Sender::Contact(contact) = &event.sender
        && let Some(name) = read.find_alias(contact).await?
    {
        event.to_mut().sender = Sender::Contact(name);
    }
    Ok(event)
}

/// The chat was deleted on the phone: its room goes too, and another one comes with the next message. What was said
/// since then stays: settings may come long after they were made.
async fn discard(desk: &Desk<'_>, scene: &Scene<'_>) -> Result<(), Failure> {
    let (known, is_used) = {
        let mut read = desk.bridge.store.read().await?;
        let is_used = read.is_chat_used_since(&scene.key, scene.event.at).await?;
        (read.find_portal(&scene.key).await?, is_used)
    };
    let Some(portal) = known.filter(|_| !is_used) else {
        return desk.done().await;
    };
    let tx = abandon::portal(desk, &portal).await?;
    desk.finish(tx).await
}

/// Whose event it is.
enum Whose {
    Of(Device, Identity),
    /// There is nobody to show it to.
    Nobody,
    /// Its device is gone, and this one has its rooms.
    By(DeviceId),
}

async fn whose(desk: &Desk<'_>, event: &Event) -> Result<Whose, Failure> {
    let mut read = desk.bridge.store.read().await?;
    let Some(device) = read.find_device(event.device).await? else {
        // A network tells nothing of a device before its row is there: this one is gone.
        if let Some(successor) = read.find_successor(event.device).await? {
            return Ok(Whose::By(successor));
        }
        tracing::info!("a message of a device that was removed was passed over");
        return Ok(Whose::Nobody);
    };
    match read.find_identity(device.identity).await? {
        Some(identity) => Ok(Whose::Of(device, identity)),
        None => Err(Failure::Never("the identity is gone".into())),
    }
}

/// Hands an event to the device that took the place of the one that was told: there it is shown, or known already.
async fn pass_on(desk: &Desk<'_>, event: &Event, successor: DeviceId) -> Result<(), Failure> {
    let event = Event {
        device: successor,
        ..event.clone()
    };
    let lane = Lane::incoming(&PortalKey::new(successor, event.chat.clone()));
    let mut tx = desk.bridge.store.begin().await?;
    tx.push_job(&lane, &Work::Incoming(Box::new(event)), desk.bridge.clock().now())
        .await?;
    desk.finish(tx).await
}

/// What a given-up event leaves behind: one notice, when its room is there.
pub(super) async fn given_up(tx: &mut Tx, desk: &Desk<'_>, event: &Event) -> Result<(), Failure> {
    if let Action::Mark(_) | Action::Name(_) = event.action {
        return Ok(());
    }
    let key = PortalKey::new(event.device, event.chat.clone());
    if let Some(room) = tx.find_portal(&key).await?.and_then(|portal| portal.room) {
        let notice = Work::Notice {
            about: format!("in:{}", event.id.as_str()),
            text: format!(
                "A {} could not be shown here. Look for it on your phone.",
                event.action.name()
            ),
            room: room.clone(),
        };
        tx.push_job(&Lane::room(&room), &notice, desk.bridge.clock().now())
            .await?;
    }
    Ok(())
}
