//! How links stood, and what people were told.

use super::on_both_engines;
use crate::{
    model::{DeviceId, LinkState, LogoutReason},
    store::testing::{START, World, device},
};

on_both_engines! {
    async fn b81_every_change_of_a_link_is_kept_and_goes_over_to_the_next_device(world: World) {
        let owner = world.identity("owner").await;
        let (old, new) = (device(owner.id), device(owner.id));
        let mut tx = world.store.begin().await.unwrap();
        tx.insert_device(&old).await.unwrap();
        let lost = LinkState::Reconnecting { since: START };
        let out = LinkState::LoggedOut { reason: LogoutReason::Banned };
        let first = tx.change_link(old.id, &lost).await.unwrap().unwrap();
        let second = tx.change_link(old.id, &out).await.unwrap().unwrap();
        assert!(second > first);
        assert_eq!(tx.change_link(DeviceId::generate(), &out).await.unwrap(), None);
        assert_eq!(tx.insert_device(&new).await.unwrap(), Some(old.id));
        let changes = tx.list_link_changes(new.id, 10).await.unwrap();
        let seen: Vec<_> = changes.iter().map(|change| (change.state.as_str(), change.reason)).collect();
        assert_eq!(seen, [("banned", Some(LogoutReason::Banned)), ("reconnecting", None)]);
        assert_eq!(tx.list_link_changes(new.id, 1).await.unwrap().len(), 1);
        tx.commit().await.unwrap();
    }

    async fn only_so_many_changes_of_a_link_are_kept(world: World) {
        let owner = world.identity("owner").await;
        let device = device(owner.id);
        let mut tx = world.store.begin().await.unwrap();
        tx.insert_device(&device).await.unwrap();
        for _ in 0..205 {
            tx.change_link(device.id, &LinkState::Connected).await.unwrap();
        }
        assert_eq!(tx.list_link_changes(device.id, 1000).await.unwrap().len(), 200);
        tx.commit().await.unwrap();
    }

    async fn people_are_told_of_a_state_once(world: World) {
        let owner = world.identity("owner").await;
        let device = device(owner.id);
        let lost = LinkState::Reconnecting { since: START };
        let mut tx = world.store.begin().await.unwrap();
        tx.insert_device(&device).await.unwrap();
        assert!(!tx.tell_link(device.id, &LinkState::Connected).await.unwrap(), "that is how it began");
        assert!(tx.tell_link(device.id, &lost).await.unwrap());
        assert!(!tx.tell_link(device.id, &lost).await.unwrap());
        assert!(tx.tell_link(device.id, &LinkState::Connected).await.unwrap());
        tx.commit().await.unwrap();
    }

    async fn the_phone_is_never_seen_earlier_than_it_was(world: World) {
        let owner = world.identity("owner").await;
        let device = device(owner.id);
        let mut tx = world.store.begin().await.unwrap();
        tx.insert_device(&device).await.unwrap();
        assert_eq!(tx.device_life(device.id).await.unwrap().phone_seen_at, Some(START));
        let later = START.plus_millis(5);
        tx.saw_phone(device.id, later).await.unwrap();
        tx.saw_phone(device.id, START).await.unwrap();
        assert_eq!(tx.device_life(device.id).await.unwrap().phone_seen_at, Some(later));
        tx.commit().await.unwrap();
    }
}
