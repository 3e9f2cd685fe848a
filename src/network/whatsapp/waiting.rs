//! What is sealed with the secret of a message that is not here: it is kept as it came, and opened when the message is.
//!
//! A message that could not be decrypted at first comes later than the votes on it. `delivery` asks here whether something
//! must wait; the bridge asks again through the port, as often as it likes. Deliberately not here: how long it waits, and
//! the seals themselves (`answers`, `envelopes`).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use whatsapp_rust::{Client, Jid, buffa::Message as _, waproto::whatsapp as wa};

use super::{
    super::Error, Shared, answers, directory, envelopes, envelopes::Around, ids, incoming, keys::Keys, people::People,
    session::Session, unreachable,
};
use crate::{
    model::{Action, ChatId, Event, Sender},
    store::keyring,
};

/// Something sealed, as it is kept. Stored: a name must never change.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// The chat, as the wire spells it.
    chat: String,
    /// Who said it, as the wire spells them.
    sender: String,
    /// The message, in base64.
    message: String,
}

/// What is kept of a message that nobody here can open yet; `None` when nothing in it is sealed, or its secret is known.
///
/// # Errors
/// The store could not be asked.
pub(super) async fn keep(
    keys: &Keys,
    people: &People,
    client: &Client,
    (chat, around, message): (&ChatId, Around<'_>, &wa::Message),
) -> Result<Option<String>, keyring::Error> {
    let Some(key) = incoming::sealed_about(message) else {
        return Ok(None);
    };
    if envelopes::secret_of(keys, people, client, (chat, around, key))
        .await?
        .is_some()
    {
        return Ok(None);
    }
    let kept = Kept {
        chat: around.chat.to_non_ad_string(),
        sender: around.sender.to_non_ad_string(),
        message: STANDARD.encode(message.encode_to_vec()),
    };
    Ok(serde_json::to_string(&kept).ok())
}

/// What was kept, when the secret is known by now.
///
/// # Errors
/// `Refused` for what was never kept here, `Unreachable` when the store could not be asked.
pub(super) async fn open(shared: &Shared, session: &Session, event: &Event) -> Result<Option<Action>, Error> {
    let Action::Sealed { envelope, .. } = &event.action else {
        return Err(Error::Refused("nothing was sealed".to_owned()));
    };
    let Some((chat, sender, message)) = read(envelope) else {
        return Err(Error::Refused("what was sealed cannot be read".to_owned()));
    };
    let around = Around {
        chat: &chat,
        sender: &sender,
    };
    opened(shared, session, event, (around, &message))
        .await
        .map_err(unreachable)
}

fn read(envelope: &str) -> Option<(Jid, Jid, wa::Message)> {
    let kept: Kept = serde_json::from_str(envelope).ok()?;
    let bytes = STANDARD.decode(kept.message).ok()?;
    let message = wa::Message::decode_from_slice(&bytes).ok()?;
    Some((kept.chat.parse().ok()?, kept.sender.parse().ok()?, message))
}

async fn opened(
    shared: &Shared,
    session: &Session,
    event: &Event,
    (around, message): (Around<'_>, &wa::Message),
) -> Result<Option<Action>, keyring::Error> {
    let (people, client, chat) = (&shared.people, &**session.client(), &event.chat);
    let keys = Keys::new(shared.keyring.clone(), event.device, shared.clock.clone());
    let Some(key) = incoming::sealed_about(message) else {
        return Ok(None);
    };
    if envelopes::secret_of(&keys, people, client, (chat, around, key))
        .await?
        .is_none()
    {
        return Ok(None);
    }
    let unsealed = envelopes::open(&keys, people, client, (chat, around, message)).await?;
    let (message, thread) = match &unsealed {
        Some(unsealed) => (&unsealed.message, unsealed.thread.as_ref()),
        None => (message, None),
    };
    answers::remember_by(
        &keys,
        chat,
        (around.sender.to_non_ad_string(), event.id.as_str()),
        message,
    )
    .await?;
    let opened = answers::open(&keys, people, client, (chat, around.sender, message)).await?;
    let Some(named) = incoming::named_in(message, thread) else {
        return Ok(None);
    };
    let people = directory::look_up(people, client, &named).await?;
    let scene = incoming::Scene {
        actor: event.sender.clone(),
        peer: ids::direct_contact(chat).map(Sender::Contact),
        by_admin: false,
        thread,
        opened,
        sealed: None,
        people: &people,
    };
    Ok(incoming::read(message, &scene))
}
