//! Linking by pairing code: the companion asks, the code is typed on the phone, keys are exchanged.
//!
//! Called by [`super::queries`] for the companion's two stages and by `Phone::types`. The slow part,
//! deriving keys from the code, is done by the phone room outside the lock.

use anyhow::{Context as _, anyhow, ensure};
use tokio::sync::oneshot;
use whatsapp_rust::wacore::crypto::hkdf_sha256_into;
use whatsapp_rust::wacore::libsignal::crypto::aes_256_gcm_decrypt;
use whatsapp_rust::wacore::libsignal::protocol::{KeyPair, PublicKey};
use whatsapp_rust::wacore_binary::Node;

use super::clock;
use super::linking;
use super::stanza::{self, SERVER, node};
use super::state::{Role, State};

/// A companion that asked for a number's pairing code.
pub(crate) struct CodeRequest {
    pub(crate) link: u64,
    /// The companion's ephemeral key, wrapped with the code.
    pub(crate) wrapped: Vec<u8>,
    pub(crate) reference: String,
    typed: Option<Typed>,
}

/// What the phone knows once the code was typed.
struct Typed {
    ephemeral: KeyPair,
    companion: [u8; 32],
    done: oneshot::Sender<anyhow::Result<()>>,
}

/// How the linking by a typed code ended.
pub(crate) type Outcome = oneshot::Receiver<anyhow::Result<()>>;

/// A stage of the companion; answers the IQ itself, since pair-success must follow the answer.
pub(crate) fn receive(state: &mut State, link: u64, iq: &Node) {
    let id = stanza::attr(iq, "id");
    let request = iq.get_optional_child("link_code_companion_reg");
    let kind = request
        .map(|request| stanza::attr(request, "stage"))
        .unwrap_or_default();
    match (kind.as_str(), request) {
        ("companion_hello", _) if let Some(code) = state.faults.refused_codes => {
            state.send(link, stanza::refusal(&id, code, reason_text(code)));
        }
        ("companion_hello", Some(request)) => {
            let answer = hello(state, link, request).map_or_else(
                || stanza::refusal(&id, 404, "item-not-found"),
                |child| stanza::result(&id, vec![child]),
            );
            state.send(link, answer);
        }
        ("companion_finish", Some(request)) => {
            state.send(link, stanza::result(&id, Vec::new()));
            finish(state, link, request);
        }
        _ => state.send(link, stanza::refusal(&id, 400, "bad-request")),
    }
}

/// The code was typed: the phone answers with its own wrapped key.
pub(crate) fn typed(
    state: &mut State,
    number: &str,
    companion: [u8; 32],
    ephemeral: KeyPair,
    wrapped: Vec<u8>,
) -> anyhow::Result<Outcome> {
    let identity = state.person(number)?.peer.public_key().to_vec();
    let id = state.next().to_string();
    let request = state
        .codes
        .get_mut(number)
        .context("no device waits for this number's code")?;
    let (done, outcome) = oneshot::channel();
    request.typed = Some(Typed {
        ephemeral,
        companion,
        done,
    });
    let (link, reference) = (request.link, request.reference.clone());
    let answer = node("link_code_companion_reg")
        .attr("stage", "primary_hello")
        .children([
            node("link_code_pairing_wrapped_primary_ephemeral_pub")
                .bytes(wrapped)
                .build(),
            node("primary_identity_pub").bytes(identity).build(),
            node("link_code_pairing_ref").bytes(reference.into_bytes()).build(),
        ])
        .build();
    let notification = node("notification")
        .attr("from", SERVER)
        .attr("type", "link_code_companion_reg")
        .attr("id", id)
        .attr("t", clock::seconds())
        .children([answer])
        .build();
    state.send(link, notification);
    Ok(outcome)
}

/// The words the client expects beside a code (wacore 0.7.0, `pair_code.rs`).
fn reason_text(code: u32) -> &'static str {
    match code {
        400 => "bad-request",
        403 => "forbidden",
        429 => "rate-overlimit",
        452 => "feature-not-available",
        _ => "internal-server-error",
    }
}

fn hello(state: &mut State, link: u64, request: &Node) -> Option<Node> {
    if !matches!(state.links.get(&link)?.role, Role::Candidate(_)) {
        return None;
    }
    let number = stanza::address(request, "jid")?.user.to_string();
    state.people.get(&number)?;
    let wrapped = request.get_optional_child("link_code_pairing_wrapped_companion_ephemeral_pub")?;
    let reference = format!("2@code{}", state.next());
    state.codes.insert(
        number,
        CodeRequest {
            link,
            wrapped: stanza::bytes(wrapped).to_vec(),
            reference: reference.clone(),
            typed: None,
        },
    );
    Some(
        node("link_code_companion_reg")
            .attr("stage", "companion_hello")
            .children([node("link_code_pairing_ref").bytes(reference.into_bytes()).build()])
            .build(),
    )
}

fn finish(state: &mut State, link: u64, request: &Node) {
    let Some((number, typed)) = state
        .codes
        .iter_mut()
        .find(|(_, asked)| asked.link == link)
        .and_then(|(number, asked)| Some((number.clone(), asked.typed.take()?)))
    else {
        return;
    };
    let outcome =
        open_bundle(state, &number, &typed, request).and_then(|secret| linking::accept(state, link, &number, &secret));
    if outcome.is_ok() {
        state.codes.remove(&number);
    }
    // Whoever typed the code may have stopped waiting.
    let _ = typed.done.send(outcome);
}

/// Opens the companion's key bundle and derives the secret both sides share.
fn open_bundle(state: &State, number: &str, typed: &Typed, request: &Node) -> anyhow::Result<[u8; 32]> {
    let bundle = request
        .get_optional_child("link_code_pairing_wrapped_key_bundle")
        .map(stanza::bytes)
        .context("no key bundle")?;
    let identity = request
        .get_optional_child("companion_identity_public")
        .map(stanza::bytes)
        .context("no identity")?;
    let (salt, rest) = bundle.split_at_checked(32).context("key bundle too short")?;
    let (nonce, sealed) = rest.split_at_checked(12).context("key bundle too short")?;
    let nonce: &[u8; 12] = nonce.try_into()?;
    let ephemeral = typed
        .ephemeral
        .private_key
        .calculate_agreement(&PublicKey::from_djb_public_key_bytes(&typed.companion)?)?;
    let mut key = [0; 32];
    hkdf_sha256_into(
        &ephemeral,
        Some(salt),
        b"link_code_pairing_key_bundle_encryption_key",
        &mut key,
    )
    .map_err(|error| anyhow!("bundle key: {error:?}"))?;
    let mut opened = Vec::new();
    aes_256_gcm_decrypt(&key, nonce, b"", sealed, &mut opened)
        .map_err(|error| anyhow!("the code was wrong: {error:?}"))?;
    ensure!(
        opened.get(..32) == Some(identity),
        "the bundle belongs to another device"
    );
    let random = opened.get(64..96).context("key bundle too short")?;
    let shared = state
        .person(number)?
        .peer
        .private_key()
        .calculate_agreement(&PublicKey::from_djb_public_key_bytes(identity)?)?;
    let mut secret = [0; 32];
    hkdf_sha256_into(
        &[&ephemeral[..], &shared[..], random].concat(),
        None,
        b"adv_secret",
        &mut secret,
    )
    .map_err(|error| anyhow!("secret: {error:?}"))?;
    Ok(secret)
}
