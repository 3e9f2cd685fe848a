//! What push lost. Homeservers push events to us, but one that crashes forgets what it had not pushed (synapse#11637),
//! and one that restarts while we are away pushes nothing until something happens. `/sync` as the bot is the truth.
//!
//! Called in a loop by the bridge: at start, every minute and after trouble. Deliberately not here: the loop, keeping
//! the token, and knowing which events were seen (by event id, in the store). Rooms without the bot, such as the one a
//! person made to invite a ghost, are seen by push alone until the bot is in them.

use std::{collections::BTreeMap, time::Duration};

use backon::{ExponentialBuilder, Retryable};
use ruma::{
    OwnedRoomId, OwnedUserId, RoomId, UInt,
    api::{
        Direction,
        client::{
            filter::FilterDefinition,
            message::get_message_events,
            sync::sync_events::v3::{Filter, InvitedRoom, Request, Response, Timeline},
        },
    },
    serde::Raw,
};
use serde::Deserialize;
use serde_json::{json, value::RawValue};
use tokio::sync::OnceCell;

use super::{Error, Homeserver, NewRoom, PingError, transaction_id};
use crate::model::RoomEvent;

/// How long a watching request is held.
const WATCH: Duration = Duration::from_secs(30);
/// Events of one page.
const PAGE: u32 = 100;

/// Finds what push lost.
pub(crate) struct Repair {
    homeserver: Homeserver,
    own_room: OnceCell<OwnedRoomId>,
}

/// What `/sync` tells.
#[derive(Debug)]
pub(crate) struct Repaired {
    /// Where to go on next time: keep it once the events are kept.
    pub(crate) next: String,
    /// Events of other people in the bot's rooms, the oldest of each room first.
    pub(crate) events: Vec<RoomEvent>,
    /// Invites that wait for the bot.
    pub(crate) invites: Vec<RoomEvent>,
}

impl Repair {
    /// For the bot on this homeserver.
    pub(crate) fn new(homeserver: Homeserver) -> Self {
        Self {
            homeserver,
            own_room: OnceCell::new(),
        }
    }

    /// What happened since the token `since`; without one only the token to begin with, and invites that wait.
    pub(crate) async fn sync(&self, since: Option<&str>) -> Result<Repaired, Error> {
        let answer = match self.ask(since).await {
            // A homeserver that was set up anew does not know its old tokens.
            Err(Error::Refused {
                status: 400, errcode, ..
            }) if since.is_some() => {
                tracing::warn!(errcode, "the homeserver refused its own sync token: starting anew");
                return Box::pin(self.sync(None)).await;
            }
            other => other?,
        };
        let mut events = Vec::new();
        if let Some(since) = since {
            let joined = answer.rooms.join.into_iter().map(|(room, it)| (room, it.timeline));
            let left = answer.rooms.leave.into_iter().map(|(room, it)| (room, it.timeline));
            for (room, timeline) in joined.chain(left) {
                self.read_room(&room, timeline, since, &mut events).await?;
            }
        }
        Ok(Repaired {
            next: answer.next_batch,
            events,
            invites: self.read_invites(answer.rooms.invite),
        })
    }

    /// Holds a request open at the homeserver that ends in half a minute, or with an error at once when it dies: what
    /// its push had waiting is lost then, and only a repair finds it.
    pub(crate) async fn watch(&self, since: &str) -> Result<(), Error> {
        let mut request = Request::new();
        request.since = Some(since.to_owned());
        request.timeout = Some(WATCH);
        request.set_presence = ruma::presence::PresenceState::Offline;
        let nothing = json!({"types": []});
        let filter = json!({"presence": nothing, "account_data": nothing, "room": {"rooms": []}});
        let filter: FilterDefinition =
            serde_json::from_value(filter).map_err(|error| Error::BadRequest(error.into()))?;
        request.filter = Some(Filter::FilterDefinition(filter));
        self.homeserver.as_bot().request_once("watch", request).await.map(drop)
    }

    /// Makes the homeserver push what it has waiting, however long it meant to hold it back: pings, writes something
    /// into the bot's own room (a restarted homeserver tries again only when something happens) and pings again.
    pub(crate) async fn wake(&self) -> Result<Duration, PingError> {
        self.ping_patiently().await?;
        let room = self.own_room.get_or_try_init(|| self.make_own_room()).await?;
        let now = json!({"at": self.homeserver.clock().now().millis()});
        self.homeserver
            .as_bot()
            .send_state(room, "net.wharf.poke", "", &now)
            .await?;
        self.homeserver.ping().await
    }

    /// Our door, or what stands before it, may be just about to open.
    async fn ping_patiently(&self) -> Result<Duration, PingError> {
        (|| self.homeserver.ping())
            .retry(
                ExponentialBuilder::default()
                    .with_min_delay(Duration::from_millis(200))
                    .with_max_times(4),
            )
            .when(|error| matches!(error, PingError::Connection(_) | PingError::WrongAnswer(_)))
            .await
    }

    async fn make_own_room(&self) -> Result<OwnedRoomId, Error> {
        let alias = self.homeserver.names().own_alias("engine_room");
        let name = Some("wharf".to_owned());
        self.homeserver
            .create_room(&NewRoom {
                alias,
                name,
                ..NewRoom::default()
            })
            .await
    }

    async fn ask(&self, since: Option<&str>) -> Result<Response, Error> {
        let mut request = Request::new();
        request.since = since.map(str::to_owned);
        request.timeout = Some(Duration::ZERO);
        request.set_presence = ruma::presence::PresenceState::Offline;
        let nothing = json!({"types": []});
        let filter = json!({
            "presence": nothing, "account_data": nothing,
            "room": {
                "account_data": nothing, "ephemeral": nothing,
                "state": {"types": [], "lazy_load_members": true},
                "timeline": {
                    "limit": if since.is_some() { PAGE } else { 1 },
                    "not_senders": [self.homeserver.names().bot()],
                },
                "include_leave": since.is_some(),
            },
        });
        let filter = FilterDefinition::deserialize(filter).map_err(|error| Error::BadRequest(error.into()))?;
        request.filter = Some(Filter::FilterDefinition(filter));
        self.homeserver.as_bot().request("sync", request).await
    }

    async fn read_room(
        &self,
        room: &RoomId,
        timeline: Timeline,
        since: &str,
        events: &mut Vec<RoomEvent>,
    ) -> Result<(), Error> {
        let mut jsons: Vec<Box<RawValue>> = timeline.events.into_iter().map(Raw::into_json).collect();
        if timeline.limited
            && let Some(from) = timeline.prev_batch
        {
            let mut older = self.read_back(room, from, since).await?;
            older.append(&mut jsons);
            jsons = older;
        }
        let read = jsons.iter().filter_map(|json| read_event(json, room));
        events.extend(read.filter(|event| !self.homeserver.names().is_ours(&event.sender)));
        Ok(())
    }

    /// The events between `since` and `from`, oldest first.
    async fn read_back(&self, room: &RoomId, mut from: String, since: &str) -> Result<Vec<Box<RawValue>>, Error> {
        let mut newest_first = Vec::new();
        loop {
            let mut request = get_message_events::v3::Request::new(room.to_owned(), Direction::Backward);
            request.from = Some(from.clone());
            request.to = Some(since.to_owned());
            request.limit = UInt::from(PAGE);
            let answer = match self.homeserver.as_bot().request("messages", request).await {
                // The bot was sent away and may not look back: the newest events are all there is.
                Err(Error::Refused { status: 403, .. }) => break,
                other => other?,
            };
            let found = answer.chunk.len();
            newest_first.extend(answer.chunk.into_iter().map(Raw::into_json));
            match answer.end {
                Some(end) if end != from && found > 0 => from = end,
                _ => break,
            }
        }
        newest_first.reverse();
        Ok(newest_first)
    }

    fn read_invites(&self, rooms: BTreeMap<OwnedRoomId, InvitedRoom>) -> Vec<RoomEvent> {
        let bot = self.homeserver.names().bot();
        rooms
            .into_iter()
            .filter_map(|(room, invited)| {
                let json = invited
                    .invite_state
                    .events
                    .into_iter()
                    .map(Raw::into_json)
                    .find(|json| {
                        serde_json::from_str::<Membership>(json.get())
                            .is_ok_and(|it| it.kind == "m.room.member" && it.state_key == bot.as_str())
                    })?;
                // Synapse gives the whole event; the specification promises only a part without id and time.
                read_event(&json, &room).or_else(|| self.stripped_invite(&json, &room))
            })
            .collect()
    }

    fn stripped_invite(&self, json: &RawValue, room: &RoomId) -> Option<RoomEvent> {
        let sender = serde_json::from_str::<Membership>(json.get()).ok()?.sender;
        let id = transaction_id(&["invite", room.as_str(), sender.as_str()]);
        Some(RoomEvent {
            room: room.to_owned(),
            event: format!("$invite_{id}").try_into().ok()?,
            sender,
            at: self.homeserver.clock().now(),
            json: json.to_owned(),
        })
    }
}

#[derive(Deserialize)]
struct Membership {
    #[serde(rename = "type")]
    kind: String,
    state_key: String,
    sender: OwnedUserId,
}

fn read_event(json: &RawValue, room: &RoomId) -> Option<RoomEvent> {
    // The error may quote the event.
    let event = RoomEvent::read(json, Some(room)).ok();
    if event.is_none() {
        tracing::debug!(%room, "an event without id, sender or time was left out");
    }
    event
}
