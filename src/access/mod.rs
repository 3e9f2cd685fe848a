//! Who may do what: credentials and the tokens they make.
//!
//! The REST door calls [`Access`] for everything around credentials and tokens, and asks it who a caller is. The app
//! calls [`Access::bootstrap`] at start and [`Access::purge_expired`] every hour. Deliberately not here: headers and
//! status codes, and the end of an identity, which is a job for the bridge.

mod authentication;
mod config;
mod credentials;
mod error;
mod scope;
mod secret;
mod sessions;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod tokens;

use std::{fmt, sync::Arc};

use ruma::OwnedUserId;

pub(crate) use authentication::{Caller, TokenCaller};
pub(crate) use config::Config;
pub(crate) use credentials::{CredentialChange, NewCredential};
pub(crate) use error::Error;
pub(crate) use scope::Scope;
pub(crate) use tokens::{NewToken, NewTokenRequest};

use crate::{
    model::{Credential, Timestamp, Token, TokenId},
    store::Store,
};
use secret::Secrets;

/// Somebody who is signed in at the console.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Session {
    /// The credential that signed in.
    pub(crate) caller: Caller,
    /// Its name.
    pub(crate) client_id: String,
    /// The token it works with; it may have ended meanwhile.
    pub(crate) token: Option<TokenId>,
    /// When the session ends.
    pub(crate) expires_at: Timestamp,
}

/// A session that just began.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct NewSession {
    /// What the browser keeps; the only time it is shown.
    pub(crate) secret: String,
    /// The scopes in force.
    pub(crate) scopes: Vec<String>,
}

impl NewSession {
    /// How long it lasts, in seconds.
    pub(crate) const SECONDS: i64 = sessions::LIFE / 1000;
}

/// Everything around credentials and tokens. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Access(Arc<Inner>);

struct Inner {
    store: Store,
    secrets: Secrets,
    config: Config,
    names: Box<dyn Fn(&str) -> OwnedUserId + Send + Sync>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl Access {
    /// `names` turns the random name of a new identity into its Matrix user.
    ///
    /// # Errors
    /// `BadHashKey`.
    pub(crate) fn new(
        store: Store,
        config: Config,
        names: impl Fn(&str) -> OwnedUserId + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let secrets = Secrets::new(&config.hash_key)?;
        Ok(Self(Arc::new(Inner {
            store,
            secrets,
            config,
            names: Box::new(names),
        })))
    }

    /// Makes the super admin of the settings the only one.
    ///
    /// # Errors
    /// `Internal`.
    pub(crate) async fn bootstrap(&self) -> Result<(), Error> {
        credentials::bootstrap(&self.0).await?;
        tokens::bootstrap(&self.0).await
    }

    /// Who has this name and secret.
    ///
    /// # Errors
    /// `BadCredentials`, `Internal`.
    pub(crate) async fn basic(&self, client_id: &str, client_secret: &str) -> Result<Caller, Error> {
        authentication::basic(&self.0, client_id, client_secret).await
    }

    /// What this token opens, remembering that it was used.
    ///
    /// # Errors
    /// `BadTokenFormat`, `BadToken`, `Internal`.
    pub(crate) async fn token(&self, token: &str) -> Result<TokenCaller, Error> {
        authentication::token(&self.0, token).await
    }

    /// Makes a credential and its secret.
    ///
    /// # Errors
    /// `InvalidClientId`, `CredentialTaken`, `Internal`.
    pub(crate) async fn create_credential(&self, new: NewCredential) -> Result<(Credential, String), Error> {
        credentials::create(&self.0, new).await
    }

    /// All credentials.
    ///
    /// # Errors
    /// `Internal`.
    pub(crate) async fn list_credentials(&self) -> Result<Vec<Credential>, Error> {
        credentials::list(&self.0).await
    }

    /// Changes a credential; returns the new secret when one was asked for.
    ///
    /// # Errors
    /// `NotFound`, `SuperAdmin`, `InvalidScope`, `Forbidden`, `Internal`.
    pub(crate) async fn update_credential(
        &self,
        caller: &Caller,
        client_id: &str,
        change: CredentialChange,
    ) -> Result<(Credential, Option<String>), Error> {
        credentials::update(&self.0, caller, client_id, change).await
    }

    /// Deletes a credential and all its tokens.
    ///
    /// # Errors
    /// `NotFound`, `SuperAdmin`, `Internal`.
    pub(crate) async fn remove_credential(&self, client_id: &str) -> Result<(), Error> {
        credentials::remove(&self.0, client_id).await
    }

    /// Makes a token.
    ///
    /// # Errors
    /// `HostForbidden`, `InvalidExpiry`, `ExpiryInPast`, `InvalidMember`, `NoHost`, `Internal`.
    pub(crate) async fn create_token(&self, caller: &Caller, request: NewTokenRequest) -> Result<NewToken, Error> {
        tokens::create(&self.0, caller, request).await
    }

    /// The tokens `caller` may see, oldest first.
    ///
    /// # Errors
    /// `Internal`.
    pub(crate) async fn list_tokens(&self, caller: &Caller) -> Result<Vec<Token>, Error> {
        tokens::list(&self.0, caller).await
    }

    /// Deletes a token that `caller` may see.
    ///
    /// # Errors
    /// `NotFound`, `Internal`.
    pub(crate) async fn remove_token(&self, caller: &Caller, id: i64) -> Result<(), Error> {
        tokens::remove(&self.0, caller, id).await
    }

    /// Signs a credential in at the console.
    ///
    /// # Errors
    /// `BadCredentials`, `Internal`.
    pub(crate) async fn sign_in(&self, client_id: &str, client_secret: &str) -> Result<NewSession, Error> {
        sessions::sign_in(&self.0, client_id, client_secret).await
    }

    /// Who is signed in with this secret of a session.
    ///
    /// # Errors
    /// `NoSession`, `Internal`.
    pub(crate) async fn session(&self, session: &str) -> Result<Session, Error> {
        sessions::find(&self.0, session).await
    }

    /// Ends a session.
    ///
    /// # Errors
    /// `Internal`.
    pub(crate) async fn sign_out(&self, session: &str) -> Result<(), Error> {
        sessions::sign_out(&self.0, session).await
    }

    /// Makes a session work with a token.
    ///
    /// # Errors
    /// `NoSession`, `Internal`.
    pub(crate) async fn attach_token(&self, session: &str, token: TokenId) -> Result<(), Error> {
        sessions::attach(&self.0, session, token).await
    }

    /// A token by its row number, when `caller` made it and may make tokens.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, `BadToken`, `Internal`.
    pub(crate) async fn own_token(&self, caller: &Caller, id: i64) -> Result<TokenCaller, Error> {
        sessions::own_token(&self.0, caller, id).await
    }

    /// What the token of a session opens.
    ///
    /// # Errors
    /// `BadToken`, `Internal`.
    pub(crate) async fn token_by_id(&self, id: TokenId) -> Result<TokenCaller, Error> {
        sessions::token(&self.0, id).await
    }

    /// What may stand for a token in the address of the codes of linking, for ten minutes.
    pub(crate) fn ticket(&self, token: TokenId) -> String {
        sessions::ticket(&self.0, token)
    }

    /// What a token, or a ticket that stands for one, opens.
    ///
    /// # Errors
    /// `BadTokenFormat`, `BadToken`, `Internal`.
    pub(crate) async fn watcher(&self, ticket: &str) -> Result<TokenCaller, Error> {
        sessions::watcher(&self.0, ticket).await
    }

    /// Deletes tokens whose time is over; returns how many.
    ///
    /// # Errors
    /// `Internal`.
    pub(crate) async fn purge_expired(&self) -> Result<usize, Error> {
        tokens::purge_expired(&self.0).await
    }
}

impl Inner {
    fn now(&self) -> Timestamp {
        self.store.clock().now()
    }
}
