//! What only WhatsApp can do wrong: its refusals, its two names for one person, its kinds of messages, and messages
//! whose way was cut anywhere.

use std::sync::Mutex;

use tokio::sync::Notify;
use whatsapp_rust::{buffa::MessageField, waproto::whatsapp as wa};

use super::{
    simulator::{Accident, OnSimulator},
    *,
};
use crate::{
    model::{News, Recipient, Timestamp, Typing},
    network::{Error, Intake, IntakeClosed},
};

async fn linked() -> (OnSimulator, DeviceId) {
    let stage = OnSimulator::begins().await;
    let device = (&stage as &dyn Stage).links(Linking::Qr).await;
    (stage, device)
}

/// The server refuses the next login with `code`.
async fn refused_with(code: u32, reason: LogoutReason) {
    let (stage, device) = linked().await;
    stage.server.refuses_login(code);
    stage.server.drops_connections();
    stage.intake.hears(device, LinkSignal::Ended(reason)).await;
    let id = stage.network().message_id("$late:server");
    let error = (&stage as &dyn Stage)
        .says(device, &id, "hello?")
        .await
        .expect_err("it is over");
    assert!(matches!(error, Error::NotLinked), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_banned_account_is_told_as_such() {
    refused_with(402, LogoutReason::Banned).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_account_is_told_as_banned() {
    refused_with(403, LogoutReason::Banned).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_version_is_told_as_outdated() {
    refused_with(405, LogoutReason::Outdated).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_other_refusal_is_told_as_one() {
    refused_with(409, LogoutReason::Refused).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_out_of_order_is_tried_again() {
    let (stage, device) = linked().await;
    stage.intake.forgets_news();
    stage.server.refuses_login(503);
    stage.server.drops_connections();
    stage
        .intake
        .hears(device, LinkSignal::Lost(Timestamp::from_secs(0)))
        .await;
    stage.server.accepts_logins();
    stage.intake.hears(device, LinkSignal::Connected).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_connection_takes_the_session_over() {
    let (stage, device) = linked().await;
    let (other, intake) = stage.a_second_adapter();
    other.connect(device).await.unwrap();
    intake.hears(device, LinkSignal::Connected).await;
    stage
        .intake
        .hears(device, LinkSignal::Ended(LogoutReason::Replaced))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_writes_under_a_lid_is_the_same_contact() {
    let (stage, device) = linked().await;
    stage.ana.says(&stage.phone, "by number");
    stage.intake.waits_for(1).await;
    stage.ana.lid_addressed();
    stage.ana.says(&stage.phone, "by LID, with the number");
    stage.intake.waits_for(2).await;
    stage.ana.hides_number();
    stage.ana.says(&stage.phone, "by LID alone");
    for event in stage.intake.waits_for(3).await {
        assert_eq!(
            (&event.sender, event.chat.as_str()),
            (&Sender::Contact(ana()), ANA),
            "{}",
            text(&event)
        );
    }
    let network = stage.network();
    let name = format!("lid_{}", stage.ana.lid());
    assert_eq!(network.contact_of_ghost(&name).await.unwrap(), Some(ana()));
    assert_eq!(
        network.contact(device, &ana()).await.unwrap().name.as_deref(),
        Some("Ana")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_learned_later_changes_nobodys_name() {
    let (stage, device) = linked().await;
    stage.ana.hides_number();
    let asked = stage.ana.says(&stage.phone, "guess who");
    let contact = ContactId::from_adapter(format!("lid_{}", stage.ana.lid()));
    let first = stage.intake.waits_for(1).await.remove(0);
    assert_eq!(first.sender, Sender::Contact(contact.clone()));
    stage.ana.lid_addressed();
    stage.ana.says(&stage.phone, "it is me");
    let second = stage.intake.waits_for(2).await.remove(1);
    assert_eq!((&second.sender, &second.chat), (&first.sender, &first.chat));
    let network = stage.network();
    assert_eq!(
        network.contact(device, &contact).await.unwrap().phone.as_deref(),
        Some(ANA)
    );
    assert_eq!(network.contact_of_ghost(ANA).await.unwrap(), Some(contact.clone()));
    assert_eq!(
        network.find(device, &Recipient::Phone(ANA.into())).await.unwrap(),
        first.chat
    );

    let quote = Quote {
        id: MessageId::from_adapter(asked),
        sender: Some(first.sender),
        text: Some("guess who".into()),
        content: None,
    };
    let say = Say {
        reply_to: Some(quote),
        ..Say::new(Content::words("Ana!"))
    };
    let key = PortalKey::new(device, first.chat);
    network
        .act(&key, &network.message_id("$ana:server"), &Action::Say(say))
        .await
        .unwrap();
    let heard = stage
        .ana
        .waits_for(|received| received.text.as_deref() == Some("Ana!"), PATIENCE)
        .await
        .unwrap();
    assert_eq!(heard.quoted_text.as_deref(), Some("guess who"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_lives_under_its_lid_talks_as_well() {
    let stage = OnSimulator::begins().await;
    stage.phone.is_lid_migrated(true);
    stage.ana.lid_addressed();
    let it: &dyn Stage = &stage;
    let device = it.links(Linking::Qr).await;
    stage.ana.says(&stage.phone, "hello");
    stage.intake.waits_for(1).await;
    stage.phone.says(&stage.ana, "from the phone");
    let own = stage.intake.waits_for(2).await.remove(1);
    assert_eq!((&own.sender, own.chat.as_str()), (&Sender::Owner, ANA));
    it.says(device, &stage.network().message_id("$lid:server"), "hello Ana")
        .await
        .unwrap();
    stage
        .ana
        .waits_for(|received| received.text.as_deref() == Some("hello Ana"), PATIENCE)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_shown_is_told_and_noise_is_not() {
    let (stage, _) = linked().await;
    let reaction = wa::Message {
        reaction_message: MessageField::some(wa::message::ReactionMessage {
            text: Some("👍".into()),
            ..Default::default()
        }),
        ..Default::default()
    };
    let sticker = wa::Message {
        sticker_message: MessageField::some(wa::message::StickerMessage::default()),
        ..Default::default()
    };
    stage.ana.sends(&stage.phone, reaction);
    stage.ana.sends(&stage.phone, sticker);
    stage.ana.says(&stage.phone, "like it?");
    let events = stage.intake.waits_for(2).await;
    assert_eq!(said(&events[0]).content, Content::Unsupported("sticker".into()));
    assert_eq!(text(&events[1]), "like it?");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_that_pass_are_told_apart_from_those_that_do_not() {
    let (stage, device) = linked().await;
    let it: &dyn Stage = &stage;
    let id = stage.network().message_id("$limits:server");
    for (code, transient) in [(429, true), (503, true), (400, false), (404, false)] {
        stage.server.nacks_next(code);
        let error = it.says(device, &id, "hello").await.expect_err("the server refuses");
        assert_eq!(error.is_transient(), transient, "{code}: {error}");
    }
    it.says(device, &id, "hello").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_without_whatsapp_is_not_found() {
    let (stage, device) = linked().await;
    let bob = stage.server.contact("15550002222", "Bob");
    bob.is_registered(false);
    let network = stage.network();
    let asked = Recipient::Phone(bob.number().to_owned());
    assert!(matches!(network.find(device, &asked).await, Err(Error::NotFound(_))));
    bob.is_registered(true);
    let chat = network.find(device, &asked).await.unwrap();
    assert_eq!(chat.as_str(), bob.number());
    let address = Recipient::Address(bob.jid());
    assert_eq!(network.find(device, &address).await.unwrap(), chat);
    assert!(matches!(
        network
            .find(device, &Recipient::Invite("https://chat.whatsapp.com/nowhere".into()))
            .await,
        Err(Error::NotFound(_))
    ));
    assert!(matches!(
        network.find(device, &Recipient::Address("nobody".into())).await,
        Err(Error::NotFound(_))
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn typing_and_reading_are_seen_at_the_other_end() {
    let (stage, device) = linked().await;
    let id = stage.ana.says(&stage.phone, "are you there?");
    let event = stage.intake.waits_for(1).await.remove(0);
    let network = stage.network();
    let key = portal(&*network, device);
    for (typing, seen) in [
        (Typing::Writing, ::simulator::Typing::Composing),
        (Typing::Recording, ::simulator::Typing::Recording),
        (Typing::Stopped, ::simulator::Typing::Paused),
    ] {
        match typing {
            Typing::Writing => stage.ana.types_to(&stage.phone, true),
            Typing::Recording => stage.ana.records_to(&stage.phone, true),
            Typing::Stopped => stage.ana.types_to(&stage.phone, false),
        }
        stage.intake.hears_typing(typing).await;
        network
            .act(&key, &network.message_id("$"), &Action::Typing(typing))
            .await
            .unwrap();
        stage.ana.waits_to_see(&stage.phone, seen, PATIENCE).await.unwrap();
    }
    let read = crate::model::MessageRef {
        id: event.id.clone(),
        sender: event.sender.clone(),
    };
    network
        .act(
            &key,
            &network.message_id("$"),
            &Action::Read {
                messages: vec![read],
                quietly: false,
            },
        )
        .await
        .unwrap();
    stage.ana.waits_for_receipt(&id, "read", PATIENCE).await.unwrap();

    let id = stage.ana.says(&stage.phone, "and now?");
    let event = stage.intake.waits_for(2).await.remove(1);
    let quietly = Action::Read {
        messages: vec![crate::model::MessageRef {
            id: event.id.clone(),
            sender: event.sender.clone(),
        }],
        quietly: true,
    };
    network.act(&key, &network.message_id("$"), &quietly).await.unwrap();
    // A stanza of one connection comes after the one before: once she sees typing, the receipt has passed.
    network
        .act(&key, &network.message_id("$"), &Action::Typing(Typing::Writing))
        .await
        .unwrap();
    stage.ana.waits_for_typing(&stage.phone, true, PATIENCE).await.unwrap();
    assert!(!stage.ana.has_receipt(&id, "read"), "she shall not know");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_before_the_house_knows_the_device_waits() {
    let stage = OnSimulator::begins().await;
    let it: &dyn Stage = &stage;
    let (device, mut steps) = it.linking(Linking::Qr).await;
    it.phone_accepts(&next(&mut steps).await).await;
    while !matches!(next(&mut steps).await, LinkStep::Linked { .. }) {}
    stage.ana.says(&stage.phone, "too early");
    stage.ana.types_to(&stage.phone, true);
    stage.intake.hears_typing(Typing::Writing).await;
    assert_eq!(stage.intake.events(), [], "nobody could take it");
    stage.network().connect(device).await.unwrap();
    assert_eq!(text(&stage.intake.waits_for(1).await[0]), "too early");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_fails_for_long_gets_the_messages_on_the_next_connection() {
    let (stage, _) = linked().await;
    stage.intake.refuses(6);
    stage.ana.says(&stage.phone, "patience");
    assert_eq!(text(&stage.intake.waits_for(1).await[0]), "patience");
    assert_eq!(stage.intake.refused(), 6);
    stage.phone.waits_for_empty_backlog(PATIENCE).await.unwrap();
}

/// An intake in a process that dies while it stores.
#[derive(Debug, Default)]
struct Dying {
    reached: Notify,
    commits: bool,
    taken: Mutex<Vec<Event>>,
}

#[async_trait]
impl Intake for Dying {
    async fn accept(&self, events: Vec<Event>) -> Result<(), IntakeClosed> {
        if self.commits {
            self.taken.lock().unwrap().extend(events);
        }
        self.reached.notify_one();
        std::future::pending().await
    }

    async fn remember(&self, _: DeviceId, _: &str) -> Result<(), IntakeClosed> {
        Ok(())
    }

    fn news(&self, _: News) {}
}

/// The process dies while a message is stored, before or after the commit, and another one begins.
async fn dies_while_storing(commits: bool) {
    let (mut stage, device) = linked().await;
    stage.ana.says(&stage.phone, "first");
    stage.intake.waits_for(1).await;
    let dying = Arc::new(Dying {
        commits,
        ..Dying::default()
    });
    let doomed = Accident::on(&mut stage, Arc::clone(&dying) as Arc<dyn Intake>);
    doomed.network.connect(device).await.unwrap();
    stage.ana.says(&stage.phone, "second");
    tokio::time::timeout(PATIENCE, dying.reached.notified()).await.unwrap();
    doomed.dies();
    stage.server.drops_connections();

    stage.network().connect(device).await.unwrap();
    stage.ana.says(&stage.phone, "third");
    let texts: Vec<_> = stage
        .intake
        .waits_for(3)
        .await
        .iter()
        .map(|event| text(event).to_owned())
        .collect();
    assert_eq!(texts, ["first", "second", "third"]);
    if commits {
        let before = dying.taken.lock().unwrap().remove(0);
        assert_eq!(before.id, stage.intake.events()[1].id, "one message keeps one id");
    }
    stage.phone.waits_for_empty_backlog(PATIENCE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_dies_before_it_stored_gets_the_message_again() {
    dies_while_storing(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_dies_before_it_acknowledged_gets_the_message_again() {
    dies_while_storing(true).await;
}

/// An intake that takes everything but one text, which it never finishes.
#[derive(Debug, Default)]
struct Stuck {
    connected: Notify,
    reached: Notify,
    other: Notify,
}

#[async_trait]
impl Intake for Stuck {
    async fn accept(&self, events: Vec<Event>) -> Result<(), IntakeClosed> {
        if events.iter().any(|event| text(event) == "in the gap") {
            self.reached.notify_one();
            std::future::pending::<()>().await;
        }
        self.other.notify_one();
        Ok(())
    }

    async fn remember(&self, _: DeviceId, _: &str) -> Result<(), IntakeClosed> {
        Ok(())
    }

    fn news(&self, news: News) {
        if matches!(
            news,
            News::Link {
                signal: LinkSignal::Connected,
                ..
            }
        ) {
            self.connected.notify_one();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_lost_in_the_librarys_gap_is_sent_again() {
    let (mut stage, device) = linked().await;
    stage.ana.says(&stage.phone, "first");
    stage.intake.waits_for(1).await;
    let bob = stage.server.contact("15550002222", "Bob");
    let stuck = Arc::new(Stuck::default());
    let doomed = Accident::on(&mut stage, Arc::clone(&stuck) as Arc<dyn Intake>);
    doomed.network.connect(device).await.unwrap();
    // Live: a backlog is stored and flushed in one go, without the gap.
    tokio::time::timeout(PATIENCE, stuck.connected.notified())
        .await
        .unwrap();
    let anas_session = async || {
        let mut rows = stage.stored(device, "session").await;
        rows.retain(|(address, _)| address.starts_with(ANA) || address.starts_with(&stage.ana.lid()));
        rows
    };
    let before = anas_session().await;
    let id = stage.ana.says(&stage.phone, "in the gap");
    tokio::time::timeout(PATIENCE, stuck.reached.notified()).await.unwrap();
    // Bob's message makes the library write all sessions, Ana's among them, which has moved on already.
    bob.says(&stage.phone, "hello");
    tokio::time::timeout(PATIENCE, stuck.other.notified()).await.unwrap();
    let ana_moved = async {
        while anas_session().await == before {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, ana_moved)
        .await
        .expect("the session is written");
    doomed.dies();
    stage.forget_stored(device, "pending_inbound").await;
    stage.server.drops_connections();

    stage.network().connect(device).await.unwrap();
    let events = stage.intake.waits_for(2).await;
    assert_eq!((text(&events[1]), events[1].id.as_str()), ("in the gap", id.as_str()));
    assert!(stage.ana.has_receipt(&id, "retry"), "Ana was asked for it");
}
