//! What tells clients that a room is bridged, and who in it is no person. The rooms that we make say so from the beginning;
//! others are a person's own, or take the place of a room that was upgraded. Called while a room is furnished.

use serde_json::{Value, json};

use super::{super::error::Failure, place::Place};
use crate::{
    matrix::{
        Actor, Error,
        outgoing::{self, FUNCTIONAL_MEMBERS},
    },
    model::{ChatKind, Sender},
};

/// Says in a room what it is, where that does not stand there yet.
pub(super) async fn introduce(place: &Place<'_>) -> Result<(), Failure> {
    for piece in outgoing::bridge_state(&place.info(place.portal.name.as_deref())) {
        let kind = (piece.event_type.as_str(), piece.key.as_str());
        if let Some(None) = look(place, kind).await? {
            say(place, kind, &piece.content).await?;
        }
    }
    if place.portal.kind != ChatKind::Direct {
        return Ok(());
    }
    // Clients name a room of two after the other one, and must not count the bot.
    let Some(before) = look(place, (FUNCTIONAL_MEMBERS, "")).await? else {
        return Ok(());
    };
    let bot = place.bridge.homeserver.names().bot();
    let before = before.unwrap_or_default();
    let mut members = before["service_members"].as_array().cloned().unwrap_or_default();
    if members.iter().any(|member| member == bot.as_str()) {
        return Ok(());
    }
    members.push(json!(bot));
    say(place, (FUNCTIONAL_MEMBERS, ""), &json!({ "service_members": members })).await
}

/// What stands in a room; `None` when it cannot be seen.
async fn look(place: &Place<'_>, (kind, key): (&str, &str)) -> Result<Option<Option<Value>>, Failure> {
    match place.bridge.homeserver.as_bot().get_state(&place.room, kind, key).await {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.is_transient() => Err(error.into()),
        Err(error) => {
            tracing::info!(%error, "a room could not be looked at");
            Ok(None)
        }
    }
}

/// Sets a piece of state as whoever may: the bot, who has no rights in a room that a person opened; the ghost that the
/// person invited, who has some; the person.
async fn say(place: &Place<'_>, (kind, key): (&str, &str), content: &Value) -> Result<(), Failure> {
    for actor in speakers(place) {
        match actor.send_state(&place.room, kind, key, content).await {
            Ok(_) => return Ok(()),
            Err(Error::Refused { status: 403, .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    tracing::info!(kind, "nobody of ours may say in a room that it is bridged");
    Ok(())
}

fn speakers(place: &Place<'_>) -> Vec<Actor> {
    let homeserver = &place.bridge.homeserver;
    let ghost = place.bridge.network.direct_contact(&place.key.chat);
    let ghost = ghost.and_then(|contact| place.user_of(&Sender::Contact(contact)));
    let mut speakers = vec![homeserver.as_bot()];
    speakers.extend(ghost.map(|ghost| homeserver.as_user(&ghost)));
    speakers.extend(homeserver.as_puppet(&place.identity.user));
    speakers
}
