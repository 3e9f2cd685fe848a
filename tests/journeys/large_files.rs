//! Large files cost wharf no memory worth mentioning, whichever way they go.

use std::{io, time::Duration};

use futures_util::stream;
use reqwest::{Body, Method};
use serde_json::json;

use crate::support::{
    database::Engine,
    waiting::eventually,
    world::{OWNER, Talking, World},
};

/// A large file.
const LARGE: usize = 100 * 1024 * 1024;
/// It may cost so much memory.
const MORE: usize = 16 * 1024 * 1024;
/// How long it may take on a slow machine, without optimisation.
const PATIENCE: Duration = Duration::from_mins(5);

/// Something that is different everywhere.
fn bytes(length: usize) -> Vec<u8> {
    (0..length)
        .map(|at| at.wrapping_mul(2_654_435_761).to_le_bytes()[3])
        .collect()
}

async fn large_world() -> World {
    let mut world = World::prepare(Engine::Sqlite, "").await;
    world.homeserver.takes_files_up_to(2 * LARGE);
    world.wharf.start().await;
    world
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
    comes("small.zip", &bytes(1000)).await;
    let before = world.wharf.forgets_peak_of_memory();
    comes("large.zip", &bytes(LARGE)).await;
    let cost = world.wharf.peak_of_memory().saturating_sub(before);
    println!("a file of {LARGE} bytes from WhatsApp cost {cost} bytes of memory");
    assert!(cost <= MORE, "{cost}");
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
        let is_it = |got: &simulator::Received| {
            let document = got.message.document_message.as_option();
            document.is_some_and(|document| document.file_name.as_deref() == Some(name))
        };
        let got = ana.waits_for(is_it, PATIENCE).await.unwrap();
        assert!(ana.media_of(&got).unwrap() == bytes);
    };
    goes("small.zip", bytes(1000)).await;
    let before = world.wharf.forgets_peak_of_memory();
    goes("large.zip", bytes(LARGE)).await;
    let cost = world.wharf.peak_of_memory().saturating_sub(before);
    println!("a file of {LARGE} bytes to WhatsApp cost {cost} bytes of memory");
    assert!(cost <= MORE, "{cost}");
}

/// B25, W-18: by REST, in parts as a browser sends them.
#[tokio::test(flavor = "multi_thread")]
async fn w18_a_file_of_a_hundred_mebibytes_by_rest_costs_no_more_than_sixteen() {
    let mut world = World::prepare(Engine::Sqlite, "[api]\nfile_limit = 209715200").await;
    world.homeserver.takes_files_up_to(2 * LARGE);
    world.wharf.start().await;
    let Talking { linked, ana, .. } = world.talking().await;
    let goes = async |name: &str, bytes: Vec<u8>| {
        let fields = [("contact", ana.number()), ("platform", "wa")].map(|(name, value)| {
            format!("--cut\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        });
        let head = format!(
            "{}--cut\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n",
            fields.concat()
        );
        let chunks: Vec<_> = bytes.chunks(64 * 1024).map(<[u8]>::to_vec).collect();
        let parts = [head.into_bytes()]
            .into_iter()
            .chain(chunks)
            .chain([b"\r\n--cut--\r\n".to_vec()]);
        let parts: Vec<_> = parts.map(Ok::<_, io::Error>).collect();
        let request = linked
            .rest
            .raw(Method::POST, &format!("/api/v1/devices/{OWNER}/message"));
        let request = request.bearer_auth(linked.rest.token());
        let answer = request
            .header("content-type", "multipart/form-data; boundary=cut")
            .body(Body::wrap_stream(stream::iter(parts)))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
        let is_it = |got: &simulator::Received| {
            let document = got.message.document_message.as_option();
            document.is_some_and(|document| document.file_name.as_deref() == Some(name))
        };
        let got = ana.waits_for(is_it, PATIENCE).await.unwrap();
        assert!(ana.media_of(&got).unwrap() == bytes);
    };
    goes("small.zip", bytes(1000)).await;
    let before = world.wharf.forgets_peak_of_memory();
    goes("large.zip", bytes(LARGE)).await;
    let cost = world.wharf.peak_of_memory().saturating_sub(before);
    println!("a file of {LARGE} bytes by REST cost {cost} bytes of memory");
    assert!(cost <= MORE, "{cost}");
}
