//! The listener: one address for REST and the appservice, plain or TLS, always HTTP/1.1. Of HTTP/2 there is nothing that
//! either of them needs, and its streams have limits of their own that a slow client can lean on.

use std::{
    future::{Ready, ready},
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use axum::Router;
use axum_server::{
    Handle,
    accept::Accept,
    tls_rustls::{RustlsAcceptor, RustlsConfig},
};
use hyper_util::{
    rt::{TokioExecutor, TokioTimer},
    server::conn::auto::Builder,
};
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::opening::Opener;

/// How long open requests may go on when we stop.
const GRACE: Duration = Duration::from_secs(10);

/// Largest head of a request: method, path and headers, in bytes.
const LARGEST_HEAD: usize = 64 * 1024;

/// Settings of the listener.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address to listen on.
    pub host: String,
    /// Port to listen on; 0 takes a free one.
    pub port: u16,
    /// Where integrators reach us from outside, as `https://wharf.example.org`; the address we listen on when absent.
    pub public_url: Option<Url>,
    /// `development`, or `production`, which wants TLS.
    pub mode: String,
    /// Certificate chain, PEM. Empty: no TLS.
    pub tls_cert_file: String,
    /// Private key, PEM.
    pub tls_key_file: String,
    /// Plain HTTP in production, behind a proxy that speaks TLS.
    pub allow_insecure: bool,
    /// How long a client may take for the head of its next request, in seconds; then its connection ends.
    pub head_timeout: u16,
    /// How long a client may take nothing of what is sent to it, in seconds; then its connection ends.
    pub write_timeout: u16,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".into(),
            port: 8080,
            public_url: None,
            mode: "development".into(),
            tls_cert_file: String::new(),
            tls_key_file: String::new(),
            allow_insecure: false,
            head_timeout: 30,
            write_timeout: 30,
        }
    }
}

impl Config {
    /// What is wrong with these settings: key and reason.
    pub(crate) fn check(&self) -> Result<(), (&'static str, &'static str)> {
        if self.host.parse::<IpAddr>().is_err() {
            return Err(("server.host", "must be an IP address"));
        }
        if let Some(url) = &self.public_url
            && (!matches!(url.scheme(), "http" | "https") || url.query().is_some() || url.fragment().is_some())
        {
            return Err(("server.public_url", "must be an address as https://wharf.example.org"));
        }
        if !matches!(self.mode.as_str(), "development" | "production") {
            return Err(("server.mode", "must be development or production"));
        }
        if self.head_timeout == 0 {
            return Err(("server.head_timeout", "must be at least 1"));
        }
        if self.write_timeout == 0 {
            return Err(("server.write_timeout", "must be at least 1"));
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

    /// Where we are reached from outside, without a slash at the end; `listening` is where we really listen.
    pub(crate) fn outside(&self, listening: SocketAddr) -> String {
        if let Some(url) = &self.public_url {
            return url.as_str().trim_end_matches('/').to_owned();
        }
        let scheme = if self.tls_cert_file.is_empty() { "http" } else { "https" };
        let host: IpAddr = match listening.ip() {
            // Listening everywhere is no address; on this machine, this one is right.
            ip if ip.is_unspecified() && ip.is_ipv6() => Ipv6Addr::LOCALHOST.into(),
            ip if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            ip => ip,
        };
        format!("{scheme}://{}", SocketAddr::new(host, listening.port()))
    }

    fn tls(&self) -> Option<(PathBuf, PathBuf)> {
        (!self.tls_cert_file.is_empty()).then(|| (self.tls_cert_file.clone().into(), self.tls_key_file.clone().into()))
    }
}

/// A listener that has its address and does not answer yet.
pub(crate) struct Listener {
    socket: std::net::TcpListener,
    tls: Option<RustlsConfig>,
    patience: Duration,
    acceptor: Acceptor,
}

/// Gives every connection a limit of time for what its client does not take: of answers, streams and sockets alike.
#[derive(Clone, Copy)]
struct Acceptor {
    patience: Duration,
}

impl<S> Accept<TcpStream, S> for Acceptor {
    type Stream = Pin<Box<TimeoutStream<TcpStream>>>;
    type Service = S;
    type Future = Ready<io::Result<(Self::Stream, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.patience));
        ready(Ok((Box::pin(stream), service)))
    }
}

impl Listener {
    /// Takes the address.
    pub(crate) async fn bind(config: &Config) -> anyhow::Result<Self> {
        let address: IpAddr = config.host.parse().context("server.host")?;
        let address = SocketAddr::new(address, config.port);
        let socket =
            std::net::TcpListener::bind(address).with_context(|| format!("{address} cannot be listened on"))?;
        socket.set_nonblocking(true)?;
        let tls = match config.tls() {
            Some((cert, key)) => Some(
                read_tls(&cert, &key)
                    .await
                    .with_context(|| format!("{} and {} are no certificate and key", cert.display(), key.display()))?,
            ),
            None => None,
        };
        Ok(Self {
            socket,
            tls,
            patience: Duration::from_secs(config.head_timeout.into()),
            acceptor: Acceptor {
                patience: Duration::from_secs(config.write_timeout.into()),
            },
        })
    }

    /// The address that was taken.
    pub(crate) fn address(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.socket.local_addr()?)
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
            if let Some(tls) = self.tls {
                let tls = RustlsAcceptor::new(tls).handshake_timeout(self.patience);
                let acceptor = Opener::new(tls.acceptor(self.acceptor), self.patience);
                let mut server = axum_server::from_tcp(self.socket)?.acceptor(acceptor).handle(handle);
                limit(server.http_builder(), self.patience);
                server.serve(service).await
            } else {
                let acceptor = Opener::new(self.acceptor, self.patience);
                let mut server = axum_server::from_tcp(self.socket)?.acceptor(acceptor).handle(handle);
                limit(server.http_builder(), self.patience);
                server.serve(service).await
            }
        };
        tokio::select! {
            served = serving => Ok(served?),
            () = closing => Ok(()),
        }
    }
}

/// What a connection may cost before a request is there: bodies have limits of their own (`api::routes`).
fn limit(http: &mut Builder<TokioExecutor>, patience: Duration) {
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .max_buf_size(LARGEST_HEAD);
}

/// Certificate and key, with HTTP/1.1 as the only thing that is offered.
async fn read_tls(cert: &Path, key: &Path) -> io::Result<RustlsConfig> {
    let tls = RustlsConfig::from_pem_file(cert, key).await?;
    let mut offered = (*tls.get_inner()).clone();
    offered.alpn_protocols = vec![b"http/1.1".to_vec()];
    tls.reload_from_config(Arc::new(offered));
    Ok(tls)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use axum::{
        body::Body,
        extract::{WebSocketUpgrade, ws::Message},
        routing::get,
    };
    use futures_util::stream;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
        sync::Notify,
        time::timeout,
    };

    use super::*;

    /// Connects to a listener that waits a second for a head, sends `bytes`, and returns all that is answered until the
    /// connection ends.
    async fn told(bytes: &[u8]) -> String {
        let config = Config {
            port: 0,
            head_timeout: 1,
            ..Config::default()
        };
        let listener = Listener::bind(&config).await.unwrap();
        let address = listener.address().unwrap();
        let stop = CancellationToken::new();
        let router = Router::new().route("/", get(|| async { "here" }));
        let serving = listener.serve(router, stop.clone());
        let asking = async {
            let mut client = TcpStream::connect(address).await.unwrap();
            // It may be answered before it has said all.
            client.write_all(bytes).await.ok();
            let mut answer = Vec::new();
            let patience = Duration::from_secs(20);
            timeout(patience, client.read_to_end(&mut answer))
                .await
                .expect("the connection ends")
                .ok();
            stop.cancel();
            String::from_utf8_lossy(&answer).into_owned()
        };
        let (served, answer) = tokio::join!(serving, asking);
        served.unwrap();
        answer
    }

    #[tokio::test]
    async fn a_client_that_does_not_finish_its_head_is_let_go() {
        let answer = told(b"GET / HTTP/1.1\r\nhost: a\r\nx-slow: ").await;
        assert!(!answer.contains("200"), "{answer}");
    }

    #[tokio::test]
    async fn a_client_that_says_nothing_or_does_not_say_what_it_speaks_is_let_go() {
        for bytes in [&b""[..], b"P", b"PRI", b"G", b"GET"] {
            let answer = told(bytes).await;
            assert!(!answer.contains("200"), "{answer}");
        }
    }

    #[tokio::test]
    async fn a_client_that_speaks_http_2_is_let_go() {
        let settings = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
        for length in [4, 10, 24, settings.len()] {
            let answer = told(&settings[..length]).await;
            assert_eq!(answer, "", "{length}");
        }
    }

    #[tokio::test]
    async fn a_client_that_says_nothing_more_is_let_go() {
        let answer = told(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
        assert!(answer.contains("200 OK") && answer.ends_with("here"), "{answer}");
    }

    /// Asks with these bytes and takes nothing of what comes; returns when the connection's resources are free again.
    async fn is_let_go(router: impl FnOnce(Guard) -> Router, request: &[u8]) {
        let config = Config {
            port: 0,
            write_timeout: 1,
            ..Config::default()
        };
        let listener = Listener::bind(&config).await.unwrap();
        let address = listener.address().unwrap();
        let stop = CancellationToken::new();
        let freed = Arc::new(Notify::new());
        let router = router(Guard(Arc::clone(&freed)));
        let serving = listener.serve(router, stop.clone());
        let asking = async {
            let mut client = TcpStream::connect(address).await.unwrap();
            client.write_all(request).await.unwrap();
            let patience = Duration::from_secs(20);
            timeout(patience, freed.notified()).await.expect("it is let go");
            stop.cancel();
        };
        tokio::join!(serving, asking).0.unwrap();
    }

    /// Says when nobody holds it any more.
    struct Guard(Arc<Notify>);

    impl Drop for Guard {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }

    const MUCH: usize = 64 * 1024;

    #[tokio::test]
    async fn a_client_that_does_not_read_a_stream_is_let_go() {
        let router = |guard| {
            let guard = Arc::new(Mutex::new(Some(guard)));
            Router::new().route(
                "/",
                get(async move || {
                    let guard = guard.lock().unwrap().take().unwrap();
                    Body::from_stream(stream::repeat_with(move || {
                        let _held = &guard;
                        Ok::<_, io::Error>(vec![0; MUCH])
                    }))
                }),
            )
        };
        is_let_go(router, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    }

    #[tokio::test]
    async fn a_socket_that_does_not_read_is_let_go() {
        let router = |guard| {
            let guard = Arc::new(Mutex::new(Some(guard)));
            Router::new().route(
                "/",
                get(async move |upgrade: WebSocketUpgrade| {
                    let guard = guard.lock().unwrap().take().unwrap();
                    upgrade.on_upgrade(async move |mut socket| {
                        let _held = guard;
                        while socket.send(Message::binary(vec![0; MUCH])).await.is_ok() {}
                    })
                }),
            )
        };
        let request = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
            sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        is_let_go(router, request).await;
    }

    #[tokio::test]
    async fn a_head_that_is_too_large_is_refused() {
        let head = format!("GET / HTTP/1.1\r\nhost: a\r\nx-large: {}\r\n\r\n", "a".repeat(1 << 20));
        let answer = told(head.as_bytes()).await;
        assert!(!answer.contains("200"), "{answer}");
    }
}
