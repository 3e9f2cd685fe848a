//! Invitations to groups, by link and by message: the group behind one, and how the account comes into it.

use url::Url;
use whatsapp_rust::{
    Jid,
    features::{GroupMetadata, JoinGroupResult},
};

use super::{
    super::{Error, Invited, Joined},
    Shared, ids,
    sending::{jid_of_contact, read_group_error},
    session::Session,
};
use crate::model::{ChatId, ContactId, Invitation};

/// The group behind an invite link, when the account is in it. The link is not followed.
///
/// # Errors
/// `NotFound` when the link leads nowhere (any more), `NotMember`, `Unreachable`.
pub(super) async fn group(session: &Session, link: &str) -> Result<ChatId, Error> {
    let code = code_of(link).ok_or(Error::NotFound("the group"))?;
    let invited = behind(session, &code).await?.id;
    if !is_in(session, &invited).await? {
        return Err(Error::NotMember);
    }
    chat_of(&invited)
}

/// Whether the account is in a group: only members are told more of it than its link tells.
async fn is_in(session: &Session, group: &Jid) -> Result<bool, Error> {
    match session.client().groups().get_metadata(group).await {
        Ok(_) => Ok(true),
        Err(error) => match read_group_error(error) {
            Error::Refused(_) | Error::NotFound(_) => Ok(false),
            other => Err(other),
        },
    }
}

/// Goes into the group behind an invite link. Following a link again is harmless.
///
/// # Errors
/// `NotFound` when the link leads nowhere (any more), `Refused`, `Unreachable`.
pub(super) async fn join(session: &Session, link: &str) -> Result<Joined, Error> {
    let code = code_of(link).ok_or(Error::NotFound("the group"))?;
    let groups = session.client().groups();
    let invited = behind(session, &code).await?;
    if is_in(session, &invited.id).await? {
        return chat_of(&invited.id).map(Joined::Before);
    }
    match groups.join_with_invite_code(&code).await.map_err(read_group_error)? {
        JoinGroupResult::PendingApproval(_) => Ok(Joined::Asked),
        joined @ JoinGroupResult::Joined(_) => chat_of(joined.group_jid()).map(Joined::In),
    }
}

/// The group that a person invited to in a message of their own. Accepting it again is harmless.
///
/// # Errors
/// `NotFound` when the invitation is not valid (any more), `Refused` when an administrator must let us in first.
pub(super) async fn accept(
    shared: &Shared,
    session: &Session,
    invitation: &Invitation,
    inviter: &ContactId,
) -> Result<ChatId, Error> {
    let group = ids::group_jid(&invitation.group).ok_or(Error::NotFound("the group"))?;
    let groups = session.client().groups();
    if is_in(session, &group).await? {
        return chat_of(&group);
    }
    let now = shared.clock.now();
    if invitation.expires_at.is_some_and(|until| until < now) {
        return Err(Error::NotFound("the invitation"));
    }
    let until = invitation.expires_at.map_or(0, |until| until.millis().div_euclid(1000));
    let inviter = jid_of_contact(shared, inviter)
        .await?
        .ok_or(Error::NotFound("who invites"))?;
    let joined = groups
        .join_with_invite_v4(&group, &invitation.code, until, &inviter)
        .await;
    entered(&joined.map_err(|error| match read_group_error(error) {
        // The server says in several ways that an invitation is over, or for somebody else.
        Error::Refused(_) => Error::NotFound("the invitation"),
        other => other,
    })?)
}

fn entered(joined: &JoinGroupResult) -> Result<ChatId, Error> {
    match joined {
        JoinGroupResult::PendingApproval(_) => Err(must_be_let_in()),
        JoinGroupResult::Joined(_) => chat_of(joined.group_jid()),
    }
}

fn must_be_let_in() -> Error {
    Error::Refused("an administrator of the group must let this account in first".to_owned())
}

/// What is behind an invite link, without following it.
///
/// # Errors
/// `NotFound` when the link leads nowhere (any more), `Unreachable`.
pub(super) async fn look(session: &Session, link: &str) -> Result<Invited, Error> {
    let group = behind(session, &code_of(link).ok_or(Error::NotFound("the group"))?).await?;
    let members = u32::try_from(group.participants.len()).ok().filter(|count| *count > 0);
    Ok(Invited {
        chat: chat_of(&group.id)?,
        title: group.subject,
        topic: group.description.filter(|text| !text.trim().is_empty()),
        size: group.size.or(members),
        approval: group.membership_approval,
    })
}

async fn behind(session: &Session, code: &str) -> Result<GroupMetadata, Error> {
    let invited = session.client().groups().get_invite_info(code).await;
    invited.map_err(|error| match read_group_error(error) {
        // The server says in several ways that a code is none, or was reset.
        Error::Refused(_) => Error::NotFound("the group"),
        other => other,
    })
}

pub(super) fn chat_of(group: &Jid) -> Result<ChatId, Error> {
    match ids::read_address(&group.to_string()) {
        Some(ids::Address::Group(chat)) => Ok(chat),
        _ => Err(Error::NotFound("the group")),
    }
}

/// The code in a link: its last segment; any host will do, for phones write several. A `\?`, as some shells
/// write it, ends the path too.
fn code_of(link: &str) -> Option<String> {
    let url = Url::parse(link).ok()?;
    let code = url.path_segments()?.rfind(|segment| !segment.is_empty())?;
    code.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
        .then(|| code.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_the_last_part_of_a_link() {
        for (link, code) in [
            ("https://chat.whatsapp.com/AbC123xyz", Some("AbC123xyz")),
            ("https://chat.whatsapp.com/invite/AbC123xyz/?mode=x", Some("AbC123xyz")),
            (r"https://chat.whatsapp.com/AbC123xyz\?mode=x", Some("AbC123xyz")),
            ("https://chat.whatsapp.com/", None),
            ("https://chat.whatsapp.com/a%20b", None),
            ("not a link", None),
        ] {
            assert_eq!(code_of(link).as_deref(), code, "{link}");
        }
    }
}
