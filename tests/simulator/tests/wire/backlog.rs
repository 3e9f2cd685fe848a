//! What arrives while a device is away.

use crate::PATIENCE;
use crate::device::{Device, World};

#[tokio::test]
async fn post_login_messages_written_while_the_device_is_away_arrive_in_order_at_login() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let backend = world.links().await?.stops().await;
    let ids: Vec<String> = (0..5)
        .map(|n| world.ana.says(&world.phone, &format!("number {n}")))
        .collect();
    let device = Device::starts_with(&world.server.url(), backend, true).await?;
    let got = device.gets(5).await?;
    assert_eq!(got.iter().map(|one| one.id.clone()).collect::<Vec<_>>(), ids);
    assert!(got.iter().all(|one| one.is_offline));
    device.connects().await?;
    world.ana.says(&world.phone, "live again");
    assert!(!device.gets_one().await?.is_offline);
    Ok(())
}

#[tokio::test]
async fn post_login_a_backlog_of_several_batches_arrives_whole_and_in_order() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let backend = world.links().await?.stops().await;
    for n in 0..450 {
        world.ana.says(&world.phone, &n.to_string());
    }
    let device = Device::starts_with(&world.server.url(), backend, true).await?;
    let texts: Vec<String> = device.gets(450).await?.into_iter().map(|one| one.text).collect();
    assert_eq!(texts, (0..450).map(|n| n.to_string()).collect::<Vec<_>>());
    world.phone.waits_for_empty_backlog(PATIENCE).await
}

#[tokio::test]
async fn post_login_a_message_that_was_not_acknowledged_comes_again() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let backend = world.links().await?.stops().await;
    let careless = Device::starts_with(&world.server.url(), backend, false).await?;
    careless.connects().await?;
    let id = world.ana.says(&world.phone, "keep me");
    // It is committed nowhere, so the server must keep it.
    let backend = careless.killed();
    assert!(world.phone.backlog() > 0);
    let device = Device::starts_with(&world.server.url(), backend, true).await?;
    assert_eq!(device.gets_one().await?.id, id);
    world.phone.waits_for_empty_backlog(PATIENCE).await
}

#[tokio::test]
async fn post_login_an_acknowledged_message_does_not_come_again() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    world.ana.says(&world.phone, "once");
    assert_eq!(device.gets_one().await?.text, "once");
    world.phone.waits_for_empty_backlog(PATIENCE).await?;
    let device = device.restarts().await?;
    device.connects().await?;
    world.ana.says(&world.phone, "next");
    assert_eq!(device.gets_one().await?.text, "next");
    Ok(())
}
