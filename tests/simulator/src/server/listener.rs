//! The one port: plain, or encrypted with a certificate made for this run.
//!
//! Called by [`super::handle`]. Clients of an encrypted simulator must be told to trust
//! `Server::certificate`.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum_server::tls_rustls::RustlsConfig;
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// The task that accepts connections.
pub(super) struct Listener {
    stop: watch::Sender<bool>,
    ended: watch::Receiver<bool>,
    pub(super) address: SocketAddr,
    /// The certificate of an encrypted port.
    pub(super) certificate: Option<CertificateDer<'static>>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        // An error means that nobody listens any more, which is what is wanted.
        let _ = self.stop.send(true);
    }
}

/// A port that is taken, not yet served.
pub(super) struct Port {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<(RustlsConfig, CertificateDer<'static>)>,
}

impl Port {
    pub(super) async fn take(listen: SocketAddr, tls: bool) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(listen)
            .await
            .with_context(|| format!("cannot listen on {listen}"))?;
        Ok(Self {
            address: listener.local_addr()?,
            listener,
            tls: tls.then(self_signed).transpose()?,
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the listener is dropped or stopped.
    pub(super) fn serve(self, router: Router) -> anyhow::Result<Listener> {
        let (stop, mut stopped) = watch::channel(false);
        let (end, ended) = watch::channel(false);
        let (config, certificate) = self.tls.unzip();
        let served = match config {
            None => Served::Plain(axum::serve(self.listener, router).into_future()),
            Some(config) => {
                let server = axum_server::from_tcp_rustls(self.listener.into_std()?, config)?;
                Served::Tls(Box::pin(server.serve(router.into_make_service())))
            }
        };
        tokio::spawn(async move {
            tokio::select! {
                result = served.run() => {
                    if let Err(error) = result {
                        tracing::error!("the listener failed: {error}");
                    }
                }
                // An error means that every handle is gone, which is a stop too.
                _ = stopped.changed() => {}
            }
            // Nobody may wait for it.
            let _ = end.send(true);
        });
        Ok(Listener {
            stop,
            ended,
            address: self.address,
            certificate,
        })
    }
}

impl Listener {
    /// Turns true when the listener stops, and ends with it.
    pub(super) fn stopped(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    /// Ends the task and frees the port.
    pub(super) async fn stops(&self) {
        let _ = self.stop.send(true);
        let mut ended = self.ended.clone();
        // An error means the task is gone, which is what is waited for.
        let _ = ended.wait_for(|ended| *ended).await;
    }
}

/// The future that serves.
enum Served<P, T> {
    Plain(P),
    Tls(T),
}

impl<P, T> Served<P, T>
where
    P: Future<Output = std::io::Result<()>>,
    T: Future<Output = std::io::Result<()>>,
{
    async fn run(self) -> std::io::Result<()> {
        match self {
            Self::Plain(served) => served.await,
            Self::Tls(served) => served.await,
        }
    }
}

fn self_signed() -> anyhow::Result<(RustlsConfig, CertificateDer<'static>)> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?;
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).map_err(anyhow::Error::msg)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((RustlsConfig::from_config(Arc::new(config)), certificate))
}
