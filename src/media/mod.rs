//! What a picture, sound or film is, and how it becomes something the other side takes.
//!
//! Called by whoever bridges media, with files without a name, which it gets back. Deliberately not here: fetching and
//! bringing them (`network`, `matrix`), and the decision what is sent when something cannot be converted.

mod config;
mod error;
mod fitting;
mod pictures;
mod recordings;
mod sniff;
#[cfg(test)]
mod tests;
mod tools;

use std::{fs::File, sync::Arc};

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    task::spawn_blocking,
};

pub(crate) use self::{config::Config, error::Error, pictures::Preview, tools::Tools};
use self::{
    pictures::{Head, Picture},
    sniff::Format,
};
use crate::model::{Media, MediaKind, MediaRef, MediaSource, Thumbnail};

/// Where media are looked at and converted, a few at once.
#[derive(Clone, Debug)]
pub(crate) struct Workshop {
    tools: Tools,
    places: Arc<Semaphore>,
}

/// A file that others take, and what is known of it. The source is still the old one's.
#[derive(Debug)]
pub(crate) struct Fitted {
    /// The bytes.
    pub(crate) file: File,
    /// Its kind, type, size in every sense, and small picture.
    pub(crate) media: Media,
    /// It moved, and does no more.
    pub(crate) stands_still: bool,
}

/// The media type of a file of which nobody says anything; `None` when its bytes do not tell either.
///
/// # Errors
/// `Machine`.
pub(crate) fn guess(file: &File) -> Result<Option<&'static str>, Error> {
    Format::guess(file).map_err(Error::machine)
}

/// What is known of a file after it was looked at.
#[derive(Debug)]
pub(crate) struct Described {
    /// What the sender did not say is filled in.
    pub(crate) media: Media,
    /// A small copy to stand beside it.
    pub(crate) preview: Option<Preview>,
}

impl Workshop {
    /// Looks for the programs it may use.
    pub(crate) async fn open(config: &Config) -> Self {
        Self {
            tools: Tools::find(config).await,
            places: Arc::new(Semaphore::new(config.jobs.get())),
        }
    }

    /// One without programs, for tests of others.
    #[cfg(test)]
    pub(crate) fn bare() -> Self {
        Self {
            tools: Tools::none(),
            places: Arc::new(Semaphore::new(1)),
        }
    }

    /// What it works with.
    #[cfg(test)]
    pub(crate) fn tools(&self) -> &Tools {
        &self.tools
    }

    /// Fills in what the sender did not say: size, length, loudness, colours, and a small copy. A file that cannot be
    /// read stays as it was described.
    pub(crate) async fn describe(&self, file: &File, media: &Media) -> Described {
        let mut described = Described {
            media: media.clone(),
            preview: None,
        };
        let Ok(_place) = self.place().await else {
            return described;
        };
        if let Err(error) = self.look(file, &mut described).await {
            tracing::info!(%error, media.kind = media.kind.name(), "a file could not be looked at");
        }
        described
    }

    /// Turns a file into what messaging networks take for its kind: pictures into JPEG, films into MP4, speech into Opus
    /// in Ogg, stickers into WebP. What they take already stays untouched.
    ///
    /// # Errors
    /// `NeedsTool` when a program is missing for it, `Unreadable`, `TooManyPixels`, `TooSlow`; `Machine` for what may
    /// work later. It may still be sent as a plain file.
    pub(crate) async fn fit(&self, file: File, media: &Media) -> Result<Fitted, Error> {
        let _place = self.place().await?;
        let mut fitted = fitting::fit(&self.tools, file, media.clone()).await?;
        let mut described = Described {
            media: fitted.media.clone(),
            preview: None,
        };
        // A small picture is welcome, and nothing to fail for.
        if self.look(&fitted.file, &mut described).await.is_ok() {
            fitted.media = described.media;
        }
        let size = fitted.file.metadata().map_err(Error::machine)?.len();
        fitted.media.size = Some(size);
        Ok(fitted)
    }

    /// Makes of a picture a JPEG so small that messages carry it; `None` when it cannot be read.
    pub(crate) async fn shrink(&self, file: &File) -> Option<Thumbnail> {
        let nowhere = MediaSource::Network(MediaRef(serde_json::Value::Null));
        let picture = Media::new(MediaKind::Image, nowhere, "");
        self.describe(file, &picture).await.media.thumbnail
    }

    /// Makes of a picture what networks take for the picture of a group: a square JPEG of at most 640 pixels.
    ///
    /// # Errors
    /// `Unreadable`, `TooManyPixels`; `Machine` for what may work later.
    pub(crate) async fn avatar(&self, bytes: Vec<u8>) -> Result<Vec<u8>, Error> {
        let _place = self.place().await?;
        let made = spawn_blocking(move || Picture::of_bytes(&bytes)?.square()).await;
        made.map_err(Error::machine)?
    }

    async fn place(&self) -> Result<SemaphorePermit<'_>, Error> {
        self.places.acquire().await.map_err(Error::machine)
    }

    async fn look(&self, file: &File, described: &mut Described) -> Result<(), Error> {
        let format = Format::of(file).map_err(Error::machine)?;
        match described.media.kind {
            MediaKind::Image | MediaKind::Sticker => self.look_at_picture(file, format, described).await,
            MediaKind::Video | MediaKind::Gif | MediaKind::VideoNote => {
                self.look_at_film(file, format, described).await
            }
            MediaKind::Audio | MediaKind::Voice => self.listen(file, format, &mut described.media).await,
            MediaKind::File => Ok(()),
        }
    }

    async fn look_at_picture(&self, file: &File, format: Format, described: &mut Described) -> Result<(), Error> {
        let (again, others_can) = (file.try_clone().map_err(Error::machine)?, self.tools.can_read(format));
        let looked = spawn_blocking(move || {
            if pictures::is_small(&again, others_can)? {
                return sketch(&Picture::read(&again)?).map(Ok);
            }
            Ok(Err(Head::read(&again)))
        });
        let head = match looked.await.map_err(Error::machine)?? {
            Ok(sketch) => {
                sketch.fill(described);
                return Ok(());
            }
            Err(head) => head,
        };
        if let Some(head) = head {
            (described.media.width, described.media.height) = (Some(head.size.0), Some(head.size.1));
        }
        if !others_can {
            return Ok(());
        }
        let copy = recordings::first_picture(&self.tools, &recordings::AS_IT_LIES, file, format).await?;
        let found = spawn_blocking(move || sketch(&Picture::of_copy(&copy, head)?)).await;
        let mut sketch = found.map_err(Error::machine)??;
        sketch.size = head.map_or(sketch.size, |head| head.size);
        sketch.fill(described);
        Ok(())
    }

    async fn look_at_film(&self, file: &File, format: Format, described: &mut Described) -> Result<(), Error> {
        if !self.tools.are_there() {
            return Ok(());
        }
        let contents = recordings::look(&self.tools, file, format).await?;
        let media = &mut described.media;
        media.duration = media.duration.or(contents.duration);
        let picture = recordings::first_picture(&self.tools, &[], file, format).await?;
        let found = spawn_blocking(move || sketch(&Picture::of_bytes(&picture)?)).await;
        let mut sketch = found.map_err(Error::machine)??;
        sketch.size = contents.size.unwrap_or(sketch.size);
        sketch.fill(described);
        Ok(())
    }

    async fn listen(&self, file: &File, format: Format, media: &mut Media) -> Result<(), Error> {
        if media.duration.is_none() && matches!(format, Format::Opus { .. }) {
            media.duration = recordings::opus_duration(file).map_err(Error::machine)?;
        }
        if !self.tools.are_there() {
            return Ok(());
        }
        if media.duration.is_none() {
            media.duration = recordings::look(&self.tools, file, format).await?.duration;
        }
        if media.kind == MediaKind::Voice && media.waveform.is_empty() {
            media.waveform = recordings::waveform(&self.tools, file, format).await?;
        }
        Ok(())
    }
}

/// What a picture tells at a glance.
struct Sketch {
    size: (u32, u32),
    thumbnail: Thumbnail,
    preview: Preview,
    blurhash: Option<String>,
}

fn sketch(picture: &Picture) -> Result<Sketch, Error> {
    Ok(Sketch {
        size: picture.size(),
        thumbnail: picture.thumbnail()?,
        preview: picture.preview()?,
        blurhash: picture.blurhash(),
    })
}

impl Sketch {
    fn fill(self, described: &mut Described) {
        let media = &mut described.media;
        // The bytes know better than the sender.
        (media.width, media.height) = (Some(self.size.0), Some(self.size.1));
        media.thumbnail = media.thumbnail.take().or(Some(self.thumbnail));
        media.blurhash = media.blurhash.take().or(self.blurhash);
        described.preview = Some(self.preview);
    }
}
