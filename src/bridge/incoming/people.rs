//! People named in words: which Matrix user stands for each.

use std::collections::HashMap;

use super::{super::error::Failure, scene::Scene};
use crate::{
    matrix::html::Pill,
    model::{Content, Mention, Sender},
    store::Tx,
};

/// Who stands for the people named in a content.
#[derive(Default)]
pub(super) struct People(HashMap<Sender, Pill>);

impl People {
    /// Who stands for one of them.
    pub(super) fn pill(&self, who: &Sender) -> Option<Pill> {
        self.0.get(who).cloned()
    }
}

/// Finds out who stands for the people named in a content. A ghost that is not registered yet is named by its number.
pub(super) async fn named(scene: &Scene<'_>, content: &Content) -> Result<People, Failure> {
    let mut people = People::default();
    let mut read = scene.desk.bridge.store.read().await?;
    for Mention { who, .. } in mentions(content) {
        let pill = stands_for(scene, &mut read, who).await?;
        people.0.insert(who.clone(), pill);
    }
    Ok(people)
}

/// What somebody is called in the room.
pub(super) async fn name(scene: &Scene<'_>, who: &Sender) -> Result<String, Failure> {
    let mut read = scene.desk.bridge.store.read().await?;
    Ok(stands_for(scene, &mut read, who).await?.name)
}

async fn stands_for(scene: &Scene<'_>, read: &mut Tx, who: &Sender) -> Result<Pill, Failure> {
    Ok(match who {
        Sender::Owner => Pill {
            name: scene.identity.user.localpart().to_owned(),
            user: scene.identity.user.clone(),
        },
        Sender::Contact(contact) => {
            let ghost = read.find_ghost(contact).await?;
            let name = scene.desk.bridge.network.ghost_name(contact);
            let user = match &ghost {
                Some(ghost) => ghost.user.clone(),
                None => scene.desk.bridge.homeserver.names().ghost(&name),
            };
            let called = ghost.and_then(|ghost| ghost.name);
            Pill {
                name: called.unwrap_or_else(|| format!("+{name}")),
                user,
            }
        }
    })
}

/// Who is named in a content, by which token.
pub(super) fn mentions(content: &Content) -> &[Mention] {
    match content {
        Content::Text(text) => &text.mentions,
        Content::Media(media) => media.caption.as_ref().map_or(&[], |caption| &caption.mentions),
        Content::Location(_)
        | Content::Contacts(_)
        | Content::Poll(_)
        | Content::Appointment(_)
        | Content::Invitation(_)
        | Content::Album { .. }
        | Content::Call(_)
        | Content::Told(_)
        | Content::Awaited
        | Content::Unsupported(_) => &[],
    }
}
