//! One client from handshake to goodbye.
//!
//! Spawned for each WebSocket by the HTTP port. Reads and writes take turns in one task, so counters of
//! the ciphers cannot go astray; every stanza is handled before the next one is read.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::extract::ws::WebSocket;
use tokio::sync::mpsc;
use whatsapp_rust::wacore_binary::util::unpack;
use whatsapp_rust::wacore_binary::{Node, OwnedNodeRef, marshal};

use super::frames::Frames;
use super::noise::{self, Greeted};
use crate::server::queue::Out;
use crate::server::state::Shared;
use crate::server::{login, receive};

/// A client that has not finished the handshake by then is let go.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(20);

/// Serves a client until it leaves or is sent away.
pub(crate) async fn serve(shared: Arc<Shared>, socket: WebSocket) {
    let mut frames = Frames::new(socket);
    let greeted = match tokio::time::timeout(HANDSHAKE_PATIENCE, noise::greet(&shared, &mut frames)).await {
        Ok(Ok(greeted)) => greeted,
        Ok(Err(error)) => return tracing::warn!("handshake failed: {error:#}"),
        Err(_) => return tracing::warn!("handshake took too long"),
    };
    let (out, orders) = mpsc::unbounded_channel();
    let link = shared.act(|state| login::begin(state, &greeted, out));
    tracing::debug!(link, ik = greeted.is_ik, "connection begins");
    if let Err(error) = run(&shared, &mut frames, greeted, link, orders).await {
        tracing::debug!(link, "connection failed: {error:#}");
    }
    shared.act(|state| login::end(state, link));
    tracing::debug!(link, "connection ends");
}

async fn run(
    shared: &Arc<Shared>,
    frames: &mut Frames,
    greeted: Greeted,
    link: u64,
    mut orders: mpsc::UnboundedReceiver<Out>,
) -> anyhow::Result<()> {
    let (mut written, mut read) = (0u32, 0u32);
    loop {
        tokio::select! {
            order = orders.recv() => {
                let Some(Out::Stanza(stanza)) = order else {
                    return Ok(());
                };
                let sealed = greeted.write.encrypt_with_counter(written, &marshal(&stanza)?)?;
                written = written.checked_add(1).context("too many frames")?;
                frames.write(&sealed).await?;
            }
            frame = frames.read() => {
                let Some(mut frame) = frame? else {
                    return Ok(());
                };
                greeted.read.decrypt_in_place_with_counter(read, &mut frame)?;
                read = read.checked_add(1).context("too many frames")?;
                let stanza = decode(&frame)?;
                shared.act(|state| receive(shared, state, link, &stanza));
            }
        }
    }
}

fn decode(frame: &[u8]) -> anyhow::Result<Node> {
    let unpacked = unpack(frame)?.into_owned();
    Ok(OwnedNodeRef::new(unpacked)?.to_owned_node())
}
