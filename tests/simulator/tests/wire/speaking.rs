//! The control API lets anyone say anything, and shows what anyone received.

use serde_json::{Value, json};
use whatsapp_rust::prelude::*;

use crate::PATIENCE;
use crate::device::{ANA, Device, OWNER, World};
use crate::messages::message_of;

/// A script with curl in its hands.
pub(crate) struct Curl {
    pub(crate) world: World,
    pub(crate) device: Device,
    http: reqwest::Client,
}

impl Curl {
    pub(crate) async fn starts() -> anyhow::Result<Self> {
        let world = World::starts().await?;
        Ok(Self {
            device: world.links().await?,
            http: reqwest::Client::builder().build()?,
            world,
        })
    }

    pub(crate) async fn posts(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let url = format!("{}/{path}", self.world.server.control_url());
        let answer = self.http.post(url).json(body).send().await?;
        let is_ok = answer.status().is_success();
        let text = answer.text().await?;
        anyhow::ensure!(is_ok, "{path}: {text}");
        Ok(serde_json::from_str(&text)?)
    }

    /// Ana says something to the account; answers its id and what the device got.
    pub(crate) async fn ana_says(&self, mut speech: Value) -> anyhow::Result<(String, wa::Message)> {
        speech["to"] = json!(OWNER);
        let said = self.posts(&format!("contacts/{ANA}/send"), &speech).await?;
        let id = said["id"].as_str().unwrap_or_default().to_owned();
        let message = message_of(&self.device, &id).await?;
        Ok((id, message))
    }

    async fn ana_got(&self) -> anyhow::Result<Vec<Value>> {
        let url = format!("{}/contacts/{ANA}/messages", self.world.server.control_url());
        let answer: Value = self.http.get(url).send().await?.json().await?;
        Ok(answer["messages"].as_array().cloned().unwrap_or_default())
    }
}

#[tokio::test]
async fn control_every_kind_of_message_can_be_said() -> anyhow::Result<()> {
    let curl = Curl::starts().await?;
    let (first, message) = curl.ana_says(json!({ "kind": "text", "text": "plain" })).await?;
    assert_eq!(message.text_content(), Some("plain"));
    let (_, message) = curl
        .ana_says(json!({ "kind": "text", "text": "hello @15550001111", "mentions": [OWNER] }))
        .await?;
    assert_eq!(message.extended_text_message.context_info.mentioned_jid.len(), 1);
    let link =
        json!({ "kind": "link", "text": "see https://example.org", "url": "https://example.org", "title": "Example" });
    let (_, message) = curl.ana_says(link).await?;
    assert_eq!(message.extended_text_message.title.as_deref(), Some("Example"));
    let (_, message) = curl
        .ana_says(json!({ "kind": "reply", "id": first, "text": "quoting" }))
        .await?;
    let context = &message.extended_text_message.context_info;
    assert_eq!(context.quoted_message.text_content(), Some("plain"));
    let (_, message) = curl
        .ana_says(json!({ "kind": "reaction", "id": first, "emoji": "👍" }))
        .await?;
    assert_eq!(message.reaction_message.text.as_deref(), Some("👍"));
    let (_, message) = curl
        .ana_says(json!({ "kind": "edit", "id": first, "text": "better" }))
        .await?;
    assert_eq!(message.protocol_message.edited_message.text_content(), Some("better"));
    let (_, message) = curl
        .ana_says(json!({ "kind": "pin", "id": first, "pinned": true }))
        .await?;
    assert_eq!(message.pin_in_chat_message.key.id.as_deref(), Some(first.as_str()));
    let (_, message) = curl.ana_says(json!({ "kind": "delete", "id": first })).await?;
    assert_eq!(message.protocol_message.key.id.as_deref(), Some(first.as_str()));
    let place = json!({ "kind": "location", "latitude": 1.5, "longitude": -2.5, "name": "Pier" });
    let (_, message) = curl.ana_says(place).await?;
    assert_eq!(message.location_message.degrees_latitude, Some(1.5));
    let place = json!({ "kind": "location", "latitude": 1.5, "longitude": -2.5, "live": true });
    let (_, message) = curl.ana_says(place).await?;
    assert_eq!(message.live_location_message.degrees_longitude, Some(-2.5));
    let ben = json!({ "name": "Ben", "number": "15550003333" });
    let (_, message) = curl.ana_says(json!({ "kind": "contacts", "people": [ben] })).await?;
    assert_eq!(message.contact_message.display_name.as_deref(), Some("Ben"));
    let (_, message) = curl
        .ana_says(json!({ "kind": "contacts", "people": [ben, ben] }))
        .await?;
    assert_eq!(message.contacts_array_message.contacts.len(), 2);
    say_about_what_happens(&curl).await?;
    let invite = json!({ "kind": "group_invite", "group": "1@g.us", "name": "Harbour", "code": "abc" });
    let (_, message) = curl.ana_says(invite).await?;
    assert_eq!(message.group_invite_message.group_name.as_deref(), Some("Harbour"));
    let (_, message) = curl
        .ana_says(json!({ "kind": "disappearing", "seconds": 86400 }))
        .await?;
    assert_eq!(message.protocol_message.ephemeral_expiration, Some(86400));
    // `conversation: "raw"` as protobuf.
    let (_, message) = curl.ana_says(json!({ "kind": "raw", "protobuf": "CgNyYXc=" })).await?;
    assert_eq!(message.text_content(), Some("raw"));
    Ok(())
}

/// An event and a poll, and what is sealed with their secrets.
async fn say_about_what_happens(curl: &Curl) -> anyhow::Result<()> {
    let regatta = json!({ "kind": "event", "name": "Regatta", "start": 1_800_000_000 });
    let (event, message) = curl.ana_says(regatta).await?;
    assert_eq!(message.event_message.name.as_deref(), Some("Regatta"));
    let (_, message) = curl
        .ana_says(json!({ "kind": "attend", "id": event, "answer": "yes" }))
        .await?;
    let answered = &message.enc_event_response_message.event_creation_message_key;
    assert_eq!(answered.id.as_deref(), Some(event.as_str()));
    let later = json!({ "kind": "edit_event", "id": event, "name": "Regatta", "start": 1_800_003_600 });
    let (_, message) = curl.ana_says(later).await?;
    let edited = &message.secret_encrypted_message.target_message_key;
    assert_eq!(edited.id.as_deref(), Some(event.as_str()));
    let where_to = json!({ "kind": "poll", "question": "Where?", "options": ["Pier", "Yard"] });
    let (poll, _) = curl.ana_says(where_to).await?;
    let again = json!({ "kind": "edit_poll", "id": poll, "question": "Where now?", "options": ["Pier", "Yard"] });
    let (_, message) = curl.ana_says(again).await?;
    let edited = &message.secret_encrypted_message.target_message_key;
    assert_eq!(edited.id.as_deref(), Some(poll.as_str()));
    let (_, message) = curl
        .ana_says(json!({ "kind": "comment", "id": poll, "text": "the pier" }))
        .await?;
    let about = &message.enc_comment_message.target_message_key;
    assert_eq!(about.id.as_deref(), Some(poll.as_str()));
    Ok(())
}

#[tokio::test]
async fn control_a_poll_is_asked_and_voted_on_both_ways() -> anyhow::Result<()> {
    let curl = Curl::starts().await?;
    let poll = json!({ "kind": "poll", "question": "Where?", "options": ["Pier", "Yard"], "selectable": 1 });
    let (id, message) = curl.ana_says(poll).await?;
    let secret = message.message_context_info.message_secret.clone().unwrap_or_default();
    let (ana, owner): (Jid, Jid) = (
        curl.world.ana.jid().parse()?,
        format!("{OWNER}@s.whatsapp.net").parse()?,
    );
    curl.device
        .client
        .polls()
        .vote(&ana, &id, &ana, &secret, &["Yard".to_owned()])
        .await?;
    curl.world
        .ana
        .waits_for(|received| received.message.poll_update_message.is_set(), PATIENCE)
        .await?;
    let got = curl.ana_got().await?;
    assert_eq!(got.last().map(|vote| vote["chosen"].clone()), Some(json!(["Yard"])));

    let options = ["Tea".to_owned(), "Coffee".to_owned()];
    let (sent, secret) = curl.device.client.polls().create(&ana, "What?", &options, 1).await?;
    curl.world
        .ana
        .waits_for(|received| received.id == sent.message_id, PATIENCE)
        .await?;
    let (_, vote) = curl
        .ana_says(json!({ "kind": "vote", "id": sent.message_id, "options": ["Coffee"] }))
        .await?;
    let sealed = &vote.poll_update_message.vote;
    let chosen = whatsapp_rust::wacore::poll::decrypt_poll_vote_with_secret(
        whatsapp_rust::wacore::poll::PollVoteCiphertext {
            enc_payload: sealed.enc_payload.as_deref().unwrap_or_default(),
            enc_iv: sealed.enc_iv.as_deref().unwrap_or_default(),
        },
        &secret,
        &sent.message_id,
        &owner.to_string(),
        &ana.to_string(),
    )?;
    assert_eq!(
        chosen,
        [whatsapp_rust::wacore::poll::compute_option_hash("Coffee").to_vec()]
    );
    Ok(())
}

#[tokio::test]
async fn control_what_was_received_is_shown_with_what_it_is_about() -> anyhow::Result<()> {
    let curl = Curl::starts().await?;
    let ana: Jid = curl.world.ana.jid().parse()?;
    let (first, _) = curl.ana_says(json!({ "kind": "text", "text": "react to me" })).await?;
    let key = wa::MessageKey {
        remote_jid: Some(ana.to_string()),
        from_me: Some(false),
        id: Some(first.clone()),
        ..Default::default()
    };
    curl.device.client.send_reaction(&ana, key, "🎉").await?;
    curl.world
        .ana
        .waits_for(|received| received.message.reaction_message.is_set(), PATIENCE)
        .await?;
    let got = curl.ana_got().await?;
    assert_eq!(
        (&got[0]["kind"], &got[0]["about"], &got[0]["emoji"]),
        (&json!("reaction"), &json!(first), &json!("🎉"))
    );
    Ok(())
}
