//! Marks on messages: reactions and pins.

use serde_json::{Value, json};
use simulator::Speech;
use whatsapp_rust::waproto::whatsapp::message::pin_in_chat_message::Type as Pin;

use super::talk::{Client, Talk, relates_to, words};
use crate::support::waiting::{SOON, eventually};

/// How many messages of the owner are pinned for seven days.
const HELD: &str = "select count(*) from messages where sender = 'owner' and pinned_until is not null \
                    and pinned_until - at between 604000000 and 606000000";

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

/// Waits until exactly these stand at the top of the room.
async fn pins<C: Client>(chat: &C, wanted: &Value) {
    eventually(&format!("the pins {wanted}"), 2 * SOON, || async {
        let state = chat.state("m.room.pinned_events").await?;
        (state["pinned"] == *wanted).then_some(())
    })
    .await;
}

/// B14: held at the top on both sides, and no longer.
pub async fn b14<H, C: Client>(talk: Talk<'_, H, C>) {
    let id = talk.ana.says(talk.phone(), "remember this");
    let said = talk.chat.shows("remember this").await;
    for pinned in [true, false] {
        talk.speaks(Speech::Pin {
            id: id.clone(),
            pinned,
            seconds: 3600,
        });
        let wanted = if pinned { json!([said["event_id"]]) } else { json!([]) };
        pins(&talk.chat, &wanted).await;
    }
    let mine = talk.chat.says(words("and this")).await;
    let sent = talk.gets_text("and this").await;
    for (pinned, kind, seconds) in [
        (json!([mine]), Pin::PIN_FOR_ALL, 604_800),
        (json!([]), Pin::UNPIN_FOR_ALL, 0),
    ] {
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
        let lasts = got.message.message_context_info.message_add_on_duration_in_secs;
        assert_eq!(lasts, Some(seconds));
    }
}

/// B08, B11, B14: whoever marks, pins or votes on what is no message of the chat hears that nothing was sent. What belongs
/// to Matrix alone may be marked without a word.
pub async fn b08_of_nothing<H, C: Client>(talk: Talk<'_, H, C>) {
    let id = talk.ana.says(talk.phone(), "no poll");
    let said = talk.chat.shows("no poll").await;
    let ballot = super::questions::vote(said["event_id"].as_str().unwrap(), &json!(["first"]));
    talk.chat.sends(super::questions::RESPONSE, ballot).await;
    talk.chat.hears("Not sent: that is no poll of the chat").await;

    let unsent = talk
        .chat
        .says(json!({"msgtype": "org.example.unknown", "body": "?"}))
        .await;
    let notice = talk.chat.hears("cannot be sent yet").await;
    let mark = |event: &Value| json!({"m.relates_to": {"rel_type": "m.annotation", "event_id": event, "key": "👍"}});
    talk.chat.sends("m.reaction", mark(&json!(unsent))).await;
    talk.chat
        .hears("Not sent: what the reaction is to is no message of the chat")
        .await;
    let pinned = json!({"pinned": [said["event_id"], unsent, notice["event_id"]]});
    talk.chat.sets("m.room.pinned_events", pinned).await;
    talk.chat
        .hears("Not sent: what was pinned is no message of the chat")
        .await;
    let is_pin = |got: &simulator::Received| {
        let pin = got.message.pin_in_chat_message.as_option();
        pin.is_some_and(|pin| pin.key.id.as_ref() == Some(&id))
    };
    talk.gets("the pin of what can be pinned", is_pin).await;

    let before = talk.chat.reads().await.len();
    let quiet = talk.chat.sends("m.reaction", mark(&notice["event_id"])).await;
    talk.chat.takes_back(&quiet).await;
    talk.chat.takes_back(&unsent).await;
    talk.world.settles(SOON).await;
    let events = talk.chat.reads().await;
    let notices = events
        .iter()
        .skip(before)
        .filter(|it| it["content"]["msgtype"] == "m.notice");
    assert_eq!(notices.count(), 0, "{events:?}");
}

/// B14: a pin of WhatsApp ends in Matrix when its time is over, unless it was pinned once more.
pub async fn b14_for_a_time<H, C: Client>(talk: Talk<'_, H, C>) {
    let mut said = Vec::new();
    for text in ["for a while", "for long", "for a moment"] {
        let id = talk.ana.says(talk.phone(), text);
        said.push((id, talk.chat.shows(text).await["event_id"].clone()));
    }
    let pin = |number: usize, seconds| {
        let id = said[number].0.clone();
        let pinned = true;
        talk.speaks(Speech::Pin { id, pinned, seconds });
    };
    let is_pinned = async |number: usize| {
        let is = |event: &Value| {
            let pinned = event["content"]["pinned"].as_array();
            event["type"] == "m.room.pinned_events" && pinned.is_some_and(|all| all.contains(&said[number].1))
        };
        talk.chat.sees("a pin", is).await;
    };
    pin(0, 6);
    is_pinned(0).await;
    pins(&talk.chat, &json!([])).await;
    pin(1, 6);
    // Once more, for longer: the first promise is none any more.
    pin(1, 3600);
    is_pinned(1).await;
    // This one ends after that promise would have.
    pin(2, 8);
    is_pinned(2).await;
    let long = &said[1].1;
    pins(&talk.chat, &json!([long])).await;

    // What is pinned in Matrix is held for seven days, here as there.
    let mine = talk.chat.says(words("for a week")).await;
    talk.gets_text("for a week").await;
    let both = json!([long, mine]);
    talk.chat.sets("m.room.pinned_events", json!({ "pinned": both })).await;
    talk.world.counts("the end of a pin", HELD, 1).await;
    pins(&talk.chat, &both).await;
    talk.world
        .changes_database("update jobs set run_at = 1 where kind = 'unpin' and payload like '%\"owner\"%'")
        .await;
    pins(&talk.chat, &json!([long])).await;
    talk.needs_no_notice().await;
}
