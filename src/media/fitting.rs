//! Which conversion a file needs, by its kind and by what it really is.

use std::fs::File;

use tokio::task::spawn_blocking;

use super::{
    Error, Fitted,
    pictures::{self, Picture},
    recordings,
    sniff::Format,
    tools::Tools,
};
use crate::model::{Media, MediaKind};

const JPEG: &str = "image/jpeg";
const WEBP: &str = "image/webp";
const MP4: &str = "video/mp4";
const OPUS: &str = "audio/ogg; codecs=opus";

/// Converts a file where it must be.
pub(super) async fn fit(tools: &Tools, file: File, media: Media) -> Result<Fitted, Error> {
    let format = Format::of(&file).map_err(Error::machine)?;
    match media.kind {
        MediaKind::Image => picture(tools, file, format, media).await,
        MediaKind::Sticker => sticker(tools, file, format, media).await,
        MediaKind::Gif => film(tools, file, format, media, true).await,
        MediaKind::Video | MediaKind::VideoNote => film(tools, file, format, media, false).await,
        MediaKind::Voice => voice(tools, file, format, media).await,
        MediaKind::Audio => sound(tools, file, format, media).await,
        MediaKind::File => Ok(Fitted {
            file,
            media,
            stands_still: false,
        }),
    }
}

async fn picture(tools: &Tools, file: File, format: Format, mut media: Media) -> Result<Fitted, Error> {
    if format == Format::Jpeg {
        return Ok(kept(file, media, JPEG));
    }
    let (file, moves) = moves(file, format).await?;
    // Without the program for it, a picture that stands still is better than none.
    if moves && tools.are_there() {
        media.kind = MediaKind::Gif;
        return film(tools, file, format, media, true).await;
    }
    let made = if is_small(tools, &file, format).await? {
        blocking(move || Picture::read(&file)?.to_jpeg()).await?
    } else {
        recordings::to_jpeg(tools, &file, format).await?
    };
    Ok(Fitted {
        // The program cannot read every one of these.
        stands_still: moves || format == Format::Webp { animated: true },
        ..converted(made, media, JPEG)
    })
}

/// Whether a picture is unpacked here.
async fn is_small(tools: &Tools, file: &File, format: Format) -> Result<bool, Error> {
    let (file, others_can) = (file.try_clone().map_err(Error::machine)?, tools.can_read(format));
    blocking(move || pictures::is_small(&file, others_can)).await
}

/// Whether a picture moves, and its file again.
async fn moves(file: File, format: Format) -> Result<(File, bool), Error> {
    blocking(move || {
        let moves = match format {
            Format::Png { animated } => animated,
            Format::Gif => pictures::moves(&file),
            _ => false,
        };
        Ok((file, moves))
    })
    .await
}

async fn sticker(tools: &Tools, file: File, format: Format, mut media: Media) -> Result<Fitted, Error> {
    if let Format::Webp { animated } = format {
        media.animated = animated;
        return Ok(kept(file, media, WEBP));
    }
    let (file, moves) = moves(file, format).await?;
    if (moves || format.is_film()) && tools.are_there() {
        media.animated = true;
        let made = recordings::to_moving_sticker(tools, &file, format).await?;
        return Ok(converted(made, media, WEBP));
    }
    media.animated = false;
    if is_small(tools, &file, format).await? {
        let made = blocking(move || Picture::read(&file)?.to_sticker()).await?;
        return Ok(converted(made, media, WEBP));
    }
    let made = recordings::to_moving_sticker(tools, &file, format).await?;
    Ok(converted(made, media, WEBP))
}

async fn film(tools: &Tools, file: File, format: Format, media: Media, silent: bool) -> Result<Fitted, Error> {
    if !tools.are_there() {
        // Nobody can look inside: most films are as they should be.
        return match format {
            Format::Mp4 => Ok(kept(file, media, MP4)),
            _ => Err(Error::NeedsTool("ffmpeg")),
        };
    }
    let contents = recordings::look(tools, &file, format).await?;
    if contents.video.is_none() {
        return Err(Error::Unreadable);
    }
    if contents.is_playable(format) && !(silent && contents.audio.is_some()) {
        return Ok(kept(file, media, MP4));
    }
    let made = recordings::to_mp4(tools, &file, format, silent).await?;
    Ok(converted(made, media, MP4))
}

async fn voice(tools: &Tools, file: File, format: Format, media: Media) -> Result<Fitted, Error> {
    match format {
        Format::Opus { channels: 1 } => Ok(kept(file, media, OPUS)),
        // Two channels are played by most phones.
        Format::Opus { .. } if !tools.are_there() => Ok(kept(file, media, OPUS)),
        _ => {
            let made = recordings::to_voice(tools, &file, format).await?;
            Ok(converted(made, media, OPUS))
        }
    }
}

async fn sound(tools: &Tools, file: File, format: Format, media: Media) -> Result<Fitted, Error> {
    let is_audio_mp4 = format == Format::Mp4 && !tools.are_there();
    if let Some(mime) = played_sound(format).or(is_audio_mp4.then_some("audio/mp4")) {
        return Ok(kept(file, media, mime));
    }
    if format == Format::Mp4 {
        let contents = recordings::look(tools, &file, format).await?;
        if contents.video.is_none() && contents.audio.as_deref() == Some("aac") {
            return Ok(kept(file, media, "audio/mp4"));
        }
    }
    let made = recordings::to_m4a(tools, &file, format).await?;
    Ok(converted(made, media, "audio/mp4"))
}

/// Sound that phones play as it is.
fn played_sound(format: Format) -> Option<&'static str> {
    match format {
        Format::Mp3 | Format::Aac | Format::Amr | Format::Opus { .. } => format.mime(),
        _ => None,
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    spawn_blocking(work).await.map_err(Error::machine)?
}

fn kept(file: File, media: Media, mime: &str) -> Fitted {
    Fitted {
        file,
        media: Media {
            mime: mime.to_owned(),
            ..media
        },
        stands_still: false,
    }
}

/// A file that is another one now: what was known of the old one and its name's ending is no longer true.
fn converted(file: File, media: Media, mime: &str) -> Fitted {
    let name = media.name.map(|name| renamed(&name, mime));
    Fitted {
        file,
        media: Media {
            mime: mime.to_owned(),
            name,
            size: None,
            width: None,
            height: None,
            ..media
        },
        stands_still: false,
    }
}

fn renamed(name: &str, mime: &str) -> String {
    let ending = match mime {
        JPEG => "jpg",
        WEBP => "webp",
        MP4 => "mp4",
        OPUS => "ogg",
        _ => "m4a",
    };
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    format!("{stem}.{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_converted_file_has_the_name_of_what_it_is_now() {
        assert_eq!(renamed("cat.v2.png", JPEG), "cat.v2.jpg");
        assert_eq!(renamed("cat", MP4), "cat.mp4");
        assert_eq!(renamed("song.flac", "audio/mp4"), "song.m4a");
    }
}
