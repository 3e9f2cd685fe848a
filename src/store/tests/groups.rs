//! Groups and spaces: written and read back, and who is not where they belong.

use ruma::room_id;

use super::{on_both_engines, portal, rows::ana};
use crate::{
    model::{ChatId, ChatKind, ChatMark, ChatMarks, ContactId, Group, GroupChange, GroupMember, Rank, Sender},
    store::{Misplaced, Portal, ShownGroup, Tx, testing::World},
};

fn bob() -> Sender {
    Sender::Contact(ContactId::from_adapter("15550003333"))
}

fn tea() -> Group {
    let member = |who, rank| GroupMember { who, rank };
    Group {
        title: "Tea\0".into(),
        topic: Some("Leaves".into()),
        owner: Some(ana()),
        community: Some(ChatId::from_adapter("1@g.us")),
        members: vec![
            member(ana(), Rank::Superadmin),
            member(bob(), Rank::Member),
            member(Sender::Owner, Rank::Admin),
        ],
        ..Group::default()
    }
}

on_both_engines! {
    async fn b52_a_group_is_read_back_with_its_members(world: World) {
        let key = portal();
        let mut tx = world.store.begin().await.unwrap();
        assert_eq!(tx.find_group(&key).await.unwrap(), None);
        tx.save_group(&key, (&tea(), false), world.clock.now()).await.unwrap();
        let known = tx.find_group(&key).await.unwrap().unwrap();
        assert_eq!(known.group.topic.as_deref(), Some("Leaves"));
        assert_eq!(known.group.rank(&ana()), Some(Rank::Superadmin));
        assert_eq!(known.group.rank(&Sender::Owner), Some(Rank::Admin));
        assert_eq!((known.gone, known.shown.clone()), (false, ShownGroup::default()));
        let shown = ShownGroup { title: Some("Tea".into()), approval: Some(true), ..ShownGroup::default() };
        tx.update_group_shown(&key, |now| now.clone_from(&shown)).await.unwrap();
        tx.save_group(&key, (&tea(), true), world.clock.now()).await.unwrap();
        let known = tx.find_group(&key).await.unwrap().unwrap();
        assert_eq!((known.gone, known.shown), (true, shown));
        tx.remove_group(&key).await.unwrap();
        assert!(!tx.is_group_known(&key).await.unwrap());
        tx.commit().await.unwrap();
    }

    async fn b53_who_is_not_where_they_belong_is_found(world: World) {
        let key = portal();
        let mut tx = world.store.begin().await.unwrap();
        let mut group = tea();
        tx.save_group(&key, (&group, false), world.clock.now()).await.unwrap();
        let outside = [ana(), bob()].map(Misplaced::Outside);
        assert_eq!(tx.list_misplaced_members(&key, 10).await.unwrap(), outside);
        assert_eq!(tx.list_misplaced_members(&key, 1).await.unwrap().len(), 1);
        let rank = tx.set_group_member_present(&key, &ana(), true, world.clock.now()).await.unwrap();
        assert_eq!(rank, Some(Rank::Superadmin));
        assert!(tx.is_group_member_present(&key, &ana()).await.unwrap());
        group.apply(&GroupChange::Left(vec![ana(), bob()]));
        tx.save_group(&key, (&group, false), world.clock.now()).await.unwrap();
        assert_eq!(tx.list_misplaced_members(&key, 10).await.unwrap(), [Misplaced::Inside(ana())]);
        assert_eq!(tx.set_group_member_present(&key, &ana(), false, world.clock.now()).await.unwrap(), None);
        assert!(tx.list_misplaced_members(&key, 10).await.unwrap().is_empty());
        // Somebody who speaks without being known is a member until the next comparison.
        assert_eq!(tx.set_group_member_present(&key, &bob(), true, world.clock.now()).await.unwrap(), Some(Rank::Member));
        tx.commit().await.unwrap();
    }

    async fn what_is_shown_of_a_chat_is_forgotten_with_its_room(world: World) {
        let key = portal();
        let room = |name: &str| Portal {
            key: key.clone(),
            room: Some(format!("!{name}:hs.test").try_into().unwrap()),
            kind: ChatKind::Group,
            name: None,
            ready: true,
        };
        let (first, second) = (room("first"), room("second"));
        let mut group = tea();
        let mut tx = world.store.begin().await.unwrap();
        assert!(tx.settle_portal(&first, None).await.unwrap());
        for next in [&first, &second] {
            tx.save_group(&key, (&group, false), world.clock.now()).await.unwrap();
            for who in [ana(), bob()] {
                tx.set_group_member_present(&key, &who, true, world.clock.now()).await.unwrap();
            }
            tx.update_group_shown(&key, |now| now.approval = Some(true)).await.unwrap();
            tx.mark_chat(&key, ChatMark::Pinned(true)).await.unwrap();
            let shown = ChatMarks { pinned: true, ..ChatMarks::default() };
            tx.set_chat_marks_shown(&key, &shown).await.unwrap();
            assert!(tx.settle_portal(next, Some(room_id!("!first:hs.test"))).await.unwrap());
            if next == &first {
                assert!(tx.list_misplaced_members(&key, 10).await.unwrap().is_empty(), "it is the same room");
                // Bob goes, and is still to be taken out of the first room when it is left.
                group.apply(&GroupChange::Left(vec![bob()]));
            }
        }
        let known = async |tx: &mut Tx| (tx.find_group(&key).await.unwrap().unwrap(), tx.find_chat_marks(&key).await.unwrap().unwrap());
        let (shown, marked) = known(&mut tx).await;
        assert_eq!((shown.shown, marked.shown), (ShownGroup::default(), ChatMarks::default()));
        assert!(marked.marks.pinned, "what the phone says stays");
        assert_eq!(tx.list_misplaced_members(&key, 10).await.unwrap(), [Misplaced::Outside(ana())]);

        tx.set_group_member_present(&key, &ana(), true, world.clock.now()).await.unwrap();
        tx.forget_portal_room(&key, room_id!("!first:hs.test")).await.unwrap();
        assert!(tx.list_misplaced_members(&key, 10).await.unwrap().is_empty(), "it had that room before");
        tx.forget_portal_room(&key, room_id!("!second:hs.test")).await.unwrap();
        assert_eq!(tx.list_misplaced_members(&key, 10).await.unwrap(), [Misplaced::Outside(ana())]);
        tx.commit().await.unwrap();
    }

    async fn b58_rooms_stand_in_spaces(world: World) {
        let (space, room) = (room_id!("!space:hs.test"), room_id!("!room:hs.test"));
        let device = portal().device;
        let mut tx = world.store.begin().await.unwrap();
        assert_eq!(tx.find_device_space(device).await.unwrap(), None);
        for _ in 0..2 {
            tx.set_device_space(device, space).await.unwrap();
            tx.set_in_space(space, room, true).await.unwrap();
        }
        assert_eq!(tx.find_device_space(device).await.unwrap().as_deref(), Some(space));
        assert_eq!(tx.list_spaces_with(room).await.unwrap(), [space]);
        tx.set_in_space(space, room, false).await.unwrap();
        assert!(tx.list_spaces_with(room).await.unwrap().is_empty());
        tx.commit().await.unwrap();
    }
}
