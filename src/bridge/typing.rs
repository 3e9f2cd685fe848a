//! Who is typing or recording, both ways. Worth something now or never: nothing here is stored.
//!
//! WhatsApp forgets typing that is not renewed within about twenty-five seconds, and the homeserver tells us only when
//! somebody begins and ends; so what goes out is renewed while it lasts. What comes in is shown for as long. Both ways
//! have a limit of their own: a chatty group floods neither side.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use ruma::{OwnedRoomId, OwnedUserId, RoomId, UserId};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Error, Inner, outgoing::may_speak};
use crate::{
    matrix::Actor,
    model::{Action, IdentityKind, PortalKey, Sender, Typing},
    store::Portal,
};

/// How long typing is shown that nobody renews.
const SHOWN_FOR: Duration = Duration::from_secs(25);
/// Typing that is shown already is not shown again within this.
const SETTLED: Duration = Duration::from_secs(8);
/// How often typing is renewed on the network.
const RENEW: Duration = Duration::from_secs(10);
/// Nobody types longer without a pause: the homeserver's word that it ended was lost.
const LONGEST: Duration = Duration::from_mins(3);
/// Beginnings of typing in a minute, and at once, for each chat towards Matrix and for each device towards the network.
const A_MINUTE: NonZeroU32 = NonZeroU32::new(60).unwrap();
const AT_ONCE: NonZeroU32 = NonZeroU32::new(15).unwrap();

/// Who types right now.
#[derive(Debug)]
pub(super) struct Moods {
    /// What is shown in Matrix, and since when.
    shown: Mutex<HashMap<(OwnedRoomId, OwnedUserId), Instant>>,
    /// What is told to the network; cancelled when it ends.
    told: Mutex<HashMap<PortalKey, CancellationToken>>,
    showing: DefaultKeyedRateLimiter<PortalKey>,
    telling: DefaultKeyedRateLimiter<crate::model::DeviceId>,
}

impl Default for Moods {
    fn default() -> Self {
        let quota = Quota::per_minute(A_MINUTE).allow_burst(AT_ONCE);
        Self {
            shown: Mutex::default(),
            told: Mutex::default(),
            showing: RateLimiter::keyed(quota),
            telling: RateLimiter::keyed(quota),
        }
    }
}

impl Moods {
    fn shown(&self) -> MutexGuard<'_, HashMap<(OwnedRoomId, OwnedUserId), Instant>> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn told(&self) -> MutexGuard<'_, HashMap<PortalKey, CancellationToken>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the room must be told that somebody types now.
    fn begins(&self, key: &PortalKey, room: &RoomId, user: &UserId) -> bool {
        let now = Instant::now();
        let mut shown = self.shown();
        shown.retain(|_, since| now.duration_since(*since) < SHOWN_FOR);
        let who = (room.to_owned(), user.to_owned());
        let is_settled = shown
            .get(&who)
            .is_some_and(|since| now.duration_since(*since) < SETTLED);
        if is_settled || self.showing.check_key(key).is_err() {
            return false;
        }
        shown.insert(who, now);
        true
    }

    /// Whether it is us who say that somebody types.
    fn is_shown(&self, room: &RoomId, user: &UserId) -> bool {
        let shown = self.shown();
        let since = shown.get(&(room.to_owned(), user.to_owned()));
        since.is_some_and(|since| since.elapsed() < SHOWN_FOR)
    }

    /// Whether the room must be told that somebody types no more.
    fn ends(&self, room: &RoomId, user: &UserId) -> bool {
        self.shown().remove(&(room.to_owned(), user.to_owned())).is_some()
    }
}

/// Shows in a portal room that a contact, or the owner on another device, types, records, or stopped. Matrix has one word
/// for both.
pub(super) async fn show(bridge: &Inner, key: &PortalKey, sender: &Sender, typing: Typing) -> Result<(), Error> {
    let mut read = bridge.store.read().await?;
    let Some(Portal {
        room: Some(room),
        ready: true,
        ..
    }) = read.find_portal(key).await?
    else {
        return Ok(());
    };
    drop(read);
    let Some(actor) = shown_as(bridge, key, sender).await? else {
        return Ok(());
    };
    let types = typing != Typing::Stopped;
    let news = if types {
        bridge.moods.begins(key, &room, actor.user())
    } else {
        bridge.moods.ends(&room, actor.user())
    };
    if !news {
        return Ok(());
    }
    Ok(actor.typing(&room, types, SHOWN_FOR).await?)
}

/// As whom somebody is shown typing; the owner as their own user, or not at all.
async fn shown_as(bridge: &Inner, key: &PortalKey, sender: &Sender) -> Result<Option<Actor>, Error> {
    let mut read = bridge.store.read().await?;
    Ok(match sender {
        Sender::Contact(contact) => {
            let ghost = read.find_ghost(contact).await?;
            ghost.map(|ghost| bridge.homeserver.as_user(&ghost.user))
        }
        Sender::Owner => {
            let owned = read.find_owned_device(key.device).await?;
            owned.and_then(|(_, identity)| match identity.kind {
                IdentityKind::Registered => Some(bridge.homeserver.as_user(&identity.user)),
                IdentityKind::Real => bridge.homeserver.as_puppet(&identity.user),
            })
        }
    })
}

/// Somebody has said something: they type no more, whatever was shown.
pub(super) async fn said_it(bridge: &Inner, room: &RoomId, user: &UserId) {
    if bridge.moods.ends(room, user)
        && let Err(error) = bridge.homeserver.as_user(user).typing(room, false, SHOWN_FOR).await
    {
        tracing::debug!(%error, "the end of typing was not shown");
    }
}

/// Who types in a room now, as the homeserver tells it: passed on to the network when the owner or a member does.
pub(super) async fn tell(bridge: &Arc<Inner>, room: &RoomId, users: &[OwnedUserId]) {
    if !bridge.network.capabilities().typing {
        return;
    }
    // What we show of a real person comes back to us as if they typed here.
    let is_theirs =
        |user: &&OwnedUserId| !bridge.homeserver.names().is_ours(user) && !bridge.moods.is_shown(room, user);
    let users = users.iter().filter(is_theirs);
    let found = async {
        let mut read = bridge.store.read().await?;
        let Some(portal) = read.find_portal_by_room(room).await? else {
            return Ok(None);
        };
        let Some((_, identity)) = read.find_owned_device(portal.key.device).await? else {
            return Ok(None);
        };
        let members = read.list_members(identity.id).await?;
        Ok::<_, Error>(Some((portal.key, identity, members)))
    };
    let Ok(Some((key, identity, members))) = found.await else {
        return;
    };
    if users.into_iter().any(|user| may_speak(&identity, &members, user)) {
        begin(bridge, key);
    } else if let Some(told) = bridge.moods.told().remove(&key) {
        told.cancel();
    }
}

/// Tells the network that the owner types, until it ends.
fn begin(bridge: &Arc<Inner>, key: PortalKey) {
    let end = {
        let mut told = bridge.moods.told();
        if told.contains_key(&key) || bridge.moods.telling.check_key(&key.device).is_err() {
            return;
        }
        let end = bridge.stop.child_token();
        told.insert(key.clone(), end.clone());
        end
    };
    let bridge = Arc::clone(bridge);
    bridge.tasks.clone().spawn(async move {
        let until = Instant::now() + LONGEST;
        while Instant::now() < until && act(&bridge, &key, Typing::Writing).await {
            tokio::select! {
                () = end.cancelled() => break,
                () = tokio::time::sleep(RENEW) => {}
            }
        }
        if !end.is_cancelled() {
            bridge.moods.told().remove(&key);
        }
        act(&bridge, &key, Typing::Stopped).await;
    });
}

async fn act(bridge: &Inner, key: &PortalKey, typing: Typing) -> bool {
    let id = bridge.network.message_id("typing");
    let done = bridge.network.act(key, &id, &Action::Typing(typing)).await;
    if let Err(error) = &done {
        tracing::debug!(%error, "typing was not passed on");
    }
    done.is_ok()
}

#[cfg(test)]
mod tests {
    use ruma::{room_id, user_id};

    use super::{super::testing::quiet, *};
    use crate::{
        model::{ChatId, DeviceId},
        store::testing::World,
    };

    #[tokio::test(start_paused = true)]
    async fn typing_is_shown_once_renewed_and_ended_once() {
        let moods = Moods::default();
        let key = PortalKey::new(DeviceId::generate(), ChatId::from_adapter("1"));
        let (room, user) = (room_id!("!room"), user_id!("@ghost:hs.test"));
        assert!(moods.begins(&key, room, user));
        assert!(!moods.begins(&key, room, user), "it is shown already");
        tokio::time::advance(SETTLED).await;
        assert!(moods.begins(&key, room, user), "it is renewed");
        assert!(moods.ends(room, user));
        assert!(!moods.ends(room, user));
        assert!(moods.begins(&key, room, user));
        tokio::time::advance(SHOWN_FOR).await;
        assert!(moods.begins(&key, room, user_id!("@other:hs.test")));
        assert!(!moods.ends(room, user), "it has ended by itself");
    }

    #[tokio::test]
    async fn b41_the_owner_who_types_on_another_device_is_shown_as_themselves() {
        let world = World::sqlite().await;
        let (bridge, _network, _stop) = quiet(&world.store);
        for (name, kind, is_shown) in [
            ("wharf_owner", IdentityKind::Registered, true),
            // Nobody may speak as this one.
            ("alice", IdentityKind::Real, false),
        ] {
            let (identity, device) = world.linked(&format!("@{name}:hs.test"), kind).await;
            let key = PortalKey::new(device.id, ChatId::from_adapter("1@g.us"));
            let actor = shown_as(&bridge.0, &key, &Sender::Owner).await.unwrap();
            assert_eq!(
                actor.map(|actor| actor.user().to_owned()),
                is_shown.then_some(identity.user),
                "{name}"
            );
        }
    }

    #[test]
    fn what_we_show_of_a_person_is_known_when_it_comes_back() {
        let moods = Moods::default();
        let key = PortalKey::new(DeviceId::generate(), ChatId::from_adapter("1"));
        let (room, user) = (room_id!("!room:hs.test"), user_id!("@alice:hs.test"));
        assert!(!moods.is_shown(room, user));
        assert!(moods.begins(&key, room, user));
        assert!(moods.is_shown(room, user));
        assert!(moods.ends(room, user));
        assert!(!moods.is_shown(room, user));
    }

    #[test]
    fn a_chatty_group_is_shown_in_part() {
        let moods = Moods::default();
        let key = PortalKey::new(DeviceId::generate(), ChatId::from_adapter("1@g.us"));
        let shown = (0..1000).filter(|number| {
            let user = UserId::parse(format!("@whatsapp_{number}:hs.test")).unwrap();
            moods.begins(&key, room_id!("!room"), &user)
        });
        assert!(shown.count() <= 20);
    }
}
