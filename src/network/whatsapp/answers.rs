//! Votes and answers to events: opened and sealed with the secret of what they answer.
//!
//! Who asked and who answers are part of the encryption, by the names that the sender's client used; the two names of
//! a person are tried each with each (`wacore` 0.7.0: `poll.rs`, `event.rs`). Called by `delivery` and `sending`;
//! deliberately not here: how the messages around it are read and written.

use whatsapp_rust::{
    Client, Jid,
    wacore::{event, poll, poll::PollVoteCiphertext, types::message::MessageInfo},
    waproto::whatsapp::{
        self as wa,
        message::{EventResponseMessage, event_response_message::EventResponseType},
    },
};

use super::{
    directory::is_own,
    ids::Spelling,
    incoming::{self, Opened, Posed},
    keys::{Keys, Question},
    people::People,
};
use crate::{
    model::{Attendance, ChatId, MessageId},
    store::keyring,
};

/// Remembers what a message asks, before anybody can answer it.
///
/// # Errors
/// It could not be stored.
pub(super) async fn remember(
    keys: &Keys,
    chat: &ChatId,
    info: &MessageInfo,
    message: &wa::Message,
) -> Result<(), keyring::Error> {
    let author = info.source.sender.to_non_ad_string();
    remember_by(keys, chat, (author, info.id.as_str()), message).await
}

/// The same, of a message by this author and with this id.
///
/// # Errors
/// It could not be stored.
pub(super) async fn remember_by(
    keys: &Keys,
    chat: &ChatId,
    (author, id): (String, &str),
    message: &wa::Message,
) -> Result<(), keyring::Error> {
    match incoming::posed_in(message) {
        None => Ok(()),
        Some(Posed::Question { secret, options }) => {
            let question = Question {
                secret,
                author,
                options,
                former: Vec::new(),
            };
            let id = MessageId::from_adapter(id);
            keys.ask(chat.as_str(), &id, question).await.map(drop)
        }
        Some(Posed::Option { poll, name }) => keys.add_option(chat.as_str(), &poll, &name).await,
    }
}

/// Opens what a message answers with; `None` when it answers nothing, or nobody here can open it.
///
/// # Errors
/// The store could not be asked.
pub(super) async fn open(
    keys: &Keys,
    people: &People,
    client: &Client,
    (chat, sender, message): (&ChatId, &Jid, &wa::Message),
) -> Result<Option<Opened>, keyring::Error> {
    let Some(sealed) = incoming::sealed_in(message) else {
        return Ok(None);
    };
    let id = MessageId::from_adapter(sealed.target);
    let Some(question) = keys.question(chat.as_str(), &id).await? else {
        tracing::debug!("an answer to what is not here");
        return Ok(None);
    };
    let askers = match question.author.parse() {
        Ok(author) => names_of(people, client, &author).await?,
        Err(_) => return Ok(None),
    };
    let answerers = names_of(people, client, sender).await?;
    let opened = askers
        .iter()
        .flat_map(|asker| {
            answerers
                .iter()
                .map(move |answerer| (asker.as_str(), answerer.as_str()))
        })
        .flat_map(|between| question.secrets().map(move |secret| (between, secret)))
        .find_map(|(between, secret)| opened(&sealed, (&question, secret), between));
    if opened.is_none() {
        tracing::warn!("an answer to a poll or an event could not be opened");
    }
    Ok(opened)
}

fn opened(
    sealed: &incoming::Sealed<'_>,
    (question, secret): (&Question, &[u8; 32]),
    (asker, answerer): (&str, &str),
) -> Option<Opened> {
    let (payload, iv) = (sealed.payload, sealed.iv);
    if !sealed.is_vote {
        let answer = event::decrypt_event_response_with_secret(payload, iv, secret, sealed.target, asker, answerer);
        return attending(&answer.ok()?);
    }
    let ciphertext = PollVoteCiphertext {
        enc_payload: payload,
        enc_iv: iv,
    };
    let hashes = poll::decrypt_poll_vote_with_secret(ciphertext, secret, sealed.target, asker, answerer).ok()?;
    // An option whose name is not known here is known by the hash: it may be added later.
    let named = |hash: &Vec<u8>| {
        let mut options = question.options.iter();
        options
            .find(|option| poll::compute_option_hash(option)[..] == hash[..])
            .cloned()
            .unwrap_or_else(|| hex::encode(hash))
    };
    Some(Opened::Vote(hashes.iter().map(named).collect()))
}

fn attending(answer: &EventResponseMessage) -> Option<Opened> {
    let attendance = match answer.response? {
        EventResponseType::GOING => Attendance::Yes,
        EventResponseType::NOT_GOING => Attendance::No,
        EventResponseType::MAYBE => Attendance::Maybe,
        EventResponseType::UNKNOWN => return None,
    };
    let guests = answer.extra_guest_count.and_then(|guests| u32::try_from(guests).ok());
    Some(Opened::Answer(attendance, guests.filter(|guests| *guests > 0)))
}

/// Both names of whoever is behind a JID, as far as they are known, the given one first.
pub(super) async fn names_of(people: &People, client: &Client, jid: &Jid) -> Result<Vec<String>, keyring::Error> {
    let mut names = vec![jid.to_non_ad_string()];
    let others = if is_own(client, jid) {
        [client.pn(), client.lid()]
    } else if let Some(spelling) = Spelling::of(jid, None) {
        let contact = people.contact(&spelling).await?;
        let known = people.spelling(&contact).await?.unwrap_or(spelling);
        [known.phone.map(Jid::pn), known.lid.map(Jid::lid)]
    } else {
        [None, None]
    };
    for other in others.into_iter().flatten() {
        let name = other.to_non_ad_string();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

/// The owner by the kind of name that whoever asked goes by: only so do the two fit.
pub(super) fn own_beside(client: &Client, question: &Question) -> Option<Jid> {
    let asker = question.author.parse::<Jid>().ok()?;
    let own = if asker.is_lid() {
        client.lid().or_else(|| client.pn())
    } else {
        client.pn()
    };
    own.map(|own| own.to_non_ad())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b15_an_answer_tells_how_many_come_along() {
        let answer = |response, guests| {
            attending(&EventResponseMessage {
                response,
                extra_guest_count: guests,
                ..Default::default()
            })
        };
        let going = Some(EventResponseType::GOING);
        for (guests, told) in [(None, None), (Some(0), None), (Some(-1), None), (Some(2), Some(2))] {
            assert_eq!(
                answer(going, guests),
                Some(Opened::Answer(Attendance::Yes, told)),
                "{guests:?}"
            );
        }
        let perhaps = answer(Some(EventResponseType::MAYBE), Some(1));
        assert_eq!(perhaps, Some(Opened::Answer(Attendance::Maybe, Some(1))));
        assert_eq!(answer(Some(EventResponseType::UNKNOWN), Some(1)), None);
        assert_eq!(answer(None, Some(1)), None);
    }
}
