//! `w:g2`: what linked devices ask about groups and want done with them.
//!
//! Called by the router of IQs. Every refusal is an answer with a code.

use whatsapp_rust::wacore::messages::MessageUtils;
use whatsapp_rust::wacore_binary::{Jid, Node};

use super::invites::Joined;
use super::life::Draft;
use super::members::{self, Deed, Outcome};
use super::refused::Refused;
use super::settings::{self, Change};
use super::store::{Community, Settings, group_id};
use super::{communities, invites, life, nodes, pictures};
use crate::server::companion::Device;
use crate::server::stanza::{self, node};
use crate::server::state::State;

type Answer = Result<Vec<Node>, Refused>;

/// Answers a `w:g2` IQ.
pub(crate) fn answer(state: &mut State, device: &Device, iq: &Node) -> stanza::Answer {
    answered(state, &device.number, iq).map_err(Into::into)
}

fn answered(state: &mut State, by: &str, iq: &Node) -> Answer {
    let asked = stanza::first_child(iq).ok_or(Refused::BAD_REQUEST)?;
    let gets = stanza::attr(iq, "type") == "get";
    let to = stanza::address(iq, "to");
    match (to.as_ref().and_then(group_id), gets) {
        (None, true) => look_around(state, by, asked),
        (None, false) => come_or_go(state, by, asked),
        (Some(id), true) => look(state, id, by, asked),
        (Some(id), false) => act(state, id, by, asked),
    }
}

/// Questions to the server about groups.
fn look_around(state: &State, by: &str, asked: &Node) -> Answer {
    match asked.tag.as_ref() {
        "participating" => {
            let groups: Vec<Node> = state.groups.of(by).map(|group| nodes::full(state, group)).collect();
            Ok(vec![node("groups").children(groups).build()])
        }
        "query" => {
            let groups = asked
                .get_children_by_tag("group")
                .filter_map(|one| stanza::address(one, "jid"));
            let found: Vec<Node> = groups.map(|jid| one_of_many(state, by, &jid)).collect();
            Ok(vec![node("groups").children(found).build()])
        }
        "pictures" => Ok(vec![pictures::many(state, by, asked)]),
        "invite" => {
            let group = invites::behind(state, &stanza::attr(asked, "code"))?;
            Ok(vec![nodes::preview(state, group)])
        }
        _ => Err(Refused::NOT_IMPLEMENTED),
    }
}

fn one_of_many(state: &State, by: &str, jid: &Jid) -> Node {
    let found = group_id(jid).ok_or(Refused::NOT_FOUND).and_then(|id| {
        let group = state.groups.get(id)?;
        group.needs_member(by)?;
        Ok(group)
    });
    match found {
        Ok(group) => nodes::full(state, group),
        Err(refused) => node("group").attr("id", jid).attr("error", refused.0).build(),
    }
}

/// Requests to the server about groups.
fn come_or_go(state: &mut State, by: &str, asked: &Node) -> Answer {
    match asked.tag.as_ref() {
        "create" => {
            let draft = draft(state, by, asked);
            let id = life::create(state, by, draft)?;
            Ok(vec![nodes::full(state, state.groups.get(&id)?)])
        }
        "invite" => invites::follow(state, &stanza::attr(asked, "code"), by).map(came),
        "leave" => {
            let mut left = Vec::new();
            for one in asked.get_children_by_tag("group") {
                let jid = stanza::address(one, "id").ok_or(Refused::BAD_REQUEST)?;
                // The id may come without its server.
                let id = group_id(&jid).unwrap_or(jid.user.as_str());
                members::leave(state, id, by)?;
                left.push(node("group").attr("id", Jid::group(id)).build());
            }
            Ok(vec![node("leave").children(left).build()])
        }
        _ => Err(Refused::NOT_IMPLEMENTED),
    }
}

fn came(joined: Joined) -> Vec<Node> {
    vec![match joined {
        Joined::In(id) => node("group").attr("jid", Jid::group(id)).build(),
        Joined::Asked(id) => node("membership_approval_request").attr("jid", Jid::group(id)).build(),
    }]
}

/// Questions to one group.
fn look(state: &State, id: &str, by: &str, asked: &Node) -> Answer {
    match asked.tag.as_ref() {
        "query" => {
            let group = state.groups.get(id)?;
            group.needs_member(by)?;
            let known = stanza::attr(asked, "phash");
            if !known.is_empty() && known == participant_hash(state, id)? {
                return Ok(Vec::new());
            }
            Ok(vec![nodes::full(state, group)])
        }
        "invite" => {
            let code = invites::code(state, id, by)?;
            Ok(vec![node("invite").attr("code", code).build()])
        }
        "membership_approval_requests" => Ok(vec![invites::requests(state, id, by)?]),
        "query_linked" => linked(state, communities::linked(state, id, by, asked)?.id.as_str()),
        "linked_groups_participants" => Ok(vec![communities::people(state, id, by)?]),
        "sub_groups" => Ok(vec![communities::parts(state, id, by)?]),
        _ => Err(Refused::NOT_IMPLEMENTED),
    }
}

/// The hash a client makes of the members it knows.
fn participant_hash(state: &State, id: &str) -> Result<String, Refused> {
    let group = state.groups.get(id)?;
    let faces: Vec<Jid> = group
        .members
        .keys()
        .map(|number| nodes::face(state, group.by_lid, number))
        .collect();
    MessageUtils::participant_list_hash(&faces).map_err(|_| Refused(500))
}

fn linked(state: &State, id: &str) -> Answer {
    let group = nodes::full(state, state.groups.get(id)?);
    Ok(vec![node("linked_group").children([group]).build()])
}

/// Requests to one group.
fn act(state: &mut State, id: &str, by: &str, asked: &Node) -> Answer {
    if let Some(change) = Change::read(asked) {
        settings::change(state, id, by, &change)?;
        return Ok(Vec::new());
    }
    let whom = people(asked);
    match asked.tag.as_ref() {
        "add" => acted(state, id, by, Deed::Add, &whom),
        "remove" if stanza::attr(asked, "linked_groups") == "true" => {
            acted(state, id, by, Deed::RemoveEverywhere, &whom)
        }
        "remove" => acted(state, id, by, Deed::Remove, &whom),
        "promote" => acted(state, id, by, Deed::Promote, &whom),
        "demote" => acted(state, id, by, Deed::Demote, &whom),
        "invite" => {
            let code = invites::reset(state, id, by)?;
            Ok(vec![node("invite").attr("code", code).build()])
        }
        "accept" => invites::accept(state, id, by, &stanza::attr(asked, "code")).map(came),
        "revoke" => {
            let outcomes = invites::take_back(state, id, by, &whom)?;
            Ok(vec![listed(state, id, "revoke", &outcomes)])
        }
        "membership_requests_action" => decide(state, id, by, asked),
        "cancel_membership_requests" => {
            let outcomes = invites::withdraw(state, id, by, &whom)?;
            Ok(vec![listed(state, id, "cancel_membership_requests", &outcomes)])
        }
        "ack" => state.groups.get(id).map(|_| Vec::new()),
        "links" => {
            let link = asked.get_optional_child("link").ok_or(Refused::BAD_REQUEST)?;
            let linked = link_groups(state, id, by, true, link)?;
            Ok(vec![node("links").children([linked]).build()])
        }
        "unlink" => Ok(vec![link_groups(state, id, by, false, asked)?]),
        "delete_parent" => communities::end(state, id, by).map(|()| Vec::new()),
        "join_linked_group" => {
            let joined = communities::join(state, id, by, asked)?;
            linked(state, &joined)
        }
        _ => Err(Refused::NOT_IMPLEMENTED),
    }
}

fn acted(state: &mut State, id: &str, by: &str, deed: Deed, whom: &[Jid]) -> Answer {
    let outcomes = members::act(state, id, by, deed, whom)?;
    Ok(vec![listed(state, id, deed.tag(), &outcomes)])
}

fn decide(state: &mut State, id: &str, by: &str, asked: &Node) -> Answer {
    let inner = stanza::first_child(asked).ok_or(Refused::BAD_REQUEST)?;
    let tag = match inner.tag.as_ref() {
        "approve" => "approve",
        "reject" => "reject",
        _ => return Err(Refused::BAD_REQUEST),
    };
    let outcomes = invites::decide(state, id, by, tag == "approve", &people(inner))?;
    let inner = listed(state, id, tag, &outcomes);
    Ok(vec![node("membership_requests_action").children([inner]).build()])
}

fn link_groups(state: &mut State, id: &str, by: &str, links: bool, asked: &Node) -> Result<Node, Refused> {
    let named: Vec<&Node> = asked.get_children_by_tag("group").collect();
    let orphans_go = named
        .iter()
        .any(|one| stanza::attr(one, "remove_orphaned_members") == "true");
    let groups: Vec<Jid> = named.iter().filter_map(|one| stanza::address(one, "jid")).collect();
    let outcomes = communities::link(state, id, by, links, &groups)?;
    if orphans_go {
        communities::remove_orphans(state, id, by);
    }
    let nodes = outcomes.into_iter().map(|(jid, refused)| {
        let one = node("group").attr("jid", jid);
        match refused {
            Some(refused) => one.attr("error", refused.0).build(),
            None => one.build(),
        }
    });
    let head = if links {
        node("link").attr("link_type", "sub_group")
    } else {
        node("unlink").attr("unlink_type", "sub_group")
    };
    Ok(head.children(nodes).build())
}

fn people(asked: &Node) -> Vec<Jid> {
    asked
        .get_children_by_tag("participant")
        .filter_map(|one| stanza::address(one, "jid"))
        .collect()
}

fn listed(state: &State, id: &str, tag: &'static str, outcomes: &[Outcome]) -> Node {
    let by_lid = state.groups.get(id).is_ok_and(|group| group.by_lid);
    let outcomes = outcomes.iter().map(|one| one.node(state, by_lid));
    node(tag).children(outcomes).build()
}

/// Reads a `<create>`. A group goes by LIDs when its creator does, or when somebody was named by LID.
fn draft(state: &State, by: &str, asked: &Node) -> Draft {
    let text = |tag| {
        asked
            .get_optional_child(tag)
            .map(|one| String::from_utf8_lossy(stanza::bytes(one)).into_owned())
    };
    let has = |tag| asked.get_optional_child(tag).is_some();
    let named = people(asked);
    let creator_by_lid = state.person(by).is_ok_and(|person| person.conduct.is_lid_migrated);
    let parent = asked.get_optional_child("parent");
    let linked = asked
        .get_optional_child("linked_parent")
        .and_then(|parent| stanza::address(parent, "jid"))
        .and_then(|parent| group_id(&parent).map(ToOwned::to_owned));
    let mut numbers: Vec<String> = named
        .iter()
        .filter_map(|jid| state.resolve(jid).map(|device| device.number))
        .filter(|number| number != by)
        .collect();
    numbers.sort();
    numbers.dedup();
    Draft {
        subject: stanza::attr(asked, "subject"),
        people: numbers,
        by_lid: creator_by_lid || named.iter().any(Jid::is_lid),
        settings: Settings {
            locked: has("locked"),
            announcement: has("announcement"),
            approval: asked
                .get_optional_child("membership_approval_mode")
                .is_some_and(settings::is_approval_on),
            ephemeral: asked.get_optional_child("ephemeral").and_then(settings::timer),
            all_members_add: text("member_add_mode").as_deref() == Some(nodes::add_mode(true)),
            all_members_link: text("member_link_mode").as_deref() == Some(nodes::link_mode(true)),
            ..Settings::default()
        },
        community: Community {
            is_parent: parent.is_some() && linked.is_none(),
            closed: parent.is_some_and(|parent| !stanza::attr(parent, "default_membership_approval_mode").is_empty()),
            members_create_groups: has("allow_non_admin_sub_group_creation"),
            parent: linked,
            ..Community::default()
        },
        with_general_chat: has("create_general_chat"),
        description: asked.get_optional_child("description").and_then(|described| {
            let body = described.get_optional_child("body")?;
            let text = String::from_utf8_lossy(stanza::bytes(body)).into_owned();
            Some((stanza::attr(described, "id"), text))
        }),
    }
}
