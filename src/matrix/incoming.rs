//! Matrix events as our words. Pure: whoever may speak where is decided by the bridge.

use ruma::{OwnedEventId, OwnedRoomId, OwnedUserId};
use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};

use super::{html, outgoing::MARK};
use crate::model::{Content, markup};

/// What an event of a room means to us.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Incoming {
    /// Somebody said something.
    Say {
        /// What.
        content: Content,
        /// The event it answers.
        reply_to: Option<OwnedEventId>,
    },
    /// Somebody was invited.
    Invite {
        /// Who.
        user: OwnedUserId,
        /// Whether it is meant as a direct chat.
        is_direct: bool,
    },
    /// Somebody came in.
    Joined {
        /// Who.
        user: OwnedUserId,
    },
    /// Somebody left, declined, or was sent away.
    Left {
        /// Who.
        user: OwnedUserId,
    },
    /// What we sent ourselves in a real person's name.
    Ours,
    /// Nothing to us, and why.
    Ignored(&'static str),
}

/// Reads an event as the homeserver gave it.
///
/// # Errors
/// It is not an event.
pub(crate) fn read(json: &RawValue) -> Result<Incoming, serde_json::Error> {
    let event: Event = serde_json::from_str(json.get())?;
    if is_ours(&event) {
        return Ok(Incoming::Ours);
    }
    Ok(match event.kind.as_str() {
        "m.room.message" => message(&event.content),
        "m.sticker" => say(&event.content, Content::Unsupported("sticker".into())),
        "m.poll.start" | "org.matrix.msc3381.poll.start" => say(&event.content, Content::Unsupported("poll".into())),
        "m.room.encrypted" => say(&event.content, Content::Unsupported("encrypted message".into())),
        "m.room.member" => member(&event),
        "m.reaction" => Incoming::Ignored("reaction"),
        "m.room.redaction" => Incoming::Ignored("redaction"),
        _ => Incoming::Ignored("kind of event"),
    })
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    room_id: Option<OwnedRoomId>,
    state_key: Option<String>,
    #[serde(default)]
    content: Map<String, Value>,
    #[serde(default)]
    unsigned: Map<String, Value>,
}

/// The mark counts in the room it was made for; where the room is not told it counts too: better one forwarded message
/// too few than an echo without end.
fn is_ours(event: &Event) -> bool {
    event.content.get(MARK).is_some_and(
        |mark| match (&event.room_id, mark.get("room").and_then(Value::as_str)) {
            (Some(room), Some(marked)) => room == marked,
            _ => true,
        },
    )
}

fn message(content: &Map<String, Value>) -> Incoming {
    let Some(kind) = text_of(content, "msgtype") else {
        // A redacted message is empty.
        return Incoming::Ignored("no message");
    };
    if relation(content).and_then(|it| text_of(it, "rel_type")) == Some("m.replace") {
        return Incoming::Ignored("edit");
    }
    let unsupported = |name: &str| say(content, Content::Unsupported(name.to_owned()));
    match kind {
        "m.text" | "m.emote" => {
            let words = formatted(content).unwrap_or_else(|| plain(content).to_owned());
            // PostgreSQL keeps no NUL in text, and nobody reads one.
            let words = words.replace('\0', "");
            if words.trim().is_empty() {
                return Incoming::Ignored("no words");
            }
            let words = if kind == "m.emote" { format!("* {words}") } else { words };
            say(content, Content::words(words))
        }
        // Bots speak in notices; two of them answering each other never end.
        "m.notice" | "m.server_notice" => Incoming::Ignored("notice"),
        "m.key.verification.request" => Incoming::Ignored("verification"),
        "m.audio" if content.contains_key("org.matrix.msc3245.voice") => unsupported("voice message"),
        "m.image" => unsupported("image"),
        "m.video" => unsupported("video"),
        "m.audio" => unsupported("audio file"),
        "m.file" => unsupported("file"),
        "m.location" => unsupported("location"),
        _ => unsupported("message of this kind"),
    }
}

/// What a message says in HTML, as markup.
fn formatted(content: &Map<String, Value>) -> Option<String> {
    let html = text_of(content, "formatted_body").filter(|_| text_of(content, "format") == Some(html::FORMAT))?;
    let words = markup::write(&html::read(html));
    (!words.trim().is_empty()).then_some(words)
}

fn plain(content: &Map<String, Value>) -> &str {
    let body = text_of(content, "body").unwrap_or_default();
    if reply_to(content).is_some() {
        without_fallback(body)
    } else {
        body
    }
}

fn member(event: &Event) -> Incoming {
    let Some(user) = event
        .state_key
        .as_deref()
        .and_then(|key| OwnedUserId::try_from(key).ok())
    else {
        return Incoming::Ignored("membership of nobody");
    };
    let before = event
        .unsigned
        .get("prev_content")
        .and_then(|it| it.get("membership"))
        .and_then(Value::as_str);
    match text_of(&event.content, "membership") {
        Some("join") if before == Some("join") => Incoming::Ignored("profile"),
        Some("join") => Incoming::Joined { user },
        Some("invite") => {
            let is_direct = event.content.get("is_direct").and_then(Value::as_bool).unwrap_or(false);
            Incoming::Invite { user, is_direct }
        }
        Some("leave" | "ban") => Incoming::Left { user },
        _ => Incoming::Ignored("membership"),
    }
}

fn say(of: &Map<String, Value>, content: Content) -> Incoming {
    Incoming::Say {
        content,
        reply_to: reply_to(of),
    }
}

fn reply_to(content: &Map<String, Value>) -> Option<OwnedEventId> {
    let relation = relation(content)?;
    // In threads clients name the latest event for those that know no threads: that is no answer.
    if relation.get("is_falling_back").and_then(Value::as_bool) == Some(true) {
        return None;
    }
    relation
        .get("m.in_reply_to")?
        .get("event_id")?
        .as_str()?
        .try_into()
        .ok()
}

fn relation(content: &Map<String, Value>) -> Option<&Map<String, Value>> {
    content.get("m.relates_to")?.as_object()
}

fn text_of<'a>(content: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    content.get(key)?.as_str()
}

/// Takes away the copy of the answered message that clients put before an answer until Matrix 1.13: lines with `> `,
/// the first of which names the sender, and an empty line. A person's own quotes stay.
fn without_fallback(body: &str) -> &str {
    let is_fallback = ["> <@", "> * <@"].iter().any(|start| body.starts_with(start));
    if !is_fallback {
        return body;
    }
    let mut rest = body;
    while rest.starts_with("> ") || rest.starts_with(">\n") || rest == ">" {
        rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
    }
    rest.strip_prefix('\n').unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{json, value::to_raw_value};

    use super::*;

    fn event(kind: &str, content: &Value) -> Incoming {
        let json = json!({"type": kind, "room_id": "!room:hs.test", "sender": "@alice:hs.test", "content": content});
        read(&to_raw_value(&json).unwrap()).unwrap()
    }

    fn said(text: &str) -> Incoming {
        Incoming::Say {
            content: Content::words(text),
            reply_to: None,
        }
    }

    #[test]
    fn words_are_read_as_they_are() {
        assert_eq!(
            event(
                "m.room.message",
                &json!({"msgtype": "m.text", "body": "> hello\n\nyou"})
            ),
            said("> hello\n\nyou")
        );
        assert_eq!(
            event("m.room.message", &json!({"msgtype": "m.emote", "body": "waves"})),
            said("* waves")
        );
    }

    #[test]
    fn formatted_words_are_read_with_their_formatting() {
        let content = |kind: &str, format: &str, html: &str| json!({"msgtype": kind, "body": "**plain**", "format": format, "formatted_body": html});
        for (content, expected) in [
            (content("m.text", html::FORMAT, "<strong>bold</strong>"), "*bold*"),
            (
                content("m.emote", html::FORMAT, "waves <em>twice</em>"),
                "* waves _twice_",
            ),
            (content("m.text", "another", "<strong>bold</strong>"), "**plain**"),
            (
                content("m.text", html::FORMAT, "<mx-reply>a copy</mx-reply>"),
                "**plain**",
            ),
        ] {
            assert_eq!(event("m.room.message", &content), said(expected));
        }
    }

    #[test]
    fn an_answer_loses_the_copy_of_what_it_answers() {
        let content = |body: &str| json!({"msgtype": "m.text", "body": body, "m.relates_to": {"m.in_reply_to": {"event_id": "$one"}}});
        for (body, expected) in [
            ("> <@bob:hs.test> first\n> second\n\nanswer", "answer"),
            (
                "> * <@bob:hs.test> waves\n>\n> more\n\nanswer\n\n> mine",
                "answer\n\n> mine",
            ),
            ("> a quote of mine\n\nanswer", "> a quote of mine\n\nanswer"),
            ("answer", "answer"),
        ] {
            let reply_to = Some("$one".try_into().unwrap());
            let expected = Incoming::Say {
                content: Content::words(expected),
                reply_to,
            };
            assert_eq!(event("m.room.message", &content(body)), expected);
        }
    }

    #[test]
    fn the_latest_event_of_a_thread_is_no_answer() {
        let relation = json!({"rel_type": "m.thread", "event_id": "$root", "is_falling_back": true, "m.in_reply_to": {"event_id": "$x"}});
        let content = json!({"msgtype": "m.text", "body": "in a thread", "m.relates_to": relation});
        assert_eq!(event("m.room.message", &content), said("in a thread"));
    }

    #[test]
    fn what_cannot_be_carried_keeps_its_name() {
        for (kind, content, name) in [
            (
                "m.room.message",
                json!({"msgtype": "m.image", "body": "a.png"}),
                "image",
            ),
            (
                "m.room.message",
                json!({"msgtype": "m.audio", "org.matrix.msc3245.voice": {}}),
                "voice message",
            ),
            (
                "m.room.message",
                json!({"msgtype": "com.example.new", "body": ""}),
                "message of this kind",
            ),
            ("m.sticker", json!({}), "sticker"),
            ("org.matrix.msc3381.poll.start", json!({}), "poll"),
            (
                "m.room.encrypted",
                json!({"algorithm": "m.megolm.v1.aes-sha2"}),
                "encrypted message",
            ),
        ] {
            let expected = Incoming::Say {
                content: Content::Unsupported(name.into()),
                reply_to: None,
            };
            assert_eq!(event(kind, &content), expected);
        }
    }

    #[test]
    fn notices_edits_and_what_is_empty_are_ignored() {
        for content in [
            json!({"msgtype": "m.notice", "body": "a bot"}),
            json!({"msgtype": "m.text", "body": "* new", "m.relates_to": {"rel_type": "m.replace", "event_id": "$x"}}),
            json!({"msgtype": "m.text", "body": " \n\u{0}"}),
            json!({"msgtype": "m.text", "body": 7}),
            json!({}),
        ] {
            assert!(
                matches!(event("m.room.message", &content), Incoming::Ignored(_)),
                "{content}"
            );
        }
    }

    #[test]
    fn our_mark_counts_only_in_its_room() {
        let mut content = json!({"msgtype": "m.text", "body": "from my phone"});
        super::super::outgoing::mark(&mut content, ruma::room_id!("!room:hs.test"));
        assert_eq!(event("m.room.message", &content), Incoming::Ours);
        super::super::outgoing::mark(&mut content, ruma::room_id!("!other:hs.test"));
        assert_eq!(
            event("m.room.message", &content),
            said("from my phone"),
            "forwarded here from another room"
        );
    }

    #[test]
    fn memberships_tell_who_comes_and_goes() {
        let member = |content: Value, before: Value| {
            let json = json!({
                "type": "m.room.member", "state_key": "@whatsapp_1:hs.test", "sender": "@alice:hs.test",
                "content": content, "unsigned": {"prev_content": before},
            });
            read(&to_raw_value(&json).unwrap()).unwrap()
        };
        let user: OwnedUserId = "@whatsapp_1:hs.test".try_into().unwrap();
        let invite = member(json!({"membership": "invite", "is_direct": true}), Value::Null);
        assert_eq!(
            invite,
            Incoming::Invite {
                user: user.clone(),
                is_direct: true
            }
        );
        let join = json!({"membership": "join"});
        assert_eq!(
            member(join.clone(), json!({"membership": "invite"})),
            Incoming::Joined { user: user.clone() }
        );
        assert_eq!(member(join.clone(), join), Incoming::Ignored("profile"));
        assert_eq!(
            member(json!({"membership": "ban"}), Value::Null),
            Incoming::Left { user }
        );
    }

    proptest! {
        #[test]
        fn nothing_a_person_can_send_breaks_the_reader(body in "\\PC{0,80}", quoted in any::<bool>()) {
            let body = if quoted { format!("> <@a:b> {body}\n>") } else { body };
            let content = json!({"msgtype": "m.text", "body": body, "m.relates_to": {"m.in_reply_to": {"event_id": "$e"}}});
            event("m.room.message", &content);
        }
    }
}
