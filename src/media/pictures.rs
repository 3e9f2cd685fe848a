//! Pictures: their size, small copies of them, and other formats. Everything here blocks and computes.
//!
//! Deliberately not here: films, also when they are called GIF.

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Cursor, Seek as _, Write as _},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use image::{
    DynamicImage, ImageDecoder as _, ImageError, ImageReader, Limits, Rgba, RgbaImage,
    codecs::{jpeg::JpegEncoder, webp::WebPEncoder},
    imageops::{self, FilterType},
    metadata::Orientation,
};

use super::{Error, sniff::beginning};
use crate::model::Thumbnail;

/// No side may be longer.
const LONGEST_SIDE: u32 = 16_384;
/// No picture may have more pixels: uncompressed, that is 160 MB.
const MOST_PIXELS: u64 = 40_000_000;
/// No larger file is unpacked in this process.
const LARGEST_FILE: u64 = 5 * 1024 * 1024;
/// Where `ffmpeg` can do it, no picture with more pixels is: uncompressed, that is 10 MB.
const FEW_PIXELS: u64 = 2_500_000;
/// Size and orientation stand within this many bytes of the beginning.
const HEAD: usize = 256 * 1024;
/// What decoding may take in memory.
const MEMORY: u64 = 256 * 1024 * 1024;
/// Quality of pictures and of their small copies.
const QUALITY: u8 = 88;
const SMALL_QUALITY: u8 = 70;
/// A small copy inside a message has no longer side.
const TINY: u32 = 100;
/// A small copy beside a message has no longer side.
const SMALL: u32 = 640;
/// Stickers are squares of this side.
const STICKER: u32 = 512;

/// A small copy that stands beside a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Preview {
    /// A JPEG.
    pub(crate) bytes: Vec<u8>,
    /// Width in pixels.
    pub(crate) width: u32,
    /// Height in pixels.
    pub(crate) height: u32,
}

/// What a picture tells without being unpacked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    /// As it is shown.
    pub(super) size: (u32, u32),
    orientation: Orientation,
}

impl Head {
    /// Reads it; `None` for what is no picture, or tells its size too late.
    pub(super) fn read(file: &File) -> Option<Self> {
        let beginning = beginning(file, HEAD).ok()?;
        let reader = ImageReader::new(Cursor::new(beginning)).with_guessed_format().ok()?;
        let mut decoder = reader.into_decoder().ok()?;
        let (width, height) = decoder.dimensions();
        let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        let lies = matches!(
            orientation,
            Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH
        );
        Some(Self {
            size: if lies { (height, width) } else { (width, height) },
            orientation,
        })
    }

    fn pixels(self) -> u64 {
        u64::from(self.size.0) * u64::from(self.size.1)
    }
}

/// Whether a picture is unpacked in this process: a small file, and few pixels where somebody else could do it.
pub(super) fn is_small(file: &File, others_can: bool) -> Result<bool, Error> {
    if file.metadata().map_err(Error::machine)?.len() > LARGEST_FILE {
        return Ok(false);
    }
    // Who unpacks it looks at the size again, whether it is told here or not.
    Ok(!others_can || Head::read(file).is_none_or(|head| head.pixels() <= FEW_PIXELS))
}

/// A picture in memory, the right way up.
pub(super) struct Picture(DynamicImage);

impl Picture {
    /// Decodes a file, the first picture of it when it moves.
    pub(super) fn read(mut file: &File) -> Result<Self, Error> {
        file.rewind().map_err(Error::machine)?;
        Self::decode(BufReader::new(file))
    }

    /// Decodes bytes.
    pub(super) fn of_bytes(bytes: &[u8]) -> Result<Self, Error> {
        Self::decode(Cursor::new(bytes))
    }

    /// A small copy that somebody else made, turned as the picture it was made of is.
    pub(super) fn of_copy(bytes: &[u8], head: Option<Head>) -> Result<Self, Error> {
        let Self(mut image) = Self::of_bytes(bytes)?;
        if let Some(head) = head {
            image.apply_orientation(head.orientation);
        }
        Ok(Self(image))
    }

    fn decode(source: impl io::BufRead + io::Seek) -> Result<Self, Error> {
        let mut limits = Limits::default();
        limits.max_image_width = Some(LONGEST_SIDE);
        limits.max_image_height = Some(LONGEST_SIDE);
        limits.max_alloc = Some(MEMORY);
        let mut reader = ImageReader::new(source).with_guessed_format().map_err(Error::machine)?;
        reader.limits(limits);
        let mut decoder = reader.into_decoder().map_err(read_error)?;
        let (width, height) = decoder.dimensions();
        if u64::from(width) * u64::from(height) > MOST_PIXELS {
            return Err(Error::TooManyPixels);
        }
        let orientation = decoder.orientation().map_err(read_error)?;
        let mut image = DynamicImage::from_decoder(decoder).map_err(read_error)?;
        image.apply_orientation(orientation);
        Ok(Self(image))
    }

    pub(super) fn size(&self) -> (u32, u32) {
        (self.0.width(), self.0.height())
    }

    /// As a JPEG; what is transparent becomes white.
    pub(super) fn to_jpeg(&self) -> Result<File, Error> {
        let mut file = BufWriter::new(tempfile::tempfile().map_err(Error::machine)?);
        let encoder = JpegEncoder::new_with_quality(&mut file, QUALITY);
        opaque(&self.0).write_with_encoder(encoder).map_err(write_error)?;
        finished(file)
    }

    /// As a sticker: within a square, the rest of it transparent.
    pub(super) fn to_sticker(&self) -> Result<File, Error> {
        let fitting = self.0.resize(STICKER, STICKER, FilterType::Lanczos3).to_rgba8();
        let mut square = RgbaImage::from_pixel(STICKER, STICKER, Rgba([0, 0, 0, 0]));
        let middle = |side: u32| i64::from((STICKER - side) / 2);
        imageops::overlay(&mut square, &fitting, middle(fitting.width()), middle(fitting.height()));
        let mut file = BufWriter::new(tempfile::tempfile().map_err(Error::machine)?);
        let encoder = WebPEncoder::new_lossless(&mut file);
        DynamicImage::from(square)
            .write_with_encoder(encoder)
            .map_err(write_error)?;
        finished(file)
    }

    /// Small enough to travel inside a message.
    pub(super) fn thumbnail(&self) -> Result<Thumbnail, Error> {
        let small = self.small(TINY)?;
        Ok(Thumbnail {
            base64: STANDARD.encode(&small.bytes),
            mime: "image/jpeg".to_owned(),
            width: Some(small.width),
            height: Some(small.height),
        })
    }

    /// Small enough to be looked at before the picture itself is fetched.
    pub(super) fn preview(&self) -> Result<Preview, Error> {
        self.small(SMALL)
    }

    /// The middle of it as a small square JPEG; never larger than it was.
    pub(super) fn square(&self) -> Result<Vec<u8>, Error> {
        let (width, height) = self.size();
        let cut = width.min(height);
        let middle = self.0.crop_imm((width - cut) / 2, (height - cut) / 2, cut, cut);
        let side = cut.min(SMALL);
        let square = middle.resize_exact(side, side, FilterType::Lanczos3);
        let mut bytes = Vec::new();
        opaque(&square)
            .write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, QUALITY))
            .map_err(write_error)?;
        Ok(bytes)
    }

    fn small(&self, side: u32) -> Result<Preview, Error> {
        let (width, height) = self.size();
        let small = if width.max(height) > side {
            opaque(&self.0.thumbnail(side, side))
        } else {
            opaque(&self.0)
        };
        let mut bytes = Vec::new();
        small
            .write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, SMALL_QUALITY))
            .map_err(write_error)?;
        Ok(Preview {
            bytes,
            width: small.width(),
            height: small.height(),
        })
    }

    /// A few characters that stand for its colours.
    pub(super) fn blurhash(&self) -> Option<String> {
        let small = self.0.thumbnail(32, 32).to_rgba8();
        let (columns, rows) = if small.width() >= small.height() {
            (4, 3)
        } else {
            (3, 4)
        };
        blurhash::encode(columns, rows, small.width(), small.height(), small.as_raw()).ok()
    }
}

/// Whether a GIF moves; a large one does.
pub(super) fn moves(mut file: &File) -> bool {
    use image::{AnimationDecoder as _, codecs::gif::GifDecoder};
    if !is_small(file, true).unwrap_or(true) {
        return true;
    }
    if file.rewind().is_err() {
        return false;
    }
    let Ok(mut decoder) = GifDecoder::new(BufReader::new(file)) else {
        return false;
    };
    let (width, height) = decoder.dimensions();
    let mut limits = Limits::default();
    limits.max_alloc = Some(MEMORY);
    u64::from(width) * u64::from(height) <= MOST_PIXELS
        && decoder.set_limits(limits).is_ok()
        && decoder.into_frames().take(2).flatten().count() > 1
}

fn opaque(image: &DynamicImage) -> DynamicImage {
    if !image.color().has_alpha() {
        return DynamicImage::from(image.to_rgb8());
    }
    let mut white = RgbaImage::from_pixel(image.width(), image.height(), Rgba([255; 4]));
    imageops::overlay(&mut white, &image.to_rgba8(), 0, 0);
    DynamicImage::from(DynamicImage::from(white).to_rgb8())
}

fn finished(file: BufWriter<File>) -> Result<File, Error> {
    let mut file = file.into_inner().map_err(|error| Error::machine(error.into_error()))?;
    file.flush().and_then(|()| file.rewind()).map_err(Error::machine)?;
    Ok(file)
}

fn read_error(error: ImageError) -> Error {
    match error {
        ImageError::Limits(_) => Error::TooManyPixels,
        ImageError::IoError(error) if error.kind() != io::ErrorKind::UnexpectedEof => Error::machine(error),
        _ => Error::Unreadable,
    }
}

fn write_error(error: ImageError) -> Error {
    match error {
        ImageError::IoError(error) => Error::machine(error),
        _ => Error::Unreadable,
    }
}
