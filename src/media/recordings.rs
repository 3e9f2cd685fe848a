//! Sound and film: what is in them, and the forms that phones play.

use std::{fs::File, io::Read as _, os::unix::fs::FileExt as _};

use serde::Deserialize;

use super::{Error, sniff::Format, tools::Tools};

/// How many values a waveform has.
const WAVES: usize = 64;
/// A waveform is made of so many samples each second.
const SAMPLES: &str = "4000";
/// No more of a recording is listened to for it, in seconds.
const LISTENED: &str = "3600";
/// Opus counts time in this many parts of a second, whatever it was recorded with.
const OPUS_RATE: u64 = 48_000;
/// The last page of an Ogg file is within this many bytes of its end.
const OGG_PAGE: u64 = 65_307;

/// What is in a recording.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Contents {
    /// In milliseconds.
    pub(super) duration: Option<u64>,
    /// Width and height as shown.
    pub(super) size: Option<(u32, u32)>,
    /// Names of the codecs; a cover picture is no film.
    pub(super) video: Option<String>,
    pub(super) audio: Option<String>,
    pixels: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Probed {
    streams: Vec<Stream>,
    format: Whole,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Whole {
    duration: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Stream {
    codec_type: String,
    codec_name: String,
    pix_fmt: Option<String>,
    width: Option<u32>,
    height: Option<u32>,
    duration: Option<String>,
    side_data_list: Vec<SideData>,
    disposition: Disposition,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SideData {
    rotation: Option<f64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Disposition {
    attached_pic: u8,
}

/// Looks into a recording.
pub(super) async fn look(tools: &Tools, file: &File, format: Format) -> Result<Contents, Error> {
    let probed: Probed = serde_json::from_slice(&tools.probe(file, format).await?).map_err(Error::machine)?;
    let of_kind = |kind: &str| {
        probed
            .streams
            .iter()
            .find(|stream| stream.codec_type == kind && stream.disposition.attached_pic == 0)
    };
    let (video, audio) = (of_kind("video"), of_kind("audio"));
    let lengths = [
        probed.format.duration.as_deref(),
        video.and_then(|stream| stream.duration.as_deref()),
        audio.and_then(|stream| stream.duration.as_deref()),
    ];
    Ok(Contents {
        duration: lengths.into_iter().flatten().find_map(millis),
        size: video.and_then(shown_size),
        video: video.map(|stream| stream.codec_name.clone()),
        audio: audio.map(|stream| stream.codec_name.clone()),
        pixels: video.and_then(|stream| stream.pix_fmt.clone()),
    })
}

/// `12.345` seconds in milliseconds, without the detour over fractions.
fn millis(seconds: &str) -> Option<u64> {
    let (whole, rest) = seconds.split_once('.').unwrap_or((seconds, ""));
    let rest: String = rest.chars().chain("000".chars()).take(3).collect();
    whole
        .parse::<u64>()
        .ok()?
        .checked_mul(1000)?
        .checked_add(rest.parse().ok()?)
}

fn shown_size(stream: &Stream) -> Option<(u32, u32)> {
    let (width, height) = (stream.width?, stream.height?);
    let is_turned = stream
        .side_data_list
        .iter()
        .filter_map(|data| data.rotation)
        .any(|degrees| (80.0..100.0).contains(&degrees.abs()) || (260.0..280.0).contains(&degrees.abs()));
    Some(if is_turned { (height, width) } else { (width, height) })
}

impl Contents {
    /// Whether every phone plays it as a film.
    pub(super) fn is_playable(&self, format: Format) -> bool {
        format == Format::Mp4
            && self.video.as_deref() == Some("h264")
            && matches!(self.pixels.as_deref(), Some("yuv420p" | "yuvj420p"))
            && matches!(self.audio.as_deref(), None | Some("aac" | "mp3"))
    }
}

/// A film that every phone plays.
pub(super) async fn to_mp4(tools: &Tools, file: &File, format: Format, silent: bool) -> Result<File, Error> {
    let mut arguments = vec![
        "-map",
        "0:v:0",
        "-c:v",
        "libx264",
        "-profile:v",
        "baseline",
        "-preset",
        "veryfast",
        "-crf",
        "26",
        "-pix_fmt",
        "yuv420p",
        "-threads",
        "2",
        "-vf",
        "scale='min(1280,iw)':'min(1280,ih)':force_original_aspect_ratio=decrease:force_divisible_by=2",
    ];
    if silent {
        arguments.push("-an");
    } else {
        arguments.extend(["-map", "0:a:0?", "-c:a", "aac", "-b:a", "96k", "-ac", "2"]);
    }
    arguments.extend(["-movflags", "+faststart", "-f", "mp4"]);
    tools.convert(file, format, &arguments).await
}

/// Speech as phones record it.
pub(super) async fn to_voice(tools: &Tools, file: &File, format: Format) -> Result<File, Error> {
    let arguments = [
        "-map",
        "0:a:0",
        "-vn",
        "-c:a",
        "libopus",
        "-b:a",
        "32k",
        "-application",
        "voip",
        "-ac",
        "1",
        "-ar",
        "48000",
        "-f",
        "ogg",
    ];
    tools.convert(file, format, &arguments).await
}

/// Music that every phone plays.
pub(super) async fn to_m4a(tools: &Tools, file: &File, format: Format) -> Result<File, Error> {
    let arguments = [
        "-map",
        "0:a:0",
        "-vn",
        "-c:a",
        "aac",
        "-b:a",
        "128k",
        "-movflags",
        "+faststart",
        "-f",
        "ipod",
    ];
    tools.convert(file, format, &arguments).await
}

/// A sticker that moves.
pub(super) async fn to_moving_sticker(tools: &Tools, file: &File, format: Format) -> Result<File, Error> {
    let arguments = [
        "-map",
        "0:v:0",
        "-an",
        "-c:v",
        "libwebp",
        "-loop",
        "0",
        "-quality",
        "60",
        "-vf",
        "fps=15,scale=512:512:force_original_aspect_ratio=decrease,format=rgba,\
         pad=512:512:(ow-iw)/2:(oh-ih)/2:color=black@0",
        "-f",
        "webp",
    ];
    tools.convert(file, format, &arguments).await
}

/// A picture as a JPEG; what is transparent becomes white.
pub(super) async fn to_jpeg(tools: &Tools, file: &File, format: Format) -> Result<File, Error> {
    let arguments = [
        "-map",
        "0:v:0",
        "-frames:v",
        "1",
        "-vf",
        "format=rgba,split[white][picture];[white]lutrgb=r=255:g=255:b=255:a=255[paper];[paper][picture]overlay=format=rgb",
        "-c:v",
        "mjpeg",
        "-pix_fmt",
        "yuvj420p",
        "-q:v",
        "3",
        "-f",
        "image2pipe",
    ];
    tools.convert(file, format, &arguments).await
}

/// What stands before the input when a picture must stay as its bytes lie.
pub(super) const AS_IT_LIES: [&str; 1] = ["-noautorotate"];

/// The first picture, small, as a JPEG.
const FIRST_PICTURE: [&str; 15] = [
    "-map",
    "0:v:0",
    "-an",
    "-frames:v",
    "1",
    "-vf",
    "scale='min(640,iw)':'min(640,ih)':force_original_aspect_ratio=decrease",
    "-c:v",
    "mjpeg",
    "-pix_fmt",
    "yuvj420p",
    "-q:v",
    "4",
    "-f",
    "image2pipe",
];

/// A small copy of a picture, or of the first one of a film, as a JPEG; `before` stands before the input.
pub(super) async fn first_picture(
    tools: &Tools,
    before: &[&str],
    file: &File,
    format: Format,
) -> Result<Vec<u8>, Error> {
    let mut picture = Vec::new();
    let mut made = tools.convert_with(before, file, format, &FIRST_PICTURE).await?;
    made.read_to_end(&mut picture).map_err(Error::machine)?;
    Ok(picture)
}

/// Loudness over time: each value 0 to 100, the loudest 100.
pub(super) async fn waveform(tools: &Tools, file: &File, format: Format) -> Result<Vec<u8>, Error> {
    let arguments = [
        "-map",
        "0:a:0",
        "-vn",
        "-t",
        LISTENED,
        "-ac",
        "1",
        "-ar",
        SAMPLES,
        "-c:a",
        "pcm_s16le",
        "-f",
        "s16le",
    ];
    let sound = tools.convert(file, format, &arguments).await?;
    tokio::task::spawn_blocking(move || loudness(&sound))
        .await
        .map_err(Error::machine)?
        .map_err(Error::machine)
}

fn loudness(sound: &File) -> std::io::Result<Vec<u8>> {
    let samples = sound.metadata()?.len() / 2;
    let mut averages = Vec::with_capacity(WAVES);
    for wave in 0..WAVES as u64 {
        let (from, until) = (samples * wave / WAVES as u64, samples * (wave + 1) / WAVES as u64);
        // Short recordings have fewer samples than waves.
        let until = until.max(from + 1).min(samples);
        let mut bytes = vec![0; usize::try_from((until.saturating_sub(from)) * 2).unwrap_or_default()];
        sound.read_exact_at(&mut bytes, from * 2)?;
        let sum: u64 = bytes
            .chunks_exact(2)
            .map(|pair| u64::from(i16::from_le_bytes([pair[0], pair[1]]).unsigned_abs()))
            .sum();
        averages.push(sum / (until.saturating_sub(from)).max(1));
    }
    let loudest = averages.iter().copied().max().unwrap_or_default().max(1);
    Ok(averages
        .into_iter()
        .map(|average| u8::try_from(average * 100 / loudest).unwrap_or(100))
        .collect())
}

/// How long Opus in Ogg plays, in milliseconds, by the counters of its first and last page; needs no program.
/// Ogg: RFC 3533 §6; Opus in it: RFC 7845 §4 and §5.1.
pub(super) fn opus_duration(file: &File) -> std::io::Result<Option<u64>> {
    let mut head = [0; 12];
    file.read_exact_at(&mut head, 28)?;
    let skipped = u64::from(u16::from_le_bytes([head[10], head[11]]));
    let length = file.metadata()?.len();
    let from = length.saturating_sub(OGG_PAGE);
    let mut tail = vec![0; usize::try_from(length - from).unwrap_or_default()];
    file.read_exact_at(&mut tail, from)?;
    let last = tail.windows(14).rev().find(|page| page.starts_with(b"OggS"));
    let counted = last.and_then(|page| Some(u64::from_le_bytes(page[6..14].try_into().ok()?)));
    Ok(counted
        .filter(|counted| *counted != u64::MAX)
        .map(|counted| counted.saturating_sub(skipped).saturating_mul(1000) / OPUS_RATE))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn seconds_are_read_to_the_millisecond() {
        for (text, expected) in [("12.345678", 12_345), ("3", 3000), ("0.5", 500), ("1.04", 1040)] {
            assert_eq!(millis(text), Some(expected), "{text}");
        }
        assert_eq!(millis("N/A"), None);
        assert_eq!(millis("99999999999999999999"), None);
    }

    #[test]
    fn the_loudest_part_of_a_recording_is_a_hundred() {
        let mut file = tempfile::tempfile().unwrap();
        for wave in 0..64_i16 {
            for _ in 0..50 {
                file.write_all(&(wave * 100).to_le_bytes()).unwrap();
            }
        }
        let waves = loudness(&file).unwrap();
        assert_eq!((waves.len(), waves[0], waves[63]), (64, 0, 100));
        assert!(waves.is_sorted());
        let mut short = tempfile::tempfile().unwrap();
        short.write_all(&[1, 0, 2, 0]).unwrap();
        assert_eq!(loudness(&short).unwrap().len(), 64);
    }
}
