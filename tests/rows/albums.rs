//! Albums of WhatsApp, which Matrix shows as their pictures: what is done to the album is done to the first of them.

use serde_json::{Value, json};
use simulator::Speech;
use whatsapp_rust::{buffa::MessageField, wacore::proto_helpers::wrap_as_album_child, waproto::whatsapp as wa};

use super::{
    quotes::answering,
    talk::{Client, Talk, relates_to, told},
};

fn announced() -> wa::Message {
    wa::Message {
        album_message: MessageField::some(wa::message::AlbumMessage {
            expected_image_count: Some(2),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// Ana sends a picture of an album.
fn sends_picture<H, C: Client>(talk: &Talk<'_, H, C>, album: &str) {
    let key = wa::MessageKey {
        remote_jid: Some(talk.ana.jid()),
        from_me: Some(true),
        id: Some(album.to_owned()),
        ..Default::default()
    };
    talk.sends(wrap_as_album_child(super::media::picture(talk), key));
}

/// Waits for the pictures of an album.
async fn pictures<C: Client>(chat: &C, album: &str, count: usize) -> Vec<Value> {
    let is = |event: &Value| event["content"]["net.wharf.album"]["id"] == album;
    crate::support::waiting::eventually("the pictures", 2 * crate::support::waiting::SOON, || async {
        let found: Vec<_> = chat.reads().await.into_iter().filter(is).collect();
        (found.len() == count).then_some(found)
    })
    .await
}

/// B28: a mark that comes before the first picture waits for it; marks and answers are on the first one; the end of the
/// album is the end of all, of those too that come after it.
pub async fn b28_as_one<H, C: Client>(talk: Talk<'_, H, C>) {
    let album = talk.sends(announced());
    let marks = |emoji: &str| Speech::Reaction {
        id: album.clone(),
        emoji: emoji.into(),
    };
    talk.speaks(marks("🎉"));
    talk.ana.says(talk.phone(), "look at them");
    talk.chat.shows("look at them").await;
    for _ in 0..2 {
        sends_picture(&talk, &album);
    }
    let shown = pictures(&talk.chat, &album, 2).await;
    let first = &shown[0]["event_id"];
    let is = |event: &Value, key: &str| event["type"] == "m.reaction" && relates_to(event)["key"] == key;
    let party = talk.chat.sees("a mark", |event| is(event, "🎉")).await;
    assert_eq!(
        (&relates_to(&party)["event_id"], &party["sender"]),
        (first, &json!(talk.ghost()))
    );
    talk.speaks(marks("👍"));
    let thumb = talk.chat.sees("another mark", |event| is(event, "👍")).await;
    assert_eq!(&relates_to(&thumb)["event_id"], first);
    talk.chat.sees_taken_back(&party).await;

    talk.sends(told("all of them", answering(&album, &talk.ana.jid(), &announced())));
    let answer = talk.chat.shows("all of them").await;
    assert_eq!(&relates_to(&answer)["m.in_reply_to"]["event_id"], first);

    talk.speaks(Speech::Delete { id: album.clone() });
    for picture in &shown {
        talk.chat.sees_taken_back(picture).await;
    }
    sends_picture(&talk, &album);
    talk.ana.says(talk.phone(), "they are gone");
    talk.chat.shows("they are gone").await;
    let events = talk.chat.reads().await;
    let standing = events.iter().filter(|event| {
        event["content"]["msgtype"] == "m.image" && !shown.iter().any(|it| it["event_id"] == event["event_id"])
    });
    assert_eq!(standing.count(), 0, "{events:#?}");
    talk.needs_no_notice().await;
}
