//! `wharf check` and `wharf migrate`: what is wrong, in plain words, and what to do about it.

use std::fmt::{self, Write as _};

use crate::{
    Config,
    matrix::{Homeserver, Registration},
    model::{Clock, in_units},
    network::whatsapp,
    store::Store,
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

async fn database(config: &Config, report: &mut Report) {
    match Store::open(&config.database, Clock::System).await {
        Ok(store) => {
            report.good("database: opened, schema current");
            store.close().await;
        }
        Err(error @ crate::store::Error::InUse(_)) => {
            report.good(format!("database: {error} (fine when that is your running bridge)"));
        }
        Err(error) => report.bad(format!("database: {error}. Check database.url and its permissions")),
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
        "files: WhatsApp takes pictures up to {}, films up to {}, sound up to {}, any other file up to {}",
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
    let store = Store::open_as_is(&config.database, Clock::System).await?;
    let (applied, pending) = store.migrations().await?;
    if !only_status {
        store.migrate().await?;
    }
    store.close().await;
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
