//! Tokens: handles on identities. Whether a token still works is for the caller to say.

use ruma::OwnedUserId;
use sqlx::any::AnyRow;

use super::{Error, Tx, types::Columns};
use crate::model::{CredentialId, IdentityId, Timestamp, Token, TokenId};

/// A token to be.
#[derive(Clone, Debug)]
pub(crate) struct NewToken {
    /// The identity it opens.
    pub(crate) identity: IdentityId,
    /// The credential that made it.
    pub(crate) credential: Option<CredentialId>,
    /// Keyed hash of the token.
    pub(crate) token_hash: Vec<u8>,
    /// The first token of all.
    pub(crate) is_admin: bool,
    /// When it stops to work.
    pub(crate) expires_at: Option<Timestamp>,
}

/// All tokens with what is known of them elsewhere; conditions follow.
macro_rules! tokens {
    ($conditions:literal) => {
        concat!(
            "select t.id, t.identity, t.credential, t.is_admin, t.expires_at, t.last_used_at, t.created_at, \
             t.updated_at, c.client_id, i.user_id, i.matrix_device from tokens t \
             join identities i on i.id = t.identity left join credentials c on c.id = t.credential ",
            $conditions
        )
    };
}

fn read(row: &AnyRow) -> Result<Token, Error> {
    let row = Columns::new(row, "tokens", "id");
    let user: OwnedUserId = row.parsed("user_id")?;
    Ok(Token {
        id: TokenId(row.int("id")?),
        identity: row.parsed("identity")?,
        credential: row.maybe_int("credential")?.map(CredentialId),
        client_id: row.maybe_text("client_id")?,
        matrix_username: user.localpart().to_owned(),
        matrix_device: row.text("matrix_device")?,
        is_admin: row.flag("is_admin")?,
        expires_at: row.maybe_time("expires_at")?,
        last_used_at: row.maybe_time("last_used_at")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}

impl Tx {
    /// Adds a token.
    ///
    /// # Errors
    /// `Taken("admin token")` when there is a first token already, `Taken("token")`.
    pub(crate) async fn insert_token(&mut self, new: &NewToken) -> Result<Token, Error> {
        let query = sqlx::query(
            "insert into tokens (identity, credential, token_hash, is_admin, expires_at, created_at, updated_at) \
             values ($1, $2, $3, $4, $5, $6, $6) on conflict do nothing returning id",
        )
        .bind(new.identity.to_string())
        .bind(new.credential.map(|credential| credential.0))
        .bind(new.token_hash.as_slice())
        .bind(i64::from(new.is_admin))
        .bind(new.expires_at.map(Timestamp::millis))
        .bind(self.now().millis());
        let Some(row) = self.row(query).await? else {
            return Err(Error::Taken(if new.is_admin { "admin token" } else { "token" }));
        };
        let id = Columns::new(&row, "tokens", "id").int("id")?;
        let row = self
            .row(sqlx::query(tokens!("where t.id = $1")).bind(id))
            .await?
            .ok_or(sqlx::Error::RowNotFound)?;
        read(&row)
    }

    /// The token with this hash, expired or not.
    pub(crate) async fn find_token_by_hash(&mut self, hash: &[u8]) -> Result<Option<Token>, Error> {
        let query = sqlx::query(tokens!("where t.token_hash = $1")).bind(hash);
        self.row(query).await?.as_ref().map(read).transpose()
    }

    /// The token with this row number, expired or not.
    pub(crate) async fn find_token(&mut self, id: TokenId) -> Result<Option<Token>, Error> {
        let query = sqlx::query(tokens!("where t.id = $1")).bind(id.0);
        self.row(query).await?.as_ref().map(read).transpose()
    }

    /// Remembers that a token was used, at most once a minute.
    pub(crate) async fn touch_token(&mut self, id: TokenId, now: Timestamp) -> Result<(), Error> {
        let query = sqlx::query(
            "update tokens set last_used_at = $2 where id = $1 and (last_used_at is null or last_used_at <= $3)",
        )
        .bind(id.0)
        .bind(now.millis())
        .bind(now.plus_millis(-60_000).millis());
        self.execute(query).await.map(drop)
    }

    /// The tokens a credential made, and on request those that no credential made; oldest first.
    pub(crate) async fn list_tokens_visible_to(
        &mut self,
        credential: CredentialId,
        with_ownerless: bool,
    ) -> Result<Vec<Token>, Error> {
        let query = sqlx::query(tokens!(
            "where t.credential = $1 or (t.credential is null and $2 = 1) order by t.id"
        ))
        .bind(credential.0)
        .bind(i64::from(with_ownerless));
        self.rows(query).await?.iter().map(read).collect()
    }

    /// Removes a token and tells whose it was.
    pub(crate) async fn remove_token(&mut self, id: TokenId) -> Result<Option<IdentityId>, Error> {
        let query = sqlx::query("delete from tokens where id = $1 returning id, identity").bind(id.0);
        let row = self.row(query).await?;
        row.as_ref()
            .map(|row| Columns::new(row, "tokens", "id").parsed("identity"))
            .transpose()
    }

    /// How many tokens there are.
    pub(crate) async fn count_tokens(&mut self) -> Result<i64, Error> {
        self.number(sqlx::query("select count(*) as number from tokens")).await
    }

    /// How many tokens an identity has.
    pub(crate) async fn count_tokens_of(&mut self, identity: IdentityId) -> Result<i64, Error> {
        let query = sqlx::query("select count(*) as number from tokens where identity = $1").bind(identity.to_string());
        self.number(query).await
    }

    /// The tokens that stopped to work by `now`.
    pub(crate) async fn list_expired_tokens(&mut self, now: Timestamp) -> Result<Vec<Token>, Error> {
        let query = sqlx::query(tokens!("where t.expires_at <= $1 order by t.id")).bind(now.millis());
        self.rows(query).await?.iter().map(read).collect()
    }
}
