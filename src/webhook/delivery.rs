//! One attempt of one delivery: signed, within its time, to an allowed address, without redirects.

use std::{error::Error as StdError, sync::Arc, time::Duration};

use reqwest::{
    Client, Response, StatusCode,
    header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER},
    redirect::Policy as Redirects,
};
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP};
use time::{OffsetDateTime, format_description::well_known::Rfc2822};

use super::{
    Config, Error,
    address::{BlockedAddress, Policy, Resolver},
    check_url, signature,
};
use crate::model::{DeliveryId, Timestamp};

/// The hand that delivers. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Webhooks {
    client: Client,
    policy: Policy,
}

impl Webhooks {
    /// A hand that works as `config` says.
    ///
    /// # Errors
    /// The HTTP client could not be built.
    pub(crate) fn new(config: &Config) -> Result<Self, reqwest::Error> {
        let policy = Policy::new(config);
        let client = Client::builder()
            .timeout(Duration::from_secs(config.timeout.into()))
            .user_agent(config.user_agent.as_str())
            .redirect(Redirects::none())
            // A proxy would look names up itself, behind our back.
            .no_proxy()
            .dns_resolver(Arc::new(Resolver(policy.clone())))
            .build()?;
        Ok(Self { client, policy })
    }

    /// Posts `body` once and returns when the receiver has taken it. `id` is the same on every attempt, `now` is the
    /// time of this one.
    ///
    /// # Errors
    /// `Refused` and `Gone` are final words of the receiver, `Limited`, `Failed` and `Unreachable` are not; `Blocked`,
    /// `BadUrl` and `BadSecret` happen before anything is sent.
    pub(crate) async fn deliver(
        &self,
        url: &str,
        secret: &str,
        id: DeliveryId,
        now: Timestamp,
        body: String,
    ) -> Result<(), Error> {
        let url = check_url(url).map_err(|_| Error::BadUrl)?;
        if !self.policy.permits_host(&url) {
            return Err(Error::Blocked);
        }
        let signed = signature::sign(secret, id, now, &body)?;
        let response = self
            .client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header(HEADER_WEBHOOK_ID, id.to_string())
            .header(HEADER_WEBHOOK_TIMESTAMP, signature::seconds(now))
            .header(HEADER_WEBHOOK_SIGNATURE, signed)
            .body(body)
            .send()
            .await
            .map_err(unreachable)?;
        read(&response, now)
    }
}

/// The verdict of the receiver. Its body is not our business.
fn read(response: &Response, now: Timestamp) -> Result<(), Error> {
    let status = response.status();
    let after = retry_after(response.headers(), now);
    match status {
        _ if status.is_success() => Ok(()),
        StatusCode::GONE => Err(Error::Gone),
        StatusCode::TOO_MANY_REQUESTS => Err(Error::Limited(after)),
        _ if status.is_server_error() && after.is_some() => Err(Error::Limited(after)),
        StatusCode::REQUEST_TIMEOUT => Err(Error::Failed(status.as_u16())),
        _ if status.is_client_error() => Err(Error::Refused(status.as_u16())),
        _ => Err(Error::Failed(status.as_u16())),
    }
}

/// `Retry-After` in seconds or as a date (RFC 9110, 10.2.3).
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = OffsetDateTime::parse(text, &Rfc2822).ok()?;
    let wait = Timestamp::from_secs(at.unix_timestamp())
        .millis()
        .saturating_sub(now.millis());
    Some(Duration::from_millis(u64::try_from(wait).unwrap_or(0)))
}

fn unreachable(error: reqwest::Error) -> Error {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(&error);
    while let Some(current) = cause {
        if current.is::<BlockedAddress>() {
            return Error::Blocked;
        }
        cause = current.source();
    }
    // The address may hold a password, and errors go to the log.
    Error::Unreachable(error.without_url())
}
