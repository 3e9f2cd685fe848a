//! The keys of the section `matrix` in the configuration.

use std::{path::PathBuf, time::Duration};

use ruma::OwnedServerName;
use serde::{Deserialize, Serialize};
use url::Url;

/// Where the homeserver is and how we appear on it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Address of the client API.
    pub address: Url,
    /// The part of Matrix ids behind the colon.
    pub server_name: OwnedServerName,
    /// Localpart of the bot people talk to.
    pub bot: String,
    /// The name the bot shows.
    pub bot_name: String,
    /// What localparts of ghosts and aliases of portals begin with.
    pub ghost_prefix: String,
    /// What localparts of identities begin with.
    pub identity_prefix: String,
    /// Where the homeserver reaches us, for the registration; the address we listen on when absent.
    pub appservice_address: Option<Url>,
    /// The registration file shared with the homeserver.
    pub registration: PathBuf,
    /// The registration that lets us speak as real people; they appear as ghosts without it.
    pub double_puppet_registration: Option<PathBuf>,
    /// Seconds until an unanswered request counts as failed.
    pub request_timeout_seconds: u64,
    /// Seconds that repeated attempts of one request may take before the trouble is reported upwards.
    pub retry_seconds: u64,
}

impl Default for Config {
    #[expect(clippy::expect_used, reason = "constants")]
    fn default() -> Self {
        Self {
            address: Url::parse("http://127.0.0.1:8008").expect("a valid address"),
            server_name: OwnedServerName::try_from("localhost").expect("a valid name"),
            bot: "whatsappbot".into(),
            bot_name: "WhatsApp bridge bot".into(),
            ghost_prefix: "whatsapp_".into(),
            identity_prefix: "wharf_".into(),
            appservice_address: None,
            registration: "registration.yaml".into(),
            double_puppet_registration: None,
            request_timeout_seconds: 60,
            retry_seconds: 10,
        }
    }
}

/// A user id has at most so many bytes (specification, appendix on identifiers).
const LONGEST_USER: usize = 255;

impl Config {
    /// What is wrong with these settings: key and reason.
    pub(crate) fn check(&self) -> Result<(), (&'static str, &'static str)> {
        let names = [
            ("homeserver.bot", &self.bot),
            ("homeserver.ghost_prefix", &self.ghost_prefix),
            ("homeserver.identity_prefix", &self.identity_prefix),
        ];
        for (key, name) in names {
            if name.is_empty() || !name.bytes().all(may_be_in_a_name) {
                return Err((key, "must be small letters, digits and the signs . _ = - / +"));
            }
        }
        let bot = format!("@{}:{}", self.bot, self.server_name);
        if bot.len() > LONGEST_USER || super::Names::new(self).is_err() {
            return Err(("homeserver.bot", "must be shorter"));
        }
        if !matches!(self.address.scheme(), "http" | "https") {
            return Err(("homeserver.address", "must begin with http:// or https://"));
        }
        if self.request_timeout_seconds == 0 {
            return Err(("homeserver.request_timeout_seconds", "must be at least 1"));
        }
        Ok(())
    }

    pub(super) fn request_timeout(&self) -> Duration {
        Duration::from_secs(self.request_timeout_seconds)
    }

    pub(super) fn retry(&self) -> Duration {
        Duration::from_secs(self.retry_seconds)
    }
}

/// What the specification lets stand in the name of a user.
fn may_be_in_a_name(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._=-/+".contains(&byte)
}
