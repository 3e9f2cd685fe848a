//! Refused messages and lost acknowledgements.

use whatsapp_rust::prelude::*;

use crate::PATIENCE;
use crate::device::World;

#[tokio::test]
async fn dm_a_refused_message_is_answered_with_its_code_and_not_delivered() -> anyhow::Result<()> {
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
async fn dm_only_the_message_to_one_contact_is_refused() -> anyhow::Result<()> {
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
async fn dm_a_lost_acknowledgement_leaves_the_message_delivered() -> anyhow::Result<()> {
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
async fn dm_a_message_to_nobody_is_refused() -> anyhow::Result<()> {
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

#[tokio::test]
async fn faults_a_duplicated_stanza_is_one_message() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    world.server.duplicates_next(&world.phone);
    world.ana.says(&world.phone, "once");
    world.ana.says(&world.phone, "next");
    let texts: Vec<String> = device.gets(2).await?.into_iter().map(|one| one.text).collect();
    assert_eq!(texts, ["once", "next"]);
    world.phone.waits_for_empty_backlog(PATIENCE).await
}

#[tokio::test]
async fn faults_swapped_stanzas_come_in_the_other_order() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    world.ana.says(&world.phone, "zero");
    device.gets_one().await?;
    world.server.swaps_next_two(&world.phone);
    world.ana.says(&world.phone, "one");
    world.ana.says(&world.phone, "two");
    let texts: Vec<String> = device.gets(2).await?.into_iter().map(|one| one.text).collect();
    assert_eq!(texts, ["two", "one"]);
    Ok(())
}

#[tokio::test]
async fn faults_a_stanza_lost_on_the_way_comes_at_the_next_login() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    world.server.loses_next(&world.phone);
    world.ana.says(&world.phone, "lost");
    world.ana.says(&world.phone, "found");
    assert_eq!(device.gets_one().await?.text, "found");
    world.server.drops_connections();
    assert_eq!(device.gets_one().await?.text, "lost");
    Ok(())
}

#[tokio::test]
async fn faults_a_damaged_frame_is_skipped_by_the_client_and_comes_again_at_the_next_login() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    world.server.corrupts_next_frame();
    world.ana.says(&world.phone, "damaged on the way");
    world.ana.says(&world.phone, "whole");
    assert_eq!(device.gets_one().await?.text, "whole");
    world.server.drops_connections();
    assert_eq!(device.gets_one().await?.text, "damaged on the way");
    Ok(())
}

#[tokio::test]
async fn faults_a_slow_wire_delivers_late_and_in_order() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let delay = std::time::Duration::from_millis(300);
    world.server.delays(delay);
    let begun = std::time::Instant::now();
    let numbers: Vec<String> = (0..10).map(|n| n.to_string()).collect();
    for text in &numbers {
        world.ana.says(&world.phone, text);
    }
    let texts: Vec<String> = device.gets(10).await?.into_iter().map(|one| one.text).collect();
    assert_eq!(texts, numbers);
    assert!(begun.elapsed() >= delay);
    Ok(())
}
