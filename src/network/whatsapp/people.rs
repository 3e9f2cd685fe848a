//! Who is who: one contact for each person, however the wire spells them. Asked by every part of this network.

use crate::{
    model::ContactId,
    store::keyring::{self, Keyring, Person},
};

use super::ids::{self, Spelling};

/// The people of all devices.
#[derive(Clone, Debug)]
pub(super) struct People(pub(super) Keyring);

impl People {
    /// The contact behind a spelling, found or made; what was not known of it is learned.
    pub(super) async fn contact(&self, spelling: &Spelling) -> Result<ContactId, keyring::Error> {
        self.0.person(spelling.phone.as_deref(), spelling.lid.as_deref()).await
    }

    /// What is known of a contact.
    pub(super) async fn find(&self, contact: &ContactId) -> Result<Option<Person>, keyring::Error> {
        self.0.find_person(contact).await
    }

    /// A contact with this number, if there is one already.
    pub(super) async fn find_by_phone(&self, phone: &str) -> Result<Option<ContactId>, keyring::Error> {
        Ok(self.0.find_person_by_phone(phone).await?.map(|person| person.contact))
    }

    /// The contact that a ghost's name stands for, itself when nobody is known under it.
    pub(super) async fn named(&self, text: &str) -> Result<Option<ContactId>, keyring::Error> {
        let contact = ContactId::from_adapter(text);
        if let Some(person) = self.0.find_person(&contact).await? {
            return Ok(Some(person.contact));
        }
        let Some(spelling) = ids::read_contact(text) else {
            return Ok(None);
        };
        let person = match (&spelling.phone, &spelling.lid) {
            (Some(phone), _) => self.0.find_person_by_phone(phone).await?,
            (None, Some(lid)) => self.0.find_person_by_lid(lid).await?,
            (None, None) => None,
        };
        Ok(Some(person.map_or(contact, |person| person.contact)))
    }

    /// How to write to a contact.
    pub(super) async fn spelling(&self, contact: &ContactId) -> Result<Option<Spelling>, keyring::Error> {
        Ok(match self.0.find_person(contact).await? {
            Some(person) => Some(Spelling {
                phone: person.phone,
                lid: person.lid,
            }),
            None => ids::read_contact(contact.as_str()),
        })
    }

    /// Remembers the name that a contact gave itself, and tells what to call it.
    pub(super) async fn is_called(&self, contact: &ContactId, name: &str) -> Result<String, keyring::Error> {
        let known = self.0.find_person(contact).await?;
        if known
            .as_ref()
            .is_some_and(|person| person.name.as_deref() != Some(name))
        {
            self.0.set_person_name(contact, name).await?;
        }
        let verified = known.and_then(|person| person.business);
        Ok(verified.unwrap_or_else(|| name.to_owned()))
    }

    /// Remembers the name that the network vouches for, or that it vouches for none.
    pub(super) async fn is_verified_as(&self, contact: &ContactId, name: Option<&str>) -> Result<(), keyring::Error> {
        let known = self.0.find_person(contact).await?;
        if known.is_some_and(|person| person.business.as_deref() != name) {
            self.0.set_business_name(contact, name).await?;
        }
        Ok(())
    }
}
