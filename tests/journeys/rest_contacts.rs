//! People by REST: those whom a device knows, numbers looked up, and all of it asked for anew.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    database::Engine,
    rest::{Answer, Rest},
    waiting::{SOON, eventually},
    world::{OWNER, World, text_of},
};

const ANA: &str = "15550001111";
const BOB: &str = "15550002222";
const STRANGER: &str = "15550004444";
const CONTACTS: &str = "/api/v1/contacts";
const NAMED: &str = "select count(*) from address_book";

async fn gets(rest: &Rest, path: &str) -> Answer {
    rest.call(Method::GET, &format!("{CONTACTS}{path}"), None).await
}

fn names(answer: &Answer) -> Vec<&str> {
    assert_eq!(answer.0, 200, "{}", answer.1);
    let data = answer.1["data"].as_array().unwrap();
    data.iter().map(|one| text_of(one, "name")).collect()
}

fn sentence(answer: &Answer, status: u16) -> &str {
    assert_eq!(answer.0, status, "{}", answer.1);
    text_of(&answer.1, "error")
}

async fn counts(world: &World, number: i64) {
    world.counts("the address book is known", NAMED, number).await;
}

on_both_engines! {
    async fn b47_people_are_listed_searched_and_shown_by_rest(engine: Engine) {
        let world = World::start(engine).await;
        let talking = world.talking().await;
        let (rest, phone) = (&talking.linked.rest, &talking.linked.phone);
        let dora = world.contact("15550003333", "Dora");
        dora.says(phone, "hello from Dora");
        phone.names_contact(ANA, "Mum 100%").unwrap();
        phone.names_contact(BOB, "Bob the Builder").unwrap();
        counts(&world, 2).await;
        world.settles(SOON).await;

        let all = gets(rest, "").await;
        assert_eq!(names(&all), ["Bob the Builder", "Dora", "Mum 100%"]);
        let mum = json!({ "id": "@whatsapp_15550001111:hs.test", "device_id": OWNER, "name": "Mum 100%",
            "push_name": "Ana", "phone": ANA, "saved": true, "chat_id": ANA, "room_id": talking.room.id() });
        assert_eq!(all.1["data"][2], mum);
        for (query, found) in [
            ("BUILD", vec!["Bob the Builder"]),
            ("100%25", vec!["Mum 100%"]),
            ("%2B15550003", vec!["Dora"]),
            ("nobody", vec![]),
        ] {
            assert_eq!(names(&gets(rest, &format!("?query={query}&device={OWNER}")).await), found, "{query}");
        }

        let first = gets(rest, "?limit=2").await;
        assert_eq!(names(&first), ["Bob the Builder", "Dora"]);
        let next = text_of(&first.1["pagination"], "next_cursor");
        let last = gets(rest, &format!("?limit=2&cursor={next}")).await;
        assert_eq!((names(&last), text_of(&last.1["pagination"], "next_cursor")), (vec!["Mum 100%"], ""));
        let back = text_of(&last.1["pagination"], "previous_cursor");
        assert_eq!(names(&gets(rest, &format!("?limit=2&cursor={back}")).await), ["Bob the Builder", "Dora"]);
        for (path, field) in [("?limit=0", "limit"), ("?limit=ten", "limit"), ("?cursor=x", "cursor")] {
            assert!(sentence(&gets(rest, path).await, 400).starts_with(&format!("Invalid {field}")), "{path}");
        }

        for spelled in [ANA, "+15550001111", "@whatsapp_15550001111:hs.test"] {
            assert_eq!(gets(rest, &format!("/{spelled}")).await, (200, mum.clone()), "{spelled}");
        }
        for unknown in [STRANGER, "nobody", "@alice:hs.test"] {
            assert_eq!(sentence(&gets(rest, &format!("/{unknown}")).await, 404), "Contact not found");
        }
        let other = world.linked_number("15550008888", &[]).await.rest;
        assert_eq!(sentence(&gets(&other, &format!("/{ANA}")).await, 404), "Contact not found");
        assert_eq!(sentence(&gets(&other, &format!("?device={OWNER}")).await, 404), "Device not found");
        assert!(names(&gets(&other, "").await).is_empty(), "an address book is its owner's");
    }

    async fn b47_one_connection_is_enough_to_list_people(engine: Engine) {
        let mut world = World::prepare(engine, "").await;
        world.sets("database", "connections = 1");
        world.wharf.start().await;
        let talking = world.talking().await;
        let rest = &talking.linked.rest;
        assert_eq!(names(&gets(rest, "").await), ["Ana"]);
        assert_eq!(gets(rest, &format!("/{ANA}")).await.0, 200);
    }

    async fn b47_numbers_are_looked_up_by_rest(engine: Engine) {
        let world = World::start(engine).await;
        let linked = world.linked_device(&[]).await;
        let rest = &linked.rest;
        world.contact(ANA, "Ana");
        world.contact(STRANGER, "Nobody").is_registered(false);
        let asks = async |rest: &Rest, body: Value| {
            rest.call(Method::POST, "/api/v1/contacts/lookups", Some(body)).await
        };
        let (status, told) = asks(rest, json!({ "device": OWNER, "phones": ["+1 (555) 000-1111", STRANGER] })).await;
        assert_eq!(status, 200, "{told}");
        let (ana, nobody) = (&told["data"][0], &told["data"][1]);
        assert_eq!((&ana["phone"], &ana["on_whatsapp"]), (&json!("+1 (555) 000-1111"), &json!(true)));
        assert_eq!(ana["id"], "@whatsapp_15550001111:hs.test");
        assert_eq!((&nobody["phone"], &nobody["on_whatsapp"], &nobody["id"]), (&json!(STRANGER), &json!(false), &Value::Null));
        for body in [json!({ "phones": [] }), json!({ "phones": ["ana"] }), json!({ "phones": vec![ANA; 51] })] {
            assert!(sentence(&asks(rest, body).await, 400).starts_with("Invalid phones"));
        }
        assert_eq!(sentence(&asks(rest, json!({})).await, 400), "Missing required field: phones");
        let foreign = world.rest.new_token(&[]).await;
        let theirs = json!({ "device": OWNER, "phones": [ANA] });
        assert_eq!(sentence(&asks(&foreign, theirs).await, 404), "Device not found");
    }

    /// Nobody but the server knows who has a number: without it the answer says so, and later it is there.
    async fn b47_a_lookup_while_the_device_is_offline_says_so(engine: Engine) {
        let world = World::start(engine).await;
        let linked = world.linked_device(&[]).await;
        let rest = &linked.rest;
        world.contact(ANA, "Ana");
        world.whatsapp.is_down();
        let asks = async || {
            rest.call(Method::POST, "/api/v1/contacts/lookups", Some(json!({ "phones": [ANA] }))).await
        };
        let why = "WhatsApp does not answer through this device. Please try again later.";
        assert_eq!(sentence(&asks().await, 503), why);
        world.whatsapp.is_up();
        let told = eventually("the number is looked up", SOON, || async {
            let (status, told) = asks().await;
            (status == 200).then_some(told)
        })
        .await;
        assert_eq!(told["data"][0]["on_whatsapp"], true);
    }

    /// What was taken out of the address book is told by nobody; a sync finds out.
    async fn b47_a_sync_asks_for_the_whole_address_book(engine: Engine) {
        let world = World::start(engine).await;
        let linked = world.linked_device(&[]).await;
        let (rest, phone) = (&linked.rest, &linked.phone);
        phone.names_contact(ANA, "Mum").unwrap();
        phone.names_contact(BOB, "Bob the Builder").unwrap();
        counts(&world, 2).await;
        phone.forgets_contact(BOB).unwrap();
        phone.compacts_app_state();
        let path = format!("/api/v1/devices/wa/{OWNER}/syncs");
        let asks = async |rest: &Rest, body: Value| rest.call(Method::POST, &path, Some(body)).await;
        for body in [json!({ "resources": [] }), json!({ "resources": ["contacts", "weather"] })] {
            assert_eq!(sentence(&asks(rest, body).await, 400), "Invalid resources: contacts, groups");
        }
        let foreign = world.rest.new_token(&[]).await;
        let all = json!({ "resources": ["contacts", "groups"] });
        assert_eq!(sentence(&asks(&foreign, all.clone()).await, 404), "Device not found");
        assert_eq!(asks(rest, all.clone()).await.0, 202);
        counts(&world, 1).await;
        assert_eq!(names(&gets(rest, "").await), ["Mum"]);

        phone.names_contact(STRANGER, "Zoe").unwrap();
        counts(&world, 2).await;
        assert_eq!(asks(rest, all.clone()).await.0, 202);
        world.settles(SOON).await;
        assert_eq!(names(&gets(rest, "").await), ["Mum", "Zoe"]);
        phone.unlinks_all();
        eventually("the device is logged out", SOON, || async {
            (asks(rest, all.clone()).await.0 == 409).then_some(())
        })
        .await;
    }
}
