//! The port to messaging networks: what every network must do, in words that fit all of them.
//!
//! The bridge calls [`Network`]; a network tells its news through the [`Intake`] it was given at birth and knows
//! nothing of who listens. Deliberately not here: names of any one network (one folder each) and bridging decisions.

#[cfg(test)]
#[cfg(feature = "simulator")]
mod contract;
#[cfg(test)]
pub(crate) mod fake;
pub(crate) mod whatsapp;

use std::{fmt::Debug, fs::File, time::Duration};

use async_trait::async_trait;
use futures_util::stream::BoxStream;

use crate::model::{
    Action, ChatId, ContactId, ContactInfo, DeviceId, Event, Group, Invitation, Media, MediaKind, MediaRef, MessageId,
    MessageRef, News, Past, PortalKey, Recipient, Timestamp,
};

/// One messaging network, with all devices linked to it.
#[async_trait]
pub(crate) trait Network: Send + Sync + Debug {
    /// What this network can do at all.
    fn capabilities(&self) -> Capabilities;

    /// The id of the message that `seed` (a Matrix event id, or our own id) becomes: always the same for one seed, so
    /// that sending again sends the same message.
    fn message_id(&self, seed: &str) -> MessageId;

    /// Begins to link `device`. Dropping the stream ends the attempt.
    ///
    /// # Errors
    /// `Unreachable` when the network cannot be asked, `Refused` when it does not want to.
    async fn link(&self, device: DeviceId, how: Linking) -> Result<LinkSteps, Error>;

    /// Answers a question of the attempt to link `device`.
    ///
    /// # Errors
    /// `NotFound` when no attempt runs, `Refused` when the answer is none or comes at the wrong time, `Unreachable`.
    async fn answer(&self, device: DeviceId, answer: LinkAnswer) -> Result<(), Error>;

    /// Follows the channel that a link leads to. Following it already is success.
    ///
    /// # Errors
    /// `NotFound` when the link is none of a channel, `Refused`, `NotLinked`, `Unreachable`.
    async fn follow(&self, device: DeviceId, link: &str) -> Result<ChatId, Error>;

    /// Follows a channel no more.
    ///
    /// # Errors
    /// `NotFound` when the chat is no channel, `Refused`, `NotLinked`, `Unreachable`.
    async fn unfollow(&self, device: DeviceId, chat: &ChatId) -> Result<(), Error>;

    /// Brings a linked device to life: returns as soon as its session runs; the state follows as news.
    ///
    /// # Errors
    /// `NotLinked` when there is no session to restore.
    async fn connect(&self, device: DeviceId) -> Result<(), Error>;

    /// Stops a device; its session stays linked.
    async fn disconnect(&self, device: DeviceId);

    /// Ends the session at the network as far as it can be reached, and forgets everything stored for it.
    ///
    /// # Errors
    /// `Unreachable` when the keys could not be forgotten.
    async fn unlink(&self, device: DeviceId) -> Result<(), Error>;

    /// Does `action` in a chat and returns when the network has taken it. Repeating it with the same id is harmless.
    ///
    /// # Errors
    /// `NotLinked`, `Unsupported`, `NotFound`, `Refused`, `RateLimited`, `Unreachable`.
    async fn act(&self, portal: &PortalKey, id: &MessageId, action: &Action) -> Result<(), Error>;

    /// Posts a status of the owner's own, or takes one back: to these people, as far as the owner's privacy lets them see
    /// it. Repeating it with the same id is harmless.
    ///
    /// # Errors
    /// As [`Network::act`].
    async fn post(
        &self,
        portal: &PortalKey,
        id: &MessageId,
        action: &Action,
        audience: &[ContactId],
    ) -> Result<(), Error>;

    /// The chat with a recipient. A link is not followed: [`Network::join`] does that.
    ///
    /// # Errors
    /// `NotFound` when nobody is there under that address, `NotMember` when the group behind a link is one that the device
    /// is not in.
    async fn find(&self, device: DeviceId, recipient: &Recipient) -> Result<ChatId, Error>;

    /// Goes into the group that somebody invited to in a message, and tells its chat. Repeating it is harmless.
    ///
    /// # Errors
    /// `NotFound` when the invitation is not valid any more, `Refused` when somebody must let us in first.
    async fn accept(&self, device: DeviceId, invitation: &Invitation, inviter: &ContactId) -> Result<ChatId, Error>;

    /// What is known of a group.
    ///
    /// # Errors
    /// `NotFound` when there is no such group (any more), `Refused` when the device is not in it, `NotLinked`,
    /// `RateLimited`, `Unreachable`.
    async fn group(&self, device: DeviceId, chat: &ChatId) -> Result<Group, Error>;

    /// All groups of the device, as [`Network::group`] tells them.
    ///
    /// # Errors
    /// `NotLinked`, `RateLimited`, `Unreachable`.
    async fn groups(&self, device: DeviceId) -> Result<Vec<(ChatId, Group)>, Error>;

    /// The picture of a group, or of the other person of a direct chat. `known` is the id of the one that is here
    /// already: the same is not fetched again.
    ///
    /// # Errors
    /// `NotFound`, `NotLinked`, `RateLimited`, `Unreachable`.
    async fn picture(&self, device: DeviceId, chat: &ChatId, known: Option<&str>) -> Result<Picture, Error>;

    /// What is known of a contact.
    ///
    /// # Errors
    /// `NotFound`, `Unreachable`.
    async fn contact(&self, device: DeviceId, contact: &ContactId) -> Result<ContactInfo, Error>;

    /// Who has these telephone numbers (digits only), each asked for anew; in their order, `None` when nobody is there.
    ///
    /// # Errors
    /// `NotLinked`, `RateLimited`, `Unreachable`.
    async fn who(&self, device: DeviceId, phones: &[String]) -> Result<Vec<Option<ContactId>>, Error>;

    /// The names that the owner gave to people, all of them, asked for anew; `None` when the network does not tell.
    ///
    /// # Errors
    /// `NotLinked`, `Unreachable`.
    async fn address_book(&self, device: DeviceId) -> Result<Option<Vec<(ContactId, String)>>, Error>;

    /// The name the network vouches for, such as a business has.
    ///
    /// # Errors
    /// `NotFound`, `NotLinked`, `RateLimited`, `Unreachable`.
    async fn verified_name(&self, device: DeviceId, contact: &ContactId) -> Result<Option<String>, Error>;

    /// The owner is there, or is not: a device that appears online hears who else is.
    ///
    /// # Errors
    /// `NotLinked`, `Unreachable`.
    async fn appear(&self, device: DeviceId, online: bool) -> Result<(), Error>;

    /// Asks to be told whether a contact is there, for as long as the connection lasts.
    ///
    /// # Errors
    /// `NotFound`, `NotLinked`, `Unreachable`.
    async fn watch(&self, device: DeviceId, contact: &ContactId) -> Result<(), Error>;

    /// Gives a group another picture, a square JPEG, or none; tells the id of the picture. Repeating it is harmless.
    ///
    /// # Errors
    /// As [`Network::act`].
    async fn set_picture(&self, portal: &PortalKey, jpeg: Option<Vec<u8>>) -> Result<Option<String>, Error>;

    /// Makes a group. Repeated, it finds the one that was made.
    ///
    /// # Errors
    /// `Refused`, `NotFound` when somebody cannot be written to, `NotLinked`, `RateLimited`, `Unreachable`.
    async fn create_group(&self, device: DeviceId, group: &NewGroup) -> Result<ChatId, Error>;

    /// The link by which people join a group.
    ///
    /// # Errors
    /// `Refused` when the device may not see it, `NotFound`, `NotLinked`, `RateLimited`, `Unreachable`.
    async fn invite_link(&self, portal: &PortalKey) -> Result<String, Error>;

    /// Goes into the group behind an invite link. Repeating it is harmless.
    ///
    /// # Errors
    /// `NotFound` when the link leads nowhere (any more), `Refused`, `NotLinked`, `RateLimited`, `Unreachable`.
    async fn join(&self, device: DeviceId, link: &str) -> Result<Joined, Error>;

    /// What is behind an invite link, without following it; [`Network::join`] follows.
    ///
    /// # Errors
    /// `NotFound` when it leads nowhere (any more), `NotLinked`, `RateLimited`, `Unreachable`.
    async fn look_behind(&self, device: DeviceId, link: &str) -> Result<Invited, Error>;

    /// Fetches media of this network into a file without a name, at its beginning; the bytes are those that the sender
    /// meant.
    ///
    /// # Errors
    /// `Gone` when the network has them no more (see [`Network::ask_again`]), `Refused` when they are not from here,
    /// `NotLinked`, `Unreachable`.
    async fn download(&self, device: DeviceId, media: &Media) -> Result<File, Error>;

    /// Brings a whole file to the network, for media of that kind. Repeating it is harmless.
    ///
    /// # Errors
    /// `Refused` when the network does not want it, `NotLinked`, `Unreachable`.
    async fn upload(&self, device: DeviceId, kind: MediaKind, file: File) -> Result<MediaRef, Error>;

    /// How large files may be that `device` sends, as the network said when it connected.
    ///
    /// # Errors
    /// `NotLinked`, `Unreachable`.
    async fn media_limits(&self, device: DeviceId) -> Result<MediaLimits, Error>;

    /// Asks the owner's phone to bring media of a message to the network again, and tells where they are now.
    ///
    /// # Errors
    /// `Gone` when the phone does not have them either, `Refused` when it cannot, `Unreachable` when it does not answer,
    /// `NotLinked`.
    async fn ask_again(&self, portal: &PortalKey, message: &MessageRef, media: &Media) -> Result<MediaRef, Error>;

    /// One page of a part of the time before, which the network keeps for us since it told the intake of it.
    ///
    /// # Errors
    /// `Gone` when there is no such part (any more), `NotLinked`, `Unreachable`.
    async fn past(&self, device: DeviceId, part: &str, from: u64) -> Result<Past, Error>;

    /// Forgets a part of the time before: all of it is stored. Repeating it is harmless.
    ///
    /// # Errors
    /// `Unreachable` when it could not be forgotten.
    async fn forget_past(&self, device: DeviceId, part: &str) -> Result<(), Error>;

    /// Forgets what it remembers of a message that was taken back, for its own sake: to send it again, to open answers.
    /// Repeating it is harmless.
    ///
    /// # Errors
    /// `Unreachable` when it could not be forgotten.
    async fn erase(&self, portal: &PortalKey, message: &MessageId) -> Result<(), Error>;

    /// The same for all messages of a chat.
    ///
    /// # Errors
    /// `Unreachable` when they could not be forgotten.
    async fn erase_chat(&self, portal: &PortalKey) -> Result<(), Error>;

    /// Asks for so many messages of a chat that are older than this one; they come as a part of the time before.
    ///
    /// # Errors
    /// `NotFound` when there is no such chat, `NotLinked`, `Unreachable`.
    async fn ask_for_older(&self, portal: &PortalKey, than: (&MessageRef, Timestamp), count: u32) -> Result<(), Error>;

    /// What came as [`Action::Sealed`], opened; `None` while the message that it is about is not here. Repeating it is
    /// harmless.
    ///
    /// # Errors
    /// `Refused` for what this network never sealed, `NotLinked`, `Unreachable`.
    async fn open(&self, event: &Event) -> Result<Option<Action>, Error>;

    /// Whether two references lead to the same file, wherever they find it.
    fn is_same_file(&self, one: &MediaRef, other: &MediaRef) -> bool;

    /// The name that shows a contact as a Matrix user, without the prefix of the namespace: `15550001111`, `lid_42`.
    /// The same for life.
    fn ghost_name(&self, contact: &ContactId) -> String;

    /// The contact behind such a name, known or not; `None` when it cannot be one.
    ///
    /// # Errors
    /// `Unreachable` when what is known could not be read.
    async fn contact_of_ghost(&self, name: &str) -> Result<Option<ContactId>, Error>;

    /// The chat with one contact alone.
    fn direct_chat(&self, contact: &ContactId) -> ChatId;

    /// The other person of a direct chat; `None` when the chat is none.
    fn direct_contact(&self, chat: &ChatId) -> Option<ContactId>;
}

/// The picture of a chat.
#[derive(Debug)]
pub(crate) enum Picture {
    /// There is none, or we may not see it.
    None,
    /// It is the one that is known.
    Same,
    /// It is another one.
    Another {
        /// Its id.
        id: String,
        /// The picture, in a file without a name, at its beginning.
        file: File,
    },
}

/// A group to be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct NewGroup {
    /// Its name.
    pub(crate) title: String,
    /// Who is in it beside the owner of the device.
    pub(crate) people: Vec<ContactId>,
    /// When it was asked for: one of that name that was made since is the same.
    pub(crate) asked_at: Timestamp,
    /// But for these, which were made for somebody else.
    pub(crate) others: Vec<ChatId>,
}

/// What became of following an invite link.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Joined {
    /// The account is in the group now.
    In(ChatId),
    /// It was in it before.
    Before(ChatId),
    /// An administrator must let it in first, and is asked to.
    Asked,
}

/// What an invite link tells of its group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Invited {
    /// Which chat.
    pub(crate) chat: ChatId,
    /// Its name.
    pub(crate) title: String,
    /// What it is about.
    pub(crate) topic: Option<String>,
    /// How many people are in it.
    pub(crate) size: Option<u32>,
    /// Whether an administrator must let everybody in.
    pub(crate) approval: bool,
}

/// Where a network's news goes.
#[async_trait]
pub(crate) trait Intake: Send + Sync + Debug {
    /// Takes events for good: when it returns `Ok` they are committed, and only then may the network be told so.
    ///
    /// # Errors
    /// Nothing was taken; the network must deliver again.
    async fn accept(&self, events: Vec<Event>) -> Result<(), IntakeClosed>;

    /// Takes for good that a part of the time before lies ready at the network under this name. Told again, it is the
    /// same part.
    ///
    /// # Errors
    /// It was not taken; tell again.
    async fn remember(&self, device: DeviceId, part: &str) -> Result<(), IntakeClosed>;

    /// Takes news that may be lost.
    fn news(&self, news: News);
}

/// The intake could not take events.
#[derive(Debug, thiserror::Error)]
#[error("events could not be stored")]
pub(crate) struct IntakeClosed(#[source] pub(crate) Box<dyn std::error::Error + Send + Sync>);

/// How to link a device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Linking {
    /// The phone scans a code.
    Qr,
    /// A code is typed into the phone with this number, digits only.
    Code(String),
}

/// The steps of one linking attempt; it ends after `Linked`, `Expired` or `Failed`.
pub(crate) type LinkSteps = BoxStream<'static, LinkStep>;

/// A step towards a linked device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum LinkStep {
    /// Show this as a QR code until the next step.
    Qr {
        /// The raw payload.
        code: String,
        /// How long it is good for.
        valid_for: Duration,
    },
    /// Type this into the phone.
    Code {
        /// The code as people read it.
        code: String,
        /// How long it is good for.
        valid_for: Duration,
    },
    /// The network wants a passkey of the account: an answer to this request.
    Passkey {
        /// Public key credential request options, as JSON.
        request: String,
    },
    /// The phone shows a code too: a person must compare.
    Compare {
        /// The code as people read it.
        code: String,
    },
    /// The phone accepted and the session is stored. The device is not connected yet.
    Linked {
        /// The owner's number, digits only.
        number: String,
    },
    /// Nobody scanned or typed in time.
    Expired,
    /// It did not work.
    Failed {
        /// A sentence for people.
        reason: String,
    },
}

/// What a person answers to a question of a linking attempt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum LinkAnswer {
    /// What the authenticator said to the request: a public key credential, as JSON.
    Passkey(String),
    /// Both sides show the same code.
    Same,
}

/// What a network can do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Capabilities {
    /// Typing notifications.
    pub(crate) typing: bool,
    /// Longest text, in characters.
    pub(crate) text_limit: usize,
}

/// The largest files that may be sent, in bytes. What is too large as one kind may still go as a plain file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct MediaLimits {
    /// Pictures.
    pub(crate) picture: u64,
    /// Films of all kinds.
    pub(crate) film: u64,
    /// Sound of all kinds.
    pub(crate) sound: u64,
    /// Stickers.
    pub(crate) sticker: u64,
    /// Any other file.
    pub(crate) file: u64,
}

impl MediaLimits {
    /// The limit for one kind.
    pub(crate) fn of(&self, kind: MediaKind) -> u64 {
        match kind {
            MediaKind::Image => self.picture,
            MediaKind::Video | MediaKind::Gif | MediaKind::VideoNote => self.film,
            MediaKind::Audio | MediaKind::Voice => self.sound,
            MediaKind::Sticker => self.sticker,
            MediaKind::File => self.file,
        }
    }
}

/// What can go wrong with a network, by what it means to the caller.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The device has no session.
    #[error("this device is not linked")]
    NotLinked,
    /// The network, or this version of wharf, cannot do that.
    #[error("{0} cannot be sent")]
    Unsupported(String),
    /// Nobody and nothing is there.
    #[error("{0} was not found")]
    NotFound(&'static str),
    /// The group is there, and the device is not in it.
    #[error("this account is not in the group")]
    NotMember,
    /// It was there once; the network has it no more.
    #[error("the network has the file no more")]
    Gone,
    /// The network said no, and would again.
    #[error("refused by the network: {0}")]
    Refused(String),
    /// The network wants us to slow down.
    #[error("the network limits the rate")]
    RateLimited(Duration),
    /// The network, or what is needed for it, did not answer.
    #[error("the network could not be reached")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// Whether trying again later makes sense.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::RateLimited(_) | Self::Unreachable(_) => true,
            Self::NotLinked
            | Self::Unsupported(_)
            | Self::NotFound(_)
            | Self::NotMember
            | Self::Gone
            | Self::Refused(_) => false,
        }
    }
}
