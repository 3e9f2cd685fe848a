//! Refused messages and lost acknowledgements.

use whatsapp_rust::prelude::*;

use crate::PATIENCE;
use crate::device::World;

#[tokio::test]
async fn a_refused_message_is_answered_with_its_code_and_not_delivered() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    world.server.nacks_next(463);
    let id = device.says(&world.ana.jid(), "refused").await?;
    assert_eq!(device.hears_ack(&id).await?.as_deref(), Some("463"));
    let id = device.says(&world.ana.jid(), "accepted").await?;
    world.ana.waits_for(|received| received.id == id, PATIENCE).await?;
    assert_eq!(world.ana.received().len(), 1);
    Ok(())
}

#[tokio::test]
async fn only_the_message_to_one_contact_is_refused() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let bob = world.server.contact("15550003333", "Bob");
    let device = world.links().await?;
    world.server.nacks_next_to(&bob, 479);
    let id = device.says(&world.ana.jid(), "fine").await?;
    assert_eq!(device.hears_ack(&id).await?, None);
    let id = device.says(&bob.jid(), "refused").await?;
    assert_eq!(device.hears_ack(&id).await?.as_deref(), Some("479"));
    Ok(())
}

#[tokio::test]
async fn a_lost_acknowledgement_leaves_the_message_delivered() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    world.server.loses_next_ack();
    let lost = device.says(&world.ana.jid(), "no answer").await?;
    world.ana.waits_for(|received| received.id == lost, PATIENCE).await?;
    let next = device.says(&world.ana.jid(), "answered").await?;
    let acked = device
        .waits_for(|event| match event {
            Event::ServerAck(ack) if ack.class.as_deref() == Some("message") => Some(ack.id.clone()),
            _ => None,
        })
        .await?;
    assert_eq!(acked, next);
    Ok(())
}

#[tokio::test]
async fn a_message_to_nobody_is_refused() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let bob = world.server.contact("15550003333", "Bob");
    let device = world.links().await?;
    device.says(&bob.jid(), "hello").await?;
    bob.waits_for(|_| true, PATIENCE).await?;
    bob.is_registered(false);
    let id = device.says(&bob.jid(), "are you still there").await?;
    assert_eq!(device.hears_ack(&id).await?.as_deref(), Some("404"));
    Ok(())
}
