//! What the server knows about groups: who is in, with which rights, under which settings.
//!
//! Looking things up only; what changes them is in the modules named after the changes.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use whatsapp_rust::wacore_binary::{Jid, JidExt as _};

use super::refused::Refused;
use crate::server::companion::Device;

/// All groups, and what people wrote into chats with sender keys.
#[derive(Default)]
pub(crate) struct Groups {
    pub(super) all: BTreeMap<String, Group>,
    /// Every invite code ever given out.
    pub(super) codes: HashMap<String, String>,
    /// The devices that have the sender key of a person for a chat.
    pub(super) given: HashMap<(String, String), HashSet<Device>>,
    /// Who wrote a message, by chat and id.
    pub(super) authors: HashMap<(String, String), String>,
    /// People who cannot be added to a group, and the code that says why.
    pub(crate) refusals: HashMap<String, u32>,
}

/// A group, a community (the parent of groups), or one of its groups.
pub(crate) struct Group {
    pub(crate) id: String,
    pub(crate) by_lid: bool,
    pub(crate) creator: String,
    pub(crate) created: u64,
    pub(crate) subject: Subject,
    pub(crate) description: Option<Description>,
    pub(crate) members: BTreeMap<String, Member>,
    pub(crate) settings: Settings,
    pub(crate) community: Community,
    pub(crate) invite: String,
    /// Personal invitations: who may come in with which code, until when.
    pub(super) tokens: HashMap<String, Token>,
    pub(crate) requests: BTreeMap<String, Request>,
    /// Whom an admin removed: the link is no way back.
    pub(super) removed: BTreeSet<String>,
    pub(crate) past: Vec<Past>,
}

/// The name of a group.
pub(crate) struct Subject {
    pub(crate) text: String,
    pub(crate) by: String,
    pub(crate) at: u64,
}

/// The description of a group; without a text it was deleted.
pub(crate) struct Description {
    pub(crate) id: String,
    pub(crate) text: Option<String>,
    pub(crate) by: String,
    pub(crate) at: u64,
}

/// The rights of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    Member,
    Admin,
    /// The creator, whom nobody demotes or removes.
    SuperAdmin,
}

/// Somebody in a group.
pub(crate) struct Member {
    pub(crate) rank: Rank,
    pub(crate) since: u64,
    pub(crate) label: Option<String>,
}

/// The settings of a group.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own on the wire")]
#[derive(Default)]
pub(crate) struct Settings {
    /// Only admins change subject, description, picture and timer.
    pub(crate) locked: bool,
    /// Only admins write.
    pub(crate) announcement: bool,
    /// An admin has to approve whoever wants to join.
    pub(crate) approval: bool,
    /// Messages disappear after so many seconds; the second number says why.
    pub(crate) ephemeral: Option<(u32, Option<u32>)>,
    pub(crate) all_members_add: bool,
    pub(crate) all_members_link: bool,
    pub(crate) all_members_share_history: bool,
    pub(crate) no_frequently_forwarded: bool,
    pub(crate) allow_admin_reports: bool,
    pub(crate) group_history: bool,
    pub(crate) limit_sharing: bool,
}

/// The place of a group in a community.
#[expect(clippy::struct_excessive_bools, reason = "each is a mark of its own on the wire")]
#[derive(Default)]
pub(crate) struct Community {
    pub(crate) is_parent: bool,
    pub(crate) closed: bool,
    pub(crate) members_create_groups: bool,
    pub(crate) parent: Option<String>,
    pub(crate) is_announcements: bool,
    pub(crate) is_general: bool,
}

pub(super) struct Token {
    pub(super) code: String,
    pub(super) expiration: u64,
}

/// Somebody wants to come in.
pub(crate) struct Request {
    pub(crate) at: u64,
    pub(crate) method: &'static str,
}

/// Something that happened in a group.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Past {
    /// When, in seconds since 1970.
    pub at: u64,
    /// The number of whoever did it.
    pub by: String,
    /// The name it has on the wire: `create`, `add`, `remove`, `promote`, `subject` …
    pub what: String,
    /// The numbers it was done to.
    pub whom: Vec<String>,
}

impl Groups {
    /// The group behind an address.
    pub(crate) fn get(&self, id: &str) -> Result<&Group, Refused> {
        self.all.get(id).ok_or(Refused::NOT_FOUND)
    }

    pub(crate) fn get_mut(&mut self, id: &str) -> Result<&mut Group, Refused> {
        self.all.get_mut(id).ok_or(Refused::NOT_FOUND)
    }

    /// All groups.
    pub(crate) fn ids(&self) -> Vec<String> {
        self.all.keys().cloned().collect()
    }

    /// The groups somebody is in.
    pub(crate) fn of<'a>(&'a self, number: &'a str) -> impl Iterator<Item = &'a Group> {
        self.all.values().filter(move |group| group.has(number))
    }

    /// The groups of a community.
    pub(super) fn children(&self, parent: &str) -> Vec<String> {
        let of_parent = |group: &&Group| group.community.parent.as_deref() == Some(parent);
        self.all
            .values()
            .filter(of_parent)
            .map(|group| group.id.clone())
            .collect()
    }

    /// The group of a community that everybody is in.
    pub(crate) fn announcements(&self, parent: &str) -> Option<String> {
        let found =
            |group: &&Group| group.community.parent.as_deref() == Some(parent) && group.community.is_announcements;
        self.all.values().find(found).map(|group| group.id.clone())
    }

    /// Remembers who wrote a message.
    pub(crate) fn wrote(&mut self, chat: &Jid, id: &str, author: &str) {
        self.authors
            .insert((chat.to_string(), id.to_owned()), author.to_owned());
    }

    /// Who wrote a message.
    pub(crate) fn author(&self, chat: &Jid, id: &str) -> Option<&String> {
        self.authors.get(&(chat.to_string(), id.to_owned()))
    }
}

impl Group {
    pub(crate) fn jid(&self) -> Jid {
        Jid::group(self.id.as_str())
    }

    pub(crate) fn has(&self, number: &str) -> bool {
        self.members.contains_key(number)
    }

    pub(crate) fn is_admin(&self, number: &str) -> bool {
        self.members.get(number).is_some_and(|one| one.rank >= Rank::Admin)
    }

    pub(crate) fn numbers(&self) -> Vec<String> {
        self.members.keys().cloned().collect()
    }

    /// Members only.
    pub(super) fn needs_member(&self, number: &str) -> Result<(), Refused> {
        if self.has(number) {
            Ok(())
        } else {
            Err(Refused::FORBIDDEN)
        }
    }

    /// Admins only.
    pub(super) fn needs_admin(&self, number: &str) -> Result<(), Refused> {
        if self.is_admin(number) {
            Ok(())
        } else {
            Err(Refused::FORBIDDEN)
        }
    }

    /// Whoever may change subject, description, picture and timer.
    pub(super) fn needs_editor(&self, number: &str) -> Result<(), Refused> {
        if self.settings.locked {
            self.needs_admin(number)
        } else {
            self.needs_member(number)
        }
    }
}

/// The group part of an address; `None` when it is no group.
pub(crate) fn group_id(jid: &Jid) -> Option<&str> {
    (jid.is_group() && !jid.user.is_empty()).then_some(jid.user.as_str())
}
