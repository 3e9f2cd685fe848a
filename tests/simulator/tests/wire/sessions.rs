//! Connections: reconnect, replacement, refusal.

use anyhow::Context as _;
use simulator::{Goodbye, Options, Refusal, Server};
use whatsapp_rust::prelude::*;
use whatsapp_rust::types::events::ConnectFailureReason;

use crate::PATIENCE;
use crate::device::{ANA, Device, OWNER, World};

#[tokio::test]
async fn socket_a_dropped_connection_comes_back_by_the_short_handshake_and_works() -> anyhow::Result<()> {
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
async fn login_a_restarted_client_logs_in_with_what_it_stored() -> anyhow::Result<()> {
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
async fn stream_end_a_second_login_replaces_the_first() -> anyhow::Result<()> {
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
async fn keepalive_a_client_answers_the_ping_of_the_server() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let _device = world.links().await?;
    world.server.pings(OWNER);
    world.server.waits_for_pongs(OWNER, PATIENCE).await
}

#[tokio::test]
async fn login_a_ban_is_told_with_its_length() -> anyhow::Result<()> {
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
async fn login_an_outdated_client_is_told_so() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    world.server.refuses_login(405);
    world.server.drops_connections();
    device
        .waits_for(|event| matches!(event, Event::ClientOutdated(_)).then_some(()))
        .await
}

#[tokio::test]
async fn login_a_login_refused_for_now_is_tried_again() -> anyhow::Result<()> {
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
async fn socket_a_server_that_was_down_is_found_again() -> anyhow::Result<()> {
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
async fn socket_a_stopped_server_frees_its_port() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let _device = world.links().await?;
    let address = world.server.address();
    world.server.stops().await;
    assert!(tokio::net::TcpListener::bind(address).await.is_ok());
    Ok(())
}

#[tokio::test]
async fn socket_a_client_that_knows_an_old_key_of_the_server_falls_back_and_learns_the_new_one() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let (full, short) = world.server.handshakes(OWNER);
    world.server.changes_its_key();
    world.server.drops_connections();
    device.connects().await?;
    assert_eq!(world.server.fallbacks(OWNER), 1);
    world.server.drops_connections();
    device.connects().await?;
    assert_eq!(world.server.handshakes(OWNER), (full, short + 1));
    assert_eq!(world.server.fallbacks(OWNER), 1);
    world.ana.says(&world.phone, "under the new key");
    assert_eq!(device.gets_one().await?.text, "under the new key");
    Ok(())
}

#[tokio::test]
async fn socket_edge_routing_is_told_and_brought_back() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    assert_eq!(world.server.routed_logins(OWNER), 0);
    world.server.drops_connections();
    device.connects().await?;
    assert_eq!(world.server.routed_logins(OWNER), 1);
    Ok(())
}

#[tokio::test]
async fn login_every_reason_that_logs_out_says_so() -> anyhow::Result<()> {
    for (code, reason) in [
        (401, ConnectFailureReason::LoggedOut),
        (403, ConnectFailureReason::AccountLocked),
        (406, ConnectFailureReason::UnknownLogout),
    ] {
        let (_world, device) = refused(Refusal::new(code)).await?;
        let told = device
            .waits_for(|event| match event {
                Event::LoggedOut(logged_out) => Some((logged_out.on_connect, logged_out.reason)),
                _ => None,
            })
            .await?;
        assert_eq!(told, (true, reason));
    }
    Ok(())
}

#[tokio::test]
async fn login_a_logout_comes_with_the_words_for_the_owner() -> anyhow::Result<()> {
    let refusal = Refusal {
        logout_message: Some(("Locked".into(), "Look at your phone".into())),
        ..Refusal::new(403)
    };
    let (_world, device) = refused(refusal).await?;
    let words = device
        .waits_for(|event| match event {
            Event::LoggedOut(logged_out) => Some(logged_out.logout_message.clone()),
            _ => None,
        })
        .await?;
    assert_eq!(words.and_then(|words| words.header).as_deref(), Some("Locked"));
    Ok(())
}

#[tokio::test]
async fn login_every_other_reason_is_told_apart() -> anyhow::Result<()> {
    for (code, reason) in [
        (400, ConnectFailureReason::Generic),
        (409, ConnectFailureReason::BadUserAgent),
        (413, ConnectFailureReason::CatExpired),
        (414, ConnectFailureReason::CatInvalid),
        (415, ConnectFailureReason::NotFound),
        (418, ConnectFailureReason::ClientUnknown),
        (500, ConnectFailureReason::InternalServerError),
        (501, ConnectFailureReason::Experimental),
    ] {
        let (_world, device) = refused(Refusal::new(code)).await?;
        let told = device
            .waits_for(|event| match event {
                Event::ConnectFailure(failure) => Some(failure.reason),
                _ => None,
            })
            .await?;
        assert_eq!(told, reason, "{code}");
    }
    Ok(())
}

#[tokio::test]
async fn login_a_ban_of_one_account_says_how_long_and_where_to_read_more() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let bobs_phone = world.server.phone("15550003333", "Bob");
    let (device, bob) = (world.links().await?, Device::linked(&world.server, &bobs_phone).await?);
    world.server.refuses_logins(Some(&world.phone), Refusal::ban(7200, 104));
    world.server.drops_connections();
    let told = device
        .waits_for(|event| match event {
            Event::TemporaryBan(ban) => Some((ban.expire.num_seconds(), ban.url.is_some())),
            _ => None,
        })
        .await?;
    assert_eq!(told, (7200, true));
    bob.connects().await
}

#[tokio::test]
async fn stream_end_goodbyes_after_which_the_client_comes_back() -> anyhow::Result<()> {
    let goodbyes = [
        Goodbye::Code(515),
        Goodbye::Code(503),
        Goodbye::Code(500),
        Goodbye::Malformed,
        Goodbye::End,
        Goodbye::Unacknowledged("3EB0LOST".into()),
        Goodbye::Silence,
    ];
    for goodbye in goodbyes {
        let world = World::starts().await?;
        let device = world.links().await?;
        world.server.says_goodbye(&goodbye);
        device.connects().await?;
        world.ana.says(&world.phone, "welcome back");
        assert_eq!(device.gets_one().await?.text, "welcome back", "{goodbye:?}");
    }
    Ok(())
}

#[tokio::test]
async fn stream_end_too_fast_makes_the_client_wait() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let bobs_phone = world.server.phone("15550003333", "Bob");
    let (device, bob) = (world.links().await?, Device::linked(&world.server, &bobs_phone).await?);
    let before = device.client.stats().reconnect_errors;
    // Both are sent away, the one told to wait first; the other one is back before it.
    world.server.says_goodbye_to(&world.phone, &Goodbye::Code(429));
    world.server.says_goodbye_to(&bobs_phone, &Goodbye::Code(515));
    // Looked at before the other one is back, which is when the one that waits may not be.
    world.server.waits_for_connections(OWNER, 0, PATIENCE).await?;
    bob.connects().await?;
    device
        .waits_for(|event| matches!(event, Event::Disconnected(_)).then_some(()))
        .await?;
    // The client counts such a goodbye as five failures, and the pause grows with them.
    let counted = device.client.stats().reconnect_errors - before;
    assert!(counted >= 5, "{counted}");
    device.connects().await
}

#[tokio::test]
async fn stream_end_goodbyes_that_log_out() -> anyhow::Result<()> {
    for goodbye in [Goodbye::Code(516), Goodbye::Code(401), Goodbye::DeviceRemoved] {
        let world = World::starts().await?;
        let device = world.links().await?;
        world.server.says_goodbye(&goodbye);
        let on_connect = device
            .waits_for(|event| match event {
                Event::LoggedOut(logged_out) => Some(logged_out.on_connect),
                _ => None,
            })
            .await?;
        assert!(!on_connect, "{goodbye:?}");
    }
    Ok(())
}

#[tokio::test]
async fn stream_end_goodbyes_of_a_newer_login() -> anyhow::Result<()> {
    for goodbye in [Goodbye::Code(409), Goodbye::Replaced] {
        let world = World::starts().await?;
        let device = world.links().await?;
        world.server.says_goodbye(&goodbye);
        device
            .waits_for(|event| matches!(event, Event::StreamReplaced(_)).then_some(()))
            .await?;
    }
    Ok(())
}

#[tokio::test]
async fn socket_one_port_can_be_encrypted_with_a_certificate_of_its_own() -> anyhow::Result<()> {
    let options = Options {
        tls: true,
        ..Options::default()
    };
    let server = Server::start(options).await?;
    assert!(server.url().starts_with("wss://") && server.control_url().starts_with("https://"));
    let certificate = server.certificate().context("a certificate")?;
    let http = reqwest::Client::builder()
        .tls_certs_only([reqwest::Certificate::from_der(&certificate)?])
        .build()?;
    let state = http.get(format!("{}/state", server.control_url())).send().await?;
    assert!(state.status().is_success());
    let strict = reqwest::Client::builder().build()?;
    assert!(strict.get(server.control_url()).send().await.is_err());
    Ok(())
}

#[tokio::test]
async fn socket_an_unmodified_client_links_and_talks_over_tls() -> anyhow::Result<()> {
    let options = Options {
        tls: true,
        ..Options::default()
    };
    let server = Server::start(options).await?;
    let (phone, ana) = (server.phone(OWNER, "Demo Phone"), server.contact(ANA, "Ana"));
    let certificate = server.certificate().context("a certificate")?;
    let device = Device::starts_trusting(&server.url(), certificate).await?;
    phone.scans(&device.shows_qr().await?)?;
    device.connects().await?;
    ana.says(&phone, "sealed twice");
    assert_eq!(device.gets_one().await?.text, "sealed twice");
    let id = device.says(&ana.jid(), "and back").await?;
    ana.waits_for(|received| received.id == id, PATIENCE).await?;
    Ok(())
}

/// A linked device whose next logins are refused.
async fn refused(refusal: Refusal) -> anyhow::Result<(World, Device)> {
    let world = World::starts().await?;
    let device = world.links().await?;
    world.server.refuses_logins(None, refusal);
    world.server.drops_connections();
    Ok((world, device))
}
