//! What can be set about WhatsApp, and the one check that keeps a binary made for tests away from the real network.

use std::{net::IpAddr, time::Duration};

use serde::{Deserialize, Serialize};
use url::{Host, Url};
use whatsapp_rust::wacore::net::WHATSAPP_WEB_WS_URL;

/// The client version told to the simulator, which takes any.
const SIMULATED_VERSION: [u32; 3] = [2, 3000, 1_042_742_319];
/// Enough one-time keys for a test.
const SIMULATED_PRE_KEYS: usize = 30;

/// Settings of the WhatsApp network.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address of the server's WebSocket.
    pub url: String,
    /// Client version to claim; asked from the network when absent.
    pub version: Option<[u32; 3]>,
    /// The name shown in the phone's list of linked devices.
    pub device_name: String,
    /// Where media is fetched and put instead of the network's own servers; only for the simulator.
    pub media_url: Option<String>,
    /// How many one-time keys are kept at the server; the library's choice when absent.
    pub pre_keys: Option<usize>,
    /// How long the server may take to accept a message.
    pub ack_timeout_seconds: u64,
    /// How long sending waits for a connection that is being made.
    pub connect_timeout_seconds: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            url: WHATSAPP_WEB_WS_URL.to_owned(),
            version: None,
            device_name: "wharf".to_owned(),
            media_url: None,
            pre_keys: None,
            ack_timeout_seconds: 20,
            connect_timeout_seconds: 5,
        }
    }
}

/// A setting that must not be used, by its key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The address cannot be read.
    #[error("is not an address: {1}")]
    Unreadable(&'static str, #[source] url::ParseError),
    /// The address is not a WebSocket's.
    #[error("must begin with ws:// or wss://")]
    NotWebSocket(&'static str),
    /// A binary that skips certificate checks was pointed at the world.
    #[error(
        "must be a loopback address: this binary was built with the feature `simulator`, which does not check the \
         server's certificate"
    )]
    NotLoopback(&'static str),
    /// A setting that only makes sense with the simulator.
    #[error("is only for binaries built with the feature `simulator`")]
    OnlySimulator(&'static str),
}

impl ConfigError {
    /// Which setting it is.
    pub(crate) fn key(&self) -> &'static str {
        match self {
            Self::Unreadable(key, _) | Self::NotWebSocket(key) | Self::NotLoopback(key) | Self::OnlySimulator(key) => {
                key
            }
        }
    }
}

impl Config {
    /// Where media are fetched instead of where the server says: a simulator has them beside its socket.
    pub(super) fn media_base(&self) -> Option<String> {
        let beside = self.url.strip_prefix("ws://").filter(|_| cfg!(feature = "simulator"));
        let beside = beside
            .and_then(|rest| rest.split('/').next())
            .map(|host| format!("http://{host}"));
        self.media_url.clone().or(beside)
    }

    /// The version to claim, if it is not to be asked for.
    pub(super) fn claimed_version(&self) -> Option<(u32, u32, u32)> {
        let simulated = cfg!(feature = "simulator").then_some(SIMULATED_VERSION);
        self.version
            .or(simulated)
            .map(|[major, minor, patch]| (major, minor, patch))
    }

    /// How many one-time keys to keep at the server, if not the library's choice.
    pub(super) fn wanted_pre_keys(&self) -> Option<usize> {
        self.pre_keys
            .or(cfg!(feature = "simulator").then_some(SIMULATED_PRE_KEYS))
    }

    /// How long the server may take to accept a message.
    pub(super) fn ack_timeout(&self) -> Duration {
        Duration::from_secs(self.ack_timeout_seconds)
    }

    /// How long sending waits for a connection.
    pub(super) fn connect_timeout(&self) -> Duration {
        Duration::from_secs(self.connect_timeout_seconds)
    }
}

/// Refuses settings that would make this binary unsafe.
///
/// # Errors
/// Which setting, and why.
pub(crate) fn check(config: &Config) -> Result<(), ConfigError> {
    let url = read("whatsapp.url", &config.url)?;
    if !matches!(url.scheme(), "ws" | "wss") {
        return Err(ConfigError::NotWebSocket("whatsapp.url"));
    }
    let media = config
        .media_url
        .as_deref()
        .map(|url| read("whatsapp.media_url", url))
        .transpose()?;
    if cfg!(feature = "simulator") {
        if !is_loopback(&url) {
            return Err(ConfigError::NotLoopback("whatsapp.url"));
        }
        if media.is_some_and(|url| !is_loopback(&url)) {
            return Err(ConfigError::NotLoopback("whatsapp.media_url"));
        }
    } else if media.is_some() {
        return Err(ConfigError::OnlySimulator("whatsapp.media_url"));
    }
    Ok(())
}

fn read(key: &'static str, url: &str) -> Result<Url, ConfigError> {
    Url::parse(url).map_err(|error| ConfigError::Unreadable(key, error))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => IpAddr::V4(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip).is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_url(url: &str) -> Config {
        Config {
            url: url.to_owned(),
            ..Config::default()
        }
    }

    #[cfg(feature = "simulator")]
    #[test]
    #[cfg(feature = "simulator")]
    fn a_simulator_has_its_media_beside_its_socket() {
        let config = Config {
            url: "ws://127.0.0.1:7080/ws/chat".into(),
            ..Config::default()
        };
        assert_eq!(config.media_base().as_deref(), Some("http://127.0.0.1:7080"));
        assert_eq!(Config::default().media_base(), None);
    }

    #[test]
    fn a_binary_for_the_simulator_speaks_to_loopback_only() {
        for url in [
            "ws://127.0.0.1:1/ws/chat",
            "ws://localhost:1/ws/chat",
            "ws://[::1]:1/",
            "ws://127.9.9.9/",
        ] {
            check(&with_url(url)).unwrap();
        }
        let elsewhere = [
            "wss://web.whatsapp.com/ws/chat",
            "ws://127.0.0.1.example.org/",
            "ws://localhost.example/",
        ];
        for url in elsewhere {
            assert!(
                matches!(check(&with_url(url)), Err(ConfigError::NotLoopback("whatsapp.url"))),
                "{url}"
            );
        }
        assert!(matches!(check(&Config::default()), Err(ConfigError::NotLoopback(_))));
        let media = Config {
            media_url: Some("https://example.org".into()),
            ..with_url("ws://127.0.0.1:1/")
        };
        assert!(matches!(
            check(&media),
            Err(ConfigError::NotLoopback("whatsapp.media_url"))
        ));
    }

    #[cfg(not(feature = "simulator"))]
    #[test]
    fn a_real_binary_takes_no_detour_for_media() {
        check(&Config::default()).unwrap();
        let media = Config {
            media_url: Some("http://127.0.0.1".into()),
            ..Config::default()
        };
        assert!(matches!(
            check(&media),
            Err(ConfigError::OnlySimulator("whatsapp.media_url"))
        ));
    }

    #[test]
    fn an_address_must_be_a_web_socket() {
        assert!(matches!(
            check(&with_url("http://127.0.0.1/")),
            Err(ConfigError::NotWebSocket(_))
        ));
        assert!(matches!(
            check(&with_url("nonsense")),
            Err(ConfigError::Unreadable("whatsapp.url", _))
        ));
    }
}
