//! Privacy: settings, blocks, tokens, reports.

use simulator::Report;
use whatsapp_rust::prelude::*;
use whatsapp_rust::wacore::iq::privacy::{
    DisallowedListAction, DisallowedListUpdate, DisallowedListUserEntry, PrivacyCategory, PrivacyValue,
};
use whatsapp_rust::wacore::iq::spam_report::{Request, SpamFlow};

use crate::PATIENCE;
use crate::device::World;

#[tokio::test]
async fn profile_every_privacy_setting_is_read_and_written() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let wanted = [
        (PrivacyCategory::Last, PrivacyValue::Contacts),
        (PrivacyCategory::Online, PrivacyValue::MatchLastSeen),
        (PrivacyCategory::Profile, PrivacyValue::None),
        (PrivacyCategory::Status, PrivacyValue::Contacts),
        (PrivacyCategory::GroupAdd, PrivacyValue::Contacts),
        (PrivacyCategory::ReadReceipts, PrivacyValue::None),
        (PrivacyCategory::CallAdd, PrivacyValue::Known),
        (PrivacyCategory::Messages, PrivacyValue::Contacts),
        (PrivacyCategory::DefenseMode, PrivacyValue::OnStandard),
    ];
    let before = device.client.fetch_privacy_settings().await?;
    assert_eq!(before.settings.len(), wanted.len());
    for (category, value) in &wanted {
        assert_ne!(before.get_value(category), Some(value));
        device
            .client
            .set_privacy_setting(category.clone(), value.clone())
            .await?;
    }
    let after = device.client.fetch_privacy_settings().await?;
    for (category, value) in &wanted {
        assert_eq!(after.get_value(category), Some(value));
    }
    let odd = PrivacyCategory::Other("odd".into());
    assert!(device.client.set_privacy_setting(odd, PrivacyValue::All).await.is_err());
    Ok(())
}

#[tokio::test]
async fn profile_a_setting_with_exceptions_has_a_hash_that_must_be_known() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let update = |dhash: &str| -> anyhow::Result<DisallowedListUpdate> {
        Ok(DisallowedListUpdate {
            dhash: dhash.to_owned(),
            users: vec![DisallowedListUserEntry {
                action: DisallowedListAction::Add,
                jid: world.ana.lid_jid().parse()?,
                pn_jid: Some(world.ana.jid().parse()?),
            }],
        })
    };
    let category = PrivacyCategory::Last;
    let client = &device.client;
    let first = client
        .set_privacy_disallowed_list(category.clone(), update("none")?)
        .await?;
    let dhash = first.dhash.ok_or_else(|| anyhow::anyhow!("a hash"))?;
    assert!(
        client
            .set_privacy_disallowed_list(category.clone(), update("old")?)
            .await
            .is_err()
    );
    client.set_privacy_disallowed_list(category, update(&dhash)?).await?;
    Ok(())
}

#[tokio::test]
async fn profile_who_hides_read_receipts_sends_none() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    world.ana.keeps_private("readreceipts", "none")?;
    let id = device.says(&world.ana.jid(), "seen?").await?;
    world.ana.waits_for(|received| received.id == id, PATIENCE).await?;
    world.ana.reads(&world.phone, std::slice::from_ref(&id));
    assert!(!world.phone.receipts().iter().any(|seen| seen.kind == "read"));
    Ok(())
}

#[tokio::test]
async fn profile_a_blocked_contact_reaches_nobody_until_it_is_unblocked() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let (device, other) = (world.links().await?, world.links().await?);
    let ana: Jid = world.ana.jid().parse()?;
    world.ana.says(&world.phone, "hello");
    device.gets_one().await?;
    other.gets_one().await?;
    device.client.blocking().block(&ana).await?;
    assert!(world.ana.is_blocked_by(&world.phone));
    assert!(device.client.blocking().is_blocked(&ana).await?);
    let id = world.ana.says(&world.phone, "can you hear me");
    assert!(!world.ana.has_receipt(&id, "delivery"));
    device.client.blocking().unblock(&ana).await?;
    assert!(device.client.blocking().get_blocklist().await?.is_empty());
    world.ana.says(&world.phone, "and now");
    assert_eq!(device.gets_one().await?.text, "and now");
    Ok(())
}

#[tokio::test]
async fn profile_an_account_that_is_blocked_is_told_nothing_of_it() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let ana: Jid = world.ana.jid().parse()?;
    world.ana.sets_picture(b"me");
    world.ana.blocks(&world.phone);
    let id = device.says(&world.ana.jid(), "hello?").await?;
    assert_eq!(device.hears_ack(&id).await?, None);
    assert!(
        device
            .client
            .contacts()
            .get_profile_picture(&ana, true)
            .await?
            .is_none()
    );
    assert_eq!(world.ana.received_count(), 0);
    world.ana.unblocks(&world.phone);
    let id = device.says(&world.ana.jid(), "hello!").await?;
    world.ana.waits_for(|received| received.id == id, PATIENCE).await?;
    Ok(())
}

#[tokio::test]
async fn profile_who_refuses_strangers_takes_no_message_without_a_privacy_token() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    world.ana.refuses_strangers(true);
    let id = device.says(&world.ana.jid(), "you do not know me").await?;
    assert_eq!(device.hears_ack(&id).await?.as_deref(), Some("463"));
    assert_eq!(world.ana.received_count(), 0);
    // Who writes first gives its trust, and the client shows the token from then on.
    world.ana.says(&world.phone, "I know you now");
    device.gets_one().await?;
    world.phone.waits_for_empty_backlog(PATIENCE).await?;
    let id = device.says(&world.ana.jid(), "thank you").await?;
    assert_eq!(device.hears_ack(&id).await?, None);
    world.ana.waits_for(|received| received.id == id, PATIENCE).await?;
    Ok(())
}

#[tokio::test]
async fn profile_a_client_gives_its_trust_to_whom_it_writes() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let lid: Jid = world.ana.lid_jid().parse()?;
    let tokens = device
        .client
        .tc_token()
        .issue_tokens(std::slice::from_ref(&lid))
        .await?;
    assert_eq!(tokens.first().map(|token| token.jid.clone()), Some(lid));
    assert!(world.ana.is_trusted_by(&world.phone));
    Ok(())
}

#[tokio::test]
async fn profile_a_report_of_spam_is_taken() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let id = world.ana.says(&world.phone, "buy now");
    device.gets_one().await?;
    let request = Request {
        message_id: id.clone(),
        message_timestamp: 1,
        from_jid: Some(world.ana.jid().parse()?),
        spam_flow: SpamFlow::MessageMenu,
        ..Default::default()
    };
    let taken = device.client.send_spam_report(request).await?;
    assert!(taken.report_id.is_some());
    let report = Report {
        by: world.phone.number().to_owned(),
        message_id: id,
        flow: "MessageMenu".to_owned(),
    };
    assert_eq!(world.server.reports(), [report]);
    Ok(())
}
