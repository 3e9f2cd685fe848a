//! One Matrix user of ours, or a real person by double puppeting, doing things.
//!
//! Requests carry user and device: Synapse remembers transaction ids across its own restarts only for devices.

use std::{borrow::Cow, time::Duration};

use ruma::{
    EventId, MxcUri, OwnedEventId, OwnedMxcUri, OwnedRoomId, OwnedTransactionId, OwnedUserId, RoomId, RoomOrAliasId,
    TransactionId, UserId,
    api::{
        OutgoingRequest, SupportedVersions,
        auth_scheme::{AuthScheme, SendAccessToken},
        client::{
            device::update_device,
            knock::knock_room,
            membership::{get_member_events, invite_user, join_room_by_id_or_alias, kick_user, leave_room, unban_user},
            message::send_message_event,
            presence::{get_presence, set_presence},
            profile::set_profile_field,
            read_marker::set_read_marker,
            receipt::create_receipt,
            redact::redact_event,
            room::get_room_event,
            state::{get_state_event_for_key, send_state_event},
            typing::create_typing_event,
        },
        path_builder::PathBuilder,
    },
    events::room::member::MembershipState,
    presence::PresenceState,
    serde::Raw,
};
use serde::Serialize;
use serde_json::{
    Value, json,
    value::{RawValue, to_raw_value},
};

use super::{DEVICE, Error, Homeserver, client::As, outgoing};
use crate::model::Timestamp;

/// Whether somebody is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Present {
    /// Now.
    Online,
    /// Not now.
    Offline,
}

/// Somebody on the homeserver in whose name we act.
#[derive(Clone)]
pub(crate) struct Actor {
    homeserver: Homeserver,
    user: OwnedUserId,
    puppet: bool,
}

impl Actor {
    pub(super) fn new(homeserver: Homeserver, user: OwnedUserId, puppet: bool) -> Self {
        Self {
            homeserver,
            user,
            puppet,
        }
    }

    /// Who acts.
    pub(crate) fn user(&self) -> &UserId {
        &self.user
    }

    /// Whether it is a real person.
    pub(super) fn is_puppet(&self) -> bool {
        self.puppet
    }

    /// Joins a room; being in it already is success.
    pub(crate) async fn join<'a>(&self, room: impl Into<&'a RoomOrAliasId>) -> Result<OwnedRoomId, Error> {
        let request = join_room_by_id_or_alias::v3::Request::new(room.into().to_owned());
        Ok(self.request("join", request).await?.room_id)
    }

    /// Invites somebody; that they are in the room or invited already is success.
    pub(crate) async fn invite(&self, room: &RoomId, user: &UserId) -> Result<(), Error> {
        let recipient = invite_user::v3::InvitationRecipient::UserId(invite_user::v3::InviteUserId::new(user.into()));
        match self
            .request("invite", invite_user::v3::Request::new(room.into(), recipient))
            .await
        {
            Ok(_) => Ok(()),
            Err(refused @ Error::Refused { status: 403, .. }) => match self.membership(room, user).await? {
                Some(membership) if membership == "join" || membership == "invite" => Ok(()),
                _ => Err(refused),
            },
            Err(other) => Err(other),
        }
    }

    /// Sends somebody out of a room; that they are not in it is success.
    pub(crate) async fn kick(&self, room: &RoomId, user: &UserId, reason: Option<&str>) -> Result<(), Error> {
        let mut request = kick_user::v3::Request::new(room.into(), user.into());
        request.reason = reason.map(str::to_owned);
        match self.request("kick", request).await {
            Ok(_) => Ok(()),
            Err(refused @ Error::Refused { status: 403, .. }) => match self.membership(room, user).await? {
                Some(membership) if membership == "join" || membership == "invite" => Err(refused),
                _ => Ok(()),
            },
            Err(other) => Err(other),
        }
    }

    /// Leaves a room or declines its invite; not being in it is success.
    pub(crate) async fn leave(&self, room: &RoomId) -> Result<(), Error> {
        match self.request("leave", leave_room::v3::Request::new(room.into())).await {
            Ok(_) | Err(Error::Refused { status: 403, .. } | Error::NotFound(_)) => Ok(()),
            Err(other) => Err(other),
        }
    }

    /// Lets somebody be invited again.
    pub(crate) async fn unban(&self, room: &RoomId, user: &UserId) -> Result<(), Error> {
        let request = unban_user::v3::Request::new(room.into(), user.into());
        self.request("unban", request).await.map(drop)
    }

    /// Who is in a room or invited to it.
    pub(crate) async fn people(&self, room: &RoomId) -> Result<Vec<OwnedUserId>, Error> {
        let mut request = get_member_events::v3::Request::new(room.into());
        request.not_membership = Some(MembershipState::Leave);
        let answer = self.request("members", request).await?;
        let mut people = Vec::with_capacity(answer.chunk.len());
        for event in &answer.chunk {
            let event = read(event.json().get())?;
            let membership = event["content"]["membership"].as_str().unwrap_or_default();
            let user = event["state_key"].as_str().and_then(|user| user.try_into().ok());
            people.extend(user.filter(|_| matches!(membership, "join" | "invite" | "knock")));
        }
        Ok(people)
    }

    /// Sends an event; with the same `transaction` it is sent once however often it is tried. `at` is the time it shows.
    pub(crate) async fn send(
        &self,
        room: &RoomId,
        event_type: &str,
        content: &Value,
        transaction: &str,
        at: Option<Timestamp>,
    ) -> Result<OwnedEventId, Error> {
        let mut content = Cow::Borrowed(content);
        if self.puppet {
            // The homeserver shows this to us again as if the person had written it.
            outgoing::mark(content.to_mut(), room);
        }
        let mut request = send_message_event::v3::Request::new_raw(
            room.into(),
            transaction_id(transaction),
            event_type.into(),
            raw(&*content)?,
        );
        request.timestamp = at.and_then(matrix_time);
        Ok(self.request("send", request).await?.event_id)
    }

    /// Sets a piece of the room's state.
    pub(crate) async fn send_state(
        &self,
        room: &RoomId,
        event_type: &str,
        key: &str,
        content: &Value,
    ) -> Result<OwnedEventId, Error> {
        self.send_state_at(room, (event_type, key), content, None).await
    }

    /// The same; `at` is the time it shows.
    pub(crate) async fn send_state_at(
        &self,
        room: &RoomId,
        (event_type, key): (&str, &str),
        content: &Value,
        at: Option<Timestamp>,
    ) -> Result<OwnedEventId, Error> {
        let mut content = Cow::Borrowed(content);
        if self.puppet {
            // As with messages: the homeserver shows it to us again.
            outgoing::mark(content.to_mut(), room);
        }
        let content = raw(&*content)?;
        let mut request =
            send_state_event::v3::Request::new_raw(room.into(), event_type.into(), key.to_owned(), content);
        request.timestamp = at.and_then(matrix_time);
        Ok(self.request("send_state", request).await?.event_id)
    }

    /// Asks to be let into a room.
    pub(crate) async fn knock(&self, room: &RoomId) -> Result<(), Error> {
        let request = knock_room::v3::Request::new(<&RoomOrAliasId>::from(room).to_owned());
        self.request("knock", request).await.map(drop)
    }

    /// A piece of the room's state; `None` when it was never set.
    pub(crate) async fn get_state(&self, room: &RoomId, event_type: &str, key: &str) -> Result<Option<Value>, Error> {
        let request = get_state_event_for_key::v3::Request::new(room.into(), event_type.into(), key.to_owned());
        match self.request("get_state", request).await {
            Ok(answer) => read(answer.event_or_content.get()).map(Some),
            Err(Error::NotFound(_)) => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// A piece of the room's state and who set it, where the homeserver tells; `None` when it was never set.
    pub(crate) async fn get_state_with_sender(
        &self,
        room: &RoomId,
        event_type: &str,
        key: &str,
    ) -> Result<Option<(Value, Option<OwnedUserId>)>, Error> {
        let mut request = get_state_event_for_key::v3::Request::new(room.into(), event_type.into(), key.to_owned());
        request.format = get_state_event_for_key::v3::StateEventFormat::Event;
        let mut event: Value = match self.request("get_state", request).await {
            Ok(answer) => read(answer.event_or_content.get())?,
            Err(Error::NotFound(_)) => return Ok(None),
            Err(other) => return Err(other),
        };
        let sender = event["sender"].as_str().and_then(|sender| sender.try_into().ok());
        // A homeserver that knows no formats answers with the content alone.
        let content = match &sender {
            Some(_) => event["content"].take(),
            None => event,
        };
        Ok(Some((content, sender)))
    }

    /// Holds an event at the top of the room, or no longer. Repeating it changes nothing.
    pub(crate) async fn pin(&self, room: &RoomId, event: &EventId, pinned: bool) -> Result<(), Error> {
        let state = self.get_state(room, "m.room.pinned_events", "").await?;
        let before = state.as_ref().and_then(|state| state.get("pinned")?.as_array());
        let before: Vec<&str> = before.into_iter().flatten().filter_map(Value::as_str).collect();
        if before.contains(&event.as_str()) == pinned {
            return Ok(());
        }
        let mut after: Vec<&str> = before.into_iter().filter(|it| *it != event).collect();
        after.extend(pinned.then_some(event.as_str()));
        self.send_state(room, "m.room.pinned_events", "", &json!({ "pinned": after }))
            .await
            .map(drop)
    }

    /// Holds another event at the top of the room where one was held. Repeating it changes nothing.
    pub(crate) async fn pin_instead(&self, room: &RoomId, before: &EventId, now: &EventId) -> Result<(), Error> {
        let state = self.get_state(room, "m.room.pinned_events", "").await?;
        let pinned = state.as_ref().and_then(|state| state.get("pinned")?.as_array());
        let pinned: Vec<&str> = pinned.into_iter().flatten().filter_map(Value::as_str).collect();
        if !pinned.contains(&before.as_str()) {
            return Ok(());
        }
        let instead = |it: &str| {
            if it == before {
                now.as_str().to_owned()
            } else {
                it.to_owned()
            }
        };
        let after: Vec<String> = pinned.into_iter().map(instead).collect();
        self.send_state(room, "m.room.pinned_events", "", &json!({ "pinned": after }))
            .await
            .map(drop)
    }

    /// Takes an event back; with the same `transaction` once however often it is tried. In a real person's name the
    /// homeserver shows this to us again without a mark: a redaction has no content to put one in.
    pub(crate) async fn redact(
        &self,
        room: &RoomId,
        event: &EventId,
        transaction: &str,
        reason: Option<&str>,
    ) -> Result<OwnedEventId, Error> {
        let mut request = redact_event::v3::Request::new(room.into(), event.into(), transaction_id(transaction));
        request.reason = reason.map(str::to_owned);
        Ok(self.request("redact", request).await?.event_id)
    }

    /// Sets the name this user shows.
    pub(crate) async fn set_display_name(&self, name: &str) -> Result<(), Error> {
        let name = ruma::profile::ProfileFieldValue::DisplayName(name.to_owned());
        let request = set_profile_field::v3::Request::new(self.user.clone(), name);
        self.request("set_display_name", request).await.map(drop)
    }

    /// Sets the picture this user shows, or takes it away.
    pub(crate) async fn set_avatar(&self, source: Option<&MxcUri>) -> Result<(), Error> {
        // An empty address takes it away everywhere; deleting the field is newer than many homeservers.
        let source = source.map_or_else(|| OwnedMxcUri::from(""), ToOwned::to_owned);
        let picture = ruma::profile::ProfileFieldValue::AvatarUrl(source);
        let request = set_profile_field::v3::Request::new(self.user.clone(), picture);
        self.request("set_avatar", request).await.map(drop)
    }

    /// Shows whether this user is there, with a word about it.
    pub(crate) async fn is_present(&self, present: Present, said: Option<&str>) -> Result<(), Error> {
        let state = match present {
            Present::Online => PresenceState::Online,
            Present::Offline => PresenceState::Offline,
        };
        let mut request = set_presence::v3::Request::new(self.user.clone(), state);
        request.status_msg = said.map(str::to_owned);
        self.request("is_present", request).await.map(drop)
    }

    /// Whether somebody is there, as far as this user may know.
    pub(crate) async fn sees_present(&self, whom: &UserId) -> Result<bool, Error> {
        let request = get_presence::v3::Request::new(whom.to_owned());
        let answer = self.request("sees_present", request).await?;
        Ok(answer.presence == PresenceState::Online)
    }

    /// Shows this user typing for so long, or no longer.
    pub(crate) async fn typing(&self, room: &RoomId, typing: bool, timeout: Duration) -> Result<(), Error> {
        use create_typing_event::v3::{Request, Typing, TypingInfo};
        let state = if typing {
            Typing::Yes(TypingInfo::new(timeout))
        } else {
            Typing::No
        };
        self.request("typing", Request::new(self.user.clone(), room.into(), state))
            .await
            .map(drop)
    }

    /// Says that this user has read up to an event.
    pub(crate) async fn read(&self, room: &RoomId, event: &EventId) -> Result<(), Error> {
        use create_receipt::v3::{ReceiptType, Request};
        let request = Request::new(room.into(), ReceiptType::Read, event.into());
        self.request("read", request).await.map(drop)
    }

    /// The same, and moves the line above which this user's own clients show nothing as new.
    pub(crate) async fn has_read(&self, room: &RoomId, event: &EventId) -> Result<(), Error> {
        let mut request = set_read_marker::v3::Request::new(room.into());
        request.fully_read = Some(event.into());
        request.read_receipt = Some(event.into());
        self.request("has_read", request).await.map(drop)
    }

    /// When an event happened, by its own word; `None` when this user cannot see such an event.
    pub(crate) async fn time_of(&self, room: &RoomId, event: &EventId) -> Result<Option<Timestamp>, Error> {
        let Some(event) = self.event(room, event).await? else {
            return Ok(None);
        };
        let event = read(event.get())?;
        Ok(event["origin_server_ts"].as_i64().map(Timestamp::from_millis))
    }

    /// An event as it was sent; `None` when this user cannot see such an event.
    pub(crate) async fn event(&self, room: &RoomId, event: &EventId) -> Result<Option<Box<RawValue>>, Error> {
        let request = get_room_event::v3::Request::new(room.into(), event.into());
        match self.request("event", request).await {
            Ok(answer) => Ok(Some(answer.event.into_json())),
            Err(Error::NotFound(_)) => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// How `user` stands to the room ("join", "invite", "leave", "ban", "knock"); `None` when they never did.
    pub(crate) async fn membership(&self, room: &RoomId, user: &UserId) -> Result<Option<String>, Error> {
        let state = self.get_state(room, "m.room.member", user.as_str()).await?;
        Ok(state.and_then(|state| Some(state.get("membership")?.as_str()?.to_owned())))
    }

    /// Makes the device this user acts with.
    pub(super) async fn ensure_device(&self) -> Result<(), Error> {
        let mut request = update_device::v3::Request::new(DEVICE.into());
        request.display_name = Some("wharf".into());
        let who = As {
            device: None,
            ..self.who()
        };
        self.homeserver
            .client()
            .send("ensure_device", who, request)
            .await
            .map(drop)
    }

    pub(super) async fn request<R>(&self, verb: &'static str, request: R) -> Result<R::IncomingResponse, Error>
    where
        R: OutgoingRequest,
        for<'a> R::Authentication: AuthScheme<Input<'a> = SendAccessToken<'a>>,
        for<'a> R::PathBuilder: PathBuilder<Input<'a> = Cow<'a, SupportedVersions>>,
    {
        match self.homeserver.client().send(verb, self.who(), request.clone()).await {
            // Real people come without our device, and anybody may have deleted it.
            Err(error) if error.is("M_UNKNOWN_DEVICE") => {
                self.ensure_device().await?;
                self.homeserver.client().send(verb, self.who(), request).await
            }
            other => other,
        }
    }

    /// A request that fails at the first trouble.
    pub(super) async fn request_once<R>(&self, verb: &'static str, request: R) -> Result<R::IncomingResponse, Error>
    where
        R: OutgoingRequest,
        for<'a> R::Authentication: AuthScheme<Input<'a> = SendAccessToken<'a>>,
        for<'a> R::PathBuilder: PathBuilder<Input<'a> = Cow<'a, SupportedVersions>>,
    {
        self.homeserver
            .client()
            .impatient()
            .send(verb, self.who(), request)
            .await
    }

    fn who(&self) -> As<'_> {
        As {
            token: self.homeserver.token(self.puppet),
            user: Some(&self.user),
            device: Some(DEVICE.into()),
        }
    }
}

fn transaction_id(text: &str) -> OwnedTransactionId {
    <&TransactionId>::from(text).to_owned()
}

fn matrix_time(at: Timestamp) -> Option<ruma::MilliSecondsSinceUnixEpoch> {
    ruma::UInt::try_from(at.millis())
        .ok()
        .map(ruma::MilliSecondsSinceUnixEpoch)
}

fn raw<T>(content: &(impl Serialize + ?Sized)) -> Result<Raw<T>, Error> {
    Ok(Raw::from_json(
        to_raw_value(content).map_err(|error| Error::BadRequest(error.into()))?,
    ))
}

fn read(json: &str) -> Result<Value, Error> {
    serde_json::from_str(json).map_err(|error| Error::BadAnswer(error.into()))
}
