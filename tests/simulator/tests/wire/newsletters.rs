//! Channels: found, followed, read, written, watched.

use whatsapp_rust::NewsletterRole;
use whatsapp_rust::prelude::*;

use crate::PATIENCE;
use crate::device::World;

#[tokio::test]
async fn newsletters_a_channel_is_found_followed_muted_and_left() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let channel = world.server.newsletter("Harbour News");
    channel.has_followers(41);
    channel.is_verified(true);
    channel.is_about("ships");
    channel.sets_picture(b"a ship");
    let jid: Jid = channel.jid().parse()?;
    let newsletters = device.client.newsletter();
    assert!(newsletters.list_subscribed().await?.is_empty());
    let seen = newsletters.get_metadata_by_invite(&channel.invite()).await?;
    assert_eq!((seen.name.as_str(), seen.subscriber_count), ("Harbour News", 41));
    assert_eq!((seen.role, seen.jid), (Some(NewsletterRole::Guest), jid.clone()));
    assert_eq!(seen.description.as_deref(), Some("ships"));
    let path = seen.picture_url.ok_or_else(|| anyhow::anyhow!("a picture"))?;
    let url = format!("http://{}{path}", world.server.address());
    assert_eq!(reqwest::get(url).await?.text().await?, "a ship");

    let joined = newsletters.join(&jid).await?;
    assert_eq!(
        (joined.role, joined.subscriber_count),
        (Some(NewsletterRole::Subscriber), 42)
    );
    assert_eq!(newsletters.list_subscribed().await?.len(), 1);
    assert_eq!(channel.followers(), [world.phone.number()]);
    newsletters.set_follower_mute(&jid, true).await?;
    newsletters.leave(&jid).await?;
    assert!(newsletters.set_follower_mute(&jid, true).await.is_err());
    assert!(newsletters.list_subscribed().await?.is_empty());
    let nowhere: Jid = "120363000000000009@newsletter".parse()?;
    assert!(newsletters.get_metadata(&nowhere).await.is_err());
    assert!(newsletters.join(&nowhere).await.is_err());
    Ok(())
}

#[tokio::test]
async fn newsletters_a_follower_gets_posts_and_reads_older_ones() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let channel = world.server.newsletter("Harbour News");
    let jid: Jid = channel.jid().parse()?;
    for number in 1..=5 {
        channel.posts(&format!("ship {number}"));
    }
    channel.is_followed(&world.phone);
    let post = channel.posts("ship 6");
    let got = device.gets_one().await?;
    assert_eq!((got.text.as_str(), got.chat), ("ship 6", channel.jid()));
    channel.edits(post, "ship six");
    assert_eq!(device.gets_one().await?.text, "ship six");

    let newsletters = device.client.newsletter();
    let texts = |messages: &[whatsapp_rust::NewsletterMessage]| -> Vec<String> {
        let texts = messages.iter().filter_map(|one| one.message.as_ref()?.text_content());
        texts.map(ToOwned::to_owned).collect()
    };
    let page = newsletters.get_messages(jid.clone(), 2, None).await?;
    assert_eq!(texts(&page), ["ship 5", "ship six"]);
    let before = page.first().map(|one| one.server_id);
    let page = newsletters.get_messages(jid, 2, before).await?;
    assert_eq!(texts(&page), ["ship 3", "ship 4"]);
    world.phone.waits_for_empty_backlog(PATIENCE).await
}

#[tokio::test]
async fn newsletters_an_owner_posts_edits_and_deletes() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let (device, other) = (world.links().await?, world.links().await?);
    let made = device.client.newsletter().create("My Channel", Some("mine")).await?;
    assert_eq!(made.role, Some(NewsletterRole::Owner));
    let channel = world.server.newsletter("My Channel");
    assert_eq!(channel.jid(), made.jid.to_string());
    let id = device.says(&channel.jid(), "first").await?;
    assert_eq!(device.hears_ack(&id).await?, None);
    channel
        .waits_for(|post| post.text.as_deref() == Some("first"), PATIENCE)
        .await?;
    let copy = other.gets_one().await?;
    assert_eq!((copy.id.as_str(), copy.text.as_str()), (id.as_str(), "first"));
    let newsletters = device.client.newsletter();
    newsletters
        .edit_message(&made.jid, &id, wa::Message::text("second"))
        .await?;
    channel
        .waits_for(|post| post.text.as_deref() == Some("second"), PATIENCE)
        .await?;
    newsletters.revoke_message(&made.jid, &id).await?;
    channel
        .waits_for(|post| post.id == id && post.text.is_none(), PATIENCE)
        .await?;
    let updated = newsletters.update(&made.jid, Some("Our Channel"), None).await?;
    assert_eq!(
        (updated.name.as_str(), updated.description.as_deref()),
        ("Our Channel", Some("mine"))
    );
    Ok(())
}

#[tokio::test]
async fn newsletters_who_only_follows_may_not_post() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let channel = world.server.newsletter("Harbour News");
    channel.is_followed(&world.phone);
    let id = device.says(&channel.jid(), "me too").await?;
    assert_eq!(device.hears_ack(&id).await?.as_deref(), Some("403"));
    let id = device.says("120363000000000009@newsletter", "anybody").await?;
    assert_eq!(device.hears_ack(&id).await?.as_deref(), Some("404"));
    assert!(channel.published().is_empty());
    let jid: Jid = channel.jid().parse()?;
    assert!(
        device
            .client
            .newsletter()
            .update(&jid, Some("mine"), None)
            .await
            .is_err()
    );
    Ok(())
}

#[tokio::test]
async fn newsletters_reactions_are_counted_and_told_to_who_watches() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let channel = world.server.newsletter("Harbour News");
    channel.is_followed(&world.phone);
    let jid: Jid = channel.jid().parse()?;
    let post = channel.posts("a ship");
    device.gets_one().await?;
    let newsletters = device.client.newsletter();
    assert!(newsletters.subscribe_live_updates(jid.clone()).await? > 0);
    channel.gets_reactions(post, "👍", 7);
    let told = device
        .waits_for(|event| match event {
            Event::NewsletterLiveUpdate(update) => Some(update.messages.clone()),
            _ => None,
        })
        .await?;
    let counts = told
        .iter()
        .flat_map(|one| &one.reactions)
        .map(|one| (one.code.as_str(), one.count));
    assert_eq!(counts.collect::<Vec<_>>(), [("👍", 7)]);
    newsletters.send_reaction(&jid, post, "👍").await?;
    channel
        .waits_for(|one| one.reactions.get("👍") == Some(&8), PATIENCE)
        .await?;
    newsletters.send_reaction(&jid, post, "").await?;
    channel
        .waits_for(|one| one.reactions.get("👍") == Some(&7), PATIENCE)
        .await?;
    channel.gets_views(post, 99);
    let listed = newsletters.get_messages(jid, 1, None).await?;
    let counts = listed.iter().flat_map(|one| &one.reactions).map(|one| one.count);
    assert_eq!(counts.collect::<Vec<_>>(), [7]);
    Ok(())
}
