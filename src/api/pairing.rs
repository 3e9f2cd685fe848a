//! `/api/v1/devices/linking`: the steps of linking for a page that draws: each code as the outline of a QR picture, or
//! as the letters to type; and a person's answers to what WhatsApp asks meanwhile. Programs that know the frozen contract
//! use the WebSocket of [`super::linking`] instead, which can tell the same steps.

use std::{convert::Infallible, fmt::Write as _};

use axum::{
    Json,
    extract::State,
    response::sse::{Event, KeepAlive, Sse},
};
use futures_util::{Stream, stream};
use qrcode::{Color, EcLevel, QrCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::{
    sync::watch,
    time::{Instant, Interval, MissedTickBehavior},
};
use utoipa::ToSchema;

use super::{
    Api,
    auth::Bearer,
    body::RawBody,
    credentials::Done,
    error::{Error, ErrorBody},
    proof::{Proof, RECHECK},
};
use crate::{
    bridge::{Bridge, LinkAnswer, LinkProgress, passkey_line},
    model::IdentityId,
};

/// A step of linking.
#[derive(Serialize, ToSchema, Default, PartialEq, Eq, Debug)]
pub(super) struct StepView {
    /// `waiting`, `qr`, `code`, `passkey`, `compare`, `linked`, `expired`, `failed` or `none`; the last four end the stream.
    step: &'static str,
    /// The code to type into the phone; at `compare` the one that the phone shows too.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// When the code to type is worth nothing any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    /// What WhatsApp wants answered by a passkey of the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    passkey: Option<PasskeyView>,
    /// The code to scan.
    #[serde(skip_serializing_if = "Option::is_none")]
    qr: Option<QrView>,
    /// The number that was linked.
    #[serde(skip_serializing_if = "Option::is_none")]
    device_id: Option<String>,
    /// What went wrong, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// A QR picture as an outline: an SVG path over so many units each way, without a border.
#[derive(Serialize, ToSchema, PartialEq, Eq, Debug)]
pub(super) struct QrView {
    size: usize,
    path: String,
}

/// A request for a passkey. Browsers answer it on pages of WhatsApp only.
#[derive(Serialize, ToSchema, PartialEq, Eq, Debug)]
pub(super) struct PasskeyView {
    /// Public key credential request options, as `PublicKeyCredential.parseRequestOptionsFromJSON` reads them.
    request: Value,
    /// A line for the console of a browser at `https://web.whatsapp.com`; what it answers is the answer.
    line: String,
}

impl PasskeyView {
    fn of(request: String) -> Self {
        Self {
            line: passkey_line(&request),
            request: serde_json::from_str(&request).unwrap_or(Value::String(request)),
        }
    }
}

/// What the passkey answered.
#[derive(Deserialize, ToSchema)]
pub(super) struct PasskeyAnswer {
    /// A public key credential as JSON, or the text of one.
    #[schema(required = true)]
    answer: Option<Value>,
}

impl StepView {
    fn named(step: &'static str) -> Self {
        Self {
            step,
            ..Self::default()
        }
    }

    fn wrong(step: &'static str, why: impl Into<String>) -> Self {
        Self {
            error: Some(why.into()),
            ..Self::named(step)
        }
    }
}

impl From<LinkProgress> for StepView {
    fn from(progress: LinkProgress) -> Self {
        match progress {
            LinkProgress::Waiting => Self::named("waiting"),
            LinkProgress::Qr(code) => Self {
                qr: outline(&code),
                ..Self::named("qr")
            },
            LinkProgress::Code { code, until } => Self {
                code: Some(code),
                expires_at: Some(until.rfc3339()),
                ..Self::named("code")
            },
            LinkProgress::Passkey(request) => Self {
                passkey: Some(PasskeyView::of(request)),
                ..Self::named("passkey")
            },
            LinkProgress::Compare(code) => Self {
                code: Some(code),
                ..Self::named("compare")
            },
            LinkProgress::Cancelled => Self::wrong("failed", "It was cancelled."),
            LinkProgress::Linked(number) => Self {
                device_id: Some(number),
                ..Self::named("linked")
            },
            LinkProgress::Expired => Self::wrong("expired", "Nobody scanned or typed the code in time."),
            LinkProgress::Failed(why) => Self::wrong("failed", why),
            LinkProgress::Stopped => Self::wrong("failed", "wharf is being restarted. Try again in a moment."),
        }
    }
}

/// The dark cells of a code as the rows of an SVG path.
fn outline(code: &str) -> Option<QrView> {
    let qr = QrCode::with_error_correction_level(code, EcLevel::L).ok()?;
    let size = qr.width();
    let mut path = String::new();
    for (y, row) in qr.to_colors().chunks(size).enumerate() {
        let mut x = 0;
        for cells in row.chunk_by(|one, other| one == other) {
            if cells.first() == Some(&Color::Dark) {
                let width = cells.len();
                write!(path, "M{x} {y}h{width}v1h-{width}z").ok()?;
            }
            x += cells.len();
        }
    }
    Some(QrView { size, path })
}

/// Shows the steps of the linking attempt that runs.
#[utoipa::path(get, path = "/api/v1/devices/linking", tag = "devices", security(("BearerAuth" = [])), responses(
    (status = 200, body = StepView, content_type = "text/event-stream"), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody)))]
pub(super) async fn follow(
    State(api): State<Api>,
    bearer: Bearer,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let identity = bearer.caller.identity;
    let mut recheck = tokio::time::interval_at(Instant::now() + RECHECK, RECHECK);
    recheck.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut progress = api.bridge.linking(identity);
    if let Some(progress) = &mut progress {
        progress.mark_changed();
    }
    let follower = Follower {
        progress,
        api,
        identity,
        proof: bearer.proof,
        recheck,
        is_over: false,
    };
    let events = stream::unfold(follower, async |mut follower| {
        let step = follower.next().await?;
        let event = Event::default().event("step").json_data(step).unwrap_or_default();
        Some((Ok(event), follower))
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}

/// Gives up the linking attempt that runs.
#[utoipa::path(delete, path = "/api/v1/devices/linking", tag = "devices", security(("BearerAuth" = [])), responses(
    (status = 200, body = Done), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody)))]
pub(super) async fn stop(State(bridge): State<Bridge>, bearer: Bearer) -> Result<Json<Done>, Error> {
    bridge.stop_linking(bearer.caller.identity).await;
    Ok(Json(Done {
        message: "Linking was cancelled",
    }))
}

/// Answers WhatsApp's request for a passkey, which the steps of linking show.
#[utoipa::path(post, path = "/api/v1/devices/linking/passkey", operation_id = "answer_passkey", tag = "devices",
    security(("BearerAuth" = [])), request_body = PasskeyAnswer, responses(
    (status = 200, body = Done), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody, example = json!({ "error": "Linking attempt not found" })),
    (status = 422, body = ErrorBody, description = "It is no answer of a passkey, or not to this request",
    example = json!({ "error": "this is no answer of a passkey" }))))]
pub(super) async fn answer(State(bridge): State<Bridge>, bearer: Bearer, body: RawBody) -> Result<Json<Done>, Error> {
    let request: PasskeyAnswer = body.json("Invalid request body. Must be a JSON object.")?;
    let text = match request.answer {
        Some(Value::String(text)) if !text.trim().is_empty() => text,
        Some(credential @ Value::Object(_)) => credential.to_string(),
        None | Some(Value::Null | Value::String(_)) => return Err(Error::missing("answer")),
        Some(_) => return Err(Error::bad_request("Invalid answer: what the passkey answered, as JSON")),
    };
    bridge
        .answer_linking(bearer.caller.identity, LinkAnswer::Passkey(text))
        .await?;
    Ok(Json(Done {
        message: "The passkey was sent; compare the codes next",
    }))
}

/// Says that the phone shows the same code as the step `compare`. If it does not, give the attempt up.
#[utoipa::path(post, path = "/api/v1/devices/linking/confirm", operation_id = "confirm_linking", tag = "devices",
    security(("BearerAuth" = [])), responses(
    (status = 200, body = Done), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody, example = json!({ "error": "Linking attempt not found" })),
    (status = 422, body = ErrorBody, description = "There is no code to compare",
    example = json!({ "error": "there is no code to compare" }))))]
pub(super) async fn confirm(State(bridge): State<Bridge>, bearer: Bearer) -> Result<Json<Done>, Error> {
    bridge.answer_linking(bearer.caller.identity, LinkAnswer::Same).await?;
    Ok(Json(Done {
        message: "The codes are the same",
    }))
}

/// One page that follows an attempt.
struct Follower {
    api: Api,
    progress: Option<watch::Receiver<LinkProgress>>,
    identity: IdentityId,
    proof: Proof,
    recheck: Interval,
    is_over: bool,
}

impl Follower {
    async fn next(&mut self) -> Option<StepView> {
        if self.is_over {
            return None;
        }
        let Some(progress) = &mut self.progress else {
            self.is_over = true;
            return Some(StepView::wrong("none", "No device is being linked."));
        };
        loop {
            tokio::select! {
                changed = progress.changed() => {
                    let current = progress.borrow_and_update().clone();
                    self.is_over = current.is_last() || changed.is_err();
                    return Some(if changed.is_err() && !current.is_last() {
                        LinkProgress::Stopped.into()
                    } else {
                        current.into()
                    });
                }
                _ = self.recheck.tick() => {
                    if !self.proof.holds(&self.api.access, self.identity).await {
                        return None;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outline_covers_exactly_the_dark_cells() {
        let code = "2@ref,abc,def,ghi,1";
        let QrView { size, path } = outline(code).unwrap();
        let mut drawn = vec![Color::Light; size * size];
        for run in path.split('M').skip(1) {
            let (x, rest) = run.split_once(' ').unwrap();
            let (y, rest) = rest.split_once('h').unwrap();
            let (x, y): (usize, usize) = (x.parse().unwrap(), y.parse().unwrap());
            let width: usize = rest.split('v').next().unwrap().parse().unwrap();
            drawn[y * size + x..y * size + x + width].fill(Color::Dark);
        }
        assert_eq!(
            drawn,
            QrCode::with_error_correction_level(code, EcLevel::L)
                .unwrap()
                .to_colors()
        );
        assert!(outline(&"x".repeat(10_000)).is_none());
    }

    #[test]
    fn an_end_is_told_in_words() {
        assert_eq!(
            StepView::from(LinkProgress::Failed("x".into())),
            StepView::wrong("failed", "x")
        );
        assert_eq!(
            StepView::from(LinkProgress::Linked("1".into())).device_id.as_deref(),
            Some("1")
        );
        assert_eq!(StepView::from(LinkProgress::Stopped).step, "failed");
    }
}
