//! Nothing a client sends may end more than its own connection: arbitrary bytes for the frames and the readers of stanzas,
//! and the arbitrary stanzas that [`super::fuzz_linked`] and [`super::fuzz_linking`] let devices say.

use proptest::collection::vec;
use proptest::prelude::*;
use whatsapp_rust::wacore_binary::builder::NodeBuilder;
use whatsapp_rust::wacore_binary::{Node, marshal};

use super::connection::decode;
use super::frames::Stream;

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
const CHILDREN: [&str; 46] = [
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
    "participating",
    "clean",
    "notice",
    "plaintext",
    "messages",
    "reaction",
];
const SPACES: [&str; 26] = [
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
    "w",
    "w:p",
    "w:stats",
    "tos",
    "bot",
    "urn:xmpp:ping",
    "urn:xmpp:whatsapp:dirty",
    "urn:xmpp:whatsapp:account",
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
const WORDS: [&str; 28] = [
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
    // What is really there; see `fuzz_linked`.
    "@group",
    "@channel",
    "@message",
];

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(&WORDS[..]).prop_map(ToOwned::to_owned),
        1 => prop::sample::select(&SPACES[..]).prop_map(ToOwned::to_owned),
        1 => ".{0,12}",
    ]
}

pub(super) fn attributes() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    vec((prop::sample::select(&KEYS[..]), word()), 0..5)
}

pub(super) fn inner() -> impl Strategy<Value = Node> {
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

pub(super) fn with(tag: &'static str, attributes: Vec<(&'static str, String)>) -> NodeBuilder {
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
}
