//! Status: what somebody shows to many for a day. It travels like a message to a group of its readers.

use whatsapp_rust::buffa::MessageField;
use whatsapp_rust::prelude::MessageBuilderExt as _;
use whatsapp_rust::wacore_binary::Jid;
use whatsapp_rust::waproto::whatsapp as wa;

use super::Somebody;
use crate::contact::Contact;
use crate::phone::Phone;
use crate::server::groups::{self, Chat};
use crate::server::state::Shared;

fn post(shared: &Shared, number: &str, message: wa::Message, readers: &[&dyn Somebody]) -> String {
    let mut people: Vec<String> = readers.iter().map(|one| one.number().to_owned()).collect();
    people.push(number.to_owned());
    people.sort();
    people.dedup();
    shared.act(|state| {
        let id = state.next_message_id();
        groups::say(state, number, &Chat::status(people), id.clone(), message);
        id
    })
}

impl Phone {
    /// Posts a text as status for these people, on the phone itself; answers its id.
    pub fn posts(&self, text: &str, readers: &[&dyn Somebody]) -> String {
        post(&self.shared, &self.number, wa::Message::text(text), readers)
    }

    /// Statuses are for everybody in the address book but these.
    pub fn hides_statuses_from(&self, people: &[&dyn Somebody]) {
        self.lets_see("blacklist", people);
    }

    /// Statuses are for these only.
    pub fn shows_statuses_only_to(&self, people: &[&dyn Somebody]) {
        self.lets_see("whitelist", people);
    }

    fn lets_see(&self, kind: &'static str, people: &[&dyn Somebody]) {
        let numbers = people.iter().map(|one| one.number().to_owned()).collect();
        self.shared.act(|state| {
            if let Ok(person) = state.person_mut(&self.number) {
                person.privacy.statuses = Some((kind, numbers));
            }
        });
    }
}

impl Contact {
    /// Posts a text as status for these people; answers its id.
    pub fn posts(&self, text: &str, readers: &[&dyn Somebody]) -> String {
        self.posts_message(wa::Message::text(text), readers)
    }

    /// Posts any message as status for these people; answers its id.
    pub fn posts_message(&self, message: wa::Message, readers: &[&dyn Somebody]) -> String {
        post(&self.shared, &self.number, message, readers)
    }

    /// Takes a status back; answers the id of the message that says so.
    pub fn revokes_status(&self, id: &str, readers: &[&dyn Somebody]) -> String {
        use wa::message::{ProtocolMessage, protocol_message};
        let key = wa::MessageKey {
            remote_jid: Some(Jid::status_broadcast().to_string()),
            from_me: Some(true),
            id: Some(id.to_owned()),
            ..Default::default()
        };
        let revoke = wa::Message {
            protocol_message: MessageField::some(ProtocolMessage {
                key: MessageField::some(key),
                r#type: Some(protocol_message::Type::REVOKE),
                ..Default::default()
            }),
            ..Default::default()
        };
        self.posts_message(revoke, readers)
    }

    /// Looks at somebody's status.
    pub fn views_status(&self, ids: &[String]) {
        self.shared.act(|state| {
            let chat = Chat::status(vec![self.number.clone()]);
            groups::read(state, &chat, &self.number, ids);
        });
    }
}
