//! What keeps a long connection open: the right of its caller, asked for again and again.

use std::time::Duration;

use crate::{
    access::{self, Access},
    model::IdentityId,
};

/// How often to ask.
pub(super) const RECHECK: Duration = Duration::from_secs(5);

/// How a caller proved what it may see.
#[derive(Clone, Debug)]
pub(super) enum Proof {
    /// By a token, or a ticket that stands for one.
    Token(String),
    /// By the cookie of a session that works with a token.
    Session(String),
}

impl Proof {
    /// Whether it still opens `identity`. A database that does not answer is no reason to hang up.
    pub(super) async fn holds(&self, access: &Access, identity: IdentityId) -> bool {
        use access::Error as E;
        let found = match self {
            Self::Token(text) => access.watcher(text).await,
            Self::Session(secret) => match access.session(secret).await {
                Ok(session) => match session.token {
                    Some(token) => access.token_by_id(token).await,
                    None => return false,
                },
                Err(error) => Err(error),
            },
        };
        match found {
            Ok(caller) => caller.identity == identity,
            Err(E::NoSession | E::BadToken | E::BadTokenFormat) => false,
            Err(_) => true,
        }
    }
}
