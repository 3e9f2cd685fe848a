//! `/sync` and `/messages`: the truth, for whoever asks with a token.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    Homeserver,
    request::{Refused, Request},
    state::State,
};

/// What happened since the token; holds the request open as long as nothing did.
pub(super) async fn sync(homeserver: &Homeserver, request: &Request) -> Result<Value, Refused> {
    let caller = homeserver.look(|state| request.caller(state))?;
    if homeserver.look(|state| state.services[caller.service].sender == caller.user) {
        return Err(Refused::new(500, "M_UNKNOWN", "Internal server error"));
    }
    let filter: Value = request
        .query
        .get("filter")
        .and_then(|it| serde_json::from_str(it).ok())
        .unwrap_or_default();
    let since = request.query.get("since").map(|token| place(token)).transpose()?;
    let wait = Duration::from_millis(request.number("timeout").unwrap_or(0).unsigned_abs());
    let mut changes = homeserver.0.changes.subscribe();
    let held = async {
        loop {
            let (answer, is_news) = homeserver.look(|state| answer(state, &caller.user, since, &filter));
            let is_down = homeserver.look(|state| state.faults.down);
            if is_news || is_down || since.is_none() || changes.changed().await.is_err() {
                return answer;
            }
        }
    };
    match tokio::time::timeout(wait.max(Duration::from_millis(1)), held).await {
        Ok(answer) => Ok(answer),
        Err(_) => Ok(homeserver.look(|state| answer(state, &caller.user, since, &filter).0)),
    }
}

fn answer(state: &State, user: &str, since: Option<usize>, filter: &Value) -> (Value, bool) {
    let next = format!("s{}", state.stream.len());
    if filter["room"]["rooms"].as_array().is_some_and(Vec::is_empty) {
        return (json!({ "next_batch": next }), false);
    }
    let since = since.unwrap_or(0).min(state.stream.len());
    let limit = filter["room"]["timeline"]["limit"]
        .as_u64()
        .and_then(|it| usize::try_from(it).ok())
        .unwrap_or(10);
    let unwanted = |event: &Value| {
        let list = filter["room"]["timeline"]["not_senders"].as_array();
        list.is_some_and(|list| list.contains(&event["sender"]))
    };
    let (mut joined, mut invited) = (json!({}), json!({}));
    let mut is_news = false;
    for room in &state.rooms {
        match room.membership(user) {
            Some("join") => {
                let all = state.stream.iter().enumerate().skip(since);
                let new: Vec<_> = all
                    .filter(|(_, it)| it["room_id"] == *room.id && !unwanted(it))
                    .collect();
                if new.is_empty() {
                    continue;
                }
                is_news = true;
                let shown = &new[new.len().saturating_sub(limit)..];
                let events: Vec<_> = shown.iter().map(|(_, event)| without_room(event)).collect();
                let timeline = json!({
                    "events": events, "limited": shown.len() < new.len(), "prev_batch": format!("s{}", shown[0].0),
                });
                joined[&room.id] = json!({"timeline": timeline, "state": {"events": []}});
            }
            Some("invite") => {
                let place = ("m.room.member".to_owned(), user.to_owned());
                let Some(invite) = room.state.get(&place) else { continue };
                if !state.stream[since..]
                    .iter()
                    .any(|event| event["event_id"] == invite["event_id"])
                {
                    continue;
                }
                is_news = true;
                invited[&room.id] = json!({"invite_state": {"events": [without_room(invite)]}});
            }
            _ => {}
        }
    }
    let account = state.account_news(user, since, &mut joined);
    is_news |= !account.is_empty() || joined.as_object().is_some_and(|joined| !joined.is_empty());
    (
        json!({
            "next_batch": next, "account_data": {"events": account},
            "rooms": {"join": joined, "invite": invited, "leave": {}},
        }),
        is_news,
    )
}

/// The events of a room before a token, newest first.
pub(super) fn messages(state: &mut State, request: &Request, user: &str, room: &str) -> Result<Value, Refused> {
    state.room(room)?.must_have(user)?;
    let from = request
        .query
        .get("from")
        .map(|token| place(token))
        .transpose()?
        .unwrap_or(state.stream.len());
    let to = request
        .query
        .get("to")
        .map(|token| place(token))
        .transpose()?
        .unwrap_or(0);
    let limit = request
        .number("limit")
        .and_then(|it| usize::try_from(it).ok())
        .unwrap_or(10);
    let all = state.stream.iter().enumerate().take(from).skip(to).rev();
    let mut chunk: Vec<_> = all
        .filter(|(_, event)| event["room_id"] == room)
        .take(limit + 1)
        .collect();
    let is_more = chunk.len() > limit;
    chunk.truncate(limit);
    let end = chunk.last().filter(|_| is_more).map(|(place, _)| format!("s{place}"));
    let chunk: Vec<_> = chunk.into_iter().map(|(_, event)| event.clone()).collect();
    let mut answer = json!({"start": format!("s{from}"), "chunk": chunk});
    if let Some(end) = end {
        answer["end"] = json!(end);
    }
    Ok(answer)
}

fn place(token: &str) -> Result<usize, Refused> {
    let number = token.strip_prefix('s').and_then(|number| number.parse().ok());
    number.ok_or(Refused::new(400, "M_INVALID_PARAM", "Invalid token"))
}

fn without_room(event: &Value) -> Value {
    let mut event = event.clone();
    if let Some(event) = event.as_object_mut() {
        event.remove("room_id");
    }
    event
}
