//! Places: `m.location` with what MSC3488 adds to it.

use serde_json::{Value, json};

use super::{Around, FORWARDED, FORWARDED_LINE, fill::put, media::thumbnail_info, words::clipped};
use crate::model::{Location, Place};

/// Names and addresses longer than this are none.
const LONGEST: usize = 1024;
/// Where a live location goes on that nobody here can follow.
const UNSEEN: &str = "It moves; follow it on your phone.";

/// The content of a shared place. A live one is shown anew by edits.
pub(super) fn content(location: &Location, lines: &[&str], around: &Around<'_>) -> Value {
    let uri = geo(location.place);
    let body = body(location, lines);
    let mut content = json!({
        "msgtype": "m.location",
        "body": body,
        "geo_uri": uri,
        "m.mentions": {},
        "org.matrix.msc1767.text": body,
        "org.matrix.msc3488.location": {"uri": uri},
        "org.matrix.msc3488.asset": {"type": if location.is_live { "m.self" } else { "m.pin" }},
    });
    let name = location.name.as_deref().map(|name| clipped(name, LONGEST));
    put(&mut content["org.matrix.msc3488.location"], "description", name);
    put(&mut content, FORWARDED, lines.contains(&FORWARDED_LINE).then_some(true));
    if let Some(picture) = around.picture {
        content["info"] = json!({"thumbnail_url": picture});
        put(
            &mut content["info"],
            "thumbnail_info",
            location.thumbnail.as_ref().map(thumbnail_info),
        );
    }
    content
}

fn body(location: &Location, lines: &[&str]) -> String {
    let what = if location.is_live { "Live location" } else { "Location" };
    let first = match &location.name {
        Some(name) => format!("📍 {what}: {}", clipped(name, LONGEST)),
        None => format!("📍 {what}"),
    };
    let page = match &location.url {
        Some(url) if url.len() <= LONGEST => url.clone(),
        _ => map(location.place),
    };
    let mut all: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    all.push(first);
    all.extend(location.address.as_deref().map(|address| clipped(address, LONGEST)));
    if location.course.is_unseen {
        all.push(UNSEEN.to_owned());
    }
    all.push(page);
    all.join("\n")
}

/// `geo:51.5008,0.1247;u=35` (RFC 5870).
fn geo(place: Place) -> String {
    let (north, east) = (place.latitude, place.longitude);
    match place.accuracy {
        Some(metres) => format!("geo:{north},{east};u={metres}"),
        None => format!("geo:{north},{east}"),
    }
}

/// A page with a map, for clients that draw none.
fn map(place: Place) -> String {
    let (north, east) = (place.latitude, place.longitude);
    format!("https://www.openstreetmap.org/?mlat={north}&mlon={east}#map=16/{north}/{east}")
}
