//! Everything else that people would miss, told in words: calls, albums, stickers by the pack, channels, status.

use whatsapp_rust::{
    buffa::{Message as _, MessageField},
    waproto::whatsapp::{
        self as wa,
        message::{
            CallLogMessage, call_log_message::CallOutcome, scheduled_call_creation_message, scheduled_call_edit_message,
        },
    },
};

use super::{Found, filled};
use crate::model::{Content, Timestamp};

/// A message of one of the rarer kinds.
pub(super) fn read(m: &wa::Message) -> Option<Found<'_>> {
    if let Some(album) = m.album_message.as_option() {
        let films = album.expected_video_count.unwrap_or_default();
        let announced = album.expected_image_count.unwrap_or_default().saturating_add(films);
        let content = Content::Album { announced, films };
        return Some(Found::new(content, album.context_info.as_option()));
    }
    if let Some(told) = call(m)
        .or_else(|| status(m))
        .or_else(|| channel(m))
        .or_else(|| other(m))
    {
        return Some(told);
    }
    nameless(m).map(|kind| Found::new(Content::Unsupported(kind.to_owned()), None))
}

fn told(words: impl Into<String>, context: Option<&wa::ContextInfo>) -> Found<'_> {
    Found::new(Content::Told(words.into()), context)
}

fn call(m: &wa::Message) -> Option<Found<'_>> {
    if let Some(call) = m.call_log_messsage.as_option() {
        return Some(told(call_in_words(call), None));
    }
    if let Some(call) = m.scheduled_call_creation_message.as_option() {
        let kind = match call.call_type {
            Some(scheduled_call_creation_message::CallType::VIDEO) => "video call",
            _ => "call",
        };
        let title = filled(call.title.as_ref()).map_or_else(String::new, |title| format!(" “{title}”"));
        let at = call.scheduled_timestamp_ms.map_or_else(String::new, |at| {
            format!(" at {}", Timestamp::from_millis(at).rfc3339())
        });
        return Some(told(format!("Planned a {kind}{title}{at}"), None));
    }
    if let Some(edit) = m.scheduled_call_edit_message.as_option() {
        let cancelled = edit.edit_type == Some(scheduled_call_edit_message::EditType::CANCEL);
        return Some(told(
            if cancelled {
                "Cancelled a planned call"
            } else {
                "Changed a planned call"
            },
            None,
        ));
    }
    if let Some(call) = m.bcall_message.as_option() {
        return Some(told(
            filled(call.caption.as_ref()).unwrap_or("Call with a business"),
            None,
        ));
    }
    let call = m.call.as_option()?;
    Some(told("Call", call.context_info.as_option()))
}

fn call_in_words(call: &CallLogMessage) -> String {
    let kind = if call.is_video == Some(true) {
        "video call"
    } else {
        "voice call"
    };
    match call.call_outcome {
        Some(CallOutcome::MISSED | CallOutcome::SILENCED_BY_DND | CallOutcome::SILENCED_UNKNOWN_CALLER) => {
            format!("Missed {kind}")
        }
        Some(CallOutcome::REJECTED) => format!("Declined {kind}"),
        Some(CallOutcome::FAILED) => format!("Failed {kind}"),
        Some(CallOutcome::ONGOING) => format!("A {kind} is going on"),
        Some(CallOutcome::ACCEPTED_ELSEWHERE) => format!("A {kind}, answered on another device"),
        Some(CallOutcome::CONNECTED) | None => match call.duration_secs.filter(|seconds| *seconds > 0) {
            Some(seconds) => format!("A {kind} of {}:{:02}", seconds / 60, seconds % 60),
            None => format!("A {kind}"),
        },
    }
}

fn status(m: &wa::Message) -> Option<Found<'_>> {
    if m.status_mention_message.is_set() {
        return Some(told("Mentioned you in a status", None));
    }
    if m.group_status_mention_message.is_set() {
        return Some(told("Mentioned this group in a status", None));
    }
    if m.status_notification_message.is_set() {
        return Some(told("Answered or shared a status", None));
    }
    if let Some(answer) = m.status_question_answer_message.as_option() {
        let words = answer.text.as_deref().unwrap_or_default();
        return Some(told(format!("Answered a question in a status: {words}"), None));
    }
    if let Some(answer) = m.question_response_message.as_option() {
        let words = answer.text.as_deref().unwrap_or_default();
        return Some(told(format!("Answered a question: {words}"), None));
    }
    if let Some(quoted) = m.status_quoted_message.as_option() {
        let words = quoted.text.as_deref().unwrap_or_default();
        return Some(told(format!("From a status: {words}"), None));
    }
    let sticker = m.status_sticker_interaction_message.is_set();
    sticker.then(|| told("Reacted to a status", None))
}

fn channel(m: &wa::Message) -> Option<Found<'_>> {
    if let Some(invite) = m.newsletter_admin_invite_message.as_option() {
        let name = invite.newsletter_name.as_deref().unwrap_or_default();
        let words = with_words(
            format!("Invitation to administer the channel “{name}”"),
            invite.caption.as_ref(),
        );
        return Some(told(words, invite.context_info.as_option()));
    }
    let invite = m.newsletter_follower_invite_message_v2.as_option()?;
    let name = invite.newsletter_name.as_deref().unwrap_or_default();
    let words = with_words(
        format!("Invitation to follow the channel “{name}”"),
        invite.caption.as_ref(),
    );
    Some(told(words, invite.context_info.as_option()))
}

fn other(m: &wa::Message) -> Option<Found<'_>> {
    if let Some(pack) = m.sticker_pack_message.as_option() {
        let mut words = format!("Sticker pack “{}”", pack.name.as_deref().unwrap_or_default());
        if let Some(publisher) = filled(pack.publisher.as_ref()) {
            words.push_str(" by ");
            words.push_str(publisher);
        }
        return Some(told(
            with_words(words, pack.caption.as_ref()),
            pack.context_info.as_option(),
        ));
    }
    if let Some(request) = m.request_phone_number_message.as_option() {
        return Some(told("Asks for your phone number", request.context_info.as_option()));
    }
    if let Some(keep) = m.keep_in_chat_message.as_option() {
        let kept = keep.keep_type == Some(wa::KeepType::KEEP_FOR_ALL);
        return Some(told(
            if kept {
                "Keeps a message from disappearing"
            } else {
                "Lets a kept message disappear again"
            },
            None,
        ));
    }
    let chat = m.chat.as_option()?;
    Some(told(
        format!("Chat “{}”", chat.display_name.as_deref().unwrap_or_default()),
        None,
    ))
}

/// What was said, and on a line of its own the words that came with it.
pub(super) fn with_words(told: String, words: Option<&String>) -> String {
    match filled(words) {
        Some(words) => format!("{told}\n{words}"),
        None => told,
    }
}

/// What can only be named: nobody without the secret of another message can read it, or it never came.
fn nameless(m: &wa::Message) -> Option<&'static str> {
    [
        (m.enc_reaction_message.is_set(), "reaction"),
        (m.enc_comment_message.is_set(), "comment"),
        (m.comment_message.is_set(), "comment"),
        (m.secret_encrypted_message.is_set(), "edited message"),
        (m.conditional_reveal_message.is_set(), "scheduled message"),
        (m.poll_update_message.is_set(), "vote in a poll"),
        // Also what `keys` puts in the place of a message that was lost for good.
        (m.placeholder_message.is_set(), "message that did not get through"),
    ]
    .into_iter()
    .find_map(|(is_set, kind)| is_set.then_some(kind))
}

/// What nobody would miss: key exchange, and synchronisation between the owner's own devices and between clients. Beside
/// anything else it does not make a message silent: what else is there may be for people.
pub(super) fn is_silent(m: &wa::Message) -> bool {
    let is_there = m.sender_key_distribution_message.is_set()
        || m.fast_ratchet_key_sender_key_distribution_message.is_set()
        || m.sticker_sync_rmr_message.is_set()
        || m.message_history_bundle.is_set()
        || m.message_history_notice.is_set()
        || m.group_root_key_share.is_set()
        || m.root_secret_distribute_message.is_set();
    is_there && without_the_silent(m).encode_to_vec().is_empty()
}

fn without_the_silent(m: &wa::Message) -> wa::Message {
    wa::Message {
        sender_key_distribution_message: MessageField::none(),
        fast_ratchet_key_sender_key_distribution_message: MessageField::none(),
        sticker_sync_rmr_message: MessageField::none(),
        message_history_bundle: MessageField::none(),
        message_history_notice: MessageField::none(),
        group_root_key_share: MessageField::none(),
        root_secret_distribute_message: MessageField::none(),
        message_context_info: MessageField::none(),
        ..m.clone()
    }
}
