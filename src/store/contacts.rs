//! How the owner of an identity spelled a contact when writing to it by REST: its webhooks hear the same spelling.

use super::{
    Error, Tx,
    types::{Columns, text},
};
use crate::model::{ContactId, IdentityId};

impl Tx {
    /// Remembers the spelling used last.
    pub(crate) async fn set_spelling(
        &mut self,
        identity: IdentityId,
        contact: &ContactId,
        spelling: &str,
    ) -> Result<(), Error> {
        let query = sqlx::query(
            "insert into spellings (identity, contact, spelling) values ($1, $2, $3) \
             on conflict (identity, contact) do update set spelling = excluded.spelling",
        )
        .bind(identity.to_string())
        .bind(text(contact.as_str()))
        .bind(text(spelling));
        self.execute(query).await.map(drop)
    }

    /// The spelling used last, if this contact was ever written to by REST.
    pub(crate) async fn find_spelling(
        &mut self,
        identity: IdentityId,
        contact: &ContactId,
    ) -> Result<Option<String>, Error> {
        let query = sqlx::query("select * from spellings where identity = $1 and contact = $2")
            .bind(identity.to_string())
            .bind(text(contact.as_str()));
        let row = self.row(query).await?;
        row.as_ref()
            .map(|row| Columns::new(row, "spellings", "contact").text("spelling"))
            .transpose()
    }
}
