//! What a person sees of people on a real homeserver: names, pictures, who has read, what is unread, and their own account
//! in step with their phone.

use matrix_sdk::{
    Room,
    notification_settings::RoomNotificationMode,
    ruma::{
        OwnedEventId, UserId,
        api::client::receipt::create_receipt::v3::ReceiptType,
        events::receipt::{ReceiptThread, ReceiptType as Kind},
    },
};
use serde_json::Value;
use simulator::{Contact, Phone};

use crate::{
    person::Person,
    support::{
        database::Engine,
        waiting::{SOON, eventually},
        world::{World, gets, settings},
    },
    synapse::{self, Owner, Synapse},
};

const GHOST: &str = "@whatsapp_15550001111:hs.test";
const CHAT: &str = "15550001111@s.whatsapp.net";
const PICTURE: &[u8] = b"\x89PNG a face";

/// The account is followed from a moment after the device was linked.
async fn is_followed(world: &World<Synapse>) {
    let followed = "select count(*) from notes where name like 'account:%'";
    world.counts("the account is followed", followed, 1).await;
}

async fn chat(alice: &Person, phone: &Phone, ana: &Contact) -> Room {
    ana.says(phone, "hello");
    alice.is_shown_anywhere("hello").await
}

/// Waits until a user has read up to an event, as the client knows it.
async fn has_read(room: &Room, user: &str, event: &str) {
    let user = UserId::parse(user).unwrap();
    eventually(&format!("{user} reads up to {event}"), SOON, || async {
        for thread in [ReceiptThread::Unthreaded, ReceiptThread::Main] {
            let receipt = room.load_user_receipt(Kind::Read, thread, &user).await.unwrap();
            if receipt.is_some_and(|(at, _)| at == event) {
                return Some(());
            }
        }
        None
    })
    .await;
}

fn event_of(event: &Value) -> &str {
    event["event_id"].as_str().unwrap()
}

/// B40, B42, B85
#[tokio::test(flavor = "multi_thread")]
async fn b40_b42_b85_a_person_sees_who_people_are_and_what_is_read() {
    let world = synapse::world(Engine::Sqlite).await;
    let Owner { alice, phone, .. } = Owner::of(&world).await;
    let ana = world.contact("15550001111", "Ana");
    ana.sets_picture(PICTURE);
    let room = chat(&alice, &phone, &ana).await;
    is_followed(&world).await;

    let ghost = UserId::parse(GHOST).unwrap();
    let picture = eventually("Ana has a name and a picture", SOON, || async {
        let member = room.get_member(&ghost).await.unwrap()?;
        assert_eq!(member.display_name(), Some("Ana (WA)"));
        member.avatar_url().map(ToString::to_string)
    })
    .await;
    assert_eq!(alice.downloads(&picture).await, PICTURE);

    let said = alice.says(&room, "read this").await;
    let id = gets(&ana, "read this").await.id;
    ana.reads(&phone, &[id]);
    has_read(&room, GHOST, &said).await;

    let one = ana.says(&phone, "one");
    let two = ana.says(&phone, "two");
    let last = alice.shows(&room, "two").await;
    eventually("two are unread", SOON, || async {
        (room.unread_notification_counts().notification_count >= 2).then_some(())
    })
    .await;
    phone.reads(&ana, &[one, two]);
    eventually("nothing is unread", SOON, || async {
        (room.unread_notification_counts().notification_count == 0).then_some(())
    })
    .await;
    has_read(&room, alice.id(), event_of(&last)).await;

    let three = ana.says(&phone, "three");
    let event = alice.shows(&room, "three").await;
    let event: OwnedEventId = event_of(&event).try_into().unwrap();
    room.send_single_receipt(ReceiptType::Read, ReceiptThread::Unthreaded, event)
        .await
        .unwrap();
    ana.waits_for_receipt(&three, "read", SOON).await.unwrap();

    let four = ana.says(&phone, "four");
    let event = alice.shows(&room, "four").await;
    let event: OwnedEventId = event_of(&event).try_into().unwrap();
    room.send_single_receipt(ReceiptType::ReadPrivate, ReceiptThread::Unthreaded, event)
        .await
        .unwrap();
    eventually("the private receipt is heard", SOON, || async {
        let unread = "select count(*) from messages where seen_at is null and sender <> 'owner'";
        (world.count(unread).await == 0).then_some(())
    })
    .await;
    assert!(!ana.has_receipt(&four, "read"), "she shall not know");
}

/// B46: by the buttons of the person's own client, and by the phone.
#[tokio::test(flavor = "multi_thread")]
async fn b46_a_persons_account_and_phone_are_in_step() {
    let world = synapse::world(Engine::Sqlite).await;
    let Owner { alice, phone, .. } = Owner::of(&world).await;
    let ana = world.contact("15550001111", "Ana");
    let room = chat(&alice, &phone, &ana).await;
    let is_set = async |kind: &'static str, is: &(dyn Fn(&simulator::Setting) -> bool + Sync)| {
        let set = phone.waits_for_setting(|it| it.index == [kind, CHAT] && is(it), SOON);
        assert!(set.await.is_ok(), "{kind}: {:?}", phone.app_state());
    };
    is_followed(&world).await;
    for archived in [true, false] {
        room.set_is_low_priority(archived, None).await.unwrap();
        is_set("archive", &|it| it.value.archive_chat_action.archived == Some(archived)).await;
    }
    room.set_is_favourite(true, None).await.unwrap();
    is_set("pin_v1", &|it| it.value.pin_action.pinned == Some(true)).await;
    room.set_unread_flag(true).await.unwrap();
    is_set("markChatAsRead", &|it| {
        it.value.mark_chat_as_read_action.read == Some(false)
    })
    .await;
    let notifications = room.client().notification_settings().await;
    notifications
        .set_room_notification_mode(room.room_id(), RoomNotificationMode::Mute)
        .await
        .unwrap();
    is_set("mute", &|it| it.value.mute_action.muted == Some(true)).await;

    phone.pins(CHAT, false).unwrap();
    eventually("it is no favourite", SOON, || async {
        (!room.is_favourite()).then_some(())
    })
    .await;
    phone.archives(CHAT, true).unwrap();
    eventually("it is put away", SOON, || async {
        room.is_low_priority().then_some(())
    })
    .await;
    world.settles(SOON).await;
    is_set("pin_v1", &|it| it.value.pin_action.pinned == Some(false)).await;
}

/// B83: Bob is first seen by a name that hides his number, Ana by her number; both turn up under the other one too.
#[tokio::test(flavor = "multi_thread")]
async fn b83_whoever_has_two_names_is_one_person_in_one_room() {
    let world = synapse::world(Engine::Sqlite).await;
    let alice = world.homeserver.person("alice").await;
    let linked = world.linked_device(&[alice.id()]).await;
    let phone = &linked.phone;
    let ana = world.contact("15550001111", "Ana");
    ana.says(phone, "by number");
    let room = alice.joins_invite().await;
    assert_eq!(alice.shows(&room, "by number").await["sender"], GHOST);
    ana.lid_addressed();
    ana.says(phone, "by lid with the number beside it");
    let said = alice.shows(&room, "by lid with the number beside it").await;
    assert_eq!(said["sender"], GHOST);
    ana.hides_number();
    ana.says(phone, "by lid alone");
    assert_eq!(alice.shows(&room, "by lid alone").await["sender"], GHOST);

    let bob = world.contact("15550002222", "Bob");
    bob.hides_number();
    let hidden = format!("@whatsapp_lid_{}:hs.test", bob.lid_jid().split('@').next().unwrap());
    let group = world.whatsapp.lid_group("Hidden", &[phone, &ana, &bob]).unwrap();
    group.says(&bob, "you do not know my number").unwrap();
    let crew = alice.joins_group("Hidden").await;
    let said = alice.shows(&crew, "you do not know my number").await;
    assert_eq!(said["sender"], hidden.as_str());
    group.says(&ana, "you know mine").unwrap();
    assert_eq!(alice.shows(&crew, "you know mine").await["sender"], GHOST);
    bob.number_addressed();
    bob.says(phone, "now you do");
    let chat = alice.joins_invite().await;
    assert_eq!(alice.shows(&chat, "now you do").await["sender"], hidden.as_str());
    alice.says(&chat, "I see").await;
    gets(&bob, "I see").await;
    bob.lid_addressed();
    bob.says(phone, "by lid again");
    assert_eq!(alice.shows(&chat, "by lid again").await["sender"], hidden.as_str());
    assert_eq!(world.count("select count(*) from ghosts").await, 2, "nobody second");
}

/// B46: what the phone set and we showed in the person's account comes back to us from there, and goes nowhere.
#[tokio::test(flavor = "multi_thread")]
async fn b46_what_the_phone_set_does_not_come_back_to_it() {
    /// An end that our own way to say "silent" does not have.
    const FAR: i64 = 2_100_000_000_000;
    let world = synapse::world(Engine::Sqlite).await;
    let Owner { alice, phone, .. } = Owner::of(&world).await;
    let ana = world.contact("15550001111", "Ana");
    let room = chat(&alice, &phone, &ana).await;
    is_followed(&world).await;
    phone.mutes(CHAT, Some(FAR)).unwrap();
    phone.pins(CHAT, true).unwrap();
    let set = settings(&phone, CHAT);
    let notifications = room.client().notification_settings().await;
    eventually("it is silent and a favourite", SOON, || async {
        let mode = notifications
            .get_user_defined_room_notification_mode(room.room_id())
            .await;
        (room.is_favourite() && mode == Some(RoomNotificationMode::MentionsAndKeywordsOnly)).then_some(())
    })
    .await;
    // Something of their own afterwards: what came before it is through by then.
    room.set_unread_flag(true).await.unwrap();
    let unread = |it: &simulator::Setting| {
        it.index == ["markChatAsRead", CHAT] && it.value.mark_chat_as_read_action.read == Some(false)
    };
    phone.waits_for_setting(unread, SOON).await.unwrap();
    world.settles(SOON).await;
    assert_eq!(
        settings(&phone, CHAT),
        set,
        "as the phone set them, to the end of the silence and the time of the deed"
    );
}
