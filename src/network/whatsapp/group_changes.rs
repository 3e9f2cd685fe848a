//! Groups as the account makes and changes them: everything here is a question to the server, and repeating one is
//! harmless. What is so already is success; what the server refuses comes back as a sentence for people.
//!
//! Called by the port. Deliberately not here: what others do to groups (`incoming`), and following links (`invites`).

use whatsapp_rust::{
    Jid,
    features::{
        GroupCreateOptions, GroupDescription, GroupError, GroupParticipant, GroupParticipantOptions, GroupSubject,
        MemberAddMode, MembershipApprovalMode, ParticipantChangeResponse, PreviousDescription,
    },
    request::IqError,
};

use super::{
    super::{Error, NewGroup},
    Shared,
    desk::{is_by_lid, jid_in},
    directory::is_own,
    groups, ids,
    invites::chat_of,
    sending::{jid_of_contact, read_group_error},
    session::Session,
    unreachable,
};
use crate::model::{ChatId, ContactId, GroupChange, Sender};

/// What the server says of a switch that stands so already.
const SWITCHED: &[u16] = &[304, 409];
/// How much the clock of the server may differ from ours, in seconds.
const CLOCKS_DIFFER: i64 = 30;

/// Changes a group.
///
/// # Errors
/// `Refused` with the server's reason, `NotFound` when there is no such group, `Unreachable`.
pub(super) async fn change(
    shared: &Shared,
    session: &Session,
    chat: &ChatId,
    change: &GroupChange,
) -> Result<(), Error> {
    let group = ids::group_jid(chat).ok_or_else(no_group)?;
    session.ready(shared.config.connect_timeout()).await?;
    let groups = session.client().groups();
    let people = jids(shared, session, &group, change.people()).await?;
    match change {
        GroupChange::Title(name) => {
            let subject = GroupSubject::new(name.as_str()).map_err(too_long)?;
            settled(groups.set_subject(&group, subject).await, &[304])
        }
        GroupChange::Topic(text) => describe(session, &group, text.as_deref()).await,
        GroupChange::Announce(only_admins) => settled(groups.set_announce(&group, *only_admins).await, SWITCHED),
        GroupChange::Locked(only_admins) => settled(groups.set_locked(&group, *only_admins).await, SWITCHED),
        GroupChange::Approval(needed) => settled(
            groups.set_membership_approval(&group, approval(*needed)).await,
            SWITCHED,
        ),
        GroupChange::MembersAdd(everybody) => {
            settled(groups.set_member_add_mode(&group, add_mode(*everybody)).await, SWITCHED)
        }
        GroupChange::Left(_) => settled(groups.leave(&group).await, &[401, 403, 404]),
        GroupChange::Joined(_) => each(groups.add_participants(&group, &people).await, &[409]),
        GroupChange::Removed(_) => each(groups.remove_participants(&group, &people).await, &[404]),
        GroupChange::Promoted(_) => each(groups.promote_participants(&group, &people).await, SWITCHED),
        GroupChange::Demoted(_) => each(groups.demote_participants(&group, &people).await, SWITCHED),
        // A request that is not there (any more) was settled by somebody else.
        GroupChange::Admitted(_) => each(groups.approve_membership_requests(&group, &people).await, &[404, 409]),
        GroupChange::Declined(_) => each(groups.reject_membership_requests(&group, &people).await, &[404, 409]),
        GroupChange::LinkReset => settled(groups.get_invite_link(&group, true).await.map(drop), &[]),
        GroupChange::Created
        | GroupChange::Deleted
        | GroupChange::Picture(_)
        | GroupChange::Requested(_)
        | GroupChange::Community(_)
        | GroupChange::Other => Err(Error::Unsupported(format!("a {}", change.name()))),
    }
}

fn approval(needed: bool) -> MembershipApprovalMode {
    if needed {
        MembershipApprovalMode::On
    } else {
        MembershipApprovalMode::Off
    }
}

fn add_mode(everybody: bool) -> MemberAddMode {
    if everybody {
        MemberAddMode::AllMemberAdd
    } else {
        MemberAddMode::AdminAdd
    }
}

/// Gives a group another picture, a square JPEG, or none; tells its id.
///
/// # Errors
/// As [`change`].
pub(super) async fn set_picture(
    shared: &Shared,
    session: &Session,
    chat: &ChatId,
    jpeg: Option<Vec<u8>>,
) -> Result<Option<String>, Error> {
    let group = ids::group_jid(chat).ok_or_else(no_group)?;
    session.ready(shared.config.connect_timeout()).await?;
    let groups = session.client().groups();
    if let Some(jpeg) = jpeg {
        let set = groups.set_profile_picture(&group, jpeg).await;
        set.map(|set| Some(set.id)).map_err(|error| read_error(error, &[]))
    } else {
        let removed = groups.remove_profile_picture(&group).await.map(drop);
        settled(removed, &[304]).map(|()| None)
    }
}

/// Makes a group. One of the same name that the account made since it was asked for is that one.
///
/// # Errors
/// `Refused` with the server's reason, `NotFound` when somebody cannot be written to, `Unreachable`.
pub(super) async fn create(shared: &Shared, session: &Session, new: &NewGroup) -> Result<ChatId, Error> {
    session.ready(shared.config.connect_timeout()).await?;
    let subject = GroupSubject::new(new.title.as_str()).map_err(too_long)?;
    if let Some(made) = made_since(shared, session, new).await? {
        return Ok(made);
    }
    let mut people = Vec::with_capacity(new.people.len());
    for contact in &new.people {
        let jid = jid_of_contact(shared, contact)
            .await?
            .ok_or(Error::NotFound("the contact"))?;
        people.push(GroupParticipantOptions::new(jid));
    }
    let options = GroupCreateOptions::new(subject.as_str()).with_participants(people);
    let made = session.client().groups().create_group(options).await;
    let made = made.map_err(|error| read_error(error, &[]))?;
    chat_of(&made.metadata.id)
}

/// The protocol has no id that would make a repeated request the same request (the library sends no `key`). A group with
/// somebody in it who was not asked for is another one.
async fn made_since(shared: &Shared, session: &Session, new: &NewGroup) -> Result<Option<ChatId>, Error> {
    let client = session.client();
    let groups = client.groups().get_participating().await;
    let groups = groups.map_err(|error| read_error(error, &[]))?;
    let since = new.asked_at.millis() / 1000 - CLOCKS_DIFFER;
    let made = groups.into_values().filter(|group| {
        let by_us = [&group.creator, &group.creator_pn]
            .into_iter()
            .flatten()
            .any(|creator| is_own(client, creator));
        let at = group.creation_time.and_then(|at| i64::try_from(at).ok());
        let of_another = || chat_of(&group.id).is_ok_and(|chat| new.others.contains(&chat));
        by_us && group.subject == new.title && at.is_some_and(|at| at >= since) && !of_another()
    });
    for group in made {
        if has_only(shared, session, &group.participants, &new.people).await? {
            return chat_of(&group.id).map(Some);
        }
    }
    Ok(None)
}

/// Whether nobody is in a group but the owner and these.
async fn has_only(
    shared: &Shared,
    session: &Session,
    participants: &[GroupParticipant],
    people: &[ContactId],
) -> Result<bool, Error> {
    for one in participants {
        let other = one.phone_number.as_ref().or(one.lid.as_ref());
        let who = groups::person(&shared.people, session.client(), &one.jid, other).await;
        match who.map_err(unreachable)? {
            Some(Sender::Owner) => {}
            Some(Sender::Contact(who)) if people.contains(&who) => {}
            _ => return Ok(false),
        }
    }
    Ok(true)
}

/// The link into a group.
///
/// # Errors
/// `Refused` when the account may not see it, `NotFound`, `Unreachable`.
pub(super) async fn link(shared: &Shared, session: &Session, chat: &ChatId) -> Result<String, Error> {
    let group = ids::group_jid(chat).ok_or_else(no_group)?;
    session.ready(shared.config.connect_timeout()).await?;
    let link = session.client().groups().get_invite_link(&group, false).await;
    link.map_err(|error| read_error(error, &[]))
}

async fn describe(session: &Session, group: &Jid, text: Option<&str>) -> Result<(), Error> {
    let groups = session.client().groups();
    let description = text.map(GroupDescription::new).transpose().map_err(too_long)?;
    let metadata = groups
        .get_metadata(group)
        .await
        .map_err(|error| read_error(error, &[]))?;
    if metadata.description.as_deref().unwrap_or_default() == text.unwrap_or_default() {
        return Ok(());
    }
    let previous = PreviousDescription::from(metadata.description_id.as_deref());
    let set = groups.set_description(group, description, previous).await;
    set.map_err(|error| match error {
        // Somebody was faster: the next attempt knows theirs.
        GroupError::DescriptionConflict => Error::Unreachable(Box::new(error)),
        error => read_error(error, &[]),
    })
}

/// How the people of a change are spelled in the group. The owner is never among those who are named to the server.
async fn jids(shared: &Shared, session: &Session, group: &Jid, people: &[Sender]) -> Result<Vec<Jid>, Error> {
    if people.is_empty() {
        return Ok(Vec::new());
    }
    let by_lid = is_by_lid(session, group).await;
    let mut jids = Vec::with_capacity(people.len());
    for who in people {
        let Sender::Contact(contact) = who else { continue };
        let jid = jid_in(shared, contact, by_lid).await?;
        jids.push(jid.ok_or(Error::NotFound("the contact"))?);
    }
    Ok(jids)
}

/// An answer in which these codes mean that it is so already.
fn settled(answer: Result<(), GroupError>, already: &[u16]) -> Result<(), Error> {
    match answer {
        Err(GroupError::Iq(IqError::ServerError { code, .. })) if already.contains(&code) => Ok(()),
        Err(error) => Err(read_error(error, already)),
        Ok(()) => Ok(()),
    }
}

/// An answer that says for each person how it went; the first refusal is the whole's.
fn each(answer: Result<Vec<ParticipantChangeResponse>, GroupError>, already: &[u16]) -> Result<(), Error> {
    let answers = answer.map_err(|error| read_error(error, already))?;
    for answer in answers {
        let Some(code) = answer.error.as_deref() else { continue };
        match code.parse() {
            Ok(code) if already.contains(&code) => {}
            Ok(403) if answer.add_request.is_some() => {
                return Err(Error::Refused(
                    "they let only their contacts add them to groups; send them the link of the group".into(),
                ));
            }
            Ok(code) => return Err(Error::Refused(reason(code))),
            Err(_) => return Err(Error::Refused(format!("WhatsApp said {code:?}"))),
        }
    }
    Ok(())
}

fn read_error(error: GroupError, already: &[u16]) -> Error {
    match &error {
        GroupError::Iq(IqError::ServerError { code: 404, .. }) if !already.contains(&404) => {
            Error::NotFound("the group")
        }
        GroupError::Iq(IqError::ServerError { code: 429, .. }) => read_group_error(error),
        GroupError::Iq(IqError::ServerError { code, .. }) if (300..500).contains(code) => Error::Refused(reason(*code)),
        GroupError::InvalidRequest(why) => Error::Refused(why.clone()),
        _ => read_group_error(error),
    }
}

/// What the server's codes mean about groups, as far as its clients show.
fn reason(code: u16) -> String {
    match code {
        401 | 403 => "only administrators of the group may do that, and this account is none".into(),
        404 => "they are not in the group, or not on WhatsApp".into(),
        405 => {
            "whoever made the group cannot be changed or sent away, and whoever was sent away cannot come back alone"
                .into()
        }
        406 => "WhatsApp does not accept it".into(),
        409 => "it is so already, or was changed by somebody else meanwhile".into(),
        419 => "the group is full".into(),
        code => format!("WhatsApp refused with code {code}"),
    }
}

/// The library checks lengths before the server does; its error is a sentence.
fn too_long(error: impl std::fmt::Display) -> Error {
    Error::Refused(error.to_string())
}

fn no_group() -> Error {
    Error::Refused("this is no group".into())
}
