//! Nothing a device sends before it is linked, and no login, may end more than its own connection: arbitrary stanzas at
//! every stage of linking (shown, scanned, typed, with a passkey), and arbitrary first words.

use std::sync::Arc;

use anyhow::Context as _;
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use futures_util::FutureExt as _;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use whatsapp_rust::buffa::{Message as _, MessageField};
use whatsapp_rust::wacore::handshake::NoiseCipher;
use whatsapp_rust::wacore::libsignal::protocol::KeyPair;
use whatsapp_rust::wacore_binary::Node;
use whatsapp_rust::waproto::whatsapp as wa;
use whatsapp_rust::waproto::whatsapp::client_payload::DevicePairingRegistrationData;

use super::fuzz::stanza;
use super::noise::{Greeted, Handshake};
use crate::phone::Phone;
use crate::server::clock::Clock;
use crate::server::companion::Keys;
use crate::server::linking::{self, Candidate};
use crate::server::outlet::{Inlet, Out, pipe};
use crate::server::stanza::{attr, bytes, node};
use crate::server::state::{Link, Role, Shared};
use crate::server::{link_code, login, receive, step};
use crate::signal::Peer;

const OWNER: &str = "15550001111";
const LINK: u64 = 1;
const STATIC_KEY: [u8; 32] = [7; 32];

/// How far linking has come when the device begins to talk nonsense.
#[derive(Clone, Copy, Debug)]
enum Stage {
    Shown,
    Scanned,
    Typed,
    AsksForPasskey,
    /// The device has shown the passkey, and committed itself to arbitrary bytes.
    HasShownPasskey,
}

/// A simulator with a device that wants to be linked, and what is said to that device.
fn world(stage: Stage, noise: &[u8]) -> anyhow::Result<(Arc<Shared>, Inlet)> {
    let shared = Shared::new(Some(1), Clock::at(1_800_000_000));
    let (out, mut inlet) = pipe();
    let qr = shared.act(|state| {
        state.ensure_person(OWNER, "Owner")?;
        let keys = Keys::of_registration(&Peer::new(9)?.registration_data()).context("keys")?;
        let identity = keys.identity.clone();
        let role = Role::Candidate(Box::new(Candidate::new(STATIC_KEY, keys, None)));
        state.links.insert(LINK, Link { out, role });
        linking::show_qr(state, LINK);
        let reference = state.qr_refs.keys().min().cloned().context("a code")?;
        let parts = [STATIC_KEY.to_vec(), identity, vec![5; 32]].map(|part| BASE64_STANDARD.encode(part));
        anyhow::Ok(format!("{reference},{}", parts.join(",")))
    })?;
    let phone = Phone {
        shared: Arc::clone(&shared),
        number: OWNER.into(),
    };
    match stage {
        Stage::Shown => {}
        Stage::Scanned => phone.scans(&qr)?,
        Stage::Typed => {
            let wrapped = part("link_code_pairing_wrapped_companion_ephemeral_pub", noise.to_vec());
            let hello = node("link_code_companion_reg")
                .attr("stage", "companion_hello")
                .attr("jid", format!("{OWNER}@s.whatsapp.net"))
                .children([wrapped]);
            tell(&shared, &request("set", hello.build()));
            shared.act(|state| {
                let ephemeral = KeyPair::generate(&mut step::rng());
                link_code::typed(state, OWNER, [3; 32], ephemeral, vec![4; 80]).map(|_| ())
            })?;
        }
        Stage::AsksForPasskey | Stage::HasShownPasskey => {
            let passkey = phone.makes_passkey()?;
            phone.scans_with_passkey(&qr)?;
            let asked = options(&mut inlet).context("a question")?;
            if matches!(stage, Stage::HasShownPasskey) {
                let proof = passkey.answers(&asked)?.into_bytes();
                let answer = prologue(passkey.id().to_vec(), proof, payload(noise));
                tell(&shared, &request("set", answer));
            }
        }
    }
    Ok((shared, inlet))
}

/// What the account asks a passkey for.
fn options(inlet: &mut Inlet) -> Option<String> {
    loop {
        let Out::Stanza(stanza) = inlet.next().now_or_never()??.out else {
            return None;
        };
        if let Some(options) = stanza.get_optional_child("passkey_request_options") {
            return String::from_utf8(bytes(options).to_vec()).ok();
        }
    }
}

fn tell(shared: &Arc<Shared>, stanza: &Node) {
    shared.act(|state| receive(shared, state, LINK, stanza));
}

fn request(kind: &'static str, child: Node) -> Node {
    let iq = node("iq").attr("type", kind).attr("id", "1").attr("xmlns", "md");
    iq.children([child]).build()
}

fn part(tag: &'static str, bytes: Vec<u8>) -> Node {
    node(tag).bytes(bytes).build()
}

fn prologue(credential: Vec<u8>, assertion: Vec<u8>, payload: Vec<u8>) -> Node {
    let parts = [
        part("credential_id", credential),
        part("webauthn_assertion", assertion),
        part("prologue_payload", payload),
    ];
    node("passkey_prologue").children(parts).build()
}

fn payload(noise: &[u8]) -> Vec<u8> {
    let identity = wa::CompanionEphemeralIdentity {
        public_key: Some(noise.to_vec()),
        r#ref: Some("2@passkey".to_owned()),
        ..Default::default()
    };
    wa::ProloguePayload {
        companion_ephemeral_identity: Some(identity.encode_to_vec()),
        commitment: MessageField::some(wa::CompanionCommitment {
            hash: Some(noise.to_vec()),
        }),
    }
    .encode_to_vec()
}

fn noise() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..100),
        vec(any::<u8>(), 32),
        vec(any::<u8>(), 44..200)
    ]
}

/// What a browser could say, or something near it.
fn assertion() -> impl Strategy<Value = Vec<u8>> {
    let text = || {
        prop_oneof![
            noise().prop_map(|bytes| BASE64_URL_SAFE_NO_PAD.encode(bytes)),
            ".{0,20}".prop_map(|text| BASE64_URL_SAFE_NO_PAD.encode(json!({ "challenge": text }).to_string())),
            ".{0,20}",
        ]
        .prop_map(Value::from)
    };
    let field = move || {
        prop_oneof![
            text(),
            any::<i64>().prop_map(Value::from),
            Just(Value::Null),
            vec(text(), 0..3).prop_map(Value::from)
        ]
    };
    let whole = (field(), field(), field()).prop_map(|(said, data, signature)| {
        let response = json!({ "clientDataJSON": said, "authenticatorData": data, "signature": signature });
        json!({ "response": response }).to_string().into_bytes()
    });
    prop_oneof![
        4 => whole,
        1 => field().prop_map(|value| json!({ "response": value }).to_string().into_bytes()),
        1 => noise(),
    ]
}

/// What a device says while it is linked, or something near it.
fn words() -> impl Strategy<Value = Node> {
    let kind = prop::sample::select(&["set", "get", "result", "error"][..]);
    let stage = prop::sample::select(&["companion_hello", "companion_finish", "refresh_code", ""][..]);
    let child = prop_oneof![
        noise().prop_map(|bytes| {
            let identity = part("device-identity", bytes);
            node("pair-device-sign").children([identity]).build()
        }),
        (stage, noise(), noise()).prop_map(|(stage, bundle, identity)| {
            node("link_code_companion_reg")
                .attr("stage", stage)
                .attr("jid", format!("{OWNER}@s.whatsapp.net"))
                .children([
                    part("link_code_pairing_wrapped_companion_ephemeral_pub", bundle.clone()),
                    part("link_code_pairing_wrapped_key_bundle", bundle),
                    part("companion_identity_public", identity),
                ])
                .build()
        }),
        (noise(), assertion(), noise()).prop_map(|(credential, assertion, noise)| prologue(
            credential,
            assertion,
            payload(&noise)
        )),
        (noise(), assertion(), noise())
            .prop_map(|(credential, assertion, noise)| prologue(credential, assertion, noise)),
        noise().prop_map(|bytes| part("companion_nonce", bytes)),
        (noise(), vec(any::<u8>(), 12)).prop_map(|(sealed, iv)| {
            let sealed = wa::EncryptedPairingRequest {
                encrypted_payload: Some(sealed),
                iv: Some(iv),
            };
            part("encrypted_pairing_request", sealed.encode_to_vec())
        }),
        noise().prop_map(|bytes| part("encrypted_pairing_request", bytes)),
        Just(node("passkey_request_options").build()),
        Just(node("ref").build()),
    ];
    prop_oneof![
        4 => (kind, child).prop_map(|(kind, child)| request(kind, child)),
        1 => stanza(),
    ]
}

fn stage() -> impl Strategy<Value = Stage> {
    prop::sample::select(
        &[
            Stage::Shown,
            Stage::Scanned,
            Stage::Typed,
            Stage::AsksForPasskey,
            Stage::HasShownPasskey,
        ][..],
    )
}

/// The first words of a client: its own, or bytes that happen to be some.
fn first_words() -> impl Strategy<Value = wa::ClientPayload> {
    let bytes = || proptest::option::of(noise());
    let pairing =
        (bytes(), bytes(), bytes(), bytes(), bytes()).prop_map(|(id, identity, signed_id, key, signature)| {
            DevicePairingRegistrationData {
                e_regid: id,
                e_ident: identity,
                e_skey_id: signed_id,
                e_skey_val: key,
                e_skey_sig: signature,
                ..Default::default()
            }
        });
    let built = (
        proptest::option::of(pairing),
        any::<Option<u64>>(),
        any::<Option<u32>>(),
        any::<Option<String>>(),
    );
    prop_oneof![
        built.prop_map(|(pairing, username, device, push_name)| wa::ClientPayload {
            device_pairing_data: pairing.map_or_else(MessageField::default, MessageField::some),
            username,
            device,
            push_name,
            ..Default::default()
        }),
        vec(any::<u8>(), 0..200).prop_map(|bytes| wa::ClientPayload::decode_from_slice(&bytes).unwrap_or_default()),
    ]
}

proptest! {
    #[test]
    fn arbitrary_stanzas_while_a_device_is_linked_make_no_server_panic(
        stage in stage(),
        bytes in noise(),
        stanzas in vec(words(), 1..12),
    ) {
        // What follows after a while is spawned; nothing runs it here.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let _inside = runtime.enter();
        let (shared, _inlet) = world(stage, &bytes).unwrap();
        for stanza in &stanzas {
            tell(&shared, stanza);
        }
    }

    #[test]
    fn arbitrary_first_words_make_no_login_panic(payloads in vec((first_words(), any::<bool>()), 1..5)) {
        let shared = Shared::new(Some(1), Clock::at(1_800_000_000));
        for (payload, is_known) in payloads {
            let (out, mut inlet) = pipe();
            let client = Greeted {
                static_key: if is_known { STATIC_KEY } else { [8; 32] },
                payload,
                write: NoiseCipher::new(&[1; 32]).unwrap(),
                read: NoiseCipher::new(&[2; 32]).unwrap(),
                handshake: Handshake::Full,
                is_routed: is_known,
            };
            let link = shared.act(|state| login::begin(state, &client, out));
            // Every client is told something: a QR code to show, or why it may not come in.
            let told = inlet.next().now_or_never().flatten().unwrap();
            prop_assert!(matches!(&told.out, Out::Stanza(stanza) if ["iq", "failure"].contains(&&*stanza.tag)));
            if let Out::Stanza(stanza) = &told.out {
                prop_assert!(stanza.tag == "iq" || attr(stanza, "reason").parse::<u32>().is_ok());
            }
            shared.act(|state| login::end(state, link));
        }
    }
}
