//! A linked device under test: the unmodified client over a store that outlives it.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use simulator::{Contact, Options, Phone, Server};
use tokio::sync::watch;
use whatsapp_rust::bot::BotHandle;
use whatsapp_rust::http::HttpClient;
use whatsapp_rust::prelude::*;
use whatsapp_rust::transport::{Connector, TokioWebSocketTransportFactory};
use whatsapp_rust::types::durability_hook::InboundDurabilityHook;
use whatsapp_rust::wacore::net::{HttpRequest, HttpResponse};
use whatsapp_rust::wacore::store::InMemoryBackend;
use whatsapp_rust::wacore::types::events::{InboundMessage, MessageBatch};

use crate::PATIENCE;

pub(crate) const OWNER: &str = "15550001111";
pub(crate) const ANA: &str = "15550002222";

/// A simulator with an account and somebody to talk to.
pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) phone: Phone,
    pub(crate) ana: Contact,
}

impl World {
    pub(crate) async fn starts() -> anyhow::Result<Self> {
        let server = Server::start(Options::default()).await?;
        Ok(Self {
            phone: server.phone(OWNER, "Demo Phone"),
            ana: server.contact(ANA, "Ana"),
            server,
        })
    }

    /// A new device linked to the account by QR, and connected.
    pub(crate) async fn links(&self) -> anyhow::Result<Device> {
        Device::linked(&self.server, &self.phone).await
    }
}

/// One device: its store, its client, what the client told.
pub(crate) struct Device {
    pub(crate) client: Arc<Client>,
    backend: Arc<InMemoryBackend>,
    handle: BotHandle,
    events: async_channel::Receiver<Arc<Event>>,
    url: String,
    pub(crate) journal: Journal,
}

/// A text the device got.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) id: String,
    pub(crate) chat: String,
    pub(crate) sender: String,
    pub(crate) sender_alt: Option<String>,
    pub(crate) text: String,
    pub(crate) is_from_me: bool,
    pub(crate) is_offline: bool,
    pub(crate) message: Arc<wa::Message>,
}

impl Device {
    pub(crate) async fn starts(url: &str) -> anyhow::Result<Self> {
        Self::starts_with(url, Arc::new(InMemoryBackend::new()), true).await
    }

    /// Starts as somebody with this push name.
    pub(crate) async fn starts_named(url: &str, name: &str) -> anyhow::Result<Self> {
        let backend = Arc::new(InMemoryBackend::new());
        let transport = TokioWebSocketTransportFactory::new().with_url(url);
        Self::starts_over(transport, url, backend, true, Some(name)).await
    }

    /// Starts over a store; a device that does not commit never acknowledges a message.
    pub(crate) async fn starts_with(url: &str, backend: Arc<InMemoryBackend>, commits: bool) -> anyhow::Result<Self> {
        Self::starts_over(
            TokioWebSocketTransportFactory::new().with_url(url),
            url,
            backend,
            commits,
            None,
        )
        .await
    }

    /// Starts over a transport that trusts this certificate (DER) and no other.
    pub(crate) async fn starts_trusting(url: &str, certificate: Vec<u8>) -> anyhow::Result<Self> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(certificate.into())?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = Connector::Rustls(tokio_rustls::TlsConnector::from(Arc::new(config)));
        let transport = TokioWebSocketTransportFactory::new()
            .with_url(url)
            .with_connector(connector);
        Self::starts_over(transport, url, Arc::new(InMemoryBackend::new()), true, None).await
    }

    async fn starts_over(
        transport: TokioWebSocketTransportFactory,
        url: &str,
        backend: Arc<InMemoryBackend>,
        commits: bool,
        name: Option<&str>,
    ) -> anyhow::Result<Self> {
        let (handler, events) = ChannelEventHandler::new();
        let journal = Journal::default();
        let builder = Bot::builder()
            .with_backend_arc(Arc::clone(&backend) as Arc<_>)
            .with_transport_factory(transport)
            .with_http_client(PlainHttp(reqwest::Client::builder().build()?))
            .with_version((2, 3000, 1_042_742_319))
            .with_wanted_pre_key_count(50)
            .with_inbound_durability_hook(Commits {
                works: commits,
                journal: journal.clone(),
            });
        let builder = match name {
            Some(name) => builder.with_push_name(name),
            None => builder,
        };
        let bot = builder.build().await?;
        bot.client().subscribe_handler(handler).detach();
        let handle = bot.spawn();
        Ok(Self {
            client: handle.client(),
            backend,
            handle,
            events,
            url: url.to_owned(),
            journal,
        })
    }

    pub(crate) async fn linked(server: &Server, phone: &Phone) -> anyhow::Result<Self> {
        let device = Self::starts(&server.url()).await?;
        phone.scans(&device.shows_qr().await?)?;
        device.connects().await?;
        Ok(device)
    }

    /// Stops the client and starts a new one on the same store.
    pub(crate) async fn restarts(self) -> anyhow::Result<Self> {
        let (url, backend) = (self.url.clone(), self.stops().await);
        Self::starts_with(&url, backend, true).await
    }

    /// Where the server is.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The device and a second handle on its store.
    pub(crate) fn shares_its_store(self) -> (Self, Arc<InMemoryBackend>) {
        let backend = Arc::clone(&self.backend);
        (self, backend)
    }

    pub(crate) async fn stops(self) -> Arc<InMemoryBackend> {
        self.handle.shutdown().await;
        self.backend
    }

    /// The client ends as a killed process would: at once, without a last word.
    pub(crate) fn killed(self) -> Arc<InMemoryBackend> {
        self.handle.abort();
        self.backend
    }

    pub(crate) async fn shows_qr(&self) -> anyhow::Result<String> {
        self.waits_for(|event| match event {
            Event::PairingQrCode(qr) => Some(qr.code.clone()),
            _ => None,
        })
        .await
    }

    pub(crate) async fn connects(&self) -> anyhow::Result<()> {
        self.waits_for(|event| matches!(event, Event::Connected(_)).then_some(()))
            .await
    }

    /// The next event that is the one; others before it are forgotten.
    pub(crate) async fn waits_for<T>(&self, pick: impl Fn(&Event) -> Option<T>) -> anyhow::Result<T> {
        let search = async {
            loop {
                let event = self.events.recv().await.context("the client ended")?;
                if let Event::PairError(error) = &*event {
                    bail!("pairing failed: {}", error.error);
                }
                if let Some(found) = pick(&event) {
                    return Ok(found);
                }
            }
        };
        tokio::time::timeout(PATIENCE, search)
            .await
            .context("the event did not come")?
    }

    /// The next texts, so many.
    pub(crate) async fn gets(&self, count: usize) -> anyhow::Result<Vec<Got>> {
        let mut got = Vec::new();
        while got.len() < count {
            let batch = self
                .waits_for(|event| match event {
                    Event::Messages(batch) => Some(texts(batch)),
                    _ => None,
                })
                .await
                .with_context(|| format!("{} of {count} came", got.len()))?;
            got.extend(batch);
        }
        Ok(got)
    }

    /// The next text.
    pub(crate) async fn gets_one(&self) -> anyhow::Result<Got> {
        self.gets(1).await?.pop().context("one text")
    }

    pub(crate) async fn says(&self, to: &str, text: &str) -> anyhow::Result<String> {
        let to: Jid = to.parse()?;
        Ok(self.client.send_text(to, text).await?.message_id)
    }

    /// The server's word on a message: `None` for accepted, or the code.
    pub(crate) async fn hears_ack(&self, id: &str) -> anyhow::Result<Option<String>> {
        self.waits_for(|event| match event {
            Event::ServerAck(ack) if ack.id == id => Some(ack.error.clone()),
            _ => None,
        })
        .await
    }
}

fn texts(batch: &MessageBatch) -> Vec<Got> {
    batch
        .into_iter()
        .filter_map(|one| {
            Some(Got {
                id: one.info.id.clone(),
                chat: one.info.source.chat.to_string(),
                sender: one.info.source.sender.to_string(),
                sender_alt: one.info.source.sender_alt.as_ref().map(ToString::to_string),
                text: one.message.text_content()?.to_owned(),
                is_from_me: one.info.source.is_from_me,
                is_offline: one.info.is_offline,
                message: Arc::clone(&one.message),
            })
        })
        .collect()
}

/// The messages a device committed.
#[derive(Clone, Default)]
pub(crate) struct Journal(watch::Sender<Vec<String>>);

impl Journal {
    pub(crate) fn ids(&self) -> Vec<String> {
        self.0.borrow().clone()
    }

    /// Waits until so many were committed.
    pub(crate) async fn waits_for(&self, count: usize) -> anyhow::Result<()> {
        let mut changes = self.0.subscribe();
        tokio::time::timeout(PATIENCE, changes.wait_for(|ids| ids.len() >= count)).await??;
        Ok(())
    }
}

/// The commit of every message: it works, or never does.
struct Commits {
    works: bool,
    journal: Journal,
}

#[async_trait::async_trait]
impl InboundDurabilityHook for Commits {
    async fn on_messages(&self, _: Arc<Client>, batch: &[InboundMessage]) -> anyhow::Result<()> {
        anyhow::ensure!(self.works, "the disk is full");
        self.journal
            .0
            .send_modify(|ids| ids.extend(batch.iter().map(|one| one.info.id.clone())));
        Ok(())
    }
}

/// The client insists on `https://`; the simulator speaks plain HTTP.
struct PlainHttp(reqwest::Client);

#[async_trait::async_trait]
impl HttpClient for PlainHttp {
    async fn execute(&self, request: HttpRequest) -> anyhow::Result<HttpResponse> {
        let url = request.url.replacen("https://127.0.0.1", "http://127.0.0.1", 1);
        anyhow::ensure!(url.starts_with("http://"), "no request leaves this machine: {url}");
        let mut call = self.0.request(request.method.parse()?, url);
        for (name, value) in &request.headers {
            call = call.header(name, value);
        }
        if let Some(body) = request.body {
            call = call.body(body);
        }
        let answer = call.send().await?;
        Ok(HttpResponse {
            status_code: answer.status().as_u16(),
            body: answer.bytes().await?.to_vec(),
        })
    }
}
