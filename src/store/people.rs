//! People: one row and one [`ContactId`] for one person for life, whether known by phone number, by LID or by both.
//!
//! A LID names an account and never moves. A phone number may: it then belongs to whom it was seen with last. Two rows
//! that turn out to be one person become one, and the name of the younger lives on as an alias.

use sqlx::any::AnyRow;

use super::{
    Error, Keyring, Tx,
    types::{Columns, maybe, sender, text},
};
use crate::model::{ContactId, Sender};

/// What is known of a person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Person {
    /// The name for life.
    pub(crate) contact: ContactId,
    /// Phone number, digits only.
    pub(crate) phone: Option<String>,
    /// LID, digits only.
    pub(crate) lid: Option<String>,
    /// The name the person gave itself.
    pub(crate) name: Option<String>,
    /// The name the network vouches for, of a business.
    pub(crate) business: Option<String>,
}

impl Person {
    /// What the person is called: the verified name goes before the one a person can choose.
    pub(crate) fn called(self) -> Option<String> {
        self.business.or(self.name)
    }
}

/// A person and the place of the row: a smaller one is older.
struct Row {
    id: i64,
    person: Person,
}

fn read(row: &AnyRow) -> Result<Row, Error> {
    let row = Columns::new(row, "people", "id");
    let person = Person {
        contact: ContactId::from_adapter(row.text("contact")?),
        phone: row.maybe_text("phone")?,
        lid: row.maybe_text("lid")?,
        name: row.maybe_text("name")?,
        business: row.maybe_text("business")?,
    };
    Ok(Row {
        id: row.int("id")?,
        person,
    })
}

impl Keyring {
    /// The person with this phone number, this LID or both: found, or made now. What was not known before is now.
    ///
    /// # Errors
    /// `Corrupt` when neither is given, `Unavailable`.
    pub(crate) async fn person(&self, phone: Option<&str>, lid: Option<&str>) -> Result<ContactId, Error> {
        let (phone, lid) = (maybe(phone), maybe(lid));
        let (phone, lid) = (phone.as_deref(), lid.as_deref());
        if let Some(known) = self.store.read().await?.known_person(phone, lid).await? {
            return Ok(known);
        }
        let mut tx = self.store.begin().await?;
        tx.lock("people").await?;
        let contact = tx.settle_person(phone, lid).await?;
        tx.commit().await?;
        Ok(contact)
    }

    /// Who a contact is; an alias leads to the person, too.
    pub(crate) async fn find_person(&self, contact: &ContactId) -> Result<Option<Person>, Error> {
        let query = sqlx::query(
            "select * from people where contact = $1 \
             or contact = (select a.contact from person_aliases a where a.alias = $1)",
        )
        .bind(text(contact.as_str()));
        let row = self.store.read().await?.row(query).await?;
        Ok(row.as_ref().map(read).transpose()?.map(|row| row.person))
    }

    /// Who has this phone number.
    pub(crate) async fn find_person_by_phone(&self, phone: &str) -> Result<Option<Person>, Error> {
        Ok(self
            .store
            .read()
            .await?
            .person_by_phone(Some(&text(phone)))
            .await?
            .map(|row| row.person))
    }

    /// Who has this LID.
    pub(crate) async fn find_person_by_lid(&self, lid: &str) -> Result<Option<Person>, Error> {
        Ok(self
            .store
            .read()
            .await?
            .person_by_lid(Some(&text(lid)))
            .await?
            .map(|row| row.person))
    }

    /// Remembers the name a person gave itself.
    pub(crate) async fn set_person_name(&self, contact: &ContactId, name: &str) -> Result<(), Error> {
        let mut tx = self.store.begin().await?;
        let query = sqlx::query(
            "update people set name = $2 where contact = $1 \
             or contact = (select a.contact from person_aliases a where a.alias = $1)",
        )
        .bind(text(contact.as_str()))
        .bind(text(name));
        tx.execute(query).await?;
        tx.commit().await
    }
}

impl Keyring {
    /// Remembers the name the network vouches for, or that there is none.
    pub(crate) async fn set_business_name(&self, contact: &ContactId, name: Option<&str>) -> Result<(), Error> {
        let mut tx = self.store.begin().await?;
        let query = sqlx::query(
            "update people set business = $2 where contact = $1 \
             or contact = (select a.contact from person_aliases a where a.alias = $1)",
        )
        .bind(text(contact.as_str()))
        .bind(maybe(name));
        tx.execute(query).await?;
        tx.commit().await
    }
}

impl Tx {
    async fn person_by_phone(&mut self, phone: Option<&str>) -> Result<Option<Row>, Error> {
        let Some(phone) = phone else { return Ok(None) };
        self.row(sqlx::query("select * from people where phone = $1").bind(phone))
            .await?
            .as_ref()
            .map(read)
            .transpose()
    }

    async fn person_by_lid(&mut self, lid: Option<&str>) -> Result<Option<Row>, Error> {
        let Some(lid) = lid else { return Ok(None) };
        self.row(sqlx::query("select * from people where lid = $1").bind(lid))
            .await?
            .as_ref()
            .map(read)
            .transpose()
    }

    /// The person when nothing about them is new.
    async fn known_person(&mut self, phone: Option<&str>, lid: Option<&str>) -> Result<Option<ContactId>, Error> {
        let found = match lid {
            Some(_) => self.person_by_lid(lid).await?,
            None => self.person_by_phone(phone).await?,
        };
        Ok(found
            .map(|row| row.person)
            .filter(|person| phone.is_none() || person.phone.as_deref() == phone)
            .map(|p| p.contact))
    }

    async fn settle_person(&mut self, phone: Option<&str>, lid: Option<&str>) -> Result<ContactId, Error> {
        let mut by_phone = self.person_by_phone(phone).await?;
        let by_lid = self.person_by_lid(lid).await?;
        if let (Some(row), Some(lid)) = (&by_phone, lid)
            && row.person.lid.as_deref().is_some_and(|other| other != lid)
        {
            // Another account has the number now.
            self.set_person(row.id, None, row.person.lid.as_deref()).await?;
            by_phone = None;
        }
        match (by_phone, by_lid) {
            (None, None) => self.insert_person(phone, lid).await,
            (Some(row), None) => {
                self.set_person(row.id, phone, lid.or(row.person.lid.as_deref()))
                    .await?;
                Ok(row.person.contact)
            }
            (None, Some(row)) => {
                self.set_person(row.id, phone.or(row.person.phone.as_deref()), lid)
                    .await?;
                Ok(row.person.contact)
            }
            (Some(row), Some(same)) if row.id == same.id => Ok(row.person.contact),
            (Some(a), Some(b)) => {
                let (older, younger) = if a.id < b.id { (a, b) } else { (b, a) };
                self.merge_people(&older, &younger).await?;
                self.set_person(older.id, phone, lid).await?;
                Ok(older.person.contact)
            }
        }
    }

    /// The name for life behind a name that was given up, if it was.
    pub(crate) async fn find_alias(&mut self, contact: &ContactId) -> Result<Option<ContactId>, Error> {
        let query = sqlx::query("select * from person_aliases where alias = $1").bind(text(contact.as_str()));
        let row = self.row(query).await?;
        row.as_ref()
            .map(|row| {
                Columns::new(row, "person_aliases", "alias")
                    .text("contact")
                    .map(ContactId::from_adapter)
            })
            .transpose()
    }

    /// The names that were given up for this one.
    pub(crate) async fn list_aliases(&mut self, contact: &ContactId) -> Result<Vec<ContactId>, Error> {
        let query =
            sqlx::query("select * from person_aliases where contact = $1 order by alias").bind(text(contact.as_str()));
        self.rows(query)
            .await?
            .iter()
            .map(|row| {
                Columns::new(row, "person_aliases", "alias")
                    .text("alias")
                    .map(ContactId::from_adapter)
            })
            .collect()
    }

    async fn set_person(&mut self, id: i64, phone: Option<&str>, lid: Option<&str>) -> Result<(), Error> {
        let query = sqlx::query("update people set phone = $2, lid = $3 where id = $1")
            .bind(id)
            .bind(phone)
            .bind(lid);
        self.execute(query).await.map(drop)
    }

    /// What is known under the name of `younger` is known under that of `older` from now on.
    async fn merge_people(&mut self, older: &Row, younger: &Row) -> Result<(), Error> {
        let (kept, gone) = (older.person.contact.as_str(), younger.person.contact.as_str());
        let aliases = sqlx::query("update person_aliases set contact = $1 where contact = $2")
            .bind(kept)
            .bind(gone);
        self.execute(aliases).await?;
        self.execute(sqlx::query("delete from people where id = $1").bind(younger.id))
            .await?;
        let alias = sqlx::query("insert into person_aliases (alias, contact) values ($1, $2)")
            .bind(gone)
            .bind(kept);
        self.execute(alias).await?;
        // Who has one name has one vote.
        let votes = sqlx::query("update votes set sender = $1 where sender = $2")
            .bind(sender(&Sender::Contact(older.person.contact.clone())))
            .bind(sender(&Sender::Contact(younger.person.contact.clone())));
        self.execute(votes).await?;
        let name =
            sqlx::query("update people set name = coalesce(name, $2), business = coalesce(business, $3) where id = $1")
                .bind(older.id)
                .bind(younger.person.name.as_deref())
                .bind(younger.person.business.as_deref());
        self.execute(name).await.map(drop)
    }

    async fn insert_person(&mut self, phone: Option<&str>, lid: Option<&str>) -> Result<ContactId, Error> {
        let contact = self.free_contact(phone, lid).await?;
        let query = sqlx::query("insert into people (contact, phone, lid) values ($1, $2, $3)")
            .bind(contact.as_str())
            .bind(phone)
            .bind(lid);
        self.execute(query).await?;
        Ok(ContactId::from_adapter(contact))
    }

    /// The first name for a new person that nobody has or had. A number that moved to another account has a ghost and
    /// rooms under its plain name already, and those are the former owner's.
    async fn free_contact(&mut self, phone: Option<&str>, lid: Option<&str>) -> Result<String, Error> {
        let plain = phone.map(str::to_owned);
        let by_lid = lid.map(|lid| format!("lid_{lid}"));
        let numbered = phone
            .into_iter()
            .flat_map(|phone| (2..=i32::MAX).map(move |n| format!("{phone}_{n}")));
        for contact in plain.into_iter().chain(by_lid).chain(numbered) {
            let query = sqlx::query(
                "select contact from people where contact = $1 union select alias from person_aliases where alias = $1",
            )
            .bind(contact.as_str());
            if self.row(query).await?.is_none() {
                return Ok(contact);
            }
        }
        Err(Error::Corrupt {
            table: "people",
            column: "contact",
            id: lid.unwrap_or_default().to_owned(),
        })
    }
}
