//! Everything about devices and what crosses the bridge: written and read back, what is unique, what is broken.

use ruma::{event_id, owned_event_id, owned_room_id, owned_user_id, room_id, user_id};

use super::{message_id, on_both_engines, portal};
use crate::{
    model::{
        ChatKind, ContactId, Device, DeviceId, Identity, IdentityId, Lane, LinkState, LogoutReason, Platform,
        PortalKey, SendId, Sender, Timestamp, WebhookId, Work,
    },
    store::{
        Direction, Error, Ghost, Message, MessageState, NewToken, Portal, SendRow, SendStatus,
        testing::{self, START, World},
    },
};

fn device(identity: &Identity, number: &str, linked_at: Timestamp) -> Device {
    Device {
        number: number.into(),
        linked_at,
        ..testing::device(identity.id)
    }
}

pub(super) fn message(portal: &PortalKey, id: &str, sender: Sender) -> Message {
    Message {
        portal: portal.clone(),
        id: message_id(id),
        sender,
        room: None,
        event: None,
        direction: Direction::Out,
        text: Some("hello".into()),
        kind: "text".into(),
        reply_to: None,
        at: START,
        state: MessageState::Pending,
        error: None,
        transaction: None,
        content: None,
        speaker: None,
        edited_at: None,
    }
}

pub(super) fn ana() -> Sender {
    Sender::Contact(ContactId::from_adapter("15550002222"))
}

on_both_engines! {
    async fn what_waits_goes_on_with_a_device_that_is_linked_again(world: World) {
        let owner = world.identity("owner").await;
        let (first, second) = (device(&owner, "15550001111", START), device(&owner, "15550001111", START.plus_millis(1)));
        let mut tx = world.store.begin().await.unwrap();
        tx.insert_device(&first).await.unwrap();
        for kind in Lane::KINDS {
            // By its name, and by what is to be done.
            tx.push_job(&Lane::stored(format!("{kind}:{}/1", first.id)), &Work::Forget, START).await.unwrap();
            tx.push_job(&Lane::stored(format!("{kind}:1")), &Work::SyncContacts { device: first.id }, START).await.unwrap();
        }
        tx.insert_device(&second).await.unwrap();
        for kind in Lane::KINDS {
            let whose = if Lane::FOLLOWING.contains(&kind) { second.id } else { first.id };
            let by_name = Lane::stored(format!("{kind}:{whose}/1"));
            assert_eq!(tx.list_jobs(&by_name, Work::Forget.kind()).await.unwrap().len(), 1, "{kind}");
            let by_work = Lane::stored(format!("{kind}:1"));
            let found = tx.list_jobs(&by_work, "sync_contacts").await.unwrap();
            assert!(matches!(&found[..], [Work::SyncContacts { device }] if *device == whose), "{kind}: {found:?}");
        }
        tx.commit().await.unwrap();
    }

    async fn who_took_whose_place_is_forgotten_when_no_job_speaks_of_the_old_device(world: World) {
        let owner = world.identity("owner").await;
        let (first, second) = (device(&owner, "15550001111", START), device(&owner, "15550001111", START.plus_millis(1)));
        let mut tx = world.store.begin().await.unwrap();
        tx.insert_device(&first).await.unwrap();
        assert_eq!(tx.insert_device(&second).await.unwrap(), Some(first.id));
        assert_eq!(tx.find_successor(first.id).await.unwrap(), Some(second.id));
        let late = Lane::device(first.id);
        tx.push_job(&late, &Work::Unlink { device: first.id }, START).await.unwrap();
        assert_eq!(tx.forget_successors().await.unwrap(), 0, "what comes late must find its way");
        assert_eq!(tx.find_successor(first.id).await.unwrap(), Some(second.id));
        tx.execute(sqlx::query("delete from jobs")).await.unwrap();
        assert_eq!(tx.forget_successors().await.unwrap(), 1);
        assert_eq!(tx.find_successor(first.id).await.unwrap(), None);
        tx.commit().await.unwrap();
    }

    async fn a_device_is_found_and_its_link_remembered(world: World) {
        let owner = world.identity("owner").await;
        let (first, second) = (device(&owner, "15550001111", START), device(&owner, "15550003333", START.plus_millis(1)));
        let mut tx = world.store.begin().await.unwrap();
        assert_eq!(tx.insert_device(&second).await.unwrap(), None);
        assert_eq!(tx.insert_device(&first).await.unwrap(), None);
        assert_eq!(tx.list_devices(owner.id).await.unwrap(), [first.clone(), second.clone()]);
        assert_eq!(tx.list_all_devices().await.unwrap().len(), 2);
        assert!(tx.list_devices(IdentityId::generate()).await.unwrap().is_empty());
        assert_eq!(tx.find_device(first.id).await.unwrap(), Some(first.clone()));
        let by_number = tx.find_device_by_number(owner.id, Platform::WhatsApp, "15550003333").await.unwrap();
        assert_eq!(by_number, Some(second));
        for link in [
            LinkState::Reconnecting { since: START },
            LinkState::LoggedOut { reason: LogoutReason::Replaced },
            LinkState::Unlinked,
        ] {
            tx.set_device_link(first.id, &link).await.unwrap();
            assert_eq!(tx.find_device(first.id).await.unwrap().unwrap().link, link);
        }
        assert!(tx.remove_device(first.id).await.unwrap());
        assert!(!tx.remove_device(first.id).await.unwrap());
        tx.commit().await.unwrap();
    }

    async fn linking_a_number_again_replaces_its_device(world: World) {
        let (owner, other) = (world.identity("owner").await, world.identity("other").await);
        let (old, new) = (device(&owner, "15550001111", START), device(&owner, "15550001111", START.plus_millis(9)));
        let mut tx = world.store.begin().await.unwrap();
        tx.insert_device(&old).await.unwrap();
        assert_eq!(tx.insert_device(&device(&other, "15550001111", START)).await.unwrap(), None);
        assert_eq!(tx.insert_device(&new).await.unwrap(), Some(old.id));
        assert_eq!(tx.insert_device(&new).await.unwrap(), None, "it does not replace itself");
        assert_eq!(tx.list_devices(owner.id).await.unwrap(), [new]);
        assert!(tx.find_device(old.id).await.unwrap().is_none());
        tx.commit().await.unwrap();
    }

    async fn a_device_is_forsaken_when_only_its_keys_are_left(world: World) {
        let owner = world.identity("owner").await;
        let (kept, removed) = (device(&owner, "15550001111", START), device(&owner, "15550002222", START));
        let (dropped, cut_off) = (device(&owner, "15550003333", START), DeviceId::generate());
        let mut tx = world.store.begin().await.unwrap();
        assert!(tx.list_forsaken_devices().await.unwrap().is_empty());
        for device in [&kept, &removed, &dropped] {
            tx.insert_device(device).await.unwrap();
        }
        for device in [&removed, &dropped] {
            tx.remove_device(device.id).await.unwrap();
        }
        let work = Work::Unlink { device: removed.id };
        tx.push_job(&Lane::device(removed.id), &work, START).await.unwrap();
        tx.commit().await.unwrap();
        for id in [kept.id, removed.id, dropped.id, cut_off] {
            let keys = world.store.keyring();
            keys.put(id, "identity", &[("a", b"1", None), ("b", b"2", None)]).await.unwrap();
        }
        let mut forsaken = world.store.begin().await.unwrap().list_forsaken_devices().await.unwrap();
        forsaken.sort_by_key(ToString::to_string);
        let mut expected = [dropped.id, cut_off];
        expected.sort_by_key(ToString::to_string);
        assert_eq!(forsaken, expected, "one is kept, and one is promised to be let go");
    }

    async fn of_two_who_give_a_chat_a_room_the_first_does(world: World) {
        let key = portal();
        let room = |name: &str| Portal {
            key: key.clone(),
            room: Some(format!("!{name}:example.org").try_into().unwrap()),
            kind: ChatKind::Direct,
            name: Some(name.into()),
            ready: false,
        };
        let (first, second, third) = (room("first"), room("second"), room("third"));
        let mut tx = world.store.begin().await.unwrap();
        assert!(tx.settle_portal(&first, None).await.unwrap());
        assert!(!tx.settle_portal(&second, None).await.unwrap(), "it has its room");
        assert!(tx.settle_portal(&first, None).await.unwrap(), "once more the same");
        assert_eq!(tx.find_portal(&key).await.unwrap(), Some(first.clone()));
        assert!(tx.settle_portal(&second, first.room.as_deref()).await.unwrap(), "it follows its room");
        assert!(!tx.settle_portal(&third, first.room.as_deref()).await.unwrap(), "it did so before");
        let ready = Portal { ready: true, ..first.clone() };
        assert!(!tx.settle_portal(&ready, first.room.as_deref()).await.unwrap());
        assert_eq!(tx.find_portal(&key).await.unwrap(), Some(second.clone()));
        tx.forget_portal_room(&key, second.room.as_deref().unwrap()).await.unwrap();
        assert!(!tx.settle_portal(&second, second.room.as_deref()).await.unwrap(), "it was let go of");
        assert!(tx.settle_portal(&third, None).await.unwrap());
        assert_eq!(tx.find_portal(&key).await.unwrap(), Some(third));
        tx.commit().await.unwrap();
    }

    async fn a_portal_is_found_by_chat_and_by_room(world: World) {
        let key = portal();
        let room = room_id!("!room:example.org");
        let empty = Portal { key: key.clone(), room: None, kind: ChatKind::Direct, name: None, ready: false };
        let full = Portal { room: Some(room.to_owned()), name: Some("Ana".into()), ready: true, ..empty.clone() };
        let mut tx = world.store.begin().await.unwrap();
        assert!(tx.find_portal(&key).await.unwrap().is_none());
        tx.upsert_portal(&empty).await.unwrap();
        assert_eq!(tx.find_portal(&key).await.unwrap(), Some(empty.clone()));
        tx.upsert_portal(&full).await.unwrap();
        assert_eq!(tx.find_portal_by_room(room).await.unwrap(), Some(full.clone()));
        // Portals without a room do not take it from each other.
        tx.upsert_portal(&Portal { key: portal(), ..empty.clone() }).await.unwrap();
        tx.upsert_portal(&Portal { key: portal(), ..empty }).await.unwrap();
        assert_eq!(tx.list_portals(key.device).await.unwrap(), std::slice::from_ref(&full));
        tx.commit().await.unwrap();
        let mut tx = world.store.begin().await.unwrap();
        let taken = tx.upsert_portal(&Portal { key: portal(), ..full }).await.unwrap_err();
        assert!(matches!(taken, Error::Taken("room")), "{taken:?}");
        drop(tx);
        let mut tx = world.store.begin().await.unwrap();
        assert!(tx.remove_portal(&key).await.unwrap());
        assert!(!tx.remove_portal(&key).await.unwrap());
        tx.commit().await.unwrap();
    }

    async fn a_management_room_is_one_persons(world: World) {
        let (one, two) = (user_id!("@one:example.org"), user_id!("@two:example.org"));
        let (first, second) = (room_id!("!first:example.org"), room_id!("!second:example.org"));
        let mut tx = world.store.begin().await.unwrap();
        tx.set_management_room(one, first).await.unwrap();
        tx.set_management_room(one, second).await.unwrap();
        assert_eq!(tx.find_management_room(one).await.unwrap().as_deref(), Some(second));
        assert_eq!(tx.is_management_room(first).await.unwrap(), None);
        tx.set_management_room(two, second).await.unwrap();
        assert_eq!(tx.is_management_room(second).await.unwrap().as_deref(), Some(two));
        assert_eq!(tx.find_management_room(one).await.unwrap(), None);
        tx.commit().await.unwrap();
    }

    async fn ghosts_and_accounts_are_remembered(world: World) {
        let ghost = Ghost {
            picture: None,
            asked_at: None,
            contact: ContactId::from_adapter("15550002222"),
            user: owned_user_id!("@wharf_15550002222:example.org"),
            device: "WHARF".into(),
            name: None,
            registered: false,
        };
        let mut tx = world.store.begin().await.unwrap();
        tx.upsert_ghost(&ghost).await.unwrap();
        let named = Ghost { name: Some("Ana".into()), registered: true, ..ghost.clone() };
        tx.upsert_ghost(&named).await.unwrap();
        assert_eq!(tx.find_ghost(&ghost.contact).await.unwrap(), Some(named));
        assert!(!tx.is_account_ready(&ghost.user).await.unwrap());
        tx.set_account_ready(&ghost.user).await.unwrap();
        tx.set_account_ready(&ghost.user).await.unwrap();
        assert!(tx.is_account_ready(&ghost.user).await.unwrap());
        let other = Ghost { contact: ContactId::from_adapter("other"), ..ghost };
        assert!(matches!(tx.upsert_ghost(&other).await, Err(Error::Taken("ghost"))));
    }

    async fn a_message_is_kept_once_for_each_sender(world: World) {
        let key = portal();
        let (mine, hers) = (message(&key, "3EB0", Sender::Owner), Message { at: START.plus_millis(1), ..message(&key, "3EB0", ana()) });
        let mut tx = world.store.begin().await.unwrap();
        assert!(tx.insert_message(&mine).await.unwrap());
        assert!(tx.insert_message(&hers).await.unwrap());
        let changed = Message { text: Some("changed".into()), ..mine.clone() };
        assert!(!tx.insert_message(&changed).await.unwrap());
        assert_eq!(tx.find_message(&key, &mine.id, &mine.sender).await.unwrap(), Some(mine.clone()));
        assert_eq!(tx.find_message(&key, &mine.id, &ana()).await.unwrap(), Some(hers));
        assert_eq!(tx.find_message_by_id(&key, &mine.id).await.unwrap(), Some(mine));
        assert!(tx.find_message_by_id(&portal(), &changed.id).await.unwrap().is_none());
        tx.commit().await.unwrap();
    }

    async fn a_message_remembers_its_event_and_its_fate(world: World) {
        let key = portal();
        let full = Message {
            room: Some(owned_room_id!("!room:example.org")),
            event: Some(owned_event_id!("$event")),
            direction: Direction::In,
            reply_to: Some(message_id("3EB1")),
            transaction: Some("t1".into()),
            ..message(&key, "3EB0", ana())
        };
        let mut tx = world.store.begin().await.unwrap();
        tx.insert_message(&Message { event: None, ..full.clone() }).await.unwrap();
        assert!(tx.find_message_by_event(event_id!("$event")).await.unwrap().is_none());
        tx.set_message_event(&key, &full.id, &full.sender, event_id!("$event")).await.unwrap();
        assert_eq!(tx.find_message_by_event(event_id!("$event")).await.unwrap(), Some(full.clone()));
        tx.set_message_state(&key, &full.id, &full.sender, MessageState::Failed, Some("refused")).await.unwrap();
        let failed = Message { state: MessageState::Failed, error: Some("refused".into()), ..full.clone() };
        assert_eq!(tx.find_message(&key, &full.id, &full.sender).await.unwrap(), Some(failed));
        // Another device may see the same event, the same device may not.
        tx.insert_message(&Message { portal: portal(), ..full.clone() }).await.unwrap();
        let taken = tx.insert_message(&Message { id: message_id("3EB2"), ..full }).await.unwrap_err();
        assert!(matches!(taken, Error::Taken("event")), "{taken:?}");
    }

    async fn the_last_spelling_of_a_contact_counts(world: World) {
        let owner = world.identity("owner").await;
        let contact = ContactId::from_adapter("15550002222");
        let mut tx = world.store.begin().await.unwrap();
        assert_eq!(tx.find_spelling(owner.id, &contact).await.unwrap(), None);
        tx.set_spelling(owner.id, &contact, "+1 555 000 2222").await.unwrap();
        tx.set_spelling(owner.id, &contact, "15550002222").await.unwrap();
        assert_eq!(tx.find_spelling(owner.id, &contact).await.unwrap().as_deref(), Some("15550002222"));
        tx.commit().await.unwrap();
    }

    async fn a_webhook_is_its_identitys_alone(world: World) {
        let (owner, other) = (world.identity("owner").await, world.identity("other").await);
        let mut tx = world.store.begin().await.unwrap();
        let hook = tx.insert_webhook(owner.id, "https://example.org/a", "whsec_1").await.unwrap();
        let second = tx.insert_webhook(owner.id, "https://example.org/b", "whsec_2").await.unwrap();
        tx.insert_webhook(other.id, "https://example.org/a", "whsec_3").await.unwrap();
        let taken = tx.insert_webhook(owner.id, "https://example.org/a", "whsec_4").await.unwrap_err();
        assert!(matches!(taken, Error::Taken("webhook url")), "{taken:?}");
        assert_eq!(tx.list_webhooks(owner.id).await.unwrap(), [hook.clone(), second.clone()]);
        assert_eq!(tx.find_webhook(owner.id, hook.id).await.unwrap(), Some(hook.clone()));
        assert!(tx.find_webhook(other.id, hook.id).await.unwrap().is_none());
        assert_eq!(tx.find_webhook_by_id(hook.id).await.unwrap(), Some(hook.clone()));
        assert!(tx.update_webhook(other.id, hook.id, None, Some(false)).await.unwrap().is_none());
        let changed = tx.update_webhook(owner.id, hook.id, Some("https://example.org/c"), None).await.unwrap().unwrap();
        assert_eq!((changed.url.as_str(), changed.active), ("https://example.org/c", true));
        tx.deactivate_webhook(hook.id).await.unwrap();
        assert!(!tx.find_webhook_by_id(hook.id).await.unwrap().unwrap().active);
        assert!(tx.update_webhook(owner.id, hook.id, None, Some(true)).await.unwrap().unwrap().active);
        assert!(!tx.remove_webhook(other.id, hook.id).await.unwrap());
        assert!(tx.remove_webhook(owner.id, hook.id).await.unwrap());
        assert!(tx.update_webhook(owner.id, WebhookId(0), None, None).await.unwrap().is_none());
        tx.insert_webhook(owner.id, "https://example.org/a", "whsec_5").await.unwrap();
        let taken = tx.update_webhook(owner.id, second.id, Some("https://example.org/a"), None).await.unwrap_err();
        assert!(matches!(taken, Error::Taken("webhook url")), "{taken:?}");
        assert!(tx.commit().await.is_err(), "that was the end of the transaction");
    }

    async fn a_send_keeps_what_is_known_of_its_fate(world: World) {
        let owner = world.identity("owner").await;
        let queued = SendRow {
            id: SendId::generate(),
            identity: owner.id,
            device: DeviceId::generate(),
            recipient: "+1 555 000 2222".into(),
            status: SendStatus::Queued,
            reason: None,
            message: None,
            event: None,
            created_at: START,
        };
        let mut tx = world.store.begin().await.unwrap();
        tx.insert_send(&queued).await.unwrap();
        assert_eq!(tx.find_send(owner.id, queued.id).await.unwrap(), Some(queued.clone()));
        assert!(tx.find_send(IdentityId::generate(), queued.id).await.unwrap().is_none());
        let id = message_id("3EB0");
        tx.set_send_status(queued.id, SendStatus::Queued, None, Some(&id), None).await.unwrap();
        tx.set_send_status(queued.id, SendStatus::Sent, None, None, Some(event_id!("$event"))).await.unwrap();
        let sent = SendRow {
            status: SendStatus::Sent,
            message: Some(id),
            event: Some(owned_event_id!("$event")),
            ..queued.clone()
        };
        assert_eq!(tx.find_send(owner.id, queued.id).await.unwrap(), Some(sent));
        tx.set_send_status(queued.id, SendStatus::Failed, Some("nobody there"), None, None).await.unwrap();
        assert_eq!(tx.find_send(owner.id, queued.id).await.unwrap().unwrap().reason.as_deref(), Some("nobody there"));
        tx.commit().await.unwrap();
    }

    async fn whom_a_message_went_to_is_forgotten_with_what_it_said(world: World) {
        let owner = world.identity("owner").await;
        let mut tx = world.store.begin().await.unwrap();
        let mut ids = Vec::new();
        for (status, age) in [(SendStatus::Sent, 2), (SendStatus::Failed, 2), (SendStatus::Queued, 2), (SendStatus::Sent, 0)] {
            let row = SendRow {
                id: SendId::generate(),
                identity: owner.id,
                device: DeviceId::generate(),
                recipient: "+1 555 000 2222".into(),
                status,
                reason: None,
                message: None,
                event: None,
                created_at: START.plus_millis(-age),
            };
            tx.insert_send(&row).await.unwrap();
            ids.push(row.id);
        }
        tx.erase_older(START.plus_millis(-1), 100).await.unwrap();
        let mut left = Vec::new();
        for id in ids {
            left.push(tx.find_send(owner.id, id).await.unwrap().is_some());
        }
        assert_eq!(left, [false, false, true, true], "what is on its way stays");
        tx.commit().await.unwrap();
    }

    async fn an_answer_is_remembered_for_a_day(world: World) {
        let owner = world.identity("owner").await;
        let mut tx = world.store.begin().await.unwrap();
        let new = NewToken { identity: owner.id, credential: None, token_hash: vec![1], is_admin: true, expires_at: None };
        let handle = tx.insert_token(&new).await.unwrap().id;
        assert_eq!(tx.find_idempotent(handle, "key", START).await.unwrap(), None);
        tx.insert_idempotent(handle, "key", b"hash", "{}", START).await.unwrap();
        let remembered = Some((b"hash".to_vec(), "{}".to_owned()));
        let day = 24 * 60 * 60 * 1000;
        assert_eq!(tx.find_idempotent(handle, "key", START.plus_millis(day - 1)).await.unwrap(), remembered);
        let refused = tx.insert_idempotent(handle, "key", b"hash", "{}", START.plus_millis(day - 1)).await.unwrap_err();
        assert!(matches!(refused, Error::Taken("idempotency key")), "{refused:?}");
        assert_eq!(tx.find_idempotent(handle, "key", START.plus_millis(day)).await.unwrap(), None);
        tx.insert_idempotent(handle, "key", b"other", "{}", START.plus_millis(day)).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn a_row_that_cannot_be_ours_is_corrupt_and_named(world: World) {
        let owner = world.identity("owner").await;
        let broken = device(&owner, "15550001111", START);
        let mut tx = world.store.begin().await.unwrap();
        tx.insert_device(&broken).await.unwrap();
        for (sql, column) in [
            ("update devices set platform = 'pigeon'", "platform"),
            ("update devices set platform = 'wa', link = '{\"state\":\"dreaming\"}'", "link"),
        ] {
            tx.execute(sqlx::query(sql)).await.unwrap();
            let error = tx.find_device(broken.id).await.unwrap_err();
            assert!(!error.is_transient());
            match error {
                Error::Corrupt { table: "devices", column: found, id } => {
                    assert_eq!((found, id), (column, broken.id.to_string()));
                }
                other => panic!("{other:?}"),
            }
        }
        tx.execute(sqlx::query("update identities set user_id = 'nobody'")).await.unwrap();
        let error = tx.find_identity(owner.id).await.unwrap_err();
        assert!(matches!(error, Error::Corrupt { table: "identities", column: "user_id", .. }), "{error:?}");
        tx.execute(sqlx::query(
            "insert into credentials (client_id, secret_hash, role, scopes, description, active, created_at, updated_at) \
             values ('x', $1, 'user', '[1]', '', 1, 0, 0)",
        ).bind(vec![0_u8])).await.unwrap();
        let error = tx.find_credential("x").await.unwrap_err();
        assert!(matches!(&error, Error::Corrupt { table: "credentials", column: "scopes", id } if id == "1"), "{error:?}");
        tx.commit().await.unwrap();
    }
}
