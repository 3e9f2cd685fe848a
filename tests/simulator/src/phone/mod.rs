//! The phone of an account: links and unlinks companions, writes by itself, gets copies of everything.
//!
//! A handle, cheap to clone. What the phone signs is in `server::linking`; the slow part of a pairing
//! code is done here, off the async threads.

mod account;
mod lists;
mod passkey;

pub use passkey::Passkey;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use whatsapp_rust::prelude::MessageBuilderExt as _;
use whatsapp_rust::wacore::libsignal::protocol::KeyPair;
use whatsapp_rust::wacore::pair_code::PairCodeUtils;
use whatsapp_rust::waproto::whatsapp as wa;

use crate::contact::{self, Contact, Received, Seen, Speech};
use crate::server::companion::Device;
use crate::server::state::Shared;
use crate::server::{link_code, linking, login, receipts, step};

/// How long the phone waits for the companion after a code was typed.
const PATIENCE: Duration = Duration::from_secs(30);

/// The phone of an account.
#[derive(Clone)]
pub struct Phone {
    pub(crate) shared: Arc<Shared>,
    pub(crate) number: String,
}

impl Phone {
    /// The number, digits only.
    pub fn number(&self) -> &str {
        &self.number
    }

    /// Reads the QR code off a device's screen and links it.
    ///
    /// # Errors
    /// When the code is broken, old, or belongs to another device.
    pub fn scans(&self, qr: &str) -> anyhow::Result<()> {
        self.shared.act(|state| linking::scan(state, &self.number, qr))
    }

    /// The eight characters of a pairing code are typed; returns when the device is linked.
    ///
    /// # Errors
    /// When no device waits for this number's code, or the code is wrong.
    pub async fn types(&self, code: &str) -> anyhow::Result<()> {
        let wrapped = self.shared.look(|state| {
            state
                .codes
                .get(&self.number)
                .map(|request| request.wrapped.clone())
                .context("no device waits for this number's code")
        })?;
        let code: String = code
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|sign| sign.to_ascii_uppercase())
            .collect();
        let (ephemeral, salt, nonce) = self.shared.act(|_| {
            let (salt, nonce): ([u8; 32], [u8; 16]) = (step::random(), step::random());
            (KeyPair::generate(&mut step::rng()), salt, nonce)
        });
        let public: [u8; 32] = ephemeral.public_key.public_key_bytes().try_into()?;
        let (companion, answer) = tokio::task::spawn_blocking(move || {
            let companion = PairCodeUtils::decrypt_primary_ephemeral_pub(&wrapped, &code)
                .map_err(|error| anyhow!("the companion's key: {error}"))?;
            // The cipher is a stream: what opens a key seals one, under a salt and a nonce of the phone's choice.
            let open = [&salt[..], &nonce, &public].concat();
            let sealed = PairCodeUtils::decrypt_primary_ephemeral_pub(&open, &code)
                .map_err(|error| anyhow!("the phone's key: {error}"))?;
            anyhow::Ok((companion, [&salt[..], &nonce, &sealed].concat()))
        })
        .await??;
        let outcome = self
            .shared
            .act(|state| link_code::typed(state, &self.number, companion, ephemeral, answer))?;
        tokio::time::timeout(PATIENCE, outcome)
            .await
            .context("the device did not answer the code")?
            .context("the device went away")?
    }

    /// Removes one linked device.
    pub fn unlinks(&self, companion: u16) {
        let device = Device {
            number: self.number.clone(),
            id: companion,
        };
        self.shared.act(|state| login::remove(state, &device));
    }

    /// Removes all linked devices.
    pub fn unlinks_all(&self) {
        for companion in self.companions() {
            self.unlinks(companion);
        }
    }

    /// The linked devices.
    pub fn companions(&self) -> Vec<u16> {
        self.shared.look(|state| {
            state
                .person(&self.number)
                .map(crate::server::person::Person::companion_ids)
                .unwrap_or_default()
        })
    }

    /// Waits until exactly so many devices are linked.
    ///
    /// # Errors
    /// When it did not come to that in time.
    pub async fn waits_for_companions(&self, count: usize, patience: Duration) -> anyhow::Result<()> {
        contact::until(&self.shared, || self.companions().len() == count, patience).await
    }

    /// Writes from the phone itself: the contact gets it, the companions get a copy; answers the id.
    pub fn says(&self, to: &Contact, text: &str) -> String {
        self.sends(to, wa::Message::text(text))
    }

    /// Sends any message from the phone itself; answers its id.
    pub fn sends(&self, to: &Contact, message: wa::Message) -> String {
        self.shared
            .act(|state| contact::say(state, &self.number, &to.number, None, message))
    }

    /// Says anything from the phone itself; answers the message id.
    ///
    /// # Errors
    /// When it speaks of people or polls this account does not know, or is no message.
    pub fn speaks(&self, to: &Contact, speech: Speech) -> anyhow::Result<String> {
        self.shared.act(|state| {
            let message = contact::speech::compose(state, &self.number, &to.number, speech)?;
            Ok(contact::say(state, &self.number, &to.number, None, message))
        })
    }

    /// Answers a message from the phone itself; answers the id.
    pub fn replies(&self, to: &Contact, quoted_id: &str, text: &str) -> String {
        self.shared
            .act(|state| contact::reply(state, &self.number, &to.number, quoted_id, text))
    }

    /// Reads a contact's messages on the phone itself.
    pub fn reads(&self, from: &Contact, ids: &[String]) {
        self.shared
            .act(|state| receipts::read(state, &self.number, &from.number, ids));
    }

    /// What reached the phone: messages of contacts, and copies of what companions sent (`to` is set).
    pub fn received(&self) -> Vec<Received> {
        contact::received(&self.shared, &self.number)
    }

    /// Waits for a message, old or new.
    ///
    /// # Errors
    /// When none came in time.
    pub async fn waits_for(&self, is_it: impl Fn(&Received) -> bool, patience: Duration) -> anyhow::Result<Received> {
        contact::for_message(&self.shared, &self.number, is_it, patience).await
    }

    /// What contacts confirmed about the messages of this account.
    pub fn receipts(&self) -> Vec<Seen> {
        self.shared.look(|state| {
            state
                .person(&self.number)
                .map(|person| person.conduct.seen.all())
                .unwrap_or_default()
        })
    }

    /// How many messages the linked devices confirmed with this kind of receipt: nothing for one in use, `inactive`, `sender`,
    /// `peer_msg` or `hist_sync`.
    pub fn confirmed(&self, kind: &str) -> usize {
        self.shared.look(|state| {
            let devices = state
                .person(&self.number)
                .into_iter()
                .flat_map(|person| person.companions.values());
            devices.filter_map(|device| device.confirmed.get(kind)).sum()
        })
    }

    /// Waits until the linked devices confirmed more messages than so many with this kind of receipt.
    ///
    /// # Errors
    /// When they did not in time.
    pub async fn waits_for_confirmed(&self, kind: &str, more_than: usize, patience: Duration) -> anyhow::Result<()> {
        contact::until(&self.shared, || self.confirmed(kind) > more_than, patience).await
    }

    /// How many stanzas the server still owes the companions of this account.
    pub fn backlog(&self) -> usize {
        self.shared.look(|state| {
            state
                .person(&self.number)
                .map(|person| person.companions.values().map(|companion| companion.queue.len()).sum())
                .unwrap_or_default()
        })
    }

    /// Waits until the companions acknowledged everything.
    ///
    /// # Errors
    /// When something was still owed after that time.
    pub async fn waits_for_empty_backlog(&self, patience: Duration) -> anyhow::Result<()> {
        contact::until(&self.shared, || self.backlog() == 0, patience).await
    }

    /// How many one-time keys the server holds of the companions of this account.
    pub fn one_time_keys(&self) -> usize {
        self.shared.look(|state| {
            state
                .person(&self.number)
                .map(|person| person.companions.values().map(|one| one.keys.one_time.len()).sum())
                .unwrap_or_default()
        })
    }

    /// Waits until the server holds at least so many one-time keys of the companions.
    ///
    /// # Errors
    /// When it did not come to that in time.
    pub async fn waits_for_one_time_keys(&self, count: usize, patience: Duration) -> anyhow::Result<()> {
        contact::until(&self.shared, || self.one_time_keys() >= count, patience).await
    }

    /// Devices linked from now on are told that the account lives under its LID.
    pub fn is_lid_migrated(&self, migrated: bool) {
        self.shared.act(|state| {
            if let Ok(person) = state.person_mut(&self.number) {
                person.conduct.is_lid_migrated = migrated;
            }
        });
    }
}
