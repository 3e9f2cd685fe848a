//! What becomes of real pictures, and with the programs of this machine of real sound and film.

use std::{
    io::{Cursor, Read as _, Seek as _, Write as _},
    process::{Command, Stdio},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use image::{DynamicImage, ImageFormat, Rgba, RgbaImage};

use super::*;

fn media(kind: MediaKind) -> Media {
    Media {
        name: Some("it.bin".into()),
        ..Media::new(
            kind,
            MediaSource::Network(MediaRef(serde_json::Value::Null)),
            "application/octet-stream",
        )
    }
}

fn file_of(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn bytes_of(mut file: File) -> Vec<u8> {
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    bytes
}

fn picture(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let image = RgbaImage::from_fn(width, height, |x, y| {
        Rgba([x.to_le_bytes()[0], y.to_le_bytes()[0], 90, 255])
    });
    let image = match format {
        ImageFormat::Jpeg => DynamicImage::from(DynamicImage::from(image).to_rgb8()),
        _ => DynamicImage::from(image),
    };
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

async fn workshop() -> Workshop {
    let workshop = Workshop::open(&Config::default()).await;
    assert!(
        workshop.tools().are_there(),
        "these tests need ffmpeg (Debian: apt-get install ffmpeg; scripts/test brings it)"
    );
    workshop
}

async fn bare_workshop() -> Workshop {
    let config = Config {
        ffmpeg: String::new(),
        ffprobe: "/nowhere/ffprobe".into(),
        ..Config::default()
    };
    let workshop = Workshop::open(&config).await;
    assert!(!workshop.tools().are_there());
    workshop
}

/// Lets `ffmpeg` make a recording out of nothing.
fn recording(arguments: &[&str]) -> Vec<u8> {
    let mut made = tempfile::tempfile().unwrap();
    let status = Command::new("ffmpeg")
        .args(["-hide_banner", "-v", "error", "-y"])
        .args(arguments)
        .arg("/dev/stdout")
        .stdin(Stdio::null())
        .stdout(made.try_clone().unwrap())
        .status()
        .unwrap();
    assert!(status.success());
    let mut bytes = Vec::new();
    made.rewind().unwrap();
    made.read_to_end(&mut bytes).unwrap();
    bytes
}

fn film(codec: &[&str]) -> Vec<u8> {
    let mut arguments = vec!["-f", "lavfi", "-i", "testsrc=size=321x241:rate=10:duration=2"];
    arguments.extend(["-f", "lavfi", "-i", "sine=frequency=440:duration=2"]);
    arguments.extend(codec);
    recording(&arguments)
}

fn sound(codec: &[&str]) -> Vec<u8> {
    let mut arguments = vec!["-f", "lavfi", "-i", "sine=frequency=440:duration=3"];
    arguments.extend(codec);
    recording(&arguments)
}

#[tokio::test]
async fn b20_a_jpeg_stays_as_it_is_and_gets_a_small_copy_and_its_colours() {
    let workshop = bare_workshop().await;
    let bytes = picture(800, 600, ImageFormat::Jpeg);
    let fitted = workshop.fit(file_of(&bytes), &media(MediaKind::Image)).await.unwrap();
    let known = &fitted.media;
    assert_eq!(
        (known.mime.as_str(), known.width, known.height),
        ("image/jpeg", Some(800), Some(600))
    );
    assert_eq!(known.size, Some(bytes.len() as u64));
    let thumbnail = known.thumbnail.as_ref().unwrap();
    assert_eq!((thumbnail.width, thumbnail.height), (Some(100), Some(75)));
    assert!(known.blurhash.as_ref().unwrap().len() > 6);
    assert!(bytes_of(fitted.file) == bytes);

    let described = workshop.describe(&file_of(&bytes), &media(MediaKind::Image)).await;
    let preview = described.preview.unwrap();
    assert_eq!((preview.width, preview.height), (640, 480));
    assert_eq!(image::guess_format(&preview.bytes).unwrap(), ImageFormat::Jpeg);
}

#[tokio::test]
async fn b10_pictures_of_links_are_shrunk_whatever_they_are() {
    for workshop in [bare_workshop().await, workshop().await] {
        for format in [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Jpeg] {
            let small = workshop.shrink(&file_of(&picture(800, 400, format))).await.unwrap();
            assert_eq!(small.mime, "image/jpeg", "{format:?}");
            assert_eq!((small.width, small.height), (Some(100), Some(50)), "{format:?}");
            let bytes = STANDARD.decode(small.base64).unwrap();
            assert_eq!(image::guess_format(&bytes).unwrap(), ImageFormat::Jpeg);
        }
        assert_eq!(workshop.shrink(&file_of(b"<html>not found</html>")).await, None);
    }
}

#[tokio::test]
async fn b20_other_pictures_become_jpegs() {
    let workshop = bare_workshop().await;
    for format in [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Gif] {
        let bytes = picture(64, 32, format);
        let fitted = workshop.fit(file_of(&bytes), &media(MediaKind::Image)).await.unwrap();
        assert_eq!(fitted.media.name.as_deref(), Some("it.jpg"), "{format:?}");
        assert!(!fitted.stands_still, "{format:?} never moved");
        assert_eq!((fitted.media.width, fitted.media.height), (Some(64), Some(32)));
        assert_eq!(image::guess_format(&bytes_of(fitted.file)).unwrap(), ImageFormat::Jpeg);
    }
}

#[tokio::test]
async fn b24_pictures_become_stickers_and_stickers_stay() {
    let workshop = bare_workshop().await;
    let fitted = workshop
        .fit(
            file_of(&picture(300, 100, ImageFormat::Png)),
            &media(MediaKind::Sticker),
        )
        .await
        .unwrap();
    assert_eq!((fitted.media.width, fitted.media.height), (Some(512), Some(512)));
    assert_eq!(fitted.media.mime, "image/webp");
    let sticker = bytes_of(fitted.file);
    let image = image::load_from_memory(&sticker).unwrap().to_rgba8();
    assert_eq!((image.get_pixel(0, 0)[3], image.get_pixel(256, 256)[3]), (0, 255));
    let again = workshop
        .fit(file_of(&sticker), &media(MediaKind::Sticker))
        .await
        .unwrap();
    assert!(!again.media.animated && bytes_of(again.file) == sticker);
}

#[tokio::test]
async fn b24_a_gif_becomes_a_sticker_that_moves() {
    let gif = recording(&["-f", "lavfi", "-i", "testsrc=size=60x40:rate=5:duration=1", "-f", "gif"]);
    let fitted = workshop()
        .await
        .fit(file_of(&gif), &media(MediaKind::Sticker))
        .await
        .unwrap();
    assert!(fitted.media.animated);
    assert_eq!(Format::of(&fitted.file).unwrap(), Format::Webp { animated: true });
}

#[tokio::test]
async fn a_picture_of_too_many_pixels_is_refused_before_it_is_unpacked() {
    // A valid PNG of 16000 by 16000 grey pixels is a few bytes of header; nothing of it is decoded.
    let mut png = picture(1, 1, ImageFormat::Png);
    png[16..24].copy_from_slice(&[0, 0, 0x3E, 0x80, 0, 0, 0x3E, 0x80]);
    let crc = png_crc(&png[12..29]);
    png[29..33].copy_from_slice(&crc.to_be_bytes());
    let refused = bare_workshop().await.fit(file_of(&png), &media(MediaKind::Image)).await;
    assert!(matches!(refused, Err(Error::TooManyPixels)), "{refused:?}");
}

#[tokio::test]
async fn b20_a_large_picture_is_unpacked_by_others_and_what_is_transparent_becomes_white() {
    let (width, height) = (2000, 1500);
    let clear = RgbaImage::from_pixel(width, height, Rgba([10, 20, 30, 0]));
    let workshop = workshop().await;
    for format in [ImageFormat::Png, ImageFormat::WebP] {
        let mut bytes = Cursor::new(Vec::new());
        clear.write_to(&mut bytes, format).unwrap();
        let bytes = bytes.into_inner();
        assert!(!pictures::is_small(&file_of(&bytes), true).unwrap());
        let described = workshop.describe(&file_of(&bytes), &media(MediaKind::Image)).await;
        assert!(described.preview.is_some(), "{format:?}");
        let fitted = workshop.fit(file_of(&bytes), &media(MediaKind::Image)).await.unwrap();
        let known = &fitted.media;
        assert_eq!(
            (known.mime.as_str(), known.width, known.height),
            ("image/jpeg", Some(width), Some(height)),
            "{format:?}"
        );
        assert!(known.thumbnail.is_some() && known.blurhash.is_some());
        let made = image::load_from_memory(&bytes_of(fitted.file)).unwrap().to_rgb8();
        assert!(
            made.get_pixel(1000, 700).0.iter().all(|value| *value > 250),
            "{format:?}"
        );
    }
}

#[tokio::test]
async fn b20_a_large_webp_that_moves_is_unpacked_here_since_nobody_else_can() {
    let bytes = recording(&[
        "-f",
        "lavfi",
        "-i",
        "testsrc=size=2000x1500:rate=5:duration=0.4",
        "-c:v",
        "libwebp",
        "-loop",
        "0",
        "-f",
        "webp",
    ]);
    assert_eq!(Format::of(&file_of(&bytes)).unwrap(), Format::Webp { animated: true });
    let workshop = workshop().await;
    let fitted = workshop.fit(file_of(&bytes), &media(MediaKind::Image)).await.unwrap();
    assert_eq!(
        (fitted.media.mime.as_str(), fitted.media.width),
        ("image/jpeg", Some(2000))
    );
    assert!(fitted.stands_still);
    let described = workshop.describe(&file_of(&bytes), &media(MediaKind::Sticker)).await;
    assert!(described.preview.is_some());
}

#[tokio::test]
async fn b20_a_large_file_is_not_unpacked_here_even_when_nobody_else_can() {
    let png = [picture(64, 64, ImageFormat::Png), vec![0; 5 << 20]].concat();
    let workshop = bare_workshop().await;
    let refused = workshop.fit(file_of(&png), &media(MediaKind::Image)).await;
    assert!(matches!(refused, Err(Error::NeedsTool(_))), "{refused:?}");
    let described = workshop.describe(&file_of(&png), &media(MediaKind::Image)).await;
    assert!(described.preview.is_none());
    assert_eq!((described.media.width, described.media.height), (Some(64), Some(64)));
}

/// The checksum of PNG chunks.
fn png_crc(bytes: &[u8]) -> u32 {
    let table = |mut value: u32| {
        for _ in 0..8 {
            value = if value & 1 == 1 {
                0xEDB8_8320 ^ (value >> 1)
            } else {
                value >> 1
            };
        }
        value
    };
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        table((crc ^ u32::from(*byte)) & 0xFF) ^ (crc >> 8)
    })
}

#[tokio::test]
async fn damaged_files_are_told_as_such_and_described_as_they_were() {
    let workshop = workshop().await;
    let half = picture(100, 100, ImageFormat::Png);
    let kinds = [
        MediaKind::Image,
        MediaKind::Sticker,
        MediaKind::Video,
        MediaKind::Gif,
        MediaKind::Voice,
    ];
    for bytes in [&half[..half.len() / 2], b"#EXTM3U\n/etc/hostname\n", b""] {
        for kind in kinds {
            let refused = workshop.fit(file_of(bytes), &media(kind)).await;
            let error = refused.expect_err(kind.name());
            assert!(!error.is_transient(), "{kind:?}: {error:?}");
            let described = workshop.describe(&file_of(bytes), &media(kind)).await;
            assert!(described.preview.is_none());
        }
    }
}

#[tokio::test]
async fn b21_films_become_mp4_and_those_that_are_stay() {
    let workshop = workshop().await;
    let webm = film(&["-c:v", "libvpx", "-c:a", "libopus", "-f", "webm"]);
    let fitted = workshop.fit(file_of(&webm), &media(MediaKind::Video)).await.unwrap();
    let known = &fitted.media;
    assert_eq!(
        (known.mime.as_str(), known.width, known.height),
        ("video/mp4", Some(320), Some(240))
    );
    assert!((1900..2200).contains(&known.duration.unwrap()), "{:?}", known.duration);
    assert!(known.thumbnail.is_some() && known.blurhash.is_some());
    let mp4 = bytes_of(fitted.file);
    let contents = recordings::look(workshop.tools(), &file_of(&mp4), Format::Mp4)
        .await
        .unwrap();
    assert!(contents.is_playable(Format::Mp4) && contents.audio.is_some());

    let again = workshop.fit(file_of(&mp4), &media(MediaKind::Video)).await.unwrap();
    assert!(bytes_of(again.file) == mp4, "nothing is done twice");
    let described = workshop.describe(&file_of(&mp4), &media(MediaKind::Video)).await;
    assert!(described.preview.is_some() && described.media.duration.is_some());
}

#[tokio::test]
async fn b21_a_gif_becomes_a_silent_film() {
    let workshop = workshop().await;
    let gif = recording(&["-f", "lavfi", "-i", "testsrc=size=61x41:rate=5:duration=1", "-f", "gif"]);
    let apng = recording(&[
        "-f",
        "lavfi",
        "-i",
        "testsrc=size=61x41:rate=5:duration=1",
        "-f",
        "apng",
    ]);
    let loud = film(&["-c:v", "libx264", "-pix_fmt", "yuv444p", "-c:a", "aac", "-f", "mp4"]);
    for (kind, bytes) in [
        (MediaKind::Image, gif),
        (MediaKind::Image, apng),
        (MediaKind::Gif, loud),
    ] {
        let fitted = workshop.fit(file_of(&bytes), &media(kind)).await.unwrap();
        assert_eq!(
            (fitted.media.kind, fitted.media.mime.as_str()),
            (MediaKind::Gif, "video/mp4")
        );
        let contents = recordings::look(workshop.tools(), &fitted.file, Format::Mp4)
            .await
            .unwrap();
        assert!(
            contents.is_playable(Format::Mp4) && contents.audio.is_none(),
            "{contents:?}"
        );
    }
}

#[tokio::test]
async fn b23_speech_becomes_opus_with_its_length_and_loudness() {
    let workshop = workshop().await;
    let sounds = [
        sound(&["-c:a", "libmp3lame", "-f", "mp3"]),
        sound(&["-c:a", "aac", "-f", "ipod"]),
        sound(&["-c:a", "libopus", "-ac", "2", "-f", "webm"]),
        sound(&["-f", "wav"]),
    ];
    let mut voice = Vec::new();
    for bytes in sounds {
        let fitted = workshop.fit(file_of(&bytes), &media(MediaKind::Voice)).await.unwrap();
        assert_eq!(fitted.media.mime, "audio/ogg; codecs=opus");
        assert_eq!(Format::of(&fitted.file).unwrap(), Format::Opus { channels: 1 });
        assert!(
            (2900..3200).contains(&fitted.media.duration.unwrap()),
            "{:?}",
            fitted.media.duration
        );
        assert_eq!(fitted.media.waveform.len(), 64);
        assert_eq!(fitted.media.waveform.iter().max(), Some(&100));
        voice = bytes_of(fitted.file);
    }
    let bare = bare_workshop()
        .await
        .fit(file_of(&voice), &media(MediaKind::Voice))
        .await
        .unwrap();
    assert!(
        (2900..3200).contains(&bare.media.duration.unwrap()),
        "also without the programs"
    );
    assert!(bytes_of(bare.file) == voice);
}

#[tokio::test]
async fn b22_sound_that_phones_play_stays_and_other_sound_becomes_aac() {
    let workshop = workshop().await;
    let mp3 = sound(&["-c:a", "libmp3lame", "-f", "mp3"]);
    let fitted = workshop.fit(file_of(&mp3), &media(MediaKind::Audio)).await.unwrap();
    assert_eq!(fitted.media.mime, "audio/mpeg");
    assert!(fitted.media.duration.is_some() && bytes_of(fitted.file) == mp3);
    for other in [sound(&["-f", "flac"]), sound(&["-f", "wav"])] {
        let fitted = workshop.fit(file_of(&other), &media(MediaKind::Audio)).await.unwrap();
        assert_eq!(fitted.media.mime, "audio/mp4");
        assert_eq!(Format::of(&fitted.file).unwrap(), Format::Mp4);
    }
}

#[tokio::test]
async fn without_the_programs_it_says_which_is_missing() {
    let workshop = bare_workshop().await;
    let wav = sound(&["-f", "wav"]);
    for kind in [MediaKind::Voice, MediaKind::Audio, MediaKind::Video] {
        let refused = workshop.fit(file_of(&wav), &media(kind)).await;
        let error = refused.expect_err(kind.name());
        assert!(matches!(error, Error::NeedsTool("ffmpeg")), "{error:?}");
        assert!(error.to_string().contains("ffmpeg is not installed"));
    }
    let plain = workshop.fit(file_of(&wav), &media(MediaKind::File)).await.unwrap();
    assert!(bytes_of(plain.file) == wav);
}

#[tokio::test]
async fn a_conversion_that_takes_too_long_is_killed() {
    let config = Config {
        time_limit_seconds: 1,
        ..Config::default()
    };
    let tools = Tools::find(&config).await;
    let wav = sound(&["-f", "wav"]);
    // Played at its own pace, three seconds of sound take three.
    let slow = ["-filter_complex", "[0:a]arealtime[out]", "-map", "[out]", "-f", "wav"];
    let stopped = tools.convert(&file_of(&wav), Format::Wav, &slow).await;
    assert!(matches!(stopped, Err(Error::TooSlow)), "{stopped:?}");
}
