//! The handle of a running simulator: people, faults, the listener.
//!
//! Held by tests and by the binary; cheap to clone. When the last clone is dropped the listener ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::blocklist::Report;
use super::chat_state;
use super::clock::Clock;
use super::listener::{Listener, Port};
use super::newsletters;
use super::outlet::Out;
use super::state::{History, Role, Shared, State};
use crate::contact::Contact;
use crate::control;
use crate::newsletter::Newsletter;
use crate::phone::Phone;

/// How a simulator is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// How long typing is shown that is not renewed; `CHATSTATE_TTL_SECS` unless said otherwise.
    pub chat_state_lifetime: Duration,
    /// Whether the port is encrypted, with a certificate made for this run.
    pub tls: bool,
    /// The seed of everything random: keys, ids, references. Without one every run is another.
    pub seed: Option<u64>,
    /// Where the time comes from.
    pub clock: Clock,
    /// Whether a QR code scanned by nobody in particular is scanned by the phone that belongs to the push name
    /// of the registering client: the same name is the same phone.
    pub phones_by_name: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            chat_state_lifetime: chat_state::default_lifetime(),
            tls: false,
            seed: None,
            clock: Clock::System,
            phones_by_name: false,
        }
    }
}

/// A running simulator.
#[derive(Clone)]
pub struct Server {
    pub(crate) shared: Arc<Shared>,
    listener: Arc<Listener>,
}

impl Server {
    /// Starts listening.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let port = Port::take(options.listen, options.tls).await?;
        let shared = Shared::new(options.seed, options.clock);
        shared.act(|state| {
            state.media_host = port.address().to_string();
            state.phones_by_name = options.phones_by_name;
            state.chat_states.lifetime = options.chat_state_lifetime;
        });
        let listener = Arc::new(port.serve(control::router(Arc::clone(&shared)))?);
        tokio::spawn(chat_state::watch(Arc::downgrade(&shared), listener.stopped()));
        Ok(Self { shared, listener })
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.listener.address
    }

    /// The certificate of an encrypted port (DER), for clients to trust.
    pub fn certificate(&self) -> Option<Vec<u8>> {
        self.listener
            .certificate
            .as_ref()
            .map(|certificate| certificate.to_vec())
    }

    /// The WebSocket address for clients.
    pub fn url(&self) -> String {
        let scheme = if self.listener.certificate.is_some() {
            "wss"
        } else {
            "ws"
        };
        format!("{scheme}://{}/ws/chat", self.address())
    }

    /// The address of the control API.
    pub fn control_url(&self) -> String {
        let scheme = if self.listener.certificate.is_some() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{}/admin", self.address())
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

    /// Cuts everything and frees the port.
    pub async fn stops(&self) {
        self.shared.act(drop_connections);
        self.listener.stops().await;
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

    /// The logins of this number by the handshake of a client that knew another key of the server.
    pub fn fallbacks(&self, number: &str) -> usize {
        self.history(number).fallbacks
    }

    /// The logins of this number that began with the routing data of an earlier connection.
    pub fn routed_logins(&self, number: &str) -> usize {
        self.history(number).routed
    }

    /// How many key bundles clients fetched, each for a session with one device.
    pub fn bundles_given(&self) -> usize {
        self.shared.look(|state| state.bundles_given)
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
        let _ = link.out.send(Out::Cut);
    }
    // The sockets are dead from this moment, whatever their tasks still do.
    let devices: Vec<_> = std::mem::take(&mut state.links)
        .into_values()
        .filter_map(|link| match link.role {
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
