//! What is done to messages that come later: edits, deletions, marks, votes, pins, answers, comments. All of it waits, and is
//! done when its message comes; of what waits too long a notice tells, and it is done all the same.
//!
//! Two halves, between which wharf may be killed.

use serde_json::{Value, json};
use simulator::{Attendance, Contact, Group, Speech};
use whatsapp_rust::{buffa::MessageField, waproto::whatsapp as wa};

use super::{
    groups,
    questions::{START, hears_answer, votes_at_last},
    talk::{Client, Talk, body, ghost, relates_to},
};
use crate::support::waiting::{SOON, eventually};

/// What nobody but the phones got yet, and was done to already.
pub struct Lost<C> {
    edited: String,
    deleted: String,
    marked: String,
    pinned: String,
    voted_on: String,
    attended: String,
    edited_poll: String,
    edited_event: String,
    /// The id of what was commented on, and the message.
    commented: (String, wa::Message),
    group: Group,
    bob: Contact,
    there: C,
}

/// Says something that gets lost on its way to the linked devices.
fn loses<H, C: Client>(talk: &Talk<'_, H, C>, speech: Speech) -> String {
    talk.ana.loses_next();
    talk.speaks(speech)
}

fn poll(question: &str, options: [&str; 2]) -> Speech {
    Speech::Poll {
        question: question.into(),
        options: options.map(str::to_owned).to_vec(),
        selectable: 1,
        ends: None,
    }
}

fn event(name: &str) -> Speech {
    Speech::Event {
        name: name.into(),
        description: None,
        start: 1_800_000_000,
    }
}

/// Words that can be commented on.
fn announcement() -> wa::Message {
    wa::Message {
        conversation: Some("we sail at ten".into()),
        message_context_info: MessageField::some(wa::MessageContextInfo {
            message_secret: Some(vec![7; 32]),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// Ana says things that get lost, and then does something to each of them.
pub async fn done<H, C: Client>(talk: &Talk<'_, H, C>) -> Lost<C> {
    let (group, bob, there) = groups::begun(talk, false).await;
    let said = |text: &str| {
        talk.ana.loses_next();
        talk.ana.says(talk.phone(), text)
    };
    let edited = said("at ten");
    talk.speaks(Speech::Edit {
        id: edited.clone(),
        text: "at eleven".into(),
    });
    let deleted = said("a secret");
    talk.speaks(Speech::Delete { id: deleted.clone() });
    let marked = said("well done");
    talk.speaks(Speech::Reaction {
        id: marked.clone(),
        emoji: "🎉".into(),
    });
    let pinned = said("remember this");
    talk.speaks(Speech::Pin {
        id: pinned.clone(),
        pinned: true,
        seconds: 3600,
    });
    let voted_on = loses(talk, poll("When?", ["Monday", "Friday"]));
    talk.speaks(Speech::Vote {
        id: voted_on.clone(),
        options: vec!["Friday".into()],
    });
    let attended = loses(talk, event("Regatta"));
    let (id, answer) = (attended.clone(), Attendance::Yes);
    talk.speaks(Speech::Attend { id, answer, guests: 0 });
    let edited_poll = loses(talk, poll("Where?", ["Here", "There"]));
    talk.speaks(Speech::EditPoll {
        id: edited_poll.clone(),
        question: "Where to?".into(),
        options: vec!["Here".into(), "Over there".into()],
        selectable: 1,
        ends: None,
    });
    let edited_event = loses(talk, event("Dinner"));
    talk.speaks(Speech::EditEvent {
        id: edited_event.clone(),
        name: "Dinner at noon".into(),
        description: None,
        start: 1_800_003_600,
    });
    talk.ana.loses_next();
    let announced = announcement();
    let commented = group.sends_with_id(&talk.ana, None, announced.clone()).unwrap();
    let comment = Speech::Comment {
        id: commented.clone(),
        text: "I bring tea".into(),
    };
    group.speaks(&bob, comment).unwrap();

    // All of it was accepted before this, and nothing held it up.
    talk.ana.says(talk.phone(), "did you get all that?");
    talk.chat.shows("did you get all that?").await;
    group.says(&bob, "where is everybody?").unwrap();
    there.shows("where is everybody?").await;
    let events = [talk.chat.reads().await, there.reads().await].concat();
    for words in ["I bring tea", "✅ Comes"] {
        assert!(!events.iter().any(|it| body(it).contains(words)), "{words} of nothing");
    }
    Lost {
        edited,
        deleted,
        marked,
        pinned,
        voted_on,
        attended,
        edited_poll,
        edited_event,
        commented: (commented, announced),
        group,
        bob,
        there,
    }
}

/// What was lost comes, and what was done to it is done.
pub async fn come<H, C: Client>(talk: &Talk<'_, H, C>, lost: &Lost<C>) {
    for id in [
        &lost.edited,
        &lost.deleted,
        &lost.marked,
        &lost.pinned,
        &lost.voted_on,
        &lost.attended,
        &lost.edited_poll,
        &lost.edited_event,
    ] {
        talk.ana.sends_again(talk.phone(), id);
    }
    let (announced, message) = &lost.commented;
    lost.group
        .sends_with_id(&talk.ana, Some(announced), message.clone())
        .unwrap();

    let chat = &talk.chat;
    let edited = chat.shows("at ten").await;
    chat.sees_now("other words", &edited, |now| now["body"] == "at eleven")
        .await;
    let marked = chat.shows("well done").await;
    let is_mark = |it: &Value| relates_to(it)["event_id"] == marked["event_id"] && relates_to(it)["key"] == "🎉";
    assert_eq!(chat.sees("a mark", is_mark).await["sender"], talk.ghost().as_str());
    let pinned = chat.shows("remember this").await;
    eventually("the pin", 2 * SOON, || async {
        let state = chat.state("m.room.pinned_events").await?;
        (state["pinned"] == json!([pinned["event_id"]])).then_some(())
    })
    .await;
    let asks = |question: &'static str| move |it: &Value| it["type"] == START && body(it).contains(question);
    let asked = chat.sees("a poll", asks("When?")).await;
    let friday = asked["content"][START]["answers"][1]["id"].clone();
    votes_at_last(chat, &talk.ghost(), &asked["event_id"], json!([friday])).await;
    let regatta = chat.hears("Regatta").await;
    hears_answer(chat, "✅ Comes", &regatta, &talk.ghost()).await;
    let asked = chat.sees("another poll", asks("Where?")).await;
    let is_asked = |now: &Value| now[START]["question"]["body"] == "Where to?";
    let now = chat.sees_now("another question", &asked, is_asked).await;
    assert_eq!(
        now[START]["answers"][1]["org.matrix.msc1767.text"], "Over there",
        "{now}"
    );
    let dinner = chat.hears("Dinner").await;
    let is_later = |now: &Value| now["body"].as_str().is_some_and(|body| body.contains("Dinner at noon"));
    chat.sees_now("another time", &dinner, is_later).await;
    has_one_taken_back(chat, &talk.ghost()).await;

    let root = lost.there.shows("we sail at ten").await;
    let comment = lost.there.shows("I bring tea").await;
    let relation = relates_to(&comment);
    assert_eq!(
        (&relation["rel_type"], &relation["event_id"], &comment["sender"]),
        (&json!("m.thread"), &root["event_id"], &json!(ghost(&lost.bob)))
    );
}

/// One message of somebody is taken back, perhaps before their client had read it.
async fn has_one_taken_back(chat: &impl Client, who: &str) {
    let deletion = chat.sees("a deletion", |it| it["type"] == "m.room.redaction").await;
    let target = deletion["redacts"].as_str().or(deletion["content"]["redacts"].as_str());
    let now = chat.event(target.unwrap()).await;
    assert_eq!((&now["type"], &now["sender"]), (&json!("m.room.message"), &json!(who)));
    assert_eq!(now["content"], json!({}));
}

/// B05, B06, B08, B11, B14, B15, B16: what is done to messages that come later waits for them.
pub async fn early<H, C: Client>(talk: Talk<'_, H, C>) {
    let lost = Box::pin(done(&talk)).await;
    Box::pin(come(&talk, &lost)).await;
    talk.needs_no_notice().await;
}

/// B05, B06, B08, B11, B14, B15, B16: where nothing waits for long, a notice tells of each; it is done all the same when its
/// message comes.
pub async fn too_early<H, C: Client>(talk: Talk<'_, H, C>) {
    let lost = Box::pin(done(&talk)).await;
    for what in [
        "Ana edited a message that is not here. It says now: at eleven",
        "Ana deleted a message that is not here.",
        "Ana reacted with 🎉 to a message that is not here.",
        "Ana pinned a message that is not here.",
        "Ana voted in a poll that is not here.",
        "Ana answered to an event that is not here.",
    ] {
        talk.chat.shows(what).await;
    }
    // Of the poll and of the event.
    eventually("both edits are told", 2 * SOON, || async {
        let events = talk.chat.reads().await;
        let told = events
            .iter()
            .filter(|it| body(it) == "Ana edited a message that is not here.");
        (told.count() == 2).then_some(())
    })
    .await;
    lost.there.shows("Bob commented on a message that is not here.").await;
    talk.world.settles(SOON).await;
    Box::pin(come(&talk, &lost)).await;
    talk.world.settles(SOON).await;
    let waiting = "select count(*) from jobs where lane_kind in ('late', 'orphan')";
    talk.world.counts("nothing waits any more", waiting, 0).await;
    let events = talk.chat.reads().await;
    let notices = events.iter().filter(|it| it["content"]["msgtype"] == "m.notice");
    assert_eq!(notices.count(), 8, "one for each: {events:?}");
}
