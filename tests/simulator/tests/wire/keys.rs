//! Prekeys: how many are left, the digest, rotation, refill, and contacts whose keys change or are missing.

use whatsapp_rust::prelude::*;

use crate::PATIENCE;
use crate::device::World;

#[tokio::test]
async fn keys_count_and_digest_agree_with_the_device_and_rotation_is_taken() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    world.phone.waits_for_one_time_keys(50, PATIENCE).await?;
    device.client.ensure_pre_keys().await?;
    device.client.validate_digest_key().await?;
    device.client.rotate_signed_pre_key().await?;
    device.client.validate_digest_key().await?;
    world.ana.says(&world.phone, "under the new key");
    assert_eq!(device.gets_one().await?.text, "under the new key");
    Ok(())
}

#[tokio::test]
async fn keys_refill_notification_encrypt_count_brings_new_ones() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    world.phone.waits_for_one_time_keys(50, PATIENCE).await?;
    world.phone.loses_one_time_keys();
    assert!(world.phone.one_time_keys() < 50);
    world.phone.waits_for_one_time_keys(50, PATIENCE).await?;
    world.ana.says(&world.phone, "hello");
    assert_eq!(device.gets_one().await?.text, "hello");
    Ok(())
}

#[tokio::test]
async fn keys_identity_of_a_contact_with_a_new_phone_changes_and_both_go_on_talking() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    device.says(&world.ana.jid(), "before").await?;
    world.ana.says(&world.phone, "before");
    device.gets_one().await?;
    world.ana.gets_new_phone()?;
    let id = device.says(&world.ana.jid(), "to the new one").await?;
    world.ana.waits_for(|received| received.id == id, PATIENCE).await?;
    world.ana.says(&world.phone, "from the new one");
    assert_eq!(device.gets_one().await?.text, "from the new one");
    // Once more, and this time the contact writes first.
    world.ana.gets_new_phone()?;
    world.ana.says(&world.phone, "new again");
    assert_eq!(device.gets_one().await?.text, "new again");
    let id = device.says(&world.ana.jid(), "so I see").await?;
    world.ana.waits_for(|received| received.id == id, PATIENCE).await?;
    Ok(())
}

#[tokio::test]
async fn keys_bundle_fetch_error_406_is_survived() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    world.ana.has_no_keys(true);
    let chat: Jid = world.ana.jid().parse()?;
    // Whether the client says so or leaves her out, nothing she cannot read may reach her.
    let _ = device.client.send_text(chat, "lost").await;
    assert_eq!(world.ana.received_count(), 0);
    world.ana.has_no_keys(false);
    let id = device.says(&world.ana.jid(), "found").await?;
    world.ana.waits_for(|received| received.id == id, PATIENCE).await?;
    Ok(())
}
