//! Makes a room show what is known of its group: name, topic, levels, and who may knock. Only what differs from what it
//! shows already is put there.
//!
//! Whoever changed something is the sender of the change where their level allows it; else the bot is.

use std::collections::BTreeMap;

use ruma::{OwnedUserId, RoomId, UserId};
use serde_json::{Value, json};

use super::{
    super::{Inner, error::Failure},
    place::{By, Place},
};
use crate::{
    matrix::outgoing::{self, Levels},
    model::{Group, GroupKind, PortalKey, Rank, Timestamp},
    store::{self, KnownGroup, Tx},
};

/// Levels of ranks. Whoever made a group stands above its administrators, who cannot demote them.
const ADMIN: i64 = 50;
const SUPERADMIN: i64 = 75;
const POWER_LEVELS: &str = "m.room.power_levels";
/// More than anybody but the bot has.
const NOBODY: i64 = 100;

/// Who put a change into the room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum PutBy {
    /// Whoever made it, or there was nothing to put.
    Author,
    /// The bot: people do not see who made it.
    Bot,
}

/// Writes down what the network says of a group; what is known of groups is locked. Pieces of it that are news for the room
/// count as not shown, so that [`settle`] puts them there. The others stay as they are: a person may have set them just now,
/// and the network has not spoken of that yet.
pub(in super::super) async fn learn(
    tx: &mut Tx,
    key: &PortalKey,
    before: Option<&Group>,
    (group, gone): (&Group, bool),
    now: Timestamp,
) -> Result<(), store::Error> {
    tx.save_group(key, (group, gone), now).await?;
    let Some(before) = before else { return Ok(()) };
    tx.update_group_shown(key, |shown| {
        if before.title != group.title && shown.title.as_ref() != Some(&group.title) {
            shown.title = None;
        }
        if before.topic != group.topic && shown.topic.as_deref() != Some(group.topic.as_deref().unwrap_or_default()) {
            shown.topic = None;
        }
        if before.approval != group.approval && shown.approval != Some(group.approval) {
            shown.approval = None;
        }
    })
    .await
}

/// Makes the room follow what is known.
pub(super) async fn settle(place: &Place<'_>, by: Option<&By>) -> Result<PutBy, Failure> {
    let bridge = place.bridge;
    let Some(known) = bridge.store.read().await?.find_group(&place.key).await? else {
        return Ok(PutBy::Author);
    };
    let mut put = PutBy::Author;
    let (group, mut shown) = (&known.group, known.shown.clone());
    let levels = levels(place, &known).await?;
    let decides = digest(&levels);
    if shown.levels.as_deref() != Some(&decides) {
        put = put.and(put_levels(place, &levels, by).await?);
        shown.levels = Some(decides);
    }
    if shown.title.is_none() {
        let name = json!({ "name": group.title });
        put = put.and(put_new(place, by, ("m.room.name", &name)).await?);
        rename(place, &group.title).await?;
        shown.title = Some(group.title.clone());
    }
    if shown.topic.is_none() {
        let topic = group.topic.clone().unwrap_or_default();
        let content = json!({ "topic": topic });
        put = put.and(put_new(place, by, ("m.room.topic", &content)).await?);
        shown.topic = Some(topic);
    }
    if shown.approval.is_none() {
        let rules = outgoing::join_rules(group.approval);
        put = put.and(put_new(place, by, ("m.room.join_rules", &rules)).await?);
        shown.approval = Some(group.approval);
    }
    if shown != known.shown {
        let mut tx = bridge.store.begin().await?;
        if tx.is_room_of(&place.key, &place.room).await? {
            // Only what was put: the rest may have been taken back meanwhile.
            let before = known.shown;
            tx.update_group_shown(&place.key, |now| {
                if shown.levels != before.levels {
                    now.levels = shown.levels;
                }
                if shown.title != before.title {
                    now.title = shown.title;
                }
                if shown.topic != before.topic {
                    now.topic = shown.topic;
                }
                if shown.approval != before.approval {
                    now.approval = shown.approval;
                }
            })
            .await?;
        }
        tx.commit().await?;
    }
    Ok(put)
}

impl PutBy {
    fn and(self, other: Self) -> Self {
        if self == Self::Bot { self } else { other }
    }
}

/// The same as [`state`], but it is looked whether the room shows this already: a room was made with its name, homeservers
/// copy state into the successor of a room, and an attempt that broke off may have come so far.
async fn put_new(place: &Place<'_>, by: Option<&By>, (event_type, content): (&str, &Value)) -> Result<PutBy, Failure> {
    if shows(place, event_type, content).await? {
        return Ok(PutBy::Author);
    }
    state(place, by, event_type, content).await
}

/// Whether the room shows this already; nothing is as good as a piece of state without content.
pub(super) async fn shows(place: &Place<'_>, event_type: &str, content: &Value) -> Result<bool, Failure> {
    let bot = place.bridge.homeserver.as_bot();
    let before = bot.get_state(&place.room, event_type, "").await?;
    let nothing = |content: &Value| {
        let fields = content.as_object().into_iter().flatten();
        fields.into_iter().all(|(_, value)| value == "")
    };
    Ok(match before {
        Some(before) => before == *content,
        None => nothing(content),
    })
}

/// Sets a piece of the room's state as whoever changed it, else as the bot.
pub(super) async fn state(
    place: &Place<'_>,
    by: Option<&By>,
    event_type: &str,
    content: &Value,
) -> Result<PutBy, Failure> {
    let at = by.map(|by| by.at);
    // Clients change levels by copying all of them, our mark of a real person's doings with the rest: the bot does it.
    let is_ours = |by: &&By| place.bridge.homeserver.names().is_ours(by.actor.user());
    let author = by.filter(|by| event_type != POWER_LEVELS || is_ours(by));
    if let Some(by) = author {
        match by.actor.send_state_at(&place.room, (event_type, ""), content, at).await {
            Ok(_) => return Ok(PutBy::Author),
            Err(error) if error.is_forbidden() => {}
            Err(error) => return Err(error.into()),
        }
    }
    let bot = place.bridge.homeserver.as_bot();
    match bot.send_state_at(&place.room, (event_type, ""), content, at).await {
        Ok(_) => {}
        // A room that a person opened, and in which they did not let the bot do so.
        Err(error) if error.is_forbidden() => {
            tracing::info!(%error, event_type, "the bot may not show something of a group in its room");
        }
        Err(error) => return Err(error.into()),
    }
    Ok(if by.is_some() { PutBy::Bot } else { PutBy::Author })
}

/// The new name goes everywhere where the old one stands.
async fn rename(place: &Place<'_>, title: &str) -> Result<(), Failure> {
    let bridge = place.bridge;
    let bot = bridge.homeserver.as_bot();
    for piece in outgoing::bridge_state(&place.info(Some(title))) {
        match bot
            .send_state(&place.room, &piece.event_type, &piece.key, &piece.content)
            .await
        {
            Ok(_) => {}
            Err(error) if error.is_forbidden() => {}
            Err(error) => return Err(error.into()),
        }
    }
    let mut tx = bridge.store.begin().await?;
    tx.set_portal_name(&place.key, title).await?;
    tx.commit().await?;
    Ok(())
}

async fn put_levels(place: &Place<'_>, levels: &Levels, by: Option<&By>) -> Result<PutBy, Failure> {
    let bot = place.bridge.homeserver.as_bot();
    let before = bot.get_state(&place.room, POWER_LEVELS, "").await?;
    let before = before.unwrap_or_default();
    let after = outgoing::levels(&before, levels, &|user| place.manages(user));
    if before == after {
        return Ok(PutBy::Author);
    }
    state(place, by, POWER_LEVELS, &after).await
}

/// Who may do what in a group.
async fn levels(place: &Place<'_>, known: &KnownGroup) -> Result<Levels, Failure> {
    let group = &known.group;
    let mut users = BTreeMap::new();
    for member in &group.members {
        let level = level(member.rank);
        match place.user_of(&member.who) {
            Some(user) if level > 0 => {
                users.insert(user, level);
            }
            Some(_) => {}
            None => users.extend(place.owners().await?.into_iter().map(|user| (user, level))),
        }
    }
    Ok(needed(group, known.gone, users))
}

fn needed(group: &Group, gone: bool, users: BTreeMap<OwnedUserId, i64>) -> Levels {
    let only_admins = |only| if only { ADMIN } else { 0 };
    let is_silent = group.announce || group.kind == GroupKind::Community;
    Levels {
        users,
        write: if gone { NOBODY } else { only_admins(is_silent) },
        describe: if gone { NOBODY } else { only_admins(group.locked) },
        invite: if gone { NOBODY } else { only_admins(!group.members_add) },
        administer: ADMIN,
    }
}

/// The level of a rank.
fn level(rank: Rank) -> i64 {
    match rank {
        Rank::Member => 0,
        Rank::Admin => ADMIN,
        Rank::Superadmin => SUPERADMIN,
    }
}

/// Everything that decides about levels, as one text.
fn digest(levels: &Levels) -> String {
    let users: Vec<_> = levels.users.iter().filter(|(_, level)| **level != 0).collect();
    json!([levels.write, levels.describe, levels.invite, levels.administer, users]).to_string()
}

/// Lets somebody write whose level does not: what was said on the network is shown, whatever became of their rank since.
pub(in super::super) async fn let_write(bridge: &Inner, room: &RoomId, user: &UserId) -> Result<(), Failure> {
    let bot = bridge.homeserver.as_bot();
    let before = bot.get_state(room, POWER_LEVELS, "").await?;
    let after = outgoing::let_write(&before.unwrap_or_default(), user);
    bot.send_state(room, POWER_LEVELS, "", &after).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b54_what_a_group_allows_becomes_levels() {
        let users = BTreeMap::new;
        let open = needed(
            &Group {
                members_add: true,
                ..Group::default()
            },
            false,
            users(),
        );
        assert_eq!((open.write, open.describe, open.invite), (0, 0, 0));
        let closed = Group {
            announce: true,
            locked: true,
            ..Group::default()
        };
        let levels = needed(&closed, false, users());
        assert_eq!((levels.write, levels.describe, levels.invite), (50, 50, 50));
        let levels = needed(&closed, true, users());
        assert_eq!((levels.write, levels.describe, levels.invite), (100, 100, 100));
        assert!(level(Rank::Superadmin) < NOBODY);
    }
}
