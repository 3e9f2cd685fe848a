//! Large files cost wharf no memory worth mentioning, whichever way they go.

use std::time::Duration;

use serde_json::json;

use crate::support::{
    database::Engine,
    waiting::eventually,
    world::{Talking, World},
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
