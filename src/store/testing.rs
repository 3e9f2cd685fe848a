//! Databases for tests: one of its own for each test, on either engine.
//!
//! PostgreSQL is the server that `WHARF_TEST_POSTGRES` names (a database on it that we may connect to); without it,
//! `scripts/postgres` starts one for this test process. Other rooms take [`World::sqlite`] when they need a store.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use sqlx::{AnyConnection, AssertSqlSafe, Connection};
use tempfile::TempDir;
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::{Config, Error, Portal, Store, Tx, engine::Kind};
use crate::model::{Clock, Device, DeviceId, Identity, IdentityId, IdentityKind, LinkState, Platform, Timestamp};

/// The time when tests begin.
pub(crate) const START: Timestamp = Timestamp::from_secs(1_800_000_000);

/// A store on a database of its own, and its clock.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) place: Place,
}

/// A database of its own that nobody has opened yet.
pub(crate) struct Place {
    pub(super) kind: Kind,
    pub(crate) config: Config,
    pub(crate) folder: TempDir,
}

impl World {
    /// On SQLite.
    pub(crate) async fn sqlite() -> Self {
        Self::on(Kind::Sqlite).await
    }

    /// On PostgreSQL.
    pub(crate) async fn postgres() -> Self {
        Self::on(Kind::Postgres).await
    }

    /// On an engine.
    pub(super) async fn on(kind: Kind) -> Self {
        let place = Place::on(kind).await;
        let clock = Clock::fixed(START);
        let store = Store::open(&place.config, clock.clone()).await.unwrap();
        Self { store, clock, place }
    }

    /// A new identity whose user is `@NAME:example.org`.
    pub(super) async fn identity(&self, name: &str) -> Identity {
        self.owner(&format!("@{name}:example.org"), IdentityKind::Registered)
            .await
    }

    /// A new identity with this user.
    pub(crate) async fn owner(&self, user: &str, kind: IdentityKind) -> Identity {
        let identity = Identity {
            id: IdentityId::generate(),
            user: user.try_into().unwrap(),
            kind,
            matrix_device: "WHARF".into(),
            is_host: false,
        };
        let mut tx = self.store.begin().await.unwrap();
        tx.insert_identity(&identity).await.unwrap();
        tx.commit().await.unwrap();
        identity
    }

    /// A new identity with this user, and a device of it.
    pub(crate) async fn linked(&self, user: &str, kind: IdentityKind) -> (Identity, Device) {
        let identity = self.owner(user, kind).await;
        let device = device(identity.id);
        let mut tx = self.store.begin().await.unwrap();
        tx.insert_device(&device).await.unwrap();
        tx.commit().await.unwrap();
        (identity, device)
    }
}

/// A device that nobody has stored yet.
pub(crate) fn device(identity: IdentityId) -> Device {
    Device {
        id: DeviceId::generate(),
        identity,
        platform: Platform::WhatsApp,
        number: "15550001111".into(),
        link: LinkState::Connected,
        linked_at: START,
    }
}

impl Tx {
    /// Adds a portal or changes it, whatever room it has.
    pub(crate) async fn upsert_portal(&mut self, portal: &Portal) -> Result<(), Error> {
        let before = self.find_portal(&portal.key).await?.and_then(|known| known.room);
        let is_written = self.settle_portal(portal, before.as_deref()).await?;
        assert!(is_written, "nobody else writes in tests");
        Ok(())
    }
}

impl Place {
    /// A fresh database.
    pub(super) async fn on(kind: Kind) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = match kind {
            Kind::Sqlite => format!("sqlite:{}", folder.path().join("wharf.db").display()),
            Kind::Postgres => create_database().await,
        };
        Self {
            kind,
            config: Config {
                url,
                ..Config::default()
            },
            folder,
        }
    }

    /// A connection past the store.
    pub(super) async fn connect(&self) -> AnyConnection {
        sqlx::any::install_default_drivers();
        AnyConnection::connect(&self.config.url.replace("sqlite:", "sqlite://"))
            .await
            .unwrap()
    }
}

async fn create_database() -> String {
    static SERVER: OnceCell<String> = OnceCell::const_new();
    let server = SERVER.get_or_init(|| async { std::env::var("WHARF_TEST_POSTGRES").unwrap_or_else(|_| start()) });
    let server = server.await;
    sqlx::any::install_default_drivers();
    let name = format!("wharf_test_{}", Uuid::now_v7().simple());
    let mut connection = AnyConnection::connect(server).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(format!("create database {name}")))
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    let mut url = url::Url::parse(server).unwrap();
    url.set_path(&name);
    url.to_string()
}

/// Starts a server that ends with this process.
fn start() -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/postgres");
    let folder: PathBuf = tempfile::Builder::new()
        .prefix("wharf-postgres-")
        .tempdir()
        .unwrap()
        .keep();
    let answer = Command::new(&script)
        .arg("start")
        .arg(&folder)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(answer.status.success(), "scripts/postgres could not start a server");
    let watch = Command::new(&script)
        .arg("watch")
        .arg(&folder)
        .arg(std::process::id().to_string())
        .status();
    assert!(watch.unwrap().success(), "nobody would stop the server");
    String::from_utf8(answer.stdout).unwrap().trim().to_owned()
}
