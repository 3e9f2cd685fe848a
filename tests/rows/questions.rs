//! Questions: polls, votes and their end.

use serde_json::{Value, json};
use simulator::{Contact, Received, Speech};

use super::talk::{Client, Talk, body, relates_to};

const START: &str = "org.matrix.msc3381.poll.start";
const RESPONSE: &str = "org.matrix.msc3381.poll.response";

fn vote(poll: &str, answers: &Value) -> Value {
    json!({
        "m.relates_to": {"rel_type": "m.reference", "event_id": poll},
        RESPONSE: {"answers": answers},
    })
}

/// The votes of one sender in a poll, in order.
async fn votes(chat: &impl Client, sender: &str, poll: &Value) -> Vec<Value> {
    let events = chat.reads().await;
    let of_poll = events
        .into_iter()
        .filter(|it| it["type"] == RESPONSE && it["sender"] == sender);
    let of_poll = of_poll.filter(|it| relates_to(it)["event_id"] == *poll);
    of_poll.map(|it| it["content"][RESPONSE]["answers"].clone()).collect()
}

/// Waits until the last vote of a sender is this.
async fn votes_at_last(chat: &impl Client, sender: &str, poll: &Value, answers: Value) {
    crate::support::waiting::eventually("a vote", 2 * crate::support::waiting::SOON, || async {
        (votes(chat, sender, poll).await.last() == Some(&answers)).then_some(())
    })
    .await;
}

/// Waits until the last vote a person got chooses these.
async fn gets_vote(who: &Contact, options: &[&str]) {
    crate::support::waiting::eventually("a vote on WhatsApp", 2 * crate::support::waiting::SOON, || async {
        let got = who.received();
        let last = got.iter().rfind(|got| got.message.poll_update_message.is_set())?;
        (who.chosen(last)? == options).then_some(())
    })
    .await;
}

/// B11: Ana asks: a real poll with words for clients that show none; both vote, change their minds, take votes back.
async fn ana_asks<H, C: Client>(talk: &Talk<'_, H, C>) {
    let options = vec!["Monday".to_owned(), "Friday".to_owned()];
    let id = talk.speaks(Speech::Poll {
        question: "When?".into(),
        options,
        selectable: 1,
    });
    let poll = talk.chat.sees("a poll", |event| event["type"] == START).await;
    assert_eq!(body(&poll), "📊 When?\n1. Monday\n2. Friday");
    let start = &poll["content"][START];
    assert_eq!(
        (&start["max_selections"], &start["question"]["body"]),
        (&json!(1), &json!("When?"))
    );
    let [monday, friday] = [0, 1].map(|place| start["answers"][place]["id"].clone());
    let event = &poll["event_id"];
    for (chosen, shown) in [
        (vec!["Monday"], json!([monday])),
        (vec!["Friday"], json!([friday])),
        (vec![], json!([])),
    ] {
        let options = chosen.into_iter().map(str::to_owned).collect();
        talk.speaks(Speech::Vote {
            id: id.clone(),
            options,
        });
        votes_at_last(&talk.chat, &talk.ghost(), event, shown).await;
    }
    for (answers, chosen) in [
        (json!([monday]), &["Monday"][..]),
        (json!([friday]), &["Friday"]),
        (json!([]), &[]),
    ] {
        talk.chat.sends(RESPONSE, vote(event.as_str().unwrap(), &answers)).await;
        gets_vote(&talk.ana, chosen).await;
    }
}

/// B11
pub async fn b11<H, C: Client>(talk: Talk<'_, H, C>) {
    ana_asks(&talk).await;
    // As Element writes it: the ids of the answers are its own.
    let option = |id: &str, text: &str| json!({"id": id, "org.matrix.msc1767.text": text});
    let asked = talk.chat.sends(
        START,
        json!({
            "org.matrix.msc1767.text": "Where?\n1. Here\n2. There",
            START: {
                "kind": "org.matrix.msc3381.poll.disclosed", "max_selections": 1,
                "question": {"body": "Where?", "msgtype": "m.text", "org.matrix.msc1767.text": "Where?"},
                "answers": [option("first", "Here"), option("second", "There")],
            },
        }),
    );
    let asked = asked.await;
    let is = |got: &Received| got.message.poll_creation_message_v3.is_set();
    let got = talk.gets("a poll", is).await;
    let options = &got.message.poll_creation_message_v3.options;
    let options: Vec<_> = options
        .iter()
        .filter_map(|option| option.option_name.as_deref())
        .collect();
    assert_eq!(options, ["Here", "There"]);
    let event = json!(asked);
    for (chosen, id) in [("There", "second"), ("Here", "first")] {
        talk.speaks(Speech::Vote {
            id: got.id.clone(),
            options: vec![chosen.into()],
        });
        votes_at_last(&talk.chat, &talk.ghost(), &event, json!([id])).await;
    }
    talk.chat.sends(RESPONSE, vote(&asked, &json!(["second"]))).await;
    gets_vote(&talk.ana, &["There"]).await;
    let end = json!({
        "m.relates_to": {"rel_type": "m.reference", "event_id": asked},
        "org.matrix.msc1767.text": "The poll has ended. Top answer: There",
        "org.matrix.msc3381.poll.end": {},
    });
    talk.chat.sends("org.matrix.msc3381.poll.end", end).await;
    // WhatsApp's polls never end: people are told, where the poll is.
    let over = talk.gets("the end", |it| it.quoted_id.as_ref() == Some(&got.id)).await;
    assert!(over.text.is_some_and(|text| text.contains("Top answer: There")));
    talk.needs_no_notice().await;
}
