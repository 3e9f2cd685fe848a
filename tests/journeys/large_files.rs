//! Large files cost wharf no memory worth mentioning, whichever way they go.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::Method;
use serde_json::json;
use simulator::Contact;

use crate::support::{
    database::Engine,
    rest::uploads,
    waiting::eventually,
    world::{OWNER, Talking, World, text_of, webhook},
};

/// A large file.
const LARGE: usize = 100 * 1024 * 1024;
/// It may cost so much memory.
const MORE: usize = 16 * 1024 * 1024;
/// A file that just stands in the payload of a webhook.
const CARRIED: usize = 12 * 1024 * 1024;
/// A small picture.
const HARBOUR: &[u8] = include_bytes!("../simulator/media/harbour.png");
/// How long it may take on a slow machine, without optimisation.
const PATIENCE: Duration = Duration::from_mins(5);

/// Something that is different everywhere.
fn bytes(length: usize) -> Vec<u8> {
    (0..length)
        .map(|at| at.wrapping_mul(2_654_435_761).to_le_bytes()[3])
        .collect()
}

/// A picture of some 15 MiB.
fn picture() -> Vec<u8> {
    use image::{ExtendedColorType, ImageEncoder as _, codecs::png};
    const SIDE: u32 = 2300;
    let pixels = bytes((SIDE * SIDE * 3) as usize);
    let mut file = Vec::new();
    png::PngEncoder::new_with_quality(&mut file, png::CompressionType::Uncompressed, png::FilterType::NoFilter)
        .write_image(&pixels, SIDE, SIDE, ExtendedColorType::Rgb8)
        .unwrap();
    assert!(file.len() > 15 * 1024 * 1024);
    file
}

async fn large_world() -> World {
    let mut world = World::prepare(Engine::Sqlite, "").await;
    world.homeserver.takes_files_up_to(2 * LARGE);
    world.wharf.start().await;
    world
}

/// Does with something large what was done with something small before: that may cost wharf hardly any memory.
async fn costs_little<T>(
    world: &World,
    what: &str,
    small: impl Future<Output = T>,
    large: impl Future<Output = T>,
) -> T {
    costs_at_most(world, MORE, what, small, large).await
}

/// The same, when so much memory is fair.
async fn costs_at_most<T>(
    world: &World,
    most: usize,
    what: &str,
    small: impl Future<Output = T>,
    large: impl Future<Output = T>,
) -> T {
    small.await;
    let before = world.wharf.forgets_peak_of_memory();
    let done = large.await;
    let cost = world.wharf.peak_of_memory().saturating_sub(before);
    println!("{what} cost {cost} bytes of memory");
    assert!(cost <= most, "{cost}");
    done
}

/// Somebody gets a file of this name, byte for byte.
async fn gets_file(who: &Contact, name: &str, bytes: &[u8]) {
    let is_it = |got: &simulator::Received| {
        let document = got.message.document_message.as_option();
        document.is_some_and(|document| document.file_name.as_deref() == Some(name))
    };
    let got = who.waits_for(is_it, PATIENCE).await.unwrap();
    assert!(who.media_of(&got).unwrap() == bytes);
}

/// B25
#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_a_hundred_mebibytes_from_whatsapp_costs_no_more_than_sixteen() {
    let world = large_world().await;
    let Talking { linked, room, ana, .. } = world.talking().await;
    let comes = async |name: &str, bytes: &[u8]| {
        ana.sends_document(&linked.phone, bytes, name, None).unwrap();
        let event = eventually(name, PATIENCE, || async {
            room.messages()
                .into_iter()
                .find(|event| event["content"]["body"] == name)
        })
        .await;
        let address = event["content"]["url"].as_str().unwrap().to_owned();
        assert!(world.homeserver.file(&address).unwrap().bytes == bytes);
    };
    let (few, many) = (bytes(1000), bytes(LARGE));
    let what = format!("a file of {LARGE} bytes from WhatsApp");
    costs_little(&world, &what, comes("small.zip", &few), comes("large.zip", &many)).await;
}

/// T14: the payload of a webhook is in memory once, as it is posted.
#[tokio::test(flavor = "multi_thread")]
async fn t14_a_file_of_twelve_mebibytes_to_a_webhook_costs_its_payload_and_no_more_than_sixteen() {
    let world = large_world().await;
    let Talking { linked, ana, .. } = world.talking().await;
    let (receiver, _) = webhook(&linked.rest).await;
    let comes = async |name: &str, bytes: &[u8]| {
        ana.sends_document(&linked.phone, bytes, name, None).unwrap();
        let got = eventually(name, PATIENCE, || async {
            let got = receiver.got().into_iter();
            got.map(|got| got.body).find(|body| body["file_name"] == name)
        })
        .await;
        assert!(STANDARD.decode(text_of(&got["media"], "content")).unwrap() == bytes);
    };
    let (few, many) = (bytes(1000), bytes(CARRIED));
    let payload = CARRIED.div_ceil(3) * 4;
    let what = format!("a file of {CARRIED} bytes to a webhook");
    let (small, large) = (comes("small.zip", &few), comes("large.zip", &many));
    costs_at_most(&world, payload + MORE, &what, small, large).await;
}

/// B25
#[tokio::test(flavor = "multi_thread")]
async fn w18_a_file_of_a_hundred_mebibytes_to_whatsapp_costs_no_more_than_sixteen() {
    let world = large_world().await;
    let Talking { alice, room, ana, .. } = world.talking().await;
    let goes = async |name: &str, bytes: Vec<u8>| {
        let address = world
            .homeserver
            .keeps_file(Some(name), "application/zip", bytes.clone());
        let info = json!({"mimetype": "application/zip", "size": bytes.len()});
        let content = json!({"msgtype": "m.file", "body": name, "filename": name, "url": address, "info": info});
        alice.sends(room.id(), "m.room.message", &content);
        gets_file(&ana, name, &bytes).await;
    };
    let (few, many) = (bytes(1000), bytes(LARGE));
    let what = format!("a file of {LARGE} bytes to WhatsApp");
    costs_little(&world, &what, goes("small.zip", few), goes("large.zip", many)).await;
}

/// B25, W-18: by REST, in parts as a browser sends them.
#[tokio::test(flavor = "multi_thread")]
async fn w18_a_file_of_a_hundred_mebibytes_by_rest_costs_no_more_than_sixteen() {
    let mut world = World::prepare(Engine::Sqlite, "[api]\nfile_limit = 209715200").await;
    world.homeserver.takes_files_up_to(2 * LARGE);
    world.wharf.start().await;
    let Talking { linked, ana, .. } = world.talking().await;
    let goes = async |name: &str, bytes: &[u8]| {
        let request = linked
            .rest
            .raw(Method::POST, &format!("/api/v1/devices/{OWNER}/message"));
        let request = request.bearer_auth(linked.rest.token());
        let fields = [("contact", ana.number()), ("platform", "wa")];
        let answer = uploads(request, &fields, (name, "application/zip", bytes)).await;
        assert_eq!(answer.status(), 200);
        gets_file(&ana, name, bytes).await;
    };
    let (few, many) = (bytes(1000), bytes(LARGE));
    let what = format!("a file of {LARGE} bytes by REST");
    costs_little(&world, &what, goes("small.zip", &few), goes("large.zip", &many)).await;
}

/// B20: what a picture takes unpacked is not taken from wharf.
#[tokio::test(flavor = "multi_thread")]
async fn b20_a_large_picture_from_whatsapp_costs_no_more_than_sixteen() {
    let world = large_world().await;
    let Talking { linked, room, ana, .. } = world.talking().await;
    let png = picture();
    let comes = async |words: &str, bytes: &[u8]| {
        ana.sends_image(&linked.phone, bytes, Some(words)).unwrap();
        let event = eventually(words, PATIENCE, || async {
            let is_it = |event: &serde_json::Value| event["content"]["body"] == words;
            room.messages().into_iter().find(is_it)
        })
        .await;
        let address = event["content"]["url"].as_str().unwrap().to_owned();
        assert!(world.homeserver.file(&address).unwrap().bytes == bytes);
        event
    };
    let what = format!("a picture of {} bytes from WhatsApp", png.len());
    let shown = costs_little(&world, &what, comes("small", HARBOUR), comes("large", &png)).await;
    let info = &shown["content"]["info"];
    assert_eq!((&info["w"], &info["h"]), (&json!(2300), &json!(2300)));
    assert!(
        info["thumbnail_url"].is_string() && info["xyz.amorgan.blurhash"].is_string(),
        "{info}"
    );
}

/// B20
#[tokio::test(flavor = "multi_thread")]
async fn b20_a_large_picture_to_whatsapp_costs_no_more_than_sixteen() {
    let world = large_world().await;
    let Talking { alice, room, ana, .. } = world.talking().await;
    let png = picture();
    let goes = async |words: &str, bytes: &[u8]| {
        let address = world.homeserver.keeps_file(Some("p.png"), "image/png", bytes.to_vec());
        let info = json!({"mimetype": "image/png", "size": bytes.len()});
        let content = json!({"msgtype": "m.image", "body": words, "filename": "p.png", "url": address, "info": info});
        alice.sends(room.id(), "m.room.message", &content);
        let is_it = |got: &simulator::Received| got.message.image_message.caption.as_deref() == Some(words);
        ana.waits_for(is_it, PATIENCE).await.unwrap()
    };
    let what = format!("a picture of {} bytes to WhatsApp", png.len());
    let got = costs_little(&world, &what, goes("small", HARBOUR), goes("large", &png)).await;
    let sent = &got.message.image_message;
    assert_eq!(sent.mimetype.as_deref(), Some("image/jpeg"));
    assert_eq!((sent.width, sent.height), (Some(2300), Some(2300)));
    assert!(sent.jpeg_thumbnail.is_some());
    assert!(ana.media_of(&got).unwrap().starts_with(b"\xFF\xD8\xFF"));
}
