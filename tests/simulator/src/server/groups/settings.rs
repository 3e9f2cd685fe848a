//! Subject, description and switches of a group: who may change them and what is told about it.
//!
//! Called by [`super::queries`] for linked devices and by the library's `Group` for people on phones.

use whatsapp_rust::wacore_binary::Node;

use super::nodes;
use super::notices;
use super::refused::Refused;
use super::store::{Description, Group, Subject};
use crate::server::clock;
use crate::server::stanza::{self, node};
use crate::server::state::State;

/// The longest subject and description.
const LONGEST_SUBJECT: usize = 100;
const LONGEST_DESCRIPTION: usize = 2048;

/// A change of one setting.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Subject(String),
    Description {
        id: String,
        previous: Option<String>,
        text: Option<String>,
    },
    Locked(bool),
    Announcement(bool),
    Ephemeral(Option<(u32, Option<u32>)>),
    Approval(bool),
    AllMembersAdd(bool),
    AllMembersLink(bool),
    AllMembersShareHistory(bool),
    NoFrequentlyForwarded(bool),
    AllowAdminReports(bool),
    GroupHistory(bool),
    LimitSharing(bool),
}

impl Change {
    /// The change a linked device asks for; `None` when it is none of these.
    pub(super) fn read(asked: &Node) -> Option<Self> {
        let text = || String::from_utf8_lossy(stanza::bytes(asked)).into_owned();
        Some(match asked.tag.as_ref() {
            "subject" => Self::Subject(text()),
            "description" => Self::Description {
                id: stanza::attr(asked, "id"),
                previous: Some(stanza::attr(asked, "prev")).filter(|id| !id.is_empty()),
                text: asked
                    .get_optional_child("body")
                    .filter(|_| stanza::attr(asked, "delete") != "true")
                    .map(|body| String::from_utf8_lossy(stanza::bytes(body)).into_owned()),
            },
            "locked" => Self::Locked(true),
            "unlocked" => Self::Locked(false),
            "announcement" => Self::Announcement(true),
            "not_announcement" => Self::Announcement(false),
            "ephemeral" => Self::Ephemeral(timer(asked)),
            "not_ephemeral" => Self::Ephemeral(None),
            "membership_approval_mode" => Self::Approval(is_approval_on(asked)),
            "member_add_mode" => Self::AllMembersAdd(text() == nodes::add_mode(true)),
            "no_frequently_forwarded" => Self::NoFrequentlyForwarded(true),
            "frequently_forwarded_ok" => Self::NoFrequentlyForwarded(false),
            "allow_admin_reports" => Self::AllowAdminReports(true),
            "not_allow_admin_reports" => Self::AllowAdminReports(false),
            "group_history" => Self::GroupHistory(true),
            "no_group_history" => Self::GroupHistory(false),
            _ => return None,
        })
    }

    /// Everybody may change what a group shows about itself unless it is locked; the rest is for admins.
    fn is_for_editors(&self) -> bool {
        matches!(self, Self::Subject(_) | Self::Description { .. } | Self::Ephemeral(_))
    }

    /// What the members are told.
    fn told(&self, state: &State, group: &Group) -> Node {
        let switch = |on, yes, no| node(if on { yes } else { no }).build();
        match self {
            Self::Subject(text) => {
                let head = node("subject").attr("subject", text).attr("s_t", group.subject.at);
                nodes::with_author(state, head, group.by_lid, &group.subject.by, ("s_o", "s_o_pn")).build()
            }
            Self::Description { id, text, .. } => {
                let said = match text {
                    Some(text) => node("body").string_content(text.as_str()).build(),
                    None => node("delete").build(),
                };
                node("description").attr("id", id).children([said]).build()
            }
            Self::Locked(on) => switch(*on, "locked", "unlocked"),
            Self::Announcement(on) => switch(*on, "announcement", "not_announcement"),
            Self::Ephemeral(Some(timer)) => nodes::ephemeral(*timer),
            Self::Ephemeral(None) => node("not_ephemeral").build(),
            Self::Approval(on) => nodes::approval(*on),
            Self::AllMembersAdd(all) => nodes::word("member_add_mode", nodes::add_mode(*all)),
            Self::AllMembersLink(all) => nodes::word("member_link_mode", nodes::link_mode(*all)),
            Self::AllMembersShareHistory(all) => {
                let mode = if *all { "all_member_share" } else { "admin_share" };
                nodes::word("member_share_group_history_mode", mode)
            }
            Self::NoFrequentlyForwarded(on) => switch(*on, "no_frequently_forwarded", "frequently_forwarded_ok"),
            Self::AllowAdminReports(on) => switch(*on, "allow_admin_reports", "not_allow_admin_reports"),
            Self::GroupHistory(on) => switch(*on, "group_history", "no_group_history"),
            Self::LimitSharing(on) => switch(*on, "limit_sharing_enabled", "not_limit_sharing_enabled"),
        }
    }
}

/// Changes a setting and tells everybody.
pub(crate) fn change(state: &mut State, id: &str, by: &str, change: &Change) -> Result<(), Refused> {
    let group = state.groups.get_mut(id)?;
    group.needs_member(by)?;
    if change.is_for_editors() {
        group.needs_editor(by)?;
    } else {
        group.needs_admin(by)?;
    }
    apply(group, by, change)?;
    let group = state.groups.get(id)?;
    let told = change.told(state, group);
    notices::tell_all(state, id, by, told);
    Ok(())
}

fn apply(group: &mut Group, by: &str, change: &Change) -> Result<(), Refused> {
    let settings = &mut group.settings;
    match change {
        Change::Subject(text) => {
            if text.chars().count() > LONGEST_SUBJECT {
                return Err(Refused::NOT_ACCEPTABLE);
            }
            group.subject = Subject {
                text: text.clone(),
                by: by.to_owned(),
                at: clock::seconds(),
            };
        }
        Change::Description { id, previous, text } => {
            let current = group.description.as_ref().map(|current| current.id.as_str());
            if current != previous.as_deref() {
                return Err(Refused::CONFLICT);
            }
            if text
                .as_ref()
                .is_some_and(|text| text.chars().count() > LONGEST_DESCRIPTION)
            {
                return Err(Refused::NOT_ACCEPTABLE);
            }
            group.description = Some(Description {
                id: id.clone(),
                text: text.clone(),
                by: by.to_owned(),
                at: clock::seconds(),
            });
        }
        Change::Locked(on) => settings.locked = *on,
        Change::Announcement(on) => settings.announcement = *on,
        Change::Ephemeral(timer) => settings.ephemeral = *timer,
        Change::Approval(on) => settings.approval = *on,
        Change::AllMembersAdd(all) => settings.all_members_add = *all,
        Change::AllMembersLink(all) => settings.all_members_link = *all,
        Change::AllMembersShareHistory(all) => settings.all_members_share_history = *all,
        Change::NoFrequentlyForwarded(on) => settings.no_frequently_forwarded = *on,
        Change::AllowAdminReports(on) => settings.allow_admin_reports = *on,
        Change::GroupHistory(on) => settings.group_history = *on,
        Change::LimitSharing(on) => settings.limit_sharing = *on,
    }
    Ok(())
}

/// The timer in an `<ephemeral>`; none when it is zero.
pub(super) fn timer(asked: &Node) -> Option<(u32, Option<u32>)> {
    let seconds = stanza::attr(asked, "expiration")
        .parse()
        .ok()
        .filter(|seconds| *seconds > 0)?;
    Some((seconds, stanza::attr(asked, "trigger").parse().ok()))
}

/// Whether a `<membership_approval_mode>` turns approval on.
pub(super) fn is_approval_on(asked: &Node) -> bool {
    asked
        .get_optional_child("group_join")
        .is_some_and(|mode| stanza::attr(mode, "state") == "on")
}
