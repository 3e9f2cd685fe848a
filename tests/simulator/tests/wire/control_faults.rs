//! Everything that can go wrong is set over HTTP, and felt by the unmodified client.

use serde_json::json;
use whatsapp_rust::prelude::*;
use whatsapp_rust::types::events::ConnectFailureReason;

use crate::PATIENCE;
use crate::device::{ANA, Device, OWNER};
use crate::linking::asks_for_code;
use crate::speaking::Curl;

#[tokio::test]
async fn control_every_fault_can_be_set() -> anyhow::Result<()> {
    let curl = Curl::starts().await?;
    let faults = [
        json!({ "delay": 0 }),
        json!({ "nack": 463 }),
        json!({ "nack_to": { "number": ANA, "code": 479 } }),
        json!("corrupt_frame"),
        json!({ "duplicate": OWNER }),
        json!({ "swap": OWNER }),
        json!({ "lose": OWNER }),
        json!({ "fail_decrypt": ANA }),
        json!({ "garble": ANA }),
        json!({ "register": { "number": ANA, "registered": true } }),
        json!({ "refuse_codes": 429 }),
        json!({ "refuse_codes": null }),
        json!("spoil_link"),
        json!("change_key"),
        json!({ "stream_error": "end" }),
        json!({ "stream_error_to": { "number": OWNER, "goodbye": { "code": 503 } } }),
        json!({ "refuse_login_of": { "number": OWNER, "refusal": { "reason": 503 } } }),
        json!("accept"),
    ];
    for fault in faults {
        curl.posts("faults", &fault).await?;
    }
    for wrong in [
        json!({ "duplicate": "15559999999" }),
        json!({ "retire_code": { "number": OWNER, "manually": true } }),
        json!("nonsense"),
    ] {
        assert!(curl.posts("faults", &wrong).await.is_err(), "{wrong}");
    }
    Ok(())
}

#[tokio::test]
async fn control_dropped_connections_and_a_server_that_is_down_are_felt_by_the_client() -> anyhow::Result<()> {
    let curl = Curl::starts().await?;
    curl.posts("faults", &json!("drop")).await?;
    is_disconnected(&curl.device).await?;
    curl.device.connects().await?;
    curl.posts("faults", &json!("down")).await?;
    is_disconnected(&curl.device).await?;
    assert_eq!(curl.world.server.connections(OWNER), 0);
    curl.posts("faults", &json!("up")).await?;
    curl.device.connects().await?;
    let (id, _) = curl.ana_says(json!({ "kind": "text", "text": "there again" })).await?;
    assert!(!id.is_empty());
    Ok(())
}

#[tokio::test]
async fn control_a_lost_acknowledgement_leaves_the_message_delivered() -> anyhow::Result<()> {
    let curl = Curl::starts().await?;
    curl.posts("faults", &json!("lose_ack")).await?;
    let ana = &curl.world.ana;
    let lost = curl.device.says(&ana.jid(), "no answer").await?;
    ana.waits_for(|received| received.id == lost, PATIENCE).await?;
    let next = curl.device.says(&ana.jid(), "answered").await?;
    let acknowledged = curl
        .device
        .waits_for(|event| match event {
            Event::ServerAck(ack) if ack.class.as_deref() == Some("message") => Some(ack.id.clone()),
            _ => None,
        })
        .await?;
    assert_eq!(acknowledged, next);
    Ok(())
}

#[tokio::test]
async fn control_refused_logins_are_told_to_the_client_until_they_are_accepted() -> anyhow::Result<()> {
    let curl = Curl::starts().await?;
    for (fault, reason, words) in [
        (
            json!({ "refuse_login": 503 }),
            ConnectFailureReason::ServiceUnavailable,
            None,
        ),
        (
            json!({ "refuse_login_with": { "reason": 503, "message": "come back at noon" } }),
            ConnectFailureReason::ServiceUnavailable,
            Some("come back at noon"),
        ),
    ] {
        curl.posts("faults", &fault).await?;
        curl.posts("faults", &json!("drop")).await?;
        let told = curl
            .device
            .waits_for(|event| match event {
                Event::ConnectFailure(failure) => Some((failure.reason, failure.message.clone())),
                _ => None,
            })
            .await?;
        assert_eq!((told.0, told.1.as_deref()), (reason, words));
        curl.posts("faults", &json!("accept")).await?;
        curl.device.connects().await?;
    }
    Ok(())
}

#[tokio::test]
async fn control_a_ban_an_outdated_client_and_a_logout_are_told_to_the_client() -> anyhow::Result<()> {
    for (fault, wanted) in [
        (json!({ "ban": 60 }), "banned for 60"),
        (json!("outdated"), "outdated"),
        (json!("logged_out"), "logged out"),
    ] {
        let curl = Curl::starts().await?;
        curl.posts("faults", &fault).await?;
        let told = curl
            .device
            .waits_for(|event| match event {
                Event::TemporaryBan(ban) => Some(format!("banned for {}", ban.expire.num_seconds())),
                Event::ClientOutdated(_) => Some("outdated".to_owned()),
                Event::LoggedOut(_) => Some("logged out".to_owned()),
                _ => None,
            })
            .await?;
        assert_eq!(told, wanted);
    }
    Ok(())
}

#[tokio::test]
async fn control_a_pairing_code_is_taken_back_and_the_client_is_told_how_to_get_another() -> anyhow::Result<()> {
    let curl = Curl::starts().await?;
    for manually in [true, false] {
        let device = Device::starts(curl.device.url()).await?;
        let code = asks_for_code(&device).await?;
        let fault = json!({ "retire_code": { "number": OWNER, "manually": manually } });
        curl.posts("faults", &fault).await?;
        let told = device
            .waits_for(|event| match event {
                Event::PairingCodeRefresh(refresh) => Some(refresh.force_manual),
                _ => None,
            })
            .await?;
        assert_eq!(told, manually);
        // Told to ask by itself, the client may have another one by now.
        assert!(!manually || curl.world.phone.types(&code).await.is_err());
    }
    Ok(())
}

async fn is_disconnected(device: &Device) -> anyhow::Result<()> {
    device
        .waits_for(|event| matches!(event, Event::Disconnected(_)).then_some(()))
        .await
}
