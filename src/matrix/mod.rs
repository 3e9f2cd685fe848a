//! The homeserver, as we use it: users, rooms, messages, and what its push lost. Called by `bridge` and at start.
//!
//! Deliberately not here: bridging decisions, and what the homeserver calls (see `appservice`).

mod account;
mod actor;
pub(crate) mod cards;
mod client;
mod config;
#[cfg(test)]
mod corpus;
mod emoji;
mod error;
pub(crate) mod html;
pub(crate) mod incoming;
mod listening;
mod media;
mod names;
pub(crate) mod outgoing;
pub(crate) mod registration;
mod repair;
mod rooms;
#[cfg(test)]
mod synapse;
#[cfg(test)]
mod tests;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use ruma::{
    OwnedMxcUri, OwnedRoomId, OwnedUserId, RoomId, UserId,
    api::client::{
        account::{
            register::{self, LoginType},
            whoami,
        },
        appservice::request_ping,
        discovery::get_supported_versions,
        media::create_content,
    },
};
use secrecy::SecretString;
use tokio::sync::OnceCell;

use self::client::{As, Client};
pub(crate) use self::{
    account::{AccountNews, FAVOURITE, LOW_PRIORITY},
    actor::{Actor, Present},
    config::Config,
    error::{Error, PingError},
    media::FileStream,
    names::Names,
    outgoing::transaction_id,
    registration::Registration,
    repair::Repair,
    rooms::{NewRoom, State},
};
use crate::model::Clock;

/// The device all our users act with.
pub(crate) const DEVICE: &str = "WHARF";

/// The homeserver. Clones share one connection.
#[derive(Clone)]
pub(crate) struct Homeserver(Arc<Inner>);

impl std::fmt::Debug for Homeserver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Homeserver")
            .field("server", &self.names().server().as_str())
            .finish_non_exhaustive()
    }
}

struct Inner {
    client: Client,
    names: Names,
    bot_name: String,
    appservice: String,
    token: SecretString,
    puppet_token: Option<SecretString>,
    clock: Clock,
    /// Whether a room's creator stands above its power levels here (room version 12 and later).
    creators_privileged: OnceCell<bool>,
    upload_limit: Mutex<media::UploadLimit>,
    making: rooms::Turns,
}

impl Homeserver {
    /// Prepares to talk; nothing is sent yet.
    ///
    /// # Errors
    /// `BadRequest` when the configuration makes no sense.
    pub(crate) fn new(
        config: &Config,
        registration: Registration,
        double_puppet: Option<Registration>,
        clock: Clock,
    ) -> Result<Self, Error> {
        Ok(Self(Arc::new(Inner {
            client: Client::new(config)?,
            names: Names::new(config)?,
            bot_name: config.bot_name.clone(),
            appservice: registration.id,
            token: registration.as_token,
            puppet_token: double_puppet.map(|it| it.as_token),
            clock,
            creators_privileged: OnceCell::new(),
            upload_limit: Mutex::default(),
            making: rooms::Turns::default(),
        })))
    }

    /// What our users are called.
    pub(crate) fn names(&self) -> &Names {
        &self.0.names
    }

    /// The bot.
    pub(crate) fn as_bot(&self) -> Actor {
        self.as_user(self.names().bot())
    }

    /// One of our users.
    pub(crate) fn as_user(&self, user: &UserId) -> Actor {
        Actor::new(self.clone(), user.to_owned(), false)
    }

    /// A real person, when double puppeting is set up and they live on this homeserver.
    pub(crate) fn as_puppet(&self, user: &UserId) -> Option<Actor> {
        let possible =
            self.0.puppet_token.is_some() && user.server_name() == self.names().server() && !self.names().is_ours(user);
        possible.then(|| Actor::new(self.clone(), user.to_owned(), true))
    }

    /// Makes one of our users and its device; repeating it is harmless.
    pub(crate) async fn register(&self, user: &UserId) -> Result<(), Error> {
        let mut request = register::v3::Request::new();
        request.username = Some(user.localpart().to_owned());
        request.login_type = Some(LoginType::ApplicationService);
        request.inhibit_login = true;
        match self.client().send("register", self.nobody(), request).await {
            Err(error) if !error.is("M_USER_IN_USE") => return Err(error),
            _ => {}
        }
        self.as_user(user).ensure_device().await
    }

    /// Makes the bot and gives it its name.
    pub(crate) async fn ensure_bot(&self) -> Result<(), Error> {
        self.register(self.names().bot()).await?;
        self.as_bot().set_display_name(&self.0.bot_name).await
    }

    /// The room with that alias (its localpart), made by the bot when there is none. Repeating it gives the same room.
    pub(crate) async fn create_room(&self, room: &NewRoom) -> Result<OwnedRoomId, Error> {
        rooms::ensure(self, room).await
    }

    /// Waits a while until a room shows one of ours by a name: a homeserver may write it into rooms after it took it (Synapse
    /// does so in a task of its own). Whoever is not in the room is not waited for.
    pub(crate) async fn shows_as(&self, room: &RoomId, user: &UserId, name: &str) -> Result<(), Error> {
        rooms::shows_as(self, room, user, name).await
    }

    /// Takes the alias (its localpart) away from its room: the next room made under it is another one.
    pub(crate) async fn forget_room(&self, alias: &str) -> Result<(), Error> {
        rooms::remove_alias(self, &self.names().alias(alias)?).await
    }

    /// The user our token belongs to: proof that the homeserver has loaded our registration.
    pub(crate) async fn whoami(&self) -> Result<OwnedUserId, Error> {
        Ok(self
            .client()
            .send("whoami", self.nobody(), whoami::v3::Request::new())
            .await?
            .user_id)
    }

    /// The versions of Matrix it says it speaks.
    pub(crate) async fn versions(&self) -> Result<Vec<String>, Error> {
        Ok(self
            .client()
            .ask("versions", get_supported_versions::Request::new())
            .await?
            .versions)
    }

    /// Lets it call us, and tells how long that took. After a good ping it pushes at once what it has waiting.
    pub(crate) async fn ping(&self) -> Result<Duration, PingError> {
        let request = request_ping::v1::Request::new(self.0.appservice.clone());
        match self.client().send("ping", self.nobody(), request).await {
            Ok(answer) => Ok(answer.duration),
            Err(Error::Refused {
                errcode,
                message,
                status,
            }) => Err(match errcode.as_str() {
                "M_URL_NOT_SET" => PingError::NoAddress,
                "M_CONNECTION_FAILED" => PingError::Connection(message),
                "M_CONNECTION_TIMEOUT" => PingError::Timeout,
                "M_BAD_STATUS" if matches!(status, 401 | 403) => PingError::WrongToken(status),
                "M_BAD_STATUS" => PingError::WrongAnswer(message),
                _ => PingError::Homeserver(Error::Refused {
                    status,
                    errcode,
                    message,
                }),
            }),
            Err(other) => Err(PingError::Homeserver(other)),
        }
    }

    /// Stores a small file and tells its address.
    pub(crate) async fn upload(&self, bytes: Vec<u8>, mime: &str, filename: &str) -> Result<OwnedMxcUri, Error> {
        let mut request = create_content::v3::Request::new(bytes);
        request.content_type = Some(mime.to_owned());
        request.filename = Some(filename.to_owned());
        Ok(self.as_bot().request("upload", request).await?.content_uri)
    }

    fn client(&self) -> &Client {
        &self.0.client
    }

    fn clock(&self) -> &Clock {
        &self.0.clock
    }

    fn token(&self, puppet: bool) -> &SecretString {
        self.0.puppet_token.as_ref().filter(|_| puppet).unwrap_or(&self.0.token)
    }

    fn nobody(&self) -> As<'_> {
        As {
            token: &self.0.token,
            user: None,
            device: None,
        }
    }
}
