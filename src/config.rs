//! The settings: defaults ← `config.toml` ← environment. Each room owns its own part and this adds them up.
//!
//! Environment: `WHARF_SECTION__KEY`, and the flat names that users of the REST contract already have (`HOST`, `PORT`,
//! `CLIENT_ID`, …). A key that nobody knows is an error, and so is a value that cannot work: found at start, named
//! with its value and its reason.

use std::{fs, path::Path};

use figment::{
    Figment, Profile, Provider,
    providers::{Env, Format as _, Serialized, Toml},
    value::{Dict, Map, Value},
};
use serde::{Deserialize, Serialize};

use crate::{
    access, api, bridge, matrix, media,
    network::whatsapp,
    server, store, telemetry, webhook,
    wrong::{SECRETS, Wrong},
};

/// All settings.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where we listen.
    pub server: server::Config,
    /// The log.
    pub log: telemetry::Config,
    /// The database.
    pub database: store::Config,
    /// The homeserver.
    pub homeserver: matrix::Config,
    /// Bridging.
    pub bridge: bridge::Config,
    /// WhatsApp.
    pub whatsapp: whatsapp::Config,
    /// What media become.
    pub media: media::Config,
    /// Webhook deliveries.
    pub webhook: webhook::Config,
    /// Credentials and tokens.
    pub access: access::Config,
    /// The REST door.
    pub api: api::Config,
}

/// The flat names of the REST contract and the keys they mean.
const FLAT: &[(&str, &str, Kind)] = &[
    ("HOST", "server.host", Kind::Text),
    ("PORT", "server.port", Kind::Number),
    ("APP_MODE", "server.mode", Kind::Text),
    ("TLS_CERT_FILE", "server.tls_cert_file", Kind::Text),
    ("TLS_KEY_FILE", "server.tls_key_file", Kind::Text),
    ("ALLOW_INSECURE_SERVER", "server.allow_insecure", Kind::Flag),
    ("LOG_LEVEL", "log.level", Kind::Text),
    ("CLIENT_ID", "access.client_id", Kind::Text),
    ("CLIENT_SECRET", "access.client_secret", Kind::Text),
    ("HASH_KEY", "access.hash_key", Kind::Text),
    ("MATRIX_TOKEN_PREFIX", "access.token_prefix", Kind::Text),
];

/// Names with our prefix that scripts use, and that are no settings.
const NO_SETTINGS: &[&str] = &["CONFIG", "SYNAPSE_ENV", "TEST_POSTGRES"];

#[derive(Clone, Copy)]
enum Kind {
    Text,
    Number,
    Flag,
}

/// The flat names as a source of settings: a secret of digits stays text.
struct Flat<F>(F);

impl<F: Fn(&str) -> Option<String>> Provider for Flat<F> {
    fn metadata(&self) -> figment::Metadata {
        figment::Metadata::named("environment")
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let mut dict = Dict::new();
        for (name, key, kind) in FLAT {
            let Some(text) = (self.0)(name).filter(|text| !text.is_empty()) else {
                continue;
            };
            let value = match kind {
                Kind::Number => text
                    .parse::<i64>()
                    .map_or_else(|_| Value::from(text.clone()), Value::from),
                Kind::Flag => text
                    .parse::<bool>()
                    .map_or_else(|_| Value::from(text.clone()), Value::from),
                Kind::Text => Value::from(text),
            };
            insert(&mut dict, key, value);
        }
        Ok(Profile::Default.collect(dict))
    }
}

fn insert(dict: &mut Dict, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            dict.insert(key.to_owned(), value);
        }
        Some((section, rest)) => {
            let inner = dict
                .entry(section.to_owned())
                .or_insert_with(|| Value::from(Dict::new()));
            if let Value::Dict(_, inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

impl Config {
    /// Reads the settings.
    ///
    /// # Errors
    /// The first key that is unknown, unreadable or cannot work.
    pub fn read(file: &Path) -> Result<Self, Wrong> {
        let environment = |name: &str| std::env::var(name).ok();
        let toml = match fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(Wrong::new(file.display().to_string(), error.to_string())),
        };
        if let Some(wrong) = Wrong::of_toml(&file.display().to_string(), &toml) {
            return Err(wrong);
        }
        let nested = Env::prefixed("WHARF_").ignore(NO_SETTINGS).split("__");
        let figment = Figment::from(Toml::string(&toml))
            .merge(Flat(environment))
            .merge(nested);
        Self::from_sources(figment)
    }

    fn from_sources(figment: Figment) -> Result<Self, Wrong> {
        let figment = with_files(figment)?;
        let config: Self = figment.extract().map_err(|error| Wrong::unread(&error, &figment))?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), Wrong> {
        // Secrets stay out of this.
        let settings = serde_json::to_value(self).unwrap_or_default();
        let named = |(key, why): (&str, &str)| Wrong::value(&settings, key, why);
        let told = |(key, why): (&str, String)| Wrong::value(&settings, key, why);
        self.server.check().map_err(named)?;
        self.log.check().map_err(told)?;
        self.database.check().map_err(named)?;
        self.homeserver.check().map_err(named)?;
        self.bridge.check().map_err(named)?;
        self.media.check().map_err(named)?;
        self.webhook.check().map_err(named)?;
        self.access.check().map_err(named)?;
        self.api.check().map_err(named)?;
        whatsapp::check(&self.whatsapp).map_err(|error| told((error.key(), error.to_string())))?;
        Ok(())
    }
}

/// Replaces `<key>_file` by what the file holds.
fn with_files(mut figment: Figment) -> Result<Figment, Wrong> {
    for key in SECRETS {
        let name = format!("{key}_file");
        let Ok(path) = figment.extract_inner::<String>(&name) else {
            continue;
        };
        let secret = fs::read_to_string(&path).map_err(|error| Wrong::new(&name, format!("{path}: {error}")))?;
        let mut dict = Dict::new();
        insert(
            &mut dict,
            key,
            Value::from(secret.trim_end_matches(['\r', '\n']).to_owned()),
        );
        figment = Figment::from(Without {
            inner: figment,
            key: name,
        })
        .merge(Serialized::defaults(dict));
    }
    Ok(figment)
}

/// A source of settings less one key.
struct Without {
    inner: Figment,
    key: String,
}

impl Provider for Without {
    fn metadata(&self) -> figment::Metadata {
        figment::Metadata::named("settings")
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let mut data = self.inner.data()?;
        for dict in data.values_mut() {
            if let Some((section, key)) = self.key.split_once('.')
                && let Some(Value::Dict(_, section)) = dict.get_mut(section)
            {
                section.remove(key);
            }
        }
        Ok(data)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// What has no default that would do: a key, and an address that a build for the simulator accepts.
    const NEEDED: &str = r#"
        [access]
        hash_key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
        [whatsapp]
        url = "ws://127.0.0.1:1/ws/chat"
    "#;

    fn read(toml: &str, environment: &[(&str, &str)]) -> Result<Config, Wrong> {
        let environment: HashMap<String, String> = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let flat = Flat(move |name: &str| environment.get(name).cloned());
        Config::from_sources(
            Figment::from(Toml::string(NEEDED))
                .merge(Toml::string(toml))
                .merge(flat),
        )
    }

    #[test]
    fn the_environment_wins_over_the_file_and_the_file_over_defaults() {
        let config = read("[server]\nport = 1\nhost = \"::1\"", &[("PORT", "2")]).unwrap();
        assert_eq!((config.server.port, config.server.host.as_str()), (2, "::1"));
        assert_eq!(read("", &[]).unwrap().server.port, 8080);
    }

    #[test]
    fn a_secret_made_of_digits_stays_text() {
        let config = read("", &[("CLIENT_ID", "1234"), ("CLIENT_SECRET", "5678")]).unwrap();
        assert_eq!(config.access.client_id, "1234");
    }

    #[test]
    fn an_unknown_key_is_named() {
        let error = read("[server]\nprot = 1", &[]).unwrap_err().to_string();
        assert!(error.contains("prot") && !error.contains('\n'), "{error}");
    }

    #[test]
    fn a_value_that_cannot_work_is_named_with_its_reason() {
        let error = read("", &[("PORT", "many")]).unwrap_err().to_string();
        assert!(error.contains("server.port") && error.contains("many"), "{error}");
        let error = read("[bridge]\nghost_name = \"x\"", &[]).unwrap_err().to_string();
        assert!(
            error.contains("bridge.ghost_name") && error.contains("{name}"),
            "{error}"
        );
        let error = read("[log]\nlevel = \"wharf=loud\"", &[]).unwrap_err().to_string();
        assert!(error.contains("log.level"), "{error}");
    }

    #[test]
    fn a_secret_may_stand_in_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        fs::write(&path, "from the file\n").unwrap();
        let toml = format!("[access]\nclient_id = \"x\"\nclient_secret_file = {path:?}");
        let config = read(&toml, &[]).unwrap();
        assert_eq!(
            secrecy::ExposeSecret::expose_secret(&config.access.client_secret),
            "from the file"
        );
        let missing = read("[access]\nhash_key_file = \"/nonexistent\"", &[])
            .unwrap_err()
            .to_string();
        assert!(missing.contains("access.hash_key_file"), "{missing}");
    }
}
