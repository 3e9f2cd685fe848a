//! The scenes of the contract that move files.

use std::{
    fs::File,
    io::{Read as _, Seek as _, Write as _},
};

use super::*;
use crate::{
    model::{Media, MediaKind, MediaRef, MediaSource, MessageRef},
    network::Error,
};

/// Something of this length that is different everywhere.
pub(super) fn bytes(length: usize) -> Vec<u8> {
    (0..length)
        .map(|at| at.wrapping_mul(2_654_435_761).to_le_bytes()[3])
        .collect()
}

pub(super) fn file_of(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

pub(super) fn read(mut file: File) -> Vec<u8> {
    assert_eq!(file.stream_position().unwrap(), 0, "a file is given at its beginning");
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    bytes
}

/// A picture that is there.
pub(super) fn media(reference: MediaRef) -> Media {
    Media::new(MediaKind::Image, MediaSource::Network(reference), "image/jpeg")
}

fn from_ana(id: String) -> MessageRef {
    MessageRef {
        id: MessageId::from_adapter(id),
        sender: Sender::Contact(ana()),
    }
}

pub(super) async fn files_go_both_ways(stage: &mut dyn Stage) {
    let device = stage.links(Linking::Qr).await;
    let network = stage.network();
    for length in [0, 1, 300_000] {
        let sent = bytes(length);
        let (_, reference) = stage.ana_sends_picture(device, &sent).await;
        assert!(read(network.download(device, &media(reference)).await.unwrap()) == sent);
    }
    let kinds = [
        MediaKind::Image,
        MediaKind::Gif,
        MediaKind::Voice,
        MediaKind::Sticker,
        MediaKind::File,
    ];
    for kind in kinds {
        let sent = bytes(100_000);
        let reference = network.upload(device, kind, file_of(&sent)).await.unwrap();
        let again = network.upload(device, kind, file_of(&sent)).await.unwrap();
        for reference in [reference, again] {
            assert!(read(network.download(device, &media(reference)).await.unwrap()) == sent);
        }
    }
}

pub(super) async fn a_file_that_is_gone_is_brought_again_by_the_phone(stage: &mut dyn Stage) {
    let device = stage.links(Linking::Qr).await;
    let network = stage.network();
    let sent = bytes(1000);
    let (id, reference) = stage.ana_sends_picture(device, &sent).await;
    let (picture, message) = (media(reference), from_ana(id));
    stage.files_expire().await;
    let error = network.download(device, &picture).await.expect_err("it is gone");
    assert!(matches!(error, Error::Gone) && !error.is_transient(), "{error}");

    let key = portal(&*network, device);
    let again = network.ask_again(&key, &message, &picture).await.unwrap();
    assert!(read(network.download(device, &media(again)).await.unwrap()) == sent);

    stage.phone_loses_files().await;
    let error = network
        .ask_again(&key, &message, &picture)
        .await
        .expect_err("the phone has it no more");
    assert!(matches!(error, Error::Gone), "{error}");
}

pub(super) async fn a_file_of_elsewhere_is_refused(stage: &mut dyn Stage) {
    let device = stage.links(Linking::Qr).await;
    let elsewhere = [
        MediaSource::Matrix("mxc://hs.test/abc".into()),
        MediaSource::Network(MediaRef(serde_json::json!({"other": "network"}))),
    ];
    for source in elsewhere {
        let media = Media {
            source,
            ..media(MediaRef(serde_json::Value::Null))
        };
        let error = stage
            .network()
            .download(device, &media)
            .await
            .expect_err("not from here");
        assert!(matches!(error, Error::Refused(_)), "{error}");
    }
}

pub(super) async fn files_need_a_linked_device(stage: &mut dyn Stage) {
    let device = stage.links(Linking::Qr).await;
    let (_, reference) = stage.ana_sends_picture(device, b"picture").await;
    stage.network().unlink(device).await.unwrap();
    let network = stage.network();
    let error = network.download(device, &media(reference)).await.expect_err("unlinked");
    assert!(matches!(error, Error::NotLinked), "{error}");
    let error = network.media_limits(device).await.expect_err("unlinked");
    assert!(matches!(error, Error::NotLinked), "{error}");
    let error = network
        .upload(device, MediaKind::File, file_of(b"file"))
        .await
        .expect_err("unlinked");
    assert!(matches!(error, Error::NotLinked), "{error}");
}
