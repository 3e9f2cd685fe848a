//! New messages: words, media, and what stands around them.

use super::*;
use crate::model::{MediaKind, MediaSource};
use crate::network::whatsapp::stored_media::{StoredAs, StoredMedia};

#[test]
fn text_is_read_in_both_shapes_and_through_wrappers() {
    let plain = wa::Message::text("hello");
    let extended = wa::Message::text_with_context("hello", wa::ContextInfo::default());
    let ephemeral = wa::Message {
        ephemeral_message: wrapped(extended.clone()),
        ..Default::default()
    };
    let sent = wa::Message {
        device_sent_message: MessageField::some(message::DeviceSentMessage {
            message: MessageField::some(ephemeral.clone()),
            ..Default::default()
        }),
        ..Default::default()
    };
    for message in [plain, extended, ephemeral, sent] {
        assert_eq!(content(&message), Content::words("hello"));
    }
}

#[test]
fn people_are_named_by_their_ghosts_whichever_way_the_wire_spells_them() {
    let message = wa::Message::text_with_context(
        "@42 and @15550002222 and @77: ask @15550009999, not a@4217",
        wa::ContextInfo {
            mentioned_jid: [
                "42@lid",
                "15550002222@s.whatsapp.net",
                "77@lid",
                "15550009999@s.whatsapp.net",
            ]
            .map(ToOwned::to_owned)
            .to_vec(),
            non_jid_mentions: Some(1),
            ..Default::default()
        },
    );
    assert_eq!(named_in(&message, None).unwrap().len(), 4);
    let Content::Text(text) = content(&message) else {
        panic!("not text")
    };
    assert_eq!(
        text.body,
        "@15550001111 and @15550002222 and @lid_77: ask @15550009999, not a@4217"
    );
    assert!(text.everyone);
    let who: Vec<_> = text.mentions.iter().map(|mention| mention.who.clone()).collect();
    assert_eq!(who, [ana(), contact("15550002222"), contact("lid_77"), Sender::Owner]);
    assert_eq!(text.mentions[2].token, "@lid_77");
}

#[test]
fn what_cannot_be_had_is_named() {
    let view_once = wa::Message {
        view_once_message_v2: wrapped(image()),
        ..Default::default()
    };
    let voice = wa::Message {
        audio_message: MessageField::some(message::AudioMessage {
            ptt: Some(true),
            ..Default::default()
        }),
        ..Default::default()
    };
    assert_eq!(kind_of(&image()), "image");
    assert_eq!(kind_of(&view_once), "view-once image");
    assert_eq!(kind_of(&voice), "voice message");
    assert_eq!(kind_of(&wa::Message::default()), "message of an unknown kind");
}

#[test]
fn media_tell_where_they_are_and_what_they_show() {
    let video = wa::Message {
        view_once_message_v2: wrapped(wa::Message {
            video_message: MessageField::some(message::VideoMessage {
                direct_path: Some("/v/t62/1".into()),
                media_key: Some(vec![1; 32]),
                file_sha256: Some(vec![2; 32]),
                file_enc_sha256: Some(vec![3; 32]),
                file_length: Some(1234),
                mimetype: Some("video/mp4".into()),
                seconds: Some(3),
                width: Some(320),
                height: Some(240),
                gif_playback: Some(true),
                caption: Some("look @42".into()),
                jpeg_thumbnail: Some(vec![9; 3]),
                context_info: MessageField::some(wa::ContextInfo {
                    mentioned_jid: vec!["42@lid".into()],
                    is_forwarded: Some(true),
                    expiration: Some(86_400),
                    ..Default::default()
                }),
                ..Default::default()
            }),
            ..Default::default()
        }),
        ..Default::default()
    };
    let say = say(&video);
    assert!(say.forwarded);
    assert_eq!(say.expires_in, Some(86_400));
    let Content::Media(media) = say.content else {
        panic!("not media")
    };
    assert_eq!((media.kind, media.view_once), (MediaKind::Gif, true));
    assert_eq!(
        (media.width, media.height, media.duration),
        (Some(320), Some(240), Some(3000))
    );
    assert_eq!(media.caption.unwrap().body, "look @15550001111");
    assert_eq!(media.thumbnail.unwrap().base64, "CQkJ");
    let MediaSource::Network(reference) = media.source else {
        panic!("not on the network")
    };
    let stored = StoredMedia::of(&reference).unwrap();
    assert_eq!(
        (stored.media_type, stored.direct_path.as_str(), stored.file_length),
        (StoredAs::Video, "/v/t62/1", 1234)
    );
    assert_eq!(stored.media_key, [1; 32]);
}

#[test]
fn the_address_of_an_old_client_leads_to_the_same_file() {
    let mut message = image();
    message.image_message.modify(|image| {
        image.url = Some("https://mmg.example.net/v/t62/1?ccb=1&oh=2".into());
    });
    let Content::Media(media) = content(&message) else {
        panic!("not media")
    };
    let MediaSource::Network(reference) = media.source else {
        panic!("not on the network")
    };
    assert_eq!(StoredMedia::of(&reference).unwrap().direct_path, "/v/t62/1?ccb=1&oh=2");
}

#[test]
fn a_reply_tells_what_it_answers() {
    let quoting = |quoted: wa::Message| {
        say(&wa::Message::text_with_context(
            "yes",
            wa::ContextInfo {
                stanza_id: Some("3EB0AA".into()),
                participant: Some("15550009999@s.whatsapp.net".into()),
                quoted_message: MessageField::some(quoted),
                ..Default::default()
            },
        ))
        .reply_to
        .unwrap()
    };
    let quoted = quoting(wa::Message::text("coming?"));
    assert_eq!(quoted.id.as_str(), "3EB0AA");
    assert_eq!(quoted.sender, Some(Sender::Owner));
    assert_eq!(quoted.text.as_deref(), Some("coming?"));
    assert_eq!(quoted.content, None);
    let mut whole = image();
    whole
        .image_message
        .modify(|image| image.direct_path = Some("/v/1".into()));
    let quoted = quoting(whole);
    assert_eq!(quoted.text.as_deref(), Some("look"));
    assert!(matches!(quoted.content.as_deref(), Some(Content::Media(_))));
    assert_eq!(quoting(image()).text.as_deref(), Some("look"));
    assert_eq!(quoting(wa::Message::default()).text, None);
}

#[test]
fn b04_who_said_what_was_said_elsewhere_is_nobody_of_this_chat() {
    let author = |elsewhere: Option<&str>, participant: &str| {
        let around = wa::ContextInfo {
            stanza_id: Some("3EB0AA".into()),
            participant: Some(participant.into()),
            remote_jid: elsewhere.map(str::to_owned),
            quoted_message: MessageField::some(wa::Message::text("coming?")),
            ..Default::default()
        };
        let said = say(&wa::Message::text_with_context("yes", around));
        said.reply_to.unwrap().sender
    };
    let bob = "15550002222@s.whatsapp.net";
    for elsewhere in ["120363000000000001@g.us", "status@broadcast"] {
        assert_eq!(author(Some(elsewhere), bob), Some(contact("15550002222")));
        assert_eq!(
            author(Some(elsewhere), "15550009999@s.whatsapp.net"),
            Some(Sender::Owner)
        );
    }
    // In the chat itself there are two, whatever they are called.
    assert_eq!(author(None, bob), Some(ana()));
    assert_eq!(author(Some("15550001111@s.whatsapp.net"), bob), Some(ana()));
}

#[test]
fn pictures_of_an_album_know_their_album_and_better_copies_take_the_place_of_the_first() {
    let child = |kind: AssociationType| wa::Message {
        associated_child_message: wrapped(image()),
        message_context_info: MessageField::some(wa::MessageContextInfo {
            message_association: MessageField::some(wa::MessageAssociation {
                association_type: Some(kind),
                parent_message_key: key(true, None),
                ..Default::default()
            }),
            ..Default::default()
        }),
        ..Default::default()
    };
    let album = say(&child(AssociationType::MEDIA_ALBUM)).album.unwrap();
    assert_eq!(album.as_str(), "3EB0AA");
    let better = read(&child(AssociationType::HD_IMAGE_DUAL_UPLOAD), &by_ana());
    assert!(matches!(better, Some(Action::Edit { target: parent, .. }) if parent == target(ana())));
}

#[test]
fn a_link_shows_what_it_leads_to() {
    let message = wa::Message {
        extended_text_message: MessageField::some(message::ExtendedTextMessage {
            text: Some("see https://example.org".into()),
            matched_text: Some("https://example.org".into()),
            title: Some("Example".into()),
            ..Default::default()
        }),
        ..Default::default()
    };
    let Content::Text(Text {
        preview: Some(preview), ..
    }) = content(&message)
    else {
        panic!("no preview")
    };
    assert_eq!(
        (preview.url.as_str(), preview.title.as_deref()),
        ("https://example.org", Some("Example"))
    );
}
