//! Places, standing and moving.

use serde_json::json;
use simulator::Speech;
use whatsapp_rust::{buffa::MessageField, waproto::whatsapp as wa};

use super::talk::{Client, Talk, body};

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

    // As Element writes it.
    talk.chat
        .says(json!({
            "msgtype": "m.location", "body": "Location Café geo:48.2,16.37;u=12 at 2026-11-21", "geo_uri": "geo:48.2,16.37;u=12",
            "org.matrix.msc3488.location": {"uri": "geo:48.2,16.37;u=12", "description": "Café"},
            "org.matrix.msc3488.asset": {"type": "m.pin"}, "org.matrix.msc3488.ts": 1_795_000_000_000_u64,
            "org.matrix.msc1767.text": "Location Café",
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
}
