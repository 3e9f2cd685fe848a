//! What the owner has set on another device: marks on chats, and names of the address book. None of it makes a room.

use super::{
    super::{chat_marks, error::Failure},
    scene::Scene,
};
use crate::model::{ChatMark, Lane, Work};

/// A chat is marked.
pub(super) async fn mark(scene: &Scene<'_>, mark: ChatMark) -> Result<(), Failure> {
    let (desk, bridge) = (scene.desk, scene.desk.bridge);
    let mut tx = bridge.store.begin().await?;
    chat_marks::set(bridge, &mut tx, &scene.key, mark).await?;
    if mark == ChatMark::Unread(false) {
        let work = Work::ShowOwnRead {
            portal: scene.key.clone(),
            at: scene.event.at,
        };
        tx.push_job(&Lane::reads(&scene.key), &work, bridge.clock().now())
            .await?;
    }
    desk.finish(tx).await
}

/// The address book names the other person of a chat.
pub(super) async fn name(scene: &Scene<'_>, name: Option<&str>) -> Result<(), Failure> {
    let (desk, bridge) = (scene.desk, scene.desk.bridge);
    let Some(contact) = bridge.network.direct_contact(&scene.key.chat) else {
        return desk.done().await;
    };
    let mut tx = bridge.store.begin().await?;
    tx.set_address_book_name(scene.key.device, &contact, name).await?;
    desk.finish(tx).await
}
