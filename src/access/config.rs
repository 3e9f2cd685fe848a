//! What can be set about credentials and tokens.

use ruma::{OwnedUserId, UserId};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};

use super::{Error, credentials::check_client_id, secret::Secrets};

/// Settings of credentials and tokens.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Base64 of 32 random bytes (`openssl rand -base64 32`): keys the hashes of all secrets and tokens. Changing it
    /// makes them all invalid. Required.
    #[serde(serialize_with = "hide")]
    pub hash_key: SecretString,
    /// Name of the super admin.
    pub client_id: String,
    /// Secret of the super admin.
    #[serde(serialize_with = "hide")]
    pub client_secret: SecretString,
    /// What tokens begin with.
    pub token_prefix: String,
    /// Matrix users who are members of the host identity: invited to its rooms, and writing through its devices.
    pub host_members: Vec<String>,
    /// Seconds for which the devices of an identity stay linked after its last token ended.
    pub retire_after: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            hash_key: SecretString::default(),
            client_id: String::new(),
            client_secret: SecretString::default(),
            token_prefix: "mt_".into(),
            host_members: Vec::new(),
            retire_after: 0,
        }
    }
}

impl Config {
    /// What is wrong with these settings: key and reason.
    ///
    /// # Errors
    /// The first key that cannot work.
    pub(crate) fn check(&self) -> Result<(), (&'static str, &'static str)> {
        if self.hash_key.expose_secret().is_empty() {
            return Err((
                "access.hash_key",
                "is required: base64 of 32 random bytes (openssl rand -base64 32)",
            ));
        }
        if Secrets::new(&self.hash_key).is_err() {
            return Err(("access.hash_key", "must be base64 of exactly 32 bytes"));
        }
        if !self.client_id.is_empty() && check_client_id(&self.client_id).is_err() {
            return Err((
                "access.client_id",
                "must have at most 128 characters, no colon and no control characters",
            ));
        }
        if self.token_prefix.is_empty()
            || !self
                .token_prefix
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'_')
        {
            return Err(("access.token_prefix", "must be letters, digits and underscores"));
        }
        if self.host_members.iter().any(|user| UserId::parse(user).is_err()) {
            return Err((
                "access.host_members",
                "must be whole Matrix ids, such as @alice:example.org",
            ));
        }
        Ok(())
    }

    /// The members of the host identity.
    pub(super) fn members_of_host(&self) -> Vec<OwnedUserId> {
        let users = self.host_members.iter().map(UserId::parse);
        users.filter_map(Result::ok).collect()
    }

    /// A key for another purpose, made from the hash key: who does not know that one cannot make this one.
    ///
    /// # Errors
    /// `BadHashKey`.
    pub(crate) fn derived_key(&self, purpose: &str) -> Result<Vec<u8>, Error> {
        Ok(Secrets::new(&self.hash_key)?.derive(purpose))
    }

    /// The super admin, when both halves are set.
    pub(super) fn super_admin(&self) -> Option<(&str, &str)> {
        let secret = self.client_secret.expose_secret();
        (!self.client_id.is_empty() && !secret.is_empty()).then_some((self.client_id.as_str(), secret))
    }
}

/// Settings are shown to people; secrets are not.
fn hide<S: Serializer>(secret: &SecretString, to: S) -> Result<S::Ok, S::Error> {
    let is_there = !secret.expose_secret().is_empty();
    to.serialize_str(if is_there { "(secret)" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Config {
        Config {
            hash_key: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=".into(),
            ..Config::default()
        }
    }

    #[test]
    fn settings_that_cannot_work_are_named() {
        assert!(good().check().is_ok());
        let table = [
            (Config::default(), "access.hash_key"),
            (
                Config {
                    hash_key: "AAEC".into(),
                    ..good()
                },
                "access.hash_key",
            ),
            (
                Config {
                    hash_key: "not base64, however long it may be!".into(),
                    ..good()
                },
                "access.hash_key",
            ),
            (
                Config {
                    client_id: "a:b".into(),
                    ..good()
                },
                "access.client_id",
            ),
            (
                Config {
                    token_prefix: String::new(),
                    ..good()
                },
                "access.token_prefix",
            ),
            (
                Config {
                    token_prefix: "mt ".into(),
                    ..good()
                },
                "access.token_prefix",
            ),
        ];
        for (config, key) in table {
            assert_eq!(config.check().unwrap_err().0, key);
        }
    }

    #[test]
    fn secrets_do_not_show() {
        let config = Config {
            client_secret: "sesame".into(),
            ..good()
        };
        assert!(!format!("{config:?}").contains("sesame"));
        let shown = serde_json::to_string(&config).unwrap();
        assert!(!shown.contains("sesame") && !shown.contains("AAEC"), "{shown}");
    }
}
