//! The rules of credentials and tokens, over a real database.

mod credentials;
mod tokens;

use futures_util::future::join_all;

use super::{testing::World, *};
use crate::model::{IdentityId, Role, TokenId, Work};

async fn identity_of(world: &World, token: &NewToken) -> IdentityId {
    world.access.token(&token.secret).await.unwrap().identity
}

fn retired(work: &[Work]) -> Vec<IdentityId> {
    let identity = |work: &Work| match work {
        Work::RetireIdentity { identity } => *identity,
        other => panic!("{other:?}"),
    };
    work.iter().map(identity).collect()
}

async fn switch(world: &World, client_id: &str, active: bool) -> Result<(), Error> {
    let change = CredentialChange {
        active: Some(active),
        ..CredentialChange::default()
    };
    world
        .access
        .update_credential(&world.admin().await, client_id, change)
        .await
        .map(drop)
}

async fn ids(world: &World, caller: &Caller) -> Vec<TokenId> {
    world
        .access
        .list_tokens(caller)
        .await
        .unwrap()
        .iter()
        .map(|token| token.id)
        .collect()
}
