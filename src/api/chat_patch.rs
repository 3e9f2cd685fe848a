//! What somebody wants of a chat, as a JSON Merge Patch (RFC 7396): a field that is absent stays, `null` takes it away.
//! Every complaint names its field. Pure.

use axum::http::StatusCode;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::error::Error;
use crate::{
    bridge::WantedChat,
    model::{Mute, TIMERS, Timestamp},
};

/// The longest name and topic of a group.
const LONGEST_TITLE: usize = 100;
const LONGEST_TOPIC: usize = 2048;
/// Fields of other systems' chats that have nothing behind them here.
const ELSEWHERE: [&str; 5] = ["photo", "hidden", "blocked", "tags", "metadata"];

/// For the description; what comes is read field by field.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its description is used")]
pub(super) struct ChatPatch {
    /// Until when it makes no sound: a time (RFC 3339), `forever`, or `null`: it makes a sound.
    #[schema(example = "forever")]
    muted_until: Option<String>,
    /// Put away. What is archived is not pinned.
    #[schema(nullable = false)]
    archived: Option<bool>,
    /// Held above the others. What is pinned is not archived.
    #[schema(nullable = false)]
    pinned: Option<bool>,
    /// Marked as not read; `false`: and everything in it is read.
    #[schema(nullable = false)]
    marked_unread: Option<bool>,
    /// Seconds after which new messages disappear: 86400, 604800, 7776000, or `null`: never.
    #[schema(example = 86400)]
    disappearing_timer: Option<u32>,
    /// The name of a group.
    #[schema(nullable = false, min_length = 1, max_length = 100)]
    title: Option<String>,
    /// What a group is about, or `null`.
    #[schema(max_length = 2048)]
    topic: Option<String>,
    /// Only administrators of the group may write.
    #[schema(nullable = false)]
    announce: Option<bool>,
    /// Only administrators may change its name, topic and picture.
    #[schema(nullable = false)]
    locked: Option<bool>,
}

/// Reads it. Unknown fields are ignored.
///
/// # Errors
/// 400 and 422 that name the field.
pub(super) fn read(fields: &Map<String, Value>, now: Timestamp) -> Result<WantedChat, Error> {
    if let Some(field) = ELSEWHERE.iter().find(|field| fields.contains_key(**field)) {
        let sentence = format!("{field}: it cannot be changed here");
        return Err(Error::new(StatusCode::UNPROCESSABLE_ENTITY, sentence));
    }
    let flag = |name: &str| match fields.get(name) {
        None => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(_) => Err(invalid(name, "true or false")),
    };
    Ok(WantedChat {
        title: fields.get("title").map(title).transpose()?,
        topic: fields.get("topic").map(topic).transpose()?,
        announce: flag("announce")?,
        locked: flag("locked")?,
        timer: fields.get("disappearing_timer").map(timer).transpose()?,
        muted: fields.get("muted_until").map(|value| muted(value, now)).transpose()?,
        archived: flag("archived")?,
        pinned: flag("pinned")?,
        unread: flag("marked_unread")?,
    })
}

fn invalid(field: &str, why: &str) -> Error {
    Error::bad_request(format!("Invalid {field}: {why}"))
}

fn title(value: &Value) -> Result<String, Error> {
    let text = value.as_str().map(str::trim).filter(|text| !text.is_empty());
    text.filter(|text| text.chars().count() <= LONGEST_TITLE)
        .map(str::to_owned)
        .ok_or_else(|| invalid("title", "1 to 100 characters"))
}

/// Empty: none.
fn topic(value: &Value) -> Result<String, Error> {
    match value {
        Value::Null => Ok(String::new()),
        Value::String(text) if text.chars().count() <= LONGEST_TOPIC => Ok(text.clone()),
        _ => Err(invalid("topic", "at most 2048 characters, or null")),
    }
}

/// Zero: never.
fn timer(value: &Value) -> Result<u32, Error> {
    if value.is_null() {
        return Ok(0);
    }
    let seconds = value.as_u64().and_then(|seconds| u32::try_from(seconds).ok());
    seconds
        .filter(|seconds| TIMERS.contains(seconds))
        .ok_or_else(|| invalid("disappearing_timer", "86400, 604800, 7776000, or null"))
}

fn muted(value: &Value, now: Timestamp) -> Result<Mute, Error> {
    let wrong = || invalid("muted_until", "a time to come (RFC 3339), \"forever\", or null");
    match value {
        Value::Null => Ok(Mute::No),
        Value::String(text) if text == "forever" => Ok(Mute::Forever),
        Value::String(text) => match Timestamp::parse_rfc3339(text) {
            Some(end) if end > now => Ok(Mute::Until(end)),
            _ => Err(wrong()),
        },
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn read_json(value: Value) -> Result<WantedChat, Error> {
        match value {
            Value::Object(fields) => read(&fields, NOW),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn b46_what_is_absent_stays_and_null_takes_away() {
        assert_eq!(read_json(json!({ "unknown": 1 })).unwrap(), WantedChat::default());
        let wanted = read_json(json!({
            "muted_until": null, "topic": null, "disappearing_timer": null, "archived": false, "title": " Tea "
        }));
        let expected = WantedChat {
            muted: Some(Mute::No),
            topic: Some(String::new()),
            timer: Some(0),
            archived: Some(false),
            title: Some("Tea".into()),
            ..WantedChat::default()
        };
        assert_eq!(wanted.unwrap(), expected);
        let forever = read_json(json!({ "muted_until": "forever" })).unwrap();
        assert_eq!(forever.muted, Some(Mute::Forever));
        let until = read_json(json!({ "muted_until": "2030-01-01T00:00:00+01:00" })).unwrap();
        let end = Timestamp::parse_rfc3339("2029-12-31T23:00:00Z").unwrap();
        assert_eq!(until.muted, Some(Mute::Until(end)));
    }

    #[test]
    fn b46_every_complaint_names_its_field() {
        let long = "x".repeat(2049);
        for (field, value) in [
            ("muted_until", json!("yesterday")),
            ("muted_until", json!("2001-01-01T00:00:00Z")),
            ("muted_until", json!(true)),
            ("archived", json!(null)),
            ("archived", json!("yes")),
            ("pinned", json!(1)),
            ("marked_unread", json!([])),
            ("title", json!(" ")),
            ("title", json!(null)),
            ("title", json!(long)),
            ("topic", json!(long)),
            ("topic", json!(1)),
            ("announce", json!("no")),
            ("locked", json!({})),
            ("disappearing_timer", json!(5)),
            ("disappearing_timer", json!(-1)),
            ("disappearing_timer", json!("86400")),
        ] {
            let error = read_json(json!({ field: value })).unwrap_err();
            let begins = format!("Invalid {field}: ");
            assert!(format!("{error:?}").contains(&begins), "{error:?}");
        }
        let error = read_json(json!({ "tags": {} })).unwrap_err();
        assert!(format!("{error:?}").contains("tags: "), "{error:?}");
    }

    proptest! {
        #[test]
        fn reading_a_patch_never_fails_badly(text in "\\PC{0,40}", number in any::<i64>()) {
            for field in ["muted_until", "title", "topic", "disappearing_timer", "archived"] {
                let _ = read_json(json!({ field: text }));
                let _ = read_json(json!({ field: number }));
            }
        }
    }
}
