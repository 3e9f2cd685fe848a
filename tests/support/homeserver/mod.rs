//! A small homeserver in memory that does what Synapse does with an application service, as it was measured: one
//! transaction in flight, retries that slow down, transaction ids scoped to device or path, a backlog that a crash
//! forgets, and honest duplicates for whoever sends twice.
//!
//! Deliberately not here: federation, encryption, power levels, and anything else wharf does not lean on.

mod account;
mod client_api;
mod levels;
mod media;
mod people;
mod push;
mod request;
mod rooms;
mod state;
mod sync;

use std::{
    net::Ipv4Addr,
    path::Path,
    sync::{Arc, Mutex, MutexGuard},
};

use serde_json::Value;
use tokio::{net::TcpListener, sync::watch};

pub use self::people::{Room, User};
use self::state::State;
use super::waiting::{SOON, eventually};

/// The homeserver; clones are the same one.
#[derive(Clone)]
pub struct Homeserver(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    /// Counts changes, for those who wait for one.
    changes: watch::Sender<u64>,
    address: String,
    http: reqwest::Client,
}

impl Homeserver {
    /// Listens on a port of loopback, with this registration loaded.
    pub async fn start(server_name: &str, port: u16, registration: &Path) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .expect("the port is free");
        let address = format!("http://{}", listener.local_addr().unwrap());
        let state = Mutex::new(State::new(server_name));
        let http = reqwest::Client::builder().timeout(push::PATIENCE).build().unwrap();
        let homeserver = Self(Arc::new(Inner {
            state,
            changes: watch::Sender::new(0),
            address,
            http,
        }));
        homeserver.loads(registration);
        let router = axum::Router::new()
            .fallback(client_api::answer)
            .layer(axum::extract::DefaultBodyLimit::max(100 * 1024 * 1024))
            .with_state(homeserver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        tokio::spawn(push::run(homeserver.clone()));
        homeserver
    }

    /// Loads one more registration, such as the one for double puppeting.
    pub fn loads(&self, registration: &Path) {
        let text = std::fs::read_to_string(registration).expect("the registration is there");
        let registration: Value = yaml_serde::from_str(&text).expect("the registration is YAML");
        self.change(|state| state.load(&registration));
    }

    /// Where it listens.
    pub fn address(&self) -> &str {
        &self.0.address
    }

    /// A person with an account here.
    pub fn user(&self, name: &str) -> User {
        User::new(self.clone(), name)
    }

    /// A room.
    pub fn room(&self, id: &str) -> Room {
        Room::new(self.clone(), id)
    }

    /// All rooms in which this user is, in the order they were made.
    pub fn rooms_of(&self, user: &str) -> Vec<Room> {
        let ids = self.look(|state| state.rooms_with(user, "join"));
        ids.into_iter().map(|id| self.room(&id)).collect()
    }

    /// All rooms.
    pub fn rooms(&self) -> Vec<Room> {
        let ids: Vec<_> = self.look(|state| state.rooms.iter().map(|room| room.id.clone()).collect());
        ids.into_iter().map(|id| self.room(&id)).collect()
    }

    /// An administrator deletes a room: nobody is in it any more, and nobody is told.
    pub fn deletes_room(&self, id: &str) {
        self.change(|state| {
            if let Ok(room) = state.room(id) {
                room.members.clear();
                room.state.clear();
            }
        });
    }

    /// Waits for a room that is as `is` wants it.
    pub async fn waits_for_room(&self, what: &str, is: impl Fn(&Room) -> bool) -> Room {
        eventually(what, SOON, || async { self.rooms().into_iter().find(&is) }).await
    }

    /// The name a user shows; `None` when there is no such user.
    pub fn display_name(&self, user: &str) -> Option<String> {
        self.look(|state| state.users.get(user).map(|account| account.name.clone()))
    }

    /// The address of the picture a user shows, empty without one.
    pub fn picture(&self, user: &str) -> Option<String> {
        self.look(|state| state.users.get(user).map(|account| account.picture.clone()))
    }

    /// Whether a user is shown as present, and the word about it.
    pub fn presence(&self, user: &str) -> Option<(String, Option<String>)> {
        self.look(|state| {
            let presence = state.users.get(user)?.data.get("presence")?;
            let text = |key: &str| presence[key].as_str().map(str::to_owned);
            Some((text("presence")?, text("status_msg")))
        })
    }

    /// Every request so far: method and path.
    pub fn requests(&self) -> Vec<String> {
        self.look(|state| state.requests.clone())
    }

    /// It cannot be reached, as behind a broken proxy; requests it holds open end at once. Nothing is forgotten.
    pub fn is_down(&self) {
        self.change(|state| state.faults.down = true);
    }

    /// Its process dies: what it had not pushed and what it remembers only in memory is gone, and on its return its
    /// transactions are counted from the beginning.
    pub fn is_killed(&self) {
        self.change(|state| {
            state.faults.down = true;
            state.forget();
        });
    }

    /// It is back.
    pub fn is_up(&self) {
        self.change(|state| state.faults.down = false);
    }

    /// Answers the next requests with this status and does nothing of them.
    pub fn answers(&self, status: u16, times: usize) {
        self.change(|state| state.faults.answers.extend(std::iter::repeat_n(status, times)));
    }

    /// Does the next requests, but its answers are lost on the way.
    pub fn loses_answers(&self, times: usize) {
        self.change(|state| state.faults.lost_answers += times);
    }

    /// From now on, what happens is never pushed (or is again).
    pub fn drops_push(&self, drops: bool) {
        self.change(|state| state.faults.drops_push = drops);
    }

    /// Refuses every request with these words in its method and path, from now on; with empty words none.
    pub fn refuses(&self, words: &str) {
        self.change(|state| state.faults.refused = Some(words.to_owned()).filter(|words| !words.is_empty()));
    }

    /// Lets every request with these words in its method and path stand still, until it lets go.
    pub fn holds(&self, words: &str) {
        self.change(|state| state.faults.held = Some(words.to_owned()));
    }

    /// Goes on with what it holds.
    pub fn lets_go(&self) {
        self.change(|state| state.faults.held = None);
    }

    /// Waits as long as a request like this is held.
    async fn is_let_go(&self, line: &str) {
        let mut changes = self.0.changes.subscribe();
        while self.look(|state| state.faults.held.as_ref().is_some_and(|words| line.contains(words))) {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// It cannot reach the application service, though that can reach it (or can again).
    pub fn cannot_reach_service(&self, cannot: bool) {
        self.change(|state| state.faults.cannot_reach_service = cannot);
    }

    /// As after many pushes that failed: when the next one fails it waits for 512 seconds.
    pub fn has_failed_to_push(&self) {
        self.change(|state| state.push.failed_often());
    }

    /// Waits until it will not push by itself for 512 seconds.
    pub async fn has_given_up_for_long(&self) {
        eventually("it waits for 512 seconds", SOON, || async {
            self.look(|state| state.push.waits_longest()).then_some(())
        })
        .await;
    }

    /// Transactions that wharf has acknowledged: id and body.
    pub fn pushed(&self) -> Vec<(u64, Value)> {
        self.look(|state| state.push.acknowledged.clone())
    }

    /// Pushes these events now, once, as the transaction with that id; returns the status of the answer.
    pub async fn pushes_again(&self, transaction: u64, events: &[Value]) -> u16 {
        let body = serde_json::json!({ "events": events });
        push::once(self, transaction, &body).await.unwrap_or(0)
    }

    /// Waits until everything that happened is pushed and acknowledged.
    pub async fn has_pushed_everything(&self) {
        eventually("everything is pushed", SOON, || async {
            self.look(|state| state.push.is_idle()).then_some(())
        })
        .await;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap()
    }

    fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.lock())
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.lock());
        self.0.changes.send_modify(|count| *count += 1);
        result
    }
}
