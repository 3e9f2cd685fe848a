//! A person with a number: the primary device, its Signal state, its linked devices, what reached it.
//!
//! One type for both faces of the library: `Phone` looks at a person as the owner of companions,
//! `Contact` as somebody to talk to. Every person can be both. No behaviour beyond looking things up.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use whatsapp_rust::wacore_binary::Jid;
use whatsapp_rust::waproto::whatsapp as wa;

use super::app_state::AppState;
use super::companion::Companion;
use super::history::Memory;
use super::media_retry::UploadAgain;
use super::messages::Awaited;
use super::presence::Presence;
use super::privacy::Privacy;
use super::profile::Profile;
use super::retries::Retries;
use crate::contact::{Inbox, SeenLog};
use crate::signal::Peer;

/// How the messages of a person are addressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Addressing {
    /// From the number, with the LID beside it.
    #[default]
    Number,
    /// From the LID, with the number beside it.
    Lid,
    /// From the LID alone: the number stays hidden.
    HiddenNumber,
}

/// A person with a number.
pub(crate) struct Person {
    pub(crate) number: String,
    pub(crate) lid: String,
    pub(crate) name: String,
    pub(crate) conduct: Conduct,
    pub(crate) peer: Peer,
    pub(crate) companions: BTreeMap<u16, Companion>,
    pub(crate) next_device: u16,
    pub(crate) app_state: AppState,
    pub(crate) sent: HashMap<String, Sent>,
    pub(crate) inbox: Inbox,
    pub(crate) memory: Memory,
    pub(crate) profile: Profile,
    pub(crate) privacy: Privacy,
    pub(crate) presence: Presence,
}

/// How a person behaves and what it noticed.
#[derive(Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a way to behave that a test can switch on"
)]
pub(crate) struct Conduct {
    pub(crate) addressing: Addressing,
    pub(crate) is_unregistered: bool,
    pub(crate) is_lid_migrated: bool,
    /// So many of the next messages are not decrypted at first.
    pub(crate) failures_left: u32,
    /// So many of the next messages reach the companions damaged.
    pub(crate) garbled_left: u32,
    /// So many of the next messages do not reach the companions at all, who are told so.
    pub(crate) withheld_left: u32,
    /// So many of the next messages do not reach the companions at all, and nobody tells them.
    pub(crate) lost_left: u32,
    /// Messages of chats of two wait for its phone, which is switched off.
    pub(crate) is_away: bool,
    /// What waits for it meanwhile.
    pub(crate) awaited: Vec<Awaited>,
    /// It does not send again what a companion could not decrypt.
    pub(crate) ignores_retries: bool,
    /// Retry receipts sent.
    pub(crate) retries: Retries,
    pub(crate) seen: SeenLog,
    /// The server has no keys of it.
    pub(crate) has_no_keys: bool,
    /// What the phone does when a companion asks it to upload a medium again.
    pub(crate) upload_again: UploadAgain,
}

/// A message the person sent from the primary device, kept for retries and quotes.
#[derive(Clone)]
pub(crate) struct Sent {
    pub(crate) message: Arc<wa::Message>,
    pub(crate) to: String,
    pub(crate) is_peer: bool,
    pub(crate) timestamp: u64,
    /// Its place among everything the person got and wrote, for time alone has too few seconds.
    pub(crate) place: Place,
}

/// A place in what a person got and wrote: after so many messages that arrived, and as this one of its own since.
pub(crate) type Place = (usize, u64);

impl Person {
    /// The address of the account by number.
    pub(crate) fn number_jid(&self) -> Jid {
        Jid::pn(self.number.as_str())
    }

    /// The address of the account by LID.
    pub(crate) fn lid_jid(&self) -> Jid {
        Jid::lid(self.lid.as_str())
    }

    /// The address this person's messages come from.
    pub(crate) fn face(&self) -> Jid {
        match self.conduct.addressing {
            Addressing::Number => self.number_jid(),
            Addressing::Lid | Addressing::HiddenNumber => self.lid_jid(),
        }
    }

    /// How much of what clients said was forgotten because it was too much.
    pub(crate) fn forgotten(&self) -> usize {
        self.conduct.seen.forgotten() + self.conduct.retries.forgotten() + self.inbox.forgotten()
    }

    /// The ids of the linked devices.
    pub(crate) fn companion_ids(&self) -> Vec<u16> {
        self.companions.keys().copied().collect()
    }
}
