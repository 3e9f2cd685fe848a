//! Linking with a passkey.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use whatsapp_rust::passkey::Assertion;
use whatsapp_rust::prelude::*;

use crate::PATIENCE;
use crate::device::{Device, World};

#[tokio::test]
async fn a_device_is_linked_with_a_passkey_and_both_sides_show_one_code() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = Device::starts(&world.server.url()).await?;
    world.phone.scans_with_passkey(&device.shows_qr().await?)?;
    let challenge = asked(&device).await?;
    device.client.send_passkey_response(assertion(&challenge)?).await?;
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
async fn an_assertion_for_another_challenge_links_nothing() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = Device::starts(&world.server.url()).await?;
    world.phone.scans_with_passkey(&device.shows_qr().await?)?;
    asked(&device).await?;
    let stale = assertion("c3RhbGU")?;
    assert!(device.client.send_passkey_response(stale).await.is_err());
    assert!(world.phone.companions().is_empty());
    assert!(world.phone.scans_with_passkey("nonsense").is_err());
    Ok(())
}

/// The challenge in the server's request.
async fn asked(device: &Device) -> anyhow::Result<String> {
    let options = device
        .waits_for(|event| match event {
            Event::PairPasskeyRequest(request) => Some(request.request_options_json.clone()),
            _ => None,
        })
        .await?;
    let options: Value = serde_json::from_str(&options)?;
    Ok(options["challenge"].as_str().unwrap_or_default().to_owned())
}

/// What an authenticator answers; nobody here can verify its signature.
fn assertion(challenge: &str) -> anyhow::Result<Assertion> {
    let data = json!({ "type": "webauthn.get", "challenge": challenge, "origin": "https://web.whatsapp.com" });
    let assertion = json!({
        "id": "a2V5", "rawId": "a2V5", "type": "public-key",
        "response": {
            "clientDataJSON": BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(&data)?),
            "authenticatorData": "", "signature": "", "userHandle": null,
        },
    });
    Ok(Assertion {
        assertion_json: serde_json::to_vec(&assertion)?,
        credential_id: b"key".to_vec(),
    })
}
