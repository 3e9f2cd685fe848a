//! Media: uploaded and fetched by the client, broken off, continued, expired, uploaded again.

use std::time::Duration;

use simulator::{Attachment, Kind, Received, UploadAgain};
use whatsapp_rust::features::MediaReuploadRequest;
use whatsapp_rust::media::{ImageOptions, image_message};
use whatsapp_rust::prelude::*;
use whatsapp_rust::upload::{UploadOptions, UploadResponse};
use whatsapp_rust::wacore::download::{Downloadable, MediaType};
use whatsapp_rust::wacore::media_retry::MediaRetryResult;

use crate::PATIENCE;
use crate::device::{ANA, Device, World};

const MIB: usize = 1024 * 1024;

/// Bytes that are not all the same, so that a lost part shows.
fn file(length: usize) -> Vec<u8> {
    (0u32..).flat_map(u32::to_le_bytes).take(length).collect()
}

async fn uploads(device: &Device, kind: MediaType, bytes: &[u8]) -> anyhow::Result<UploadResponse> {
    device
        .client
        .upload(bytes.to_vec(), kind, UploadOptions::default())
        .await
}

async fn gets(device: &Device) -> anyhow::Result<(String, wa::Message)> {
    device
        .waits_for(|event| match event {
            Event::Messages(batch) => batch
                .into_iter()
                .map(|one| (one.info.id.clone(), one.message.get_base_message().clone()))
                .next(),
            _ => None,
        })
        .await
}

async fn sends_picture(world: &World, device: &Device, bytes: &[u8]) -> anyhow::Result<(String, Received)> {
    let uploaded = uploads(device, MediaType::Image, bytes).await?;
    let options = ImageOptions {
        caption: Some("look".into()),
        ..Default::default()
    };
    let sent = device
        .client
        .send_message(world.ana.jid().parse::<Jid>()?, image_message(uploaded, options))
        .await?;
    let received = world
        .ana
        .waits_for(|received| received.kind == Kind::Image, PATIENCE)
        .await?;
    Ok((sent.message_id, received))
}

#[tokio::test]
async fn media_conn_and_upload_a_picture_of_the_client_is_opened_by_the_contact() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let picture = file(5000);
    let (_, received) = sends_picture(&world, &device, &picture).await?;
    assert_eq!(received.text.as_deref(), Some("look"));
    assert_eq!(world.ana.media_of(&received)?, picture);
    let copy = world
        .phone
        .waits_for(|received| received.kind == Kind::Image, PATIENCE)
        .await?;
    assert_eq!(world.phone.media_of(&copy)?, picture);
    Ok(())
}

#[tokio::test]
async fn media_download_every_kind_of_medium_a_contact_sends_arrives_whole() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let (ana, phone) = (&world.ana, &world.phone);
    for length in [1, 65_536] {
        let bytes = file(length);
        let (caption, seconds) = (Some("see"), 3);
        ana.sends_image(phone, &bytes, caption)?;
        let (_, message) = gets(&device).await?;
        assert_eq!(device.client.download(&*message.image_message).await?, bytes);
        ana.sends_video(phone, &bytes, caption)?;
        let (_, message) = gets(&device).await?;
        assert_eq!(device.client.download(&*message.video_message).await?, bytes);
        ana.sends_audio(phone, &bytes, seconds)?;
        let (_, message) = gets(&device).await?;
        assert_eq!(message.audio_message.ptt, Some(false));
        assert_eq!(device.client.download(&*message.audio_message).await?, bytes);
        ana.sends_voice(phone, &bytes, seconds)?;
        let (_, message) = gets(&device).await?;
        assert_eq!(message.audio_message.ptt, Some(true));
        assert_eq!(device.client.download(&*message.audio_message).await?, bytes);
        ana.sends_document(phone, &bytes, "file.bin", caption)?;
        let (_, message) = gets(&device).await?;
        assert_eq!(message.document_message.file_name.as_deref(), Some("file.bin"));
        assert_eq!(device.client.download(&*message.document_message).await?, bytes);
        ana.sends_sticker(phone, &bytes)?;
        let (_, message) = gets(&device).await?;
        assert_eq!(device.client.download(&*message.sticker_message).await?, bytes);
    }
    Ok(())
}

#[tokio::test]
async fn media_upload_of_every_kind_of_medium_works() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let bytes = file(100_000);
    for kind in [
        MediaType::Image,
        MediaType::Video,
        MediaType::Audio,
        MediaType::Document,
        MediaType::Sticker,
        MediaType::StickerPack,
        MediaType::LinkThumbnail,
        MediaType::AppState,
        MediaType::History,
    ] {
        let uploaded = uploads(&device, kind, &bytes).await?;
        let sealed = params_of(&uploaded, kind);
        assert_eq!(device.client.download(&sealed).await?, bytes, "{kind:?}");
    }
    assert_eq!(world.server.blob_count(), 9);
    Ok(())
}

fn params_of(uploaded: &UploadResponse, kind: MediaType) -> whatsapp_rust::download::DownloadParams {
    whatsapp_rust::download::DownloadParams::encrypted(
        uploaded.direct_path.clone(),
        &uploaded.media_key,
        &uploaded.file_sha256,
        &uploaded.file_enc_sha256,
        uploaded.file_length,
        kind,
    )
}

#[tokio::test]
async fn media_upload_resume_a_large_upload_that_broke_off_is_continued() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let bytes = file(6 * MIB);
    let options = UploadOptions::default().with_media_key([7; 32]);
    world.server.cuts_next_upload(2 * MIB);
    let upload = |options| device.client.upload(bytes.clone(), MediaType::Video, options);
    assert!(upload(options.clone()).await.is_err());
    assert_eq!(world.server.blob_count(), 0);
    let uploaded = upload(options.clone()).await?;
    assert_eq!(world.server.blob_count(), 1);
    let params = params_of(&uploaded, MediaType::Video);
    assert_eq!(device.client.download(&params).await?, bytes);
    // What is here already is not sent again.
    let again = upload(options).await?;
    assert_eq!(again.direct_path, uploaded.direct_path);
    assert_eq!(world.server.blob_count(), 1);
    Ok(())
}

#[tokio::test]
async fn media_a_file_of_a_hundred_mebibytes_goes_both_ways() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let bytes = file(100 * MIB);
    let uploaded = uploads(&device, MediaType::Document, &bytes).await?;
    let params = params_of(&uploaded, MediaType::Document);
    assert!(device.client.download(&params).await? == bytes);
    Ok(())
}

#[tokio::test]
async fn media_upload_refused_for_its_permission_works_with_a_new_one() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    uploads(&device, MediaType::Image, &file(10)).await?;
    world.server.revokes_uploads();
    uploads(&device, MediaType::Image, &file(20)).await?;
    world.server.refuses_uploads(401, 1);
    uploads(&device, MediaType::Image, &file(30)).await?;
    for status in [404, 413, 500, 503] {
        world.server.refuses_uploads(status, 1);
        let refused = uploads(&device, MediaType::Image, &file(40)).await;
        assert!(refused.is_err_and(|error| error.to_string().contains(&status.to_string())));
    }
    uploads(&device, MediaType::Image, &file(40)).await?;
    Ok(())
}

#[tokio::test]
async fn media_download_that_breaks_or_arrives_damaged_fails_and_works_the_next_time() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let bytes = file(300_000);
    world.ana.sends_image(&world.phone, &bytes, None)?;
    let (_, message) = gets(&device).await?;
    let image = &*message.image_message;
    world.server.cuts_next_download(100_000);
    assert!(device.client.download(image).await.is_err());
    world.server.garbles_next_download();
    assert!(device.client.download(image).await.is_err());
    world.server.refuses_downloads(500, 1);
    assert!(device.client.download(image).await.is_err());
    world.server.slows_media(Some(Duration::from_millis(1)));
    assert_eq!(device.client.download(image).await?, bytes);
    Ok(())
}

#[tokio::test]
async fn media_download_of_a_range_gives_that_part() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let uploaded = world.server.upload(simulator::MediaKind::Image, &file(1000))?;
    let address = format!("http://{}{}", world.server.address(), uploaded.direct_path);
    let http = reqwest::Client::builder().build()?;
    let whole = http.get(&address).send().await?.bytes().await?;
    for (range, part) in [
        ("bytes=10-19", whole.slice(10..20)),
        ("bytes=1000-", whole.slice(1000..)),
        ("bytes=-5", whole.slice(whole.len() - 5..)),
    ] {
        let answer = http.get(&address).header("range", range).send().await?;
        assert_eq!(answer.status().as_u16(), 206);
        assert_eq!(answer.bytes().await?, part);
    }
    let answer = http.get(&address).header("range", "bytes=9999-").send().await?;
    assert_eq!(answer.status().as_u16(), 416);
    Ok(())
}

async fn asks_again(
    device: &Device,
    id: &str,
    medium: &impl Downloadable,
    is_from_me: bool,
) -> anyhow::Result<MediaRetryResult> {
    let chat: Jid = format!("{ANA}@s.whatsapp.net").parse()?;
    let request = MediaReuploadRequest {
        msg_id: id,
        chat_jid: &chat,
        media_key: medium.media_key().unwrap_or_default(),
        is_from_me,
        participant: None,
    };
    Ok(device.client.media_reupload().request(&request).await?)
}

#[tokio::test]
async fn media_retry_a_medium_that_is_gone_is_uploaded_again_by_the_phone() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let bytes = file(5000);
    for status in [403, 404, 410] {
        let id = world.ana.sends_image(&world.phone, &bytes, None)?;
        let (_, message) = gets(&device).await?;
        let mut image = (*message.image_message).clone();
        let path = image.direct_path.clone().unwrap_or_default();
        assert!(world.server.expires_media(&path, status));
        assert!(device.client.download(&image).await.is_err());
        let MediaRetryResult::Success { direct_path } = asks_again(&device, &id, &image, false).await? else {
            anyhow::bail!("the phone has it");
        };
        assert_ne!(direct_path, path);
        image.direct_path = Some(direct_path);
        assert_eq!(device.client.download(&image).await?, bytes);
    }
    world.phone.waits_for_empty_backlog(PATIENCE).await
}

#[tokio::test]
async fn media_retry_for_an_own_picture_and_for_one_the_phone_has_lost() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let (id, received) = sends_picture(&world, &device, &file(5000)).await?;
    world.phone.waits_for(|copy| copy.id == id, PATIENCE).await?;
    let image = &*received.message.image_message;
    world.server.expires_all_media(404);
    let answer = asks_again(&device, &id, image, true).await?;
    assert!(matches!(answer, MediaRetryResult::Success { .. }));
    world.phone.uploads_again(UploadAgain::HasLost);
    let answer = asks_again(&device, &id, image, true).await?;
    assert!(matches!(answer, MediaRetryResult::NotFound));
    world.phone.uploads_again(UploadAgain::Fails);
    let answer = asks_again(&device, &id, image, true).await?;
    assert!(matches!(answer, MediaRetryResult::GeneralError));
    world.phone.uploads_again(UploadAgain::Does);
    let answer = asks_again(&device, "3EB0FFFFFFFF", image, true).await?;
    assert!(matches!(answer, MediaRetryResult::NotFound));
    Ok(())
}

#[tokio::test]
async fn media_are_sent_read_and_broken_over_the_control_api() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let (base, owner) = (world.server.control_url(), world.phone.number());
    let http = reqwest::Client::builder().build()?;
    let send = format!("{base}/contacts/{ANA}/send-medium?to={owner}&kind=voice&seconds=2");
    let answer: serde_json::Value = http.post(&send).body(file(700)).send().await?.json().await?;
    let (id, message) = gets(&device).await?;
    assert_eq!(answer["id"], id);
    assert_eq!(device.client.download(&*message.audio_message).await?, file(700));
    let copy = http
        .get(format!("{base}/phones/{owner}/media/{ANA}/{id}"))
        .send()
        .await?;
    assert_eq!(copy.bytes().await?, file(700));
    let gone = serde_json::json!({ "expire_all": 410 });
    http.post(format!("{base}/media/faults"))
        .json(&gone)
        .send()
        .await?
        .error_for_status()?;
    assert!(device.client.download(&*message.audio_message).await.is_err());
    world
        .phone
        .sends_medium(&world.ana, Attachment::Sticker { bytes: &file(9) })?;
    let sticker = world.ana.waits_for(|one| one.kind == Kind::Sticker, PATIENCE).await?;
    assert_eq!(world.ana.media_of(&sticker)?, file(9));
    Ok(())
}
