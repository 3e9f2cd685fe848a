//! What linked devices write into groups and post as status.
//!
//! Called by [`crate::server::messages`]. The ciphertext is passed on to the other linked devices as it
//! is; the phones of the members, which are ours, decrypt it with the sender key they were given, or ask
//! for it again.

use std::collections::HashMap;
use std::sync::Arc;

use whatsapp_rust::wacore::proto_helpers::MessageExt as _;
use whatsapp_rust::wacore_binary::{Jid, Node};
use whatsapp_rust::waproto::whatsapp as wa;

use super::chat::Chat;
use super::receipts;
use crate::contact::Received;
use crate::server::clock;
use crate::server::companion::Device;
use crate::server::messages;
use crate::server::stanza;
use crate::server::state::State;
use crate::signal::{Failure, Opened};

/// One message of a linked device to a chat.
struct Post<'a> {
    from: &'a Device,
    chat: &'a Chat,
    id: String,
    message: &'a Node,
    /// Ciphertexts for single devices: sender keys, or a message sent again.
    single: HashMap<Device, &'a Node>,
    /// The ciphertext for all.
    common: Option<&'a Node>,
}

/// A linked device sent `<message>` to a group or as status.
pub(crate) fn receive(state: &mut State, from: &Device, message: &Node, to: &Jid) {
    let chat = Chat::of_post(state, from, to, message);
    let refused = chat.as_ref().err().map(|refused| refused.0);
    let wanted = to.user.as_str();
    if messages::acknowledge(state, from, message, wanted, refused) {
        return;
    }
    let Ok(chat) = chat else {
        return;
    };
    let post = Post {
        from,
        chat: &chat,
        id: stanza::attr(message, "id"),
        message,
        single: single(state, &chat, message),
        common: message.get_children_by_tag("enc").find(|enc| is_common(enc)),
    };
    relay(state, &post);
    if hand_out(state, &post) {
        state.groups.wrote(&chat.jid, &post.id, &from.number);
    }
}

fn is_common(enc: &Node) -> bool {
    stanza::attr(enc, "type") == "skmsg"
}

/// The ciphertexts for single devices of people in the chat.
fn single<'a>(state: &State, chat: &Chat, message: &'a Node) -> HashMap<Device, &'a Node> {
    let listed = message
        .get_optional_child("participants")
        .into_iter()
        .flat_map(|list| list.get_children_by_tag("to"))
        .filter_map(|to| Some((stanza::address(to, "jid")?, to.get_optional_child("enc")?)));
    // A message sent again names its only reader on the stanza.
    let again =
        stanza::address(message, "participant").zip(message.get_children_by_tag("enc").find(|enc| !is_common(enc)));
    listed
        .chain(again)
        .filter_map(|(jid, enc)| Some((state.resolve(&jid)?, enc)))
        .filter(|(device, _)| chat.people.binary_search(&device.number).is_ok())
        .collect()
}

/// Passes the ciphertexts on to the linked devices of everybody.
fn relay(state: &mut State, post: &Post<'_>) {
    let head = post
        .chat
        .stanza(state, "message", post.from)
        .attr("id", &post.id)
        .attr("type", stanza::attr(post.message, "type"))
        .attr("t", clock::seconds());
    let mut head = match state.person(&post.from.number) {
        Ok(person) => head.attr("notify", &person.name),
        Err(_) => head,
    };
    if let Some(mode) = post.chat.mode() {
        head = head.attr("addressing_mode", mode);
    }
    let mut head = head.build();
    if let Some(edit) = post.message.attrs.get("edit") {
        head.attrs.push("edit", edit.clone());
    }
    let besides: Vec<Node> = messages::passed_on(post.message).collect();
    for device in post.chat.companions(state) {
        let encs = [post.single.get(&device).copied(), post.common];
        let mut children: Vec<Node> = encs.into_iter().flatten().cloned().collect();
        if device == *post.from || children.is_empty() {
            continue;
        }
        children.extend(besides.iter().cloned());
        let mut stanza = head.clone();
        stanza.content = Some(whatsapp_rust::wacore_binary::NodeContent::Nodes(children));
        if let Some(companion) = state.companion_mut(&device) {
            companion.push(stanza);
        }
    }
}

/// The phones of everybody decrypt, or ask again; those that could read say so to the author. Answers whether any could.
fn hand_out(state: &mut State, post: &Post<'_>) -> bool {
    let (key, sender) = (post.chat.key(), post.from.address().as_str().to_owned());
    let mut keyed = HashMap::new();
    for number in &post.chat.people {
        let phone = Device {
            number: number.clone(),
            id: 0,
        };
        if let Some(enc) = post.single.get(&phone) {
            keyed.insert(number.clone(), unlock(state, post, number, enc));
        }
    }
    let opened = post
        .common
        .map(|enc| state.chains.open(&key, &sender, stanza::bytes(enc)));
    if matches!(opened, Some(Err(Failure::Duplicate))) {
        // The key was used: real clients take it for a copy and drop it.
        return false;
    }
    let common = opened.and_then(Result::ok).map(|opened| {
        let message = Arc::new(received(post, opened.message.clone()));
        (opened, message)
    });
    let (mut delivered, mut is_read) = (Vec::new(), false);
    for number in &post.chat.people {
        let own = keyed.remove(number);
        if own.is_none() && post.common.is_none() {
            continue;
        }
        let readable = match (own, &common) {
            (Some(Reading::Message(message)), _) => Some(Arc::new(received(post, *message))),
            (Some(Reading::Failed), _) | (_, None) => None,
            (_, Some((opened, message))) => can_read(state, post, number, opened).then(|| Arc::clone(message)),
        };
        let Ok(person) = state.person_mut(number) else {
            continue;
        };
        person.inbox.arrived(&post.from.number, &post.id);
        let Some(readable) = readable else {
            receipts::ask_again(state, post.chat, post.from, number, &post.id);
            continue;
        };
        person.inbox.read_shared(&readable);
        is_read = true;
        if *number != post.from.number {
            delivered.push(number.clone());
        }
    }
    receipts::delivered(state, post.chat, &post.from.number, &delivered, &post.id);
    if let Some((opened, _)) = &common {
        label(state, post, opened);
    }
    is_read
}

/// What a phone made of the ciphertext for it alone.
enum Reading {
    /// It held the sender key.
    Key,
    /// It was the message itself.
    Message(Box<wa::Message>),
    Failed,
}

fn unlock(state: &mut State, post: &Post<'_>, number: &str, enc: &Node) -> Reading {
    let Ok(person) = state.person_mut(number) else {
        return Reading::Failed;
    };
    if person.conduct.failures_left > 0 {
        person.conduct.failures_left -= 1;
        return Reading::Failed;
    }
    let address = post.from.address();
    let read = match person
        .peer
        .decrypt(&address, &stanza::attr(enc, "type"), stanza::bytes(enc))
    {
        Ok(read) => read,
        // A copy of what was read before: the key in it is known.
        Err(Failure::Duplicate) => return Reading::Key,
        Err(Failure::Undecryptable(error)) => {
            tracing::info!("a sender key could not be decrypted: {error:#}");
            return Reading::Failed;
        }
    };
    let key = read.sender_key_distribution_message.as_option();
    let distribution = key.and_then(|key| key.axolotl_sender_key_distribution_message.as_deref());
    if let Some(distribution) = distribution {
        let chat = post.chat.key();
        if let Err(error) = state.chains.learn(number, &chat, address.as_str(), distribution) {
            tracing::info!("a sender key was refused: {error:#}");
            return Reading::Failed;
        }
    }
    if post.common.is_some() {
        Reading::Key
    } else {
        Reading::Message(Box::new(read))
    }
}

fn can_read(state: &mut State, post: &Post<'_>, number: &str, opened: &Opened) -> bool {
    let had_key_already = !post.single.contains_key(&Device {
        number: number.to_owned(),
        id: 0,
    });
    if let Ok(person) = state.person_mut(number)
        && had_key_already
        && person.conduct.failures_left > 0
    {
        person.conduct.failures_left -= 1;
        return false;
    }
    state.chains.can_read(number, opened)
}

fn received(post: &Post<'_>, message: wa::Message) -> Received {
    Received::new(
        &post.id,
        &post.from.number,
        None,
        clock::seconds(),
        message.into_base_message(),
    )
    .in_chat(post.chat.key())
}

/// A member may name his part in the group; real servers show it to everybody.
fn label(state: &mut State, post: &Post<'_>, opened: &Opened) {
    let told = opened.message.protocol_message.as_option();
    let label = told
        .and_then(|told| told.member_label.as_option())
        .and_then(|label| label.label.clone());
    if let Some(label) = label
        && let Some(id) = super::store::group_id(&post.chat.jid)
        && let Ok(group) = state.groups.get_mut(id)
        && let Some(member) = group.members.get_mut(&post.from.number)
    {
        member.label = Some(label).filter(|label| !label.is_empty());
    }
}
