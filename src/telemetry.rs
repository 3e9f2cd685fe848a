//! What can be watched: the log and the metrics.
//!
//! Never in the log: bodies, tokens, codes, whole phone numbers.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde::{Deserialize, Serialize};
use tracing::{Level, Metadata};
use tracing_subscriber::{EnvFilter, filter::filter_fn, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// Settings of the log.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// `error`, `warn`, `info`, `debug`, `trace`, or a filter such as `info,wharf::bridge=debug`.
    pub level: String,
    /// `text` for people, `json` for machines.
    pub format: Format,
}

/// How log lines look.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            level: "info".into(),
            format: Format::Text,
        }
    }
}

impl Config {
    /// What is wrong with these settings: key and reason.
    pub(crate) fn check(&self) -> Result<(), (&'static str, String)> {
        self.filter()
            .map(drop)
            .map_err(|error| ("log.level", error.to_string()))
    }

    fn filter(&self) -> Result<EnvFilter, tracing_subscriber::filter::ParseError> {
        EnvFilter::try_new(&self.level)
    }
}

/// Starts the log.
///
/// # Errors
/// The filter cannot be read, or a log was started before.
pub fn start_log(config: &Config) -> anyhow::Result<()> {
    let filter = config.filter().context("log.level")?;
    let registry = tracing_subscriber::registry().with(filter).with(filter_fn(may_be_said));
    match config.format {
        Format::Text => {
            let colours = std::io::stderr().is_terminal();
            registry
                .with(fmt::layer().with_ansi(colours).with_writer(std::io::stderr))
                .try_init()?;
        }
        Format::Json => registry
            .with(fmt::layer().json().with_writer(std::io::stderr))
            .try_init()?,
    }
    Ok(())
}

/// Libraries speak only of trouble: what they say below that holds numbers and codes (`Client/PairCode` does).
fn may_be_said(event: &Metadata<'_>) -> bool {
    event.target().starts_with("wharf") || *event.level() <= Level::WARN
}

/// Starts the metrics.
///
/// # Errors
/// Metrics were started before.
pub(crate) fn start_metrics() -> anyhow::Result<PrometheusHandle> {
    let handle = PrometheusBuilder::new().install_recorder().context("metrics")?;
    metrics::describe_gauge!("wharf_jobs_waiting", "Jobs that wait, by kind of lane");
    metrics::describe_gauge!(
        "wharf_jobs_oldest_seconds",
        "Age of the oldest waiting job, by kind of lane"
    );
    metrics::describe_gauge!("wharf_jobs_buried", "Jobs given up for good, by kind");
    metrics::describe_gauge!("wharf_devices", "Devices by the state of their link");
    metrics::describe_counter!("wharf_deliveries_total", "Webhook deliveries by result");
    metrics::describe_counter!("wharf_jobs_buried_total", "Jobs given up since the start, by kind");
    Ok(handle)
}
