//! The passkey that WhatsApp may want before it links a device: the person's answers on their way to the server.
//!
//! The library does the ceremony (`whatsapp-rust` 0.7.0: `passkey/flow.rs`); its questions come as events to `linking`.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use whatsapp_rust::passkey::Assertion;

use super::{
    super::{Error, LinkAnswer},
    live::Live,
};
use crate::model::DeviceId;

/// Gives a person's answer to the attempt that runs.
///
/// # Errors
/// `NotFound` when none runs, `Refused` when the answer cannot be one or the server does not take it.
pub(super) async fn answer(live: &Live, device: DeviceId, answer: LinkAnswer) -> Result<(), Error> {
    let session = live.linking(device).ok_or(Error::NotFound("the attempt"))?;
    let client = session.client();
    let (answered, what) = match answer {
        LinkAnswer::Passkey(json) => (
            client.send_passkey_response(read(&json)?).await,
            "WhatsApp did not take this answer",
        ),
        LinkAnswer::Same => (client.send_passkey_confirmation().await, "there is no code to compare"),
    };
    answered.map_err(|error| {
        tracing::info!(%error, "an answer to a question of linking was not taken");
        Error::Refused(what.into())
    })
}

fn read(text: &str) -> Result<Assertion, Error> {
    read_credential(text).ok_or_else(|| Error::Refused("this is no answer of a passkey".into()))
}

/// A public key credential, as browsers write it (`PublicKeyCredential.toJSON`).
fn read_credential(text: &str) -> Option<Assertion> {
    // Consoles show the answer as a string in quotes, each in its own; people copy those too.
    let text = text.trim();
    let bare = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
    let unquoted: Option<String> = serde_json::from_str(text).ok();
    let json = bare.or(unquoted.as_deref()).unwrap_or(text);
    let credential: Value = serde_json::from_str(json).ok()?;
    credential.get("response")?.as_object()?;
    let id = credential.get("rawId").or_else(|| credential.get("id"))?.as_str()?;
    let id = URL_SAFE_NO_PAD.decode(id.trim_end_matches('=')).ok()?;
    (!id.is_empty()).then(|| Assertion {
        assertion_json: json.as_bytes().to_vec(),
        credential_id: id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_bare_and_in_quotes() {
        let json = r#"{"id":"a2V5","rawId":"a2V5","type":"public-key","response":{}}"#;
        let quoted = serde_json::to_string(json).unwrap();
        for text in [json.to_owned(), format!(" {json}\n"), quoted, format!("'{json}'")] {
            let read = read(&text).unwrap();
            assert_eq!(read.credential_id, b"key");
            assert_eq!(read.assertion_json, json.as_bytes());
        }
        let broken = [
            r#"{"id":7,"response":{}}"#,
            r#"{"id":"?","response":{}}"#,
            r#"{"id":"","response":{}}"#,
            r#"{"id":"a2V5"}"#,
        ];
        for wrong in ["", "'", "yes", "{}", "[1]"].into_iter().chain(broken) {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
