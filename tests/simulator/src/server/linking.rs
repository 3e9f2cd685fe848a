//! Linking a device: the QR references, what the phone signs, and the device's answer.
//!
//! Both ways of linking end here with `<pair-success>`; the pairing code's own steps are in
//! [`super::link_code`]. What is signed: facts of the protocol, `ADVSignedDeviceIdentity`.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use whatsapp_rust::buffa::Message as _;
use whatsapp_rust::wacore::libsignal::crypto::CryptographicMac;
use whatsapp_rust::wacore_binary::{Jid, Node};
use whatsapp_rust::waproto::whatsapp as wa;

use super::clock;
use super::companion::{Companion, Device, Keys};
use super::outlet::Out;
use super::stanza::{self, SERVER, node};
use super::state::{Role, Shared, State};
use super::step;

/// The references of one QR session; the client shows one after the other.
const QR_REFS: usize = 6;
/// The client marks its next disconnect as expected only after it sent its answer, so an earlier 515
/// costs it one connection (traps, 1).
const RESTART_AFTER: Duration = Duration::from_millis(150);
/// Prefixes of what account and device sign.
const ACCOUNT_SIGNS: [u8; 2] = [6, 0];
const ACCOUNT_SIGNS_LIST: [u8; 2] = [6, 2];

/// A connection whose device wants to be linked.
pub(crate) struct Candidate {
    pub(crate) static_key: [u8; 32],
    pub(crate) keys: Keys,
    /// The name the client says its owner has.
    pub(crate) push_name: Option<String>,
    /// Set once a phone has accepted it, until the device answered.
    accepted: Option<Accepted>,
}

struct Accepted {
    device: Device,
}

impl Candidate {
    pub(crate) fn new(static_key: [u8; 32], keys: Keys, push_name: Option<String>) -> Self {
        Self {
            static_key,
            keys,
            push_name,
            accepted: None,
        }
    }
}

/// Offers the references of the QR codes.
pub(crate) fn show_qr(state: &mut State, link: u64) {
    let mut children = Vec::with_capacity(QR_REFS);
    for _ in 0..QR_REFS {
        let text = format!("2@{}", BASE64_STANDARD.encode(step::random::<[u8; 24]>()));
        children.push(node("ref").bytes(text.clone().into_bytes()).build());
        state.qr_refs.insert(text, link);
    }
    let id = state.next().to_string();
    let offer = node("pair-device").children(children).build();
    state.send(link, request(&id, offer));
}

/// The phone read a QR code off the screen of a candidate.
pub(crate) fn scan(state: &mut State, number: &str, qr: &str) -> anyhow::Result<()> {
    let (link, secret) = read(state, qr)?;
    accept(state, link, number, &secret)
}

/// The connection that shows a QR code, and the secret in the code.
pub(crate) fn read(state: &State, qr: &str) -> anyhow::Result<(u64, Vec<u8>)> {
    let mut fields = qr.trim().split(',');
    let mut field = || fields.next().context("a QR code has five fields");
    let reference = field()?.to_owned();
    let noise_key = BASE64_STANDARD.decode(field()?).context("noise key")?;
    let identity = BASE64_STANDARD.decode(field()?).context("identity key")?;
    let secret = BASE64_STANDARD.decode(field()?).context("secret")?;
    let link = *state
        .qr_refs
        .get(&reference)
        .context("this QR code is not valid any more")?;
    let Some(Role::Candidate(candidate)) = state.links.get(&link).map(|link| &link.role) else {
        return Err(anyhow!("nobody shows this QR code any more"));
    };
    ensure!(
        candidate.static_key.as_slice() == noise_key && candidate.keys.identity == identity,
        "the QR code does not belong to the device that shows it"
    );
    Ok((link, secret))
}

/// Signs the candidate's identity with the account key and tells it that it is linked.
pub(crate) fn accept(state: &mut State, link: u64, number: &str, secret: &[u8]) -> anyhow::Result<()> {
    let is_spoiled = state.faults.take_spoiled_link();
    let person = state.people.get_mut(number).context("nobody has this number")?;
    let Some(Role::Candidate(candidate)) = state.links.get_mut(&link).map(|link| &mut link.role) else {
        return Err(anyhow!("the device went away"));
    };
    let id = person.next_device;
    person.next_device += 1;
    let key_index = u32::from(id);
    let details = wa::ADVDeviceIdentity {
        raw_id: Some(person.app_state.raw_id()),
        timestamp: Some(clock::seconds()),
        key_index: Some(key_index),
        ..Default::default()
    }
    .encode_to_vec();
    let signature = person
        .peer
        .private_key()
        .calculate_signature(
            &[&ACCOUNT_SIGNS[..], &details, &candidate.keys.identity].concat(),
            &mut step::rng(),
        )
        .context("sign the device identity")?;
    let signed = wa::ADVSignedDeviceIdentity {
        details: Some(details),
        account_signature_key: Some(person.peer.public_key().to_vec()),
        account_signature: Some(signature.to_vec()),
        ..Default::default()
    }
    .encode_to_vec();
    let mut mac = CryptographicMac::new("HmacSha256", secret).map_err(|error| anyhow!("hmac: {error}"))?;
    mac.update(&signed);
    let mut mac = mac.finalize();
    if let Some(byte) = mac.first_mut().filter(|_| is_spoiled) {
        *byte ^= 1;
    }
    let container = wa::ADVSignedDeviceIdentityHMAC {
        details: Some(signed),
        hmac: Some(mac),
        ..Default::default()
    }
    .encode_to_vec();
    candidate.accepted = Some(Accepted {
        device: Device {
            number: number.to_owned(),
            id,
        },
    });
    let mut children = vec![
        node("device-identity").bytes(container).build(),
        node("platform").attr("name", "android").build(),
        node("device")
            .attr("jid", Jid::pn_device(number, id))
            .attr("lid", Jid::lid_device(person.lid.as_str(), id))
            .build(),
    ];
    if person.conduct.is_lid_migrated {
        let props = wa::ClientPairingProps {
            is_chat_db_lid_migrated: Some(true),
            ..Default::default()
        };
        children.push(node("client-props").bytes(props.encode_to_vec()).build());
    }
    state.qr_refs.retain(|_, owner| *owner != link);
    let request_id = state.next().to_string();
    let success = node("pair-success").children(children).build();
    state.send(link, request(&request_id, success));
    Ok(())
}

/// The device signed too: it exists from now on, and reconnects to log in.
pub(crate) fn finish(shared: &Arc<Shared>, state: &mut State, link: u64, answer: &Node) -> anyhow::Result<()> {
    let identity = answer
        .get_optional_child("device-identity")
        .context("an answer without device-identity")?;
    let device_identity = stanza::bytes(identity).to_vec();
    let entry = state.links.get_mut(&link).context("the connection is gone")?;
    let Role::Candidate(candidate) = &mut entry.role else {
        return Err(anyhow!("this connection is linked already"));
    };
    let accepted = candidate.accepted.take().context("no phone accepted this device")?;
    let (static_key, keys) = (candidate.static_key, std::mem::take(&mut candidate.keys));
    let out = entry.out.clone();
    let companion = Companion::new(accepted.device.id, static_key, keys, device_identity);
    state
        .person_mut(&accepted.device.number)?
        .companions
        .insert(companion.id, companion);
    state.logins.insert(static_key, accepted.device.clone());
    announce_devices(state, &accepted.device)?;
    // Weak: a simulator that was dropped does not linger for the sake of a restart notice.
    let shared = Arc::downgrade(shared);
    tokio::spawn(async move {
        tokio::time::sleep(RESTART_AFTER).await;
        if shared.upgrade().is_some() {
            let restart = node("stream:error").attr("code", "515").build();
            let _ = out.send(Out::Stanza(restart));
            let _ = out.send(Out::Close);
        }
    });
    Ok(())
}

/// The list of an account's devices, signed with the account key.
pub(crate) fn signed_key_index_list(state: &State, number: &str) -> anyhow::Result<Vec<u8>> {
    let person = state.person(number)?;
    let details = wa::ADVKeyIndexList {
        raw_id: Some(person.app_state.raw_id()),
        timestamp: Some(clock::seconds()),
        current_index: Some(u32::from(person.next_device.saturating_sub(1))),
        valid_indexes: std::iter::once(0)
            .chain(person.companions.values().map(|companion| companion.key_index))
            .collect(),
        ..Default::default()
    }
    .encode_to_vec();
    let signature = person
        .peer
        .private_key()
        .calculate_signature(&[&ACCOUNT_SIGNS_LIST[..], &details].concat(), &mut step::rng())
        .context("sign the device list")?;
    Ok(wa::ADVSignedKeyIndexList {
        details: Some(details),
        account_signature: Some(signature.to_vec()),
        ..Default::default()
    }
    .encode_to_vec())
}

/// What the account's other companions are told when one was removed.
pub(crate) fn removal(state: &mut State, device: &Device) -> Node {
    let change = node("remove")
        .children([
            node("device").attr("jid", device.jid()).build(),
            node("key-index-list").attr("ts", clock::seconds()).build(),
        ])
        .build();
    devices_notification(state, device, change)
}

/// Tells the account's other companions, and whoever writes to the account, what changed.
pub(crate) fn tell(state: &mut State, device: &Device, notification: &Node) {
    state.push_to_companions(&device.number, Some(device.id), notification);
    let friends = state.acquaintances.iter().filter(|(_, whom)| *whom == device.number);
    for (friend, _) in friends.cloned().collect::<Vec<_>>() {
        state.push_to_companions(&friend, None, notification);
    }
}

/// Tells the account's other companions about a new one.
fn announce_devices(state: &mut State, device: &Device) -> anyhow::Result<()> {
    let list = signed_key_index_list(state, &device.number)?;
    let change = node("add")
        .children([
            node("device")
                .attr("jid", device.jid())
                .attr("key-index", u32::from(device.id))
                .build(),
            node("key-index-list").attr("ts", clock::seconds()).bytes(list).build(),
        ])
        .build();
    let notification = devices_notification(state, device, change);
    tell(state, device, &notification);
    Ok(())
}

fn devices_notification(state: &mut State, device: &Device, change: Node) -> Node {
    node("notification")
        .attr("from", Jid::pn(device.number.as_str()))
        .attr("type", "devices")
        .attr("id", state.next())
        .attr("t", clock::seconds())
        .children([change])
        .build()
}

fn request(id: &str, child: Node) -> Node {
    node("iq")
        .attr("from", SERVER)
        .attr("type", "set")
        .attr("id", id)
        .attr("xmlns", "md")
        .children([child])
        .build()
}
