//! What people are told of a group in words, because its room cannot show it otherwise. Pure.

use super::{
    changes::{Learned, ends},
    place::By,
};
use crate::model::{GroupChange, GroupKind, Sender};

/// The sentence for a change; `None` where the room shows it by itself. `unnamed`: the room shows it, but not who did it.
pub(super) fn told(change: &GroupChange, by: &By, learned: &Learned, unnamed: bool) -> Option<String> {
    let is_new = learned.before.as_ref() != Some(&learned.group) || learned.gone != learned.was_gone;
    // What the owner did here comes back as news of the network, and is known by then.
    if by.who == Sender::Owner && !is_new && *change != GroupChange::LinkReset {
        return None;
    }
    if learned.group.kind == GroupKind::Channel {
        return of_channel(change, learned.was_gone);
    }
    sentence(change, &by.name, learned.was_gone, unnamed)
}

/// Somebody wants to be let in and cannot knock.
pub(super) fn asks(name: &str) -> String {
    format!("{name} asks to be let into the group.")
}

/// The owner is out of a group.
pub(super) fn out(kind: GroupKind) -> &'static str {
    match kind {
        GroupKind::Channel => "You do not follow this channel any more: nothing new comes.",
        _ => "You are not in this group any more. You can read here, but not write.",
    }
}

/// The owner is in it again.
pub(super) fn in_again(kind: GroupKind) -> &'static str {
    match kind {
        GroupKind::Channel => "You follow this channel again.",
        _ => "You are in this group again.",
    }
}

/// The same for a channel, of which only comings and goings of the owner are told in words.
fn of_channel(change: &GroupChange, was_gone: bool) -> Option<String> {
    match change {
        change if ends(change) => Some(out(GroupKind::Channel).into()),
        GroupChange::Joined(who) if was_gone && who.contains(&Sender::Owner) => {
            Some(in_again(GroupKind::Channel).into())
        }
        _ => None,
    }
}

fn sentence(change: &GroupChange, name: &str, was_gone: bool, unnamed: bool) -> Option<String> {
    let who_may = |only: bool, what: &str| {
        let who = if only { "only administrators" } else { "everybody" };
        format!("{name} allowed {who} to {what}.")
    };
    if ends(change) && !matches!(change, GroupChange::Deleted) {
        return Some(match name {
            "You" => "You left the group. You can read here, but not write.".into(),
            name => format!("{name} removed you from the group. You can read here, but not write."),
        });
    }
    Some(match change {
        GroupChange::Deleted => format!("{name} ended the group. You can read here, but nobody can write any more."),
        GroupChange::Created if was_gone => in_again(GroupKind::Plain).into(),
        GroupChange::Joined(who) if was_gone && who.contains(&Sender::Owner) => in_again(GroupKind::Plain).into(),
        GroupChange::Announce(only) => who_may(*only, "write"),
        GroupChange::Locked(only) => who_may(*only, "change name, topic and picture of the group"),
        GroupChange::MembersAdd(all) => who_may(!all, "bring others into the group"),
        GroupChange::Approval(true) => format!("{name} decided that administrators must let people in."),
        GroupChange::Approval(false) => format!("{name} decided that nobody must be let in any more."),
        GroupChange::LinkReset => format!("{name} reset the invite link of the group."),
        GroupChange::Title(_) if unnamed => format!("{name} changed the name of the group."),
        GroupChange::Topic(_) if unnamed => format!("{name} changed the topic of the group."),
        GroupChange::Promoted(_) | GroupChange::Demoted(_) if unnamed => {
            format!("{name} changed who administers the group.")
        }
        GroupChange::Created
        | GroupChange::Title(_)
        | GroupChange::Topic(_)
        | GroupChange::Picture(_)
        | GroupChange::Joined(_)
        | GroupChange::Left(_)
        | GroupChange::Removed(_)
        | GroupChange::Promoted(_)
        | GroupChange::Demoted(_)
        | GroupChange::Requested(_)
        | GroupChange::Admitted(_)
        | GroupChange::Declined(_)
        | GroupChange::Community(_)
        | GroupChange::Other => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ContactId;

    #[test]
    fn b53_whoever_is_out_is_told_by_whom() {
        let out = GroupChange::Removed(vec![Sender::Owner]);
        let said = sentence(&out, "Ana", false, true);
        assert_eq!(
            said.as_deref(),
            Some("Ana removed you from the group. You can read here, but not write.")
        );
        let other = GroupChange::Removed(vec![Sender::Contact(ContactId::from_adapter("1"))]);
        assert_eq!(sentence(&other, "Ana", false, true), None);
    }

    #[test]
    fn b52_a_change_that_the_room_shows_needs_no_words() {
        let title = GroupChange::Title("Tea".into());
        assert_eq!(sentence(&title, "Ana", false, false), None);
        assert_eq!(
            sentence(&title, "Ana", false, true).as_deref(),
            Some("Ana changed the name of the group.")
        );
        let all = GroupChange::Announce(false);
        assert_eq!(
            sentence(&all, "Ana", false, false).as_deref(),
            Some("Ana allowed everybody to write.")
        );
    }
}
