//! How a link stands, by what the library tells. Pure.

use whatsapp_rust::{
    prelude::Event,
    wacore::types::events::{ConnectFailureReason, DecryptFailMode, UnavailableType, UndecryptableMessage},
};

use crate::model::{Content, LogoutReason};

/// How a session stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Link {
    /// Not connected; the library tries.
    Trying,
    /// Talking to the server.
    Connected,
    /// Over.
    Ended(LogoutReason),
}

/// Where an event takes the link, if it does.
pub(super) fn link_after(event: &Event) -> Option<Link> {
    Some(match event {
        Event::Connected(_) => Link::Connected,
        Event::Disconnected(_) => Link::Trying,
        Event::LoggedOut(out) => Link::Ended(match out.reason {
            // The account itself is locked, see `ConnectFailureReason::AccountLocked`.
            ConnectFailureReason::AccountLocked => LogoutReason::Banned,
            _ => LogoutReason::Unlinked,
        }),
        Event::StreamReplaced(_) => Link::Ended(LogoutReason::Replaced),
        Event::TemporaryBan(_) => Link::Ended(LogoutReason::Banned),
        Event::ClientOutdated(_) => Link::Ended(LogoutReason::Outdated),
        Event::ConnectFailure(failure) => match failure.reason {
            // After these two the library tries again (`ConnectFailureReason::should_reconnect`).
            ConnectFailureReason::InternalServerError | ConnectFailureReason::ServiceUnavailable => Link::Trying,
            ConnectFailureReason::TempBanned => Link::Ended(LogoutReason::Banned),
            _ => Link::Ended(LogoutReason::Refused),
        },
        _ => return None,
    })
}

/// What stands for a message that did not come; `None` for what its sender marked as nothing that people would miss (reactions,
/// votes, pins: `decrypt-fail="hide"`), as WhatsApp's own clients do. Some kinds are never delivered to us; all others are
/// asked for again by the library and come under the same id.
pub(super) fn instead_of(missing: &UndecryptableMessage) -> Option<Content> {
    let unsupported = |kind: &str| Some(Content::Unsupported(kind.to_owned()));
    match missing.unavailable_type {
        UnavailableType::ViewOnce => unsupported("view-once message"),
        UnavailableType::Hosted => unsupported("message of a business service"),
        UnavailableType::Bot => unsupported("answer of an assistant"),
        UnavailableType::Unknown => (missing.decrypt_fail_mode == DecryptFailMode::Show).then_some(Content::Awaited),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use whatsapp_rust::wacore::types::{
        events::{ConnectFailure, Connected, LoggedOut},
        message::MessageInfo,
    };

    use super::*;

    #[test]
    fn only_what_its_sender_hides_is_missing_without_a_word() {
        let missing = |unavailable_type, decrypt_fail_mode| {
            let missing = UndecryptableMessage::builder()
                .info(Arc::new(MessageInfo::default()))
                .is_unavailable(true)
                .unavailable_type(unavailable_type)
                .decrypt_fail_mode(decrypt_fail_mode);
            instead_of(&missing.build())
        };
        let named = |kind: &str| Some(Content::Unsupported(kind.to_owned()));
        let (show, hide) = (DecryptFailMode::Show, DecryptFailMode::Hide);
        assert_eq!(missing(UnavailableType::Unknown, hide), None);
        assert_eq!(missing(UnavailableType::Unknown, show), Some(Content::Awaited));
        for mode in [show, hide] {
            assert_eq!(missing(UnavailableType::ViewOnce, mode), named("view-once message"));
            assert_eq!(
                missing(UnavailableType::Hosted, mode),
                named("message of a business service")
            );
            assert_eq!(missing(UnavailableType::Bot, mode), named("answer of an assistant"));
        }
    }

    #[test]
    fn what_the_server_says_decides_whether_a_session_is_over() {
        let failure = |reason| Event::ConnectFailure(ConnectFailure::builder().reason(reason).build());
        let out = |reason| Event::LoggedOut(LoggedOut::builder().on_connect(true).reason(reason).build());
        let table = [
            (Event::Connected(Connected::builder().build()), Link::Connected),
            (
                out(ConnectFailureReason::LoggedOut),
                Link::Ended(LogoutReason::Unlinked),
            ),
            (
                out(ConnectFailureReason::AccountLocked),
                Link::Ended(LogoutReason::Banned),
            ),
            (failure(ConnectFailureReason::ServiceUnavailable), Link::Trying),
            (
                failure(ConnectFailureReason::TempBanned),
                Link::Ended(LogoutReason::Banned),
            ),
            (
                failure(ConnectFailureReason::BadUserAgent),
                Link::Ended(LogoutReason::Refused),
            ),
        ];
        for (event, expected) in table {
            assert_eq!(link_after(&event), Some(expected), "{event:?}");
        }
    }
}
