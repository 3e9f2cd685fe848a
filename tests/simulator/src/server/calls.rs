//! Calls: a person rings, the account's devices are told, somebody answers, rejects or gives up.
//!
//! Called by the router for what companions send and by `Contact` and `Phone` for what people do. Only the
//! signalling is here; nothing is ever heard or seen. The offer carries a real encrypted key, as clients expect.

use std::collections::HashMap;

use whatsapp_rust::buffa::MessageField;
use whatsapp_rust::wacore::stanza::call::{CAPABILITY_OFFER, CAPABILITY_VIDEO_OFFER};
use whatsapp_rust::wacore_binary::{Jid, Node};
use whatsapp_rust::waproto::whatsapp as wa;

use super::companion::Device;
use super::person::{Addressing, Person};
use super::stanza::{self, node};
use super::state::State;
use super::{clock, keys, privacy};

/// How far a call came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CallState {
    /// Nobody knows of it yet.
    Offered,
    /// A linked device rings.
    Ringing,
    /// Somebody took it.
    Answered,
    /// Somebody declined it.
    Rejected,
    /// It is over.
    Ended,
}

/// What a person calls about.
#[derive(Clone, Debug, Default)]
pub(crate) struct Occasion {
    pub(crate) is_video: bool,
    /// The group the call belongs to.
    pub(crate) group: Option<Jid>,
    /// The devices are only told that a group call goes on.
    pub(crate) is_notice: bool,
}

/// A call.
pub(crate) struct Call {
    from: String,
    to: String,
    pub(crate) state: CallState,
    answered: Option<u64>,
}

/// All calls, by id.
pub(crate) type Calls = HashMap<String, Call>;

/// A person calls an account; answers the id of the call.
pub(crate) fn offer(state: &mut State, from: &str, to: &str, occasion: &Occasion) -> String {
    let id = format!("{:016X}{:016X}", crate::server::step::random::<u64>(), state.next());
    let call = Call {
        from: from.to_owned(),
        to: to.to_owned(),
        state: CallState::Offered,
        answered: None,
    };
    state.calls.insert(id.clone(), call);
    if privacy::is_blocked(state, to, from) {
        return id;
    }
    let devices = state.person(to).map(Person::companion_ids).unwrap_or_default();
    for device in devices {
        let device = Device {
            number: to.to_owned(),
            id: device,
        };
        if let Err(error) = offer_to(state, from, &device, &id, occasion) {
            tracing::warn!("a call could not be offered: {error:#}");
        }
    }
    id
}

fn offer_to(state: &mut State, from: &str, device: &Device, id: &str, occasion: &Occasion) -> anyhow::Result<()> {
    let action = if occasion.is_notice {
        action(state, from, "offer_notice", id)?
            .attr("media", if occasion.is_video { "video" } else { "audio" })
            .attr("type", "group")
            .build()
    } else {
        let enc = encrypted_key(state, from, device)?;
        let person = state.person(from)?;
        let offer = action(state, from, "offer", id)?
            .attr("device_class", "2016")
            .attr("joinable", if occasion.group.is_some() { "1" } else { "0" })
            .children(media(occasion.is_video, enc));
        let offer = match &occasion.group {
            Some(group) => offer.attr("group-jid", group),
            None => offer,
        };
        match person.conduct.addressing {
            Addressing::HiddenNumber => offer.build(),
            _ => offer
                .attr("caller_pn", person.number_jid())
                .attr("caller_country_code", "US")
                .build(),
        }
    };
    push(state, from, device, action)
}

/// What an offer says about sound and picture, in the order clients insist on.
fn media(is_video: bool, enc: Node) -> Vec<Node> {
    let mut children: Vec<Node> = ["16000", "8000"]
        .map(|rate| node("audio").attr("enc", "opus").attr("rate", rate).build())
        .into();
    if is_video {
        let video = node("video")
            .attr("enc", "vp8")
            .attr("dec", "vp8")
            .attr("orientation", "0")
            .attr("screen_width", "1080")
            .attr("screen_height", "1920");
        children.push(video.build());
    }
    let capability = if is_video {
        CAPABILITY_VIDEO_OFFER
    } else {
        CAPABILITY_OFFER
    };
    children.push(node("net").attr("medium", "3").build());
    children.push(node("capability").attr("ver", "1").bytes(capability.to_vec()).build());
    children.push(enc);
    children.push(node("encopt").attr("keygen", "2").build());
    children
}

fn encrypted_key(state: &mut State, from: &str, device: &Device) -> anyhow::Result<Node> {
    let address = device.address();
    if !state.person(from)?.peer.has_session(&address) {
        let bundle = keys::take_bundle(state, device)?;
        state.person_mut(from)?.peer.begin(&address, &bundle)?;
    }
    let message = wa::Message {
        call: MessageField::some(wa::message::Call {
            call_key: Some(crate::server::step::random::<[u8; 32]>().to_vec()),
            ..Default::default()
        }),
        ..Default::default()
    };
    let (kind, ciphertext) = state.person_mut(from)?.peer.encrypt(&address, &message)?;
    Ok(node("enc").attr("v", "2").attr("type", kind).bytes(ciphertext).build())
}

/// The caller ends the call: gives up when nobody answered, hangs up otherwise.
pub(crate) fn hang_up(state: &mut State, id: &str) {
    let Some(call) = state.calls.get_mut(id) else {
        return;
    };
    if call.state >= CallState::Rejected {
        return;
    }
    call.state = CallState::Ended;
    let (to, answered) = (call.to.clone(), call.answered);
    match answered {
        Some(since) => terminate(state, id, &to, None, None, Some(clock::seconds().saturating_sub(since))),
        None => terminate(state, id, &to, None, Some("timeout"), None),
    }
}

/// The call is taken on the phone itself, or declined there; the linked devices stop ringing.
pub(crate) fn settle(state: &mut State, id: &str, by: &str, is_taken: bool) {
    finish(state, id, by, None, is_taken);
}

fn finish(state: &mut State, id: &str, by: &str, device: Option<u16>, is_taken: bool) {
    let Some(call) = state.calls.get_mut(id) else {
        return;
    };
    if call.to != by || call.state >= CallState::Answered {
        return;
    }
    let reason = if is_taken {
        call.state = CallState::Answered;
        call.answered = Some(clock::seconds());
        "accepted_elsewhere"
    } else {
        call.state = CallState::Rejected;
        "rejected_elsewhere"
    };
    terminate(state, id, by, device, Some(reason), None);
}

fn terminate(state: &mut State, id: &str, to: &str, except: Option<u16>, reason: Option<&str>, seconds: Option<u64>) {
    let Some(from) = state.calls.get(id).map(|call| call.from.clone()) else {
        return;
    };
    let devices = state.person(to).map(Person::companion_ids).unwrap_or_default();
    for device in devices.into_iter().filter(|one| Some(*one) != except) {
        let Ok(end) = action(state, &from, "terminate", id) else {
            return;
        };
        let end = match reason {
            Some(reason) => end.attr("reason", reason),
            None => end,
        };
        let end = match seconds {
            Some(seconds) => end.attr("duration", seconds).attr("audio_duration", seconds),
            None => end,
        };
        let device = Device {
            number: to.to_owned(),
            id: device,
        };
        if let Err(error) = push(state, &from, &device, end.build()) {
            tracing::warn!("the end of a call could not be told: {error:#}");
        }
    }
}

/// A companion sent `<call>`: without sound of its own it can only decline.
pub(crate) fn receive(state: &mut State, from: &Device, call: &Node) {
    let Some(action) = stanza::first_child(call) else {
        return;
    };
    let ack = stanza::ack("call", &stanza::attr(call, "id"), stanza::address(call, "to"))
        .attr("type", action.tag.to_string())
        .build();
    if let Some(companion) = state.companion_mut(from) {
        companion.send_now(ack);
    }
    let id = stanza::attr(action, "call-id");
    match action.tag.as_ref() {
        "reject" => finish(state, &id, &from.number, Some(from.id), false),
        "accept" => finish(state, &id, &from.number, Some(from.id), true),
        "terminate" if state.calls.get(&id).is_some_and(|call| call.to == from.number) => hang_up(state, &id),
        _ => {}
    }
}

/// A companion confirmed an offer: it rings. Answers whether the receipt was one about a call.
pub(crate) fn confirmed(state: &mut State, from: &Device, receipt: &Node) -> bool {
    let Some(offer) = receipt.get_optional_child("offer") else {
        return false;
    };
    if let Some(call) = state.calls.get_mut(&stanza::attr(offer, "call-id"))
        && call.to == from.number
        && call.state == CallState::Offered
    {
        call.state = CallState::Ringing;
    }
    true
}

fn action(
    state: &State,
    from: &str,
    tag: &'static str,
    id: &str,
) -> anyhow::Result<whatsapp_rust::wacore_binary::builder::NodeBuilder> {
    let creator = state.person(from)?.face();
    Ok(node(tag).attr("call-id", id).attr("call-creator", creator))
}

fn push(state: &mut State, from: &str, device: &Device, action: Node) -> anyhow::Result<()> {
    let person = state.person(from)?;
    let (face, name) = (person.face(), person.name.clone());
    let stanza = node("call")
        .attr("from", face)
        .attr("id", state.next_message_id())
        .attr("t", clock::seconds())
        .attr("notify", name)
        .attr("platform", "android")
        .attr("version", "2.26.1.1")
        .children([action])
        .build();
    if let Some(companion) = state.companion_mut(device) {
        companion.push(stanza);
    }
    Ok(())
}
