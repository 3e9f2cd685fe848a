//! The markup of the house as the HTML of Matrix messages (`org.matrix.custom.html`), and back.
//!
//! Deliberately not here: which part of an event holds what (`outgoing`, `incoming`), and who has which pill.

mod context;
mod line;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub(crate) use read::read;
pub(crate) use write::{Pill, Written, body, write};

/// The value of `format` beside a `formatted_body` in HTML.
pub(crate) const FORMAT: &str = "org.matrix.custom.html";
