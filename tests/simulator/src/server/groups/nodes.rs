//! Groups and their members as stanzas.
//!
//! Called by whoever answers a question about a group or tells of a change.

use whatsapp_rust::wacore_binary::builder::NodeBuilder;
use whatsapp_rust::wacore_binary::{Jid, Node};

use super::store::{Group, Rank};
use crate::server::person::Addressing;
use crate::server::stanza::node;
use crate::server::state::State;

/// The address of a person in a chat that goes by LIDs, or by numbers.
pub(crate) fn face(state: &State, by_lid: bool, number: &str) -> Jid {
    match state.person(number) {
        Ok(person) if by_lid => person.lid_jid(),
        _ => Jid::pn(number),
    }
}

/// The other address of a person, for the attribute beside the first; a hidden number stays hidden.
pub(crate) fn other_face(state: &State, by_lid: bool, number: &str) -> Option<Jid> {
    let person = state.person(number).ok()?;
    if !by_lid {
        return Some(person.lid_jid());
    }
    (person.conduct.addressing != Addressing::HiddenNumber).then(|| person.number_jid())
}

/// `<participant jid …/>` with both addresses.
pub(super) fn participant(state: &State, by_lid: bool, number: &str) -> NodeBuilder {
    let one = node("participant").attr("jid", face(state, by_lid, number));
    match other_face(state, by_lid, number) {
        Some(other) => one.attr(if by_lid { "phone_number" } else { "lid" }, other),
        None => one,
    }
}

/// A change with the people it was done to.
pub(super) fn people(state: &State, by_lid: bool, tag: &'static str, numbers: &[String]) -> Node {
    let people = numbers.iter().map(|number| participant(state, by_lid, number).build());
    node(tag).children(people).build()
}

/// Adds who did something, by both addresses.
pub(super) fn with_author(
    state: &State,
    builder: NodeBuilder,
    by_lid: bool,
    number: &str,
    (first, second): (&'static str, &'static str),
) -> NodeBuilder {
    let builder = builder.attr(first, face(state, by_lid, number));
    match other_face(state, by_lid, number).filter(|_| by_lid) {
        Some(other) => builder.attr(second, other),
        None => builder,
    }
}

/// `<group>` with everything a member may know.
pub(super) fn full(state: &State, group: &Group) -> Node {
    let members = group.members.iter().map(|(number, member)| {
        let one = participant(state, group.by_lid, number).attr("join_time", member.since);
        let one = match &member.label {
            Some(label) => one.attr("participant_label", label),
            None => one,
        };
        match member.rank {
            Rank::Member => one.build(),
            Rank::Admin => one.attr("type", "admin").build(),
            Rank::SuperAdmin => one.attr("type", "superadmin").build(),
        }
    });
    let mut children: Vec<Node> = members.collect();
    children.extend(described(state, group));
    children.extend(settings(group));
    children.extend(community(group));
    head(state, group).children(children).build()
}

/// `<group>` for somebody outside: no members.
pub(super) fn preview(state: &State, group: &Group) -> Node {
    let mut children: Vec<Node> = described(state, group).into_iter().collect();
    children.extend(settings(group));
    children.extend(community(group));
    head(state, group).children(children).build()
}

fn head(state: &State, group: &Group) -> NodeBuilder {
    let size = u64::try_from(group.members.len()).unwrap_or_default();
    let head = node("group")
        .attr("id", &group.id)
        .attr("subject", &group.subject.text)
        .attr("s_t", group.subject.at)
        .attr("creation", group.created)
        .attr("size", size)
        .attr("addressing_mode", if group.by_lid { "lid" } else { "pn" });
    let head = with_author(state, head, group.by_lid, &group.subject.by, ("s_o", "s_o_pn"));
    with_author(state, head, group.by_lid, &group.creator, ("creator", "creator_pn"))
}

fn described(state: &State, group: &Group) -> Option<Node> {
    let description = group.description.as_ref()?;
    let head = node("description")
        .attr("id", &description.id)
        .attr("t", description.at);
    let names = ("participant", "participant_pn");
    let head = with_author(state, head, group.by_lid, &description.by, names);
    Some(match &description.text {
        Some(text) => head
            .children([node("body").string_content(text.as_str()).build()])
            .build(),
        None => head.build(),
    })
}

fn settings(group: &Group) -> Vec<Node> {
    let settings = &group.settings;
    let switches = [
        (settings.locked, "locked"),
        (settings.announcement, "announcement"),
        (settings.no_frequently_forwarded, "no_frequently_forwarded"),
        (settings.allow_admin_reports, "allow_admin_reports"),
        (settings.group_history, "group_history"),
        (settings.limit_sharing, "limit_sharing_enabled"),
    ];
    let mut nodes: Vec<Node> = switches
        .into_iter()
        .filter(|(on, _)| *on)
        .map(|(_, tag)| node(tag).build())
        .collect();
    nodes.push(approval(settings.approval));
    nodes.push(word("member_add_mode", add_mode(settings.all_members_add)));
    nodes.push(word("member_link_mode", link_mode(settings.all_members_link)));
    let share = if settings.all_members_share_history {
        "all_member_share"
    } else {
        "admin_share"
    };
    nodes.push(word("member_share_group_history_mode", share));
    nodes.extend(settings.ephemeral.map(ephemeral));
    nodes
}

fn community(group: &Group) -> Vec<Node> {
    let place = &group.community;
    let mut nodes = Vec::new();
    if place.is_parent {
        let parent = node("parent");
        nodes.push(if place.closed {
            parent
                .attr("default_membership_approval_mode", "request_required")
                .build()
        } else {
            parent.build()
        });
    }
    if let Some(parent) = &place.parent {
        nodes.push(node("linked_parent").attr("jid", Jid::group(parent.as_str())).build());
    }
    let marks = [
        (place.is_announcements, "default_sub_group"),
        (place.is_general, "general_chat"),
        (place.members_create_groups, "allow_non_admin_sub_group_creation"),
    ];
    nodes.extend(
        marks
            .into_iter()
            .filter(|(on, _)| *on)
            .map(|(_, tag)| node(tag).build()),
    );
    nodes
}

pub(super) fn approval(on: bool) -> Node {
    let state = node("group_join").attr("state", if on { "on" } else { "off" }).build();
    node("membership_approval_mode").children([state]).build()
}

pub(super) fn ephemeral((seconds, trigger): (u32, Option<u32>)) -> Node {
    let timer = node("ephemeral").attr("expiration", seconds);
    match trigger {
        Some(trigger) => timer.attr("trigger", trigger).build(),
        None => timer.build(),
    }
}

pub(super) fn word(tag: &'static str, text: &'static str) -> Node {
    node(tag).string_content(text).build()
}

pub(super) fn add_mode(all: bool) -> &'static str {
    if all { "all_member_add" } else { "admin_add" }
}

pub(super) fn link_mode(all: bool) -> &'static str {
    if all { "all_member_link" } else { "admin_link" }
}
