//! How a group begins: by a linked device or by a person on a phone.
//!
//! A community is a group too; with it begins the group of its announcements.

use whatsapp_rust::wacore_binary::Node;

use super::nodes;
use super::notices;
use super::refused::Refused;
use super::store::{Community, Description, Group, Member, Rank, Settings, Subject};
use super::{communities, invites};
use crate::server::clock;
use crate::server::stanza::node;
use crate::server::state::State;

/// The most members of a group.
pub(super) const LARGEST: usize = 1024;
/// Group ids are as long as real ones.
const FIRST_ID: u64 = 120_363_000_000_000_000;

/// A group to be made.
#[derive(Default)]
pub(crate) struct Draft {
    pub(crate) subject: String,
    /// The numbers of the others.
    pub(crate) people: Vec<String>,
    pub(crate) by_lid: bool,
    pub(crate) settings: Settings,
    pub(crate) community: Community,
    /// A community begins with a group for everybody's chat.
    pub(crate) with_general_chat: bool,
    /// Id and text.
    pub(crate) description: Option<(String, String)>,
}

/// Makes a group and tells everybody in it; answers its id.
pub(crate) fn create(state: &mut State, by: &str, draft: Draft) -> Result<String, Refused> {
    if draft.subject.trim().is_empty() || draft.people.len() >= LARGEST {
        return Err(Refused::NOT_ACCEPTABLE);
    }
    if let Some(parent) = &draft.community.parent {
        communities::needs_founder(state, parent, by)?;
    }
    let is_parent = draft.community.is_parent;
    let (subject, by_lid, with_general_chat) = (draft.subject.clone(), draft.by_lid, draft.with_general_chat);
    let id = found(state, by, draft);
    if is_parent {
        let part = |community, settings| Draft {
            subject: subject.clone(),
            by_lid,
            settings,
            community,
            ..Draft::default()
        };
        let announcements = Community {
            parent: Some(id.clone()),
            is_announcements: true,
            ..Community::default()
        };
        let only_admins = Settings {
            announcement: true,
            ..Settings::default()
        };
        found(state, by, part(announcements, only_admins));
        if with_general_chat {
            let general = Community {
                parent: Some(id.clone()),
                is_general: true,
                ..Community::default()
            };
            found(state, by, part(general, Settings::default()));
        }
    }
    communities::joined(state, &id, by);
    Ok(id)
}

fn found(state: &mut State, by: &str, draft: Draft) -> String {
    let id = (FIRST_ID + state.next()).to_string();
    let at = clock::seconds();
    let others = draft
        .people
        .into_iter()
        .filter(|number| !state.groups.refusals.contains_key(number))
        .map(|number| (number, Rank::Member));
    let member = |(number, rank)| {
        let one = Member {
            rank,
            since: at,
            label: None,
        };
        (number, one)
    };
    let group = Group {
        id: id.clone(),
        by_lid: draft.by_lid,
        creator: by.to_owned(),
        created: at,
        subject: Subject {
            text: draft.subject,
            by: by.to_owned(),
            at,
        },
        description: draft.description.map(|(id, text)| Description {
            id,
            text: Some(text),
            by: by.to_owned(),
            at,
        }),
        members: others.chain([(by.to_owned(), Rank::SuperAdmin)]).map(member).collect(),
        settings: draft.settings,
        community: draft.community,
        invite: invites::new_code(),
        tokens: std::collections::HashMap::new(),
        requests: std::collections::BTreeMap::new(),
        removed: std::collections::BTreeSet::new(),
        past: Vec::new(),
    };
    state.groups.codes.insert(group.invite.clone(), id.clone());
    let people = group.numbers();
    state.groups.all.insert(id.clone(), group);
    if let Some(told) = welcome(state, &id, Some("new"), None) {
        notices::remember(state, &id, by, "create", &people);
        notices::tell(state, &id, by, &people, told);
    }
    id
}

/// What somebody new in a group is told: all about it.
pub(super) fn welcome(
    state: &State,
    id: &str,
    kind: Option<&'static str>,
    reason: Option<&'static str>,
) -> Option<Node> {
    let group = state.groups.get(id).ok()?;
    let told = node("create");
    let told = match kind {
        Some(kind) => told.attr("type", kind),
        None => told,
    };
    let told = match reason {
        Some(reason) => told.attr("reason", reason),
        None => told,
    };
    Some(told.children([nodes::full(state, group)]).build())
}
