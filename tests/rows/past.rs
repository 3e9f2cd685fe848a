//! Messages of before a restart: what is done to them afterwards finds them, on both sides.

use serde_json::{Value, json};
use simulator::{Received, Speech};

use super::{
    changes::done_to,
    questions::{START, asking, gets_vote, vote, votes_at_last},
    talk::{Client, Talk, relates_to, words},
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
    Said {
        ana,
        ana_asks: (id, poll),
        mine,
        mine_asks: (asked, got),
    }
}

/// Both change, take back, mark and answer what was said.
pub async fn done<H, C: Client>(talk: Talk<'_, H, C>, said: Said) {
    let [(one, one_shown), (two, two_shown), (three, three_shown)] = said.ana;
    talk.speaks(Speech::Edit {
        id: one,
        text: "one and a half".into(),
    });
    talk.chat
        .sees_now("other words", &one_shown, |now| now["body"] == "one and a half")
        .await;
    talk.speaks(Speech::Delete { id: two });
    talk.chat.sees_taken_back(&two_shown).await;
    let relation = json!({"rel_type": "m.annotation", "event_id": three_shown["event_id"], "key": "👍"});
    talk.chat.sends("m.reaction", json!({ "m.relates_to": relation })).await;
    let is_mark = |got: &Received| got.message.reaction_message.is_set();
    let got = talk.gets("a mark", is_mark).await;
    assert_eq!(got.message.reaction_message.key.id.as_ref(), Some(&three));

    let (id, poll) = said.ana_asks;
    let answers = &poll["content"][START]["answers"];
    let friday = answers[1]["id"].clone();
    talk.speaks(Speech::Vote {
        id,
        options: vec!["Monday".into()],
    });
    votes_at_last(&talk.chat, &talk.ghost(), &poll["event_id"], json!([answers[0]["id"]])).await;
    let event = poll["event_id"].as_str().unwrap();
    talk.chat
        .sends(super::questions::RESPONSE, vote(event, &json!([friday])))
        .await;
    gets_vote(&talk.ana, &["Friday"]).await;

    let [(four, four_got), (five, five_got), (six, six_got)] = said.mine;
    let mut edit = words("* four and a half");
    edit["m.new_content"] = words("four and a half");
    edit["m.relates_to"] = json!({"rel_type": "m.replace", "event_id": four});
    talk.chat.says(edit).await;
    let is_edit = |got: &Received| done_to(got).is_some_and(|done| done.edited_message.is_set());
    let done = done_to(&talk.gets("an edit", is_edit).await).unwrap();
    assert_eq!(done.key.id.as_ref(), Some(&four_got.id));
    talk.chat.takes_back(&five).await;
    let is_it = |got: &Received| {
        done_to(got).is_some_and(|done| !done.edited_message.is_set() && done.key.id.as_ref() == Some(&five_got.id))
    };
    talk.gets("a deletion", is_it).await;
    talk.speaks(Speech::Reaction {
        id: six_got.id,
        emoji: "🎉".into(),
    });
    let is_mark = |it: &Value| relates_to(it)["event_id"] == six.as_str() && relates_to(it)["key"] == "🎉";
    talk.chat.sees("a mark", is_mark).await;

    let (asked, got) = said.mine_asks;
    talk.speaks(Speech::Vote {
        id: got.id,
        options: vec!["There".into()],
    });
    votes_at_last(&talk.chat, &talk.ghost(), &json!(asked), json!(["second"])).await;
    talk.needs_no_notice().await;
}
