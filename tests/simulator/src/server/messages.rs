//! Messages: from a person to the companions of an account, and from a companion to everyone.
//!
//! Called by the router for companions and by `Contact`/`Phone` for people. Every device gets its own
//! ciphertext from a real Signal session; only between two primary devices, both ours, the text is
//! handed over as it is. Receipts and retries are in [`super::receipts`].

use std::sync::Arc;

use whatsapp_rust::buffa::MessageField;
use whatsapp_rust::wacore::proto_helpers::MessageExt as _;
use whatsapp_rust::wacore::send::stanza_type_from_message;
use whatsapp_rust::wacore::types::message::EditAttribute;
use whatsapp_rust::wacore_binary::{Jid, Node};
use whatsapp_rust::waproto::whatsapp as wa;

use super::companion::Device;
use super::person::{Addressing, Sent};
use super::stanza::{self, node};
use super::state::State;
use super::{app_state, business, clock, groups, history, keys, migration, privacy, receipts, tokens};
use crate::contact::Received;
use crate::signal::Failure;

/// A byte so far from the end lies under the authentication code in both kinds of ciphertext: behind it
/// stand at most the code itself and, in a first message, two short numbers.
pub(crate) const GARBLED_FROM_END: usize = 12;

/// A message of a person's primary device, ready to be encrypted for one device after the other.
pub(crate) struct Letter {
    pub(crate) from: String,
    pub(crate) id: String,
    pub(crate) sent: Sent,
    /// How often the reader asked for it again.
    pub(crate) retry: u32,
    /// In which state it reaches companions.
    pub(crate) arrives: Arrival,
}

/// What readers get besides the ciphertext, when the writer put it beside it.
const PASSED_ON: [&str; 5] = ["meta", "reporting", "biz", "bot", "device-identity"];

/// The parts of a linked device's message that are passed on to the other devices as they are.
pub(crate) fn passed_on(message: &Node) -> impl Iterator<Item = Node> {
    PASSED_ON
        .iter()
        .filter_map(|tag| message.get_optional_child(tag).cloned())
}

/// In which state a letter reaches companions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Arrival {
    /// As it was sent.
    Whole,
    /// Damaged, so that the reader has to ask again.
    Garbled,
    /// Not at all: they are told that there is something to look at once.
    Withheld,
    /// Sealed with a ratchet that only phones have.
    ForPhones,
    /// Not at all, and nobody tells them.
    Lost,
}

impl Letter {
    /// A message for the sender's own companions only, remembered for retries.
    pub(crate) fn peer(state: &mut State, from: &str, message: wa::Message) -> Self {
        let id = state.next_message_id();
        Self::remember(state, from, id, from, message, true)
    }

    pub(crate) fn remember(
        state: &mut State,
        from: &str,
        id: String,
        to: &str,
        message: wa::Message,
        is_peer: bool,
    ) -> Self {
        let places = state.person(from).map_or(0, |person| person.inbox.places());
        let sent = Sent {
            place: (places, state.next()),
            message: Arc::new(message),
            to: to.to_owned(),
            is_peer,
            timestamp: clock::seconds(),
        };
        let mut arrives = Arrival::Whole;
        if let Ok(person) = state.person_mut(from) {
            person.sent.insert(id.clone(), sent.clone());
            let conduct = &mut person.conduct;
            if !is_peer && conduct.garbled_left > 0 {
                conduct.garbled_left -= 1;
                arrives = Arrival::Garbled;
            } else if !is_peer && conduct.withheld_left > 0 {
                conduct.withheld_left -= 1;
                arrives = Arrival::Withheld;
            } else if !is_peer && conduct.lost_left > 0 {
                conduct.lost_left -= 1;
                arrives = Arrival::Lost;
            }
        }
        Self {
            from: from.to_owned(),
            id,
            sent,
            retry: 0,
            arrives,
        }
    }
}

/// A person writes to another from the primary device.
pub(crate) fn say(state: &mut State, from: &str, to: &str, id: String, message: wa::Message) {
    let letter = Letter::remember(state, from, id, to, message, false);
    if privacy::is_blocked(state, to, from) {
        return;
    }
    tokens::wrote(state, from, to);
    let ids = |state: &State, number: &str| state.person(number).map(super::person::Person::companion_ids);
    for number in [to, from] {
        for id in ids(state, number).unwrap_or_default() {
            let device = Device {
                number: number.to_owned(),
                id,
            };
            deliver(state, &letter, &device);
        }
    }
    let received = Received::new(
        &letter.id,
        from,
        None,
        letter.sent.timestamp,
        (*letter.sent.message).clone(),
    );
    if let Ok(person) = state.person_mut(to) {
        person.inbox.arrived(from, &letter.id);
        person.inbox.read(received);
    }
    receipts::noticed(state, from, to, "delivery", vec![letter.id]);
}

/// The place of a person who shares it is another one, which only phones can read.
pub(crate) fn stray(state: &mut State, from: &str, to: &str) -> String {
    let id = state.next_message_id();
    let mut letter = Letter::remember(state, from, id, to, wa::Message::default(), false);
    letter.arrives = Arrival::ForPhones;
    for companion in state
        .person(to)
        .map(super::person::Person::companion_ids)
        .unwrap_or_default()
    {
        let device = Device {
            number: to.to_owned(),
            id: companion,
        };
        deliver(state, &letter, &device);
    }
    letter.id
}

/// Encrypts a letter for one companion and owes it the stanza.
pub(crate) fn deliver(state: &mut State, letter: &Letter, device: &Device) {
    if let Err(error) = try_deliver(state, letter, device) {
        tracing::warn!(device = device.id, "a message could not be encrypted: {error:#}");
    }
}

fn try_deliver(state: &mut State, letter: &Letter, device: &Device) -> anyhow::Result<()> {
    if letter.arrives == Arrival::Lost {
        return Ok(());
    }
    let address = device.address();
    if !state.person(&letter.from)?.peer.has_session(&address) {
        let bundle = keys::take_bundle(state, device)?;
        state.person_mut(&letter.from)?.peer.begin(&address, &bundle)?;
    }
    let own = letter.from == device.number;
    let addressing = migration::addressing(state, &letter.from, &device.number);
    let by_lid = state.person(&device.number)?.conduct.is_lid_migrated;
    let recipient = if own && !letter.sent.is_peer {
        Some(migration::face(state, &letter.sent.to, &letter.from)?)
    } else {
        None
    };
    let kind = stanza_type_from_message(&letter.sent.message);
    let person = state.person_mut(&letter.from)?;
    let (enc_type, mut ciphertext) = match &recipient {
        Some(recipient) => person
            .peer
            .encrypt(&address, &device_sent(recipient, &letter.sent.message))?,
        None => person.peer.encrypt(&address, &letter.sent.message)?,
    };
    if letter.arrives == Arrival::Garbled
        && let Some(byte) = ciphertext.iter_mut().nth_back(GARBLED_FROM_END)
    {
        *byte ^= 1;
    }
    let is_for_phones = letter.arrives == Arrival::ForPhones;
    let enc_type = if is_for_phones { "frskmsg" } else { enc_type };
    let enc = node("enc").attr("v", "2").attr("type", enc_type);
    let enc = if letter.retry > 0 {
        enc.attr("count", letter.retry)
    } else {
        enc
    };
    let body = if letter.arrives == Arrival::Withheld {
        node("unavailable").attr("type", "view_once").build()
    } else {
        enc.bytes(ciphertext).build()
    };
    let from = match addressing {
        _ if own && !by_lid => person.number_jid(),
        Addressing::Number => person.number_jid(),
        Addressing::Lid | Addressing::HiddenNumber => person.lid_jid(),
    };
    let stanza = node("message")
        .attr("from", from)
        .attr("id", &letter.id)
        .attr("type", kind)
        .attr("t", letter.sent.timestamp)
        .children([body]);
    let stanza = match EditAttribute::infer_from_message(&letter.sent.message) {
        Some(edit) => stanza.attr("edit", edit.to_string_val()),
        None => stanza,
    };
    let stanza = match (own, addressing) {
        (true, _) => match recipient {
            Some(recipient) => stanza.attr("recipient", recipient),
            None => stanza.attr("category", "peer"),
        },
        (false, Addressing::Number) => stanza.attr("notify", &person.name).attr("sender_lid", person.lid_jid()),
        (false, Addressing::Lid) => stanza
            .attr("notify", &person.name)
            .attr("addressing_mode", "lid")
            .attr("sender_pn", person.number_jid()),
        (false, Addressing::HiddenNumber) => stanza.attr("notify", &person.name).attr("addressing_mode", "lid"),
    };
    let mut stanza = stanza.build();
    if !own {
        business::mark(person, &mut stanza);
    }
    if let Some(companion) = state.companion_mut(device) {
        companion.push(stanza);
    }
    Ok(())
}

/// A companion sent `<message>`.
pub(crate) fn receive(state: &mut State, from: &Device, message: &Node) {
    let Some(to) = stanza::address(message, "to") else {
        return;
    };
    if groups::Chat::is_at(&to) {
        return groups::receive_message(state, from, message, &to);
    }
    let account = state.resolve(&to);
    let wanted = account
        .as_ref()
        .map_or(to.user.as_str(), |device| device.number.as_str());
    let refused = account
        .is_none()
        .then_some(404)
        .or_else(|| tokens::refusal(state, &from.number, wanted, message));
    if acknowledge(state, from, message, wanted, refused) {
        return;
    }
    let participants = message
        .get_optional_child("participants")
        .and_then(|list| list.children())
        .unwrap_or_default();
    for part in participants {
        if let (Some(jid), Some(enc)) = (stanza::address(part, "jid"), part.get_optional_child("enc")) {
            hand_over(state, from, message, &jid, enc);
        }
    }
    // A resend after a retry receipt, or a message to the own phone, comes without a list (traps, 2).
    if let Some(enc) = message.get_optional_child("enc") {
        hand_over(state, from, message, &to, enc);
    }
}

/// Acknowledges a message unless the acknowledgement is lost; answers whether the message was refused.
pub(crate) fn acknowledge(
    state: &mut State,
    from: &Device,
    message: &Node,
    wanted: &str,
    refused: Option<u32>,
) -> bool {
    let nack = state.faults.take_nack(wanted).or(refused);
    let lost = state.faults.take_lost_ack();
    if !lost && let Some(companion) = state.companion_mut(from) {
        let (id, to) = (stanza::attr(message, "id"), stanza::address(message, "to"));
        let ack = stanza::ack("message", &id, to).attr("t", clock::seconds());
        companion.send_now(match nack {
            Some(code) => ack.attr("error", code).build(),
            None => ack.build(),
        });
    }
    nack.is_some()
}

fn hand_over(state: &mut State, from: &Device, message: &Node, jid: &Jid, enc: &Node) {
    let Some(device) = state.resolve(jid) else {
        return;
    };
    if privacy::is_blocked(state, &device.number, &from.number) {
        return;
    }
    if device.number != from.number {
        let pair = (from.number.clone(), device.number.clone());
        state.acquaintances.insert(pair);
    }
    if device.id == 0 {
        decrypt(state, from, &device.number, message, jid, enc);
    } else if device != *from {
        relay(state, from, &device, message, enc);
    }
}

/// One companion's ciphertext for another companion: passed on as it is.
fn relay(state: &mut State, from: &Device, to: &Device, message: &Node, enc: &Node) {
    let Ok(sender) = state.person(&from.number) else {
        return;
    };
    let mut children = vec![enc.clone()];
    children.extend(passed_on(message));
    let chat = stanza::address(message, "to").unwrap_or_else(|| from.jid());
    let stanza = node("message")
        .attr("from", migration::like(state, from, &chat))
        .attr("id", stanza::attr(message, "id"))
        .attr("type", stanza::attr(message, "type"))
        .attr("t", clock::seconds())
        .attr("notify", &sender.name)
        .children(children);
    let stanza = if from.number == to.number {
        stanza.attr("recipient", chat.to_non_ad())
    } else if chat.is_lid() {
        stanza
            .attr("addressing_mode", "lid")
            .attr("sender_pn", sender.number_jid())
    } else {
        stanza.attr("sender_lid", sender.lid_jid())
    };
    let mut stanza = stanza.build();
    if let Some(edit) = message.attrs.get("edit") {
        stanza.attrs.push("edit", edit.clone());
    }
    if let Some(companion) = state.companion_mut(to) {
        companion.push(stanza);
    }
}

/// A ciphertext reached a primary device.
fn decrypt(state: &mut State, from: &Device, number: &str, message: &Node, asked_as: &Jid, enc: &Node) {
    let id = stanza::attr(message, "id");
    let Ok(person) = state.person_mut(number) else {
        return;
    };
    if person.conduct.is_away {
        person.conduct.awaited.push(Awaited {
            from: from.clone(),
            message: message.clone(),
            asked_as: asked_as.clone(),
            enc: enc.clone(),
        });
        return;
    }
    person.inbox.arrived(&from.number, &id);
    let stumbles = person.conduct.failures_left > 0;
    let decrypted = if stumbles {
        person.conduct.failures_left -= 1;
        Err(Failure::Undecryptable(anyhow::anyhow!("on purpose")))
    } else {
        person
            .peer
            .decrypt(&from.address(), &stanza::attr(enc, "type"), stanza::bytes(enc))
    };
    match decrypted {
        Ok(read) => {
            if number == from.number {
                own_companion_sent(state, from, &id, read);
            } else {
                let received = Received::new(&id, &from.number, None, clock::seconds(), read);
                person.inbox.read(received);
                receipts::delivered(state, from, number, asked_as, &id);
            }
        }
        // The key was used: a real client takes it for a copy, and confirms it if it has the message.
        Err(Failure::Duplicate) => {
            if number != from.number && person.inbox.has(&from.number, &id) {
                receipts::delivered(state, from, number, asked_as, &id);
            }
        }
        Err(Failure::Undecryptable(error)) => {
            tracing::info!(message = id, "asking for a message again: {error:#}");
            receipts::ask_again(state, from, number, asked_as, &id, stanza::address(message, "to"));
        }
    }
}

/// A ciphertext for a phone that is switched off.
pub(crate) struct Awaited {
    from: Device,
    message: Node,
    asked_as: Jid,
    enc: Node,
}

/// A phone is switched on again and gets what waited for it.
pub(crate) fn comes_back(state: &mut State, number: &str) {
    let Ok(person) = state.person_mut(number) else {
        return;
    };
    person.conduct.is_away = false;
    for awaited in std::mem::take(&mut person.conduct.awaited) {
        let Awaited {
            from,
            message,
            asked_as,
            enc,
        } = awaited;
        decrypt(state, &from, number, &message, &asked_as, &enc);
    }
}

/// A companion told its own phone something: what it sent to others, or a request between devices.
fn own_companion_sent(state: &mut State, from: &Device, id: &str, message: wa::Message) {
    if let Some(protocol) = message.protocol_message.as_option()
        && let Some(request) = protocol.app_state_sync_key_request.as_option()
    {
        app_state::requested(state, from, request);
        return;
    }
    if let Some(request) = message.protocol_message.peer_data_operation_request_message.as_option() {
        history::asked(state, from, id, request);
        return;
    }
    let Some(copy) = message.device_sent_message.as_option() else {
        return;
    };
    let to = copy
        .destination_jid
        .as_deref()
        .and_then(|jid| jid.parse::<Jid>().ok())
        .map(|jid| {
            state
                .resolve(&jid)
                .map_or_else(|| jid.user.to_string(), |device| device.number)
        });
    // What answers are sealed with stands beside the copy.
    let around = message.message_context_info.clone();
    let mut copied = message.into_base_message();
    if copied.message_context_info.is_unset() {
        copied.message_context_info = around;
    }
    let received = Received::new(id, &from.number, to, clock::seconds(), copied);
    if let Ok(person) = state.person_mut(&from.number) {
        person.inbox.read(received);
    }
}

pub(crate) fn device_sent(recipient: &Jid, message: &wa::Message) -> wa::Message {
    wa::Message {
        device_sent_message: MessageField::some(wa::message::DeviceSentMessage {
            destination_jid: Some(recipient.to_string()),
            message: MessageField::some(message.clone()),
            ..Default::default()
        }),
        ..Default::default()
    }
}
