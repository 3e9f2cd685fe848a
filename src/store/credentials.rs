//! Credentials: names and secrets for managing tokens.

use sqlx::any::AnyRow;

use super::{
    Error, Tx,
    types::{Columns, maybe, text, word},
};
use crate::model::{Credential, CredentialId, IdentityId, Role};

/// A credential to be.
#[derive(Clone, Debug)]
pub(crate) struct NewCredential {
    /// The name, as Basic auth has it.
    pub(crate) client_id: String,
    /// Keyed hash of the secret.
    pub(crate) secret_hash: Vec<u8>,
    /// Its role.
    pub(crate) role: Role,
    /// `None`: the role's defaults.
    pub(crate) scopes: Option<Vec<String>>,
    /// Free text.
    pub(crate) description: String,
}

/// What changes of a credential; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub(crate) struct CredentialChange {
    /// Free text.
    pub(crate) description: Option<String>,
    /// Whether it opens anything.
    pub(crate) active: Option<bool>,
    /// What it may do.
    pub(crate) scopes: Option<Vec<String>>,
    /// Keyed hash of a new secret.
    pub(crate) secret_hash: Option<Vec<u8>>,
    /// Its role.
    pub(crate) role: Option<Role>,
}

fn read(row: &AnyRow) -> Result<Credential, Error> {
    let row = Columns::new(row, "credentials", "id");
    Ok(Credential {
        id: CredentialId(row.int("id")?),
        client_id: row.text("client_id")?,
        secret_hash: row.bytes("secret_hash")?,
        role: row.word("role")?,
        scopes: row.maybe_json("scopes")?,
        description: row.text("description")?,
        active: row.flag("active")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
        secret_set_at: row.time("secret_set_at")?,
    })
}

fn scopes(scopes: Option<&Vec<String>>) -> Option<String> {
    scopes.map(|scopes| serde_json::Value::from(scopes.as_slice()).to_string())
}

impl Tx {
    /// The credential with this name.
    pub(crate) async fn find_credential(&mut self, client_id: &str) -> Result<Option<Credential>, Error> {
        let query = sqlx::query("select * from credentials where client_id = $1").bind(text(client_id));
        self.row(query).await?.as_ref().map(read).transpose()
    }

    /// The credential with this row number.
    pub(crate) async fn find_credential_by_id(&mut self, id: CredentialId) -> Result<Option<Credential>, Error> {
        let query = sqlx::query("select * from credentials where id = $1").bind(id.0);
        self.row(query).await?.as_ref().map(read).transpose()
    }

    /// All credentials, oldest first.
    pub(crate) async fn list_credentials(&mut self) -> Result<Vec<Credential>, Error> {
        self.rows(sqlx::query("select * from credentials order by id"))
            .await?
            .iter()
            .map(read)
            .collect()
    }

    /// Adds a credential.
    ///
    /// # Errors
    /// `Taken("credential")`.
    pub(crate) async fn insert_credential(&mut self, new: &NewCredential) -> Result<Credential, Error> {
        let now = self.now().millis();
        let query = sqlx::query(
            "insert into credentials (client_id, secret_hash, role, scopes, description, active, created_at, updated_at) \
             values ($1, $2, $3, $4, $5, 1, $6, $6) on conflict (client_id) do nothing returning *",
        )
        .bind(text(&new.client_id))
        .bind(new.secret_hash.as_slice())
        .bind(word(&new.role))
        .bind(scopes(new.scopes.as_ref()))
        .bind(text(&new.description))
        .bind(now);
        self.row(query)
            .await?
            .as_ref()
            .map_or(Err(Error::Taken("credential")), read)
    }

    /// Changes a credential; `None` when there is none with this name.
    pub(crate) async fn update_credential(
        &mut self,
        client_id: &str,
        change: &CredentialChange,
    ) -> Result<Option<Credential>, Error> {
        let query = sqlx::query(
            "update credentials set description = coalesce($2, description), active = coalesce($3, active), \
             scopes = coalesce($4, scopes), secret_hash = coalesce($5, secret_hash), role = coalesce($6, role), \
             updated_at = $7, secret_set_at = coalesce($8, secret_set_at) where client_id = $1 returning *",
        )
        .bind(text(client_id))
        .bind(maybe(change.description.as_deref()))
        .bind(change.active.map(i64::from))
        .bind(scopes(change.scopes.as_ref()))
        .bind(change.secret_hash.clone())
        .bind(change.role.as_ref().map(word))
        .bind(self.now().millis())
        .bind(change.secret_hash.as_ref().map(|_| self.now().millis()));
        self.row(query).await?.as_ref().map(read).transpose()
    }

    /// Makes this the one super admin that is active, and tells how many others no longer are.
    pub(crate) async fn upsert_super_admin(
        &mut self,
        client_id: &str,
        secret_hash: &[u8],
    ) -> Result<(Credential, u64), Error> {
        let now = self.now().millis();
        let role = word(&Role::SuperAdmin);
        let query = sqlx::query(
            "insert into credentials (client_id, secret_hash, role, scopes, description, active, created_at, updated_at) \
             values ($1, $2, $3, null, '', 1, $4, $4) on conflict (client_id) do update set \
             secret_hash = excluded.secret_hash, role = excluded.role, active = 1, updated_at = excluded.updated_at, \
             secret_set_at = case when credentials.secret_hash = excluded.secret_hash then credentials.secret_set_at \
             else excluded.updated_at end returning *",
        )
        .bind(text(client_id))
        .bind(secret_hash)
        .bind(role.as_str())
        .bind(now);
        let row = self.row(query).await?.ok_or(sqlx::Error::RowNotFound)?;
        let others = sqlx::query(
            "update credentials set active = 0, updated_at = $3 where role = $2 and active = 1 and client_id <> $1",
        )
        .bind(text(client_id))
        .bind(role.as_str())
        .bind(now);
        Ok((read(&row)?, self.execute(others).await?))
    }

    /// Removes a credential with its tokens; answers the identities that have no token any more, the host's aside.
    pub(crate) async fn remove_credential(&mut self, client_id: &str) -> Result<Option<Vec<IdentityId>>, Error> {
        let Some(credential) = self.find_credential(client_id).await? else {
            return Ok(None);
        };
        let orphans = sqlx::query(
            "select id from identities i where i.is_host = 0 \
             and exists (select 1 from tokens t where t.identity = i.id and t.credential = $1) \
             and not exists (select 1 from tokens t where t.identity = i.id \
             and (t.credential is null or t.credential <> $1)) order by id",
        )
        .bind(credential.id.0);
        let orphans = self.rows(orphans).await?;
        let orphans: Vec<_> = orphans
            .iter()
            .map(|row| Columns::new(row, "identities", "id").parsed("id"))
            .collect::<Result<_, _>>()?;
        self.execute(sqlx::query("delete from tokens where credential = $1").bind(credential.id.0))
            .await?;
        self.execute(sqlx::query("delete from credentials where id = $1").bind(credential.id.0))
            .await?;
        Ok(Some(orphans))
    }
}
