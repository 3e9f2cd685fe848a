//! Secrets: made at random, stored as keyed hashes, compared in constant time. Pure but for the random source.

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose},
};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::Error;

/// Bytes of randomness in a secret or token, and of the hash key.
const BYTES: usize = 32;

/// Hashes secrets with the house's key.
#[derive(Clone)]
pub(super) struct Secrets(Hmac<Sha256>);

impl Secrets {
    /// The key is base64, with either alphabet, padded or not.
    ///
    /// # Errors
    /// `BadHashKey`.
    pub(super) fn new(key: &SecretString) -> Result<Self, Error> {
        let text = key.expose_secret().trim().replace('-', "+").replace('_', "/");
        let lenient = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        let bytes = GeneralPurpose::new(&alphabet::STANDARD, lenient)
            .decode(text)
            .map_err(|_| Error::BadHashKey)?;
        if bytes.len() != BYTES {
            return Err(Error::BadHashKey);
        }
        Hmac::new_from_slice(&bytes).map(Self).map_err(|_| Error::BadHashKey)
    }

    /// The hash under which a secret is stored.
    pub(super) fn hash(&self, secret: &str) -> Vec<u8> {
        let mut mac = self.0.clone();
        mac.update(secret.as_bytes());
        mac.finalize().into_bytes().to_vec()
    }
}

impl Secrets {
    /// A key of its own for another purpose: no secret or token hashes to it, because none has a zero in it.
    pub(super) fn derive(&self, purpose: &str) -> Vec<u8> {
        self.hash(&format!("\0{purpose}"))
    }
}

/// Whether two hashes are equal, in a time that says nothing of where they differ.
pub(super) fn same(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

/// A new `client_secret`: 44 characters, as its users know it.
pub(super) fn new_client_secret() -> String {
    general_purpose::URL_SAFE.encode(rand::random::<[u8; BYTES]>())
}

/// The random part of a new token.
pub(super) fn new_token() -> String {
    general_purpose::URL_SAFE_NO_PAD.encode(rand::random::<[u8; BYTES]>())
}

/// The secret of a new session, in hexadecimal digits.
pub(super) fn new_session() -> String {
    format!("{:032x}{:032x}", rand::random::<u128>(), rand::random::<u128>())
}

/// Bytes as they may stand in an address.
pub(super) fn readable(bytes: &[u8]) -> String {
    general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

/// A new random name of 16 hexadecimal digits, for identities and their devices.
pub(super) fn new_name() -> String {
    format!("{:016x}", rand::random::<u64>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(key: &str) -> Result<Secrets, Error> {
        Secrets::new(&key.into())
    }

    #[test]
    fn a_hash_is_the_hmac_that_existing_databases_hold() {
        // HMAC-SHA-256 of the message under the key 00 01 … 1f, made with another implementation.
        let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        let hash = secrets(key).unwrap().hash("abc");
        let hex = hash
            .iter()
            .fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        assert_eq!(hex, "f0133729c4163dede81e21cd47839256da58171238c8a0d874397c73b14e1e47");
        let padded_or_not = secrets(key.trim_end_matches('=')).unwrap();
        assert!(same(&hash, &padded_or_not.hash("abc")));
    }

    #[test]
    fn both_alphabets_of_base64_are_one_key() {
        let plain = secrets("+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/8=").unwrap();
        let url = secrets("-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_8").unwrap();
        assert_eq!(plain.hash("x"), url.hash("x"));
    }

    #[test]
    fn a_key_of_another_length_is_refused() {
        for key in ["", "AAEC", "?", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIj"] {
            assert!(secrets(key).is_err(), "{key}");
        }
    }

    #[test]
    fn secrets_have_the_length_their_users_know_and_are_new_each_time() {
        assert_eq!(new_client_secret().len(), 44);
        assert_eq!(new_token().len(), 43);
        assert_eq!(new_name().len(), 16);
        assert_ne!(new_client_secret(), new_client_secret());
        assert_ne!(new_token(), new_token());
        assert!(!new_client_secret().contains(':'));
    }

    #[test]
    fn each_purpose_has_a_key_of_its_own() {
        let secrets = secrets("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap();
        assert_eq!(secrets.derive("a"), secrets.derive("a"));
        assert_ne!(secrets.derive("a"), secrets.derive("b"));
        assert_ne!(secrets.derive("a"), secrets.hash("a"));
    }

    #[test]
    fn only_equal_hashes_are_the_same() {
        assert!(same(b"ab", b"ab"));
        assert!(!same(b"ab", b"ac"));
        assert!(!same(b"ab", b"abc"));
    }
}
