//! The words of the house as plain types. Every room speaks them.
//!
//! Deliberately not here: input and output of any kind, and names of networks, databases or HTTP.

mod cause;
mod chat;
mod clock;
mod content;
mod device;
mod event;
mod group;
mod history;
mod id;
mod identity;
mod job;
mod lane;
mod mark;
pub(crate) mod markup;
mod media;
mod message;
mod new_chat;
mod read;
mod webhook;

pub(crate) use cause::with_causes;
pub(crate) use chat::{ChatKind, ContactInfo, PortalKey, Recipient, TIMERS};
pub(crate) use clock::{Clock, Timestamp, lasting};
pub(crate) use content::*;
pub(crate) use device::{Device, DeviceLife, LinkChange, LinkSignal, LinkState, LogoutReason, Platform};
pub(crate) use event::{Event, News, Reached};
pub(crate) use group::{Group, GroupChange, GroupKind, GroupMember, Rank};
pub(crate) use history::{ChatFacts, Past, PastChat, PastMark, PastMessage};
pub(crate) use id::{
    ChatId, ChatRequestId, ContactId, CredentialId, DeliveryId, DeviceId, IdentityId, JobId, MessageId, SendId,
    TokenId, WebhookId,
};
pub(crate) use identity::{Credential, Identity, IdentityKind, Role, Token};
pub(crate) use job::{ChatChange, Delivery, Job, Older, Outgoing, RoomEvent, Work};
pub(crate) use lane::Lane;
pub(crate) use mark::{ChatMark, ChatMarks, Mute};
pub(crate) use media::{Home, Media, MediaKind, MediaRef, MediaSource, in_units};
pub(crate) use message::*;
pub(crate) use new_chat::{NewChat, Opened, Participant, WantedChat};
pub(crate) use read::ReadUpTo;
pub(crate) use webhook::{Webhook, WebhookEvent};
