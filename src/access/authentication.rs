//! Who is calling.

use std::time::Duration;

use super::{
    Error, Inner,
    scope::{self, Scope},
    secret,
};
use crate::{
    model::{Credential, CredentialId, IdentityId, Role, Token, TokenId},
    store::Tx,
};

/// How rarely the last use of a token is written down, in milliseconds.
const TOUCH_EVERY: i64 = 60_000;

/// How long a request waits for that.
const PATIENCE: Duration = Duration::from_secs(1);

/// A credential that proved its secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Caller {
    /// Which credential.
    pub(super) credential: CredentialId,
    /// Its role.
    pub(super) role: Role,
    /// The scopes in force.
    pub(super) scopes: Vec<String>,
}

impl Caller {
    pub(super) fn new(credential: &Credential) -> Self {
        Self {
            credential: credential.id,
            role: credential.role,
            scopes: scope::effective(credential.role, credential.scopes.as_deref()),
        }
    }

    /// The scopes in force, as people are shown them.
    pub(crate) fn scopes(&self) -> &[String] {
        &self.scopes
    }

    /// Whether the caller may do what `scope` stands for.
    ///
    /// # Errors
    /// `Forbidden`.
    pub(crate) fn require(&self, scope: Scope) -> Result<(), Error> {
        if self.holds(scope.as_str()) {
            Ok(())
        } else {
            Err(Error::Forbidden)
        }
    }

    pub(super) fn holds(&self, scope: &str) -> bool {
        self.is_super_admin() || scope::covered(&self.scopes, scope)
    }

    pub(super) fn is_super_admin(&self) -> bool {
        self.role == Role::SuperAdmin
    }
}

/// A token that opens an identity.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TokenCaller {
    /// Which token.
    pub(crate) token: TokenId,
    /// What it opens.
    pub(crate) identity: IdentityId,
}

/// An unknown name takes the same steps as a wrong secret, so that time does not tell them apart.
pub(super) async fn basic(inner: &Inner, client_id: &str, client_secret: &str) -> Result<Caller, Error> {
    let hash = inner.secrets.hash(client_secret);
    let found = inner.store.read().await?.find_credential(client_id).await?;
    let (stored, active) = match &found {
        Some(credential) => (credential.secret_hash.clone(), credential.active),
        // Longer than a hash by nothing, equal to none that anybody can aim at.
        None => (inner.secrets.hash("nobody has this name"), false),
    };
    let same = secret::same(&hash, &stored);
    match found {
        Some(credential) if same && active => Ok(Caller::new(&credential)),
        _ => Err(Error::BadCredentials),
    }
}

pub(super) async fn token(inner: &Inner, token: &str) -> Result<TokenCaller, Error> {
    let secret = token
        .strip_prefix(inner.config.token_prefix.as_str())
        .ok_or(Error::BadTokenFormat)?;
    let now = inner.now();
    let mut tx = inner.store.read().await?;
    let found = tx
        .find_token_by_hash(&inner.secrets.hash(secret))
        .await?
        .ok_or(Error::BadToken)?;
    check(inner, &mut tx, &found).await?;
    drop(tx);
    if found
        .last_used_at
        .is_none_or(|last| last.plus_millis(TOUCH_EVERY) <= now)
    {
        touch(inner, found.id).await;
    }
    Ok(TokenCaller {
        token: found.id,
        identity: found.identity,
    })
}

/// Whether a token still works: its time, and the credential that made it.
pub(super) async fn check(inner: &Inner, tx: &mut Tx, token: &Token) -> Result<(), Error> {
    if token.expires_at.is_some_and(|end| end <= inner.now()) {
        return Err(Error::BadToken);
    }
    if let Some(owner) = token.credential {
        let owner = tx.find_credential_by_id(owner).await?;
        if !owner.is_some_and(|credential| credential.active) {
            return Err(Error::BadToken);
        }
    }
    Ok(())
}

/// A note for people. The request it is about must neither fail with it nor wait long for it.
async fn touch(inner: &Inner, token: TokenId) {
    let written = async {
        let mut tx = inner.store.begin().await?;
        tx.touch_token(token, inner.now()).await?;
        tx.commit().await
    };
    match tokio::time::timeout(PATIENCE, written).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(token.id = token.0, %error, "the last use of a token was not written down"),
        Err(_) => tracing::warn!(
            token.id = token.0,
            "the last use of a token could not be written down in time"
        ),
    }
}
