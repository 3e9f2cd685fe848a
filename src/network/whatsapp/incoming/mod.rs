//! `wa::Message` → what was said. Pure.
//!
//! Who said it and where stands in the stanza around the message and is read by `ids`. What cannot be shown becomes
//! `Content::Unsupported` under the name people know it by, never silence; only what nobody would miss (reactions,
//! key exchange, settings, synchronisation between own devices) is nothing at all.

#[cfg(test)]
mod tests;

use whatsapp_rust::{
    Jid,
    buffa::MessageField,
    waproto::whatsapp::{self as wa, message::protocol_message::Type},
};

use crate::model::{Content, MessageId};

/// Wrappers nest at most this deep in practice; a hostile message must not make us walk for ever.
const DEEPEST_WRAPPER: usize = 8;

/// What a message says.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Said {
    /// Its content.
    pub(super) content: Content,
    /// What it answers.
    pub(super) quoted: Option<Quoted>,
}

/// The message that another one answers, as the wire tells it.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Quoted {
    /// Its id.
    pub(super) id: MessageId,
    /// Who said it.
    pub(super) author: Option<Jid>,
    /// What it said.
    pub(super) text: Option<String>,
}

/// Reads a message; `None` when there is nothing that people would see.
pub(super) fn read(message: &wa::Message) -> Option<Said> {
    let edited = message.edited_message.is_set();
    let view_once = is_view_once(message);
    let inner = unwrapped(message);
    if edited || inner.edited_message.is_set() {
        return Some(unsupported("edited message", None));
    }
    if let Some(text) = text_of(inner) {
        return Some(Said {
            content: Content::words(text),
            quoted: quoted_by(context_of(inner)),
        });
    }
    if let Some(kind) = kind_of(inner) {
        let kind = if view_once {
            format!("view-once {kind}")
        } else {
            kind.to_owned()
        };
        return Some(unsupported(&kind, quoted_by(context_of(inner))));
    }
    if is_silent(inner) {
        None
    } else {
        Some(unsupported("message of an unknown kind", None))
    }
}

/// What people know a message under that this version cannot carry and the wire did not deliver.
pub(super) fn read_undelivered(kind: &str) -> Said {
    unsupported(kind, None)
}

fn unsupported(kind: &str, quoted: Option<Quoted>) -> Said {
    Said {
        content: Content::Unsupported(kind.to_owned()),
        quoted,
    }
}

/// The message inside its wrappers. The library takes `deviceSentMessage` away before we see it; a message that came
/// back from its store after a crash is the same.
fn unwrapped(message: &wa::Message) -> &wa::Message {
    let mut current = message;
    for _ in 0..DEEPEST_WRAPPER {
        let wrappers = [
            &current.ephemeral_message,
            &current.view_once_message,
            &current.view_once_message_v2,
            &current.view_once_message_v2_extension,
            &current.document_with_caption_message,
            &current.group_mentioned_message,
            &current.bot_invoke_message,
            &current.lottie_sticker_message,
            &current.associated_child_message,
            &current.poll_creation_message_v4,
            &current.spoiler_message,
            &current.bot_forwarded_message,
            &current.question_message,
            &current.question_reply_message,
        ];
        let sent = current
            .device_sent_message
            .as_option()
            .and_then(|sent| sent.message.as_option());
        let wrapped = wrappers
            .into_iter()
            .find_map(|wrapper| wrapper.as_option()?.message.as_option());
        match sent.or(wrapped) {
            Some(inner) => current = inner,
            None => break,
        }
    }
    current
}

fn is_view_once(message: &wa::Message) -> bool {
    [
        &message.view_once_message,
        &message.view_once_message_v2,
        &message.view_once_message_v2_extension,
    ]
    .into_iter()
    .any(MessageField::is_set)
        || message
            .ephemeral_message
            .as_option()
            .and_then(|m| m.message.as_option())
            .is_some_and(is_view_once)
}

fn text_of(message: &wa::Message) -> Option<&str> {
    message
        .extended_text_message
        .as_option()
        .and_then(|extended| extended.text.as_deref())
        .or(message.conversation.as_deref())
        .filter(|text| !text.is_empty())
}

/// The words under a picture or a document, for quotes.
fn caption_of(message: &wa::Message) -> Option<&str> {
    let image = message.image_message.as_option().and_then(|m| m.caption.as_deref());
    let video = message.video_message.as_option().and_then(|m| m.caption.as_deref());
    let document = message.document_message.as_option().and_then(|m| m.caption.as_deref());
    image.or(video).or(document).filter(|text| !text.is_empty())
}

fn kind_of(message: &wa::Message) -> Option<&'static str> {
    if let Some(audio) = message.audio_message.as_option() {
        return Some(if audio.ptt == Some(true) {
            "voice message"
        } else {
            "audio"
        });
    }
    if let Some(video) = message.video_message.as_option() {
        return Some(if video.gif_playback == Some(true) {
            "GIF"
        } else {
            "video"
        });
    }
    if let Some(protocol) = message.protocol_message.as_option() {
        return match protocol.r#type {
            Some(Type::REVOKE) => Some("deletion of a message"),
            Some(Type::MESSAGE_EDIT) => Some("edited message"),
            _ => None,
        };
    }
    kinds(message)
        .into_iter()
        .find_map(|(is_set, kind)| is_set.then_some(kind))
}

/// Every kind we know by name; the order matters only where one message holds two.
fn kinds(m: &wa::Message) -> [(bool, &'static str); 39] {
    [
        (m.image_message.is_set(), "image"),
        (m.ptv_message.is_set(), "video note"),
        (m.document_message.is_set(), "document"),
        (m.sticker_message.is_set(), "sticker"),
        (m.sticker_pack_message.is_set(), "sticker pack"),
        (m.location_message.is_set(), "location"),
        (m.live_location_message.is_set(), "live location"),
        (m.contact_message.is_set(), "contact"),
        (m.contacts_array_message.is_set(), "contacts"),
        (m.album_message.is_set(), "album"),
        (m.poll_creation_message.is_set(), "poll"),
        (m.poll_creation_message_v2.is_set(), "poll"),
        (m.poll_creation_message_v3.is_set(), "poll"),
        (m.poll_creation_message_v5.is_set(), "poll"),
        (m.poll_creation_message_v6.is_set(), "poll"),
        (m.poll_update_message.is_set(), "poll vote"),
        (m.poll_result_snapshot_message.is_set(), "poll result"),
        (m.event_message.is_set(), "event"),
        (m.event_invite_message.is_set(), "event invitation"),
        (m.group_invite_message.is_set(), "group invitation"),
        (m.newsletter_admin_invite_message.is_set(), "channel invitation"),
        (m.pin_in_chat_message.is_set(), "pinned message"),
        (m.comment_message.is_set(), "comment"),
        (m.enc_comment_message.is_set(), "comment"),
        (m.secret_encrypted_message.is_set(), "edited message"),
        (m.call_log_messsage.is_set() || m.bcall_message.is_set(), "call"),
        (m.scheduled_call_creation_message.is_set(), "scheduled call"),
        (m.product_message.is_set(), "product"),
        (m.order_message.is_set(), "order"),
        (m.invoice_message.is_set(), "invoice"),
        (m.send_payment_message.is_set(), "payment"),
        (
            m.request_payment_message.is_set() || m.payment_invite_message.is_set(),
            "payment request",
        ),
        (
            m.template_message.is_set() || m.highly_structured_message.is_set(),
            "template",
        ),
        (
            m.list_message.is_set() || m.buttons_message.is_set() || m.interactive_message.is_set(),
            "interactive message",
        ),
        (
            m.list_response_message.is_set() || m.buttons_response_message.is_set(),
            "choice",
        ),
        (
            m.template_button_reply_message.is_set() || m.interactive_response_message.is_set(),
            "choice",
        ),
        (m.request_phone_number_message.is_set(), "request for a phone number"),
        (m.rich_response_message.is_set(), "answer of an assistant"),
        // Also what `keys` puts in the place of a message that was lost for good.
        (m.placeholder_message.is_set(), "message that did not get through"),
    ]
}

/// What nobody would miss: reactions (a notice for each would be noise), key exchange, settings, and synchronisation
/// between the owner's own devices.
fn is_silent(m: &wa::Message) -> bool {
    m.reaction_message.is_set()
        || m.enc_reaction_message.is_set()
        || m.protocol_message.is_set()
        || m.sender_key_distribution_message.is_set()
        || m.fast_ratchet_key_sender_key_distribution_message.is_set()
        || m.keep_in_chat_message.is_set()
        || m.sticker_sync_rmr_message.is_set()
        || m.message_history_bundle.is_set()
        || m.message_history_notice.is_set()
        || m.enc_event_response_message.is_set()
        || m.group_root_key_share.is_set()
        || m.root_secret_distribute_message.is_set()
}

fn context_of(m: &wa::Message) -> Option<&wa::ContextInfo> {
    fn of<T>(field: &MessageField<T>, get: impl Fn(&T) -> &MessageField<wa::ContextInfo>) -> Option<&wa::ContextInfo>
    where
        T: Default,
    {
        field.as_option().and_then(|inner| get(inner).as_option())
    }
    of(&m.extended_text_message, |inner| &inner.context_info)
        .or_else(|| of(&m.image_message, |inner| &inner.context_info))
        .or_else(|| of(&m.video_message, |inner| &inner.context_info))
        .or_else(|| of(&m.audio_message, |inner| &inner.context_info))
        .or_else(|| of(&m.document_message, |inner| &inner.context_info))
        .or_else(|| of(&m.sticker_message, |inner| &inner.context_info))
        .or_else(|| of(&m.location_message, |inner| &inner.context_info))
        .or_else(|| of(&m.contact_message, |inner| &inner.context_info))
        .or_else(|| m.message_context_info.as_option().and(None))
}

fn quoted_by(context: Option<&wa::ContextInfo>) -> Option<Quoted> {
    let context = context?;
    let id = context.stanza_id.as_deref().filter(|id| !id.is_empty())?;
    let quoted = context.quoted_message.as_option().map(unwrapped);
    Some(Quoted {
        id: MessageId::from_adapter(id),
        author: context.participant.as_deref().and_then(|jid| jid.parse().ok()),
        text: quoted
            .and_then(|message| text_of(message).or_else(|| caption_of(message)))
            .map(ToOwned::to_owned),
    })
}
