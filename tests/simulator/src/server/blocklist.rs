//! The people an account blocked, and the reports it sent.
//!
//! Called by [`super::queries`]. What a block means is asked of [`super::privacy::is_blocked`]: messages,
//! calls, presence and typing do not reach the one who blocked, and no picture or about text is shown.

use whatsapp_rust::wacore_binary::Node;

use super::companion::Device;
use super::stanza::{self, Answer, Refusal, node};
use super::state::State;
use super::{announcements, clock};

/// A report of spam.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The number of the account that reported.
    pub by: String,
    /// The message reported.
    pub message_id: String,
    /// Where in the app it was reported, in the words of the protocol.
    pub flow: String,
}

/// Answers an IQ of the space `blocklist`.
pub(crate) fn answer(state: &mut State, device: &Device, iq: &Node) -> Answer {
    if stanza::attr(iq, "type") == "get" {
        return list(state, &device.number);
    }
    let item = iq.get_optional_child("item").ok_or(Refusal::BAD_REQUEST)?;
    let jid = stanza::address(item, "jid").ok_or(Refusal::BAD_REQUEST)?;
    let blocks = match stanza::attr(item, "action").as_str() {
        "block" => true,
        "unblock" => false,
        _ => return Err(Refusal::BAD_REQUEST),
    };
    // The real server wants the LID, and the number beside it for a block.
    if !jid.is_lid() || (blocks && stanza::address(item, "pn_jid").is_none()) {
        return Err(Refusal::BAD_REQUEST);
    }
    let whom = state.resolve(&jid).ok_or(Refusal::NOT_FOUND)?.number;
    set(state, &device.number, &whom, blocks);
    let changed = node("blocklist")
        .attr("action", "modify")
        .children([item.clone()])
        .build();
    announcements::account_sync(state, device, changed);
    list(state, &device.number)
}

/// A person blocks another, or stops.
pub(crate) fn set(state: &mut State, who: &str, whom: &str, blocks: bool) {
    if let Ok(person) = state.person_mut(who) {
        if blocks {
            person
                .privacy
                .blocked
                .entry(whom.to_owned())
                .or_insert_with(clock::seconds);
        } else {
            person.privacy.blocked.remove(whom);
        }
    }
}

/// A client reports a message as spam.
pub(crate) fn spam(state: &mut State, device: &Device, iq: &Node) -> Answer {
    let list = iq.get_optional_child("spam_list").ok_or(Refusal::BAD_REQUEST)?;
    let message = list.get_optional_child("message").ok_or(Refusal::BAD_REQUEST)?;
    state.reports.push(Report {
        by: device.number.clone(),
        message_id: stanza::attr(message, "id"),
        flow: stanza::attr(list, "spam_flow"),
    });
    // Digits travel as text; other strings would arrive as bytes, which the client does not read here.
    let id = (1_700_000_000 + state.reports.len()).to_string();
    Ok(vec![node("report_id").string_content(id).build()])
}

fn list(state: &State, number: &str) -> Answer {
    let person = state.person(number).map_err(|_| Refusal::NOT_FOUND)?;
    let items = person.privacy.blocked.iter().filter_map(|(number, since)| {
        let blocked = state.person(number).ok()?;
        Some(node("item").attr("jid", blocked.lid_jid()).attr("t", *since).build())
    });
    Ok(vec![node("list").children(items).build()])
}
