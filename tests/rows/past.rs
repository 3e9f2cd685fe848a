//! Messages of before a restart: what is done to them afterwards finds them, on both sides.

use serde_json::{Value, json};
use simulator::{Attendance, Received, Speech};
use whatsapp_rust::waproto::whatsapp::message::ReactionMessage;

use super::{
    changes::done_to,
    questions::{START, asking, gets_answer, gets_vote, hears_answer, vote, votes_at_last},
    talk::{Client, Talk, answer, relates_to, words},
};
use crate::support::{
    waiting::{SOON, eventually},
    world::OWNER,
};

/// What was said before.
pub struct Said {
    /// What Ana says otherwise, takes back, and what is marked by the other side: their ids and events.
    ana: [(String, Value); 3],
    /// Ana's poll.
    ana_asks: (String, Value),
    /// The same of the other side: events, and what Ana got.
    mine: [(String, Received); 3],
    /// The poll of the other side.
    mine_asks: (String, Received),
    /// What Ana says happens.
    happens: (String, Value),
    /// The other side's mark on what Ana says otherwise.
    heart: String,
    /// Ana's mark on what she marks again.
    eyes: Value,
    /// What waits for Ana's phone, which is switched off.
    awaited: String,
}

/// Both say things and ask something.
pub async fn said<H, C: Client>(talk: &Talk<'_, H, C>) -> Said {
    let says = async |text: &str| {
        let id = talk.ana.says(talk.phone(), text);
        (id, talk.chat.shows(text).await)
    };
    let ana = [says("one").await, says("two").await, says("three").await];
    let id = talk.speaks(Speech::Poll {
        question: "When?".into(),
        options: vec!["Monday".into(), "Friday".into()],
        selectable: 1,
        ends: None,
    });
    let poll = talk.chat.sees("a poll", |event| event["type"] == START).await;
    let writes = async |text: &str| {
        let event = talk.chat.says(words(text)).await;
        (event, talk.gets_text(text).await)
    };
    let mine = [writes("four").await, writes("five").await, writes("six").await];
    let asked = talk.chat.sends(START, asking("Where?", "There")).await;
    let got = talk
        .gets("a poll", |got| got.message.poll_creation_message_v3.is_set())
        .await;
    let regatta = talk.speaks(Speech::Event {
        name: "Regatta".into(),
        description: None,
        start: 1_800_000_000,
    });
    let shown = talk.chat.hears("Regatta").await;
    let relation = json!({"rel_type": "m.annotation", "event_id": ana[0].1["event_id"], "key": "❤️"});
    let heart = talk.chat.sends("m.reaction", json!({ "m.relates_to": relation })).await;
    gets_mark(talk, "❤").await;
    talk.speaks(Speech::Reaction {
        id: mine[2].1.id.clone(),
        emoji: "👀".into(),
    });
    let eyes = talk.chat.sees("a mark", |it| relates_to(it)["key"] == "👀").await;
    talk.ana.is_away(true);
    let awaited = talk.chat.says(words("seven")).await;
    talk.comes_to(&awaited, "sent").await;
    Said {
        ana,
        ana_asks: (id, poll),
        mine,
        mine_asks: (asked, got),
        happens: (regatta, shown),
        heart,
        eyes,
        awaited,
    }
}

/// Waits for a mark that Ana gets.
async fn gets_mark<H, C: Client>(talk: &Talk<'_, H, C>, emoji: &str) -> ReactionMessage {
    let mark = |got: &Received| got.message.reaction_message.as_option().cloned();
    let is_it = |got: &Received| mark(got).is_some_and(|mark| mark.text.as_deref() == Some(emoji));
    mark(&talk.gets(emoji, is_it).await).unwrap()
}

/// Both change, take back, mark and answer what was said.
pub async fn done<H, C: Client>(talk: Talk<'_, H, C>, said: Said) {
    comes_at_last(&talk, &said).await;
    quoted(&talk, &said).await;
    pinned(&talk, &said).await;
    hers_done(&talk, &said).await;
    mine_done(&talk, &said).await;
    talk.needs_no_notice().await;
    attended(&talk, &said).await;
}

/// What waited for Ana's phone cannot be read there: it is asked for, and sent again as it was.
async fn comes_at_last<H, C: Client>(talk: &Talk<'_, H, C>, said: &Said) {
    talk.ana.fails_to_decrypt_next();
    talk.ana.is_away(false);
    let got = talk.gets_text("seven").await;
    assert_eq!(talk.ana.raw_count(&got.id), 2);
    let message = talk.comes_to(&said.awaited, "delivered").await;
    assert_eq!(message["id"], got.id.as_str());
}

/// Answers quote what was said, from either side and by REST.
async fn quoted<H, C: Client>(talk: &Talk<'_, H, C>, said: &Said) {
    let (three, shown) = &said.ana[2];
    talk.chat.says(answer(shown, "I heard three")).await;
    let event = shown["event_id"].as_str();
    let (status, sent) = talk
        .linked
        .rest
        .says(OWNER, talk.ana.number(), "three by REST", event)
        .await;
    assert_eq!(status, 200, "{sent}");
    for text in ["I heard three", "three by REST"] {
        let got = talk.gets_text(text).await;
        assert_eq!(
            (got.quoted_id.as_ref(), got.quoted_text.as_deref()),
            (Some(three), Some("three")),
            "{text}"
        );
    }
    let (six, got) = &said.mine[2];
    talk.speaks(Speech::Reply {
        id: got.id.clone(),
        text: "I heard six".into(),
    });
    let shown = talk.chat.shows("I heard six").await;
    assert_eq!(relates_to(&shown)["m.in_reply_to"]["event_id"], six.as_str());
}

/// Both pin what was said.
async fn pinned<H, C: Client>(talk: &Talk<'_, H, C>, said: &Said) {
    let (three, shown) = &said.ana[2];
    for (pinned, wanted) in [(true, json!([shown["event_id"]])), (false, json!([]))] {
        let id = three.clone();
        talk.speaks(Speech::Pin {
            id,
            pinned,
            seconds: 3600,
        });
        eventually("the pins", 2 * SOON, || async {
            let state = talk.chat.state("m.room.pinned_events").await?;
            (state["pinned"] == wanted).then_some(())
        })
        .await;
    }
    let (six, got) = &said.mine[2];
    talk.chat.sets("m.room.pinned_events", json!({ "pinned": [six] })).await;
    let is_pin = |it: &Received| it.message.pin_in_chat_message.key.id.as_ref() == Some(&got.id);
    talk.gets("a pin", is_pin).await;
}

/// What Ana said: by her, and by the other side.
async fn hers_done<H, C: Client>(talk: &Talk<'_, H, C>, said: &Said) {
    let [(one, one_shown), (two, two_shown), (three, three_shown)] = &said.ana;
    talk.chat.takes_back(&said.heart).await;
    assert_eq!(gets_mark(talk, "").await.key.id.as_ref(), Some(one));
    talk.speaks(Speech::Edit {
        id: one.clone(),
        text: "one and a half".into(),
    });
    talk.chat
        .sees_now("other words", one_shown, |now| now["body"] == "one and a half")
        .await;
    talk.speaks(Speech::Delete { id: two.clone() });
    talk.chat.sees_taken_back(two_shown).await;
    let relation = json!({"rel_type": "m.annotation", "event_id": three_shown["event_id"], "key": "👍"});
    talk.chat.sends("m.reaction", json!({ "m.relates_to": relation })).await;
    assert_eq!(gets_mark(talk, "👍").await.key.id.as_ref(), Some(three));

    let (id, poll) = &said.ana_asks;
    let answers = &poll["content"][START]["answers"];
    let friday = answers[1]["id"].clone();
    talk.speaks(Speech::Vote {
        id: id.clone(),
        options: vec!["Monday".into()],
    });
    votes_at_last(&talk.chat, &talk.ghost(), &poll["event_id"], json!([answers[0]["id"]])).await;
    let event = poll["event_id"].as_str().unwrap();
    talk.chat
        .sends(super::questions::RESPONSE, vote(event, &json!([friday])))
        .await;
    gets_vote(&talk.ana, &["Friday"]).await;
}

/// What the other side said: by them, and by Ana.
async fn mine_done<H, C: Client>(talk: &Talk<'_, H, C>, said: &Said) {
    let [(four, four_got), (five, five_got), (six, six_got)] = &said.mine;
    let mut edit = words("* four and a half");
    edit["m.new_content"] = words("four and a half");
    edit["m.relates_to"] = json!({"rel_type": "m.replace", "event_id": four});
    talk.chat.says(edit).await;
    let is_edit = |got: &Received| done_to(got).is_some_and(|done| done.edited_message.is_set());
    let done = done_to(&talk.gets("an edit", is_edit).await).unwrap();
    assert_eq!(done.key.id.as_ref(), Some(&four_got.id));
    talk.chat.takes_back(five).await;
    let is_it = |got: &Received| {
        done_to(got).is_some_and(|done| !done.edited_message.is_set() && done.key.id.as_ref() == Some(&five_got.id))
    };
    talk.gets("a deletion", is_it).await;
    let marks = |emoji: &str| Speech::Reaction {
        id: six_got.id.clone(),
        emoji: emoji.into(),
    };
    talk.speaks(marks("🎉"));
    let is_mark = |it: &Value| relates_to(it)["event_id"] == six.as_str() && relates_to(it)["key"] == "🎉";
    let mark = talk.chat.sees("a mark", is_mark).await;
    talk.chat.sees_taken_back(&said.eyes).await;
    talk.speaks(marks(""));
    talk.chat.sees_taken_back(&mark).await;

    let (asked, got) = &said.mine_asks;
    talk.speaks(Speech::Vote {
        id: got.id.clone(),
        options: vec!["There".into()],
    });
    votes_at_last(&talk.chat, &talk.ghost(), &json!(asked), json!(["second"])).await;
}

/// Both say whether they come to what happens.
async fn attended<H, C: Client>(talk: &Talk<'_, H, C>, said: &Said) {
    let (id, shown) = &said.happens;
    talk.speaks(Speech::Attend {
        id: id.clone(),
        answer: Attendance::Maybe,
        guests: 0,
    });
    hears_answer(&talk.chat, "❔ Perhaps comes", shown, &talk.ghost()).await;
    talk.chat.says(answer(shown, "!wa attend yes")).await;
    gets_answer(&talk.ana, Attendance::Yes).await;
    talk.chat.shows("Answered that you come.").await;
}
