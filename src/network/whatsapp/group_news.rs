//! What happens to groups: notifications of the server as events.
//!
//! The library acknowledges these notifications by itself before we have them on disk, and nothing of them is delivered
//! again. What a crash loses is found when the groups are compared after the next connect. Deliberately not here: the
//! comparison, and what a group is like (`groups`).

use whatsapp_rust::{
    Client, Jid,
    wacore::{
        stanza::groups::GroupNotificationAction as Told,
        types::events::{GroupUpdate, PictureUpdate},
    },
    wacore_binary::{JidExt as _, Node},
};

use super::{Shared, groups::person};
use crate::{
    model::{Action, ChatId, ChatKind, DeviceId, Event, GroupChange, MessageId, Sender, Timestamp},
    store::keyring,
};

/// Reads one thing that happened to a group; `None` when it changes nothing that people see.
pub(super) async fn read(
    shared: &Shared,
    client: &Client,
    device: DeviceId,
    update: &GroupUpdate,
) -> Result<Option<Event>, keyring::Error> {
    let people = &shared.people;
    let author = match &update.participant {
        Some(participant) => person(people, client, participant, update.participant_pn.as_ref()).await?,
        None => None,
    };
    let mut whom = Vec::new();
    for (jid, other) in named_in(&update.action) {
        whom.extend(person(people, client, jid, other).await?);
    }
    let Some(done) = done(&update.action, author.as_ref(), whom) else {
        return Ok(None);
    };
    let name = update.notify.clone().filter(|name| !name.trim().is_empty());
    if let (Some(Sender::Contact(contact)), Some(name)) = (&author, &name) {
        people.is_called(contact, name).await?;
    }
    let sender = match (author, &done) {
        (Some(author), _) => author,
        // By themselves, as far as anybody is told.
        (None, Action::Group(change)) => change.people().first().cloned().unwrap_or(Sender::Owner),
        (None, _) => Sender::Owner,
    };
    let at = Timestamp::from_millis(update.timestamp.timestamp_millis());
    let number = match &update.notification_id {
        Some(id) => id.clone(),
        None => at.millis().to_string(),
    };
    Ok(Some(Event {
        device,
        chat: ChatId::from_adapter(update.group_jid.to_non_ad_string()),
        chat_kind: ChatKind::Group,
        id: MessageId::from_adapter(format!("group:{number}:{}", update.action_index)),
        sender_name: name.filter(|_| matches!(sender, Sender::Contact(_))),
        sender,
        at,
        action: done,
    }))
}

/// Reads another picture of a group; `None` when it is not a group's.
pub(super) async fn read_picture(
    shared: &Shared,
    client: &Client,
    device: DeviceId,
    update: &PictureUpdate,
) -> Result<Option<Event>, keyring::Error> {
    if !update.jid.is_group() {
        return Ok(None);
    }
    let author = match &update.author {
        Some(author) => person(&shared.people, client, author, None).await?,
        None => None,
    };
    let picture = update.picture_id.clone().filter(|_| !update.removed);
    let at = Timestamp::from_millis(update.timestamp.timestamp_millis());
    let id = picture.clone().unwrap_or_else(|| at.millis().to_string());
    Ok(Some(Event {
        device,
        chat: ChatId::from_adapter(update.jid.to_non_ad_string()),
        chat_kind: ChatKind::Group,
        id: MessageId::from_adapter(format!("picture:{id}")),
        sender: author.unwrap_or(Sender::Owner),
        sender_name: None,
        at,
        action: Action::Group(GroupChange::Picture(picture)),
    }))
}

/// The people a notification names.
fn named_in(told: &Told) -> Vec<(&Jid, Option<&Jid>)> {
    match told {
        Told::Add { participants, .. }
        | Told::Remove { participants, .. }
        | Told::Promote { participants }
        | Told::Demote { participants }
        | Told::CreatedMembershipRequests {
            requests: participants, ..
        } => participants
            .iter()
            .map(|one| (&one.jid, one.phone_number.as_ref().or(one.lid.as_ref())))
            .collect(),
        Told::RevokedMembershipRequests { participants } => participants.iter().map(|jid| (jid, None)).collect(),
        _ => Vec::new(),
    }
}

/// What was done; `None` for what nobody sees.
fn done(told: &Told, author: Option<&Sender>, whom: Vec<Sender>) -> Option<Action> {
    let by_themselves = author.is_none_or(|author| whom.first() == Some(author) && whom.len() == 1);
    let change = match told {
        Told::Add { .. } => GroupChange::Joined(whom),
        Told::Remove { .. } if by_themselves => GroupChange::Left(whom),
        Told::Remove { .. } => GroupChange::Removed(whom),
        Told::CreatedMembershipRequests { .. } => GroupChange::Requested(whom),
        Told::RevokedMembershipRequests { .. } => GroupChange::Declined(whom),
        Told::Create { .. } => GroupChange::Created,
        Told::Delete { .. } => GroupChange::Deleted,
        Told::Ephemeral { expiration, .. } => {
            return Some(Action::Timer(Some(*expiration).filter(|seconds| *seconds > 0)));
        }
        Told::NoFrequentlyForwarded
        | Told::FrequentlyForwardedOk
        | Told::GrowthLocked { .. }
        | Told::GrowthUnlocked
        | Told::AutoAddDisabled
        | Told::IsCapiHostedGroup
        | Told::GroupSafetyCheck
        | Told::LimitSharingEnabled { .. }
        | Told::AllowAdminReports
        | Told::NotAllowAdminReports
        | Told::Reports
        | Told::AllowNonAdminSubGroupCreation
        | Told::NotAllowNonAdminSubGroupCreation
        | Told::CreatedSubGroupSuggestion { .. }
        | Told::RevokedSubGroupSuggestions { .. }
        | Told::ChangeNumber { .. } => return None,
        // The group that is linked is told so itself.
        Told::Link { link_type, .. } if link_type != "parent_group" => return None,
        Told::Unlink { unlink_type, .. } if unlink_type != "parent_group" => return None,
        // Who did the rest is shown; when that is not told, how things are now is.
        _ if author.is_none() => GroupChange::Other,
        Told::Promote { .. } => GroupChange::Promoted(whom),
        Told::Demote { .. } => GroupChange::Demoted(whom),
        Told::Subject { subject, .. } => GroupChange::Title(subject.clone()),
        Told::Description { description, .. } => {
            GroupChange::Topic(description.clone().filter(|topic| !topic.is_empty()))
        }
        Told::Locked { .. } => GroupChange::Locked(true),
        Told::Unlocked => GroupChange::Locked(false),
        Told::Announce => GroupChange::Announce(true),
        Told::NotAnnounce => GroupChange::Announce(false),
        Told::MembershipApprovalMode { enabled } => GroupChange::Approval(*enabled),
        Told::MembershipApprovalRequest { .. } => GroupChange::Requested(author.cloned().into_iter().collect()),
        Told::MemberAddMode { mode } => GroupChange::MembersAdd(mode == "all_member_add"),
        Told::Invite { .. } | Told::RevokeInvite => GroupChange::LinkReset,
        Told::Link { raw, .. } => GroupChange::Community(linked(raw)),
        Told::Unlink { .. } => GroupChange::Community(None),
        _ => GroupChange::Other,
    };
    Some(Action::Group(change))
}

/// The group a link leads to.
fn linked(raw: &Node) -> Option<ChatId> {
    let group = raw.get_optional_child("group")?;
    let jid = group.attrs().optional_jid("jid")?;
    Some(ChatId::from_adapter(jid.to_non_ad_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ContactId;

    fn ana() -> Sender {
        Sender::Contact(ContactId::from_adapter("15550001111"))
    }

    fn bob() -> Sender {
        Sender::Contact(ContactId::from_adapter("15550002222"))
    }

    fn change(told: &Told, author: Option<&Sender>, whom: Vec<Sender>) -> Option<GroupChange> {
        match done(told, author, whom) {
            Some(Action::Group(change)) => Some(change),
            _ => None,
        }
    }

    #[test]
    fn b53_going_and_being_put_out_are_told_apart_by_who_did_it() {
        let removed = Told::Remove {
            participants: Vec::new(),
            reason: None,
        };
        let by = |author: Option<Sender>| change(&removed, author.as_ref(), vec![ana()]);
        assert_eq!(by(Some(ana())), Some(GroupChange::Left(vec![ana()])));
        assert_eq!(by(Some(bob())), Some(GroupChange::Removed(vec![ana()])));
        assert_eq!(by(None), Some(GroupChange::Left(vec![ana()])));
    }

    #[test]
    fn b52_a_change_by_nobody_makes_us_look_again() {
        let renamed = Told::Subject {
            subject: "Tea".into(),
            subject_owner: None,
            subject_time: None,
        };
        let by_ana = change(&renamed, Some(&ana()), Vec::new());
        assert_eq!(by_ana, Some(GroupChange::Title("Tea".into())));
        assert_eq!(change(&renamed, None, Vec::new()), Some(GroupChange::Other));
        let unknown = Told::Unknown { tag: "news".into() };
        assert_eq!(change(&unknown, Some(&ana()), Vec::new()), Some(GroupChange::Other));
    }

    #[test]
    fn b12_the_timer_of_a_group_is_the_chats_timer() {
        let timer = |expiration| Told::Ephemeral {
            expiration,
            trigger: None,
        };
        assert_eq!(done(&timer(90), None, Vec::new()), Some(Action::Timer(Some(90))));
        assert_eq!(done(&timer(0), Some(&ana()), Vec::new()), Some(Action::Timer(None)));
    }
}
