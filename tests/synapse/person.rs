//! Somebody with a real Matrix client: matrix-sdk, as applications use it.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use matrix_sdk::{
    Client, Room, RoomState,
    config::{RequestConfig, SyncSettings},
    event_handler::RawEvent,
    media::{MediaFormat, MediaRequestParameters},
    room::MessagesOptions,
    ruma::{
        EventId, OwnedRoomId, RoomId, RoomVersionId, UInt, UserId,
        api::client::{filter::FilterDefinition, presence::set_presence, room::upgrade_room},
        events::{AnySyncTimelineEvent, room::MediaSource},
        presence::PresenceState,
    },
};
use serde_json::{Value, json};

use crate::support::waiting::{SOON, eventually};

/// An event and its room, in the order of the sync.
type Seen = (OwnedRoomId, Value);

/// One person at one client, which syncs as long as this value is there.
pub struct Person {
    client: Client,
    id: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    here: Arc<AtomicBool>,
    syncing: tokio::task::JoinHandle<()>,
}

impl Drop for Person {
    fn drop(&mut self) {
        self.syncing.abort();
    }
}

impl Person {
    /// Logs in and begins to sync.
    pub async fn logs_in(homeserver: &str, name: &str, password: &str) -> Self {
        let client = Client::builder()
            .homeserver_url(homeserver)
            .request_config(RequestConfig::new().disable_retry().timeout(Duration::from_mins(1)))
            .build()
            .await
            .unwrap();
        client
            .matrix_auth()
            .login_username(name, password)
            .send()
            .await
            .unwrap();
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let kept = Arc::clone(&seen);
        client.add_event_handler(async move |_: AnySyncTimelineEvent, raw: RawEvent, room: Room| {
            let event = serde_json::from_str(raw.get()).unwrap();
            kept.lock().unwrap().push((room.room_id().to_owned(), event));
        });
        let here = Arc::new(AtomicBool::new(true));
        Self {
            id: client.user_id().unwrap().to_string(),
            syncing: tokio::spawn(sync(client.clone(), Arc::clone(&here))),
            client,
            seen,
            here,
        }
    }

    /// The client.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// From now on their client says that they are there, or that they are not.
    pub async fn is_here(&self, here: bool) {
        self.here.store(here, Ordering::SeqCst);
        let request = set_presence::v3::Request::new(UserId::parse(&self.id).unwrap(), presence(here));
        self.client.send(request).await.unwrap();
    }

    /// Their Matrix id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Waits for an invite and accepts it.
    pub async fn joins_invite(&self) -> Room {
        // The client knows of an invite before it has read what kind of room it is.
        let is_room = |room: &Room| room.create_content().is_some() && !room.is_space();
        let look = || async { self.client.invited_rooms().into_iter().find(is_room) };
        let room = eventually(&format!("{} is invited", self.id), SOON, look).await;
        room.join().await.unwrap();
        room
    }

    /// Waits for an invite to a space with these words in its name and accepts it.
    pub async fn joins_space(&self, words: &str) -> Room {
        let is_it = |room: &Room| room.is_space() && room.name().is_some_and(|name| name.contains(words));
        let look = || async { self.client.invited_rooms().into_iter().find(is_it) };
        let room = eventually(&format!("{} is invited to {words}", self.id), SOON, look).await;
        room.join().await.unwrap();
        room
    }

    /// Waits for an invite to a room of this name and accepts it; others stay open.
    pub async fn joins_group(&self, name: &str) -> Room {
        let look = || async {
            let rooms = self.client.invited_rooms().into_iter();
            rooms.into_iter().find(|room| room.name().as_deref() == Some(name))
        };
        let room = eventually(&format!("{} is invited to {name}", self.id), SOON, look).await;
        room.join().await.unwrap();
        room
    }

    /// Waits until a text is shown in any room, and tells the room.
    pub async fn is_shown_anywhere(&self, text: &str) -> Room {
        let look = || async {
            let seen = self.seen.lock().unwrap();
            let found = seen.iter().find(|(_, event)| event["content"]["body"] == text);
            found.map(|(room, _)| room.clone())
        };
        let room = eventually(&format!("{} sees {text:?}", self.id), SOON, look).await;
        self.room(&room)
    }

    fn room(&self, room: &RoomId) -> Room {
        self.client.get_room(room).expect("a room the client knows")
    }

    /// Begins a direct chat as clients do: a new room with one invite.
    pub async fn creates_dm_with(&self, user: &str) -> Room {
        self.client.create_dm(&UserId::parse(user).unwrap()).await.unwrap()
    }

    /// Waits until somebody is in a room.
    pub async fn sees_joined(&self, room: &Room, user: &str) {
        let look = || async {
            let seen = self.seen.lock().unwrap();
            let is_join = |event: &Value| event["state_key"] == user && event["content"]["membership"] == "join";
            seen.iter()
                .any(|(at, event)| at == room.room_id() && is_join(event))
                .then_some(())
        };
        eventually(&format!("{user} joins"), SOON, look).await;
    }

    /// Waits until somebody has left a room or was sent out of it.
    pub async fn sees_gone(&self, room: &Room, user: &str) {
        let look = || async {
            let seen = self.seen.lock().unwrap();
            let is_end = |event: &Value| event["state_key"] == user && event["content"]["membership"] == "leave";
            seen.iter()
                .any(|(at, event)| at == room.room_id() && is_end(event))
                .then_some(())
        };
        eventually(&format!("{user} goes"), SOON, look).await;
    }

    /// Sends somebody out of a room.
    pub async fn kicks(&self, room: &Room, user: &str) {
        room.kick_user(&UserId::parse(user).unwrap(), None).await.unwrap();
    }

    /// Replaces a room by a new one and invites these people into it, as clients do.
    pub async fn upgrades(&self, room: &Room, invited: &[&str]) -> Room {
        let version = RoomVersionId::V11;
        let request = upgrade_room::v3::Request::new(room.room_id().to_owned(), version);
        let next = self.client.send(request).await.unwrap().replacement_room;
        let look = || async { self.client.get_room(&next) };
        let next = eventually("the new room is known", SOON, look).await;
        for user in invited {
            next.invite_user_by_id(&UserId::parse(user).unwrap()).await.unwrap();
        }
        next
    }

    /// Writes a text; tells its event id.
    pub async fn says(&self, room: &Room, text: &str) -> String {
        let content = json!({ "msgtype": "m.text", "body": text });
        self.sends(room, "m.room.message", content).await
    }

    /// Answers an event; tells the id of the answer.
    pub async fn replies(&self, room: &Room, event: &Value, text: &str) -> String {
        let relation = json!({ "m.in_reply_to": { "event_id": event["event_id"] } });
        let content = json!({ "msgtype": "m.text", "body": text, "m.relates_to": relation });
        self.sends(room, "m.room.message", content).await
    }

    /// Sends an event; tells its id.
    pub async fn sends(&self, room: &Room, kind: &str, content: Value) -> String {
        assert_eq!(room.state(), RoomState::Joined);
        let sent = room.send_raw(kind, content).await.unwrap();
        sent.response.event_id.to_string()
    }

    /// Sets state of a room.
    pub async fn sets(&self, room: &Room, kind: &str, content: Value) {
        room.send_state_event_raw(kind, "", content).await.unwrap();
    }

    /// Sets a piece of a room's state that is theirs alone; tells its event id.
    pub async fn sets_own(&self, room: &Room, kind: &str, content: Value) -> String {
        let set = room.send_state_event_raw(kind, self.id(), content).await.unwrap();
        set.event_id.to_string()
    }

    /// The content of a piece of a room's state, as it came last.
    pub fn state(&self, room: &Room, kind: &str) -> Option<Value> {
        let seen = self.seen.lock().unwrap();
        let is_it = |event: &Value| event["type"] == kind && event["state_key"] == "";
        let last = seen.iter().rfind(|(at, event)| at == room.room_id() && is_it(event));
        last.map(|(_, event)| event["content"].clone())
    }

    /// Takes an event back.
    pub async fn takes_back(&self, room: &Room, event: &str) {
        let event = EventId::parse(event).unwrap();
        room.redact(&event, None, None).await.unwrap();
    }

    /// An event as the homeserver gives it now, with what became of it.
    pub async fn event(&self, room: &Room, id: &str) -> Value {
        let event = room.event(&EventId::parse(id).unwrap(), None).await.unwrap();
        serde_json::from_str(event.raw().json().get()).unwrap()
    }

    /// Gives a file to the homeserver; tells its address.
    pub async fn uploads(&self, mime: &str, bytes: &[u8]) -> String {
        let upload = self.client.media().upload(&mime.parse().unwrap(), bytes.to_vec(), None);
        upload.await.unwrap().content_uri.to_string()
    }

    /// Waits until a direct chat says that it is bridged, and that the bot is no person.
    pub async fn sees_bridge(&self, room: &Room, bot: &str) {
        for kind in ["m.bridge", "uk.half-shot.bridge"] {
            let is_it = |event: &Value| event["type"] == kind && event["content"]["bridgebot"] == bot;
            self.sees(room, kind, is_it).await;
        }
        self.sees(room, "functional members", |event| {
            let members = event["content"]["service_members"].as_array();
            event["type"] == "io.element.functional_members" && members.is_some_and(|all| all.contains(&json!(bot)))
        })
        .await;
    }

    /// Waits for an event of a room that the client got by its sync.
    pub async fn sees(&self, room: &Room, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let is_it = &is_it;
        let look = || async move {
            let seen = self.seen.lock().unwrap();
            let found = seen.iter().find(|(at, event)| at == room.room_id() && is_it(event));
            found.map(|(_, event)| event.clone())
        };
        eventually(&format!("{} sees {what}", self.id), SOON, look).await
    }

    /// Waits for a message with this text.
    pub async fn shows(&self, room: &Room, text: &str) -> Value {
        self.sees(room, text, |event| event["content"]["body"] == text).await
    }

    /// Waits until an event was taken back.
    pub async fn sees_taken_back(&self, room: &Room, event: &Value) {
        let id = &event["event_id"];
        self.sees(room, "a redaction", |it| {
            it["type"] == "m.room.redaction" && (it["redacts"] == *id || it["content"]["redacts"] == *id)
        })
        .await;
    }

    /// Waits until they are out of a room.
    pub async fn is_out_of(&self, room: &Room) {
        let is_out = || async { (room.state() == RoomState::Left).then_some(()) };
        eventually(&format!("{} is out of {}", self.id, room.room_id()), SOON, is_out).await;
    }

    /// Waits for a message of this user with these words in it, and tells the text.
    pub async fn hears(&self, room: &Room, user: &str, words: &str) -> Value {
        self.sees(room, words, |event| {
            event["sender"] == user
                && event["content"]["body"]
                    .as_str()
                    .is_some_and(|text| text.contains(words))
        })
        .await
    }

    /// All events of a room as the homeserver has them, the oldest first.
    pub async fn reads(&self, room: &Room) -> Vec<Value> {
        let mut options = MessagesOptions::backward();
        options.limit = UInt::from(1000_u32);
        let page = room.messages(options).await.unwrap();
        let events = page.chunk.iter().rev();
        events
            .map(|event| serde_json::from_str(event.raw().json().get()).unwrap())
            .collect()
    }

    /// The texts of one sender in a room as the homeserver has them, in order.
    pub async fn texts_of(&self, room: &Room, sender: &str) -> Vec<String> {
        let events = self.reads(room).await;
        let mine = events.iter().filter(|event| event["sender"] == sender);
        mine.filter_map(|event| event["content"]["body"].as_str().map(str::to_owned))
            .collect()
    }

    /// The texts of one sender in a room that the client got, also those that were taken back since.
    pub fn heard(&self, room: &Room, sender: &str) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        let of_sender = seen
            .iter()
            .filter(|(at, event)| at == room.room_id() && event["sender"] == sender);
        of_sender
            .filter_map(|(_, event)| event["content"]["body"].as_str().map(str::to_owned))
            .collect()
    }

    /// Fetches a file.
    pub async fn downloads(&self, mxc: &str) -> Vec<u8> {
        let source = MediaSource::Plain(mxc.into());
        let request = MediaRequestParameters {
            source,
            format: MediaFormat::File,
        };
        self.client.media().get_media_content(&request, false).await.unwrap()
    }
}

fn presence(here: bool) -> PresenceState {
    if here {
        PresenceState::Online
    } else {
        PresenceState::Offline
    }
}

/// Syncs for ever; a homeserver that is away is asked again.
async fn sync(client: Client, here: Arc<AtomicBool>) {
    let filter = json!({ "room": { "timeline": { "limit": 1000 } } });
    let filter: FilterDefinition = serde_json::from_value(filter).unwrap();
    let settings = SyncSettings::default()
        .filter(filter.into())
        .timeout(Duration::from_secs(30));
    let mut ticks = tokio::time::interval(Duration::from_millis(200));
    loop {
        ticks.tick().await;
        let settings = settings.clone().set_presence(presence(here.load(Ordering::SeqCst)));
        let _ = client.sync_once(settings).await;
    }
}
