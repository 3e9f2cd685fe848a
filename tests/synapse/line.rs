//! The line from wharf to its homeserver: it carries everything, and can lose the answers.

use std::sync::Arc;

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{AbortHandle, JoinSet},
};

/// One line; cut when this value goes.
pub struct Line {
    loses_answers: Arc<watch::Sender<bool>>,
    carrying: AbortHandle,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.carrying.abort();
    }
}

impl Line {
    /// Carries connections from one port of loopback to another.
    pub async fn lay(from: u16, to: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", from)).await.unwrap();
        let loses_answers = Arc::new(watch::Sender::new(false));
        let loses = Arc::clone(&loses_answers);
        let carrying = tokio::spawn(async move {
            let mut calls = JoinSet::new();
            loop {
                let (near, _) = listener.accept().await.unwrap();
                calls.spawn(carry(near, to, loses.subscribe()));
            }
        });
        Self {
            loses_answers,
            carrying: carrying.abort_handle(),
        }
    }

    /// From now on requests arrive and their answers do not (or do again).
    pub fn loses_answers(&self, loses: bool) {
        self.loses_answers.send_replace(loses);
    }
}

async fn carry(near: TcpStream, to: u16, mut loses: watch::Receiver<bool>) {
    let Ok(far) = TcpStream::connect(("127.0.0.1", to)).await else {
        return;
    };
    let ((mut near_in, mut near_out), (mut far_in, mut far_out)) = (near.into_split(), far.into_split());
    let asking = tokio::io::copy(&mut near_in, &mut far_out);
    // Whichever side ends, both are closed.
    tokio::select! {
        _ = asking => {}
        () = answer(&mut far_in, &mut near_out, &mut loses) => {}
    }
}

async fn answer(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    loses: &mut watch::Receiver<bool>,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if *loses.borrow() {
            // Silence until it is over, then the end: an answer that was lost never comes.
            let _ = loses.wait_for(|loses| !loses).await;
            return;
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
