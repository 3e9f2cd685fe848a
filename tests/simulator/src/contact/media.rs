//! Messages with a medium: sealed, put on the server and sent, and opened again at the other end.
//!
//! The forms here are what WhatsApp's own clients send; for anything else (albums, view-once) build the
//! message around [`crate::Uploaded`] and send it with `sends`.

use whatsapp_rust::buffa::MessageField;
use whatsapp_rust::waproto::whatsapp as wa;

use super::{Contact, Received};
use crate::media::{self, MediaKind};
use crate::phone::Phone;
use crate::server::state::Shared;

/// A medium to send.
#[derive(Clone, Copy, Debug)]
pub enum Attachment<'a> {
    /// A picture.
    Image {
        /// The file.
        bytes: &'a [u8],
        /// The text below it.
        caption: Option<&'a str>,
    },
    /// A film.
    Video {
        /// The file.
        bytes: &'a [u8],
        /// The text below it.
        caption: Option<&'a str>,
        /// Plays by itself, silently and again and again.
        is_gif: bool,
    },
    /// Sound.
    Audio {
        /// The file.
        bytes: &'a [u8],
        /// Its length in seconds.
        seconds: u32,
        /// A voice message.
        is_voice: bool,
    },
    /// A file.
    Document {
        /// The file.
        bytes: &'a [u8],
        /// Its name.
        name: &'a str,
        /// The text below it.
        caption: Option<&'a str>,
    },
    /// A sticker.
    Sticker {
        /// The file.
        bytes: &'a [u8],
    },
}

/// The size a picture or film is said to have; nobody looks into the bytes.
const SIDE: Option<u32> = Some(640);
/// What the waveform of a voice message looks like: 64 values up to 100.
const WAVE: std::ops::Range<u8> = 0..64;

/// Puts the medium on the server and answers the message that carries it.
pub(crate) fn attached(shared: &Shared, attachment: Attachment<'_>) -> anyhow::Result<wa::Message> {
    let owned = |text: Option<&str>| text.map(ToOwned::to_owned);
    let mut message = wa::Message::default();
    match attachment {
        Attachment::Image { bytes, caption } => {
            let mut image = media::upload_sealed(shared, MediaKind::Image, bytes)?.image();
            (image.caption, image.width, image.height) = (owned(caption), SIDE, SIDE);
            message.image_message = MessageField::some(image);
        }
        Attachment::Video { bytes, caption, is_gif } => {
            let mut video = media::upload_sealed(shared, MediaKind::Video, bytes)?.video();
            (video.caption, video.width, video.height) = (owned(caption), SIDE, SIDE);
            (video.seconds, video.gif_playback) = (Some(1), is_gif.then_some(true));
            message.video_message = MessageField::some(video);
        }
        Attachment::Audio {
            bytes,
            seconds,
            is_voice,
        } => {
            let mut audio = media::upload_sealed(shared, MediaKind::Audio, bytes)?.audio();
            (audio.seconds, audio.ptt) = (Some(seconds), Some(is_voice));
            audio.waveform = is_voice.then(|| WAVE.collect());
            message.audio_message = MessageField::some(audio);
        }
        Attachment::Document { bytes, name, caption } => {
            let mut document = media::upload_sealed(shared, MediaKind::Document, bytes)?.document();
            (document.file_name, document.title) = (Some(name.to_owned()), Some(name.to_owned()));
            document.caption = owned(caption);
            let plain = wa::Message {
                document_message: MessageField::some(document),
                ..Default::default()
            };
            if caption.is_none() {
                return Ok(plain);
            }
            // A file with a text travels in a wrapper.
            message.document_with_caption_message = MessageField::some(wa::message::FutureProofMessage {
                message: MessageField::some(plain),
            });
        }
        Attachment::Sticker { bytes } => {
            let mut sticker = media::upload_sealed(shared, MediaKind::Sticker, bytes)?.sticker();
            (sticker.width, sticker.height) = (Some(512), Some(512));
            message.sticker_message = MessageField::some(sticker);
        }
    }
    Ok(message)
}

impl Contact {
    /// Sends a medium; answers the message id.
    ///
    /// # Errors
    /// When it cannot be sealed.
    pub fn sends_medium(&self, to: &Phone, attachment: Attachment<'_>) -> anyhow::Result<String> {
        Ok(self.sends(to, attached(&self.shared, attachment)?))
    }

    /// Sends a picture; answers the message id.
    ///
    /// # Errors
    /// When it cannot be sealed.
    pub fn sends_image(&self, to: &Phone, bytes: &[u8], caption: Option<&str>) -> anyhow::Result<String> {
        self.sends_medium(to, Attachment::Image { bytes, caption })
    }

    /// Sends a film; answers the message id.
    ///
    /// # Errors
    /// When it cannot be sealed.
    pub fn sends_video(&self, to: &Phone, bytes: &[u8], caption: Option<&str>) -> anyhow::Result<String> {
        let is_gif = false;
        self.sends_medium(to, Attachment::Video { bytes, caption, is_gif })
    }

    /// Sends sound; answers the message id.
    ///
    /// # Errors
    /// When it cannot be sealed.
    pub fn sends_audio(&self, to: &Phone, bytes: &[u8], seconds: u32) -> anyhow::Result<String> {
        let is_voice = false;
        self.sends_medium(
            to,
            Attachment::Audio {
                bytes,
                seconds,
                is_voice,
            },
        )
    }

    /// Sends a voice message; answers the message id.
    ///
    /// # Errors
    /// When it cannot be sealed.
    pub fn sends_voice(&self, to: &Phone, bytes: &[u8], seconds: u32) -> anyhow::Result<String> {
        let is_voice = true;
        self.sends_medium(
            to,
            Attachment::Audio {
                bytes,
                seconds,
                is_voice,
            },
        )
    }

    /// Sends a file; answers the message id.
    ///
    /// # Errors
    /// When it cannot be sealed.
    pub fn sends_document(
        &self,
        to: &Phone,
        bytes: &[u8],
        name: &str,
        caption: Option<&str>,
    ) -> anyhow::Result<String> {
        self.sends_medium(to, Attachment::Document { bytes, name, caption })
    }

    /// Sends a sticker; answers the message id.
    ///
    /// # Errors
    /// When it cannot be sealed.
    pub fn sends_sticker(&self, to: &Phone, bytes: &[u8]) -> anyhow::Result<String> {
        self.sends_medium(to, Attachment::Sticker { bytes })
    }

    /// The file a message it received carries, opened and checked against every hash.
    ///
    /// # Errors
    /// When the message carries none, or it is not what the message says.
    pub fn media_of(&self, received: &Received) -> anyhow::Result<Vec<u8>> {
        media::media_of(&self.shared, &received.message)
    }
}

impl Phone {
    /// Sends a medium from the phone itself; answers the message id.
    ///
    /// # Errors
    /// When it cannot be sealed.
    pub fn sends_medium(&self, to: &Contact, attachment: Attachment<'_>) -> anyhow::Result<String> {
        Ok(self.sends(to, attached(&self.shared, attachment)?))
    }

    /// The file a message carries that reached the phone, opened and checked against every hash.
    ///
    /// # Errors
    /// When the message carries none, or it is not what the message says.
    pub fn media_of(&self, received: &Received) -> anyhow::Result<Vec<u8>> {
        media::media_of(&self.shared, &received.message)
    }
}
