//! The scenes of the contract: given a stage, when, then.

use super::*;
use crate::{
    model::{Recipient, Timestamp},
    network::Error,
};

pub(super) async fn a_phone_links_by_scanning_a_code(stage: &mut dyn Stage) {
    let (_, mut steps) = stage.linking(Linking::Qr).await;
    assert!(
        matches!(next(&mut steps).await, LinkStep::Qr { code, valid_for } if !code.is_empty() && !valid_for.is_zero())
    );
    drop(steps);
    stage.links(Linking::Qr).await;
}

pub(super) async fn a_phone_links_by_typing_a_code(stage: &mut dyn Stage) {
    stage.links(Linking::Code(OWNER.to_owned())).await;
}

pub(super) async fn an_attempt_that_is_dropped_leaves_nothing(stage: &mut dyn Stage) {
    let (device, mut steps) = stage.linking(Linking::Qr).await;
    next(&mut steps).await;
    drop(steps);
    assert!(matches!(stage.network().connect(device).await, Err(Error::NotLinked)));
    assert!(matches!(
        stage.says(device, &MessageId::from_adapter("A"), "hello").await,
        Err(Error::NotLinked)
    ));
}

pub(super) async fn text_goes_both_ways(stage: &mut dyn Stage) {
    let device = stage.links(Linking::Qr).await;
    let id = stage.ana_says(device, "hello from Ana").await;
    let events = stage.intake().waits_for(1).await;
    let network = stage.network();
    let (event, key) = (&events[0], portal(&*network, device));
    assert_eq!((text(event), event.id.as_str()), ("hello from Ana", id.as_str()));
    assert_eq!((&event.chat, event.device), (&key.chat, device));
    assert_eq!(event.sender, Sender::Contact(ana()));
    assert!(event.at > Timestamp::from_secs(1_700_000_000));

    let id = network.message_id("$first:server");
    stage.says(device, &id, "hello Ana").await.unwrap();
    let heard = stage.ana_waits_for(device, 1).await;
    assert_eq!(
        (heard[0].text.as_str(), heard[0].id.as_str()),
        ("hello Ana", id.as_str())
    );
    assert_eq!(stage.intake().events().len(), 1, "what we send is not told to us again");
}

pub(super) async fn replies_go_both_ways_with_what_they_answer(stage: &mut dyn Stage) {
    let device = stage.links(Linking::Qr).await;
    let asked = stage.ana_says(device, "coming?").await;
    stage.intake().waits_for(1).await;
    let quote = Quote {
        id: MessageId::from_adapter(asked.clone()),
        sender: Some(Sender::Contact(ana())),
        text: Some("coming?".to_owned()),
        content: None,
    };
    let id = stage.network().message_id("$reply:server");
    stage.acts(device, &id, "yes", Some(quote)).await.unwrap();
    let heard = stage.ana_waits_for(device, 1).await;
    assert_eq!(heard[0].text, "yes");
    assert_eq!(heard[0].quoted_id.as_deref(), Some(asked.as_str()));
    assert_eq!(heard[0].quoted_text.as_deref(), Some("coming?"));

    stage.ana_replies(device, &heard[0], "good").await;
    let events = stage.intake().waits_for(2).await;
    let quote = said(&events[1]).reply_to.clone().expect("a reply");
    assert_eq!(text(&events[1]), "good");
    assert_eq!(
        quote,
        Quote {
            id,
            sender: Some(Sender::Owner),
            text: Some("yes".to_owned()),
            content: None,
        }
    );
}

pub(super) async fn what_the_owner_writes_on_the_phone_is_the_owners(stage: &mut dyn Stage) {
    let device = stage.links(Linking::Qr).await;
    let id = stage.owner_says(device, "from my phone").await;
    let events = stage.intake().waits_for(1).await;
    assert_eq!(
        (text(&events[0]), events[0].id.as_str()),
        ("from my phone", id.as_str())
    );
    assert_eq!(events[0].sender, Sender::Owner);
    assert_eq!(events[0].sender_name, None);
    assert_eq!(events[0].chat, portal(&*stage.network(), device).chat);
}

pub(super) async fn repeating_an_act_shows_one_message(stage: &mut dyn Stage) {
    let device = stage.links(Linking::Qr).await;
    let id = stage.network().message_id("$once:server");
    for _ in 0..3 {
        stage.says(device, &id, "once").await.unwrap();
    }
    stage
        .says(device, &stage.network().message_id("$after:server"), "after")
        .await
        .unwrap();
    let texts: Vec<_> = stage
        .ana_waits_for(device, 2)
        .await
        .into_iter()
        .map(|heard| heard.text)
        .collect();
    assert_eq!(texts, ["once", "after"]);
}

pub(super) async fn a_refusal_is_for_good_and_says_why(stage: &mut dyn Stage) {
    let device = stage.links(Linking::Qr).await;
    stage.refuses_next_message().await;
    let id = stage.network().message_id("$refused:server");
    let error = stage.says(device, &id, "no").await.expect_err("it was refused");
    assert!(!error.is_transient());
    assert!(
        matches!(&error, Error::Refused(reason) if reason.contains("463")),
        "{error}"
    );
    stage
        .says(device, &stage.network().message_id("$next:server"), "yes")
        .await
        .unwrap();
}

pub(super) async fn a_lost_answer_is_worth_repeating(stage: &mut dyn Stage) {
    let device = stage.links(Linking::Qr).await;
    stage.loses_next_answer().await;
    let id = stage.network().message_id("$lost:server");
    let error = stage
        .says(device, &id, "are you there?")
        .await
        .expect_err("nobody answered");
    assert!(error.is_transient(), "{error}");
    stage.says(device, &id, "are you there?").await.unwrap();
    stage
        .says(device, &stage.network().message_id("$then:server"), "good")
        .await
        .unwrap();
    let texts: Vec<_> = stage
        .ana_waits_for(device, 2)
        .await
        .into_iter()
        .map(|heard| heard.text)
        .collect();
    assert_eq!(texts, ["are you there?", "good"]);
}

pub(super) async fn a_broken_connection_is_told_and_mended(stage: &mut dyn Stage) {
    let device = stage.links(Linking::Qr).await;
    stage.intake().forgets_news();
    stage.connection_breaks(device).await;
    stage
        .intake()
        .hears(device, LinkSignal::Lost(Timestamp::from_secs(0)))
        .await;
    stage.connection_returns(device).await;
    stage.intake().hears(device, LinkSignal::Connected).await;
    stage
        .says_until_taken(device, &stage.network().message_id("$again:server"), "back")
        .await;
    assert_eq!(stage.ana_waits_for(device, 1).await[0].text, "back");
}

pub(super) async fn what_came_while_disconnected_arrives_once_and_in_order(stage: &mut dyn Stage) {
    let device = stage.links(Linking::Qr).await;
    stage.network().disconnect(device).await;
    let texts: Vec<_> = (0..20).map(|number| format!("message {number}")).collect();
    for text in &texts {
        stage.ana_says(device, text).await;
    }
    stage.network().connect(device).await.unwrap();
    let events = stage.intake().waits_for(texts.len()).await;
    assert_eq!(events.iter().map(text).collect::<Vec<_>>(), texts);
    assert_eq!(stage.intake().events().len(), texts.len(), "each came once");
}

pub(super) async fn a_restart_keeps_the_link(stage: &mut dyn Stage) {
    let device = stage.links(Linking::Qr).await;
    stage.ana_says(device, "before").await;
    stage.intake().waits_for(1).await;
    stage.restarts().await;
    stage.intake().forgets_news();
    let error = stage
        .says(device, &stage.network().message_id("$early:server"), "early")
        .await
        .expect_err("not yet");
    assert!(
        error.is_transient(),
        "a device that is not connected yet is not lost: {error}"
    );
    stage.network().connect(device).await.unwrap();
    stage.intake().hears(device, LinkSignal::Connected).await;
    stage.ana_says(device, "after").await;
    let events = stage.intake().waits_for(2).await;
    assert_eq!(text(&events[1]), "after");
    stage
        .says_until_taken(device, &stage.network().message_id("$later:server"), "here again")
        .await;
    assert_eq!(stage.ana_waits_for(device, 1).await[0].text, "here again");
}

pub(super) async fn a_device_the_phone_removed_is_over(stage: &mut dyn Stage) {
    let device = stage.links(Linking::Qr).await;
    stage.phone_unlinks(device).await;
    stage
        .intake()
        .hears(device, LinkSignal::Ended(LogoutReason::Unlinked))
        .await;
    let id = stage.network().message_id("$gone:server");
    assert!(matches!(
        stage.says(device, &id, "anybody?").await,
        Err(Error::NotLinked)
    ));
}

pub(super) async fn an_unlinked_device_is_unknown(stage: &mut dyn Stage) {
    let device = stage.links(Linking::Qr).await;
    stage.network().unlink(device).await.unwrap();
    assert!(matches!(stage.network().connect(device).await, Err(Error::NotLinked)));
    let id = stage.network().message_id("$gone:server");
    assert!(matches!(
        stage.says(device, &id, "anybody?").await,
        Err(Error::NotLinked)
    ));
    stage.network().unlink(device).await.unwrap();
}

pub(super) async fn what_could_not_be_stored_comes_again(stage: &mut dyn Stage) {
    let device = stage.links(Linking::Qr).await;
    stage.intake().refuses(1);
    stage.ana_says(device, "important").await;
    stage.ana_says(device, "and this").await;
    let mut texts: Vec<_> = stage
        .intake()
        .waits_for(2)
        .await
        .iter()
        .map(|event| text(event).to_owned())
        .collect();
    texts.sort();
    assert_eq!(texts, ["and this", "important"]);
    assert_eq!(stage.intake().refused(), 1);
}

pub(super) async fn ghosts_and_contacts_have_one_name(stage: &mut dyn Stage) {
    let device = stage.links(Linking::Qr).await;
    let network = stage.network();
    assert_eq!(network.ghost_name(&ana()), ANA);
    assert_eq!(network.contact_of_ghost(ANA).await.unwrap(), Some(ana()));
    assert_eq!(network.contact_of_ghost("bot").await.unwrap(), None);
    let chat = network.find(device, &Recipient::Phone(ANA.to_owned())).await.unwrap();
    assert_eq!(chat, network.direct_chat(&ana()));
    assert_eq!(network.direct_contact(&chat), Some(ana()));
}
