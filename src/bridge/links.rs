//! How the links of devices stand: every change is kept and counted at once, and told to people and webhooks when it
//! lasts.
//!
//! Each change of a link pushes a job that tells of it: at once, or after the grace time when the state passes by
//! itself. The job tells what holds when it runs, and only when people were told of another state last: a link that
//! breaks and is mended within the grace time shows nothing.

use std::{sync::Arc, time::Duration};

use serde_json::json;

use super::{
    Inner,
    error::Failure,
    groups,
    live::{self, What},
    presence,
    worker::Desk,
};
use crate::{
    model::{
        Delivery, DeliveryId, Device, DeviceId, Identity, IdentityKind, Lane, LinkSignal, LinkState, LogoutReason,
        Timestamp, WebhookEvent, Work, lasting,
    },
    store::{self, Tx},
};

/// How often phones are looked after at most and at least.
const LOOK: (Duration, Duration) = (Duration::from_millis(500), Duration::from_hours(1));

/// Moves the link of a device along its table.
pub(super) async fn moved(bridge: &Arc<Inner>, device: DeviceId, signal: LinkSignal) {
    let told = Told::of(&signal);
    let before = bridge.links.get(device).unwrap_or(LinkState::Unlinked);
    let mut after = before.clone().next(signal);
    if after == LinkState::Connected
        && let Some(since) = phone_missed(bridge, device).await
    {
        after = after.next(LinkSignal::PhoneMissed(since));
    }
    if before == after {
        return;
    }
    let here = Arc::clone(bridge);
    // Both talk to servers, which may take their time.
    match told {
        Told::Stands => drop(
            bridge
                .tasks
                .spawn(async move { presence::connected(&here, device).await }),
        ),
        Told::Broke => drop(bridge.tasks.spawn(async move { presence::unsure(&here, device).await })),
        Told::Other => {}
    }
    tracing::info!(device.id = %device, before = before.name(), after = after.name(), "the link of a device changed");
    metrics::counter!("wharf_link_changes_total", "link" => after.name()).increment(1);
    bridge.links.set(device, after.clone());
    if let Err(error) = keep(bridge, device, &after).await {
        tracing::error!(%error, device.id = %device, "the link of a device could not be stored");
    }
    live::tell_of(bridge, device, What::Link(after.name())).await;
}

/// What a signal means for who is there.
enum Told {
    /// The connection stands.
    Stands,
    /// It does not.
    Broke,
    /// Neither.
    Other,
}

impl Told {
    fn of(signal: &LinkSignal) -> Self {
        match signal {
            LinkSignal::Connected => Self::Stands,
            LinkSignal::Lost(_) | LinkSignal::Ended(_) => Self::Broke,
            LinkSignal::Started
            | LinkSignal::Abandoned
            | LinkSignal::Woken(_)
            | LinkSignal::PhoneMissed(_)
            | LinkSignal::PhoneSeen => Self::Other,
        }
    }
}

async fn keep(bridge: &Inner, device: DeviceId, link: &LinkState) -> Result<(), store::Error> {
    let mut tx = bridge.store.begin().await?;
    if *link == LinkState::Connected {
        groups::push_compare(&mut tx, device, bridge.clock().now()).await?;
        tx.device_heard(device).await?;
    }
    // An attempt to link has no row yet.
    if let Some(change) = tx.change_link(device, link).await? {
        let now = bridge.clock().now();
        let due = match link.passing_since() {
            Some(since) => since.plus_millis(bridge.config.grace_millis()),
            None => now,
        };
        tx.push_job(&Lane::link(device, change), &Work::TellLink { device }, due)
            .await?;
    }
    tx.commit().await
}

/// The owner's phone did something.
pub(super) async fn phone_seen(bridge: &Arc<Inner>, device: DeviceId, at: Timestamp) {
    let kept = async {
        let mut tx = bridge.store.begin().await?;
        tx.saw_phone(device, at).await?;
        tx.commit().await
    };
    if let Err(error) = kept.await {
        tracing::warn!(%error, "that a phone was seen could not be stored");
        return;
    }
    if phone_missed(bridge, device).await.is_none() {
        moved(bridge, device, LinkSignal::PhoneSeen).await;
    }
}

/// Since when the phone of a device was not seen, when that is too long.
async fn phone_missed(bridge: &Inner, device: DeviceId) -> Option<Timestamp> {
    let limit = i64::from(bridge.config.phone_offline_after) * 1000;
    if limit == 0 {
        return None;
    }
    let life = async { bridge.store.read().await?.device_life(device).await };
    let seen = life.await.ok()?.phone_seen_at?;
    (bridge.clock().now().millis() - seen.millis() > limit).then_some(seen)
}

/// Starts to look after the phones of connected devices.
pub(super) fn start(bridge: &Arc<Inner>) {
    if bridge.config.phone_offline_after == 0 {
        return;
    }
    let pause = Duration::from_secs(u64::from(bridge.config.phone_offline_after) / 20).clamp(LOOK.0, LOOK.1);
    let bridge = Arc::clone(bridge);
    bridge.tasks.clone().spawn(async move {
        loop {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = bridge.stop.cancelled() => return,
            }
            for device in bridge.links.devices() {
                if bridge.links.get(device) == Some(LinkState::Connected)
                    && let Some(since) = phone_missed(&bridge, device).await
                {
                    moved(&bridge, device, LinkSignal::PhoneMissed(since)).await;
                }
            }
        }
    });
}

/// Does a job of kind `tell_link`.
pub(super) async fn tell(desk: &Desk<'_>, device: DeviceId) -> Result<(), Failure> {
    let bridge = desk.bridge;
    let now = bridge.clock().now();
    let mut tx = bridge.store.begin().await?;
    let Some(device) = tx.find_device(device).await? else {
        return desk.finish(tx).await;
    };
    let passing = device.link.passing_since();
    if passing.is_some_and(|since| now < since.plus_millis(bridge.config.grace_millis())) {
        // It changed again meanwhile: that change has a job of its own.
        return desk.finish(tx).await;
    }
    if tx.tell_link(device.id, &device.link).await?
        && let Some(identity) = tx.find_identity(device.identity).await?
    {
        let sentence = sentence(&device, now);
        tell_people(&mut tx, &identity, &device, &sentence, now).await?;
        tell_webhooks(&mut tx, &identity, &device, &sentence, now).await?;
    }
    desk.finish(tx).await
}

/// The owner hears of it in the chat with the bot; for an identity without an owner its members do.
async fn tell_people(
    tx: &mut Tx,
    identity: &Identity,
    device: &Device,
    sentence: &str,
    now: Timestamp,
) -> Result<(), Failure> {
    let people = match identity.kind {
        IdentityKind::Real => vec![identity.user.clone()],
        IdentityKind::Registered => tx.list_members(identity.id).await?,
    };
    for person in people {
        let Some(room) = tx.find_management_room(&person).await? else {
            continue;
        };
        let notice = Work::Notice {
            room: room.clone(),
            about: format!("link:{}:{}", device.id, now.millis()),
            text: sentence.to_owned(),
        };
        tx.push_job(&Lane::room(&room), &notice, now).await?;
    }
    Ok(())
}

async fn tell_webhooks(
    tx: &mut Tx,
    identity: &Identity,
    device: &Device,
    sentence: &str,
    now: Timestamp,
) -> Result<(), Failure> {
    for webhook in tx.list_webhooks(identity.id).await? {
        if !webhook.active || !webhook.events.contains(&WebhookEvent::Device) {
            continue;
        }
        let id = DeliveryId::generate();
        let body = json!({
            "id": id.to_string(),
            "type": WebhookEvent::Device.as_str(),
            "created_at": now.rfc3339(),
            "device_id": device.number,
            "chat_id": null,
            "to": identity.user,
            "data": {
                "platform": device.platform.as_str(),
                "state": device.link.name(),
                "message": sentence,
            },
        });
        let delivery = Delivery {
            id,
            webhook: webhook.id,
            contact: None,
            created_at: now,
            body: body.to_string(),
            media: None,
        };
        tx.insert_delivery(&delivery, "").await?;
        tx.push_job(
            &Lane::device_delivery(webhook.id, device.id),
            &Work::Deliver(delivery),
            now,
        )
        .await?;
    }
    Ok(())
}

/// What people are told of a state, with what they can do.
fn sentence(device: &Device, now: Timestamp) -> String {
    let who = format!("{} +{}", device.platform.title(), device.number);
    match &device.link {
        LinkState::Connected => format!("{who} is connected again."),
        LinkState::Connecting { since } | LinkState::Reconnecting { since } => format!(
            "{who} has not been connected for {}. I keep trying; messages wait until it is.",
            ago(*since, now)
        ),
        LinkState::PhoneOffline { since } => format!(
            "{who}: phone offline. It has shown no sign of life for {}. WhatsApp logs linked devices out when the \
             phone stays away for about two weeks: open WhatsApp on it.",
            ago(*since, now)
        ),
        LinkState::Unlinked | LinkState::Linking => format!("{who} is not linked. Write `login qr` to link it."),
        LinkState::LoggedOut { reason } => match reason {
            LogoutReason::Unlinked => format!(
                "{who} is logged out. Messages do not cross until you link it again: `login qr`. Its rooms stay."
            ),
            LogoutReason::Replaced => format!(
                "{who} is replaced: another program took its session over. Stop the other one, then write `reconnect`."
            ),
            LogoutReason::Banned => format!(
                "{who} is banned: WhatsApp has locked the account. Open WhatsApp on the phone to see for how long and \
                 to ask for a review. When it works there again, write `reconnect`."
            ),
            LogoutReason::Outdated => format!(
                "{who} is outdated: WhatsApp no longer accepts this version of the bridge. Whoever runs it must \
                 install a newer one. The device stays linked."
            ),
            LogoutReason::Refused => format!(
                "{who} is refused: WhatsApp does not let this session in. Write `reconnect` to try again, or link \
                 it again: `login qr`."
            ),
        },
    }
}

/// How long ago something was, for people.
pub(super) fn ago(then: Timestamp, now: Timestamp) -> String {
    let seconds = (now.millis() - then.millis()).max(0) / 1000;
    lasting(seconds.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{model::IdentityId, store::testing::device};

    #[test]
    fn what_is_to_come_is_no_time_ago() {
        let now = Timestamp::from_secs(1_000_000);
        assert_eq!(ago(now.plus_millis(-61_000), now), "1 minute");
        assert_eq!(ago(now.plus_millis(5_000), now), "0 seconds");
    }

    #[test]
    fn every_state_that_a_person_must_mend_says_what_to_do() {
        for (reason, what_to_do) in [
            (LogoutReason::Unlinked, "`login qr`"),
            (LogoutReason::Replaced, "`reconnect`"),
            (LogoutReason::Banned, "on the phone"),
            (LogoutReason::Outdated, "install a newer one"),
            (LogoutReason::Refused, "`reconnect`"),
        ] {
            let link = LinkState::LoggedOut { reason };
            let device = Device {
                link: link.clone(),
                ..device(IdentityId::generate())
            };
            let told = sentence(&device, Timestamp::from_secs(1));
            assert!(told.contains(what_to_do) && told.contains(link.name()), "{told}");
        }
    }
}
