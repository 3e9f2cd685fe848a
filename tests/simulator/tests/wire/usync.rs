//! Questions about people: every protocol the library asks.

use whatsapp_rust::prelude::*;
use whatsapp_rust::wacore::iq::usync::{
    UsyncAddressingMode, UsyncContext, UsyncFeature, UsyncMode, UsyncOutcome, UsyncProtocol, UsyncProtocolKind,
    UsyncProtocolResult, UsyncQuery, UsyncUser, UsyncUserResult,
};

use crate::device::{Device, World};

#[tokio::test]
async fn usync_answers_every_protocol_it_is_asked() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    world.ana.sets_about("away");
    world.ana.sets_text_status("at sea", "⛵");
    world.ana.sets_username("ana.sails");
    world.ana.lets_messages_disappear(3600);
    let picture = world.ana.sets_picture(b"me");
    let all = vec![
        UsyncProtocol::Contact {
            addressing_mode: UsyncAddressingMode::Pn,
        },
        UsyncProtocol::DevicesV2,
        UsyncProtocol::Status,
        UsyncProtocol::TextStatus,
        UsyncProtocol::DisappearingMode,
        UsyncProtocol::BusinessVerifiedName,
        UsyncProtocol::Picture,
        UsyncProtocol::Lid,
        UsyncProtocol::Username,
        UsyncProtocol::BotProfileV1,
        UsyncProtocol::Features(vec![UsyncFeature::Voip]),
    ];
    let kinds: Vec<UsyncProtocolKind> = all.iter().map(UsyncProtocol::kind).collect();
    let user = ask(&device, all, UsyncUser::from_phone(format!("+{}", world.ana.number()))).await?;
    let user = user.ok_or_else(|| anyhow::anyhow!("a user"))?;
    assert_eq!(user.id, Some(world.ana.jid().parse()?));
    for kind in kinds.into_iter().filter(|kind| *kind != UsyncProtocolKind::Business) {
        assert!(user.protocol(kind).is_some(), "{kind:?}");
    }
    for protocol in &user.protocols {
        match protocol {
            UsyncProtocolResult::Contact(UsyncOutcome::Value(contact)) => assert_eq!(contact.contact_type, "in"),
            UsyncProtocolResult::Devices(UsyncOutcome::Value(devices)) => {
                let listed = devices.device_list.as_ref().map(|list| list.devices.len());
                assert_eq!(listed, Some(1));
            }
            UsyncProtocolResult::Status(UsyncOutcome::Value(status)) => {
                assert_eq!(status.status.as_deref(), Some("away"));
            }
            UsyncProtocolResult::TextStatus(UsyncOutcome::Value(status)) => {
                assert_eq!(
                    (status.text.as_deref(), status.emoji.as_deref()),
                    (Some("at sea"), Some("⛵"))
                );
            }
            UsyncProtocolResult::DisappearingMode(UsyncOutcome::Value(mode)) => {
                assert_eq!(mode.duration_seconds, 3600);
            }
            UsyncProtocolResult::Picture(UsyncOutcome::Value(id)) => assert_eq!(*id, picture),
            UsyncProtocolResult::Lid(UsyncOutcome::Value(lid)) => {
                assert_eq!(*lid, Some(world.ana.lid_jid().parse()?));
            }
            UsyncProtocolResult::Username(UsyncOutcome::Value(name)) => {
                assert_eq!(name.as_deref(), Some("ana.sails"));
            }
            UsyncProtocolResult::Features(UsyncOutcome::Value(features)) => assert_eq!(features.len(), 1),
            UsyncProtocolResult::Bot(UsyncOutcome::Error(error)) => assert_eq!(error.code, Some(404)),
            other => anyhow::bail!("unexpected: {other:?}"),
        }
    }
    Ok(())
}

#[tokio::test]
async fn usync_a_person_is_found_by_lid_and_by_username() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    world.ana.sets_username("ana.sails");
    let lid: Jid = world.ana.lid_jid().parse()?;
    let contact = UsyncProtocol::Contact {
        addressing_mode: UsyncAddressingMode::Lid,
    };
    let found = ask(&device, vec![contact.clone()], UsyncUser::from_username("ana.sails")).await?;
    assert_eq!(found.and_then(|user| user.id), Some(lid.clone()));
    let nobody = ask(&device, vec![contact], UsyncUser::from_username("nobody")).await?;
    assert!(nobody.is_none());
    let known = device
        .client
        .contacts()
        .is_on_whatsapp(std::slice::from_ref(&lid))
        .await?;
    let known: Vec<_> = known
        .iter()
        .map(|one| (one.is_registered, one.pn_jid.clone()))
        .collect();
    assert_eq!(known, [(true, Some(world.ana.jid().parse()?))]);
    let unknown: Jid = "199999999999999@lid".parse()?;
    let unknown = device.client.contacts().is_on_whatsapp(&[unknown]).await?;
    assert!(unknown.iter().all(|one| !one.is_registered));
    Ok(())
}

#[tokio::test]
async fn usync_what_is_hidden_is_answered_as_such() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let ana: Jid = world.ana.jid().parse()?;
    world.ana.sets_about("away");
    world.ana.sets_picture(b"me");
    let contacts = device.client.contacts();
    let info = contacts.get_user_info(std::slice::from_ref(&ana)).await?;
    let shown = info.get(&ana).ok_or_else(|| anyhow::anyhow!("somebody"))?;
    assert_eq!(
        (shown.status.as_deref(), shown.picture_id.is_some()),
        (Some("away"), true)
    );
    world.ana.keeps_private("status", "none")?;
    world.ana.keeps_private("profile", "none")?;
    let info = contacts.get_user_info(std::slice::from_ref(&ana)).await?;
    let hidden = info.get(&ana).ok_or_else(|| anyhow::anyhow!("somebody"))?;
    assert_eq!(
        (hidden.status.as_deref(), hidden.picture_id.as_deref()),
        (Some(""), None)
    );
    assert_eq!(hidden.picture_error.as_ref().and_then(|error| error.code), Some(401));
    Ok(())
}

async fn ask(device: &Device, what: Vec<UsyncProtocol>, about: UsyncUser) -> anyhow::Result<Option<UsyncUserResult>> {
    let query = UsyncQuery::new(UsyncMode::Query, UsyncContext::Interactive, what, vec![about])?;
    Ok(device.client.query_usync(query).await?.users.into_iter().next())
}
