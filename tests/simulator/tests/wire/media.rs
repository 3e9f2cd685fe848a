//! Media: uploaded by the client, sent as a message, fetched again.

use simulator::Kind;
use whatsapp_rust::media::{ImageOptions, image_message};
use whatsapp_rust::prelude::*;
use whatsapp_rust::upload::UploadOptions;
use whatsapp_rust::wacore::download::MediaType;

use crate::PATIENCE;
use crate::device::World;

#[tokio::test]
async fn a_picture_goes_both_ways() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let picture = vec![0xAB; 5000];
    let uploaded = device
        .client
        .upload(picture.clone(), MediaType::Image, UploadOptions::default())
        .await?;
    let options = ImageOptions {
        caption: Some("look".into()),
        ..Default::default()
    };
    let message = image_message(uploaded, options);
    device
        .client
        .send_message(world.ana.jid().parse::<Jid>()?, message.clone())
        .await?;
    let received = world
        .ana
        .waits_for(|received| received.kind == Kind::Image, PATIENCE)
        .await?;
    assert_eq!(received.text.as_deref(), Some("look"));

    world.ana.sends(&world.phone, received.message);
    let got = device
        .waits_for(|event| match event {
            Event::Messages(batch) => batch
                .into_iter()
                .find_map(|one| one.message.image_message.as_option().cloned()),
            _ => None,
        })
        .await?;
    assert_eq!(device.client.download(&got).await?, picture);
    Ok(())
}
