//! What applications send by REST reaches WhatsApp and is shown in the room.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    database::Engine,
    waiting::{SOON, eventually},
    world::{Linked, OWNER, World, gets, text_of, texts, webhook},
};

on_both_engines! {
    /// T12, B50: the room is made by the first message, also when we begin.
    async fn a_message_reaches_ana_and_appears_in_the_room(engine: Engine) {
        let world = World::start(engine).await;
        let alice = world.homeserver.user("alice");
        let linked = world.linked_device(&[alice.id()]).await;
        let ana = world.contact("15550001111", "Ana");
        let (status, answer) = linked.rest.says(OWNER, "+15550001111", "your code is 42", None).await;
        assert_eq!((status, &answer["message"]), (200, &json!("Message queued successfully")));
        assert_eq!(answer["results"][0]["status"], "queued");
        gets(&ana, "your code is 42").await;
        let room = alice.joins_invite().await;
        let event = room.shows("your code is 42").await;
        assert!(text_of(&event, "sender").starts_with("@wharf_"));
        world.settles(SOON).await;
        assert_eq!(texts(&ana), ["your code is 42"]);
    }
}

/// B02: markup goes out as it is, and the room shows it formatted.
#[tokio::test(flavor = "multi_thread")]
async fn markup_from_an_application_is_formatted_in_the_room() {
    let world = World::start(Engine::Sqlite).await;
    let alice = world.homeserver.user("alice");
    let linked = world.linked_device(&[alice.id()]).await;
    let ana = world.contact("15550001111", "Ana");
    let text = "your code is *42*";
    assert_eq!(linked.rest.says(OWNER, "15550001111", text, None).await.0, 200);
    gets(&ana, text).await;
    let room = alice.joins_invite().await;
    let event = room.shows(text).await;
    assert_eq!(event["content"]["formatted_body"], "your code is <strong>42</strong>");
}

/// T14, T15: the id of a webhook's payload works as `reply_id`, and `from` is then what the application used.
#[tokio::test(flavor = "multi_thread")]
async fn t14_t15_w05_an_application_answers_what_its_webhook_heard() {
    let world = World::start(Engine::Sqlite).await;
    let linked = world.linked_device(&[]).await;
    let (receiver, _) = webhook(&linked.rest).await;
    let ana = world.contact("15550001111", "Ana");
    ana.says(&linked.phone, "a question");
    let first = receiver.gets("a question").await;
    assert_eq!(
        (&first.body["is_contact"], text_of(&first.body, "from")),
        (&json!(false), "@whatsapp_15550001111:hs.test")
    );
    for (spelling, text) in [("15550001111", "an answer"), ("+15550001111", "another")] {
        let reply = text_of(&first.body, "id");
        assert_eq!(linked.rest.says(OWNER, spelling, text, Some(reply)).await.0, 200);
        let got = gets(&ana, text).await;
        assert_eq!(got.quoted_text.as_deref(), Some("a question"));
        world.settles(SOON).await;
        let echo = format!("after {text}");
        ana.says(&linked.phone, &echo);
        let next = receiver.gets(&echo).await;
        assert_eq!(
            (&next.body["is_contact"], text_of(&next.body, "from")),
            (&json!(true), spelling)
        );
    }
}

/// T12: lists are split, recipients that cannot be one fail alone.
#[tokio::test(flavor = "multi_thread")]
async fn t12_a_list_of_recipients_is_one_message_each() {
    let world = World::start(Engine::Sqlite).await;
    let linked = world.linked_device(&[]).await;
    let (ana, ben) = (world.contact("15550001111", "Ana"), world.contact("15550002222", "Ben"));
    let list = " 15550001111, ,15550002222,another_address,15550001111";
    let (status, answer) = linked.rest.says(OWNER, list, "to all", None).await;
    assert_eq!(status, 200);
    let spelled: Vec<_> = answer["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| text_of(r, "recipient"))
        .collect();
    assert_eq!(spelled, ["15550001111", "15550002222", "another_address"]);
    gets(&ana, "to all").await;
    gets(&ben, "to all").await;
    world.settles(SOON).await;
    assert_eq!((texts(&ana).len(), texts(&ben).len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_is_as_good_as_json() {
    let world = World::start(Engine::Sqlite).await;
    let linked = world.linked_device(&[]).await;
    let ana = world.contact("15550001111", "Ana");
    let path = format!("/api/v1/devices/+{OWNER}/message");
    let form = [("contact", "15550001111"), ("platform", "wa"), ("text", "by form")];
    let answer = world
        .rest
        .raw(Method::POST, &path)
        .bearer_auth(linked.rest.token())
        .form(&form)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    gets(&ana, "by form").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn w14_a_request_with_an_idempotency_key_is_done_once() {
    let world = World::start(Engine::Sqlite).await;
    let linked = world.linked_device(&[]).await;
    let ana = world.contact("15550001111", "Ana");
    let path = format!("/api/v1/devices/{OWNER}/message");
    let body = json!({ "contact": "15550001111", "platform": "wa", "text": "once" });
    let mut answers = Vec::new();
    for _ in 0..3 {
        let request = world.rest.raw(Method::POST, &path).bearer_auth(linked.rest.token());
        let answer = request
            .header("Idempotency-Key", "k1")
            .json(&body)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
        answers.push(answer.text().await.unwrap());
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    gets(&ana, "once").await;
    world.settles(SOON).await;
    assert_eq!(texts(&ana), ["once"]);
}

/// T12: a group by its invite link, which wins over a contact; the room is made when it is not there yet.
#[tokio::test(flavor = "multi_thread")]
async fn t12_w07_a_message_reaches_a_group_by_its_invite_link() {
    let world = World::start(Engine::Sqlite).await;
    let linked = world.linked_device(&[]).await;
    let (ana, bob) = (world.contact("15550001111", "Ana"), world.contact("15550002222", "Bob"));
    let group = world
        .whatsapp
        .group("Family (north) [1]", &[&ana, &bob, &linked.phone])
        .unwrap();
    let link = group.invite_link(&ana).unwrap();
    for (link, text) in [(link.clone(), "hello all"), (format!(r"{link}\?mode=x"), "hello again")] {
        let body = json!({ "group_url": link, "contact": "15550002222", "platform": "wa", "text": text });
        let answer = to_groups(&linked, body).await;
        assert_eq!(answer["results"].as_array().map(Vec::len), Some(1));
        for person in [&ana, &bob] {
            let got = gets(person, text).await;
            assert!(got.chat.is_some(), "in the group and nowhere else");
        }
    }
}

async fn to_groups(linked: &Linked, body: Value) -> Value {
    let path = format!("/api/v1/devices/{OWNER}/message");
    let (status, answer) = linked.rest.call(Method::POST, &path, Some(body)).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

on_both_engines! {
    /// T12: whoever holds a link to a group does not come into it by a message.
    async fn t12_a_message_by_a_link_does_not_join_its_group(engine: Engine) {
        let world = World::start(engine).await;
        let linked = world.linked_device(&[]).await;
        let (ana, bob) = (world.contact("15550001111", "Ana"), world.contact("15550002222", "Bob"));
        let group = world.whatsapp.group("Family", &[&ana, &bob]).unwrap();
        let link = group.invite_link(&ana).unwrap();
        let body = json!({ "group_url": link, "platform": "wa", "text": "let me in" });
        let answer = to_groups(&linked, body).await;
        assert_eq!(answer["results"][0]["status"], "queued");
        let id = text_of(&answer["results"][0], "message_id");
        let chat = link.replace(':', "%3A").replace('/', "%2F");
        let path = format!("/api/v1/chats/{chat}/messages/{id}");
        let fate = eventually("the message failed", SOON, || async {
            let (_, fate) = linked.rest.call(Method::GET, &path, None).await;
            (fate["state"] == "failed").then_some(fate)
        })
        .await;
        assert_eq!(fate["error"], "not_a_member");
        // Nor by its address.
        let (_, sent) = linked.rest.says(OWNER, &group.jid(), "let me in", None).await;
        let path = format!("/api/v1/chats/{}/messages/{}", group.jid(), text_of(&sent["results"][0], "message_id"));
        let fate = eventually("the message failed", SOON, || async {
            let (_, fate) = linked.rest.call(Method::GET, &path, None).await;
            (fate["state"] == "failed").then_some(fate)
        })
        .await;
        assert_eq!(fate["error"], "not_a_member");
        world.settles(SOON).await;
        assert!(texts(&ana).is_empty() && !group.members().iter().any(|number| number == OWNER));
    }
}

/// T12: unless that is configured.
#[tokio::test(flavor = "multi_thread")]
async fn t12_a_message_by_a_link_joins_its_group_where_that_is_wanted() {
    let mut world = World::prepare(Engine::Sqlite, "").await;
    world.sets("bridge", "join_by_link = true");
    world.wharf.start().await;
    let linked = world.linked_device(&[]).await;
    let (ana, bob) = (world.contact("15550001111", "Ana"), world.contact("15550002222", "Bob"));
    let group = world.whatsapp.group("Family", &[&ana, &bob]).unwrap();
    let link = group.invite_link(&ana).unwrap();
    to_groups(
        &linked,
        json!({ "group_url": link, "platform": "wa", "text": "hello all" }),
    )
    .await;
    gets(&ana, "hello all").await;
    assert!(group.members().iter().any(|number| number == OWNER));
}

/// T09: what Authy-API does, to the letter.
#[tokio::test(flavor = "multi_thread")]
async fn t09_the_sequence_of_authy_api_works() {
    let world = World::start(Engine::Sqlite).await;
    let linked = world.linked_device(&[]).await;
    let ana = world.contact("15550001111", "Ana");
    let request = world
        .rest
        .raw(Method::GET, "/api/v1/devices")
        .bearer_auth(linked.rest.token());
    let devices = request.header("content-type", "application/json").send().await.unwrap();
    assert_eq!(devices.status(), 200);
    let devices: Value = devices.json().await.unwrap();
    assert_eq!(devices, json!([{ "platform": "wa", "device_id": OWNER }]));
    let (status, answer) = linked
        .rest
        .says(&format!("+{OWNER}"), "+15550001111", "otp", None)
        .await;
    assert_eq!(status, 200);
    assert!(answer.is_object());
    gets(&ana, "otp").await;
}
