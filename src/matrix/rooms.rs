//! Rooms of ours: made once for each alias, and finished when the homeserver died halfway.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use backon::{ConstantBuilder, Retryable};
use ruma::{
    OwnedRoomId, OwnedUserId, RoomAliasId, RoomId, UserId,
    api::client::{
        alias::{delete_alias, get_alias},
        discovery::get_capabilities,
        room::create_room::{
            RoomPowerLevelsContentOverride,
            v3::{Request, RoomPreset},
        },
    },
    serde::Raw,
};
use serde_json::{Value, json, value::to_raw_value};

use super::{Error, Homeserver};

/// A room that has an alias and cannot be used is looked at so often, with this pause, before it counts as never finished.
const LOOKS: usize = 20;
const LOOK: Duration = Duration::from_millis(250);

/// Rooms of one alias are made one after the other: a homeserver gives the alias away before it has finished the room, and
/// the second maker would take the first one's room for a ruin.
#[derive(Default)]
pub(super) struct Turns([tokio::sync::Mutex<()>; 16]);

impl Turns {
    async fn of(&self, alias: &str) -> tokio::sync::MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        alias.hash(&mut hasher);
        // The remainder of a division by a small number fits anywhere.
        let at = usize::try_from(hasher.finish() % 16).unwrap_or(0);
        self.0[at].lock().await
    }
}

/// A room as it shall be.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct NewRoom {
    /// Localpart of its alias: what makes it the same room when we ask again.
    pub(crate) alias: String,
    /// Its name; direct chats may go without.
    pub(crate) name: Option<String>,
    /// Its topic.
    pub(crate) topic: Option<String>,
    /// Whether invites say that it is a direct chat.
    pub(crate) is_direct: bool,
    /// Whether it holds other rooms.
    pub(crate) is_space: bool,
    /// Who is invited.
    pub(crate) invite: Vec<OwnedUserId>,
    /// Power levels of others than the bot, who made the room.
    pub(crate) levels: BTreeMap<OwnedUserId, i64>,
    /// State it has from the beginning.
    pub(crate) state: Vec<State>,
}

/// A piece of a room's state.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct State {
    /// Event type.
    pub(crate) event_type: String,
    /// State key.
    pub(crate) key: String,
    /// Content.
    pub(crate) content: Value,
}

pub(super) async fn ensure(homeserver: &Homeserver, room: &NewRoom) -> Result<OwnedRoomId, Error> {
    let alias = homeserver.names().alias(&room.alias)?;
    let _turn = homeserver.0.making.of(&room.alias).await;
    // Two rounds: an alias of a room that cannot be used is taken away once.
    for _ in 0..2 {
        match create(homeserver, room).await {
            Err(error) if is_taken(&error) => {}
            other => return other,
        }
        match resolve(homeserver, &alias).await? {
            Some(existing) if becomes_usable(homeserver, &existing).await? => {
                complete(homeserver, &existing, room).await?;
                return Ok(existing);
            }
            Some(_) => {
                tracing::warn!("an alias of ours leads to a room the bot cannot use: a new room takes it over");
                remove_alias(homeserver, &alias).await?;
            }
            None => {}
        }
    }
    create(homeserver, room).await
}

/// Synapse answers 409 `M_UNKNOWN` when somebody else takes the alias while it makes the room.
fn is_taken(error: &Error) -> bool {
    error.is("M_ROOM_IN_USE") || matches!(error, Error::Refused { status: 409, .. })
}

pub(super) async fn resolve(homeserver: &Homeserver, alias: &RoomAliasId) -> Result<Option<OwnedRoomId>, Error> {
    let request = get_alias::v3::Request::new(alias.to_owned());
    match homeserver.as_bot().request("resolve_alias", request).await {
        Ok(answer) => Ok(Some(answer.room_id)),
        Err(Error::NotFound(_)) => Ok(None),
        Err(other) => Err(other),
    }
}

async fn create(homeserver: &Homeserver, room: &NewRoom) -> Result<OwnedRoomId, Error> {
    let mut request = Request::new();
    // Never `trusted_private_chat`: it makes whoever is invited a creator, whom nobody can ever demote.
    request.preset = Some(RoomPreset::PrivateChat);
    request.room_alias_name = Some(room.alias.clone());
    request.name.clone_from(&room.name);
    request.topic.clone_from(&room.topic);
    request.is_direct = room.is_direct;
    request.invite.clone_from(&room.invite);
    if room.is_space {
        let kind = to_raw_value(&json!({"type": "m.space"})).map_err(|error| Error::BadRequest(error.into()))?;
        request.creation_content = Some(Raw::from_json(kind));
    }
    request.power_level_content_override = levels(homeserver, room).await?;
    request.initial_state = room
        .state
        .iter()
        .map(|state| {
            to_raw_value(&json!({"type": state.event_type, "state_key": state.key, "content": state.content}))
                .map(Raw::from_json)
                .map_err(|error| Error::BadRequest(error.into()))
        })
        .collect::<Result<_, _>>()?;
    Ok(homeserver.as_bot().request("create_room", request).await?.room_id)
}

/// From room version 12 on creators must not be listed; before, the list must name them or they lose their power.
async fn levels(homeserver: &Homeserver, room: &NewRoom) -> Result<Option<Raw<RoomPowerLevelsContentOverride>>, Error> {
    if room.levels.is_empty() {
        return Ok(None);
    }
    let bot = homeserver.names().bot();
    let mut users = room.levels.clone();
    if creators_privileged(homeserver).await? {
        users.remove(bot);
    } else {
        users.insert(bot.to_owned(), 100);
    }
    let content = to_raw_value(&json!({ "users": users })).map_err(|error| Error::BadRequest(error.into()))?;
    Ok(Some(Raw::from_json(content)))
}

async fn creators_privileged(homeserver: &Homeserver) -> Result<bool, Error> {
    let ask = || async {
        let answer = homeserver
            .as_bot()
            .request("capabilities", get_capabilities::v3::Request::new())
            .await?
            .capabilities;
        // A version newer than we know follows the newer rule.
        let rules = answer.room_versions.default.rules();
        Ok(rules.is_none_or(|rules| rules.authorization.explicitly_privilege_room_creators))
    };
    homeserver.0.creators_privileged.get_or_try_init(ask).await.copied()
}

/// Whether a room can be used, now or when the homeserver has finished it: a request that we gave up may still be at work.
async fn becomes_usable(homeserver: &Homeserver, room: &RoomId) -> Result<bool, Error> {
    let patience = ConstantBuilder::new().with_delay(LOOK).with_max_times(LOOKS);
    let look = || async {
        match is_usable(homeserver, room).await {
            Ok(true) => Ok(true),
            Ok(false) => Err(None),
            Err(error) => Err(Some(error)),
        }
    };
    match look.retry(patience).when(Option::is_none).await {
        Ok(usable) => Ok(usable),
        Err(None) => Ok(false),
        Err(Some(error)) => Err(error),
    }
}

/// See [`Homeserver::shows_as`].
pub(super) async fn shows_as(homeserver: &Homeserver, room: &RoomId, user: &UserId, name: &str) -> Result<(), Error> {
    let patience = ConstantBuilder::new().with_delay(LOOK).with_max_times(LOOKS);
    let look = || async {
        let member = homeserver
            .as_bot()
            .get_state(room, "m.room.member", user.as_str())
            .await;
        match member {
            Ok(Some(member)) if member["membership"] == "join" && member["displayname"] != name => Err(None),
            Ok(_) => Ok(()),
            Err(error) => Err(Some(error)),
        }
    };
    look.retry(patience)
        .when(Option::is_none)
        .await
        .or_else(|error: Option<Error>| error.map_or(Ok(()), Err))
}

/// Whether the bot is in the room and the room got as far as its power levels.
async fn is_usable(homeserver: &Homeserver, room: &RoomId) -> Result<bool, Error> {
    match homeserver.as_bot().get_state(room, "m.room.power_levels", "").await {
        Ok(levels) => {
            let joined = homeserver.as_bot().membership(room, homeserver.names().bot()).await?;
            Ok(levels.is_some() && joined.as_deref() == Some("join"))
        }
        Err(Error::Refused { status: 403, .. }) => Ok(false),
        Err(other) => Err(other),
    }
}

/// Adds what a homeserver that died while making the room left out. What people changed since stays.
async fn complete(homeserver: &Homeserver, existing: &RoomId, room: &NewRoom) -> Result<(), Error> {
    let bot = homeserver.as_bot();
    let named = |event_type: &str, field: &str, text: &Option<String>| {
        text.as_ref().map(|text| State {
            event_type: event_type.to_owned(),
            key: String::new(),
            content: json!({ field: text }),
        })
    };
    let wanted = room
        .state
        .iter()
        .cloned()
        .chain(named("m.room.name", "name", &room.name))
        .chain(named("m.room.topic", "topic", &room.topic));
    for State {
        event_type,
        key,
        content,
    } in wanted
    {
        if bot.get_state(existing, &event_type, &key).await?.is_none() {
            bot.send_state(existing, &event_type, &key, &content).await?;
        }
    }
    for user in &room.invite {
        if bot.membership(existing, user).await?.is_none() {
            bot.invite(existing, user).await?;
        }
    }
    Ok(())
}

/// Takes an alias away from whichever room has it; that none has it is success.
pub(super) async fn remove_alias(homeserver: &Homeserver, alias: &RoomAliasId) -> Result<(), Error> {
    match homeserver
        .as_bot()
        .request("remove_alias", delete_alias::v3::Request::new(alias.to_owned()))
        .await
    {
        Ok(_) | Err(Error::NotFound(_)) => Ok(()),
        Err(other) => Err(other),
    }
}
