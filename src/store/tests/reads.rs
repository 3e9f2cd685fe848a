//! Who has read what.

use ruma::{OwnedEventId, owned_event_id};

use super::{
    message_id, on_both_engines, portal,
    rows::{ana, message},
};
use crate::{
    model::{ContactId, MessageRef, Sender},
    store::{
        Message, UpTo,
        testing::{START, World},
    },
};

fn said(id: &str, sender: Sender) -> MessageRef {
    MessageRef {
        id: message_id(id),
        sender,
    }
}

on_both_engines! {
    async fn what_the_owner_has_not_read_is_listed_up_to_a_message(world: World) {
        let key = portal();
        for (id, sender) in [("1", ana()), ("2", ana()), ("3", Sender::Owner), ("4", ana())] {
            world.clock.advance(5);
            let event: OwnedEventId = format!("${id}").try_into().unwrap();
            let mut tx = world.store.begin().await.unwrap();
            tx.insert_message(&Message { event: Some(event), ..message(&key, id, sender) }).await.unwrap();
            tx.commit().await.unwrap();
        }
        let mut tx = world.store.begin().await.unwrap();
        let at = tx.find_stored_at(&key, &said("3", Sender::Owner)).await.unwrap().unwrap();
        let unseen = tx.list_unseen(&key, UpTo::Stored(at), 10).await.unwrap();
        assert_eq!(unseen, [said("1", ana()), said("2", ana())]);
        assert_eq!(tx.list_unseen(&key, UpTo::Stored(at), 1).await.unwrap(), [said("1", ana())]);
        // Clocks differ: what was said by a moment counts, whenever it came.
        assert_eq!(tx.list_unseen(&key, UpTo::Moment(START), 10).await.unwrap().len(), 3);
        assert_eq!(tx.count_unseen(&key, START).await.unwrap(), 3);
        assert_eq!(tx.count_unseen(&key, START.plus_millis(1)).await.unwrap(), 0);
        assert_eq!(tx.find_newest_shown(&key).await.unwrap(), Some(said("4", ana())));
        tx.set_seen(&key, &unseen).await.unwrap();
        assert_eq!(tx.list_unseen(&key, UpTo::Stored(at), 10).await.unwrap(), []);
        assert_eq!(tx.find_newest_seen(&key).await.unwrap(), Some(owned_event_id!("$2")));
        let chats = tx.list_chats_of_message(key.device, &message_id("4")).await.unwrap();
        assert_eq!(chats, [(key.chat.clone(), ana())]);
        assert!(tx.set_seen_up_to(&key, UpTo::Moment(START)).await.unwrap());
        assert!(!tx.set_seen_up_to(&key, UpTo::Moment(START)).await.unwrap());
        assert_eq!(tx.find_newest_seen(&key).await.unwrap(), Some(owned_event_id!("$4")));
        tx.commit().await.unwrap();
    }

    async fn the_mark_of_a_reader_never_goes_back(world: World) {
        let (key, reader) = (portal(), ContactId::from_adapter("15550002222"));
        for id in ["1", "2", "3"] {
            world.clock.advance(5);
            let mut tx = world.store.begin().await.unwrap();
            tx.insert_message(&message(&key, id, Sender::Owner)).await.unwrap();
            tx.commit().await.unwrap();
        }
        let ids = |ids: &[&str]| ids.iter().map(|id| message_id(id)).collect::<Vec<_>>();
        let mut tx = world.store.begin().await.unwrap();
        assert!(!tx.move_read_mark(&key, &reader, &ids(&["nowhere"])).await.unwrap());
        assert!(tx.move_read_mark(&key, &reader, &ids(&["2", "1"])).await.unwrap());
        tx.set_read_mark_shown(&key, &reader, &message_id("2")).await.unwrap();
        assert!(!tx.move_read_mark(&key, &reader, &ids(&["1"])).await.unwrap());
        assert!(!tx.move_read_mark(&key, &reader, &ids(&["2"])).await.unwrap());
        let mark = tx.find_read_mark(&key, &reader).await.unwrap().unwrap();
        assert!((mark.message, mark.shown) == (message_id("2"), true));
        assert!(tx.move_read_mark(&key, &reader, &ids(&["3", "1"])).await.unwrap());
        assert!(!tx.find_read_mark(&key, &reader).await.unwrap().unwrap().shown);
        tx.commit().await.unwrap();
    }
}
