//! The listener: one address for REST and the appservice, plain or TLS.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use anyhow::Context as _;
use axum::Router;
use axum_server::{Handle, tls_rustls::RustlsConfig};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

/// How long open requests may go on when we stop.
const GRACE: Duration = Duration::from_secs(10);

/// Settings of the listener.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address to listen on.
    pub host: String,
    /// Port to listen on; 0 takes a free one.
    pub port: u16,
    /// `development`, or `production`, which wants TLS.
    pub mode: String,
    /// Certificate chain, PEM. Empty: no TLS.
    pub tls_cert_file: String,
    /// Private key, PEM.
    pub tls_key_file: String,
    /// Plain HTTP in production, behind a proxy that speaks TLS.
    pub allow_insecure: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".into(),
            port: 8080,
            mode: "development".into(),
            tls_cert_file: String::new(),
            tls_key_file: String::new(),
            allow_insecure: false,
        }
    }
}

impl Config {
    /// What is wrong with these settings: key and reason.
    pub(crate) fn check(&self) -> Result<(), (&'static str, &'static str)> {
        if self.host.parse::<IpAddr>().is_err() {
            return Err(("server.host", "must be an IP address"));
        }
        if !matches!(self.mode.as_str(), "development" | "production") {
            return Err(("server.mode", "must be development or production"));
        }
        if self.tls_cert_file.is_empty() != self.tls_key_file.is_empty() {
            return Err(("server.tls_key_file", "must be set together with server.tls_cert_file"));
        }
        if self.mode == "production" && self.tls_cert_file.is_empty() && !self.allow_insecure {
            return Err((
                "server.tls_cert_file",
                "production wants TLS, or server.allow_insecure behind a proxy",
            ));
        }
        Ok(())
    }

    fn tls(&self) -> Option<(PathBuf, PathBuf)> {
        (!self.tls_cert_file.is_empty()).then(|| (self.tls_cert_file.clone().into(), self.tls_key_file.clone().into()))
    }
}

/// A listener that has its address and does not answer yet.
pub(crate) struct Listener {
    listener: std::net::TcpListener,
    tls: Option<RustlsConfig>,
}

impl Listener {
    /// Takes the address.
    pub(crate) async fn bind(config: &Config) -> anyhow::Result<Self> {
        let address: IpAddr = config.host.parse().context("server.host")?;
        let address = SocketAddr::new(address, config.port);
        let listener =
            std::net::TcpListener::bind(address).with_context(|| format!("{address} cannot be listened on"))?;
        listener.set_nonblocking(true)?;
        let tls = match config.tls() {
            Some((cert, key)) => Some(
                RustlsConfig::from_pem_file(&cert, &key)
                    .await
                    .with_context(|| format!("{} and {} are no certificate and key", cert.display(), key.display()))?,
            ),
            None => None,
        };
        Ok(Self { listener, tls })
    }

    /// The address that was taken.
    pub(crate) fn address(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    /// Answers until `stop`, then finishes what is open.
    pub(crate) async fn serve(self, router: Router, stop: CancellationToken) -> anyhow::Result<()> {
        let handle = Handle::new();
        let stopping = handle.clone();
        let closing = async move {
            stop.cancelled().await;
            stopping.graceful_shutdown(Some(GRACE));
            std::future::pending::<()>().await;
        };
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let serving = async move {
            match self.tls {
                Some(tls) => {
                    axum_server::from_tcp_rustls(self.listener, tls)?
                        .handle(handle)
                        .serve(service)
                        .await
                }
                None => {
                    axum_server::from_tcp(self.listener)?
                        .handle(handle)
                        .serve(service)
                        .await
                }
            }
        };
        tokio::select! {
            served = serving => Ok(served?),
            () = closing => Ok(()),
        }
    }
}
