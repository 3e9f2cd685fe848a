//! The message inside its wrappers, and what the wrappers said about it.

use whatsapp_rust::{buffa::MessageField, waproto::whatsapp as wa};

/// Wrappers nest at most this deep in practice; a hostile message must not make us walk for ever.
const DEEPEST_WRAPPER: usize = 8;

/// A message and what its wrappers said.
#[derive(Clone, Copy)]
pub(super) struct Unwrapped<'a> {
    /// The innermost message.
    pub(super) message: &'a wa::Message,
    /// It is meant to be looked at once.
    pub(super) view_once: bool,
    /// A wrapper said that it stands for an older one.
    pub(super) edited: bool,
    /// What it belongs to.
    pub(super) association: Option<&'a wa::MessageAssociation>,
    /// The message it comments on.
    pub(super) thread: Option<&'a wa::MessageKey>,
    /// What answers to it are encrypted with.
    pub(super) secret: Option<&'a [u8]>,
}

/// Takes the wrappers away. The library takes `deviceSentMessage` away before we see it; a message that came back from
/// its store after a crash is the same.
pub(super) fn unwrap(message: &wa::Message) -> Unwrapped<'_> {
    let mut seen = Unwrapped {
        message,
        view_once: false,
        edited: false,
        association: None,
        thread: None,
        secret: None,
    };
    for _ in 0..DEEPEST_WRAPPER {
        let current = seen.message;
        seen.view_once |= [
            &current.view_once_message,
            &current.view_once_message_v2,
            &current.view_once_message_v2_extension,
        ]
        .into_iter()
        .any(MessageField::is_set);
        seen.edited |= current.edited_message.is_set();
        seen.association = seen
            .association
            .or_else(|| current.message_context_info.message_association.as_option());
        seen.thread = seen
            .thread
            .or_else(|| current.comment_message.target_message_key.as_option());
        seen.secret = seen.secret.or(current.message_context_info.message_secret.as_deref());
        match inside(current) {
            Some(inner) => seen.message = inner,
            None => break,
        }
    }
    seen
}

fn inside(message: &wa::Message) -> Option<&wa::Message> {
    if let Some(sent) = message.device_sent_message.message.as_option() {
        return Some(sent);
    }
    if let Some(comment) = message.comment_message.message.as_option() {
        return Some(comment);
    }
    [
        &message.ephemeral_message,
        &message.view_once_message,
        &message.view_once_message_v2,
        &message.view_once_message_v2_extension,
        &message.document_with_caption_message,
        &message.edited_message,
        &message.group_mentioned_message,
        &message.bot_invoke_message,
        &message.bot_task_message,
        &message.bot_forwarded_message,
        &message.lottie_sticker_message,
        &message.associated_child_message,
        &message.event_cover_image,
        &message.poll_creation_message_v4,
        &message.poll_creation_option_image_message,
        &message.spoiler_message,
        &message.question_message,
        &message.question_reply_message,
        &message.limit_sharing_message,
        &message.group_status_message,
        &message.group_status_message_v2,
        &message.status_add_yours,
        &message.newsletter_admin_profile_message,
        &message.newsletter_admin_profile_message_v2,
        &message.newsletter_admin_profile_status_message,
    ]
    .into_iter()
    .find_map(|wrapper| wrapper.as_option()?.message.as_option())
}
