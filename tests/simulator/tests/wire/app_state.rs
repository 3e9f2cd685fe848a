//! Settings the devices of an account share, written by devices and by the phone.

use whatsapp_rust::buffa::MessageField;
use whatsapp_rust::prelude::*;

use crate::PATIENCE;
use crate::device::{ANA, Device, World};

fn ana() -> String {
    format!("{ANA}@s.whatsapp.net")
}

async fn hears_archived(device: &Device) -> anyhow::Result<bool> {
    device
        .waits_for(|event| match event {
            Event::ArchiveUpdate(update) => Some(update.action.archived == Some(true)),
            _ => None,
        })
        .await
}

async fn hears_name(device: &Device) -> anyhow::Result<Option<String>> {
    device
        .waits_for(|event| match event {
            Event::ContactUpdate(update) => Some(update.action.full_name.clone()),
            _ => None,
        })
        .await
}

#[tokio::test]
async fn app_state_a_chat_archived_on_one_device_is_archived_on_the_other_and_on_the_phone() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let (first, second) = (world.links().await?, world.links().await?);
    let chat: Jid = world.ana.jid().parse()?;
    first.client.chat_actions().archive_chat(&chat, None).await?;
    let archived = second
        .waits_for(|event| match event {
            Event::ArchiveUpdate(update) => Some(update.jid.clone()),
            _ => None,
        })
        .await?;
    assert_eq!(archived, chat);
    let settings = world.phone.app_state();
    let setting = settings
        .iter()
        .find(|setting| setting.index == ["archive", &ana()])
        .expect("the phone knows");
    assert_eq!(setting.collection, "regular_low");
    assert_eq!(setting.value.archive_chat_action.archived, Some(true));
    Ok(())
}

#[tokio::test]
async fn app_state_patches_of_a_device_in_every_collection_are_read_by_the_phone() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let chat: Jid = world.ana.jid().parse()?;
    let actions = device.client.chat_actions();
    actions.pin_chat(&chat).await?;
    actions.unpin_chat(&chat).await?;
    actions.pin_chat(&chat).await?;
    actions.mute_chat(&chat).await?;
    actions.star_message(&chat, None, "3EB0AA", true).await?;
    device.client.profile().set_push_name("Another Name").await?;
    let labels = device.client.labels();
    labels.create_label("7", "Sailors", 3).await?;
    actions
        .save_contact(&chat, Some("Ana of the Harbour".into()), Some("Ana".into()), true)
        .await?;
    let says = |name: &'static str, check: fn(&wa::SyncActionValue) -> bool| {
        world.phone.waits_for_setting(
            move |setting| setting.index.first().is_some_and(|first| first == name) && check(&setting.value),
            PATIENCE,
        )
    };
    says("pin_v1", |value| value.pin_action.pinned == Some(true)).await?;
    says("mute", |value| value.mute_action.muted == Some(true)).await?;
    says("star", |value| value.star_action.starred == Some(true)).await?;
    says("setting_pushName", |value| {
        value.push_name_setting.name.as_deref() == Some("Another Name")
    })
    .await?;
    says("label_edit", |value| {
        value.label_edit_action.name.as_deref() == Some("Sailors")
    })
    .await?;
    says("contact", |value| {
        value.contact_action.full_name.as_deref() == Some("Ana of the Harbour")
    })
    .await?;
    let settings = world.phone.app_state();
    let of = |name: &str| {
        let setting = settings.iter().find(|setting| setting.index[0] == name);
        setting.map(|setting| setting.collection)
    };
    for (name, collection) in [
        ("pin_v1", "regular_low"),
        ("mute", "regular_high"),
        ("star", "regular_high"),
        ("label_edit", "regular"),
        ("setting_pushName", "critical_block"),
        ("contact", "critical_unblock_low"),
    ] {
        assert_eq!(of(name), Some(collection), "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn app_state_settings_of_the_phone_reach_a_device() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let (phone, chat) = (&world.phone, ana());
    phone.names_contact(ANA, "Ana Maria")?;
    assert_eq!(hears_name(&device).await?.as_deref(), Some("Ana Maria"));
    phone.archives(&chat, true)?;
    assert!(hears_archived(&device).await?);
    phone.archives(&chat, false)?;
    assert!(!hears_archived(&device).await?);
    phone.pins(&chat, true)?;
    phone.mutes(&chat, Some(-1))?;
    phone.stars(&chat, ("3EB0AA", true), None, true)?;
    phone.marks_read(&chat, false)?;
    phone.deletes_for_itself(&chat, ("3EB0AB", false), None)?;
    phone.clears_chat(&chat)?;
    phone.deletes_chat(&chat)?;
    phone.edits_label("1", "Friends", 3)?;
    phone.labels("1", &chat, true)?;
    let mut wanted = vec![
        "pin",
        "mute",
        "star",
        "read",
        "delete-for-me",
        "clear",
        "delete",
        "label",
        "label-chat",
    ];
    while !wanted.is_empty() {
        let heard = device
            .waits_for(|event| match event {
                Event::PinUpdate(_) => Some("pin"),
                Event::MuteUpdate(_) => Some("mute"),
                Event::StarUpdate(_) => Some("star"),
                Event::MarkChatAsReadUpdate(_) => Some("read"),
                Event::DeleteMessageForMeUpdate(_) => Some("delete-for-me"),
                Event::ClearChatUpdate(_) => Some("clear"),
                Event::DeleteChatUpdate(_) => Some("delete"),
                Event::LabelEditUpdate(_) => Some("label"),
                Event::LabelAssociationUpdate(_) => Some("label-chat"),
                _ => None,
            })
            .await?;
        wanted.retain(|one| *one != heard);
    }
    phone.forgets_contact(ANA)?;
    assert!(phone.app_state().iter().all(|setting| setting.index[0] != "contact"));
    phone.names_contact(ANA, "Ana again")?;
    assert_eq!(hears_name(&device).await?.as_deref(), Some("Ana again"));
    Ok(())
}

#[tokio::test]
async fn app_state_written_before_linking_reaches_a_new_device() -> anyhow::Result<()> {
    let world = World::starts().await?;
    world.phone.names_contact(ANA, "Ana Maria")?;
    // More than fit into one answer.
    for n in 0..120 {
        world.phone.archives(&ana(), n % 2 == 1)?;
    }
    let device = Device::starts(&world.server.url()).await?;
    world.phone.scans(&device.shows_qr().await?)?;
    assert_eq!(hears_name(&device).await?.as_deref(), Some("Ana Maria"));
    for _ in 0..119 {
        hears_archived(&device).await?;
    }
    assert!(hears_archived(&device).await?);
    Ok(())
}

#[tokio::test]
async fn app_state_snapshot_in_a_blob_reaches_a_new_device_and_patches_go_on_after_it() -> anyhow::Result<()> {
    let world = World::starts().await?;
    world.phone.names_contact(ANA, "Ana Maria")?;
    world.phone.names_contact("15550003333", "Nobody")?;
    world.phone.forgets_contact("15550003333")?;
    world.phone.archives(&ana(), true)?;
    world.phone.compacts_app_state();
    let device = Device::starts(&world.server.url()).await?;
    world.phone.scans(&device.shows_qr().await?)?;
    let (mut named, mut archived) = (None, false);
    while named.is_none() || !archived {
        device
            .waits_for(|event| match event {
                Event::ContactUpdate(update) => Some((update.action.full_name.clone(), false)),
                Event::ArchiveUpdate(update) => Some((None, update.from_full_sync)),
                _ => None,
            })
            .await
            .map(|(name, is_archived)| {
                named = named.take().or(name);
                archived |= is_archived;
            })?;
    }
    assert_eq!(named.as_deref(), Some("Ana Maria"));
    world.phone.archives(&ana(), false)?;
    assert!(!hears_archived(&device).await?);
    let chat: Jid = world.ana.jid().parse()?;
    device.client.chat_actions().archive_chat(&chat, None).await?;
    Ok(())
}

#[tokio::test]
async fn app_state_patch_with_external_mutations_is_read() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    world.phone.has_external_patches(true);
    let settings = (0..300).map(|n| {
        let value = wa::SyncActionValue {
            archive_chat_action: MessageField::some(wa::sync_action_value::ArchiveChatAction {
                archived: Some(true),
                ..Default::default()
            }),
            ..Default::default()
        };
        (vec!["archive".to_owned(), format!("1555{n:07}@s.whatsapp.net")], value)
    });
    world.phone.sets_all(settings.collect())?;
    for _ in 0..300 {
        assert!(hears_archived(&device).await?);
    }
    Ok(())
}

#[tokio::test]
async fn app_state_conflict_409_is_resolved_by_writing_again() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    world.phone.archives(&ana(), true)?;
    assert!(hears_archived(&device).await?);
    world.phone.is_faster_next(2);
    let chat: Jid = world.ana.jid().parse()?;
    device.client.chat_actions().unarchive_chat(&chat, None).await?;
    let settings = world.phone.app_state();
    let archive = settings.iter().find(|setting| setting.index[0] == "archive");
    assert_eq!(
        archive.and_then(|one| one.value.archive_chat_action.archived),
        Some(false)
    );
    assert!(settings.iter().any(|setting| setting.index[0] == "setting_locale"));
    Ok(())
}

#[tokio::test]
async fn app_state_refused_with_400_or_404_is_an_error() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let chat: Jid = world.ana.jid().parse()?;
    for code in [400, 404, 500] {
        world.phone.refuses_settings(code, 1);
        assert!(device.client.chat_actions().pin_chat(&chat).await.is_err());
    }
    assert!(
        world
            .phone
            .app_state()
            .iter()
            .all(|setting| setting.index[0] != "pin_v1")
    );
    device.client.chat_actions().pin_chat(&chat).await?;
    Ok(())
}

#[tokio::test]
async fn app_state_key_is_rotated_and_a_missing_one_is_asked_for() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    world.phone.rotates_app_state_key(true);
    world.phone.archives(&ana(), true)?;
    assert!(hears_archived(&device).await?);
    world.phone.rotates_app_state_key(false);
    world.phone.archives(&ana(), false)?;
    assert!(!hears_archived(&device).await?);
    let chat: Jid = world.ana.jid().parse()?;
    device.client.chat_actions().archive_chat(&chat, None).await?;
    Ok(())
}
