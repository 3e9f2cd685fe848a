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
use super::stanza::{self, Answer, Refusal, SERVER, node};
use super::state::State;
use crate::signal::Peer;

/// So many one-time keys of a companion are kept: twice what the library ever uploads at once, so that a new upload finds
/// room beside what is left.
const MOST_ONE_TIME: usize = 2 * 65_535;
/// The length of a public key and of a signature.
pub(super) const KEY: usize = 32;
pub(super) const SIGNATURE: usize = 64;

/// With fewer one-time keys than this the companion is asked for more, once.
const LOW_WATER: usize = 10;

/// Answers an `encrypt` IQ.
pub(crate) fn answer(state: &mut State, device: &Device, iq: &Node) -> Answer {
    let child = stanza::first_child(iq).ok_or(Refusal::BAD_REQUEST)?;
    if child.tag == "key" {
        return Ok(vec![bundles(state, child)]);
    }
    let keys = &mut state.companion_mut(device).ok_or(Refusal::NOT_FOUND)?.keys;
    match child.tag.as_ref() {
        "registration" => upload(keys, iq).map(|()| Vec::new()),
        "rotate" => {
            let signed = child.get_optional_child("skey").and_then(Signed::read);
            signed.ok_or(Refusal::BAD_REQUEST)?.replace(keys);
            Ok(Vec::new())
        }
        "count" => {
            let left = u64::try_from(keys.one_time.len()).unwrap_or(u64::MAX);
            Ok(vec![node("count").attr("value", left).build()])
        }
        "digest" => Ok(vec![digest(keys)]),
        _ => Err(Refusal::NOT_IMPLEMENTED),
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
            let bundle = bundle_of(state, &jid);
            state.bundles_given += usize::from(bundle.is_ok());
            bundle.unwrap_or_else(|_| {
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

/// Takes all of an upload, or nothing of one that is broken or too much.
fn upload(keys: &mut Keys, iq: &Node) -> Result<(), Refusal> {
    let (registration, identity, signed) = head(iq).ok_or(Refusal::BAD_REQUEST)?;
    let list = iq.get_optional_child("list").ok_or(Refusal::BAD_REQUEST)?;
    // The client repeats an upload whose answer it never saw.
    let mut known: HashSet<u32> = keys.one_time.iter().map(|(id, _)| *id).collect();
    let mut new = Vec::new();
    for key in list.get_children_by_tag("key") {
        let (id, value) = one_time(key).ok_or(Refusal::BAD_REQUEST)?;
        if known.insert(id) {
            new.push((id, value));
        }
        if known.len() > MOST_ONE_TIME {
            return Err(Refusal::NOT_ACCEPTABLE);
        }
    }
    (keys.registration, keys.identity) = (registration, identity);
    signed.replace(keys);
    keys.one_time.extend(new);
    keys.refill_asked = false;
    Ok(())
}

fn head(iq: &Node) -> Option<(u32, Vec<u8>, Signed)> {
    let registration = stanza::number(iq.get_optional_child("registration")?)?;
    let identity = sized(iq.get_optional_child("identity")?, KEY)?;
    Some((registration, identity, Signed::read(iq.get_optional_child("skey")?)?))
}

fn one_time(key: &Node) -> Option<(u32, Vec<u8>)> {
    let id = stanza::number(key.get_optional_child("id")?)?;
    Some((id, sized(key.get_optional_child("value")?, KEY)?))
}

/// The content, when it is as long as it has to be.
fn sized(node: &Node, length: usize) -> Option<Vec<u8>> {
    let bytes = stanza::bytes(node);
    (bytes.len() == length).then(|| bytes.to_vec())
}

/// A signed key.
struct Signed {
    id: u32,
    key: Vec<u8>,
    signature: Vec<u8>,
}

impl Signed {
    fn read(signed: &Node) -> Option<Self> {
        Some(Self {
            id: stanza::number(signed.get_optional_child("id")?)?,
            key: sized(signed.get_optional_child("value")?, KEY)?,
            signature: sized(signed.get_optional_child("signature")?, SIGNATURE)?,
        })
    }

    fn replace(self, keys: &mut Keys) {
        (keys.signed_id, keys.signed_key, keys.signature) = (self.id, self.key, self.signature);
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// An upload of keys with these ids, each as long as said.
    fn upload_of(ids: std::ops::Range<u32>, length: usize) -> Node {
        let bytes = |tag, bytes: Vec<u8>| node(tag).bytes(bytes).build();
        let id = |id: u32| bytes("id", three_bytes(id));
        let keys = ids.map(|one| {
            let value = bytes("value", vec![7; length]);
            node("key").children([id(one), value]).build()
        });
        let signed = [
            id(1),
            bytes("value", vec![1; KEY]),
            bytes("signature", vec![2; SIGNATURE]),
        ];
        let children = [
            bytes("registration", vec![0, 0, 0, 9]),
            bytes("identity", vec![3; KEY]),
            node("list").children(keys.collect::<Vec<_>>()).build(),
            node("skey").children(signed).build(),
        ];
        node("iq").children(children).build()
    }

    #[test]
    fn keys_beyond_the_bound_are_refused_and_leave_the_others_alone() {
        let mut keys = Keys::default();
        assert_eq!(upload(&mut keys, &upload_of(0..65_535, KEY)), Ok(()));
        // The same once more is no more.
        assert_eq!(upload(&mut keys, &upload_of(0..65_535, KEY)), Ok(()));
        assert_eq!(upload(&mut keys, &upload_of(65_535..131_070, KEY)), Ok(()));
        assert_eq!(
            upload(&mut keys, &upload_of(131_070..131_071, KEY)),
            Err(Refusal::NOT_ACCEPTABLE)
        );
        assert_eq!(keys.one_time.len(), MOST_ONE_TIME);
    }

    #[test]
    fn keys_of_another_length_are_refused() {
        let mut keys = Keys::default();
        for length in [0, KEY - 1, KEY + 1, 1_000_000] {
            assert_eq!(upload(&mut keys, &upload_of(0..1, length)), Err(Refusal::BAD_REQUEST));
        }
        assert!(keys.one_time.is_empty() && keys.identity.is_empty());
    }
}
