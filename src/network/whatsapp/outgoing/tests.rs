//! What is written for every action, read back as the other side reads it.

use proptest::prelude::*;
use whatsapp_rust::wacore::reaction::decrypt_reaction_with_secret;

use super::*;
use crate::{
    model::{
        Appointment, Card, ChatId, Invitation, Location, Media, MediaKind, MediaSource, Mention, Place, Poll, Preview,
    },
    network::whatsapp::{
        incoming::{self, Scene},
        stored_media::{StoredAs, StoredMedia},
    },
};

fn contact(name: &str) -> Sender {
    Sender::Contact(ContactId::from_adapter(name))
}

fn desk(chat: &str) -> Desk {
    let people = [("15550001111", "42@lid"), ("15550002222", "15550002222@s.whatsapp.net")];
    Desk {
        chat: chat.parse().unwrap(),
        own: Some("15550009999@s.whatsapp.net".parse().unwrap()),
        people: people
            .into_iter()
            .map(|(contact, jid)| (ContactId::from_adapter(contact), jid.parse().unwrap()))
            .collect(),
        quoted_from: None,
        now: Timestamp::from_secs(1_700_000_000),
        secret: Some([7; 32]),
        question: None,
        answerer: None,
    }
}

pub(super) fn direct() -> Desk {
    desk("15550001111@s.whatsapp.net")
}

pub(super) fn group() -> Desk {
    desk("120363000000000001@g.us")
}

/// As Ana's phone reads what the owner wrote.
fn read_back(message: &wa::Message, desk: &Desk) -> Option<Action> {
    let peer = (!desk.chat.is_group()).then(|| contact("15550001111"));
    incoming::read(
        message,
        &Scene {
            actor: Sender::Owner,
            peer,
            by_admin: true,
            thread: None,
            opened: None,
            sealed: None,
            people: &incoming::tests::Everybody,
        },
    )
}

fn comes_back(action: &Action, desk: &Desk) {
    assert_eq!(read_back(&write(action, desk).unwrap(), desk).as_ref(), Some(action));
}

pub(super) fn target(sender: Sender) -> MessageRef {
    MessageRef {
        id: MessageId::from_adapter("3EB0AA"),
        sender,
    }
}

fn quote(text: Option<&str>) -> Quote {
    Quote {
        id: MessageId::from_adapter("3EB0AA"),
        sender: Some(contact("15550001111")),
        text: text.map(ToOwned::to_owned),
        content: None,
    }
}

#[test]
fn acts_on_messages_come_back_as_they_were_written() {
    for desk in [direct(), group()] {
        for sender in [Sender::Owner, contact("15550001111")] {
            let target = || target(sender.clone());
            comes_back(
                &Action::React {
                    target: target(),
                    emoji: Some("👍".into()),
                },
                &desk,
            );
            comes_back(
                &Action::React {
                    target: target(),
                    emoji: None,
                },
                &desk,
            );
            comes_back(
                &Action::Pin {
                    target: target(),
                    pinned: true,
                    seconds: Some(604_800),
                },
                &desk,
            );
        }
        comes_back(
            &Action::Edit {
                target: target(Sender::Owner),
                content: Content::words("better"),
            },
            &desk,
        );
        comes_back(
            &Action::Delete {
                target: target(Sender::Owner),
            },
            &desk,
        );
    }
    comes_back(
        &Action::Delete {
            target: target(contact("15550002222")),
        },
        &group(),
    );
    comes_back(&Action::Timer(Some(86_400)), &direct());
    comes_back(&Action::Timer(None), &direct());
}

#[test]
fn nobody_takes_back_what_the_other_one_wrote() {
    let action = Action::Delete {
        target: target(contact("15550001111")),
    };
    assert!(matches!(write(&action, &direct()), Err(Error::Refused(_))));
    let stranger = Action::Delete {
        target: target(contact("15550007777")),
    };
    assert!(matches!(write(&stranger, &group()), Err(Error::NotFound(_))));
}

#[test]
fn a_reply_carries_what_it_answers() {
    let say = Say {
        reply_to: Some(quote(Some("coming?"))),
        ..Say::new(Content::words("yes"))
    };
    let message = write(&Action::Say(say.clone()), &group()).unwrap();
    let context = &message.extended_text_message.context_info;
    assert_eq!(context.stanza_id.as_deref(), Some("3EB0AA"));
    assert_eq!(context.participant.as_deref(), Some("42@lid"));
    assert_eq!(context.quoted_message.conversation.as_deref(), Some("coming?"));
    comes_back(&Action::Say(say), &group());
}

#[test]
fn people_are_named_by_their_numbers_on_the_way_out() {
    let text = Text {
        body: "@15550001111 and @15550009999!".into(),
        mentions: vec![
            Mention {
                token: "@15550001111".into(),
                who: contact("15550001111"),
            },
            Mention {
                token: "@15550009999".into(),
                who: Sender::Owner,
            },
        ],
        everyone: true,
        preview: Some(Box::new(Preview {
            url: "https://example.org".into(),
            title: Some("Example".into()),
            ..Preview::default()
        })),
    };
    let action = Action::Say(Say::new(Content::Text(text)));
    let message = write(&action, &group()).unwrap();
    assert_eq!(
        message.extended_text_message.text.as_deref(),
        Some("@42 and @15550009999!")
    );
    comes_back(&action, &group());
}

#[test]
fn what_whatsapp_would_never_take_is_refused_here() {
    let say = |content| Action::Say(Say::new(content));
    let too_long = Content::words("é".repeat(TEXT_LIMIT + 1));
    assert!(matches!(
        write(&say(Content::words("")), &direct()),
        Err(Error::Refused(_))
    ));
    assert!(matches!(write(&say(too_long), &direct()), Err(Error::Refused(_))));
    write(&say(Content::words("é".repeat(TEXT_LIMIT))), &direct()).unwrap();
    let unknown = say(Content::Unsupported("image".into()));
    assert!(matches!(write(&unknown, &direct()), Err(Error::Unsupported(kind)) if kind == "image"));
}

/// A file of this kind on the servers.
pub(super) fn stored(kind: MediaKind) -> StoredMedia {
    StoredMedia {
        media_type: match kind {
            MediaKind::Image => StoredAs::Image,
            MediaKind::Video | MediaKind::Gif | MediaKind::VideoNote => StoredAs::Video,
            MediaKind::Audio | MediaKind::Voice => StoredAs::Audio,
            MediaKind::Sticker => StoredAs::Sticker,
            MediaKind::File => StoredAs::Document,
        },
        direct_path: "/v/1".into(),
        media_key: vec![1; 32],
        file_sha256: vec![2; 32],
        file_enc_sha256: vec![3; 32],
        file_length: 10,
    }
}

fn media(kind: MediaKind) -> Media {
    let has_size = !matches!(kind, MediaKind::Audio | MediaKind::Voice | MediaKind::File);
    let plays = !matches!(kind, MediaKind::Image | MediaKind::Sticker | MediaKind::File);
    let has_caption = plays && has_size || matches!(kind, MediaKind::Image | MediaKind::File);
    Media {
        kind,
        source: MediaSource::Network(stored(kind).into_ref()),
        mime: "x/y".into(),
        size: Some(10),
        name: (kind == MediaKind::File).then(|| "plan.pdf".to_owned()),
        caption: has_caption.then(|| Text::plain("look")),
        width: has_size.then_some(320),
        height: has_size.then_some(240),
        duration: plays.then_some(3000),
        waveform: if kind == MediaKind::Voice {
            vec![0, 100]
        } else {
            Vec::new()
        },
        thumbnail: None,
        blurhash: None,
        animated: kind == MediaKind::Sticker,
        view_once: !matches!(kind, MediaKind::Sticker | MediaKind::File),
        home: None,
        note: None,
    }
}

#[test]
fn media_of_every_kind_come_back_as_they_were_written() {
    use MediaKind::{Audio, File, Gif, Image, Sticker, Video, VideoNote, Voice};
    for kind in [Image, Video, Gif, VideoNote, Audio, Voice, Sticker, File] {
        let say = Say {
            reply_to: Some(quote(Some("show me"))),
            album: (kind == Image).then(|| MessageId::from_adapter("3EB0BB")),
            ..Say::new(Content::Media(Box::new(media(kind))))
        };
        comes_back(&Action::Say(say), &direct());
    }
    let elsewhere = Media {
        source: MediaSource::Matrix("mxc://example.org/1".into()),
        ..media(Image)
    };
    let action = Action::Say(Say::new(Content::Media(Box::new(elsewhere))));
    assert!(matches!(write(&action, &direct()), Err(Error::Refused(_))));
}

#[test]
fn whatever_else_both_sides_know_comes_back_as_it_was_written() {
    let place = Place {
        latitude: 52.5,
        longitude: 13.25,
        accuracy: Some(10),
    };
    let card = |name: &str| Card {
        name: name.to_owned(),
        vcard: format!("BEGIN:VCARD\nFN:{name}\nEND:VCARD"),
    };
    let contents = [
        Content::Location(Location {
            place,
            name: Some("Park".into()),
            address: Some("Main Street 1".into()),
            url: None,
            is_live: false,
            course: crate::model::Course::default(),
            thumbnail: None,
        }),
        Content::Contacts(vec![card("Bob")]),
        Content::Contacts(vec![card("Bob"), card("Cem")]),
        Content::Poll(poll(1)),
        Content::Poll(poll(0)),
        Content::Appointment(Appointment {
            title: "Dinner".into(),
            description: Some("Bring wine".into()),
            starts_at: Some(Timestamp::from_secs(1_700_000_000)),
            ends_at: None,
            location: Some("Park".into()),
            link: None,
            is_cancelled: true,
        }),
        Content::Invitation(Invitation {
            group: ChatId::from_adapter("120363000000000001@g.us"),
            name: "Garden".into(),
            code: "abc".into(),
            expires_at: Some(Timestamp::from_secs(1_700_000_000)),
            words: None,
        }),
        Content::Album { announced: 3, films: 1 },
    ];
    for content in contents {
        let say = Say {
            reply_to: Some(quote(Some("and?"))),
            ..Say::new(content)
        };
        comes_back(&Action::Say(say), &group());
    }
    let no_poll = Action::Say(Say::new(Content::Poll(Poll {
        options: vec!["Yes".into()],
        ..poll(1)
    })));
    assert!(matches!(write(&no_poll, &direct()), Err(Error::Refused(_))));
}

#[test]
fn marks_in_announcement_groups_are_sealed_with_the_secret_of_their_message() {
    let desk = Desk {
        question: Some(Question {
            secret: [7; 32],
            author: "42@lid".into(),
            options: Vec::new(),
            former: Vec::new(),
        }),
        answerer: Some("9@lid".parse().unwrap()),
        ..group()
    };
    let action = Action::React {
        target: target(contact("15550001111")),
        emoji: Some("👍".into()),
    };
    let message = write(&action, &desk).unwrap();
    let sealed = &message.enc_reaction_message;
    assert_eq!(sealed.target_message_key.participant.as_deref(), Some("42@lid"));
    let (payload, iv) = (
        sealed.enc_payload.as_deref().unwrap(),
        sealed.enc_iv.as_deref().unwrap(),
    );
    let opened = decrypt_reaction_with_secret(payload, iv, &[7; 32], "3EB0AA", "42@lid", "9@lid").unwrap();
    assert_eq!(opened.text.as_deref(), Some("👍"));
}

#[test]
fn b12_what_disappears_tells_since_when_the_chat_has_its_timer() {
    let around = |expires_in, timer_at| {
        let say = Say {
            expires_in,
            timer_at,
            ..Say::new(Content::words("hi"))
        };
        let message = write(&Action::Say(say), &direct()).unwrap();
        let context = &message.extended_text_message.context_info;
        (context.expiration, context.ephemeral_setting_timestamp)
    };
    let since = Some(Timestamp::from_millis(1_700_000_000_900));
    assert_eq!(around(Some(86_400), since), (Some(86_400), Some(1_700_000_000)));
    assert_eq!(around(Some(86_400), None), (Some(86_400), None));
    assert_eq!(around(None, since), (None, None));
}

fn poll(choices: u32) -> Poll {
    Poll {
        answers: Vec::new(),
        question: "Coming?".into(),
        options: vec!["Yes".into(), "No".into()],
        choices,
        ends_at: None,
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        text in ".{1,50}",
        quoted in proptest::option::of(".{1,20}"),
        forwarded: bool,
        expires_in in proptest::option::of(1u32..),
        timer_at in proptest::option::of(1i64..4_000_000_000),
        is_group: bool,
    ) {
        let say = Say {
            reply_to: quoted.as_deref().map(|text| quote(Some(text))),
            forwarded,
            expires_in,
            timer_at: timer_at.filter(|_| expires_in.is_some()).map(Timestamp::from_secs),
            ..Say::new(Content::words(text))
        };
        let desk = if is_group { group() } else { direct() };
        let action = Action::Say(say);
        prop_assert_eq!(read_back(&write(&action, &desk).unwrap(), &desk), Some(action));
    }
}
