//! A chat whose messages are encrypted with sender keys: a group, or the status of somebody.
//!
//! Made for every message anew from who is in at that moment.

use whatsapp_rust::wacore_binary::builder::NodeBuilder;
use whatsapp_rust::wacore_binary::{Jid, JidExt as _, Node};

use super::nodes;
use super::refused::Refused;
use super::store::group_id;
use crate::server::companion::Device;
use crate::server::person::Addressing;
use crate::server::stanza;
use crate::server::state::State;

/// Where a message goes and to whom.
#[derive(Clone)]
pub(crate) struct Chat {
    pub(crate) jid: Jid,
    /// The numbers of all readers, the author's too, in order.
    pub(crate) people: Vec<String>,
    /// How people are addressed; `None` in status, where everybody decides.
    pub(super) by_lid: Option<bool>,
}

impl Chat {
    /// Whether messages to this address are for chats like this.
    pub(crate) fn is_at(jid: &Jid) -> bool {
        jid.is_group() || jid.is_status_broadcast()
    }

    /// The group, when this person may write into it.
    pub(crate) fn group(state: &State, id: &str, by: &str) -> Result<Self, Refused> {
        let chat = Self::seen_by(state, id, by)?;
        let group = state.groups.get(id)?;
        if group.settings.announcement {
            group.needs_admin(by)?;
        }
        Ok(chat)
    }

    /// Whether it is where a community announces.
    pub(super) fn is_announcements(&self, state: &State) -> bool {
        let group = group_id(&self.jid).and_then(|id| state.groups.get(id).ok());
        group.is_some_and(|group| group.community.is_announcements)
    }

    /// The chat as it is seen by somebody who is in it.
    pub(super) fn seen(state: &State, jid: &Jid, by: &str) -> Option<Self> {
        if jid.is_status_broadcast() {
            return Some(Self::status(vec![by.to_owned()]));
        }
        Self::seen_by(state, group_id(jid)?, by).ok()
    }

    /// The group as it is seen by somebody who is in it, even without the right to write.
    pub(crate) fn seen_by(state: &State, id: &str, by: &str) -> Result<Self, Refused> {
        let group = state.groups.get(id)?;
        group.needs_member(by)?;
        Ok(Self {
            jid: group.jid(),
            people: group.numbers(),
            by_lid: Some(group.by_lid),
        })
    }

    /// The status of somebody, shown to these people.
    pub(crate) fn status(people: Vec<String>) -> Self {
        Self {
            jid: Jid::status_broadcast(),
            people,
            by_lid: None,
        }
    }

    /// The chat a client writes to, with the readers it names for a status.
    pub(super) fn of_post(state: &State, from: &Device, to: &Jid, message: &Node) -> Result<Self, Refused> {
        if let Some(id) = group_id(to) {
            let chat = Self::group(state, id, &from.number)?;
            let mode = stanza::attr(message, "addressing_mode");
            let outdated = !mode.is_empty() && Some(mode == "lid") != chat.by_lid;
            // The code for a client that does not know yet how the group addresses people (wacore `nack.rs`).
            return if outdated { Err(Refused(421)) } else { Ok(chat) };
        }
        let named = message
            .get_optional_child("participants")
            .into_iter()
            .flat_map(|list| list.get_children_by_tag("to"))
            .chain(Some(message).filter(|message| message.attrs.get("participant").is_some()))
            .filter_map(|one| stanza::address(one, "jid").or_else(|| stanza::address(one, "participant")))
            .filter_map(|jid| state.resolve(&jid).map(|device| device.number));
        let mut people: Vec<String> = named.collect();
        people.sort();
        people.dedup();
        Ok(Self::status(people))
    }

    /// The name under which sender keys of this chat are kept.
    pub(super) fn key(&self) -> String {
        self.jid.to_string()
    }

    /// Whether this person is named by LID here.
    fn names_by_lid(&self, state: &State, number: &str) -> bool {
        self.by_lid.unwrap_or_else(|| {
            state
                .person(number)
                .is_ok_and(|person| person.conduct.addressing != Addressing::Number)
        })
    }

    /// The address of a device in this chat.
    pub(super) fn face(&self, state: &State, device: &Device) -> Jid {
        let by_lid = self.names_by_lid(state, &device.number);
        nodes::face(state, by_lid, &device.number).with_device(device.id)
    }

    /// Begins a stanza of this chat that comes from a device.
    pub(super) fn stanza(&self, state: &State, tag: &'static str, author: &Device) -> NodeBuilder {
        let by_lid = self.names_by_lid(state, &author.number);
        let head = stanza::node(tag)
            .attr("from", &self.jid)
            .attr("participant", self.face(state, author));
        match nodes::other_face(state, by_lid, &author.number) {
            Some(other) => head.attr(if by_lid { "participant_pn" } else { "participant_lid" }, other),
            None => head,
        }
    }

    /// `addressing_mode` of a message in this chat; a status has none.
    pub(super) fn mode(&self) -> Option<&'static str> {
        self.by_lid.map(|by_lid| if by_lid { "lid" } else { "pn" })
    }

    /// The linked devices of all readers.
    pub(super) fn companions(&self, state: &State) -> Vec<Device> {
        let of = |number: &String| {
            let ids = state.person(number).map(crate::server::person::Person::companion_ids);
            let number = number.clone();
            ids.unwrap_or_default().into_iter().map(move |id| Device {
                number: number.clone(),
                id,
            })
        };
        self.people.iter().flat_map(of).collect()
    }
}
