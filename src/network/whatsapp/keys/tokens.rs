//! Trusted-contact tokens: what lets a message to somebody new through. Two writers touch one row, each its own half,
//! so every change is one atomic step.

use whatsapp_rust::wacore::store::{error::Result, traits::TcTokenEntry};

use super::{Keys, failed, from_json, kind, to_json};

/// Worth keeping: the token itself, or that we gave ours, is recent enough.
fn is_alive(token: &TcTokenEntry, token_cutoff: i64, sender_cutoff: i64) -> bool {
    let received = !token.token.is_empty() && token.token_timestamp >= token_cutoff;
    received || token.sender_timestamp.is_some_and(|at| at >= sender_cutoff)
}

impl Keys {
    pub(super) async fn delete_dead_tokens(&self, token_cutoff: i64, sender_cutoff: i64) -> Result<u32> {
        let rows = self
            .keyring
            .list(self.device, kind::TC_TOKEN, None)
            .await
            .map_err(failed)?;
        let mut gone = 0;
        for (jid, bytes) in rows {
            if !is_alive(&from_json(&bytes)?, token_cutoff, sender_cutoff) {
                // Asked again inside the step: a token may have arrived meanwhile.
                self.change_token(&jid, |token| {
                    token.filter(|token| is_alive(token, token_cutoff, sender_cutoff))
                })
                .await?;
                gone += 1;
            }
        }
        Ok(gone)
    }

    pub(super) async fn touch_token(&self, jid: &str, sender_timestamp: i64) -> Result<()> {
        self.change_token(jid, |token| {
            let mut token = token.unwrap_or(TcTokenEntry {
                token: Vec::new(),
                token_timestamp: sender_timestamp,
                sender_timestamp: None,
            });
            token.sender_timestamp = token.sender_timestamp.max(Some(sender_timestamp));
            Some(token)
        })
        .await
    }

    pub(super) async fn receive_token(&self, jid: &str, received: &[u8], token_timestamp: i64) -> Result<()> {
        self.change_token(jid, |token| {
            if let Some(newer) = token.as_ref().filter(|old| !old.token.is_empty())
                && newer.token_timestamp > token_timestamp
            {
                return token;
            }
            let sender_timestamp = token.and_then(|token| token.sender_timestamp);
            Some(TcTokenEntry {
                token: received.to_vec(),
                token_timestamp,
                sender_timestamp,
            })
        })
        .await
    }

    pub(super) async fn token(&self, jid: &str) -> Result<Option<TcTokenEntry>> {
        self.get_json(kind::TC_TOKEN, jid).await
    }

    pub(super) async fn put_token(&self, jid: &str, entry: &TcTokenEntry) -> Result<()> {
        self.put_row(kind::TC_TOKEN, jid, &to_json(entry)?).await
    }

    /// A changed entry in one atomic step; `change` sees the row as it is.
    async fn change_token(
        &self,
        jid: &str,
        change: impl Fn(Option<TcTokenEntry>) -> Option<TcTokenEntry> + Send + Sync,
    ) -> Result<()> {
        let mut unreadable = None;
        let changed = self.keyring.update(self.device, kind::TC_TOKEN, jid, |bytes| {
            let old = match bytes.as_deref().map(from_json::<TcTokenEntry>).transpose() {
                Ok(old) => old,
                Err(error) => {
                    unreadable = Some(error);
                    return bytes;
                }
            };
            match change(old).map(|token| to_json(&token)).transpose() {
                Ok(new) => new,
                Err(error) => {
                    unreadable = Some(error);
                    bytes
                }
            }
        });
        changed.await.map_err(failed)?;
        unreadable.map_or(Ok(()), Err)
    }
}
