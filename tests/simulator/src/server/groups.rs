//! Groups: not simulated yet. An account is in no group, and every other question is refused.
//!
//! Called by [`super::queries`].

use whatsapp_rust::wacore_binary::Node;

use super::stanza::{self, node};

/// Answers a `w:g2` IQ; `None` when it is not known.
pub(crate) fn answer(iq: &Node) -> Option<Vec<Node>> {
    let child = stanza::first_child(iq)?;
    (child.tag == "participating").then(|| vec![node("groups").build()])
}
