//! Signs of life of the owner's phone: WhatsApp ends the sessions of linked devices whose phone stays away for about
//! two weeks, and tells nobody before.
//!
//! A sign is anything that the account's first device did itself. What its other linked devices do is none.

use std::sync::atomic::{AtomicI64, Ordering};

use whatsapp_rust::{prelude::Event, wacore::types::message::MessageSource, wacore_binary::JidExt as _};

use crate::model::Timestamp;

/// How far apart signs are told, in milliseconds.
const APART: i64 = 1_000;

/// When the phone was last seen, as far as it was told.
#[derive(Debug, Default)]
pub(super) struct Phone(AtomicI64);

impl Phone {
    /// Whether an event is a sign that is to be told now.
    pub(super) fn shows_itself(&self, event: &Event, now: Timestamp) -> bool {
        let before = self.0.load(Ordering::Relaxed);
        if now.millis() - before < APART || !is_sign(event) {
            return false;
        }
        self.0.store(now.millis(), Ordering::Relaxed);
        true
    }
}

fn is_sign(event: &Event) -> bool {
    match event {
        Event::Messages(batch) => batch.messages.iter().any(|message| is_phone(&message.info.source)),
        Event::Receipt(receipt) => is_phone(&receipt.source),
        _ => false,
    }
}

fn is_phone(source: &MessageSource) -> bool {
    source.is_from_me && !source.sender.is_ad()
}
