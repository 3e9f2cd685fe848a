//! Receipts, retries, typing and presence.

use whatsapp_rust::prelude::*;
use whatsapp_rust::types::presence::ReceiptType;

use crate::PATIENCE;
use crate::device::{Device, World};

#[tokio::test]
async fn a_delivered_and_a_read_message_are_confirmed_to_the_device() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let id = device.says(&world.ana.jid(), "did you get it").await?;
    hears_receipt(&device, &id, ReceiptType::Delivered).await?;
    world.ana.reads(&world.phone, std::slice::from_ref(&id));
    hears_receipt(&device, &id, ReceiptType::Read).await
}

#[tokio::test]
async fn a_contact_learns_that_its_message_was_read() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let id = world.ana.says(&world.phone, "read me");
    device.gets_one().await?;
    let chat: Jid = world.ana.jid().parse()?;
    device.client.mark_as_read(&chat, None, &[id.as_str()]).await?;
    world.ana.waits_for_receipt(&id, "read", PATIENCE).await
}

#[tokio::test]
async fn a_message_the_contact_cannot_decrypt_is_asked_for_again_and_read() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let id = device.says(&world.ana.jid(), "first").await?;
    world.ana.waits_for(|received| received.id == id, PATIENCE).await?;
    for text in ["second", "third"] {
        world.ana.fails_to_decrypt_next();
        let id = device.says(&world.ana.jid(), text).await?;
        let received = world.ana.waits_for(|received| received.id == id, PATIENCE).await?;
        assert_eq!(received.text.as_deref(), Some(text));
        assert_eq!(world.ana.raw_count(&id), 2);
    }
    assert!(world.ana.unreadable().is_empty());
    device.says(&world.ana.jid(), "fourth").await?;
    world
        .ana
        .waits_for(|received| received.text.as_deref() == Some("fourth"), PATIENCE)
        .await?;
    Ok(())
}

#[tokio::test]
async fn the_very_first_message_can_be_asked_for_again() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    world.ana.fails_to_decrypt_next();
    let id = device.says(&world.ana.jid(), "cold").await?;
    world.ana.waits_for(|received| received.id == id, PATIENCE).await?;
    Ok(())
}

#[tokio::test]
async fn a_message_that_fails_twice_is_asked_for_with_keys() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    world.ana.fails_to_decrypt_next();
    world.ana.fails_to_decrypt_next();
    let id = device.says(&world.ana.jid(), "third time lucky").await?;
    world.ana.waits_for(|received| received.id == id, PATIENCE).await?;
    assert_eq!(world.ana.raw_count(&id), 3);
    Ok(())
}

#[tokio::test]
async fn a_message_the_device_cannot_decrypt_is_encrypted_again() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    for text in ["first", "second"] {
        world.ana.garbles_next();
        let id = world.ana.says(&world.phone, text);
        let got = device.gets_one().await?;
        assert_eq!((got.id.as_str(), got.text.as_str()), (id.as_str(), text));
        assert!(world.ana.has_receipt(&id, "retry"));
    }
    world.ana.says(&world.phone, "third");
    assert_eq!(device.gets_one().await?.text, "third");
    world.phone.waits_for_empty_backlog(PATIENCE).await
}

#[tokio::test]
async fn a_damaged_copy_from_the_phone_does_not_stop_the_next_one() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    world.server.contact("15550001111", "").garbles_next();
    world.phone.says(&world.ana, "from the phone");
    world.phone.says(&world.ana, "next");
    // The client does not ask its own phone again, it drops the copy; the next one is fine.
    assert_eq!(device.gets_one().await?.text, "next");
    Ok(())
}

#[tokio::test]
async fn typing_is_seen_both_ways() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    world.ana.types_to(&world.phone, true);
    let chat = device
        .waits_for(|event| match event {
            Event::ChatPresence(presence) => Some(presence.source.chat.to_string()),
            _ => None,
        })
        .await?;
    assert_eq!(chat, world.ana.jid());
    let ana: Jid = world.ana.jid().parse()?;
    device.client.chatstate().send_composing(&ana).await?;
    world.ana.waits_for_typing(&world.phone, true, PATIENCE).await?;
    device.client.chatstate().send_paused(&ana).await?;
    world.ana.waits_for_typing(&world.phone, false, PATIENCE).await
}

#[tokio::test]
async fn a_subscriber_sees_who_comes_and_goes() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let ana: Jid = world.ana.jid().parse()?;
    device.client.presence().subscribe(&ana).await?;
    for (online, unavailable) in [(None, true), (Some(true), false), (Some(false), true)] {
        if let Some(online) = online {
            world.ana.is_online(online);
        }
        let seen = device
            .waits_for(|event| match event {
                Event::Presence(presence) => Some(presence.unavailable),
                _ => None,
            })
            .await?;
        assert_eq!(seen, unavailable);
    }
    Ok(())
}

async fn hears_receipt(device: &Device, id: &str, kind: ReceiptType) -> anyhow::Result<()> {
    device
        .waits_for(|event| match event {
            Event::Receipt(receipt) if receipt.r#type == kind && receipt.message_ids.iter().any(|one| one == id) => {
                Some(())
            }
            _ => None,
        })
        .await
}
