//! Groups: not simulated yet. An account is in no group, and every other question is refused.
//!
//! Called by [`super::queries`].

use whatsapp_rust::wacore_binary::{Jid, Node};

use super::companion::Device;
use super::stanza::{self, Refusal, node};
use super::state::State;

/// Answers a `w:g2` IQ; `None` when it is not known.
pub(crate) fn answer(iq: &Node) -> Option<Vec<Node>> {
    let child = stanza::first_child(iq)?;
    (child.tag == "participating").then(|| vec![node("groups").build()])
}

/// A companion gives a group another picture, or none; answers its id.
pub(crate) fn set_picture(
    _state: &mut State,
    _by: &Device,
    _group: &Jid,
    _picture: Option<(Vec<u8>, Option<Vec<u8>>)>,
) -> Result<Option<u64>, Refusal> {
    Err(Refusal::NOT_FOUND)
}
