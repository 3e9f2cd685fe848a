//! The handle of a running simulator: people, faults, the listener.
//!
//! Held by tests and by the binary; cheap to clone. When the last clone is dropped the listener ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::blocklist::Report;
use super::chat_state;
use super::newsletters;
use super::queue::Out;
use super::state::{History, Role, Shared, State};
use crate::contact::Contact;
use crate::control;
use crate::newsletter::Newsletter;
use crate::phone::Phone;
use crate::wire;

/// How a simulator is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// How long typing is shown that is not renewed; `CHATSTATE_TTL_SECS` unless said otherwise.
    pub chat_state_lifetime: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            chat_state_lifetime: chat_state::default_lifetime(),
        }
    }
}

/// A running simulator.
#[derive(Clone)]
pub struct Server {
    shared: Arc<Shared>,
    address: SocketAddr,
    listener: Arc<Listener>,
}

/// The task that accepts connections.
struct Listener {
    stop: watch::Sender<bool>,
    ended: watch::Receiver<bool>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
    }
}

impl Server {
    /// Starts listening.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(options.listen)
            .await
            .with_context(|| format!("cannot listen on {}", options.listen))?;
        let address = listener.local_addr()?;
        let noise = wire::new_key();
        let certificate = wire::certificate_chain(&noise);
        let shared = Shared::new(noise, certificate);
        shared.act(|state| {
            state.media_host = address.to_string();
            state.chat_states.lifetime = options.chat_state_lifetime;
        });
        let router = control::router(Arc::clone(&shared));
        let (stop, mut stopped) = watch::channel(false);
        tokio::spawn(chat_state::watch(Arc::downgrade(&shared), stopped.clone()));
        let (end, ended) = watch::channel(false);
        tokio::spawn(async move {
            let served = axum::serve(listener, router);
            tokio::select! {
                result = served.into_future() => {
                    if let Err(error) = result {
                        tracing::error!("the listener failed: {error}");
                    }
                }
                // An error means that every handle is gone, which is a stop too.
                _ = stopped.changed() => {}
            }
            let _ = end.send(true);
        });
        Ok(Self {
            shared,
            address,
            listener: Arc::new(Listener { stop, ended }),
        })
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The WebSocket address for clients.
    pub fn url(&self) -> String {
        format!("ws://{}/ws/chat", self.address)
    }

    /// The address of the control API.
    pub fn control_url(&self) -> String {
        format!("http://{}/admin", self.address)
    }

    /// The phone with this number, made when there is none.
    ///
    /// # Panics
    /// When the number is not 1 to 15 digits: a mistake in the test.
    pub fn phone(&self, number: &str, name: &str) -> Phone {
        self.ensure(number, name);
        Phone {
            shared: Arc::clone(&self.shared),
            number: number.to_owned(),
        }
    }

    /// The contact with this number, made when there is none.
    ///
    /// # Panics
    /// When the number is not 1 to 15 digits: a mistake in the test.
    pub fn contact(&self, number: &str, name: &str) -> Contact {
        self.ensure(number, name);
        Contact {
            shared: Arc::clone(&self.shared),
            number: number.to_owned(),
        }
    }

    /// The channel with this name, made when there is none.
    pub fn newsletter(&self, name: &str) -> Newsletter {
        let id = self.shared.act(|state| {
            let known = state.newsletters.named(name).map(|channel| channel.id.clone());
            known.unwrap_or_else(|| newsletters::create(state, name, "", None))
        });
        Newsletter {
            shared: Arc::clone(&self.shared),
            id,
        }
    }

    /// What accounts reported as spam.
    pub fn reports(&self) -> Vec<Report> {
        self.shared.look(|state| state.reports.clone())
    }

    /// Cuts every connection, without a goodbye.
    pub fn drops_connections(&self) {
        self.shared.act(drop_connections);
    }

    /// Refuses the next message with this code.
    pub fn nacks_next(&self, code: u32) {
        self.shared.act(|state| state.faults.nack_next(None, code));
    }

    /// Refuses the next message to this contact with this code.
    pub fn nacks_next_to(&self, contact: &Contact, code: u32) {
        self.shared
            .act(|state| state.faults.nack_next(Some(contact.number.clone()), code));
    }

    /// Delivers the next message without acknowledging it.
    pub fn loses_next_ack(&self) {
        self.shared.act(|state| state.faults.lose_next_ack());
    }

    /// Refuses every login with this reason: 401 logged out, 402 banned for a time, 405 outdated, 503 ...
    pub fn refuses_login(&self, reason: u32) {
        self.shared.act(|state| state.faults.refused_login = Some(reason));
    }

    /// Accepts logins again.
    pub fn accepts_logins(&self) {
        self.shared.act(|state| state.faults.refused_login = None);
    }

    /// Cuts every connection and accepts none until [`Self::is_up`].
    pub fn is_down(&self) {
        self.shared.act(|state| {
            state.faults.is_down = true;
            drop_connections(state);
        });
    }

    /// Accepts connections again.
    pub fn is_up(&self) {
        self.shared.act(|state| state.faults.is_down = false);
    }

    /// Cuts everything and frees the port.
    pub async fn stops(&self) {
        self.shared.act(drop_connections);
        let _ = self.listener.stop.send(true);
        let mut ended = self.listener.ended.clone();
        // An error means the task is gone, which is what is waited for.
        let _ = ended.wait_for(|ended| *ended).await;
    }

    /// How many linked devices of this number are connected now.
    pub fn connections(&self, number: &str) -> usize {
        self.shared.look(|state| state.sockets(number))
    }

    /// The most devices of this number that were ever connected at one time.
    pub fn most_connections(&self, number: &str) -> usize {
        self.history(number).most_sockets
    }

    /// How often a login of this number pushed out an older connection of the same device. A client that
    /// was killed and is back before its death was noticed counts too.
    pub fn replacements(&self, number: &str) -> usize {
        self.history(number).replacements
    }

    /// The logins of this number by the full handshake, and by the short one (Noise XX and IK).
    pub fn handshakes(&self, number: &str) -> (usize, usize) {
        let history = self.history(number);
        (history.full_handshakes, history.short_handshakes)
    }

    /// Waits until so many linked devices of this number are connected.
    ///
    /// # Errors
    /// When it did not come to that in time.
    pub async fn waits_for_connections(&self, number: &str, count: usize, patience: Duration) -> anyhow::Result<()> {
        crate::contact::until(&self.shared, || self.connections(number) == count, patience).await
    }

    /// What the other rooms' verbs on this handle work on.
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    fn history(&self, number: &str) -> History {
        self.shared
            .look(|state| state.history.get(number).copied().unwrap_or_default())
    }

    #[expect(clippy::expect_used, reason = "a wrong number in a test must stop the test at once")]
    fn ensure(&self, number: &str, name: &str) {
        self.shared
            .act(|state| state.ensure_person(number, name).map(|_| ()))
            .expect("a number of 1 to 15 digits");
    }
}

/// Cuts every connection.
pub(crate) fn drop_connections(state: &mut State) {
    for link in state.links.values() {
        let _ = link.out.send(Out::Close);
    }
    // The sockets are dead from this moment, whatever their tasks still do.
    let devices: Vec<_> = state
        .links
        .drain()
        .filter_map(|(_, link)| match link.role {
            Role::Device(device) => Some(device),
            Role::Candidate(_) => None,
        })
        .collect();
    for device in devices {
        if let Some(companion) = state.companion_mut(&device) {
            companion.socket = None;
        }
    }
}
