//! `wharf registration`: the two files that make a homeserver know us.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, bail};

use crate::{
    Config,
    matrix::{Names, registration},
};

/// Where the files go.
#[derive(Debug)]
pub struct Files {
    /// The registration of the bridge.
    pub output: PathBuf,
    /// The registration for double puppeting.
    pub double_puppet: PathBuf,
    /// Replace what is there.
    pub force: bool,
}

/// Writes both files with new random tokens and says what to do with them.
///
/// # Errors
/// A file is there already, or cannot be written.
pub fn write(config: &Config, url: Option<String>, files: &Files) -> anyhow::Result<String> {
    for path in [&files.output, &files.double_puppet] {
        if path.exists() && !files.force {
            bail!(
                "{} is there already; --force replaces it, and the homeserver needs the new one",
                path.display()
            );
        }
    }
    let configured = config
        .homeserver
        .appservice_address
        .as_ref()
        .map(|url| url.as_str().trim_end_matches('/').to_owned());
    let listening = || format!("http://{}:{}", config.server.host, config.server.port);
    let url = url.or(configured).unwrap_or_else(listening);
    let names = Names::new(&config.homeserver).context("homeserver")?;
    let (main, double_puppet) = registration::generate(&names, &url);
    // Writing refuses a file that is there; here somebody asked for that.
    for path in [&files.output, &files.double_puppet]
        .into_iter()
        .filter(|path| path.exists())
    {
        fs::remove_file(path).with_context(|| path.display().to_string())?;
    }
    main.write(&files.output)?;
    double_puppet.write(&files.double_puppet)?;
    Ok(format!(
        "Wrote {main} and {puppet}.\n\
         Synapse: name {main} in app_service_config_files of homeserver.yaml (and {puppet}, if the bridge\n\
         may speak as your own users), then restart it. Keep both secret.\n",
        main = files.output.display(),
        puppet = files.double_puppet.display(),
    ))
}
