//! The store suite: every test runs on both engines.

mod claims;
mod console;
mod erasing;
mod frames;
mod groups;
mod keyring;
mod links;
mod marks;
mod new_chats;
mod opening;
mod order;
mod people;
mod races;
mod reads;
mod rows;
mod tenants;
mod transactions;

use crate::{
    model::{ChatId, DeviceId, Lane, MessageId, PortalKey, Work},
    store::testing::World,
};

/// Makes of each function two tests, `NAME::on_sqlite` and `NAME::on_postgres`.
macro_rules! on_both_engines {
    ($(async fn $name:ident($world:ident: $type:ident) $body:block)*) => {$(
        mod $name {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                run($type::on($crate::store::engine::Kind::Sqlite).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                run($type::on($crate::store::engine::Kind::Postgres).await).await;
            }

            async fn run($world: $type) $body
        }
    )*};
}
pub(super) use on_both_engines;

/// A portal of a new device.
fn portal() -> PortalKey {
    PortalKey::new(DeviceId::generate(), ChatId::from_adapter("15550001111@s.whatsapp.net"))
}

fn lane(name: &str) -> Lane {
    Lane::stored(format!("test:{name}"))
}

/// Some work that can be told apart.
fn work(text: &str) -> Work {
    Work::Notice {
        room: "!room:example.org".try_into().unwrap(),
        about: "$event".into(),
        text: text.into(),
    }
}

/// What [`work`] was told.
fn told(work: &Work) -> &str {
    match work {
        Work::Notice { text, .. } => text,
        other => panic!("another kind of work: {other:?}"),
    }
}

fn message_id(text: &str) -> MessageId {
    MessageId::from_adapter(text)
}

impl World {
    /// Jobs in one lane, due now, in this order.
    async fn pushes(&self, name: &str, texts: &[&str]) {
        let mut tx = self.store.begin().await.unwrap();
        for text in texts {
            tx.push_job(&lane(name), &work(text), self.clock.now()).await.unwrap();
        }
        tx.commit().await.unwrap();
    }

    /// Changes rows behind the store's back.
    async fn tampers(&self, sql: &'static str) {
        let mut tx = self.store.begin().await.unwrap();
        tx.execute(sqlx::query(sql)).await.unwrap();
        tx.commit().await.unwrap();
    }
}
