//! What a file is, by its first bytes: what senders say of their files is only what they say.

use std::{fs::File, io, os::unix::fs::FileExt as _};

/// A file is known by so many bytes of its beginning.
const BEGINNING: usize = 4096;

/// What a file is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Format {
    Jpeg,
    Png {
        animated: bool,
    },
    Gif,
    Webp {
        animated: bool,
    },
    Mp4,
    Matroska,
    /// Opus in Ogg, with so many channels.
    Opus {
        channels: u8,
    },
    Ogg,
    Wav,
    Flac,
    Mp3,
    Aac,
    Amr,
    Avi,
    Other,
}

impl Format {
    /// Looks at the beginning of a file, wherever it was read up to.
    pub(super) fn of(file: &File) -> io::Result<Self> {
        beginning(file, BEGINNING).map(|bytes| Self::of_bytes(&bytes))
    }

    fn of_bytes(bytes: &[u8]) -> Self {
        let has = |at: usize, mark: &[u8]| bytes.get(at..at + mark.len()) == Some(mark);
        let byte = |at: usize| bytes.get(at).copied().unwrap_or_default();
        match () {
            () if has(0, b"\xFF\xD8\xFF") => Self::Jpeg,
            // The chunk that makes a PNG move stands before the first picture.
            () if has(0, b"\x89PNG\r\n\x1A\n") => Self::Png {
                animated: bytes.windows(4).any(|chunk| chunk == b"acTL"),
            },
            () if has(0, b"GIF8") => Self::Gif,
            () if has(0, b"RIFF") && has(8, b"WEBP") => Self::Webp {
                animated: has(12, b"VP8X") && byte(20) & 0x02 != 0,
            },
            () if has(0, b"RIFF") && has(8, b"WAVE") => Self::Wav,
            () if has(0, b"RIFF") && has(8, b"AVI ") => Self::Avi,
            () if has(4, b"ftyp") && !is_still(bytes.get(8..12)) => Self::Mp4,
            () if has(0, b"\x1A\x45\xDF\xA3") => Self::Matroska,
            () if has(0, b"OggS") && has(28, b"OpusHead") => Self::Opus { channels: byte(37) },
            () if has(0, b"OggS") => Self::Ogg,
            () if has(0, b"fLaC") => Self::Flac,
            () if has(0, b"#!AMR") => Self::Amr,
            () if has(0, b"ID3") => Self::Mp3,
            // Twelve set bits begin a frame; the layer tells the two apart (0 is AAC).
            () if byte(0) == 0xFF && byte(1) & 0xF6 == 0xF0 => Self::Aac,
            () if byte(0) == 0xFF && byte(1) & 0xE0 == 0xE0 && byte(1) & 0x06 != 0 => Self::Mp3,
            () => Self::Other,
        }
    }

    /// The media type of a file of which nobody says anything; `None` when its beginning does not tell either.
    pub(super) fn guess(file: &File) -> io::Result<Option<&'static str>> {
        let format = Self::of(file)?;
        let container = match format {
            Self::Mp4 => Some("video/mp4"),
            Self::Matroska => Some("video/x-matroska"),
            Self::Ogg => Some("audio/ogg"),
            Self::Avi => Some("video/x-msvideo"),
            _ => None,
        };
        let is_pdf = beginning(file, 5)? == b"%PDF-";
        Ok(format.essence().or(container).or(is_pdf.then_some("application/pdf")))
    }

    /// Its media type without parameters, where the format alone tells.
    fn essence(self) -> Option<&'static str> {
        self.mime()?.split(';').next()
    }

    /// The name of the one parser of `ffmpeg` that may read it; `None` when none may. Some of its parsers open other
    /// files that a file names, so it must never choose by itself.
    pub(super) fn parser(self) -> Option<&'static str> {
        Some(match self {
            Self::Jpeg => "jpeg_pipe",
            Self::Png { animated: false } => "png_pipe",
            Self::Png { animated: true } => "apng",
            Self::Gif => "gif",
            Self::Webp { animated: false } => "webp_pipe",
            Self::Mp4 => "mov",
            Self::Matroska => "matroska",
            Self::Opus { .. } | Self::Ogg => "ogg",
            Self::Wav => "wav",
            Self::Flac => "flac",
            Self::Mp3 => "mp3",
            Self::Aac => "aac",
            Self::Amr => "amr",
            Self::Avi => "avi",
            // Of a WebP that moves, ffmpeg reads nothing.
            Self::Webp { animated: true } | Self::Other => return None,
        })
    }

    /// Its media type, where the format alone tells.
    pub(super) fn mime(self) -> Option<&'static str> {
        Some(match self {
            Self::Jpeg => "image/jpeg",
            Self::Png { .. } => "image/png",
            Self::Gif => "image/gif",
            Self::Webp { .. } => "image/webp",
            Self::Opus { .. } => "audio/ogg; codecs=opus",
            Self::Wav => "audio/wav",
            Self::Flac => "audio/flac",
            Self::Mp3 => "audio/mpeg",
            Self::Aac => "audio/aac",
            Self::Amr => "audio/amr",
            Self::Mp4 | Self::Matroska | Self::Ogg | Self::Avi | Self::Other => return None,
        })
    }

    /// Whether it is a film by its container; one may hold sound alone.
    pub(super) fn is_film(self) -> bool {
        matches!(self, Self::Mp4 | Self::Matroska | Self::Avi)
    }
}

/// So many bytes of the beginning of a file, or all there are, wherever it was read up to.
pub(super) fn beginning(file: &File, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    let mut filled = 0;
    while filled < length {
        match file.read_at(&mut bytes[filled..], filled as u64)? {
            0 => break,
            count => filled += count,
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// Pictures that live in the box format of films.
fn is_still(brand: Option<&[u8]>) -> bool {
    matches!(
        brand,
        Some(b"avif" | b"avis" | b"heic" | b"heix" | b"mif1" | b"msf1" | b"hevc")
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn files_are_known_by_their_first_bytes() {
        let known: [(&[u8], Format); 9] = [
            (b"\xFF\xD8\xFF\xE0", Format::Jpeg),
            (b"\0\0\0\x18ftypisom", Format::Mp4),
            (b"\0\0\0\x18ftypavif", Format::Other),
            (b"RIFF\0\0\0\0WEBPVP8X\0\0\0\0\x02", Format::Webp { animated: true }),
            (b"\xFF\xF1\x50", Format::Aac),
            (b"\xFF\xFB\x90", Format::Mp3),
            (b"#EXTM3U\n/etc/passwd", Format::Other),
            (b"", Format::Other),
            (b"\xFF", Format::Other),
        ];
        for (bytes, format) in known {
            assert_eq!(Format::of_bytes(bytes), format, "{bytes:?}");
        }
    }

    #[test]
    fn a_type_is_guessed_where_the_bytes_tell() {
        let known: [(&[u8], Option<&str>); 7] = [
            (b"\x89PNG\r\n\x1A\n", Some("image/png")),
            (b"%PDF-1.7 words", Some("application/pdf")),
            (b"\0\0\0\x18ftypisom", Some("video/mp4")),
            (b"OggS", Some("audio/ogg")),
            (b"%PDF", None),
            (b"words", None),
            (b"", None),
        ];
        for (bytes, mime) in known {
            let mut file = tempfile::tempfile().unwrap();
            io::Write::write_all(&mut file, bytes).unwrap();
            assert_eq!(Format::guess(&file).unwrap(), mime, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_something(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = Format::of_bytes(&bytes);
        }
    }
}
