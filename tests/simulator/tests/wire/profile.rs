//! Profile: pictures, about texts, names, businesses, disappearing messages, numbers.

use simulator::Business;
use whatsapp_rust::prelude::*;
use whatsapp_rust::wacore::iq::contacts::SetProfilePictureSpec;

use crate::PATIENCE;
use crate::device::{ANA, Device, World};

#[tokio::test]
async fn profile_a_picture_is_announced_fetched_and_removed() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let ana: Jid = world.ana.jid().parse()?;
    let contacts = device.client.contacts();
    assert!(contacts.get_profile_picture(&ana, false).await?.is_none());

    let id = world.ana.sets_picture_with_preview(b"a large picture", b"a small one");
    let update = hears_picture(&device).await?;
    assert_eq!(update, (ana.clone(), false, Some(id.to_string())));
    for (is_preview, bytes) in [(false, "a large picture"), (true, "a small one")] {
        let picture = contacts.get_profile_picture(&ana, is_preview).await?;
        let picture = picture.ok_or_else(|| anyhow::anyhow!("a picture"))?;
        assert_eq!(picture.id, id.to_string());
        let url = picture.url.replacen("https://", "http://", 1);
        assert!(picture.direct_path.is_some_and(|path| url.ends_with(&path)));
        assert_eq!(reqwest::get(url).await?.error_for_status()?.text().await?, bytes);
    }
    let by_lid: Jid = world.ana.lid_jid().parse()?;
    assert!(contacts.get_profile_picture(&by_lid, true).await?.is_some());

    world.ana.removes_picture();
    assert_eq!(hears_picture(&device).await?, (ana.clone(), true, None));
    assert!(contacts.get_profile_picture(&ana, false).await?.is_none());
    Ok(())
}

#[tokio::test]
async fn profile_a_hidden_picture_is_neither_announced_nor_shown() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let ana: Jid = world.ana.jid().parse()?;
    world.ana.keeps_private("profile", "none")?;
    world.ana.sets_picture(b"secret");
    assert!(
        device
            .client
            .contacts()
            .get_profile_picture(&ana, false)
            .await?
            .is_none()
    );
    world.ana.keeps_private("profile", "all")?;
    let id = world.ana.sets_picture(b"not secret");
    assert_eq!(hears_picture(&device).await?.2, Some(id.to_string()));
    Ok(())
}

#[tokio::test]
async fn profile_the_device_changes_the_picture_of_its_account() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let (device, other) = (world.links().await?, world.links().await?);
    let owner = world.server.contact(world.phone.number(), "");
    let set = device.client.profile().set_profile_picture(b"me".to_vec()).await?;
    assert_eq!(owner.picture().as_deref(), Some(&b"me"[..]));
    assert_eq!(hears_picture(&other).await?.2, Some(set.id));
    device.client.profile().remove_profile_picture().await?;
    assert!(owner.picture().is_none());
    assert!(hears_picture(&other).await?.1);
    let nowhere: Jid = "120363000000000001@g.us".parse()?;
    let refused = device
        .client
        .execute(SetProfilePictureSpec::set_group(&nowhere, b"x".to_vec()))
        .await;
    assert!(
        refused.is_err(),
        "nobody changes the picture of a group it does not know"
    );
    Ok(())
}

#[tokio::test]
async fn profile_about_texts_go_both_ways() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    world.ana.sets_about("away");
    let about = device
        .waits_for(|event| match event {
            Event::UserAboutUpdate(update) => Some((update.jid.clone(), update.status.clone())),
            _ => None,
        })
        .await?;
    assert_eq!(about, (world.ana.jid().parse()?, "away".to_owned()));
    device.client.profile().set_status_text("here").await?;
    let owner = world.server.contact(world.phone.number(), "");
    assert_eq!(owner.about().as_deref(), Some("here"));
    Ok(())
}

#[tokio::test]
async fn profile_a_new_name_comes_with_the_next_message() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    world.ana.is_called("Ana Maria");
    world.ana.says(&world.phone, "it is me");
    let name = device
        .waits_for(|event| match event {
            Event::Messages(batch) => batch.into_iter().next().map(|one| one.info.push_name.clone()),
            _ => None,
        })
        .await?;
    assert_eq!(name, "Ana Maria");
    Ok(())
}

#[tokio::test]
async fn profile_a_business_shows_its_profile_and_its_verified_name() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let ana: Jid = world.ana.jid().parse()?;
    assert!(device.client.get_business_profile(&ana).await?.is_none());
    world.ana.is_business(Some(Business {
        name: "Ana's Bakery".into(),
        description: "bread".into(),
        address: Some("1 Mill Lane".into()),
        email: Some("ana@bakery.example".into()),
        websites: vec!["https://bakery.example".into()],
        categories: vec!["Bakery".into()],
        timezone: Some("Europe/Lisbon".into()),
    }))?;
    let name = device
        .waits_for(|event| match event {
            Event::BusinessStatusUpdate(update) => Some(update.verified_name.clone()),
            _ => None,
        })
        .await?;
    assert_eq!(name.as_deref(), Some("Ana's Bakery"));
    let shown = device.client.get_business_profile(&ana).await?;
    let shown = shown.ok_or_else(|| anyhow::anyhow!("a profile"))?;
    assert_eq!((shown.description.as_str(), shown.wid), ("bread", Some(ana.clone())));
    assert_eq!(shown.categories.first().map(|one| one.name.as_str()), Some("Bakery"));
    assert_eq!(shown.business_hours.business_config.map(|days| days.len()), Some(7));
    let info = device
        .client
        .contacts()
        .get_user_info(std::slice::from_ref(&ana))
        .await?;
    let name = info.get(&ana).and_then(|info| info.verified_name.clone());
    assert_eq!(name.and_then(|name| name.name).as_deref(), Some("Ana's Bakery"));
    world.ana.says(&world.phone, "we are open");
    let name = device
        .waits_for(|event| match event {
            Event::Messages(batch) => batch.into_iter().next().map(|one| one.info.verified_name.clone()),
            _ => None,
        })
        .await?;
    assert_eq!(name.and_then(|name| name.name).as_deref(), Some("Ana's Bakery"));
    Ok(())
}

#[tokio::test]
async fn profile_disappearing_messages_are_a_setting_others_hear_of() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    world.ana.lets_messages_disappear(86_400);
    let heard = device
        .waits_for(|event| match event {
            Event::DisappearingModeChanged(change) => Some((change.from.to_string(), change.duration)),
            _ => None,
        })
        .await?;
    assert_eq!(heard, (world.ana.jid(), 86_400));
    device.client.set_default_disappearing_mode(604_800).await?;
    let owner = world.server.contact(world.phone.number(), "");
    assert_eq!(owner.disappearing_seconds(), 604_800);
    Ok(())
}

#[tokio::test]
async fn profile_a_contact_that_moves_to_another_number_stays_reachable() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    world.ana.says(&world.phone, "before");
    device.gets_one().await?;
    world.ana.is_touched();
    device
        .waits_for(|event| matches!(event, Event::ContactUpdated(_)).then_some(()))
        .await?;
    let moved = world.ana.changes_number("15550003333")?;
    let change = device
        .waits_for(|event| match event {
            Event::ContactNumberChanged(change) => Some((change.old_jid.clone(), change.new_jid.clone())),
            _ => None,
        })
        .await?;
    assert_eq!(change, (Jid::pn(ANA), Jid::pn("15550003333")));
    moved.says(&world.phone, "after");
    assert_eq!(device.gets_one().await?.chat, moved.jid());
    let id = device.says(&moved.jid(), "found you").await?;
    moved.waits_for(|received| received.id == id, PATIENCE).await?;
    assert!(moved.changes_number(world.phone.number()).is_err());
    Ok(())
}

async fn hears_picture(device: &Device) -> anyhow::Result<(Jid, bool, Option<String>)> {
    device
        .waits_for(|event| match event {
            Event::PictureUpdate(update) => Some((update.jid.clone(), update.removed, update.picture_id.clone())),
            _ => None,
        })
        .await
}
