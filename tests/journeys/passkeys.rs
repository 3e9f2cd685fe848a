//! B80: the passkey that WhatsApp may want before it links a device.

use reqwest::Method;
use serde_json::{Value, json};

use super::bot::{bot_says, chat_with_bot};
use crate::support::{
    database::Engine,
    rest::{Codes, Frame},
    waiting::SOON,
    world::{OWNER, World},
};

/// The request in a line for the console of a browser.
fn request_in(line: &str) -> String {
    let request = line.split_once("parseRequestOptionsFromJSON(").unwrap().1;
    let mut values = serde_json::Deserializer::from_str(request).into_iter::<Value>();
    values.next().unwrap().unwrap().to_string()
}

on_both_engines! {
    async fn b80_a_passkey_is_answered_in_the_chat_with_the_bot(engine: Engine) {
        let world = World::start(engine).await;
        let (alice, room) = chat_with_bot(&world).await;
        let phone = world.whatsapp.phone(OWNER, "Alice");
        let passkey = phone.makes_passkey().unwrap();
        alice.says(room.id(), "login qr");
        phone.scans_with_passkey(&bot_says(&room, "2@").await).unwrap();
        let request = request_in(&bot_says(&room, "asks for the passkey").await);
        alice.says(room.id(), "passkey yes");
        bot_says(&room, "this is no answer of a passkey").await;
        alice.says(room.id(), "confirm");
        bot_says(&room, "That did not work: there is no code to compare").await;
        let answer = passkey.answers(&request).unwrap();
        alice.says(room.id(), &format!("passkey {answer}"));
        let shown = bot_says(&room, "Your phone shows a code").await;
        let code = phone.passkey_code().unwrap();
        assert!(shown.contains(&code), "{shown} instead of {code}");
        alice.says(room.id(), "confirm");
        bot_says(&room, "Linked: ").await;
        phone.waits_for_companions(1, SOON).await.unwrap();
    }

    /// The steps come over the WebSocket, the answers go by REST.
    async fn b80_a_passkey_is_answered_by_rest(engine: Engine) {
        let world = World::start(engine).await;
        let rest = world.rest.new_token(&[]).await;
        let (answers, confirms) = ("/api/v1/devices/linking/passkey", "/api/v1/devices/linking/confirm");
        let none = (404, json!({ "error": "Linking attempt not found" }));
        assert_eq!(rest.call(Method::POST, answers, Some(json!({ "answer": "{}" }))).await, none);
        assert_eq!(rest.call(Method::POST, confirms, None).await, none);
        let phone = world.whatsapp.phone(OWNER, "Owner");
        let passkey = phone.makes_passkey().unwrap();
        let begun = rest.call(Method::POST, "/api/v1/devices", Some(json!({ "platform": "wa" }))).await.1;
        let url = begun["qr_code_url"].as_str().unwrap();
        let (mut codes, mut steps) = (Codes::open(url).await, Codes::open(&format!("{url}&steps=true")).await);
        let qr = codes.code().await;
        assert_eq!(steps.code().await, qr, "codes to draw are the same for everybody");
        phone.scans_with_passkey(&qr).unwrap();
        let Frame::Text(words) = codes.next().await else { panic!("it closed without a word") };
        assert!(words.starts_with("Error: WhatsApp asks for a passkey."), "{words}");
        assert_eq!(codes.next().await, Frame::Closed(Some(4500)));
        let step: Value = serde_json::from_str(&steps.code().await).unwrap();
        assert_eq!(step["step"], "passkey");
        let request = step["passkey"]["request"].to_string();
        assert_eq!(request_in(step["passkey"]["line"].as_str().unwrap()), request);

        let stale = passkey.answers(r#"{"challenge":"c3RhbGU"}"#).unwrap();
        for (answer, status) in [(json!(null), 400), (json!(7), 400), (json!("yes"), 422), (json!({}), 422), (json!(stale), 422)] {
            let got = rest.call(Method::POST, answers, Some(json!({ "answer": answer }))).await;
            assert_eq!(got.0, status, "{answer}: {}", got.1);
        }
        assert_eq!(rest.call(Method::POST, confirms, None).await.0, 422, "there is nothing to compare yet");
        let answer: Value = serde_json::from_str(&passkey.answers(&request).unwrap()).unwrap();
        let got = rest.call(Method::POST, answers, Some(json!({ "answer": answer }))).await;
        assert_eq!(got.0, 200, "{}", got.1);
        let step: Value = serde_json::from_str(&steps.code().await).unwrap();
        assert_eq!(step, json!({ "step": "compare", "code": phone.passkey_code().unwrap() }));
        assert_eq!(rest.call(Method::POST, confirms, None).await.0, 200);
        steps.is_linked().await;
        let devices = rest.call(Method::GET, "/api/v1/devices", None).await.1;
        assert_eq!(devices, json!([{ "platform": "wa", "device_id": OWNER }]));
    }

    async fn b80_a_pairing_code_stands_in_the_answer_of_rest(engine: Engine) {
        let world = World::start(engine).await;
        let rest = world.rest.new_token(&[]).await;
        let phone = world.whatsapp.phone(OWNER, "Owner");
        let mut by_qr = rest.links().await;
        by_qr.code().await;
        let body = json!({ "platform": "wa", "phone": "+1 555-000-9999" });
        let (status, begun) = rest.call(Method::POST, "/api/v1/devices", Some(body.clone())).await;
        assert_eq!(status, 201, "{begun}");
        assert_eq!(by_qr.next().await, Frame::Text("Error: The linking was cancelled.".into()));
        let code = begun["pairing"]["code"].as_str().unwrap();
        assert_eq!((code.len(), code.find('-')), (9, Some(4)), "{code}");
        let again = rest.call(Method::POST, "/api/v1/devices", Some(body)).await;
        assert_eq!((again.0, &again.1["pairing"]), (201, &begun["pairing"]), "the same code is still good");
        let url = begun["qr_code_url"].as_str().unwrap();
        let mut steps = Codes::open(&format!("{url}&steps=true")).await;
        let step: Value = serde_json::from_str(&steps.code().await).unwrap();
        assert_eq!(step, json!({ "step": "code", "code": code, "expires_at": begun["pairing"]["expires_at"] }));
        phone.types(code).await.unwrap();
        steps.is_linked().await;
        phone.waits_for_companions(1, SOON).await.unwrap();
    }
}
