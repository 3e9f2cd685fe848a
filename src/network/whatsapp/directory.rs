//! The people named in one message, looked up before it is read for good.

use std::collections::HashMap;

use whatsapp_rust::{Client, Jid, wacore_binary::JidExt as _};

use super::{
    ids::Spelling,
    incoming::{Directory, Known},
    people::People,
};
use crate::{model::Sender, store::keyring};

/// Who is behind the JIDs of one message, by user and server.
#[derive(Debug, Default)]
pub(super) struct Named(HashMap<String, Known>);

impl Directory for Named {
    fn find(&self, jid: &Jid) -> Option<Known> {
        self.0.get(&jid.to_non_ad_string()).cloned()
    }
}

/// Looks everybody up; who is not known becomes a contact.
///
/// # Errors
/// The store could not be asked.
pub(super) async fn look_up(people: &People, client: &Client, jids: &[Jid]) -> Result<Named, keyring::Error> {
    let mut named = Named::default();
    for jid in jids {
        let address = jid.to_non_ad_string();
        if named.0.contains_key(&address) {
            continue;
        }
        let own = is_own(client, jid);
        // The owner's other name may be known to nobody but the library.
        let other = if own { client.pn() } else { None };
        let Some(spelling) = Spelling::of(jid, other.as_ref()) else {
            continue;
        };
        let contact = people.contact(&spelling).await?;
        let name = contact.as_str().to_owned();
        let who = if own { Sender::Owner } else { Sender::Contact(contact) };
        named.0.insert(address, Known { who, name });
    }
    Ok(named)
}

/// Whether a JID is the owner's, under either name.
pub(super) fn is_own(client: &Client, jid: &Jid) -> bool {
    [client.pn(), client.lid()]
        .into_iter()
        .flatten()
        .any(|own| own.is_same_user_as(jid))
}
