//! The `w:sync:app:state` IQ and the notice that something changed.

use anyhow::Context as _;
use whatsapp_rust::buffa::MessageField;
use whatsapp_rust::wacore_binary::Node;
use whatsapp_rust::waproto::whatsapp as wa;

use super::{set, write_to};
use crate::server::clock;
use crate::server::companion::Device;
use crate::server::stanza::{self, node};
use crate::server::state::State;

/// The most patches in one answer.
const BATCH: usize = 50;
/// The collection the push name lives in.
const SETTINGS: &str = "critical_block";

/// Answers a `w:sync:app:state` IQ.
pub(crate) fn answer(state: &mut State, device: &Device, sync: &Node) -> Option<Vec<Node>> {
    let number = &device.number;
    // The push name stands in the settings as soon as somebody asks for them.
    let person = state.person(number).ok()?;
    if person.app_state.collections.get(SETTINGS)?.version() == 0 {
        let name = person.name.clone();
        let written = write_to(state, number, SETTINGS, &[set(&["setting_pushName"], push_name(name))]);
        log(written);
    }
    let mut changed = Vec::new();
    let mut answers = Vec::new();
    for asked in sync.get_children_by_tag("collection") {
        let patch = asked.get_optional_child("patch");
        let verdict = match patch {
            Some(patch) => take(state, number, asked, stanza::bytes(patch)),
            None => Ok(()),
        };
        let Some((name, version)) = place(state, number, asked) else {
            answers.push(error(asked, 404, Vec::new()));
            continue;
        };
        match verdict {
            Ok(()) if patch.is_some() => {
                changed.push((name, version));
                answers.push(accepted(name, version));
            }
            Ok(()) => answers.push(content(state, number, asked, name)),
            Err(409) => {
                let missed = missed(state, number, asked, name);
                answers.push(error(asked, 409, missed));
            }
            Err(code) => answers.push(error(asked, code, Vec::new())),
        }
    }
    notify(state, number, Some(device.id), &changed);
    Some(vec![node("sync").children(answers).build()])
}

/// Tells the account's companions which collections have new versions.
pub(super) fn notify(state: &mut State, number: &str, except: Option<u16>, changed: &[(&'static str, u64)]) {
    if changed.is_empty() {
        return;
    }
    let collections = changed
        .iter()
        .map(|(name, version)| node("collection").attr("name", *name).attr("version", *version).build());
    let notification = node("notification")
        .attr("from", stanza::SERVER)
        .attr("type", "server_sync")
        .attr("id", state.next())
        .attr("t", clock::seconds())
        .children(collections)
        .build();
    state.push_to_companions(number, except, &notification);
}

/// A companion's patch: kept, or the code with which it is refused.
fn take(state: &mut State, number: &str, asked: &Node, patch: &[u8]) -> Result<(), u32> {
    let (name, _) = place(state, number, asked).ok_or(404u32)?;
    let faults = &mut state.person_mut(number).map_err(|_| 404u32)?.app_state.faults;
    if let Some(code) = faults.refusals.pop_front() {
        return Err(code);
    }
    if faults.conflicts > 0 {
        faults.conflicts -= 1;
        let value = wa::SyncActionValue {
            locale_setting: MessageField::some(wa::sync_action_value::LocaleSetting {
                locale: Some("en".to_owned()),
            }),
            ..Default::default()
        };
        log(write_to(state, number, name, &[set(&["setting_locale"], value)]));
    }
    let known: u64 = stanza::attr(asked, "version").parse().unwrap_or(0);
    let account = &mut state.person_mut(number).map_err(|_| 404u32)?.app_state;
    let collection = account.collections.get_mut(name).ok_or(404u32)?;
    if collection.version() != known {
        return Err(409);
    }
    collection.take(&account.keys, patch).map_err(|error| {
        tracing::warn!(collection = name, "a patch was refused: {error:#}");
        400
    })
}

/// The collection an element names, and its version.
fn place(state: &State, number: &str, asked: &Node) -> Option<(&'static str, u64)> {
    let collections = &state.person(number).ok()?.app_state.collections;
    let collection = collections.get(stanza::attr(asked, "name").as_str())?;
    Some((collection.name(), collection.version()))
}

fn accepted(name: &'static str, version: u64) -> Node {
    node("collection").attr("name", name).attr("version", version).build()
}

/// What a companion does not know yet: patches, or a snapshot when they go not far enough back.
fn content(state: &mut State, number: &str, asked: &Node, name: &'static str) -> Node {
    let children = missed(state, number, asked, name);
    let version = place(state, number, asked).map_or(0, |(_, version)| version);
    let has_more = children.iter().any(|child| {
        child.tag == "patches"
            && child
                .children()
                .is_some_and(|patches| patches.len() == BATCH && is_behind(asked, version))
    });
    let answer = node("collection").attr("name", name).attr("version", version);
    let answer = if has_more {
        answer.attr("has_more_patches", "true")
    } else {
        answer
    };
    answer.children(children).build()
}

fn is_behind(asked: &Node, version: u64) -> bool {
    let known: u64 = stanza::attr(asked, "version").parse().unwrap_or(0);
    let batch = u64::try_from(BATCH).unwrap_or(u64::MAX);
    version.saturating_sub(known) > batch
}

fn missed(state: &mut State, number: &str, asked: &Node, name: &'static str) -> Vec<Node> {
    let known: u64 = stanza::attr(asked, "version").parse().unwrap_or(0);
    let State {
        people,
        blobs,
        media_host,
        ..
    } = state;
    let Some(account) = people.get(number).map(|person| &person.app_state) else {
        return Vec::new();
    };
    let Some(collection) = account.collections.get(name) else {
        return Vec::new();
    };
    let Some(patches) = collection.patches_after(known) else {
        return match collection.snapshot(&account.keys, (blobs, media_host)) {
            Ok(reference) => vec![node("snapshot").bytes(reference).build()],
            Err(error) => {
                tracing::warn!("a snapshot could not be made: {error:#}");
                Vec::new()
            }
        };
    };
    if patches.is_empty() {
        return Vec::new();
    }
    let patches = patches
        .iter()
        .take(BATCH)
        .map(|patch| node("patch").bytes(patch.clone()).build());
    vec![node("patches").children(patches).build()]
}

fn error(asked: &Node, code: u32, mut children: Vec<Node>) -> Node {
    let text = match code {
        400 => "bad-request",
        404 => "item-not-found",
        409 => "conflict",
        _ => "internal-server-error",
    };
    children.insert(0, node("error").attr("code", code).attr("text", text).build());
    node("collection")
        .attr("name", stanza::attr(asked, "name"))
        .attr("type", "error")
        .children(children)
        .build()
}

fn push_name(name: String) -> wa::SyncActionValue {
    wa::SyncActionValue {
        push_name_setting: MessageField::some(wa::sync_action_value::PushNameSetting { name: Some(name) }),
        ..Default::default()
    }
}

fn log(written: anyhow::Result<u64>) {
    if let Err(error) = written.context("the phone could not write") {
        tracing::warn!("{error:#}");
    }
}
