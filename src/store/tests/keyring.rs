//! The keyring.

use tokio::task::JoinSet;

use super::on_both_engines;
use crate::{
    model::DeviceId,
    store::{keyring::Change, testing::World},
};

fn put(kind: &str, key: &str, bytes: &[u8]) -> Change {
    Change::Put {
        kind: kind.into(),
        key: key.into(),
        bytes: bytes.into(),
        expires: None,
    }
}

on_both_engines! {
    async fn what_is_put_is_got_until_it_is_removed(world: World) {
        let (keys, device) = (world.store.keyring(), DeviceId::generate());
        keys.put(device, "session", &[("a", b"1".to_vec(), None), ("b", vec![], None)]).await.unwrap();
        keys.put(device, "session", &[("a", &[0, 255], None)]).await.unwrap();
        assert_eq!(keys.get(device, "session", "a").await.unwrap(), Some(vec![0, 255]));
        assert_eq!(keys.get(device, "session", "b").await.unwrap(), Some(vec![]));
        assert_eq!(keys.get(device, "other kind", "a").await.unwrap(), None);
        assert_eq!(keys.get(DeviceId::generate(), "session", "a").await.unwrap(), None);
        assert_eq!(keys.count(device, "session").await.unwrap(), 2);
        let some = keys.get_many(device, "session", &["b", "c", "a"]).await.unwrap();
        assert_eq!(some, [("b".to_owned(), vec![]), ("a".to_owned(), vec![0, 255])]);
        assert_eq!(keys.remove(device, "session", &["a", "c"]).await.unwrap(), 1);
        assert_eq!(keys.get(device, "session", "a").await.unwrap(), None);
    }

    async fn keys_are_listed_byte_by_byte(world: World) {
        let (keys, device) = (world.store.keyring(), DeviceId::generate());
        let names = ["b", "B", "a.1", "a.10", "a.2", "a_x", "ä", "a", "a%", "A.1"];
        keys.put(device, "k", &names.map(|name| (name, name.as_bytes(), None))).await.unwrap();
        keys.put(device, "k2", &[("a.3", b"", None)]).await.unwrap();
        let listed = |found: Vec<(String, Vec<u8>)>| found.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        let mut sorted = names;
        sorted.sort_unstable();
        assert_eq!(listed(keys.list(device, "k", None).await.unwrap()), sorted);
        assert_eq!(listed(keys.list(device, "k", Some("a.")).await.unwrap()), ["a.1", "a.10", "a.2"]);
        assert_eq!(listed(keys.list(device, "k", Some("a%")).await.unwrap()), ["a%"]);
        assert_eq!(keys.remove_prefix(device, "k", "a.").await.unwrap(), 3);
        assert_eq!(keys.clear_kind(device, "k").await.unwrap(), 7);
        assert_eq!(keys.count(device, "k2").await.unwrap(), 1);
        keys.forget(device).await.unwrap();
        assert_eq!(keys.count(device, "k2").await.unwrap(), 0);
        // What a library writes as it ends is for nobody; whoever links anew begins anew.
        keys.put(device, "k2", &[("late", b"", None)]).await.unwrap();
        assert_eq!(keys.count(device, "k2").await.unwrap(), 0);
        keys.begin(device);
        keys.put(device, "k2", &[("new", b"", None)]).await.unwrap();
        assert_eq!(keys.count(device, "k2").await.unwrap(), 1);
    }

    async fn keys_expire_when_asked(world: World) {
        let (keys, device) = (world.store.keyring(), DeviceId::generate());
        keys.put(device, "k", &[("early", b"", Some(10)), ("late", b"", Some(11)), ("never", b"", None)]).await.unwrap();
        assert_eq!(keys.remove_expired(device, "k", 10).await.unwrap(), 1);
        assert_eq!(keys.count(device, "k").await.unwrap(), 2);
    }

    async fn of_several_who_take_a_key_one_gets_it(world: World) {
        let (keys, device) = (world.store.keyring(), DeviceId::generate());
        keys.put(device, "prekey", &[("1", b"secret", None)]).await.unwrap();
        let mut takers = JoinSet::new();
        for _ in 0..8 {
            let keys = keys.clone();
            takers.spawn(async move { keys.take(device, "prekey", "1").await.unwrap() });
        }
        let taken: Vec<_> = takers.join_all().await.into_iter().flatten().collect();
        assert_eq!(taken, [b"secret".to_vec()]);
    }

    async fn no_update_is_lost_even_of_a_key_that_was_not_there(world: World) {
        let (keys, device) = (world.store.keyring(), DeviceId::generate());
        let mut all = JoinSet::new();
        for _ in 0..8 {
            let keys = keys.clone();
            all.spawn(async move {
                for _ in 0..5 {
                    let add = |bytes: Option<Vec<u8>>| Some(vec![bytes.map_or(0, |bytes| bytes[0]) + 1]);
                    keys.update(device, "counter", "n", add).await.unwrap();
                }
            });
        }
        all.join_all().await;
        assert_eq!(keys.get(device, "counter", "n").await.unwrap(), Some(vec![40]));
        keys.update(device, "counter", "n", |_| None).await.unwrap();
        assert_eq!(keys.get(device, "counter", "n").await.unwrap(), None);
    }

    async fn a_batch_happens_in_order(world: World) {
        let (keys, device) = (world.store.keyring(), DeviceId::generate());
        let changes = vec![
            put("a", "1", b"first"),
            put("b", "1", b"other"),
            Change::Remove { kind: "a".into(), key: "1".into() },
            put("a", "2", b"second"),
        ];
        keys.batch(device, changes).await.unwrap();
        assert_eq!(keys.list(device, "a", None).await.unwrap(), [("2".to_owned(), b"second".to_vec())]);
        assert_eq!(keys.count(device, "b").await.unwrap(), 1);
    }
}
