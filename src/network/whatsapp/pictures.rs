//! Pictures of people and groups: small files that WhatsApp shows to whoever may see them, not encrypted.

use std::{
    fs::File,
    io::{Read as _, Seek as _, Write as _},
    sync::Arc,
};

use tokio::task::spawn_blocking;
use whatsapp_rust::{features::ContactError, wacore::net::HttpRequest};

use super::{
    super::{Error, Picture},
    Shared,
    sending::{jid_of, read_iq_error},
    session::Session,
    unreachable,
};
use crate::model::ChatId;

/// No picture is that large: clients cut them to 640 pixels.
const LARGEST: u64 = 5 * 1024 * 1024;

/// The picture of a chat; the one called `known` is not fetched again.
pub(super) async fn picture(
    shared: &Shared,
    session: &Session,
    chat: &ChatId,
    known: Option<&str>,
) -> Result<Picture, Error> {
    let jid = jid_of(shared, chat).await?;
    session.ready(shared.config.connect_timeout()).await?;
    let told = session.client().contacts().get_profile_picture(&jid, false).await;
    let told = told.map_err(|error| match error {
        ContactError::Iq(error) => read_iq_error(error, "the picture"),
        error => unreachable(error),
    })?;
    let Some(told) = told else { return Ok(Picture::None) };
    if known == Some(told.id.as_str()) {
        return Ok(Picture::Same);
    }
    let http = Arc::clone(&session.client().http_client);
    let fetched = spawn_blocking(move || {
        let answer = http.execute_streaming(HttpRequest::get(told.url))?;
        if answer.status_code != 200 {
            return Err(anyhow::anyhow!("status {} for a picture", answer.status_code));
        }
        let mut bytes = Vec::new();
        answer.body.take(LARGEST).read_to_end(&mut bytes)?;
        let mut file = tempfile::tempfile()?;
        file.write_all(&bytes)?;
        file.rewind()?;
        Ok::<File, anyhow::Error>(file)
    });
    match fetched.await.map_err(unreachable)? {
        Ok(file) => Ok(Picture::Another { id: told.id, file }),
        Err(error) => Err(Error::Unreachable(error.into())),
    }
}
