//! What is done to messages that were said before, and to the chat: words between clients.

use whatsapp_rust::waproto::whatsapp::{
    self as wa,
    message::{ProtocolMessage, pin_in_chat_message, protocol_message::Type},
};

use super::{Scene, UNKNOWN, content_of, undelivered, wrappers::unwrap};
use crate::model::{Action, Content, Say};

/// What a message does that says nothing new.
pub(super) enum Word {
    /// It does this.
    Act(Box<Action>),
    /// It is between clients alone.
    BetweenClients,
}

/// What a message does that says nothing new; `None` for one that says something.
pub(super) fn read(message: &wa::Message, scene: &Scene<'_>) -> Option<Word> {
    let action = if let Some(reaction) = message.reaction_message.as_option() {
        let emoji = reaction.text.clone().filter(|emoji| !emoji.is_empty());
        let target = reaction.key.as_option().and_then(|key| scene.reference(key));
        target.map(|target| Action::React { target, emoji })
    } else if let Some(pin) = message.pin_in_chat_message.as_option() {
        let pinned = pin.r#type == Some(pin_in_chat_message::Type::PIN_FOR_ALL);
        let lasts = message.message_context_info.message_add_on_duration_in_secs;
        let target = pin.key.as_option().and_then(|key| scene.reference(key));
        target.map(|target| Action::Pin {
            target,
            pinned,
            seconds: lasts.filter(|seconds| pinned && *seconds > 0),
        })
    } else if let Some(keep) = message.keep_in_chat_message.as_option() {
        // Which message, and whether it is kept; one that says less is told.
        return keeping(keep, scene).map(|action| Word::Act(Box::new(action)));
    } else {
        done(message.protocol_message.as_option()?, scene)
    };
    Some(action.map_or(Word::BetweenClients, |action| Word::Act(Box::new(action))))
}

fn keeping(keep: &wa::message::KeepInChatMessage, scene: &Scene<'_>) -> Option<Action> {
    let kept = match keep.keep_type? {
        wa::KeepType::KEEP_FOR_ALL => true,
        wa::KeepType::UNDO_KEEP_FOR_ALL => false,
        wa::KeepType::UNKNOWN => return None,
    };
    let target = scene.reference(keep.key.as_option()?)?;
    Some(Action::Keep { target, kept })
}

fn done(protocol: &ProtocolMessage, scene: &Scene<'_>) -> Option<Action> {
    let Some(kind) = protocol.r#type else {
        // A type that is newer than the library is read as none (`waproto` 0.7.0: its enums are closed).
        return if protocol.edited_message.is_set() {
            edit(protocol, scene)
        } else {
            Some(undelivered(UNKNOWN))
        };
    };
    match kind {
        Type::REVOKE => delete(protocol, scene),
        Type::MESSAGE_EDIT => edit(protocol, scene),
        Type::EPHEMERAL_SETTING => Some(Action::Timer(
            protocol.ephemeral_expiration.filter(|seconds| *seconds > 0),
        )),
        Type::SHARE_PHONE_NUMBER => Some(told("Shared the phone number of this account")),
        Type::STATUS_MENTION_MESSAGE => Some(told("Mentioned you in a status")),
        Type::LIMIT_SHARING if protocol.limit_sharing.sharing_limited == Some(true) => {
            Some(told("Turned on advanced privacy for this chat"))
        }
        Type::LIMIT_SHARING => Some(told("Turned off advanced privacy for this chat")),
        Type::GROUP_MEMBER_LABEL_CHANGE => Some(told(match protocol.member_label.label.as_deref() {
            Some(label) if !label.is_empty() => format!("Is now labelled “{label}” in this group"),
            _ => "Has no label in this group any more".to_owned(),
        })),
        Type::REMINDER_MESSAGE => Some(told("Reminder")),
        Type::MESSAGE_UNSCHEDULE => Some(told("Took back a scheduled message")),
        // Between the owner's devices, between client and server, and the settings of assistants and looks.
        Type::EPHEMERAL_SYNC_RESPONSE
        | Type::HISTORY_SYNC_NOTIFICATION
        | Type::APP_STATE_SYNC_KEY_SHARE
        | Type::APP_STATE_SYNC_KEY_REQUEST
        | Type::MSG_FANOUT_BACKFILL_REQUEST
        | Type::INITIAL_SECURITY_NOTIFICATION_SETTING_SYNC
        | Type::APP_STATE_FATAL_EXCEPTION_NOTIFICATION
        | Type::PEER_DATA_OPERATION_REQUEST_MESSAGE
        | Type::PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE
        | Type::REQUEST_WELCOME_MESSAGE
        | Type::BOT_FEEDBACK_MESSAGE
        | Type::MEDIA_NOTIFY_MESSAGE
        | Type::CLOUD_API_THREAD_CONTROL_NOTIFICATION
        | Type::LID_MIGRATION_MAPPING_SYNC
        | Type::BOT_MEMU_ONBOARDING_MESSAGE
        | Type::STOP_GENERATION_MESSAGE
        | Type::AI_PSI_METADATA
        | Type::AI_QUERY_FANOUT
        | Type::AI_MEDIA_COLLECTION_MESSAGE
        | Type::CHAT_THEME_SETTING
        | Type::AI_METADATA_OPERATION => None,
    }
}

fn told(words: impl Into<String>) -> Action {
    Action::Say(Say::new(Content::Told(words.into())))
}

/// Only its author takes a message back, or an administrator of the group, and that the server vouches for: the words
/// alone could be anybody's.
fn delete(protocol: &ProtocolMessage, scene: &Scene<'_>) -> Option<Action> {
    let target = scene.reference(protocol.key.as_option()?)?;
    // Of two people who talk nobody administers.
    let by_admin = scene.by_admin && scene.peer.is_none();
    if target.sender != scene.actor && !by_admin {
        tracing::debug!("a message would be taken back by somebody who may not");
        return None;
    }
    Some(Action::Delete { target })
}

fn edit(protocol: &ProtocolMessage, scene: &Scene<'_>) -> Option<Action> {
    let target = scene.own_reference(protocol.key.as_option()?)?;
    let edited = unwrap(protocol.edited_message.as_option()?);
    Some(match content_of(edited, scene).map(|found| found.content) {
        Some(Content::Location(location)) if location.is_live => Action::Move {
            target,
            place: location.place,
            course: location.course,
        },
        // An edit of the words under media may bring the words alone.
        Some(Content::Unsupported(kind)) => match super::media::caption_of(edited.message) {
            Some(caption) => Action::Edit {
                target,
                content: Content::words(caption),
            },
            None => Action::Edit {
                target,
                content: Content::Unsupported(kind),
            },
        },
        Some(content) => Action::Edit { target, content },
        None => Action::Edit {
            target,
            content: Content::Unsupported("edited message".to_owned()),
        },
    })
}
