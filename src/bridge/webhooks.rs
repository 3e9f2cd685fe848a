//! Webhooks of an identity: every token of it sees the same list.

use super::{Error, Inner};
use crate::{
    model::{IdentityId, Webhook, WebhookId},
    webhook,
};

fn check(url: &str) -> Result<(), Error> {
    webhook::check_url(url).map(drop).map_err(|_| Error::Invalid {
        field: "url",
        why: "Invalid URL format".into(),
    })
}

/// Subscribes a URL.
pub(super) async fn add(bridge: &Inner, identity: IdentityId, url: &str) -> Result<Webhook, Error> {
    check(url)?;
    let mut tx = bridge.store.begin().await?;
    let webhook = tx.insert_webhook(identity, url, &webhook::new_secret()).await?;
    tx.commit().await?;
    Ok(webhook)
}

/// Lists them, oldest first.
pub(super) async fn list(bridge: &Inner, identity: IdentityId) -> Result<Vec<Webhook>, Error> {
    Ok(bridge.store.read().await?.list_webhooks(identity).await?)
}

/// Changes one.
pub(super) async fn update(
    bridge: &Inner,
    identity: IdentityId,
    webhook: WebhookId,
    url: Option<&str>,
    active: Option<bool>,
) -> Result<Webhook, Error> {
    if let Some(url) = url {
        check(url)?;
    }
    let mut tx = bridge.store.begin().await?;
    let changed = tx
        .update_webhook(identity, webhook, url, active)
        .await?
        .ok_or(Error::NotFound("Webhook"))?;
    tx.commit().await?;
    Ok(changed)
}

/// Removes one; what waits for it finds nobody and is dropped.
pub(super) async fn remove(bridge: &Inner, identity: IdentityId, webhook: WebhookId) -> Result<(), Error> {
    let mut tx = bridge.store.begin().await?;
    if !tx.remove_webhook(identity, webhook).await? {
        return Err(Error::NotFound("Webhook"));
    }
    tx.commit().await?;
    Ok(())
}
