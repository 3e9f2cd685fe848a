//! Direct messages both ways, to all devices.

use anyhow::Context as _;
use simulator::{Attendance, Kind, Speech};
use whatsapp_rust::EventResponseType;
use whatsapp_rust::buffa::MessageField;
use whatsapp_rust::prelude::*;
use whatsapp_rust::wacore::event::decrypt_event_response_with_secret;
use whatsapp_rust::wacore::proto_helpers::build_quote_context;
use whatsapp_rust::wacore_binary::Node;

use crate::PATIENCE;
use crate::device::{ANA, Device, OWNER, World};

#[tokio::test]
async fn dm_a_text_goes_both_ways() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;

    let id = world.ana.says(&world.phone, "hello");
    let got = device.gets_one().await?;
    assert_eq!((got.id, got.text), (id.clone(), "hello".to_owned()));
    world.ana.waits_for_receipt(&id, "delivery", PATIENCE).await?;

    let id = device.says(&world.ana.jid(), "good morning").await?;
    assert_eq!(device.hears_ack(&id).await?, None);
    let received = world.ana.waits_for(|received| received.id == id, PATIENCE).await?;
    assert_eq!(received.text.as_deref(), Some("good morning"));
    assert_eq!((received.from.as_str(), received.kind), (OWNER, Kind::Text));
    Ok(())
}

#[tokio::test]
async fn dm_the_phone_gets_a_copy_of_what_a_companion_sends() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let id = device.says(&world.ana.jid(), "from the companion").await?;
    let copy = world.phone.waits_for(|received| received.id == id, PATIENCE).await?;
    assert_eq!(copy.to.as_deref(), Some(ANA));
    assert_eq!(copy.text.as_deref(), Some("from the companion"));
    Ok(())
}

#[tokio::test]
async fn dm_a_companion_gets_a_copy_of_what_the_phone_sends() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let id = world.phone.says(&world.ana, "from the phone");
    let got = device.gets_one().await?;
    assert_eq!((got.id, got.text), (id.clone(), "from the phone".to_owned()));
    assert!(got.is_from_me);
    assert_eq!(got.chat, world.ana.jid());
    world.ana.waits_for(|received| received.id == id, PATIENCE).await?;
    Ok(())
}

#[tokio::test]
async fn dm_two_companions_see_each_others_messages() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let (first, second) = (world.links().await?, world.links().await?);
    world.ana.says(&world.phone, "to both");
    assert_eq!(first.gets_one().await?.text, "to both");
    assert_eq!(second.gets_one().await?.text, "to both");

    let id = first.says(&world.ana.jid(), "from the first").await?;
    let got = second.gets_one().await?;
    assert_eq!((got.id, got.text), (id, "from the first".to_owned()));
    assert!(got.is_from_me);
    assert_eq!(got.chat, world.ana.jid());
    Ok(())
}

#[tokio::test]
async fn dm_companions_of_two_accounts_talk_to_each_other() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let bobs_phone = world.server.phone("15550003333", "Bob");
    let (device, bob) = (world.links().await?, Device::linked(&world.server, &bobs_phone).await?);
    device.says("15550003333@s.whatsapp.net", "hello Bob").await?;
    let got = bob.gets_one().await?;
    assert_eq!(got.text, "hello Bob");
    bob.says(&format!("{OWNER}@s.whatsapp.net"), "hello owner").await?;
    assert_eq!(device.gets_one().await?.text, "hello owner");
    world
        .phone
        .waits_for(|received| received.text.as_deref() == Some("hello owner"), PATIENCE)
        .await?;
    Ok(())
}

#[tokio::test]
async fn dm_what_the_server_lost_comes_when_it_is_sent_again() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    world.ana.loses_next();
    let lost = world.ana.says(&world.phone, "lost");
    world.ana.says(&world.phone, "second");
    assert_eq!(device.gets_one().await?.text, "second");
    world.ana.sends_again(&world.phone, &lost);
    let got = device.gets_one().await?;
    assert_eq!((got.id, got.text), (lost, "lost".to_owned()));
    Ok(())
}

#[tokio::test]
async fn dm_a_phone_that_was_away_gets_what_waited_for_it() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    world.ana.is_away(true);
    let ids = [
        device.says(&world.ana.jid(), "one").await?,
        device.says(&world.ana.jid(), "two").await?,
    ];
    // The owner's own phone has its copy, so the server has both.
    world
        .phone
        .waits_for(|received| received.id == ids[1], PATIENCE)
        .await?;
    let is_told = |id: &String| {
        let told = world.phone.receipts();
        told.iter().any(|seen| seen.kind == "delivery" && seen.ids.contains(id))
    };
    assert!(world.ana.received().is_empty() && !ids.iter().any(is_told));
    world.ana.is_away(false);
    let got: Vec<_> = world.ana.received().into_iter().map(|got| got.id).collect();
    assert_eq!(got, ids);
    assert!(ids.iter().all(is_told));
    Ok(())
}

#[tokio::test]
async fn dm_an_answer_quotes_both_ways() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let asked = device.says(&world.ana.jid(), "when?").await?;
    world.ana.waits_for(|received| received.id == asked, PATIENCE).await?;
    let answer = world.ana.replies(&world.phone, &asked, "now");
    let got = device.gets_one().await?;
    let context = &got.message.extended_text_message.context_info;
    assert_eq!(context.stanza_id.as_deref(), Some(asked.as_str()));
    assert_eq!(context.participant.as_deref(), Some("15550001111@s.whatsapp.net"));
    assert_eq!(context.quoted_message.text_content(), Some("when?"));

    let context = build_quote_context(&answer, world.ana.jid(), &got.message);
    let message = wa::Message {
        extended_text_message: MessageField::some(wa::message::ExtendedTextMessage {
            text: Some("good".into()),
            context_info: MessageField::some(context),
            ..Default::default()
        }),
        ..Default::default()
    };
    device
        .client
        .send_message(world.ana.jid().parse::<Jid>()?, message)
        .await?;
    let received = world
        .ana
        .waits_for(|received| received.quoted_id.is_some(), PATIENCE)
        .await?;
    assert_eq!(received.quoted_id, Some(answer));
    assert_eq!(received.quoted_text.as_deref(), Some("now"));
    Ok(())
}

#[tokio::test]
async fn dm_a_repeated_id_is_one_message_but_counted() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    for _ in 0..2 {
        let mut options = SendOptions::default();
        options.message_id = Some("3EB0REPEATED".into());
        device
            .client
            .send_message_with_options(world.ana.jid().parse::<Jid>()?, wa::Message::text("once"), options)
            .await?;
        device.hears_ack("3EB0REPEATED").await?;
    }
    assert_eq!(world.ana.raw_count("3EB0REPEATED"), 2);
    assert_eq!(world.ana.received().len(), 1);
    Ok(())
}

#[tokio::test]
async fn dm_a_message_under_a_chosen_id_is_sent_again_under_it() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let _lease = device.client.acquire_raw_node_forwarding();
    let message = wa::Message::text("chosen");
    let id = world.ana.sends_with_id(&world.phone, "3EB0CHOSEN", message);
    assert_eq!(id, "3EB0CHOSEN");
    let first = stanza_of(&device, &id).await?;
    let got = device.gets_one().await?;
    assert_eq!((got.id, got.text.as_str()), (id.clone(), "chosen"));
    world.ana.sends_again(&world.phone, &id);
    let second = stanza_of(&device, &id).await?;
    // The same words in another ciphertext, which a phone takes for the same message.
    assert_ne!(first.get_optional_child("enc"), second.get_optional_child("enc"));
    let on_phone = world.server.contact(OWNER, "");
    assert_eq!((on_phone.raw_count(&id), on_phone.received_count()), (2, 1));
    world.phone.waits_for_empty_backlog(PATIENCE).await
}

#[tokio::test]
async fn dm_a_frskmsg_reaches_the_client_which_goes_on_without_it() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let _lease = device.client.acquire_raw_node_forwarding();
    let id = world.ana.strays(&world.phone);
    let stanza = stanza_of(&device, &id).await?;
    let enc = stanza.get_optional_child("enc").context("a ciphertext")?;
    let kind = enc.attrs.get("type").context("its kind")?;
    assert_eq!(kind.as_str(), "frskmsg");
    world.ana.says(&world.phone, "nearly there");
    assert_eq!(device.gets_one().await?.text, "nearly there");
    Ok(())
}

#[tokio::test]
async fn dm_an_event_is_attended_both_ways() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let ana: Jid = world.ana.jid().parse()?;
    let regatta = Speech::Event {
        name: "Regatta".into(),
        description: None,
        start: 1_800_000_000,
    };
    let id = world.ana.speaks(&world.phone, regatta)?;
    let event = message_of(&device, &id).await?;
    let secret = event.message_context_info.message_secret.clone().unwrap_or_default();
    let events = device.client.events();
    events
        .respond(ana.clone(), &id, &ana, &secret, EventResponseType::GOING, None)
        .await?;
    let is_answer = |received: &simulator::Received| received.message.enc_event_response_message.is_set();
    let answer = world.ana.waits_for(is_answer, PATIENCE).await?;
    assert_eq!(world.ana.attends(&answer), Some(Attendance::Yes));

    let comes = Speech::Attend {
        id: id.clone(),
        answer: Attendance::Maybe,
        guests: 0,
    };
    let said = world.ana.speaks(&world.phone, comes)?;
    let sealed = message_of(&device, &said).await?;
    let sealed = &sealed.enc_event_response_message;
    let (payload, nonce) = (sealed.enc_payload.clone(), sealed.enc_iv.clone());
    let opened = decrypt_event_response_with_secret(
        &payload.unwrap_or_default(),
        &nonce.unwrap_or_default(),
        &secret,
        &id,
        &ana.to_string(),
        &ana.to_string(),
    )?;
    assert_eq!(opened.response, Some(EventResponseType::MAYBE));
    Ok(())
}

/// The message under this id, as the client read it.
pub(crate) async fn message_of(device: &Device, id: &str) -> anyhow::Result<wa::Message> {
    device
        .waits_for(|event| match event {
            Event::Messages(batch) => batch
                .into_iter()
                .find(|one| one.info.id == id)
                .map(|one| (*one.message).clone()),
            _ => None,
        })
        .await
}

/// The next stanza of a message under this id, as it came.
async fn stanza_of(device: &Device, id: &str) -> anyhow::Result<Node> {
    device
        .waits_for(|event| match event {
            Event::RawNode(node) => {
                let node = node.to_owned_node();
                let is_it = node.tag == "message" && node.attrs.get("id").is_some_and(|its| its.as_str() == id);
                is_it.then_some(node)
            }
            _ => None,
        })
        .await
}

#[tokio::test]
async fn dm_a_companion_gets_what_the_phone_writes_to_a_list() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let id = world.phone.writes_to_list("to all of you", &[&world.ana])?;
    let got = device.gets_one().await?;
    assert_eq!((got.id, got.text.as_str()), (id.clone(), "to all of you"));
    assert!(got.is_from_me);
    assert!(got.chat.ends_with("@broadcast"), "{}", got.chat);
    let received = world.ana.waits_for(|received| received.id == id, PATIENCE).await?;
    assert_eq!(received.text.as_deref(), Some("to all of you"));
    world.phone.waits_for_empty_backlog(PATIENCE).await
}
