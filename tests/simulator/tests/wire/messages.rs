//! Direct messages both ways, to all devices.

use simulator::Kind;
use whatsapp_rust::buffa::MessageField;
use whatsapp_rust::prelude::*;
use whatsapp_rust::wacore::proto_helpers::build_quote_context;

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
