//! A request of the client API: its path in parts, its query, and in whose name it is made.

use std::collections::BTreeMap;

use axum::{
    Json,
    http::{Method, StatusCode, Uri, header::AUTHORIZATION, request::Parts},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::state::State;

/// A refusal as Matrix has it.
#[derive(Clone, Debug)]
pub(super) struct Refused {
    status: u16,
    code: &'static str,
    words: String,
    /// What the service answered, of which the refusal tells.
    answered: Option<u16>,
}

impl Refused {
    pub(super) fn new(status: u16, code: &'static str, words: &str) -> Self {
        Self {
            status,
            code,
            words: words.to_owned(),
            answered: None,
        }
    }

    pub(super) fn with_status(self, answered: u16) -> Self {
        let answered = Some(answered);
        Self { answered, ..self }
    }

    pub(super) fn forbidden(words: &str) -> Self {
        Self::new(403, "M_FORBIDDEN", words)
    }

    pub(super) fn not_found(words: &str) -> Self {
        Self::new(404, "M_NOT_FOUND", words)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap();
        let mut body = json!({"errcode": self.code, "error": self.words});
        if let Some(answered) = self.answered {
            body["status"] = answered.into();
        }
        (status, Json(body)).into_response()
    }
}

pub(super) struct Request {
    pub(super) method: Method,
    /// Behind `/_matrix/client/v3`, decoded.
    pub(super) path: Vec<String>,
    pub(super) query: BTreeMap<String, String>,
    pub(super) body: Value,
    raw_path: String,
    token: Option<String>,
}

/// In whose name.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) service: usize,
    pub(super) user: String,
    pub(super) device: Option<String>,
}

impl Request {
    pub(super) fn read(parts: &Parts, body: &[u8]) -> Self {
        let token = parts
            .headers
            .get(AUTHORIZATION)
            .and_then(|it| it.to_str().ok()?.strip_prefix("Bearer "));
        let body = serde_json::from_slice(body).unwrap_or(Value::Null);
        Self {
            method: parts.method.clone(),
            path: path_of(&parts.uri),
            query: query_of(&parts.uri),
            body,
            raw_path: parts.uri.path().to_owned(),
            token: token.map(str::to_owned),
        }
    }

    pub(super) fn line(&self) -> String {
        format!("{} {}", self.method, self.raw_path)
    }

    /// The key of Synapse's memory: the path alone, whoever is named in the query.
    pub(super) fn memory(&self, caller: &Caller) -> (usize, String) {
        (caller.service, self.raw_path.clone())
    }

    pub(super) fn caller(&self, state: &State) -> Result<Caller, Refused> {
        let token = self
            .token
            .as_ref()
            .ok_or(Refused::new(401, "M_MISSING_TOKEN", "Missing access token"))?;
        let service = state.services.iter().position(|service| service.as_token == *token);
        let service = service.ok_or(Refused::new(401, "M_UNKNOWN_TOKEN", "Unrecognised access token"))?;
        let (named, device) = (self.query.get("user_id"), self.query.get("device_id").cloned());
        let Some(user) = named else {
            // Synapse 1.163 fails on a device without its user.
            if device.is_some() {
                return Err(Refused::new(500, "M_UNKNOWN", "Internal server error"));
            }
            return Ok(Caller {
                service,
                user: state.services[service].sender.clone(),
                device,
            });
        };
        if !state.services[service].has_user(user) {
            return Err(Refused::forbidden(
                "Application service cannot masquerade as this user.",
            ));
        }
        let Some(account) = state.users.get(user) else {
            return Err(Refused::forbidden("Application service has not registered this user"));
        };
        if device.as_ref().is_some_and(|device| !account.devices.contains(device)) {
            return Err(Refused::new(
                400,
                "M_UNKNOWN_DEVICE",
                "Application service trying to use a device that doesn't exist",
            ));
        }
        Ok(Caller {
            service,
            user: user.clone(),
            device,
        })
    }

    pub(super) fn number(&self, key: &str) -> Option<i64> {
        self.query.get(key)?.parse().ok()
    }
}

fn path_of(uri: &Uri) -> Vec<String> {
    let path = uri.path();
    let known = [
        "/_matrix/client/v3/",
        "/_matrix/client/v1/",
        "/_matrix/client/r0/",
        "/_matrix/client/",
        "/_matrix/",
    ];
    let path = known
        .iter()
        .find_map(|prefix| path.strip_prefix(prefix))
        .unwrap_or(path);
    path.split('/').map(decoded).collect()
}

fn query_of(uri: &Uri) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
        .into_owned()
        .collect()
}

/// A plus is a plus in a path, and a space in the form the parser knows.
fn decoded(part: &str) -> String {
    let pair = format!("part={}", part.replace('+', "%2B").replace('&', "%26"));
    url::form_urlencoded::parse(pair.as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}
