//! Sessions of the console: a credential that signed in, and the token it works with.
//!
//! A browser holds a random secret and the database its keyed hash, so that a stolen database opens nothing. A session
//! ends two hours after it began, with a restart or without; it dies with its credential, and when that gets a new
//! secret or is switched off. Deliberately not here: cookies.

use super::{Caller, Error, Inner, NewSession, Session, TokenCaller, authentication, secret};
use crate::{
    model::{Token, TokenId},
    store,
};

/// How long a session lasts, in milliseconds.
pub(super) const LIFE: i64 = 2 * 60 * 60 * 1000;

/// How long a ticket opens what it is for, in milliseconds.
const TICKET_LIFE: i64 = 10 * 60 * 1000;

/// What tells a ticket from a token: no token holds a dot.
const TICKET: &str = "t.";

fn hash(inner: &Inner, session: &str) -> Vec<u8> {
    inner.secrets.hash(&format!("session {session}"))
}

pub(super) async fn sign_in(inner: &Inner, client_id: &str, client_secret: &str) -> Result<NewSession, Error> {
    let caller = authentication::basic(inner, client_id, client_secret).await?;
    let secret = secret::new_session();
    let expires_at = inner.now().plus_millis(LIFE);
    let mut tx = inner.store.begin().await?;
    tx.insert_session(&hash(inner, &secret), caller.credential, expires_at)
        .await?;
    tx.commit().await?;
    Ok(NewSession {
        secret,
        scopes: caller.scopes,
    })
}

/// The row of a session that still works.
async fn row(inner: &Inner, session: &str) -> Result<store::Session, Error> {
    let found = inner.store.read().await?.find_session(&hash(inner, session)).await?;
    found.filter(|row| row.expires_at > inner.now()).ok_or(Error::NoSession)
}

pub(super) async fn find(inner: &Inner, session: &str) -> Result<Session, Error> {
    let row = row(inner, session).await?;
    let credential = inner.store.read().await?.find_credential_by_id(row.credential).await?;
    let credential = credential
        .filter(|credential| credential.active)
        .ok_or(Error::NoSession)?;
    Ok(Session {
        caller: Caller::new(&credential),
        client_id: credential.client_id,
        token: row.token,
        expires_at: row.expires_at,
    })
}

pub(super) async fn sign_out(inner: &Inner, session: &str) -> Result<(), Error> {
    let mut tx = inner.store.begin().await?;
    tx.remove_session(&hash(inner, session)).await?;
    Ok(tx.commit().await?)
}

pub(super) async fn attach(inner: &Inner, session: &str, token: TokenId) -> Result<(), Error> {
    let mut tx = inner.store.begin().await?;
    if !tx.set_session_token(&hash(inner, session), token).await? {
        return Err(Error::NoSession);
    }
    Ok(tx.commit().await?)
}

/// A token that `caller` made itself. It knew the secret once and may make others like it, so it may use this one; unless
/// the credential got a new secret since, which somebody else may have asked for: then the token's own secret is wanted.
pub(super) async fn own_token(inner: &Inner, caller: &Caller, id: i64) -> Result<TokenCaller, Error> {
    caller.require(super::Scope::CreateTokens)?;
    let (found, credential) = {
        let mut read = inner.store.read().await?;
        let found = read.find_token(TokenId(id)).await?;
        (found, read.find_credential_by_id(caller.credential).await?)
    };
    let since = credential.ok_or(Error::NoSession)?.secret_set_at;
    match found {
        Some(token) if token.credential == Some(caller.credential) && token.created_at >= since => {
            opened(inner, token).await
        }
        _ => Err(Error::NotFound("Token")),
    }
}

/// What a token opens, by its row number: for sessions, which do not know its secret.
pub(super) async fn token(inner: &Inner, id: TokenId) -> Result<TokenCaller, Error> {
    let found = inner.store.read().await?.find_token(id).await?;
    opened(inner, found.ok_or(Error::BadToken)?).await
}

async fn opened(inner: &Inner, token: Token) -> Result<TokenCaller, Error> {
    let mut tx = inner.store.read().await?;
    authentication::check(inner, &mut tx, &token).await?;
    Ok(TokenCaller {
        token: token.id,
        identity: token.identity,
    })
}

/// Stands for a token where a web page must name one in an address: it opens the codes of linking, for ten minutes.
pub(super) fn ticket(inner: &Inner, token: TokenId) -> String {
    let end = inner.now().plus_millis(TICKET_LIFE).millis();
    let words = format!("{}.{end}", token.0);
    let seal = seal(inner, &words);
    format!("{}{TICKET}{words}.{seal}", inner.config.token_prefix)
}

fn seal(inner: &Inner, words: &str) -> String {
    secret::readable(&inner.secrets.hash(&format!("ticket {words}")))
}

/// What a ticket, or a token, opens.
pub(super) async fn watcher(inner: &Inner, text: &str) -> Result<TokenCaller, Error> {
    let words = text
        .strip_prefix(inner.config.token_prefix.as_str())
        .and_then(|rest| rest.strip_prefix(TICKET));
    let Some((words, given)) = words.and_then(|rest| rest.rsplit_once('.')) else {
        return authentication::token(inner, text).await;
    };
    if !secret::same(seal(inner, words).as_bytes(), given.as_bytes()) {
        return Err(Error::BadToken);
    }
    let (id, end) = words.split_once('.').ok_or(Error::BadToken)?;
    let end: i64 = end.parse().map_err(|_| Error::BadToken)?;
    if end <= inner.now().millis() {
        return Err(Error::BadToken);
    }
    token(inner, TokenId(id.parse().map_err(|_| Error::BadToken)?)).await
}
