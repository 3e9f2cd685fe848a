//! What is done to messages that were said before.

use whatsapp_rust::waproto::whatsapp::message::protocol_message::Type;

use super::*;
use crate::model::Timestamp;

fn protocol(protocol: message::ProtocolMessage) -> wa::Message {
    wa::Message {
        protocol_message: MessageField::some(protocol),
        ..Default::default()
    }
}

fn revoke(key: MessageField<wa::MessageKey>) -> wa::Message {
    protocol(message::ProtocolMessage {
        r#type: Some(Type::REVOKE),
        key,
        ..Default::default()
    })
}

fn reaction(key: MessageField<wa::MessageKey>, text: &str) -> wa::Message {
    wa::Message {
        reaction_message: MessageField::some(message::ReactionMessage {
            key,
            text: Some(text.into()),
            ..Default::default()
        }),
        ..Default::default()
    }
}

#[test]
fn a_key_is_read_as_its_writer_sees_the_chat() {
    let on = |key, scene: &Scene<'_>| match read(&reaction(key, "👍"), scene) {
        Some(Action::React { target, emoji }) => (target.sender, emoji.unwrap()),
        other => panic!("{other:?} is no reaction"),
    };
    let by_owner = Scene {
        actor: Sender::Owner,
        ..by_ana()
    };
    let thumb = || "👍".to_owned();
    assert_eq!(on(key(true, None), &by_ana()), (ana(), thumb()));
    assert_eq!(on(key(false, None), &by_ana()), (Sender::Owner, thumb()));
    assert_eq!(on(key(true, None), &by_owner), (Sender::Owner, thumb()));
    assert_eq!(on(key(false, None), &by_owner), (ana(), thumb()));
    let bob = Some("15550002222@s.whatsapp.net");
    assert_eq!(on(key(false, bob), &in_group()), (contact("15550002222"), thumb()));
    assert_eq!(on(key(false, Some("42@lid")), &in_group()), (ana(), thumb()));
}

#[test]
fn an_empty_reaction_takes_the_mark_away() {
    let action = read(&reaction(key(true, None), ""), &by_ana());
    assert_eq!(
        action,
        Some(Action::React {
            target: target(ana()),
            emoji: None
        })
    );
}

#[test]
fn an_edit_is_read_in_every_shape_and_only_of_ones_own_message() {
    let plain = protocol(message::ProtocolMessage {
        r#type: Some(Type::MESSAGE_EDIT),
        key: key(false, Some("15550002222@s.whatsapp.net")),
        edited_message: MessageField::some(wa::Message::text("better")),
        ..Default::default()
    });
    let wrapped = wa::Message {
        edited_message: wrapped(plain.clone()),
        ..Default::default()
    };
    for message in [plain, wrapped] {
        assert_eq!(
            read(&message, &in_group()),
            Some(Action::Edit {
                target: target(ana()),
                content: Content::words("better")
            })
        );
    }
    let nameless = wa::Message {
        edited_message: super::wrapped(wa::Message::text("better")),
        ..Default::default()
    };
    assert_eq!(kind_of(&nameless), "edited message");
}

#[test]
fn a_message_is_taken_back_by_its_author_or_an_administrator_the_server_vouches_for() {
    let own = revoke(key(true, None));
    let bobs = revoke(key(false, Some("15550002222@s.whatsapp.net")));
    let deleted = |sender| Some(Action::Delete { target: target(sender) });
    assert_eq!(read(&own, &by_ana()), deleted(ana()));
    assert_eq!(read(&own, &in_group()), deleted(ana()));
    assert_eq!(read(&bobs, &in_group()), None);
    let by_admin = Scene {
        by_admin: true,
        ..in_group()
    };
    assert_eq!(read(&bobs, &by_admin), deleted(contact("15550002222")));
    assert_eq!(read(&revoke(key(false, None)), &by_ana()), None);
    let between_two = Scene {
        by_admin: true,
        ..by_ana()
    };
    assert_eq!(read(&revoke(key(false, None)), &between_two), None);
}

#[test]
fn pins_and_timers_are_read() {
    use message::pin_in_chat_message::Type as Pin;
    let pin = |kind, lasts| wa::Message {
        pin_in_chat_message: MessageField::some(message::PinInChatMessage {
            key: key(false, None),
            r#type: Some(kind),
            ..Default::default()
        }),
        message_context_info: MessageField::some(wa::MessageContextInfo {
            message_add_on_duration_in_secs: lasts,
            ..Default::default()
        }),
        ..Default::default()
    };
    for (kind, lasts, pinned, seconds) in [
        (Pin::PIN_FOR_ALL, Some(86_400), true, Some(86_400)),
        (Pin::PIN_FOR_ALL, None, true, None),
        (Pin::PIN_FOR_ALL, Some(0), true, None),
        (Pin::UNPIN_FOR_ALL, Some(86_400), false, None),
    ] {
        let becomes = Action::Pin {
            target: target(Sender::Owner),
            pinned,
            seconds,
        };
        assert_eq!(read(&pin(kind, lasts), &by_ana()), Some(becomes));
    }
    let timer = |seconds| {
        protocol(message::ProtocolMessage {
            r#type: Some(Type::EPHEMERAL_SETTING),
            ephemeral_expiration: Some(seconds),
            ..Default::default()
        })
    };
    assert_eq!(read(&timer(86_400), &by_ana()), Some(Action::Timer(Some(86_400))));
    assert_eq!(read(&timer(0), &by_ana()), Some(Action::Timer(None)));
}

#[test]
fn b11_an_option_is_added_to_the_poll_that_it_names() {
    let adds = |key| wa::Message {
        poll_add_option_message: MessageField::some(message::PollAddOptionMessage {
            poll_creation_message_key: key,
            add_option: MessageField::some(message::poll_creation_message::Option {
                option_name: Some("Sunday".into()),
                ..Default::default()
            }),
            ..Default::default()
        }),
        ..Default::default()
    };
    assert_eq!(
        read(&adds(key(false, None)), &by_ana()),
        Some(Action::AddOption {
            poll: target(Sender::Owner),
            option: "Sunday".into()
        })
    );
    let nameless = adds(MessageField::none());
    assert_eq!(content(&nameless), Content::Told("New option of a poll: Sunday".into()));
}

#[test]
fn b11_the_end_of_a_poll_is_told_in_milliseconds_and_understood_in_seconds() {
    let ends = |at: Option<i64>| {
        let poll = wa::Message {
            poll_creation_message_v3: MessageField::some(message::PollCreationMessage {
                name: Some("When?".into()),
                end_time: at,
                ..Default::default()
            }),
            ..Default::default()
        };
        match content(&poll) {
            Content::Poll(poll) => poll.ends_at.map(Timestamp::millis),
            other => panic!("{other:?} is no poll"),
        }
    };
    assert_eq!(ends(Some(1_777_284_000_123)), Some(1_777_284_000_123));
    assert_eq!(ends(Some(1_777_284_000)), Some(1_777_284_000_000));
    assert_eq!((ends(Some(0)), ends(None)), (None, None));
}

#[test]
fn b12_a_message_is_kept_from_disappearing_and_no_longer() {
    let keep = |key, kind| wa::Message {
        keep_in_chat_message: MessageField::some(message::KeepInChatMessage {
            key,
            keep_type: Some(kind),
            ..Default::default()
        }),
        ..Default::default()
    };
    for (kind, kept) in [
        (wa::KeepType::KEEP_FOR_ALL, true),
        (wa::KeepType::UNDO_KEEP_FOR_ALL, false),
    ] {
        let target = target(Sender::Owner);
        let action = read(&keep(key(false, None), kind), &by_ana());
        assert_eq!(action, Some(Action::Keep { target, kept }));
    }
    let nothing = keep(MessageField::none(), wa::KeepType::KEEP_FOR_ALL);
    assert!(matches!(read(&nothing, &by_ana()), Some(Action::Say(_))), "it is told");
}

#[test]
fn what_nobody_would_miss_is_nothing() {
    let keys = wa::Message {
        sender_key_distribution_message: MessageField::some(message::SenderKeyDistributionMessage::default()),
        ..Default::default()
    };
    let share = protocol(message::ProtocolMessage {
        r#type: Some(Type::APP_STATE_SYNC_KEY_SHARE),
        ..Default::default()
    });
    for message in [keys, share] {
        assert_eq!(named_in(&message, None), None);
        assert_eq!(read(&message, &by_ana()), None);
    }
}

#[test]
fn words_that_came_with_a_key_are_still_read() {
    let mut message = wa::Message::text("first words");
    message.sender_key_distribution_message = MessageField::some(message::SenderKeyDistributionMessage::default());
    assert_eq!(content(&message), Content::words("first words"));
}
