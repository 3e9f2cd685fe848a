//! Connections: reconnect, replacement, refusal.

use whatsapp_rust::prelude::*;

use crate::PATIENCE;
use crate::device::{Device, OWNER, World};

#[tokio::test]
async fn a_dropped_connection_comes_back_by_the_short_handshake_and_works() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let (full, short) = world.server.handshakes(OWNER);
    world.server.drops_connections();
    device.connects().await?;
    assert_eq!(world.server.handshakes(OWNER), (full, short + 1));
    assert_eq!(world.server.replacements(OWNER), 0);
    world.ana.says(&world.phone, "after the drop");
    assert_eq!(device.gets_one().await?.text, "after the drop");
    Ok(())
}

#[tokio::test]
async fn a_restarted_client_logs_in_with_what_it_stored() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    world.ana.says(&world.phone, "before");
    assert_eq!(device.gets_one().await?.text, "before");
    let device = device.restarts().await?;
    device.connects().await?;
    world.ana.says(&world.phone, "after");
    assert_eq!(device.gets_one().await?.text, "after");
    device.says(&world.ana.jid(), "here again").await?;
    world
        .ana
        .waits_for(|received| received.text.as_deref() == Some("here again"), PATIENCE)
        .await?;
    Ok(())
}

#[tokio::test]
async fn a_second_login_replaces_the_first() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let (first, backend) = device.shares_its_store();
    let second = Device::starts_with(&world.server.url(), backend, true).await?;
    second.connects().await?;
    first
        .waits_for(|event| matches!(event, Event::StreamReplaced(_)).then_some(()))
        .await?;
    world.server.waits_for_connections(OWNER, 1, PATIENCE).await?;
    assert_eq!(world.server.replacements(OWNER), 1);
    assert_eq!(world.server.most_connections(OWNER), 1);
    Ok(())
}

#[tokio::test]
async fn a_ban_is_told_with_its_length() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    world.server.refuses_login(402);
    world.server.drops_connections();
    let seconds = device
        .waits_for(|event| match event {
            Event::TemporaryBan(ban) => Some(ban.expire.num_seconds()),
            _ => None,
        })
        .await?;
    assert_eq!(seconds, 3600);
    Ok(())
}

#[tokio::test]
async fn an_outdated_client_is_told_so() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    world.server.refuses_login(405);
    world.server.drops_connections();
    device
        .waits_for(|event| matches!(event, Event::ClientOutdated(_)).then_some(()))
        .await
}

#[tokio::test]
async fn a_login_refused_for_now_is_tried_again() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    world.server.refuses_login(503);
    world.server.drops_connections();
    device
        .waits_for(|event| matches!(event, Event::ConnectFailure(_)).then_some(()))
        .await?;
    world.server.accepts_logins();
    device.connects().await
}

#[tokio::test]
async fn a_server_that_was_down_is_found_again() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    world.server.is_down();
    device
        .waits_for(|event| matches!(event, Event::Disconnected(_)).then_some(()))
        .await?;
    assert_eq!(world.server.connections(OWNER), 0);
    world.server.is_up();
    device.connects().await
}

#[tokio::test]
async fn a_stopped_server_frees_its_port() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let _device = world.links().await?;
    let address = world.server.address();
    world.server.stops().await;
    assert!(tokio::net::TcpListener::bind(address).await.is_ok());
    Ok(())
}
