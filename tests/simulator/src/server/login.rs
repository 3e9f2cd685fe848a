//! A connection begins and ends: registration, login, refusal, replacement, removal.
//!
//! Called by the wire room after the handshake. A login carries no secret, so only the Noise key
//! learnt at linking tells who it is.

use whatsapp_rust::wacore_binary::{Jid, Node};

use super::clock;
use super::companion::{Device, Keys};
use super::goodbye::Goodbye;
use super::linking::{self, Candidate};
use super::outlet::{Out, Outlet};
use super::presence;
use super::queue::Socket;
use super::refusal::Refusal;
use super::stanza::node;
use super::state::{Link, Role, State};
use crate::wire::{Greeted, Handshake};

/// A client finished the handshake; answers the connection's id.
pub(crate) fn begin(state: &mut State, client: &Greeted, out: Outlet) -> u64 {
    let static_key = client.static_key;
    let link = state.next();
    if let Some(refusal) = state.faults.refused_login(None) {
        refuse(&out, refusal);
        return link;
    }
    if let Some(data) = client.payload.device_pairing_data.as_option() {
        match Keys::of_registration(data) {
            Some(keys) => {
                let role = Role::Candidate(Box::new(Candidate::new(
                    static_key,
                    keys,
                    client.payload.push_name.clone(),
                )));
                state.links.insert(link, Link { out, role });
                linking::show_qr(state, link);
            }
            None => refuse(&out, &Refusal::new(400)),
        }
        return link;
    }
    let Some(device) = state.logins.get(&static_key).cloned() else {
        refuse(&out, &Refusal::new(401));
        return link;
    };
    if let Some(refusal) = state.faults.refused_login(Some(&device.number)) {
        refuse(&out, refusal);
        return link;
    }
    log_in(state, link, device, client, out);
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
        end_with(&socket, &Goodbye::DeviceRemoved);
    }
    let notification = linking::removal(state, device);
    linking::tell(state, device, &notification);
}

fn log_in(state: &mut State, link: u64, device: Device, client: &Greeted, out: Outlet) {
    let Ok(person) = state.person_mut(&device.number) else {
        return refuse(&out, &Refusal::new(401));
    };
    let lid = Jid::lid_device(person.lid.as_str(), device.id);
    let Some(companion) = person.companions.get_mut(&device.id) else {
        return refuse(&out, &Refusal::new(401));
    };
    let old = companion.socket.take();
    if let Some(old) = &old {
        end_with(old, &Goodbye::Replaced);
    }
    let socket = Socket::new(link, out.clone());
    socket.send(
        node("success")
            .attr("t", clock::seconds())
            .attr("lid", lid)
            .attr("creation", "1700000000")
            .build(),
    );
    socket.send(routing(link));
    companion.socket = Some(socket);
    if let Some(held) = companion.tricks.release() {
        companion.push(held);
    }
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
    history.routed += usize::from(client.is_routed);
    *match client.handshake {
        Handshake::Full => &mut history.full_handshakes,
        Handshake::Short => &mut history.short_handshakes,
        Handshake::Fallback => &mut history.fallbacks,
    } += 1;
}

fn refuse(out: &Outlet, refusal: &Refusal) {
    // The socket task may be gone already; then the refusal has arrived in another way.
    let _ = out.send(Out::Stanza(refusal.stanza()));
    let _ = out.send(Out::Close);
}

fn end_with(socket: &Socket, goodbye: &Goodbye) {
    if let Some(stanza) = goodbye.stanza() {
        socket.send(stanza);
    }
    let _ = socket.out.send(Out::Close);
}

/// The data with which the client's next connection finds its way here.
fn routing(link: u64) -> Node {
    let data = [b"sim".as_slice(), &link.to_be_bytes()].concat();
    node("ib")
        .children([node("edge_routing")
            .children([node("routing_info").bytes(data).build()])
            .build()])
        .build()
}
