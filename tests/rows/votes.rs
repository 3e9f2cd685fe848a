//! Votes of one account by several people and devices, options that are added to a poll, and polls that end by themselves.

use std::{collections::BTreeMap, time::UNIX_EPOCH};

use serde_json::{Value, json};
use simulator::Speech;

use super::{
    questions::{RESPONSE, START, gets_vote, vote, votes_at_last},
    talk::{Client, Talk, body, ghost, receives, relates_to},
};
use crate::support::waiting::{SOON, eventually};

const END: &str = "org.matrix.msc3381.poll.end";

/// What counts in a poll as clients reckon: of each sender the last vote that was not taken back, when it chooses anything.
async fn counted(chat: &impl Client, poll: &Value) -> Vec<(String, Value)> {
    let mut latest: BTreeMap<String, (u64, Value)> = BTreeMap::new();
    for event in chat.reads().await {
        if event["type"] != RESPONSE || relates_to(&event)["event_id"] != *poll {
            continue;
        }
        let now = chat.event(event["event_id"].as_str().unwrap()).await;
        let answers = &now["content"][RESPONSE]["answers"];
        let at = event["origin_server_ts"].as_u64().unwrap();
        let sender = event["sender"].as_str().unwrap();
        if !answers.is_null() && latest.get(sender).is_none_or(|(before, _)| *before <= at) {
            latest.insert(sender.to_owned(), (at, answers.clone()));
        }
    }
    let chosen = latest.into_iter().map(|(sender, (_, answers))| (sender, answers));
    chosen.filter(|(_, answers)| *answers != json!([])).collect()
}

/// Waits until these votes count in a poll and no others; tells whose they are.
async fn only_counts(chat: &impl Client, poll: &Value, answers: &[&Value]) -> Vec<String> {
    eventually("these votes alone count", 2 * SOON, || async {
        let counted = counted(chat, poll).await;
        println!("{counted:?}");
        let (senders, chosen): (Vec<_>, Vec<_>) = counted.into_iter().unzip();
        let is_it = chosen.len() == answers.len() && answers.iter().all(|one| chosen.contains(&json!([one])));
        is_it.then_some(senders)
    })
    .await
}

/// A poll of Ana's; its id, its event and its answers.
async fn asks<H, C: Client>(talk: &Talk<'_, H, C>, question: &str, ends: Option<i64>) -> (String, Value, [Value; 2]) {
    let id = talk.speaks(Speech::Poll {
        question: question.into(),
        options: vec!["Monday".into(), "Friday".into()],
        selectable: 1,
        ends,
    });
    let is = |event: &Value| event["type"] == START && event["content"][START]["question"]["body"] == question;
    let poll = talk.chat.sees(question, is).await;
    let answers = [0, 1].map(|place| poll["content"][START]["answers"][place]["id"].clone());
    (id, poll, answers)
}

fn milliseconds() -> i64 {
    i64::try_from(UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap()
}

/// B11: an account has one vote: of the phone's and that of a person in Matrix the latest counts, on both sides. Whoever
/// takes back their vote takes it back on WhatsApp.
pub async fn b11_of_one_account<H, C: Client>(talk: Talk<'_, H, C>) {
    let (id, poll, [monday, friday]) = asks(&talk, "When?", None).await;
    let event = poll["event_id"].as_str().unwrap();
    let alice = talk.chat.id();
    for _ in 0..2 {
        talk.chat.sends(RESPONSE, vote(event, &json!([monday]))).await;
        gets_vote(&talk.ana, &["Monday"]).await;
        assert_eq!(
            only_counts(&talk.chat, &poll["event_id"], &[&monday]).await,
            std::slice::from_ref(&alice)
        );
        let by_phone = Speech::Vote {
            id: id.clone(),
            options: vec!["Friday".into()],
        };
        talk.phone().speaks(&talk.ana, by_phone).unwrap();
        let voters = only_counts(&talk.chat, &poll["event_id"], &[&friday]).await;
        assert_ne!(voters, std::slice::from_ref(&alice));
    }
    let mine = talk.chat.sends(RESPONSE, vote(event, &json!([monday]))).await;
    gets_vote(&talk.ana, &["Monday"]).await;
    only_counts(&talk.chat, &poll["event_id"], &[&monday]).await;
    talk.chat.takes_back(&mine).await;
    gets_vote(&talk.ana, &[]).await;
    only_counts(&talk.chat, &poll["event_id"], &[]).await;
    // Ana's own vote is hers.
    talk.speaks(Speech::Vote {
        id,
        options: vec!["Friday".into()],
    });
    only_counts(&talk.chat, &poll["event_id"], &[&friday]).await;
    talk.chat.sends(RESPONSE, vote(event, &json!([friday]))).await;
    only_counts(&talk.chat, &poll["event_id"], &[&friday, &friday]).await;
    talk.needs_no_notice().await;
}

/// B11, B64: two members of one account vote: the later vote counts, whoever cast it.
pub async fn of_two_members<H, C: Client>(alice: Talk<'_, H, C>, bob: Talk<'_, H, C>) {
    let (_, poll, [monday, friday]) = asks(&alice, "When?", None).await;
    let event = poll["event_id"].as_str().unwrap();
    for (talk, answer, option) in [
        (&alice, &monday, "Monday"),
        (&bob, &friday, "Friday"),
        (&alice, &monday, "Monday"),
    ] {
        talk.chat.sends(RESPONSE, vote(event, &json!([answer]))).await;
        gets_vote(&talk.ana, &[option]).await;
        let voters = only_counts(&talk.chat, &poll["event_id"], &[answer]).await;
        assert_eq!(voters, [talk.chat.id()]);
    }
    alice.needs_no_notice().await;
}

/// B11: whoever adds an option to a poll, it stands in the poll, and votes for it count. Alone and among many.
pub async fn b11_added<H, C: Client>(talk: Talk<'_, H, C>) {
    let (id, poll, _) = asks(&talk, "When?", None).await;
    let adds = |id: &str, option: &str| Speech::AddOption {
        id: id.to_owned(),
        option: option.to_owned(),
    };
    let has = |now: &Value, option: &str| now[START]["answers"][2]["org.matrix.msc1767.text"] == option;
    talk.speaks(adds(&id, "Sunday"));
    let now = talk.chat.sees_now("Sunday", &poll, |now| has(now, "Sunday")).await;
    let sunday = now[START]["answers"][2]["id"].clone();
    talk.speaks(Speech::Vote {
        id,
        options: vec!["Sunday".into()],
    });
    votes_at_last(&talk.chat, &talk.ghost(), &poll["event_id"], json!([sunday])).await;
    let event = poll["event_id"].as_str().unwrap();
    talk.chat.sends(RESPONSE, vote(event, &json!([sunday]))).await;
    receives(&talk.ana, "a vote", |got| got.message.poll_update_message.is_set()).await;

    let (group, bob, there) = super::groups::begun(&talk, false).await;
    let asked = Speech::Poll {
        question: "Where?".into(),
        options: vec!["Pier".into(), "Yard".into()],
        selectable: 1,
        ends: None,
    };
    let id = group.speaks(&talk.ana, asked).unwrap();
    let poll = there.sees("a poll", |event| event["type"] == START).await;
    group.speaks(&bob, adds(&id, "Bay")).unwrap();
    let now = there.sees_now("Bay", &poll, |now| has(now, "Bay")).await;
    let bay = now[START]["answers"][2]["id"].clone();
    let chosen = Speech::Vote {
        id,
        options: vec!["Bay".into()],
    };
    group.speaks(&bob, chosen).unwrap();
    votes_at_last(&there, &ghost(&bob), &poll["event_id"], json!([bay])).await;
    talk.needs_no_notice().await;
}

/// The end of a poll, as whoever asked it tells it.
async fn sees_end<C: Client>(chat: &C, poll: &Value) -> Value {
    let is_end = |event: &Value| event["type"] == END && relates_to(event)["event_id"] == poll["event_id"];
    let end = chat.sees("the end of the poll", is_end).await;
    assert_eq!(end["sender"], poll["sender"]);
    end
}

/// B11: a poll says until when votes count, and ends at that moment, also when that is moved, or past.
pub async fn b11_ending<H, C: Client>(talk: Talk<'_, H, C>) {
    let tomorrow = milliseconds() + 86_400_000;
    let (id, poll, [monday, friday]) = asks(&talk, "When?", Some(tomorrow)).await;
    let told = body(&poll);
    assert!(
        told.contains("2. Friday\nVotes count until ") && told.ends_with(" UTC."),
        "{told}"
    );
    talk.speaks(Speech::Vote {
        id: id.clone(),
        options: vec!["Friday".into()],
    });
    votes_at_last(&talk.chat, &talk.ghost(), &poll["event_id"], json!([friday])).await;
    let event = poll["event_id"].as_str().unwrap();
    talk.chat.sends(RESPONSE, vote(event, &json!([friday]))).await;
    gets_vote(&talk.ana, &["Friday"]).await;
    talk.world.settles(SOON).await;
    talk.speaks(Speech::EditPoll {
        id,
        question: "When?".into(),
        options: vec!["Monday".into(), "Friday".into()],
        selectable: 1,
        ends: Some(milliseconds() + 2_000),
    });
    let end = sees_end(&talk.chat, &poll).await;
    assert_eq!(
        body(&end),
        "The poll “When?” is over.\nFriday: 2 votes\nMonday: 0 votes"
    );
    talk.chat.sends(RESPONSE, vote(event, &json!([monday]))).await;
    talk.chat.hears("Not sent: the poll is over").await;

    let (_, poll, _) = asks(&talk, "When was it?", Some(milliseconds() - 60_000)).await;
    let end = sees_end(&talk.chat, &poll).await;
    assert_eq!(body(&end), "The poll “When was it?” is over.");
    talk.world.settles(SOON).await;
    let events = talk.chat.reads().await;
    assert_eq!(
        events.iter().filter(|it| it["type"] == END).count(),
        2,
        "each ends once"
    );
}

/// B11: a poll that is about to end; its event.
pub async fn about_to_end<H, C: Client>(talk: Talk<'_, H, C>) -> Value {
    asks(&talk, "When?", Some(milliseconds() + 3_000)).await.1
}

/// B11: a poll ended in time, once.
pub async fn has_ended<H, C: Client>(talk: Talk<'_, H, C>, poll: Value) {
    sees_end(&talk.chat, &poll).await;
    talk.world.settles(SOON).await;
    let events = talk.chat.reads().await;
    assert_eq!(events.iter().filter(|it| it["type"] == END).count(), 1);
}
