//! The server's own question whether a linked device is still there (`urn:xmpp:ping`); the client's is `w:p`, answered by
//! [`super::queries`].

use std::time::Duration;

use whatsapp_rust::wacore_binary::Node;

use super::handle::Server;
use super::stanza::{self, node};
use super::state::{Role, State};

impl Server {
    /// Asks every connected device of this number whether it is there.
    pub fn pings(&self, number: &str) {
        self.shared().act(|state| {
            let links: Vec<u64> = state
                .links
                .iter()
                .filter(|(_, link)| matches!(&link.role, Role::Device(device) if device.number == number))
                .map(|(id, _)| *id)
                .collect();
            for link in links {
                let id = format!("ping-{}", state.next());
                let ping = node("iq")
                    .attr("from", stanza::SERVER)
                    .attr("type", "get")
                    .attr("xmlns", "urn:xmpp:ping")
                    .attr("id", &id);
                state.send(link, ping.build());
                state.pings.insert(id, number.to_owned());
            }
        });
    }

    /// Waits until every one of these questions is answered.
    ///
    /// # Errors
    /// When one was not in time.
    pub async fn waits_for_pongs(&self, number: &str, patience: Duration) -> anyhow::Result<()> {
        let is_answered = || {
            self.shared()
                .look(|state| !state.pings.values().any(|asked| asked == number))
        };
        crate::contact::until(self.shared(), is_answered, patience).await
    }
}

/// A client answered something the server asked.
pub(crate) fn answered(state: &mut State, iq: &Node) {
    state.pings.remove(&stanza::attr(iq, "id"));
}
