//! What people fill in and change at the console: a file to send, the scopes of a credential; and a code that changes while
//! they look.

use reqwest::Method;
use serde_json::{Value, json};

use super::console::{code_in, complaints, creates_token, links_by_picture, signs_in};
use crate::support::{
    browser::Browser,
    database::Engine,
    waiting::{SOON, eventually},
    world::{OWNER, World},
};

/// A file is chosen, sent with the words under it, and followed until WhatsApp has it.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_sends_a_file_with_words_under_it() {
    let world = World::start(Engine::Sqlite).await;
    let browser = Browser::open(&world.wharf.url()).await;
    signs_in(&browser).await;
    creates_token(&browser).await;
    links_by_picture(&browser, &world.whatsapp.phone(OWNER, "Owner")).await;
    let ana = world.contact("15550001111", "Ana");
    let file = world.dir().join("letter.pdf");
    std::fs::write(&file, b"%PDF-1.7 a letter").unwrap();

    browser.clicks("Send").await;
    browser.fills("To", "+15550001111").await;
    browser.fills("Text", "As promised").await;
    browser.chooses("File", &file).await;
    browser.clicks("Send message").await;
    let is_it = |got: &simulator::Received| got.text.as_deref() == Some("As promised");
    let got = ana.waits_for(is_it, SOON).await.unwrap();
    assert_eq!(ana.media_of(&got).unwrap(), b"%PDF-1.7 a letter");
    browser
        .waits_for("document.querySelector('.results').innerText.includes('Sent')")
        .await;
    // The form is empty again.
    assert_eq!(
        browser.asks("document.querySelector('[type=file]').files.length").await,
        0
    );
    assert_eq!(complaints(&browser), Vec::<String>::new());
}

/// The code on the page changes with that of WhatsApp, and the new one is the one that links.
#[tokio::test(flavor = "multi_thread")]
async fn the_code_on_the_page_changes_by_itself() {
    let world = World::start(Engine::Sqlite).await;
    let browser = Browser::open(&world.wharf.url()).await;
    signs_in(&browser).await;
    creates_token(&browser).await;
    let phone = world.whatsapp.phone(OWNER, "Owner");
    browser.clicks("Link a device").await;
    browser.sees("Scan this code.").await;
    let old = eventually("the first code", SOON, || async { code_in(&browser.picture().await) }).await;
    world.whatsapp.renews_qr_codes();
    let new = eventually("another code", SOON, || async {
        code_in(&browser.picture().await).filter(|code| *code != old)
    })
    .await;
    assert!(phone.scans(&old).is_err());
    phone.scans(&new).unwrap();
    browser.sees("Connected").await;
    assert_eq!(complaints(&browser), Vec::<String>::new());
}

/// What a credential may do is changed box by box; none at all is not the defaults.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_changes_what_a_credential_may_do() {
    let world = World::start(Engine::Sqlite).await;
    let body = json!({ "client_id": "shop" });
    assert_eq!(
        world
            .rest
            .basic(Method::POST, "/api/v1/credentials", Some(body))
            .await
            .0,
        201
    );
    let browser = Browser::open(&world.wharf.url()).await;
    signs_in(&browser).await;
    browser.goes_to("/admin#/credentials").await;
    browser.sees("defaults").await;
    let changes = async |boxes: &[&str], scopes: Value| {
        browser.clicks("Change shop").await;
        browser.sees("What it may do").await;
        for name in boxes {
            browser.clicks(name).await;
        }
        browser.clicks("Save").await;
        eventually("it is saved", SOON, || async {
            let (_, all) = world.rest.basic(Method::GET, "/api/v1/credentials", None).await;
            let mut found = all.as_array().unwrap().iter();
            let shop = found.find(|one| one["client_id"] == "shop").unwrap().clone();
            (shop["scopes"] == scopes).then_some(shop)
        })
        .await
    };
    let shows = async |words: &str| {
        let there = format!("document.querySelector('table').innerText.includes('{words}')");
        browser
            .waits_for(&format!("!document.querySelector('dialog[open]') && {there}"))
            .await;
    };
    let fewer = ["tokens:write:create", "tokens:read:*", "devices:*"];
    changes(&["Delete its tokens", "Webhooks"], json!(fewer)).await;
    shows("tokens:read:*").await;
    let none = changes(&["Create tokens", "See its tokens", "Devices"], json!([])).await;
    assert_eq!(none["without_scopes"], true);
    shows("none").await;
    assert_eq!(complaints(&browser), Vec::<String>::new());
}
