//! Addresses at which receivers of webhooks fetch files that are too large for a payload: ours, because the homeserver
//! gives files to its users only. An address names the file, says until when it is good, and is signed with a key that
//! nobody else has; whoever holds it may fetch the file until then.
//!
//! Made by `notify`, opened by the REST door. Deliberately not here: HTTP.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use ruma::{MxcUri, OwnedMxcUri};
use sha2::Sha256;

use super::{Error, Inner};
use crate::{
    matrix::{self, FileStream},
    model::Timestamp,
};

/// Makes and checks addresses of files.
#[derive(Clone)]
pub(crate) struct MediaLinks {
    outside: String,
    key: Vec<u8>,
    valid_for: u32,
}

impl std::fmt::Debug for MediaLinks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MediaLinks")
            .field("outside", &self.outside)
            .finish_non_exhaustive()
    }
}

/// An address as somebody calls it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MediaLink<'a> {
    /// The server that has the file.
    pub(crate) server: &'a str,
    /// Its id there.
    pub(crate) id: &'a str,
    /// Until when the address is good, in seconds since 1970.
    pub(crate) until: &'a str,
    /// What proves that we made it.
    pub(crate) signature: &'a str,
}

impl MediaLinks {
    /// Addresses that begin with `outside` and are good for so many seconds.
    pub(crate) fn new(outside: &str, key: &[u8], valid_for: u32) -> Self {
        Self {
            outside: outside.to_owned(),
            key: key.to_owned(),
            valid_for,
        }
    }

    /// The address of a file; `None` when it is no file of a homeserver.
    pub(super) fn make(&self, source: &MxcUri, now: Timestamp) -> Option<String> {
        let (server, id) = source.parts().ok()?;
        let until = now.plus_millis(i64::from(self.valid_for) * 1000).millis() / 1000;
        let signature = URL_SAFE_NO_PAD.encode(self.mac(source, until)?.finalize().into_bytes());
        let outside = &self.outside;
        Some(format!(
            "{outside}/api/v1/media/{server}/{id}?until={until}&signature={signature}"
        ))
    }

    /// The file that an address leads to.
    fn read(&self, link: &MediaLink<'_>, now: Timestamp) -> Option<OwnedMxcUri> {
        let source = OwnedMxcUri::from(format!("mxc://{}/{}", link.server, link.id));
        source.validate().ok()?;
        let until = link.until.parse().ok()?;
        let signature = URL_SAFE_NO_PAD.decode(link.signature).ok()?;
        // Compares in constant time.
        self.mac(&source, until)?.verify_slice(&signature).ok()?;
        (now.millis() / 1000 <= until).then_some(source)
    }

    fn mac(&self, source: &MxcUri, until: i64) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        mac.update(format!("{source}\n{until}").as_bytes());
        Some(mac)
    }
}

/// Opens the file that an address leads to.
pub(super) async fn open(bridge: &Inner, link: &MediaLink<'_>) -> Result<FileStream, Error> {
    let source = bridge
        .media_links
        .read(link, bridge.clock().now())
        .ok_or(Error::BadLink)?;
    match bridge.homeserver.open(&source).await {
        Ok(file) => Ok(file),
        Err(matrix::Error::NotFound(_)) => Err(Error::NotFound("File")),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use ruma::mxc_uri;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_000_000);

    fn links() -> MediaLinks {
        MediaLinks::new("https://wharf.example.org/under", b"key", 60)
    }

    /// Server, id, until and signature of an address.
    fn cut(address: &str) -> [&str; 4] {
        let rest = address
            .strip_prefix("https://wharf.example.org/under/api/v1/media/")
            .unwrap();
        let (path, query) = rest.split_once("?until=").unwrap();
        let (server, id) = path.split_once('/').unwrap();
        let (until, signature) = query.split_once("&signature=").unwrap();
        [server, id, until, signature]
    }

    fn read(parts: [&str; 4], now: Timestamp) -> Option<OwnedMxcUri> {
        let [server, id, until, signature] = parts;
        let link = MediaLink {
            server,
            id,
            until,
            signature,
        };
        links().read(&link, now)
    }

    #[test]
    fn an_address_leads_to_its_file_for_its_time() {
        let source = mxc_uri!("mxc://hs.test:8448/AbC-9_");
        let address = links().make(source, NOW).unwrap();
        let parts = cut(&address);
        assert_eq!(read(parts, NOW).as_deref(), Some(source));
        assert_eq!(read(parts, NOW.plus_millis(60_000)).as_deref(), Some(source));
        assert_eq!(read(parts, NOW.plus_millis(61_000)), None);
    }

    #[test]
    fn nobody_else_can_make_one() {
        let address = links().make(mxc_uri!("mxc://hs.test/abc"), NOW).unwrap();
        let [server, id, until, signature] = cut(&address);
        let later = "2000000";
        for forged in [
            ["hs.evil", id, until, signature],
            [server, "xyz", until, signature],
            [server, id, later, signature],
            [server, id, until, ""],
            [server, id, until, "AAAA"],
            [server, id, "", signature],
            ["", "", until, signature],
        ] {
            assert_eq!(read(forged, NOW), None, "{forged:?}");
        }
        let other = MediaLinks::new("https://wharf.example.org/under", b"another key", 60);
        let stranger = other.make(mxc_uri!("mxc://hs.test/abc"), NOW).unwrap();
        assert_eq!(read(cut(&stranger), NOW), None);
    }
}
