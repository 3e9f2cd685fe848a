//! A connection begins and ends: registration, login, refusal, replacement, removal.
//!
//! Called by the wire room after the handshake. A login carries no secret, so only the Noise key
//! learnt at linking tells who it is.

use tokio::sync::mpsc::UnboundedSender;
use whatsapp_rust::wacore_binary::{Jid, Node};

use super::clock;
use super::companion::{Device, Keys};
use super::linking::{self, Candidate};
use super::presence;
use super::queue::{Out, Socket};
use super::stanza::node;
use super::state::{Link, Role, State};
use crate::wire::Greeted;

/// How long a temporary ban lasts, in seconds, and why it was given.
const BAN: (u64, u32) = (3600, 101);

/// A client finished the handshake; answers the connection's id.
pub(crate) fn begin(state: &mut State, client: &Greeted, out: UnboundedSender<Out>) -> u64 {
    let static_key = client.static_key;
    let link = state.next();
    if let Some(code) = state.faults.refused_login {
        refuse(&out, code);
        return link;
    }
    if let Some(data) = client.payload.device_pairing_data.as_option() {
        match Keys::of_registration(data) {
            Some(keys) => {
                let role = Role::Candidate(Box::new(Candidate::new(static_key, keys)));
                state.links.insert(link, Link { out, role });
                linking::show_qr(state, link);
            }
            None => refuse(&out, 400),
        }
        return link;
    }
    let Some(device) = state.logins.get(&static_key).cloned() else {
        refuse(&out, 401);
        return link;
    };
    log_in(state, link, device, client.is_ik, out);
    link
}

/// A connection ended.
pub(crate) fn end(state: &mut State, link: u64) {
    state.qr_refs.retain(|_, owner| *owner != link);
    state.codes.retain(|_, request| request.link != link);
    let Some(Link {
        role: Role::Device(device),
        ..
    }) = state.links.remove(&link)
    else {
        return;
    };
    if let Some(companion) = state.companion_mut(&device)
        && companion.socket.as_ref().is_some_and(|socket| socket.link == link)
    {
        companion.socket = None;
    }
    presence::device_is_available(state, &device, false);
}

/// The phone removed a companion: it is told, and every later login is refused with 401.
pub(crate) fn remove(state: &mut State, device: &Device) {
    let Some(companion) = state
        .people
        .get_mut(&device.number)
        .and_then(|person| person.companions.remove(&device.id))
    else {
        return;
    };
    state.logins.remove(&companion.static_key);
    if let Some(socket) = companion.socket {
        socket.send(conflict("device_removed", Some("401")));
        let _ = socket.out.send(Out::Close);
    }
    let notification = linking::removal(state, device);
    state.push_to_companions(&device.number, None, &notification);
}

fn log_in(state: &mut State, link: u64, device: Device, is_ik: bool, out: UnboundedSender<Out>) {
    let Ok(person) = state.person_mut(&device.number) else {
        return refuse(&out, 401);
    };
    let lid = Jid::lid_device(person.lid.as_str(), device.id);
    let Some(companion) = person.companions.get_mut(&device.id) else {
        return refuse(&out, 401);
    };
    let old = companion.socket.take();
    if let Some(old) = &old {
        old.send(conflict("replaced", None));
        let _ = old.out.send(Out::Close);
    }
    let socket = Socket::new(link, out.clone());
    socket.send(
        node("success")
            .attr("t", clock::seconds())
            .attr("lid", lid)
            .attr("creation", "1700000000")
            .build(),
    );
    companion.socket = Some(socket);
    let number = device.number.clone();
    if let Some(old) = &old {
        state.links.remove(&old.link);
    }
    state.links.insert(
        link,
        Link {
            out,
            role: Role::Device(device),
        },
    );
    let open = state.sockets(&number);
    let history = state.history.entry(number).or_default();
    history.most_sockets = open.max(history.most_sockets);
    history.replacements += usize::from(old.is_some());
    history.short_handshakes += usize::from(is_ik);
    history.full_handshakes += usize::from(!is_ik);
}

fn refuse(out: &UnboundedSender<Out>, code: u32) {
    let failure = node("failure").attr("reason", code).attr("location", "sim");
    let failure = if code == 402 {
        failure.attr("expire", BAN.0).attr("code", BAN.1)
    } else {
        failure
    };
    // The socket task may be gone already; then the refusal has arrived in another way.
    let _ = out.send(Out::Stanza(failure.build()));
    let _ = out.send(Out::Close);
}

fn conflict(kind: &'static str, code: Option<&'static str>) -> Node {
    let error = node("stream:error");
    let error = match code {
        Some(code) => error.attr("code", code),
        None => error,
    };
    error.children([node("conflict").attr("type", kind).build()]).build()
}
