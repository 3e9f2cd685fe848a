//! Questions in GraphQL about channels: found, made, followed, changed, administered.
//!
//! Called by [`crate::server::mex`]. A channel is named by its address or its invitation.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use whatsapp_rust::wacore::iq::mex_operations::{
    accept_newsletter_admin_invite, change_newsletter_owner, create_newsletter, create_newsletter_admin_invite,
    delete_newsletter, demote_newsletter_admin, fetch_all_newsletters_metadata, fetch_newsletter,
    fetch_newsletter_admin_info, fetch_newsletter_dehydrated, fetch_newsletter_directory_list,
    fetch_newsletter_directory_search_results, fetch_newsletter_followers,
    fetch_newsletter_message_reaction_sender_list, fetch_newsletter_pending_invites, fetch_recommended_newsletters,
    fetch_similar_newsletters, join_newsletter, leave_newsletter, revoke_newsletter_admin_invite, update_newsletter,
    update_newsletter_user_setting,
};

use super::{Channel, Role, changed, create, follow, leave, metadata};
use crate::server::companion::Device;
use crate::server::mex::{self, BAD_REQUEST, FORBIDDEN, NOT_FOUND, Outcome, number_of};
use crate::server::pictures;
use crate::server::profile::Dated;
use crate::server::state::State;

/// Whether something could be done.
type Done = Result<(), (u32, &'static str)>;
/// What one of the operations does with a channel, given by its id.
type Step = fn(&mut State, &Device, &str, &Value) -> Done;

/// Answers an operation on channels; `None` when it is not one.
pub(crate) fn operation(state: &mut State, device: &Device, id: &str, asked: &Value) -> Option<Outcome> {
    let own = device.number.as_str();
    let input = &asked["input"];
    Some(match id {
        fetch_newsletter::DOC_ID | fetch_newsletter_dehydrated::DOC_ID => {
            let found = known(state, &input["key"]).and_then(|id| metadata(state, &id, own));
            Ok(json!({ "xwa2_newsletter": found }))
        }
        fetch_all_newsletters_metadata::DOC_ID => {
            Ok(json!({ "xwa2_newsletter_subscribed": list(state, own, |one| one.members.contains_key(own)) }))
        }
        fetch_newsletter_directory_list::DOC_ID => Ok(directory(state, own, "xwa2_newsletters_directory_list", "")),
        fetch_recommended_newsletters::DOC_ID => Ok(directory(state, own, "xwa2_newsletters_recommended", "")),
        fetch_similar_newsletters::DOC_ID => Ok(directory(state, own, "xwa2_newsletters_similar", "")),
        fetch_newsletter_directory_search_results::DOC_ID => {
            let text = input["search_text"].as_str().unwrap_or_default();
            Ok(directory(state, own, "xwa2_newsletters_directory_search", text))
        }
        create_newsletter::DOC_ID => make(state, device, input),
        update_newsletter::DOC_ID => edit(state, device, asked),
        fetch_newsletter_followers::DOC_ID
        | fetch_newsletter_pending_invites::DOC_ID
        | fetch_newsletter_admin_info::DOC_ID => inspect(state, own, id, asked),
        fetch_newsletter_message_reaction_sender_list::DOC_ID => reactions(state, input),
        _ => return membership(state, device, id, asked),
    })
}

/// The operations that change who follows or runs a channel.
fn membership(state: &mut State, device: &Device, operation: &str, asked: &Value) -> Option<Outcome> {
    let own = device.number.as_str();
    let key = match operation {
        update_newsletter_user_setting::DOC_ID => &asked["input"]["newsletter_id"],
        _ => &asked["newsletter_id"],
    };
    let (name, step): (_, Step) = match operation {
        join_newsletter::DOC_ID => ("xwa2_newsletter_join_v2", |state, device, id, _| {
            follow(state, id, &device.number, Some(device.id));
            Ok(())
        }),
        leave_newsletter::DOC_ID => ("xwa2_newsletter_leave_v2", |state, device, id, _| {
            leave(state, id, &device.number, Some(device.id));
            Ok(())
        }),
        update_newsletter_user_setting::DOC_ID => ("xwa2_newsletter_update_user_setting", set_user_setting),
        delete_newsletter::DOC_ID => ("xwa2_newsletter_delete_v2", delete),
        create_newsletter_admin_invite::DOC_ID => ("xwa2_newsletter_admin_invite_create", invite),
        revoke_newsletter_admin_invite::DOC_ID => ("xwa2_newsletter_admin_invite_revoke", uninvite),
        accept_newsletter_admin_invite::DOC_ID => ("xwa2_newsletter_admin_invite_accept", accept),
        demote_newsletter_admin::DOC_ID => ("xwa2_newsletter_admin_demote", demote),
        change_newsletter_owner::DOC_ID => ("xwa2_newsletter_change_owner", hand_over),
        _ => return None,
    };
    let Some(id) = known(state, key) else {
        return Some(Err(NOT_FOUND));
    };
    let jid = format!("{id}@newsletter");
    Some(step(state, device, &id, asked).map(|()| {
        let seen = metadata(state, &id, own);
        json!({ name: seen.unwrap_or_else(|| json!({ "id": jid, "state": { "type": "deleted" } })) })
    }))
}

fn known(state: &State, key: &Value) -> Option<String> {
    state.newsletters.find(key.as_str()?).map(|channel| channel.id.clone())
}

fn list(state: &State, viewer: &str, wanted: impl Fn(&Channel) -> bool) -> Vec<Value> {
    let channels = state.newsletters.by_id.values().filter(|one| wanted(one));
    channels.filter_map(|one| metadata(state, &one.id, viewer)).collect()
}

fn directory(state: &State, viewer: &str, name: &str, text: &str) -> Value {
    let text = text.to_lowercase();
    let result = list(state, viewer, |one| one.name.what.to_lowercase().contains(&text));
    json!({ name: { "page_info": { "has_next_page": "false" }, "result": result } })
}

fn make(state: &mut State, device: &Device, input: &Value) -> Outcome {
    let name = input["name"]
        .as_str()
        .filter(|name| !name.is_empty())
        .ok_or(BAD_REQUEST)?;
    let description = input["description"].as_str().unwrap_or_default();
    let id = create(state, name, description, Some(&device.number));
    set_picture(state, &id, &input["picture"])?;
    Ok(json!({ "xwa2_newsletter_create": metadata(state, &id, &device.number) }))
}

fn edit(state: &mut State, device: &Device, asked: &Value) -> Outcome {
    let id = known(state, &asked["newsletter_id"]).ok_or(NOT_FOUND)?;
    let updates = &asked["updates"];
    let channel = state.newsletters.get_mut(&id).ok_or(NOT_FOUND)?;
    if !channel.may_post(&device.number) {
        return Err(FORBIDDEN);
    }
    if let Some(name) = updates["name"].as_str() {
        channel.name = Dated::now(name.to_owned());
    }
    if let Some(description) = updates["description"].as_str() {
        channel.description = Dated::now(description.to_owned());
    }
    set_picture(state, &id, &updates["picture"])?;
    changed(state, &id, Some(device));
    Ok(json!({ "xwa2_newsletter_update": metadata(state, &id, &device.number) }))
}

/// A picture comes as base64; an empty one removes it.
fn set_picture(state: &mut State, id: &str, picture: &Value) -> Done {
    let Some(text) = picture.as_str() else {
        return Ok(());
    };
    let bytes = BASE64_STANDARD.decode(text).map_err(|_| BAD_REQUEST)?;
    let picture = (!bytes.is_empty()).then_some((bytes, None));
    pictures::put(state, &format!("{id}@newsletter"), picture);
    Ok(())
}

/// What only those who run a channel may see.
fn inspect(state: &State, own: &str, operation: &str, asked: &Value) -> Outcome {
    let key = match &asked["newsletter_id"] {
        Value::Null => &asked["input"]["newsletter_id"],
        key => key,
    };
    let channel = known(state, key)
        .and_then(|id| state.newsletters.get(&id))
        .ok_or(NOT_FOUND)?;
    if !channel.may_post(own) {
        return Err(FORBIDDEN);
    }
    let jid = channel.jid().to_string();
    let user = |number: &String| {
        let person = state.person(number).ok()?;
        Some(json!({
            "id": person.lid_jid().to_string(),
            "pn": person.number_jid().to_string(),
            "display_name": person.name,
        }))
    };
    Ok(match operation {
        fetch_newsletter_followers::DOC_ID => {
            let followers = channel.members.iter().filter_map(|(number, member)| {
                let node = user(number)?;
                Some(json!({ "node": node, "role": member.role.name(), "follow_time": member.since }))
            });
            json!({ "xwa2_newsletter_followers": { "followers": { "edges": followers.collect::<Vec<_>>() } } })
        }
        fetch_newsletter_pending_invites::DOC_ID => {
            let invited = channel.invited.iter().filter_map(user);
            let invited: Vec<Value> = invited.map(|user| json!({ "user": user })).collect();
            json!({ "xwa2_newsletter_admin": { "id": jid, "pending_admin_invites": invited } })
        }
        _ => {
            let admins = channel.members.values().filter(|member| member.role >= Role::Admin);
            json!({ "xwa2_newsletter_admin": { "id": jid, "admin_count": admins.count() } })
        }
    })
}

fn reactions(state: &State, input: &Value) -> Outcome {
    let channel = known(state, &input["id"])
        .and_then(|id| state.newsletters.get(&id))
        .ok_or(NOT_FOUND)?;
    let server_id: u64 = input["server_id"]
        .as_str()
        .and_then(|id| id.parse().ok())
        .ok_or(BAD_REQUEST)?;
    let post = channel
        .posts
        .iter()
        .find(|post| post.server_id == server_id)
        .ok_or(NOT_FOUND)?;
    let reactions: Vec<Value> = post
        .counts()
        .into_keys()
        .map(|code| {
            let of = post.reactions.iter().filter(|(_, given)| **given == code);
            let senders = of.filter_map(|(number, _)| {
                let person = state.person(number).ok()?;
                Some(json!({ "node": { "id": person.lid_jid().to_string() } }))
            });
            json!({ "reaction_code": code, "sender_list": { "edges": senders.collect::<Vec<_>>() } })
        })
        .collect();
    Ok(json!({ "xwa2_newsletters_reaction_sender_list": { "reactions": reactions } }))
}

fn set_user_setting(state: &mut State, device: &Device, id: &str, asked: &Value) -> Done {
    let input = &asked["input"];
    let (Some(kind), Some(value)) = (input["type"].as_str(), input["value"].as_str()) else {
        return Err(BAD_REQUEST);
    };
    let channel = state.newsletters.get_mut(id).ok_or(NOT_FOUND)?;
    let member = channel.members.get_mut(&device.number).ok_or(FORBIDDEN)?;
    member.settings.insert(kind.to_owned(), value.to_owned());
    let data = json!({ "xwa2_notify_newsletter_on_mute_change": { "id": format!("{id}@newsletter"), "mute": value } });
    mex::notify(
        state,
        &device.number,
        Some(device.id),
        "NotificationNewsletterMuteChange",
        &data,
    );
    Ok(())
}

fn delete(state: &mut State, device: &Device, id: &str, _: &Value) -> Done {
    owned(state, device, id)?;
    state.newsletters.by_id.remove(id);
    Ok(())
}

fn invite(state: &mut State, device: &Device, id: &str, asked: &Value) -> Done {
    let whom = number_of(state, &asked["user_id"]).ok_or(NOT_FOUND)?;
    owned(state, device, id)?.invited.insert(whom);
    Ok(())
}

fn uninvite(state: &mut State, device: &Device, id: &str, asked: &Value) -> Done {
    let whom = number_of(state, &asked["user_id"]).ok_or(NOT_FOUND)?;
    owned(state, device, id)?.invited.remove(&whom);
    Ok(())
}

fn accept(state: &mut State, device: &Device, id: &str, _: &Value) -> Done {
    let channel = state.newsletters.get_mut(id).ok_or(NOT_FOUND)?;
    if !channel.invited.remove(&device.number) {
        return Err(FORBIDDEN);
    }
    channel
        .members
        .insert(device.number.clone(), super::member(Role::Admin));
    Ok(())
}

fn demote(state: &mut State, device: &Device, id: &str, asked: &Value) -> Done {
    let whom = number_of(state, &asked["user_id"]).ok_or(NOT_FOUND)?;
    let admin = owned(state, device, id)?.members.get_mut(&whom).ok_or(NOT_FOUND)?;
    if admin.role == Role::Admin {
        admin.role = Role::Subscriber;
    }
    Ok(())
}

fn hand_over(state: &mut State, device: &Device, id: &str, asked: &Value) -> Done {
    let whom = number_of(state, &asked["user_id"]).ok_or(NOT_FOUND)?;
    let channel = owned(state, device, id)?;
    if !channel.members.contains_key(&whom) {
        return Err(NOT_FOUND);
    }
    for (number, member) in &mut channel.members {
        if *number == whom {
            member.role = Role::Owner;
        } else if member.role == Role::Owner {
            member.role = Role::Admin;
        }
    }
    Ok(())
}

/// The channel, for its owner.
fn owned<'a>(state: &'a mut State, device: &Device, id: &str) -> Result<&'a mut Channel, (u32, &'static str)> {
    let channel = state.newsletters.get_mut(id).ok_or(NOT_FOUND)?;
    if channel.role(&device.number) == Some(Role::Owner) {
        Ok(channel)
    } else {
        Err(FORBIDDEN)
    }
}
