//! `usync`: who has WhatsApp, under which LID, with which devices.
//!
//! Called by [`super::queries`]. Answers only what was asked for; a companion is never listed without
//! the signed index list, since clients then drop the whole user (traps, 9).

use whatsapp_rust::wacore_binary::{Jid, Node};

use super::clock;
use super::linking;
use super::person::{Addressing, Person};
use super::stanza::{self, node};
use super::state::State;

/// Answers a `usync` IQ.
pub(crate) fn answer(state: &State, query: &Node) -> Option<Vec<Node>> {
    let wanted: Vec<&str> = query
        .get_optional_child("query")?
        .children()
        .unwrap_or_default()
        .iter()
        .map(|child| child.tag.as_ref())
        .collect();
    let users: Vec<Node> = query
        .get_optional_child("list")?
        .get_children_by_tag("user")
        .filter_map(|user| answer_user(state, &wanted, user))
        .collect();
    let list = node("list").children(users).build();
    Some(vec![node("usync").children([list]).build()])
}

fn answer_user(state: &State, wanted: &[&str], user: &Node) -> Option<Node> {
    let asked = stanza::address(user, "jid").map(|jid| jid.to_non_ad());
    let phone = user
        .get_optional_child("contact")
        .map(digits)
        .filter(|text| !text.is_empty());
    let jid = match (asked, phone) {
        (Some(jid), _) => jid,
        (None, Some(phone)) => Jid::pn(phone),
        (None, None) => return None,
    };
    let device = state.resolve(&jid);
    let person = device.as_ref().and_then(|device| state.person(&device.number).ok());
    let children = wanted.iter().filter_map(|protocol| match *protocol {
        "contact" => Some(
            node("contact")
                .attr("type", if person.is_some() { "in" } else { "out" })
                .build(),
        ),
        "lid" => person.map(|person| node("lid").attr("val", person.lid_jid()).build()),
        "devices" => person.map(|person| devices(state, person)),
        "status" => person.map(|_| node("status").attr("t", clock::seconds()).build()),
        "disappearing_mode" => person.map(|_| {
            node("disappearing_mode")
                .attr("duration", 0u32)
                .attr("t", clock::seconds())
                .build()
        }),
        _ => None,
    });
    let mut answer = node("user").attr("jid", &jid).children(children).build();
    if let Some(person) = person
        && jid.is_lid()
        && person.conduct.addressing != Addressing::HiddenNumber
    {
        answer.attrs.push("pn_jid", person.number_jid());
    }
    Some(answer)
}

fn devices(state: &State, person: &Person) -> Node {
    let mut listed = vec![node("device").attr("id", 0u32).build()];
    listed.extend(person.companions.values().map(|companion| {
        node("device")
            .attr("id", u32::from(companion.id))
            .attr("key-index", companion.key_index)
            .build()
    }));
    let mut children = vec![
        node("device-list")
            .attr("hash", format!("2:{:06}", person.next_device))
            .children(listed)
            .build(),
    ];
    if !person.companions.is_empty()
        && let Ok(list) = linking::signed_key_index_list(state, &person.number)
    {
        children.push(node("key-index-list").attr("ts", clock::seconds()).bytes(list).build());
    }
    node("devices").children(children).build()
}

fn digits(contact: &Node) -> String {
    let text = contact.content_as_string().map(|text| text.to_string());
    let text = text.unwrap_or_else(|| String::from_utf8_lossy(stanza::bytes(contact)).into_owned());
    text.chars().filter(char::is_ascii_digit).collect()
}
