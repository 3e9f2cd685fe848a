//! Messages that could not be decrypted.

use serde_json::{Value, json};
use simulator::{HistoryForm, MediaKind, Received, Speech};
use whatsapp_rust::{buffa::MessageField, prelude::MessageBuilderExt as _, waproto::whatsapp as wa};

use super::{
    groups::begun,
    quotes::answering,
    talk::{Client, Talk, answer, body, receives, relates_to, told, words},
};

const WAITING: &str = "⏳ Waiting for this message";
const GONE: &str = "is no longer on the server";

async fn waits<C: Client>(chat: &C, ghost: &str) -> Value {
    let told = chat.hears(WAITING).await;
    assert_eq!(
        (&told["content"]["msgtype"], &told["sender"]),
        (&json!("m.notice"), &json!(ghost))
    );
    told
}

/// B82: a placeholder in its place; Ana's phone sends it again, and it takes the placeholder's place.
pub async fn b82_again<H, C: Client>(talk: Talk<'_, H, C>) {
    talk.ana.garbles_next();
    talk.ana.says(talk.phone(), "a broken word");
    talk.ana.says(talk.phone(), "did you get it?");
    let told = waits(&talk.chat, &talk.ghost()).await;
    let now = talk
        .chat
        .sees_now("the words", &told, |now| now["body"] == "a broken word")
        .await;
    assert_eq!(now["msgtype"], "m.text");
    // It is a message like any other from now on.
    talk.chat.says(answer(&told, "I did")).await;
    assert_eq!(
        talk.gets_text("I did").await.quoted_text.as_deref(),
        Some("a broken word")
    );
    let shown = talk.chat.reads().await;
    let words = shown
        .iter()
        .filter(|event| body(event).contains("a broken word"))
        .count();
    assert_eq!(words, 1, "shown once, in its place");
}

/// B82, B30: what was awaited comes without its file, which the phone brings: all in one place.
pub async fn b82_without_its_file<H, C: Client>(talk: Talk<'_, H, C>) {
    let gone = super::media::picture(&talk);
    let path = gone.image_message.direct_path.clone().unwrap();
    assert!(talk.world.whatsapp.expires_media(&path, 404));
    talk.ana.garbles_next();
    talk.sends(gone);
    // Her phone may be faster than the word that it is awaited: then the picture itself says that its file is missing.
    let ghost = talk.ghost();
    let is_placeholder = |it: &Value| {
        let is_first = it["sender"] == ghost.as_str() && it["content"]["m.new_content"].is_null();
        is_first && [WAITING, GONE].iter().any(|words| body(it).contains(*words))
    };
    let told = talk.chat.sees("a placeholder", is_placeholder).await;
    assert_eq!(told["content"]["msgtype"], "m.notice");
    let is_there = |now: &Value| now["msgtype"] == "m.image";
    talk.chat.sees_now("the picture", &told, is_there).await;
    let events = talk.chat.reads().await;
    let of_ana: Vec<_> = events
        .iter()
        .filter(|it| it["sender"] == talk.ghost().as_str())
        .collect();
    // Nothing of hers stands beside it: hello, the placeholder, and what took its place.
    let standing = of_ana
        .iter()
        .filter(|it| it["type"] == "m.room.message" && it["content"]["m.new_content"].is_null());
    assert_eq!(standing.count(), 2, "{of_ana:#?}");
    let shown = of_ana
        .iter()
        .filter(|it| it["content"]["m.new_content"]["msgtype"] == "m.image");
    assert_eq!(shown.count(), 1, "shown once");
}

/// What stands around an answer of Ana to a message of hers that was passed on as well.
fn around<H, C: Client>(talk: &Talk<'_, H, C>, id: &str, quoted: &str) -> wa::ContextInfo {
    let mut around = answering(id, &talk.ana.jid(), &wa::Message::text(quoted));
    around.is_forwarded = Some(true);
    around
}

/// Ana sends a message that can be read only when she sends it again.
async fn sends_lost<H, C: Client>(talk: &Talk<'_, H, C>, message: wa::Message) -> (String, Value) {
    talk.ana.ignores_retries(true);
    talk.ana.garbles_next();
    let id = talk.sends(message);
    (id, waits(&talk.chat, &talk.ghost()).await)
}

/// B82, B04, B09: what takes the place of a placeholder says what it answers, and that it was passed on.
pub async fn b82_an_answer<H, C: Client>(talk: Talk<'_, H, C>) {
    let asked = talk.ana.says(talk.phone(), "a question");
    talk.chat.shows("a question").await;
    let (id, placeholder) = sends_lost(&talk, told("an answer", around(&talk, &asked, "a question"))).await;
    talk.speaks(Speech::Reaction {
        id: id.clone(),
        emoji: "👍".into(),
    });
    let thumb = talk.chat.sees("a mark", |event| event["type"] == "m.reaction").await;
    talk.ana.ignores_retries(false);
    talk.ana.sends_again(talk.phone(), &id);
    let now = talk
        .chat
        .sees_now("the answer", &placeholder, |now| now["msgtype"] == "m.text")
        .await;
    assert_eq!(now["body"], "↪ Forwarded\n> <Ana> a question\nan answer");
    assert_eq!(now["net.wharf.forwarded"], true);
    // The mark is on the same event, and stands.
    assert_eq!(relates_to(&thumb)["event_id"], placeholder["event_id"]);
    let thumb = talk.chat.event(thumb["event_id"].as_str().unwrap()).await;
    assert_eq!(thumb["content"]["m.relates_to"]["key"], "👍");
}

/// B82, B04, B08, B14: a sticker cannot take the place of a placeholder: it answers by itself, and has the marks and the pin.
pub async fn b82_a_sticker<H, C: Client>(talk: Talk<'_, H, C>) {
    const STILL: &[u8] = include_bytes!("media/still.webp");
    let asked = talk.ana.says(talk.phone(), "a question");
    let question = talk.chat.shows("a question").await;
    let mut sticker = talk.world.whatsapp.upload(MediaKind::Sticker, STILL).unwrap().sticker();
    sticker.context_info = MessageField::some(answering(&asked, &talk.ana.jid(), &wa::Message::text("a question")));
    let sticker = wa::Message {
        sticker_message: MessageField::some(sticker),
        ..Default::default()
    };
    let (id, placeholder) = sends_lost(&talk, sticker).await;
    let emoji = "👍".into();
    talk.speaks(Speech::Reaction { id: id.clone(), emoji });
    talk.chat.sees("a mark", |event| event["type"] == "m.reaction").await;
    let pinned = true;
    talk.speaks(Speech::Pin {
        id: id.clone(),
        pinned,
        seconds: 3600,
    });
    let is_pinned = async |event: &Value| {
        crate::support::waiting::eventually("the pin", 2 * crate::support::waiting::SOON, || async {
            let state = talk.chat.state("m.room.pinned_events").await?;
            (state["pinned"] == json!([event["event_id"]])).then_some(())
        })
        .await;
    };
    is_pinned(&placeholder).await;

    talk.ana.ignores_retries(false);
    talk.ana.sends_again(talk.phone(), &id);
    let shown = talk.chat.sees("a sticker", |event| event["type"] == "m.sticker").await;
    assert_eq!(relates_to(&shown)["m.in_reply_to"]["event_id"], question["event_id"]);
    let is_mark = |event: &Value| event["type"] == "m.reaction" && relates_to(event)["event_id"] == shown["event_id"];
    let mark = talk.chat.sees("the mark on it", is_mark).await;
    assert_eq!(
        (&relates_to(&mark)["key"], &mark["sender"]),
        (&json!("👍"), &json!(talk.ghost()))
    );
    is_pinned(&shown).await;
    talk.chat.sees_taken_back(&placeholder).await;
    // Taken away, it goes from where it is now.
    let emoji = String::new();
    talk.speaks(Speech::Reaction { id, emoji });
    talk.chat.sees_taken_back(&mark).await;
}

/// B82: Ana's phone does not answer, but the owner's has it.
pub async fn b82_from_the_phone<H, C: Client>(talk: Talk<'_, H, C>) {
    let form = HistoryForm {
        resends_lost: true,
        ..HistoryForm::default()
    };
    talk.phone().shares_history(form);
    talk.ana.ignores_retries(true);
    talk.ana.garbles_next();
    talk.ana.says(talk.phone(), "only the phone has it");
    let told = waits(&talk.chat, &talk.ghost()).await;
    talk.chat
        .sees_now("the words", &told, |now| now["body"] == "only the phone has it")
        .await;
}

/// B82: nobody sends it again: the placeholder stays, says where to look, and holds nothing up.
pub async fn b82_never<H, C: Client>(talk: Talk<'_, H, C>) {
    talk.ana.ignores_retries(true);
    talk.ana.garbles_next();
    talk.ana.says(talk.phone(), "lost for good");
    let told = waits(&talk.chat, &talk.ghost()).await;
    assert!(body(&told).contains("phone"), "{}", body(&told));
    talk.ana.says(talk.phone(), "and on");
    talk.chat.shows("and on").await;
    talk.chat.says(answer(&told, "what was that?")).await;
    talk.gets_text("what was that?").await;
    // Nobody knows its words, and nobody sees a mark on nothing; it can be taken back.
    let now = talk.chat.event(told["event_id"].as_str().unwrap()).await;
    assert_eq!(now["content"], told["content"]);
}

/// B82: what her phone cannot read of ours it asks for, once or with new keys, and gets it under the same id; in a group the
/// others get nothing again.
pub async fn b82_of_ours<H, C: Client>(talk: Talk<'_, H, C>) {
    talk.chat.says(words("first")).await;
    talk.gets_text("first").await;
    for (text, failures) in [("second", 1), ("third", 2)] {
        (0..failures).for_each(|_| talk.ana.fails_to_decrypt_next());
        let said = talk.chat.says(words(text)).await;
        let got = talk.gets_text(text).await;
        assert_eq!(talk.ana.raw_count(&got.id), failures + 1, "{text}");
        let message = talk.comes_to(&said, "delivered").await;
        assert_eq!(message["id"], got.id.as_str());
    }
    let (_, bob, there) = begun(&talk, false).await;
    bob.fails_to_decrypt_next();
    there.says(words("to all")).await;
    let is_it = |got: &Received| got.text.as_deref() == Some("to all");
    let got = receives(&bob, "words to all", is_it).await;
    receives(&talk.ana, "words to all", is_it).await;
    assert_eq!((bob.raw_count(&got.id), talk.ana.raw_count(&got.id)), (2, 1));
    assert!(talk.ana.unreadable().is_empty() && bob.unreadable().is_empty());
    talk.needs_no_notice().await;
}
