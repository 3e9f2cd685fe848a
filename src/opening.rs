//! How a connection begins: with the first bytes of HTTP/1.1, in time.
//!
//! Called by the listener, around whatever accepts its connections. It is here because the server below looks for the
//! version of HTTP without a clock: a client that said nothing would be held for ever. Deliberately not here: limits of
//! what follows, which the server keeps itself.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum_server::accept::Accept;
use futures_util::{FutureExt as _, TryFutureExt as _, future::BoxFuture};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// What HTTP/2 begins with, and no request of HTTP/1.1.
const OTHER_VERSION: &[u8] = b"PRI ";

/// Accepts connections as `inner` does, and lets go of those that do not begin.
#[derive(Clone, Debug)]
pub(crate) struct Opener<A> {
    inner: A,
    patience: Duration,
}

impl<A> Opener<A> {
    /// One with so much patience for the first bytes.
    pub(crate) fn new(inner: A, patience: Duration) -> Self {
        Self { inner, patience }
    }
}

impl<I, S, A> Accept<I, S> for Opener<A>
where
    A: Accept<I, S, Future: Send + 'static>,
{
    type Stream = Opening<A::Stream>;
    type Service = A::Service;
    type Future = BoxFuture<'static, io::Result<(Self::Stream, Self::Service)>>;

    fn accept(&self, stream: I, service: S) -> Self::Future {
        let patience = self.patience;
        let accepted = self.inner.accept(stream, service);
        accepted
            .map_ok(move |(stream, service)| (Opening::new(stream, patience), service))
            .boxed()
    }
}

/// A connection that begins.
#[derive(Debug)]
pub(crate) struct Opening<S> {
    stream: S,
    /// Until its first bytes are there.
    awaited: Option<Awaited>,
}

#[derive(Debug)]
struct Awaited {
    until: Pin<Box<Sleep>>,
    seen: Vec<u8>,
}

impl<S> Opening<S> {
    fn new(stream: S, patience: Duration) -> Self {
        let awaited = Awaited {
            until: Box::pin(sleep(patience)),
            seen: Vec::with_capacity(OTHER_VERSION.len()),
        };
        Self {
            stream,
            awaited: Some(awaited),
        }
    }

    /// Looks at bytes that came; `Err` when they begin something else than HTTP/1.1.
    fn look(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(awaited) = &mut self.awaited else {
            return Ok(());
        };
        let missing = OTHER_VERSION.len() - awaited.seen.len();
        awaited.seen.extend(bytes.iter().take(missing));
        if awaited.seen == OTHER_VERSION {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "only HTTP/1.1 is spoken here",
            ));
        }
        if !OTHER_VERSION.starts_with(&awaited.seen) {
            self.awaited = None;
        }
        Ok(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Opening<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(awaited) = &mut self.awaited
            && awaited.until.as_mut().poll(context).is_ready()
        {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        Poll::Ready(self.look(&buffer.filled()[before..]))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Opening<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
