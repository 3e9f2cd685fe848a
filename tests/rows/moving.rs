//! Pictures that move.

use serde_json::json;

use super::talk::{Client, Talk, relates_to};

const MOVING: &[u8] = include_bytes!("media/moving.webp");

/// B20: a picture whose movement nobody here can convert goes as one that stands still, and that is told.
pub async fn b20<H, C: Client>(talk: Talk<'_, H, C>) {
    let address = talk.chat.uploads("wave.webp", "image/webp", MOVING).await;
    let info = json!({"mimetype": "image/webp", "size": MOVING.len()});
    let content =
        json!({"msgtype": "m.image", "body": "wave.webp", "filename": "wave.webp", "url": address, "info": info});
    let said = talk.chat.says(content).await;
    let got = talk.gets("a picture", |got| got.message.image_message.is_set()).await;
    let jpeg = talk.ana.media_of(&got).unwrap();
    assert_eq!(image::guess_format(&jpeg).unwrap(), image::ImageFormat::Jpeg);
    let told = talk.chat.hears("Sent as a picture that stands still").await;
    assert_eq!(relates_to(&told)["m.in_reply_to"]["event_id"], said.as_str());
    assert_eq!(told["content"]["msgtype"], "m.notice");
}
