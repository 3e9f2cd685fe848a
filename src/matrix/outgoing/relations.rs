//! How an event stands to others: answers, threads, edits, marks, and what became of a message.

use ruma::{EventId, OwnedUserId};
use serde_json::{Value, json};

use super::{Around, MESSAGE, Message, fill, fill::put as put_field, poll, previews, shown, words::clipped};
use crate::{matrix::emoji, model::Say};

/// What may be left of the words for clients that know no edits.
const SHORT: usize = 512;

/// Puts the relation of a message into its content: all its events stand in the thread, the first one is the answer.
pub(super) fn put(content: &mut Value, around: &Around<'_>, is_first: bool) {
    let answer = around.reply_to.filter(|_| is_first);
    let relation = match (around.thread, answer) {
        (Some(thread), Some(answer)) => json!({
            "rel_type": "m.thread", "event_id": thread.root, "is_falling_back": false,
            "m.in_reply_to": {"event_id": answer},
        }),
        (Some(thread), None) => json!({
            "rel_type": "m.thread", "event_id": thread.root, "is_falling_back": true,
            "m.in_reply_to": {"event_id": thread.latest.unwrap_or(thread.root)},
        }),
        (None, Some(answer)) => json!({"m.in_reply_to": {"event_id": answer}}),
        (None, None) => return,
    };
    content["m.relates_to"] = relation;
}

/// Other content instead of the events of a message, each in the place of one of them. What does not fit into them
/// follows as messages of their own. Messages become other messages, and polls other polls: anything else follows as it
/// is, and relates to what the message related to. `was` is what the message was, as
/// [`Content::event_kind`](crate::model::Content::event_kind) says. An edit relates to nothing but its target: what the
/// message answers stands over its words, where it is told.
pub(crate) fn edit(targets: &[&EventId], was: &str, say: &Say, around: &Around<'_>) -> Vec<Message> {
    let mut messages = shown(say, around);
    let editable = match was {
        "m.poll.start" => Some(poll::START),
        "m.sticker" => None,
        _ => Some(MESSAGE),
    };
    let can_be = messages.iter().all(|message| Some(message.event_type) == editable);
    if !can_be {
        return super::say(say, around);
    }
    for (number, message) in messages.iter_mut().enumerate() {
        match targets.get(number) {
            Some(target) => message.content = replacement(target, &message.content),
            None => put(&mut message.content, around, false),
        }
        fill::fit(&mut message.content);
    }
    messages
}

fn replacement(target: &EventId, new: &Value) -> Value {
    let mut content = new.clone();
    previews::remove(&mut content);
    // Who knows no edits shows the words, not a second poll.
    if let Some(fields) = content.as_object_mut()
        && fields.remove(poll::START).is_some()
    {
        fields.remove(poll::WORDS);
    }
    // Who was rung by the message is not rung by its edit.
    content["m.mentions"] = json!({});
    let is_name = new.get("filename").is_some_and(|name| Some(name) == new.get("body"));
    for field in ["body", "formatted_body"] {
        if let Some(words) = new.get(field).and_then(Value::as_str).filter(|_| !is_name) {
            content[field] = json!(format!("* {words}"));
        }
    }
    if content.to_string().len() + new.to_string().len() > super::words::LONGEST_CONTENT {
        if let Some(fields) = content.as_object_mut() {
            fields.remove("format");
            fields.remove("formatted_body");
        }
        let words = new.get("body").and_then(Value::as_str).unwrap_or_default();
        content["body"] = json!(clipped(&format!("* {words}"), SHORT));
    }
    content["m.new_content"] = new.clone();
    content["m.relates_to"] = json!({"rel_type": "m.replace", "event_id": target});
    content
}

/// A mark on an event.
pub(crate) fn reaction(target: &EventId, mark: &str) -> Message {
    let key = emoji::qualified(&clipped(mark, SHORT));
    Message {
        event_type: "m.reaction",
        content: json!({"m.relates_to": {"rel_type": "m.annotation", "event_id": target, "key": key}}),
    }
}

/// What became of a message that somebody sent from Matrix.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Status<'a> {
    /// On its way.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "clients know that themselves; said when a job must wait long")
    )]
    Pending,
    /// The network has it.
    Sent,
    /// These have it.
    Delivered(&'a [OwnedUserId]),
    /// It will never arrive.
    Failed {
        /// Why, for people.
        why: &'a str,
        /// Whether sending it again could help.
        again: bool,
    },
}

/// The content of `com.beeper.message_send_status`, which some clients show beside the message.
pub(crate) fn status(event: &EventId, network: &str, status: Status<'_>) -> Message {
    let mut content = json!({
        "m.relates_to": {"rel_type": "m.reference", "event_id": event},
        "network": network,
        "status": match status {
            Status::Pending => "PENDING",
            Status::Sent | Status::Delivered(_) => "SUCCESS",
            Status::Failed { again: true, .. } => "FAIL_RETRIABLE",
            Status::Failed { again: false, .. } => "FAIL_PERMANENT",
        },
    });
    match status {
        Status::Pending | Status::Sent => {}
        Status::Delivered(users) => content["delivered_to_users"] = json!(users),
        Status::Failed { why, .. } => {
            content["reason"] = json!("m.event_not_handled");
            put_field(&mut content, "message", Some(clipped(why, SHORT)));
        }
    }
    Message {
        event_type: "com.beeper.message_send_status",
        content,
    }
}
