//! Whatever is sent, something is read.

use proptest::prelude::*;
use serde_json::{json, value::to_raw_value};

use super::{tests::event, *};

proptest! {
    #[test]
    fn nothing_a_person_can_send_breaks_the_reader(body in "\\PC{0,80}", quoted in any::<bool>()) {
        let body = if quoted { format!("> <@a:b> {body}\n>") } else { body };
        let content = json!({"msgtype": "m.text", "body": body, "m.relates_to": {"m.in_reply_to": {"event_id": "$e"}}});
        event("m.room.message", &content);
    }

    #[test]
    fn nothing_that_is_an_event_breaks_the_reader(
        kind in 0..KINDS.len(), name in 0..NAMES.len(), inner in 0..NAMES.len(), value in anything(), own in anything(), body in "\\PC{0,20}",
    ) {
        let mut content = json!({"body": body, "url": "mxc://hs.test/a", "geo_uri": "geo:1,2"});
        let msgtype = KINDS[kind];
        if msgtype.starts_with("m.") {
            content["msgtype"] = json!(msgtype);
        }
        content[NAMES[name]] = json!({ NAMES[inner]: value, "event_id": "$e" });
        content[NAMES[inner]] = own;
        for kind in KINDS {
            event(kind, &content);
            let json = json!({"type": kind, "state_key": "@a:b", "content": content, "unsigned": {"prev_content": content}, "redacts": body});
            read(&to_raw_value(&json).unwrap()).unwrap();
        }
    }
}

const KINDS: &[&str] = &[
    "m.room.message",
    "m.sticker",
    "m.reaction",
    "m.room.redaction",
    "m.room.member",
    "m.room.pinned_events",
    "org.matrix.msc3381.poll.start",
    "org.matrix.msc3381.poll.response",
    "m.poll.end",
    "m.text",
    "m.image",
    "m.audio",
    "m.video",
    "m.location",
];

const NAMES: &[&str] = &[
    "m.relates_to",
    "m.in_reply_to",
    "m.new_content",
    "m.mentions",
    "user_ids",
    "info",
    "w",
    "size",
    "thumbnail_url",
    "thumbnail_info",
    "org.matrix.msc1767.audio",
    "waveform",
    "org.matrix.msc3381.poll.start",
    "answers",
    "question",
    "m.text",
    "m.selections",
    "m.url_previews",
    "org.matrix.msc3488.location",
    "uri",
    "geo_uri",
    "url",
    "filename",
    "formatted_body",
    "membership",
    "pinned",
];

/// JSON of any shape.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "(geo:|mxc://|\\$|@)?\\PC{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((0..NAMES.len(), inner), 0..4).prop_map(|fields| {
                let fields = fields.into_iter().map(|(name, value)| (NAMES[name].to_owned(), value));
                Value::Object(fields.collect())
            }),
        ]
    })
}
