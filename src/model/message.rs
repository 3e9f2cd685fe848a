//! What can happen in a chat: one enum for both directions, so that a new kind stops the compiler in every converter.
//!
//! What a message holds is in [`super::content`].

use serde::{Deserialize, Serialize};

use super::{ChatMark, ContactId, Content, Course, GroupChange, MessageId, Timestamp};

/// Something done in a chat.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    /// A new message.
    Say(Say),
    /// Other content for a message that the same sender said before.
    Edit {
        /// Which message.
        target: MessageRef,
        /// What it says from now on.
        content: Content,
    },
    /// One person's mark on a message; each person has at most one there.
    React {
        /// Which message.
        target: MessageRef,
        /// The mark; `None` takes it away.
        emoji: Option<String>,
    },
    /// A message is taken back for everyone, by who said it or by an administrator of the group.
    Delete {
        /// Which message.
        target: MessageRef,
    },
    /// A message disappears from the owner's own devices only.
    Forget {
        /// Which message.
        target: MessageRef,
    },
    /// One person's choice in a poll; it replaces the one before.
    Vote {
        /// The message that is the poll.
        poll: MessageRef,
        /// The names of the chosen options; none takes the vote back.
        options: Vec<String>,
    },
    /// Somebody adds an option to a poll, whoever asked it.
    AddOption {
        /// The message that is the poll.
        poll: MessageRef,
        /// The name of the option.
        option: String,
    },
    /// No more votes in a poll.
    EndPoll {
        /// The message that is the poll.
        poll: MessageRef,
    },
    /// One person's answer to an appointment.
    Attend {
        /// The message that is the appointment.
        appointment: MessageRef,
        /// Whether they come.
        answer: Attendance,
        /// How many come with them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        guests: Option<u32>,
    },
    /// A message is held at the top of the chat, or no longer.
    Pin {
        /// Which message.
        target: MessageRef,
        /// Held or not.
        pinned: bool,
        /// For how long, in seconds; without it there is no end.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seconds: Option<u32>,
    },
    /// A message is kept from disappearing, or no longer.
    Keep {
        /// Which message.
        target: MessageRef,
        /// Kept or not.
        kept: bool,
    },
    /// The sharer of a live location is somewhere else now.
    Move {
        /// The message that shares the location.
        target: MessageRef,
        /// Where it is now.
        place: super::Place,
        /// How far it has come.
        #[serde(default, skip_serializing_if = "Course::is_at_its_beginning")]
        course: Course,
    },
    /// The sharer of a live location is somewhere else now, and only the owner's phone is told where.
    Stray,
    /// Something that is sealed with the secret of the message it is about, which is not here. The network opens it as
    /// soon as it is.
    Sealed {
        /// Which message.
        target: MessageRef,
        /// What it is.
        kind: SealedKind,
        /// All that the network needs to open it.
        envelope: String,
    },
    /// New messages of the chat disappear after so many seconds from now on; `None`: they stay.
    Timer(Option<u32>),
    /// The whole chat disappears from the owner's own devices.
    Discard,
    /// What was said in the chat disappears from the owner's own devices; the chat stays.
    Clear {
        /// What was said until then.
        until: Timestamp,
    },
    /// Something happens to the group that the chat is.
    Group(GroupChange),
    /// Somebody began or stopped typing. Never stored, never a job.
    Typing(Typing),
    /// The owner marks the chat, for themselves alone.
    Mark(ChatMark),
    /// The owner's address book has this name for the other person of the chat, or none any more.
    Name(Option<String>),
    /// Messages were read by the owner. Not a job by itself: what was read is found when it is told.
    Read {
        /// Which messages.
        messages: Vec<MessageRef>,
        /// Who said them is not told, only the owner's other devices.
        quietly: bool,
    },
}

impl Action {
    /// What people call it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Say(_) => "message",
            Self::Edit { .. } => "edit",
            Self::React { .. } => "reaction",
            Self::Delete { .. } | Self::Forget { .. } => "deletion",
            Self::Vote { .. } => "vote",
            Self::AddOption { .. } => "option of a poll",
            Self::EndPoll { .. } => "end of a poll",
            Self::Attend { .. } => "answer to an event",
            Self::Pin { .. } => "pin",
            Self::Keep { .. } => "keeping of a message",
            Self::Move { .. } | Self::Stray => "live location",
            Self::Sealed { kind, .. } => kind.name(),
            Self::Timer(_) => "timer of disappearing messages",
            Self::Discard => "deletion of the chat",
            Self::Clear { .. } => "deletion of what was said",
            Self::Group(change) => change.name(),
            Self::Typing(_) => "typing notice",
            Self::Mark(_) => "mark on a chat",
            Self::Name(_) => "name of an address book",
            Self::Read { .. } => "read receipt",
        }
    }

    /// What it is in a word, and its words.
    pub(crate) fn summary(&self) -> (&str, Option<&str>) {
        match self {
            Self::Say(said) => (said.content.kind(), said.content.text()),
            Self::Edit { content, .. } => (self.name(), content.text()),
            Self::React { emoji, .. } => (self.name(), emoji.as_deref()),
            Self::Delete { .. }
            | Self::Forget { .. }
            | Self::Vote { .. }
            | Self::AddOption { .. }
            | Self::EndPoll { .. }
            | Self::Attend { .. }
            | Self::Pin { .. }
            | Self::Keep { .. }
            | Self::Move { .. }
            | Self::Stray
            | Self::Sealed { .. }
            | Self::Group(_)
            | Self::Discard
            | Self::Clear { .. }
            | Self::Mark(_)
            | Self::Name(_)
            | Self::Timer(_)
            | Self::Typing(_)
            | Self::Read { .. } => (self.name(), None),
        }
    }
}

/// What is sealed with the secret of another message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SealedKind {
    /// A vote in a poll.
    Vote,
    /// An answer to an appointment.
    Answer,
    /// Other content for a message.
    Edit,
    /// One more option of a poll.
    Option,
    /// A mark on a message.
    Mark,
    /// Words under a message.
    Comment,
}

impl SealedKind {
    /// What people call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Vote => "vote",
            Self::Answer => "answer to an event",
            Self::Edit => "edit",
            Self::Option => "option of a poll",
            Self::Mark => "reaction",
            Self::Comment => "comment",
        }
    }
}

/// A new message and what stands around it.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Say {
    /// What it says.
    pub(crate) content: Content,
    /// The message it answers.
    pub(crate) reply_to: Option<Quote>,
    /// It was passed on from another chat.
    #[serde(default)]
    pub(crate) forwarded: bool,
    /// It disappears so many seconds after it was said.
    #[serde(default)]
    pub(crate) expires_in: Option<u32>,
    /// Since when that is the timer of the chat, where that is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) timer_at: Option<Timestamp>,
    /// The message whose thread it belongs to.
    #[serde(default)]
    pub(crate) thread: Option<MessageRef>,
    /// The album it belongs to, by the message that announced it.
    #[serde(default)]
    pub(crate) album: Option<MessageId>,
}

impl Say {
    /// A message of this content and nothing around it.
    pub(crate) fn new(content: Content) -> Self {
        Self {
            content,
            ..Self::default()
        }
    }
}

/// Whether somebody is about to say something.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Typing {
    /// Writes words.
    Writing,
    /// Records their voice.
    Recording,
    /// Stopped.
    Stopped,
}

/// Whether somebody comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Attendance {
    /// Comes.
    Yes,
    /// Does not.
    No,
    /// Perhaps.
    Maybe,
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
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Quote {
    /// Which message; the sender may be unknown on the way in.
    pub(crate) id: MessageId,
    /// Who said it.
    pub(crate) sender: Option<Sender>,
    /// What it said.
    pub(crate) text: Option<String>,
    /// The whole of what it said, where that is known and more than words.
    #[serde(default)]
    pub(crate) content: Option<Box<Content>>,
}
