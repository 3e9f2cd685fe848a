//! What becomes of messages later: media that webhooks were promised, pins that run out.

use super::{
    Error, Tx,
    messages::named,
    types::{Columns, sender},
};
use crate::model::{MessageRef, PortalKey, Timestamp};

impl Tx {
    /// Remembers that webhooks were told of a message whose media may still come.
    pub(crate) async fn promise_media(&mut self, portal: &PortalKey, message: &MessageRef) -> Result<(), Error> {
        let statement = "update messages set media_promised = 1 \
             where device = $1 and chat = $2 and message = $3 and sender = $4";
        let query = named(statement, portal, &message.id).bind(sender(&message.sender));
        self.execute(query).await.map(drop)
    }

    /// Whether webhooks were told of a message whose media may still come.
    pub(crate) async fn is_media_promised(&mut self, portal: &PortalKey, message: &MessageRef) -> Result<bool, Error> {
        let statement = "select 1 from messages \
             where device = $1 and chat = $2 and message = $3 and sender = $4 and media_promised = 1";
        let query = named(statement, portal, &message.id).bind(sender(&message.sender));
        Ok(self.row(query).await?.is_some())
    }

    /// Remembers until when a message stands at the top of its chat; `None`: it does not, or without an end.
    pub(crate) async fn set_pinned_until(
        &mut self,
        portal: &PortalKey,
        message: &MessageRef,
        until: Option<Timestamp>,
    ) -> Result<(), Error> {
        let statement = "update messages set pinned_until = $5 \
             where device = $1 and chat = $2 and message = $3 and sender = $4";
        let query = named(statement, portal, &message.id)
            .bind(sender(&message.sender))
            .bind(until.map(Timestamp::millis));
        self.execute(query).await.map(drop)
    }

    /// Until when a message stands at the top of its chat, where that has an end.
    pub(crate) async fn find_pinned_until(
        &mut self,
        portal: &PortalKey,
        message: &MessageRef,
    ) -> Result<Option<Timestamp>, Error> {
        let statement = "select * from messages where device = $1 and chat = $2 and message = $3 and sender = $4";
        let query = named(statement, portal, &message.id).bind(sender(&message.sender));
        match self.row(query).await? {
            Some(row) => Columns::new(&row, "messages", "message").maybe_time("pinned_until"),
            None => Ok(None),
        }
    }
}
