//! Large files cost no memory, whichever way they go. Measured in a process of its own, in which nothing else happens
//! and whose servers keep nothing but the one file that waits on WhatsApp.

use std::{
    io::{Read as _, Seek as _},
    process::Command,
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::Request,
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::{StreamExt as _, stream};
use serde_json::json;
use simulator::{Options, Server};

use crate::{
    matrix::{self, Homeserver, Names, registration},
    model::{Clock, DeviceId, Event, Media, MediaKind, MediaRef, MediaSource, News},
    network::{
        Intake, IntakeClosed, LinkStep, Linking, Network as _,
        whatsapp::{self, WhatsApp},
    },
    store::testing::World,
};

/// A large file.
const LARGE: usize = 100 * 1024 * 1024;
/// It may cost so much memory.
const MORE: usize = 16 * 1024 * 1024;
const PATIENCE: Duration = Duration::from_mins(3);

/// Hears nothing.
#[derive(Debug)]
struct Deaf;

#[async_trait]
impl Intake for Deaf {
    async fn accept(&self, _: Vec<Event>) -> Result<(), IntakeClosed> {
        Ok(())
    }

    fn news(&self, _: News) {}
}

/// A line of `/proc/self/status`, in bytes.
fn memory(line: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|it| it.strip_prefix(line)).unwrap();
    line.trim_matches([':', '\t', ' ', 'k', 'B']).parse::<usize>().unwrap() * 1024
}

/// A homeserver and a media server at once: takes everything and keeps nothing, gives a large file.
async fn forgetful(request: Request) -> Response {
    let path = request.uri().path().to_owned();
    if path.contains("/media/download/") {
        let part = Bytes::from(vec![7; 64 * 1024]);
        let parts = stream::iter(0..LARGE / part.len()).map(move |_| Ok::<_, std::io::Error>(part.clone()));
        return Body::from_stream(parts).into_response();
    }
    let mut body = request.into_body().into_data_stream();
    while body.next().await.is_some() {}
    Json(json!({
        "m.upload.size": 2 * LARGE, "content_uri": "mxc://hs.test/abc", "url": "https://a.test/b", "direct_path": "/b",
    }))
    .into_response()
}

async fn forgetful_server() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(forgetful)).await });
    address
}

fn homeserver(address: &str) -> Homeserver {
    let config = matrix::Config {
        address: address.parse().unwrap(),
        server_name: "hs.test".try_into().unwrap(),
        ..matrix::Config::default()
    };
    let (bridge, _) = registration::generate(&Names::new(&config).unwrap(), "http://127.0.0.1:1");
    Homeserver::new(&config, bridge, None, Clock::System).unwrap()
}

/// A file on WhatsApp.
fn on_whatsapp(server: &Server, length: usize) -> Media {
    let uploaded = server.upload(simulator::MediaKind::Document, &vec![7; length]).unwrap();
    let place = json!({
        "media_type": "document",
        "direct_path": uploaded.direct_path,
        "media_key": STANDARD.encode(&uploaded.media_key),
        "file_sha256": STANDARD.encode(&uploaded.file_sha256),
        "file_enc_sha256": STANDARD.encode(&uploaded.file_enc_sha256),
        "file_length": uploaded.file_length,
    });
    Media {
        kind: MediaKind::File,
        source: MediaSource::Network(MediaRef(place)),
        mime: "application/zip".into(),
        size: Some(length as u64),
        name: Some("large.zip".into()),
        caption: None,
        width: None,
        height: None,
        duration: None,
        waveform: vec![],
        thumbnail: None,
        blurhash: None,
        animated: false,
        view_once: false,
    }
}

/// A device of a network whose files are at `media`.
async fn connected(server: &Server, world: &World, media: String, device: DeviceId) -> Arc<WhatsApp> {
    let config = whatsapp::Config {
        url: server.url(),
        media_url: Some(media),
        ..whatsapp::Config::default()
    };
    let network = Arc::new(WhatsApp::new(
        config,
        world.store.keyring(),
        Arc::new(Deaf),
        Clock::System,
    ));
    if network.connect(device).await.is_err() {
        let phone = server.phone("15550009999", "Olivia");
        let mut steps = network.link(device, Linking::Qr).await.unwrap();
        while let Some(step) = steps.next().await {
            if let LinkStep::Qr { code, .. } = step {
                phone.scans(&code).unwrap();
            }
        }
        network.connect(device).await.unwrap();
    }
    network
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures its own process: run by the test below"]
async fn moves_large_files() {
    let (server, world) = (Server::start(Options::default()).await.unwrap(), World::sqlite().await);
    let address = forgetful_server().await;
    let homeserver = homeserver(&address);
    let device = DeviceId::generate();
    let there = connected(&server, &world, server.control_url(), device).await;
    let (small, large) = (on_whatsapp(&server, 1000), on_whatsapp(&server, LARGE));
    // What is made once and stays: connections, threads, buffers.
    let file = there.download(device, &small).await.unwrap();
    homeserver
        .upload_file(file, "application/zip", "small.zip")
        .await
        .unwrap();

    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = memory("VmRSS");
    let file = there.download(device, &large).await.unwrap();
    assert_eq!(file.metadata().unwrap().len(), LARGE as u64);
    homeserver
        .upload_file(file, "application/zip", "large.zip")
        .await
        .unwrap();
    let to_matrix = memory("VmHWM").saturating_sub(before);

    there.disconnect(device).await;
    let back = connected(&server, &world, address, device).await;
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = memory("VmRSS");
    let mut download = homeserver.download("mxc://hs.test/abc".into()).await.unwrap();
    let mut last = [0];
    download.file.seek(std::io::SeekFrom::End(-1)).unwrap();
    download.file.read_exact(&mut last).unwrap();
    assert_eq!((download.size, last), (LARGE as u64, [7]));
    let upload = back.upload(device, MediaKind::File, download.file);
    let brought = tokio::time::timeout(PATIENCE, upload).await.unwrap().unwrap();
    assert_eq!(brought.0["file_length"], LARGE);
    let to_whatsapp = memory("VmHWM").saturating_sub(before);

    let told = format!(
        "{} KiB to Matrix, {} KiB to WhatsApp",
        to_matrix / 1024,
        to_whatsapp / 1024
    );
    assert!(to_matrix.max(to_whatsapp) <= MORE, "{told}");
    std::fs::write(std::env::var_os("MEASURED").unwrap(), told).unwrap();
}

#[test]
fn b20_a_hundred_mebibytes_cost_no_more_than_sixteen_in_either_direction() {
    let measured = tempfile::NamedTempFile::new().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["large_files::moves_large_files", "--exact", "--ignored", "--nocapture"]);
    let output = command.env("MEASURED", measured.path()).output().unwrap();
    let told = std::fs::read_to_string(measured.path()).unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && !told.is_empty(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
