//! What our words become.

use proptest::prelude::*;
use ruma::event_id;

use super::{
    super::incoming::{self, Incoming, Said},
    words::{LONGEST_BODY, LONGEST_CONTENT, parts},
    *,
};
use crate::model::{
    Appointment, Card, ChatId, Invitation, Location, Media, MediaKind, MediaSource, MessageId, Place, Poll, Preview,
    Text, Timestamp,
};

#[test]
fn an_answer_names_the_event_it_answers() {
    let content = text("yes", Some(event_id!("$question")));
    assert_eq!(content["m.relates_to"]["m.in_reply_to"]["event_id"], "$question");
    assert_eq!(content["msgtype"], "m.text");
    assert_eq!(text("yes", None).get("m.relates_to"), None);
}

#[test]
fn formatting_stands_beside_the_words_and_only_where_there_is_any() {
    let content = text("*b* <i>", None);
    assert_eq!(content["body"], "*b* <i>");
    assert_eq!(content["format"], "org.matrix.custom.html");
    assert_eq!(content["formatted_body"], "<strong>b</strong> &lt;i&gt;");
    let content = text("2*3*4 https://x.test/a_b_c", None);
    assert_eq!(content.get("formatted_body"), None);
    assert_eq!(content.get("format"), None);
}

#[test]
fn the_words_alone_name_who_is_mentioned_as_the_event_does() {
    let ana = Sender::Contact(crate::model::ContactId::from_adapter("15550001111"));
    let mention = |token: &str| crate::model::Mention {
        token: token.into(),
        who: ana.clone(),
    };
    let text = Text {
        mentions: vec![mention("@15550001111"), mention("@lid_42")],
        ..Text::plain("*ask* @15550001111, @lid_42\nor @15550002222")
    };
    let pill = |_: &Sender| {
        Some(Pill {
            user: ruma::user_id!("@whatsapp_15550001111:hs.test").to_owned(),
            name: "Ana".into(),
        })
    };
    let around = Around {
        pill: &pill,
        ..Around::nothing()
    };
    assert_eq!(named(&text, &pill), "*ask* Ana, Ana\nor @15550002222");
    let said = Say::new(Content::Text(text.clone()));
    assert_eq!(say(&said, &around)[0].content["body"], named(&text, &pill));
    // What is too long for one event is whole all the same, and what nobody is named for stays as it is.
    let long = Text::plain("word ".repeat(LONGEST_BODY));
    assert_eq!(named(&long, &pill), long.body);
    assert_eq!(named(&text, &|_| None), text.body);
}

#[test]
fn who_is_mentioned_is_named_and_rung() {
    let pill = |token: &str| {
        (token == "@15550001111").then(|| Pill {
            user: ruma::user_id!("@whatsapp_15550001111:hs.test").to_owned(),
            name: "Ana".into(),
        })
    };
    let words = Words {
        text: "@15550001111 and @15550002222",
        mentions: &["@15550001111", "@15550002222"],
        pill: &pill,
    };
    let content = texts(&words, None).remove(0);
    assert_eq!(content["body"], "Ana and @15550002222");
    assert_eq!(
        content["formatted_body"],
        "<a href=\"https://matrix.to/#/@whatsapp_15550001111:hs.test\">Ana</a> and @15550002222"
    );
    assert_eq!(
        content["m.mentions"],
        json!({"user_ids": ["@whatsapp_15550001111:hs.test"]})
    );
}

#[test]
fn long_texts_fit_into_events_with_their_html() {
    for word in ["*a* ", "<&>\" ", "_x_\n", "plain words ", "`c` & ", "<"] {
        let text = format!("*b* {}", word.repeat(60_000 / word.len()));
        let contents = texts(&Words::new(&text), None);
        let bodies: String = contents
            .iter()
            .map(|content| content["body"].as_str().unwrap())
            .collect();
        assert_eq!(
            bodies.split_whitespace().collect::<String>(),
            text.split_whitespace().collect::<String>()
        );
        for content in contents {
            assert!(content.to_string().len() <= LONGEST_CONTENT);
        }
    }
}

#[test]
fn a_kind_that_cannot_be_shown_is_named() {
    let content = unsupported_notice("image");
    assert_eq!(content["msgtype"], "m.notice");
    assert!(
        content["body"]
            .as_str()
            .unwrap()
            .starts_with("An image cannot be shown")
    );
}

#[test]
fn transaction_ids_tell_senders_and_borders_apart() {
    assert_eq!(transaction_id(&["a", "b"]), transaction_id(&["a", "b"]));
    assert_ne!(transaction_id(&["ab", "c"]), transaction_id(&["a", "bc"]));
    assert_ne!(
        transaction_id(&["chat", "id", "@one:x"]),
        transaction_id(&["chat", "id", "@two:x"])
    );
}

proptest! {
    #[test]
    fn parts_put_together_are_the_text(text in "(\\PC|\n|\"| ){0,400}", times in 1_usize..400) {
        let text = text.repeat(times);
        let parts = parts(&text, LONGEST_BODY);
        prop_assert_eq!(parts.concat(), text.as_str());
        for part in parts {
            prop_assert!(serde_json::to_string(part).unwrap().len() <= LONGEST_BODY + 2);
        }
    }
}

/// What a Matrix client of the same make would tell us of a message of ours.
fn read_back(messages: &[Message]) -> Said {
    let json = json!({"type": messages[0].event_type, "room_id": "!room:hs.test", "content": messages[0].content});
    match incoming::read(&serde_json::value::to_raw_value(&json).unwrap()).unwrap() {
        Incoming::Say(said) | Incoming::Edit { said, .. } => *said,
        other => panic!("{other:?}"),
    }
}

fn picture() -> Media {
    Media {
        size: Some(5),
        name: Some("a.jpg".into()),
        width: Some(3),
        height: Some(4),
        ..Media::new(
            MediaKind::Image,
            MediaSource::Matrix("mxc://hs.test/abc".into()),
            "image/jpeg",
        )
    }
}

#[test]
fn b09_what_was_forwarded_says_so_to_people_and_to_us() {
    for content in [Content::words("> hi\nyou"), Content::Media(Box::new(picture()))] {
        let mut forwarded = Say::new(content.clone());
        forwarded.forwarded = true;
        let messages = say(&forwarded, &Around::nothing());
        let body = messages[0].content["body"].as_str().unwrap();
        assert!(body.starts_with(FORWARDED_LINE), "{body}");
        let said = read_back(&messages);
        assert!(said.forwarded);
        assert_eq!(said.content, content);
    }
}

#[test]
fn b16_a_message_of_a_thread_shows_an_answer_where_threads_are_unknown() {
    let mut around = Around::nothing();
    around.thread = Some(Thread {
        root: event_id!("$root"),
        latest: Some(event_id!("$latest")),
    });
    let relation =
        |around: &Around<'_>| say(&Say::new(Content::words("hi")), around)[0].content["m.relates_to"].clone();
    let expected = json!({
        "rel_type": "m.thread", "event_id": "$root", "is_falling_back": true, "m.in_reply_to": {"event_id": "$latest"},
    });
    assert_eq!(relation(&around), expected);
    around.reply_to = Some(event_id!("$other"));
    assert_eq!(relation(&around)["m.in_reply_to"]["event_id"], "$other");
    assert_eq!(relation(&around)["is_falling_back"], false);
}

#[test]
fn b05_an_edit_has_the_new_words_twice_and_rings_nobody() {
    let messages = edit(
        &[event_id!("$first")],
        "m.text",
        &Say::new(Content::words("*new*")),
        &Around::nothing(),
    );
    let content = &messages[0].content;
    assert_eq!(content["body"], "* *new*");
    assert_eq!(content["formatted_body"], "* <strong>new</strong>");
    assert_eq!(content["m.new_content"]["body"], "*new*");
    assert_eq!(
        content["m.relates_to"],
        json!({"rel_type": "m.replace", "event_id": "$first"})
    );
    assert_eq!(read_back(&messages).content, Content::words("*new*"));
}

#[test]
fn b05_long_edits_fit_and_lose_nothing() {
    let text = "<&> *words* ".repeat(5_000);
    let messages = edit(
        &[event_id!("$first")],
        "m.text",
        &Say::new(Content::words(text.clone())),
        &Around::nothing(),
    );
    let bodies = messages.iter().map(|message| {
        let content = message.content.get("m.new_content").unwrap_or(&message.content);
        content["body"].as_str().unwrap().to_owned()
    });
    let bodies: String = bodies.collect::<Vec<_>>().join(" ");
    let words = |text: &str| text.split_whitespace().collect::<String>();
    assert_eq!(words(&bodies), words(&text));
    for message in messages {
        assert!(message.content.to_string().len() < 63 * 1024);
    }
}

#[test]
fn b08_reactions_are_written_with_variation_selectors() {
    let reaction = reaction(event_id!("$x"), "\u{2764}");
    assert_eq!(reaction.event_type, "m.reaction");
    assert_eq!(reaction.content["m.relates_to"]["key"], "\u{2764}\u{fe0f}");
}

#[test]
fn b11_a_vote_names_the_answers_of_the_poll() {
    let poll = Poll {
        question: "Tea?".into(),
        options: vec!["yes".into(), "no".into()],
        choices: 1,
        answers: Vec::new(),
        ends_at: None,
    };
    let messages = say(&Say::new(Content::Poll(poll.clone())), &Around::nothing());
    assert_eq!(messages[0].content["body"], "📊 Tea?\n1. yes\n2. no");
    let said = read_back(&messages);
    assert_eq!(said.content, Content::Poll(poll));
    assert_eq!(said.answers[1].id, answer_id("no"));
    let vote = vote(event_id!("$poll"), &[answer_id("no")]);
    assert_eq!(
        vote.content["org.matrix.msc3381.poll.response"]["answers"][0],
        answer_id("no")
    );
    let results = poll_results("Tea?", &[("yes", 1), ("no", 2)]);
    assert_eq!(results, "The poll “Tea?” is over.\nno: 2 votes\nyes: 1 vote");
    assert_eq!(poll_end(event_id!("$poll"), &results).content["body"], results);
}

#[test]
fn b11_a_poll_says_until_when_votes_count_and_calls_answers_as_they_are_called() {
    let poll = Poll {
        question: "Tea?".into(),
        options: vec!["yes".into(), "no".into()],
        choices: 1,
        answers: vec!["first".into()],
        ends_at: Some(Timestamp::from_secs(1_777_284_000)),
    };
    let messages = say(&Say::new(Content::Poll(poll)), &Around::nothing());
    assert_eq!(
        messages[0].content["body"],
        "📊 Tea?\n1. yes\n2. no\nVotes count until 2026-04-27 10:00 UTC."
    );
    let ids = read_back(&messages).answers.into_iter().map(|answer| answer.id);
    assert_eq!(ids.collect::<Vec<_>>(), ["first".to_owned(), answer_id("no")]);
}

#[test]
fn b28_pictures_name_their_album_and_the_album_is_silent() {
    assert!(say(&Say::new(Content::Album { announced: 2, films: 0 }), &Around::nothing()).is_empty());
    let mut of_album = Say::new(Content::Media(Box::new(picture())));
    of_album.album = Some(MessageId::from_adapter("A1"));
    assert_eq!(say(&of_album, &Around::nothing())[0].content[ALBUM]["id"], "A1");
}

#[test]
fn b43_the_state_of_a_message_is_told() {
    fn state(it: Status<'_>) -> Value {
        status(event_id!("$x"), "whatsapp", it).content
    }
    assert_eq!(state(Status::Pending)["status"], "PENDING");
    assert_eq!(state(Status::Sent)["status"], "SUCCESS");
    let user = ruma::user_id!("@whatsapp_1:hs.test").to_owned();
    assert_eq!(
        state(Status::Delivered(&[user]))["delivered_to_users"],
        json!(["@whatsapp_1:hs.test"])
    );
    let failed = state(Status::Failed {
        why: "too late",
        again: false,
    });
    assert_eq!(
        (&failed["status"], &failed["message"]),
        (&json!("FAIL_PERMANENT"), &json!("too late"))
    );
}

/// One content of each kind, with this text wherever somebody else chooses one.
fn every_kind_with(text: &str) -> Vec<Content> {
    let words = Text {
        preview: Some(Box::new(Preview {
            url: text.into(),
            title: Some(text.into()),
            description: Some(text.into()),
            thumbnail: None,
        })),
        ..Text::plain(text)
    };
    let some = Some(text.to_owned());
    let card = Card {
        name: text.into(),
        vcard: format!("BEGIN:VCARD\nTEL:{text}\nEND:VCARD"),
    };
    vec![
        Content::Text(words.clone()),
        Content::Media(Box::new(Media {
            mime: text.into(),
            name: some.clone(),
            caption: Some(words),
            blurhash: some.clone(),
            waveform: vec![100; 5000],
            kind: MediaKind::Voice,
            ..picture()
        })),
        Content::Location(Location {
            place: Place {
                latitude: 1.0,
                longitude: 2.0,
                accuracy: None,
            },
            name: some.clone(),
            address: some.clone(),
            url: some.clone(),
            is_live: true,
            course: crate::model::Course::default(),
            thumbnail: None,
        }),
        Content::Contacts(vec![card; 100]),
        Content::Poll(Poll {
            answers: Vec::new(),
            question: text.into(),
            options: vec![text.to_owned(); 100],
            choices: 1,
            ends_at: Some(Timestamp::from_secs(1)),
        }),
        Content::Appointment(Appointment {
            title: text.into(),
            description: some.clone(),
            starts_at: None,
            ends_at: None,
            location: some.clone(),
            link: some.clone(),
            is_cancelled: false,
        }),
        Content::Invitation(Invitation {
            group: ChatId::from_adapter(text),
            name: text.into(),
            code: text.into(),
            expires_at: None,
            words: some,
        }),
        Content::Told(text.into()),
        Content::Unsupported("kind".into()),
    ]
}

#[test]
fn everything_fits_into_events_however_long_it_is() {
    let mut around = Around::nothing();
    let uri = ruma::mxc_uri!("mxc://hs.test/abc");
    (around.picture, around.cards) = (Some(uri), Some(uri));
    let quote = vec![format!("> {}", "<é&".repeat(75)); 6].join("\n");
    around.quote = Some(&quote);
    for letters in ["\"", "\u{1}", "*a* <&> ", "é\n"] {
        for length in [300, 70_000] {
            for content in every_kind_with(&letters.repeat(length / letters.len())) {
                let kind = content.kind().to_owned();
                let was = content.event_kind();
                let mut said = Say::new(content);
                said.forwarded = true;
                let edited = edit(&[event_id!("$first")], was, &said, &around);
                for message in say(&said, &around).into_iter().chain(edited) {
                    let size = message.content.to_string().len();
                    assert!(size <= 63 * 1024, "{kind} of {length} {letters:?}: {size}");
                }
            }
        }
    }
}

fn media() -> impl Strategy<Value = Media> {
    let kind = prop_oneof![
        Just((MediaKind::Image, "image/png")),
        Just((MediaKind::Video, "video/mp4")),
        Just((MediaKind::Gif, "video/mp4")),
        Just((MediaKind::Gif, "image/gif")),
        Just((MediaKind::VideoNote, "video/mp4")),
        Just((MediaKind::Audio, "audio/mpeg")),
        Just((MediaKind::Voice, "audio/ogg; codecs=opus")),
        Just((MediaKind::Sticker, "image/webp")),
        Just((MediaKind::File, "application/pdf")),
    ];
    let size = prop::option::of(0..10_000_u32);
    let about = (size.clone(), size.clone(), size, any::<bool>(), any::<bool>());
    let words = prop::option::of("[a-z]{1,8}( [a-z]{1,8}){0,3}");
    (kind, about, words, prop::collection::vec(0..=100_u8, 0..64)).prop_map(
        |((kind, mime), about, caption, waveform)| {
            let (width, height, duration, animated, view_once) = about;
            let is_sound = matches!(kind, MediaKind::Audio | MediaKind::Voice);
            Media {
                kind,
                mime: mime.into(),
                width,
                height,
                duration: duration.map(u64::from),
                animated,
                caption: caption.filter(|_| kind != MediaKind::Sticker).map(Text::plain),
                view_once: view_once && kind != MediaKind::Sticker,
                waveform: if is_sound { waveform } else { vec![] },
                name: Some("a name".into()),
                ..picture()
            }
        },
    )
}

proptest! {
    #[test]
    fn media_are_read_as_they_were_written(media in media()) {
        let content = Content::Media(Box::new(media));
        let messages = say(&Say::new(content.clone()), &Around::nothing());
        prop_assert_eq!(&read_back(&messages).content, &content);
    }

    #[test]
    fn places_are_read_as_they_were_written(
        latitude in -90.0..=90.0_f64, longitude in -180.0..=180.0_f64, accuracy in prop::option::of(any::<u32>()), name in prop::option::of("[a-z]{1,9}"),
    ) {
        let place = Place { latitude, longitude, accuracy };
        let content = Content::Location(Location { place, name, address: None, url: None, is_live: false, course: crate::model::Course::default(), thumbnail: None });
        let messages = say(&Say::new(content.clone()), &Around::nothing());
        prop_assert_eq!(&read_back(&messages).content, &content);
    }

    #[test]
    fn polls_are_read_as_they_were_written(question in "[a-z?]{1,20}", options in prop::collection::btree_set("[a-z]{1,9}", 2..12), one in any::<bool>()) {
        let poll = Poll { question, options: options.into_iter().collect(), choices: u32::from(one), answers: Vec::new(), ends_at: None };
        let messages = say(&Say::new(Content::Poll(poll.clone())), &Around::nothing());
        prop_assert_eq!(&read_back(&messages).content, &Content::Poll(poll));
    }
}

#[test]
fn what_takes_the_place_of_one_message_at_different_times_has_transactions_of_its_own() {
    let of = |what| transaction_id(&[what, "device", "chat", "3EB0AA", "owner"]);
    assert_ne!(of("place:0"), of("media:0"));
    assert_eq!(of("place:0"), of("place:0"));
}
