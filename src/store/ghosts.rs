//! Ghosts: the Matrix users that show contacts.

use ruma::OwnedUserId;
use sqlx::any::AnyRow;

use super::{
    Error, Tx,
    types::{Columns, maybe, text},
};
use crate::model::{ContactId, Timestamp};

/// The Matrix user of a contact.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Ghost {
    /// Whom it shows.
    pub(crate) contact: ContactId,
    /// The Matrix user.
    pub(crate) user: OwnedUserId,
    /// Its device on the homeserver.
    pub(crate) device: String,
    /// Its name, as last set on the homeserver.
    pub(crate) name: Option<String>,
    /// The homeserver knows it.
    pub(crate) registered: bool,
    /// The picture it shows, by the network's name for it; empty: it shows none.
    pub(crate) picture: Option<String>,
    /// When the network was asked last what the contact looks like.
    pub(crate) asked_at: Option<Timestamp>,
}

fn read(row: &AnyRow) -> Result<Ghost, Error> {
    let row = Columns::new(row, "ghosts", "contact");
    Ok(Ghost {
        contact: ContactId::from_adapter(row.text("contact")?),
        user: row.parsed("user_id")?,
        device: row.text("device")?,
        name: row.maybe_text("name")?,
        registered: row.flag("registered")?,
        picture: row.maybe_text("picture")?,
        asked_at: row.maybe_time("asked_at")?,
    })
}

impl Tx {
    /// The ghost of a contact.
    pub(crate) async fn find_ghost(&mut self, contact: &ContactId) -> Result<Option<Ghost>, Error> {
        let query = sqlx::query("select * from ghosts where contact = $1").bind(text(contact.as_str()));
        self.row(query).await?.as_ref().map(read).transpose()
    }

    /// The network is being asked what the contact looks like.
    pub(crate) async fn set_ghost_asked(&mut self, contact: &ContactId) -> Result<(), Error> {
        let query = sqlx::query("update ghosts set asked_at = $2 where contact = $1")
            .bind(text(contact.as_str()))
            .bind(self.now().millis());
        self.execute(query).await.map(drop)
    }

    /// Remembers what a ghost looks like.
    pub(crate) async fn set_ghost_face(
        &mut self,
        contact: &ContactId,
        name: Option<&str>,
        picture: Option<&str>,
    ) -> Result<(), Error> {
        let query = sqlx::query("update ghosts set name = $2, picture = $3 where contact = $1")
            .bind(text(contact.as_str()))
            .bind(maybe(name))
            .bind(maybe(picture));
        self.execute(query).await.map(drop)
    }

    /// Adds a ghost or changes who it is; what it looks like has a method of its own.
    ///
    /// # Errors
    /// `Taken("ghost")` when its Matrix user shows somebody else.
    pub(crate) async fn upsert_ghost(&mut self, ghost: &Ghost) -> Result<(), Error> {
        let query = sqlx::query(
            "insert into ghosts (contact, user_id, device, name, registered) values ($1, $2, $3, $4, $5) \
             on conflict (contact) do update set user_id = excluded.user_id, device = excluded.device, \
             name = excluded.name, registered = excluded.registered",
        )
        .bind(text(ghost.contact.as_str()))
        .bind(ghost.user.as_str())
        .bind(text(&ghost.device))
        .bind(maybe(ghost.name.as_deref()))
        .bind(i64::from(ghost.registered));
        self.execute(query)
            .await
            .map_err(|error| error.or_taken("ghost"))
            .map(drop)
    }
}
