//! Broadcast lists: one message of a phone to several people, each of whom reads it alone.
//!
//! Called by `Phone`. The linked devices of the owner get a copy that names the list and, unless the phone leaves that out,
//! who is on it. The readers are people on phones.

use whatsapp_rust::wacore::send::stanza_type_from_message;
use whatsapp_rust::wacore_binary::{Jid, Node};
use whatsapp_rust::waproto::whatsapp as wa;

use super::companion::Device;
use super::keys;
use super::messages::{self, Letter};
use super::stanza::node;
use super::state::State;
use crate::contact::Received;

/// A phone writes to a list of these people; answers the message id.
pub(crate) fn say(
    state: &mut State,
    from: &str,
    people: &[String],
    is_named: bool,
    message: wa::Message,
) -> anyhow::Result<String> {
    let list: Jid = format!("{}@broadcast", 1_700_000_000 + state.next()).parse()?;
    let id = state.next_message_id();
    let letter = Letter::remember(state, from, id, &list.to_string(), message, false);
    let mut named = Vec::new();
    for number in people {
        let person = state.person_mut(number)?;
        let (message, at) = ((*letter.sent.message).clone(), letter.sent.timestamp);
        person.inbox.arrived(from, &letter.id);
        person.inbox.read(Received::new(&letter.id, from, None, at, message));
        named.push(node("to").attr("jid", person.number_jid()).build());
    }
    for companion in state.person(from)?.companion_ids() {
        let device = Device {
            number: from.to_owned(),
            id: companion,
        };
        let copy = copy_for(state, &letter, &list, &device, is_named.then(|| named.clone()))?;
        if let Some(companion) = state.companion_mut(&device) {
            companion.push(copy);
        }
    }
    Ok(letter.id)
}

fn copy_for(
    state: &mut State,
    letter: &Letter,
    list: &Jid,
    device: &Device,
    named: Option<Vec<Node>>,
) -> anyhow::Result<Node> {
    let address = device.address();
    if !state.person(&letter.from)?.peer.has_session(&address) {
        let bundle = keys::take_bundle(state, device)?;
        state.person_mut(&letter.from)?.peer.begin(&address, &bundle)?;
    }
    let person = state.person_mut(&letter.from)?;
    let copy = messages::device_sent(list, &letter.sent.message);
    let (kind, ciphertext) = person.peer.encrypt(&address, &copy)?;
    let enc = node("enc").attr("v", "2").attr("type", kind).bytes(ciphertext).build();
    let participant = if person.conduct.is_lid_migrated {
        person.lid_jid()
    } else {
        person.number_jid()
    };
    let named = named.map(|named| node("participants").children(named).build());
    Ok(node("message")
        .attr("from", list)
        .attr("participant", participant)
        .attr("id", &letter.id)
        .attr("type", stanza_type_from_message(&letter.sent.message))
        .attr("t", letter.sent.timestamp)
        .children(std::iter::once(enc).chain(named))
        .build())
}
