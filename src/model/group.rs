//! Groups: what is known of one, and what can happen to it. One vocabulary for both directions.
//!
//! Deliberately not here: what a group looks like in a Matrix room (`bridge::groups`).

use serde::{Deserialize, Serialize};

use super::{ChatId, Sender};

/// What a network knows of a group.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own, and none excludes another"
)]
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Group {
    /// What the group is to a community.
    pub(crate) kind: GroupKind,
    /// Its name.
    pub(crate) title: String,
    /// What it is about.
    pub(crate) topic: Option<String>,
    /// The id of its picture; another picture has another id. The picture itself is fetched by `Network::picture`.
    pub(crate) picture: Option<String>,
    /// Who made it.
    pub(crate) owner: Option<Sender>,
    /// Only administrators may write.
    pub(crate) announce: bool,
    /// Only administrators may change name, topic and picture.
    pub(crate) locked: bool,
    /// An administrator must let people in who come by the link.
    pub(crate) approval: bool,
    /// Every member may bring others in, not only administrators.
    pub(crate) members_add: bool,
    /// Seconds after which new messages disappear; `None`: they stay.
    pub(crate) timer: Option<u32>,
    /// The community it belongs to.
    pub(crate) community: Option<ChatId>,
    /// People go by names that hide their numbers.
    pub(crate) hides_numbers: bool,
    /// Who is in it, the owner of the device too. Stored apart from the rest.
    #[serde(skip)]
    pub(crate) members: Vec<GroupMember>,
}

/// What a group is to a community.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum GroupKind {
    /// A group, in a community or not.
    #[default]
    Plain,
    /// A community itself: nobody writes there.
    Community,
    /// The group in which a community's administrators announce things to all of its members.
    Announcements,
    /// What somebody tells to all who follow: they are nobody's business, and the owner of the device runs it or follows.
    Channel,
}

/// Somebody in a group.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct GroupMember {
    /// Who.
    pub(crate) who: Sender,
    /// What they may do.
    pub(crate) rank: Rank,
}

/// What somebody may do in a group; a greater one may do more.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Rank {
    /// Takes part.
    Member,
    /// Administers the group.
    Admin,
    /// Made the group, and cannot be demoted.
    Superadmin,
}

/// Something that happens to a group. Who does it is the sender of the event; where the network does not tell who, it
/// is [`GroupChange::Other`]. Every change says how things are afterwards, so that doing it twice changes nothing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum GroupChange {
    /// It begins, or the owner of the device is in it from now on.
    Created,
    /// It is no more.
    Deleted,
    /// Another name.
    Title(String),
    /// Another topic, or none.
    Topic(Option<String>),
    /// Another picture, by its id, or none. Towards a network the picture travels by `Network::set_picture`.
    Picture(Option<String>),
    /// These are in it from now on: brought in by the sender, or by themselves.
    Joined(Vec<Sender>),
    /// These went by themselves.
    Left(Vec<Sender>),
    /// These were put out by the sender.
    Removed(Vec<Sender>),
    /// These administer it from now on.
    Promoted(Vec<Sender>),
    /// These do not any more.
    Demoted(Vec<Sender>),
    /// Only administrators may write, or everybody.
    Announce(bool),
    /// Only administrators may change name, topic and picture, or everybody.
    Locked(bool),
    /// People who come by the link must be let in, or not.
    Approval(bool),
    /// Every member may bring others in, or only administrators.
    MembersAdd(bool),
    /// These ask to be let in.
    Requested(Vec<Sender>),
    /// These are let in: what an administrator answers to a request. On the way in it shows as `Joined`.
    Admitted(Vec<Sender>),
    /// These are not let in, or do not ask any more.
    Declined(Vec<Sender>),
    /// The link by which people came in is good no more.
    LinkReset,
    /// It belongs to this community from now on, or to none.
    Community(Option<ChatId>),
    /// Something that is not told in detail: look at the group again.
    Other,
}

impl GroupChange {
    /// What people call it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Created => "new group",
            Self::Deleted => "end of the group",
            Self::Title(_) => "change of the group's name",
            Self::Topic(_) => "change of the group's description",
            Self::Picture(_) => "change of the group's picture",
            Self::Joined(_) | Self::Left(_) | Self::Removed(_) => "change of the group's members",
            Self::Promoted(_) | Self::Demoted(_) => "change of the group's administrators",
            Self::Announce(_) | Self::Locked(_) | Self::Approval(_) | Self::MembersAdd(_) | Self::Other => {
                "change of the group's settings"
            }
            Self::Requested(_) | Self::Admitted(_) | Self::Declined(_) => "request to join the group",
            Self::LinkReset => "change of the group's invite link",
            Self::Community(_) => "change of the group's community",
        }
    }

    /// The people it names.
    pub(crate) fn people(&self) -> &[Sender] {
        match self {
            Self::Joined(who)
            | Self::Left(who)
            | Self::Removed(who)
            | Self::Promoted(who)
            | Self::Demoted(who)
            | Self::Requested(who)
            | Self::Admitted(who)
            | Self::Declined(who) => who,
            Self::Created
            | Self::Deleted
            | Self::Title(_)
            | Self::Topic(_)
            | Self::Picture(_)
            | Self::Announce(_)
            | Self::Locked(_)
            | Self::Approval(_)
            | Self::MembersAdd(_)
            | Self::LinkReset
            | Self::Community(_)
            | Self::Other => &[],
        }
    }
}

impl Group {
    /// The rank of somebody; `None` when they are not in it.
    pub(crate) fn rank(&self, who: &Sender) -> Option<Rank> {
        self.members
            .iter()
            .find(|member| member.who == *who)
            .map(|member| member.rank)
    }

    /// Carries out a change in what is known. Doing it again changes nothing.
    pub(crate) fn apply(&mut self, change: &GroupChange) {
        match change {
            GroupChange::Title(title) => self.title.clone_from(title),
            GroupChange::Topic(topic) => self.topic.clone_from(topic),
            GroupChange::Picture(picture) => self.picture.clone_from(picture),
            GroupChange::Joined(who) | GroupChange::Admitted(who) => {
                for who in who {
                    if self.rank(who).is_none() {
                        self.members.push(GroupMember {
                            who: who.clone(),
                            rank: Rank::Member,
                        });
                    }
                }
            }
            GroupChange::Left(who) | GroupChange::Removed(who) => {
                self.members.retain(|member| !who.contains(&member.who));
            }
            GroupChange::Promoted(who) => self.rank_all(who, |rank| rank.max(Rank::Admin)),
            GroupChange::Demoted(who) => self.rank_all(who, |_| Rank::Member),
            GroupChange::Announce(announce) => self.announce = *announce,
            GroupChange::Locked(locked) => self.locked = *locked,
            GroupChange::Approval(approval) => self.approval = *approval,
            GroupChange::MembersAdd(members_add) => self.members_add = *members_add,
            GroupChange::Community(community) => self.community.clone_from(community),
            GroupChange::Created
            | GroupChange::Deleted
            | GroupChange::Requested(_)
            | GroupChange::Declined(_)
            | GroupChange::LinkReset
            | GroupChange::Other => {}
        }
    }

    fn rank_all(&mut self, who: &[Sender], rank: impl Fn(Rank) -> Rank) {
        for member in &mut self.members {
            if who.contains(&member.who) {
                member.rank = rank(member.rank);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ContactId;

    fn ana() -> Sender {
        Sender::Contact(ContactId::from_adapter("15550001111"))
    }

    #[test]
    fn a_change_carried_out_twice_is_carried_out_once() {
        let mut group = Group::default();
        let changes = [
            GroupChange::Title("Tea".into()),
            GroupChange::Joined(vec![ana(), Sender::Owner]),
            GroupChange::Promoted(vec![ana()]),
            GroupChange::Announce(true),
        ];
        for change in changes.iter().chain(&changes) {
            group.apply(change);
        }
        assert_eq!(group.title, "Tea");
        assert!(group.announce);
        assert_eq!(group.members.len(), 2);
        assert_eq!(group.rank(&ana()), Some(Rank::Admin));
        group.apply(&GroupChange::Demoted(vec![ana()]));
        assert_eq!(group.rank(&ana()), Some(Rank::Member));
        group.apply(&GroupChange::Removed(vec![ana()]));
        assert_eq!(group.rank(&ana()), None);
    }

    #[test]
    fn who_comes_back_keeps_no_rank_and_who_is_there_keeps_it() {
        let mut group = Group::default();
        group.apply(&GroupChange::Joined(vec![ana()]));
        group.apply(&GroupChange::Promoted(vec![ana()]));
        group.apply(&GroupChange::Joined(vec![ana()]));
        assert_eq!(group.rank(&ana()), Some(Rank::Admin));
        group.apply(&GroupChange::Left(vec![ana()]));
        group.apply(&GroupChange::Joined(vec![ana()]));
        assert_eq!(group.rank(&ana()), Some(Rank::Member));
    }
}
