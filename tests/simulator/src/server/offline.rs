//! `<ib>` from a companion: it asks for the next part of what it missed.
//!
//! Called by the router. What is owed and in which order is decided by [`super::queue`].

use whatsapp_rust::wacore_binary::Node;

use super::companion::Device;
use super::stanza;
use super::state::State;

/// The most stanzas sent for one request.
const LARGEST_BATCH: usize = 1000;

/// The companion wants traffic from now on.
pub(crate) fn activate(state: &mut State, device: &Device) {
    if let Some(companion) = state.companion_mut(device)
        && let Some(socket) = companion.socket.as_mut()
    {
        companion.queue.activate(socket);
    }
}

/// The companion sent `<ib>`.
pub(crate) fn information(state: &mut State, device: &Device, ib: &Node) {
    let Some(batch) = ib.get_optional_child("offline_batch") else {
        return;
    };
    let size = stanza::attr(batch, "count")
        .parse::<usize>()
        .unwrap_or(LARGEST_BATCH)
        .clamp(1, LARGEST_BATCH);
    if let Some(companion) = state.companion_mut(device)
        && let Some(socket) = companion.socket.as_mut()
    {
        companion.queue.send_batch(size, socket);
    }
}
