//! What is wrong with the settings, in one line: key, value, reason. Values of secrets are never shown.

use std::fmt;

use figment::{
    Figment,
    error::Kind,
    providers::{Format as _, Toml},
    value::Dict,
};
use serde_json::Value;

/// Keys whose values nobody may read in a log, and that may stand in a file of their own: `<key>_file` names it.
pub(crate) const SECRETS: &[&str] = &["access.hash_key", "access.client_secret", "database.url"];

/// What is wrong with the settings, in one line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wrong {
    key: String,
    value: Shown,
    why: String,
}

/// The value of a key as people may see it.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Shown {
    /// There is none.
    Nothing,
    /// It is a secret, or may be one.
    Hidden,
    /// As JSON writes it, which is one line.
    Plain(String),
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, value, why } = self;
        match value {
            Shown::Nothing => write!(f, "config: {key}: {why}"),
            Shown::Hidden => write!(f, "config: {key} (not shown: it may be secret): {why}"),
            Shown::Plain(value) => write!(f, "config: {key} = {value}: {why}"),
        }
    }
}

impl std::error::Error for Wrong {}

impl Wrong {
    /// Something without a value.
    pub(crate) fn new(key: impl Into<String>, why: impl AsRef<str>) -> Self {
        Self {
            key: key.into(),
            value: Shown::Nothing,
            why: one_line(why.as_ref()),
        }
    }

    /// A value that was read and cannot work; `settings` are all of them.
    pub(crate) fn value(settings: &Value, key: &str, why: impl AsRef<str>) -> Self {
        let value = settings.pointer(&format!("/{}", key.replace('.', "/")));
        Self {
            value: shown(key, value),
            ..Self::new(key, why)
        }
    }

    /// A file that is no TOML: where, and why. The line itself may hold a secret.
    pub(crate) fn of_toml(name: &str, text: &str) -> Option<Self> {
        let error = Toml::from_str::<Dict>(text).err()?;
        let place = error.span().map_or(text.len(), |span| span.start);
        let before = text.get(..place).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let why = format!("line {line}, column {column}: {}", error.message());
        Some(Self::new(name, why))
    }

    /// A value that could not even be read.
    pub(crate) fn unread(error: &figment::Error, sources: &Figment) -> Self {
        let path = error.path.join(".");
        let source = error
            .metadata
            .as_ref()
            .map(|metadata| format!(" (in {})", metadata.name));
        let source = source.unwrap_or_default();
        if let Kind::UnknownField(field, known) = &error.kind {
            let key = match path.as_str() {
                "" => field.clone(),
                path if path.ends_with(field.as_str()) => path.to_owned(),
                path => format!("{path}.{field}"),
            };
            let value = Shown::Hidden;
            let why = format!("there is no such key, only {}{source}", known.join(", "));
            return Self {
                value,
                ..Self::new(key, why)
            };
        }
        let value = sources
            .find_value(&path)
            .ok()
            .and_then(|value| serde_json::to_value(value).ok());
        let value = shown(&path, value.as_ref());
        let why = match (&error.kind, &value) {
            // The rest of these says what was found.
            (Kind::InvalidType(_, expected) | Kind::InvalidValue(_, expected), _) => {
                format!("must be {}", in_words(expected))
            }
            (_, Shown::Hidden) => "cannot be read".to_owned(),
            (kind, _) => kind.to_string(),
        };
        let key = if path.is_empty() { "settings" } else { &path };
        Self {
            value,
            ..Self::new(key, why + &source)
        }
    }
}

fn shown(key: &str, value: Option<&Value>) -> Shown {
    match value {
        None | Some(Value::Null) => Shown::Nothing,
        Some(Value::String(text)) if text.is_empty() && SECRETS.contains(&key) => Shown::Nothing,
        _ if SECRETS.contains(&key) => Shown::Hidden,
        // An address may hold a name and a password.
        Some(Value::String(text)) if text.contains("://") && text.contains('@') => Shown::Hidden,
        // A section is not the value of a key.
        Some(Value::Object(_)) => Shown::Nothing,
        Some(value) => Shown::Plain(value.to_string()),
    }
}

fn one_line(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join(", ")
}

/// What a reader expected, for people.
fn in_words(expected: &str) -> &str {
    match expected {
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "usize" => "a whole number of at least 0",
        "a nonzero usize" => "a whole number of at least 1",
        "a boolean" => "true or false",
        "a string" => "text; in the environment put digits in quotes",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_file_is_one_line_with_its_place_and_without_its_text() {
        for (text, place) in [
            ("[access]\nclient_secret = sesame", "line 2, column 17"),
            ("[access]\n  client_secret = \"sesame", "line 2, column"),
            ("[server\nhost = \"sesame\"", "line 1, column 8"),
            ("= sesame", "line 1, column 1"),
            ("[a]\nsesame_key = 1\nsesame_key = 2", "line 3, column 1"),
        ] {
            let said = Wrong::of_toml("config.toml", text).expect("it is broken").to_string();
            assert!(said.starts_with(&format!("config: config.toml: {place}")), "{said}");
            assert!(
                !said.contains('\n') && !said.contains("sesame\"") && !said.contains("= sesame"),
                "{said}"
            );
        }
        assert_eq!(Wrong::of_toml("config.toml", "[server]\nhost = \"x\""), None);
    }

    #[test]
    fn secrets_are_not_shown_wherever_they_stand() {
        let settings = serde_json::json!({
            "access": {"hash_key": "sesame"}, "homeserver": {"address": "ftp://me:sesame@host/"},
        });
        for key in ["access.hash_key", "homeserver.address"] {
            let said = Wrong::value(&settings, key, "is wrong").to_string();
            assert_eq!(said, format!("config: {key} (not shown: it may be secret): is wrong"));
        }
    }
}
