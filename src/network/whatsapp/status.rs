//! Status: what contacts show to all for a day, and what is said to them about it.
//!
//! An answer goes to the author alone, in the chat with them, and quotes the status; a reaction goes to the author's
//! devices under the address of the status, and so does the word that it was seen. Deliberately not here: own statuses
//! (`status_posts`).

use whatsapp_rust::Jid;

use super::{
    super::Error,
    Shared,
    desk::desk,
    ids, outgoing, receipts,
    sending::{jid_of, send},
    session::Session,
};
use crate::model::{Action, ChatId, MessageId, Sender};

/// Seconds for which a status is shown.
pub(super) const SHOWN_FOR: u32 = 24 * 60 * 60;

/// Does one action where statuses are shown.
///
/// # Errors
/// `Refused` for what belongs to the phone, `Unsupported` for what WhatsApp has no way to do, and what sending knows.
pub(super) async fn act(
    (shared, session): (&Shared, &Session),
    chat: &ChatId,
    id: &MessageId,
    action: &Action,
) -> Result<(), Error> {
    let status = Jid::status_broadcast();
    let (chat, to) = match action {
        // Nobody is told that an answer is being written.
        Action::Typing(_) => return Ok(()),
        Action::Read { messages, quietly } => {
            session.ready(shared.config.connect_timeout()).await?;
            return receipts::send((shared, session), status, messages, *quietly).await;
        }
        Action::Say(say) => {
            let author = say.reply_to.as_ref().and_then(|quote| quote.sender.as_ref());
            let Some(Sender::Contact(author)) = author else {
                return Err(Error::Refused("answer a status to write to its author".to_owned()));
            };
            let chat = ids::direct_chat(author);
            let to = jid_of(shared, &chat).await?;
            (chat, to)
        }
        Action::React { .. } => (chat.clone(), status.clone()),
        action => return Err(Error::Unsupported(format!("{} of a status", action.name()))),
    };
    session.ready(shared.config.connect_timeout()).await?;
    let mut desk = desk(shared, session, (&chat, to, id), action).await?;
    desk.quoted_from = Some(status);
    let message = outgoing::write(action, &desk)?;
    send(session, shared.config.ack_timeout(), &desk.chat, id, message).await
}
