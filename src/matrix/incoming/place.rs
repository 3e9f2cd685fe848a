//! Places: `m.location` and what MSC3488 adds to it.

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::{
    Incoming, Said,
    fields::{Fields, Relation, first, part, text, words},
    media::thumbnail,
};
use crate::{
    matrix::outgoing::SHARING,
    model::{Content, Location, Place},
};

/// Reads a shared place.
pub(super) fn read(content: &Fields) -> Said {
    let extended = first(content, &["m.location", "org.matrix.msc3488.location"]).and_then(Value::as_object);
    let uri = text(content, "geo_uri").or_else(|| text(extended?, "uri"));
    let Some(place) = uri.and_then(geo) else {
        return Said::new(Content::Unsupported("location without a place".into()));
    };
    let mut said = Said::new(Content::Location(Location {
        place,
        name: extended.and_then(|it| words(it, "description")),
        address: None,
        url: None,
        is_live: false,
        course: crate::model::Course::default(),
        thumbnail: None,
    }));
    said.picture = part(content, "info").and_then(thumbnail);
    said
}

/// Whether an event says that somebody shares where they are, live (MSC3672).
pub(crate) fn is_share(event: &RawValue) -> bool {
    #[derive(Deserialize)]
    struct Kind {
        r#type: String,
    }
    serde_json::from_str::<Kind>(event.get()).is_ok_and(|kind| SHARING.contains(&kind.r#type.as_str()))
}

/// Reads where somebody is who shares it live (MSC3672); what began it says for how long, and nothing of where.
pub(super) fn moved(content: &Fields) -> Incoming {
    let relation = Relation::of(content);
    let Some(share) = relation.to("m.reference") else {
        return Incoming::Ignored("place of nothing");
    };
    let mut said = read(content);
    let Content::Location(location) = &mut said.content else {
        return Incoming::Ignored("live location without a place");
    };
    location.name.get_or_insert_with(|| "Live location".to_owned());
    Incoming::Moved {
        share: share.clone(),
        said: Box::new(said),
    }
}

/// Reads `geo:51.5008,0.1247;u=35` (RFC 5870), on the earth only.
fn geo(uri: &str) -> Option<Place> {
    let mut parts = uri.strip_prefix("geo:")?.split(';');
    let mut degrees = parts.next()?.split(',').map(|it| it.trim().parse::<f64>().ok());
    let (latitude, longitude) = (degrees.next()??, degrees.next()??);
    let on_earth = (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude);
    let accuracy = parts.find_map(|it| it.strip_prefix("u=")?.parse::<f64>().ok());
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast from a float saturates"
    )]
    let metres = |it: f64| it.round() as u32;
    on_earth.then(|| Place {
        latitude,
        longitude,
        accuracy: accuracy.filter(|it| it.is_finite() && *it >= 0.0).map(metres),
    })
}
