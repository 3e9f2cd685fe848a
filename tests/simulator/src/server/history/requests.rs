//! What a linked device asks its phone for later: older messages, and those it could not read.

use whatsapp_rust::buffa::{Message as _, MessageField};
use whatsapp_rust::waproto::whatsapp as wa;
use whatsapp_rust::waproto::whatsapp::history_sync::HistorySyncType;
use whatsapp_rust::waproto::whatsapp::message::peer_data_operation_request_message::HistorySyncOnDemandRequest;
use whatsapp_rust::waproto::whatsapp::message::peer_data_operation_request_response_message::PeerDataOperationResult;
use whatsapp_rust::waproto::whatsapp::message::peer_data_operation_request_response_message::peer_data_operation_result::PlaceholderMessageResendResponse;
use whatsapp_rust::waproto::whatsapp::message::{
    PeerDataOperationRequestMessage, PeerDataOperationRequestResponseMessage, ProtocolMessage, protocol_message,
};

use super::chunks::conversation;
use super::memory::chats;
use super::sync;
use crate::server::companion::Device;
use crate::server::messages::{self, Letter};
use crate::server::state::State;

/// The most messages in one answer, whatever was asked for.
const MOST: usize = 1000;

/// A companion asks its phone; `id` is the message it asks with.
pub(crate) fn asked(state: &mut State, device: &Device, id: &str, request: &PeerDataOperationRequestMessage) {
    let Ok(person) = state.person(&device.number) else {
        return;
    };
    let (answers, resends) = (person.memory.form.answers_requests, person.memory.form.resends_lost);
    if let Some(older) = request.history_sync_on_demand_request.as_option().filter(|_| answers) {
        send_older(state, device, id, older);
    }
    let lost: Vec<&wa::MessageKey> = request
        .placeholder_message_resend_request
        .iter()
        .filter_map(|one| one.message_key.as_option())
        .collect();
    if resends && !lost.is_empty() {
        send_lost(state, device, id, &lost);
    }
}

/// The messages of a chat before the oldest one the device has.
fn send_older(state: &mut State, device: &Device, id: &str, request: &HistorySyncOnDemandRequest) {
    let wanted = request.chat_jid.clone().unwrap_or_default();
    let mut all = chats(state, &device.number);
    let (address, mut messages) = same_chat(state, &mut all.by_address, &wanted).unwrap_or((wanted, Vec::new()));
    let known = messages
        .iter()
        .position(|message| message.key.id == request.oldest_msg_id);
    let before = request
        .oldest_msg_timestamp_ms
        .and_then(|time| u64::try_from(time / 1000).ok())
        .unwrap_or(u64::MAX);
    match known {
        Some(place) => messages.truncate(place),
        // The phone does not have that message; its time says where it would be.
        None => messages.retain(|message| message.message_timestamp.unwrap_or_default() < before),
    }
    let count = request
        .on_demand_msg_count
        .and_then(|count| usize::try_from(count).ok());
    let skipped = messages.len().saturating_sub(count.unwrap_or(MOST).min(MOST));
    let messages = messages.split_off(skipped);
    let mut chunk = wa::HistorySync {
        sync_type: HistorySyncType::ON_DEMAND,
        chunk_order: Some(1),
        progress: Some(100),
        ..Default::default()
    };
    chunk.conversations = vec![conversation(state, &device.number, address, messages, skipped == 0)];
    sync::send(state, device, &chunk, Some(id.to_owned()));
}

/// The chat with this address, or with the same person under the other one.
fn same_chat<T>(state: &State, chats: &mut std::collections::BTreeMap<String, T>, wanted: &str) -> Option<(String, T)> {
    if let Some(found) = chats.remove_entry(wanted) {
        return Some(found);
    }
    let person = state.resolve(&wanted.parse().ok()?)?;
    let person = state.person(&person.number).ok()?;
    [person.number_jid(), person.lid_jid()]
        .into_iter()
        .find_map(|jid| chats.remove_entry(&jid.to_string()))
}

/// Messages the device could not read, as the phone read them; nothing of those it does not have.
fn send_lost(state: &mut State, device: &Device, id: &str, keys: &[&wa::MessageKey]) {
    let all = chats(state, &device.number).by_address;
    let results = keys.iter().filter_map(|key| {
        let found = all.values().flatten().find(|message| {
            message.key.id == key.id && message.key.from_me.unwrap_or(false) == key.from_me.unwrap_or(false)
        })?;
        let mut info = found.clone();
        // The answer names the chat by number, whatever the question said.
        let address = found.key.remote_jid.as_deref()?.parse().ok()?;
        if let Some(other) = state.resolve(&address)
            && let Some(key) = info.key.as_option_mut()
        {
            key.remote_jid = Some(state.person(&other.number).ok()?.number_jid().to_string());
        }
        Some(PeerDataOperationResult {
            placeholder_message_resend_response: MessageField::some(PlaceholderMessageResendResponse {
                web_message_info_bytes: Some(info.encode_to_vec()),
            }),
            ..Default::default()
        })
    });
    let response = PeerDataOperationRequestResponseMessage {
        peer_data_operation_request_type: Some(wa::message::PeerDataOperationRequestType::PLACEHOLDER_MESSAGE_RESEND),
        stanza_id: Some(id.to_owned()),
        peer_data_operation_result: results.collect(),
    };
    if response.peer_data_operation_result.is_empty() {
        return;
    }
    let message = wa::Message {
        protocol_message: MessageField::some(ProtocolMessage {
            r#type: Some(protocol_message::Type::PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE),
            peer_data_operation_request_response_message: MessageField::some(response),
            ..Default::default()
        }),
        ..Default::default()
    };
    let letter = Letter::peer(state, &device.number, message);
    messages::deliver(state, &letter, device);
}
