//! History on its way to a linked device: compressed, inside the message or as a blob, and confirmed.

use std::io::Write as _;

use anyhow::Context as _;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use whatsapp_rust::buffa::{Enumeration as _, Message as _, MessageField};
use whatsapp_rust::waproto::whatsapp as wa;
use whatsapp_rust::waproto::whatsapp::message::{HistorySyncNotification, ProtocolMessage, protocol_message};

use super::chunks::chunks;
use super::memory::chats;
use crate::media::{self, MediaKind, Seal};
use crate::server::companion::Device;
use crate::server::messages::{self, Letter};
use crate::server::state::State;

/// The phone hands a new companion its history, once.
pub(crate) fn send_once(state: &mut State, device: &Device) {
    let Some(companion) = state.companion_mut(device) else {
        return;
    };
    if std::mem::replace(&mut companion.has_history, true) {
        return;
    }
    let Ok(form) = state.person(&device.number).map(|person| person.memory.form.clone()) else {
        return;
    };
    if !form.is_shared {
        return;
    }
    let chats = chats(state, &device.number);
    for chunk in chunks(state, &device.number, chats, &form) {
        send(state, device, &chunk, None);
    }
}

/// Sends one chunk; `session` names the request it answers.
pub(super) fn send(state: &mut State, device: &Device, chunk: &wa::HistorySync, session: Option<String>) {
    if let Err(error) = try_send(state, device, chunk, session) {
        tracing::warn!("a part of the history could not be sent: {error:#}");
    }
}

fn try_send(
    state: &mut State,
    device: &Device,
    chunk: &wa::HistorySync,
    session: Option<String>,
) -> anyhow::Result<()> {
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
    zlib.write_all(&chunk.encode_to_vec())?;
    let packed = zlib.finish().context("compress")?;
    let mut notification = HistorySyncNotification {
        sync_type: wa::message::HistorySyncType::from_i32(chunk.sync_type as i32),
        chunk_order: chunk.chunk_order,
        progress: chunk.progress,
        oldest_msg_in_chunk_timestamp_sec: oldest(chunk),
        peer_data_request_session_id: session,
        ..Default::default()
    };
    if packed.len() > state.person(&device.number)?.memory.form.largest_inline {
        let blob = media::sealed(&Seal::drawn(), MediaKind::History, &packed)?;
        let uploaded = media::store(&mut state.blobs, &state.media_host, blob);
        notification.file_length = Some(uploaded.file_length);
        notification.file_sha256 = Some(uploaded.file_sha256);
        notification.file_enc_sha256 = Some(uploaded.file_enc_sha256);
        notification.media_key = Some(uploaded.media_key);
        notification.direct_path = Some(uploaded.direct_path);
    } else {
        notification.file_length = u64::try_from(packed.len()).ok();
        notification.initial_hist_bootstrap_inline_payload = Some(packed);
    }
    let message = wa::Message {
        protocol_message: MessageField::some(ProtocolMessage {
            r#type: Some(protocol_message::Type::HISTORY_SYNC_NOTIFICATION),
            history_sync_notification: MessageField::some(notification),
            ..Default::default()
        }),
        ..Default::default()
    };
    let letter = Letter::peer(state, &device.number, message);
    messages::deliver(state, &letter, device);
    Ok(())
}

/// Sends a part of the history again, which is in another blob now.
pub(crate) fn send_again(state: &mut State, device: &Device, mut part: wa::Message, path: String) {
    if let Some(notification) = part
        .protocol_message
        .as_option_mut()
        .and_then(|protocol| protocol.history_sync_notification.as_option_mut())
    {
        notification.direct_path = Some(path);
    }
    let letter = Letter::peer(state, &device.number, part);
    messages::deliver(state, &letter, device);
}

fn oldest(chunk: &wa::HistorySync) -> Option<i64> {
    let messages = chunk.conversations.iter().flat_map(|chat| &chat.messages);
    let oldest = messages.filter_map(|one| one.message.message_timestamp).min()?;
    i64::try_from(oldest).ok()
}

/// A companion says that it has these parts of the history; what the phone never sent is no part of it.
pub(crate) fn confirmed(state: &mut State, device: &Device, ids: &[String]) {
    if let Ok(person) = state.person_mut(&device.number) {
        let (sent, confirmed) = (&person.sent, &mut person.memory.confirmed);
        let parts = ids.iter().filter(|id| sent.get(*id).is_some_and(|one| one.is_peer));
        confirmed.extend(parts.cloned());
    }
}
