//! What clients ask of a channel's messages: pages of them, what changed, and to be told of every change.
//!
//! Called by [`crate::server::queries`] for the space `newsletter`; the IQ is addressed to the channel.

use whatsapp_rust::wacore_binary::Node;

use super::posts::Post;
use crate::server::clock;
use crate::server::companion::Device;
use crate::server::stanza::{self, Answer, Refusal, node};
use crate::server::state::State;

/// How long a device hears of changes after it asked.
const WATCH_SECONDS: u64 = 300;
/// The most messages in one answer.
const LARGEST_PAGE: usize = 300;

/// Answers an IQ of the space `newsletter`.
pub(crate) fn answer(state: &mut State, device: &Device, iq: &Node) -> Answer {
    let child = stanza::first_child(iq).ok_or(Refusal::BAD_REQUEST)?;
    let to = stanza::address(iq, "to").map(|jid| jid.user.to_string());
    let key = stanza::attr(child, "key");
    let channel = state
        .newsletters
        .find(if key.is_empty() {
            to.as_deref().unwrap_or_default()
        } else {
            &key
        })
        .ok_or(Refusal::NOT_FOUND)?;
    let number = |name: &str| stanza::attr(child, name).parse::<u64>().ok();
    let count = number("count")
        .and_then(|count| usize::try_from(count).ok())
        .unwrap_or(LARGEST_PAGE)
        .min(LARGEST_PAGE);
    let jid = channel.jid();
    match (stanza::attr(iq, "type").as_str(), child.tag.as_ref()) {
        ("get", "messages") => {
            let page = page(&channel.posts, count, number("before"), number("after"));
            let listed = page.iter().map(|post| post.listed(&device.number));
            let messages = node("messages").attr("jid", jid).attr("t", clock::seconds());
            Ok(vec![messages.children(listed).build()])
        }
        ("get", "message_updates") => {
            let since = number("since").unwrap_or(0);
            let changed = channel.posts.iter().filter(|post| post.changed_since(since));
            let updates = changed.rev().take(count).map(Post::update);
            let messages = node("messages").attr("jid", jid).attr("t", clock::seconds());
            let messages = messages.children(updates).build();
            Ok(vec![node("message_updates").children([messages]).build()])
        }
        ("set", "live_updates") => {
            let id = channel.id.clone();
            let channel = state.newsletters.get_mut(&id).ok_or(Refusal::NOT_FOUND)?;
            channel
                .watchers
                .insert(device.clone(), clock::seconds() + WATCH_SECONDS);
            Ok(vec![node("live_updates").attr("duration", WATCH_SECONDS).build()])
        }
        _ => Err(Refusal::BAD_REQUEST),
    }
}

/// The last messages, those before one, or those after one; oldest first.
fn page(posts: &[Post], count: usize, before: Option<u64>, after: Option<u64>) -> &[Post] {
    if let Some(after) = after {
        let start = posts.partition_point(|post| post.server_id <= after);
        return &posts[start..posts.len().min(start + count)];
    }
    let end = before.map_or(posts.len(), |before| {
        posts.partition_point(|post| post.server_id < before)
    });
    &posts[end.saturating_sub(count)..end]
}
