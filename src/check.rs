//! `wharf check` and `wharf migrate`: what is wrong, in plain words, and what to do about it.

use std::fmt::{self, Write as _};

use crate::{
    Config,
    matrix::{Homeserver, PingError, Registration},
    model::{Clock, in_units, with_causes},
    network::whatsapp,
    store::{self, Store},
};

/// What was found.
#[derive(Debug, Default)]
pub struct Report {
    lines: Vec<(bool, String)>,
}

impl Report {
    /// Whether everything works.
    pub fn is_good(&self) -> bool {
        self.lines.iter().all(|(good, _)| *good)
    }

    fn good(&mut self, text: impl Into<String>) {
        self.lines.push((true, text.into()));
    }

    fn bad(&mut self, text: impl Into<String>) {
        self.lines.push((false, text.into()));
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (good, text) in &self.lines {
            writeln!(f, "{} {text}", if *good { "ok  " } else { "WRONG" })?;
        }
        Ok(())
    }
}

/// Tests everything a start needs, as far as it goes.
pub async fn everything(config: &Config) -> Report {
    let mut report = Report::default();
    report.good("settings: every key is known and every value can work");
    database(config, &mut report).await;
    let Some(registration) = registration(config, &mut report) else {
        return report;
    };
    let homeserver = match Homeserver::new(&config.homeserver, registration, None, Clock::System) {
        Ok(homeserver) => homeserver,
        Err(error) => {
            report.bad(format!("homeserver: {error}"));
            return report;
        }
    };
    talk(config, &homeserver, &mut report).await;
    report
}

/// Looks at the schema, and changes nothing.
async fn database(config: &Config, report: &mut Report) {
    let migrate = config.database.migrate;
    match Store::look(&config.database).await {
        Ok(Some((_, pending))) if pending.is_empty() => report.good("database: it answers, schema current"),
        Ok(None) if migrate => report.good("database: there is none yet; `wharf run` makes it"),
        Ok(None) => report.bad("database: there is none yet. Make it with `wharf migrate`"),
        Ok(Some((_, pending))) if migrate => report.good(format!(
            "database: it answers; migrations are pending ({}), which `wharf run` does at its start",
            pending.join(", ")
        )),
        Ok(Some((_, pending))) => report.bad(format!(
            "database: it answers, but migrations are pending ({}). Run `wharf migrate`, or set database.migrate to true",
            pending.join(", ")
        )),
        Err(error @ store::Error::Migration(_)) => report.bad(format!("database: {error}")),
        Err(error) => report.bad(format!(
            "database: {}. Is its server running, is database.url right, and may we read and write there?",
            with_causes(&error)
        )),
    }
}

fn registration(config: &Config, report: &mut Report) -> Option<Registration> {
    let path = &config.homeserver.registration;
    match Registration::read(path) {
        Ok(registration) => {
            report.good(format!("registration: {} is complete", path.display()));
            Some(registration)
        }
        Err(error) => {
            report.bad(format!("registration: {error}. Make one with `wharf registration`"));
            None
        }
    }
}

async fn talk(config: &Config, homeserver: &Homeserver, report: &mut Report) {
    let address = &config.homeserver.address;
    match homeserver.versions().await {
        Ok(versions) => {
            let newest = versions.last().map_or("no version", String::as_str);
            report.good(format!("homeserver: {address} answers and speaks up to {newest}"));
        }
        Err(error) => {
            report.bad(format!(
                "homeserver: {address} does not answer ({error}). Check homeserver.address"
            ));
            return;
        }
    }
    match homeserver.whoami().await {
        Ok(user) => report.good(format!("as_token: the homeserver knows us as {user}")),
        Err(error) => {
            report.bad(format!(
                "as_token: the homeserver does not know it ({error}). Add the registration file to its \
                 app_service_config_files and restart it"
            ));
            return;
        }
    }
    files(homeserver, report).await;
    match homeserver.ping().await {
        Ok(took) => report.good(format!(
            "ping: the homeserver reaches us, {} ms there and back",
            took.as_millis()
        )),
        Err(error @ PingError::WrongToken(_)) => report.bad(format!(
            "ping: {error}. Give it the registration file that stands in homeserver.registration, and restart both"
        )),
        Err(error @ PingError::NoAddress) => report.bad(format!(
            "ping: {error}. Write one with `wharf registration --url`, load it there and restart it"
        )),
        Err(error) => report.bad(format!(
            "ping: {error}. Is `wharf run` running, and does the url in the registration lead to it from where the \
             homeserver runs?"
        )),
    }
}

/// How large files may be on either side.
async fn files(homeserver: &Homeserver, report: &mut Report) {
    match homeserver.ask_upload_limit().await {
        Ok(Some(limit)) => report.good(format!("files: the homeserver takes up to {}", in_units(limit))),
        Ok(None) => report.good("files: the homeserver does not say how large they may be"),
        Err(error) => report.bad(format!(
            "files: the homeserver does not say how large they may be ({error}). Do its media endpoints work?"
        )),
    }
    let limits = whatsapp::MEDIA_LIMITS;
    report.good(format!(
        "files: WhatsApp takes pictures up to {}, films up to {}, sound up to {}, any other file up to {}, unless it tells \
         a device otherwise",
        in_units(limits.picture),
        in_units(limits.film),
        in_units(limits.sound),
        in_units(limits.file)
    ));
}

/// Brings the schema up to date, or says what would be done.
///
/// # Errors
/// The database cannot be opened or changed.
pub async fn migrate(config: &Config, only_status: bool) -> anyhow::Result<String> {
    let (applied, pending) = if only_status {
        let looked = Store::look(&config.database).await?;
        looked.unwrap_or_else(|| (Vec::new(), Store::all_migrations()))
    } else {
        let store = Store::open_as_is(&config.database, Clock::System).await?;
        let listed = store.migrations().await?;
        store.migrate().await?;
        store.close().await;
        listed
    };
    let word = if only_status { "pending" } else { "applied now" };
    let mut text = String::new();
    for name in &applied {
        let _ = writeln!(text, "applied      {name}");
    }
    for name in &pending {
        let _ = writeln!(text, "{word:<12} {name}");
    }
    if pending.is_empty() {
        text.push_str("the schema is current\n");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_that_is_no_database_is_said_to_be_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wharf.db");
        std::fs::write(&path, [0xA5; 8192]).unwrap();
        let place = store::Config {
            url: format!("sqlite:{}", path.display()),
            ..store::Config::default()
        };
        let config = Config {
            database: place,
            ..Config::default()
        };
        let mut report = Report::default();
        database(&config, &mut report).await;
        let said = report.to_string();
        assert!(!report.is_good() && said.contains("file is not a database"), "{said}");
        assert!(migrate(&config, true).await.is_err());
    }
}
