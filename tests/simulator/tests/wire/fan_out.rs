//! Accounts with several devices: everything reaches every one of them.

use whatsapp_rust::prelude::*;
use whatsapp_rust::types::presence::ReceiptType;

use crate::PATIENCE;
use crate::device::{ANA, Device, World};

#[tokio::test]
async fn dm_fan_out_what_one_device_sends_reaches_the_phone_and_the_other_devices() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let (first, second) = (world.links().await?, world.links().await?);
    let third = world.links().await?;
    let id = first.says(&world.ana.jid(), "from the first").await?;
    for device in [&second, &third] {
        let got = device.gets_one().await?;
        assert_eq!((got.id.as_str(), got.text.as_str()), (id.as_str(), "from the first"));
        assert!(got.is_from_me);
        assert_eq!(got.chat, world.ana.jid());
    }
    let copy = world.phone.waits_for(|copy| copy.id == id, PATIENCE).await?;
    assert_eq!(copy.to.as_deref(), Some(ANA));
    world.ana.waits_for(|received| received.id == id, PATIENCE).await?;
    assert_eq!(world.ana.raw_count(&id), 1);
    // And back: what the last one says reaches the first.
    third.says(&world.ana.jid(), "from the third").await?;
    assert_eq!(first.gets_one().await?.text, "from the third");
    world.phone.waits_for_empty_backlog(PATIENCE).await
}

#[tokio::test]
async fn dm_fan_out_what_a_contact_writes_reaches_every_device() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let devices = [world.links().await?, world.links().await?, world.links().await?];
    for text in ["one", "two"] {
        let id = world.ana.says(&world.phone, text);
        for device in &devices {
            let got = device.gets_one().await?;
            assert_eq!((got.id.as_str(), got.text.as_str()), (id.as_str(), text));
        }
    }
    world.phone.says(&world.ana, "from the phone");
    for device in &devices {
        let got = device.gets_one().await?;
        assert!(got.is_from_me);
        assert_eq!((got.text.as_str(), got.chat), ("from the phone", world.ana.jid()));
    }
    world.phone.waits_for_empty_backlog(PATIENCE).await
}

#[tokio::test]
async fn receipts_what_is_read_on_one_device_is_read_on_the_others() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let (first, second) = (world.links().await?, world.links().await?);
    let id = world.ana.says(&world.phone, "read me");
    first.gets_one().await?;
    second.gets_one().await?;
    let chat: Jid = world.ana.jid().parse()?;
    first.client.mark_as_read(&chat, None, &[id.as_str()]).await?;
    second
        .waits_for(|event| match event {
            Event::Receipt(receipt) if receipt.message_ids.contains(&id) => {
                matches!(receipt.r#type, ReceiptType::Read | ReceiptType::ReadSelf).then_some(())
            }
            _ => None,
        })
        .await
}

#[tokio::test]
async fn usync_devices_a_contact_with_devices_of_its_own_is_reached_on_all_of_them() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let her_phone = world.server.phone(ANA, "Ana");
    let hers = Device::linked(&world.server, &her_phone).await?;
    device.says(&world.ana.jid(), "hello all").await?;
    assert_eq!(hers.gets_one().await?.text, "hello all");
    hers.says(&format!("{}@s.whatsapp.net", world.phone.number()), "hello back")
        .await?;
    let got = device.gets_one().await?;
    assert_eq!((got.text.as_str(), got.is_from_me), ("hello back", false));
    // A device linked while they talk is found, one that is gone is missed by nobody.
    let second = Device::linked(&world.server, &her_phone).await?;
    device.says(&world.ana.jid(), "and you").await?;
    assert_eq!(second.gets_one().await?.text, "and you");
    assert_eq!(hers.gets_one().await?.text, "and you");
    her_phone.unlinks(her_phone.companions()[0]);
    let id = device.says(&world.ana.jid(), "still there").await?;
    assert_eq!(second.gets_one().await?.text, "still there");
    world.ana.waits_for(|received| received.id == id, PATIENCE).await?;
    Ok(())
}

#[tokio::test]
async fn dm_a_message_to_oneself_reaches_the_phone_and_the_other_devices() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let (first, second) = (world.links().await?, world.links().await?);
    let own = format!("{}@s.whatsapp.net", world.phone.number());
    let id = first.says(&own, "note").await?;
    let got = second.gets_one().await?;
    assert_eq!((got.text.as_str(), got.is_from_me), ("note", true));
    world.phone.waits_for(|copy| copy.id == id, PATIENCE).await?;
    Ok(())
}
