//! Linking and unlinking devices.

use whatsapp_rust::pair_code::PairCodeOptions;
use whatsapp_rust::prelude::*;

use crate::PATIENCE;
use crate::device::{Device, OWNER, World};

#[tokio::test]
async fn pair_a_device_is_linked_by_qr_and_logs_in() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    assert_eq!(world.phone.companions(), [1]);
    assert_eq!(device.client.push_name(), "Demo Phone");
    world.server.waits_for_connections(OWNER, 1, PATIENCE).await
}

#[tokio::test]
async fn pair_a_device_is_linked_by_pairing_code() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = Device::starts(&world.server.url()).await?;
    let code = asks_for_code(&device).await?;
    world.phone.types(&code).await?;
    device.connects().await?;
    assert_eq!(world.phone.companions(), [1]);
    Ok(())
}

#[tokio::test]
async fn pair_a_wrong_pairing_code_is_refused_and_the_right_one_works_afterwards() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = Device::starts(&world.server.url()).await?;
    let code = asks_for_code(&device).await?;
    assert!(world.phone.types("WRNGCDE1").await.is_err());
    assert!(world.phone.companions().is_empty());
    world.phone.types(&code).await?;
    device.connects().await
}

#[tokio::test]
async fn pair_a_code_nobody_waits_for_is_refused() -> anyhow::Result<()> {
    let world = World::starts().await?;
    assert!(world.phone.types("ABCD1234").await.is_err());
    Ok(())
}

#[tokio::test]
async fn pair_a_broken_or_used_qr_code_is_refused() -> anyhow::Result<()> {
    let world = World::starts().await?;
    assert!(world.phone.scans("").is_err());
    assert!(world.phone.scans("2@x,AA==,AA==,AA==,1").is_err());
    let device = Device::starts(&world.server.url()).await?;
    let qr = device.shows_qr().await?;
    world.phone.scans(&qr)?;
    assert!(world.phone.scans(&qr).is_err());
    device.connects().await
}

#[tokio::test]
async fn pair_every_device_of_an_account_gets_its_own_id() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let (_first, _second) = (world.links().await?, world.links().await?);
    assert_eq!(world.phone.companions(), [1, 2]);
    Ok(())
}

#[tokio::test]
async fn pair_an_unlinked_device_is_logged_out_at_once() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    world.phone.unlinks_all();
    is_logged_out(&device, false).await?;
    assert!(world.phone.companions().is_empty());
    Ok(())
}

#[tokio::test]
async fn pair_a_device_unlinked_while_away_is_refused_at_login() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let backend = world.links().await?.stops().await;
    world.phone.unlinks_all();
    let device = Device::starts_with(&world.server.url(), backend, true).await?;
    is_logged_out(&device, true).await
}

#[tokio::test]
async fn pair_a_device_that_logs_out_is_gone() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    device.client.logout().await;
    world.phone.waits_for_companions(0, PATIENCE).await
}

#[tokio::test]
async fn pair_renewed_qr_codes_link_and_the_old_ones_do_not() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = Device::starts(&world.server.url()).await?;
    let old = device.shows_qr().await?;
    world.server.renews_qr_codes();
    let new = device.shows_qr().await?;
    assert!(world.phone.scans(&old).is_err());
    world.phone.scans(&new)?;
    device.connects().await
}

#[tokio::test]
async fn pair_a_retired_secret_shows_another_qr_code_which_links() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = Device::starts(&world.server.url()).await?;
    let old = device.shows_qr().await?;
    world.server.retires_secrets();
    let new = device.shows_qr().await?;
    assert_ne!(old, new);
    world.phone.scans(&new)?;
    device.connects().await
}

#[tokio::test]
async fn pair_a_signature_the_device_cannot_verify_links_nothing() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = Device::starts(&world.server.url()).await?;
    world.server.spoils_next_link();
    let qr = device.shows_qr().await?;
    world.phone.scans(&qr)?;
    let error = device.connects().await.err().map(|error| error.to_string());
    assert!(error.is_some_and(|error| error.starts_with("pairing failed")));
    assert!(world.phone.companions().is_empty());
    Ok(())
}

#[tokio::test]
async fn pair_a_code_taken_back_is_told_and_another_one_links() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = Device::starts(&world.server.url()).await?;
    let old = asks_for_code(&device).await?;
    world.phone.wants_another_code(true)?;
    let manually = device
        .waits_for(|event| match event {
            Event::PairingCodeRefresh(refresh) => Some(refresh.force_manual),
            _ => None,
        })
        .await?;
    assert!(manually);
    assert!(world.phone.types(&old).await.is_err());
    let new = asks_for_code(&device).await?;
    world.phone.types(&new).await?;
    device.connects().await
}

#[tokio::test]
async fn pair_every_refusal_of_a_code_is_told_apart() -> anyhow::Result<()> {
    let world = World::starts().await?;
    for (code, words) in [
        (403, "forbidden"),
        (429, "rate-overlimit"),
        (452, "feature-not-available"),
        (500, "internal-server-error"),
    ] {
        let device = Device::starts(&world.server.url()).await?;
        world.server.refuses_codes(Some(code));
        let error = asks_for_code(&device).await.err().map(|error| format!("{error:#}"));
        assert!(
            error.as_ref().is_some_and(|error| error.contains(words)),
            "{code}: {error:?}"
        );
    }
    Ok(())
}

pub(crate) async fn asks_for_code(device: &Device) -> anyhow::Result<String> {
    device.client.wait_for_socket(PATIENCE).await?;
    let options = PairCodeOptions {
        phone_number: OWNER.into(),
        ..Default::default()
    };
    Ok(device.client.pair_with_code(options).await?)
}

async fn is_logged_out(device: &Device, at_login: bool) -> anyhow::Result<()> {
    let on_connect = device
        .waits_for(|event| match event {
            Event::LoggedOut(logged_out) => Some(logged_out.on_connect),
            _ => None,
        })
        .await?;
    assert_eq!(on_connect, at_login);
    Ok(())
}
