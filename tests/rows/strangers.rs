//! What comes from where nobody has a number, and what nobody knows yet: nothing of it is silence.

use whatsapp_rust::{buffa::MessageField, waproto::whatsapp as wa};

use super::{
    groups::begun,
    talk::{Client, Talk, ghost, receives, words},
};

const ANSWER: &str = "An answer of an assistant cannot be shown here yet. Open it on your phone.";
const UNKNOWN: &str = "A message of an unknown kind cannot be shown here yet. Open it on your phone.";
const ASSISTANT: &str = "@whatsapp_bot_867051314767696:hs.test";

/// B45: what the phone sends to a broadcast list stands in the chat with each of its people; where they are not told, in a
/// room of the list's own, where nothing can be written.
pub async fn b45_lists<H, C: Client>(talk: Talk<'_, H, C>) {
    let bob = talk
        .world
        .contact(&talk.ana.number().replacen("1555000", "1555200", 1), "Bob");
    let people = [&talk.ana, &bob];
    talk.phone().writes_to_list("we sail at ten", &people).unwrap();
    let shown = talk.chat.shows("we sail at ten").await;
    let with_bob = talk.chat.is_let_into_another().await;
    let bobs = with_bob.shows("we sail at ten").await;
    assert_eq!(shown["sender"], bobs["sender"]);
    for who in people {
        receives(who, "the words", |got| got.text.as_deref() == Some("we sail at ten")).await;
        assert_ne!(shown["sender"], ghost(who).as_str(), "the owner said it");
    }
    bob.says(talk.phone(), "I am there");
    with_bob.shows("I am there").await;

    talk.phone()
        .writes_to_list_of_nobody_named("we sail at eleven", &people)
        .unwrap();
    let list = talk.chat.is_let_into_another().await;
    let shown = list.shows("we sail at eleven").await;
    assert_eq!(shown["sender"], bobs["sender"]);
    list.says(words("or at noon")).await;
    list.hears("cannot be sent").await;
    talk.needs_no_notice().await;
}

/// B82: an assistant has a ghost, in groups and in a room of its own; what it answers phones alone is told there.
pub async fn b82_assistants<H, C: Client>(talk: Talk<'_, H, C>) {
    let (group, bob, there) = begun(&talk, true).await;
    group.is_answered_by_assistant(&bob).unwrap();
    let told = there.shows(ANSWER).await;
    assert_eq!(told["sender"], ASSISTANT);
    assert_eq!(told["content"]["msgtype"], "m.notice");
    group.says(&bob, "now we know").unwrap();
    there.shows("now we know").await;

    talk.phone().is_answered_by_assistant().unwrap();
    let alone = talk.chat.is_let_into_another().await;
    assert_eq!(alone.shows(ANSWER).await["sender"], ASSISTANT);
    alone.says(words("thank you")).await;
    alone.hears("cannot be sent").await;
}

/// B82: a word between clients that the library does not know is told, in its place among the others.
pub async fn b82_newer<H, C: Client>(talk: Talk<'_, H, C>) {
    // The library reads a type that is newer than itself as none.
    talk.sends(wa::Message {
        protocol_message: MessageField::some(wa::message::ProtocolMessage::default()),
        ..Default::default()
    });
    talk.ana.says(talk.phone(), "did you see?");
    let told = talk.chat.shows(UNKNOWN).await;
    assert_eq!(told["sender"], talk.ghost().as_str());
    assert_eq!(told["content"]["msgtype"], "m.notice");
    talk.chat.shows("did you see?").await;
}
