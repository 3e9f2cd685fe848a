//! What stands around a message and is needed to read it: who says it, to whom, and who is behind the JIDs in it.

use std::cell::RefCell;

use whatsapp_rust::{Jid, waproto::whatsapp as wa};

use super::named;
use crate::model::{Attendance, MessageRef, Sender};

/// What stands around a message.
pub(in super::super) struct Scene<'a> {
    /// Who says it.
    pub(in super::super) actor: Sender,
    /// The other person, in a chat of two.
    pub(in super::super) peer: Option<Sender>,
    /// The server let it pass as the act of an administrator.
    pub(in super::super) by_admin: bool,
    /// The message it comments on, where the library read that from the encrypted envelope.
    pub(in super::super) thread: Option<&'a wa::MessageKey>,
    /// What was encrypted in it with the secret of another message.
    pub(in super::super) opened: Option<Opened>,
    /// What is kept of it, where it is sealed with a secret that is not known.
    pub(in super::super) sealed: Option<&'a str>,
    /// Who is who.
    pub(in super::super) people: &'a dyn Directory,
}

/// What was encrypted with the secret of the message it answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in super::super) enum Opened {
    /// The names of the chosen options of a poll.
    Vote(Vec<String>),
    /// Whether somebody comes, and how many come with them.
    Answer(Attendance, Option<u32>),
}

/// Who is behind a JID.
pub(in super::super) trait Directory {
    /// The person, when it is one.
    fn find(&self, jid: &Jid) -> Option<Known>;
}

/// A person who was looked up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in super::super) struct Known {
    /// Who it is.
    pub(in super::super) who: Sender,
    /// The name of its ghost: `15550001111`, `lid_42`.
    pub(in super::super) name: String,
}

/// Knows nobody and remembers who was asked for.
#[derive(Default)]
pub(super) struct Asked(pub(super) RefCell<Vec<Jid>>);

impl Directory for Asked {
    fn find(&self, jid: &Jid) -> Option<Known> {
        self.0.borrow_mut().push(jid.clone());
        None
    }
}

impl Scene<'_> {
    /// The person behind a JID as it stands in a message.
    pub(super) fn person(&self, jid: &str) -> Option<Known> {
        let jid = jid.parse::<Jid>().ok()?;
        self.people.find(&jid)
    }

    /// Who said something, by its JID. In a chat of two, whoever is not the owner is the other one, under whatever
    /// name.
    pub(super) fn author(&self, jid: &str) -> Option<Sender> {
        let known = self.person(jid).map(|known| known.who);
        match (known, &self.peer) {
            (Some(Sender::Owner), _) => Some(Sender::Owner),
            (_, Some(peer)) => Some(peer.clone()),
            (known, None) => known,
        }
    }

    /// The message that a key names. Keys are written as the one who says it sees the chat: `fromMe` is that one.
    pub(super) fn reference(&self, key: &wa::MessageKey) -> Option<MessageRef> {
        let id = named(key.id.as_ref())?;
        let sender = if key.from_me == Some(true) {
            self.actor.clone()
        } else if let Some(peer) = &self.peer {
            if self.actor == Sender::Owner {
                peer.clone()
            } else {
                Sender::Owner
            }
        } else {
            key.participant
                .as_deref()
                .and_then(|jid| self.author(jid))
                .unwrap_or_else(|| self.actor.clone())
        };
        Some(MessageRef { id, sender })
    }

    /// A message of whoever says this: nobody can edit somebody else's.
    pub(super) fn own_reference(&self, key: &wa::MessageKey) -> Option<MessageRef> {
        Some(MessageRef {
            id: named(key.id.as_ref())?,
            sender: self.actor.clone(),
        })
    }
}
