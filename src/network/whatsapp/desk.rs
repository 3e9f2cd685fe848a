//! What is needed around an action to write it: who is who in the chat, and the secrets of what it asks or answers.
//!
//! Called by `sending`. Deliberately not here: the writing (`outgoing`).

use std::collections::HashMap;

use whatsapp_rust::{
    Jid,
    wacore::{store::traits::MsgSecretStore as _, types::message::AddressingMode},
    wacore_binary::JidExt as _,
};

use super::{
    super::Error,
    Shared, answers, ids,
    keys::{Keys, Question},
    outgoing::{self, Desk},
    sending::read_group_error,
    session::Session,
    unreachable,
};
use crate::model::{Action, ChatId, ContactId, Content, MessageId, MessageRef, Sender};

/// Everything that is needed to write an action.
pub(super) async fn desk(
    shared: &Shared,
    session: &Session,
    (chat, to, id): (&ChatId, Jid, &MessageId),
    action: &Action,
) -> Result<Desk, Error> {
    let by_lid = is_by_lid(session, &to).await;
    let mut people = HashMap::new();
    for contact in outgoing::people_in(action) {
        if let Some(jid) = jid_in(shared, contact, by_lid).await? {
            people.insert(contact.clone(), jid);
        }
    }
    let (lid, phone) = (session.client().lid(), session.client().pn());
    let own = if by_lid { lid.or(phone) } else { phone };
    let mut desk = Desk {
        chat: to,
        own: own.map(|own| own.to_non_ad()),
        people,
        now: shared.clock.now(),
        quoted_from: None,
        secret: None,
        question: None,
        answerer: None,
    };
    let keys = Keys::new(shared.keyring.clone(), session.device(), shared.clock.clone());
    match action {
        Action::Say(say) => {
            if let Some(root) = &say.thread
                && is_announcements(session, &desk.chat).await?
            {
                comment_on(&keys, session, (chat, id, root), &mut desk).await?;
            }
            if desk.secret.is_none() {
                desk.secret = ask(&keys, (chat, id), &say.content, desk.own.as_ref()).await?;
            }
        }
        Action::Edit {
            target,
            content: Content::Poll(poll),
        } => {
            keys.ask_otherwise(chat.as_str(), &target.id, (None, &poll.options))
                .await
                .map_err(unreachable)?;
            answer(&keys, session, (chat, target), &mut desk).await?;
        }
        Action::Vote { poll: target, .. }
        | Action::Attend {
            appointment: target, ..
        } => answer(&keys, session, (chat, target), &mut desk).await?,
        Action::React { target, .. } if is_announcements(session, &desk.chat).await? => {
            let sealed = sealed_with(&keys, &desk, (chat, target)).await?;
            desk.answerer = answers::own_beside(session.client(), &sealed);
            desk.question = Some(sealed);
        }
        _ => {}
    }
    Ok(desk)
}

/// What is answered, and as whom.
async fn answer(
    keys: &Keys,
    session: &Session,
    (chat, target): (&ChatId, &MessageRef),
    desk: &mut Desk,
) -> Result<(), Error> {
    let question = keys.question(chat.as_str(), &target.id).await.map_err(unreachable)?;
    desk.answerer = question
        .as_ref()
        .and_then(|question| answers::own_beside(session.client(), question));
    desk.question = question;
    Ok(())
}

/// What a comment is sealed with, and its own secret, kept before it is used. Under a message without a known secret
/// nobody here can comment.
async fn comment_on(
    keys: &Keys,
    session: &Session,
    (chat, id, root): (&ChatId, &MessageId, &MessageRef),
    desk: &mut Desk,
) -> Result<(), Error> {
    let sealed = match sealed_with(keys, desk, (chat, root)).await {
        Ok(sealed) => sealed,
        Err(Error::NotFound(_)) => return Ok(()),
        Err(error) => return Err(error),
    };
    let own = answers::own_beside(session.client(), &sealed).ok_or(Error::NotLinked)?;
    let own_secret = Question {
        secret: rand::random(),
        author: own.to_string(),
        options: Vec::new(),
        former: Vec::new(),
    };
    let kept = keys.ask(chat.as_str(), id, own_secret).await.map_err(unreachable)?;
    desk.secret = Some(kept.secret);
    desk.question = Some(sealed);
    desk.answerer = Some(own);
    Ok(())
}

/// Whether marks and comments are encrypted in a chat: in the announcement groups of communities they are.
///
/// # Errors
/// Nobody answers: what would be sealed must not go out open.
async fn is_announcements(session: &Session, chat: &Jid) -> Result<bool, Error> {
    if !chat.is_group() {
        return Ok(false);
    }
    let group = session.client().groups().query_info(chat).await;
    Ok(group.map_err(read_group_error)?.is_community_announce == Some(true))
}

/// What a mark on a message or a comment is encrypted with, as the library keeps it of every message, and we of
/// questions and our comments.
async fn sealed_with(keys: &Keys, desk: &Desk, (chat, target): (&ChatId, &MessageRef)) -> Result<Question, Error> {
    let known = keys.question(chat.as_str(), &target.id).await.map_err(unreachable)?;
    if let Some(known) = known {
        return Ok(known);
    }
    let author = match &target.sender {
        Sender::Owner => desk.own.clone(),
        Sender::Contact(contact) => desk.people.get(contact).cloned(),
    };
    let author = author
        .ok_or(Error::NotFound("the sender of the message"))?
        .to_non_ad_string();
    let chat = desk.chat.to_non_ad_string();
    let secret = keys.get_msg_secret(&chat, &author, target.id.as_str()).await;
    let secret = secret.map_err(unreachable)?.and_then(|secret| secret.try_into().ok());
    Ok(Question {
        secret: secret.ok_or(Error::NotFound("the secret of the message"))?,
        author,
        options: Vec::new(),
        former: Vec::new(),
    })
}

/// The secret of a question, kept before the question is asked: asked again, it is the same.
async fn ask(
    keys: &Keys,
    (chat, id): (&ChatId, &MessageId),
    content: &Content,
    own: Option<&Jid>,
) -> Result<Option<[u8; 32]>, Error> {
    let options = match content {
        Content::Poll(poll) => poll.options.clone(),
        Content::Appointment(_) => Vec::new(),
        _ => return Ok(None),
    };
    let question = Question {
        secret: rand::random(),
        author: own.ok_or(Error::NotLinked)?.to_string(),
        options,
        former: Vec::new(),
    };
    let kept = keys.ask(chat.as_str(), id, question).await.map_err(unreachable)?;
    Ok(Some(kept.secret))
}

/// Whether people go by their LIDs in a chat. A group that cannot be asked about now is asked about by the library
/// again when the message is sent.
pub(super) async fn is_by_lid(session: &Session, chat: &Jid) -> bool {
    if !chat.is_group() {
        return chat.is_lid() || chat.is_status_broadcast();
    }
    let group = session.client().groups().query_info(chat).await;
    group.is_ok_and(|group| group.addressing_mode == AddressingMode::Lid)
}

/// How a contact is spelled where people go by their LIDs, or by their numbers; else however it is known.
pub(super) async fn jid_in(shared: &Shared, contact: &ContactId, by_lid: bool) -> Result<Option<Jid>, Error> {
    if let Some(jid) = ids::stranger_jid(contact.as_str()) {
        return Ok(Some(jid));
    }
    let spelling = shared.people.spelling(contact).await.map_err(unreachable)?;
    Ok(spelling.and_then(|spelling| match &spelling.lid {
        Some(lid) if by_lid => Some(Jid::lid(lid.as_str())),
        _ => spelling.jid(),
    }))
}
