//! What people write into groups and post as status from their phones.
//!
//! Called by the library's `Group` and by [`super::receipts`] when a linked device asks again. One
//! ciphertext for all linked devices, and the sender key for those that do not have it yet.

use whatsapp_rust::buffa::MessageField;
use whatsapp_rust::wacore::send::stanza_type_from_message;
use whatsapp_rust::wacore::types::message::EditAttribute;
use whatsapp_rust::wacore_binary::Node;
use whatsapp_rust::waproto::whatsapp as wa;

use super::chat::Chat;
use crate::contact::Received;
use crate::server::chat_state::{self, Typing};
use crate::server::companion::Device;
use crate::server::messages::{Arrival, GARBLED_FROM_END, Letter};
use crate::server::stanza::node;
use crate::server::state::State;
use crate::server::{keys, receipts, step};

/// A person writes; everybody in the chat gets it.
pub(crate) fn say(state: &mut State, from: &str, chat: &Chat, id: String, mut message: wa::Message) {
    if chat.is_announcements(state) && message.message_context_info.message_secret.is_none() {
        // Marks and comments are sealed with it.
        let context = message.message_context_info.get_or_insert_default();
        context.message_secret = Some(step::random::<[u8; 32]>().to_vec());
    }
    let letter = Letter::remember(state, from, id, &chat.key(), message, false);
    state.groups.wrote(&chat.jid, &letter.id, from);
    let devices = chat.companions(state);
    if let Err(error) = send(state, chat, &letter, &devices) {
        tracing::warn!("a message to a group could not be encrypted: {error:#}");
    }
    let received = Received::new(
        &letter.id,
        from,
        None,
        letter.sent.timestamp,
        (*letter.sent.message).clone(),
    );
    let received = std::sync::Arc::new(received.in_chat(chat.key()));
    for number in chat.people.iter().filter(|number| *number != from) {
        if let Ok(person) = state.person_mut(number) {
            person.inbox.arrived(from, &letter.id);
            person.inbox.read_shared(&received);
        }
        receipts::noticed(state, from, number, "delivery", vec![letter.id.clone()]);
    }
}

/// Encrypts once for all devices and owes each the stanza, with the key where it is missing.
fn send(state: &mut State, chat: &Chat, letter: &Letter, devices: &[Device]) -> anyhow::Result<()> {
    if devices.is_empty() || letter.arrives == Arrival::Lost {
        return Ok(());
    }
    let (key, place) = (chat.key(), (chat.key(), letter.from.clone()));
    let person = state.person_mut(&letter.from)?;
    let distribution = key_message(&key, person.peer.sender_keys.distribution(&key)?);
    let mut ciphertext = person.peer.sender_keys.encrypt(&key, &letter.sent.message)?;
    if letter.arrives == Arrival::Garbled
        && let Some(byte) = ciphertext.iter_mut().nth_back(GARBLED_FROM_END)
    {
        *byte ^= 1;
    }
    let content = node("enc")
        .attr("v", "2")
        .attr("type", "skmsg")
        .bytes(ciphertext)
        .build();
    for device in devices {
        let has_key = state
            .groups
            .given
            .get(&place)
            .is_some_and(|given| given.contains(device));
        let mut children = Vec::new();
        if !has_key {
            match pairwise(state, &letter.from, device, &distribution, 0) {
                Ok(enc) => children.push(enc),
                Err(error) => {
                    tracing::warn!(device = device.id, "no sender key for a device: {error:#}");
                    continue;
                }
            }
            let given = state.groups.given.entry(place.clone()).or_default();
            given.insert(device.clone());
        }
        children.push(content.clone());
        owe(state, chat, letter, device, children);
    }
    Ok(())
}

/// Encrypts a message again for one device that asked, with the sender key beside it.
pub(super) fn resend(state: &mut State, chat: &Chat, letter: &Letter, device: &Device) -> anyhow::Result<()> {
    let key = chat.key();
    let distribution = state.person_mut(&letter.from)?.peer.sender_keys.distribution(&key)?;
    let mut message = (*letter.sent.message).clone();
    message.sender_key_distribution_message = key_message(&key, distribution).sender_key_distribution_message;
    let enc = pairwise(state, &letter.from, device, &message, letter.retry)?;
    let given = state.groups.given.entry((key, letter.from.clone())).or_default();
    given.insert(device.clone());
    owe(state, chat, letter, device, vec![enc]);
    Ok(())
}

fn owe(state: &mut State, chat: &Chat, letter: &Letter, device: &Device, children: Vec<Node>) {
    let author = Device {
        number: letter.from.clone(),
        id: 0,
    };
    let message = &letter.sent.message;
    let mut stanza = chat
        .stanza(state, "message", &author)
        .attr("id", &letter.id)
        .attr("type", stanza_type_from_message(message))
        .attr("t", letter.sent.timestamp)
        .children(children);
    if let Ok(person) = state.person(&letter.from) {
        stanza = stanza.attr("notify", &person.name);
    }
    if let Some(mode) = chat.mode() {
        stanza = stanza.attr("addressing_mode", mode);
    }
    if let Some(edit) = EditAttribute::infer_from_message(message) {
        stanza = stanza.attr("edit", edit.to_string_val());
    }
    if let Some(companion) = state.companion_mut(device) {
        companion.push(stanza.build());
    }
}

fn pairwise(state: &mut State, from: &str, device: &Device, message: &wa::Message, retry: u32) -> anyhow::Result<Node> {
    let address = device.address();
    if !state.person(from)?.peer.has_session(&address) {
        let bundle = keys::take_bundle(state, device)?;
        state.person_mut(from)?.peer.begin(&address, &bundle)?;
    }
    let (kind, ciphertext) = state.person_mut(from)?.peer.encrypt(&address, message)?;
    let enc = node("enc").attr("v", "2").attr("type", kind).bytes(ciphertext);
    Ok(if retry > 0 {
        enc.attr("count", retry).build()
    } else {
        enc.build()
    })
}

fn key_message(chat: &str, distribution: Vec<u8>) -> wa::Message {
    wa::Message {
        sender_key_distribution_message: MessageField::some(wa::message::SenderKeyDistributionMessage {
            group_id: Some(chat.to_owned()),
            axolotl_sender_key_distribution_message: Some(distribution),
        }),
        ..Default::default()
    }
}

/// Shows the others in a group that somebody types, records or stopped.
pub(crate) fn show_typing(state: &mut State, from: &str, chat: &Chat, typing: Typing) {
    let phone = Device {
        number: from.to_owned(),
        id: 0,
    };
    let stanza = chat_state::stanza_of(chat.jid.clone(), Some(chat.face(state, &phone)), typing);
    for device in chat.companions(state) {
        if device.number != from
            && let Some(companion) = state.companion_mut(&device)
        {
            companion.send_now(stanza.clone());
        }
    }
}
