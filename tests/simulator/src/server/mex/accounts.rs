//! Questions in GraphQL about accounts: about texts, short statuses, usernames, privacy, limits.
//!
//! Called by [`super::answer`].

use serde_json::{Value, json};
use whatsapp_rust::wacore::iq::mex_operations::{
    fetch_about_status, fetch_new_chat_message_capping_info, fetch_reachout_timelock, fetch_text_status_list,
    get_username, set_username, update_text_status, username_availability, usync,
};

use super::{BAD_REQUEST, Outcome, number_of};
use crate::server::companion::Device;
use crate::server::person::Person;
use crate::server::privacy::{self, Category};
use crate::server::profile::Dated;
use crate::server::state::State;

/// Answers an operation on accounts; `None` when it is not one.
pub(super) fn operation(state: &mut State, device: &Device, id: &str, asked: &Value) -> Option<Outcome> {
    let own = &device.number;
    Some(match id {
        fetch_reachout_timelock::DOC_ID => Ok(json!({ "xwa2_fetch_account_reachout_timelock": {
            "is_active": false, "enforcement_type": "DEFAULT", "time_enforcement_ends": "0",
        }})),
        fetch_new_chat_message_capping_info::DOC_ID => Ok(json!({ "xwa2_message_capping_info": {
            "capping_status": "NONE", "total_quota": "-1", "used_quota": "0",
        }})),
        fetch_about_status::DOC_ID => {
            let updates: Vec<Value> = number_of(state, &asked["user"]["user_id"])
                .and_then(|number| about(state, own, &number))
                .map(|text| json!({ "__typename": "XWA2AboutStatusUpdate", "text": text }))
                .into_iter()
                .collect();
            Ok(json!({ "xwa2_users_updates_since": [{ "updates": updates }] }))
        }
        fetch_text_status_list::DOC_ID => Ok(json!({ "xwa2_text_status_list": text_statuses(state, asked) })),
        update_text_status::DOC_ID => set_text_status(state, own, &asked["input"]),
        get_username::DOC_ID => {
            let name = state
                .person(own)
                .ok()
                .and_then(|person| person.profile.username.clone());
            let info = name.map(|name| json!({ "username": name, "state": "ACTIVE" }));
            Ok(json!({ "xwa2_username_get": { "username_info": info } }))
        }
        username_availability::DOC_ID => {
            let is_free = asked["input"].as_str().is_some_and(|name| is_free(state, own, name));
            let result = if is_free { "SUCCESS" } else { "USERNAME_NOT_AVAILABLE" };
            Ok(json!({ "xwa2_username_check": { "result": result } }))
        }
        set_username::DOC_ID => name_account(state, own, &asked["input"]),
        usync::DOC_ID => Ok(json!({ "xwa2_fetch_wa_users": users(state, own, &asked["input"]["query_input"]) })),
        _ => return None,
    })
}

fn about(state: &State, viewer: &str, number: &str) -> Option<String> {
    let may_see = !privacy::is_blocked(state, number, viewer) && privacy::shows(state, number, Category::About, viewer);
    let about = state.person(number).ok()?.profile.about.as_ref()?;
    may_see.then(|| about.what.clone())
}

fn text_statuses(state: &State, asked: &Value) -> Vec<Value> {
    let people = asked["input"].as_array().map(Vec::as_slice).unwrap_or_default();
    people
        .iter()
        .filter_map(|one| {
            let jid = one.get("jid").unwrap_or(one);
            let number = number_of(state, jid)?;
            let Dated { what, since } = state.person(&number).ok()?.profile.text_status.as_ref()?;
            Some(json!({
                "jid": jid, "text": what.0, "emoji": { "content": what.1 },
                "last_update_time": since, "ephemeral_duration_sec": "0",
            }))
        })
        .collect()
}

fn set_text_status(state: &mut State, own: &str, input: &Value) -> Outcome {
    let text = input["text"].as_str().unwrap_or_default().to_owned();
    let emoji = input["emoji"]["content"].as_str().unwrap_or_default().to_owned();
    let person = state.person_mut(own).map_err(|_| BAD_REQUEST)?;
    person.profile.text_status = Some(Dated::now((text, emoji)));
    Ok(json!({ "xwa2_update_text_status": { "result": "SUCCESS" } }))
}

fn is_free(state: &State, own: &str, name: &str) -> bool {
    !name.is_empty()
        && state
            .people
            .values()
            .all(|person| person.number == own || person.profile.username.as_deref() != Some(name))
}

fn name_account(state: &mut State, own: &str, input: &Value) -> Outcome {
    let name = input.as_str().unwrap_or_default().to_owned();
    if !is_free(state, own, &name) {
        return Ok(json!({ "xwa2_username_set": { "result": "USERNAME_NOT_AVAILABLE" } }));
    }
    let person = state.person_mut(own).map_err(|_| BAD_REQUEST)?;
    person.profile.username = Some(name);
    Ok(json!({ "xwa2_username_set": { "result": "SUCCESS" } }))
}

fn users(state: &State, viewer: &str, asked: &Value) -> Vec<Value> {
    let people = asked.as_array().map(Vec::as_slice).unwrap_or_default();
    people
        .iter()
        .filter_map(|one| {
            let number = number_of(state, &one["jid"])?;
            let person = state.person(&number).ok()?;
            Some(shown(person, &one["jid"], about(state, viewer, &number)))
        })
        .collect()
}

fn shown(person: &Person, jid: &Value, about: Option<String>) -> Value {
    json!({
        "__typename": "XWA2User",
        "id": person.lid_jid().to_string(),
        "jid": jid,
        "country_code": "US",
        "about_status_info": about.map(|text| json!({ "text": text, "status": "SUCCESS" })),
        "username_info": person.profile.username.as_ref().map(|name| json!({ "username": name, "status": "SUCCESS" })),
    })
}
