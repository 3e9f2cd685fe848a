//! The main job from end to end.

use serde_json::json;

use crate::{
    support::{
        database::Engine,
        waiting::SOON,
        world::{OWNER, gets, texts, webhook},
    },
    synapse,
};

const ANA: &str = "15550001111";
const GHOST: &str = "@whatsapp_15550001111:hs.test";

/// Link by QR, a text each way, a quote, a webhook, REST, and all of it again after a restart.
async fn the_main_job(engine: Engine) {
    let mut world = synapse::world(engine).await;
    let alice = world.homeserver.person("alice").await;
    let linked = world.linked_device(&[alice.id()]).await;
    let (receiver, _) = webhook(&linked.rest).await;
    let ana = world.contact(ANA, "Ana");

    ana.says(&linked.phone, "hello");
    let room = alice.joins_invite().await;
    let hello = alice.shows(&room, "hello").await;
    assert_eq!(hello["sender"], GHOST);
    assert_eq!(receiver.gets("hello").await.body["id"], hello["event_id"]);
    assert_eq!(room.display_name().await.unwrap().to_string(), "Ana");

    alice.replies(&room, &hello, "hello yourself").await;
    let got = gets(&ana, "hello yourself").await;
    assert_eq!(got.from, OWNER);
    assert_eq!(got.quoted_text.as_deref(), Some("hello"));

    let (status, answer) = linked
        .rest
        .says(OWNER, ANA, "by REST", hello["event_id"].as_str())
        .await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(gets(&ana, "by REST").await.quoted_text.as_deref(), Some("hello"));
    let by_rest = alice.shows(&room, "by REST").await;
    assert!(by_rest["sender"].as_str().unwrap().starts_with("@wharf_"), "{by_rest}");
    let answered = json!({ "event_id": hello["event_id"] });
    assert_eq!(by_rest["content"]["m.relates_to"]["m.in_reply_to"], answered);

    world.restarts().await;
    ana.says(&linked.phone, "are you back?");
    alice.shows(&room, "are you back?").await;
    alice.says(&room, "I am").await;
    gets(&ana, "I am").await;
    world.settles(SOON).await;
    assert_eq!(texts(&ana), ["hello yourself", "by REST", "I am"]);
    assert_eq!(alice.texts_of(&room, GHOST).await, ["hello", "are you back?"]);
    assert_eq!(receiver.got().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_main_job_on_sqlite() {
    the_main_job(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_main_job_on_postgres() {
    the_main_job(Engine::Postgres).await;
}
