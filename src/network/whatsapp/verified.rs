//! The names that WhatsApp vouches for: those of businesses.
//!
//! Deliberately not here: names that people give themselves, which come with their messages (`delivery`).

use whatsapp_rust::features::ContactError;

use super::{super::Error, Shared, sending::read_iq_error, session::Session, unreachable};
use crate::model::ContactId;

/// The verified name of a contact; `None` when it has none. It is remembered.
pub(super) async fn name(shared: &Shared, session: &Session, contact: &ContactId) -> Result<Option<String>, Error> {
    let spelling = shared.people.spelling(contact).await.map_err(unreachable)?;
    let jid = spelling
        .and_then(|spelling| spelling.jid())
        .ok_or(Error::NotFound("the contact"))?;
    session.ready(shared.config.connect_timeout()).await?;
    let contacts = session.client().contacts();
    let told = contacts.get_user_info(std::slice::from_ref(&jid)).await;
    let told = told.map_err(|error| match error {
        ContactError::Iq(error) => read_iq_error(error, "the contact"),
        error => Error::Refused(error.to_string()),
    })?;
    let verified = told.into_values().find_map(|told| told.verified_name?.name);
    let verified = verified.filter(|name| !name.trim().is_empty());
    shared
        .people
        .is_verified_as(contact, verified.as_deref())
        .await
        .map_err(unreachable)?;
    Ok(verified)
}
