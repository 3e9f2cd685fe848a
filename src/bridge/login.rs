//! Linking from a chat with the bot: shows each step, and says how it ended.
//!
//! The code is one message, an image with the code under it, that is edited when the code changes. Codes are good for
//! seconds; they are sent by the task that follows the attempt and are no jobs. When it is over they are redacted.

use std::{sync::Arc, time::Duration};

use ruma::{OwnedEventId, OwnedRoomId};
use serde_json::{Value, json};
use tokio::{sync::watch, time::timeout};

use super::{
    Inner, Linking,
    devices::LinkProgress,
    error::Failure,
    linking::{self, Begun},
    worker::Desk,
};
use crate::{
    matrix::{self, transaction_id},
    model::{IdentityId, RoomEvent},
};

/// A step that could not be shown is tried again after this.
const AGAIN: Duration = Duration::from_secs(2);
/// The last step so often: nothing takes its place.
const LAST_ATTEMPTS: u32 = 30;

/// Begins to link, and follows the attempt in the room; answers what to say when one runs already.
pub(super) async fn start(
    desk: &Desk<'_>,
    event: &RoomEvent,
    identity: IdentityId,
    how: Linking,
) -> Result<Option<String>, Failure> {
    let bridge = desk.bridge;
    let begun = match linking::start(bridge, identity, how.clone()).await {
        Ok(begun) => begun,
        Err(error) => return Err(Failure::Never(error.to_string())),
    };
    if let Some(progress) = bridge.linkings.show_in(identity, &event.room) {
        let show = Show {
            bridge: Arc::clone(bridge),
            identity,
            room: event.room.clone(),
            about: event.event.clone(),
        };
        bridge.tasks.spawn(async move { show.follow(progress).await });
    }
    Ok(match begun {
        Begun::New => None,
        Begun::Joined(running) if running == how => {
            Some("I am linking a phone already; the code I show is good. Write `cancel` to end that.".into())
        }
        Begun::Joined(_) => {
            Some("I am linking a phone in another way already. Write `cancel` to end that, then try again.".into())
        }
    })
}

/// Where the steps are shown.
struct Show {
    bridge: Arc<Inner>,
    identity: IdentityId,
    room: OwnedRoomId,
    about: OwnedEventId,
}

/// The message with the code: its first event, and the edits of it.
#[derive(Default)]
struct Shown {
    first: Option<OwnedEventId>,
    edits: Vec<OwnedEventId>,
}

impl Show {
    /// Shows step after step. One that could not be shown is tried again, until another one takes its place.
    async fn follow(&self, mut progress: watch::Receiver<LinkProgress>) {
        let mut shown = Shown::default();
        let mut last_attempts = 0;
        loop {
            let step = progress.borrow_and_update().clone();
            let outcome = self.step(&mut shown, &step).await;
            if let Err(error) = &outcome {
                tracing::warn!(%error, "a step of a linking attempt could not be shown");
            }
            if step.is_last() {
                last_attempts += 1;
                if outcome.is_ok() || last_attempts == LAST_ATTEMPTS {
                    break;
                }
                if timeout(AGAIN, self.bridge.stop.cancelled()).await.is_ok() {
                    break;
                }
                continue;
            }
            let wait = if outcome.is_ok() { Duration::MAX } else { AGAIN };
            if let Ok(Err(_)) = timeout(wait, progress.changed()).await {
                break;
            }
        }
        // What nobody took back: the attempt had no last step, or the homeserver did not answer.
        self.take_back(&mut shown).await;
        self.bridge.linkings.hide_in(self.identity, &self.room);
    }

    async fn step(&self, shown: &mut Shown, step: &LinkProgress) -> Result<(), Failure> {
        match step {
            LinkProgress::Waiting => {}
            LinkProgress::Qr(code) => {
                let image = self.image(code).await?;
                self.show(shown, image, code).await?;
            }
            LinkProgress::Code { code, .. } => {
                let text =
                    format!("On your phone open WhatsApp → Linked devices → Link with phone number, and type: {code}");
                self.show(shown, matrix::outgoing::notice(&text, None), code).await?;
            }
            LinkProgress::Passkey(request) => {
                self.take_back(shown).await;
                self.say(&passkey(request), request).await?;
            }
            LinkProgress::Compare(code) => {
                let text = format!("Your phone shows a code. Is it {code}? Then write `confirm`, else `cancel`.");
                self.show(shown, matrix::outgoing::notice(&text, None), code).await?;
            }
            LinkProgress::Linked(_)
            | LinkProgress::Expired
            | LinkProgress::Failed(_)
            | LinkProgress::Cancelled
            | LinkProgress::Stopped => {
                self.take_back(shown).await;
                self.say(&the_end(step), "end").await?;
            }
        }
        Ok(())
    }

    async fn say(&self, text: &str, part: &str) -> Result<OwnedEventId, Failure> {
        let content = matrix::outgoing::notice(text, None);
        self.send(&content, part).await
    }

    /// Shows a code, in the place of the one before.
    async fn show(&self, shown: &mut Shown, content: Value, code: &str) -> Result<(), Failure> {
        let Some(first) = &shown.first else {
            shown.first = Some(self.send(&content, code).await?);
            return Ok(());
        };
        let mut edit = content.clone();
        edit["m.new_content"] = content;
        edit["m.relates_to"] = json!({ "rel_type": "m.replace", "event_id": first });
        shown.edits.push(self.send(&edit, code).await?);
        Ok(())
    }

    async fn image(&self, code: &str) -> Result<Value, Failure> {
        let (png, side_length) =
            picture(code).ok_or_else(|| Failure::Never("the code does not fit a QR image".into()))?;
        let size = png.len();
        let uri = self.bridge.homeserver.upload(png, "image/png", "qr.png").await?;
        let mut content = matrix::outgoing::image(&uri, "qr.png", size, (side_length, side_length));
        // Under the picture, for who cannot scan it.
        content["body"] = json!(code);
        Ok(content)
    }

    async fn send(&self, content: &Value, part: &str) -> Result<OwnedEventId, Failure> {
        let txn = transaction_id(&["login", self.about.as_str(), part]);
        let actor = self.bridge.homeserver.as_bot();
        Ok(actor.send(&self.room, "m.room.message", content, &txn, None).await?)
    }

    /// Codes are secrets: none stays in the room when it is over. What could not be taken back is kept for another try.
    async fn take_back(&self, shown: &mut Shown) {
        let codes: Vec<_> = shown.first.take().into_iter().chain(shown.edits.drain(..)).collect();
        for event in codes {
            let txn = transaction_id(&["login", "redact", event.as_str()]);
            let bot = self.bridge.homeserver.as_bot();
            if let Err(error) = bot.redact(&self.room, &event, &txn, Some("the code is over")).await {
                tracing::warn!(%error, "a code could not be taken back");
                shown.edits.push(event);
            }
        }
    }
}

/// How an attempt ended.
fn the_end(last: &LinkProgress) -> String {
    match last {
        LinkProgress::Linked(number) => format!("Linked: WhatsApp +{number}. Chats appear when somebody writes."),
        LinkProgress::Expired => "The code has expired: nobody scanned or typed it in time. Write `login qr` or \
                                  `login phone <number>` to try again."
            .into(),
        LinkProgress::Failed(why) => format!("Linking did not work: {why}"),
        LinkProgress::Cancelled => "Linking is cancelled.".into(),
        LinkProgress::Stopped => "I am being restarted. Write `login qr` to try again.".into(),
        LinkProgress::Waiting
        | LinkProgress::Qr(_)
        | LinkProgress::Code { .. }
        | LinkProgress::Passkey(_)
        | LinkProgress::Compare(_) => String::new(),
    }
}

/// How to answer WhatsApp's request for a passkey.
fn passkey(request: &str) -> String {
    format!(
        "WhatsApp asks for the passkey of this account, and waits two minutes. In a browser on a device that has it, \
         open https://web.whatsapp.com, open the console (F12), enter this line and send me what it answers as \
         `passkey <answer>`:\n\n{}\n\nWithout a passkey write `cancel`.",
        linking::passkey_line(request)
    )
}

/// A code as a PNG image and the length of its side in pixels.
fn picture(code: &str) -> Option<(Vec<u8>, u32)> {
    const PIXELS: u32 = 8;
    const BORDER: u32 = 4;
    let qr = qrcode::QrCode::with_error_correction_level(code, qrcode::EcLevel::L).ok()?;
    let width = u32::try_from(qr.width()).ok()?;
    let side = (width + 2 * BORDER) * PIXELS;
    let colors = qr.to_colors();
    let image = image::GrayImage::from_fn(side, side, |x, y| {
        let cell = |at: u32| (at / PIXELS).checked_sub(BORDER).filter(|at| *at < width);
        let dark = match (cell(x), cell(y)) {
            (Some(x), Some(y)) => colors.get((y * width + x) as usize) == Some(&qrcode::Color::Dark),
            _ => false,
        };
        image::Luma([if dark { 0 } else { 255 }])
    });
    let mut png = std::io::Cursor::new(Vec::new());
    image.write_to(&mut png, image::ImageFormat::Png).ok()?;
    Some((png.into_inner(), side))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_becomes_a_square_picture_with_a_quiet_border() {
        let (png, side) = picture("2@ref,abc,def,ghi,1").unwrap();
        let image = image::load_from_memory(&png).unwrap().to_luma8();
        assert_eq!((image.width(), image.height()), (side, side));
        assert_eq!(image.get_pixel(0, 0).0, [255]);
        assert_eq!(image.get_pixel(33, 33).0, [0]);
    }

    #[test]
    fn a_code_too_long_for_any_picture_is_no_picture() {
        assert_eq!(picture(&"x".repeat(10_000)), None);
    }
}
