//! The blobs the server keeps: whole ones by their path, begun uploads by their token.
//!
//! Called by the HTTP routes of this room and by whoever seals or opens media. A blob that expired is
//! kept all the same, for it is also the copy on the phone of whoever sent it.

use std::collections::{HashMap, VecDeque};

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
    begun: Begun,
    /// Oldest first.
    permits: VecDeque<String>,
    pub(crate) faults: MediaFaults,
    count: u64,
}

/// So many permissions are good at one time; whoever has an older one asks again.
const MOST_PERMITS: usize = 1000;
/// So many uploads that broke off wait to be continued,
const MOST_BEGUN: usize = 64;
/// and so many bytes of them: two of the largest. Beyond that the oldest has to begin anew.
const MOST_BEGUN_BYTES: usize = 1024 * 1024 * 1024;

/// Uploads that broke off, oldest first, by kind and token.
#[derive(Default)]
struct Begun(VecDeque<((String, String), Vec<u8>)>);

impl Begun {
    fn get(&self, kind: &str, token: &str) -> Option<&Vec<u8>> {
        let mut all = self.0.iter();
        let found = all.find(|((its_kind, its_token), _)| its_kind == kind && its_token == token);
        found.map(|(_, bytes)| bytes)
    }

    fn take(&mut self, kind: &str, token: &str) -> Option<Vec<u8>> {
        let mut all = self.0.iter();
        let place = all.position(|((its_kind, its_token), _)| its_kind == kind && its_token == token)?;
        self.0.remove(place).map(|(_, bytes)| bytes)
    }

    fn keep(&mut self, kind: &str, token: &str, bytes: Vec<u8>) {
        self.take(kind, token);
        self.0.push_back(((kind.to_owned(), token.to_owned()), bytes));
        while self.0.len() > MOST_BEGUN || self.bytes() > MOST_BEGUN_BYTES {
            self.0.pop_front();
        }
    }

    fn bytes(&self) -> usize {
        self.0.iter().map(|(_, bytes)| bytes.capacity()).sum()
    }
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
        self.permits.push_back(permit.clone());
        if self.permits.len() > MOST_PERMITS {
            self.permits.pop_front();
        }
        permit
    }

    pub(crate) fn is_permitted(&self, permit: &str) -> bool {
        self.permits.iter().any(|known| known == permit)
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
        self.begun.take(kind, &key.1);
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
        self.begun.get(kind, token).map_or(0, Vec::len)
    }

    /// The first `offset` bytes of a begun upload, to be continued; `None` when they are not here.
    pub(crate) fn resume(&mut self, kind: &str, token: &str, offset: usize) -> Option<Vec<u8>> {
        if offset == 0 {
            return Some(Vec::new());
        }
        self.begun.get(kind, token).filter(|begun| begun.len() >= offset)?;
        let mut begun = self.begun.take(kind, token)?;
        begun.truncate(offset);
        Some(begun)
    }

    /// An upload broke off: what came is kept for the next try.
    pub(crate) fn interrupted(&mut self, kind: &str, token: &str, bytes: Vec<u8>) {
        self.begun.keep(kind, token, bytes);
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

    /// Every blob, in the order in which they came.
    #[cfg(test)]
    pub(crate) fn all(&self) -> Vec<Bytes> {
        (1..=self.count)
            .filter_map(|number| {
                let mark = format!("/{number}-");
                let mut blobs = self.by_path.iter();
                let found = blobs.find(|(path, _)| path.contains(&mark));
                found.map(|(_, blob)| blob.bytes.clone())
            })
            .collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_uploads_that_broke_off_the_newest_can_be_continued() {
        let mut blobs = Blobs::default();
        for token in 0..=MOST_BEGUN {
            blobs.interrupted("image", &token.to_string(), vec![1; 10]);
        }
        assert_eq!((blobs.begun("image", "0"), blobs.begun("image", "1")), (0, 10));
        assert!(blobs.resume("image", "0", 5).is_none());
        assert_eq!(blobs.resume("image", "1", 5), Some(vec![1; 5]));
        // The same one again takes no second place.
        blobs.interrupted("image", "2", vec![1; 20]);
        assert_eq!((blobs.begun("image", "2"), blobs.begun.0.len()), (20, MOST_BEGUN - 1));
    }

    #[test]
    fn uploads_that_broke_off_take_a_bounded_number_of_bytes() {
        let mut blobs = Blobs::default();
        for token in ["a", "b", "c"] {
            // Never touched, so no memory is really taken.
            blobs.interrupted("video", token, Vec::with_capacity(MOST_BEGUN_BYTES / 2));
        }
        assert_eq!(blobs.begun.bytes(), MOST_BEGUN_BYTES);
        assert!(blobs.begun.get("video", "a").is_none() && blobs.begun.get("video", "b").is_some());
    }

    #[test]
    fn permissions_are_good_until_many_newer_ones_were_given() {
        let mut blobs = Blobs::default();
        let first = blobs.permit();
        for _ in 1..MOST_PERMITS {
            blobs.permit();
        }
        assert!(blobs.is_permitted(&first));
        blobs.permit();
        assert!(!blobs.is_permitted(&first));
    }
}
