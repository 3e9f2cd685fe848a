//! The client API, as far as an application service uses it.

use axum::{
    Json,
    body::Bytes,
    extract::{Request as HttpRequest, State as Shared},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{
    Homeserver, media,
    request::{Caller, Refused, Request},
    state::{Account, State},
    sync,
};

type Answer = Result<Value, Refused>;

/// Answers a request, or fails it as the test wants.
pub(super) async fn answer(Shared(homeserver): Shared<Homeserver>, request: HttpRequest) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX)
        .await
        .unwrap_or_else(|_| Bytes::new());
    let request = Request::read(&parts, &body);
    let planned = homeserver.change(|state| {
        let line = request.line();
        let is_refused = state.faults.refused.as_ref().is_some_and(|words| line.contains(words));
        state.requests.push(line);
        if state.faults.down {
            Some(502)
        } else if is_refused {
            Some(403)
        } else {
            state.faults.answers.pop_front()
        }
    });
    if let Some(status) = planned {
        return failure(status);
    }
    homeserver.is_let_go(&request.line()).await;
    let answer = match media::answer(&homeserver, &request, &parts.headers, &body) {
        Some(answer) => answer,
        None => route(&homeserver, &request).await.map(Json).into_response(),
    };
    let is_lost = homeserver.change(|state| {
        let is_lost = state.faults.lost_answers > 0;
        state.faults.lost_answers = state.faults.lost_answers.saturating_sub(1);
        is_lost || state.faults.down
    });
    if is_lost { failure(502) } else { answer }
}

fn failure(status: u16) -> Response {
    match status {
        429 => {
            let body = json!({"errcode": "M_LIMIT_EXCEEDED", "error": "Too Many Requests", "retry_after_ms": 100});
            (axum::http::StatusCode::TOO_MANY_REQUESTS, Json(body)).into_response()
        }
        502 => axum::http::StatusCode::BAD_GATEWAY.into_response(),
        status => Refused::new(status, "M_UNKNOWN", "as the test wants").into_response(),
    }
}

async fn route(homeserver: &Homeserver, request: &Request) -> Answer {
    let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
    match (request.method.as_str(), path.as_slice()) {
        ("GET", ["versions"]) => Ok(json!({"versions": ["v1.11", "v1.15"], "unstable_features": {}})),
        ("POST", ["register"]) => homeserver.change(|state| register(state, request)),
        ("POST", ["appservice", _, "ping"]) => {
            homeserver.look(|state| request.caller(state))?;
            ping(homeserver, request).await
        }
        ("GET", ["sync"]) => sync::sync(homeserver, request).await,
        ("POST", ["createRoom"]) => {
            let caller = homeserver.look(|state| request.caller(state))?;
            let invited = request.body["invite"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str);
            for user in invited {
                ask_for(homeserver, user).await;
            }
            let room = homeserver.change(|state| state.create_room(&caller.user, &request.body))?;
            Ok(json!({ "room_id": room }))
        }
        ("POST", ["rooms", room, "invite"]) => {
            let caller = homeserver.look(|state| request.caller(state))?;
            let user = request.body["user_id"].as_str().unwrap_or_default();
            ask_for(homeserver, user).await;
            homeserver
                .change(|state| state.invite(room, &caller.user, user))
                .map(empty)
        }
        (method, path) => {
            let caller = homeserver.look(|state| request.caller(state))?;
            homeserver.change(|state| act(state, request, &caller, method, path))
        }
    }
}

fn act(state: &mut State, request: &Request, caller: &Caller, method: &str, path: &[&str]) -> Answer {
    let (user, body) = (caller.user.as_str(), &request.body);
    match (method, path) {
        ("GET", ["account", "whoami"]) => Ok(json!({"user_id": user, "is_guest": false})),
        ("GET", ["capabilities"]) => {
            let versions = json!({"default": "12", "available": {"12": "stable"}});
            Ok(json!({"capabilities": {"m.room_versions": versions}}))
        }
        ("PUT", ["devices", device]) => {
            state
                .users
                .entry(user.to_owned())
                .or_default()
                .devices
                .insert((*device).to_owned());
            Ok(json!({}))
        }
        ("PUT", ["profile", whose, field]) => set_profile(state, user, whose, field, body).map(empty),
        ("PUT", ["user", whose, "account_data", kind]) if *whose == user => {
            state
                .users
                .entry(user.to_owned())
                .or_default()
                .data
                .insert((*kind).to_owned(), body.clone());
            Ok(json!({}))
        }
        ("PUT" | "DELETE", ["user", whose, "rooms", room, what @ ..]) if *whose == user => {
            let key = format!("{room}/{}", what.join("/"));
            keep(state, user, &key, method, body)
        }
        ("PUT" | "DELETE", ["pushrules", "global", "room", room]) => {
            keep(state, user, &format!("{room}/silence"), method, body)
        }
        ("PUT", ["presence", whose, "status"]) if *whose == user => keep(state, user, "presence", method, body),
        ("GET", ["presence", whose, "status"]) => {
            let presence = state.users.get(*whose).and_then(|account| account.data.get("presence"));
            presence.cloned().ok_or(Refused::not_found("Presence not known"))
        }
        ("GET", ["pushrules", ..]) => Ok(state.push_rules(user)),
        ("GET", ["user", whose, "rooms", room, "tags"]) if *whose == user => Ok(state.tags(user, room)),
        ("GET", ["user", whose, "rooms", room, what @ ..]) if *whose == user => {
            let key = format!("{room}/{}", what.join("/"));
            let data = state.users.get(user).and_then(|account| account.data.get(&key));
            data.cloned().ok_or(Refused::not_found("Account data not found"))
        }
        ("DELETE", ["pushrules", "global", "override", _]) => Err(Refused::not_found("Not found")),
        ("GET", ["user", whose, "account_data", kind]) if *whose == user => {
            let data = state.users.get(user).and_then(|account| account.data.get(*kind));
            data.cloned().ok_or(Refused::not_found("Account data not found"))
        }
        ("GET", ["directory", "room", alias]) => {
            let room = state
                .aliases
                .get(*alias)
                .ok_or(Refused::not_found("Room alias not found"))?;
            Ok(json!({"room_id": room, "servers": [state.server]}))
        }
        ("DELETE", ["directory", "room", alias]) => state
            .aliases
            .remove(*alias)
            .map(|_| json!({}))
            .ok_or(Refused::not_found("Room alias not found")),
        ("POST", ["knock", room]) => state.knock(room, user).map(|()| json!({ "room_id": room })),
        ("POST", ["join", target]) => Ok(json!({"room_id": state.join(target, user)?})),
        (_, ["rooms", room, rest @ ..]) => in_room(state, request, caller, room, (method, rest)),
        _ => Err(Refused::new(404, "M_UNRECOGNIZED", "Unrecognized request")),
    }
}

/// Keeps something in a person's account, or throws it away.
fn keep(state: &mut State, user: &str, key: &str, method: &str, body: &Value) -> Answer {
    state.keep(user, key, (method != "DELETE").then_some(body)).map(empty)
}

fn in_room(state: &mut State, request: &Request, caller: &Caller, room: &str, what: (&str, &[&str])) -> Answer {
    let (user, body) = (caller.user.as_str(), &request.body);
    match what {
        ("POST", ["join"]) => Ok(json!({"room_id": state.join(room, user)?})),
        ("POST", ["kick"]) => {
            let whom = body["user_id"].as_str().unwrap_or_default();
            state.kick(room, user, whom, &body["reason"]).map(empty)
        }
        ("POST", ["leave"]) => state.leave(room, user).map(empty),
        ("POST", ["unban"]) => {
            let whom = body["user_id"].as_str().unwrap_or_default();
            state.shut_out(room, user, whom, false).map(empty)
        }
        ("GET", ["members"]) => {
            let there = state.room(room)?;
            there.must_have(user)?;
            let members = there.state.iter().filter(|((kind, _), _)| kind == "m.room.member");
            let chunk: Vec<_> = members.map(|(_, event)| event.clone()).collect();
            Ok(json!({ "chunk": chunk }))
        }
        ("PUT", ["send", kind, transaction]) => send(state, request, caller, room, (kind, transaction, body)),
        ("PUT", ["redact", event, transaction]) => {
            let redaction = json!({"redacts": event, "reason": body["reason"]});
            send(
                state,
                request,
                caller,
                room,
                ("m.room.redaction", transaction, &redaction),
            )
        }
        ("PUT", ["state", kind, key]) => Ok(json!({"event_id": state.set(room, user, kind, key, body)?})),
        ("GET", ["state", kind, key]) => {
            let there = state.room(room)?;
            there.must_have(user)?;
            let event = there.state.get(&((*kind).to_owned(), (*key).to_owned()));
            let is_whole = request.query.get("format").is_some_and(|format| format == "event");
            event
                .map(|event| {
                    if is_whole {
                        event.clone()
                    } else {
                        event["content"].clone()
                    }
                })
                .ok_or(Refused::not_found("Event not found."))
        }
        ("PUT", ["typing", _]) => state.type_in(room, user, body["typing"] == true).map(empty),
        ("POST", ["receipt", kind, event]) => state.read_up_to(room, user, (kind, event)).map(empty),
        ("POST", ["read_markers"]) => match body["m.read"].as_str() {
            Some(event) => state.read_up_to(room, user, ("m.read", event)).map(empty),
            None => Ok(json!({})),
        },
        ("GET", ["event", event]) => {
            state.room(room)?.must_have(user)?;
            let here = || state.stream.iter().filter(|it| it["room_id"] == *room);
            let found = here().find(|it| it["event_id"] == *event);
            let mut found = found.cloned().ok_or(Refused::not_found("Event not found."))?;
            // Beside an event stands its latest edit that was not taken back.
            let is_edit = |it: &&Value| {
                let relation = &it["content"]["m.relates_to"];
                let is_about = relation["rel_type"] == "m.replace" && relation["event_id"] == *event;
                let is_gone = || here().any(|other| other["content"]["redacts"] == it["event_id"]);
                is_about && it["sender"] == found["sender"] && !is_gone()
            };
            if let Some(edit) = here().rfind(is_edit).cloned() {
                found["unsigned"]["m.relations"]["m.replace"] = edit;
            }
            Ok(found)
        }
        ("GET", ["joined_members"]) => {
            let there = state.room(room)?;
            there.must_have(user)?;
            let joined = there.members.iter().filter(|(_, membership)| *membership == "join");
            let joined: serde_json::Map<_, _> = joined.map(|(user, _)| (user.clone(), json!({}))).collect();
            Ok(json!({ "joined": joined }))
        }
        ("GET", ["messages"]) => sync::messages(state, request, user, room),
        _ => Err(Refused::new(404, "M_UNRECOGNIZED", "Unrecognized request")),
    }
}

/// Sends once for each transaction, by both rules of Synapse.
fn send(state: &mut State, request: &Request, caller: &Caller, room: &str, what: (&str, &str, &Value)) -> Answer {
    let (kind, transaction, content) = what;
    let memory = request.memory(caller);
    if let Some(answer) = state.paths.get(&memory) {
        return Ok(answer.clone());
    }
    state.room(room)?.must_have(&caller.user)?;
    state.room(room)?.levels().must_allow(&caller.user, kind, false)?;
    let kept = caller
        .device
        .clone()
        .map(|device| [room.to_owned(), caller.user.clone(), device, transaction.to_owned()]);
    let known = kept.as_ref().and_then(|key| state.transactions.get(key).cloned());
    let event = if let Some(event) = known {
        event
    } else {
        let event = json!({"type": kind, "sender": caller.user, "content": content});
        state.append(room, event, request.number("ts"))?
    };
    if let Some(key) = kept {
        state.transactions.insert(key, event.clone());
    }
    let answer = json!({ "event_id": event });
    state.paths.insert(memory, answer.clone());
    Ok(answer)
}

fn register(state: &mut State, request: &Request) -> Answer {
    let caller = request.caller(state)?;
    let user = format!(
        "@{}:{}",
        request.body["username"].as_str().unwrap_or_default(),
        state.server
    );
    if !state.services[caller.service].has_user(&user) {
        return Err(Refused::new(
            400,
            "M_EXCLUSIVE",
            "Invalid user localpart for this application service.",
        ));
    }
    if state.users.contains_key(&user) {
        return Err(Refused::new(400, "M_USER_IN_USE", "User ID already taken."));
    }
    state.users.insert(user.clone(), Account::default());
    if request.body["inhibit_login"] != true {
        return Err(Refused::new(
            400,
            "M_APPSERVICE_LOGIN_UNSUPPORTED",
            "This application service cannot log in",
        ));
    }
    Ok(json!({ "user_id": user }))
}

fn set_profile(state: &mut State, user: &str, whose: &str, field: &str, body: &Value) -> Result<(), Refused> {
    if whose != user {
        return Err(Refused::new(
            400,
            "M_FORBIDDEN",
            "Cannot set another user's displayname",
        ));
    }
    if field == "displayname" {
        let name = body["displayname"].as_str().unwrap_or_default().to_owned();
        state.users.entry(user.to_owned()).or_default().name.clone_from(&name);
        for room in state.rooms_with(user, "join") {
            let content = json!({"membership": "join", "displayname": name});
            state.set(&room, user, "m.room.member", user, &content)?;
        }
    }
    if field == "avatar_url" {
        let picture = body["avatar_url"].as_str().unwrap_or_default();
        picture.clone_into(&mut state.users.entry(user.to_owned()).or_default().picture);
    }
    Ok(())
}

/// Lets the service make a user of its namespace before somebody invites it.
pub(super) async fn ask_for(homeserver: &Homeserver, user: &str) {
    let (is_unknown, url, token) = homeserver.look(|state| {
        let service = state.listener();
        (
            state.is_unknown_ghost(user),
            service.url.clone().unwrap_or_default(),
            service.hs_token.clone(),
        )
    });
    if is_unknown {
        let user = user.replace('@', "%40").replace(':', "%3A");
        let request = homeserver
            .0
            .http
            .get(format!("{url}/_matrix/app/v1/users/{user}"))
            .bearer_auth(token);
        // Whatever the answer, the invite stands.
        let _ = request.send().await;
    }
}

async fn ping(homeserver: &Homeserver, request: &Request) -> Answer {
    let (url, token) = homeserver.look(|state| {
        let service = state.services.iter().find(|service| service.id == request.path[1]);
        (
            service.and_then(|it| it.url.clone()),
            service.map(|it| it.hs_token.clone()).unwrap_or_default(),
        )
    });
    let url = url.ok_or(Refused::new(
        400,
        "M_URL_NOT_SET",
        "The application service does not have a URL set",
    ))?;
    if homeserver.look(|state| state.faults.cannot_reach_service) {
        return Err(Refused::new(502, "M_CONNECTION_FAILED", "Unable to connect"));
    }
    let ping = homeserver
        .0
        .http
        .post(format!("{url}/_matrix/app/v1/ping"))
        .bearer_auth(token);
    let body = json!({"transaction_id": request.body["transaction_id"]});
    match ping.json(&body).send().await {
        Err(error) => Err(Refused::new(
            502,
            "M_CONNECTION_FAILED",
            &error.without_url().to_string(),
        )),
        Ok(answer) if !answer.status().is_success() => {
            Err(Refused::new(502, "M_BAD_STATUS", &format!("HTTP {}", answer.status()))
                .with_status(answer.status().as_u16()))
        }
        Ok(_) => {
            homeserver.change(|state| state.push.pinged());
            Ok(json!({"duration_ms": 1}))
        }
    }
}

fn empty((): ()) -> Value {
    json!({})
}
