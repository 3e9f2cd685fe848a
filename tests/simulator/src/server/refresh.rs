//! What a device that waits to be linked is told to make anew: its QR codes, its secret, its pairing code.
//!
//! Called through `Server` and `Phone`. The stanzas are those of the client's handlers
//! (whatsapp-rust 0.7.0, `handlers/notification/companion_reg.rs` and `pair_code.rs`).

use anyhow::Context as _;
use whatsapp_rust::wacore_binary::Node;

use super::stanza::{SERVER, node};
use super::state::{Role, State};
use super::{Server, clock, linking};
use crate::phone::Phone;

impl Server {
    /// The QR codes shown until now are worth nothing; every waiting device gets new ones.
    pub fn renews_qr_codes(&self) {
        self.shared.act(|state| {
            state.qr_refs.clear();
            for link in candidates(state) {
                linking::show_qr(state, link);
            }
        });
    }

    /// Every waiting device is told to make another secret: the codes it showed before link nothing any more.
    pub fn retires_secrets(&self) {
        self.shared.act(|state| {
            for link in candidates(state) {
                let child = node("companion_reg_refresh").build();
                let notification = notification(state, "companion_reg_refresh", child);
                state.send(link, notification);
            }
        });
    }
}

impl Phone {
    /// The pairing code shown until now is worth nothing; the device is told to ask for another, by itself or
    /// (`manually`) when its owner says so.
    ///
    /// # Errors
    /// When no device waits for this number's code.
    pub fn wants_another_code(&self, manually: bool) -> anyhow::Result<()> {
        self.shared.act(|state| retire_code(state, &self.number, manually))
    }
}

/// Takes a pairing code back.
pub(crate) fn retire_code(state: &mut State, number: &str, manually: bool) -> anyhow::Result<()> {
    let request = state
        .codes
        .remove(number)
        .context("no device waits for this number's code")?;
    let child = node("link_code_companion_reg")
        .attr("stage", "refresh_code")
        .attr("force_manual_refresh", if manually { "true" } else { "false" })
        .children([node("link_code_pairing_ref")
            .bytes(request.reference.into_bytes())
            .build()])
        .build();
    let notification = notification(state, "link_code_companion_reg", child);
    state.send(request.link, notification);
    Ok(())
}

fn candidates(state: &State) -> Vec<u64> {
    let mut waiting: Vec<u64> = state
        .links
        .iter()
        .filter(|(_, link)| matches!(link.role, Role::Candidate(_)))
        .map(|(link, _)| *link)
        .collect();
    waiting.sort_unstable();
    waiting
}

fn notification(state: &mut State, kind: &'static str, child: Node) -> Node {
    node("notification")
        .attr("from", SERVER)
        .attr("type", kind)
        .attr("id", state.next())
        .attr("t", clock::seconds())
        .children([child])
        .build()
}
