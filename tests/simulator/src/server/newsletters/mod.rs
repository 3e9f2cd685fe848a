//! Channels: who follows them, what they are called, what was posted. Nothing in them is encrypted.
//!
//! What is posted and what followers hear is in [`posts`], the questions of clients about messages in
//! [`requests`], their questions in GraphQL in [`operations`]. `Newsletter` is the handle of tests.

mod operations;
pub(crate) mod posts;
mod requests;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use whatsapp_rust::wacore_binary::Jid;

pub(crate) use operations::operation;
use posts::Post;
pub(crate) use posts::receive;
pub(crate) use requests::answer;

use super::companion::Device;
use super::mex;
use super::profile::Dated;
use super::state::State;

/// Channels begin here; the ids are as long as real ones.
const FIRST_ID: u64 = 120_363_400_000_000_000;

/// All channels, by the user part of their address.
#[derive(Default)]
pub(crate) struct Newsletters {
    by_id: BTreeMap<String, Channel>,
}

/// What somebody may do in a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    Subscriber,
    Admin,
    Owner,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Subscriber => "subscriber",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }
}

/// Somebody who follows a channel.
pub(crate) struct Member {
    pub(crate) role: Role,
    since: u64,
    /// Settings as the client names them.
    settings: BTreeMap<String, String>,
}

/// A channel.
pub(crate) struct Channel {
    pub(crate) id: String,
    pub(crate) name: Dated<String>,
    pub(crate) description: Dated<String>,
    pub(crate) invite: String,
    created: u64,
    pub(crate) is_verified: bool,
    pub(crate) members: BTreeMap<String, Member>,
    invited: BTreeSet<String>,
    /// Followers that are nobody here.
    pub(crate) others: u64,
    pub(crate) posts: Vec<Post>,
    /// Devices that want every change of the posts, until then.
    watchers: BTreeMap<Device, u64>,
}

impl Newsletters {
    pub(crate) fn get(&self, id: &str) -> Option<&Channel> {
        self.by_id.get(id)
    }

    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut Channel> {
        self.by_id.get_mut(id)
    }

    /// The channel with this name.
    pub(crate) fn named(&self, name: &str) -> Option<&Channel> {
        self.by_id.values().find(|channel| channel.name.what == name)
    }

    /// The channel an address or an invitation leads to.
    fn find(&self, key: &str) -> Option<&Channel> {
        let id = key.strip_suffix("@newsletter").unwrap_or(key);
        self.get(id)
            .or_else(|| self.by_id.values().find(|channel| channel.invite == key))
    }
}

impl Channel {
    pub(crate) fn jid(&self) -> Jid {
        Jid::newsletter(self.id.as_str())
    }

    fn role(&self, number: &str) -> Option<Role> {
        self.members.get(number).map(|member| member.role)
    }

    /// A follower administers it from now on, or does not any more.
    pub(crate) fn gives_role(&mut self, number: &str, administers: bool) {
        if let Some(member) = self.members.get_mut(number) {
            member.role = if administers { Role::Admin } else { Role::Subscriber };
        }
    }

    fn may_post(&self, number: &str) -> bool {
        self.role(number) >= Some(Role::Admin)
    }
}

/// Makes a channel; answers its id.
pub(crate) fn create(state: &mut State, name: &str, description: &str, owner: Option<&str>) -> String {
    let id = (FIRST_ID + state.next()).to_string();
    let invite = format!("0029Va{:012x}", crate::server::step::random::<u64>() >> 16);
    let now = Dated::now(name.to_owned());
    let mut channel = Channel {
        id: id.clone(),
        created: now.since,
        name: now,
        description: Dated::now(description.to_owned()),
        invite,
        is_verified: false,
        members: BTreeMap::new(),
        invited: BTreeSet::new(),
        others: 0,
        posts: Vec::new(),
        watchers: BTreeMap::new(),
    };
    if let Some(owner) = owner {
        channel.members.insert(owner.to_owned(), member(Role::Owner));
    }
    state.newsletters.by_id.insert(id.clone(), channel);
    id
}

/// Somebody follows a channel, on the device given or on the phone; its other devices are told.
pub(crate) fn follow(state: &mut State, id: &str, number: &str, by: Option<u16>) {
    if let Some(channel) = state.newsletters.get_mut(id) {
        channel
            .members
            .entry(number.to_owned())
            .or_insert_with(|| member(Role::Subscriber));
    }
    if let Some(metadata) = metadata(state, id, number) {
        let data = json!({ "xwa2_notify_newsletter_on_join": metadata });
        mex::notify(state, number, by, "NotificationNewsletterJoin", &data);
    }
}

/// Somebody follows a channel no more.
pub(crate) fn leave(state: &mut State, id: &str, number: &str, by: Option<u16>) {
    let Some(channel) = state.newsletters.get_mut(id) else {
        return;
    };
    channel.members.remove(number);
    channel.watchers.retain(|device, _| device.number != number);
    let data = json!({ "xwa2_notify_newsletter_on_leave": { "id": channel.jid().to_string() } });
    mex::notify(state, number, by, "NotificationNewsletterLeave", &data);
}

/// The followers learn the new name, description or picture.
pub(crate) fn changed(state: &mut State, id: &str, by: Option<&Device>) {
    let members: Vec<String> = state
        .newsletters
        .get(id)
        .map(|channel| channel.members.keys().cloned().collect())
        .unwrap_or_default();
    for number in members {
        if let Some(metadata) = metadata(state, id, &number) {
            let except = by.filter(|device| device.number == number).map(|device| device.id);
            let data = json!({ "xwa2_notify_newsletter_on_update": metadata });
            mex::notify(state, &number, except, "NotificationNewsletterUpdate", &data);
        }
    }
}

/// What somebody sees of a channel. Numbers are text, as the real server writes them.
fn metadata(state: &State, id: &str, viewer: &str) -> Option<Value> {
    let channel = state.newsletters.get(id)?;
    let jid = channel.jid().to_string();
    let dated = |text: &Dated<String>| json!({ "id": text.since.to_string(), "text": text.what, "update_time": text.since.to_string() });
    let picture = |is_preview: bool| {
        state.pictures.path(&jid, is_preview).map(|path| {
            json!({
                "id": state.pictures.id(&jid).map(|id| id.to_string()),
                "direct_path": path,
                "type": if is_preview { "PREVIEW" } else { "IMAGE" },
            })
        })
    };
    let followers = channel.others + u64::try_from(channel.members.len()).unwrap_or_default();
    let member = channel.members.get(viewer);
    let settings: Vec<Value> = member
        .map(|member| {
            let all = member.settings.iter();
            all.map(|(kind, value)| json!({ "type": kind, "value": value }))
                .collect()
        })
        .unwrap_or_default();
    Some(json!({
        "id": jid,
        "state": { "type": "active" },
        "thread_metadata": {
            "creation_time": channel.created.to_string(),
            "name": dated(&channel.name),
            "description": dated(&channel.description),
            "invite": channel.invite,
            "subscribers_count": followers.to_string(),
            "verification": if channel.is_verified { "VERIFIED" } else { "UNVERIFIED" },
            "picture": picture(false),
            "preview": picture(true),
            "settings": { "reaction_codes": { "value": "ALL" } },
        },
        "viewer_metadata": {
            "role": member.map_or("guest", |member| member.role.name()),
            "settings": settings,
        },
    }))
}

fn member(role: Role) -> Member {
    Member {
        role,
        since: super::clock::seconds(),
        settings: BTreeMap::new(),
    }
}
