//! From model words to what a column holds, and back. A column that does not read back is `Error::Corrupt`.

use std::str::FromStr;

use serde::{Serialize, de::DeserializeOwned};
use sqlx::{Any, Decode, Row, Type, any::AnyRow};

use super::Error;
use crate::model::{ContactId, Sender, Timestamp};

/// Text as both engines can hold it: PostgreSQL refuses the character NUL, which strangers may send.
pub(super) fn text(value: &str) -> String {
    value.replace('\0', "\u{fffd}")
}

/// Text that may be absent.
pub(super) fn maybe(value: Option<&str>) -> Option<String> {
    value.map(text)
}

/// A variant of one of our enums by its name.
pub(super) fn word<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value)
        .unwrap_or_default()
        .trim_matches('"')
        .to_owned()
}

/// The column of a sender.
pub(super) fn sender(value: &Sender) -> String {
    match value {
        Sender::Owner => OWNER.into(),
        Sender::Contact(contact) => text(contact.as_str()),
    }
}

/// No network calls a contact that.
const OWNER: &str = "owner";

/// Reads one row of a table.
pub(super) struct Columns<'r> {
    row: &'r AnyRow,
    table: &'static str,
    key: &'static str,
}

impl<'r> Columns<'r> {
    /// Reads `row` of `table`; the column `key` names the row when it is corrupt.
    pub(super) fn new(row: &'r AnyRow, table: &'static str, key: &'static str) -> Self {
        Self { row, table, key }
    }

    fn get<T>(&self, column: &'static str) -> Result<T, Error>
    where
        T: Decode<'r, Any> + Type<Any>,
    {
        self.row.try_get(column).map_err(|_| self.corrupt(column))
    }

    /// The error that says so.
    pub(super) fn corrupt(&self, column: &'static str) -> Error {
        let id = self
            .row
            .try_get::<String, _>(self.key)
            .or_else(|_| self.row.try_get::<i64, _>(self.key).map(|id| id.to_string()))
            .unwrap_or_default();
        Error::Corrupt {
            table: self.table,
            column,
            id,
        }
    }

    /// Text.
    pub(super) fn text(&self, column: &'static str) -> Result<String, Error> {
        self.get(column)
    }

    /// Text or nothing.
    pub(super) fn maybe_text(&self, column: &'static str) -> Result<Option<String>, Error> {
        self.get(column)
    }

    /// A number.
    pub(super) fn int(&self, column: &'static str) -> Result<i64, Error> {
        self.get(column)
    }

    /// A number or nothing.
    pub(super) fn maybe_int(&self, column: &'static str) -> Result<Option<i64>, Error> {
        self.get(column)
    }

    /// Bytes.
    pub(super) fn bytes(&self, column: &'static str) -> Result<Vec<u8>, Error> {
        self.get(column)
    }

    /// Yes or no.
    pub(super) fn flag(&self, column: &'static str) -> Result<bool, Error> {
        match self.int(column)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.corrupt(column)),
        }
    }

    /// A moment.
    pub(super) fn time(&self, column: &'static str) -> Result<Timestamp, Error> {
        self.int(column).map(Timestamp::from_millis)
    }

    /// A moment or nothing.
    pub(super) fn maybe_time(&self, column: &'static str) -> Result<Option<Timestamp>, Error> {
        Ok(self.maybe_int(column)?.map(Timestamp::from_millis))
    }

    /// Something that has a text form.
    pub(super) fn parsed<T: FromStr>(&self, column: &'static str) -> Result<T, Error> {
        self.text(column)?.parse().map_err(|_| self.corrupt(column))
    }

    /// The same, or nothing.
    pub(super) fn maybe_parsed<T: FromStr>(&self, column: &'static str) -> Result<Option<T>, Error> {
        self.maybe_text(column)?
            .map(|text| text.parse().map_err(|_| self.corrupt(column)))
            .transpose()
    }

    /// A variant of one of our enums, as [`word`] wrote it.
    pub(super) fn word<T: DeserializeOwned>(&self, column: &'static str) -> Result<T, Error> {
        serde_json::from_value(self.text(column)?.into()).map_err(|_| self.corrupt(column))
    }

    /// JSON.
    pub(super) fn json<T: DeserializeOwned>(&self, column: &'static str) -> Result<T, Error> {
        serde_json::from_str(&self.text(column)?).map_err(|_| self.corrupt(column))
    }

    /// JSON or nothing.
    pub(super) fn maybe_json<T: DeserializeOwned>(&self, column: &'static str) -> Result<Option<T>, Error> {
        let text = self.maybe_text(column)?;
        text.map(|text| serde_json::from_str(&text).map_err(|_| self.corrupt(column)))
            .transpose()
    }

    /// A sender, as [`sender`] wrote it.
    pub(super) fn sender(&self, column: &'static str) -> Result<Sender, Error> {
        let text = self.text(column)?;
        Ok(if text == OWNER {
            Sender::Owner
        } else {
            Sender::Contact(ContactId::from_adapter(text))
        })
    }
}
