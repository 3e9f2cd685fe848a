//! What is sealed with the secret of the message it is about: edits of events and polls, options added to polls, answers to
//! events, comments.
//!
//! Called by [`super::speech`]; readers open what linked devices send. As for votes, the kind of address the chat goes by
//! is part of the seal, and a reader tries both kinds. Alone with somebody the key of the target is written as the
//! speaker sees it, in a group with the name of its author.

use anyhow::{Context as _, anyhow};
use whatsapp_rust::buffa::{Message as _, MessageField};
use whatsapp_rust::features::message_edit::{decrypt_secret_encrypted, extract_secret_encrypted};
use whatsapp_rust::wacore::event;
use whatsapp_rust::wacore::libsignal::crypto::aes_256_gcm_encrypt;
use whatsapp_rust::wacore::secret_enc_addon::{AadMode, AddonContext, ModificationType, derive_use_case_secret};
use whatsapp_rust::waproto::whatsapp as wa;
use whatsapp_rust::waproto::whatsapp::message::event_response_message::EventResponseType;
use whatsapp_rust::waproto::whatsapp::message::secret_encrypted_message::SecretEncType;

use super::speech::{Attendance, Speech, happening, key, milliseconds, secret};
use super::{Received, place, polls};
use crate::server::state::State;
use crate::server::step;

/// An edit of an event or a poll, an added option, or a comment, as a message.
pub(super) fn compose(state: &State, from: &str, to: &str, speech: Speech) -> anyhow::Result<wa::Message> {
    let seal = Seal { state, from, to };
    match speech {
        Speech::EditEvent {
            id,
            name,
            description,
            start,
        } => {
            let edited = happening(name, description, start);
            seal.edit(id, edited, (ModificationType::EventEdit, SecretEncType::EVENT_EDIT))
        }
        Speech::EditPoll {
            id,
            question,
            options,
            selectable,
            ends,
        } => {
            let edited = polls::create(question, options, (selectable, ends));
            seal.edit(id, edited, (ModificationType::PollEdit, SecretEncType::POLL_EDIT))
        }
        Speech::AddOption { id, option } => {
            let kind = (ModificationType::PollAddOption, SecretEncType::POLL_ADD_OPTION);
            seal.enveloped(id, &polls::added(option), kind)
        }
        Speech::Comment { id, text } => seal.comment(id, text),
        Speech::Attend { id, answer, guests } => seal.answer(id, answer, guests),
        other => anyhow::bail!("{other:?} is not sealed"),
    }
}

/// Seals with the secret of a message, as the library's `encrypt_addon` does, but with a nonce of the step's dice;
/// answers the ciphertext and the nonce.
pub(super) fn seal(inner: &[u8], secret: &[u8], around: &AddonContext<'_>) -> anyhow::Result<(Vec<u8>, Vec<u8>)> {
    let key = derive_use_case_secret(secret, around)?;
    let bound = match around.modification_type.aad_mode() {
        AadMode::Empty => Vec::new(),
        AadMode::StanzaAndSender => format!("{}\0{}", around.stanza_id, around.modification_sender).into_bytes(),
    };
    let nonce: [u8; 12] = step::random();
    let mut sealed = Vec::new();
    aes_256_gcm_encrypt(&key, &nonce, &bound, inner, &mut sealed).map_err(|error| anyhow!("seal: {error}"))?;
    Ok((sealed, nonce.to_vec()))
}

/// What was in a sealed message that reached this person; `None` when it is none, or about one the person does not know.
pub(crate) fn opened(state: &State, reader: &str, received: &Received) -> Option<wa::Message> {
    let envelope = extract_secret_encrypted(&received.message)?;
    let place = received.chat.as_deref().unwrap_or(&received.from);
    let (parent, author) = parent(state, reader, place, envelope.target_id()?)?;
    let secret = secret_of(&parent)?;
    let (author, sender) = (state.person(&author).ok()?, state.person(&received.from).ok()?);
    let by_number = (author.number_jid(), sender.number_jid());
    let by_lid = (author.lid_jid(), sender.lid_jid());
    [by_number, by_lid].into_iter().find_map(|(author, sender)| {
        let (payload, iv) = (envelope.enc_payload, envelope.enc_iv);
        decrypt_secret_encrypted(
            payload,
            iv,
            &secret,
            envelope.kind,
            envelope.target_id()?,
            &author,
            &sender,
        )
        .ok()
    })
}

/// What an answer to an event that reached this person says; `None` when it is none, or about one the person does not know.
pub(crate) fn attends(state: &State, reader: &str, received: &Received) -> Option<Attendance> {
    let sealed = received.message.enc_event_response_message.as_option()?;
    let id = sealed.event_creation_message_key.as_option()?.id.as_deref()?;
    let place = received.chat.as_deref().unwrap_or(&received.from);
    let (parent, author) = parent(state, reader, place, id)?;
    let secret = secret_of(&parent)?;
    let (author, sender) = (state.person(&author).ok()?, state.person(&received.from).ok()?);
    let by_number = (author.number_jid().to_string(), sender.number_jid().to_string());
    let by_lid = (author.lid_jid().to_string(), sender.lid_jid().to_string());
    let (payload, iv) = (sealed.enc_payload.as_deref()?, sealed.enc_iv.as_deref()?);
    let opened = [by_number, by_lid].into_iter().find_map(|(author, sender)| {
        event::decrypt_event_response_with_secret(payload, iv, &secret, id, &author, &sender).ok()
    })?;
    match opened.response? {
        EventResponseType::GOING => Some(Attendance::Yes),
        EventResponseType::NOT_GOING => Some(Attendance::No),
        EventResponseType::MAYBE => Some(Attendance::Maybe),
        EventResponseType::UNKNOWN => None,
    }
}

/// A message this person sent or got in a chat of two or a group, and who wrote it.
pub(super) fn parent(state: &State, reader: &str, place: &str, id: &str) -> Option<(wa::Message, String)> {
    let author = place::author(state, reader, place, id)?;
    let person = state.person(reader).ok()?;
    let message = match person.sent.get(id) {
        Some(sent) => (*sent.message).clone(),
        None => person.inbox.find(&author, id)?.message.clone(),
    };
    Some((message, author))
}

fn secret_of(message: &wa::Message) -> Option<Vec<u8>> {
    message.message_context_info.as_option()?.message_secret.clone()
}

/// Who says it where.
struct Seal<'a> {
    state: &'a State,
    from: &'a str,
    to: &'a str,
}

impl Seal<'_> {
    fn edit(
        &self,
        id: String,
        mut edited: wa::Message,
        (modification, kind): (ModificationType, SecretEncType),
    ) -> anyhow::Result<wa::Message> {
        let (parent, _) = parent(self.state, self.from, self.to, &id).context("this person knows no such message")?;
        edited.message_context_info = parent.message_context_info;
        self.enveloped(id, &edited, (modification, kind))
    }

    fn enveloped(
        &self,
        id: String,
        inner: &wa::Message,
        (modification, kind): (ModificationType, SecretEncType),
    ) -> anyhow::Result<wa::Message> {
        let (payload, iv) = self.sealed(&id, &inner.encode_to_vec(), modification)?;
        Ok(wa::Message {
            secret_encrypted_message: MessageField::some(wa::message::SecretEncryptedMessage {
                target_message_key: MessageField::some(self.target(id)?),
                enc_payload: Some(payload),
                enc_iv: Some(iv),
                secret_enc_type: Some(kind),
                ..Default::default()
            }),
            ..Default::default()
        })
    }

    fn comment(&self, id: String, text: String) -> anyhow::Result<wa::Message> {
        let body = wa::Message {
            extended_text_message: MessageField::some(wa::message::ExtendedTextMessage {
                text: Some(text),
                ..Default::default()
            }),
            ..Default::default()
        };
        let (payload, iv) = self.sealed(&id, &body.encode_to_vec(), ModificationType::EncComment)?;
        Ok(wa::Message {
            enc_comment_message: MessageField::some(wa::message::EncCommentMessage {
                target_message_key: MessageField::some(self.target(id)?),
                enc_payload: Some(payload),
                enc_iv: Some(iv),
            }),
            message_context_info: secret(),
            ..Default::default()
        })
    }

    fn answer(&self, id: String, answer: Attendance, guests: i32) -> anyhow::Result<wa::Message> {
        let response = wa::message::EventResponseMessage {
            response: Some(match answer {
                Attendance::Yes => EventResponseType::GOING,
                Attendance::No => EventResponseType::NOT_GOING,
                Attendance::Maybe => EventResponseType::MAYBE,
            }),
            timestamp_ms: milliseconds(),
            extra_guest_count: (guests > 0).then_some(guests),
        };
        let (payload, iv) = self.sealed(&id, &response.encode_to_vec(), ModificationType::EventResponse)?;
        Ok(wa::Message {
            enc_event_response_message: MessageField::some(wa::message::EncEventResponseMessage {
                event_creation_message_key: MessageField::some(self.target(id)?),
                enc_payload: Some(payload),
                enc_iv: Some(iv),
            }),
            ..Default::default()
        })
    }

    fn sealed(&self, id: &str, inner: &[u8], kind: ModificationType) -> anyhow::Result<(Vec<u8>, Vec<u8>)> {
        let (parent, author) =
            parent(self.state, self.from, self.to, id).context("this person knows no such message")?;
        let secret = secret_of(&parent).context("the message has no secret")?;
        let around = AddonContext {
            stanza_id: id,
            parent_msg_original_sender: &self.name(&author)?,
            modification_sender: &self.name(self.from)?,
            modification_type: kind,
        };
        seal(inner, &secret, &around)
    }

    fn target(&self, id: String) -> anyhow::Result<wa::MessageKey> {
        let author = place::author(self.state, self.from, self.to, &id);
        let mut key = key(self.state, self.from, self.to, id)?;
        if let Some(author) = author.filter(|_| place::group_id(self.to).is_some()) {
            key.from_me = Some(false);
            key.participant = Some(place::face(self.state, &author, self.to)?.to_string());
        }
        Ok(key)
    }

    fn name(&self, number: &str) -> anyhow::Result<String> {
        let by_lid = place::face(self.state, self.from, self.to)?.is_lid();
        let person = self.state.person(number)?;
        let jid = if by_lid { person.lid_jid() } else { person.number_jid() };
        Ok(jid.to_string())
    }
}
