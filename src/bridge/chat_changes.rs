//! What the owner wants of a chat by REST: accepted as one job for each thing that is to be otherwise, then told to the
//! network.
//!
//! What stands already is no change, so asking twice is asking once (`standing`). What the network refuses is forgotten,
//! and a notice in the room says why. Deliberately not here: how it is asked for (`api::chat_patch`).

use super::{
    Error, Inner, chat_marks,
    chats::{self, WholeChat},
    error::Failure,
    forgetting, groups,
    standing::{self, Standing},
    timers,
    worker::Desk,
};
use crate::{
    model::{
        Action, ChatChange, ChatKind, ChatMark, Event, GroupChange, IdentityId, Lane, Mute, PortalKey, Rank, Sender,
        Timestamp, Work,
    },
    network,
    store::{self, Portal, Tx},
};

/// What shall be otherwise; what is `None` stays.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Wanted {
    /// The name of a group.
    pub(crate) title: Option<String>,
    /// The topic of a group; empty: none.
    pub(crate) topic: Option<String>,
    /// Only administrators may write.
    pub(crate) announce: Option<bool>,
    /// Only administrators may change name, topic and picture.
    pub(crate) locked: Option<bool>,
    /// Seconds after which new messages disappear; zero: they stay.
    pub(crate) timer: Option<u32>,
    /// Whether it makes a sound.
    pub(crate) muted: Option<Mute>,
    /// Put away.
    pub(crate) archived: Option<bool>,
    /// Held above the others.
    pub(crate) pinned: Option<bool>,
    /// Marked as not read.
    pub(crate) unread: Option<bool>,
}

impl Wanted {
    /// What is to be done, each with the name of its field.
    fn actions(self) -> Vec<(&'static str, Action)> {
        let group = |field, change: Option<GroupChange>| change.map(|change| (field, Action::Group(change)));
        let mark = |field, mark: Option<ChatMark>| mark.map(|mark| (field, Action::Mark(mark)));
        // What takes a mark off comes first: what is put away is not held above the others.
        let mut marks = [
            mark("archived", self.archived.map(ChatMark::Archived)),
            mark("pinned", self.pinned.map(ChatMark::Pinned)),
        ];
        if self.archived == Some(true) {
            marks.reverse();
        }
        let all = [
            group("title", self.title.map(GroupChange::Title)),
            group("topic", self.topic.map(|topic| GroupChange::Topic(some(topic)))),
            group("announce", self.announce.map(GroupChange::Announce)),
            group("locked", self.locked.map(GroupChange::Locked)),
            self.timer.map(|timer| {
                (
                    "disappearing_timer",
                    Action::Timer(Some(timer).filter(|timer| *timer > 0)),
                )
            }),
            mark("muted_until", self.muted.map(ChatMark::Muted)),
            mark("marked_unread", self.unread.map(ChatMark::Unread)),
        ];
        all.into_iter().chain(marks).flatten().collect()
    }
}

/// Accepts what shall be otherwise about a chat, all of it or nothing, and tells how the chat stands then.
pub(super) async fn accept(
    bridge: &Inner,
    identity: IdentityId,
    spelled: &str,
    wanted: Wanted,
) -> Result<WholeChat, Error> {
    if wanted.archived == Some(true) && wanted.pinned == Some(true) {
        return Err(refused("pinned", "what is archived cannot be pinned"));
    }
    let mut tx = bridge.store.begin().await?;
    let (device, key) = chats::find(&mut tx, identity, spelled).await?;
    chats::is_linked(&device)?;
    let kind = tx.find_stored_chat(&key).await?.ok_or(Error::NotFound("Chat"))?.kind;
    let now = bridge.clock().now();
    let mut standing = standing::with_group(&mut tx, &key).await?;
    for (field, action) in wanted.actions() {
        let accepted = wish(&mut tx, (&key, kind), &mut standing, action, now).await?;
        accepted.map_err(|why| refused(field, why))?;
    }
    tx.commit().await?;
    chats::show(bridge, identity, spelled).await
}

/// Promises to tell the network of a timer, as when it is asked for by REST; whether that changes anything, or why it may
/// not be.
pub(super) async fn wish_timer(
    tx: &mut Tx,
    portal: &Portal,
    timer: Option<u32>,
    now: Timestamp,
) -> Result<Result<bool, &'static str>, store::Error> {
    let mut standing = standing::with_group(tx, &portal.key).await?;
    wish(tx, (&portal.key, portal.kind), &mut standing, Action::Timer(timer), now).await
}

/// Promises one thing; whether it changes how the chat stands, or why it may not be.
async fn wish(
    tx: &mut Tx,
    (key, kind): (&PortalKey, ChatKind),
    standing: &mut Standing,
    action: Action,
    now: Timestamp,
) -> Result<Result<bool, &'static str>, store::Error> {
    if let Err(why) = may(kind, standing, &action) {
        return Ok(Err(why));
    }
    let is_news = standing.apply(&action);
    if is_news {
        chats::push_change(tx, key, action, now).await?;
    }
    Ok(Ok(is_news))
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn refused(field: &str, why: &str) -> Error {
    Error::Refused(format!("{field}: {why}"))
}

/// Whether a chat has such a thing, and the owner a say in it.
fn may(kind: ChatKind, standing: &Standing, action: &Action) -> Result<(), &'static str> {
    let change = match (kind, action) {
        (ChatKind::Direct, Action::Mark(_) | Action::Timer(_)) | (ChatKind::Group, Action::Mark(_)) => return Ok(()),
        (ChatKind::Direct, _) => return Err("a direct chat has none of its own"),
        (ChatKind::Group, action) => action,
        (ChatKind::Status | ChatKind::Channel | ChatKind::Other, _) => {
            return Err("it cannot be changed for a chat of this kind");
        }
    };
    if standing.gone {
        return Err("the owner is not in this group any more");
    }
    let Some(group) = &standing.group else { return Ok(()) };
    let is_admin = group.rank(&Sender::Owner).is_none_or(|rank| rank >= Rank::Admin);
    let for_admins = match change {
        Action::Group(GroupChange::Title(_) | GroupChange::Topic(_)) | Action::Timer(_) => group.locked,
        _ => true,
    };
    if for_admins && !is_admin {
        return Err("only administrators of the group may change it");
    }
    Ok(())
}

/// Does a job of kind `change`.
pub(super) async fn tell(desk: &Desk<'_>, change: &ChatChange) -> Result<(), Failure> {
    let (bridge, key) = (desk.bridge, &change.portal);
    if bridge.store.read().await?.find_device(key.device).await?.is_none() {
        return desk.done().await;
    }
    if let Action::Forget { target } = &change.action {
        return forgetting::tell(desk, change, target).await;
    }
    bridge.pace.turn(key.device).await?;
    let id = bridge.network.message_id(&change.seed);
    fail::fail_point!("bridge.change.act.before");
    match bridge.network.act(key, &id, &change.action).await {
        // Said to people, without our own words around it.
        Err(network::Error::Refused(why)) => return Err(Failure::Never(why)),
        done => done?,
    }
    fail::fail_point!("bridge.change.act.after");
    let now = bridge.clock().now();
    let mut tx = bridge.store.begin().await?;
    match &change.action {
        Action::Mark(mark) => {
            chat_marks::set(bridge, &mut tx, key, *mark).await?;
            if *mark == ChatMark::Unread(false) {
                let show = Work::ShowOwnRead {
                    portal: key.clone(),
                    at: now,
                };
                tx.push_job(&Lane::reads(key), &show, now).await?;
            }
        }
        Action::Timer(seconds) => {
            timers::set(bridge, &mut tx, key, (*seconds, Some(now))).await?;
            say(&mut tx, bridge, change, &timers::in_words(*seconds)).await?;
        }
        Action::Group(done) => {
            tx.lock_groups().await?;
            if let Some(known) = tx.find_group(key).await? {
                let mut group = known.group.clone();
                group.apply(done);
                groups::learn(&mut tx, key, Some(&known.group), (&group, known.gone), now).await?;
            }
            // The room follows as if the owner had done it on the phone.
            let event = Event {
                device: key.device,
                chat: key.chat.clone(),
                chat_kind: ChatKind::Group,
                id,
                sender: Sender::Owner,
                sender_name: None,
                at: now,
                action: change.action.clone(),
            };
            tx.push_job(&Lane::incoming(key), &Work::Incoming(Box::new(event)), now)
                .await?;
        }
        _ => {}
    }
    desk.finish(tx).await
}

/// What a change leaves behind that the network does not want.
pub(super) async fn given_up(tx: &mut Tx, bridge: &Inner, change: &ChatChange, why: &str) -> Result<(), Failure> {
    let what = change.action.name();
    say(tx, bridge, change, &format!("Not done, {what}: {why}.")).await?;
    if let Action::Timer(_) = change.action {
        // It may have been asked for by the state of the room.
        timers::promise(bridge, tx, &change.portal).await?;
    }
    if let Action::Group(_) | Action::Timer(_) = change.action
        && tx.is_group_known(&change.portal).await?
    {
        groups::push_look(tx, bridge, &change.portal).await?;
    }
    Ok(())
}

/// Promises a notice in the room of a chat, where it has one.
async fn say(tx: &mut Tx, bridge: &Inner, change: &ChatChange, text: &str) -> Result<(), Failure> {
    let portal = tx.find_portal(&change.portal).await?;
    let Some(room) = portal.and_then(|portal| portal.room) else {
        return Ok(());
    };
    let notice = Work::Notice {
        about: format!("change:{}", change.seed),
        text: text.to_owned(),
        room: room.clone(),
    };
    tx.push_job(&Lane::room(&room), &notice, bridge.clock().now()).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Group, GroupMember};

    fn group(rank: Rank, locked: bool) -> Standing {
        let owner = GroupMember {
            who: Sender::Owner,
            rank,
        };
        Standing {
            group: Some(Group {
                locked,
                members: vec![owner],
                ..Group::default()
            }),
            ..Standing::default()
        }
    }

    fn sentence(kind: ChatKind, standing: &Standing, wanted: Wanted) -> String {
        let (field, action) = wanted.actions().remove(0);
        match may(kind, standing, &action) {
            Ok(()) => String::new(),
            Err(why) => refused(field, why).to_string(),
        }
    }

    #[test]
    fn b46_what_a_chat_has_not_and_who_has_no_say_are_told_by_field() {
        let title = || Wanted {
            title: Some("Tea".into()),
            ..Wanted::default()
        };
        let announce = || Wanted {
            announce: Some(true),
            ..Wanted::default()
        };
        let pinned = || Wanted {
            pinned: Some(true),
            ..Wanted::default()
        };
        let nobody = Standing::default();
        let direct = "title: a direct chat has none of its own";
        assert_eq!(sentence(ChatKind::Direct, &nobody, title()), direct);
        assert_eq!(sentence(ChatKind::Direct, &nobody, pinned()), "");
        assert!(sentence(ChatKind::Channel, &nobody, pinned()).starts_with("pinned: "));
        let member = group(Rank::Member, false);
        assert_eq!(sentence(ChatKind::Group, &member, title()), "");
        assert!(sentence(ChatKind::Group, &member, announce()).starts_with("announce: only administrators"));
        assert!(sentence(ChatKind::Group, &group(Rank::Member, true), title()).starts_with("title: only"));
        assert_eq!(sentence(ChatKind::Group, &group(Rank::Admin, true), announce()), "");
        let gone = Standing {
            gone: true,
            ..group(Rank::Admin, false)
        };
        assert!(sentence(ChatKind::Group, &gone, title()).starts_with("title: the owner is not"));
        assert_eq!(sentence(ChatKind::Group, &gone, pinned()), "");
    }

    #[test]
    fn b46_what_is_put_away_and_taken_down_ends_as_it_was_asked_for() {
        for (archived, pinned) in [(true, false), (false, true), (false, false)] {
            let wanted = Wanted {
                archived: Some(archived),
                pinned: Some(pinned),
                ..Wanted::default()
            };
            let mut standing = Standing::default();
            for (_, action) in wanted.actions() {
                standing.apply(&action);
            }
            assert_eq!((standing.marks.archived, standing.marks.pinned), (archived, pinned));
        }
    }
}
