//! Proof that a run can be repeated: one seed and one clock owe a device the same stanzas, byte for byte.
//!
//! The device's keys come from the same dice here; those of a real client are its own. Not repeated is what the
//! library draws by itself: the keys under which media are sealed.

use anyhow::Context as _;
use whatsapp_rust::prelude::MessageBuilderExt as _;
use whatsapp_rust::wacore_binary::marshal;
use whatsapp_rust::waproto::whatsapp as wa;

use super::clock::Clock;
use super::companion::{Companion, Keys};
use super::state::Shared;
use super::{Typing, pictures, receipts};
use crate::contact::{Speech, place, speech};
use crate::group;
use crate::signal::Peer;

const OWNER: &str = "15550001111";
const ANA: &str = "15550002222";
const BEN: &str = "15550003333";

/// People write, ask, show and change things; answers all the device is owed.
fn play(seed: u64, second: u64) -> anyhow::Result<Vec<Vec<u8>>> {
    let shared = Shared::new(Some(seed), Clock::at(second));
    shared.act(|state| {
        for (number, name) in [(OWNER, "Owner"), (ANA, "Ana"), (BEN, "Ben")] {
            state.ensure_person(number, name)?;
        }
        let keys = Keys::of_registration(&Peer::new(7)?.registration_data()).context("keys")?;
        let device = Companion::new(1, [1; 32], keys, Vec::new());
        state.person_mut(OWNER)?.companions.insert(1, device);
        anyhow::Ok(())
    })?;
    let people = [ANA, OWNER, BEN].map(ToOwned::to_owned);
    let crew = group::create(&shared, "Crew", &people, |_| {})?.jid();
    for to in [OWNER, crew.as_str()] {
        for who in [ANA, BEN] {
            shared.act(|state| {
                let hello = place::say(state, who, to, None, wa::Message::text("hello"))?;
                let poll = Speech::Poll {
                    question: "Where?".into(),
                    options: vec!["Pier".into(), "Yard".into()],
                    selectable: 1,
                };
                let poll = speech::compose(state, who, to, poll)?;
                place::say(state, who, to, None, poll)?;
                place::types(state, who, to, Typing::Composing);
                let edit = Speech::Edit {
                    id: hello,
                    text: "hello there".into(),
                };
                let edit = speech::compose(state, who, to, edit)?;
                place::say(state, who, to, None, edit)
            })?;
        }
    }
    shared.act(|state| {
        let picture = (b"a ship".to_vec(), None);
        pictures::set(state, ANA, None, Some(picture));
        let id = place::say(state, OWNER, ANA, None, wa::Message::text("from the phone"))?;
        receipts::read(state, ANA, OWNER, &[id]);
        anyhow::Ok(())
    })?;
    shared.look(|state| {
        let device = state.person(OWNER)?.companions.get(&1).context("the device")?;
        device.queue.owed().map(|stanza| Ok(marshal(stanza)?)).collect()
    })
}

#[test]
fn one_seed_and_one_clock_make_the_same_stanzas_byte_for_byte() -> anyhow::Result<()> {
    let once = play(7, 1_700_000_000)?;
    assert!(once.len() >= 14, "{}", once.len());
    assert_eq!(once, play(7, 1_700_000_000)?);
    assert_ne!(once, play(8, 1_700_000_000)?);
    assert_ne!(once, play(7, 1_700_000_001)?);
    Ok(())
}
