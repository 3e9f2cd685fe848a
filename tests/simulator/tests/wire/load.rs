//! Many messages, and the keys they cost.

use crate::PATIENCE;
use crate::device::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_messages_each_way_keep_their_order() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let numbers: Vec<String> = (0..500).map(|n| n.to_string()).collect();
    for text in &numbers {
        world.ana.says(&world.phone, text);
    }
    for text in &numbers {
        device.says(&world.ana.jid(), text).await?;
    }
    let got: Vec<String> = device.gets(500).await?.into_iter().map(|one| one.text).collect();
    assert_eq!(got, numbers);
    world
        .ana
        .waits_for(|received| received.text.as_deref() == Some("499"), PATIENCE)
        .await?;
    let received: Vec<String> = world.ana.received().into_iter().filter_map(|one| one.text).collect();
    assert_eq!(received, numbers);
    Ok(())
}

#[tokio::test]
async fn a_device_short_of_one_time_keys_brings_new_ones() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    for n in 0..60 {
        let stranger = world.server.contact(&format!("1555100{n:04}"), "Stranger");
        stranger.says(&world.phone, "hello");
    }
    assert_eq!(device.gets(60).await?.len(), 60);
    world.phone.waits_for_one_time_keys(11, PATIENCE).await
}
