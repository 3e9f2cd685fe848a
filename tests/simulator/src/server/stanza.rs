//! Reading and building stanzas: the few shorthands every stanza family needs.
//!
//! Reading never fails loudly: what a client left out reads as empty or `None`.

use whatsapp_rust::wacore_binary::builder::NodeBuilder;
use whatsapp_rust::wacore_binary::{Jid, Node, NodeContent};

/// What a tag or an attribute takes beside its text.
const PIECE: usize = 64;

/// The server's own address.
pub(crate) const SERVER: &str = "s.whatsapp.net";

/// Begins a stanza.
pub(crate) fn node(tag: &'static str) -> NodeBuilder {
    NodeBuilder::new(tag)
}

/// An attribute as text, empty when absent.
pub(crate) fn attr(node: &Node, key: &str) -> String {
    node.attrs
        .get(key)
        .map(|value| value.as_str().into_owned())
        .unwrap_or_default()
}

/// An attribute as an address.
pub(crate) fn address(node: &Node, key: &str) -> Option<Jid> {
    node.attrs.get(key)?.to_jid()
}

/// The bytes of a stanza (text counts as its bytes).
pub(crate) fn bytes(node: &Node) -> &[u8] {
    match &node.content {
        Some(NodeContent::Bytes(bytes)) => bytes,
        Some(NodeContent::String(text)) => text.as_bytes(),
        _ => &[],
    }
}

/// The content as a big-endian number of at most four bytes.
pub(crate) fn number(node: &Node) -> Option<u32> {
    big_endian(bytes(node))
}

/// A big-endian number of one to four bytes.
pub(crate) fn big_endian(bytes: &[u8]) -> Option<u32> {
    (1..=4)
        .contains(&bytes.len())
        .then(|| bytes.iter().fold(0, |sum, byte| (sum << 8) | u32::from(*byte)))
}

/// What an IQ is answered with: the children of its result, or why it is refused.
pub(crate) type Answer = Result<Vec<Node>, Refusal>;

/// Why a request is refused, in the words of the real server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal(pub(crate) u32, pub(crate) &'static str);

impl Refusal {
    pub(crate) const BAD_REQUEST: Self = Self(400, "bad-request");
    pub(crate) const NOT_AUTHORIZED: Self = Self(401, "not-authorized");
    pub(crate) const FORBIDDEN: Self = Self(403, "forbidden");
    pub(crate) const NOT_FOUND: Self = Self(404, "item-not-found");
    pub(crate) const NOT_ACCEPTABLE: Self = Self(406, "not-acceptable");
    pub(crate) const CONFLICT: Self = Self(409, "conflict");
    pub(crate) const NOT_IMPLEMENTED: Self = Self(501, "feature-not-implemented");
}

/// The content as text, empty when there is none.
pub(crate) fn text(node: &Node) -> String {
    String::from_utf8_lossy(bytes(node)).into_owned()
}

/// Roughly how much memory a stanza takes, with all that is in it.
pub(crate) fn weight(node: &Node) -> usize {
    let attributes = node.attrs.0.iter().map(|(_, value)| PIECE + value.as_str().len());
    let content = match &node.content {
        Some(NodeContent::Bytes(bytes)) => bytes.len(),
        Some(NodeContent::String(text)) => text.len(),
        Some(NodeContent::Nodes(children)) => children.iter().map(weight).sum(),
        None => 0,
    };
    PIECE + content + attributes.sum::<usize>()
}

/// The first child, whatever it is.
pub(crate) fn first_child(node: &Node) -> Option<&Node> {
    node.children()?.first()
}

/// The answer to an IQ.
pub(crate) fn result(id: &str, children: Vec<Node>) -> Node {
    let answer = node("iq").attr("from", SERVER).attr("type", "result").attr("id", id);
    if children.is_empty() {
        answer.build()
    } else {
        answer.children(children).build()
    }
}

/// The refusal of an IQ.
pub(crate) fn refusal(id: &str, code: u32, text: &str) -> Node {
    node("iq")
        .attr("from", SERVER)
        .attr("type", "error")
        .attr("id", id)
        .children([node("error").attr("code", code).attr("text", text).build()])
        .build()
}

/// The server's acknowledgement of a stanza of a client.
pub(crate) fn ack(class: &'static str, id: &str, from: Option<Jid>) -> NodeBuilder {
    let ack = node("ack").attr("class", class).attr("id", id);
    match from {
        Some(from) => ack.attr("from", from),
        None => ack.attr("from", SERVER),
    }
}
