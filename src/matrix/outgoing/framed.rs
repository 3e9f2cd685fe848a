//! What stands around our words, as events have it. Tests only.

use ruma::event_id;

use super::*;
use crate::model::{Media, MediaKind, MediaSource, MessageId, Poll};

fn picture() -> Media {
    Media {
        name: Some("a.jpg".into()),
        ..Media::new(
            MediaKind::Image,
            MediaSource::Matrix("mxc://hs.test/abc".into()),
            "image/jpeg",
        )
    }
}

/// What an event says from now on: its own content, or what it puts in the place of another one.
fn new_words(message: &Message) -> &Value {
    message.content.get("m.new_content").unwrap_or(&message.content)
}

#[test]
fn b04_what_cannot_be_an_answer_has_what_it_answers_over_its_words() {
    let mut around = Around::nothing();
    around.quote = Some("> <Ana> a *question*\n> or two");
    let messages = say(&Say::new(Content::words("yes")), &around);
    assert_eq!(messages[0].content["body"], "> <Ana> a *question*\n> or two\nyes");
    assert_eq!(
        messages[0].content["formatted_body"],
        "<blockquote>&lt;Ana&gt; a <strong>question</strong><br>or two</blockquote>yes"
    );
    assert_eq!(messages[0].content.get("m.relates_to"), None);
    let messages = say(&Say::new(Content::Media(Box::new(picture()))), &around);
    assert_eq!(messages[0].content["body"], "> <Ana> a *question*\n> or two");
    assert_eq!(messages[0].content["filename"], "a.jpg");
    assert_eq!(messages[0].content.get(FORWARDED), None);

    let sticker = Media {
        kind: MediaKind::Sticker,
        ..picture()
    };
    let messages = say(&Say::new(Content::Media(Box::new(sticker))), &around);
    assert_eq!(messages[0].event_type, "m.sticker");
    assert!(messages[1].content["body"].as_str().unwrap().starts_with("> <Ana>"));
    let poll = Poll {
        ends_at: None,
        question: "When?".into(),
        options: vec!["now".into()],
        choices: 1,
        answers: Vec::new(),
    };
    let messages = say(&Say::new(Content::Poll(poll)), &around);
    let asked = &messages[0].content[poll::START]["question"]["body"];
    assert_eq!(asked, "> <Ana> a *question*\n> or two\nWhen?");

    // Where there is an event to answer, the words stay as they are.
    around.reply_to = Some(event_id!("$question"));
    let messages = say(&Say::new(Content::words("yes")), &around);
    assert_eq!(messages[0].content["body"], "yes");
    assert_eq!(
        messages[0].content["m.relates_to"]["m.in_reply_to"]["event_id"],
        "$question"
    );
}

#[test]
fn b82_what_takes_the_place_of_another_says_what_stands_around_it() {
    let mut around = Around::nothing();
    (around.quote, around.reply_to) = (Some("> <Ana> a question"), Some(event_id!("$question")));
    let targets = [event_id!("$waits")];
    let mut said = Say::new(Content::words("yes"));
    (said.forwarded, said.album) = (true, Some(MessageId::from_adapter("A1")));
    let messages = edit(&targets, "m.notice", &said, &around);
    let now = new_words(&messages[0]);
    assert!(messages[0].is_edit());
    assert_eq!(now["body"], "↪ Forwarded\n> <Ana> a question\nyes");
    assert_eq!((&now[FORWARDED], &now[ALBUM]["id"]), (&json!(true), &json!("A1")));
    assert_eq!(messages[0].content["m.relates_to"]["rel_type"], "m.replace");

    // What can be no edit is an event of its own, which can be an answer.
    said.content = Content::Media(Box::new(Media {
        kind: MediaKind::Sticker,
        ..picture()
    }));
    let messages = edit(&targets, "m.notice", &said, &around);
    assert_eq!((messages.len(), messages[0].is_edit()), (1, false));
    assert_eq!(
        messages[0].content["m.relates_to"]["m.in_reply_to"]["event_id"],
        "$question"
    );
}
