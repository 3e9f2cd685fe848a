//! What happens to a message after it was said: parts, edits, marks, receipts, timers.

use std::time::Duration;

use ruma::{event_id, owned_event_id, user_id};

use super::{
    message_id, on_both_engines, portal,
    rows::{ana, message},
};
use crate::{
    model::{
        ChatFacts, ChatKind, ChatMark, ChatMarks, ContactId, Content, JobId, MessageRef, Mute, PastChat, Sender,
        Timestamp,
    },
    store::{
        DELETED, Message, MessageContent, MessageState, Portal, REFUSED, Reaction, Receipt, TimedReceipt, Vote,
        testing::{START, World},
    },
};

on_both_engines! {
    async fn every_part_of_a_message_leads_to_it(world: World) {
        let key = portal();
        let long = Message { event: Some(owned_event_id!("$one")), content: Some(Content::words("long")), ..message(&key, "3EB0", ana()) };
        let mut tx = world.store.begin().await.unwrap();
        tx.insert_message(&long).await.unwrap();
        let parts = [owned_event_id!("$two"), owned_event_id!("$three")];
        for _ in 0..2 {
            tx.set_message_parts(&key, &long.id, &long.sender, &parts).await.unwrap();
        }
        assert_eq!(tx.list_message_parts(&key, &long.id, &long.sender).await.unwrap(), parts);
        for event in [event_id!("$one"), event_id!("$three")] {
            assert_eq!(tx.find_message_by_event(event).await.unwrap(), Some(long.clone()));
        }
        tx.set_message_parts(&key, &long.id, &long.sender, &parts[..1]).await.unwrap();
        assert_eq!(tx.find_message_by_event(event_id!("$three")).await.unwrap(), None);
        tx.commit().await.unwrap();
    }

    async fn what_stands_beside_a_message_is_found_once_its_event_is_known(world: World) {
        let key = portal();
        let leads = Message { event: None, ..message(&key, "3EB0", Sender::Owner) };
        let words = Message { at: leads.at.plus_millis(1), ..Message { id: message_id("3EB1"), ..leads.clone() } };
        let event = event_id!("$both");
        let mut tx = world.store.begin().await.unwrap();
        tx.insert_message(&leads).await.unwrap();
        for is_new in [true, false] {
            assert_eq!(tx.insert_piece(&words).await.unwrap(), is_new);
        }
        assert!(tx.list_pieces(&leads).await.unwrap().is_empty());
        tx.set_message_event(&key, &leads.id, &leads.sender, event).await.unwrap();
        tx.set_piece_event(&key, &words.id, &words.sender, event).await.unwrap();
        let leads = tx.find_message_by_event(event).await.unwrap().unwrap();
        assert_eq!(leads.id, message_id("3EB0"));
        let words = Message { event: Some(event.to_owned()), ..words };
        assert_eq!(tx.list_pieces(&leads).await.unwrap(), [words]);
        tx.commit().await.unwrap();
    }

    async fn a_message_takes_other_content_and_forgets_it(world: World) {
        let key = portal();
        let said = Message { content: Some(Content::words("first")), ..message(&key, "3EB0", ana()) };
        let mut tx = world.store.begin().await.unwrap();
        tx.insert_message(&said).await.unwrap();
        let second = Content::words("second");
        let edit = MessageContent { id: &said.id, sender: &said.sender, text: Some("second"), kind: "m.text", content: Some(&second) };
        tx.set_message_content(&key, edit, Some(START)).await.unwrap();
        let found = tx.find_message(&key, &said.id, &said.sender).await.unwrap().unwrap();
        assert_eq!((found.text.as_deref(), found.edited_at), (Some("second"), Some(START)));
        assert_eq!(found.content, Some(second.clone()));
        let gone = MessageContent { text: None, kind: DELETED, content: None, ..edit };
        tx.set_message_content(&key, gone, None).await.unwrap();
        let found = tx.find_message(&key, &said.id, &said.sender).await.unwrap().unwrap();
        assert_eq!((found.text, found.kind.as_str(), found.content, found.edited_at), (None, DELETED, None, Some(START)));
        tx.commit().await.unwrap();
    }

    async fn b43_what_was_refused_to_somebody_is_found_by_its_time(world: World) {
        let (key, alice, bob) = (portal(), user_id!("@alice:hs.test"), user_id!("@bob:hs.test"));
        let call = Content::Unsupported("call".into());
        let refused = Message {
            kind: REFUSED.into(), speaker: Some(alice.to_owned()), content: Some(call.clone()), at: START,
            ..message(&key, "3EB0", Sender::Owner)
        };
        let mut tx = world.store.begin().await.unwrap();
        tx.insert_message(&refused).await.unwrap();
        let around = (START.plus_millis(-10), START.plus_millis(10));
        let after = (START.plus_millis(1), START.plus_millis(10));
        assert!(tx.was_refused(&key, alice, &call, around).await.unwrap());
        assert!(!tx.was_refused(&key, alice, &call, after).await.unwrap());
        assert!(!tx.was_refused(&key, bob, &call, around).await.unwrap());
        assert!(!tx.was_refused(&key, alice, &Content::words("call"), around).await.unwrap());
        tx.commit().await.unwrap();
    }

    async fn what_was_sent_is_not_called_failed_later(world: World) {
        let key = portal();
        let mut tx = world.store.begin().await.unwrap();
        for (id, is_sent) in [("3EB0", true), ("3EB1", false)] {
            let said = Message { state: MessageState::Pending, ..message(&key, id, Sender::Owner) };
            tx.insert_message(&said).await.unwrap();
            if is_sent {
                tx.set_message_sent(&key, &said.id).await.unwrap();
            }
            assert_eq!(tx.fail_message(&key, &said.id, "refused").await.unwrap(), !is_sent);
            let found = tx.find_message(&key, &said.id, &said.sender).await.unwrap().unwrap();
            let expected = if is_sent { (MessageState::Sent, None) } else { (MessageState::Failed, Some("refused")) };
            assert_eq!((found.state, found.error.as_deref()), expected);
        }
        tx.commit().await.unwrap();
    }

    async fn b46_what_the_history_told_of_a_chat_counts_until_it_is_marked(world: World) {
        let key = portal();
        let facts = ChatFacts { archived: true, muted_until: Some(Timestamp::from_secs(253_402_300_799)), ..ChatFacts::default() };
        let past = PastChat { chat: key.chat.clone(), kind: ChatKind::Direct, facts: None, messages: vec![] };
        let mut tx = world.store.begin().await.unwrap();
        tx.remember_chat(key.device, &past, &facts).await.unwrap();
        assert!(tx.mark_chat(&key, ChatMark::Archived(false)).await.unwrap(), "it was archived");
        let marks = tx.find_chat_marks(&key).await.unwrap().unwrap().marks;
        assert_eq!(marks, ChatMarks { muted: Mute::Forever, ..ChatMarks::default() }, "and is muted still");
        assert!(!tx.mark_chat(&key, ChatMark::Archived(false)).await.unwrap());
        assert!(tx.mark_chat(&key, ChatMark::Muted(Mute::No)).await.unwrap());
        let other = portal();
        assert!(!tx.mark_chat(&other, ChatMark::Pinned(false)).await.unwrap(), "nothing was ever told of it");
        tx.commit().await.unwrap();
    }

    async fn a_person_has_one_mark_on_a_message(world: World) {
        let key = portal();
        let target = MessageRef { id: message_id("3EB0"), sender: Sender::Owner };
        let mark = |emoji: &str, event: &str| Reaction {
            portal: key.clone(), target: target.clone(), sender: ana(), emoji: emoji.into(), event: event.try_into().unwrap(),
        };
        let mut tx = world.store.begin().await.unwrap();
        tx.upsert_reaction(&mark("👍", "$thumb")).await.unwrap();
        tx.upsert_reaction(&mark("❤", "$heart")).await.unwrap();
        tx.upsert_reaction(&Reaction { sender: Sender::Owner, ..mark("😀", "$own") }).await.unwrap();
        assert_eq!(tx.find_reaction(&key, &target, &ana()).await.unwrap(), Some(mark("❤", "$heart")));
        assert_eq!(tx.find_reaction_by_event(event_id!("$thumb")).await.unwrap(), None);
        assert_eq!(tx.find_reaction_by_event(event_id!("$heart")).await.unwrap(), Some(mark("❤", "$heart")));
        tx.remove_reaction(&key, &target, &ana()).await.unwrap();
        assert_eq!(tx.find_reaction(&key, &target, &ana()).await.unwrap(), None);
        assert!(tx.find_reaction(&key, &target, &Sender::Owner).await.unwrap().is_some());
        tx.commit().await.unwrap();
    }

    async fn of_a_persons_votes_that_of_the_latest_job_counts(world: World) {
        let key = portal();
        let poll = MessageRef { id: message_id("3EB0"), sender: ana() };
        let vote = |turn: i64, sender: &Sender, option: &str| Vote {
            portal: key.clone(), poll: poll.clone(), sender: sender.clone(), event: format!("${turn}").try_into().unwrap(),
            options: vec![option.into()], turn: JobId(turn),
        };
        let (late, early, anas) = (vote(9, &Sender::Owner, "Friday"), vote(4, &Sender::Owner, "Monday"), vote(5, &ana(), "Friday"));
        let mut tx = world.store.begin().await.unwrap();
        for vote in [&late, &early, &anas, &late] {
            tx.add_vote(vote).await.unwrap();
        }
        assert_eq!(tx.list_votes(&key, &poll).await.unwrap(), [early.clone(), anas.clone(), late.clone()]);
        assert_eq!(tx.find_vote_by_event(event_id!("$4")).await.unwrap(), Some(early.clone()));
        tx.remove_vote(&early).await.unwrap();
        assert_eq!(tx.find_vote_by_event(event_id!("$4")).await.unwrap(), None);
        assert_eq!(tx.list_votes(&key, &poll).await.unwrap(), [anas, late]);
        tx.erase_message(&key, &poll, None).await.unwrap();
        assert_eq!(tx.list_votes(&key, &poll).await.unwrap(), []);
        tx.commit().await.unwrap();
    }

    async fn a_receipt_never_goes_back(world: World) {
        let key = portal();
        let id = message_id("3EB0");
        let receipt = |state, at| Receipt { contact: ContactId::from_adapter("15550002222"), state, at };
        let read = receipt(MessageState::Read, START.plus_millis(1));
        let mut tx = world.store.begin().await.unwrap();
        assert!(!tx.record_receipt(&key, &id, &read).await.unwrap(), "there is no such message");
        tx.insert_message(&Message { state: MessageState::Sent, ..message(&key, "3EB0", Sender::Owner) }).await.unwrap();
        assert!(tx.record_receipt(&key, &id, &receipt(MessageState::Delivered, START)).await.unwrap());
        assert!(tx.record_receipt(&key, &id, &read).await.unwrap());
        assert!(!tx.record_receipt(&key, &id, &receipt(MessageState::Delivered, START.plus_millis(2))).await.unwrap());
        assert_eq!(tx.list_receipts(&key, &id).await.unwrap(), std::slice::from_ref(&read));
        let times = TimedReceipt { receipt: read, delivered_at: Some(START), read_at: Some(START.plus_millis(1)), played_at: None };
        assert_eq!(tx.list_timed_receipts(&key, &id).await.unwrap(), [times]);
        assert_eq!(tx.find_message(&key, &id, &Sender::Owner).await.unwrap().unwrap().state, MessageState::Read);
        tx.commit().await.unwrap();
    }

    async fn a_receipt_that_crosses_with_the_end_of_sending_is_not_forgotten(world: World) {
        let key = portal();
        let id = message_id("3EB0");
        let mut tx = world.store.begin().await.unwrap();
        tx.insert_message(&Message { state: MessageState::Pending, ..message(&key, "3EB0", Sender::Owner) }).await.unwrap();
        tx.commit().await.unwrap();
        let mut receiving = world.store.begin().await.unwrap();
        let contact = ContactId::from_adapter("15550002222");
        let receipt = Receipt { contact, state: MessageState::Delivered, at: START };
        assert!(receiving.record_receipt(&key, &id, &receipt).await.unwrap());
        let (store, there, sent) = (world.store.clone(), key.clone(), id.clone());
        let mut sending = tokio::spawn(async move {
            let mut tx = store.begin().await.unwrap();
            tx.set_message_sent(&there, &sent).await.unwrap();
            tx.commit().await.unwrap();
        });
        // It must wait; one that does not is through by then.
        let waits = tokio::time::timeout(Duration::from_millis(300), &mut sending).await;
        assert!(waits.is_err(), "it did not see the receipt");
        receiving.commit().await.unwrap();
        sending.await.unwrap();
        let state = world.store.read().await.unwrap().find_message(&key, &id, &Sender::Owner).await.unwrap().unwrap().state;
        assert_eq!(state, MessageState::Delivered);
    }

    async fn a_chat_remembers_its_timer(world: World) {
        let key = portal();
        let mut tx = world.store.begin().await.unwrap();
        assert_eq!(tx.find_portal_timer(&key).await.unwrap(), None);
        tx.upsert_portal(&Portal { key: key.clone(), room: None, kind: ChatKind::Direct, name: None, ready: false }).await.unwrap();
        tx.set_portal_timer(&key, Some(604_800), None).await.unwrap();
        tx.upsert_portal(&Portal { key: key.clone(), room: None, kind: ChatKind::Direct, name: None, ready: true }).await.unwrap();
        assert_eq!(tx.find_portal_timer(&key).await.unwrap(), Some(604_800));
        tx.set_portal_timer(&key, None, None).await.unwrap();
        assert_eq!(tx.find_portal_timer(&key).await.unwrap(), None);
        tx.commit().await.unwrap();
    }

    async fn b12_a_timer_that_is_told_by_the_way_counts_where_it_is_newer(world: World) {
        let key = portal();
        let at = |seconds: i64| Some(START.plus_millis(seconds * 1000));
        let mut tx = world.store.begin().await.unwrap();
        tx.upsert_portal(&Portal { key: key.clone(), room: None, kind: ChatKind::Direct, name: None, ready: true }).await.unwrap();
        for (timer, told, is_news, known) in [
            (None, None, false, None),
            (Some(1), None, true, Some(1)),
            (Some(2), None, false, Some(1)),
            (Some(2), at(0), true, Some(2)),
            (Some(3), at(0), false, Some(2)),
            (Some(2), at(1), false, Some(2)),
            (None, at(2), true, None),
            (Some(3), None, false, None),
        ] {
            assert_eq!(tx.learn_portal_timer(&key, timer, told).await.unwrap(), is_news, "{timer:?} {told:?}");
            assert_eq!(tx.find_portal_timer(&key).await.unwrap(), known, "{timer:?} {told:?}");
        }
        tx.set_portal_timer(&key, Some(4), at(9)).await.unwrap();
        assert!(!tx.learn_portal_timer(&key, None, at(9)).await.unwrap());
        tx.set_portal_timer(&key, Some(5), None).await.unwrap();
        assert!(!tx.learn_portal_timer(&key, None, at(8)).await.unwrap());
        assert_eq!(tx.find_portal_timer(&key).await.unwrap(), Some(5));
        assert_eq!(tx.find_dated_timer(&key).await.unwrap(), (Some(5), at(9)));
        tx.commit().await.unwrap();
    }

    async fn b12_what_is_kept_outlives_its_time_and_is_over_when_nobody_keeps_it(world: World) {
        let key = portal();
        let said = message(&key, "3EB0", ana());
        let one = MessageRef { id: said.id.clone(), sender: said.sender.clone() };
        let mut tx = world.store.begin().await.unwrap();
        tx.insert_message(&said).await.unwrap();
        assert!(!tx.outlives_its_time(&key, &one).await.unwrap());
        assert!(!tx.keep_message_no_longer(&key, &one).await.unwrap());
        for _ in 0..2 {
            tx.keep_message(&key, &one).await.unwrap();
        }
        assert!(tx.is_message_kept(&key, &one).await.unwrap());
        assert!(!tx.keep_message_no_longer(&key, &one).await.unwrap(), "in time");
        assert!(!tx.is_message_kept(&key, &one).await.unwrap());
        tx.keep_message(&key, &one).await.unwrap();
        for _ in 0..2 {
            assert!(tx.outlives_its_time(&key, &one).await.unwrap());
            tx.keep_message(&key, &one).await.unwrap();
        }
        assert!(tx.keep_message_no_longer(&key, &one).await.unwrap(), "too late");
        assert!(!tx.keep_message_no_longer(&key, &one).await.unwrap(), "said once");
        assert!(!tx.outlives_its_time(&key, &one).await.unwrap());
        tx.commit().await.unwrap();
    }
}
