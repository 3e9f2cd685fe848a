//! Request bodies, read with the tolerance the contract promises: nothing at all is an empty object, so is `null`;
//! unknown fields and whatever follows the first value are ignored; a missing content type is JSON.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request, rejection::BytesRejection},
    http::{StatusCode, header::CONTENT_TYPE},
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::Error;

/// A body that was read but not yet understood: what to answer when it makes no sense differs by endpoint.
pub(super) struct RawBody {
    media_type: Option<String>,
    bytes: Bytes,
}

impl<S: Send + Sync> FromRequest<S> for RawBody {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let media_type = media_type(&request);
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|rejection| unread(&rejection))?;
        Ok(Self { media_type, bytes })
    }
}

fn unread(rejection: &BytesRejection) -> Error {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Error::of(StatusCode::PAYLOAD_TOO_LARGE),
        // The client stopped sending: too slow, or gone.
        _ => Error::of(StatusCode::REQUEST_TIMEOUT),
    }
}

/// The media type of a request without its parameters, in small letters.
pub(super) fn media_type(request: &Request) -> Option<String> {
    let value = request.headers().get(CONTENT_TYPE)?.to_str().unwrap_or("unreadable");
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    (!essence.is_empty()).then_some(essence)
}

impl RawBody {
    /// Reads a JSON object; `complaint` is what to say when it is none.
    ///
    /// # Errors
    /// 400 with `complaint`.
    pub(super) fn json<T: DeserializeOwned>(&self, complaint: &'static str) -> Result<T, Error> {
        let is_json = |name: &str| name == "application/json" || name.ends_with("+json");
        if !self.bytes.is_empty() && !self.media_type.as_deref().is_none_or(is_json) {
            return Err(Error::bad_request(complaint));
        }
        read_object(&self.bytes).ok_or_else(|| Error::bad_request(complaint))
    }

    /// Reads the fields of an HTML form.
    pub(super) fn form(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(&self.bytes).into_owned().collect()
    }
}

fn read_object<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let value = if bytes.is_empty() {
        Value::Null
    } else {
        serde_json::Deserializer::from_slice(bytes).into_iter().next()?.ok()?
    };
    let object = match value {
        Value::Null => Value::Object(serde_json::Map::new()),
        object @ Value::Object(_) => object,
        _ => return None,
    };
    // No database of ours can keep a NUL, and no text of a person holds one.
    if holds_nul(&object) {
        None
    } else {
        serde_json::from_value(object).ok()
    }
}

fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(values) => values.iter().any(holds_nul),
        Value::Object(fields) => fields.values().any(holds_nul),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize, PartialEq, Debug, Default)]
    #[serde(default)]
    struct Sample {
        text: Option<String>,
        flag: Option<bool>,
    }

    fn read(text: &str) -> Option<Sample> {
        read_object(text.as_bytes())
    }

    #[test]
    fn nothing_and_null_are_an_empty_object() {
        for text in [
            "",
            "null",
            "{}",
            " {} ",
            r#"{"text":null}"#,
            r#"{"unknown":[1]}"#,
            "{} and more",
            "{}{",
        ] {
            assert_eq!(read(text), Some(Sample::default()), "{text}");
        }
        assert_eq!(read(r#"{"text":"a","text":"b"}"#).unwrap().text.as_deref(), Some("b"));
    }

    #[test]
    fn what_is_no_object_or_has_wrong_types_is_refused() {
        let deep = "[".repeat(100_000);
        for text in [
            " ",
            "{",
            "[]",
            "[\"a\",true]",
            "\"text\"",
            "1",
            "true",
            r#"{"text":1}"#,
            r#"{"flag":"yes"}"#,
            "not json",
            r#"{"text":"a\u0000b"}"#,
            "\u{feff}{}",
            &deep,
        ] {
            assert_eq!(read(text), None, "{text:.40}");
        }
        assert!(read_object::<Sample>(b"{\"text\":\"\xff\"}").is_none());
    }

    proptest! {
        #[test]
        fn reading_never_fails_badly(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_object::<Sample>(&bytes);
        }

        #[test]
        fn any_text_without_nul_arrives_whole(text in "[^\\x00]{0,80}") {
            let json = serde_json::json!({ "text": text }).to_string();
            prop_assert_eq!(read(&json).unwrap().text, Some(text));
        }
    }
}
