//! What is stored of a chat goes with it, whatever tables there are.

use sqlx::{AssertSqlSafe, Row as _};

use super::{on_both_engines, portal};
use crate::{
    model::{ChatId, Lane, MessageId, PortalKey, Work},
    store::{Tx, engine::Kind, testing::World},
};

/// The tables that name a chat of a device, with the types of their columns.
async fn tables(tx: &mut Tx, kind: Kind) -> Vec<(String, Vec<(String, String)>)> {
    let question = match kind {
        Kind::Sqlite => {
            "select m.name as tab, c.name as col, c.type as kind from sqlite_master m, pragma_table_info(m.name) c \
             where m.type = 'table' order by m.name, c.cid"
        }
        Kind::Postgres => {
            "select cast(table_name as text) as tab, cast(column_name as text) as col, \
             cast(data_type as text) as kind from information_schema.columns \
             where table_schema = current_schema() order by table_name, ordinal_position"
        }
    };
    let mut tables: Vec<(String, Vec<(String, String)>)> = Vec::new();
    for row in tx.rows(sqlx::query(question)).await.unwrap() {
        let (table, column): (String, String) = (row.get("tab"), row.get("col"));
        let column = (column, row.get::<String, _>("kind").to_lowercase());
        match tables.last_mut().filter(|(last, _)| *last == table) {
            Some((_, columns)) => columns.push(column),
            None => tables.push((table, vec![column])),
        }
    }
    let has = |columns: &[(String, String)], name: &str| columns.iter().any(|(column, _)| column == name);
    tables.retain(|(_, columns)| has(columns, "device") && has(columns, "chat"));
    tables
}

/// Puts a row about a chat into a table.
async fn fill(tx: &mut Tx, (table, columns): &(String, Vec<(String, String)>), key: &PortalKey) {
    let names: Vec<_> = columns.iter().map(|(column, _)| column.as_str()).collect();
    let values: Vec<_> = columns
        .iter()
        .map(|(column, kind)| match (column.as_str(), kind.as_str()) {
            ("device", _) => format!("'{}'", key.device),
            ("chat", _) => format!("'{}'", key.chat.as_str()),
            (_, "bigint" | "integer") => "0".to_owned(),
            (column, _) => format!("'{column} of {}'", key.chat.as_str()),
        })
        .collect();
    let statement = format!(
        "insert into {table} ({}) values ({})",
        names.join(", "),
        values.join(", ")
    );
    tx.execute(sqlx::query(AssertSqlSafe(statement))).await.unwrap();
}

async fn count(tx: &mut Tx, table: &str, key: &PortalKey) -> i64 {
    let question = format!("select count(*) as number from {table} where device = $1 and chat = $2");
    let query = sqlx::query(AssertSqlSafe(question))
        .bind(key.device.to_string())
        .bind(key.chat.as_str().to_owned());
    tx.number(query).await.unwrap()
}

on_both_engines! {
    async fn of_a_chat_that_is_deleted_no_table_knows_anything(world: World) {
        let gone = portal();
        // Its name begins like that of the other one.
        let kept = PortalKey::new(gone.device, ChatId::from_adapter(format!("{}0", gone.chat.as_str())));
        let mut tx = world.store.begin().await.unwrap();
        let tables = tables(&mut tx, world.place.kind).await;
        assert!(tables.len() >= 11, "{tables:?}");
        let words = |text: &str| Work::Notice {
            room: "!room:example.org".try_into().unwrap(),
            about: "$event".into(),
            text: text.into(),
        };
        for key in [&gone, &kept] {
            for table in &tables {
                fill(&mut tx, table, key).await;
            }
            let id = MessageId::from_adapter("3EB0");
            let pin = Lane::pin(key, &id, world.clock.now());
            for lane in [Lane::late(key, &id), Lane::orphan(key, &id), Lane::expiry(key, &id), pin] {
                tx.push_job(&lane, &words("waits"), world.clock.now()).await.unwrap();
            }
        }
        tx.remove_group(&gone).await.unwrap();
        assert!(tx.remove_portal(&gone).await.unwrap());
        for (table, _) in &tables {
            assert_eq!(count(&mut tx, table, &gone).await, 0, "{table} still knows the chat");
            assert_eq!(count(&mut tx, table, &kept).await, 1, "{table} forgot another chat");
        }
        let jobs = tx.number(sqlx::query("select count(*) as number from jobs")).await.unwrap();
        assert_eq!(jobs, 4, "those of the other chat");
    }
}
