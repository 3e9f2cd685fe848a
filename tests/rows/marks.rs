//! Marks on messages: reactions and pins.

use serde_json::{Value, json};
use simulator::Speech;
use whatsapp_rust::waproto::whatsapp::message::pin_in_chat_message::Type as Pin;

use super::talk::{Client, Talk, relates_to, words};

/// B08: one mark for each person, changed and taken away.
pub async fn b08<H, C: Client>(talk: Talk<'_, H, C>) {
    let id = talk.ana.says(talk.phone(), "what do you think?");
    let asked = talk.chat.shows("what do you think?").await;
    let marked = |emoji: &str| Speech::Reaction {
        id: id.clone(),
        emoji: emoji.into(),
    };
    talk.speaks(marked("👍"));
    let is = |event: &Value, key: &str| event["type"] == "m.reaction" && relates_to(event)["key"] == key;
    let thumb = talk.chat.sees("a thumb", |event| is(event, "👍")).await;
    assert_eq!(thumb["sender"], talk.ghost().as_str());
    assert_eq!(relates_to(&thumb)["event_id"], asked["event_id"]);
    talk.speaks(marked("🎉"));
    let other = talk.chat.sees("another mark", |event| is(event, "🎉")).await;
    talk.chat.sees_taken_back(&thumb).await;
    talk.speaks(marked(""));
    talk.chat.sees_taken_back(&other).await;

    let relation = json!({"rel_type": "m.annotation", "event_id": asked["event_id"], "key": "❤️"});
    let heart = talk.chat.sends("m.reaction", json!({"m.relates_to": relation})).await;
    let reaction = |text: &'static str| {
        talk.gets(text, move |got| {
            let reaction = got.message.reaction_message.as_option();
            reaction.is_some_and(|it| it.text.as_deref() == Some(text))
        })
    };
    let got = reaction("❤").await;
    assert_eq!(got.message.reaction_message.key.id.as_deref(), Some(id.as_str()));
    talk.chat.takes_back(&heart).await;
    reaction("").await;
}

/// B14: held at the top on both sides, and no longer.
pub async fn b14<H, C: Client>(talk: Talk<'_, H, C>) {
    let id = talk.ana.says(talk.phone(), "remember this");
    let said = talk.chat.shows("remember this").await;
    for pinned in [true, false] {
        talk.speaks(Speech::Pin { id: id.clone(), pinned });
        let wanted = if pinned { json!([said["event_id"]]) } else { json!([]) };
        crate::support::waiting::eventually("the pins", 2 * crate::support::waiting::SOON, || async {
            let state = talk.chat.state("m.room.pinned_events").await?;
            (state["pinned"] == wanted).then_some(())
        })
        .await;
    }
    let mine = talk.chat.says(words("and this")).await;
    let sent = talk.gets_text("and this").await;
    for (pinned, kind) in [(json!([mine]), Pin::PIN_FOR_ALL), (json!([]), Pin::UNPIN_FOR_ALL)] {
        talk.chat
            .sets("m.room.pinned_events", json!({ "pinned": pinned }))
            .await;
        let got = talk
            .gets("a pin", |got| {
                got.message
                    .pin_in_chat_message
                    .as_option()
                    .is_some_and(|pin| pin.r#type == Some(kind))
            })
            .await;
        assert_eq!(
            got.message.pin_in_chat_message.key.id.as_deref(),
            Some(sent.id.as_str())
        );
    }
}
