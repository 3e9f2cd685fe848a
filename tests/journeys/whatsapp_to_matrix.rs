//! What people say on WhatsApp is shown in Matrix.

use serde_json::Value;

use crate::support::{
    database::Engine,
    waiting::{SOON, eventually},
    world::{World, gets, link, text_of, webhook},
};

/// The ghost of a number.
fn ghost(number: &str) -> String {
    format!("@whatsapp_{number}:hs.test")
}

on_both_engines! {
    /// B01, B40, B63: a first message makes the room, with everybody in it and a name on it.
    async fn a_text_from_ana_reaches_her_room_and_the_webhook(engine: Engine) {
        let world = World::start(engine).await;
        let alice = world.homeserver.user("alice");
        let linked = world.linked_device(&[alice.id()]).await;
        let (receiver, _) = webhook(&linked.rest).await;
        let ana = world.contact("15550001111", "Ana");

        ana.says(&linked.phone, "hello");

        let room = alice.joins_invite().await;
        let event = room.shows("hello").await;
        assert_eq!(text_of(&event, "sender"), ghost("15550001111"));
        assert_eq!(world.homeserver.display_name(&ghost("15550001111")).as_deref(), Some("Ana (WA)"));
        assert_eq!(room.membership("@whatsappbot:hs.test").as_deref(), Some("join"));
        assert_eq!(room.state("m.room.name", "").unwrap()["name"], "Ana");
        let bridges: Vec<Value> = room.events().into_iter().filter(|event| event["type"] == "m.bridge").collect();
        assert_eq!(bridges[0]["content"]["protocol"]["id"], "whatsapp");
        let got = receiver.gets("hello").await;
        assert_eq!(got.body["id"], event["event_id"]);
        assert_eq!(got.body["from"], ghost("15550001111"));
        assert_eq!(got.body["device_id"], linked.phone.number());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_of_one_chat_keep_their_order_and_their_time() {
    let world = World::start(Engine::Sqlite).await;
    let alice = world.homeserver.user("alice");
    let linked = world.linked_device(&[alice.id()]).await;
    let ana = world.contact("15550001111", "Ana");
    let said: Vec<String> = (0..30).map(|number| format!("number {number}")).collect();
    for text in &said {
        ana.says(&linked.phone, text);
    }
    let room = alice.joins_invite().await;
    let last = room.shows("number 29").await;
    assert_eq!(texts(&room.said(), &ghost("15550001111")), said);
    let sent = last["origin_server_ts"].as_u64().unwrap();
    assert_eq!(sent % 1000, 0, "the time is WhatsApp's, in whole seconds");
}

/// What one sender said, in order.
fn texts(said: &[(String, String)], sender: &str) -> Vec<String> {
    said.iter()
        .filter(|(who, _)| who == sender)
        .map(|(_, text)| text.clone())
        .collect()
}

/// B04
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_on_whatsapp_is_an_answer_in_matrix() {
    let world = World::start(Engine::Sqlite).await;
    let alice = world.homeserver.user("alice");
    let linked = world.linked_device(&[alice.id()]).await;
    let ana = world.contact("15550001111", "Ana");
    let id = ana.says(&linked.phone, "a question");
    let room = alice.joins_invite().await;
    let question = room.shows("a question").await;
    ana.replies(&linked.phone, &id, "an answer");
    let answer = room.shows("an answer").await;
    assert_eq!(
        answer["content"]["m.relates_to"]["m.in_reply_to"]["event_id"],
        question["event_id"]
    );
}

/// B02
#[tokio::test(flavor = "multi_thread")]
async fn markup_of_whatsapp_is_formatting_in_matrix() {
    let world = World::start(Engine::Sqlite).await;
    let alice = world.homeserver.user("alice");
    let linked = world.linked_device(&[alice.id()]).await;
    let ana = world.contact("15550001111", "Ana");
    let said = "*Look* at `a_b` in <b>:\n- _one_\n- two\n> 2*3*4";
    ana.says(&linked.phone, said);
    let room = alice.joins_invite().await;
    let content = room.shows(said).await["content"].clone();
    assert_eq!(content["format"], "org.matrix.custom.html");
    assert_eq!(
        content["formatted_body"],
        "<strong>Look</strong> at <code>a_b</code> in &lt;b&gt;:<ul><li><em>one</em></li><li>two</li></ul><blockquote>2*3*4</blockquote>"
    );
    ana.says(&linked.phone, "2*3*4 is plain");
    let plain = room.shows("2*3*4 is plain").await;
    assert!(plain["content"].get("formatted_body").is_none(), "{plain}");
}

/// B45: what the owner writes on the phone is shown as the owner, once, and no webhook hears of it (T16).
#[tokio::test(flavor = "multi_thread")]
async fn t16_what_the_phone_says_is_shown_as_the_owner_once() {
    let world = World::start(Engine::Sqlite).await;
    let alice = world.homeserver.user("alice");
    let linked = world.linked_device(&[alice.id()]).await;
    let (receiver, _) = webhook(&linked.rest).await;
    let ana = world.contact("15550001111", "Ana");
    linked.phone.says(&ana, "from my phone");
    let room = alice.joins_invite().await;
    let event = room.shows("from my phone").await;
    assert!(text_of(&event, "sender").starts_with("@wharf_"), "{event}");
    ana.says(&linked.phone, "seen");
    receiver.gets("seen").await;
    assert_eq!(receiver.got().len(), 1);
    let times = room.said().iter().filter(|(_, text)| text == "from my phone").count();
    assert_eq!(times, 1);
}

/// A person who hides the number is one person, before and after it is known.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_known_by_lid_alone_has_a_ghost_of_that_name() {
    let world = World::start(Engine::Sqlite).await;
    let alice = world.homeserver.user("alice");
    let linked = world.linked_device(&[alice.id()]).await;
    let hidden = world.contact("15550003333", "Hidden");
    hidden.lid_addressed();
    hidden.hides_number();
    hidden.says(&linked.phone, "who am I");
    let room = alice.joins_invite().await;
    let event = room.shows("who am I").await;
    assert_eq!(
        text_of(&event, "sender"),
        format!("@whatsapp_lid_{}:hs.test", hidden.lid())
    );
    // The answer reaches the same person.
    alice.says(room.id(), "I do not know");
    gets(&hidden, "I do not know").await;
}

/// B41
#[tokio::test(flavor = "multi_thread")]
async fn typing_crosses_both_ways() {
    let world = World::start(Engine::Sqlite).await;
    let (linked, alice, room, ana) = world.talking().await.parts();
    ana.types_to(&linked.phone, true);
    eventually("Ana is shown typing", SOON, || async {
        room.typing().contains(&ghost("15550001111")).then_some(())
    })
    .await;
    alice.types(room.id(), true);
    ana.waits_for_typing(&linked.phone, true, SOON).await.unwrap();
}

/// B73: what is said while wharf is away comes when it is back, in order and once.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_while_wharf_is_away_comes_in_order_and_once() {
    let mut world = World::start(Engine::Sqlite).await;
    let alice = world.homeserver.user("alice");
    let linked = world.linked_device(&[alice.id()]).await;
    let ana = world.contact("15550001111", "Ana");
    ana.says(&linked.phone, "before");
    let room = alice.joins_invite().await;
    room.shows("before").await;
    world.wharf.stops().await;
    let said: Vec<String> = (0..20).map(|number| format!("away {number}")).collect();
    for text in &said {
        ana.says(&linked.phone, text);
    }
    world.wharf.start().await;
    room.shows("away 19").await;
    assert_eq!(texts(&room.said(), &ghost("15550001111"))[1..], said);
}

#[tokio::test(flavor = "multi_thread")]
async fn linking_the_same_number_again_keeps_its_rooms() {
    let world = World::start(Engine::Sqlite).await;
    let alice = world.homeserver.user("alice");
    let linked = world.linked_device(&[alice.id()]).await;
    let ana = world.contact("15550001111", "Ana");
    ana.says(&linked.phone, "on the first device");
    let room = alice.joins_invite().await;
    room.shows("on the first device").await;
    linked.phone.unlinks_all();
    link(&linked.rest, &linked.phone).await;
    ana.says(&linked.phone, "on the second device");
    room.shows("on the second device").await;
    let (_, devices) = linked.rest.call(reqwest::Method::GET, "/api/v1/devices", None).await;
    assert_eq!(devices.as_array().unwrap().len(), 1, "{devices}");
}
