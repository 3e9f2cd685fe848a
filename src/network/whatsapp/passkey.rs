//! The passkey that WhatsApp may want before it links a device: the person's answers on their way to the server.
//!
//! The library does the ceremony (`whatsapp-rust` 0.7.0: `passkey/flow.rs`); its questions come as events to `linking`.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use whatsapp_rust::passkey::Assertion;

use super::{
    super::{Error, LinkAnswer},
    live::Live,
};
use crate::model::DeviceId;

/// The part of a public key credential that the server wants beside the whole.
#[derive(Deserialize)]
struct Credential {
    #[serde(rename = "rawId", alias = "id")]
    id: String,
}

/// Gives a person's answer to the attempt that runs.
///
/// # Errors
/// `NotFound` when none runs, `Refused` when the answer cannot be one or the server does not take it.
pub(super) async fn answer(live: &Live, device: DeviceId, answer: LinkAnswer) -> Result<(), Error> {
    let session = live.linking(device).ok_or(Error::NotFound("the attempt"))?;
    let client = session.client();
    let answered = match answer {
        LinkAnswer::Passkey(json) => client.send_passkey_response(read(&json)?).await,
        LinkAnswer::Same => client.send_passkey_confirmation().await,
    };
    answered.map_err(|error| Error::Refused(error.to_string()))
}

fn read(json: &str) -> Result<Assertion, Error> {
    let unreadable = || Error::Refused("this is no answer of a passkey".into());
    let bare: serde_json::Value = serde_json::from_str(json).map_err(|_| unreadable())?;
    // Consoles show the answer as a string in quotes; people copy those too.
    let json = bare.as_str().unwrap_or(json);
    let credential: Credential = serde_json::from_str(json).map_err(|_| unreadable())?;
    let id = URL_SAFE_NO_PAD
        .decode(credential.id.trim_end_matches('='))
        .map_err(|_| unreadable())?;
    Ok(Assertion {
        assertion_json: json.as_bytes().to_vec(),
        credential_id: id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_bare_and_in_quotes() {
        let json = r#"{"id":"a2V5","type":"public-key","response":{}}"#;
        for text in [json.to_owned(), serde_json::to_string(json).unwrap()] {
            let read = read(&text).unwrap();
            assert_eq!(read.credential_id, b"key");
            assert_eq!(read.assertion_json, json.as_bytes());
        }
        for wrong in ["", "yes", "{}", "[1]", r#"{"id":7}"#, r#"{"id":"?"}"#] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
