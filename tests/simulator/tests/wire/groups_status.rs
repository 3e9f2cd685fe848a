//! Status: posted by people and by linked devices, seen, taken back.

use whatsapp_rust::StatusSendOptions;
use whatsapp_rust::prelude::*;
use whatsapp_rust::waproto::whatsapp::message::extended_text_message::FontType;
use whatsapp_rust::waproto::whatsapp::message::protocol_message::Type;

use crate::PATIENCE;
use crate::device::World;

const STATUS: &str = "status@broadcast";

#[tokio::test]
async fn status_of_a_contact_reaches_the_device() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    for text in ["first", "second"] {
        let id = world.ana.posts(text, &[&world.phone]);
        let got = device.gets_one().await?;
        assert_eq!((got.id.as_str(), got.text.as_str()), (id.as_str(), text));
        assert_eq!((got.chat.as_str(), got.sender), (STATUS, world.ana.jid()));
    }
    let id = world.ana.posts("third", &[&world.phone]);
    device.gets_one().await?;
    world.ana.revokes_status(&id, &[&world.phone]);
    let revoked = device
        .waits_for(|event| match event {
            Event::Messages(batch) => batch.into_iter().find_map(|one| {
                let told = one.message.protocol_message.as_option()?;
                (told.r#type == Some(Type::REVOKE)).then(|| told.key.id.clone())
            }),
            _ => None,
        })
        .await?;
    assert_eq!(revoked, Some(id));
    world.phone.waits_for_empty_backlog(PATIENCE).await
}

#[tokio::test]
async fn status_of_a_contact_by_lid_reaches_the_device() -> anyhow::Result<()> {
    let world = World::starts().await?;
    world.ana.lid_addressed();
    let device = world.links().await?;
    world.ana.posts("hello", &[&world.phone]);
    let got = device.gets_one().await?;
    assert_eq!(
        (got.sender, got.sender_alt),
        (world.ana.lid_jid(), Some(world.ana.jid()))
    );
    Ok(())
}

#[tokio::test]
async fn status_of_a_device_reaches_its_readers_and_is_taken_back() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let (device, second) = (world.links().await?, world.links().await?);
    let readers: [Jid; 1] = [world.ana.jid().parse()?];
    // The client has to know the LID of whom it writes to.
    device.client.contacts().is_on_whatsapp(&readers).await?;
    for text in ["one", "two"] {
        let posted = device
            .client
            .status()
            .send_text(
                text,
                0xFF1E_6E4F,
                FontType::SYSTEM,
                &readers,
                StatusSendOptions::default(),
            )
            .await?;
        assert_eq!(device.hears_ack(&posted.message_id).await?, None);
        let seen = world
            .ana
            .waits_for(|received| received.id == posted.message_id, PATIENCE)
            .await?;
        assert_eq!((seen.chat.as_deref(), seen.text.as_deref()), (Some(STATUS), Some(text)));
        let got = second.gets_one().await?;
        assert_eq!((got.chat.as_str(), got.text.as_str()), (STATUS, text));
        assert!(got.is_from_me);
        world.ana.views_status(std::slice::from_ref(&posted.message_id));
        device
            .waits_for(|event| {
                matches!(event, Event::Receipt(one) if one.message_ids.contains(&posted.message_id)).then_some(())
            })
            .await?;
        let revoke = device
            .client
            .status()
            .revoke(posted.message_id, &readers, StatusSendOptions::default())
            .await?;
        world
            .ana
            .waits_for(|received| received.id == revoke.message_id, PATIENCE)
            .await?;
    }
    Ok(())
}

#[tokio::test]
async fn status_that_cannot_be_decrypted_is_asked_for_again_both_ways() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    world.ana.garbles_next();
    world.ana.posts("from Ana", &[&world.phone]);
    assert_eq!(device.gets_one().await?.text, "from Ana");
    let readers: [Jid; 1] = [world.ana.jid().parse()?];
    device.client.contacts().is_on_whatsapp(&readers).await?;
    world.ana.fails_to_decrypt_next();
    let posted = device
        .client
        .status()
        .send_text(
            "to Ana",
            0xFF1E_6E4F,
            FontType::SYSTEM,
            &readers,
            StatusSendOptions::default(),
        )
        .await?;
    let seen = world
        .ana
        .waits_for(|received| received.id == posted.message_id, PATIENCE)
        .await?;
    assert_eq!(seen.text.as_deref(), Some("to Ana"));
    Ok(())
}
