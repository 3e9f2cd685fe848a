//! What can go wrong with WhatsApp's media servers.

use serde_json::{Value, json};

use super::{
    files::{bytes, file_of, media, read},
    simulator::OnSimulator,
    *,
};
use crate::{
    model::{MediaKind, MediaRef},
    network::{Error, MediaLimits, whatsapp::MEDIA_LIMITS},
};

async fn linked() -> (OnSimulator, DeviceId) {
    let stage = OnSimulator::begins().await;
    let device = (&stage as &dyn Stage).links(Linking::Qr).await;
    (stage, device)
}

/// A picture on the server, and where it is, changed by the test.
async fn picture_with(change: impl FnOnce(&mut Value)) -> (OnSimulator, Result<Vec<u8>, Error>) {
    let (stage, device) = linked().await;
    let (_, MediaRef(mut place)) = stage.ana_sends_picture(device, &bytes(100_000)).await;
    change(&mut place);
    let fetched = stage.network().download(device, &media(MediaRef(place))).await;
    (stage, fetched.map(read))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_arrives_damaged_once_arrives_whole_then() {
    let (stage, device) = linked().await;
    let sent = bytes(200_000);
    let (_, reference) = stage.ana_sends_picture(device, &sent).await;
    stage.server.garbles_next_download();
    let file = stage.network().download(device, &media(reference)).await.unwrap();
    assert!(read(file) == sent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_download_that_breaks_off_is_worth_repeating() {
    let (stage, device) = linked().await;
    let sent = bytes(500_000);
    let (_, reference) = stage.ana_sends_picture(device, &sent).await;
    let picture = media(reference);
    stage.server.cuts_next_download(70_000);
    let network = stage.network();
    let error = network.download(device, &picture).await.expect_err("it broke off");
    assert!(error.is_transient(), "{error}");
    assert!(read(network.download(device, &picture).await.unwrap()) == sent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_not_what_the_message_says_is_gone() {
    for (field, wrong) in [
        ("file_sha256", json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")),
        ("media_key", json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")),
        ("file_length", json!(99_999)),
        ("file_length", json!(100_001)),
    ] {
        let (_stage, fetched) = picture_with(|place| place[field] = wrong).await;
        let error = fetched.expect_err(field);
        assert!(matches!(error, Error::Gone), "{field}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_names_another_host_is_refused() {
    let (_stage, fetched) = picture_with(|place| place["direct_path"] = json!("@127.0.0.1/v/image/1")).await;
    assert!(matches!(fetched.expect_err("another host"), Error::Refused(_)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trouble_of_the_servers_passes() {
    let (stage, device) = linked().await;
    let sent = bytes(6 * 1024 * 1024);
    stage.server.refuses_uploads(500, 1);
    let network = stage.network();
    // A server that answers before it has read all may be heard or not.
    let taken = async |sent: &[u8]| {
        for _ in 0..3 {
            match network.upload(device, MediaKind::Video, file_of(sent)).await {
                Ok(reference) => return reference,
                Err(error) => assert!(error.is_transient(), "{error}"),
            }
        }
        panic!("it passed long ago")
    };
    taken(&sent).await;
    stage.server.revokes_uploads();
    let sent = bytes(6 * 1024 * 1024 + 1);
    let reference = taken(&sent).await;
    stage.server.refuses_downloads(503, 1);
    let film = media(reference);
    let error = network.download(device, &film).await.expect_err("it is out of order");
    assert!(error.is_transient(), "{error}");
    assert!(read(network.download(device, &film).await.unwrap()) == sent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_the_servers_do_not_want_is_refused_for_good() {
    let (stage, device) = linked().await;
    for status in [413, 415] {
        stage.server.refuses_uploads(status, 1);
        let refused = stage.network().upload(device, MediaKind::File, file_of(b"x")).await;
        assert!(matches!(refused.expect_err("refused"), Error::Refused(_)), "{status}");
    }
}

/// B31: a connection goes by what it was told itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_large_files_may_be_is_asked_with_every_connection() {
    let (stage, device) = linked().await;
    assert_eq!(stage.network().media_limits(device).await.unwrap(), MEDIA_LIMITS);
    stage.server.tells_media_limit(7);
    assert_eq!(
        stage.network().media_limits(device).await.unwrap(),
        MEDIA_LIMITS,
        "it was asked before"
    );
    stage.network().disconnect(device).await;
    stage.network().connect(device).await.unwrap();
    let told = MediaLimits {
        picture: 7 << 20,
        film: 7 << 20,
        sound: 7 << 20,
        ..MEDIA_LIMITS
    };
    assert_eq!(stage.network().media_limits(device).await.unwrap(), told);
}
