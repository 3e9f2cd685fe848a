//! Sessions: who is signed in at the console. Whether a session still works is for the caller to say.

use sqlx::any::AnyRow;

use super::{Error, Tx, types::Columns};
use crate::model::{CredentialId, Timestamp, TokenId};

/// One signed-in browser.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Session {
    /// Who signed in.
    pub(crate) credential: CredentialId,
    /// The token it works with, which may be gone.
    pub(crate) token: Option<TokenId>,
    /// When it ends.
    pub(crate) expires_at: Timestamp,
}

fn read(row: &AnyRow) -> Result<Session, Error> {
    let row = Columns::new(row, "sessions", "credential");
    Ok(Session {
        credential: CredentialId(row.int("credential")?),
        token: row.maybe_int("token")?.map(TokenId),
        expires_at: row.time("expires_at")?,
    })
}

impl Tx {
    /// Adds a session.
    pub(crate) async fn insert_session(
        &mut self,
        secret_hash: &[u8],
        credential: CredentialId,
        expires_at: Timestamp,
    ) -> Result<(), Error> {
        let query = sqlx::query(
            "insert into sessions (secret_hash, credential, created_at, expires_at) values ($1, $2, $3, $4)",
        )
        .bind(secret_hash)
        .bind(credential.0)
        .bind(self.now().millis())
        .bind(expires_at.millis());
        self.execute(query).await.map(drop)
    }

    /// The session with this hash, expired or not.
    pub(crate) async fn find_session(&mut self, secret_hash: &[u8]) -> Result<Option<Session>, Error> {
        let query = sqlx::query("select * from sessions where secret_hash = $1").bind(secret_hash);
        self.row(query).await?.as_ref().map(read).transpose()
    }

    /// Makes a session work with a token; whether it was there.
    pub(crate) async fn set_session_token(&mut self, secret_hash: &[u8], token: TokenId) -> Result<bool, Error> {
        let query = sqlx::query("update sessions set token = $2 where secret_hash = $1")
            .bind(secret_hash)
            .bind(token.0);
        Ok(self.execute(query).await? == 1)
    }

    /// Ends a session.
    pub(crate) async fn remove_session(&mut self, secret_hash: &[u8]) -> Result<(), Error> {
        let query = sqlx::query("delete from sessions where secret_hash = $1").bind(secret_hash);
        self.execute(query).await.map(drop)
    }

    /// Ends all sessions of a credential.
    pub(crate) async fn remove_sessions_of(&mut self, credential: CredentialId) -> Result<(), Error> {
        let query = sqlx::query("delete from sessions where credential = $1").bind(credential.0);
        self.execute(query).await.map(drop)
    }

    /// Forgets the sessions whose time was over by `now`.
    pub(crate) async fn remove_expired_sessions(&mut self, now: Timestamp) -> Result<(), Error> {
        let query = sqlx::query("delete from sessions where expires_at <= $1").bind(now.millis());
        self.execute(query).await.map(drop)
    }
}
