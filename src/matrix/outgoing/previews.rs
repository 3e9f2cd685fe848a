//! What links lead to, bundled with the words (MSC4095), so that no homeserver must look.

use ruma::MxcUri;
use serde_json::{Value, json};

use super::{fill, fill::put_text, words::clipped};
use crate::model::Preview;

/// Under which names clients look: what is in use, and what it is to become.
const NAMES: [(&str, &str); 2] = [
    ("com.beeper.linkpreviews", "matched_url"),
    ("m.url_previews", "matrix:matched_url"),
];
/// A title or sentence longer than this is no preview.
const LONGEST: usize = 1024;

/// Puts a preview into a content.
pub(super) fn put(content: &mut Value, preview: &Preview, picture: Option<&MxcUri>) {
    // Longer addresses are not for people.
    if preview.url.len() > 2 * LONGEST {
        return;
    }
    for (name, matched) in NAMES {
        let mut shown = json!({"og:url": preview.url});
        shown[matched] = json!(preview.url);
        for (name, words) in [("og:title", &preview.title), ("og:description", &preview.description)] {
            fill::put(&mut shown, name, words.as_deref().map(|words| clipped(words, LONGEST)));
        }
        if let Some(picture) = picture {
            shown["og:image"] = json!(picture);
            let thumbnail = preview.thumbnail.as_ref();
            put_text(&mut shown, "og:image:type", thumbnail.map(|it| it.mime.as_str()), 255);
            fill::put(&mut shown, "og:image:width", thumbnail.and_then(|it| it.width));
            fill::put(&mut shown, "og:image:height", thumbnail.and_then(|it| it.height));
        }
        content[name] = json!([shown]);
    }
}

/// Takes it out again.
pub(super) fn remove(content: &mut Value) {
    if let Some(content) = content.as_object_mut() {
        for (name, _) in NAMES {
            content.remove(name);
        }
    }
}
