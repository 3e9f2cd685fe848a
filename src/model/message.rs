//! What can happen in a chat: one enum for both directions, so that a new kind stops the compiler in every converter.

use serde::{Deserialize, Serialize};

use super::{ContactId, MessageId};

/// Something done in a chat.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    /// A new message.
    Say(Say),
    /// Somebody began or stopped typing. Never stored, never a job.
    Typing(bool),
    /// Messages up to here were read. Never stored, never a job.
    Read(Vec<MessageRef>),
}

/// A new message and what it answers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Say {
    /// What it says.
    pub(crate) content: Content,
    /// The message it answers.
    pub(crate) reply_to: Option<Quote>,
}

/// What a message holds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Content {
    /// Words.
    Text(String),
    /// Something this version cannot carry, by the name people know it under ("image", "poll").
    Unsupported(String),
}

impl Content {
    /// The words in it, if any.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Unsupported(_) => None,
        }
    }
}

/// A message that was said in the same chat before.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub(crate) struct MessageRef {
    /// Its id.
    pub(crate) id: MessageId,
    /// Who said it.
    pub(crate) sender: Sender,
}

/// Who said something in a chat.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Sender {
    /// The owner of the device, from any of their devices or through us.
    Owner,
    /// Somebody else.
    Contact(ContactId),
}

/// The message a reply answers, with what is known of its content so that the quote is never blank.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Quote {
    /// Which message; the sender may be unknown on the way in.
    pub(crate) id: MessageId,
    /// Who said it.
    pub(crate) sender: Option<Sender>,
    /// What it said.
    pub(crate) text: Option<String>,
}
