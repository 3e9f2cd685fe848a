//! The use cases of chats and messages as resources: each of them asks whose it is, and passes on.
//!
//! The REST door calls these beside those of `Bridge` in the door of this room. No logic.

use super::{
    Bridge, Error, MessageFate, Page, ReadChat, Wanted, WantedChat, WholeChat, chat_changes, chats, forgetting,
    message_fate, reading,
};
use crate::model::{IdentityId, Timestamp};

impl Bridge {
    /// The time, as everything that is stored has it.
    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock().now()
    }

    /// A page of the chats of all devices of an identity, the newest first.
    ///
    /// # Errors
    /// `Invalid` when there is no such page.
    pub(crate) async fn list_all_chats(&self, identity: IdentityId, wanted: &Wanted) -> Result<Page<ReadChat>, Error> {
        reading::all_chats(&self.0, identity, wanted).await
    }

    /// A chat of an identity, by its room or its name.
    ///
    /// # Errors
    /// `NotFound`.
    pub(crate) async fn chat(&self, identity: IdentityId, chat: &str) -> Result<WholeChat, Error> {
        chats::show(&self.0, identity, chat).await
    }

    /// Accepts that something about a chat shall be otherwise: all of it or nothing.
    ///
    /// # Errors
    /// `NotFound`, `NotLinked`, `Refused` when the chat has no such thing or the owner no say in it.
    pub(crate) async fn change_chat(
        &self,
        identity: IdentityId,
        chat: &str,
        wanted: WantedChat,
    ) -> Result<WholeChat, Error> {
        chat_changes::accept(&self.0, identity, chat, wanted).await
    }

    /// Accepts that a chat is read, all of it or up to a message; how many messages stay unread.
    ///
    /// # Errors
    /// `NotFound`, `NotLinked`, `Invalid` when there is no such message.
    pub(crate) async fn read_chat(&self, identity: IdentityId, chat: &str, up_to: Option<&str>) -> Result<u32, Error> {
        chats::read(&self.0, identity, chat, up_to).await
    }

    /// A message of a chat, and what became of it.
    ///
    /// # Errors
    /// `NotFound`.
    pub(crate) async fn message_fate(
        &self,
        identity: IdentityId,
        chat: &str,
        message: &str,
    ) -> Result<MessageFate, Error> {
        message_fate::find(&self.0, identity, chat, message).await
    }

    /// Accepts that a message is deleted on the owner's own devices only, with all that stands in its event.
    ///
    /// # Errors
    /// `NotFound`, `NotLinked`.
    pub(crate) async fn forget_message(
        &self,
        identity: IdentityId,
        chat: &str,
        message: &str,
    ) -> Result<MessageFate, Error> {
        forgetting::accept(&self.0, identity, chat, message).await
    }
}
