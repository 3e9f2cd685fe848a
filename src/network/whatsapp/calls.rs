//! Calls: told as one message that changes with the call. Nobody here can answer: the phone rings.
//!
//! The library tells of offers, ends and missed calls (`whatsapp-rust` 0.7.0: `handlers/call.rs`), some of them twice.
//! The message has the id of the call and each change an id of its own, so that whatever is told twice is shown once.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use whatsapp_rust::{
    Jid,
    prelude::Event,
    types::call::{CallAction, IncomingCall, MissedCall},
    wacore_binary::JidExt as _,
};

use super::{Shared, ids};
use crate::{
    model::{
        self, Action, Call, CallKind, CallState, ChatId, ChatKind, Content, DeviceId, MessageId, MessageRef, Say,
        Sender, Timestamp,
    },
    store::keyring,
};

/// How many calls that did not end are remembered.
const MOST: usize = 100;

/// The calls of a session that may still change.
#[derive(Debug, Default)]
pub(super) struct Calls(Mutex<HashMap<String, Known>>);

#[derive(Clone, Debug)]
struct Known {
    chat: ChatId,
    chat_kind: ChatKind,
    sender: Sender,
    sender_name: Option<String>,
    call: Call,
}

/// What an event says of a call.
struct Told<'a> {
    id: &'a str,
    from: &'a Jid,
    phone: Option<&'a Jid>,
    group: Option<&'a Jid>,
    name: Option<&'a str>,
    /// What is known of the call beside its state.
    kind: Option<(CallKind, bool)>,
    state: CallState,
    at: Timestamp,
}

/// Whether an event is about a call.
pub(super) fn is_call(event: &Event) -> bool {
    matches!(event, Event::IncomingCall(_) | Event::MissedCall(_))
}

/// Reads an event about a call into what it changes in its chat, in order.
///
/// # Errors
/// The caller could not be looked up.
pub(super) async fn read(
    shared: &Shared,
    calls: &Calls,
    device: DeviceId,
    event: &Event,
) -> Result<Vec<model::Event>, keyring::Error> {
    let told = match event {
        Event::IncomingCall(call) => incoming(call),
        Event::MissedCall(missed) => Some(missed_call(missed)),
        _ => None,
    };
    let Some(told) = told else { return Ok(Vec::new()) };
    let known = calls.find(told.id);
    let is_known = known.is_some();
    let Some(known) = (match known {
        Some(known) => Some(known),
        None => begun(shared, &told).await?,
    }) else {
        return Ok(Vec::new());
    };
    let call = Call {
        state: told.state,
        ..known.call
    };
    let known = Known { call, ..known };
    calls.keep(told.id, &known);
    let event = |id: &str, action: Action| model::Event {
        device,
        chat: known.chat.clone(),
        chat_kind: known.chat_kind,
        id: MessageId::from_adapter(id),
        sender: known.sender.clone(),
        sender_name: known.sender_name.clone(),
        at: told.at,
        action,
    };
    let content = Content::Call(call);
    let mut events = Vec::new();
    if !is_known {
        events.push(event(told.id, Action::Say(Say::new(content.clone()))));
    }
    // After a restart nobody knows whether the call was told of before: then this says it of the message there is.
    if is_known || told.state != CallState::Ringing && told.kind.is_none() {
        let target = MessageRef {
            id: MessageId::from_adapter(told.id),
            sender: known.sender.clone(),
        };
        let change = format!("{}/{}", told.id, told.state.name());
        events.push(event(&change, Action::Edit { target, content }));
    }
    Ok(events)
}

fn incoming(call: &IncomingCall) -> Option<Told<'_>> {
    let at = Timestamp::from_millis(call.timestamp.timestamp_millis());
    let told = |kind, group, phone, state| Told {
        id: call.action.call_id(),
        from: call.action.call_creator(),
        phone,
        group,
        name: call.notify.as_deref(),
        kind,
        state,
        at,
    };
    let kind = |is_video: bool| if is_video { CallKind::Video } else { CallKind::Voice };
    Some(match &call.action {
        CallAction::Offer {
            is_video,
            group_jid,
            caller_pn,
            ..
        } => told(
            Some((kind(*is_video), group_jid.is_some() || call.group.is_some())),
            group_jid.as_ref(),
            caller_pn.as_ref(),
            CallState::Ringing,
        ),
        CallAction::OfferNotice { is_video, is_group, .. } => {
            let group = Some(&call.from).filter(|from| from.is_group());
            told(Some((kind(*is_video), *is_group)), group, None, CallState::Ringing)
        }
        CallAction::Terminate { reason, duration, .. } => {
            // As WhatsApp Web's call log has it; see the library's `CallAction::Terminate`.
            let state = match (reason.as_deref(), duration) {
                (Some("accepted_elsewhere"), _) => CallState::Answered,
                (Some("rejected_elsewhere"), _) => CallState::Declined,
                (_, Some(seconds)) => CallState::Over { seconds: *seconds },
                _ => CallState::Missed,
            };
            told(None, None, None, state)
        }
        CallAction::Reject { reason: None, .. } => told(None, None, None, CallState::Declined),
        _ => return None,
    })
}

fn missed_call(missed: &MissedCall) -> Told<'_> {
    Told {
        id: &missed.call_id,
        from: &missed.from,
        phone: None,
        group: None,
        name: None,
        kind: None,
        state: CallState::Missed,
        at: Timestamp::from_millis(missed.timestamp.timestamp_millis()),
    }
}

/// A call that was not heard of before.
async fn begun(shared: &Shared, told: &Told<'_>) -> Result<Option<Known>, keyring::Error> {
    let Some(spelling) = ids::Spelling::of(told.from, told.phone) else {
        return Ok(None);
    };
    let contact = shared.people.contact(&spelling).await?;
    if let Some(name) = told.name {
        shared.people.is_called(&contact, name).await?;
    }
    let (chat, chat_kind) = match told.group {
        Some(group) => (ChatId::from_adapter(group.to_non_ad_string()), ChatKind::Group),
        None => (ids::direct_chat(&contact), ChatKind::Direct),
    };
    let (kind, is_group) = told.kind.unwrap_or((CallKind::Voice, false));
    Ok(Some(Known {
        chat,
        chat_kind,
        sender: Sender::Contact(contact),
        sender_name: told.name.map(str::to_owned),
        call: Call {
            kind,
            is_group,
            state: told.state,
        },
    }))
}

impl Calls {
    fn find(&self, id: &str) -> Option<Known> {
        let calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        calls.get(id).cloned()
    }

    fn keep(&self, id: &str, known: &Known) {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if calls.len() >= MOST && !calls.contains_key(id) {
            calls.clear();
        }
        calls.insert(id.to_owned(), known.clone());
    }
}
