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

    /// Changes something behind wharf's back, as an older version may have left it.
    pub async fn change(&self, statement: &'static str) {
        if self.url.starts_with("sqlite:") {
            let mut connection = SqliteConnection::connect(&self.url).await.unwrap();
            connection.execute(statement).await.unwrap();
        } else {
            let mut connection = PgConnection::connect(&self.url).await.unwrap();
            connection.execute(statement).await.unwrap();
        }
    }

    /// The tables that hold a text, in whichever column, as letters or as bytes.
    pub async fn holding(&self, text: &str) -> Vec<String> {
        let bytes = hex(text);
        let mut holding = Vec::new();
        if self.url.starts_with("sqlite:") {
            let mut connection = SqliteConnection::connect(&self.url).await.unwrap();
            let columns: Vec<(String, String)> = sqlx::query_as(
                "select m.name, c.name from sqlite_master m, pragma_table_info(m.name) c where m.type = 'table'",
            )
            .fetch_all(&mut connection)
            .await
            .unwrap();
            for (table, column) in columns {
                let held = format!(
                    "select count(*) from \"{table}\" where instr(quote(\"{column}\"), ?1) > 0 \
                     or instr(lower(quote(\"{column}\")), ?2) > 0"
                );
                let held = sqlx::query_scalar::<_, i64>(sqlx::AssertSqlSafe(held))
                    .bind(text)
                    .bind(&bytes);
                if held.fetch_one(&mut connection).await.unwrap() > 0 {
                    holding.push(table);
                }
            }
        } else {
            let mut connection = PgConnection::connect(&self.url).await.unwrap();
            let tables: Vec<String> = sqlx::query_scalar(
                "select cast(table_name as text) from information_schema.tables where table_schema = current_schema()",
            )
            .fetch_all(&mut connection)
            .await
            .unwrap();
            for table in tables {
                let held = format!(
                    "select count(*) from \"{table}\" t where position($1 in t::text) > 0 or position($2 in t::text) > 0"
                );
                let held = sqlx::query_scalar::<_, i64>(sqlx::AssertSqlSafe(held))
                    .bind(text)
                    .bind(&bytes);
                if held.fetch_one(&mut connection).await.unwrap() > 0 {
                    holding.push(table);
                }
            }
        }
        holding.sort();
        holding.dedup();
        holding
    }
}

/// The bytes of a text as databases write them.
fn hex(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut hex, byte| {
        // Writing to a text cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
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
