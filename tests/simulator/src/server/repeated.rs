//! Proof that a run can be repeated: one seed and one clock owe a device the same stanzas, byte for byte.
//!
//! The device's keys come from the same dice here; those of a real client are its own.

use std::sync::Arc;

use anyhow::Context as _;
use whatsapp_rust::prelude::MessageBuilderExt as _;
use whatsapp_rust::wacore_binary::marshal;
use whatsapp_rust::waproto::whatsapp as wa;

use super::clock::Clock;
use super::companion::{Companion, Device, Keys};
use super::history::HistoryForm;
use super::state::Shared;
use super::{Typing, history, newsletters, pictures, receipts};
use crate::contact::{Attachment, Contact, Speech, attached, place, speech};
use crate::group;
use crate::newsletter::Newsletter;
use crate::phone::Phone;
use crate::signal::Peer;

const OWNER: &str = "15550001111";
const ANA: &str = "15550002222";
const BEN: &str = "15550003333";
/// More than one order of a hash table would keep by chance.
const OWN_MESSAGES: usize = 12;

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
                    ends: None,
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
    seal(&shared, crew.as_str())?;
    shared.act(|state| {
        let picture = (b"a ship".to_vec(), None);
        pictures::set(state, ANA, None, Some(picture));
        let id = place::say(state, OWNER, ANA, None, wa::Message::text("from the phone"))?;
        receipts::read(state, ANA, OWNER, &[id]);
        anyhow::Ok(())
    })?;
    remember(&shared)?;
    broadcast(&shared);
    shared.look(|state| {
        let device = state.person(OWNER)?.companions.get(&1).context("the device")?;
        let stanzas = device.queue.owed().map(|stanza| Ok(marshal(stanza)?));
        stanzas
            .chain(state.blobs.all().into_iter().map(|blob| Ok(blob.to_vec())))
            .collect()
    })
}

/// Media of every kind, votes and comments: all that is sealed under keys or nonces of its own.
fn seal(shared: &Arc<Shared>, crew: &str) -> anyhow::Result<()> {
    let (bytes, caption) = (&b"all the bytes of a file"[..], Some("look"));
    let media = [
        Attachment::Image { bytes, caption },
        Attachment::Video {
            bytes,
            caption,
            is_gif: true,
        },
        Attachment::Audio {
            bytes,
            seconds: 3,
            is_voice: true,
        },
        Attachment::Document {
            bytes,
            name: "list.txt",
            caption,
        },
        Attachment::Sticker { bytes },
    ];
    for medium in media {
        let message = attached(shared, medium)?;
        shared.act(|state| place::say(state, ANA, OWNER, None, message))?;
    }
    let options = vec!["Tea".to_owned(), "Rum".to_owned()];
    shared.act(|state| {
        let mut say = |who, speech| {
            let message = speech::compose(state, who, crew, speech)?;
            place::say(state, who, crew, None, message)
        };
        let poll = Speech::Poll {
            question: "What?".into(),
            options: options.clone(),
            selectable: 1,
            ends: None,
        };
        let id = say(ANA, poll)?;
        let vote = Speech::Vote {
            id: id.clone(),
            options: vec!["Rum".into()],
        };
        say(BEN, vote)?;
        let edit = Speech::EditPoll {
            id: id.clone(),
            question: "What now?".into(),
            options: options.clone(),
            selectable: 1,
            ends: None,
        };
        say(ANA, edit)?;
        let text = "rum, of course".into();
        say(BEN, Speech::Comment { id, text })?;
        anyhow::Ok(())
    })
}

/// The owner writes much within one second and sets something; then the device is handed the history, in blobs.
fn remember(shared: &Arc<Shared>) -> anyhow::Result<()> {
    let phone = Phone {
        shared: Arc::clone(shared),
        number: OWNER.into(),
    };
    phone.has_external_patches(true);
    phone.names_contact(BEN, "Benjamin")?;
    phone.shares_history(HistoryForm {
        largest_inline: 0,
        ..HistoryForm::default()
    });
    shared.act(|state| {
        for count in 0..OWN_MESSAGES {
            place::say(state, OWNER, BEN, None, wa::Message::text(format!("number {count}")))?;
        }
        let number = OWNER.to_owned();
        history::send_once(state, &Device { number, id: 1 });
        anyhow::Ok(())
    })
}

/// A channel posts and edits, somebody rings twice and shows a status.
fn broadcast(shared: &Arc<Shared>) {
    let phone = Phone {
        shared: Arc::clone(shared),
        number: OWNER.into(),
    };
    let ana = Contact {
        shared: Arc::clone(shared),
        number: ANA.into(),
    };
    let news = Newsletter {
        shared: Arc::clone(shared),
        id: shared.act(|state| newsletters::create(state, "News", "what happens", None)),
    };
    news.is_followed(&phone);
    let post = news.posts("today");
    news.edits(post, "yesterday");
    news.sets_picture(b"a flag".to_vec());
    let missed = ana.calls(&phone, true);
    ana.hangs_up(&missed);
    let taken = ana.calls(&phone, false);
    phone.answers_call(&taken);
    ana.hangs_up(&taken);
    let status = ana.posts("look", &[&phone]);
    ana.revokes_status(&status, &[&phone]);
    phone.posts("from the phone", &[&ana]);
}

#[test]
fn one_seed_and_one_clock_make_the_same_stanzas_byte_for_byte() -> anyhow::Result<()> {
    let once = play(7, 1_700_000_000)?;
    assert!(once.len() >= 24 + OWN_MESSAGES, "{}", once.len());
    assert_eq!(once, play(7, 1_700_000_000)?);
    assert_ne!(once, play(8, 1_700_000_000)?);
    assert_ne!(once, play(7, 1_700_000_001)?);
    Ok(())
}
