//! Places, standing and moving.

use serde_json::{Value, json};
use simulator::{Received, Speech};
use whatsapp_rust::{buffa::MessageField, waproto::whatsapp as wa};

use super::{
    talk::{Client, Talk, body, relates_to, words},
    words::{is_tiny_jpeg, large_png},
};
use crate::support::world::text_of;

/// A place of a live location, by its number and the seconds since it began.
fn numbered(latitude: f64, sequence: i64, seconds: u32) -> wa::Message {
    let mut message = live(latitude, 16.37);
    let place = message.live_location_message.get_or_insert_default();
    (place.sequence_number, place.time_offset) = (Some(sequence), Some(seconds));
    message
}

fn live(latitude: f64, longitude: f64) -> wa::Message {
    wa::Message {
        live_location_message: MessageField::some(wa::message::LiveLocationMessage {
            degrees_latitude: Some(latitude),
            degrees_longitude: Some(longitude),
            accuracy_in_meters: Some(20),
            caption: Some("on my way".to_owned()),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// B26: a place is a place on both sides; a live one moves in its event.
pub async fn b26<H, C: Client>(talk: Talk<'_, H, C>) {
    talk.speaks(Speech::Location {
        latitude: 53.54,
        longitude: 9.98,
        name: Some("Harbour".into()),
        address: Some("Pier 3".into()),
        live: false,
    });
    let shown = talk.chat.hears("Harbour").await;
    let content = &shown["content"];
    assert_eq!(
        (&content["msgtype"], &content["geo_uri"]),
        (&json!("m.location"), &json!("geo:53.54,9.98"))
    );
    assert_eq!(content["org.matrix.msc3488.location"]["description"], "Harbour");
    assert_eq!(content["org.matrix.msc3488.asset"]["type"], "m.pin");
    assert!(
        body(&shown).contains("Pier 3") && body(&shown).contains("https://www.openstreetmap.org/"),
        "{}",
        body(&shown)
    );

    let id = talk.sends(live(48.20, 16.37));
    let shown = talk.chat.hears("Live location").await;
    assert_eq!(shown["content"]["geo_uri"], "geo:48.2,16.37;u=20");
    assert_eq!(shown["content"]["org.matrix.msc3488.asset"]["type"], "m.self");
    assert!(body(&shown).contains("on my way"), "{}", body(&shown));
    for (north, geo) in [(48.21, "geo:48.21,16.37;u=20"), (48.22, "geo:48.22,16.37;u=20")] {
        let key = wa::MessageKey {
            remote_jid: Some(talk.ana.jid()),
            from_me: Some(true),
            id: Some(id.clone()),
            ..Default::default()
        };
        talk.sends(wa::Message {
            protocol_message: MessageField::some(wa::message::ProtocolMessage {
                key: MessageField::some(key),
                r#type: Some(wa::message::protocol_message::Type::MESSAGE_EDIT),
                edited_message: MessageField::some(live(north, 16.37)),
                ..Default::default()
            }),
            ..Default::default()
        });
        talk.chat.sees_now(geo, &shown, |now| now["geo_uri"] == geo).await;
    }

    // As Element writes it, with a map.
    let map = talk.chat.uploads("map.png", "image/png", &large_png()).await;
    talk.chat
        .says(json!({
            "msgtype": "m.location", "body": "Location Café geo:48.2,16.37;u=12 at 2026-11-21", "geo_uri": "geo:48.2,16.37;u=12",
            "org.matrix.msc3488.location": {"uri": "geo:48.2,16.37;u=12", "description": "Café"},
            "org.matrix.msc3488.asset": {"type": "m.pin"}, "org.matrix.msc3488.ts": 1_795_000_000_000_u64,
            "org.matrix.msc1767.text": "Location Café",
            "info": {"thumbnail_url": map, "thumbnail_info": {"mimetype": "image/png", "w": 400, "h": 300}},
        }))
        .await;
    let got = talk.gets("a place", |got| got.message.location_message.is_set()).await;
    let place = &got.message.location_message;
    assert_eq!(
        (place.degrees_latitude, place.degrees_longitude),
        (Some(48.2), Some(16.37))
    );
    assert_eq!(
        (place.accuracy_in_meters, place.name.as_deref()),
        (Some(12), Some("Café"))
    );
    is_tiny_jpeg(place.jpeg_thumbnail.as_deref());
}

/// B26: a place that names anything but what its sender shares is nothing, and holds nothing up.
pub async fn b26_shared_by_nobody<H, C: Client>(talk: Talk<'_, H, C>) {
    let hello = talk.chat.shows("hello").await;
    let mine = talk.chat.says(words("I am here")).await;
    talk.gets_text("I am here").await;
    for event in [text_of(&hello, "event_id"), &mine] {
        let moved = json!({
            "m.relates_to": {"rel_type": "m.reference", "event_id": event},
            "org.matrix.msc3488.location": {"uri": "geo:48.2,16.37"},
        });
        talk.chat.sends("org.matrix.msc3672.beacon", moved).await;
    }
    talk.chat.says(words("and I stay")).await;
    talk.gets_text("and I stay").await;
    assert_eq!(talk.ana.received().len(), 2);
    talk.needs_no_notice().await;
}

/// B26: of what is shared live in Matrix the place where it began crosses, once, and people are told that no more does.
pub async fn b26_shared<H, C: Client>(talk: Talk<'_, H, C>) {
    // As Element writes it.
    let begins = json!({
        "description": "Live location", "live": true, "timeout": 900_000,
        "org.matrix.msc3488.asset": {"type": "m.self"}, "org.matrix.msc3488.ts": 1_795_000_000_000_u64,
    });
    let share = talk
        .chat
        .sets_own("org.matrix.msc3672.beacon_info", begins.clone())
        .await;
    for place in ["geo:48.2,16.37;u=12", "geo:48.3,16.37;u=9"] {
        let moved = json!({
            "m.relates_to": {"rel_type": "m.reference", "event_id": share},
            "org.matrix.msc3488.location": {"uri": place}, "org.matrix.msc3488.ts": 1_795_000_000_001_u64,
        });
        talk.chat.sends("org.matrix.msc3672.beacon", moved).await;
    }
    let got = talk.gets("a place", |got| got.message.location_message.is_set()).await;
    let place = &got.message.location_message;
    assert_eq!(
        (place.degrees_latitude, place.degrees_longitude, place.name.as_deref()),
        (Some(48.2), Some(16.37), Some("Live location"))
    );
    let told = talk.chat.hears("see where it began").await;
    assert_eq!(told["content"]["msgtype"], "m.notice");
    let mut ends = begins;
    ends["live"] = json!(false);
    talk.chat.sets_own("org.matrix.msc3672.beacon_info", ends).await;
    talk.chat.says(words("I am there")).await;
    talk.gets_text("I am there").await;
    let places = |got: &&Received| got.message.location_message.is_set();
    assert_eq!(talk.ana.received().iter().filter(places).count(), 1);
    let events = talk.chat.reads().await;
    assert_eq!(
        events.iter().filter(|it| body(it) == body(&told)).count(),
        1,
        "told once"
    );

    talk.chat.takes_back(&share).await;
    talk.gets("the place taken back", |word| {
        let taken = word.message.protocol_message.as_option();
        taken.is_some_and(|it| it.key.id.as_deref() == Some(got.id.as_str()))
    })
    .await;
}

/// The live locations that stand in a room, as events of their own.
async fn standing<C: Client>(chat: &C) -> Vec<Value> {
    let is = |it: &Value| body(it).contains("Live location") && relates_to(it).is_null();
    chat.reads().await.into_iter().filter(is).collect()
}

/// B26: wherever the next place comes from, it stands in the one event; an older place does not come back, and the next live
/// location is another one.
pub async fn b26_moving<H, C: Client>(talk: Talk<'_, H, C>) {
    let id = talk.sends(numbered(48.20, 10, 0));
    let shown = talk.chat.hears("Live location").await;
    let moved = async |geo: &str| {
        let geo = geo.to_owned();
        talk.chat
            .sees_now(&geo, &shown, |now| now["geo_uri"] == geo.as_str())
            .await
    };
    // The same message once more, then messages of their own, one of them twice.
    for (north, sequence, geo) in [(48.21, 11, "geo:48.21,16.37;u=20"), (48.22, 12, "geo:48.22,16.37;u=20")] {
        talk.ana.sends_with_id(talk.phone(), &id, numbered(north, sequence, 30));
        moved(geo).await;
    }
    let again = numbered(48.23, 13, 60);
    talk.sends(again.clone());
    moved("geo:48.23,16.37;u=20").await;
    talk.sends(again);
    talk.sends(numbered(48.19, 9, 20));
    talk.sends(numbered(48.24, 14, 90));
    let now = moved("geo:48.24,16.37;u=20").await;
    assert!(
        now["body"].as_str().is_some_and(|body| body.contains("on my way")),
        "{now}"
    );
    assert_eq!(standing(&talk.chat).await.len(), 1);

    talk.sends(numbered(50.0, 100, 0));
    talk.chat
        .sees("another one", |it| it["content"]["geo_uri"] == "geo:50,16.37;u=20")
        .await;
    assert_eq!(standing(&talk.chat).await.len(), 2);
    talk.needs_no_notice().await;
}

/// B26: where only the owner's phone is told where somebody goes, that is said: once in the live location, once alone.
pub async fn b26_unseen<H, C: Client>(talk: Talk<'_, H, C>) {
    const ALONE: &str = "A live location cannot be shown here yet. Open it on your phone.";
    talk.ana.strays(talk.phone());
    let told = talk.chat.shows(ALONE).await;
    assert_eq!(told["sender"], talk.ghost().as_str());
    talk.ana.strays(talk.phone());
    talk.sends(numbered(48.20, 1, 0));
    let shown = talk.chat.hears("📍 Live location").await;
    for _ in 0..3 {
        talk.ana.strays(talk.phone());
    }
    let says = |now: &Value| {
        let body = now["body"].as_str().unwrap_or_default();
        body.contains("on my way") && body.contains("It moves; follow it on your phone.")
    };
    talk.chat.sees_now("where to look", &shown, says).await;
    talk.ana.says(talk.phone(), "nearly there");
    talk.chat.shows("nearly there").await;
    let events = talk.chat.reads().await;
    let edits = events
        .iter()
        .filter(|it| relates_to(it)["event_id"] == shown["event_id"]);
    assert_eq!(edits.count(), 1, "said once");
    assert_eq!(events.iter().filter(|it| body(it) == ALONE).count(), 1, "told once");
}
