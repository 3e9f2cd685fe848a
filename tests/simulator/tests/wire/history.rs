//! History: handed to a new device in chunks, inline and as blobs, and asked for later.

use std::sync::Arc;

use simulator::{HistoryForm, Remembered};
use whatsapp_rust::RevokeType;
use whatsapp_rust::prelude::*;

use crate::PATIENCE;
use crate::device::{ANA, Device, World};

/// A time long ago, and one of last month.
const LONG_AGO: u64 = 1_600_000_000;

fn ana() -> String {
    format!("{ANA}@s.whatsapp.net")
}

#[expect(clippy::disallowed_methods, reason = "three months are counted from today")]
fn now() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

fn lines(count: u64, since: u64) -> Vec<Remembered> {
    (0..count)
        .map(|n| Remembered::text((n % 2 == 0).then_some(ANA), since + n, &format!("line {n}")))
        .collect()
}

/// A part of the history as a device gets it.
struct Part {
    kind: i32,
    order: Option<u32>,
    progress: Option<u32>,
    session: Option<String>,
    content: wa::HistorySync,
}

impl Part {
    fn texts(&self) -> Vec<&str> {
        let messages = self.content.conversations.iter().flat_map(|chat| &chat.messages);
        messages
            .filter_map(|one| one.message.message.conversation.as_deref())
            .collect()
    }
}

async fn gets_part(device: &Device) -> anyhow::Result<Part> {
    device
        .waits_for(|event| match event {
            Event::HistorySync(part) => Some(Part {
                kind: part.sync_type(),
                order: part.chunk_order(),
                progress: part.progress(),
                session: part.peer_data_request_session_id().map(ToOwned::to_owned),
                content: part.get().cloned().unwrap_or_default(),
            }),
            _ => None,
        })
        .await
}

/// So many parts, in the order in which they were sent: the client works on several at once.
async fn gets_parts(device: &Device, count: usize) -> anyhow::Result<Vec<Part>> {
    let mut parts = Vec::new();
    while parts.len() < count {
        parts.push(gets_part(device).await?);
    }
    parts.sort_by_key(|part| part.progress);
    assert_eq!(parts.last().and_then(|part| part.progress), Some(100));
    Ok(parts)
}

async fn begins(world: &World) -> anyhow::Result<Device> {
    let device = Device::starts(&world.server.url()).await?;
    world.phone.scans(&device.shows_qr().await?)?;
    Ok(device)
}

#[tokio::test]
async fn peer_message_history_sync_inline_tells_a_new_device_what_was_before() -> anyhow::Result<()> {
    let world = World::starts().await?;
    world.phone.has_history(&ana(), lines(30, now() - 1000));
    world.ana.says(&world.phone, "just now");
    world.phone.says(&world.ana, "yes");
    let device = begins(&world).await?;
    let parts = gets_parts(&device, 4).await?;
    let kinds: Vec<i32> = parts.iter().map(|part| part.kind).collect();
    // Bootstrap, push names, recent, non-blocking data.
    assert_eq!(kinds, [0, 4, 3, 5]);
    assert!(parts.iter().all(|part| part.order == Some(1)));
    let first = &parts[0];
    assert_eq!(first.texts().len(), 20);
    assert_eq!(&first.texts()[..2], ["yes", "just now"]);
    let chat = &first.content.conversations[0];
    assert_eq!(chat.id, ana());
    assert_eq!(chat.end_of_history_transfer, Some(false));
    let keys = &chat.messages[0].message.key;
    assert_eq!((keys.from_me, keys.remote_jid.as_deref()), (Some(true), Some(&*ana())));
    assert_eq!(chat.messages[1].message.push_name.as_deref(), Some("Ana"));
    let mapping = &first.content.phone_number_to_lid_mappings[0];
    assert_eq!(mapping.lid_jid.as_deref(), Some(&*world.ana.lid_jid()));
    assert!(
        parts[1]
            .content
            .pushnames
            .iter()
            .any(|one| one.pushname.as_deref() == Some("Ana"))
    );
    assert_eq!(parts[2].texts().len(), 12);
    assert_eq!(parts[2].texts().last(), Some(&"line 0"));
    world.phone.waits_for_confirmed_history(4, PATIENCE).await?;
    world.phone.waits_for_empty_backlog(PATIENCE).await
}

#[tokio::test]
async fn peer_message_history_sync_as_media_in_many_chunks_with_progress() -> anyhow::Result<()> {
    let world = World::starts().await?;
    world.phone.has_history(&ana(), lines(100, now() - 1000));
    world.phone.has_history(&ana(), lines(50, LONG_AGO));
    world.phone.has_history("status@broadcast", lines(1, now() - 10));
    world.phone.shares_history(HistoryForm {
        is_full: true,
        chunk_messages: 25,
        largest_inline: 0,
        ..Default::default()
    });
    let device = begins(&world).await?;
    let parts = gets_parts(&device, 10).await?;
    let kinds: Vec<i32> = parts.iter().map(|part| part.kind).collect();
    assert_eq!(kinds, [0, 4, 1, 3, 3, 3, 3, 2, 2, 5]);
    assert_eq!(world.server.blob_count(), parts.len());
    assert_eq!(parts.iter().map(|part| part.texts().len()).sum::<usize>(), 150);
    assert_eq!(parts[2].content.status_v3_messages.len(), 1);
    assert_eq!(parts[6].order, Some(4));
    world.phone.waits_for_confirmed_history(parts.len(), PATIENCE).await
}

#[tokio::test]
async fn peer_message_history_shows_what_edits_deletions_and_reactions_left() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let first = begins(&world).await?;
    first.connects().await?;
    let chat: Jid = ana().parse()?;
    let edited = first.says(&ana(), "first words").await?;
    let removed = first.says(&ana(), "oops").await?;
    first
        .client
        .edit_message(chat.clone(), &edited, wa::Message::text("other words"))
        .await?;
    first.client.revoke_message(chat, &removed, RevokeType::Sender).await?;
    world
        .phone
        .waits_for(
            |copy| copy.message.protocol_message.key.id.as_deref() == Some(&*removed),
            PATIENCE,
        )
        .await?;
    let second = begins(&world).await?;
    let parts = gets_parts(&second, 3).await?;
    let messages = &parts[0].content.conversations[0].messages;
    assert_eq!(messages.len(), 2);
    assert_eq!(parts[0].texts(), ["other words"]);
    assert!(messages[0].message.message_stub_type.is_some());
    Ok(())
}

#[tokio::test]
async fn peer_message_history_on_demand_brings_what_was_before_a_message() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let before = lines(60, LONG_AGO);
    let (oldest, time) = (before[50].id.clone(), before[50].timestamp);
    world.phone.has_history(&ana(), before);
    let device = begins(&world).await?;
    let parts = gets_parts(&device, 3).await?;
    // What is older than three months stays on the phone.
    assert_eq!(parts.iter().map(|part| part.texts().len()).sum::<usize>(), 20);
    let chat: Jid = ana().parse()?;
    let time = i64::try_from(time)? * 1000;
    let asked = device
        .client
        .fetch_message_history(&chat, &oldest, true, time, 30)
        .await?;
    let part = gets_part(&device).await?;
    assert_eq!((part.kind, part.session), (6, Some(asked)));
    assert_eq!(part.content.conversations[0].messages.len(), 30);
    assert_eq!(part.content.conversations[0].end_of_history_transfer, Some(false));
    let oldest = part.content.conversations[0].messages[29].message.key.id.clone();
    let rest = device
        .client
        .fetch_message_history(&chat, &oldest.unwrap_or_default(), true, time, 30)
        .await?;
    let part = gets_part(&device).await?;
    assert_eq!(part.session, Some(rest));
    assert_eq!(part.content.conversations[0].messages.len(), 20);
    assert_eq!(part.content.conversations[0].end_of_history_transfer, Some(true));
    Ok(())
}

#[tokio::test]
async fn peer_message_placeholder_resend_brings_a_message_the_device_could_not_read() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    world.phone.shares_history(HistoryForm {
        resends_lost: true,
        ..Default::default()
    });
    world.ana.says(&world.phone, "hear me");
    let info = device
        .waits_for(|event| match event {
            Event::Messages(batch) => batch.into_iter().map(|one| Arc::clone(&one.info)).next(),
            _ => None,
        })
        .await?;
    device.client.send_pdo_placeholder_resend_request(&info).await?;
    let again = device.gets_one().await?;
    assert_eq!((again.id, again.text), (info.id.clone(), "hear me".to_owned()));
    Ok(())
}

#[tokio::test]
async fn peer_message_history_sync_server_error_receipt_brings_the_part_again_in_another_blob() -> anyhow::Result<()> {
    let world = World::starts().await?;
    world.phone.has_history(&ana(), lines(10, LONG_AGO));
    world.phone.shares_history(HistoryForm {
        largest_inline: 0,
        ..Default::default()
    });
    let device = begins(&world).await?;
    let parts = gets_parts(&device, 3).await?;
    let sent = world.phone.history_blobs();
    assert_eq!(sent.len(), 3);
    let (id, key) = &sent[0];
    // It fetched the part, and says that it could not; the blob is gone by now.
    world.server.expires_all_media(410);
    device.client.send_history_sync_server_error_receipt(id, key).await?;
    let again = gets_part(&device).await?;
    assert_eq!((again.kind, again.texts()), (parts[0].kind, parts[0].texts()));
    assert_eq!(world.phone.history_blobs().len(), 4);
    // Who does not know the key gets nothing; the next one who does is answered all the same.
    device
        .client
        .send_history_sync_server_error_receipt(id, &[7; 32])
        .await?;
    device
        .client
        .send_history_sync_server_error_receipt(&sent[1].0, &sent[1].1)
        .await?;
    assert_eq!(gets_part(&device).await?.kind, parts[1].kind);
    assert_eq!(world.phone.history_blobs().len(), 5);
    Ok(())
}

#[tokio::test]
async fn peer_message_a_phone_that_keeps_its_history_sends_none() -> anyhow::Result<()> {
    let world = World::starts().await?;
    world.phone.has_history(&ana(), lines(3, LONG_AGO));
    world.phone.shares_history(HistoryForm {
        is_shared: false,
        ..Default::default()
    });
    let device = world.links().await?;
    world.ana.says(&world.phone, "hello");
    assert_eq!(device.gets_one().await?.text, "hello");
    world.phone.waits_for_empty_backlog(PATIENCE).await?;
    assert_eq!(world.phone.history_confirmed(), 0);
    assert_eq!(world.phone.history_count(&ana()), 4);
    Ok(())
}

#[tokio::test]
async fn control_history_and_settings_are_written_over_the_control_api() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let base = format!("{}/phones/{}", world.server.control_url(), world.phone.number());
    let http = reqwest::Client::builder().build()?;
    let before = serde_json::json!({
        "chat": ana(),
        "messages": [{ "author": ANA, "timestamp": LONG_AGO, "text": "long ago" }],
    });
    let post = |path: &str, body: serde_json::Value| {
        let request = http.post(format!("{base}/{path}")).json(&body);
        async move { request.send().await?.error_for_status() }
    };
    post("history", before).await?;
    let form = serde_json::json!({ "first_messages": 1 });
    http.put(format!("{base}/history/form"))
        .json(&form)
        .send()
        .await?
        .error_for_status()?;
    let named = serde_json::json!({ "name_contact": { "number": ANA, "name": "Ana Maria" } });
    post("settings", named).await?;
    let device = begins(&world).await?;
    let parts = gets_parts(&device, 3).await?;
    assert_eq!(parts[0].texts(), ["long ago"]);
    assert_eq!(parts[0].content.conversations[0].name.as_deref(), Some("Ana Maria"));
    let settings: serde_json::Value = http.get(format!("{base}/settings")).send().await?.json().await?;
    assert!(settings["settings"].as_array().is_some_and(|all| !all.is_empty()));
    Ok(())
}
