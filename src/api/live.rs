//! `GET /api/v1/live`: what crosses the bridge right now, as server-sent events. No words of anybody unless they are
//! asked for, and nothing of what happened before.

use std::convert::Infallible;

use axum::{
    extract::{Query, State},
    response::sse::{Event, KeepAlive, Sse},
};
use futures_util::{Stream, stream};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, Interval, MissedTickBehavior};
use utoipa::ToSchema;

use super::{
    Api,
    auth::Bearer,
    error::{Error, ErrorBody},
    proof::{Proof, RECHECK},
};
use crate::{
    bridge::{Crossing, Said, Sight, View, What},
    model::IdentityId,
};

#[derive(Deserialize)]
pub(super) struct Wish {
    bodies: Option<String>,
}

impl Wish {
    fn bodies(&self) -> Result<bool, Error> {
        match self.bodies.as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Error::bad_request("Invalid bodies: true or false")),
        }
    }
}

/// One thing that happened.
#[derive(Serialize, ToSchema, Default)]
pub(super) struct CrossingView {
    #[schema(example = "2026-04-27T10:00:00Z")]
    at: String,
    device_id: String,
    /// `incoming`, `outgoing`, `not_sent`, `delivery` or `link`.
    kind: &'static str,
    /// With whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    chat: Option<String>,
    /// What was said or done: `text`, `image`, `reaction` …
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    what: Option<String>,
    /// Our id of a message that REST accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<String>,
    /// The words, when they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// Where a delivery went.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// How the link of the device stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<&'static str>,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl CrossingView {
    fn of(crossing: Crossing, bodies: bool) -> Self {
        let mut view = Self {
            at: crossing.at.rfc3339(),
            device_id: crossing.device,
            ..Self::default()
        };
        let mut said = None;
        match crossing.what {
            What::Incoming(it) => (view.kind, said) = ("incoming", Some(it)),
            What::Outgoing(it) => (view.kind, said) = ("outgoing", Some(it)),
            What::NotSent { said: it, reason } => {
                (view.kind, said) = ("not_sent", Some(it));
                view.error = Some(reason);
            }
            What::Delivery { url, error } => {
                view.kind = "delivery";
                (view.url, view.error) = (Some(url), error);
            }
            What::Link(link) => (view.kind, view.link) = ("link", Some(link)),
        }
        if let Some(Said { chat, kind, id, text }) = said {
            view.chat = chat;
            view.what = Some(kind);
            view.message_id = id;
            view.text = text.filter(|_| bodies);
        }
        view
    }
}

/// Shows what crosses the bridge from now on.
#[utoipa::path(get, path = "/api/v1/live", tag = "watching", security(("BearerAuth" = [])),
    params(("bodies" = Option<bool>, Query, description = "Whether to show the words of messages")), responses(
    (status = 200, body = CrossingView, content_type = "text/event-stream"), (status = 400, body = ErrorBody),
    (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 429, body = ErrorBody)))]
pub(super) async fn watch(
    State(api): State<Api>,
    bearer: Bearer,
    Query(wish): Query<Wish>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Error> {
    let bodies = wish.bodies()?;
    let identity = bearer.caller.identity;
    let mut recheck = tokio::time::interval_at(Instant::now() + RECHECK, RECHECK);
    recheck.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let looker = Looker {
        view: api.bridge.view(identity)?,
        api,
        identity,
        proof: bearer.proof,
        bodies,
        recheck,
    };
    let events = stream::unfold(looker, async |mut looker| {
        let event = looker.next().await?;
        Some((Ok(event), looker))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

/// One who looks.
struct Looker {
    api: Api,
    view: View,
    identity: IdentityId,
    proof: Proof,
    bodies: bool,
    recheck: Interval,
}

impl Looker {
    async fn next(&mut self) -> Option<Event> {
        loop {
            tokio::select! {
                sight = self.view.next() => return Some(match sight? {
                    Sight::Missed => Event::default().event("missed").data("{}"),
                    Sight::Crossing(crossing) => Event::default()
                        .event("crossing")
                        .json_data(CrossingView::of(crossing, self.bodies))
                        .unwrap_or_default(),
                }),
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
    use crate::model::Timestamp;

    #[test]
    fn words_are_shown_only_to_those_who_asked() {
        let said = Said {
            chat: Some("Ana".into()),
            kind: "text".into(),
            id: None,
            text: Some("a secret".into()),
        };
        for (bodies, shown) in [(false, None), (true, Some("a secret"))] {
            let crossing = Crossing::for_tests(Timestamp::from_secs(1), What::Incoming(said.clone()));
            let view = serde_json::to_value(CrossingView::of(crossing, bodies)).unwrap();
            assert_eq!(view["text"].as_str(), shown);
            assert_eq!(
                (view["kind"].as_str(), view["chat"].as_str()),
                (Some("incoming"), Some("Ana"))
            );
        }
    }
}
