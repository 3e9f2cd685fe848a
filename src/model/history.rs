//! What a network tells of the time before: chats as they stand, and what was said in them.

use super::{ChatId, ChatKind, ChatMarks, MessageId, Mute, Reached, Say, Sender, Timestamp};

/// From here on a silence that a phone told of has no end: some write the year 9999.
const FOREVER: Timestamp = Timestamp::from_secs(253_370_764_800);

/// Some of what a network tells of the time before.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Past {
    /// The chats, each with some of its messages; the same chat may come again.
    pub(crate) chats: Vec<PastChat>,
    /// Where to go on; `None`: that was all of this part.
    pub(crate) next: Option<u64>,
    /// How much of everything is told with this part, in percent, where the network says so.
    pub(crate) progress: Option<u32>,
}

/// A chat as it stood.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct PastChat {
    /// Which chat.
    pub(crate) chat: ChatId,
    /// Its kind.
    pub(crate) kind: ChatKind,
    /// What is known of it; `None` where only messages are told.
    pub(crate) facts: Option<ChatFacts>,
    /// What was said in it, in no order.
    pub(crate) messages: Vec<PastMessage>,
}

/// How a chat stood.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "these are the marks that a chat can have")]
pub(crate) struct ChatFacts {
    /// Its title; for direct chats the name that the owner gave the person.
    pub(crate) name: Option<String>,
    /// How many messages the owner has not read.
    pub(crate) unread: u32,
    /// The owner marked it as unread.
    pub(crate) marked_unread: bool,
    /// It is archived.
    pub(crate) archived: bool,
    /// The owner can only read in it.
    pub(crate) read_only: bool,
    /// Since when it is pinned.
    pub(crate) pinned_at: Option<Timestamp>,
    /// Until when it is muted.
    pub(crate) muted_until: Option<Timestamp>,
    /// Seconds after which new messages disappear.
    pub(crate) timer: Option<u32>,
    /// Since when that is so.
    pub(crate) timer_at: Option<Timestamp>,
    /// The network has nothing older than what is told.
    pub(crate) is_whole: bool,
    /// When something was said last.
    pub(crate) last_at: Option<Timestamp>,
}

impl ChatFacts {
    /// Its marks, as the network told them.
    pub(crate) fn marks(&self) -> ChatMarks {
        ChatMarks {
            muted: match self.muted_until {
                None => Mute::No,
                Some(end) if end >= FOREVER => Mute::Forever,
                Some(end) => Mute::Until(end),
            },
            pinned: self.pinned_at.is_some(),
            archived: self.archived,
            unread: self.marked_unread,
        }
    }
}

/// A message of before.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct PastMessage {
    /// Its id.
    pub(crate) id: MessageId,
    /// Who said it.
    pub(crate) sender: Sender,
    /// When.
    pub(crate) at: Timestamp,
    /// What was said, as it was edited last; `None`: it was taken back.
    pub(crate) said: Option<Say>,
    /// The owner starred it.
    pub(crate) starred: bool,
    /// Somebody keeps it from disappearing.
    pub(crate) kept: bool,
    /// How far a message of the owner came.
    pub(crate) reached: Option<Reached>,
    /// People's marks on it.
    pub(crate) marks: Vec<PastMark>,
}

/// A person's mark on a message of before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct PastMark {
    /// Whose.
    pub(crate) sender: Sender,
    /// The mark.
    pub(crate) emoji: String,
    /// Since when.
    pub(crate) at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_year_9999_is_for_ever() {
        let end = Timestamp::parse_rfc3339("9999-12-31T23:59:59Z").unwrap();
        let facts = |muted_until| ChatFacts {
            muted_until,
            ..ChatFacts::default()
        };
        assert_eq!(facts(Some(end)).marks().muted, Mute::Forever);
        let soon = Timestamp::from_secs(2_000_000_000);
        assert_eq!(facts(Some(soon)).marks().muted, Mute::Until(soon));
        assert_eq!(FOREVER.rfc3339(), "9999-01-01T00:00:00Z");
    }
}
