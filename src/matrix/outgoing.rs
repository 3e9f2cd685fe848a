//! Our words as contents of Matrix events. Pure.
//!
//! Deliberately not here: formatting (`formatted_body`), which comes with the markup of networks.

use ruma::{EventId, RoomId, UserId};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{names::hex, rooms::State};

/// Marks what we send as a real person, so that we know it when the homeserver shows it to us.
pub(super) const MARK: &str = "net.wharf.sent";

/// A Matrix event has at most 65 536 bytes with everything around its body (specification, "Size limits").
const LONGEST_BODY: usize = 48 * 1024;

/// A text message, perhaps an answer.
pub(crate) fn text(text: &str, reply_to: Option<&EventId>) -> Value {
    message("m.text", text, reply_to)
}

/// A line of the bot, perhaps an answer. Other bots do not react to it.
pub(crate) fn notice(text: &str, reply_to: Option<&EventId>) -> Value {
    message("m.notice", text, reply_to)
}

/// Instead of something that cannot be shown: `kind` is the name people know it under.
pub(crate) fn unsupported_notice(kind: &str) -> Value {
    notice(
        &format!(
            "{} cannot be shown here yet. Open it on your phone.",
            with_article(kind)
        ),
        None,
    )
}

/// A picture of the bot.
pub(crate) fn image(mxc: &ruma::MxcUri, name: &str, size: usize, (width, height): (u32, u32)) -> Value {
    json!({
        "msgtype": "m.image", "body": name, "filename": name, "url": mxc, "m.mentions": {},
        "info": {"mimetype": "image/png", "size": size, "w": width, "h": height},
    })
}

/// Cuts a text into parts that fit into events, at line ends or spaces where there are any. Put together they are the
/// text again. There is always at least one.
pub(crate) fn parts(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(end) = cut(rest) {
        let (part, next) = rest.split_at(end);
        parts.push(part);
        rest = next;
    }
    parts.push(rest);
    parts
}

/// Marks a content that is sent as a real person; [`Actor::send`](super::Actor::send) does it. Clients copy the whole
/// content when they forward a message: in another room the mark means nothing.
pub(super) fn mark(content: &mut Value, room: &RoomId) {
    if let Some(content) = content.as_object_mut() {
        content.insert(MARK.into(), json!({ "room": room }));
    }
}

/// What a room is a bridge to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct BridgeInfo<'a> {
    /// Our bot.
    pub(crate) bot: &'a UserId,
    /// Whose chat it is.
    pub(crate) creator: Option<&'a UserId>,
    /// Id of the network: `whatsapp`.
    pub(crate) network: &'a str,
    /// Its name for people.
    pub(crate) network_name: &'a str,
    /// The chat, unique within the network and the device.
    pub(crate) chat: &'a str,
    /// The name of the chat.
    pub(crate) title: Option<&'a str>,
}

/// The content of `m.bridge` (MSC2346).
pub(crate) fn bridge_info(info: &BridgeInfo<'_>) -> Value {
    let mut content = json!({
        "bridgebot": info.bot,
        "protocol": {"id": info.network, "displayname": info.network_name},
        "channel": {"id": info.chat},
    });
    if let Some(creator) = info.creator {
        content["creator"] = json!(creator);
    }
    if let Some(title) = info.title {
        content["channel"]["displayname"] = json!(title);
    }
    content
}

/// The state that tells clients of the bridge, under both names in use.
pub(crate) fn bridge_state(info: &BridgeInfo<'_>) -> Vec<State> {
    let (key, content) = (format!("net.wharf.{}/{}", info.network, info.chat), bridge_info(info));
    ["m.bridge", "uk.half-shot.bridge"]
        .map(|event_type| State {
            event_type: event_type.into(),
            key: key.clone(),
            content: content.clone(),
        })
        .into()
}

/// A transaction id that is the same for the same parts and different for different ones. It must name the sender:
/// homeservers scope transaction ids to all our users together.
pub(crate) fn transaction_id(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        // Lengths keep ("ab", "c") apart from ("a", "bc").
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hex(&hash.finalize()[..16])
}

fn message(kind: &str, text: &str, reply_to: Option<&EventId>) -> Value {
    // Without `m.mentions` clients look for people's names in the words and ring.
    let mut content = json!({"msgtype": kind, "body": text, "m.mentions": {}});
    if let Some(event) = reply_to {
        content["m.relates_to"] = json!({"m.in_reply_to": {"event_id": event}});
    }
    content
}

fn with_article(kind: &str) -> String {
    let article = if kind.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "An"
    } else {
        "A"
    };
    format!("{article} {kind}")
}

/// Where the first part ends; `None` when everything fits.
fn cut(text: &str) -> Option<usize> {
    let mut size = 0;
    let mut good = None;
    for (at, letter) in text.char_indices() {
        size += match letter {
            '"' | '\\' | '\n' | '\r' | '\t' => 2,
            '\0'..='\x1f' => 6,
            other => other.len_utf8(),
        };
        if size > LONGEST_BODY {
            return Some(good.unwrap_or(at));
        }
        if letter == '\n' || (letter == ' ' && size > LONGEST_BODY / 2) {
            good = Some(at + 1);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ruma::event_id;

    use super::*;

    #[test]
    fn an_answer_names_the_event_it_answers() {
        let content = text("yes", Some(event_id!("$question")));
        assert_eq!(content["m.relates_to"]["m.in_reply_to"]["event_id"], "$question");
        assert_eq!(content["msgtype"], "m.text");
        assert_eq!(text("yes", None).get("m.relates_to"), None);
    }

    #[test]
    fn a_kind_that_cannot_be_shown_is_named() {
        let content = unsupported_notice("image");
        assert_eq!(content["msgtype"], "m.notice");
        assert!(
            content["body"]
                .as_str()
                .unwrap()
                .starts_with("An image cannot be shown")
        );
    }

    #[test]
    fn transaction_ids_tell_senders_and_borders_apart() {
        assert_eq!(transaction_id(&["a", "b"]), transaction_id(&["a", "b"]));
        assert_ne!(transaction_id(&["ab", "c"]), transaction_id(&["a", "bc"]));
        assert_ne!(
            transaction_id(&["chat", "id", "@one:x"]),
            transaction_id(&["chat", "id", "@two:x"])
        );
    }

    proptest! {
        #[test]
        fn parts_put_together_are_the_text(text in "(\\PC|\n|\"| ){0,400}", times in 1_usize..400) {
            let text = text.repeat(times);
            let parts = parts(&text);
            prop_assert_eq!(parts.concat(), text.as_str());
            for part in parts {
                prop_assert!(serde_json::to_string(part).unwrap().len() <= LONGEST_BODY + 2);
            }
        }
    }
}
