//! Standard Webhooks 1.0.0: `webhook-signature: v1,<base64 HMAC-SHA-256(secret, "id.timestamp.body")>`.
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::Error;
use crate::model::{DeliveryId, Timestamp};

/// Bytes of a secret; the specification wants 24 to 64.
const SECRET_BYTES: usize = 32;
/// What every secret begins with.
const PREFIX: &str = "whsec_";

/// A new secret: `whsec_` and base64.
pub(crate) fn new_secret() -> String {
    let bytes: [u8; SECRET_BYTES] = rand::random();
    format!("{PREFIX}{}", STANDARD.encode(bytes))
}

/// The signature of one attempt.
///
/// # Errors
/// `BadSecret` when the secret is not base64.
pub(super) fn sign(secret: &str, id: DeliveryId, at: Timestamp, body: &str) -> Result<String, Error> {
    signature(secret, &id.to_string(), seconds(at), body)
}

/// The time of an attempt as its header shows it.
pub(super) fn seconds(at: Timestamp) -> i64 {
    at.millis().div_euclid(1000)
}

/// Piece by piece: bodies may be large, and the library would copy them.
fn signature(secret: &str, id: &str, seconds: i64, body: &str) -> Result<String, Error> {
    let key = STANDARD
        .decode(secret.strip_prefix(PREFIX).unwrap_or(secret))
        .map_err(|error| Error::BadSecret(Box::new(error)))?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|error| Error::BadSecret(Box::new(error)))?;
    for piece in [id, ".", &seconds.to_string(), ".", body] {
        mac.update(piece.as_bytes());
    }
    Ok(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_what_the_specification_says() {
        // The example that the libraries of Standard Webhooks share.
        let text = signature(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(text.unwrap(), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn secrets_are_new_each_time_and_can_sign() {
        let (one, other) = (new_secret(), new_secret());
        assert_ne!(one, other);
        assert!(one.starts_with("whsec_"));
        let (id, at) = (DeliveryId::generate(), Timestamp::from_secs(1));
        let signed = sign(&one, id, at, "{}").unwrap();
        assert_eq!(signed, sign(&one, id, at, "{}").unwrap());
        for different in [
            sign(&other, id, at, "{}").unwrap(),
            sign(&one, DeliveryId::generate(), at, "{}").unwrap(),
            sign(&one, id, Timestamp::from_secs(2), "{}").unwrap(),
            sign(&one, id, at, "{ }").unwrap(),
        ] {
            assert_ne!(signed, different);
        }
    }

    #[test]
    fn a_broken_secret_is_an_error_and_not_an_empty_key() {
        let result = sign(
            "whsec_not base64!",
            DeliveryId::generate(),
            Timestamp::from_secs(1),
            "{}",
        );
        assert!(matches!(result, Err(Error::BadSecret(_))));
    }
}
