//! Webhooks of an identity: every token of it sees the same list.

use super::{Error, Inner};
use crate::{
    model::{IdentityId, Webhook, WebhookEvent, WebhookId},
    webhook,
};

fn check(url: &str) -> Result<(), Error> {
    webhook::check_url(url).map(drop).map_err(|_| Error::Invalid {
        field: "url",
        why: "Invalid URL format".into(),
    })
}

/// What of a webhook shall change; what is absent stays.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct WebhookChange {
    /// Where deliveries go.
    pub(crate) url: Option<String>,
    /// Whether it hears anything.
    pub(crate) active: Option<bool>,
    /// What it hears.
    pub(crate) events: Option<Vec<String>>,
}

/// Reads the names of what a webhook hears: something, and nothing twice.
fn read_events(names: &[String]) -> Result<Vec<WebhookEvent>, Error> {
    let known: Vec<_> = WebhookEvent::ALL
        .into_iter()
        .filter(|event| names.iter().any(|name| name == event.as_str()))
        .collect();
    if known.is_empty() || names.iter().any(|name| WebhookEvent::parse(name).is_none()) {
        let all = WebhookEvent::ALL.map(WebhookEvent::as_str).join(", ");
        return Err(Error::Invalid {
            field: "events",
            why: format!("there are only {all}"),
        });
    }
    Ok(known)
}

/// Subscribes a URL.
pub(super) async fn add(
    bridge: &Inner,
    identity: IdentityId,
    url: &str,
    events: Option<&[String]>,
) -> Result<Webhook, Error> {
    check(url)?;
    let events = events.map(read_events).transpose()?;
    let mut tx = bridge.store.begin().await?;
    let mut webhook = tx.insert_webhook(identity, url, &webhook::new_secret()).await?;
    if let Some(events) = events {
        tx.set_webhook_events(webhook.id, &events).await?;
        webhook.events = events;
    }
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
    change: &WebhookChange,
) -> Result<Webhook, Error> {
    let url = change.url.as_deref();
    if let Some(url) = url {
        check(url)?;
    }
    let events = change.events.as_deref().map(read_events).transpose()?;
    let mut tx = bridge.store.begin().await?;
    let mut changed = tx
        .update_webhook(identity, webhook, url, change.active)
        .await?
        .ok_or(Error::NotFound("Webhook"))?;
    if let Some(events) = events {
        tx.set_webhook_events(webhook, &events).await?;
        changed.events = events;
    }
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
