//! Scenarios: a file says who is there, what they do over time and what they answer; here it is played.
//!
//! Called by the binary (`--scenario`), by the control API and by tests through [`crate::Server::plays`].

mod play;
mod script;

pub(crate) use play::play;
pub use script::Script;

use std::sync::Arc;

use crate::Server;

impl Server {
    /// Plays a scenario until its end, as soon as a device is linked to its account.
    ///
    /// # Errors
    /// When somebody in it has no number.
    pub async fn plays(&self, script: Script) -> anyhow::Result<()> {
        play(Arc::clone(&self.shared), script).await
    }
}
