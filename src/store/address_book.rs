//! The names that owners of devices gave to people. They answer questions of that owner and are shown to nobody else.

use super::{
    Error, Tx,
    types::{Columns, text},
};
use crate::model::{ContactId, DeviceId};

impl Tx {
    /// Remembers by which name an owner calls a contact; `None`: by none.
    pub(crate) async fn set_address_book_name(
        &mut self,
        device: DeviceId,
        contact: &ContactId,
        name: Option<&str>,
    ) -> Result<(), Error> {
        let Some(name) = name else {
            let query = sqlx::query("delete from address_book where device = $1 and contact = $2")
                .bind(device.to_string())
                .bind(text(contact.as_str()));
            return self.execute(query).await.map(drop);
        };
        let query = sqlx::query(
            "insert into address_book (device, contact, name, folded) values ($1, $2, $3, $4) \
             on conflict (device, contact) do update set name = excluded.name, folded = excluded.folded",
        )
        .bind(device.to_string())
        .bind(text(contact.as_str()))
        .bind(text(name))
        .bind(text(&name.to_lowercase()));
        self.execute(query).await.map(drop)
    }

    /// Forgets all names of a device, and remembers these.
    pub(crate) async fn replace_address_book(
        &mut self,
        device: DeviceId,
        names: &[(ContactId, String)],
    ) -> Result<(), Error> {
        let query = sqlx::query("delete from address_book where device = $1").bind(device.to_string());
        self.execute(query).await?;
        for (contact, name) in names {
            self.set_address_book_name(device, contact, Some(name)).await?;
        }
        Ok(())
    }

    /// By which name an owner calls a contact.
    pub(crate) async fn find_address_book_name(
        &mut self,
        device: DeviceId,
        contact: &ContactId,
    ) -> Result<Option<String>, Error> {
        let query = sqlx::query("select * from address_book where device = $1 and contact = $2")
            .bind(device.to_string())
            .bind(text(contact.as_str()));
        let row = self.row(query).await?;
        row.as_ref()
            .map(|row| Columns::new(row, "address_book", "contact").text("name"))
            .transpose()
    }

    /// Whom the address book of a device names with these words, in the order of names; everybody for no words.
    pub(crate) async fn search_address_book(
        &mut self,
        device: DeviceId,
        words: &str,
        limit: u32,
    ) -> Result<Vec<(ContactId, String)>, Error> {
        // No pattern: what people type may contain its signs. A name without these words keeps all its letters.
        let query = sqlx::query(
            "select * from address_book where device = $1 and ($2 = '' or replace(folded, $2, '') <> folded) \
             order by folded, contact limit $3",
        )
        .bind(device.to_string())
        .bind(text(&words.to_lowercase()))
        .bind(i64::from(limit));
        self.rows(query)
            .await?
            .iter()
            .map(|row| {
                let row = Columns::new(row, "address_book", "contact");
                Ok((ContactId::from_adapter(row.text("contact")?), row.text("name")?))
            })
            .collect()
    }

    /// How many people the address book of a device names.
    pub(crate) async fn count_address_book(&mut self, device: DeviceId) -> Result<i64, Error> {
        let query =
            sqlx::query("select count(*) as number from address_book where device = $1").bind(device.to_string());
        self.number(query).await
    }
}
