//! Chats that were asked for by REST, groups that were made, and whole address books.

use super::{on_both_engines, portal};
use crate::{
    model::{ChatId, ChatRequestId, ContactId, Opened, Timestamp},
    store::testing::World,
};

const DAY: i64 = 24 * 60 * 60;

on_both_engines! {
    async fn b51_what_became_of_a_request_is_remembered_for_a_day(world: World) {
        let (first, second) = (ChatRequestId::generate(), ChatRequestId::generate());
        let mut tx = world.store.begin().await.unwrap();
        tx.insert_chat_request(first, Timestamp::from_secs(1)).await.unwrap();
        assert_eq!(tx.find_opened(first).await.unwrap(), None, "it is being done");
        let opened = Opened::NotOnNetwork(vec!["15550004444".into()]);
        tx.set_opened(first, &opened).await.unwrap();
        assert_eq!(tx.find_opened(first).await.unwrap(), Some(opened));
        tx.insert_chat_request(second, Timestamp::from_secs(1 + DAY)).await.unwrap();
        assert_eq!(tx.find_opened(first).await.unwrap(), None, "a day later it is forgotten");
        tx.commit().await.unwrap();
    }

    async fn b51_a_group_belongs_to_the_request_that_was_first(world: World) {
        let device = portal().device;
        let group = ChatId::from_adapter("1@g.us");
        let mut tx = world.store.begin().await.unwrap();
        for (request, is_its) in [("one", true), ("two", false), ("one", true)] {
            assert_eq!(tx.claim_made_group(device, &group, request).await.unwrap(), is_its, "{request}");
        }
        assert!(tx.list_groups_of_others(device, "one").await.unwrap().is_empty());
        assert_eq!(tx.list_groups_of_others(device, "two").await.unwrap(), [group]);
        tx.commit().await.unwrap();
    }

    async fn b47_a_whole_address_book_takes_the_place_of_the_one_before(world: World) {
        let device = portal().device;
        let (ana, bob) = (ContactId::from_adapter("15550001111"), ContactId::from_adapter("15550002222"));
        let mut tx = world.store.begin().await.unwrap();
        tx.set_address_book_name(device, &bob, Some("Bob")).await.unwrap();
        let names = [(ana.clone(), "Anna".to_owned()), (ana.clone(), "Ana".to_owned())];
        tx.replace_address_book(device, &names).await.unwrap();
        assert_eq!(tx.find_address_book_name(device, &bob).await.unwrap(), None);
        assert_eq!(tx.find_address_book_name(device, &ana).await.unwrap().as_deref(), Some("Ana"));
        assert_eq!(tx.count_address_book(device).await.unwrap(), 1);
        tx.commit().await.unwrap();
    }
}
