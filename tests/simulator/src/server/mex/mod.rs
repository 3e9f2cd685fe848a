//! `w:mex`: questions in GraphQL, each named by an id the client was built with.
//!
//! Called by [`super::queries`]. Channels answer in [`super::newsletters`], accounts in [`accounts`]. An
//! operation the client library knows but this world has nothing to say about (shops, advertising, backups)
//! is answered with no data; an id nobody knows is refused as the real server does.

mod accounts;
mod known;

use serde_json::{Value, json};
use whatsapp_rust::wacore_binary::{Jid, Node};

use super::clock;
use super::companion::Device;
use super::stanza::{self, Answer, Refusal, SERVER, node};
use super::state::State;
use super::{groups, newsletters};

/// What an operation comes to: its data, or a code and a text.
pub(crate) type Outcome = Result<Value, (u32, &'static str)>;

/// There is no such thing.
pub(crate) const NOT_FOUND: (u32, &str) = (404, "Not Found");
/// Only somebody else may do this.
pub(crate) const FORBIDDEN: (u32, &str) = (403, "Forbidden");
/// The question makes no sense.
pub(crate) const BAD_REQUEST: (u32, &str) = (400, "Bad Request");

/// Answers an IQ of the space `w:mex`.
pub(crate) fn answer(state: &mut State, device: &Device, iq: &Node) -> Answer {
    let query = iq.get_optional_child("query").ok_or(Refusal::BAD_REQUEST)?;
    let id = stanza::attr(query, "query_id");
    let body: Value = serde_json::from_slice(stanza::bytes(query)).map_err(|_| Refusal::BAD_REQUEST)?;
    let variables = body.get("variables").unwrap_or(&Value::Null);
    let outcome = newsletters::operation(state, device, &id, variables)
        .or_else(|| accounts::operation(state, device, &id, variables))
        .or_else(|| groups::operation(state, device, &id, variables))
        .unwrap_or_else(|| {
            if known::ALL.contains(&id.as_str()) {
                Ok(json!({}))
            } else {
                Err((400, "Persisted query not found"))
            }
        });
    let answer = match outcome {
        Ok(data) => json!({ "data": data }),
        Err((code, text)) => json!({
            "data": null,
            "errors": [{
                "message": text,
                "extensions": { "error_code": code, "is_summary": true, "is_retryable": false, "severity": "CRITICAL" },
            }],
        }),
    };
    Ok(vec![node("result").bytes(answer.to_string().into_bytes()).build()])
}

/// Tells devices of an account that something a client watches over GraphQL changed.
pub(crate) fn notify(state: &mut State, number: &str, except: Option<u16>, name: &'static str, data: &Value) {
    let body = json!({ "data": data }).to_string();
    let notification = node("notification")
        .attr("from", SERVER)
        .attr("type", "mex")
        .attr("id", state.next())
        .attr("t", clock::seconds())
        .children([node("update").attr("op_name", name).bytes(body.into_bytes()).build()])
        .build();
    state.push_to_companions(number, except, &notification);
}

/// The number behind an address in a question.
pub(crate) fn number_of(state: &State, address: &Value) -> Option<String> {
    let jid: Jid = address.as_str()?.parse().ok()?;
    Some(state.resolve(&jid)?.number)
}
