//! Galleries: several pictures in one event, which are an album on WhatsApp.

use serde_json::{Value, json};
use simulator::{Received, Speech};
use whatsapp_rust::{buffa::MessageField, waproto::whatsapp as wa};

use super::{
    media::file,
    talk::{Client, Talk, answer, relates_to},
};

const PNG: &[u8] = include_bytes!("../simulator/media/harbour.png");

/// What a message of an album holds, and the id of the album.
pub(super) fn in_album(got: &Received) -> Option<(&wa::Message, &str)> {
    let inner = got.message.associated_child_message.message.as_option()?;
    let association = got.message.message_context_info.message_association.as_option()?;
    Some((inner, association.parent_message_key.id.as_deref()?))
}

/// B12, B28: a gallery of which the first picture was taken back before disappears as well.
pub async fn b28_that_pass<H, C: Client>(talk: Talk<'_, H, C>) {
    talk.speaks(Speech::Disappearing { seconds: 10 });
    talk.chat.hears("disappear after 10 seconds").await;
    let items = pictures(&talk.chat).await;
    let event = talk
        .chat
        .says(json!({"msgtype": "m.gallery", "body": "for a moment", "itemtypes": items}))
        .await;
    let is_first = |got: &Received| in_album(got).is_some_and(|(inner, _)| inner.image_message.caption.is_some());
    let first = talk.gets("the first picture", is_first).await;
    talk.gets("the second picture", |got| {
        in_album(got).is_some() && got.id != first.id
    })
    .await;
    let key = wa::MessageKey {
        remote_jid: Some(talk.ana.jid()),
        from_me: Some(true),
        id: Some(first.id),
        ..Default::default()
    };
    let taken_back = wa::message::ProtocolMessage {
        key: MessageField::some(key),
        r#type: Some(wa::message::protocol_message::Type::REVOKE),
        ..Default::default()
    };
    let taken_back = wa::Message {
        protocol_message: MessageField::some(taken_back),
        ..Default::default()
    };
    talk.phone().sends(&talk.ana, taken_back);
    talk.chat.sees_taken_back(&json!({"event_id": event})).await;
}

/// Two pictures as a gallery holds them.
pub(super) async fn pictures<C: Client>(chat: &C) -> Vec<Value> {
    let mut items = Vec::new();
    for name in ["one.png", "two.png"] {
        let address = chat.uploads(name, "image/png", PNG).await;
        let mut item = file(
            "m.image",
            name,
            &address,
            &json!({"mimetype": "image/png", "size": PNG.len()}),
        );
        let fields = item.as_object_mut().unwrap();
        let kind = fields.remove("msgtype").unwrap();
        fields.insert("itemtype".into(), kind);
        items.push(item);
    }
    items
}

/// B28: a gallery becomes an album; answers, marks, other words and its end find all of it.
pub async fn b28_galleries<H, C: Client>(talk: Talk<'_, H, C>) {
    let mut items = pictures(&talk.chat).await;
    let gallery = |body: &str| json!({"msgtype": "dm.filament.gallery", "body": body, "itemtypes": items});
    let event = talk.chat.says(gallery("from the *harbour*")).await;
    let album = talk.gets("an album", |got| got.message.album_message.is_set()).await;
    assert_eq!(album.message.album_message.expected_image_count, Some(2));
    let is_first = |got: &Received| in_album(got).is_some_and(|(inner, _)| inner.image_message.caption.is_some());
    let is_second = |got: &Received| in_album(got).is_some_and(|(inner, _)| inner.image_message.caption.is_none());
    let first = talk.gets("the first picture", is_first).await;
    let second = talk.gets("the second picture", is_second).await;
    for picture in [&first, &second] {
        assert_eq!(in_album(picture).map(|(_, id)| id), Some(album.id.as_str()));
    }
    let (inner, _) = in_album(&first).unwrap();
    assert_eq!(inner.image_message.caption.as_deref(), Some("from the *harbour*"));

    talk.speaks(Speech::Reply {
        id: second.id.clone(),
        text: "lovely light".into(),
    });
    let answered = talk.chat.shows("lovely light").await;
    assert_eq!(relates_to(&answered)["m.in_reply_to"]["event_id"], event.as_str());
    talk.speaks(Speech::Reaction {
        id: second.id.clone(),
        emoji: "👍".into(),
    });
    let is_mark = |it: &Value| it["type"] == "m.reaction" && relates_to(it)["event_id"] == event.as_str();
    talk.chat.sees("a mark", is_mark).await;

    talk.chat.says(answer(&json!({"event_id": event}), "taken today")).await;
    assert_eq!(talk.gets_text("taken today").await.quoted_id.as_ref(), Some(&first.id));
    let mut edit = gallery("* at the pier");
    edit["m.new_content"] = gallery("at the pier");
    edit["m.relates_to"] = json!({"rel_type": "m.replace", "event_id": event});
    talk.chat.says(edit).await;
    let edited = |got: &Received| {
        let word = got.message.protocol_message.as_option();
        word.is_some_and(|word| {
            word.edited_message.image_message.caption.as_deref() == Some("at the pier")
                && word.key.id.as_ref() == Some(&first.id)
        })
    };
    talk.gets("other words", edited).await;

    talk.chat.takes_back(&event).await;
    for id in [&album.id, &first.id, &second.id] {
        let gone = |got: &Received| {
            let word = got.message.protocol_message.as_option();
            word.is_some_and(|word| !word.edited_message.is_set() && word.key.id.as_ref() == Some(id))
        };
        talk.gets("its end", gone).await;
    }
    // One picture is no album.
    items.truncate(1);
    talk.chat
        .says(json!({"msgtype": "m.gallery", "body": "alone", "itemtypes": items}))
        .await;
    let alone = talk.gets_text("alone").await;
    assert!(alone.message.image_message.is_set());
    talk.needs_no_notice().await;
}
