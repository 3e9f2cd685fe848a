//! Matrix users of ours that are no ghosts (the bot, identities we registered): which of them the homeserver knows,
//! device and all.

use ruma::UserId;

use super::{Error, Tx};

impl Tx {
    /// Whether everything is done for this user.
    pub(crate) async fn is_account_ready(&mut self, user: &UserId) -> Result<bool, Error> {
        let query = sqlx::query("select user_id from accounts where user_id = $1").bind(user.as_str());
        Ok(self.row(query).await?.is_some())
    }

    /// Remembers that everything is done for this user.
    pub(crate) async fn set_account_ready(&mut self, user: &UserId) -> Result<(), Error> {
        let query =
            sqlx::query("insert into accounts (user_id, ready_at) values ($1, $2) on conflict (user_id) do nothing")
                .bind(user.as_str())
                .bind(self.now().millis());
        self.execute(query).await.map(drop)
    }
}
