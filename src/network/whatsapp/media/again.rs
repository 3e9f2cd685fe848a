//! Asking the owner's phone for media that the servers have no more.

use whatsapp_rust::features::{MediaRetryResult, MediaReuploadError, MediaReuploadRequest};

use super::{
    super::{super::Error, Shared, ids, sending, session::Session, stored_media::StoredMedia, unreachable},
    is_path, stored,
};
use crate::model::{ChatId, Media, MediaRef, MessageRef, Sender};

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
    session.ready(shared.config.connect_timeout()).await?;
    let chat_jid = sending::jid_of(shared, chat).await?;
    let chat_jid = sending::own_jid_of(shared, session, chat, chat_jid).await?;
    let participant = match (&message.sender, ids::direct_contact(chat)) {
        (_, Some(_)) => None,
        (Sender::Owner, None) => session.client().pn(),
        (Sender::Contact(contact), None) => sending::jid_of_contact(shared, contact).await?,
    };
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

fn read_error(error: MediaReuploadError) -> Error {
    match error {
        MediaReuploadError::NotLoggedIn => Error::Unreachable("the device is not logged in yet".into()),
        MediaReuploadError::InvalidRequest(reason) => Error::Refused(reason),
        error => unreachable(error),
    }
}
