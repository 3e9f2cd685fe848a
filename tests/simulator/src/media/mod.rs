//! Media: where clients upload blobs and fetch them again, and the blobs that people send themselves.
//!
//! The stanza that names the host is answered here and routed by `server::queries`; the blobs travel
//! over HTTP on the simulator's own port. Clients insist on `https://`, so theirs must be told to use
//! plain HTTP here. Thumbnails and conversions are not here: a blob is bytes.

mod blobs;
mod faults;
mod http;
mod sealed;

pub(crate) use blobs::Blobs;
pub(crate) use faults::{Fault, Way};
pub(crate) use http::{download, upload};
pub use sealed::{MediaKind, Uploaded};
pub(crate) use sealed::{Seal, media_of, medium, sealed, store, upload_sealed};

use whatsapp_rust::wacore_binary::Node;

use crate::server::stanza::node;
use crate::server::state::State;

/// How long a client may use what it was told, in seconds: the route, and the permission to upload.
const ROUTE_TTL: u64 = 3600;
const AUTH_TTL: u64 = 21600;

/// The answer to a `w:m` IQ: the host, and a fresh permission to upload.
pub(crate) fn connection(state: &mut State) -> Node {
    let auth = state.blobs.permit();
    node("media_conn")
        .attr("auth", auth)
        .attr("ttl", ROUTE_TTL)
        .attr("auth_ttl", AUTH_TTL)
        .attr("max_buckets", 12u64)
        .children([node("host")
            .attr("hostname", &state.media_host)
            .attr("type", "primary")
            .children([node("upload").build(), node("download").build()])
            .build()])
        .build()
}
