//! What can be chosen about the database.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where the memory is and how it is kept.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// `sqlite:PATH` or `postgres://user:password@host/database`.
    pub url: String,
    /// Bring the schema up to date at start; without it, an old schema is a reason not to start.
    pub migrate: bool,
    /// Connections for reading with SQLite (it writes through one more), connections in all with PostgreSQL.
    pub connections: u32,
    /// SQLite only: what a commit waits for.
    pub synchronous: Synchronous,
}

/// What a commit of SQLite waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Synchronous {
    /// Until the disk has it: a commit survives a power cut.
    #[default]
    Full,
    /// Not for the disk: a commit survives a killed process, but perhaps not a power cut.
    Normal,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            url: "sqlite:data/wharf.db".into(),
            migrate: true,
            connections: 8,
            synchronous: Synchronous::Full,
        }
    }
}

impl Config {
    /// What is wrong with these settings: key and reason.
    pub(crate) fn check(&self) -> Result<(), (&'static str, &'static str)> {
        let names_server =
            url::Url::parse(&self.url).is_ok_and(|url| matches!(url.scheme(), "postgres" | "postgresql"));
        let names_file = super::engine::sqlite_path(&self.url).is_some_and(|path| path.file_name().is_some());
        if !names_file && !names_server {
            return Err((
                "database.url",
                "must be sqlite:PATH or postgres://user:password@host/database",
            ));
        }
        if self.connections == 0 {
            return Err(("database.connections", "must be at least 1"));
        }
        Ok(())
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("url", &without_password(&self.url))
            .field("migrate", &self.migrate)
            .field("connections", &self.connections)
            .field("synchronous", &self.synchronous)
            .finish()
    }
}

/// The address of a database as people may see it.
pub(super) fn without_password(url: &str) -> String {
    let Ok(parsed) = url::Url::parse(url) else {
        return "(not an address)".into();
    };
    match (parsed.scheme(), parsed.host_str()) {
        ("sqlite", _) => url.into(),
        (scheme, host) => format!("{scheme}://{}{}", host.unwrap_or_default(), parsed.path()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_does_not_show() {
        let config = Config {
            url: "postgres://wharf:sesame@db.example/wharf?password=sesame".into(),
            ..Config::default()
        };
        let shown = format!("{config:?}");
        assert!(shown.contains("postgres://db.example/wharf"), "{shown}");
        assert!(!shown.contains("sesame"), "{shown}");
    }

    #[test]
    fn what_is_not_said_is_the_default() {
        let config: Config = serde_json::from_str(r#"{"synchronous": "normal"}"#).unwrap();
        assert_eq!(
            config,
            Config {
                synchronous: Synchronous::Normal,
                ..Config::default()
            }
        );
    }
}
