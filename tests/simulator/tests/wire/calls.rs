//! Calls: offered, confirmed, declined, taken elsewhere, given up, missed.

use simulator::CallState;
use whatsapp_rust::prelude::*;
use whatsapp_rust::types::call::{CallAction, IncomingCall};

use crate::PATIENCE;
use crate::device::{Device, World};

#[tokio::test]
async fn calls_a_call_rings_and_is_declined_by_a_device() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let (device, other) = (world.links().await?, world.links().await?);
    let id = world.ana.calls(&world.phone, true);
    let call = rings(&device).await?;
    let CallAction::Offer {
        call_id,
        is_video,
        audio,
        caller_pn,
        ..
    } = &call.action
    else {
        anyhow::bail!("an offer");
    };
    assert_eq!((call_id, *is_video, audio.len()), (&id, true, 2));
    assert_eq!(
        (caller_pn.clone(), call.from.to_string()),
        (Some(call.from.clone()), world.ana.jid())
    );
    world.ana.waits_for_call(&id, CallState::Ringing, PATIENCE).await?;
    device.client.voip().reject(&call).await?;
    world.ana.waits_for_call(&id, CallState::Rejected, PATIENCE).await?;
    assert_eq!(ends(&other).await?.as_deref(), Some("rejected_elsewhere"));
    world.phone.waits_for_empty_backlog(PATIENCE).await
}

#[tokio::test]
async fn calls_a_call_is_taken_on_the_phone_and_ends() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let id = world.ana.calls(&world.phone, false);
    rings(&device).await?;
    world.phone.answers_call(&id);
    assert_eq!(ends(&device).await?.as_deref(), Some("accepted_elsewhere"));
    assert_eq!(world.ana.call(&id), Some(CallState::Answered));
    world.ana.hangs_up(&id);
    assert_eq!(ends(&device).await?, None);
    assert_eq!(world.ana.call(&id), Some(CallState::Ended));
    Ok(())
}

#[tokio::test]
async fn calls_a_caller_gives_up() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let id = world.ana.calls(&world.phone, false);
    rings(&device).await?;
    world.ana.hangs_up(&id);
    assert_eq!(ends(&device).await?.as_deref(), Some("timeout"));
    let told = world.ana.announces_group_call(&world.phone, true);
    let notice = rings(&device).await?;
    assert!(matches!(
        &notice.action,
        CallAction::OfferNotice { call_id, is_video: true, is_group: true, .. } if *call_id == told
    ));
    let group: Jid = "120363000000000001@g.us".parse()?;
    world.ana.calls_group(&world.phone, &group, false);
    let offer = rings(&device).await?;
    assert!(matches!(&offer.action, CallAction::Offer { group_jid: Some(jid), .. } if *jid == group));
    // The key of a call came encrypted and unread; the messages after it are read all the same.
    world.ana.says(&world.phone, "pick up");
    assert_eq!(device.gets_one().await?.text, "pick up");
    Ok(())
}

#[tokio::test]
async fn calls_a_call_while_away_was_missed() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let url = world.server.url();
    let store = device.stops().await;
    let id = world.ana.calls(&world.phone, false);
    let device = Device::starts_with(&url, store, true).await?;
    let missed = device
        .waits_for(|event| match event {
            Event::MissedCall(missed) => Some(missed.call_id.clone()),
            _ => None,
        })
        .await?;
    assert_eq!(missed, id);
    Ok(())
}

#[tokio::test]
async fn calls_somebody_blocked_does_not_ring() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    world.ana.says(&world.phone, "hello");
    device.gets_one().await?;
    let ana: Jid = world.ana.jid().parse()?;
    device.client.blocking().block(&ana).await?;
    let id = world.ana.calls(&world.phone, false);
    device.client.blocking().unblock(&ana).await?;
    let second = world.ana.calls(&world.phone, false);
    assert_eq!(rings(&device).await?.action.call_id(), second);
    assert_eq!(world.ana.call(&id), Some(CallState::Offered));
    Ok(())
}

async fn rings(device: &Device) -> anyhow::Result<IncomingCall> {
    device
        .waits_for(|event| match event {
            Event::IncomingCall(call)
                if matches!(call.action, CallAction::Offer { .. } | CallAction::OfferNotice { .. }) =>
            {
                Some(call.clone())
            }
            _ => None,
        })
        .await
}

async fn ends(device: &Device) -> anyhow::Result<Option<String>> {
    device
        .waits_for(|event| match event {
            Event::IncomingCall(call) => match &call.action {
                CallAction::Terminate { reason, .. } => Some(reason.clone()),
                _ => None,
            },
            _ => None,
        })
        .await
}
