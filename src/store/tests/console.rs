//! What people see who look: sessions, deliveries, and how devices are doing.

use super::{message_id, on_both_engines, portal, work};
use crate::{
    model::{
        ContactId, Delivery, DeliveryId, Lane, MessageRef, PortalKey, Role, Sender, Timestamp, TokenId, WebhookId, Work,
    },
    store::{
        DeliveryState, Direction, Message, MessageState, NewCredential, Traffic,
        testing::{START, World, device},
    },
};

fn delivery(webhook: i64) -> Delivery {
    Delivery {
        id: DeliveryId::generate(),
        webhook: WebhookId(webhook),
        contact: Some(ContactId::from_adapter("15550001111@s.whatsapp.net")),
        created_at: START,
        body: "{}".into(),
        media: None,
    }
}

fn message(portal: &PortalKey, id: &str, direction: Direction, at: Timestamp) -> Message {
    Message {
        portal: portal.clone(),
        id: message_id(id),
        sender: Sender::Owner,
        room: None,
        event: Some(format!("${id}").try_into().unwrap()),
        direction,
        text: None,
        kind: "m.text".into(),
        reply_to: None,
        at,
        state: MessageState::Sent,
        error: None,
        transaction: None,
        content: None,
        speaker: None,
        edited_at: None,
    }
}

on_both_engines! {
    async fn a_session_lives_no_longer_than_its_time_and_its_credential(world: World) {
        let mut tx = world.store.begin().await.unwrap();
        let new = NewCredential {
            client_id: "app".into(),
            secret_hash: vec![1],
            role: Role::User,
            scopes: None,
            description: String::new(),
        };
        let credential = tx.insert_credential(&new).await.unwrap();
        let ends = START.plus_millis(1000);
        for hash in [b"one", b"two"] {
            tx.insert_session(hash, credential.id, ends).await.unwrap();
        }
        tx.insert_session(b"old", credential.id, START).await.unwrap();
        assert!(tx.set_session_token(b"one", TokenId(7)).await.unwrap());
        assert!(!tx.set_session_token(b"none", TokenId(7)).await.unwrap());
        let found = tx.find_session(b"one").await.unwrap().unwrap();
        assert_eq!((found.credential, found.token, found.expires_at), (credential.id, Some(TokenId(7)), ends));
        tx.remove_expired_sessions(START).await.unwrap();
        assert!(tx.find_session(b"old").await.unwrap().is_none());
        tx.remove_session(b"one").await.unwrap();
        assert!(tx.find_session(b"one").await.unwrap().is_none());
        assert!(tx.find_session(b"two").await.unwrap().is_some());
        tx.remove_credential("app").await.unwrap();
        assert!(tx.find_session(b"two").await.unwrap().is_none());
        tx.commit().await.unwrap();
    }

    async fn a_delivery_is_followed_to_its_end_and_begun_again(world: World) {
        let mut tx = world.store.begin().await.unwrap();
        let it = delivery(1);
        tx.insert_delivery(&it, "$event").await.unwrap();
        tx.delivery_waits(it.id, "status 500", START.plus_millis(5)).await.unwrap();
        let found = tx.find_delivery(it.webhook, it.id).await.unwrap().unwrap();
        assert_eq!((found.state, found.attempts, found.next_at), (DeliveryState::Waiting, 1, Some(START.plus_millis(5))));
        assert!(tx.find_delivery(WebhookId(2), it.id).await.unwrap().is_none());
        tx.delivery_ends((it.id, it.webhook), DeliveryState::Delivered, None).await.unwrap();
        let found = tx.find_delivery(it.webhook, it.id).await.unwrap().unwrap();
        assert_eq!((found.state, found.attempts, found.error), (DeliveryState::Delivered, 2, None));
        assert_eq!((found.next_at, found.settled_at, found.payload.as_ref()), (None, Some(START), Some(&it)));
        tx.delivery_begins_again(&it).await.unwrap();
        let found = tx.find_delivery(it.webhook, it.id).await.unwrap().unwrap();
        assert_eq!((found.state, found.settled_at), (DeliveryState::Waiting, None));
        tx.commit().await.unwrap();
    }

    async fn a_delivery_that_waits_can_be_hurried(world: World) {
        let mut tx = world.store.begin().await.unwrap();
        let (it, other) = (delivery(1), delivery(1));
        let later = START.plus_millis(60_000);
        for delivery in [&it, &other] {
            tx.insert_delivery(delivery, "$event").await.unwrap();
            tx.delivery_waits(delivery.id, "status 500", later).await.unwrap();
            let lane = Lane::redelivery(delivery.webhook, delivery.id);
            tx.push_job(&lane, &Work::Deliver(delivery.clone()), later).await.unwrap();
        }
        tx.hurry_delivery(it.webhook, it.id).await.unwrap();
        assert_eq!(tx.count_due(START).await.unwrap(), 1);
        let found = tx.find_delivery(it.webhook, it.id).await.unwrap().unwrap();
        assert_eq!(found.next_at, Some(START));
        tx.commit().await.unwrap();
    }

    async fn only_the_last_settled_deliveries_are_kept(world: World) {
        let mut tx = world.store.begin().await.unwrap();
        let waiting = delivery(1);
        tx.insert_delivery(&waiting, "$waiting").await.unwrap();
        let elsewhere = delivery(2);
        tx.insert_delivery(&elsewhere, "$elsewhere").await.unwrap();
        tx.delivery_ends((elsewhere.id, elsewhere.webhook), DeliveryState::Failed, Some("x")).await.unwrap();
        let mut last = elsewhere.id;
        for _ in 0..60 {
            world.clock.advance(1);
            let it = delivery(1);
            tx.insert_delivery(&it, "$event").await.unwrap();
            tx.delivery_ends((it.id, it.webhook), DeliveryState::Delivered, None).await.unwrap();
            last = it.id;
        }
        let kept = tx.list_deliveries(WebhookId(1)).await.unwrap();
        assert_eq!((kept.len(), kept[0].id), (50, last));
        assert!(tx.find_delivery(waiting.webhook, waiting.id).await.unwrap().is_some());
        assert_eq!(tx.list_deliveries(WebhookId(2)).await.unwrap().len(), 1);
        tx.remove_deliveries_of(WebhookId(1)).await.unwrap();
        assert!(tx.list_deliveries(WebhookId(1)).await.unwrap().is_empty());
        tx.commit().await.unwrap();
    }

    async fn a_message_that_is_taken_back_takes_its_payload_along(world: World) {
        let mut tx = world.store.begin().await.unwrap();
        let portal = portal();
        for id in ["gone", "stays"] {
            tx.insert_message(&message(&portal, id, Direction::In, START)).await.unwrap();
        }
        let (gone, stays) = (delivery(1), delivery(1));
        tx.insert_delivery(&gone, "$gone").await.unwrap();
        tx.insert_delivery(&stays, "$stays").await.unwrap();
        let taken_back = MessageRef {
            id: message_id("gone"),
            sender: Sender::Owner,
        };
        tx.erase_message(&portal, &taken_back, None).await.unwrap();
        let mut payload = async |it: &Delivery| tx.find_delivery(it.webhook, it.id).await.unwrap().unwrap().payload;
        assert_eq!(payload(&gone).await, None);
        assert_eq!(payload(&stays).await.as_ref(), Some(&stays));
        tx.commit().await.unwrap();
    }

    async fn traffic_is_counted_by_the_hour_and_contact_by_the_minute(world: World) {
        let identity = world.identity("owner").await;
        let mut tx = world.store.begin().await.unwrap();
        let device = device(identity.id);
        tx.insert_device(&device).await.unwrap();
        assert_eq!(tx.last_heard(device.id).await.unwrap(), None);
        tx.device_heard(device.id).await.unwrap();
        world.clock.advance(59_999);
        tx.device_heard(device.id).await.unwrap();
        assert_eq!(tx.last_heard(device.id).await.unwrap(), Some(START));
        world.clock.advance(1);
        tx.device_heard(device.id).await.unwrap();
        assert_eq!(tx.last_heard(device.id).await.unwrap(), Some(START.plus_millis(60_000)));

        let chat = PortalKey::new(device.id, portal().chat);
        let hour = 3_600_000;
        for (id, direction, at) in [
            ("old", Direction::In, -1),
            ("a", Direction::In, 0),
            ("b", Direction::Out, hour - 1),
            ("c", Direction::In, hour - 1),
            ("d", Direction::Out, 2 * hour),
        ] {
            tx.insert_message(&message(&chat, id, direction, START.plus_millis(at))).await.unwrap();
        }
        tx.insert_message(&message(&portal(), "other", Direction::In, START)).await.unwrap();
        let counted = tx.list_traffic(device.id, START).await.unwrap();
        let expected = [
            Traffic { from: START, incoming: 2, outgoing: 1 },
            Traffic { from: START.plus_millis(2 * hour), incoming: 0, outgoing: 1 },
        ];
        assert_eq!(counted, expected);
        tx.push_job(&Lane::incoming(&chat), &work("x"), START).await.unwrap();
        tx.push_job(&Lane::incoming(&portal()), &work("y"), START).await.unwrap();
        assert_eq!(tx.count_jobs_of(device.id).await.unwrap(), 1);
        tx.commit().await.unwrap();
    }
}
