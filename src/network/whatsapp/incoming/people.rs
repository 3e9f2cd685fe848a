//! People's cards and invitations.

use whatsapp_rust::waproto::whatsapp::{self as wa, message::ContactMessage};

use super::{Found, filled};
use crate::model::{Card, ChatId, Content, Invitation, Timestamp};

/// A message that is somebody's card, several cards, or an invitation.
pub(super) fn read(message: &wa::Message) -> Option<Found<'_>> {
    if let Some(contact) = message.contact_message.as_option() {
        let content = Content::Contacts(vec![card(contact)]);
        return Some(Found::new(content, contact.context_info.as_option()));
    }
    if let Some(array) = message.contacts_array_message.as_option() {
        let content = Content::Contacts(array.contacts.iter().map(card).collect());
        return Some(Found::new(content, array.context_info.as_option()));
    }
    invitation(message)
}

fn card(contact: &ContactMessage) -> Card {
    Card {
        name: contact.display_name.clone().unwrap_or_default(),
        vcard: contact.vcard.clone().unwrap_or_default(),
    }
}

fn invitation(message: &wa::Message) -> Option<Found<'_>> {
    let invite = message.group_invite_message.as_option()?;
    let content = Content::Invitation(Invitation {
        group: ChatId::from_adapter(invite.group_jid.clone().unwrap_or_default()),
        name: invite.group_name.clone().unwrap_or_default(),
        code: invite.invite_code.clone().unwrap_or_default(),
        expires_at: invite.invite_expiration.filter(|at| *at > 0).map(Timestamp::from_secs),
        words: filled(invite.caption.as_ref()).map(ToOwned::to_owned),
    });
    Some(Found::new(content, invite.context_info.as_option()))
}
