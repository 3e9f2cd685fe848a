//! What people change about a group: who is in, what it is called, who may what.

use whatsapp_rust::wacore_binary::Jid;
use whatsapp_rust::waproto::whatsapp as wa;

use whatsapp_rust::buffa::MessageField;

use super::{Group, Somebody};
use crate::contact::Contact;
use crate::server::groups::{self, Change, Deed, Joined};

/// The address before the code of an invitation.
const LINK: &str = "https://chat.whatsapp.com/";

impl Group {
    /// Somebody adds people.
    ///
    /// # Errors
    /// With the first refusal.
    pub fn adds(&self, by: &dyn Somebody, people: &[&dyn Somebody]) -> anyhow::Result<()> {
        self.acts(by, Deed::Add, people)
    }

    /// Somebody removes people.
    ///
    /// # Errors
    /// With the first refusal.
    pub fn removes(&self, by: &dyn Somebody, people: &[&dyn Somebody]) -> anyhow::Result<()> {
        self.acts(by, Deed::Remove, people)
    }

    /// Somebody removes people from a community and all its groups.
    ///
    /// # Errors
    /// With the first refusal.
    pub fn removes_everywhere(&self, by: &dyn Somebody, people: &[&dyn Somebody]) -> anyhow::Result<()> {
        self.acts(by, Deed::RemoveEverywhere, people)
    }

    /// Somebody makes people admins.
    ///
    /// # Errors
    /// With the first refusal.
    pub fn promotes(&self, by: &dyn Somebody, people: &[&dyn Somebody]) -> anyhow::Result<()> {
        self.acts(by, Deed::Promote, people)
    }

    /// Somebody makes admins members again.
    ///
    /// # Errors
    /// With the first refusal.
    pub fn demotes(&self, by: &dyn Somebody, people: &[&dyn Somebody]) -> anyhow::Result<()> {
        self.acts(by, Deed::Demote, people)
    }

    fn acts(&self, by: &dyn Somebody, deed: Deed, people: &[&dyn Somebody]) -> anyhow::Result<()> {
        let whom = addresses(people);
        let outcomes = self
            .shared
            .act(|state| groups::act(state, &self.id, by.number(), deed, &whom))?;
        first_refusal(outcomes.into_iter().map(|one| one.refused))
    }

    /// Somebody goes.
    ///
    /// # Errors
    /// When the person is not in the group.
    pub fn leaves(&self, who: &dyn Somebody) -> anyhow::Result<()> {
        Ok(self.shared.act(|state| groups::leave(state, &self.id, who.number()))?)
    }

    /// Whoever made the group ends it.
    ///
    /// # Errors
    /// When the person may not.
    pub fn ends(&self, by: &dyn Somebody) -> anyhow::Result<()> {
        Ok(self.shared.act(|state| groups::end(state, &self.id, by.number()))?)
    }

    /// Somebody gives the group another name.
    ///
    /// # Errors
    /// When the person may not.
    pub fn renames(&self, by: &dyn Somebody, subject: &str) -> anyhow::Result<()> {
        self.changes(by, &Change::Subject(subject.to_owned()))
    }

    /// Somebody describes the group, or takes the description away.
    ///
    /// # Errors
    /// When the person may not.
    pub fn describes(&self, by: &dyn Somebody, text: Option<&str>) -> anyhow::Result<()> {
        let previous = self.look(|group| group.description.as_ref().map(|known| known.id.clone()));
        let id = self.shared.act(crate::server::state::State::next_message_id);
        self.changes(
            by,
            &Change::Description {
                id,
                previous: previous.flatten(),
                text: text.map(ToOwned::to_owned),
            },
        )
    }

    /// Somebody gives the group another picture, or none.
    ///
    /// # Errors
    /// When the person may not.
    pub fn sets_picture(&self, by: &dyn Somebody, jpeg: Option<&[u8]>) -> anyhow::Result<()> {
        self.shared.act(|state| {
            groups::pictures::change(state, &self.id, by.number(), jpeg.map(|jpeg| (jpeg.to_vec(), None)))
        })?;
        Ok(())
    }

    /// Only admins write, or everybody.
    ///
    /// # Errors
    /// When the person may not decide that.
    pub fn announces(&self, by: &dyn Somebody, only_admins: bool) -> anyhow::Result<()> {
        self.changes(by, &Change::Announcement(only_admins))
    }

    /// Only admins change what the group shows about itself, or everybody.
    ///
    /// # Errors
    /// When the person may not decide that.
    pub fn locks(&self, by: &dyn Somebody, only_admins: bool) -> anyhow::Result<()> {
        self.changes(by, &Change::Locked(only_admins))
    }

    /// Whoever wants to join by the link has to be let in, or not.
    ///
    /// # Errors
    /// When the person may not decide that.
    pub fn needs_approval(&self, by: &dyn Somebody, approval: bool) -> anyhow::Result<()> {
        self.changes(by, &Change::Approval(approval))
    }

    /// Everybody may add people, or only admins.
    ///
    /// # Errors
    /// When the person may not decide that.
    pub fn lets_members_add(&self, by: &dyn Somebody, all: bool) -> anyhow::Result<()> {
        self.changes(by, &Change::AllMembersAdd(all))
    }

    /// Messages disappear after so many seconds, or stay.
    ///
    /// # Errors
    /// When the person may not decide that.
    pub fn sets_timer(&self, by: &dyn Somebody, seconds: Option<u32>) -> anyhow::Result<()> {
        self.changes(by, &Change::Ephemeral(seconds.map(|seconds| (seconds, None))))
    }

    fn changes(&self, by: &dyn Somebody, change: &Change) -> anyhow::Result<()> {
        Ok(self
            .shared
            .act(|state| groups::change(state, &self.id, by.number(), change))?)
    }

    /// The invitation everybody may follow.
    ///
    /// # Errors
    /// When the person may not see it.
    pub fn invite_link(&self, by: &dyn Somebody) -> anyhow::Result<String> {
        let code = self.shared.look(|state| groups::code(state, &self.id, by.number()))?;
        Ok(format!("{LINK}{code}"))
    }

    /// Somebody makes a new link; the old one leads nowhere.
    ///
    /// # Errors
    /// When the person may not.
    pub fn resets_invite_link(&self, by: &dyn Somebody) -> anyhow::Result<String> {
        let code = self.shared.act(|state| groups::reset(state, &self.id, by.number()))?;
        Ok(format!("{LINK}{code}"))
    }

    /// The message by which somebody invites a person: to be sent in the chat of the two.
    ///
    /// # Errors
    /// When the person may not invite, or the other is in already.
    pub fn invites(&self, by: &dyn Somebody, person: &dyn Somebody) -> anyhow::Result<wa::Message> {
        let (code, expiration) = self
            .shared
            .act(|state| groups::invite(state, &self.id, by.number(), person.number()))?;
        Ok(wa::Message {
            group_invite_message: MessageField::some(wa::message::GroupInviteMessage {
                group_jid: Some(self.jid()),
                invite_code: Some(code),
                invite_expiration: i64::try_from(expiration).ok(),
                group_name: Some(self.subject()),
                ..Default::default()
            }),
            ..Default::default()
        })
    }

    /// An admin lets people in who asked, or does not.
    ///
    /// # Errors
    /// When the person may not, or somebody did not ask.
    pub fn decides(&self, by: &dyn Somebody, lets_in: bool, people: &[&dyn Somebody]) -> anyhow::Result<()> {
        let whom = addresses(people);
        let outcomes = self
            .shared
            .act(|state| groups::decide(state, &self.id, by.number(), lets_in, &whom))?;
        first_refusal(outcomes.into_iter().map(|one| one.refused))
    }

    /// Somebody takes back the wish to come in.
    ///
    /// # Errors
    /// When there was none.
    pub fn withdraws_request(&self, who: &dyn Somebody) -> anyhow::Result<()> {
        let whom = addresses(&[who]);
        let outcomes = self
            .shared
            .act(|state| groups::withdraw(state, &self.id, who.number(), &whom))?;
        first_refusal(outcomes.into_iter().map(|one| one.refused))
    }

    /// Somebody makes a group part of this community, or takes it out.
    ///
    /// # Errors
    /// When the person may not, or the group is somewhere else.
    pub fn links(&self, by: &dyn Somebody, group: &Self, linked: bool) -> anyhow::Result<()> {
        let jid = [Jid::group(group.id.as_str())];
        let outcomes = self
            .shared
            .act(|state| groups::link(state, &self.id, by.number(), linked, &jid))?;
        first_refusal(outcomes.into_iter().map(|(_, refused)| refused))
    }

    /// The group of this community that everybody is in.
    ///
    /// # Errors
    /// When this is no community.
    pub fn announcements(&self) -> anyhow::Result<Self> {
        let id = self.shared.look(|state| state.groups.announcements(&self.id));
        Ok(Self {
            shared: std::sync::Arc::clone(&self.shared),
            id: id.ok_or_else(|| anyhow::anyhow!("this is no community"))?,
        })
    }
}

impl Contact {
    /// Follows an invitation; answers whether it is in now, or waits for an admin.
    ///
    /// # Errors
    /// When the link leads nowhere, or the person is in already.
    pub fn follows(&self, link: &str) -> anyhow::Result<bool> {
        let code = link.rsplit('/').next().unwrap_or_default();
        let joined = self.shared.act(|state| groups::follow(state, code, &self.number))?;
        Ok(matches!(joined, Joined::In(_)))
    }

    /// Accepts a personal invitation.
    ///
    /// # Errors
    /// When it is none, is too old, or for somebody else.
    pub fn accepts(&self, invitation: &wa::Message) -> anyhow::Result<()> {
        let asked = &invitation.group_invite_message;
        let group: Jid = asked.group_jid.as_deref().unwrap_or_default().parse()?;
        let code = asked.invite_code.as_deref().unwrap_or_default();
        self.shared
            .act(|state| groups::accept(state, &group.user, &self.number, code))?;
        Ok(())
    }

    /// Cannot be added to groups, for a reason: 403 wants to be invited, 408 left lately, 401 blocks; or can.
    pub fn refuses_group_adds(&self, code: Option<u32>) {
        self.shared.act(|state| match code {
            Some(code) => state.groups.refusals.insert(self.number.clone(), code),
            None => state.groups.refusals.remove(&self.number),
        });
    }
}

fn addresses(people: &[&dyn Somebody]) -> Vec<Jid> {
    people.iter().map(|one| Jid::pn(one.number())).collect()
}

fn first_refusal(refusals: impl Iterator<Item = Option<groups::Refused>>) -> anyhow::Result<()> {
    match refusals.flatten().next() {
        Some(refused) => Err(refused.into()),
        None => Ok(()),
    }
}
