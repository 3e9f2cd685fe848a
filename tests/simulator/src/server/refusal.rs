//! Why a login is refused, with all that the server may say about it.
//!
//! Set through `Server` and the control API, asked by [`super::login`]. The attributes are those the client
//! reads from `<failure>` (wacore 0.7.0, `stanza/connect_failure.rs`).

use serde::Deserialize;
use whatsapp_rust::wacore_binary::Node;

use super::stanza::node;

/// A refused login.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Refusal {
    /// 401 logged out, 402 banned for a time, 403 locked, 405 outdated, 406 logged out for an unknown reason,
    /// 409 bad client, 413 to 415 and 418 unknown client, 500 and 503 for now.
    pub reason: u32,
    /// How long a ban lasts, in seconds.
    pub expire: Option<u64>,
    /// Why a ban was given.
    pub code: Option<u32>,
    /// Free text.
    pub message: Option<String>,
    /// Where to read more about a ban.
    pub url: Option<String>,
    /// What the owner is told about a logout: title, text.
    pub logout_message: Option<(String, String)>,
}

impl Refusal {
    /// The usual words for a reason.
    pub fn new(reason: u32) -> Self {
        let (expire, code) = match reason {
            402 => (Some(3600), Some(101)),
            _ => (None, None),
        };
        Self {
            reason,
            expire,
            code,
            ..Self::default()
        }
    }

    /// A ban for so many seconds.
    pub fn ban(seconds: u64, code: u32) -> Self {
        Self {
            reason: 402,
            expire: Some(seconds),
            code: Some(code),
            message: Some("you broke the rules".into()),
            url: Some("https://faq.example/banned".into()),
            ..Self::default()
        }
    }

    pub(crate) fn stanza(&self) -> Node {
        let mut failure = node("failure")
            .attr("reason", self.reason)
            .attr("location", "sim")
            .build();
        let mut say = |key: &'static str, value: Option<String>| {
            if let Some(value) = value {
                failure.attrs.push(key, value);
            }
        };
        say("expire", self.expire.map(|seconds| seconds.to_string()));
        say("code", self.code.map(|code| code.to_string()));
        say("message", self.message.clone());
        say("url", self.url.clone());
        if let Some((header, text)) = self.logout_message.clone() {
            say("logout_message_header", Some(header));
            say("logout_message_subtext", Some(text));
            say("logout_message_locale", Some("en".into()));
        }
        failure
    }
}
