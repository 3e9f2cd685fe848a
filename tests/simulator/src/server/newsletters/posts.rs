//! What is posted in channels, edited, deleted and reacted to, and what the followers' devices hear of it.
//!
//! Called by the router for messages of companions to a channel and by `Newsletter` for what others do there.

use std::collections::BTreeMap;

use whatsapp_rust::buffa::Message as _;
use whatsapp_rust::wacore::send::{media_type_from_message, stanza_type_from_message};
use whatsapp_rust::wacore_binary::Node;
use whatsapp_rust::waproto::whatsapp as wa;

use crate::server::clock;
use crate::server::companion::Device;
use crate::server::stanza::{self, node};
use crate::server::state::State;

/// How the wire marks an edit and a deletion by whoever runs the channel.
const EDITED: &str = "3";
const DELETED: &str = "8";
/// What the sender is told when a message is refused.
const FORBIDDEN: u32 = 403;
const NOT_FOUND: u32 = 404;
const BAD_REQUEST: u32 = 400;

/// A message in a channel.
#[derive(Clone)]
pub(crate) struct Post {
    pub(crate) server_id: u64,
    pub(crate) id: String,
    /// The number of the account that posted it, when it is one of this world.
    pub(crate) author: Option<String>,
    pub(crate) timestamp: u64,
    /// Nothing once it was deleted.
    pub(crate) message: Option<wa::Message>,
    /// Reactions of accounts, by their number.
    pub(crate) reactions: BTreeMap<String, String>,
    /// How often each reaction came from others.
    pub(crate) other_reactions: BTreeMap<String, u64>,
    pub(crate) views: u64,
    changed: Option<u64>,
}

impl Post {
    /// How often each reaction was given.
    pub(crate) fn counts(&self) -> BTreeMap<String, u64> {
        let mut counts = self.other_reactions.clone();
        for code in self.reactions.values() {
            *counts.entry(code.clone()).or_default() += 1;
        }
        counts
    }

    /// Whether it changed at this time or later.
    pub(super) fn changed_since(&self, time: u64) -> bool {
        self.changed.is_some_and(|changed| changed >= time)
    }

    /// As it stands in a list of messages.
    pub(super) fn listed(&self, viewer: &str) -> Node {
        let kind = match &self.message {
            Some(message) => stanza_type_from_message(message),
            None => "revoke",
        };
        let listed = node("message")
            .attr("id", &self.id)
            .attr("server_id", self.server_id)
            .attr("t", self.timestamp)
            .attr("type", kind);
        let listed = if self.author.as_deref() == Some(viewer) {
            listed.attr("is_sender", "true")
        } else {
            listed
        };
        let mut children = vec![plaintext(self.message.as_ref())];
        children.extend(self.counted());
        listed.children(children).build()
    }

    /// As it stands in a live update.
    pub(super) fn update(&self) -> Node {
        node("message")
            .attr("server_id", self.server_id)
            .children(self.counted())
            .build()
    }

    fn counted(&self) -> [Node; 2] {
        let reactions = self
            .counts()
            .into_iter()
            .map(|(code, count)| node("reaction").attr("code", code).attr("count", count).build());
        [
            node("views_count").attr("count", self.views).build(),
            node("reactions").children(reactions).build(),
        ]
    }
}

/// A companion sent `<message>` to a channel.
pub(crate) fn receive(state: &mut State, from: &Device, message: &Node) {
    let id = stanza::attr(message, "id");
    let to = stanza::address(message, "to");
    let outcome = to
        .as_ref()
        .ok_or(NOT_FOUND)
        .and_then(|to| publish(state, from, to.user.as_str(), &id, message));
    let ack = stanza::ack("message", &id, to).attr("t", clock::seconds());
    if let Some(companion) = state.companion_mut(from) {
        companion.send_now(match outcome {
            Ok(server_id) => ack.attr("server_id", server_id).build(),
            Err(code) => ack.attr("error", code).build(),
        });
    }
}

fn publish(state: &mut State, from: &Device, channel: &str, id: &str, message: &Node) -> Result<u64, u32> {
    let known = state.newsletters.get(channel).ok_or(NOT_FOUND)?;
    if let Some(reaction) = message.get_optional_child("reaction") {
        let server_id = stanza::attr(message, "server_id").parse().map_err(|_| BAD_REQUEST)?;
        known.role(&from.number).ok_or(FORBIDDEN)?;
        return react(state, channel, server_id, &from.number, &stanza::attr(reaction, "code")).ok_or(NOT_FOUND);
    }
    if !known.may_post(&from.number) {
        return Err(FORBIDDEN);
    }
    let body = message.get_optional_child("plaintext").map(stanza::bytes);
    let read = || wa::Message::decode_from_slice(body.unwrap_or_default()).map_err(|_| BAD_REQUEST);
    match stanza::attr(message, "edit").as_str() {
        EDITED => change(state, channel, id, Some(read()?), Some(from)).ok_or(NOT_FOUND),
        DELETED => change(state, channel, id, None, Some(from)).ok_or(NOT_FOUND),
        _ => post(state, channel, id, read()?, Some(from)).ok_or(NOT_FOUND),
    }
}

/// Posts a message; answers the number the server gave it.
pub(crate) fn post(
    state: &mut State,
    channel: &str,
    id: &str,
    message: wa::Message,
    by: Option<&Device>,
) -> Option<u64> {
    let known = state.newsletters.get_mut(channel)?;
    // A message sent again after a lost answer is the same message.
    if let Some(known) = known.posts.iter().find(|post| post.id == id) {
        return Some(known.server_id);
    }
    let server_id = 100 + u64::try_from(known.posts.len()).ok()?;
    let post = Post {
        server_id,
        id: id.to_owned(),
        author: by.map(|device| device.number.clone()),
        timestamp: clock::seconds(),
        message: Some(message),
        reactions: BTreeMap::new(),
        other_reactions: BTreeMap::new(),
        views: 0,
        changed: None,
    };
    known.posts.push(post.clone());
    tell(state, channel, &post, None, by);
    Some(server_id)
}

/// Edits a post, or deletes it; answers its number.
pub(crate) fn change(
    state: &mut State,
    channel: &str,
    id: &str,
    message: Option<wa::Message>,
    by: Option<&Device>,
) -> Option<u64> {
    let known = state.newsletters.get_mut(channel)?;
    let post = known.posts.iter_mut().find(|post| post.id == id)?;
    let edit = if message.is_some() { EDITED } else { DELETED };
    post.message = message;
    post.changed = Some(clock::seconds());
    let post = post.clone();
    tell(state, channel, &post, Some(edit), by);
    Some(post.server_id)
}

/// An account reacts to a post; no code takes the reaction back.
pub(crate) fn react(state: &mut State, channel: &str, server_id: u64, who: &str, code: &str) -> Option<u64> {
    update(state, channel, server_id, |post| {
        if code.is_empty() {
            post.reactions.remove(who);
        } else {
            post.reactions.insert(who.to_owned(), code.to_owned());
        }
    })
}

/// Changes what is counted about a post; devices that watch the channel are told.
pub(crate) fn update(state: &mut State, channel: &str, server_id: u64, change: impl FnOnce(&mut Post)) -> Option<u64> {
    let known = state.newsletters.get_mut(channel)?;
    let post = known.posts.iter_mut().find(|post| post.server_id == server_id)?;
    change(post);
    let now = clock::seconds();
    post.changed = Some(now);
    let jid = known.jid();
    known.watchers.retain(|_, until| *until > now);
    let watchers: Vec<Device> = known.watchers.keys().cloned().collect();
    let messages = node("messages").attr("jid", &jid).attr("t", now);
    let posts = known
        .posts
        .iter()
        .filter(|post| post.server_id == server_id)
        .map(Post::update);
    let updates = node("live_updates")
        .children([messages.children(posts.collect::<Vec<_>>()).build()])
        .build();
    let notification = node("notification")
        .attr("from", jid)
        .attr("type", "newsletter")
        .attr("id", state.next())
        .attr("t", now)
        .children([updates])
        .build();
    for watcher in watchers {
        if let Some(companion) = state.companion_mut(&watcher) {
            companion.push(notification.clone());
        }
    }
    Some(server_id)
}

/// Brings a post, new or changed, to the devices of everybody who follows.
fn tell(state: &mut State, channel: &str, post: &Post, edit: Option<&'static str>, by: Option<&Device>) {
    let Some(known) = state.newsletters.get(channel) else {
        return;
    };
    let (jid, members): (_, Vec<String>) = (known.jid(), known.members.keys().cloned().collect());
    let kind = post.message.as_ref().map_or("text", stanza_type_from_message);
    let stanza = node("message")
        .attr("from", jid)
        .attr("id", &post.id)
        .attr("server_id", post.server_id)
        .attr("t", post.timestamp)
        .attr("type", kind);
    let mut children = vec![plaintext(post.message.as_ref())];
    let stanza = match edit {
        Some(edit) => {
            let meta = node("meta").attr("original_msg_t", post.timestamp);
            let changed = post.changed.unwrap_or(post.timestamp);
            children.push(meta.attr("msg_edit_t", changed * 1000).build());
            stanza.attr("edit", edit)
        }
        None => stanza,
    };
    let stanza = stanza.children(children).build();
    for number in members {
        let is_author = by.is_some_and(|device| device.number == number);
        let mut stanza = stanza.clone();
        if is_author {
            stanza.attrs.push("is_sender", "true");
        }
        let except = by.filter(|_| is_author).map(|device| device.id);
        state.push_to_companions(&number, except, &stanza);
    }
}

fn plaintext(message: Option<&wa::Message>) -> Node {
    let plaintext = node("plaintext").bytes(message.map(wa::Message::encode_to_vec).unwrap_or_default());
    match message.and_then(media_type_from_message) {
        Some(kind) => plaintext.attr("mediatype", kind).build(),
        None => plaintext.build(),
    }
}
