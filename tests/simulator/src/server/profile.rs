//! What a person tells about itself: name, about text, short status, username, disappearing messages, number.
//!
//! Called by [`super::queries`] for what a client changes and by `Contact` and `Phone` for what people
//! change. Pictures are in [`super::pictures`], businesses in [`super::business`].

use anyhow::ensure;
use whatsapp_rust::wacore_binary::{Jid, Node};

use super::business::Business;
use super::companion::Device;
use super::person::Person;
use super::privacy::Category;
use super::stanza::{self, Answer, Refusal, node};
use super::state::State;
use super::{announcements, clock};

/// What a person tells about itself.
#[derive(Default)]
pub(crate) struct Profile {
    pub(crate) about: Option<Dated<String>>,
    /// The short status under the name, with an emoji.
    pub(crate) text_status: Option<Dated<(String, String)>>,
    pub(crate) username: Option<String>,
    /// After so many seconds messages of new chats disappear.
    pub(crate) disappearing: Option<Dated<u32>>,
    pub(crate) business: Option<Business>,
}

/// Something and when it was set.
pub(crate) struct Dated<T> {
    pub(crate) what: T,
    pub(crate) since: u64,
}

impl<T> Dated<T> {
    pub(crate) fn now(what: T) -> Self {
        Self {
            what,
            since: clock::seconds(),
        }
    }
}

/// Answers an IQ of the space `status`: the about text, and who may see what is shown for a day.
pub(crate) fn about(state: &mut State, device: &Device, iq: &Node) -> Answer {
    if stanza::attr(iq, "type") == "get" && iq.get_optional_child("privacy").is_some() {
        return super::privacy::statuses(state, device);
    }
    let status = iq.get_optional_child("status").ok_or(Refusal::BAD_REQUEST)?;
    if stanza::attr(iq, "type") != "set" {
        return Err(Refusal::BAD_REQUEST);
    }
    set_about(state, &device.number, Some(device.id), &stanza::text(status));
    Ok(Vec::new())
}

/// A person has another about text.
pub(crate) fn set_about(state: &mut State, number: &str, by: Option<u16>, text: &str) {
    if let Ok(person) = state.person_mut(number) {
        person.profile.about = Some(Dated::now(text.to_owned()));
    }
    let set = node("set").bytes(text.as_bytes().to_vec()).build();
    announcements::tell(state, number, by, "status", Some(Category::About), &set);
}

/// Answers an IQ of the space `disappearing_mode`.
pub(crate) fn disappearing_mode(state: &mut State, device: &Device, iq: &Node) -> Answer {
    let mode = iq.get_optional_child("disappearing_mode").ok_or(Refusal::BAD_REQUEST)?;
    let seconds = stanza::attr(mode, "duration")
        .parse()
        .map_err(|_| Refusal::BAD_REQUEST)?;
    set_disappearing(state, &device.number, Some(device.id), seconds);
    Ok(Vec::new())
}

/// Messages in new chats of a person disappear after so many seconds; 0 keeps them.
pub(crate) fn set_disappearing(state: &mut State, number: &str, by: Option<u16>, seconds: u32) {
    let dated = Dated::now(seconds);
    let mode = node("disappearing_mode")
        .attr("duration", seconds)
        .attr("t", dated.since)
        .build();
    if let Ok(person) = state.person_mut(number) {
        person.profile.disappearing = Some(dated);
    }
    announcements::tell(state, number, by, "disappearing_mode", None, &mode);
}

/// A person has another name; others see it with its next message, its own devices at once.
pub(crate) fn set_name(state: &mut State, number: &str, name: &str) {
    let Ok(person) = state.person_mut(number) else {
        return;
    };
    name.clone_into(&mut person.name);
    let own = person.number_jid();
    let notification = node("notification")
        .attr("from", own)
        .attr("type", "account_sync")
        .attr("pushname", name)
        .attr("id", state.next())
        .attr("t", clock::seconds())
        .build();
    state.push_to_companions(number, None, &notification);
}

/// Others should look again at what they know about a person.
pub(crate) fn touched(state: &mut State, number: &str) {
    if let Ok(face) = state.person(number).map(Person::face) {
        let update = node("update").attr("jid", face).build();
        announcements::tell(state, number, None, "contacts", None, &update);
    }
}

/// A person moves to another number and keeps its LID, its keys and all it received.
pub(crate) fn change_number(state: &mut State, old: &str, new: &str) -> anyhow::Result<()> {
    let person = state.person(old)?;
    ensure!(
        person.companions.is_empty(),
        "a number with linked devices does not move"
    );
    ensure!(!state.people.contains_key(new), "this number belongs to somebody");
    let lid = person.lid_jid();
    state.rename_person(old, new)?;
    let modify = node("modify")
        .attr("old", Jid::pn(old))
        .attr("new", Jid::pn(new))
        .attr("old_lid", lid.clone())
        .attr("new_lid", lid)
        .build();
    announcements::tell(state, new, None, "contacts", None, &modify);
    Ok(())
}
