//! The blobs the server keeps: whole ones by their path, begun uploads by their token.
//!
//! Called by the HTTP routes of this room and by whoever seals or opens media. A blob that expired is
//! kept all the same, for it is also the copy on the phone of whoever sent it.

use std::collections::{HashMap, HashSet};

use axum::body::Bytes;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use whatsapp_rust::wacore::libsignal::crypto::CryptographicHash;

use super::faults::MediaFaults;

/// Everything about media.
#[derive(Default)]
pub(crate) struct Blobs {
    by_path: HashMap<String, Blob>,
    /// The newest path of every blob, by kind and token.
    newest: HashMap<(String, String), String>,
    begun: HashMap<(String, String), Vec<u8>>,
    permits: HashSet<String>,
    pub(crate) faults: MediaFaults,
    count: u64,
}

/// A whole blob.
#[derive(Clone)]
pub(crate) struct Blob {
    pub(crate) bytes: Bytes,
    kind: String,
    token: String,
    /// With this status it is refused since it expired.
    expired: Option<u16>,
}

/// Why a blob is not given out, as the status of the answer.
pub(crate) type Refused = u16;

impl Blobs {
    /// A new permission to upload.
    pub(crate) fn permit(&mut self) -> String {
        let permit = BASE64_URL_SAFE_NO_PAD.encode(crate::server::step::random::<[u8; 18]>());
        self.permits.insert(permit.clone());
        permit
    }

    pub(crate) fn is_permitted(&self, permit: &str) -> bool {
        self.permits.contains(permit)
    }

    /// Takes all permissions back: clients have to ask for new ones.
    pub(crate) fn revoke(&mut self) {
        self.permits.clear();
    }

    /// Keeps a blob under a new path, which is answered.
    pub(crate) fn keep(&mut self, kind: &str, token: String, bytes: Bytes) -> String {
        self.count += 1;
        let path = format!("/v/{kind}/{}-{token}.enc", self.count);
        let key = (kind.to_owned(), token.clone());
        self.begun.remove(&key);
        self.newest.insert(key, path.clone());
        let blob = Blob {
            bytes,
            kind: kind.to_owned(),
            token,
            expired: None,
        };
        self.by_path.insert(path.clone(), blob);
        path
    }

    /// The path of a blob that is here already and did not expire.
    pub(crate) fn known(&self, kind: &str, token: &str) -> Option<&str> {
        let path = self.newest.get(&(kind.to_owned(), token.to_owned()))?;
        self.by_path.get(path)?.expired.is_none().then_some(path.as_str())
    }

    /// How much of an upload is here.
    pub(crate) fn begun(&self, kind: &str, token: &str) -> usize {
        self.begun.get(&(kind.to_owned(), token.to_owned())).map_or(0, Vec::len)
    }

    /// The first `offset` bytes of a begun upload, to be continued; `None` when they are not here.
    pub(crate) fn resume(&mut self, kind: &str, token: &str, offset: usize) -> Option<Vec<u8>> {
        if offset == 0 {
            return Some(Vec::new());
        }
        let key = (kind.to_owned(), token.to_owned());
        self.begun.get(&key).filter(|begun| begun.len() >= offset)?;
        let mut begun = self.begun.remove(&key)?;
        begun.truncate(offset);
        Some(begun)
    }

    /// An upload broke off: what came is kept for the next try.
    pub(crate) fn interrupted(&mut self, kind: &str, token: &str, bytes: Vec<u8>) {
        self.begun.insert((kind.to_owned(), token.to_owned()), bytes);
    }

    /// The blob for somebody who knows its token.
    pub(crate) fn give(&self, path: &str, token: Option<&str>) -> Result<Bytes, Refused> {
        let blob = self.by_path.get(path).ok_or(404u16)?;
        if let Some(status) = blob.expired {
            return Err(status);
        }
        if token.is_some_and(|token| token != blob.token) {
            return Err(403);
        }
        Ok(blob.bytes.clone())
    }

    /// The bytes, also when the server gives them to nobody any more.
    pub(crate) fn look(&self, path: &str) -> Option<Bytes> {
        self.by_path.get(path).map(|blob| blob.bytes.clone())
    }

    /// From now on this blob is refused with the status.
    pub(crate) fn expire(&mut self, path: &str, status: u16) -> bool {
        self.by_path
            .get_mut(path)
            .map(|blob| blob.expired = Some(status))
            .is_some()
    }

    /// From now on all blobs of now are refused with the status.
    pub(crate) fn expire_all(&mut self, status: u16) {
        for blob in self.by_path.values_mut() {
            blob.expired = Some(status);
        }
    }

    /// A phone uploads again what it sent or received under this path; answers the new path.
    pub(crate) fn upload_again(&mut self, path: &str) -> Option<String> {
        let blob = self.by_path.get(path)?.clone();
        Some(self.keep(&blob.kind, blob.token, blob.bytes))
    }

    /// How many blobs are kept, expired ones included.
    pub(crate) fn len(&self) -> usize {
        self.by_path.len()
    }
}

/// The name of a blob: the hash of its bytes.
pub(crate) fn token_of(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(sha256(bytes))
}

/// SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> Vec<u8> {
    // The name is one the library knows, so the empty answer never happens.
    CryptographicHash::new("SHA-256").map_or_else(
        |_| Vec::new(),
        |mut hash| {
            hash.update(bytes);
            hash.finalize()
        },
    )
}
