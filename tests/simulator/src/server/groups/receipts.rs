//! Receipts in groups and for status: always with the one who read, or the one who is asked again.
//!
//! Called by [`crate::server::receipts`] for linked devices, by [`super::posts`] for what phones answer by
//! themselves and by the library's `Group` for reading.

use whatsapp_rust::wacore_binary::{Jid, Node};

use super::chat::Chat;
use super::letters;
use crate::server::clock;
use crate::server::companion::Device;
use crate::server::messages::{Arrival, Letter};
use crate::server::receipts::{MOST_RETRIES, noticed, receipt_stanza, renew_session, retry_request};
use crate::server::stanza::{self, node};
use crate::server::state::State;

/// With more readers than this the server tells of all of them in one stanza.
const MOST_SINGLE: usize = 32;

/// A linked device sent `<receipt>` to a group or for a status.
pub(crate) fn receive(state: &mut State, from: &Device, receipt: &Node, to: &Jid, ids: &[String]) {
    let kind = stanza::attr(receipt, "type");
    let Some(author) = stanza::address(receipt, "participant").and_then(|jid| state.resolve(&jid)) else {
        return;
    };
    let Some(chat) = Chat::seen(state, to, &from.number) else {
        return;
    };
    match kind.as_str() {
        "retry" => retry(state, &chat, from, &author, receipt),
        "" | "inactive" => confirm(state, &chat, from, &author.number, ("delivery", ids)),
        "read" => confirm(state, &chat, from, &author.number, ("read", ids)),
        "played" => confirm(state, &chat, from, &author.number, ("played", ids)),
        _ => {}
    }
}

/// Somebody read messages on the phone: the authors learn it, and the own linked devices too.
pub(crate) fn read(state: &mut State, chat: &Chat, reader: &str, ids: &[String]) {
    let phone = Device {
        number: reader.to_owned(),
        id: 0,
    };
    for id in ids {
        let Some(author) = state.groups.author(&chat.jid, id).cloned() else {
            continue;
        };
        confirm(state, chat, &phone, &author, ("read", std::slice::from_ref(id)));
    }
}

fn confirm(state: &mut State, chat: &Chat, by: &Device, author: &str, (kind, ids): (&'static str, &[String])) {
    if by.number == author || ids.is_empty() {
        return;
    }
    noticed(state, author, &by.number, kind, ids.to_vec());
    let told = in_chat(state, chat, &by.number, receipt_stanza(chat.jid.clone(), kind, ids));
    state.push_to_companions(author, None, &told);
    if kind != "delivery" {
        let mut own = told;
        let author = Device {
            number: author.to_owned(),
            id: 0,
        };
        own.attrs.push("recipient", chat.face(state, &author));
        state.push_to_companions(&by.number, Some(by.id), &own);
    }
}

/// Phones could read a message of a linked device.
pub(super) fn delivered(state: &mut State, chat: &Chat, author: &str, by: &[String], id: &str) {
    let ids = [id.to_owned()];
    for number in by {
        noticed(state, author, number, "delivery", ids.to_vec());
    }
    if by.len() <= MOST_SINGLE {
        for number in by {
            let told = in_chat(state, chat, number, receipt_stanza(chat.jid.clone(), "delivery", &ids));
            state.push_to_companions(author, None, &told);
        }
        return;
    }
    let users: Vec<Node> = by
        .iter()
        .map(|number| {
            let phone = Device {
                number: number.clone(),
                id: 0,
            };
            let face = chat.face(state, &phone);
            node("user").attr("jid", face).attr("t", clock::seconds()).build()
        })
        .collect();
    let all = node("participants").attr("key", id).children(users).build();
    let told = node("receipt")
        .attr("from", &chat.jid)
        .attr("id", id)
        .attr("t", clock::seconds())
        .children([all])
        .build();
    state.push_to_companions(author, None, &told);
}

/// A phone could not decrypt a message of a linked device and asks for it again.
pub(super) fn ask_again(state: &mut State, chat: &Chat, to: &Device, by: &str, id: &str) {
    let Some(request) = retry_request(state, to, by, id) else {
        return;
    };
    let mut request = request.attr("from", &chat.jid).build();
    request = in_chat(state, chat, by, request);
    if let Some(companion) = state.companion_mut(to) {
        companion.push(request);
    }
}

/// A linked device could not decrypt something.
fn retry(state: &mut State, chat: &Chat, from: &Device, author: &Device, receipt: &Node) {
    if author.id != 0 {
        let mut passed_on = receipt.clone();
        let replaced = ["to", "participant", "participant_pn", "participant_lid"];
        passed_on.attrs.0.retain(|(key, _)| !replaced.contains(&key.as_ref()));
        passed_on.attrs.push("from", &chat.jid);
        passed_on.attrs.push("participant", chat.face(state, from));
        if let Some(companion) = state.companion_mut(author) {
            companion.push(passed_on);
        }
        return;
    }
    let id = stanza::attr(receipt, "id");
    noticed(state, &author.number, &from.number, "retry", vec![id.clone()]);
    let count = receipt
        .get_optional_child("retry")
        .and_then(|retry| stanza::attr(retry, "count").parse::<u32>().ok())
        .unwrap_or(1);
    let sent = state
        .person(&author.number)
        .ok()
        .filter(|person| !person.conduct.ignores_retries)
        .and_then(|person| person.sent.get(&id).cloned());
    let Some(sent) = sent.filter(|sent| sent.to == chat.key() && count <= MOST_RETRIES) else {
        return;
    };
    let letter = Letter {
        from: author.number.clone(),
        id,
        sent,
        retry: count,
        arrives: Arrival::Whole,
    };
    let resent =
        renew_session(state, &author.number, from, receipt).and_then(|()| letters::resend(state, chat, &letter, from));
    if let Err(error) = resent {
        tracing::warn!("a message to a group could not be sent again: {error:#}");
    }
}

/// Adds by whom it is.
fn in_chat(state: &State, chat: &Chat, number: &str, mut receipt: Node) -> Node {
    let phone = Device {
        number: number.to_owned(),
        id: 0,
    };
    let head = chat.stanza(state, "receipt", &phone).build();
    for (key, value) in head.attrs.0 {
        if key != "from" {
            receipt.attrs.push(key, value);
        }
    }
    receipt
}
