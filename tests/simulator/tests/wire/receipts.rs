//! Receipts, retries, typing and presence.

use simulator::Seen;
use whatsapp_rust::prelude::*;
use whatsapp_rust::types::presence::ReceiptType;

use crate::PATIENCE;
use crate::device::{Device, OWNER, World};

#[tokio::test]
async fn receipts_a_delivered_and_a_read_message_are_confirmed_to_the_device() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let id = device.says(&world.ana.jid(), "did you get it").await?;
    hears_receipt(&device, &id, ReceiptType::Delivered).await?;
    world.ana.reads(&world.phone, std::slice::from_ref(&id));
    hears_receipt(&device, &id, ReceiptType::Read).await
}

#[tokio::test]
async fn receipts_a_contact_learns_that_its_message_was_read() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let id = world.ana.says(&world.phone, "read me");
    device.gets_one().await?;
    let chat: Jid = world.ana.jid().parse()?;
    device.client.mark_as_read(&chat, None, &[id.as_str()]).await?;
    world.ana.waits_for_receipt(&id, "read", PATIENCE).await
}

#[tokio::test]
async fn receipts_played_is_told_both_ways() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let own = device.says(&world.ana.jid(), "listen").await?;
    world.ana.waits_for(|received| received.id == own, PATIENCE).await?;
    world.ana.plays(&world.phone, std::slice::from_ref(&own));
    hears_receipt(&device, &own, ReceiptType::Played).await?;
    let id = world.ana.sends_voice(&world.phone, b"a voice", 1)?;
    let chat: Jid = world.ana.jid().parse()?;
    device.client.mark_as_played(&chat, None, &[id.as_str()]).await?;
    world.ana.waits_for_receipt(&id, "played", PATIENCE).await
}

#[tokio::test]
async fn receipts_of_several_messages_in_one_list_count_for_each() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let mut own = Vec::new();
    for text in ["one", "two", "three"] {
        own.push(device.says(&world.ana.jid(), text).await?);
    }
    let last = own.last().cloned().unwrap_or_default();
    world.ana.waits_for(|received| received.id == last, PATIENCE).await?;
    world.ana.reads(&world.phone, &own);
    let told = device
        .waits_for(|event| match event {
            Event::Receipt(receipt) if receipt.r#type == ReceiptType::Read => Some(receipt.message_ids.clone()),
            _ => None,
        })
        .await?;
    // The library names those of the list first.
    let in_order = |mut ids: Vec<String>| {
        ids.sort();
        ids
    };
    assert_eq!(in_order(told), in_order(own));
    let hers = ["four", "five", "six"].map(|text| world.ana.says(&world.phone, text));
    device.gets(3).await?;
    let chat: Jid = world.ana.jid().parse()?;
    let ids = hers.each_ref().map(String::as_str);
    device.client.mark_as_read(&chat, None, &ids).await?;
    for id in &ids {
        world.ana.waits_for_receipt(id, "read", PATIENCE).await?;
    }
    let hers = in_order(hers.to_vec());
    let read = |seen: &Seen| seen.kind == "read" && in_order(seen.ids.clone()) == hers;
    assert!(world.ana.receipts().iter().any(read), "one receipt for all three");
    Ok(())
}

#[tokio::test]
async fn receipts_sender_confirms_the_copy_of_what_the_phone_wrote() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    assert_eq!(world.phone.confirmed("sender"), 0);
    world.phone.says(&world.ana, "from the phone");
    assert!(device.gets_one().await?.is_from_me);
    world.phone.waits_for_confirmed("sender", 0, PATIENCE).await?;
    world.phone.waits_for_empty_backlog(PATIENCE).await
}

#[tokio::test]
async fn receipts_peer_msg_confirms_what_the_phone_tells_its_device() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let _device = world.links().await?;
    // The keys of the settings come in such a message.
    world.phone.waits_for_confirmed("peer_msg", 0, PATIENCE).await?;
    world.phone.waits_for_empty_backlog(PATIENCE).await
}

#[tokio::test]
async fn receipts_inactive_confirms_what_comes_in_the_background_and_counts_as_delivered() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    for (in_background, kind) in [(true, "inactive"), (false, "")] {
        if in_background {
            device.client.presence().set_unavailable().await?;
        } else {
            device.client.presence().set_available().await?;
        }
        let before = world.phone.confirmed(kind);
        let id = world.ana.says(&world.phone, "are you there");
        device.gets_one().await?;
        world.phone.waits_for_confirmed(kind, before, PATIENCE).await?;
        world.ana.waits_for_receipt(&id, "delivery", PATIENCE).await?;
    }
    Ok(())
}

#[tokio::test]
async fn receipts_read_self_tells_the_own_devices_and_nobody_else() -> anyhow::Result<()> {
    let world = World::starts().await?;
    world.server.contact(OWNER, "").keeps_private("readreceipts", "none")?;
    let (first, second) = (world.links().await?, world.links().await?);
    let chat: Jid = world.ana.jid().parse()?;
    // The client learns what its account keeps private some time after it connected; until then it tells.
    let mut tries = 0;
    let id = loop {
        let id = world.ana.says(&world.phone, "read me in silence");
        first.gets_one().await?;
        first.client.mark_as_read(&chat, None, &[id.as_str()]).await?;
        let kind = second
            .waits_for(|event| match event {
                Event::Receipt(receipt) if receipt.message_ids.contains(&id) => Some(receipt.r#type.clone()),
                _ => None,
            })
            .await?;
        if kind == ReceiptType::ReadSelf {
            break id;
        }
        tries += 1;
        assert!(tries < 100, "the client never keeps it to itself: {kind:?}");
    };
    world.ana.waits_for_receipt(&id, "delivery", PATIENCE).await?;
    assert!(!world.ana.has_receipt(&id, "read"));
    first.client.mark_as_played(&chat, None, &[id.as_str()]).await?;
    hears_receipt(&second, &id, ReceiptType::PlayedSelf).await?;
    assert!(!world.ana.has_receipt(&id, "played"));
    Ok(())
}

#[tokio::test]
async fn receipts_a_message_the_contact_cannot_decrypt_is_asked_for_again_and_read() -> anyhow::Result<()> {
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
async fn receipts_the_very_first_message_can_be_asked_for_again() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    world.ana.fails_to_decrypt_next();
    let id = device.says(&world.ana.jid(), "cold").await?;
    world.ana.waits_for(|received| received.id == id, PATIENCE).await?;
    Ok(())
}

#[tokio::test]
async fn receipts_a_message_that_fails_twice_is_asked_for_with_keys() -> anyhow::Result<()> {
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
async fn receipts_a_message_the_device_cannot_decrypt_is_encrypted_again() -> anyhow::Result<()> {
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
async fn receipts_a_damaged_copy_from_the_phone_does_not_stop_the_next_one() -> anyhow::Result<()> {
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
async fn presence_typing_is_seen_both_ways() -> anyhow::Result<()> {
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
async fn presence_a_subscriber_sees_who_comes_and_goes() -> anyhow::Result<()> {
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
