//! Numbers and LIDs, and who has WhatsApp at all.

use whatsapp_rust::prelude::*;

use crate::PATIENCE;
use crate::device::World;

#[tokio::test]
async fn dm_a_contact_by_number_shows_its_lid_too() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    world.ana.says(&world.phone, "hello");
    let got = device.gets_one().await?;
    assert_eq!((got.chat, got.sender), (world.ana.jid(), world.ana.jid()));
    assert_eq!(got.sender_alt, Some(world.ana.lid_jid()));
    Ok(())
}

#[tokio::test]
async fn dm_a_contact_by_lid_shows_its_number_and_can_be_answered() -> anyhow::Result<()> {
    let world = World::starts().await?;
    world.ana.lid_addressed();
    let device = world.links().await?;
    world.ana.says(&world.phone, "hello");
    let got = device.gets_one().await?;
    assert_eq!(got.chat, world.ana.lid_jid());
    assert_eq!(got.sender_alt, Some(world.ana.jid()));
    device.says(&got.chat, "to the lid").await?;
    device.says(&world.ana.jid(), "to the number").await?;
    for text in ["to the lid", "to the number"] {
        world
            .ana
            .waits_for(|received| received.text.as_deref() == Some(text), PATIENCE)
            .await?;
    }
    Ok(())
}

#[tokio::test]
async fn dm_a_contact_can_hide_its_number() -> anyhow::Result<()> {
    let world = World::starts().await?;
    world.ana.hides_number();
    let device = world.links().await?;
    let id = world.ana.says(&world.phone, "guess who");
    let got = device.gets_one().await?;
    assert_eq!(
        (got.chat.as_str(), got.sender_alt),
        (world.ana.lid_jid().as_str(), None)
    );
    world.ana.waits_for_receipt(&id, "delivery", PATIENCE).await?;
    let id = device.says(&got.chat, "no idea").await?;
    world.ana.waits_for(|received| received.id == id, PATIENCE).await?;
    world.ana.fails_to_decrypt_next();
    let id = device.says(&got.chat, "still none").await?;
    world.ana.waits_for(|received| received.id == id, PATIENCE).await?;
    world.ana.garbles_next();
    world.ana.says(&world.phone, "again");
    assert_eq!(device.gets_one().await?.text, "again");
    Ok(())
}

#[tokio::test]
async fn dm_a_contact_that_changes_from_number_to_lid_stays_reachable() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    world.ana.says(&world.phone, "by number");
    device.gets_one().await?;
    device.says(&world.ana.jid(), "one").await?;
    world.ana.lid_addressed();
    world.ana.says(&world.phone, "by lid");
    let got = device.gets_one().await?;
    assert_eq!(got.chat, world.ana.lid_jid());
    let id = device.says(&got.chat, "two").await?;
    world.ana.waits_for(|received| received.id == id, PATIENCE).await?;
    Ok(())
}

#[tokio::test]
async fn dm_an_account_that_lives_under_its_lid_talks_too() -> anyhow::Result<()> {
    let world = World::starts().await?;
    world.phone.is_lid_migrated(true);
    world.ana.lid_addressed();
    let device = world.links().await?;
    assert!(device.client.is_lid_migrated().await);
    world.ana.says(&world.phone, "hello");
    let got = device.gets_one().await?;
    let id = device.says(&got.chat, "hello yourself").await?;
    world.ana.waits_for(|received| received.id == id, PATIENCE).await?;
    world.phone.waits_for(|received| received.id == id, PATIENCE).await?;
    world.phone.says(&world.ana, "from the phone");
    assert!(device.gets_one().await?.is_from_me);
    Ok(())
}

#[tokio::test]
async fn usync_a_number_is_known_or_not() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let nobody: Jid = "15550009999@s.whatsapp.net".parse()?;
    let ana: Jid = world.ana.jid().parse()?;
    let answers = device.client.contacts().is_on_whatsapp(&[ana.clone(), nobody]).await?;
    let registered: Vec<bool> = answers.iter().map(|answer| answer.is_registered).collect();
    assert_eq!(registered, [true, false]);
    let lid = answers.first().and_then(|answer| answer.lid.clone());
    assert_eq!(lid.map(|lid| lid.to_string()), Some(world.ana.lid_jid()));
    world.ana.is_registered(false);
    let answers = device.client.contacts().is_on_whatsapp(&[ana]).await?;
    assert!(answers.iter().all(|answer| !answer.is_registered));
    Ok(())
}
