//! For tests: an [`Access`] on a database of its own.

use ruma::UserId;
use secrecy::SecretString;

use super::{Access, Caller, Config, CredentialChange, NewCredential, NewTokenRequest};
use crate::{
    model::{Clock, Timestamp, Work},
    store::{self, Store},
};

/// The super admin of every world.
pub(crate) const ADMIN: (&str, &str) = ("admin", "admin-secret");

/// Access, the store below it and the clock of both.
pub(crate) struct World {
    pub(crate) access: Access,
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    _place: store::testing::Place,
}

impl World {
    /// An empty SQLite database with its super admin.
    pub(crate) async fn start() -> Self {
        Self::over(store::testing::World::sqlite().await).await
    }

    /// One world on each engine.
    pub(crate) async fn both() -> [Self; 2] {
        [
            Self::start().await,
            Self::over(store::testing::World::postgres().await).await,
        ]
    }

    async fn over(below: store::testing::World) -> Self {
        let start = Timestamp::parse_rfc3339("2026-04-27T10:00:00Z").unwrap();
        below.clock.advance(start.millis() - below.clock.now().millis());
        let access = access(&below.store, ADMIN, 0);
        access.bootstrap().await.unwrap();
        Self {
            access,
            store: below.store,
            clock: below.clock,
            _place: below.place,
        }
    }

    /// The same database under other settings.
    pub(crate) fn with_super_admin(&self, admin: (&str, &str)) -> Access {
        access(&self.store, admin, 0)
    }

    /// The same database, with so many seconds between the last token of an identity and its end.
    pub(crate) fn retiring_after(&self, seconds: u32) -> Access {
        access(&self.store, ADMIN, seconds)
    }

    /// The super admin as a caller.
    pub(crate) async fn admin(&self) -> Caller {
        self.access.basic(ADMIN.0, ADMIN.1).await.unwrap()
    }

    /// A new credential of role `user` and its secret.
    pub(crate) async fn credential(&self, client_id: &str) -> String {
        let new = NewCredential {
            client_id: client_id.into(),
            description: String::new(),
        };
        self.access.create_credential(new).await.unwrap().1
    }

    /// A new credential as a caller, with the scopes that are given.
    pub(crate) async fn caller(&self, client_id: &str, scopes: Option<&[&str]>) -> Caller {
        let secret = self.credential(client_id).await;
        let change = CredentialChange {
            scopes: scopes.map(|scopes| scopes.iter().map(|&scope| scope.to_owned()).collect()),
            ..CredentialChange::default()
        };
        self.access
            .update_credential(&self.admin().await, client_id, change)
            .await
            .unwrap();
        self.access.basic(client_id, &secret).await.unwrap()
    }

    /// A new token of `caller`.
    pub(crate) async fn token(&self, caller: &Caller, use_host: bool) -> super::NewToken {
        let request = NewTokenRequest {
            use_host,
            ..NewTokenRequest::default()
        };
        self.access.create_token(caller, request).await.unwrap()
    }

    /// The jobs that wait, taken away.
    pub(crate) async fn take_jobs(&self) -> Vec<Work> {
        let mut work = Vec::new();
        while let Some(claim) = self.store.claim("test", 100).await.unwrap() {
            let mut tx = self.store.begin().await.unwrap();
            for job in claim.jobs {
                assert!(tx.finish_job(job.id, "test").await.unwrap());
                work.push(job.work);
            }
            tx.commit().await.unwrap();
        }
        work
    }
}

fn access(store: &Store, admin: (&str, &str), retire_after: u32) -> Access {
    let config = Config {
        hash_key: SecretString::from("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
        client_id: admin.0.into(),
        client_secret: admin.1.into(),
        retire_after,
        ..Config::default()
    };
    config.check().unwrap();
    let names = |localpart: &str| UserId::parse(format!("@wharf_{localpart}:hs.test")).unwrap();
    Access::new(store.clone(), config, names).unwrap()
}
