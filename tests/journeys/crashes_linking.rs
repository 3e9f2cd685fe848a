//! The process dies before and after each thing that is asked of WhatsApp beside sending: looking somebody up, linking,
//! bringing to life, stopping, unlinking. Started again everything is there once, and nothing is left behind.

use std::future::Future;

use reqwest::Method;
use serde_json::json;
use simulator::Phone;

use crate::support::{
    database::Engine,
    rest::{Codes, Rest},
    waiting::{SOON, eventually},
    world::{Linked, OWNER, World, gets, link, texts, webhook},
};

/// What is met when an application writes to somebody for the first time.
const FIRST_MESSAGE: &[&str] = &[
    "whatsapp.find.before",
    "whatsapp.find.after",
    "whatsapp.contact.before",
    "whatsapp.contact.after",
];

/// What is met when somebody invites a ghost.
const INVITATION: &[&str] = &["whatsapp.find.before", "whatsapp.find.after"];

/// What is met while a device is linked.
const LINKING: &[&str] = &[
    "whatsapp.link.before",
    "whatsapp.link.after",
    "bridge.linked.before",
    "bridge.linked.after",
    "whatsapp.connect.before",
    "whatsapp.connect.after",
];

/// What is met when a device is deleted.
const UNLINKING: &[&str] = &[
    "whatsapp.unlink.before",
    "whatsapp.logout.before",
    "whatsapp.logout.after",
    "whatsapp.unlink.after",
];

/// Kills wharf and starts it so that it dies at `point`.
async fn is_doomed(world: &mut World, point: &str) {
    world.wharf.is_killed().await;
    world.wharf.spawn(&format!("{point}=panic"));
    world.rest.waits_for_doors().await;
}

/// Waits until it has died at `point`, and starts it again.
async fn comes_back(world: &mut World, point: &str) {
    assert!(world.wharf.ends(SOON).await, "{point} was not reached");
    world.wharf.start().await;
}

/// A message each way, each of them once.
async fn talks(world: &World, linked: &Linked, about: &str) {
    let ana = world.contact("15550001111", "Ana");
    let (receiver, _) = webhook(&linked.rest).await;
    let (to, from) = (format!("to you {about}"), format!("to me {about}"));
    assert_eq!(linked.rest.says(OWNER, ana.number(), &to, None).await.0, 200);
    gets(&ana, &to).await;
    ana.says(&linked.phone, &from);
    receiver.gets(&from).await;
    // Parts of the history of a device that died before it was written down wait for it.
    world.settles_but(&["history"], SOON).await;
    assert_eq!(texts(&ana).iter().filter(|text| **text == to).count(), 1, "{about}");
    let heard = receiver.got();
    assert_eq!(
        heard.iter().filter(|got| got.body["message"] == from).count(),
        1,
        "{about}"
    );
}

/// The devices whose keys are stored.
async fn keyholders(world: &World) -> i64 {
    world.count("select count(distinct device) from keys").await
}

/// Waits until the keys of so many devices are stored.
async fn has_keys_of(world: &World, devices: i64) {
    eventually("the keys of others are forgotten", SOON, || async {
        (keyholders(world).await == devices).then_some(())
    })
    .await;
}

/// Asks to delete the device; the answer may be cut off.
async fn asks_to_delete(rest: &Rest) {
    let asked = rest.raw(Method::DELETE, "/api/v1/devices").bearer_auth(rest.token());
    let body = json!({ "platform": "wa", "device_id": OWNER });
    let _ = asked.json(&body).send().await;
}

/// Links a phone by the code that is typed into it.
async fn link_by_code(rest: &Rest, phone: &Phone) {
    let body = json!({ "platform": "wa", "phone": phone.number() });
    let (status, answer) = rest.call(Method::POST, "/api/v1/devices", Some(body)).await;
    assert_eq!(status, 201, "{answer}");
    // A device of before the crash may be listed already: this tells when the attempt is over.
    let mut attempt = Codes::open(answer["qr_code_url"].as_str().unwrap()).await;
    phone.types(answer["pairing"]["code"].as_str().unwrap()).await.unwrap();
    attempt.is_linked().await;
}

/// Linking is asked for again after the crash. The phone then shows one device, and we keep the keys of one.
async fn linking_is_begun_again<F>(engine: Engine, links: impl Fn(Rest, Phone) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    for point in LINKING {
        let mut world = World::start(engine).await;
        let rest = world.rest.new_token(&[]).await;
        let phone = world.whatsapp.phone(OWNER, "Owner");
        is_doomed(&mut world, point).await;
        let linking = tokio::spawn(links(rest.clone(), phone.clone()));
        assert!(world.wharf.ends(SOON).await, "{point} was not reached");
        linking.abort();
        world.wharf.start().await;
        links(rest.clone(), phone.clone()).await;
        let linked = Linked { rest, phone };
        talks(&world, &linked, point).await;
        linked.phone.waits_for_companions(1, SOON).await.unwrap();
        has_keys_of(&world, 1).await;
    }
}

on_both_engines! {
    async fn a_crash_around_looking_somebody_up_sends_the_first_message_once(engine: Engine) {
        let mut world = World::start(engine).await;
        let alice = world.homeserver.user("alice");
        let linked = world.linked_device(&[alice.id()]).await;
        for (number, point) in FIRST_MESSAGE.iter().enumerate() {
            let stranger = world.contact(&format!("1555000333{number}"), "Stranger");
            is_doomed(&mut world, point).await;
            let text = format!("first, at {point}");
            // It is accepted before anybody is looked up, so a lost answer is as good as one.
            let path = format!("/api/v1/devices/{OWNER}/message");
            let body = json!({ "contact": stranger.number(), "platform": "wa", "text": text });
            let asked = linked.rest.raw(Method::POST, &path).bearer_auth(linked.rest.token());
            let _ = asked.json(&body).send().await;
            comes_back(&mut world, point).await;
            gets(&stranger, &text).await;
            let room = alice.joins_invite().await;
            room.shows(&text).await;
            world.settles(SOON).await;
            assert_eq!(texts(&stranger), [text.as_str()]);
            assert_eq!(room.said().iter().filter(|(_, said)| *said == text).count(), 1, "{point}");
        }
    }

    async fn a_crash_around_looking_an_invited_ghost_up_leaves_one_room(engine: Engine) {
        let mut world = World::start(engine).await;
        let alice = world.homeserver.user("alice");
        let linked = world.linked_device(&[alice.id()]).await;
        for (number, point) in INVITATION.iter().enumerate() {
            let stranger = world.contact(&format!("1555000444{number}"), "Stranger");
            let ghost = format!("@whatsapp_{}:hs.test", stranger.number());
            is_doomed(&mut world, point).await;
            alice.creates_dm_with(&ghost).await;
            comes_back(&mut world, point).await;
            let portal = eventually("there is a room to write in", SOON, || async {
                world.homeserver.rooms_of(alice.id()).into_iter().find(|room| {
                    [ghost.as_str(), "@whatsappbot:hs.test"].iter().all(|user| room.membership(user).as_deref() == Some("join"))
                })
            })
            .await;
            alice.joins(portal.id());
            alice.says(portal.id(), "hello stranger");
            gets(&stranger, "hello stranger").await;
            stranger.says(&linked.phone, "hello alice");
            portal.shows("hello alice").await;
            world.settles(SOON).await;
            assert_eq!(texts(&stranger), ["hello stranger"], "{point}");
            assert_eq!(portal.said().iter().filter(|(_, said)| said == "hello alice").count(), 1, "{point}");
        }
    }

    async fn a_crash_around_linking_by_qr_ends_with_one_working_device(engine: Engine) {
        linking_is_begun_again(engine, |rest, phone| async move { link(&rest, &phone).await }).await;
    }

    async fn a_crash_around_linking_by_code_ends_with_one_working_device(engine: Engine) {
        linking_is_begun_again(engine, |rest, phone| async move { link_by_code(&rest, &phone).await }).await;
    }

    /// Nobody asks again: what a dead attempt left on the phone is taken away all the same.
    async fn a_link_that_was_cut_off_leaves_nothing_on_the_phone(engine: Engine) {
        let mut world = World::start(engine).await;
        let rest = world.rest.new_token(&[]).await;
        let phone = world.whatsapp.phone(OWNER, "Owner");
        is_doomed(&mut world, "bridge.linked.before").await;
        let linking = tokio::spawn({
            let (rest, phone) = (rest.clone(), phone.clone());
            async move { link(&rest, &phone).await }
        });
        assert!(world.wharf.ends(SOON).await);
        linking.abort();
        assert_eq!(phone.companions().len(), 1, "the phone believes in it");
        world.wharf.start().await;
        phone.waits_for_companions(0, SOON).await.unwrap();
        has_keys_of(&world, 0).await;
        assert_eq!(rest.call(Method::GET, "/api/v1/devices", None).await, (200, json!([])));
    }

    async fn a_crash_around_starting_or_stopping_a_device_keeps_it_linked(engine: Engine) {
        let mut world = World::start(engine).await;
        let linked = world.linked_device(&[]).await;
        for point in ["whatsapp.connect.before", "whatsapp.connect.after"] {
            world.wharf.is_killed().await;
            world.wharf.spawn(&format!("{point}=panic"));
            comes_back(&mut world, point).await;
            talks(&world, &linked, point).await;
        }
        for point in ["whatsapp.disconnect.before", "whatsapp.disconnect.after"] {
            is_doomed(&mut world, point).await;
            world.wharf.is_asked_to_stop().await;
            comes_back(&mut world, point).await;
            talks(&world, &linked, point).await;
        }
        assert_eq!((linked.phone.companions().len(), keyholders(&world).await), (1, 1));
    }

    /// What was deleted is gone for its owner at once; the rest happens after the restart, without being asked again.
    async fn a_crash_around_unlinking_leaves_nothing_behind(engine: Engine) {
        let mut world = World::start(engine).await;
        for point in UNLINKING {
            let linked = world.linked_device(&[]).await;
            talks(&world, &linked, point).await;
            is_doomed(&mut world, point).await;
            asks_to_delete(&linked.rest).await;
            comes_back(&mut world, point).await;
            assert_eq!(linked.rest.call(Method::GET, "/api/v1/devices", None).await, (200, json!([])), "{point}");
            world.settles_but(&["history"], SOON).await;
            linked.phone.waits_for_companions(0, SOON).await.unwrap();
            has_keys_of(&world, 0).await;
        }
    }
}
