//! Row "DM", both identities: accounts under their LID, and the way there in the middle of a conversation.

use whatsapp_rust::prelude::*;
use whatsapp_rust::types::presence::ReceiptType;

use crate::PATIENCE;
use crate::device::{Device, OWNER, World};

#[tokio::test]
async fn dm_a_lid_first_account_sees_everybody_under_their_lid() -> anyhow::Result<()> {
    let world = World::starts().await?;
    world.phone.is_lid_migrated(true);
    let device = world.links().await?;
    // Ana herself is addressed by number; it is the account that goes by LIDs.
    world.ana.says(&world.phone, "hello");
    let got = device.gets_one().await?;
    assert_eq!(
        (&got.chat, got.sender_alt.as_ref()),
        (&world.ana.lid_jid(), Some(&world.ana.jid()))
    );
    let id = device.says(&got.chat, "hello yourself").await?;
    world.ana.waits_for(|received| received.id == id, PATIENCE).await?;
    world.ana.reads(&world.phone, std::slice::from_ref(&id));
    let reader = device
        .waits_for(|event| match event {
            Event::Receipt(receipt) if receipt.r#type == ReceiptType::Read => Some(receipt.source.chat.to_string()),
            _ => None,
        })
        .await?;
    assert_eq!(reader, world.ana.lid_jid());
    Ok(())
}

#[tokio::test]
async fn dm_the_own_phone_of_a_lid_first_account_writes_to_the_lid_chat() -> anyhow::Result<()> {
    let world = World::starts().await?;
    world.phone.is_lid_migrated(true);
    let device = world.links().await?;
    world.phone.says(&world.ana, "from the phone");
    let got = device.gets_one().await?;
    assert!(got.is_from_me);
    assert_eq!(got.chat, world.ana.lid_jid());
    Ok(())
}

#[tokio::test]
async fn dm_an_account_migrates_to_its_lid_between_two_messages() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    world.ana.says(&world.phone, "before");
    let before = device.gets_one().await?;
    assert_eq!(before.chat, world.ana.jid());
    let id = device.says(&before.chat, "also before").await?;
    world.ana.waits_for(|received| received.id == id, PATIENCE).await?;

    world.phone.migrates_to_lid()?;
    world.ana.says(&world.phone, "after");
    let after = device.gets_one().await?;
    assert_eq!(
        (after.chat.as_str(), after.sender_alt.as_deref()),
        (world.ana.lid_jid().as_str(), Some(world.ana.jid().as_str()))
    );
    // The switch itself comes with the settings of the next login.
    world.server.drops_connections();
    device.connects().await?;
    let mut tries = 0;
    while !device.client.is_lid_migrated().await {
        tries += 1;
        anyhow::ensure!(tries < 20, "the device never learnt of it");
        world.ana.says(&world.phone, "still there");
        device.gets_one().await?;
    }
    let id = device.says(&world.ana.jid(), "to the old address").await?;
    world.ana.waits_for(|received| received.id == id, PATIENCE).await?;
    Ok(())
}

#[tokio::test]
async fn dm_a_contact_goes_back_and_forth_between_number_and_lid() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    for round in 0..3 {
        world.ana.number_addressed();
        world.ana.says(&world.phone, &format!("number {round}"));
        let by_number = device.gets_one().await?;
        assert_eq!(
            (by_number.chat, by_number.sender_alt),
            (world.ana.jid(), Some(world.ana.lid_jid()))
        );
        world.ana.lid_addressed();
        world.ana.says(&world.phone, &format!("lid {round}"));
        let by_lid = device.gets_one().await?;
        assert_eq!(
            (by_lid.chat.clone(), by_lid.sender_alt),
            (world.ana.lid_jid(), Some(world.ana.jid()))
        );
        let id = device.says(&by_lid.chat, "seen").await?;
        world.ana.waits_for(|received| received.id == id, PATIENCE).await?;
    }
    Ok(())
}

#[tokio::test]
async fn dm_two_lid_first_accounts_talk_by_lid() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let bobs_phone = world.server.phone("15550003333", "Bob");
    world.phone.is_lid_migrated(true);
    bobs_phone.is_lid_migrated(true);
    let (owner, bob) = (world.links().await?, Device::linked(&world.server, &bobs_phone).await?);
    let id = owner.says("15550003333@s.whatsapp.net", "hello Bob").await?;
    let got = bob.gets_one().await?;
    let owner_lid = world.server.contact(OWNER, "").lid_jid();
    assert_eq!((got.id, got.chat.as_str()), (id.clone(), owner_lid.as_str()));
    assert_eq!(got.sender_alt.as_deref(), Some("15550001111@s.whatsapp.net"));
    bob.says(&got.chat, "hello owner").await?;
    let answer = owner.gets_one().await?;
    assert_eq!(answer.chat, world.server.contact("15550003333", "").lid_jid());
    Ok(())
}
