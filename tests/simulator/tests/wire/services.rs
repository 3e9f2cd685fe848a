//! Every request the library can send has an answer: a result, or a refusal that says why.

use whatsapp_rust::prelude::*;
use whatsapp_rust::wacore::iq::mex::{MexDoc, MexQuerySpec};
use whatsapp_rust::wacore::iq::mex_operations as operations;
use whatsapp_rust::wacore::request::InfoQuery;
use whatsapp_rust::wacore_binary::{Node, NodeContent, Server};
use whatsapp_rust::{IqError, NewsletterRole};
use whatsapp_rust::{NodeBuilder, serde_json};

use crate::PATIENCE;
use crate::device::{Device, World};

/// The spaces and verbs, with the child the library puts into each.
fn requests() -> Vec<(&'static str, bool, Option<Node>)> {
    let (get, set) = (false, true);
    let node = |tag| Some(NodeBuilder::new(tag).build());
    let with = |tag, child| {
        Some(
            NodeBuilder::new(tag)
                .children([NodeBuilder::new(child).build()])
                .build(),
        )
    };
    vec![
        ("abt", get, node("props")),
        ("blocklist", get, None),
        ("blocklist", set, node("item")),
        ("disappearing_mode", set, node("disappearing_mode")),
        ("encrypt", get, node("count")),
        ("encrypt", get, node("digest")),
        ("newsletter", get, node("messages")),
        ("newsletter", set, node("live_updates")),
        ("passive", set, node("active")),
        ("passive", set, node("passive")),
        ("privacy", get, node("privacy")),
        ("privacy", set, with("privacy", "category")),
        ("privacy", set, with("tokens", "token")),
        ("spam", set, with("spam_list", "message")),
        ("status", set, node("status")),
        ("urn:xmpp:whatsapp:dirty", set, node("clean")),
        ("usync", get, with("usync", "query")),
        ("w:biz", get, with("business_profile", "profile")),
        ("w:g2", get, node("participating")),
        ("w:m", set, node("media_conn")),
        ("w:mex", get, node("query")),
        ("w:p", get, None),
        ("w:profile:picture", get, node("picture")),
        ("w:profile:picture", set, None),
        ("w:stats", set, node("add")),
        ("w:sync:app:state", set, with("sync", "collection")),
        ("bot", get, node("bot")),
        ("tos", get, node("request")),
        ("waffle", get, node("account")),
        ("urn:xmpp:whatsapp:push", set, node("config")),
    ]
}

#[tokio::test]
async fn post_login_no_request_of_the_library_is_left_unanswered() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    for (space, is_set, child) in requests() {
        // An incomplete usync has no list, which no real client sends.
        let child = match child {
            Some(usync) if usync.tag == "usync" => Some(
                NodeBuilder::new("usync")
                    .children([NodeBuilder::new("query").build(), NodeBuilder::new("list").build()])
                    .build(),
            ),
            child => child,
        };
        let content = child.map(|child| NodeContent::Nodes(vec![child]));
        let to = Jid::new("", Server::Pn);
        let query = if is_set {
            InfoQuery::set(space, to, content)
        } else {
            InfoQuery::get(space, to, content)
        };
        match device.client.send_iq(query).await {
            Ok(_) => {}
            Err(IqError::ServerError { code, .. }) => assert_ne!(code, 501, "{space}, set: {is_set}"),
            Err(other) => anyhow::bail!("{space}: {other}"),
        }
    }
    Ok(())
}

#[tokio::test]
async fn post_login_a_space_nobody_knows_is_refused_at_once() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let query = InfoQuery::get("w:nonsense", Jid::new("", Server::Pn), None);
    let refused = device.client.send_iq(query).await;
    assert!(matches!(refused, Err(IqError::ServerError { code: 501, .. })));
    Ok(())
}

#[tokio::test]
async fn newsletters_mex_graphql_answers_what_it_knows_and_refuses_the_rest() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let lock = device.client.mex().fetch_reachout_timelock().await?;
    assert_eq!(lock.is_active, Some(false));
    let ask = async |id: &'static str, variables: serde_json::Value| {
        let spec = MexQuerySpec::new(MexDoc { name: "test", id }, &variables)?;
        anyhow::Ok(device.client.execute(spec).await?.data)
    };
    let set = serde_json::json!({ "input": "owner.sails" });
    ask(operations::set_username::DOC_ID, set).await?;
    let name = ask(operations::get_username::DOC_ID, serde_json::json!({})).await?;
    let name = name.unwrap_or_default();
    assert_eq!(name["xwa2_username_get"]["username_info"]["username"], "owner.sails");
    world.ana.sets_about("away");
    let about = serde_json::json!({ "user": { "user_id": world.ana.jid() } });
    let about = ask(operations::fetch_about_status::DOC_ID, about)
        .await?
        .unwrap_or_default();
    assert_eq!(about["xwa2_users_updates_since"][0]["updates"][0]["text"], "away");
    let nothing = ask(operations::query_catalog::DOC_ID, serde_json::json!({})).await?;
    assert_eq!(nothing, Some(serde_json::json!({})));
    assert!(ask("1", serde_json::json!({})).await.is_err());
    Ok(())
}

#[tokio::test]
async fn post_login_what_is_marked_dirty_is_looked_at_and_confirmed() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    for kind in ["account_sync", "groups", "newsletter_metadata", "syncd_app_state"] {
        world.phone.soils(kind);
        let heard = device
            .waits_for(|event| match event {
                Event::DirtyState(dirty) => Some(dirty.dirty_type.as_str().to_owned()),
                _ => None,
            })
            .await?;
        assert_eq!(heard, kind);
        world.phone.waits_until_clean(PATIENCE).await?;
    }
    Ok(())
}

#[tokio::test]
async fn newsletters_mex_admins_are_invited_demoted_and_given_the_channel() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let (owner, bobs_phone) = (world.links().await?, world.server.phone("15550003333", "Bob"));
    let bob = Device::linked(&world.server, &bobs_phone).await?;
    let made = owner.client.newsletter().create("Harbour News", None).await?;
    let (channel, user) = (made.jid.to_string(), "15550003333@s.whatsapp.net");
    let ask = async |device: &Device, id: &'static str, user: Option<&str>| {
        let variables = serde_json::json!({ "newsletter_id": channel, "user_id": user });
        let spec = MexQuerySpec::new(MexDoc { name: "test", id }, &variables)?;
        anyhow::Ok(device.client.execute(spec).await?.data)
    };
    bob.client.newsletter().join(&made.jid).await?;
    let accept = operations::accept_newsletter_admin_invite::DOC_ID;
    assert!(ask(&bob, accept, None).await.is_err());
    let invite = operations::create_newsletter_admin_invite::DOC_ID;
    ask(&owner, invite, Some(user)).await?;
    ask(&owner, operations::revoke_newsletter_admin_invite::DOC_ID, Some(user)).await?;
    assert!(ask(&bob, accept, None).await.is_err());
    assert!(ask(&bob, invite, Some(user)).await.is_err());
    ask(&owner, invite, Some(user)).await?;
    ask(&bob, accept, None).await?;
    let role = async || anyhow::Ok(bob.client.newsletter().get_metadata(&made.jid).await?.role);
    assert_eq!(role().await?, Some(NewsletterRole::Admin));
    ask(&owner, operations::demote_newsletter_admin::DOC_ID, Some(user)).await?;
    assert_eq!(role().await?, Some(NewsletterRole::Subscriber));
    ask(&owner, operations::change_newsletter_owner::DOC_ID, Some(user)).await?;
    assert_eq!(role().await?, Some(NewsletterRole::Owner));
    Ok(())
}
