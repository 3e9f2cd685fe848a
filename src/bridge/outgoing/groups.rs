//! What people change about the room of a group: its name, topic, picture, who may do what, who is in it. Each becomes
//! a change of the group; what the network refuses is taken back in the room, with a notice that says why.
//!
//! Deliberately not here: what others change about a group, and how a group looks in a room (`bridge::groups`).

use ruma::{MxcUri, OwnedUserId, UserId};

use super::{
    super::{
        Inner,
        error::{Failure, sentence},
        groups as shown, portals,
        worker::Desk,
    },
    may_speak, media, push_notice,
};
use crate::{
    matrix::incoming::{Levels, Membership, RoomChange},
    model::{Action, ChatKind, GroupChange, PortalKey, RoomEvent, Sender},
    network,
    store::{Portal, Tx},
};

/// The largest picture a group gets.
const LARGEST_PICTURE: u64 = 20 * 1024 * 1024;

/// An event in the room of a group, and whether whoever sent it is heard there.
struct Place<'a> {
    desk: &'a Desk<'a>,
    event: &'a RoomEvent,
    portal: Portal,
    /// The number of the owner of the device.
    own: String,
    is_heard: bool,
}

/// Where an event happened; `None` when that is no group, or nobody has it any more.
async fn place<'a>(desk: &'a Desk<'a>, event: &'a RoomEvent) -> Result<Option<Place<'a>>, Failure> {
    let mut read = desk.bridge.store.read().await?;
    let Some(portal) = read.find_portal_by_room(&event.room).await? else {
        return Ok(None);
    };
    if !matches!(portal.kind, ChatKind::Group | ChatKind::Channel) {
        return Ok(None);
    }
    let Some((device, identity)) = read.find_owned_device(portal.key.device).await? else {
        return Ok(None);
    };
    let members = read.list_members(identity.id).await?;
    let is_heard = may_speak(&identity, &members, &event.sender);
    Ok(Some(Place {
        desk,
        event,
        portal,
        own: device.number,
        is_heard,
    }))
}

/// Passes on that something about a room is different.
///
/// When the room shows something else meanwhile, that counts: its own event follows, or it came from the network. Levels
/// count only against those of a person: we write all of them when one changed on the network.
pub(super) async fn changed(desk: &Desk<'_>, event: &RoomEvent, change: &RoomChange) -> Result<(), Failure> {
    let Some(place) = place(desk, event).await? else {
        return desk.done().await;
    };
    let Some(standing) = place.standing(change).await? else {
        return desk.done().await;
    };
    if !place.is_heard {
        return place.take_back(change, NOT_HEARD).await;
    }
    if place.is_shown(change).await? {
        return desk.done().await;
    }
    let done = match change {
        RoomChange::Name(None) => Err(network::Error::Refused("a group needs a name".into())),
        RoomChange::Name(Some(name)) => place.act(GroupChange::Title(name.clone())).await,
        RoomChange::Topic(topic) => place.act(GroupChange::Topic(topic.clone())).await,
        RoomChange::Avatar(source) => match picture(desk, source.as_deref()).await? {
            Ok(jpeg) => place.picture(jpeg).await?,
            Err(why) => Err(network::Error::Refused(why)),
        },
        RoomChange::Levels { before, now } => match &standing {
            RoomChange::Levels { now: standing, .. } => place.level(before, now, standing).await?,
            _ => Ok(()),
        },
        RoomChange::Knocking(Some(knocking)) => place.act(GroupChange::Approval(*knocking)).await,
        RoomChange::Knocking(None) => Err(network::Error::Refused(
            "people come into a WhatsApp group by invitation, by its link, or by asking".into(),
        )),
        // Every chat has one: `timer` does it.
        RoomChange::Timer(_) => Ok(()),
    };
    match done {
        Ok(()) => desk.done().await,
        Err(error) if error.is_transient() => Err(error.into()),
        Err(error) => place.take_back(change, &sentence(&error)).await,
    }
}

const NOT_HEARD: &str = "only the owner and members are heard here";

/// The picture as groups have it: a square JPEG; or why it cannot be one.
async fn picture(desk: &Desk<'_>, source: Option<&MxcUri>) -> Result<Result<Option<Vec<u8>>, String>, Failure> {
    let Some(source) = source else {
        return Ok(Ok(None));
    };
    let Some(bytes) = media::small(desk.bridge, source, LARGEST_PICTURE).await? else {
        return Ok(Err("the picture is not there, or is too large".into()));
    };
    match desk.bridge.workshop.avatar(bytes).await {
        Ok(jpeg) => Ok(Ok(Some(jpeg))),
        Err(error) if error.is_transient() => Err(Failure::later(&error)),
        Err(error) => Ok(Err(error.to_string())),
    }
}

/// Lets the room show again of the group what a change that was not passed on wrote over.
pub(super) async fn put_right(
    tx: &mut Tx,
    bridge: &Inner,
    portal: &PortalKey,
    change: &RoomChange,
) -> Result<(), Failure> {
    tx.update_group_shown(portal, |shown| match change {
        RoomChange::Name(_) => shown.title = None,
        RoomChange::Topic(_) => shown.topic = None,
        RoomChange::Avatar(_) => shown.picture = None,
        RoomChange::Levels { .. } => shown.levels = None,
        RoomChange::Knocking(_) => shown.approval = None,
        RoomChange::Timer(_) => {}
    })
    .await?;
    shown::push_look(tx, bridge, portal).await
}

impl Place<'_> {
    async fn act(&self, change: GroupChange) -> Result<(), network::Error> {
        let bridge = self.desk.bridge;
        bridge.pace.wait(self.portal.key.device).await;
        let id = bridge.network.message_id(self.event.event.as_str());
        fail::fail_point!("bridge.outgoing.group.before");
        let done = bridge.network.act(&self.portal.key, &id, &Action::Group(change)).await;
        fail::fail_point!("bridge.outgoing.group.after");
        done
    }

    /// Who rises or falls, and what only administrators may do from now on: what this event changed, and what stands.
    async fn level(
        &self,
        before: &Levels,
        now: &Levels,
        standing: &Levels,
    ) -> Result<Result<(), network::Error>, Failure> {
        let changed = |of: &dyn Fn(&Levels) -> bool| {
            let is = of(now);
            (is != of(before) && is == of(standing)).then_some(is)
        };
        let (mut risen, mut fallen) = (Vec::new(), Vec::new());
        let named: std::collections::BTreeSet<&OwnedUserId> = before.named().chain(now.named()).collect();
        for user in named {
            let Some(is) = changed(&|levels| levels.is_admin(user)) else {
                continue;
            };
            if let Some(who) = self.contact(user).await? {
                if is { risen.push(who) } else { fallen.push(who) }
            }
        }
        let mut wanted = Vec::new();
        if !risen.is_empty() {
            wanted.push(GroupChange::Promoted(risen));
        }
        if !fallen.is_empty() {
            wanted.push(GroupChange::Demoted(fallen));
        }
        wanted.extend(changed(&Levels::only_admins_write).map(GroupChange::Announce));
        wanted.extend(changed(&Levels::only_admins_describe).map(GroupChange::Locked));
        wanted.extend(changed(&Levels::only_admins_invite).map(|only| GroupChange::MembersAdd(!only)));
        for one in wanted {
            if let Err(error) = self.act(one).await {
                return Ok(Err(error));
            }
        }
        Ok(Ok(()))
    }

    /// Who a ghost is; the owner's own is nobody here.
    async fn contact(&self, user: &UserId) -> Result<Option<Sender>, Failure> {
        let bridge = self.desk.bridge;
        let Some(name) = bridge.homeserver.names().ghost_name(user) else {
            return Ok(None);
        };
        if name == self.own {
            return Ok(None);
        }
        Ok(bridge.network.contact_of_ghost(name).await?.map(Sender::Contact))
    }

    /// The change as it stands in the room now; `None` when the room shows something else meanwhile. Levels that we put
    /// there are no wish of a person: they may tell of the group as it was before this change.
    async fn standing(&self, change: &RoomChange) -> Result<Option<RoomChange>, Failure> {
        let homeserver = &self.desk.bridge.homeserver;
        let state = homeserver
            .as_bot()
            .get_state_with_sender(&self.event.room, change.event_type(), "")
            .await?;
        let is_ours = |user: &OwnedUserId| homeserver.names().is_ours(user);
        if let (RoomChange::Levels { .. }, Some((_, Some(sender)))) = (change, &state)
            && is_ours(sender)
        {
            return Ok(Some(change.clone()));
        }
        Ok(change.standing(state.as_ref().map(|(content, _)| content)))
    }

    /// Whether the room shows only what we put there, or what was passed on already. If not, what it shows is written
    /// down before it is passed on: what comes back from the network is then no news.
    async fn is_shown(&self, change: &RoomChange) -> Result<bool, Failure> {
        let mut tx = self.desk.bridge.store.begin().await?;
        tx.lock_groups().await?;
        let Some(known) = tx.find_group(&self.portal.key).await? else {
            return Ok(false);
        };
        let is_so = match change {
            RoomChange::Name(name) => known.shown.title == *name && *name == Some(known.group.title),
            RoomChange::Topic(topic) => {
                known.shown.topic.as_deref() == Some(topic.as_deref().unwrap_or_default())
                    && *topic == known.group.topic
            }
            RoomChange::Knocking(knocking) => {
                known.shown.approval == *knocking && *knocking == Some(known.group.approval)
            }
            RoomChange::Avatar(_) | RoomChange::Levels { .. } | RoomChange::Timer(_) => false,
        };
        tx.update_group_shown(&self.portal.key, |shown| match change {
            RoomChange::Name(name) => shown.title.clone_from(name),
            RoomChange::Topic(topic) => shown.topic = Some(topic.clone().unwrap_or_default()),
            RoomChange::Knocking(knocking) => shown.approval = *knocking,
            RoomChange::Avatar(_) | RoomChange::Levels { .. } | RoomChange::Timer(_) => {}
        })
        .await?;
        tx.commit().await?;
        Ok(is_so)
    }

    async fn picture(&self, jpeg: Option<Vec<u8>>) -> Result<Result<(), network::Error>, Failure> {
        let bridge = self.desk.bridge;
        bridge.pace.wait(self.portal.key.device).await;
        let id = match bridge.network.set_picture(&self.portal.key, jpeg).await {
            Ok(id) => id,
            Err(error) => return Ok(Err(error)),
        };
        let mut tx = bridge.store.begin().await?;
        tx.update_group_shown(&self.portal.key, |shown| shown.picture = Some(id.unwrap_or_default()))
            .await?;
        tx.commit().await?;
        Ok(Ok(()))
    }

    /// The room shows the group as it is again, and a notice says why.
    async fn take_back(&self, change: &RoomChange, why: &str) -> Result<(), Failure> {
        let mut tx = self.desk.bridge.store.begin().await?;
        put_right(&mut tx, self.desk.bridge, &self.portal.key, change).await?;
        push_notice(&mut tx, self.desk.bridge, self.event, &format!("Taken back: {why}.")).await?;
        self.desk.finish(tx).await
    }

    /// Remembers whether somebody's ghost is in the room.
    async fn is_present(&self, who: &Sender, present: bool) -> Result<(), Failure> {
        let bridge = self.desk.bridge;
        let mut tx = bridge.store.begin().await?;
        tx.set_group_member_present(&self.portal.key, who, present, bridge.clock().now())
            .await?;
        tx.commit().await?;
        Ok(())
    }

    async fn is_in(&self, user: &UserId) -> Result<bool, Failure> {
        let bot = self.desk.bridge.homeserver.as_bot();
        let membership = bot.membership(&self.event.room, user).await?;
        Ok(matches!(membership.as_deref(), Some("join" | "invite")))
    }

    async fn tell(&self, text: &str) -> Result<(), Failure> {
        let mut tx = self.desk.bridge.store.begin().await?;
        push_notice(&mut tx, self.desk.bridge, self.event, text).await?;
        self.desk.finish(tx).await
    }
}

/// A ghost was invited into the room of a group: its contact comes into the group, or is let in.
pub(in super::super) async fn invited(
    desk: &Desk<'_>,
    event: &RoomEvent,
    (user, contact): (&UserId, Sender),
    was: Membership,
) -> Result<(), Failure> {
    let Some(place) = place(desk, event).await? else {
        return desk.done().await;
    };
    let done = if place.is_heard {
        place
            .act(match was {
                Membership::Asking => GroupChange::Admitted(vec![contact.clone()]),
                Membership::In | Membership::Invited | Membership::Out => GroupChange::Joined(vec![contact.clone()]),
            })
            .await
    } else {
        Err(network::Error::Refused(NOT_HEARD.into()))
    };
    match done {
        Ok(()) => {
            portals::enter(desk.bridge, &event.room, user).await?;
            place.is_present(&contact, true).await?;
            desk.done().await
        }
        Err(error) if error.is_transient() => Err(error.into()),
        Err(error) => {
            desk.bridge.homeserver.as_user(user).leave(&event.room).await?;
            place.tell(&format!("Not added: {}.", sentence(&error))).await
        }
    }
}

/// A ghost is in the room no more: a person sent it away.
pub(super) async fn gone(
    desk: &Desk<'_>,
    event: &RoomEvent,
    user: &UserId,
    (was, banned): (Membership, bool),
) -> Result<(), Failure> {
    let Some(place) = place(desk, event).await? else {
        return desk.done().await;
    };
    let Some(who) = place.contact(user).await? else {
        return desk.done().await;
    };
    if place.is_in(user).await? {
        // Somebody brought them back meanwhile.
        return desk.done().await;
    }
    place.is_present(&who, false).await?;
    let done = if place.is_heard {
        place
            .act(match was {
                Membership::Asking => GroupChange::Declined(vec![who.clone()]),
                Membership::In | Membership::Invited | Membership::Out => GroupChange::Removed(vec![who.clone()]),
            })
            .await
    } else {
        Err(network::Error::Refused(NOT_HEARD.into()))
    };
    match done {
        Ok(()) => desk.done().await,
        Err(error) if error.is_transient() => Err(error.into()),
        Err(error) => {
            if banned {
                desk.bridge.homeserver.as_bot().unban(&event.room, user).await?;
            }
            if was == Membership::In {
                portals::enter(desk.bridge, &event.room, user).await?;
                place.is_present(&who, true).await?;
            }
            place.tell(&format!("Not removed: {}.", sentence(&error))).await
        }
    }
}
