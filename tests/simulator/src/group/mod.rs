//! A group as tests see it: people in it write, read, come, go and change it from their phones.
//!
//! A handle, cheap to clone. Everything is done by somebody, with the rights that person has in the group:
//! what the server would refuse is an error here. Linked devices hear of it as they do on real servers.

mod changes;
mod status;

use std::sync::Arc;
use std::time::Duration;

use whatsapp_rust::prelude::MessageBuilderExt as _;
use whatsapp_rust::wacore::types::message::EditAttribute;
use whatsapp_rust::wacore_binary::Jid;
use whatsapp_rust::waproto::whatsapp as wa;

use crate::contact::{self, Attachment, Contact, Speech, speech};
use crate::phone::Phone;
use crate::server::assistants;
use crate::server::chat_state::{self, Typing};
use crate::server::groups::{self, Chat, Draft, Past, Rank};
use crate::server::handle::Server;
use crate::server::state::Shared;

/// Somebody with a number: a [`Contact`] or a [`Phone`].
pub trait Somebody {
    /// The number, digits only.
    fn number(&self) -> &str;
}

impl Somebody for Contact {
    fn number(&self) -> &str {
        &self.number
    }
}

impl Somebody for Phone {
    fn number(&self) -> &str {
        &self.number
    }
}

/// A group, a community or one of its groups.
#[derive(Clone)]
pub struct Group {
    pub(crate) shared: Arc<Shared>,
    pub(crate) id: String,
}

impl Server {
    /// The first of these people makes a group with the others.
    ///
    /// # Errors
    /// When nobody is named, or the server refuses: no subject, too many people.
    pub fn group(&self, subject: &str, people: &[&dyn Somebody]) -> anyhow::Result<Group> {
        self.group_with(subject, people, |_| {})
    }

    /// The same, but everybody is addressed by LID.
    ///
    /// # Errors
    /// As [`Self::group`].
    pub fn lid_group(&self, subject: &str, people: &[&dyn Somebody]) -> anyhow::Result<Group> {
        self.group_with(subject, people, |draft| draft.by_lid = true)
    }

    /// The first of these people makes a community; it has a group for announcements.
    ///
    /// # Errors
    /// As [`Self::group`].
    pub fn community(&self, subject: &str, people: &[&dyn Somebody]) -> anyhow::Result<Group> {
        self.group_with(subject, people, |draft| draft.community.is_parent = true)
    }

    /// A group somebody made, perhaps on a linked device; its address or the part before the `@`.
    ///
    /// # Errors
    /// When there is none.
    pub fn find_group(&self, address: &str) -> anyhow::Result<Group> {
        find(&self.shared, address)
    }

    fn group_with(
        &self,
        subject: &str,
        people: &[&dyn Somebody],
        change: impl FnOnce(&mut Draft),
    ) -> anyhow::Result<Group> {
        let numbers: Vec<String> = people.iter().map(|one| one.number().to_owned()).collect();
        create(&self.shared, subject, &numbers, change)
    }
}

/// The first of these numbers makes a group with the others.
pub(crate) fn create(
    shared: &Arc<Shared>,
    subject: &str,
    numbers: &[String],
    change: impl FnOnce(&mut Draft),
) -> anyhow::Result<Group> {
    let (creator, others) = numbers
        .split_first()
        .ok_or_else(|| anyhow::anyhow!("a group needs somebody"))?;
    let mut draft = Draft {
        subject: subject.to_owned(),
        people: others.to_vec(),
        ..Draft::default()
    };
    change(&mut draft);
    let id = shared.act(|state| {
        for number in numbers {
            state.person(number)?;
        }
        anyhow::Ok(groups::create(state, creator, draft)?)
    })?;
    Ok(Group {
        shared: Arc::clone(shared),
        id,
    })
}

/// The group with this address.
pub(crate) fn find(shared: &Arc<Shared>, address: &str) -> anyhow::Result<Group> {
    let id = address.split('@').next().unwrap_or_default().to_owned();
    shared.look(|state| state.groups.get(&id).map(|_| ()))?;
    Ok(Group {
        shared: Arc::clone(shared),
        id,
    })
}

impl Group {
    /// The address `id@g.us`.
    pub fn jid(&self) -> String {
        Jid::group(self.id.as_str()).to_string()
    }

    /// Somebody writes a text; answers the message id.
    ///
    /// # Errors
    /// When the person may not write here.
    pub fn says(&self, by: &dyn Somebody, text: &str) -> anyhow::Result<String> {
        self.sends(by, wa::Message::text(text))
    }

    /// Somebody sends any message; answers its id.
    ///
    /// # Errors
    /// When the person may not write here.
    pub fn sends(&self, by: &dyn Somebody, message: wa::Message) -> anyhow::Result<String> {
        self.sends_with_id(by, None, message)
    }

    /// Somebody sends any message under an id chosen by the caller, or a new one.
    ///
    /// # Errors
    /// When the person may not write here.
    pub fn sends_with_id(&self, by: &dyn Somebody, id: Option<&str>, message: wa::Message) -> anyhow::Result<String> {
        self.shared.act(|state| {
            // Everybody comments on what few may announce.
            let chat = if message.enc_comment_message.is_set() {
                Chat::seen_by(state, &self.id, by.number())?
            } else {
                Chat::group(state, &self.id, by.number())?
            };
            let is_admins = EditAttribute::infer_from_message(&message) == Some(EditAttribute::AdminRevoke);
            if is_admins && !state.groups.get(&self.id)?.is_admin(by.number()) {
                anyhow::bail!("only administrators take back what others said");
            }
            let id = id.map_or_else(|| state.next_message_id(), ToOwned::to_owned);
            groups::say(state, by.number(), &chat, id.clone(), message);
            Ok(id)
        })
    }

    /// Somebody answers a message with a quotation; answers the message id.
    ///
    /// # Errors
    /// When the person may not write here.
    pub fn replies(&self, by: &dyn Somebody, quoted_id: &str, text: &str) -> anyhow::Result<String> {
        let message = self
            .shared
            .look(|state| speech::reply(state, by.number(), &self.jid(), quoted_id, text));
        self.sends(by, message)
    }

    /// Somebody says anything; answers the message id.
    ///
    /// # Errors
    /// When the person may not write here, speaks of what it does not know, or it is no message.
    pub fn speaks(&self, by: &dyn Somebody, speech: Speech) -> anyhow::Result<String> {
        let message = self
            .shared
            .look(|state| speech::compose(state, by.number(), &self.jid(), speech))?;
        self.sends(by, message)
    }

    /// An assistant answers somebody, for phones only; answers the message id.
    ///
    /// # Errors
    /// When that person is not in the group.
    pub fn is_answered_by_assistant(&self, who: &dyn Somebody) -> anyhow::Result<String> {
        self.shared.act(|state| {
            let chat = Chat::seen_by(state, &self.id, who.number())?;
            assistants::answer_in(state, &chat)
        })
    }

    /// Somebody sends a medium; answers the message id.
    ///
    /// # Errors
    /// When it cannot be sealed, or the person may not write here.
    pub fn sends_medium(&self, by: &dyn Somebody, attachment: Attachment<'_>) -> anyhow::Result<String> {
        self.sends(by, contact::attached(&self.shared, attachment)?)
    }

    /// Somebody reads messages of others.
    pub fn reads(&self, by: &dyn Somebody, ids: &[String]) {
        self.shared.act(|state| {
            if let Ok(chat) = Chat::seen_by(state, &self.id, by.number()) {
                groups::read(state, &chat, by.number(), ids);
            }
        });
    }

    /// Somebody begins or stops typing.
    ///
    /// # Errors
    /// When the person is not in the group.
    pub fn types(&self, by: &dyn Somebody, composing: bool) -> anyhow::Result<()> {
        let typing = if composing { Typing::Composing } else { Typing::Paused };
        self.shared.act(|state| {
            Chat::seen_by(state, &self.id, by.number())?;
            chat_state::type_to(state, by.number(), &self.id, typing);
            Ok(())
        })
    }

    /// The name.
    pub fn subject(&self) -> String {
        self.look(|group| group.subject.text.clone()).unwrap_or_default()
    }

    /// The description, when there is one.
    pub fn description(&self) -> Option<String> {
        self.look(|group| group.description.as_ref()?.text.clone()).flatten()
    }

    /// The numbers of all members.
    pub fn members(&self) -> Vec<String> {
        self.look(groups::Group::numbers).unwrap_or_default()
    }

    /// The numbers of the admins, the creator among them.
    pub fn admins(&self) -> Vec<String> {
        let admins = |group: &groups::Group| {
            let admins = group.members.iter().filter(|(_, member)| member.rank >= Rank::Admin);
            admins.map(|(number, _)| number.clone()).collect()
        };
        self.look(admins).unwrap_or_default()
    }

    /// The numbers of those who are typing.
    pub fn typing(&self) -> Vec<String> {
        self.shared.look(|state| {
            let members = state
                .groups
                .get(&self.id)
                .map(groups::Group::numbers)
                .unwrap_or_default();
            let types = |number: &String| state.chat_states.of(number, &self.id) != Typing::Paused;
            members.into_iter().filter(types).collect()
        })
    }

    /// Waits until somebody types here, or stops.
    ///
    /// # Errors
    /// When that did not happen in time.
    pub async fn waits_for_typing(
        &self,
        who: &dyn Somebody,
        composing: bool,
        patience: Duration,
    ) -> anyhow::Result<()> {
        let number = who.number().to_owned();
        let holds = || self.typing().contains(&number) == composing;
        contact::until(&self.shared, holds, patience).await
    }

    /// The numbers of those who asked to come in.
    pub fn requests(&self) -> Vec<String> {
        self.look(|group| group.requests.keys().cloned().collect())
            .unwrap_or_default()
    }

    /// Whether the group still is.
    pub fn exists(&self) -> bool {
        self.look(|_| ()).is_some()
    }

    /// Only admins write here.
    pub fn is_announcement(&self) -> bool {
        self.look(|group| group.settings.announcement).unwrap_or_default()
    }

    /// Only admins change what the group shows about itself.
    pub fn is_locked(&self) -> bool {
        self.look(|group| group.settings.locked).unwrap_or_default()
    }

    /// Whether everybody in it may add others.
    pub fn everybody_adds(&self) -> bool {
        self.look(|group| group.settings.all_members_add).unwrap_or_default()
    }

    /// After how many seconds messages disappear.
    pub fn timer(&self) -> Option<u32> {
        self.look(|group| group.settings.ephemeral.map(|(seconds, _)| seconds))
            .flatten()
    }

    /// Everything that happened to the group.
    pub fn past(&self) -> Vec<Past> {
        self.look(|group| group.past.clone()).unwrap_or_default()
    }

    fn look<R>(&self, look: impl FnOnce(&groups::Group) -> R) -> Option<R> {
        self.shared.look(|state| state.groups.get(&self.id).ok().map(look))
    }
}
