//! What stands around messages, and which pictures belong to an album.

use ruma::{OwnedEventId, owned_event_id};

use super::{
    message_id, on_both_engines, portal,
    rows::{ana, message},
};
use crate::{
    model::{Content, MessageRef, Quote, Sender},
    store::{DELETED, Frame, Message, testing::World},
};

fn shown(key: &crate::model::PortalKey, id: &str, event: OwnedEventId) -> Message {
    Message {
        event: Some(event),
        content: Some(Content::words(id)),
        ..message(key, id, ana())
    }
}

on_both_engines! {
    async fn what_stands_around_a_message_is_kept_until_what_it_repeats_is_taken_back(world: World) {
        let key = portal();
        let answer = Message { reply_to: Some(message_id("3EB0")), ..shown(&key, "3EB1", owned_event_id!("$one")) };
        let frame = Frame {
            forwarded: true,
            reply_to: Some(Quote { id: message_id("3EB0"), sender: Some(Sender::Owner), text: Some("before".into()), content: None }),
            in_words: true,
            thread: Some(MessageRef { id: message_id("3EB2"), sender: ana() }),
            album: Some(message_id("A1")),
        };
        let mut tx = world.store.begin().await.unwrap();
        tx.insert_message(&answer).await.unwrap();
        assert_eq!(tx.find_message_frame(&key, &answer.id, &answer.sender).await.unwrap(), Frame::default());
        tx.set_message_frame(&key, &answer.id, &answer.sender, &frame).await.unwrap();
        assert_eq!(tx.find_message_frame(&key, &answer.id, &answer.sender).await.unwrap(), frame);
        tx.erase_message(&key, &MessageRef { id: message_id("3EB0"), sender: Sender::Owner }, None).await.unwrap();
        let left = tx.find_message_frame(&key, &answer.id, &answer.sender).await.unwrap();
        assert_eq!(left, Frame { album: frame.album.clone(), ..Frame::default() });
        tx.commit().await.unwrap();
    }

    async fn the_pictures_of_an_album_are_found_as_they_came(world: World) {
        let key = portal();
        let album = message_id("A1");
        let frame = Frame { album: Some(album.clone()), ..Frame::default() };
        let mut tx = world.store.begin().await.unwrap();
        assert_eq!(tx.find_first_of_album(&key, &album, &ana()).await.unwrap(), None);
        let unshown = Message { event: None, ..shown(&key, "3EB0", owned_event_id!("$none")) };
        let one = shown(&key, "3EB1", owned_event_id!("$one"));
        let two = shown(&key, "3EB2", owned_event_id!("$two"));
        for picture in [&unshown, &one, &two] {
            tx.insert_message(picture).await.unwrap();
            tx.set_message_frame(&key, &picture.id, &picture.sender, &frame).await.unwrap();
        }
        let ids = |all: Vec<Message>| all.into_iter().map(|one| one.id).collect::<Vec<_>>();
        let listed = tx.list_album(&key, &album, &ana()).await.unwrap();
        assert_eq!(ids(listed), [one.id.clone(), two.id.clone(), unshown.id.clone()]);
        assert_eq!(tx.list_album(&key, &album, &Sender::Owner).await.unwrap(), []);
        tx.erase_message(&key, &MessageRef { id: one.id.clone(), sender: ana() }, None).await.unwrap();
        let first = tx.find_first_of_album(&key, &album, &ana()).await.unwrap();
        assert_eq!(first.map(|first| first.id), Some(two.id.clone()));
        let gone = tx.find_message(&key, &one.id, &ana()).await.unwrap();
        assert_eq!(gone.map(|gone| gone.kind), Some(DELETED.to_owned()));
        tx.commit().await.unwrap();
    }
}
