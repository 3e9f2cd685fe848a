//! Questions: polls, votes and their end.

use serde_json::{Value, json};
use simulator::{Attendance, Contact, Received, Speech};

use super::talk::{Client, Talk, answer, body, receives, relates_to};

pub(super) const START: &str = "org.matrix.msc3381.poll.start";
pub(super) const RESPONSE: &str = "org.matrix.msc3381.poll.response";

pub(super) fn vote(poll: &str, answers: &Value) -> Value {
    json!({
        "m.relates_to": {"rel_type": "m.reference", "event_id": poll},
        RESPONSE: {"answers": answers},
    })
}

/// The votes of one sender in a poll, as clients order them: by their times.
async fn votes(chat: &impl Client, sender: &str, poll: &Value) -> Vec<Value> {
    let events = chat.reads().await;
    let of_poll = events
        .into_iter()
        .filter(|it| it["type"] == RESPONSE && it["sender"] == sender);
    let mut of_poll: Vec<_> = of_poll.filter(|it| relates_to(it)["event_id"] == *poll).collect();
    of_poll.sort_by_key(|it| it["origin_server_ts"].as_u64());
    let answers = of_poll.iter().map(|it| it["content"][RESPONSE]["answers"].clone());
    answers.collect()
}

/// Waits until the last vote of a sender, which is the one that counts, is this.
pub(super) async fn votes_at_last(chat: &impl Client, sender: &str, poll: &Value, answers: Value) {
    crate::support::waiting::eventually("a vote", 2 * crate::support::waiting::SOON, || async {
        (votes(chat, sender, poll).await.last() == Some(&answers)).then_some(())
    })
    .await;
}

/// Waits until the last vote a person got chooses these.
pub(super) async fn gets_vote(who: &Contact, options: &[&str]) {
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
        ends: None,
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
    // Within one second, which is all that WhatsApp tells of the time: the later one counts.
    for option in ["Monday", "Friday"] {
        talk.speaks(Speech::Vote {
            id: id.clone(),
            options: vec![option.to_owned()],
        });
    }
    votes_at_last(&talk.chat, &talk.ghost(), event, json!([friday])).await;
    assert_eq!(
        votes(&talk.chat, &talk.ghost(), event).await[3..],
        [json!([monday]), json!([friday])]
    );
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

/// B11: what the owner chooses on the phone is shown as the owner's, in polls of either side, and not told twice.
pub async fn b11_on_the_phone<H, C: Client>(talk: Talk<'_, H, C>) {
    talk.phone().says(&talk.ana, "from my phone");
    let owner = talk.chat.shows("from my phone").await["sender"].clone();
    let owner = owner.as_str().unwrap();
    let id = talk.speaks(Speech::Poll {
        question: "When?".into(),
        options: vec!["Monday".into(), "Friday".into()],
        selectable: 1,
        ends: None,
    });
    let poll = talk.chat.sees("a poll", |event| event["type"] == START).await;
    let [monday, friday] = [0, 1].map(|place| poll["content"][START]["answers"][place]["id"].clone());
    let chooses = |id: &str, options: &[&str]| {
        let options = options.iter().map(|&option| option.to_owned()).collect();
        let vote = Speech::Vote { id: id.into(), options };
        talk.phone().speaks(&talk.ana, vote).unwrap();
    };
    for (chosen, shown) in [
        (&["Friday"][..], json!([friday])),
        (&["Monday"], json!([monday])),
        (&[], json!([])),
    ] {
        chooses(&id, chosen);
        votes_at_last(&talk.chat, owner, &poll["event_id"], shown).await;
    }
    let asked = talk.chat.sends(START, asking("Where?", "There")).await;
    let is = |got: &Received| got.message.poll_creation_message_v3.is_set();
    let got = talk.gets("a poll", is).await;
    let is_copy = |copy: &Received| copy.id == got.id;
    talk.phone()
        .waits_for(is_copy, crate::support::waiting::SOON)
        .await
        .unwrap();
    chooses(&got.id, &["There"]);
    votes_at_last(&talk.chat, owner, &json!(asked), json!(["second"])).await;
    talk.needs_no_notice().await;
    let votes = talk.ana.received().into_iter();
    let votes = votes.filter(|got| got.message.poll_update_message.is_set());
    assert_eq!(votes.count(), 4, "the phone's own, and nobody repeats them");
}

/// Words that stand in the room once, whatever became of them.
async fn stands_once(chat: &impl Client, kind: &str, words: &str) {
    let events = chat.reads().await;
    let standing: Vec<_> = events
        .iter()
        .filter(|it| it["type"] == kind && body(it).contains(words) && relates_to(it).is_null())
        .collect();
    assert_eq!(standing.len(), 1, "{standing:?}");
}

/// B15: what happens, and who comes; who moves it moves it where it stands, alone with somebody and among many.
pub async fn b15<H, C: Client>(talk: Talk<'_, H, C>) {
    let id = talk.speaks(Speech::Event {
        name: "Regatta".into(),
        description: Some("bring oars".into()),
        start: 1_800_000_000,
    });
    let shown = talk.chat.hears("Regatta").await;
    assert!(body(&shown).contains("bring oars"), "{}", body(&shown));
    for (name, start) in [("Regatta at noon", 1_800_003_600), ("Regatta at night", 1_800_036_000)] {
        talk.speaks(Speech::EditEvent {
            id: id.clone(),
            name: name.into(),
            description: None,
            start,
        });
        let says = |now: &Value| now["body"].as_str().is_some_and(|body| body.contains(name));
        talk.chat.sees_now(name, &shown, says).await;
    }
    stands_once(&talk.chat, "m.room.message", "Regatta").await;

    let (group, bob, there) = super::groups::begun(&talk, false).await;
    let event = Speech::Event {
        name: "Dinner".into(),
        description: None,
        start: 1_800_000_000,
    };
    let id = group.speaks(&bob, event).unwrap();
    let shown = there.hears("Dinner").await;
    let edit = Speech::EditEvent {
        id,
        name: "Dinner at Bob's".into(),
        description: None,
        start: 1_800_000_000,
    };
    group.speaks(&bob, edit).unwrap();
    let says = |now: &Value| {
        now["body"]
            .as_str()
            .is_some_and(|body| body.contains("Dinner at Bob's"))
    };
    there.sees_now("another place", &shown, says).await;
    stands_once(&there, "m.room.message", "Dinner").await;
    talk.needs_no_notice().await;
}

/// A poll with an answer “Here” and another one, as Element writes it.
pub(super) fn asking(question: &str, there: &str) -> Value {
    let option = |id: &str, text: &str| json!({"id": id, "org.matrix.msc1767.text": text});
    json!({
        "org.matrix.msc1767.text": question,
        START: {
            "kind": "org.matrix.msc3381.poll.disclosed", "max_selections": 1,
            "question": {"body": question, "msgtype": "m.text", "org.matrix.msc1767.text": question},
            "answers": [option("first", "Here"), option("second", there)],
        },
    })
}

/// B11, B15: a poll is asked otherwise, from either side, and still voted on.
pub async fn b15_polls<H, C: Client>(talk: Talk<'_, H, C>) {
    let of = |options: [&str; 2]| options.map(str::to_owned).to_vec();
    let id = talk.speaks(Speech::Poll {
        question: "When?".into(),
        options: of(["Monday", "Friday"]),
        selectable: 1,
        ends: None,
    });
    let poll = talk.chat.sees("a poll", |event| event["type"] == START).await;
    talk.speaks(Speech::EditPoll {
        id: id.clone(),
        question: "When exactly?".into(),
        options: of(["Monday", "Sunday"]),
        selectable: 1,
        ends: None,
    });
    let asks = |now: &Value| now[START]["question"]["body"] == "When exactly?";
    let now = talk.chat.sees_now("another question", &poll, asks).await;
    stands_once(&talk.chat, START, "When").await;
    let sunday = now[START]["answers"][1]["id"].clone();
    talk.speaks(Speech::Vote {
        id: id.clone(),
        options: vec!["Sunday".into()],
    });
    votes_at_last(&talk.chat, &talk.ghost(), &poll["event_id"], json!([sunday])).await;
    let event = poll["event_id"].as_str().unwrap();
    talk.chat.sends(RESPONSE, vote(event, &json!([sunday]))).await;
    receives(&talk.ana, "a vote", |got| got.message.poll_update_message.is_set()).await;

    let asked = talk.chat.sends(START, asking("Where?", "There")).await;
    let is = |got: &Received| got.message.poll_creation_message_v3.is_set();
    let got = talk.gets("a poll", is).await;
    // As Element writes it.
    let edit = json!({
        "m.new_content": asking("Where to?", "Over there"),
        "m.relates_to": {"rel_type": "m.replace", "event_id": asked},
    });
    talk.chat.sends(START, edit).await;
    let sealed = |got: &Received| got.message.secret_encrypted_message.is_set();
    let sealed = talk.gets("another question", sealed).await;
    let key = &sealed.message.secret_encrypted_message.target_message_key;
    assert_eq!(key.id.as_ref(), Some(&got.id));
    let opened = talk.ana.opened(&sealed).expect("it can be opened");
    let poll = &opened.poll_creation_message_v3;
    assert_eq!(poll.name.as_deref(), Some("Where to?"));
    assert_eq!(poll.options[1].option_name.as_deref(), Some("Over there"));
    talk.needs_no_notice().await;
}

/// Waits until the last answer to an event that a person got is this.
pub(super) async fn gets_answer(who: &Contact, answer: Attendance) {
    crate::support::waiting::eventually("an answer on WhatsApp", 2 * crate::support::waiting::SOON, || async {
        let got = who.received();
        let last = got
            .iter()
            .rfind(|got| got.message.enc_event_response_message.is_set())?;
        (who.attends(last)? == answer).then_some(())
    })
    .await;
}

/// Waits for an answer to an event, and sees whose it is.
pub(super) async fn hears_answer<C: Client>(chat: &C, words: &str, event: &Value, sender: &str) {
    let told = chat.shows(words).await;
    assert_eq!(
        relates_to(&told)["m.in_reply_to"]["event_id"],
        event["event_id"],
        "{told}"
    );
    assert_eq!(told["sender"], sender);
}

/// B15: who comes is told as an answer to the event; a command tells whether the owner does. Alone and among many.
pub async fn b15_answers<H, C: Client>(talk: Talk<'_, H, C>) {
    let event = |name: &str| Speech::Event {
        name: name.into(),
        description: None,
        start: 1_800_000_000,
    };
    let id = talk.speaks(event("Regatta"));
    let shown = talk.chat.hears("Regatta").await;
    for (attends, guests, words) in [
        (Attendance::Yes, 0, "✅ Comes"),
        (Attendance::No, 0, "❌ Does not come"),
        (Attendance::Maybe, 0, "❔ Perhaps comes"),
        (Attendance::Yes, 1, "✅ Comes, with 1 guest"),
    ] {
        talk.speaks(Speech::Attend {
            id: id.clone(),
            answer: attends,
            guests,
        });
        hears_answer(&talk.chat, words, &shown, &talk.ghost()).await;
    }
    for (word, attends, words) in [
        ("yes", Attendance::Yes, "Answered that you come."),
        ("No", Attendance::No, "Answered that you do not come."),
        ("maybe", Attendance::Maybe, "Answered that you perhaps come."),
    ] {
        talk.chat.says(answer(&shown, &format!("!wa attend {word}"))).await;
        gets_answer(&talk.ana, attends).await;
        talk.chat.shows(words).await;
    }
    talk.chat.says(answer(&shown, "!wa attend perhaps")).await;
    talk.chat.hears("Write `attend yes`").await;
    let hello = talk.chat.shows("hello").await;
    talk.chat.says(answer(&hello, "!wa attend yes")).await;
    talk.chat.shows("That is no event of this chat.").await;

    let (group, bob, there) = super::groups::begun(&talk, false).await;
    let id = group.speaks(&bob, event("Dinner")).unwrap();
    let shown = there.hears("Dinner").await;
    let comes = Speech::Attend {
        id,
        answer: Attendance::Yes,
        guests: 2,
    };
    group.speaks(&talk.ana, comes).unwrap();
    hears_answer(&there, "✅ Comes, with 2 guests", &shown, &talk.ghost()).await;
    there.says(answer(&shown, "!wa attend maybe")).await;
    gets_answer(&bob, Attendance::Maybe).await;
}

/// B11, B82: a vote that was cast while the poll could not be read counts as soon as it can.
pub async fn b11_early<H, C: Client>(talk: Talk<'_, H, C>) {
    talk.ana.ignores_retries(true);
    talk.ana.garbles_next();
    let id = talk.speaks(Speech::Poll {
        question: "When?".into(),
        options: vec!["Monday".into(), "Friday".into()],
        selectable: 1,
        ends: None,
    });
    let waiting = talk.chat.hears("⏳ Waiting for this message").await;
    talk.speaks(Speech::Vote {
        id: id.clone(),
        options: vec!["Friday".into()],
    });
    talk.ana.says(talk.phone(), "have you voted?");
    talk.chat.shows("have you voted?").await;
    talk.ana.ignores_retries(false);
    talk.ana.sends_again(talk.phone(), &id);
    let poll = talk.chat.sees("a poll", |event| event["type"] == START).await;
    let friday = poll["content"][START]["answers"][1]["id"].clone();
    votes_at_last(&talk.chat, &talk.ghost(), &poll["event_id"], json!([friday])).await;
    talk.chat.sees_taken_back(&waiting).await;
    let events = talk.chat.reads().await;
    let is_lost = |it: &Value| body(it).contains("vote in a poll") || body(it).contains("voted in a poll");
    assert!(!events.iter().any(is_lost), "{events:?}");
}
