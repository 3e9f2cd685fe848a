//! People: one contact for one person for life.

use tokio::task::JoinSet;

use ruma::owned_room_id;

use super::{
    message_id, on_both_engines,
    rows::{ana, message},
};
use crate::{
    model::{
        ChatFacts, ChatId, ChatKind, ContactId, DeviceId, Lane, MessageRef, PastChat, PastMark, PortalKey, Sender,
        WebhookId, Work,
    },
    store::{
        Message, Portal,
        keyring::Person,
        testing::{START, World},
    },
};

const PHONE: &str = "15550001111";

impl World {
    async fn person(&self, phone: Option<&str>, lid: Option<&str>) -> String {
        self.store
            .keyring()
            .person(phone, lid)
            .await
            .unwrap()
            .as_str()
            .to_owned()
    }

    async fn who_is(&self, contact: &str) -> Option<Person> {
        self.store
            .keyring()
            .find_person(&ContactId::from_adapter(contact))
            .await
            .unwrap()
    }
}

fn known(contact: &str, phone: Option<&str>, lid: Option<&str>) -> Person {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    Person {
        contact: ContactId::from_adapter(contact),
        phone: owned(phone),
        lid: owned(lid),
        name: None,
        business: None,
    }
}

on_both_engines! {
    async fn a_chat_goes_with_the_name_for_life(world: World) {
        let older = world.person(None, Some("42")).await;
        let younger = world.person(Some(PHONE), None).await;
        let device = DeviceId::generate();
        let former = PortalKey::new(device, ChatId::from_adapter(younger.as_str()));
        let portal = Portal { key: former.clone(), room: Some(owned_room_id!("!r:example.org")), kind: ChatKind::Direct, name: None, ready: true };
        let mut tx = world.store.begin().await.unwrap();
        tx.upsert_portal(&portal).await.unwrap();
        tx.insert_message(&message(&former, "1", ana())).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(world.person(Some(PHONE), Some("42")).await, older);

        let (older, younger) = (ContactId::from_adapter(older), ContactId::from_adapter(younger));
        let now = PortalKey::new(device, ChatId::from_adapter(older.as_str()));
        let mut tx = world.store.begin().await.unwrap();
        assert_eq!(tx.find_alias(&younger).await.unwrap(), Some(older.clone()));
        assert_eq!(tx.find_alias(&older).await.unwrap(), None);
        assert_eq!(tx.list_aliases(&older).await.unwrap(), [younger]);
        // What waits for the chat goes with it, whatever it is; what waits for another one does not.
        let said = MessageRef { id: message_id("1"), sender: ana() };
        let expire = |portal: &PortalKey| Work::Expire { portal: portal.clone(), message: said.clone() };
        let other = PortalKey::new(device, ChatId::from_adapter(format!("{}9", former.chat.as_str())));
        let lanes = |key: &PortalKey| [Lane::incoming(key), Lane::expiry(key, &said.id), Lane::delivery(WebhookId(1), key)];
        for key in [&former, &other] {
            for lane in lanes(key) {
                tx.push_job(&lane, &expire(key), START).await.unwrap();
            }
        }
        tx.rename_chat(&former, &now.chat).await.unwrap();
        for key in [&now, &other] {
            for lane in lanes(key) {
                let jobs = tx.list_jobs(&lane, "expire").await.unwrap();
                let is_of_it = |work: &Work| matches!(work, Work::Expire { portal, .. } if portal == key);
                assert!(jobs.len() == 1 && jobs.iter().all(is_of_it), "{lane:?}: {jobs:?}");
            }
        }
        assert_eq!(tx.find_portal(&former).await.unwrap(), None);
        assert_eq!(tx.find_portal(&now).await.unwrap(), Some(Portal { key: now.clone(), ..portal }));
        assert!(tx.find_message(&now, &message_id("1"), &ana()).await.unwrap().is_some());
        tx.commit().await.unwrap();
    }

    async fn what_both_names_of_a_chat_know_is_known_once(world: World) {
        let device = DeviceId::generate();
        let [former, now] = ["lid_42", PHONE].map(|name| PortalKey::new(device, ChatId::from_adapter(name)));
        let portal = Portal { key: former.clone(), room: Some(owned_room_id!("!r:example.org")), kind: ChatKind::Direct, name: None, ready: true };
        let event = |id: &str| Some(format!("${id}").try_into().unwrap());
        let mark = |emoji: &str| PastMark { sender: ana(), emoji: emoji.into(), at: START };
        let said = |id: &str| MessageRef { id: message_id(id), sender: Sender::Owner };
        let mut tx = world.store.begin().await.unwrap();
        tx.upsert_portal(&portal).await.unwrap();
        for (key, id, shown) in [
            (&former, "shown", true), (&now, "shown", false), (&former, "copied", false), (&now, "copied", false),
            (&former, "old", true), (&now, "new", false),
        ] {
            let text = format!("{id} of {}", key.chat.as_str());
            let row = Message { event: event(id).filter(|_| shown), text: Some(text), ..message(key, id, Sender::Owner) };
            assert!(tx.insert_message(&row).await.unwrap());
        }
        for (key, emoji) in [(&former, "1"), (&now, "2")] {
            tx.set_past_mark(key, &said("copied"), &mark(emoji)).await.unwrap();
            tx.set_message_parts(key, &message_id("shown"), &Sender::Owner, &[event(emoji).unwrap()]).await.unwrap();
            let facts = ChatFacts { unread: u32::try_from(emoji.len()).unwrap(), ..ChatFacts::default() };
            let past = PastChat { chat: key.chat.clone(), kind: ChatKind::Direct, facts: None, messages: vec![] };
            tx.remember_chat(device, &past, &facts).await.unwrap();
        }
        tx.rename_chat(&former, &now.chat).await.unwrap();
        tx.commit().await.unwrap();

        let mut tx = world.store.begin().await.unwrap();
        assert!(tx.find_chat_facts(&former).await.unwrap().is_none());
        assert!(tx.find_chat_facts(&now).await.unwrap().is_some());
        for (id, text) in [("shown", "shown of lid_42"), ("copied", "copied of 15550001111"), ("old", "old of lid_42"), ("new", "new of 15550001111")] {
            let found = tx.find_message(&now, &message_id(id), &Sender::Owner).await.unwrap().unwrap();
            assert_eq!(found.text.as_deref(), Some(text));
            assert!(tx.find_message(&former, &message_id(id), &Sender::Owner).await.unwrap().is_none());
        }
        assert_eq!(tx.list_past_marks(&now, &said("copied")).await.unwrap(), [mark("2")]);
        let parts = tx.list_message_parts(&now, &message_id("shown"), &Sender::Owner).await.unwrap();
        assert_eq!(parts, [event("1").unwrap()], "those of the room");
        assert_eq!(tx.find_portal(&now).await.unwrap(), Some(Portal { key: now.clone(), ..portal }));
        tx.commit().await.unwrap();
    }

    async fn a_number_known_first_stays_the_name(world: World) {
        assert_eq!(world.person(Some(PHONE), None).await, PHONE);
        assert_eq!(world.person(Some(PHONE), Some("42")).await, PHONE);
        assert_eq!(world.person(None, Some("42")).await, PHONE);
        assert_eq!(world.who_is(PHONE).await, Some(known(PHONE, Some(PHONE), Some("42"))));
    }

    async fn a_lid_known_first_stays_the_name(world: World) {
        assert_eq!(world.person(None, Some("42")).await, "lid_42");
        assert_eq!(world.person(Some(PHONE), Some("42")).await, "lid_42");
        assert_eq!(world.person(Some(PHONE), None).await, "lid_42");
        let keys = world.store.keyring();
        assert_eq!(keys.find_person_by_phone(PHONE).await.unwrap(), Some(known("lid_42", Some(PHONE), Some("42"))));
        assert_eq!(keys.find_person_by_lid("42").await.unwrap(), Some(known("lid_42", Some(PHONE), Some("42"))));
        assert_eq!(keys.find_person_by_lid("43").await.unwrap(), None);
    }

    async fn two_rows_that_are_one_person_become_one(world: World) {
        let keys = world.store.keyring();
        assert_eq!(world.person(Some(PHONE), None).await, PHONE);
        assert_eq!(world.person(None, Some("42")).await, "lid_42");
        keys.set_person_name(&ContactId::from_adapter("lid_42"), "Ana").await.unwrap();
        assert_eq!(world.person(Some(PHONE), Some("42")).await, PHONE);
        let ana = Person { name: Some("Ana".into()), ..known(PHONE, Some(PHONE), Some("42")) };
        assert_eq!(world.who_is("lid_42").await, Some(ana.clone()), "the name of the younger is an alias");
        assert_eq!(world.who_is(PHONE).await, Some(ana));
        keys.set_person_name(&ContactId::from_adapter("lid_42"), "Ana B.").await.unwrap();
        assert_eq!(world.who_is(PHONE).await.unwrap().name.as_deref(), Some("Ana B."));
    }

    async fn the_older_of_two_rows_is_kept_and_aliases_follow(world: World) {
        assert_eq!(world.person(None, Some("42")).await, "lid_42");
        assert_eq!(world.person(Some(PHONE), None).await, PHONE);
        assert_eq!(world.person(Some(PHONE), Some("42")).await, "lid_42");
        assert_eq!(world.who_is(PHONE).await, Some(known("lid_42", Some(PHONE), Some("42"))));
    }

    async fn a_number_that_moved_to_another_account_is_another_person(world: World) {
        assert_eq!(world.person(Some(PHONE), Some("42")).await, PHONE);
        assert_eq!(world.person(Some(PHONE), Some("43")).await, "lid_43");
        assert_eq!(world.who_is(PHONE).await, Some(known(PHONE, None, Some("42"))));
        assert_eq!(world.person(Some(PHONE), None).await, "lid_43");
        assert_eq!(world.person(None, Some("42")).await, PHONE);
    }

    async fn an_account_with_a_new_number_is_the_same_person(world: World) {
        assert_eq!(world.person(Some(PHONE), Some("42")).await, PHONE);
        assert_eq!(world.person(Some("15550002222"), Some("42")).await, PHONE);
        assert_eq!(world.who_is(PHONE).await, Some(known(PHONE, Some("15550002222"), Some("42"))));
        assert_eq!(world.person(Some(PHONE), None).await, format!("{PHONE}_2"), "the old number's next owner");
    }

    async fn many_who_meet_a_person_at_once_meet_the_same(world: World) {
        let mut all = JoinSet::new();
        for number in 0..12 {
            let keys = world.store.keyring();
            all.spawn(async move {
                let (phone, lid) = ((number % 3 != 0).then_some(PHONE), (number % 3 != 1).then_some("42"));
                keys.person(phone, lid).await.unwrap()
            });
        }
        all.join_all().await;
        let person = world.person(Some(PHONE), Some("42")).await;
        assert_eq!(world.person(Some(PHONE), None).await, person);
        assert_eq!(world.person(None, Some("42")).await, person);
    }

    async fn nobody_is_known_by_nothing(world: World) {
        assert!(world.store.keyring().person(None, None).await.is_err());
        assert_eq!(world.who_is("15550009999").await, None);
    }
}
