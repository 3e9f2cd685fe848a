//! Asking the owner's phone for media that the servers have no more.

use whatsapp_rust::{
    Jid,
    features::{MediaRetryResult, MediaReuploadError, MediaReuploadRequest},
};

use super::{
    super::{super::Error, Shared, ids, session::Session, stored_media::StoredMedia, unreachable},
    is_path, stored,
};
use crate::model::{ChatId, ContactId, Media, MediaRef, MessageRef, Sender};

/// Where the media of a message are after the phone brought them again.
pub(in super::super) async fn ask_again(
    shared: &Shared,
    session: &Session,
    chat: &ChatId,
    message: &MessageRef,
    media: &Media,
) -> Result<MediaRef, Error> {
    let stored = stored(media)?;
    if stored.media_key.is_empty() {
        // Nobody but the servers has the files of channels, and the phone's answer would have no key.
        return Err(Error::Gone);
    }
    let (chat_jid, participant) = match ids::direct_contact(chat) {
        Some(contact) => (jid(shared, &contact).await?, None),
        None => match &message.sender {
            Sender::Owner => (ids::group_jid(chat), session.client().pn()),
            Sender::Contact(contact) => (ids::group_jid(chat), jid(shared, contact).await?),
        },
    };
    let chat_jid = chat_jid.ok_or(Error::NotFound("the chat"))?;
    session.ready(shared.config.connect_timeout()).await?;
    let request = MediaReuploadRequest {
        msg_id: message.id.as_str(),
        chat_jid: &chat_jid,
        media_key: &stored.media_key,
        is_from_me: message.sender == Sender::Owner,
        participant: participant.as_ref(),
    };
    let answer = session.client().media_reupload().request(&request).await;
    match answer.map_err(read_error)? {
        MediaRetryResult::Success { direct_path } if is_path(&direct_path) => {
            Ok(StoredMedia { direct_path, ..stored }.into_ref())
        }
        MediaRetryResult::NotFound => Err(Error::Gone),
        MediaRetryResult::Success { .. } | MediaRetryResult::GeneralError | MediaRetryResult::DecryptionError => {
            Err(Error::Refused("the phone could not bring the file again".to_owned()))
        }
    }
}

async fn jid(shared: &Shared, contact: &ContactId) -> Result<Option<Jid>, Error> {
    let spelling = shared.people.spelling(contact).await.map_err(unreachable)?;
    Ok(spelling.and_then(|spelling| spelling.jid()))
}

fn read_error(error: MediaReuploadError) -> Error {
    match error {
        MediaReuploadError::NotLoggedIn => Error::Unreachable("the device is not logged in yet".into()),
        MediaReuploadError::InvalidRequest(reason) => Error::Refused(reason),
        error => unreachable(error),
    }
}
