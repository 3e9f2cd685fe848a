//! Groups by REST: made, joined, and their invite links.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    database::Engine,
    rest::{Answer, Rest},
    waiting::{SOON, eventually},
    world::{OWNER, World, gets, text_of},
};

const ANA: &str = "15550001111";
const BOB: &str = "15550002222";
const STRANGER: &str = "15550004444";
const CHATS: &str = "/api/v1/chats";

/// Asks for a chat, perhaps with a key.
async fn opens(rest: &Rest, key: Option<&str>, body: &Value) -> Answer {
    let mut request = rest.raw(Method::POST, CHATS).bearer_auth(rest.token()).json(body);
    if let Some(key) = key {
        request = request.header("Idempotency-Key", key);
    }
    let answer = request.send().await.expect("the door answers");
    (answer.status().as_u16(), answer.json().await.unwrap())
}

fn sentence(answer: &Answer, status: u16) -> String {
    assert_eq!(answer.0, status, "{}", answer.1);
    text_of(&answer.1, "error").to_owned()
}

on_both_engines! {
    async fn b51_a_group_is_made_by_rest_once(engine: Engine) {
        let mut world = World::start(engine).await;
        let alice = world.homeserver.user("alice");
        let linked = world.linked_device(&[alice.id()]).await;
        let rest = &linked.rest;
        let (ana, bob) = (world.contact(ANA, "Ana"), world.contact(BOB, "Bob"));
        bob.refuses_group_adds(Some(403));
        world.contact(STRANGER, "Nobody").is_registered(false);

        let tea = |people: &[&str]| json!({ "device": OWNER, "participants": people, "title": "Tea", "topic": "At five" });
        let refused = opens(rest, None, &tea(&[ANA, STRANGER])).await;
        assert_eq!(sentence(&refused, 422), "participants: +15550004444 is not on WhatsApp");

        let wanted = tea(&["+1 555 000 1111", BOB, OWNER]);
        let (status, made) = opens(rest, Some("tea"), &wanted).await;
        assert_eq!(status, 201, "{made}");
        assert_eq!(made["not_added"], json!([BOB]));
        assert_eq!((&made["type"], &made["state"], &made["title"]), (&json!("group"), &json!("ready"), &json!("Tea")));
        assert_eq!(made["device_id"], OWNER);
        let group = world.whatsapp.find_group(text_of(&made, "id")).unwrap();
        assert_eq!((group.subject(), group.description().as_deref()), ("Tea".to_owned(), Some("At five")));
        assert_eq!(group.members().len(), 2);
        let room = alice.joins_invite().await;
        assert_eq!(room.id(), made["room_id"]);
        assert_eq!(room.state("m.room.topic", "").unwrap()["topic"], "At five");
        alice.says(room.id(), "who brings the cake?");
        gets(&ana, "who brings the cake?").await;

        world.restarts().await;
        assert_eq!(opens(rest, Some("tea"), &wanted).await, (200, made.clone()));
        let other = opens(rest, Some("tea"), &tea(&[ANA])).await;
        assert_eq!(sentence(&other, 422), "Idempotency-Key was used for another request");
        let (status, second) = opens(rest, None, &wanted).await;
        assert_eq!(status, 201, "{second}");
        assert_ne!(second["id"], made["id"], "who asks for two groups of one name gets two");
    }

    /// The answer is lost between WhatsApp and us, and the process with it.
    async fn b51_a_crash_around_the_making_of_a_group_leaves_one_group(engine: Engine) {
        let mut world = World::start(engine).await;
        let alice = world.homeserver.user("alice");
        let linked = world.linked_device(&[alice.id()]).await;
        world.contact(ANA, "Ana");
        for (number, point) in ["whatsapp.create_group.before", "whatsapp.create_group.after"].into_iter().enumerate() {
            world.settles(SOON).await;
            world.wharf.is_killed().await;
            world.wharf.spawn(&format!("{point}=panic"));
            world.wharf.answers().await;
            let wanted = json!({ "participants": [ANA], "title": format!("Tea {number}") });
            let rest = &linked.rest;
            let request = rest.raw(Method::POST, CHATS).bearer_auth(rest.token()).json(&wanted);
            let request = request.header("Idempotency-Key", point);
            let (lost, died) = tokio::join!(request.send(), world.wharf.ends(SOON));
            assert!(died && lost.is_err(), "{point} was not reached");
            world.wharf.start().await;
            let (status, made) = opens(&linked.rest, Some(point), &wanted).await;
            assert_eq!(status, 200, "{made}");
            let group = world.whatsapp.find_group(text_of(&made, "id")).unwrap();
            assert_eq!(group.subject(), format!("Tea {number}"));
        }
        world.settles(SOON).await;
        assert_eq!(world.count("select count(*) from made_groups").await, 2);
        assert_eq!(world.count("select count(*) from portals where kind = 'group'").await, 2);
    }

    /// While the device is offline it is promised, and made later; the same key finds it.
    async fn b51_a_group_asked_for_while_the_device_is_offline_is_made_later(engine: Engine) {
        let world = World::start(engine).await;
        let linked = world.linked_device(&[]).await;
        let rest = &linked.rest;
        world.contact(ANA, "Ana");
        world.whatsapp.is_down();
        let wanted = json!({ "participants": [ANA], "title": "Tea" });
        let (status, promised) = opens(rest, Some("tea"), &wanted).await;
        assert_eq!((status, &promised["state"], &promised["room_id"]), (202, &json!("pending"), &Value::Null));
        world.whatsapp.is_up();
        let made = eventually("the group is made", SOON, || async {
            let (_, made) = opens(rest, Some("tea"), &wanted).await;
            (made["state"] == "ready").then_some(made)
        })
        .await;
        assert_eq!(world.whatsapp.find_group(text_of(&made, "id")).unwrap().subject(), "Tea");
        world.settles(SOON).await;
        assert_eq!(world.count("select count(*) from portals where kind = 'group'").await, 1);
    }

    async fn b51_one_person_without_a_title_is_a_direct_chat(engine: Engine) {
        let world = World::start(engine).await;
        let alice = world.homeserver.user("alice");
        let linked = world.linked_device(&[alice.id()]).await;
        let rest = &linked.rest;
        let ana = world.contact(ANA, "Ana");
        let (status, made) = opens(rest, None, &json!({ "participants": [ANA] })).await;
        assert_eq!((status, &made["type"], &made["id"]), (201, &json!("direct"), &json!(ANA)), "{made}");
        let room = alice.joins_invite().await;
        assert_eq!(room.id(), made["room_id"]);
        alice.says(room.id(), "hello ana");
        gets(&ana, "hello ana").await;
        let ghost = json!({ "participants": ["@whatsapp_15550001111:hs.test"] });
        assert_eq!(opens(rest, None, &ghost).await, (200, made));
    }

    async fn b51_what_makes_no_chat_is_named(engine: Engine) {
        let world = World::start(engine).await;
        let linked = world.linked_device(&[]).await;
        let rest = &linked.rest;
        let long = "a".repeat(101);
        for (body, status, said) in [
            (json!({}), 400, "Missing required field: participants or invite_link"),
            (json!({ "participants": [ANA], "device": "1" }), 404, "Device not found"),
            (json!({ "participants": [ANA], "platform": "sms" }), 400, "Unsupported platform: sms"),
            (json!({ "participants": ["ana"] }), 400, "Invalid participants"),
            (json!({ "participants": [ANA, BOB] }), 400, "Invalid title"),
            (json!({ "participants": [ANA], "title": long }), 400, "Invalid title"),
            (json!({ "participants": [ANA], "title": "Tea", "topic": "a".repeat(2049) }), 400, "Invalid topic"),
            (json!({ "participants": vec![ANA; 257], "title": "Tea" }), 400, "Invalid participants"),
            (json!({ "participants": [ANA], "invite_link": "https://chat.whatsapp.com/AbC" }), 400, "Invalid invite_link"),
            (json!({ "invite_link": "https://example.org/AbC" }), 400, "Invalid invite_link"),
            (json!({ "invite_link": "https://chat.whatsapp.com/AAAAAAAAAAAAAAAAAAAAAA" }), 404, "Invite not found"),
        ] {
            let told = sentence(&opens(rest, None, &body).await, status);
            assert!(told.starts_with(said), "{body}: {told}");
        }
        let foreign = world.rest.new_token(&[]).await;
        let theirs = opens(&foreign, None, &json!({ "participants": [ANA], "device": OWNER })).await;
        assert_eq!(sentence(&theirs, 404), "Device not found");
        linked.phone.unlinks_all();
        let told = eventually("the device is logged out", SOON, || async {
            let answer = opens(rest, None, &json!({ "participants": [ANA] })).await;
            (answer.0 == 409).then(|| sentence(&answer, 409))
        });
        assert_eq!(told.await, "Device is not linked");
    }

    /// B55: looking behind a link joins nothing; joining twice is joining once.
    async fn b55_links_are_looked_behind_and_followed_by_rest(engine: Engine) {
        let world = World::start(engine).await;
        let alice = world.homeserver.user("alice");
        let linked = world.linked_device(&[alice.id()]).await;
        let rest = &linked.rest;
        let (ana, bob) = (world.contact(ANA, "Ana"), world.contact(BOB, "Bob"));
        let cake = world.whatsapp.group("Cake", &[&ana, &bob]).unwrap();
        cake.describes(&ana, Some("With cherries")).unwrap();
        let link = cake.invite_link(&ana).unwrap();
        let code = link.rsplit('/').next().unwrap();

        let (status, behind) = rest.call(Method::GET, &format!("/api/v1/invites/{code}"), None).await;
        assert_eq!(status, 200, "{behind}");
        let told = json!({ "id": cake.jid(), "room_id": null, "device_id": OWNER, "title": "Cake", "topic": "With cherries",
            "member_count": 2, "approval": false });
        assert_eq!(behind, told);
        let bad = rest.call(Method::GET, "/api/v1/invites/AAAAAAAAAAAAAAAAAAAAAA", None).await;
        assert_eq!(sentence(&bad, 404), "Invite not found");
        let bad = rest.call(Method::GET, "/api/v1/invites/no%20code", None).await;
        assert!(sentence(&bad, 400).starts_with("Invalid code"));
        assert!(!cake.members().contains(&OWNER.to_owned()), "looking is not joining");

        let (status, joined) = opens(rest, None, &json!({ "invite_link": link })).await;
        assert_eq!((status, &joined["id"], &joined["title"]), (201, &json!(cake.jid()), &json!("Cake")), "{joined}");
        assert!(cake.members().contains(&OWNER.to_owned()));
        assert_eq!(alice.joins_invite().await.id(), joined["room_id"]);
        assert_eq!(opens(rest, None, &json!({ "invite_link": link })).await, (200, joined.clone()));
        let (_, behind) = rest.call(Method::GET, &format!("/api/v1/invites/{code}?device={OWNER}"), None).await;
        assert_eq!(behind["room_id"], joined["room_id"]);

        let walled = world.whatsapp.group("Walled", &[&ana, &bob]).unwrap();
        walled.needs_approval(&ana, true).unwrap();
        let link = walled.invite_link(&ana).unwrap();
        let (status, asked) = opens(rest, Some("walled"), &json!({ "invite_link": link })).await;
        assert_eq!((status, &asked["state"], &asked["room_id"]), (202, &json!("awaiting_approval"), &Value::Null));
        assert_eq!(walled.requests(), [OWNER]);
        walled.decides(&ana, true, &[&linked.phone]).unwrap();
        walled.says(&ana, "welcome").unwrap();
        alice.joins_invite().await.shows("welcome").await;
    }

    async fn b55_a_group_tells_its_link_by_rest_and_gets_another(engine: Engine) {
        let world = World::start(engine).await;
        let linked = world.linked_device(&[]).await;
        let rest = &linked.rest;
        let ana = world.contact(ANA, "Ana");
        let wanted = json!({ "participants": [ANA], "title": "Tea" });
        let (_, made) = opens(rest, None, &wanted).await;
        let group = world.whatsapp.find_group(text_of(&made, "id")).unwrap();
        let path = format!("{CHATS}/{}/invite-link", text_of(&made, "room_id"));

        let link = group.invite_link(&linked.phone).unwrap();
        assert_eq!(rest.call(Method::GET, &path, None).await, (200, json!({ "invite_link": link })));
        let by_address = format!("{CHATS}/{}/invite-link?device=+{OWNER}", group.jid());
        assert_eq!(rest.call(Method::GET, &by_address, None).await, (200, json!({ "invite_link": link })));
        let (status, another) = rest.call(Method::DELETE, &path, None).await;
        assert_eq!(status, 200, "{another}");
        let new = group.invite_link(&linked.phone).unwrap();
        assert!(new != link && another["invite_link"] == new.as_str(), "{another}");

        let foreign = world.rest.new_token(&[]).await;
        for method in [Method::GET, Method::DELETE] {
            let theirs = foreign.call(method, &path, None).await;
            assert_eq!(sentence(&theirs, 404), "Chat not found");
        }
        let none = rest.call(Method::GET, &format!("{CHATS}/!none:hs.test/invite-link"), None).await;
        assert_eq!(sentence(&none, 404), "Chat not found");
        opens(rest, None, &json!({ "participants": [ANA] })).await;
        let direct = rest.call(Method::GET, &format!("{CHATS}/{ANA}/invite-link"), None).await;
        assert_eq!(sentence(&direct, 422), "This chat is no group");

        let theirs = world.whatsapp.group("Hers", &[&ana, &linked.phone]).unwrap();
        theirs.says(&ana, "hello all").unwrap();
        world.settles(SOON).await;
        let path = format!("{CHATS}/{}/invite-link", theirs.jid());
        let refused = eventually("the group is known", SOON, || async {
            let answer = rest.call(Method::DELETE, &path, None).await;
            (answer.0 != 404).then_some(answer)
        });
        assert!(sentence(&refused.await, 422).contains("only administrators"));
    }
}
