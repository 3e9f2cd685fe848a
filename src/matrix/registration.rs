//! The registration file: the contract between the homeserver and us. Made once by `wharf registration`, read at start
//! by both sides.
//!
//! Deliberately not here: what it costs to change a registration later (ghosts out of the namespace are lost to us).

use std::{fs, io::Write, os::unix::fs::OpenOptionsExt, path::Path};

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};

use super::{Error, Names};

/// What the homeserver knows of us, by the names of its file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "these are the keys of the file")]
pub(crate) struct Registration {
    /// Our name among application services; never changes.
    pub(crate) id: String,
    /// Where it pushes to; `None` where nothing is pushed.
    #[serde(default)]
    pub(crate) url: Option<String>,
    /// Opens the homeserver to us.
    #[serde(serialize_with = "exposed")]
    pub(crate) as_token: SecretString,
    /// Opens us to the homeserver.
    #[serde(serialize_with = "exposed")]
    pub(crate) hs_token: SecretString,
    /// A user nobody sees. Random, because Synapse refuses `/sync` to it, which the bot needs.
    pub(crate) sender_localpart: String,
    /// Whether our users are limited.
    #[serde(default)]
    pub(crate) rate_limited: bool,
    /// Whether typing and receipts are pushed.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) receive_ephemeral: bool,
    /// The same under its older name.
    #[serde(
        default,
        rename = "de.sorunome.msc2409.push_ephemeral",
        skip_serializing_if = "is_false"
    )]
    pub(crate) push_ephemeral: bool,
    /// Whether device lists and key counts are pushed (MSC3202).
    #[serde(default, rename = "org.matrix.msc3202", skip_serializing_if = "is_false")]
    pub(crate) device_lists: bool,
    /// Whether we make devices without logging in (MSC4190).
    #[serde(default, rename = "io.element.msc4190", skip_serializing_if = "is_false")]
    pub(crate) device_management: bool,
    /// Which users and aliases are ours.
    pub(crate) namespaces: Namespaces,
}

/// The users, aliases and rooms of a registration.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Namespaces {
    /// Users.
    #[serde(default)]
    pub(crate) users: Vec<Namespace>,
    /// Room aliases.
    #[serde(default)]
    pub(crate) aliases: Vec<Namespace>,
    /// Rooms.
    #[serde(default)]
    pub(crate) rooms: Vec<Namespace>,
}

/// One pattern.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Namespace {
    /// Whether nobody else may use these.
    pub(crate) exclusive: bool,
    /// Regular expression over whole ids.
    pub(crate) regex: String,
}

/// Makes the registration of the bridge, which the homeserver reaches under `url`, and the one for double puppeting.
pub(crate) fn generate(names: &Names, url: &str) -> (Registration, Registration) {
    let server = quoted(names.server().as_str());
    let own = |sigil: char, prefix: &str| exclusive(format!("^{sigil}{}.*:{server}$", quoted(prefix)));
    let prefixes = names.prefixes();
    let mut users = vec![exclusive(format!("^@{}:{server}$", quoted(names.bot().localpart())))];
    users.extend(prefixes.map(|prefix| own('@', prefix)));
    let bridge = Registration {
        id: "wharf".into(),
        url: Some(url.trim_end_matches('/').to_owned()),
        as_token: secret(),
        hs_token: secret(),
        sender_localpart: format!(
            "{}sender_{}",
            names.prefixes()[1],
            hex::encode(rand::random::<[u8; 8]>())
        ),
        rate_limited: false,
        receive_ephemeral: true,
        push_ephemeral: true,
        device_lists: true,
        device_management: true,
        namespaces: Namespaces {
            users,
            aliases: prefixes.map(|prefix| own('#', prefix)).to_vec(),
            rooms: Vec::new(),
        },
    };
    let double_puppet = Registration {
        id: "wharf-double-puppet".into(),
        url: None,
        as_token: secret(),
        hs_token: secret(),
        sender_localpart: format!("wharfpuppets_{}", hex::encode(rand::random::<[u8; 8]>())),
        rate_limited: false,
        receive_ephemeral: false,
        push_ephemeral: false,
        device_lists: false,
        device_management: false,
        namespaces: Namespaces {
            users: vec![Namespace {
                exclusive: false,
                regex: format!("^@.*:{server}$"),
            }],
            ..Namespaces::default()
        },
    };
    (bridge, double_puppet)
}

impl Registration {
    /// Reads the file.
    ///
    /// # Errors
    /// `File` when it is not there or not a registration.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let text = fs::read_to_string(path).map_err(|error| wrong(path, &error))?;
        let registration: Self = yaml_serde::from_str(&text).map_err(|error| wrong(path, &error))?;
        if registration.as_token.expose_secret().is_empty() || registration.hs_token.expose_secret().is_empty() {
            return Err(wrong(path, &"as_token and hs_token must not be empty"));
        }
        Ok(registration)
    }

    /// Writes a new file that only its owner may read.
    ///
    /// # Errors
    /// `File` when it cannot be written, or is there already: the homeserver may have loaded it.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Error> {
        let text = yaml_serde::to_string(self).map_err(|error| wrong(path, &error))?;
        fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
            .map_err(|error| wrong(path, &error))
    }
}

fn exclusive(regex: String) -> Namespace {
    Namespace { exclusive: true, regex }
}

fn quoted(text: &str) -> String {
    text.chars().fold(String::new(), |mut out, letter| {
        if !letter.is_ascii_alphanumeric() && !matches!(letter, '_' | '-') {
            out.push('\\');
        }
        out.push(letter);
        out
    })
}

fn secret() -> SecretString {
    hex::encode(rand::random::<[u8; 32]>()).into()
}

fn exposed<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

fn wrong(path: &Path, why: &dyn std::fmt::Display) -> Error {
    Error::File {
        path: path.display().to_string(),
        why: why.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::matrix::Config;

    fn made() -> (Registration, Registration) {
        let config = Config {
            server_name: "hs.test".try_into().unwrap(),
            ..Config::default()
        };
        generate(&Names::new(&config).unwrap(), "http://127.0.0.1:29318/")
    }

    #[test]
    fn a_registration_is_read_as_it_was_written_and_nobody_else_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("registration.yaml");
        let (bridge, _) = made();
        bridge.write(&path).unwrap();
        let read = Registration::read(&path).unwrap();
        assert_eq!(read.as_token.expose_secret(), bridge.as_token.expose_secret());
        assert_eq!(read.hs_token.expose_secret(), bridge.hs_token.expose_secret());
        assert_eq!(read.namespaces, bridge.namespaces);
        assert_eq!(read.url.as_deref(), Some("http://127.0.0.1:29318"));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(bridge.write(&path).is_err(), "an existing registration is not replaced");
    }

    #[test]
    fn the_file_has_the_keys_a_homeserver_wants() {
        let (bridge, double_puppet) = made();
        let text = yaml_serde::to_string(&bridge).unwrap();
        for key in [
            "receive_ephemeral: true",
            "de.sorunome.msc2409.push_ephemeral: true",
            "org.matrix.msc3202: true",
            "io.element.msc4190: true",
            "rate_limited: false",
            r"^@whatsapp_.*:hs\.test$",
            r"^@whatsappbot:hs\.test$",
            r"^@wharf_.*:hs\.test$",
            r"^#whatsapp_.*:hs\.test$",
        ] {
            assert!(text.contains(key), "{key} is missing in\n{text}");
        }
        assert!(yaml_serde::to_string(&double_puppet).unwrap().contains("url: null"));
    }

    #[test]
    fn tokens_do_not_show_in_debug_output() {
        let (bridge, _) = made();
        assert!(!format!("{bridge:?}").contains(bridge.as_token.expose_secret()));
    }

    #[test]
    fn a_handwritten_registration_with_unknown_keys_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("registration.yaml");
        fs::write(
            &path,
            "id: wa\nurl: \"http://localhost:1\"\nas_token: a\nhs_token: b # secret\nsender_localpart: x\nprotocols: [wa]\nnamespaces:\n  users:\n    - {regex: '@whatsapp_.*', exclusive: true}\n",
        )
        .unwrap();
        assert_eq!(Registration::read(&path).unwrap().namespaces.users.len(), 1);
        fs::write(&path, "id: [").unwrap();
        assert!(matches!(Registration::read(&path), Err(Error::File { .. })));
    }
}
