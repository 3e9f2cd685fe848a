//! Channels: what their owners tell to many. Followers read and react; who runs one writes in it.
//!
//! A channel is a chat with somebody who is the channel itself. Messages in it are not encrypted, are edited and taken
//! back under their own ids, and are reacted to under the numbers that the server gave them.

use whatsapp_rust::{Jid, NewsletterError};

use super::{
    super::Error,
    Shared, channel_counts,
    channel_facts::read_mex_error,
    desk::desk,
    ids,
    link::Link,
    outgoing,
    sending::{read_iq_error, send},
    session::Session,
    unreachable,
};
use crate::model::{Action, ChatId, ContactInfo, GroupChange, MessageId, Sender};

/// What a link to a channel begins with.
const LINK: &str = "whatsapp.com/channel/";
/// How far back a message that is reacted to is looked for.
const LOOK_BACK: u32 = 100;

/// Does one action in a channel.
///
/// # Errors
/// `Unsupported` for what channels do not have, `NotFound`, and what sending knows.
pub(super) async fn act(
    (shared, session): (&Shared, &Session),
    (chat, jid): (&ChatId, Jid),
    id: &MessageId,
    action: &Action,
) -> Result<(), Error> {
    match action {
        // Nobody is told that somebody reads or writes. Who reads wants to know how others like it.
        Action::Typing(_) => return Ok(()),
        Action::Read { .. } => {
            if session.link() == Link::Connected {
                channel_counts::look(session, &jid).await;
            }
            return Ok(());
        }
        _ => {}
    }
    session.ready(shared.config.connect_timeout()).await?;
    let channels = session.client().newsletter();
    match action {
        Action::Edit { target, content } if target.sender == Sender::Owner => {
            let say = Action::Say(crate::model::Say::new(content.clone()));
            let desk = desk(shared, session, (chat, jid.clone(), id), &say).await?;
            let message = outgoing::write(&say, &desk)?;
            let edited = channels.edit_message(&jid, target.id.as_str(), message).await;
            edited.map_err(read_error)
        }
        Action::Delete { target } if target.sender == Sender::Owner => {
            let revoked = channels.revoke_message(&jid, target.id.as_str()).await;
            revoked.map_err(read_error)
        }
        Action::React { target, emoji } => {
            let page = channels.get_messages(jid.clone(), LOOK_BACK, None).await;
            let page = page.map_err(read_error)?;
            let found = page.iter().find(|message| message.message_id == target.id.as_str());
            let number = found.ok_or(Error::NotFound("the message in the channel"))?.server_id;
            let sent = channels.send_reaction(&jid, number, emoji.as_deref().unwrap_or_default());
            sent.await.map_err(read_error)
        }
        Action::Say(_) => {
            let desk = desk(shared, session, (chat, jid.clone(), id), action).await?;
            let message = outgoing::write(action, &desk)?;
            send(session, shared.config.ack_timeout(), &jid, id, message).await
        }
        Action::Group(GroupChange::Title(title)) => channels
            .update(&jid, Some(title), None)
            .await
            .map(drop)
            .map_err(read_error),
        Action::Group(GroupChange::Topic(topic)) => {
            let topic = topic.as_deref().unwrap_or_default();
            channels
                .update(&jid, None, Some(topic))
                .await
                .map(drop)
                .map_err(read_error)
        }
        action => Err(Error::Unsupported(format!("{} in a channel", action.name()))),
    }
}

/// What is known of a channel.
pub(super) async fn info(shared: &Shared, session: &Session, jid: &Jid) -> Result<ContactInfo, Error> {
    session.ready(shared.config.connect_timeout()).await?;
    let channel = session.client().newsletter().get_metadata(jid).await;
    let channel = channel.map_err(read_error)?;
    Ok(ContactInfo {
        name: Some(channel.name),
        phone: None,
    })
}

/// Follows the channel that a link leads to.
pub(super) async fn follow(shared: &Shared, session: &Session, link: &str) -> Result<ChatId, Error> {
    let code = link.split_once(LINK).map(|(_, code)| code);
    let code = code.and_then(|code| code.split(['/', '?', '#']).next());
    let code = code
        .filter(|code| !code.is_empty())
        .ok_or(Error::NotFound("the channel"))?;
    session.ready(shared.config.connect_timeout()).await?;
    let channels = session.client().newsletter();
    let channel = channels.get_metadata_by_invite(code).await.map_err(read_error)?;
    let joined = channels.join(&channel.jid).await.map_err(read_error)?;
    let channel = ids::channel(&joined.jid).ok_or(Error::NotFound("the channel"))?;
    Ok(ids::direct_chat(&channel))
}

/// Follows a channel no more.
pub(super) async fn unfollow(shared: &Shared, session: &Session, chat: &ChatId) -> Result<(), Error> {
    let jid = ids::channel_jid(chat.as_str()).ok_or(Error::NotFound("the channel"))?;
    session.ready(shared.config.connect_timeout()).await?;
    session.client().newsletter().leave(&jid).await.map_err(read_error)
}

fn read_error(error: NewsletterError) -> Error {
    match error {
        NewsletterError::Client(error) => unreachable(error),
        NewsletterError::Iq(error) => read_iq_error(error, "the channel"),
        NewsletterError::Mex(error) => read_mex_error(error),
        error => Error::Refused(error.to_string()),
    }
}
