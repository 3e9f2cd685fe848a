//! Linking with a passkey.

use simulator::Passkey;
use whatsapp_rust::passkey::Assertion;
use whatsapp_rust::prelude::*;

use crate::PATIENCE;
use crate::device::{Device, World};

#[tokio::test]
async fn pair_a_device_is_linked_with_a_passkey_and_both_sides_show_one_code() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = Device::starts(&world.server.url()).await?;
    let passkey = world.phone.makes_passkey()?;
    world.phone.scans_with_passkey(&device.shows_qr().await?)?;
    let request = asked(&device).await?;
    device
        .client
        .send_passkey_response(assertion(&passkey, &request)?)
        .await?;
    let code = device
        .waits_for(|event| match event {
            Event::PairPasskeyConfirmation(confirmation) => Some(confirmation.code.clone()),
            _ => None,
        })
        .await?;
    assert_eq!(world.phone.passkey_code(), Some(code));
    device.client.send_passkey_confirmation().await?;
    device.connects().await?;
    world.phone.waits_for_companions(1, PATIENCE).await?;
    world.ana.says(&world.phone, "welcome");
    assert_eq!(device.gets_one().await?.text, "welcome");
    Ok(())
}

#[tokio::test]
async fn pair_an_assertion_for_another_challenge_links_nothing() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = Device::starts(&world.server.url()).await?;
    let qr = device.shows_qr().await?;
    assert!(world.phone.scans_with_passkey(&qr).is_err(), "there is no passkey yet");
    let stolen = world.phone.makes_passkey()?;
    let passkey = world.phone.makes_passkey()?;
    world.phone.scans_with_passkey(&qr)?;
    let request = asked(&device).await?;
    let stale = assertion(&passkey, r#"{"challenge":"c3RhbGU"}"#)?;
    assert!(device.client.send_passkey_response(stale).await.is_err());
    let mut foreign = assertion(&stolen, &request)?;
    foreign.credential_id = passkey.id().to_vec();
    assert!(device.client.send_passkey_response(foreign).await.is_err());
    assert!(world.phone.companions().is_empty());
    assert!(world.phone.scans_with_passkey("nonsense").is_err());
    Ok(())
}

/// The server's request.
async fn asked(device: &Device) -> anyhow::Result<String> {
    device
        .waits_for(|event| match event {
            Event::PairPasskeyRequest(request) => Some(request.request_options_json.clone()),
            _ => None,
        })
        .await
}

/// What the passkey answers.
fn assertion(passkey: &Passkey, request: &str) -> anyhow::Result<Assertion> {
    Ok(Assertion {
        assertion_json: passkey.answers(request)?.into_bytes(),
        credential_id: passkey.id().to_vec(),
    })
}
