//! Polls: the question, a person's vote on somebody's poll, and reading the votes on its own.
//!
//! Called by [`super::speech`] and by the list of what a person received. Votes are sealed with the poll's
//! secret, under the kind of address the chat goes by; a reader tries both kinds.

use anyhow::Context as _;
use whatsapp_rust::buffa::{Message as _, MessageField};
use whatsapp_rust::wacore::poll;
use whatsapp_rust::wacore::secret_enc_addon::{AddonContext, ModificationType};
use whatsapp_rust::waproto::whatsapp as wa;

use super::sealed::{parent, seal};
use super::speech::{Speech, key, milliseconds, secret};
use super::{Received, place};
use crate::server::state::State;

/// A poll or a vote, as a message.
pub(super) fn compose(state: &State, from: &str, to: &str, speech: Speech) -> anyhow::Result<wa::Message> {
    match speech {
        Speech::Poll {
            question,
            options,
            selectable,
            ends,
        } => Ok(create(question, options, (selectable, ends))),
        Speech::Vote { id, options } => vote(state, from, to, id, &options),
        other => anyhow::bail!("{other:?} is no poll"),
    }
}

/// The answers a vote that reached this person chose, in the poll's words; `None` when it is no vote on a poll
/// the person knows.
pub(crate) fn chosen(state: &State, reader: &str, received: &Received) -> Option<Vec<String>> {
    let update = received.message.poll_update_message.as_option()?;
    let sealed = update.vote.as_option()?;
    let id = update.poll_creation_message_key.as_option()?.id.as_deref()?;
    let place = received.chat.as_deref().unwrap_or(&received.from);
    let (poll, author) = parent(state, reader, place, id)?;
    let secret = poll.message_context_info.as_option()?.message_secret.as_deref()?;
    let (author, voter) = (state.person(&author).ok()?, state.person(&received.from).ok()?);
    let by_number = (author.number_jid().to_string(), voter.number_jid().to_string());
    let by_lid = (author.lid_jid().to_string(), voter.lid_jid().to_string());
    let named = |pair: &(String, String)| {
        let sealed = poll::PollVoteCiphertext {
            enc_payload: sealed.enc_payload.as_deref()?,
            enc_iv: sealed.enc_iv.as_deref()?,
        };
        poll::decrypt_poll_vote_with_secret(sealed, secret, id, &pair.0, &pair.1).ok()
    };
    let hashes = named(&by_number).or_else(|| named(&by_lid))?;
    let options = creation(&poll)?
        .options
        .iter()
        .filter_map(|one| one.option_name.clone());
    Some(
        options
            .filter(|name| hashes.contains(&poll::compute_option_hash(name).to_vec()))
            .collect(),
    )
}

/// A question.
pub(super) fn create(question: String, options: Vec<String>, (selectable, ends): (u32, Option<i64>)) -> wa::Message {
    use wa::message::poll_creation_message::Option as Choice;
    let poll = wa::message::PollCreationMessage {
        name: Some(question),
        options: options
            .into_iter()
            .map(|name| Choice {
                option_name: Some(name),
                ..Default::default()
            })
            .collect(),
        selectable_options_count: Some(selectable),
        end_time: ends,
        ..Default::default()
    };
    let mut message = wa::Message {
        message_context_info: secret(),
        ..Default::default()
    };
    if selectable == 1 {
        // The form of a poll with one answer.
        message.poll_creation_message_v3 = MessageField::some(poll);
    } else {
        message.poll_creation_message = MessageField::some(poll);
    }
    message
}

/// One more answer; which poll it is for stands on the envelope.
pub(super) fn added(option: String) -> wa::Message {
    wa::Message {
        poll_add_option_message: MessageField::some(wa::message::PollAddOptionMessage {
            add_option: MessageField::some(wa::message::poll_creation_message::Option {
                option_name: Some(option),
                ..Default::default()
            }),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn vote(state: &State, from: &str, to: &str, id: String, options: &[String]) -> anyhow::Result<wa::Message> {
    let (poll, author) = parent(state, from, to, &id).context("this person knows no such poll")?;
    let secret = poll
        .message_context_info
        .as_option()
        .and_then(|context| context.message_secret.clone())
        .context("the poll has no secret")?;
    let by_lid = place::face(state, from, to)?.is_lid();
    let name = |number: &str| {
        let person = state.person(number)?;
        let jid = if by_lid { person.lid_jid() } else { person.number_jid() };
        anyhow::Ok(jid.to_string())
    };
    let hashes: Vec<Vec<u8>> = options
        .iter()
        .map(|option| poll::compute_option_hash(option).to_vec())
        .collect();
    let chosen = wa::message::PollVoteMessage {
        selected_options: hashes,
    };
    let around = AddonContext {
        stanza_id: &id,
        parent_msg_original_sender: &name(&author)?,
        modification_sender: &name(from)?,
        modification_type: ModificationType::PollVote,
    };
    let (payload, iv) = seal(&chosen.encode_to_vec(), &secret, &around)?;
    Ok(wa::Message {
        poll_update_message: MessageField::some(wa::message::PollUpdateMessage {
            poll_creation_message_key: MessageField::some(key(state, from, to, id)?),
            vote: MessageField::some(wa::message::PollEncValue {
                enc_payload: Some(payload),
                enc_iv: Some(iv),
            }),
            sender_timestamp_ms: milliseconds(),
            ..Default::default()
        }),
        ..Default::default()
    })
}

fn creation(message: &wa::Message) -> Option<&wa::message::PollCreationMessage> {
    [
        &message.poll_creation_message,
        &message.poll_creation_message_v2,
        &message.poll_creation_message_v3,
    ]
    .into_iter()
    .find_map(|poll| poll.as_option())
}
