//! Linking a device with a passkey: the account proves itself before the device is accepted.
//!
//! Called by [`super::queries`] for the steps of the device and by `Phone` for those of the phone. The order:
//! the server asks for an assertion, the device answers with a commitment to its ephemeral key, the phone
//! shows its own, the device opens the commitment, both show the same code, and the device sends its secret
//! encrypted. It ends where a scanned QR code ends, in [`super::linking::accept`].

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use serde_json::{Value, json};
use whatsapp_rust::buffa::Message as _;
use whatsapp_rust::wacore::libsignal::crypto::aes_256_gcm_decrypt;
use whatsapp_rust::wacore::libsignal::protocol::KeyPair;
use whatsapp_rust::wacore::shortcake::ShortcakeUtils;
use whatsapp_rust::wacore_binary::Node;
use whatsapp_rust::waproto::whatsapp as wa;

use super::stanza::{self, Refusal, SERVER, node};
use super::state::{Role, Shared, State};
use super::{clock, linking};

/// Whose passkeys these are.
pub(crate) const RP_ID: &str = "web.whatsapp.com";
/// The page that may ask for them.
pub(crate) const ORIGIN: &str = "https://web.whatsapp.com";
/// Flag of authenticator data: somebody was there.
pub(crate) const PRESENT: u8 = 1;
/// And showed who they are.
pub(crate) const VERIFIED: u8 = 1 << 2;

/// How long a phone takes to answer: never before the device has read the server's own answer, and drawn its conclusions.
const PHONE_TAKES: Duration = Duration::from_millis(400);

/// What the server knows of an account's passkey.
pub(crate) struct Known {
    pub(crate) id: Vec<u8>,
    pub(crate) public_key: Vec<u8>,
}

/// Linking in progress, of one connection.
pub(crate) struct Ceremony {
    number: String,
    reference: String,
    credential: Vec<u8>,
    challenge: [u8; 32],
    /// The phone's side.
    ephemeral: KeyPair,
    nonce: [u8; 32],
    /// The device's side, once it committed itself.
    identity: Vec<u8>,
    commitment: Vec<u8>,
    /// What both sides show, once the commitment was opened.
    code: Option<String>,
}

/// The phone read the QR code and the account wants a passkey before it goes on.
pub(crate) fn begin(state: &mut State, number: &str, qr: &str) -> anyhow::Result<()> {
    let (link, _) = linking::read(state, qr)?;
    state.person(number)?;
    let passkey = state.passkeys.get(number).context("the account has no passkey")?;
    let credential = passkey.id.clone();
    let ceremony = Ceremony {
        number: number.to_owned(),
        reference: format!("2@passkey{}", state.next()),
        credential,
        challenge: crate::server::step::random(),
        ephemeral: KeyPair::generate(&mut crate::server::step::rng()),
        nonce: crate::server::step::random(),
        identity: Vec::new(),
        commitment: Vec::new(),
        code: None,
    };
    let options = node("passkey_request_options")
        .bytes(options(&ceremony).into_bytes())
        .build();
    let open: Vec<u64> = state.links.keys().copied().collect();
    state.ceremonies.retain(|link, _| open.contains(link));
    state.ceremonies.insert(link, ceremony);
    notify(state, link, "passkey_prologue_request", options);
    Ok(())
}

/// The code the phone of an account shows now.
pub(crate) fn code(state: &State, number: &str) -> Option<String> {
    let mut all = state.ceremonies.values();
    all.find(|one| one.number == number)?.code.clone()
}

/// A device that is not linked yet sent an IQ; `None` when it is about something else.
pub(crate) fn receive(shared: &Arc<Shared>, state: &mut State, link: u64, iq: &Node) -> Option<()> {
    let child = stanza::first_child(iq)?;
    let id = stanza::attr(iq, "id");
    let outcome = match child.tag.as_ref() {
        "ref" => of(state, link).map(|one| vec![node("ref").bytes(one.reference.clone().into_bytes()).build()]),
        "passkey_request_options" => {
            of(state, link).map(|one| vec![node("passkey_request_options").bytes(options(one).into_bytes()).build()])
        }
        "passkey_prologue" => prologue(state, link, child),
        "companion_nonce" => open(state, link, stanza::bytes(child)),
        "encrypted_pairing_request" => finish(state, link, stanza::bytes(child)),
        _ => return None,
    };
    let is_committed = outcome.is_ok() && child.tag == "passkey_prologue";
    let is_done = outcome.is_ok() && child.tag == "encrypted_pairing_request";
    state.send(
        link,
        match outcome {
            Ok(children) => stanza::result(&id, children),
            Err(Refusal(code, text)) => stanza::refusal(&id, code, text),
        },
    );
    if is_committed {
        after_a_while(shared, move |state| show_own_side(state, link));
    }
    if is_done {
        let sealed = stanza::bytes(child).to_vec();
        after_a_while(shared, move |state| {
            if let Err(error) = link_device(state, link, &sealed) {
                tracing::warn!("linking with a passkey failed: {error:#}");
                state.close(link);
            }
        });
    }
    Some(())
}

/// The phone does something about what it was told.
fn after_a_while(shared: &Arc<Shared>, deed: impl FnOnce(&mut State) + Send + 'static) {
    let shared = Arc::downgrade(shared);
    tokio::spawn(async move {
        tokio::time::sleep(PHONE_TAKES).await;
        if let Some(shared) = shared.upgrade() {
            shared.act(deed);
        }
    });
}

fn of(state: &State, link: u64) -> Result<&Ceremony, Refusal> {
    state.ceremonies.get(&link).ok_or(Refusal::NOT_FOUND)
}

fn options(ceremony: &Ceremony) -> String {
    json!({
        "challenge": BASE64_URL_SAFE_NO_PAD.encode(ceremony.challenge),
        "rpId": RP_ID,
        "allowCredentials": [{ "type": "public-key", "id": BASE64_URL_SAFE_NO_PAD.encode(&ceremony.credential) }],
        "userVerification": "required",
        "timeout": 60_000,
    })
    .to_string()
}

/// The device brings the assertion and commits itself to its ephemeral key.
fn prologue(state: &mut State, link: u64, prologue: &Node) -> stanza::Answer {
    let ceremony = state.ceremonies.get_mut(&link).ok_or(Refusal::NOT_FOUND)?;
    let known = state.passkeys.get(&ceremony.number).ok_or(Refusal::NOT_FOUND)?;
    let part = |name: &str| {
        let part = prologue.get_optional_child(name).map(stanza::bytes);
        part.filter(|bytes| !bytes.is_empty()).ok_or(Refusal::BAD_REQUEST)
    };
    if part("credential_id")? != known.id || !answers(part("webauthn_assertion")?, &ceremony.challenge, known) {
        return Err(Refusal::NOT_AUTHORIZED);
    }
    let payload = wa::ProloguePayload::decode_from_slice(part("prologue_payload")?);
    let payload = payload.map_err(|_| Refusal::BAD_REQUEST)?;
    ceremony.identity = payload.companion_ephemeral_identity.unwrap_or_default();
    let commitment = payload.commitment.as_option().and_then(|one| one.hash.clone());
    ceremony.commitment = commitment.ok_or(Refusal::BAD_REQUEST)?;
    Ok(Vec::new())
}

/// Whether an assertion was made by this passkey, for this challenge, on WhatsApp's page, by somebody who showed who they
/// are (Web Authentication Level 2, section 7.2).
fn answers(assertion: &[u8], challenge: &[u8], known: &Known) -> bool {
    let read = || -> Option<bool> {
        let assertion: Value = serde_json::from_slice(assertion).ok()?;
        let part = |name: &str| {
            let text = assertion["response"][name].as_str()?;
            BASE64_URL_SAFE_NO_PAD.decode(text).ok()
        };
        let (said, data, signature) = (part("clientDataJSON")?, part("authenticatorData")?, part("signature")?);
        let signed = [data.as_slice(), digest(&SHA256, &said).as_ref()].concat();
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &known.public_key);
        let said: Value = serde_json::from_slice(&said).ok()?;
        let asked = BASE64_URL_SAFE_NO_PAD.decode(said["challenge"].as_str()?).ok()?;
        let is_ours = data.starts_with(digest(&SHA256, RP_ID.as_bytes()).as_ref());
        let flags = *data.get(SHA256_OUTPUT_LEN)?;
        Some(
            said["type"] == "webauthn.get"
                && said["origin"] == ORIGIN
                && asked == challenge
                && is_ours
                && flags & (PRESENT | VERIFIED) == PRESENT | VERIFIED
                && key.verify(&signed, &signature).is_ok(),
        )
    };
    read() == Some(true)
}

/// The phone shows its ephemeral key and nonce.
fn show_own_side(state: &mut State, link: u64) {
    let Some(ceremony) = state.ceremonies.get(&link) else {
        return;
    };
    let identity = wa::PrimaryEphemeralIdentity {
        public_key: Some(ceremony.ephemeral.public_key.public_key_bytes().to_vec()),
        nonce: Some(ceremony.nonce.to_vec()),
    };
    let child = node("primary_ephemeral_identity")
        .bytes(identity.encode_to_vec())
        .build();
    notify(state, link, "crsc_continuation", child);
}

/// The device opens its commitment; the code can be compared from now on.
fn open(state: &mut State, link: u64, nonce: &[u8]) -> stanza::Answer {
    let ceremony = state.ceremonies.get_mut(&link).ok_or(Refusal::NOT_FOUND)?;
    let nonce: [u8; 32] = nonce.try_into().map_err(|_| Refusal::BAD_REQUEST)?;
    let public = ceremony.ephemeral.public_key.public_key_bytes().try_into();
    let public: [u8; 32] = public.map_err(|_| Refusal::BAD_REQUEST)?;
    if ShortcakeUtils::commitment_hash(&ceremony.identity, &nonce).as_slice() != ceremony.commitment {
        return Err(Refusal::NOT_AUTHORIZED);
    }
    let code = ShortcakeUtils::derive_verification_code(&nonce, &public, &ceremony.nonce);
    let (first, second) = code.split_at_checked(4).ok_or(Refusal::BAD_REQUEST)?;
    ceremony.code = Some(format!("{first}-{second}"));
    Ok(Vec::new())
}

/// The device sends its keys, encrypted for the phone.
fn finish(state: &State, link: u64, sealed: &[u8]) -> stanza::Answer {
    let ceremony = of(state, link)?;
    if ceremony.code.is_none() {
        return Err(Refusal::FORBIDDEN);
    }
    unseal(ceremony, sealed).map_err(|_| Refusal::NOT_AUTHORIZED)?;
    Ok(Vec::new())
}

fn unseal(ceremony: &Ceremony, sealed: &[u8]) -> anyhow::Result<wa::PairingRequest> {
    let identity = wa::CompanionEphemeralIdentity::decode_from_slice(&ceremony.identity)?;
    ensure!(
        identity.r#ref.as_deref() == Some(ceremony.reference.as_str()),
        "another reference"
    );
    let public = identity.public_key.context("no ephemeral key")?;
    let key = ShortcakeUtils::derive_encryption_key(
        &ceremony.ephemeral,
        public.as_slice().try_into()?,
        identity.device_type.context("no kind of device")?,
        &ceremony.reference,
    )?;
    let request = wa::EncryptedPairingRequest::decode_from_slice(sealed)?;
    let iv = request.iv.context("no initial value")?;
    let mut opened = Vec::new();
    aes_256_gcm_decrypt(
        &key,
        iv.as_slice().try_into()?,
        b"",
        &request.encrypted_payload.context("no content")?,
        &mut opened,
    )
    .map_err(|error| anyhow::anyhow!("sealed with another key: {error:?}"))?;
    Ok(wa::PairingRequest::decode_from_slice(&opened)?)
}

fn link_device(state: &mut State, link: u64, sealed: &[u8]) -> anyhow::Result<()> {
    let ceremony = state.ceremonies.remove(&link).context("no ceremony")?;
    let request = unseal(&ceremony, sealed)?;
    let Some(Role::Candidate(candidate)) = state.links.get(&link).map(|link| &link.role) else {
        anyhow::bail!("the device went away");
    };
    ensure!(
        request.companion_public_key.as_deref() == Some(&candidate.static_key[..]),
        "the keys belong to another device"
    );
    linking::accept(state, link, &ceremony.number, &request.adv_secret.context("no secret")?)
}

fn notify(state: &mut State, link: u64, kind: &'static str, child: Node) {
    let notification = node("notification")
        .attr("from", SERVER)
        .attr("type", kind)
        .attr("id", state.next())
        .attr("t", clock::seconds())
        .children([child])
        .build();
    state.send(link, notification);
}
