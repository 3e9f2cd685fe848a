//! What every network must do: one suite, run against the scripted network and against WhatsApp on the simulator.

mod fake;
mod files;
mod groups;
mod recorder;
mod scenes;
mod simulator;
mod whatsapp;
mod whatsapp_acts;
mod whatsapp_files;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::StreamExt;

use self::recorder::Recorder;
use super::{LinkStep, LinkSteps, Linking, Network};
use crate::model::{
    Action, ChatId, ContactId, Content, DeviceId, Event, LinkSignal, LogoutReason, MediaRef, MessageId, PortalKey,
    Quote, Say, Sender,
};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The owner's number.
const OWNER: &str = "15550009999";
/// The contact's number.
const ANA: &str = "15550001111";

/// A message as the contact's own phone shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Heard {
    id: String,
    text: String,
    quoted_id: Option<String>,
    quoted_text: Option<String>,
}

/// A network with somebody at the other end of it.
#[async_trait]
trait Stage: Send + Sync {
    fn network(&self) -> Arc<dyn Network>;
    fn intake(&self) -> &Arc<Recorder>;
    /// The owner's phone scans the code, or types it.
    async fn phone_accepts(&self, step: &LinkStep);
    /// The contact writes to the owner; the id of the message.
    async fn ana_says(&self, device: DeviceId, text: &str) -> String;
    /// The contact answers a message of the owner.
    async fn ana_replies(&self, device: DeviceId, quoted: &Heard, text: &str) -> String;
    /// The owner writes to the contact with the phone.
    async fn owner_says(&self, device: DeviceId, text: &str) -> String;
    /// What the contact's phone shows.
    async fn ana_sees(&self, device: DeviceId) -> Vec<Heard>;
    /// The contact sends a picture to the owner; the id of the message, and where the picture is.
    async fn ana_sends_picture(&self, device: DeviceId, bytes: &[u8]) -> (String, MediaRef);
    /// The contact makes a group with the owner in it, which has this picture.
    async fn ana_makes_group(&self, device: DeviceId, title: &str, picture: &[u8]) -> ChatId;
    /// The contact gives a group of hers another name.
    async fn ana_renames(&self, device: DeviceId, group: &ChatId, title: &str);
    /// The network gives nobody the files of now any more.
    async fn files_expire(&self);
    /// The owner's phone deleted its files.
    async fn phone_loses_files(&self);
    async fn refuses_next_message(&self);
    async fn loses_next_answer(&self);
    async fn connection_breaks(&self, device: DeviceId);
    async fn connection_returns(&self, device: DeviceId);
    async fn phone_unlinks(&self, device: DeviceId);
    /// A process with this network ended and another one begins.
    async fn restarts(&mut self);
}

impl dyn Stage + '_ {
    async fn linking(&self, how: Linking) -> (DeviceId, LinkSteps) {
        let device = DeviceId::generate();
        (device, self.network().link(device, how).await.expect("linking begins"))
    }

    /// Goes the whole way from nothing to a live device.
    async fn links(&self, how: Linking) -> DeviceId {
        let (device, mut steps) = self.linking(how).await;
        self.phone_accepts(&next(&mut steps).await).await;
        loop {
            match next(&mut steps).await {
                LinkStep::Linked { number } => {
                    assert_eq!(number, OWNER);
                    break;
                }
                LinkStep::Qr { .. } => {}
                step => panic!("linking ended with {step:?}"),
            }
        }
        assert_eq!(steps.next().await, None, "nothing follows a link");
        drop(steps);
        self.network().connect(device).await.expect("a linked device connects");
        self.intake().hears(device, LinkSignal::Connected).await;
        device
    }

    async fn says(&self, device: DeviceId, id: &MessageId, text: &str) -> Result<(), super::Error> {
        self.acts(device, id, text, None).await
    }

    async fn acts(
        &self,
        device: DeviceId,
        id: &MessageId,
        text: &str,
        reply_to: Option<Quote>,
    ) -> Result<(), super::Error> {
        let say = Say {
            reply_to,
            ..Say::new(Content::words(text))
        };
        self.network()
            .act(&portal(&*self.network(), device), id, &Action::Say(say))
            .await
    }

    /// Waits until the contact's phone shows so many messages.
    async fn ana_waits_for(&self, device: DeviceId, count: usize) -> Vec<Heard> {
        let seen = async {
            loop {
                let seen = self.ana_sees(device).await;
                if seen.len() >= count {
                    return seen;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, seen)
            .await
            .expect("the contact sees the messages")
    }

    /// Sends as soon as the device can, as the bridge's worker does.
    async fn says_until_taken(&self, device: DeviceId, id: &MessageId, text: &str) {
        let sent = async {
            loop {
                match self.says(device, id, text).await {
                    Ok(()) => return,
                    Err(error) if error.is_transient() => tokio::task::yield_now().await,
                    Err(error) => panic!("{error}"),
                }
            }
        };
        tokio::time::timeout(PATIENCE, sent)
            .await
            .expect("the message is taken");
    }
}

fn ana() -> ContactId {
    ContactId::from_adapter(ANA)
}

fn portal(network: &dyn Network, device: DeviceId) -> PortalKey {
    PortalKey::new(device, network.direct_chat(&ana()))
}

async fn next(steps: &mut LinkSteps) -> LinkStep {
    tokio::time::timeout(PATIENCE, steps.next())
        .await
        .expect("a step comes in time")
        .expect("there is a step")
}

fn said(event: &Event) -> &Say {
    let Action::Say(say) = &event.action else {
        panic!("not a message: {event:?}")
    };
    say
}

fn text(event: &Event) -> &str {
    said(event).content.text().expect("words")
}

macro_rules! contract {
    ($module:ident on $stage:path, $scenes:ident: $($scene:ident),+ $(,)?) => {
        mod $module {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $scene() {
                    let mut stage = $stage().await;
                    super::$scenes::$scene(&mut *stage).await;
                }
            )+
        }
    };
}

/// The scenes with groups.
macro_rules! groups_on_every_network {
    ($($scene:ident),+ $(,)?) => {
        contract!(groups_on_fake on super::fake::ready, groups: $($scene),+);
        contract!(groups_on_simulator on super::simulator::stage, groups: $($scene),+);
    };
}

/// The scenes that move files.
macro_rules! files_on_every_network {
    ($($scene:ident),+ $(,)?) => {
        contract!(files_on_fake on super::fake::ready, files: $($scene),+);
        contract!(files_on_simulator on super::simulator::stage, files: $($scene),+);
    };
}

macro_rules! every_network {
    ($($scene:ident),+ $(,)?) => {
        contract!(on_fake on super::fake::ready, scenes: $($scene),+);
        contract!(on_simulator on super::simulator::stage, scenes: $($scene),+);
    };
}

contract!(on_simulator_and_postgres on super::simulator::stage_on_postgres, scenes:
    text_goes_both_ways,
    what_came_while_disconnected_arrives_once_and_in_order,
    a_restart_keeps_the_link,
);

every_network! {
    a_phone_links_by_scanning_a_code,
    a_phone_links_by_typing_a_code,
    an_attempt_that_is_dropped_leaves_nothing,
    text_goes_both_ways,
    replies_go_both_ways_with_what_they_answer,
    what_the_owner_writes_on_the_phone_is_the_owners,
    repeating_an_act_shows_one_message,
    a_refusal_is_for_good_and_says_why,
    a_lost_answer_is_worth_repeating,
    a_broken_connection_is_told_and_mended,
    what_came_while_disconnected_arrives_once_and_in_order,
    a_restart_keeps_the_link,
    a_device_the_phone_removed_is_over,
    an_unlinked_device_is_unknown,
    what_could_not_be_stored_comes_again,
    ghosts_and_contacts_have_one_name,
}

files_on_every_network! {
    files_go_both_ways,
    a_file_that_is_gone_is_brought_again_by_the_phone,
    a_file_of_elsewhere_is_refused,
    files_need_a_linked_device,
}

groups_on_every_network! {
    a_group_is_known_with_its_members,
    a_picture_is_fetched_once,
    a_group_that_is_none_is_not_found,
    a_change_of_a_group_is_told,
    a_group_is_made_once_changed_and_found_by_its_link,
}
