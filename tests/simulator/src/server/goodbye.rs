//! How the server ends a connection by itself: every way a client tells apart.
//!
//! Called by `Server`, by the control API and by [`super::login`] when a newer login takes over. The codes and
//! children are those the client's stream error handler knows (whatsapp-rust 0.7.0, `client/node_io.rs`).

use serde::Deserialize;
use whatsapp_rust::wacore_binary::Node;

use super::outlet::Out;
use super::stanza::node;
use super::state::{Role, State};

/// A way to end a connection.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goodbye {
    /// `<stream:error code>`: 515 restart, 516 removed, 401 unauthorized, 409 replaced, 429 too fast, 503 busy.
    Code(u16),
    /// Another login took the place of this one.
    Replaced,
    /// The phone removed the device.
    DeviceRemoved,
    /// The server misses the acknowledgement of this message.
    Unacknowledged(String),
    /// The server could not read what the client wrote.
    Malformed,
    /// `<xmlstreamend/>`: over, without a reason.
    End,
    /// The socket closes without a word.
    Silence,
}

impl Goodbye {
    /// What is said before the socket closes.
    pub(crate) fn stanza(&self) -> Option<Node> {
        let error = || node("stream:error");
        match self {
            Self::Code(code) => Some(error().attr("code", u32::from(*code)).build()),
            Self::Replaced => Some(error().children([conflict("replaced")]).build()),
            Self::DeviceRemoved => Some(
                error()
                    .attr("code", "401")
                    .children([conflict("device_removed")])
                    .build(),
            ),
            Self::Unacknowledged(id) => Some(
                error()
                    .children([node("ack").attr("class", "message").attr("id", id).build()])
                    .build(),
            ),
            Self::Malformed => Some(error().children([node("xml-not-well-formed").build()]).build()),
            Self::End => Some(node("xmlstreamend").build()),
            Self::Silence => None,
        }
    }
}

/// Ends the connections of an account, or all of linked devices.
pub(crate) fn say(state: &State, number: Option<&str>, goodbye: &Goodbye) {
    let stanza = goodbye.stanza();
    for link in state.links.values() {
        let is_meant = match &link.role {
            Role::Device(device) => number.is_none_or(|number| device.number == number),
            Role::Candidate(_) => false,
        };
        if is_meant {
            // A connection that ends this moment needs no goodbye.
            let _ = match stanza.clone() {
                Some(stanza) => link
                    .out
                    .send(Out::Stanza(stanza))
                    .and_then(|()| link.out.send(Out::Close)),
                None => link.out.send(Out::Cut),
            };
        }
    }
}

fn conflict(kind: &'static str) -> Node {
    node("conflict").attr("type", kind).build()
}
