//! The history of a phone cut into the chunks a linked device gets, in their order.

use std::collections::BTreeMap;

use whatsapp_rust::buffa::MessageField;
use whatsapp_rust::wacore_binary::Jid;
use whatsapp_rust::waproto::whatsapp as wa;
use whatsapp_rust::waproto::whatsapp::conversation::EndOfHistoryTransferType;
use whatsapp_rust::waproto::whatsapp::history_sync::HistorySyncType;

use super::memory::{Chat, Chats};
use super::verbs::HistoryForm;
use crate::server::clock;
use crate::server::state::State;

/// Older messages belong to the full history, which a device gets only when the phone wants it.
const RECENT: u64 = 90 * 24 * 3600;
/// Where status updates live.
pub(super) const STATUS: &str = "status@broadcast";

/// One message of one chat on its way into a chunk.
type Line = (String, wa::WebMessageInfo);

/// All chunks, first to last; empty when the phone has nothing to tell.
pub(super) fn chunks(state: &State, number: &str, mut chats: Chats, form: &HistoryForm) -> Vec<wa::HistorySync> {
    let updates = chats.by_address.remove(STATUS).unwrap_or_default();
    if chats.by_address.is_empty() && updates.is_empty() {
        return Vec::new();
    }
    let mut first = Vec::new();
    let mut recent: Vec<Line> = Vec::new();
    let mut full: Vec<Line> = Vec::new();
    let horizon = clock::seconds().saturating_sub(RECENT);
    for (address, mut chat) in chats.by_address {
        let rest = chat.len().saturating_sub(form.first_messages);
        let newest = chat.split_off(rest);
        let is_whole = chat.is_empty();
        for message in chat.into_iter().rev() {
            let is_recent = message.message_timestamp.unwrap_or_default() >= horizon;
            let lines = if is_recent { &mut recent } else { &mut full };
            lines.push((address.clone(), message));
        }
        first.push(conversation(state, number, address, newest, is_whole));
    }
    let mut bootstrap = of(HistorySyncType::INITIAL_BOOTSTRAP);
    bootstrap.conversations = first;
    bootstrap.phone_number_to_lid_mappings = mappings(state, &chats.authors);
    let mut chunks = vec![bootstrap, names(state, number, &chats.authors)];
    if !updates.is_empty() {
        let mut status = of(HistorySyncType::INITIAL_STATUS_V3);
        status.status_v3_messages = updates;
        chunks.push(status);
    }
    chunks.extend(cut(state, number, HistorySyncType::RECENT, &recent, form));
    if form.is_full {
        chunks.extend(cut(state, number, HistorySyncType::FULL, &full, form));
    }
    let mut settings = of(HistorySyncType::NON_BLOCKING_DATA);
    settings.global_settings = MessageField::some(wa::GlobalSettings {
        security_notifications: Some(false),
        auto_unarchive_chats: Some(true),
        ..Default::default()
    });
    chunks.push(settings);
    let mut counts: BTreeMap<i32, u32> = BTreeMap::new();
    let total = chunks.len().max(1);
    for (done, chunk) in chunks.iter_mut().enumerate() {
        let count = counts.entry(chunk.sync_type as i32).or_default();
        *count += 1;
        chunk.chunk_order = Some(*count);
        chunk.progress = u32::try_from((done + 1) * 100 / total).ok();
    }
    chunks
}

/// A chat of a chunk, newest message first, as phones send it.
pub(super) fn conversation(
    state: &State,
    number: &str,
    address: String,
    messages: Chat,
    is_whole: bool,
) -> wa::Conversation {
    let jid = address.parse::<Jid>().ok();
    let other = jid
        .as_ref()
        .and_then(|jid| state.resolve(jid))
        .and_then(|device| state.person(&device.number).ok());
    let newest = messages.last().and_then(|message| message.message_timestamp);
    let timer = state
        .person(number)
        .ok()
        .and_then(|owner| owner.memory.timers.get(&address));
    wa::Conversation {
        ephemeral_expiration: timer.map(|(seconds, _)| *seconds),
        ephemeral_setting_timestamp: timer.and_then(|(_, since)| i64::try_from(*since).ok()),
        last_msg_timestamp: newest,
        conversation_timestamp: newest,
        unread_count: Some(0),
        end_of_history_transfer: Some(is_whole),
        end_of_history_transfer_type: Some(if is_whole {
            EndOfHistoryTransferType::COMPLETE_AND_NO_MORE_MESSAGE_REMAIN_ON_PRIMARY
        } else {
            EndOfHistoryTransferType::COMPLETE_BUT_MORE_MESSAGES_REMAIN_ON_PRIMARY
        }),
        name: other.and_then(|other| state.person(number).ok()?.app_state.saved_name(&other.number)),
        display_name: other.map(|other| other.name.clone()),
        pn_jid: other.map(|other| other.number_jid().to_string()),
        lid_jid: other.map(|other| other.lid_jid().to_string()),
        messages: messages
            .into_iter()
            .enumerate()
            .rev()
            .map(|(place, message)| wa::HistorySyncMsg {
                message: MessageField::some(message),
                msg_order_id: u64::try_from(place).ok(),
            })
            .collect(),
        id: address,
        ..Default::default()
    }
}

fn of(kind: HistorySyncType) -> wa::HistorySync {
    wa::HistorySync {
        sync_type: kind,
        ..Default::default()
    }
}

fn cut(state: &State, number: &str, kind: HistorySyncType, lines: &[Line], form: &HistoryForm) -> Vec<wa::HistorySync> {
    let parts = lines.chunks(form.chunk_messages.max(1)).map(|part| {
        let mut chats: BTreeMap<String, Chat> = BTreeMap::new();
        // Newest first until here; a conversation is built from the oldest on.
        for (address, message) in part.iter().rev() {
            chats.entry(address.clone()).or_default().push(message.clone());
        }
        let mut chunk = of(kind);
        chunk.conversations = chats
            .into_iter()
            .map(|(address, chat)| conversation(state, number, address, chat, false))
            .collect();
        chunk
    });
    parts.collect()
}

fn names(state: &State, number: &str, authors: &[String]) -> wa::HistorySync {
    let mut chunk = of(HistorySyncType::PUSH_NAME);
    chunk.pushnames = authors
        .iter()
        .map(String::as_str)
        .chain(std::iter::once(number))
        .filter_map(|number| state.person(number).ok())
        .map(|person| wa::Pushname {
            id: Some(person.face().to_string()),
            pushname: Some(person.name.clone()),
        })
        .collect();
    chunk
}

fn mappings(state: &State, authors: &[String]) -> Vec<wa::PhoneNumberToLIDMapping> {
    authors
        .iter()
        .filter_map(|number| state.person(number).ok())
        .map(|person| wa::PhoneNumberToLIDMapping {
            pn_jid: Some(person.number_jid().to_string()),
            lid_jid: Some(person.lid_jid().to_string()),
        })
        .collect()
}
