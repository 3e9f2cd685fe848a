//! Invite links: the group behind one, joined when the account is not in it yet.

use url::Url;
use whatsapp_rust::Jid;

use super::{super::Error, ids, sending::read_group_error, session::Session};
use crate::model::ChatId;

/// The group behind an invite link. Following a link again is harmless.
///
/// # Errors
/// `NotFound` when the link leads nowhere (any more), `Refused` when an administrator must let us in first.
pub(super) async fn group(session: &Session, link: &str) -> Result<ChatId, Error> {
    let code = code_of(link).ok_or(Error::NotFound("the group"))?;
    let groups = session.client().groups();
    let invited = groups
        .get_invite_info(&code)
        .await
        .map_err(|error| match read_group_error(error) {
            // The server says in several ways that a code is none, or was reset.
            Error::Refused(_) => Error::NotFound("the group"),
            other => other,
        })?;
    if groups.get_metadata(&invited.id).await.is_ok() {
        return chat_of(&invited.id);
    }
    let joined = groups.join_with_invite_code(&code).await.map_err(read_group_error)?;
    if matches!(joined, whatsapp_rust::features::JoinGroupResult::PendingApproval(_)) {
        return Err(Error::Refused(
            "an administrator of the group must let this account in first".to_owned(),
        ));
    }
    chat_of(joined.group_jid())
}

fn chat_of(group: &Jid) -> Result<ChatId, Error> {
    match ids::read_address(&group.to_string()) {
        Some(ids::Address::Group(chat)) => Ok(chat),
        _ => Err(Error::NotFound("the group")),
    }
}

/// The code in a link: its last segment; any host will do, for phones write several.
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
            ("https://chat.whatsapp.com/", None),
            ("https://chat.whatsapp.com/a%20b", None),
            ("not a link", None),
        ] {
            assert_eq!(code_of(link).as_deref(), code, "{link}");
        }
    }
}
