//! Many messages, and the keys they cost.

use simulator::load::{self, Plan};
use simulator::{Options, Server};

use crate::PATIENCE;
use crate::device::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dm_five_hundred_messages_each_way_keep_their_order() -> anyhow::Result<()> {
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
async fn keys_a_device_short_of_one_time_keys_brings_new_ones() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    for n in 0..60 {
        let stranger = world.server.contact(&format!("1555100{n:04}"), "Stranger");
        stranger.says(&world.phone, "hello");
    }
    assert_eq!(device.gets(60).await?.len(), 60);
    world.phone.waits_for_one_time_keys(11, PATIENCE).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dm_light_devices_and_people_write_to_each_other_and_nothing_is_lost_or_doubled() -> anyhow::Result<()> {
    let server = Server::start(Options::default()).await?;
    let plan = Plan {
        devices: 8,
        people: 4,
        rate: 100,
        seconds: 2,
        ..Plan::default()
    };
    let report = load::run(&server, &plan).await?;
    assert_eq!((report.sent, report.arrived), (200, 200), "{report}");
    assert_eq!(
        report.lost + report.doubled + report.unreadable + report.refused,
        0,
        "{report}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn control_a_load_can_be_put_on_the_accounts_that_are_linked_already() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let _device = world.links().await?;
    let plan = serde_json::json!({ "people": 3, "rate": 50, "seconds": 1, "seed": 7 });
    let http = reqwest::Client::builder().build()?;
    let report: serde_json::Value = http
        .post(format!("{}/load", world.server.control_url()))
        .json(&plan)
        .send()
        .await?
        .json()
        .await?;
    assert_eq!(
        (report["sent"].as_u64(), report["lost"].as_u64()),
        (Some(50), Some(0)),
        "{report}"
    );
    Ok(())
}
