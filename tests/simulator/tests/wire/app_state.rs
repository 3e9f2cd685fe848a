//! Settings the devices of an account share.

use whatsapp_rust::prelude::*;

use crate::device::World;

#[tokio::test]
async fn a_chat_archived_on_one_device_is_archived_on_the_other() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let (first, second) = (world.links().await?, world.links().await?);
    let ana: Jid = world.ana.jid().parse()?;
    first.client.chat_actions().archive_chat(&ana, None).await?;
    let archived = second
        .waits_for(|event| match event {
            Event::ArchiveUpdate(update) => Some(update.jid.clone()),
            _ => None,
        })
        .await?;
    assert_eq!(archived, ana);
    Ok(())
}
