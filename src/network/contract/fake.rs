//! The stage of the scripted network.

use std::{
    collections::HashSet,
    future::{Ready, ready as ready_with},
    sync::Arc,
};

use async_trait::async_trait;

use super::{ANA, Heard, OWNER, Stage, recorder::Recorder};
use crate::{
    model::{
        Action, ChatId, DeviceId, Group, GroupChange, GroupMember, LogoutReason, MediaKind, MediaRef, MessageId, Quote,
        Rank, Sender,
    },
    network::{Error, Intake, LinkStep, Network, fake::Fake},
};

struct OnFake {
    fake: Arc<Fake>,
    intake: Arc<Recorder>,
}

/// Set up at once; the suite awaits every stage.
pub(super) fn ready() -> Ready<Box<dyn Stage>> {
    ready_with(stage())
}

fn stage() -> Box<dyn Stage> {
    let intake = Arc::<Recorder>::default();
    Box::new(OnFake {
        fake: Fake::new(Arc::clone(&intake) as Arc<dyn Intake>),
        intake,
    })
}

#[async_trait]
impl Stage for OnFake {
    fn network(&self) -> Arc<dyn Network> {
        Arc::clone(&self.fake) as Arc<dyn Network>
    }

    fn intake(&self) -> &Arc<Recorder> {
        &self.intake
    }

    async fn phone_accepts(&self, _: &LinkStep) {
        self.fake.links_with(OWNER).expect("an open attempt");
    }

    async fn ana_says(&self, device: DeviceId, text: &str) -> String {
        let event = self.fake.event(device, ANA, Sender::Contact(super::ana()), text, None);
        let id = event.id.as_str().to_owned();
        self.fake.brings(event).await;
        id
    }

    async fn ana_replies(&self, device: DeviceId, quoted: &Heard, text: &str) -> String {
        let quote = Quote {
            id: MessageId::from_adapter(quoted.id.clone()),
            sender: Some(Sender::Owner),
            text: Some(quoted.text.clone()),
            content: None,
        };
        self.fake
            .replies(device, ANA, quote, text)
            .await
            .unwrap()
            .as_str()
            .to_owned()
    }

    async fn owner_says(&self, device: DeviceId, text: &str) -> String {
        self.fake
            .owner_says(device, ANA, text)
            .await
            .unwrap()
            .as_str()
            .to_owned()
    }

    async fn ana_sees(&self, device: DeviceId) -> Vec<Heard> {
        let mut seen = HashSet::new();
        let acts = self
            .fake
            .acts()
            .into_iter()
            .filter(|act| act.portal.device == device && seen.insert(act.id.clone()));
        acts.filter_map(|act| match act.action {
            Action::Say(say) => Some(Heard {
                id: act.id.as_str().to_owned(),
                text: say.content.text()?.to_owned(),
                quoted_id: say.reply_to.as_ref().map(|quote| quote.id.as_str().to_owned()),
                quoted_text: say.reply_to.and_then(|quote| quote.text),
            }),
            Action::Edit { .. }
            | Action::React { .. }
            | Action::Delete { .. }
            | Action::Forget { .. }
            | Action::Vote { .. }
            | Action::AddOption { .. }
            | Action::EndPoll { .. }
            | Action::Attend { .. }
            | Action::Pin { .. }
            | Action::Keep { .. }
            | Action::Move { .. }
            | Action::Stray
            | Action::Sealed { .. }
            | Action::Timer(_)
            | Action::Discard
            | Action::Clear { .. }
            | Action::Group(_)
            | Action::Typing(_)
            | Action::Mark(_)
            | Action::Name(_)
            | Action::Read { .. } => None,
        })
        .collect()
    }

    async fn ana_sends_picture(&self, device: DeviceId, bytes: &[u8]) -> (String, MediaRef) {
        let reference = self.fake.keeps_file(MediaKind::Image, bytes);
        (self.ana_says(device, "a picture").await, reference)
    }

    async fn ana_makes_group(&self, device: DeviceId, title: &str, picture: &[u8]) -> ChatId {
        let chat = ChatId::from_adapter("120363000000000001@g.us");
        let member = |who, rank| GroupMember { who, rank };
        let group = Group {
            title: title.to_owned(),
            picture: Some("1".to_owned()),
            members: vec![
                member(Sender::Contact(super::ana()), Rank::Superadmin),
                member(Sender::Owner, Rank::Member),
            ],
            ..Group::default()
        };
        self.fake.has_group(device, &chat, Some(group));
        self.fake.has_picture(device, &chat, "1", picture);
        chat
    }

    async fn ana_renames(&self, device: DeviceId, chat: &ChatId, title: &str) {
        let change = GroupChange::Title(title.to_owned());
        let ana = Sender::Contact(super::ana());
        self.fake.changes_group(device, chat, ana, change).await;
    }

    async fn files_expire(&self) {
        self.fake.loses_files();
    }

    async fn phone_loses_files(&self) {
        self.fake.phone_loses_files();
    }

    async fn refuses_next_message(&self) {
        self.fake
            .refuses_next(Error::Refused("the account is restricted (463)".into()));
    }

    async fn loses_next_answer(&self) {
        self.fake.loses_next_answer();
    }

    async fn connection_breaks(&self, device: DeviceId) {
        self.fake.loses(device);
    }

    async fn connection_returns(&self, device: DeviceId) {
        self.fake.returns(device).await;
    }

    async fn phone_unlinks(&self, device: DeviceId) {
        self.fake.ends(device, LogoutReason::Unlinked);
    }

    async fn restarts(&mut self) {
        self.fake.forgets_connections();
    }
}
