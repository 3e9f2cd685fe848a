//! What events of every kind become.

use serde_json::{json, value::to_raw_value};

use super::*;
use crate::matrix::html;

pub(super) fn event(kind: &str, content: &Value) -> Incoming {
    let json = json!({"type": kind, "room_id": "!room:hs.test", "sender": "@alice:hs.test", "content": content});
    read(&to_raw_value(&json).unwrap()).unwrap()
}

fn said(text: &str) -> Incoming {
    Incoming::Say(Box::new(Said::new(Content::words(text))))
}

fn unsupported(name: &str) -> Incoming {
    Incoming::Say(Box::new(Said::new(Content::Unsupported(name.into()))))
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
        said("/me waves")
    );
}

#[test]
fn formatted_words_are_read_with_their_formatting() {
    let content = |kind: &str, format: &str, html: &str| json!({"msgtype": kind, "body": "**plain**", "format": format, "formatted_body": html});
    for (content, expected) in [
        (content("m.text", html::FORMAT, "<strong>bold</strong>"), "*bold*"),
        (
            content("m.emote", html::FORMAT, "waves <em>twice</em>"),
            "/me waves _twice_",
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
        let expected = Incoming::Say(Box::new(Said {
            reply_to,
            ..Said::new(Content::words(expected))
        }));
        assert_eq!(event("m.room.message", &content(body)), expected);
    }
}

#[test]
fn the_latest_event_of_a_thread_is_no_answer() {
    let relation = json!({"rel_type": "m.thread", "event_id": "$root", "is_falling_back": true, "m.in_reply_to": {"event_id": "$x"}});
    let content = json!({"msgtype": "m.text", "body": "in a thread", "m.relates_to": relation});
    let expected = Said {
        thread: Some("$root".try_into().unwrap()),
        ..Said::new(Content::words("in a thread"))
    };
    assert_eq!(event("m.room.message", &content), Incoming::Say(Box::new(expected)));
}

fn ring() -> Value {
    json!({"application": "m.call", "call_id": "", "notify_type": "ring", "m.mentions": {"room": true}})
}

fn rtc_ring() -> Value {
    json!({
        "notification_type": "ring", "sender_ts": 1_700_000_000_000_i64, "lifetime": 30_000,
        "m.mentions": {"user_ids": ["@bob:hs.test"]},
        "m.relates_to": {"rel_type": "m.reference", "event_id": "$member"},
    })
}

#[test]
fn what_cannot_be_carried_keeps_its_name() {
    let file = json!({"url": "mxc://hs.test/a", "v": "v2"});
    for (kind, content, name) in [
        (
            "m.room.message",
            json!({"msgtype": "m.image", "body": "a.png"}),
            "image without a file",
        ),
        (
            "m.room.message",
            json!({"msgtype": "m.image", "body": "a.png", "url": "https://hs.test/a"}),
            "image without a file",
        ),
        (
            "m.room.message",
            json!({"msgtype": "m.file", "body": "a.png", "file": file}),
            "encrypted file",
        ),
        (
            "m.room.message",
            json!({"msgtype": "com.example.new", "body": ""}),
            "message of this kind",
        ),
        (
            "m.room.message",
            json!({"msgtype": "m.location", "body": "", "geo_uri": "geo:95,0"}),
            "location without a place",
        ),
        ("m.sticker", json!({"body": "cat"}), "sticker without a file"),
        (
            "org.matrix.msc3381.poll.start",
            json!({"body": "?"}),
            "poll without a question",
        ),
        (
            "m.room.encrypted",
            json!({"algorithm": "m.megolm.v1.aes-sha2"}),
            "encrypted message",
        ),
        ("m.call.invite", json!({"call_id": "1"}), "call"),
        ("m.call.notify", ring(), "call"),
        ("org.matrix.msc4075.call.notify", ring(), "call"),
        ("m.rtc.notification", rtc_ring(), "call"),
        ("org.matrix.msc4075.rtc.notification", rtc_ring(), "call"),
    ] {
        assert_eq!(event(kind, &content), unsupported(name));
    }
}

#[test]
fn what_says_nothing_is_ignored() {
    let replaces = |content: Value| json!({"msgtype": "m.text", "body": "* new", "m.new_content": content, "m.relates_to": {"rel_type": "m.replace", "event_id": "$x"}});
    for content in [
        json!({"msgtype": "m.text", "body": "* new", "m.relates_to": {"rel_type": "m.replace", "event_id": "$x"}}),
        replaces(json!({"msgtype": "m.text", "body": " "})),
        replaces(json!({})),
        json!({"msgtype": "m.text", "body": " \n\u{0}"}),
        json!({"msgtype": "m.text", "body": 7}),
        json!({}),
    ] {
        assert!(
            matches!(event("m.room.message", &content), Incoming::Ignored(_)),
            "{content}"
        );
    }
    for kind in [
        "m.sticker",
        "m.poll.start",
        "m.reaction",
        "m.room.redaction",
        "m.poll.response",
        "m.poll.end",
        "com.example",
    ] {
        assert!(matches!(event(kind, &json!({})), Incoming::Ignored(_)), "{kind}");
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
        Incoming::Say(Box::new(Said {
            forwarded: true,
            ..Said::new(Content::words("from my phone"))
        })),
        "passed on from another room"
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
            is_direct: true,
            was: Membership::Out,
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
        Incoming::Left {
            user,
            was: Membership::Out,
            banned: true,
        }
    );
    let user: OwnedUserId = "@whatsapp_1:hs.test".try_into().unwrap();
    for (before, was) in [
        ("join", Membership::In),
        ("invite", Membership::Invited),
        ("knock", Membership::Asking),
    ] {
        let user = user.clone();
        assert_eq!(
            member(json!({"membership": "leave"}), json!({ "membership": before })),
            Incoming::Left {
                user,
                was,
                banned: false
            }
        );
    }
}

fn state(kind: &str, content: &Value, before: &Value) -> Incoming {
    let json = json!({
        "type": kind, "state_key": "", "sender": "@alice:hs.test", "room_id": "!r:hs.test",
        "content": content, "unsigned": {"prev_content": before},
    });
    read(&to_raw_value(&json).unwrap()).unwrap()
}

#[test]
fn b52_name_topic_and_picture_are_read_with_what_stands_of_them() {
    let named = state("m.room.name", &json!({"name": "Tea"}), &Value::Null);
    let Incoming::Room(change) = named else {
        panic!("{named:?}")
    };
    assert_eq!(*change, RoomChange::Name(Some("Tea".into())));
    assert_eq!(change.standing(Some(&json!({"name": "Tea"}))).as_ref(), Some(&*change));
    assert_eq!(change.standing(Some(&json!({"name": "Coffee"}))), None);
    assert_eq!(change.standing(None), None);
    let emptied = state("m.room.topic", &json!({"topic": ""}), &Value::Null);
    assert_eq!(emptied, Incoming::Room(Box::new(RoomChange::Topic(None))));
    let pictured = |url: &str| state("m.room.avatar", &json!({ "url": url }), &Value::Null);
    let here = RoomChange::Avatar(Some("mxc://hs.test/a".into()));
    assert_eq!(pictured("mxc://hs.test/a"), Incoming::Room(Box::new(here)));
    assert_eq!(
        pictured("https://hs.test/a"),
        Incoming::Room(Box::new(RoomChange::Avatar(None)))
    );
}

#[test]
fn b54_levels_say_who_administers_and_what_is_for_administrators() {
    let ana: OwnedUserId = "@whatsapp_1:hs.test".try_into().unwrap();
    let before = json!({"users": {"@alice:hs.test": 50}, "events": {"m.room.name": 0, "m.room.topic": 0}});
    let now = json!({"users": {ana.as_str(): 50, "@alice:hs.test": "50"}, "events_default": 50, "invite": 50});
    let Incoming::Room(change) = state("m.room.power_levels", &now, &before) else {
        panic!("levels")
    };
    let RoomChange::Levels { before: was, now: is } = &*change else {
        panic!("levels")
    };
    assert_eq!((was.is_admin(&ana), is.is_admin(&ana)), (false, true));
    assert_eq!((was.only_admins_write(), is.only_admins_write()), (false, true));
    assert_eq!((was.only_admins_describe(), is.only_admins_describe()), (false, true));
    assert_eq!((was.only_admins_invite(), is.only_admins_invite()), (false, true));
    assert_eq!(change.standing(Some(&before)), None);
    assert_eq!(change.standing(Some(&now)), Some((*change).clone()));
    assert!(matches!(state("m.room.power_levels", &now, &now), Incoming::Ignored(_)));
}

#[test]
fn b56_ways_in_are_invitations_and_knocks() {
    let rule = |rule: &str| {
        state(
            "m.room.join_rules",
            &json!({ "join_rule": rule }),
            &json!({"join_rule": "invite"}),
        )
    };
    let knocking = |knocking| Incoming::Room(Box::new(RoomChange::Knocking(knocking)));
    assert_eq!(rule("knock"), knocking(Some(true)));
    assert_eq!(rule("public"), knocking(None));
    assert!(matches!(rule("invite"), Incoming::Ignored(_)));
}

#[test]
fn b03_who_is_named_is_found_by_the_id_in_the_words() {
    let html = "<a href=\"https://matrix.to/#/@whatsapp_1:hs.test\">Ana</a> and <b>@whatsapp_12:hs.test</b>";
    let content = json!({
        "msgtype": "m.text", "body": "Ana and", "format": html::FORMAT, "formatted_body": html,
        "m.mentions": {"user_ids": ["@whatsapp_12:hs.test", "@elsewhere:hs.test", 7], "room": true},
    });
    let Incoming::Say(said) = event("m.room.message", &content) else {
        panic!("nothing said");
    };
    let Content::Text(text) = &said.content else {
        panic!("no words");
    };
    assert_eq!(text.body, "@whatsapp_1:hs.test and *@whatsapp_12:hs.test*");
    assert!(text.everyone);
    let tokens: Vec<_> = said
        .called
        .iter()
        .map(|called| (called.token.as_str(), called.name.as_deref()))
        .collect();
    assert_eq!(
        tokens,
        [("@whatsapp_12:hs.test", None), ("@whatsapp_1:hs.test", Some("Ana"))]
    );
}

#[test]
fn b05_an_edit_says_what_it_says_now() {
    let relation = json!({"rel_type": "m.replace", "event_id": "$first"});
    let new = json!({"msgtype": "m.image", "body": "words", "filename": "a.png", "url": "mxc://hs.test/a"});
    let content = json!({"msgtype": "m.image", "body": "* words", "url": "mxc://hs.test/a", "m.new_content": new, "m.relates_to": relation});
    let Incoming::Edit {
        target,
        said,
        is_notice,
    } = event("m.room.message", &content)
    else {
        panic!("no edit");
    };
    assert_eq!((target.as_str(), is_notice), ("$first", false));
    assert_eq!(said.content.text(), Some("words"));
    assert_eq!(said.reply_to, None);
}

#[test]
fn b01_b05_an_edit_of_a_notice_says_that_it_is_one() {
    let relation = json!({"rel_type": "m.replace", "event_id": "$first"});
    let new = json!({"msgtype": "m.notice", "body": "12 degrees"});
    let content =
        json!({"msgtype": "m.notice", "body": "* 12 degrees", "m.new_content": new, "m.relates_to": relation});
    let expected = Incoming::Edit {
        target: "$first".try_into().unwrap(),
        said: Box::new(Said::new(Content::words("12 degrees"))),
        is_notice: true,
    };
    assert_eq!(event("m.room.message", &content), expected);
}

#[test]
fn b06_what_is_taken_back_stands_in_either_place() {
    let expected = Incoming::Redact {
        target: "$x".try_into().unwrap(),
    };
    assert_eq!(
        event("m.room.redaction", &json!({"redacts": "$x", "reason": "spam"})),
        expected
    );
    let json = json!({"type": "m.room.redaction", "redacts": "$x", "content": {}});
    assert_eq!(read(&to_raw_value(&json).unwrap()).unwrap(), expected);
}

#[test]
fn b08_reactions_are_read_without_variation_selectors() {
    let relation = |key: &str| json!({"m.relates_to": {"rel_type": "m.annotation", "event_id": "$x", "key": key}});
    let target: OwnedEventId = "$x".try_into().unwrap();
    let key = "\u{2764}".to_owned();
    assert_eq!(
        event("m.reaction", &relation("\u{2764}\u{fe0f}")),
        Incoming::React { target, key }
    );
    assert_eq!(
        event("m.reaction", &relation("mxc://hs.test/a")),
        unsupported("reaction with a picture")
    );
    assert!(matches!(event("m.reaction", &relation(" ")), Incoming::Ignored(_)));
}

#[test]
fn b11_votes_and_ends_name_their_poll() {
    let poll: OwnedEventId = "$poll".try_into().unwrap();
    let relation = json!({"rel_type": "m.reference", "event_id": "$poll"});
    let expected = Incoming::Vote {
        poll: poll.clone(),
        answers: vec!["a".into(), "b".into()],
    };
    let unstable =
        json!({"m.relates_to": relation, "org.matrix.msc3381.poll.response": {"answers": ["a", "b", "a", 3]}});
    assert_eq!(event("org.matrix.msc3381.poll.response", &unstable), expected);
    let stable = json!({"m.relates_to": relation, "m.selections": ["a", "b"]});
    assert_eq!(event("m.poll.response", &stable), expected);
    let end = json!({"m.relates_to": relation, "m.poll.end": {}, "m.text": [{"body": "over"}]});
    let words = Some("over".into());
    assert_eq!(event("m.poll.end", &end), Incoming::EndPoll { poll, words });
}

#[test]
fn what_bots_say_is_told_apart() {
    let content = json!({"msgtype": "m.notice", "body": "a bot"});
    let expected = Said::new(Content::words("a bot"));
    assert_eq!(event("m.room.message", &content), Incoming::Notice(Box::new(expected)));
}

#[test]
fn pins_are_told_by_what_changed() {
    let pins = |after: Value, before: Value| {
        let json = json!({
            "type": "m.room.pinned_events", "state_key": "", "sender": "@alice:hs.test",
            "content": {"pinned": after}, "unsigned": {"prev_content": {"pinned": before}},
        });
        read(&to_raw_value(&json).unwrap()).unwrap()
    };
    let changed = Incoming::Pins {
        pinned: vec!["$c".try_into().unwrap()],
        unpinned: vec!["$a".try_into().unwrap()],
    };
    assert_eq!(pins(json!(["$b", "$c", "$c", 7]), json!(["$a", "$b"])), changed);
    assert_eq!(pins(json!(["$b"]), json!(["$b"])), Incoming::Ignored("the same pins"));
}
