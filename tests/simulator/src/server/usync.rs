//! `usync`: who has WhatsApp, under which LID, with which devices, and what may be seen of them.
//!
//! Called by [`super::queries`]. Answers only what was asked for; a companion is never listed without
//! the signed index list, since clients then drop the whole user (traps, 9). A number nobody has is
//! answered with `contact type="out"`, an unknown LID is left out.

use whatsapp_rust::wacore_binary::{Jid, Node};

use super::clock;
use super::companion::Device;
use super::linking;
use super::person::{Addressing, Person};
use super::privacy::{self, Category};
use super::stanza::{self, Refusal, node};
use super::state::State;
use super::{business, profile::Dated};

/// Answers a `usync` IQ.
pub(crate) fn answer(state: &State, by: &Device, query: &Node) -> Option<Vec<Node>> {
    let wanted: Vec<&Node> = query
        .get_optional_child("query")?
        .children()
        .unwrap_or_default()
        .iter()
        .collect();
    let users: Vec<Node> = query
        .get_optional_child("list")?
        .get_children_by_tag("user")
        .filter_map(|user| answer_user(state, &by.number, &wanted, user))
        .collect();
    let results = wanted.iter().filter_map(|protocol| {
        let tag = known(&protocol.tag)?;
        Some(node(tag).build())
    });
    Some(vec![
        node("usync")
            .attr("sid", stanza::attr(query, "sid"))
            .attr("mode", stanza::attr(query, "mode"))
            .attr("context", stanza::attr(query, "context"))
            .attr("index", "0")
            .attr("last", "true")
            .children([
                node("result").children(results).build(),
                node("list").children(users).build(),
            ])
            .build(),
    ])
}

/// The protocols that are answered.
fn known(tag: &str) -> Option<&'static str> {
    const TAGS: [&str; 11] = [
        "contact",
        "lid",
        "devices",
        "status",
        "picture",
        "business",
        "disappearing_mode",
        "text_status",
        "username",
        "feature",
        "bot",
    ];
    TAGS.into_iter().find(|known| *known == tag)
}

fn answer_user(state: &State, viewer: &str, wanted: &[&Node], user: &Node) -> Option<Node> {
    let asked = stanza::address(user, "jid").or_else(|| stanza::address(user, "pn_jid"));
    let asked = asked.map(|jid| jid.to_non_ad());
    let contact = user.get_optional_child("contact");
    let phone = contact.map(stanza::text).filter(|text| !text.is_empty());
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let jid = match (asked, &phone) {
        (Some(jid), _) => jid,
        (None, Some(phone)) => Jid::pn(digits(phone)),
        (None, None) => by_username(state, &stanza::attr(contact?, "username"))?,
    };
    let device = state.resolve(&jid);
    let person = device.as_ref().and_then(|device| state.person(&device.number).ok());
    if person.is_none() && jid.is_lid() {
        return None;
    }
    let mut children = Vec::new();
    if wanted.iter().any(|protocol| protocol.tag == "contact") {
        let found = node("contact").attr("type", if person.is_some() { "in" } else { "out" });
        children.push(match phone {
            Some(phone) => found.bytes(phone.into_bytes()).build(),
            None => found.build(),
        });
    }
    if let Some(person) = person {
        let may_see = !privacy::is_blocked(state, &person.number, viewer);
        children.extend(
            wanted
                .iter()
                .filter_map(|protocol| answer_protocol(state, person, may_see.then_some(viewer), protocol)),
        );
    }
    let mut answer = node("user").attr("jid", &jid).children(children).build();
    if let Some(person) = person
        && jid.is_lid()
        && person.conduct.addressing != Addressing::HiddenNumber
    {
        answer.attrs.push("pn_jid", person.number_jid());
    }
    Some(answer)
}

fn by_username(state: &State, username: &str) -> Option<Jid> {
    state
        .people
        .values()
        .find(|person| person.profile.username.as_deref() == Some(username))
        .map(Person::lid_jid)
}

fn answer_protocol(state: &State, person: &Person, viewer: Option<&str>, protocol: &Node) -> Option<Node> {
    let shows = |what| viewer.is_some_and(|viewer| privacy::shows(state, &person.number, what, viewer));
    Some(match protocol.tag.as_ref() {
        "lid" => node("lid").attr("val", person.lid_jid()).build(),
        "devices" => devices(state, person),
        "status" if shows(Category::About) => match &person.profile.about {
            Some(about) => node("status")
                .attr("t", about.since)
                .bytes(about.what.clone().into_bytes())
                .build(),
            None => node("status").attr("t", 0u64).build(),
        },
        "status" => node("status").attr("code", "401").attr("t", 0u64).build(),
        "picture" => match state.pictures.id(&person.number) {
            _ if !shows(Category::Picture) => failed("picture", Refusal::NOT_AUTHORIZED),
            Some(id) => node("picture").attr("id", id).build(),
            None => failed("picture", Refusal::NOT_FOUND),
        },
        "business" => {
            let name = business::verified_name(person)?.ok()?;
            node("business").children([name]).build()
        }
        "disappearing_mode" => {
            let (seconds, since) = person
                .profile
                .disappearing
                .as_ref()
                .map_or((0, 0), |Dated { what, since }| (*what, *since));
            node("disappearing_mode")
                .attr("duration", seconds)
                .attr("t", since)
                .build()
        }
        "text_status" => text_status(person),
        "username" => match &person.profile.username {
            Some(name) => node("username").bytes(name.clone().into_bytes()).build(),
            None => node("username").build(),
        },
        "feature" => {
            let all = protocol.children().unwrap_or_default().iter();
            let features = all.filter(|feature| feature.tag == "voip" || feature.tag == "document");
            let features = features.map(|feature| {
                let mut answered = feature.clone();
                answered.attrs.push("value", "1");
                answered
            });
            node("feature").children(features).build()
        }
        "bot" => failed("bot", Refusal::NOT_FOUND),
        _ => return None,
    })
}

fn text_status(person: &Person) -> Node {
    let Some(Dated { what, since }) = &person.profile.text_status else {
        return node("text_status").build();
    };
    node("text_status")
        .attr("text", &what.0)
        .attr("last_update_time", *since)
        .children([node("emoji").attr("content", &what.1).build()])
        .build()
}

fn failed(protocol: &'static str, Refusal(code, text): Refusal) -> Node {
    node(protocol)
        .children([node("error").attr("code", code).attr("text", text).build()])
        .build()
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
