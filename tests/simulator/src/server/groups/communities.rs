//! Communities: a parent group, the groups linked to it, and the one everybody is in.
//!
//! Called by [`super::queries`], by the library's `Group` and, for what clients ask in GraphQL, by the
//! router of `w:mex`.

use serde_json::{Value, json};
use whatsapp_rust::wacore_binary::{Jid, Node};

use super::refused::Refused;
use super::settings::{self, Change};
use super::store::{Group, group_id};
use super::{members, nodes, notices};
use crate::server::companion::Device;
use crate::server::mex::Outcome;
use crate::server::stanza::{self, node};
use crate::server::state::State;

/// GraphQL documents by id (wacore `iq/mex_operations.rs`).
const ALL_SUBGROUPS: &str = "9935467776504344";
const SUBGROUP_COUNTS: &str = "24079399904996141";
const UPDATE_PROPERTY: &str = "9418211574894172";

/// Whoever may make groups in a community.
pub(super) fn needs_founder(state: &State, parent: &str, by: &str) -> Result<(), Refused> {
    let group = state.groups.get(parent)?;
    if !group.community.is_parent {
        return Err(Refused::NOT_ACCEPTABLE);
    }
    if group.community.members_create_groups {
        group.needs_member(by)
    } else {
        group.needs_admin(by)
    }
}

/// Somebody is in a group of a community: then in the community and its announcements too.
pub(super) fn joined(state: &mut State, id: &str, number: &str) {
    let Ok(group) = state.groups.get(id) else {
        return;
    };
    let parent = match &group.community.parent {
        Some(parent) => parent.clone(),
        None if group.community.is_parent => id.to_owned(),
        None => return,
    };
    let announcements = state.groups.announcements(&parent);
    for whole in [Some(parent), announcements].into_iter().flatten() {
        let missing = state.groups.get(&whole).is_ok_and(|group| !group.has(number));
        if whole != id && missing {
            members::enter(state, &whole, number, &[number.to_owned()], Some("linked_group_join"));
        }
    }
}

/// Links groups to a community, or unlinks them; answers a code for each that could not be.
pub(crate) fn link(
    state: &mut State,
    parent: &str,
    by: &str,
    links: bool,
    groups: &[Jid],
) -> Result<Vec<(Jid, Option<Refused>)>, Refused> {
    let group = state.groups.get(parent)?;
    group.needs_admin(by)?;
    if !group.community.is_parent {
        return Err(Refused::NOT_ACCEPTABLE);
    }
    let one = |jid: &Jid| {
        let done = match group_id(jid) {
            Some(id) if links => link_one(state, parent, by, id),
            Some(id) => unlink_one(state, parent, by, id),
            None => Err(Refused::BAD_REQUEST),
        };
        (jid.clone(), done.err())
    };
    Ok(groups.iter().map(one).collect())
}

fn link_one(state: &mut State, parent: &str, by: &str, id: &str) -> Result<(), Refused> {
    let group = state.groups.get_mut(id)?;
    group.needs_admin(by)?;
    if group.community.is_parent || group.community.parent.is_some() {
        return Err(Refused::CONFLICT);
    }
    group.community.parent = Some(parent.to_owned());
    let people = group.numbers();
    tell_both(state, parent, by, id, "link");
    for number in people {
        joined(state, id, &number);
    }
    Ok(())
}

fn unlink_one(state: &mut State, parent: &str, by: &str, id: &str) -> Result<(), Refused> {
    let group = state.groups.get_mut(id)?;
    if group.community.parent.as_deref() != Some(parent) || group.community.is_announcements {
        return Err(Refused::NOT_FOUND);
    }
    group.community.parent = None;
    tell_both(state, parent, by, id, "unlink");
    Ok(())
}

/// People left in a community without any of its groups go.
pub(super) fn remove_orphans(state: &mut State, parent: &str, by: &str) {
    let parts = state.groups.children(parent);
    let announcements = state.groups.announcements(parent);
    let Ok(group) = state.groups.get(parent) else {
        return;
    };
    let is_somewhere = |number: &String| {
        let real = parts.iter().filter(|id| Some(*id) != announcements.as_ref());
        real.filter_map(|id| state.groups.get(id).ok())
            .any(|part| part.has(number))
    };
    let orphans: Vec<String> = group
        .numbers()
        .into_iter()
        .filter(|number| !group.is_admin(number) && !is_somewhere(number))
        .collect();
    for id in [Some(parent.to_owned()), announcements].into_iter().flatten() {
        members::take_out(state, &id, by, &orphans);
    }
}

fn tell_both(state: &mut State, parent: &str, by: &str, id: &str, tag: &'static str) {
    let kind = if tag == "link" { "link_type" } else { "unlink_type" };
    for (told, other, what) in [(parent, id, "sub_group"), (id, parent, "parent_group")] {
        let Ok(group) = state.groups.get(other) else {
            continue;
        };
        let change = node(tag).attr(kind, what);
        let change = if tag == "unlink" {
            change.attr("unlink_reason", "unlink_group")
        } else {
            change
        };
        let group = node("group")
            .attr("jid", group.jid())
            .attr("subject", &group.subject.text)
            .attr("s_t", group.subject.at)
            .build();
        notices::tell_all(state, told, by, change.children([group]).build());
    }
}

/// Ends a community: its groups live on by themselves.
pub(crate) fn end(state: &mut State, parent: &str, by: &str) -> Result<(), Refused> {
    let group = state.groups.get(parent)?;
    group.needs_admin(by)?;
    if !group.community.is_parent {
        return Err(Refused::NOT_ACCEPTABLE);
    }
    let announcements = state.groups.announcements(parent);
    for id in state.groups.children(parent) {
        if Some(&id) != announcements.as_ref() {
            unlink_one(state, parent, by, &id)?;
        }
    }
    for id in [announcements, Some(parent.to_owned())].into_iter().flatten() {
        notices::tell_all(
            state,
            &id,
            by,
            node("delete").attr("reason", "community_deleted").build(),
        );
        state.groups.all.remove(&id);
    }
    Ok(())
}

/// A group of a community, for its members, also those who are not in the group.
pub(super) fn linked<'a>(state: &'a State, parent: &str, by: &str, asked: &Node) -> Result<&'a Group, Refused> {
    state.groups.get(parent)?.needs_member(by)?;
    let jid = stanza::address(asked, "jid").ok_or(Refused::BAD_REQUEST)?;
    let group = state.groups.get(group_id(&jid).ok_or(Refused::BAD_REQUEST)?)?;
    let belongs = group.community.parent.as_deref() == Some(parent);
    if belongs { Ok(group) } else { Err(Refused::NOT_FOUND) }
}

/// A member of a community joins one of its groups.
pub(crate) fn join(state: &mut State, parent: &str, by: &str, asked: &Node) -> Result<String, Refused> {
    let group = linked(state, parent, by, asked)?;
    let id = group.id.clone();
    if group.has(by) {
        return Err(Refused::CONFLICT);
    }
    members::enter(state, &id, by, &[by.to_owned()], Some("linked_group_join"));
    Ok(id)
}

/// Everybody in any group of a community.
pub(super) fn people(state: &State, parent: &str, by: &str) -> Result<Node, Refused> {
    let whole = state.groups.get(parent)?;
    whole.needs_member(by)?;
    let mut numbers = whole.numbers();
    for id in state.groups.children(parent) {
        numbers.extend(state.groups.get(&id)?.numbers());
    }
    numbers.sort();
    numbers.dedup();
    Ok(nodes::people(
        state,
        whole.by_lid,
        "linked_groups_participants",
        &numbers,
    ))
}

/// `<sub_groups>` of a community.
pub(super) fn parts(state: &State, parent: &str, by: &str) -> Result<Node, Refused> {
    state.groups.get(parent)?.needs_member(by)?;
    let mut listed = Vec::new();
    for id in state.groups.children(parent) {
        let group = state.groups.get(&id)?;
        let one = node("group")
            .attr("id", &group.id)
            .attr("subject", &group.subject.text)
            .attr("s_t", group.subject.at);
        listed.push(if group.community.is_announcements {
            one.children([node("default_sub_group").build()]).build()
        } else {
            one.build()
        });
    }
    Ok(node("sub_groups").children(listed).build())
}

/// Answers what a client asks about groups in GraphQL; `None` when the document is another one.
pub(crate) fn operation(state: &mut State, device: &Device, document: &str, variables: &Value) -> Option<Outcome> {
    let by = device.number.as_str();
    let answered = match document {
        ALL_SUBGROUPS => named(variables.get("group_id")).and_then(|parent| all_parts(state, &parent, by)),
        SUBGROUP_COUNTS => {
            let asked = variables.get("input").and_then(|input| input.get("group_jid"));
            named(asked).and_then(|parent| counts(state, &parent, by))
        }
        UPDATE_PROPERTY => update(state, by, variables),
        _ => return None,
    };
    Some(answered.map_err(|refused| (refused.0, refused.text())))
}

/// The group behind an address in a question.
fn named(address: Option<&Value>) -> Result<String, Refused> {
    let jid: Option<Jid> = address.and_then(Value::as_str).and_then(|text| text.parse().ok());
    let id = jid.as_ref().and_then(group_id).map(ToOwned::to_owned);
    id.ok_or(Refused::BAD_REQUEST)
}

fn update(state: &mut State, by: &str, variables: &Value) -> Result<Value, Refused> {
    let group = named(variables.get("group_id"))?;
    let change = variables.get("update").and_then(property).ok_or(Refused::BAD_REQUEST)?;
    settings::change(state, &group, by, &change)?;
    Ok(json!({ "xwa2_group_update_property": { "id": format!("{group}@g.us"), "state": "ACTIVE" } }))
}

fn property(update: &Value) -> Option<Change> {
    if let Some(mode) = update.get("member_link_mode") {
        return Some(Change::AllMembersLink(mode.as_str()? == "ALL_MEMBER_LINK"));
    }
    if let Some(mode) = update.get("member_share_group_history_mode") {
        return Some(Change::AllMembersShareHistory(mode.as_str()? == "ALL_MEMBER_SHARE"));
    }
    let limit = update.get("limit_sharing")?.get("limit_sharing_enabled")?;
    Some(Change::LimitSharing(limit.as_bool()?))
}

fn all_parts(state: &State, parent: &str, by: &str) -> Result<Value, Refused> {
    state.groups.get(parent)?.needs_member(by)?;
    let described = |group: &Group| {
        json!({
            "id": group.jid().to_string(),
            "subject": { "value": group.subject.text, "creation_time": group.subject.at },
            "participants_count": group.members.len(),
            "properties": { "general_chat": group.community.is_general.to_string() },
        })
    };
    let parts = state.groups.children(parent);
    let parts = parts.iter().filter_map(|id| state.groups.get(id).ok());
    let (announcements, others): (Vec<&Group>, Vec<&Group>) = parts.partition(|one| one.community.is_announcements);
    let edges: Vec<Value> = others
        .into_iter()
        .map(|one| json!({ "node": described(one) }))
        .collect();
    Ok(json!({ "xwa2_group_query_by_id": {
        "id": format!("{parent}@g.us"),
        "default_sub_group": announcements.first().map(|one| described(one)),
        "sub_groups": { "edges": edges },
    } }))
}

fn counts(state: &State, parent: &str, by: &str) -> Result<Value, Refused> {
    state.groups.get(parent)?.needs_member(by)?;
    let edges: Vec<Value> = state
        .groups
        .children(parent)
        .iter()
        .filter_map(|id| state.groups.get(id).ok())
        .map(|one| json!({ "node": { "id": one.jid().to_string(), "total_participants_count": one.members.len() } }))
        .collect();
    Ok(json!({ "xwa2_group_query_by_id": { "sub_groups": { "edges": edges } } }))
}
