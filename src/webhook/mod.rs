//! One signed request to somebody else's server: the hand that delivers webhooks.
//!
//! The bridge calls [`Webhooks::deliver`] for each attempt of a delivery, asks [`schedule()`] when the next one is due,
//! and uses [`check_url`] and [`new_secret`] when a webhook is made. Deliberately not here: what a delivery says, who
//! hears it, and the memory of attempts.

mod address;
mod config;
mod delivery;
mod error;
mod schedule;
mod signature;
#[cfg(test)]
mod tests;
mod url;

pub(crate) use config::Config;
pub(crate) use delivery::Webhooks;
pub(crate) use error::Error;
pub(crate) use schedule::schedule;
pub(crate) use signature::new_secret;
pub(crate) use url::check_url;
