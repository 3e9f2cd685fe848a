//! Our words as contents of Matrix events. Pure.
//!
//! Deliberately not here: how markup becomes HTML (`html`).

use ruma::{EventId, RoomId, UserId};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    html::{self, Pill, Written},
    names::hex,
    rooms::State,
};
use crate::model::markup;

/// Marks what we send as a real person, so that we know it when the homeserver shows it to us.
pub(super) const MARK: &str = "net.wharf.sent";

/// A Matrix event has at most 65 536 bytes with everything around its body (specification, "Size limits").
const LONGEST_BODY: usize = 48 * 1024;

/// What a content may take with its HTML, so that the rest of the event has room.
const LONGEST_CONTENT: usize = 60 * 1024;

/// Parts are not cut smaller than this for their HTML: rather they go without.
const SHORTEST_PART: usize = 1024;

/// A text with markup, and who is mentioned in it.
#[derive(Clone, Copy)]
pub(crate) struct Words<'a> {
    /// The text.
    pub(crate) text: &'a str,
    /// The tokens in it that are mentions.
    pub(crate) mentions: &'a [&'a str],
    /// Who is meant by a token.
    pub(crate) pill: &'a dyn Fn(&str) -> Option<Pill>,
}

impl<'a> Words<'a> {
    /// A text that mentions nobody.
    pub(crate) fn new(text: &'a str) -> Self {
        Self {
            text,
            mentions: &[],
            pill: &|_| None,
        }
    }
}

/// A text as the contents of one message, or of several when it is too long for one; the first carries the answer.
pub(crate) fn texts(words: &Words<'_>, reply_to: Option<&EventId>) -> Vec<Value> {
    let mut contents = Vec::new();
    // What is still to be shown, the next part last, and how long its parts may be.
    let mut waiting = vec![(words.text, LONGEST_BODY)];
    while let Some((text, longest)) = waiting.pop() {
        let cut = parts(text, longest);
        if cut.len() > 1 {
            waiting.extend(cut.into_iter().rev().map(|part| (part, longest)));
            continue;
        }
        let blocks = markup::parse(text, words.mentions);
        let mut written = html::write(&blocks, words.pill);
        let reply_to = reply_to.filter(|_| contents.is_empty());
        let content = formatted(&written, reply_to);
        if written.formatted.is_none() || content.to_string().len() <= LONGEST_CONTENT {
            contents.push(content);
        } else if longest > SHORTEST_PART {
            waiting.push((text, longest / 2));
        } else {
            written.formatted = None;
            contents.push(formatted(&written, reply_to));
        }
    }
    contents
}

/// A short text that mentions nobody, for tests of how events travel.
#[cfg(test)]
pub(crate) fn text(text: &str, reply_to: Option<&EventId>) -> Value {
    texts(&Words::new(text), reply_to).swap_remove(0)
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

/// Cuts a text into parts of so many bytes, at line ends or spaces where there are any. Put together they are the text
/// again. There is always at least one.
fn parts(text: &str, longest: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(end) = cut(rest, longest) {
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

fn formatted(written: &Written, reply_to: Option<&EventId>) -> Value {
    let mut content = message("m.text", &written.body, reply_to);
    if let Some(html) = &written.formatted {
        content["format"] = json!(html::FORMAT);
        content["formatted_body"] = json!(html);
    }
    if !written.mentioned.is_empty() {
        content["m.mentions"] = json!({ "user_ids": written.mentioned });
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
fn cut(text: &str, longest: usize) -> Option<usize> {
    let mut size = 0;
    let mut good = None;
    for (at, letter) in text.char_indices() {
        size += match letter {
            '"' | '\\' | '\n' | '\r' | '\t' => 2,
            '\0'..='\x1f' => 6,
            other => other.len_utf8(),
        };
        if size > longest {
            return Some(good.unwrap_or(at));
        }
        if letter == '\n' || (letter == ' ' && size > longest / 2) {
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
    fn formatting_stands_beside_the_words_and_only_where_there_is_any() {
        let content = text("*b* <i>", None);
        assert_eq!(content["body"], "*b* <i>");
        assert_eq!(content["format"], "org.matrix.custom.html");
        assert_eq!(content["formatted_body"], "<strong>b</strong> &lt;i&gt;");
        let content = text("2*3*4 https://x.test/a_b_c", None);
        assert_eq!(content.get("formatted_body"), None);
        assert_eq!(content.get("format"), None);
    }

    #[test]
    fn who_is_mentioned_is_named_and_rung() {
        let pill = |token: &str| {
            (token == "@15550001111").then(|| Pill {
                user: ruma::user_id!("@whatsapp_15550001111:hs.test").to_owned(),
                name: "Ana".into(),
            })
        };
        let words = Words {
            text: "@15550001111 and @15550002222",
            mentions: &["@15550001111", "@15550002222"],
            pill: &pill,
        };
        let content = texts(&words, None).remove(0);
        assert_eq!(content["body"], "Ana and @15550002222");
        assert_eq!(
            content["formatted_body"],
            "<a href=\"https://matrix.to/#/@whatsapp_15550001111:hs.test\">Ana</a> and @15550002222"
        );
        assert_eq!(
            content["m.mentions"],
            json!({"user_ids": ["@whatsapp_15550001111:hs.test"]})
        );
    }

    #[test]
    fn long_texts_fit_into_events_with_their_html() {
        for word in ["*a* ", "<&>\" ", "_x_\n", "plain words ", "`c` & ", "<"] {
            let text = format!("*b* {}", word.repeat(60_000 / word.len()));
            let contents = texts(&Words::new(&text), None);
            let bodies: String = contents
                .iter()
                .map(|content| content["body"].as_str().unwrap())
                .collect();
            assert_eq!(
                bodies.split_whitespace().collect::<String>(),
                text.split_whitespace().collect::<String>()
            );
            for content in contents {
                assert!(content.to_string().len() <= LONGEST_CONTENT);
            }
        }
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
            let parts = parts(&text, LONGEST_BODY);
            prop_assert_eq!(parts.concat(), text.as_str());
            for part in parts {
                prop_assert!(serde_json::to_string(part).unwrap().len() <= LONGEST_BODY + 2);
            }
        }
    }
}
