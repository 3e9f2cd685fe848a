//! One request to the homeserver: retried within a short budget, traced, measured. Every request of this room goes
//! through here; all of them may be repeated.
//!
//! Deliberately not here: which requests there are. Longer troubles are the caller's: its job is tried again later.

use std::{
    borrow::Cow,
    time::{Duration, Instant},
};

use backon::{ExponentialBuilder, Retryable};
use bytes::Bytes;
use ruma::{
    DeviceId, UserId,
    api::{
        AppserviceUserIdentity, IncomingResponse, MatrixVersion, OutgoingRequest, SupportedVersions,
        auth_scheme::{AuthScheme, SendAccessToken},
        path_builder::PathBuilder,
    },
    exports::http,
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tracing::Instrument;

use super::{Config, Error};

/// Longest wait a server may ask for that is waited out here.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// No file takes longer than this.
const LONGEST_STREAM: Duration = Duration::from_hours(12);
/// Attempts of one request.
const ATTEMPTS: usize = 6;

/// The shared connection to the homeserver.
#[derive(Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    base: String,
    supported: SupportedVersions,
    retry: Duration,
    patience: Duration,
}

/// As whom a request is made.
#[derive(Clone, Copy)]
pub(super) struct As<'a> {
    pub(super) token: &'a SecretString,
    pub(super) user: Option<&'a UserId>,
    pub(super) device: Option<&'a DeviceId>,
}

impl Client {
    pub(super) fn new(config: &Config) -> Result<Self, Error> {
        let http = reqwest::Client::builder()
            .timeout(config.request_timeout())
            .connect_timeout(config.request_timeout().min(Duration::from_secs(10)))
            .user_agent(concat!("wharf/", env!("CARGO_PKG_VERSION")))
            // A redirect would carry the token somewhere else.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| Error::BadRequest(error.into()))?;
        Ok(Self {
            http,
            base: config.address.as_str().trim_end_matches('/').to_owned(),
            // Homeservers advertise less than they can (Synapse 1.163 says 1.15 and does 1.17), and every path we use
            // has been stable since 1.11.
            supported: SupportedVersions {
                versions: [MatrixVersion::V1_11].into(),
                features: [].into(),
            },
            retry: config.retry(),
            patience: config.request_timeout(),
        })
    }

    /// The same connection for requests that are not tried again: trouble is what they look for.
    pub(super) fn impatient(&self) -> Self {
        Self {
            retry: Duration::ZERO,
            ..self.clone()
        }
    }

    /// Sends a request of the client API; `verb` names it in traces and metrics.
    pub(super) async fn send<R>(
        &self,
        verb: &'static str,
        who: As<'_>,
        request: R,
    ) -> Result<R::IncomingResponse, Error>
    where
        R: OutgoingRequest,
        for<'a> R::Authentication: AuthScheme<Input<'a> = SendAccessToken<'a>>,
        for<'a> R::PathBuilder: PathBuilder<Input<'a> = Cow<'a, SupportedVersions>>,
    {
        let request = self.prepare(who, request)?;
        self.exchange(verb, request).await
    }

    /// A request of the client API in somebody's name.
    pub(super) fn prepare<R>(&self, who: As<'_>, request: R) -> Result<http::Request<Vec<u8>>, Error>
    where
        R: OutgoingRequest,
        for<'a> R::Authentication: AuthScheme<Input<'a> = SendAccessToken<'a>>,
        for<'a> R::PathBuilder: PathBuilder<Input<'a> = Cow<'a, SupportedVersions>>,
    {
        let token = SendAccessToken::Always(who.token.expose_secret());
        let mut request = request
            .try_into_http_request::<Vec<u8>>(&self.base, token, Cow::Borrowed(&self.supported))
            .map_err(|error| Error::BadRequest(error.into()))?;
        let mut identity = AppserviceUserIdentity::default();
        identity.user_id = who.user;
        // Synapse answers 500 to a device without its user.
        identity.device_id = who.user.and(who.device);
        identity
            .maybe_add_to_uri(request.uri_mut())
            .map_err(|error| Error::BadRequest(error.into()))?;
        Ok(request)
    }

    /// Sends a request that needs neither a token nor a choice of paths.
    pub(super) async fn ask<R>(&self, verb: &'static str, request: R) -> Result<R::IncomingResponse, Error>
    where
        R: OutgoingRequest,
        for<'a> R::Authentication: AuthScheme<Input<'a> = SendAccessToken<'a>>,
        for<'a> R::PathBuilder: PathBuilder<Input<'a> = ()>,
    {
        let request = request
            .try_into_http_request::<Vec<u8>>(&self.base, SendAccessToken::None, ())
            .map_err(|error| Error::BadRequest(error.into()))?;
        self.exchange(verb, request).await
    }

    async fn exchange<A: IncomingResponse>(
        &self,
        verb: &'static str,
        request: http::Request<Vec<u8>>,
    ) -> Result<A, Error> {
        let (parts, body) = request.into_parts();
        let body = Bytes::from(body);
        let attempt = || async {
            let mut request = http::Request::new(reqwest::Body::from(body.clone()));
            *request.method_mut() = parts.method.clone();
            *request.uri_mut() = parts.uri.clone();
            *request.headers_mut() = parts.headers.clone();
            self.whole(request, None).await
        };
        let answer = self.repeat(verb, attempt).await?;
        // The error carries parts of the answer, which may be somebody's words: keep only its kind.
        A::try_from_http_response(answer).map_err(|_| Error::BadAnswer(format!("unexpected answer to {verb}").into()))
    }

    /// How long an answer may take.
    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    /// Tries until it works, or until the budget is spent.
    pub(super) async fn repeat<T, F>(&self, verb: &'static str, attempt: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let started = Instant::now();
        let span = tracing::debug_span!("matrix.request", matrix.verb = verb);
        let backoff = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(200))
            .with_max_delay(LONGEST_WAIT)
            .with_total_delay(Some(self.retry))
            .with_max_times(ATTEMPTS - 1)
            .with_jitter();
        let result = (|| attempt())
            .retry(backoff)
            .when(|error| matches!(error, Error::Limited(_) | Error::Unreachable(_)))
            .adjust(|error, planned| match error {
                Error::Limited(after) => planned
                    .filter(|_| *after <= LONGEST_WAIT.min(self.retry))
                    .map(|_| *after),
                _ => planned,
            })
            .notify(|error, wait| tracing::debug!(verb, ?wait, error = %error, "asking the homeserver again"))
            .instrument(span)
            .await;
        let outcome = match &result {
            Ok(_) => "ok",
            Err(error) if error.is_transient() => "trouble",
            Err(_) => "refused",
        };
        metrics::histogram!("wharf_homeserver_request_seconds", "verb" => verb, "outcome" => outcome)
            .record(started.elapsed().as_secs_f64());
        result
    }

    /// One attempt whose answer is small; `patience` is the time for all of it.
    pub(super) async fn whole(
        &self,
        request: http::Request<reqwest::Body>,
        patience: Option<Duration>,
    ) -> Result<http::Response<Bytes>, Error> {
        let mut request = reqwest::Request::try_from(request).map_err(|error| Error::BadRequest(error.into()))?;
        if patience.is_some() {
            *request.timeout_mut() = patience;
        }
        let answer = self.open(request).await?;
        if !answer.status().is_success() {
            return Err(read_refusal(answer).await);
        }
        let (status, headers) = (answer.status(), answer.headers().clone());
        let mut answer = http::Response::new(answer.bytes().await.map_err(unreachable)?);
        *answer.status_mut() = status;
        *answer.headers_mut() = headers;
        Ok(answer)
    }

    /// One attempt whose answer is read by the caller, part by part, for as long as it takes.
    pub(super) async fn stream(&self, request: http::Request<reqwest::Body>) -> Result<reqwest::Response, Error> {
        let request = reqwest::Request::try_from(request).map_err(|error| Error::BadRequest(error.into()))?;
        let asked = request.url().clone();
        let mut answer = self.open_patiently(request).await?;
        if answer.status().is_redirection() {
            // Files may be kept elsewhere; the address of that place is its permission, and our token stays here.
            let place = answer.headers().get(http::header::LOCATION);
            let place = place.and_then(|place| asked.join(place.to_str().ok()?).ok());
            let place = place.ok_or_else(|| Error::BadAnswer("a redirection to nowhere".into()))?;
            let elsewhere = reqwest::Request::new(http::Method::GET, place);
            answer = self.open_patiently(elsewhere).await?;
        }
        if !answer.status().is_success() {
            return Err(read_refusal(answer).await);
        }
        Ok(answer)
    }

    async fn open_patiently(&self, mut request: reqwest::Request) -> Result<reqwest::Response, Error> {
        *request.timeout_mut() = Some(LONGEST_STREAM);
        tokio::time::timeout(self.patience, self.open(request))
            .await
            .map_err(|_| Error::Unreachable("it did not answer in time".into()))?
    }

    async fn open(&self, request: reqwest::Request) -> Result<reqwest::Response, Error> {
        fail::fail_point!("matrix.request.before");
        let answer = self.http.execute(request).await.map_err(unreachable)?;
        fail::fail_point!("matrix.request.after");
        Ok(answer)
    }
}

/// Addresses carry phone numbers: errors must not show them.
fn unreachable(error: reqwest::Error) -> Error {
    Error::Unreachable(error.without_url().into())
}

async fn read_refusal(answer: reqwest::Response) -> Error {
    let (status, headers) = (answer.status(), answer.headers().clone());
    match answer.bytes().await {
        Ok(body) => refusal(status, &headers, &body),
        Err(error) => unreachable(error),
    }
}

/// The shape of errors in Matrix.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Refusal {
    errcode: String,
    error: String,
    retry_after_ms: Option<u64>,
    /// What we answered to its `ping`; others may call anything so.
    status: serde_json::Value,
}

fn refusal(status: http::StatusCode, headers: &http::HeaderMap, body: &[u8]) -> Error {
    let parsed: Option<Refusal> = serde_json::from_slice(body)
        .ok()
        .filter(|it: &Refusal| !it.errcode.is_empty());
    let is_matrix = parsed.is_some();
    let Refusal {
        errcode,
        error: message,
        retry_after_ms,
        status: ours,
    } = parsed.unwrap_or_default();
    let message = shortened(&message);
    match status.as_u16() {
        429 => Error::Limited(wait(headers, retry_after_ms)),
        // From the homeserver, or from what stands in front of it.
        413 => Error::TooLarge {
            size: None,
            limit: None,
        },
        // The homeserver's own answers to `ping` come with 502 and 504 too: they are no trouble of the homeserver.
        502 | 504 if errcode.starts_with("M_CONNECTION_") || errcode == "M_BAD_STATUS" => Error::Refused {
            status: ours
                .as_u64()
                .and_then(|it| it.try_into().ok())
                .unwrap_or(status.as_u16()),
            errcode,
            message,
        },
        500..=599 => Error::Unreachable(format!("status {status} {errcode}").into()),
        404 if errcode == "M_NOT_FOUND" => Error::NotFound(message),
        // What stands in front of the homeserver answers like this while it is away or not set up.
        _ if !is_matrix => Error::BadAnswer(format!("status {status} without a Matrix error").into()),
        status => Error::Refused {
            status,
            errcode,
            message,
        },
    }
}

/// The homeserver's words without whole telephone numbers, which stand in the names of ghosts: words come into logs.
fn shortened(words: &str) -> String {
    let mut short = String::with_capacity(words.len());
    let mut digits = 0;
    for letter in words.chars() {
        digits = if letter.is_ascii_digit() { digits + 1 } else { 0 };
        match digits {
            0..=4 => short.push(letter),
            5 => short.push('…'),
            _ => {}
        }
    }
    short
}

/// How long to wait: the header (in seconds) or its older sister in the body; a second when neither is there.
fn wait(headers: &http::HeaderMap, retry_after_ms: Option<u64>) -> Duration {
    headers
        .get(http::header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok().map(Duration::from_secs))
        .or_else(|| retry_after_ms.map(Duration::from_millis))
        .unwrap_or(Duration::from_secs(1))
}
