//! Nothing a client sends may end more than its own connection: arbitrary bytes for the frames, arbitrary
//! stanzas for the server.

use proptest::collection::vec;
use proptest::prelude::*;
use whatsapp_rust::wacore_binary::builder::NodeBuilder;
use whatsapp_rust::wacore_binary::{Node, marshal};

use super::connection::decode;
use super::frames::Stream;
use crate::server::clock::Clock;
use crate::server::companion::{Companion, Device, Keys};
use crate::server::outlet::pipe;
use crate::server::receive;
use crate::server::state::{Link, Role, Shared};

const TAGS: [&str; 12] = [
    "iq",
    "message",
    "receipt",
    "ack",
    "presence",
    "chatstate",
    "ib",
    "notification",
    "call",
    "stream:error",
    "failure",
    "xyz",
];
const CHILDREN: [&str; 40] = [
    "registration",
    "identity",
    "list",
    "key",
    "rotate",
    "skey",
    "count",
    "digest",
    "user",
    "usync",
    "query",
    "sync",
    "collection",
    "patch",
    "link_code_companion_reg",
    "pair-device-sign",
    "device-identity",
    "participants",
    "to",
    "enc",
    "retry",
    "keys",
    "item",
    "offline_batch",
    "composing",
    "active",
    "create",
    "subject",
    "participant",
    "add",
    "remove",
    "promote",
    "picture",
    "privacy",
    "tokens",
    "category",
    "media_conn",
    "offer",
    "query",
    "invite",
];
const SPACES: [&str; 18] = [
    "encrypt",
    "usync",
    "md",
    "w:sync:app:state",
    "passive",
    "w:g2",
    "w:m",
    "w:profile:picture",
    "privacy",
    "status",
    "blocklist",
    "disappearing_mode",
    "w:biz",
    "w:mex",
    "newsletter",
    "abt",
    "spam",
    "",
];
const KEYS: [&str; 12] = [
    "id",
    "type",
    "xmlns",
    "to",
    "from",
    "participant",
    "jid",
    "count",
    "name",
    "version",
    "stage",
    "recipient",
];
const WORDS: [&str; 25] = [
    "",
    "x",
    "0",
    "-1",
    "99999999999999999999",
    "get",
    "set",
    "result",
    "error",
    "retry",
    "read",
    "pkmsg",
    "msg",
    "skmsg",
    "subscribe",
    "unavailable",
    "15550001111@s.whatsapp.net",
    "15550002222:7@s.whatsapp.net",
    "100000000000002@lid",
    "@lid",
    "1234-5@g.us",
    "status@broadcast",
    "1@newsletter",
    "companion_hello",
    "companion_finish",
];

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(&WORDS[..]).prop_map(ToOwned::to_owned),
        1 => prop::sample::select(&SPACES[..]).prop_map(ToOwned::to_owned),
        1 => ".{0,12}",
    ]
}

fn attributes() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    vec((prop::sample::select(&KEYS[..]), word()), 0..5)
}

fn inner() -> impl Strategy<Value = Node> {
    let leaf = (
        prop::sample::select(&CHILDREN[..]),
        attributes(),
        vec(any::<u8>(), 0..40),
    )
        .prop_map(|(tag, attributes, bytes)| with(tag, attributes).bytes(bytes).build());
    leaf.prop_recursive(3, 16, 4, |inner| {
        (prop::sample::select(&CHILDREN[..]), attributes(), vec(inner, 0..4))
            .prop_map(|(tag, attributes, children)| with(tag, attributes).children(children).build())
    })
}

pub(super) fn stanza() -> impl Strategy<Value = Node> {
    let space = prop::sample::select(&SPACES[..]);
    (prop::sample::select(&TAGS[..]), space, attributes(), vec(inner(), 0..3)).prop_map(
        |(tag, space, attributes, children)| {
            let stanza = with(tag, attributes);
            let stanza = if tag == "iq" {
                stanza.attr("xmlns", space)
            } else {
                stanza
            };
            stanza.children(children).build()
        },
    )
}

fn with(tag: &'static str, attributes: Vec<(&'static str, String)>) -> NodeBuilder {
    attributes
        .into_iter()
        .fold(NodeBuilder::new(tag), |node, (key, value)| node.attr(key, value))
}

proptest! {
    #[test]
    fn arbitrary_bytes_make_no_frame_reader_panic(chunks in vec(vec(any::<u8>(), 0..64), 0..8)) {
        let mut stream = Stream::default();
        for chunk in &chunks {
            if stream.feed(chunk).is_err() {
                break;
            }
            while stream.next_frame().is_some() {}
        }
    }

    #[test]
    fn arbitrary_bytes_after_the_header_make_no_frame_reader_panic(rest in vec(any::<u8>(), 0..300)) {
        let mut stream = Stream::default();
        prop_assert!(stream.feed(&[b"WA\x06\x03".as_slice(), &rest].concat()).is_ok());
        while let Some(frame) = stream.next_frame() {
            let _ = decode(&frame);
        }
    }

    #[test]
    fn arbitrary_bytes_make_no_node_reader_panic(bytes in vec(any::<u8>(), 0..300)) {
        let _ = decode(&bytes);
        let _ = decode(&[&[0][..], &bytes].concat());
    }

    #[test]
    fn damaged_stanzas_make_no_node_reader_panic(stanza in stanza(), place in any::<prop::sample::Index>(), flip in 1u8..) {
        if let Ok(mut bytes) = marshal(&stanza) {
            let place = place.index(bytes.len());
            if let Some(byte) = bytes.get_mut(place) {
                *byte ^= flip;
            }
            let _ = decode(&bytes);
        }
    }

    #[test]
    fn arbitrary_stanzas_make_no_server_panic(stanzas in vec(stanza(), 1..12)) {
        let shared = Shared::new(Some(1), Clock::at(1_800_000_000));
        let (out, _inlet) = pipe();
        shared.act(|state| {
            state.ensure_person("15550001111", "Owner").map(|_| ()).unwrap();
            state.ensure_person("15550002222", "Ana").map(|_| ()).unwrap();
            let device = Device { number: "15550001111".into(), id: 1 };
            let companion = Companion::new(1, [7; 32], Keys::default(), Vec::new());
            state.person_mut("15550001111").unwrap().companions.insert(1, companion);
            state.links.insert(1, Link { out, role: Role::Device(device) });
            for stanza in &stanzas {
                receive(&shared, state, 1, stanza);
            }
        });
    }
}
