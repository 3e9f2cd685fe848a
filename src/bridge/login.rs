//! Linking from a chat with the bot: shows each code as an image and as text, and says how it ended.
//!
//! The codes are good for seconds; they are sent by the task that follows the attempt and are no jobs. A code that was
//! replaced is redacted.

use std::sync::Arc;

use ruma::{OwnedEventId, OwnedRoomId};
use tokio::sync::watch;

use super::{Inner, Linking, devices::LinkProgress, error::Failure, linking, worker::Desk};
use crate::{
    matrix::{self, transaction_id},
    model::{IdentityId, RoomEvent},
};

/// Begins to link, and follows the attempt in the room.
pub(super) async fn start(
    desk: &Desk<'_>,
    event: &RoomEvent,
    identity: IdentityId,
    how: Linking,
) -> Result<(), Failure> {
    let bridge = desk.bridge;
    if let Err(error) = linking::start(bridge, identity, how).await {
        return Err(Failure::Never(error.to_string()));
    }
    let Some(progress) = bridge.linkings.follow(identity) else {
        return Ok(());
    };
    let room = Show {
        bridge: Arc::clone(bridge),
        room: event.room.clone(),
        about: event.event.clone(),
    };
    bridge.tasks.spawn(async move {
        if let Err(error) = room.follow(progress).await {
            tracing::warn!(%error, "the steps of a linking attempt could not be shown");
        }
    });
    Ok(())
}

/// Where the steps are shown.
struct Show {
    bridge: Arc<Inner>,
    room: OwnedRoomId,
    about: OwnedEventId,
}

impl Show {
    async fn follow(&self, mut progress: watch::Receiver<LinkProgress>) -> Result<(), Failure> {
        let mut shown: Vec<OwnedEventId> = Vec::new();
        loop {
            let step = progress.borrow_and_update().clone();
            if !matches!(step, LinkProgress::Waiting) {
                self.take_back(&mut shown).await?;
            }
            match &step {
                LinkProgress::Waiting => {}
                LinkProgress::Qr(code) => {
                    shown.push(self.image(code).await?);
                    shown.push(self.say(code, code).await?);
                }
                LinkProgress::Code(code) => {
                    let text = format!(
                        "On your phone open WhatsApp → Linked devices → Link with phone number, and type: {code}"
                    );
                    shown.push(self.say(&text, code).await?);
                }
                LinkProgress::Linked(number) => {
                    self.say(
                        &format!("Linked: WhatsApp +{number}. Chats appear when somebody writes."),
                        "end",
                    )
                    .await?;
                }
                LinkProgress::Expired => {
                    self.say("Nobody scanned the code in time. Write `login qr` to try again.", "end")
                        .await?;
                }
                LinkProgress::Failed(why) => {
                    self.say(&format!("Linking did not work: {why}"), "end").await?;
                }
                LinkProgress::Stopped => {
                    self.say("I am being restarted. Write `login qr` to try again.", "end")
                        .await?;
                }
            }
            if step.is_last() || progress.changed().await.is_err() {
                return Ok(());
            }
        }
    }

    async fn say(&self, text: &str, part: &str) -> Result<OwnedEventId, Failure> {
        let content = matrix::outgoing::notice(text, None);
        self.send(&content, part).await
    }

    async fn image(&self, code: &str) -> Result<OwnedEventId, Failure> {
        let (png, side_length) =
            picture(code).ok_or_else(|| Failure::Never("the code does not fit a QR image".into()))?;
        let size = png.len();
        let uri = self.bridge.homeserver.upload(png, "image/png", "qr.png").await?;
        let content = matrix::outgoing::image(&uri, "qr.png", size, (side_length, side_length));
        self.send(&content, &format!("image:{code}")).await
    }

    async fn send(&self, content: &serde_json::Value, part: &str) -> Result<OwnedEventId, Failure> {
        let txn = transaction_id(&["login", self.about.as_str(), part]);
        let actor = self.bridge.homeserver.as_bot();
        Ok(actor.send(&self.room, "m.room.message", content, &txn, None).await?)
    }

    /// Codes are secrets: none stays in the room when it is over.
    async fn take_back(&self, shown: &mut Vec<OwnedEventId>) -> Result<(), Failure> {
        for event in shown.drain(..) {
            let txn = transaction_id(&["login", "redact", event.as_str()]);
            self.bridge
                .homeserver
                .as_bot()
                .redact(&self.room, &event, &txn, Some("the code is over"))
                .await?;
        }
        Ok(())
    }
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
