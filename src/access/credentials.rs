//! Credentials: made, listed, changed, deleted; and the super admin of the settings.

use super::{
    Caller, Error, Inner,
    scope::{self, MOST},
    secret,
};
use crate::{
    model::{Credential, IdentityId, IdentityKind, Lane, Role, Work},
    store::{self, Tx},
};

/// Longest `client_id`, in characters.
const LONGEST: usize = 128;

/// A credential to be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct NewCredential {
    /// Its name.
    pub(crate) client_id: String,
    /// Free text.
    pub(crate) description: String,
}

/// What to change about a credential; `None` leaves it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct CredentialChange {
    /// Free text.
    pub(crate) description: Option<String>,
    /// Switched on or off.
    pub(crate) active: Option<bool>,
    /// All scopes from now on.
    pub(crate) scopes: Option<Vec<String>>,
    /// Whether a new secret replaces the old one.
    pub(crate) regenerate_secret: bool,
}

pub(super) async fn bootstrap(inner: &Inner) -> Result<(), Error> {
    let Some((client_id, client_secret)) = inner.config.super_admin() else {
        tracing::warn!("CLIENT_ID and CLIENT_SECRET are not both set: no super admin is made");
        return Ok(());
    };
    let secret_hash = inner.secrets.hash(client_secret);
    let mut tx = inner.store.begin().await?;
    let before = tx.find_credential(client_id).await?;
    let (admin, deactivated) = tx.upsert_super_admin(client_id, &secret_hash).await?;
    if before.is_some_and(|before| before.secret_hash != secret_hash) {
        tx.remove_sessions_of(admin.id).await?;
    }
    let shown = store::CredentialChange {
        description: Some("System super admin credentials from environment".into()),
        scopes: Some(vec!["*".into()]),
        ..store::CredentialChange::default()
    };
    tx.update_credential(client_id, &shown).await?;
    tx.commit().await?;
    if deactivated > 0 {
        tracing::warn!(deactivated, "super admins of earlier settings were switched off");
    }
    Ok(())
}

pub(super) async fn create(inner: &Inner, new: NewCredential) -> Result<(Credential, String), Error> {
    check_client_id(&new.client_id).map_err(Error::InvalidClientId)?;
    let client_secret = secret::new_client_secret();
    let row = store::NewCredential {
        client_id: new.client_id.clone(),
        secret_hash: inner.secrets.hash(&client_secret),
        role: Role::User,
        scopes: None,
        description: new.description,
    };
    let mut tx = inner.store.begin().await?;
    let credential = tx.insert_credential(&row).await.map_err(|error| match error {
        store::Error::Taken(_) => Error::CredentialTaken(new.client_id),
        other => Error::Internal(other),
    })?;
    tx.commit().await?;
    Ok((credential, client_secret))
}

pub(super) async fn list(inner: &Inner) -> Result<Vec<Credential>, Error> {
    Ok(inner.store.read().await?.list_credentials().await?)
}

pub(super) async fn update(
    inner: &Inner,
    caller: &Caller,
    client_id: &str,
    change: CredentialChange,
) -> Result<(Credential, Option<String>), Error> {
    let mut tx = inner.store.begin().await?;
    let credential = tx
        .find_credential(client_id)
        .await?
        .ok_or(Error::NotFound("Credential"))?;
    check(caller, &credential, &change)?;
    let new_secret = change.regenerate_secret.then(secret::new_client_secret);
    let row = store::CredentialChange {
        description: change.description,
        active: change.active,
        scopes: change.scopes,
        secret_hash: new_secret.as_deref().map(|secret| inner.secrets.hash(secret)),
        role: None,
    };
    let changed = tx
        .update_credential(client_id, &row)
        .await?
        .ok_or(Error::NotFound("Credential"))?;
    // Who was signed in with the old secret, or must not be any more, is signed out.
    if new_secret.is_some() || !changed.active {
        tx.remove_sessions_of(changed.id).await?;
    }
    tx.commit().await?;
    Ok((changed, new_secret))
}

/// Whether `caller` may change `credential` like that.
fn check(caller: &Caller, credential: &Credential, change: &CredentialChange) -> Result<(), Error> {
    if credential.role == Role::SuperAdmin {
        let forbidden = [
            (change.active == Some(false), "deactivate"),
            (change.regenerate_secret, "regenerate secret for"),
            (change.scopes.is_some(), "modify scopes of"),
        ];
        if let Some((_, what)) = forbidden.into_iter().find(|(asked, _)| *asked) {
            return Err(Error::SuperAdmin(what));
        }
    }
    let scopes = change.scopes.as_deref().unwrap_or_default();
    if let Some(bad) = scopes
        .iter()
        .enumerate()
        .find(|(n, text)| *n >= MOST || !scope::is_scope(text))
    {
        return Err(Error::InvalidScope(bad.1.clone()));
    }
    if !scopes.iter().all(|scope| caller.holds(scope)) {
        return Err(Error::Forbidden);
    }
    // Whoever learns the secret of a credential has its rights: nobody gets more than their own that way.
    let theirs = scope::effective(credential.role, credential.scopes.as_deref());
    let beyond = |scope: &String| !caller.holds(scope) && !scope::is_default(scope);
    if change.regenerate_secret && theirs.iter().any(beyond) {
        return Err(Error::Forbidden);
    }
    Ok(())
}

pub(super) async fn remove(inner: &Inner, client_id: &str) -> Result<(), Error> {
    let mut tx = inner.store.begin().await?;
    let credential = tx
        .find_credential(client_id)
        .await?
        .ok_or(Error::NotFound("Credential"))?;
    if credential.role == Role::SuperAdmin {
        return Err(Error::SuperAdmin("delete"));
    }
    let orphans = tx
        .remove_credential(client_id)
        .await?
        .ok_or(Error::NotFound("Credential"))?;
    for identity in orphans {
        retire(inner, &mut tx, identity).await?;
    }
    Ok(tx.commit().await?)
}

/// Promises the end of an identity that no token opens any more, in the transaction that took the last one. Its webhooks
/// end in it: who set them has no key any more. An identity that lives without tokens is left as it is.
pub(super) async fn retire(inner: &Inner, tx: &mut Tx, identity: IdentityId) -> Result<(), Error> {
    match tx.find_identity(identity).await? {
        Some(found) if !found.is_host && found.kind != IdentityKind::Real => {}
        _ => return Ok(()),
    }
    for webhook in tx.list_webhooks(identity).await? {
        tx.remove_webhook(identity, webhook.id).await?;
    }
    let grace = i64::from(inner.config.retire_after) * 1000;
    let lane = if grace == 0 {
        Lane::identity(identity)
    } else {
        Lane::end_of_identity(identity)
    };
    tx.push_job(
        &lane,
        &Work::RetireIdentity { identity },
        inner.now().plus_millis(grace),
    )
    .await?;
    Ok(())
}

/// Whether Basic authentication can carry this name.
pub(super) fn check_client_id(text: &str) -> Result<(), &'static str> {
    if text.trim().is_empty() {
        return Err("must not be blank");
    }
    if text.chars().count() > LONGEST {
        return Err("must not be longer than 128 characters");
    }
    if text.contains(':') {
        return Err("must not contain ':'");
    }
    if text.chars().any(char::is_control) {
        return Err("must not contain control characters");
    }
    Ok(())
}
