//! Presence, last seen, typing and recording.

use std::time::Duration;

use simulator::{Options, Server, Typing};
use whatsapp_rust::prelude::*;
use whatsapp_rust::types::presence::{ChatPresence, ChatPresenceMedia};

use crate::PATIENCE;
use crate::device::{ANA, Device, OWNER, World};

#[tokio::test]
async fn presence_last_seen_is_told_unless_it_is_hidden() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let ana: Jid = world.ana.jid().parse()?;
    device.client.presence().subscribe(&ana).await?;
    assert_eq!(sees(&device).await?, (true, None));
    world.ana.goes_online();
    assert_eq!(sees(&device).await?, (false, None));
    world.ana.goes_offline(Some(1_700_000_000));
    assert_eq!(sees(&device).await?, (true, Some(1_700_000_000)));
    world.ana.keeps_private("last", "none")?;
    world.ana.goes_online();
    assert_eq!(sees(&device).await?, (false, None));
    world.ana.keeps_private("online", "match_last_seen")?;
    world.ana.goes_online();
    assert_eq!(sees(&device).await?, (true, None));
    Ok(())
}

#[tokio::test]
async fn presence_who_unsubscribes_hears_no_more() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let ana: Jid = world.ana.jid().parse()?;
    device.client.presence().subscribe(&ana).await?;
    sees(&device).await?;
    device.client.presence().unsubscribe(&ana).await?;
    // Answered after the unsubscription was read, as stanzas are read in order.
    device.client.fetch_privacy_settings().await?;
    world.ana.goes_online();
    device.client.presence().subscribe(&ana).await?;
    assert_eq!(sees(&device).await?, (false, None));
    world.ana.goes_offline(Some(5));
    assert_eq!(sees(&device).await?, (true, Some(5)));
    Ok(())
}

#[tokio::test]
async fn presence_an_account_is_online_while_a_device_is_available() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let owner = world.server.contact(OWNER, "");
    let device = world.links().await?;
    device.client.presence().set_available().await?;
    owner.waits_for_presence(true, PATIENCE).await?;
    device.client.presence().set_unavailable().await?;
    owner.waits_for_presence(false, PATIENCE).await?;
    device.client.presence().set_available().await?;
    owner.waits_for_presence(true, PATIENCE).await?;
    device.stops().await;
    owner.waits_for_presence(false, PATIENCE).await
}

#[tokio::test]
async fn presence_recording_is_told_from_typing_both_ways() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let ana: Jid = world.ana.jid().parse()?;
    world.ana.records_to(&world.phone, true);
    assert_eq!(
        sees_typing(&device).await?,
        (ChatPresence::Composing, ChatPresenceMedia::Audio)
    );
    world.ana.types_to(&world.phone, true);
    assert_eq!(
        sees_typing(&device).await?,
        (ChatPresence::Composing, ChatPresenceMedia::Text)
    );
    world.ana.types_to(&world.phone, false);
    assert_eq!(sees_typing(&device).await?.0, ChatPresence::Paused);
    device.client.chatstate().send_recording(&ana).await?;
    world
        .ana
        .waits_to_see(&world.phone, Typing::Recording, PATIENCE)
        .await?;
    device.client.chatstate().send_composing(&ana).await?;
    world
        .ana
        .waits_to_see(&world.phone, Typing::Composing, PATIENCE)
        .await?;
    device.client.chatstate().send_paused(&ana).await?;
    world.ana.waits_to_see(&world.phone, Typing::Paused, PATIENCE).await
}

#[tokio::test]
async fn presence_typing_that_is_not_renewed_ends_by_itself() -> anyhow::Result<()> {
    let server = Server::start(Options {
        chat_state_lifetime: Duration::from_millis(50),
        ..Options::default()
    })
    .await?;
    let (phone, ana) = (server.phone(OWNER, "Demo Phone"), server.contact(ANA, "Ana"));
    let device = Device::linked(&server, &phone).await?;
    ana.types_to(&phone, true);
    assert_eq!(sees_typing(&device).await?.0, ChatPresence::Composing);
    assert_eq!(sees_typing(&device).await?.0, ChatPresence::Paused);
    let jid: Jid = ana.jid().parse()?;
    device.client.chatstate().send_composing(&jid).await?;
    device.client.fetch_privacy_settings().await?;
    ana.waits_for_typing(&phone, false, PATIENCE).await
}

async fn sees(device: &Device) -> anyhow::Result<(bool, Option<i64>)> {
    device
        .waits_for(|event| match event {
            Event::Presence(presence) => Some((presence.unavailable, presence.last_seen.map(|time| time.timestamp()))),
            _ => None,
        })
        .await
}

pub(crate) async fn sees_typing(device: &Device) -> anyhow::Result<(ChatPresence, ChatPresenceMedia)> {
    device
        .waits_for(|event| match event {
            Event::ChatPresence(update) => Some((update.state, update.media)),
            _ => None,
        })
        .await
}
