//! The passkey of an account, in the hands of its owner: makes what a browser at WhatsApp's page would make.
//!
//! Web Authentication Level 2, sections 5.8.1 (client data), 6.1 (authenticator data) and 6.3.3 (what is signed).

use anyhow::{Context as _, anyhow};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

use super::Phone;
use crate::server::passkey::{self, ORIGIN, PRESENT, RP_ID, VERIFIED};

/// The private half of a passkey.
#[derive(Clone)]
pub struct Passkey {
    id: Vec<u8>,
    private_key: Vec<u8>,
}

impl std::fmt::Debug for Passkey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Passkey").finish_non_exhaustive()
    }
}

impl Phone {
    /// The account gets a passkey in the place of the one it had.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn makes_passkey(&self) -> anyhow::Result<Passkey> {
        let random = SystemRandom::new();
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random);
        let private_key = made.map_err(|_| anyhow!("no key could be made"))?.as_ref().to_vec();
        let id = digest(&SHA256, &private_key).as_ref().to_vec();
        let passkey = Passkey { id, private_key };
        let public_key = passkey.key()?.public_key().as_ref().to_vec();
        let known = passkey::Known {
            id: passkey.id.clone(),
            public_key,
        };
        self.shared
            .act(|state| state.passkeys.insert(self.number.clone(), known));
        Ok(passkey)
    }
}

impl Passkey {
    /// Its name.
    #[must_use]
    pub fn id(&self) -> &[u8] {
        &self.id
    }

    /// Its secret, as PKCS #8.
    #[must_use]
    pub fn private_key(&self) -> &[u8] {
        &self.private_key
    }

    fn key(&self) -> anyhow::Result<EcdsaKeyPair> {
        let random = SystemRandom::new();
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &self.private_key, &random)
            .map_err(|_| anyhow!("a key that cannot be read"))
    }

    /// What it answers to a request: a public key credential, as JSON.
    ///
    /// # Errors
    /// When the request is none.
    pub fn answers(&self, request: &str) -> anyhow::Result<String> {
        let request: Value = serde_json::from_str(request)?;
        let challenge = request["challenge"].as_str().context("no challenge")?;
        let said = json!({ "type": "webauthn.get", "challenge": challenge, "origin": ORIGIN, "crossOrigin": false });
        let said = said.to_string();
        let mut data = digest(&SHA256, RP_ID.as_bytes()).as_ref().to_vec();
        data.push(PRESENT | VERIFIED);
        data.extend(1_u32.to_be_bytes());
        let signed = [data.as_slice(), digest(&SHA256, said.as_bytes()).as_ref()].concat();
        let signature = self.key()?.sign(&SystemRandom::new(), &signed);
        let signature = signature.map_err(|_| anyhow!("it could not be signed"))?;
        let id = BASE64.encode(&self.id);
        let credential = json!({
            "id": id, "rawId": id, "type": "public-key", "authenticatorAttachment": "platform", "clientExtensionResults": {},
            "response": {
                "clientDataJSON": BASE64.encode(said),
                "authenticatorData": BASE64.encode(data),
                "signature": BASE64.encode(signature.as_ref()),
            },
        });
        Ok(credential.to_string())
    }
}
