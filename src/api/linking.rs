//! `GET /api/v1/devices/qr-code`: a WebSocket that shows the steps of linking. Text frames hold the code to draw;
//! a frame that begins with `Error:` says what went wrong; success is a close without one. With `steps=true` the steps
//! that are no code to draw are told too, each as an object of JSON; clients of the frozen contract would draw those.
//!
//! There is no decision here: steps become frames.

use std::{ops::ControlFlow, time::Duration};

use axum::{
    Extension,
    extract::{
        State, WebSocketUpgrade,
        ws::{CloseFrame, Message, WebSocket, rejection::WebSocketUpgradeRejection},
    },
    http::{HeaderMap, Uri},
    response::{IntoResponse, Response},
};
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior},
};

use super::{
    Api,
    auth::{self, Bearer},
    error::{Error, ErrorBody},
    pairing::StepView,
    proof::{Proof, RECHECK},
    session::SignedIn,
};
use crate::{bridge::LinkProgress, model::IdentityId};

/// Largest frame a client may send; none is needed.
const LARGEST_FRAME: usize = 1024;

/// How long the first code may take.
const FIRST_CODE: Duration = Duration::from_secs(30);

/// How many pings may stay unanswered.
const MISSED: u32 = 2;

/// How long the client may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

const NOTHING_PENDING: &str = "Error: You have no pending devices to add. Add a device and try again.";
const EXPIRED: &str = "Error: QR code expired. Add the device again.";
const PASSKEY: &str =
    "Error: WhatsApp asks for a passkey. Go on at /admin, in a Matrix chat with the bot, or here with `steps=true`.";
const CANCELLED: &str = "Error: The linking was cancelled.";
const REVOKED: &str = "Error: Your token is no longer valid.";
const OOPS: &str = "Error: Oops, something went wrong. Please try again later.";

/// Shows the codes of the device that is being linked. Open it with a WebSocket client, not from this page. With
/// `steps=true` the other steps come too, as the JSON objects that `/api/v1/devices/linking` streams.
#[utoipa::path(get, path = "/api/v1/devices/qr-code", operation_id = "follow_linking", tag = "devices", security(("BearerAuth" = [])),
    params(("token" = Option<String>, Query, description = "The token, for clients that cannot set headers"),
    ("steps" = Option<bool>, Query, description = "Whether to tell the steps that are no code to draw")),
    responses(
    (status = 101, description = "Text frames follow"), (status = 400, body = ErrorBody, description = "Not a WebSocket"),
    (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody)))]
pub(super) async fn follow(
    State(api): State<Api>,
    uri: Uri,
    headers: HeaderMap,
    session: Option<Extension<SignedIn>>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Error> {
    let Bearer { caller, proof } = if let Some(Extension(signed_in)) = session {
        Bearer::of_session(&signed_in, &api).await?
    } else {
        let token = token(&uri, &headers)?;
        let caller = api.access.watcher(&token).await?;
        let proof = Proof::Token(token);
        Bearer { caller, proof }
    };
    let tells_steps = query(&uri, "steps").is_some_and(|value| value == "true");
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => return Ok(rejection.into_response()),
    };
    let upgrade = upgrade.max_message_size(LARGEST_FRAME).max_frame_size(LARGEST_FRAME);
    Ok(upgrade.on_upgrade(move |socket| async move {
        let watcher = Watcher {
            socket,
            api,
            proof,
            identity: caller.identity,
            tells_steps,
            missed: 0,
        };
        watcher.run().await;
    }))
}

/// What the address says about `name`.
fn query(uri: &Uri, name: &str) -> Option<String> {
    let mut pairs = url::form_urlencoded::parse(uri.query()?.as_bytes());
    pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// The token of the query; without one, that of the header.
fn token(uri: &Uri, headers: &HeaderMap) -> Result<String, Error> {
    match query(uri, "token").filter(|token| !token.is_empty()) {
        Some(token) => Ok(token),
        None if headers.contains_key(axum::http::header::AUTHORIZATION) => auth::bearer(headers).map(String::from),
        None => Err(Error::unauthorized("missing token query parameter")),
    }
}

/// How the socket is closed: the code, its reason and the last words before it.
#[derive(Clone, PartialEq, Eq, Debug)]
struct End {
    code: u16,
    reason: &'static str,
    last_words: Option<String>,
}

impl End {
    fn new(code: u16, reason: &'static str, last_words: Option<&str>) -> Self {
        Self {
            code,
            reason,
            last_words: last_words.map(String::from),
        }
    }

    /// The end that the last step stands for; `None`: it is not the last.
    fn of(progress: &LinkProgress) -> Option<Self> {
        match progress {
            LinkProgress::Waiting | LinkProgress::Qr(_) | LinkProgress::Code { .. } => None,
            // The attempt goes on where a person can answer: in a chat with the bot.
            LinkProgress::Passkey(_) | LinkProgress::Compare(_) => Some(Self::new(4500, "passkey", Some(PASSKEY))),
            LinkProgress::Cancelled => Some(Self::new(4500, "cancelled", Some(CANCELLED))),
            LinkProgress::Linked(_) => Some(Self::new(1000, "linked", None)),
            LinkProgress::Expired => Some(Self::new(4408, "expired", Some(EXPIRED))),
            LinkProgress::Failed(why) => Some(Self::new(4500, "failed", Some(&format!("Error: {why}")))),
            LinkProgress::Stopped => Some(Self::new(1001, "shutting down", None)),
        }
    }
}

/// One client that watches.
struct Watcher {
    socket: WebSocket,
    api: Api,
    proof: Proof,
    identity: IdentityId,
    tells_steps: bool,
    missed: u32,
}

/// Whether to go on; `Break(None)` when the client is gone and there is nobody to say goodbye to.
type Step = ControlFlow<Option<End>>;

impl Watcher {
    async fn run(mut self) {
        let end = match self.api.bridge.linking(self.identity) {
            Some(progress) => self.watch(progress).await,
            None => Some(End::new(4500, "nothing pending", Some(NOTHING_PENDING))),
        };
        if let Some(end) = end {
            self.close(end).await;
        }
    }

    async fn watch(&mut self, mut progress: watch::Receiver<LinkProgress>) -> Option<End> {
        let often = Duration::from_secs(self.api.config.ping.into());
        let first_code_by = Instant::now() + FIRST_CODE;
        let mut recheck = tokio::time::interval_at(Instant::now() + RECHECK, RECHECK);
        let mut ping = tokio::time::interval_at(Instant::now() + often, often);
        recheck.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut has_shown = false;
        progress.mark_changed();
        loop {
            let step = tokio::select! {
                changed = progress.changed() => {
                    let current = progress.borrow_and_update().clone();
                    has_shown |= current != LinkProgress::Waiting;
                    match changed {
                        Ok(()) => self.show(current).await,
                        Err(_) => Step::Break(Some(End::of(&current).unwrap_or_else(stopped))),
                    }
                }
                received = self.socket.recv() => self.hear(received.as_ref()),
                _ = recheck.tick() => self.recheck().await,
                _ = ping.tick() => self.ping().await,
                () = tokio::time::sleep_until(first_code_by), if !has_shown => {
                    Step::Break(Some(End::new(4500, "no code", Some(OOPS))))
                }
            };
            if let Step::Break(end) = step {
                return end;
            }
        }
    }

    async fn show(&mut self, progress: LinkProgress) -> Step {
        match progress {
            LinkProgress::Qr(code) => self.send(Message::text(code)).await,
            step @ (LinkProgress::Code { .. } | LinkProgress::Passkey(_) | LinkProgress::Compare(_))
                if self.tells_steps =>
            {
                let step = serde_json::to_string(&StepView::from(step)).unwrap_or_default();
                self.send(Message::text(step)).await
            }
            LinkProgress::Waiting | LinkProgress::Code { .. } => Step::Continue(()),
            last @ (LinkProgress::Linked(_)
            | LinkProgress::Expired
            | LinkProgress::Passkey(_)
            | LinkProgress::Compare(_)
            | LinkProgress::Failed(_)
            | LinkProgress::Cancelled
            | LinkProgress::Stopped) => Step::Break(End::of(&last)),
        }
    }

    fn hear(&mut self, received: Option<&Result<Message, axum::Error>>) -> Step {
        match received {
            Some(Ok(Message::Pong(_))) => {
                self.missed = 0;
                Step::Continue(())
            }
            // What clients say is not listened to; the library answers their pings.
            Some(Ok(Message::Text(_) | Message::Binary(_) | Message::Ping(_))) => Step::Continue(()),
            Some(Err(error)) if error.to_string().contains("too long") => {
                Step::Break(Some(End::new(1009, "too large", None)))
            }
            Some(Ok(Message::Close(_)) | Err(_)) | None => Step::Break(None),
        }
    }

    async fn recheck(&mut self) -> Step {
        if self.proof.holds(&self.api.access, self.identity).await {
            Step::Continue(())
        } else {
            Step::Break(Some(End::new(4403, "token revoked", Some(REVOKED))))
        }
    }

    async fn ping(&mut self) -> Step {
        if self.missed >= MISSED {
            return Step::Break(None);
        }
        self.missed += 1;
        self.send(Message::Ping(axum::body::Bytes::new())).await
    }

    async fn send(&mut self, message: Message) -> Step {
        if self.socket.send(message).await.is_ok() {
            Step::Continue(())
        } else {
            Step::Break(None)
        }
    }

    /// Says the last words, closes, and waits a moment for the client to do the same.
    async fn close(mut self, end: End) {
        if let Some(words) = end.last_words
            && self.send(Message::text(words)).await.is_break()
        {
            return;
        }
        let frame = CloseFrame {
            code: end.code,
            reason: end.reason.into(),
        };
        if self.send(Message::Close(Some(frame))).await.is_continue() {
            let goodbye = async { while let Some(Ok(_)) = self.socket.recv().await {} };
            let _ = tokio::time::timeout(GOODBYE, goodbye).await;
        }
    }
}

/// Whoever showed the steps is gone without a last one.
fn stopped() -> End {
    End::new(1001, "shutting down", None)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// T11: what each last step is to the client.
    #[test]
    fn every_last_step_has_its_close() {
        assert_eq!(End::of(&LinkProgress::Waiting), None);
        assert_eq!(End::of(&LinkProgress::Qr("2@a".into())), None);
        assert_eq!(
            End::of(&LinkProgress::Linked("1".into())),
            Some(End::new(1000, "linked", None))
        );
        assert_eq!(
            End::of(&LinkProgress::Expired),
            Some(End::new(4408, "expired", Some(EXPIRED)))
        );
        assert_eq!(
            End::of(&LinkProgress::Failed("x".into())),
            Some(End::new(4500, "failed", Some("Error: x")))
        );
        assert_eq!(End::of(&LinkProgress::Stopped), Some(stopped()));
    }

    #[test]
    fn a_token_comes_from_the_query_or_else_from_the_header() {
        let mut headers = HeaderMap::new();
        let read = |uri: &'static str, headers: &HeaderMap| token(&Uri::from_static(uri), headers);
        assert_eq!(read("/x?token=mt_a", &headers).unwrap(), "mt_a");
        assert_eq!(read("/x?a=b&token=mt_a%5F", &headers).unwrap(), "mt_a_");
        let missing = Error::unauthorized("missing token query parameter");
        for uri in ["/x", "/x?token=", "/x?tok=1"] {
            assert_eq!(read(uri, &headers).unwrap_err(), missing);
        }
        headers.insert("authorization", "Bearer mt_b".parse().unwrap());
        assert_eq!(read("/x", &headers).unwrap(), "mt_b");
        assert_eq!(read("/x?token=mt_a", &headers).unwrap(), "mt_a");
        headers.insert("authorization", "Basic eA==".parse().unwrap());
        assert_eq!(
            read("/x", &headers).unwrap_err(),
            Error::unauthorized("unsupported authorization scheme")
        );
    }
}
