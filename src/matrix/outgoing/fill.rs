//! Filling contents: only with what is known, and never beyond what an event may hold.

use serde::Serialize;
use serde_json::{Value, json};

use super::{previews, words::clipped};

/// What a content may take at most: what the homeserver puts around it has the rest.
const LARGEST: usize = 62 * 1024;
/// How long the words are that stay when nothing else helps.
const SHORT: usize = 8 * 1024;

/// Puts a field into an object, when there is something to put.
pub(super) fn put(content: &mut Value, name: &str, value: Option<impl Serialize>) {
    if let Some(value) = value {
        content[name] = json!(value);
    }
}

/// Puts a field without which nothing is lost: text that somebody else chose, when it is of a sensible length.
pub(super) fn put_text(content: &mut Value, name: &str, value: Option<&str>, longest: usize) {
    put(content, name, value.filter(|text| text.len() <= longest));
}

/// Leaves out what is dear and helps least, until the content fits into an event.
pub(super) fn fit(content: &mut Value) {
    let is_large = |content: &Value| content.to_string().len() > LARGEST;
    if is_large(content) {
        previews::remove(content);
    }
    if is_large(content) {
        shorten(content);
    }
    if is_large(content)
        && let Some(new) = content.get_mut("m.new_content")
    {
        previews::remove(new);
        shorten(new);
    }
}

fn shorten(content: &mut Value) {
    let Some(fields) = content.as_object_mut() else {
        return;
    };
    fields.remove("format");
    fields.remove("formatted_body");
    if let Some(Value::String(body)) = fields.get_mut("body") {
        *body = clipped(body, SHORT);
    }
}
