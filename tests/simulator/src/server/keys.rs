//! Prekeys: upload, count, digest, rotation, bundles for whoever wants to write, the refill notice.
//!
//! Called by [`super::queries`] (IQs of namespace `encrypt`) and by [`super::messages`], which takes a
//! companion's bundle when a person writes to it first.

use std::collections::HashSet;

use anyhow::{Context as _, bail};
use whatsapp_rust::wacore::iq::prekeys::PreKeyBundleUserNode;
use whatsapp_rust::wacore::libsignal::protocol::PreKeyBundle;
use whatsapp_rust::wacore::prekeys::compute_key_bundle_digest;
use whatsapp_rust::wacore::protocol::ProtocolNode as _;
use whatsapp_rust::wacore_binary::{Jid, Node};

use super::clock;
use super::companion::{Companion, Device, Keys};
use super::login;
use super::person::Person;
use super::stanza::{self, SERVER, node};
use super::state::State;
use crate::signal::Peer;

/// With fewer one-time keys than this the companion is asked for more, once.
const LOW_WATER: usize = 10;

/// Answers an `encrypt` IQ; `None` when it is not known.
pub(crate) fn answer(state: &mut State, device: &Device, iq: &Node) -> Option<Vec<Node>> {
    let child = stanza::first_child(iq)?;
    match child.tag.as_ref() {
        "key" => Some(vec![bundles(state, child)]),
        "registration" => upload(&mut state.companion_mut(device)?.keys, iq).map(|()| Vec::new()),
        "rotate" => rotate(&mut state.companion_mut(device)?.keys, child).map(|()| Vec::new()),
        "count" => {
            let left = state.companion_mut(device)?.keys.one_time.len();
            let left = u64::try_from(left).unwrap_or(u64::MAX);
            Some(vec![node("count").attr("value", left).build()])
        }
        "digest" => Some(vec![digest(&state.companion_mut(device)?.keys)]),
        _ => None,
    }
}

/// A bundle of a companion; asks for new keys when few are left.
pub(crate) fn take_bundle(state: &mut State, device: &Device) -> anyhow::Result<PreKeyBundle> {
    let notice = state.next().to_string();
    let companion = state.companion_mut(device).context("this companion is not linked")?;
    let bundle = companion.take_bundle()?;
    ask_for_more(companion, notice);
    Ok(bundle)
}

/// The server loses the one-time keys of an account's companions.
pub(crate) fn lose(state: &mut State, number: &str) {
    let notice = state.next().to_string();
    let Ok(person) = state.person_mut(number) else {
        return;
    };
    for companion in person.companions.values_mut() {
        companion.keys.one_time.clear();
        ask_for_more(companion, notice.clone());
    }
}

/// A person moves to a new phone: new keys, no sessions, no companions; whoever has talked to it is told.
pub(crate) fn new_phone(state: &mut State, number: &str) -> anyhow::Result<()> {
    let ids = state.person(number)?.companion_ids();
    for id in ids {
        let number = number.to_owned();
        login::remove(state, &Device { number, id });
    }
    let person = state.person(number)?;
    let face = person.face();
    let friends: Vec<String> = state
        .people
        .values()
        .filter(|friend| friend.number != number && knows(state, friend, person))
        .map(|friend| friend.number.clone())
        .collect();
    let registration = person.peer.registration() % 16_000 + 1;
    state.person_mut(number)?.peer = Peer::new(registration)?;
    for friend in friends {
        let notification = node("notification")
            .attr("from", &face)
            .attr("type", "encrypt")
            .attr("id", state.next())
            .attr("t", clock::seconds())
            .children([node("identity").build()])
            .build();
        state.push_to_companions(&friend, None, &notification);
    }
    Ok(())
}

/// Whether a companion of somebody wrote to a person, or got something from it.
fn knows(state: &State, friend: &Person, person: &Person) -> bool {
    let has_session = |id: &u16| {
        let device = Device {
            number: friend.number.clone(),
            id: *id,
        };
        person.peer.has_session(&device.address())
    };
    state
        .acquaintances
        .contains(&(friend.number.clone(), person.number.clone()))
        || friend.companions.keys().any(has_session)
}

/// With few keys left a companion is asked for more, once.
fn ask_for_more(companion: &mut Companion, notice: String) {
    let left = companion.keys.one_time.len();
    if left >= LOW_WATER || std::mem::replace(&mut companion.keys.refill_asked, true) {
        return;
    }
    let left = u64::try_from(left).unwrap_or_default();
    companion.push(
        node("notification")
            .attr("from", SERVER)
            .attr("type", "encrypt")
            .attr("id", notice)
            .attr("t", clock::seconds())
            .children([node("count").attr("value", left).build()])
            .build(),
    );
}

fn bundles(state: &mut State, wanted: &Node) -> Node {
    let users = wanted
        .get_children_by_tag("user")
        .filter_map(|user| stanza::address(user, "jid"))
        .map(|jid| {
            bundle_of(state, &jid).unwrap_or_else(|_| {
                node("user")
                    .attr("jid", &jid)
                    .children([node("error")
                        .attr("code", 406u32)
                        .attr("text", "not-acceptable")
                        .build()])
                    .build()
            })
        })
        .collect::<Vec<_>>();
    node("list").children(users).build()
}

fn bundle_of(state: &mut State, jid: &Jid) -> anyhow::Result<Node> {
    let device = state.resolve(jid).context("nobody is there")?;
    if state.person(&device.number)?.conduct.has_no_keys {
        bail!("the server has no keys of this person");
    }
    if device.id == 0 {
        return state.person_mut(&device.number)?.peer.bundle_node(jid.clone());
    }
    let bundle = take_bundle(state, &device)?;
    let identity = state.companion_mut(&device).map(|one| one.device_identity.clone());
    Ok(PreKeyBundleUserNode::from_bundle(jid.clone(), &bundle, identity)?.into_node())
}

/// Takes all of an upload, or nothing of a broken one.
fn upload(keys: &mut Keys, iq: &Node) -> Option<()> {
    let mut renewed = keys.clone();
    renewed.registration = stanza::number(iq.get_optional_child("registration")?)?;
    renewed.identity = stanza::bytes(iq.get_optional_child("identity")?).to_vec();
    set_signed(&mut renewed, iq.get_optional_child("skey")?)?;
    // The client repeats an upload whose answer it never saw.
    let known: HashSet<u32> = renewed.one_time.iter().map(|(id, _)| *id).collect();
    for key in iq.get_optional_child("list")?.get_children_by_tag("key") {
        let id = stanza::number(key.get_optional_child("id")?)?;
        let value = stanza::bytes(key.get_optional_child("value")?).to_vec();
        if !known.contains(&id) {
            renewed.one_time.push_back((id, value));
        }
    }
    renewed.refill_asked = false;
    *keys = renewed;
    Some(())
}

fn rotate(keys: &mut Keys, rotate: &Node) -> Option<()> {
    set_signed(keys, rotate.get_optional_child("skey")?)
}

fn set_signed(keys: &mut Keys, signed: &Node) -> Option<()> {
    let id = stanza::number(signed.get_optional_child("id")?)?;
    let key = stanza::bytes(signed.get_optional_child("value")?).to_vec();
    let signature = stanza::bytes(signed.get_optional_child("signature")?).to_vec();
    (keys.signed_id, keys.signed_key, keys.signature) = (id, key, signature);
    Some(())
}

fn digest(keys: &Keys) -> Node {
    let values: Vec<&[u8]> = keys.one_time.iter().map(|(_, key)| key.as_slice()).collect();
    let hash = compute_key_bundle_digest(&keys.identity, &keys.signed_key, &keys.signature, &values);
    node("digest")
        .children([
            node("registration")
                .bytes(keys.registration.to_be_bytes().to_vec())
                .build(),
            node("type").bytes(vec![5]).build(),
            node("identity").bytes(keys.identity.clone()).build(),
            node("skey")
                .children([
                    node("id").bytes(three_bytes(keys.signed_id)).build(),
                    node("value").bytes(keys.signed_key.clone()).build(),
                    node("signature").bytes(keys.signature.clone()).build(),
                ])
                .build(),
            node("list")
                .children(
                    keys.one_time
                        .iter()
                        .map(|(id, _)| node("id").bytes(three_bytes(*id)).build()),
                )
                .build(),
            node("hash").bytes(hash).build(),
        ])
        .build()
}

/// Prekey ids are three bytes on the wire.
fn three_bytes(id: u32) -> Vec<u8> {
    id.to_be_bytes().into_iter().skip(1).collect()
}
