//! How the owner marks a chat, for themselves alone.

use serde::{Deserialize, Serialize};

use super::Timestamp;

/// One mark on a chat.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ChatMark {
    /// Whether it makes a sound.
    Muted(Mute),
    /// Held above the others.
    Pinned(bool),
    /// Put away.
    Archived(bool),
    /// Marked as not read, whatever was read; taken off, everything in it is read.
    Unread(bool),
}

/// Whether a chat is silent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mute {
    /// It is not.
    #[default]
    No,
    /// Until somebody says otherwise.
    Forever,
    /// Until then.
    Until(Timestamp),
}

/// All marks of a chat.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct ChatMarks {
    /// Whether it makes a sound.
    pub(crate) muted: Mute,
    /// Held above the others.
    pub(crate) pinned: bool,
    /// Put away.
    pub(crate) archived: bool,
    /// Marked as not read.
    pub(crate) unread: bool,
}

impl ChatMarks {
    /// With one more mark, or one less. A chat is not put away and held above the others at once.
    #[must_use]
    pub(crate) fn with(self, mark: ChatMark) -> Self {
        match mark {
            ChatMark::Muted(muted) => Self { muted, ..self },
            ChatMark::Pinned(pinned) => Self {
                pinned,
                archived: self.archived && !pinned,
                ..self
            },
            ChatMark::Archived(archived) => Self {
                archived,
                pinned: self.pinned && !archived,
                ..self
            },
            ChatMark::Unread(unread) => Self { unread, ..self },
        }
    }

    /// Whether the chat is silent at that time.
    pub(crate) fn is_muted(&self, now: Timestamp) -> bool {
        match self.muted {
            Mute::No => false,
            Mute::Forever => true,
            Mute::Until(end) => now < end,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_away_is_not_above_the_others() {
        let pinned = ChatMarks::default().with(ChatMark::Pinned(true));
        let away = pinned.with(ChatMark::Archived(true));
        assert!(away.archived && !away.pinned);
        let back = away.with(ChatMark::Pinned(true));
        assert!(back.pinned && !back.archived);
        assert!(!away.with(ChatMark::Archived(false)).pinned);
    }

    #[test]
    fn a_silence_ends_by_itself() {
        let until = ChatMarks::default().with(ChatMark::Muted(Mute::Until(Timestamp::from_secs(10))));
        assert!(until.is_muted(Timestamp::from_secs(9)));
        assert!(!until.is_muted(Timestamp::from_secs(10)));
    }
}
