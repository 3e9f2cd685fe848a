//! Two identities of one person: when somebody is addressed by number and when by LID, and how an account
//! moves from the one to the other.
//!
//! Called by [`super::messages`] and [`super::receipts`] for every address they write, and by `Phone`. An
//! account that lives under its LID sees everybody under theirs (traps, 19).

use whatsapp_rust::buffa::{Message as _, MessageField};
use whatsapp_rust::wacore_binary::Jid;
use whatsapp_rust::waproto::whatsapp as wa;

use super::clock;
use super::companion::Device;
use super::messages::{self, Letter};
use super::person::Addressing;
use super::state::State;
use crate::contact::Contact;
use crate::phone::Phone;

/// How what `speaker` says is addressed to the devices of `reader`.
pub(crate) fn addressing(state: &State, speaker: &str, reader: &str) -> Addressing {
    let own = state.person(speaker).map(|person| person.conduct.addressing);
    let by_lid = state.person(reader).is_ok_and(|person| person.conduct.is_lid_migrated);
    match own.unwrap_or_default() {
        Addressing::Number if by_lid => Addressing::Lid,
        chosen => chosen,
    }
}

/// The address `speaker` has for the devices of `reader`.
pub(crate) fn face(state: &State, speaker: &str, reader: &str) -> anyhow::Result<Jid> {
    let person = state.person(speaker)?;
    Ok(match addressing(state, speaker, reader) {
        Addressing::Number => person.number_jid(),
        Addressing::Lid | Addressing::HiddenNumber => person.lid_jid(),
    })
}

/// A device's address in the kind of the chat it writes to: by LID where the chat goes by LID.
pub(crate) fn like(state: &State, device: &Device, chat: &Jid) -> Jid {
    match state.person(&device.number) {
        Ok(person) if chat.is_lid() => Jid::lid_device(person.lid.as_str(), device.id),
        _ => device.jid(),
    }
}

/// Whether the account lives under its LID.
pub(crate) fn is_migrated(state: &State, device: &Device) -> bool {
    state
        .person(&device.number)
        .is_ok_and(|person| person.conduct.is_lid_migrated)
}

/// The account lives under its LID from now on; its devices are told who is who.
fn migrate(state: &mut State, number: &str) -> anyhow::Result<()> {
    state.person_mut(number)?.conduct.is_lid_migrated = true;
    let mappings = state
        .people
        .values()
        .filter(|person| person.conduct.addressing != Addressing::HiddenNumber)
        .filter_map(|person| {
            Some(wa::LIDMigrationMapping {
                pn: person.number.parse().ok()?,
                assigned_lid: person.lid.parse().ok()?,
                ..Default::default()
            })
        })
        .collect();
    let payload = wa::LIDMigrationMappingSyncPayload {
        pn_to_lid_mappings: mappings,
        chat_db_migration_timestamp: Some(clock::seconds()),
    };
    let message = wa::Message {
        protocol_message: MessageField::some(wa::message::ProtocolMessage {
            r#type: Some(wa::message::protocol_message::Type::LID_MIGRATION_MAPPING_SYNC),
            lid_migration_mapping_sync_message: MessageField::some(wa::LIDMigrationMappingSyncMessage {
                encoded_mapping_payload: Some(payload.encode_to_vec()),
            }),
            ..Default::default()
        }),
        ..Default::default()
    };
    let letter = Letter::peer(state, number, message);
    for id in state.person(number)?.companion_ids() {
        let device = Device {
            number: number.to_owned(),
            id,
        };
        messages::deliver(state, &letter, &device);
    }
    Ok(())
}

impl Phone {
    /// The account moves to its LID in the middle of everything: its devices get the list of who is who at once
    /// and the switch itself at their next login.
    ///
    /// # Errors
    /// When nobody has this number.
    pub fn migrates_to_lid(&self) -> anyhow::Result<()> {
        self.shared.act(|state| migrate(state, &self.number))
    }
}

impl Contact {
    /// Writes from the number, with the LID beside it; this is how everybody begins.
    pub fn number_addressed(&self) {
        self.addressed(Addressing::Number);
    }

    fn addressed(&self, addressing: Addressing) {
        self.shared.act(|state| {
            if let Ok(person) = state.person_mut(&self.number) {
                person.conduct.addressing = addressing;
            }
        });
    }
}
