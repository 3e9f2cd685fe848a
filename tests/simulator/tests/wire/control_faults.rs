//! Everything that can go wrong is set over HTTP, and felt by the unmodified client.

use serde_json::json;
use whatsapp_rust::prelude::*;
use whatsapp_rust::types::events::ConnectFailureReason;

use crate::PATIENCE;
use crate::device::{ANA, Device, OWNER};
use crate::linking::asks_for_code;
use crate::speaking::Curl;

const BOB: &str = "15550003333";

impl Curl {
    /// Ana writes to the account; answers the id.
    fn ana(&self, text: &str) -> String {
        self.world.ana.says(&self.world.phone, text)
    }

    /// Ana writes to the account, and it is the next thing that comes.
    async fn hears(&self, text: &str) -> anyhow::Result<()> {
        self.ana(text);
        assert_eq!(self.device.gets_one().await?.text, text);
        Ok(())
    }

    /// A device of another account.
    async fn bobs_device(&self) -> anyhow::Result<Device> {
        let server = &self.world.server;
        Device::linked(server, &server.phone(BOB, "Bob")).await
    }
}

#[tokio::test]
async fn control_refused_messages_are_answered_with_their_codes() -> anyhow::Result<()> {
    let curl = Curl::starts().await?;
    let (device, ana) = (&curl.device, &curl.world.ana);
    let bob = curl.world.server.contact(BOB, "Bob");
    let says = async |to: &simulator::Contact| -> anyhow::Result<Option<String>> {
        let id = device.says(&to.jid(), "may I").await?;
        device.hears_ack(&id).await
    };
    curl.posts("faults", &json!({ "nack": 463 })).await?;
    assert_eq!(says(ana).await?.as_deref(), Some("463"));
    let only_to_ana = json!({ "nack_to": { "number": ANA, "code": 479 } });
    curl.posts("faults", &only_to_ana).await?;
    assert_eq!(says(&bob).await?, None);
    assert_eq!(says(ana).await?.as_deref(), Some("479"));
    assert!(ana.received().is_empty());
    for (registered, code) in [(false, Some("404")), (true, None)] {
        let fault = json!({ "register": { "number": ANA, "registered": registered } });
        curl.posts("faults", &fault).await?;
        assert_eq!(says(ana).await?.as_deref(), code);
    }
    Ok(())
}

#[tokio::test]
async fn control_messages_come_twice_or_in_the_wrong_order() -> anyhow::Result<()> {
    let curl = Curl::starts().await?;
    curl.hears("zero").await?;
    for (fault, comes) in [("duplicate", ["one", "two"]), ("swap", ["two", "one"])] {
        curl.posts("faults", &json!({ fault: OWNER })).await?;
        curl.ana("one");
        curl.ana("two");
        let texts: Vec<String> = curl.device.gets(2).await?.into_iter().map(|one| one.text).collect();
        assert_eq!(texts, comes, "{fault}");
        curl.hears("and on").await?;
    }
    Ok(())
}

#[tokio::test]
async fn control_a_message_lost_on_the_way_comes_at_the_next_login() -> anyhow::Result<()> {
    let curl = Curl::starts().await?;
    curl.posts("faults", &json!({ "lose": OWNER })).await?;
    curl.ana("on its way");
    curl.hears("whole").await?;
    curl.posts("faults", &json!("drop")).await?;
    assert_eq!(curl.device.gets_one().await?.text, "on its way");
    Ok(())
}

#[tokio::test]
async fn control_a_message_damaged_on_the_way_comes_at_the_next_login() -> anyhow::Result<()> {
    let curl = Curl::starts().await?;
    // The next frame may be the answer to something the client still asks; then the next message is tried.
    for _ in 0..20 {
        curl.posts("faults", &json!("corrupt_frame")).await?;
        let (damaged, whole) = (curl.ana("on its way"), curl.ana("whole"));
        let mut came: Vec<String> = Vec::new();
        while !came.contains(&whole) {
            came.extend(curl.device.gets(1).await?.into_iter().map(|one| one.id));
        }
        if !came.contains(&damaged) {
            curl.posts("faults", &json!("drop")).await?;
            assert_eq!(curl.device.gets_one().await?.id, damaged);
            return Ok(());
        }
    }
    anyhow::bail!("no message was damaged")
}

#[tokio::test]
async fn control_a_slow_wire_holds_back_what_is_said() -> anyhow::Result<()> {
    let curl = Curl::starts().await?;
    // So slow that nothing comes on this connection any more.
    curl.posts("faults", &json!({ "delay": 3_600_000 })).await?;
    curl.ana("held back");
    curl.posts("faults", &json!("down")).await?;
    is_disconnected(&curl.device).await?;
    curl.posts("faults", &json!({ "delay": 0 })).await?;
    curl.posts("faults", &json!("up")).await?;
    let got = curl.device.gets_one().await?;
    assert_eq!((got.text.as_str(), got.is_offline), ("held back", true));
    curl.hears("at once").await
}

#[tokio::test]
async fn control_who_cannot_read_a_message_asks_for_it_again() -> anyhow::Result<()> {
    let curl = Curl::starts().await?;
    let (device, ana) = (&curl.device, &curl.world.ana);
    curl.posts("faults", &json!({ "fail_decrypt": ANA })).await?;
    let id = device.says(&ana.jid(), "read me").await?;
    ana.waits_for(|received| received.id == id, PATIENCE).await?;
    assert_eq!(ana.raw_count(&id), 2);
    curl.posts("faults", &json!({ "garble": ANA })).await?;
    let id = curl.ana("and me");
    assert_eq!(device.gets_one().await?.id, id);
    assert!(ana.has_receipt(&id, "retry"));
    Ok(())
}

#[tokio::test]
async fn control_a_server_with_another_key_is_met_by_the_longer_handshake() -> anyhow::Result<()> {
    let curl = Curl::starts().await?;
    curl.posts("faults", &json!("change_key")).await?;
    curl.posts("faults", &json!("drop")).await?;
    curl.device.connects().await?;
    assert_eq!(curl.world.server.fallbacks(OWNER), 1);
    Ok(())
}

#[tokio::test]
async fn control_goodbyes_are_said_to_all_or_to_one() -> anyhow::Result<()> {
    let curl = Curl::starts().await?;
    let bob = curl.bobs_device().await?;
    curl.posts("faults", &json!({ "stream_error": "end" })).await?;
    curl.device.connects().await?;
    bob.connects().await?;
    let to_owner = json!({ "stream_error_to": { "number": OWNER, "goodbye": "replaced" } });
    curl.posts("faults", &to_owner).await?;
    curl.device
        .waits_for(|event| matches!(event, Event::StreamReplaced(_)).then_some(()))
        .await?;
    curl.world.server.waits_for_connections(OWNER, 0, PATIENCE).await?;
    assert_eq!(curl.world.server.connections(BOB), 1);
    Ok(())
}

#[tokio::test]
async fn control_logins_of_one_account_are_refused() -> anyhow::Result<()> {
    let curl = Curl::starts().await?;
    let bob = curl.bobs_device().await?;
    let fault = json!({ "refuse_login_of": { "number": OWNER, "refusal": { "reason": 503 } } });
    curl.posts("faults", &fault).await?;
    curl.posts("faults", &json!("drop")).await?;
    bob.connects().await?;
    curl.device
        .waits_for(|event| matches!(event, Event::ConnectFailure(_)).then_some(()))
        .await?;
    curl.posts("faults", &json!("accept")).await?;
    curl.device.connects().await
}

#[tokio::test]
async fn control_pairing_codes_are_refused_and_made_again() -> anyhow::Result<()> {
    let curl = Curl::starts().await?;
    curl.posts("faults", &json!({ "refuse_codes": 429 })).await?;
    let refused = Device::starts(curl.device.url()).await?;
    let error = asks_for_code(&refused).await.err().map(|error| format!("{error:#}"));
    assert!(
        error.as_ref().is_some_and(|error| error.contains("rate-overlimit")),
        "{error:?}"
    );
    curl.posts("faults", &json!({ "refuse_codes": null })).await?;
    let device = Device::starts(curl.device.url()).await?;
    curl.world.phone.types(&asks_for_code(&device).await?).await?;
    device.connects().await
}

#[tokio::test]
async fn control_a_spoilt_signature_links_nothing() -> anyhow::Result<()> {
    let curl = Curl::starts().await?;
    curl.posts("faults", &json!("spoil_link")).await?;
    let device = Device::starts(curl.device.url()).await?;
    curl.world.phone.scans(&device.shows_qr().await?)?;
    let error = device.connects().await.err().map(|error| error.to_string());
    assert!(error.is_some_and(|error| error.starts_with("pairing failed")));
    Ok(())
}

#[tokio::test]
async fn control_faults_of_nobody_and_of_no_kind_are_refused() -> anyhow::Result<()> {
    let curl = Curl::starts().await?;
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
