//! What can be set about the REST door.

use axum::http::HeaderValue;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use url::Url;

/// No network takes larger files.
const MOST_FILE_LIMIT: u64 = 2 * 1024 * 1024 * 1024;

/// Settings of the REST door.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Web pages that may call us from a browser, as `https://page.example`; no other page may.
    pub allowed_origins: Vec<String>,
    /// Networks of proxies in front of us, whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<String>,
    /// Seconds a request may take.
    pub timeout: u32,
    /// Seconds between two pings of a WebSocket; a client that leaves two of them unanswered is let go.
    pub ping: u16,
    /// Bytes of a request body.
    pub body_limit: usize,
    /// Bytes of a file that comes with a message.
    pub file_limit: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            allowed_origins: Vec::new(),
            trusted_proxies: vec!["127.0.0.0/8".into(), "::1/128".into()],
            timeout: 120,
            ping: 25,
            body_limit: 1024 * 1024,
            file_limit: 64 * 1024 * 1024,
        }
    }
}

impl Config {
    /// What is wrong with these settings: key and reason.
    ///
    /// # Errors
    /// The first key that cannot work.
    pub(crate) fn check(&self) -> Result<(), (&'static str, &'static str)> {
        if self.allowed_origins.iter().any(|text| !is_origin(text)) {
            return Err((
                "api.allowed_origins",
                "each must be scheme, host and perhaps port, as https://page.example",
            ));
        }
        if self.trusted_proxies.iter().any(|text| text.parse::<IpNet>().is_err()) {
            return Err(("api.trusted_proxies", "each must be a network, as 10.0.0.0/8"));
        }
        if self.timeout == 0 {
            return Err(("api.timeout", "must be at least 1 second"));
        }
        if self.ping == 0 {
            return Err(("api.ping", "must be at least 1 second"));
        }
        if self.body_limit < 1024 {
            return Err(("api.body_limit", "must be at least 1024 bytes"));
        }
        if self.file_limit == 0 || self.file_limit > MOST_FILE_LIMIT {
            return Err(("api.file_limit", "must be at least 1 byte and at most 2 GiB"));
        }
        Ok(())
    }

    /// Bytes of a whole request with a file: the other fields and the wrapping come on top.
    pub(super) fn upload_limit(&self) -> usize {
        usize::try_from(self.file_limit)
            .unwrap_or(usize::MAX)
            .saturating_add(self.body_limit)
    }

    /// The origins as browsers send them.
    pub(super) fn origins(&self) -> Vec<HeaderValue> {
        self.allowed_origins
            .iter()
            .filter_map(|text| text.parse().ok())
            .collect()
    }

    /// The networks of proxies.
    pub(super) fn proxies(&self) -> impl Iterator<Item = IpNet> + '_ {
        self.trusted_proxies.iter().filter_map(|text| text.parse().ok())
    }
}

fn is_origin(text: &str) -> bool {
    Url::parse(text)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.origin().ascii_serialization() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_cannot_work_are_named() {
        assert!(Config::default().check().is_ok());
        for origin in [
            "*",
            "https://page.example/",
            "page.example",
            "https://page.example/path",
            "null",
            "ftp://a",
        ] {
            let config = Config {
                allowed_origins: vec![origin.into()],
                ..Config::default()
            };
            assert_eq!(config.check().unwrap_err().0, "api.allowed_origins", "{origin}");
        }
        for origin in ["https://page.example", "http://localhost:3000"] {
            let config = Config {
                allowed_origins: vec![origin.into()],
                ..Config::default()
            };
            assert!(config.check().is_ok(), "{origin}");
        }
        let config = Config {
            trusted_proxies: vec!["10.1".into()],
            ..Config::default()
        };
        assert_eq!(config.check().unwrap_err().0, "api.trusted_proxies");
    }
}
