//! A database of its own for each world, on both engines.

use std::{path::Path, sync::OnceLock};

use sqlx::{Connection as _, Executor as _, PgConnection, SqliteConnection};

/// Which engine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Engine {
    /// One file.
    Sqlite,
    /// A server.
    Postgres,
}

/// A database that is there as long as this value.
pub struct Database {
    url: String,
}

impl Database {
    /// A new, empty database; with SQLite a file in `dir`.
    pub async fn new(engine: Engine, dir: &Path) -> Self {
        let url = match engine {
            Engine::Sqlite => format!("sqlite:{}", dir.join("wharf.db").display()),
            Engine::Postgres => postgres().await,
        };
        Self { url }
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What a question answers, as a number.
    pub async fn number(&self, question: &'static str) -> i64 {
        if self.url.starts_with("sqlite:") {
            let mut connection = SqliteConnection::connect(&self.url).await.unwrap();
            sqlx::query_scalar(question).fetch_one(&mut connection).await.unwrap()
        } else {
            let mut connection = PgConnection::connect(&self.url).await.unwrap();
            sqlx::query_scalar(question).fetch_one(&mut connection).await.unwrap()
        }
    }
}

async fn postgres() -> String {
    let server = server();
    let name = format!("wharf_{}", uuid::Uuid::now_v7().simple());
    let mut connection = PgConnection::connect(server).await.expect("PostgreSQL answers");
    let create = sqlx::AssertSqlSafe(format!("create database {name}"));
    connection.execute(create).await.expect("a database can be made");
    let mut url = url::Url::parse(server).unwrap();
    url.set_path(&name);
    url.into()
}

/// The server that `scripts/test` started, or one of our own.
fn server() -> &'static str {
    static SERVER: OnceLock<String> = OnceLock::new();
    SERVER.get_or_init(|| {
        std::env::var("WHARF_TEST_POSTGRES").unwrap_or_else(|_| {
            let dir = tempfile::tempdir().unwrap().keep();
            let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/postgres");
            let output = std::process::Command::new(script)
                .arg("start")
                .arg(&dir)
                .output()
                .unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            // It stops when we do, however we end.
            let us = std::process::id().to_string();
            let watching = std::process::Command::new(script)
                .arg("watch")
                .arg(&dir)
                .arg(us)
                .status()
                .unwrap();
            assert!(watching.success());
            String::from_utf8(output.stdout)
                .unwrap()
                .lines()
                .last()
                .unwrap()
                .trim()
                .to_owned()
        })
    })
}
