//! What happens to messages after they were said: other words, taken back, gone after a while.

use reqwest::Method;
use serde_json::{Value, json};
use simulator::{Received, Speech};
use whatsapp_rust::{
    buffa::MessageField,
    waproto::whatsapp::{
        self as wa,
        message::{ProtocolMessage, protocol_message::Type},
    },
};

use super::groups::begun;
use super::talk::{Client, Talk, around, body, relates_to, told, words};
use crate::support::{
    waiting::{SOON, eventually},
    world::text_of,
};

const PNG: &[u8] = include_bytes!("../simulator/media/harbour.png");

/// What a message does to another one.
pub(super) fn done_to(got: &Received) -> Option<ProtocolMessage> {
    let edited = got.message.edited_message.message.as_option();
    let message = edited.unwrap_or(&got.message);
    message.protocol_message.as_option().cloned()
}

/// An edit as clients write it.
pub(super) fn edit(event: &str, new: &Value) -> Value {
    let mut content = new.clone();
    content["body"] = json!(format!("* {}", new["body"].as_str().unwrap()));
    content["m.new_content"] = new.clone();
    content["m.relates_to"] = json!({"rel_type": "m.replace", "event_id": event});
    content
}

/// Waits until a person on WhatsApp is told that a message was taken back.
pub(super) async fn is_taken_back<H, C: Client>(talk: &Talk<'_, H, C>, id: &str) {
    let gone = |got: &Received| {
        done_to(got).is_some_and(|done| !done.edited_message.is_set() && done.key.id.as_deref() == Some(id))
    };
    talk.gets("its end", gone).await;
}

/// Waits until a person on WhatsApp is told other words in the place of a message.
pub(super) async fn says_now<H, C: Client>(talk: &Talk<'_, H, C>, id: &str, words: &str) {
    let changed = |got: &Received| {
        done_to(got).is_some_and(|done| {
            done.edited_message.conversation.as_deref() == Some(words) && done.key.id.as_deref() == Some(id)
        })
    };
    talk.gets(words, changed).await;
}

/// B05: words and captions, and the homeserver shows the last ones.
pub async fn b05<H, C: Client>(talk: Talk<'_, H, C>) {
    let id = talk.ana.says(talk.phone(), "at ten");
    let said = talk.chat.shows("at ten").await;
    for text in ["at eleven", "at noon"] {
        talk.speaks(Speech::Edit {
            id: id.clone(),
            text: text.into(),
        });
        talk.chat.sees_now(text, &said, |now| now["body"] == text).await;
    }
    let id = talk.ana.sends_image(talk.phone(), PNG, Some("harbor")).unwrap();
    let picture = talk.chat.shows("harbor").await;
    talk.speaks(Speech::Edit {
        id,
        text: "harbour".into(),
    });
    let now = talk
        .chat
        .sees_now("another caption", &picture, |now| now["body"] == "harbour")
        .await;
    let (before, expected) = (&picture["content"], json!("m.image"));
    assert_eq!(
        (&now["msgtype"], &now["url"]),
        (&expected, &before["url"]),
        "it is not brought again"
    );
    assert_eq!(
        now["info"]["xyz.amorgan.blurhash"],
        before["info"]["xyz.amorgan.blurhash"]
    );

    let mine = talk.chat.says(words("at eight")).await;
    let first = talk.gets_text("at eight").await;
    for text in ["at nine", "at *half* past"] {
        talk.chat.says(edit(&mine, &words(text))).await;
        let changed = talk.gets(text, |got| {
            done_to(got).is_some_and(|done| done.edited_message.conversation.as_deref() == Some(text))
        });
        let key = done_to(&changed.await).unwrap().key;
        assert_eq!(key.id.as_deref(), Some(first.id.as_str()));
    }
    talk.needs_no_notice().await;
}

/// B05, B06: an edit that is taken back brings back what was said before it, on WhatsApp too; one that was replaced itself
/// changes nothing.
pub async fn b05_taken_back<H, C: Client>(talk: Talk<'_, H, C>) {
    let mine = talk.chat.says(words("at eight")).await;
    let first = talk.gets_text("at eight").await;
    let comes = async |text: &str, since: usize| {
        let changed = eventually(text, SOON, || async {
            let edits = talk.ana.received().into_iter().filter_map(|got| done_to(&got));
            let mut edits: Vec<_> = edits.filter(|done| done.edited_message.is_set()).collect();
            (edits.len() > since).then(|| edits.remove(since))
        })
        .await;
        assert_eq!(changed.edited_message.conversation.as_deref(), Some(text));
        assert_eq!(changed.key.id.as_deref(), Some(first.id.as_str()));
    };
    let mut edits = Vec::new();
    for (number, text) in ["at nine", "at ten", "at *eleven*"].into_iter().enumerate() {
        edits.push(talk.chat.says(edit(&mine, &words(text))).await);
        comes(text, number).await;
    }
    talk.chat.takes_back(&edits[0]).await;
    talk.chat.takes_back(&edits[2]).await;
    comes("at ten", 3).await;
    talk.chat.takes_back(&edits[1]).await;
    comes("at eight", 4).await;
    talk.chat.takes_back(&mine).await;
    talk.gets("the end", |got| {
        done_to(got).is_some_and(|done| done.key.id.as_ref() == Some(&first.id) && !done.edited_message.is_set())
    })
    .await;
    talk.needs_no_notice().await;
}

/// B05, B06: nobody edits or takes back what others said, however they name it.
pub async fn b05_b06_of_others<H, C: Client>(talk: Talk<'_, H, C>) {
    let (group, bob, there) = begun(&talk, false).await;
    let id = group.says(&bob, "mine").unwrap();
    let said = there.shows("mine").await;
    let own = talk.chat.says(words("this is mine")).await;
    let got = talk.gets_text("this is mine").await;
    let edit = |id: &str, text: &str| Speech::Edit {
        id: id.to_owned(),
        text: text.to_owned(),
    };
    // As if it were her own.
    let delete = |id: &str| wa::Message {
        protocol_message: MessageField::some(ProtocolMessage {
            key: MessageField::some(wa::MessageKey {
                from_me: Some(true),
                id: Some(id.to_owned()),
                ..Default::default()
            }),
            r#type: Some(Type::REVOKE),
            ..Default::default()
        }),
        ..Default::default()
    };
    group.speaks(&talk.ana, edit(&id, "not mine")).unwrap();
    group.sends(&talk.ana, delete(&id)).unwrap();
    talk.speaks(edit(&got.id, "not mine"));
    talk.ana.sends(talk.phone(), delete(&got.id));
    // As administrators do it.
    talk.speaks(Speech::Delete { id: got.id });
    group.says(&talk.ana, "was that me?").unwrap();
    there.shows("was that me?").await;
    talk.world.settles(SOON).await;
    for (chat, event, text) in [
        (&there, text_of(&said, "event_id"), "mine"),
        (&talk.chat, own.as_str(), "this is mine"),
    ] {
        let now = chat.event(event).await;
        assert_eq!(now["content"]["body"], text);
        assert_eq!(now["unsigned"]["m.relations"]["m.replace"], Value::Null, "{now}");
        let path = format!("/api/v1/chats/{}/messages/{event}", chat.room());
        let (_, shown) = talk.linked.rest.call(Method::GET, &path, None).await;
        assert_eq!(
            (&shown["text"], &shown["deleted"]),
            (&json!(text), &json!(false)),
            "{shown}"
        );
    }
    group.speaks(&bob, edit(&id, "mine alone")).unwrap();
    there
        .sees_now("his own edit", &said, |now| now["body"] == "mine alone")
        .await;
}

/// B05, B08, B14: what was not sent is nowhere to be edited or marked, and that is told.
pub async fn b05_of_what_was_not_sent<H, C: Client>(talk: Talk<'_, H, C>) {
    talk.world.whatsapp.nacks_next_to(&talk.ana, 479);
    let mine = talk.chat.says(words("at seven")).await;
    talk.comes_to(&mine, "failed").await;
    talk.chat.says(edit(&mine, &words("at eight"))).await;
    talk.chat
        .hears("Not sent: the message that was edited was not sent")
        .await;
    let mark = json!({"m.relates_to": {"rel_type": "m.annotation", "event_id": mine, "key": "👍"}});
    talk.chat.sends("m.reaction", mark).await;
    talk.chat
        .hears("Not sent: what the reaction is to is no message of the chat")
        .await;
    talk.chat.sets("m.room.pinned_events", json!({"pinned": [mine]})).await;
    talk.chat
        .hears("Not sent: what was pinned is no message of the chat")
        .await;
    talk.chat.says(words("at eight it is")).await;
    talk.gets_text("at eight it is").await;
    let done = talk.ana.received().into_iter().filter(|got| done_to(got).is_some());
    assert_eq!(done.count(), 0, "nothing was done to what nobody has");
}

/// B05: an edit that brings another file changes the words under it alone, and says so.
pub async fn b05_files<H, C: Client>(talk: Talk<'_, H, C>) {
    let (one, two) = (
        talk.chat.uploads("one.png", "image/png", PNG).await,
        talk.chat.uploads("two.png", "image/png", PNG).await,
    );
    let picture = |file: &str, words: &str| {
        let info = json!({"mimetype": "image/png", "size": PNG.len()});
        json!({"msgtype": "m.image", "body": words, "filename": "harbor.png", "url": file, "info": info})
    };
    let mine = talk.chat.says(picture(&one, "harbor")).await;
    talk.gets("the picture", |got| got.message.image_message.is_set()).await;
    let captioned = |words: &'static str| {
        talk.gets(words, move |got| {
            done_to(got).is_some_and(|done| done.edited_message.image_message.caption.as_deref() == Some(words))
        })
    };
    talk.chat.says(edit(&mine, &picture(&one, "harbour"))).await;
    captioned("harbour").await;
    talk.needs_no_notice().await;
    talk.chat.says(edit(&mine, &picture(&two, "quay"))).await;
    captioned("quay").await;
    talk.chat
        .hears("Only the words were changed: no other file can take the place")
        .await;
    talk.chat.says(edit(&mine, &picture(&two, "quay"))).await;
    talk.chat.hears("Not sent: no other file can take the place").await;
}

/// B01, B05: where the notices of other bots are wanted, they cross like words, and so do their edits.
pub async fn b01_notices<H, C: Client>(talk: Talk<'_, H, C>) {
    let notice = |text: &str| json!({"msgtype": "m.notice", "body": text});
    let said = talk.chat.says(notice("10 degrees")).await;
    let first = talk.gets_text("10 degrees").await;
    talk.chat.says(edit(&said, &notice("12 degrees"))).await;
    let changed = talk.gets("12 degrees", |got| {
        done_to(got).is_some_and(|done| done.edited_message.conversation.as_deref() == Some("12 degrees"))
    });
    let key = done_to(&changed.await).unwrap().key;
    assert_eq!(key.id.as_deref(), Some(first.id.as_str()));
}

/// B01: elsewhere neither they nor their edits do, and nothing is said of that.
pub async fn b01_without_notices<H, C: Client>(talk: Talk<'_, H, C>) {
    let notice = |text: &str| json!({"msgtype": "m.notice", "body": text});
    let said = talk.chat.says(notice("10 degrees")).await;
    talk.chat.says(edit(&said, &notice("12 degrees"))).await;
    talk.chat.says(words("it is cold")).await;
    let got = talk.gets_text("it is cold").await;
    talk.world.settles(SOON).await;
    let ids: Vec<_> = talk.ana.received().into_iter().map(|got| got.id).collect();
    assert_eq!(ids, [got.id], "nothing but the words of a person");
    let told = talk.chat.reads().await;
    assert!(!told.iter().any(|it| body(it).starts_with("Not sent")), "{told:?}");
}

/// B05: after twenty minutes phones take no edit: who wrote it hears so, and nothing is told on WhatsApp. Until then they do.
pub async fn b05_late<H, C: Client>(talk: Talk<'_, H, C>) {
    let [old, recent] = ["said long ago", "said a while ago"];
    let mut events = Vec::new();
    for text in [old, recent] {
        events.push(talk.chat.says(words(text)).await);
        talk.gets_text(text).await;
    }
    talk.world.settles(SOON).await;
    for (text, age) in [
        (
            old,
            "update messages set at = at - 1260000 where body = 'said long ago'",
        ),
        (
            recent,
            "update messages set at = at - 1080000 where body = 'said a while ago'",
        ),
    ] {
        assert!(age.contains(text));
        talk.world.changes_database(age).await;
    }
    let late = talk.chat.says(edit(&events[0], &words("never said"))).await;
    let told = talk.chat.hears("can be edited for 20 minutes").await;
    assert_eq!(relates_to(&told)["m.in_reply_to"]["event_id"], late.as_str(), "{told}");
    talk.chat.says(edit(&events[1], &words("said just now"))).await;
    let is_edit = |got: &Received| done_to(got).is_some();
    let first = done_to(&talk.gets("an edit", is_edit).await).unwrap();
    assert_eq!(first.edited_message.conversation.as_deref(), Some("said just now"));
}

/// B05: other words under a picture of Matrix, written as clients that know captions do, and as those that do not.
pub async fn b05_captions<H, C: Client>(talk: Talk<'_, H, C>) {
    let address = talk.chat.uploads("harbour.png", "image/png", PNG).await;
    let picture = |caption: &str| {
        json!({
            "msgtype": "m.image", "body": caption, "filename": "harbour.png", "url": address,
            "info": {"mimetype": "image/png", "size": PNG.len()},
        })
    };
    let mine = talk.chat.says(picture("the harbor")).await;
    let first = talk.gets("a picture", |got| got.message.image_message.is_set()).await;
    for (caption, content) in [
        ("the harbour", picture("the harbour")),
        ("the *old* harbour", words("the *old* harbour")),
    ] {
        talk.chat.says(edit(&mine, &content)).await;
        let is_it = |got: &Received| {
            let done = done_to(got);
            done.is_some_and(|done| done.edited_message.image_message.caption.as_deref() == Some(caption))
        };
        let done = done_to(&talk.gets(caption, is_it).await).unwrap();
        assert_eq!(done.key.id.as_ref(), Some(&first.id));
    }
    // An answer quotes the words of now.
    talk.speaks(Speech::Reply {
        id: first.id,
        text: "lovely".into(),
    });
    let shown = talk.chat.shows("lovely").await;
    assert_eq!(relates_to(&shown)["m.in_reply_to"]["event_id"], mine.as_str());
    talk.needs_no_notice().await;
}

/// B06: both people take back what they said; nobody takes back what the other one said.
pub async fn b06<H, C: Client>(talk: Talk<'_, H, C>) {
    let id = talk.ana.says(talk.phone(), "a secret");
    let said = talk.chat.shows("a secret").await;
    talk.speaks(Speech::Delete { id });
    talk.chat.sees_taken_back(&said).await;

    let mine = talk.chat.says(words("my secret")).await;
    let sent = talk.gets_text("my secret").await;
    talk.chat.takes_back(&mine).await;
    let got = talk
        .gets("the deletion", |got| {
            done_to(got).is_some_and(|done| !done.edited_message.is_set())
        })
        .await;
    assert_eq!(done_to(&got).unwrap().key.id.as_deref(), Some(sent.id.as_str()));

    // What is in several events goes from all of them.
    let id = talk.ana.says(talk.phone(), &"long words. ".repeat(5_000));
    talk.ana.says(talk.phone(), "too long");
    talk.chat.shows("too long").await;
    let shown = talk.chat.reads().await;
    let is_part = |event: &&Value| body(event).contains("long words");
    let parts: Vec<_> = shown.iter().filter(is_part).collect();
    assert!(parts.len() > 1, "a long text needs several events");
    talk.speaks(Speech::Delete { id });
    for part in parts {
        talk.chat.sees_taken_back(part).await;
    }
    talk.needs_no_notice().await;
}

/// B12: the timer is told and kept, and both sides' messages go when their time is over.
pub async fn b12<H, C: Client>(talk: Talk<'_, H, C>) {
    talk.speaks(Speech::Disappearing { seconds: 86_400 });
    talk.chat.hears("disappear after 1 day").await;
    talk.chat.says(words("for a day")).await;
    assert_eq!(around(&talk.gets_text("for a day").await).expiration, Some(86_400));
    talk.speaks(Speech::Disappearing { seconds: 2 });
    talk.chat.hears("disappear after 2 seconds").await;
    let mine = talk.chat.says(words("my moment")).await;
    assert_eq!(around(&talk.gets_text("my moment").await).expiration, Some(2));
    talk.chat.sees_taken_back(&json!({"event_id": mine})).await;
    let passing = whatsapp_rust::waproto::whatsapp::ContextInfo {
        expiration: Some(2),
        ..Default::default()
    };
    talk.sends(told("her moment", passing));
    let hers = talk.chat.shows("her moment").await;
    talk.chat.sees_taken_back(&hers).await;
    talk.speaks(Speech::Disappearing { seconds: 0 });
    talk.chat.hears("turned off disappearing").await;
    talk.chat.says(words("for ever")).await;
    assert_eq!(around(&talk.gets_text("for ever").await).expiration, None);
}

/// B12: the timer is set by REST, and turned off again: both sides are told, and new messages follow it.
pub async fn b12_by_rest<H, C: Client>(talk: Talk<'_, H, C>) {
    let path = format!("/api/v1/chats/{}", talk.chat.room());
    for (timer, told) in [
        (json!(604_800), "New messages disappear after 7 days."),
        (json!(null), "New messages do not disappear any more."),
    ] {
        let wish = json!({ "disappearing_timer": timer });
        let (status, chat) = talk.linked.rest.call(Method::PATCH, &path, Some(wish)).await;
        assert_eq!(status, 200, "{chat}");
        let seconds = timer.as_u64().map(|seconds| u32::try_from(seconds).unwrap());
        let is_set = |got: &Received| {
            done_to(got).is_some_and(|done| done.ephemeral_expiration == Some(seconds.unwrap_or_default()))
        };
        talk.gets(told, is_set).await;
        talk.chat.hears(told).await;
        let text = format!("from now on {timer}");
        talk.chat.says(words(&text)).await;
        assert_eq!(around(&talk.gets_text(&text).await).expiration, seconds);
        let (status, chat) = talk.linked.rest.call(Method::GET, &path, None).await;
        assert_eq!(
            (status, chat["disappearing_timer"].as_u64()),
            (200, timer.as_u64()),
            "{chat}"
        );
    }
}
