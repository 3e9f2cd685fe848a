//! What stands around a message: what it answers, its thread, its album. Kept because it is needed again when other
//! content takes the place of the message, and because what is done to an album is done to its pictures.

use serde::{Deserialize, Serialize};

use super::{
    Error, Tx,
    messages::{self, DELETED, Message},
    types::{Columns, maybe, sender, text},
};
use crate::model::{MessageId, MessageRef, PortalKey, Quote, Sender};

/// What stands around a message in its room.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Frame {
    /// It was passed on from another chat.
    pub(crate) forwarded: bool,
    /// The message it answers; with what that said only where no row has it.
    pub(crate) reply_to: Option<Quote>,
    /// Its events are no answers: what it answers stands over its words.
    pub(crate) in_words: bool,
    /// The message whose thread it belongs to.
    pub(crate) thread: Option<MessageRef>,
    /// The album it belongs to, by the message that announced it.
    #[serde(skip)]
    pub(crate) album: Option<MessageId>,
}

impl Tx {
    /// Remembers what stands around a message.
    pub(crate) async fn set_message_frame(
        &mut self,
        portal: &PortalKey,
        id: &MessageId,
        from: &Sender,
        frame: &Frame,
    ) -> Result<(), Error> {
        let bare = Frame {
            album: frame.album.clone(),
            ..Frame::default()
        };
        let json = (*frame != bare).then(|| serde_json::to_string(frame).unwrap_or_default());
        let statement = "update messages set frame = $5, album = $6 \
             where device = $1 and chat = $2 and message = $3 and sender = $4";
        let query = messages::named(statement, portal, id)
            .bind(sender(from))
            .bind(maybe(json.as_deref()))
            .bind(maybe(frame.album.as_ref().map(MessageId::as_str)));
        self.execute(query).await.map(drop)
    }

    /// Remembers which message another one answers.
    pub(crate) async fn set_message_reply(
        &mut self,
        portal: &PortalKey,
        (id, from): (&MessageId, &Sender),
        reply_to: &MessageId,
    ) -> Result<(), Error> {
        let statement =
            "update messages set reply_to = $5 where device = $1 and chat = $2 and message = $3 and sender = $4";
        let query = messages::named(statement, portal, id)
            .bind(sender(from))
            .bind(text(reply_to.as_str()));
        self.execute(query).await.map(drop)
    }

    /// What stands around a message.
    pub(crate) async fn find_message_frame(
        &mut self,
        portal: &PortalKey,
        id: &MessageId,
        from: &Sender,
    ) -> Result<Frame, Error> {
        let statement = "select message, frame, album from messages where device = $1 and chat = $2 and message = $3 and sender = $4";
        let query = messages::named(statement, portal, id).bind(sender(from));
        let Some(row) = self.row(query).await? else {
            return Ok(Frame::default());
        };
        let row = Columns::new(&row, "messages", "message");
        let frame: Option<Frame> = row.maybe_json("frame")?;
        Ok(Frame {
            album: row.maybe_text("album")?.map(MessageId::from_adapter),
            ..frame.unwrap_or_default()
        })
    }

    /// What was said under this id in any chat of the device and still stands; the oldest when several did.
    pub(crate) async fn find_message_anywhere(
        &mut self,
        portal: &PortalKey,
        id: &MessageId,
    ) -> Result<Option<Message>, Error> {
        let query = sqlx::query(
            "select * from messages where device = $1 and message = $2 and kind <> $3 order by at, chat, sender limit 1",
        )
        .bind(portal.device.to_string())
        .bind(text(id.as_str()))
        .bind(DELETED);
        self.row(query).await?.as_ref().map(messages::read).transpose()
    }

    /// The pictures and films of an album that still stand, those that a room shows first, in the order in which they
    /// came.
    pub(crate) async fn list_album(
        &mut self,
        portal: &PortalKey,
        album: &MessageId,
        from: &Sender,
    ) -> Result<Vec<Message>, Error> {
        let statement = "select * from messages where device = $1 and chat = $2 and album = $3 and sender = $4 \
             and kind <> $5 order by case when event is null then 1 else 0 end, stored_at, at, message";
        let query = messages::named(statement, portal, album)
            .bind(sender(from))
            .bind(DELETED);
        self.rows(query).await?.iter().map(messages::read).collect()
    }

    /// The first picture or film of an album that a room shows.
    pub(crate) async fn find_first_of_album(
        &mut self,
        portal: &PortalKey,
        album: &MessageId,
        from: &Sender,
    ) -> Result<Option<Message>, Error> {
        let all = self.list_album(portal, album, from).await?;
        Ok(all.into_iter().next().filter(|first| first.event.is_some()))
    }

    /// Forgets what answers repeat of a message that was taken back.
    pub(super) async fn forget_quotes(&mut self, portal: &PortalKey, id: &MessageId) -> Result<(), Error> {
        let query =
            sqlx::query("update messages set frame = null where device = $1 and reply_to = $2 and frame is not null")
                .bind(portal.device.to_string())
                .bind(text(id.as_str()));
        self.execute(query).await.map(drop)
    }
}
