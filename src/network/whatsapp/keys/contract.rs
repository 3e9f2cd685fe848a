//! What the library expects of its storage: one suite for its own reference in memory and for ours.

use std::{collections::HashSet, sync::Arc};

use bytes::Bytes;
use whatsapp_rust::wacore::{
    appstate::{hash::HashState, processor::AppStateMutationMAC},
    store::{
        InMemoryBackend,
        traits::{
            AppStateSyncKey, Backend, DeviceInfo, DeviceListRecord, LidPnMappingEntry, MsgSecretEntry,
            PendingInboundKey, PendingInboundRow, TcTokenEntry,
        },
    },
};

use super::Keys;
use crate::{
    model::{Clock, DeviceId, Timestamp},
    store::testing::World,
};

macro_rules! contract {
    ($($scene:ident),+ $(,)?) => {
        mod on_reference {
            $(#[tokio::test] async fn $scene() { super::$scene(&super::InMemoryBackend::new()).await; })+
        }
        contract!(on_sqlite sqlite: $($scene),+);
        contract!(on_postgres postgres: $($scene),+);
    };
    ($module:ident $engine:ident: $($scene:ident),+) => {
        mod $module {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $scene() {
                    let world = super::World::$engine().await;
                    super::$scene(&super::keys(&world)).await;
                }
            )+
        }
    };
}

/// The storage of a new device.
fn keys(world: &World) -> Keys {
    Keys::new(world.store.keyring(), DeviceId::generate(), Clock::System)
}

contract! {
    identities_and_sessions_are_kept_by_address,
    signal_state_of_a_user_is_found_by_any_device,
    one_time_keys_are_used_once_and_never_come_back,
    signed_keys_are_kept_by_number,
    sender_keys_are_kept_by_address,
    sync_keys_and_versions_are_kept,
    mutation_macs_belong_to_their_collection,
    devices_of_groups_know_whether_they_have_the_key,
    phones_and_lids_lead_to_each_other,
    base_keys_are_compared,
    device_lists_are_kept_by_user,
    group_metadata_is_kept,
    tokens_only_move_forward,
    dead_tokens_are_deleted,
    sent_messages_are_taken_once,
    pending_messages_wait_until_they_are_deleted,
    message_secrets_never_lose_time,
    a_device_is_made_once_and_kept,
}

const ANA: &str = "15550001111@s.whatsapp.net";

async fn identities_and_sessions_are_kept_by_address(keys: &dyn Backend) {
    keys.put_identity(ANA, [1; 32]).await.unwrap();
    keys.put_identities_batch(&[(ANA.into(), [2; 32]), ("42@lid".into(), [3; 32])])
        .await
        .unwrap();
    assert_eq!(keys.load_identity(ANA).await.unwrap(), Some([2; 32]));
    keys.delete_identity(ANA).await.unwrap();
    assert_eq!(keys.load_identity(ANA).await.unwrap(), None);
    assert_eq!(keys.load_identity("42@lid").await.unwrap(), Some([3; 32]));

    keys.put_session(ANA, b"one").await.unwrap();
    let batch: [(Arc<str>, Bytes); 2] = [(ANA.into(), Bytes::from_static(b"two")), ("b".into(), Bytes::new())];
    keys.put_sessions_batch(&batch).await.unwrap();
    keys.put_sessions_batch(&[]).await.unwrap();
    assert_eq!(keys.get_session(ANA).await.unwrap().as_deref(), Some(&b"two"[..]));
    assert_eq!(keys.get_session("b").await.unwrap().as_deref(), Some(&b""[..]));
    assert!(keys.has_session(ANA).await.unwrap());
    keys.delete_session(ANA).await.unwrap();
    keys.delete_session(ANA).await.unwrap();
    assert!(!keys.has_session(ANA).await.unwrap());
}

async fn signal_state_of_a_user_is_found_by_any_device(keys: &dyn Backend) {
    keys.put_session("15550001111:7@s.whatsapp.net", b"s").await.unwrap();
    keys.put_identity("42@lid", [0; 32]).await.unwrap();
    for (user, known) in [
        ("15550001111", true),
        ("42", true),
        ("1555000111", false),
        ("155500011117", false),
    ] {
        assert_eq!(keys.has_signal_state_for_user(user).await.unwrap(), known, "{user}");
    }
}

async fn one_time_keys_are_used_once_and_never_come_back(keys: &dyn Backend) {
    assert_eq!(keys.get_max_prekey_id().await.unwrap(), 0);
    keys.store_prekey(9, b"nine", false).await.unwrap();
    let batch = [(10, Bytes::from_static(b"ten")), (100, Bytes::from_static(b"hundred"))];
    keys.store_prekeys_batch(&batch, false).await.unwrap();
    assert_eq!(keys.get_max_prekey_id().await.unwrap(), 100);
    assert_eq!(keys.load_prekey(9).await.unwrap().as_deref(), Some(&b"nine"[..]));
    keys.remove_prekey(9).await.unwrap();
    keys.mark_prekeys_uploaded(&[9, 10]).await.unwrap();
    assert_eq!(keys.load_prekey(9).await.unwrap(), None, "a used key stays used");
    let mut loaded = keys.load_prekeys_batch(&[9, 10, 100]).await.unwrap();
    loaded.sort();
    assert_eq!(loaded, batch);
}

async fn signed_keys_are_kept_by_number(keys: &dyn Backend) {
    keys.store_signed_prekey(1, b"one").await.unwrap();
    keys.store_signed_prekey(2, b"two").await.unwrap();
    keys.remove_signed_prekey(1).await.unwrap();
    assert_eq!(keys.load_signed_prekey(1).await.unwrap(), None);
    assert_eq!(keys.load_all_signed_prekeys().await.unwrap(), [(2, b"two".to_vec())]);
}

async fn sender_keys_are_kept_by_address(keys: &dyn Backend) {
    keys.put_sender_key("g:a", b"one").await.unwrap();
    keys.put_sender_keys_batch(&[("g:a".into(), Bytes::from_static(b"two"))])
        .await
        .unwrap();
    assert_eq!(keys.get_sender_key("g:a").await.unwrap().as_deref(), Some(&b"two"[..]));
    keys.delete_sender_key("g:a").await.unwrap();
    assert_eq!(keys.get_sender_key("g:a").await.unwrap(), None);
}

async fn sync_keys_and_versions_are_kept(keys: &dyn Backend) {
    assert_eq!(keys.get_latest_sync_key_id().await.unwrap(), None);
    for id in [b"\x00\x01", b"\x00\x02"] {
        let key = AppStateSyncKey {
            key_data: id.to_vec(),
            fingerprint: vec![],
            timestamp: 7,
        };
        keys.set_sync_key(id, key).await.unwrap();
    }
    assert_eq!(
        keys.get_latest_sync_key_id().await.unwrap().as_deref(),
        Some(&b"\x00\x02"[..])
    );
    assert_eq!(
        keys.get_sync_key(b"\x00\x01").await.unwrap().unwrap().key_data,
        b"\x00\x01"
    );
    assert!(keys.get_sync_key(b"\x09").await.unwrap().is_none());

    assert_eq!(keys.get_version("regular").await.unwrap().version, 0);
    let mut state = HashState {
        version: 5,
        hash: [7; 128],
        ..HashState::default()
    };
    state.index_value_map.insert("a".into(), vec![1]);
    keys.set_version("regular", state).await.unwrap();
    let state = keys.get_version("regular").await.unwrap();
    assert_eq!((state.version, state.hash[127], state.index_value_map.len()), (5, 7, 1));
}

async fn mutation_macs_belong_to_their_collection(keys: &dyn Backend) {
    let mac = |index: u8, value: u8| AppStateMutationMAC {
        index_mac: vec![index; 32],
        value_mac: vec![value],
    };
    keys.put_mutation_macs("regular", 1, &[mac(1, 10), mac(2, 20)])
        .await
        .unwrap();
    keys.put_mutation_macs("regular_high", 1, &[mac(1, 30)]).await.unwrap();
    keys.put_mutation_macs("regular", 2, &[mac(1, 11)]).await.unwrap();
    assert_eq!(
        keys.get_mutation_mac("regular", &[1; 32]).await.unwrap(),
        Some(vec![11])
    );
    let macs = keys
        .get_mutation_macs("regular", &[[1; 32], [2; 32], [3; 32]])
        .await
        .unwrap();
    assert_eq!(
        (macs.len(), &macs[&[1; 32]], &macs[&[2; 32]]),
        (2, &vec![11], &vec![20])
    );
    keys.delete_mutation_macs("regular", &[vec![2; 32]]).await.unwrap();
    assert_eq!(keys.get_mutation_mac("regular", &[2; 32]).await.unwrap(), None);
    keys.clear_mutation_macs("regular").await.unwrap();
    assert_eq!(keys.get_mutation_mac("regular", &[1; 32]).await.unwrap(), None);
    assert_eq!(
        keys.get_mutation_mac("regular_high", &[1; 32]).await.unwrap(),
        Some(vec![30])
    );
}

async fn devices_of_groups_know_whether_they_have_the_key(keys: &dyn Backend) {
    let of = async |group: &str| -> HashSet<(String, bool)> {
        keys.get_sender_key_devices(group).await.unwrap().into_iter().collect()
    };
    let set = |rows: &[(&str, bool)]| rows.iter().map(|(device, has)| ((*device).to_owned(), *has)).collect();
    keys.set_sender_key_status("1@g.us", &[("a:1@lid", true), ("b:1@lid", true)])
        .await
        .unwrap();
    keys.set_sender_key_status("11@g.us", &[("a:1@lid", true)])
        .await
        .unwrap();
    keys.set_sender_key_status("1@g.us", &[("b:1@lid", false)])
        .await
        .unwrap();
    assert_eq!(of("1@g.us").await, set(&[("a:1@lid", true), ("b:1@lid", false)]));
    keys.delete_sender_key_device_rows(&["a:1@lid"]).await.unwrap();
    assert_eq!(of("1@g.us").await, set(&[("b:1@lid", false)]));
    assert_eq!(of("11@g.us").await, set(&[]));
    keys.set_sender_key_status("11@g.us", &[("c", true)]).await.unwrap();
    keys.clear_sender_key_devices("1@g.us").await.unwrap();
    assert_eq!(
        (of("1@g.us").await, of("11@g.us").await),
        (set(&[]), set(&[("c", true)]))
    );
    keys.clear_all_sender_key_devices().await.unwrap();
    assert_eq!(of("11@g.us").await, set(&[]));
}

fn mapping(lid: &str, phone: &str) -> LidPnMappingEntry {
    LidPnMappingEntry {
        lid: lid.into(),
        phone_number: phone.into(),
        created_at: 1,
        updated_at: 2,
        learning_source: "usync".into(),
    }
}

async fn phones_and_lids_lead_to_each_other(keys: &dyn Backend) {
    keys.put_lid_mapping(&mapping("42", "15550001111")).await.unwrap();
    keys.put_lid_mappings(&[mapping("43", "15550002222"), mapping("44", "15550003333")])
        .await
        .unwrap();
    assert_eq!(
        keys.get_lid_mapping("42").await.unwrap().unwrap().phone_number,
        "15550001111"
    );
    assert_eq!(keys.get_pn_mapping("15550002222").await.unwrap().unwrap().lid, "43");
    assert_eq!(keys.get_all_lid_mappings().await.unwrap().len(), 3);
    // The number moved to another account, then that account to another number.
    keys.put_lid_mapping(&mapping("45", "15550001111")).await.unwrap();
    assert_eq!(keys.get_pn_mapping("15550001111").await.unwrap().unwrap().lid, "45");
    keys.put_lid_mapping(&mapping("45", "15550004444")).await.unwrap();
    assert!(keys.get_pn_mapping("15550001111").await.unwrap().is_none());
    assert_eq!(keys.get_pn_mapping("15550004444").await.unwrap().unwrap().lid, "45");
}

async fn base_keys_are_compared(keys: &dyn Backend) {
    assert!(!keys.has_same_base_key(ANA, "A", b"key").await.unwrap());
    keys.save_base_key(ANA, "A", b"key").await.unwrap();
    assert!(keys.has_same_base_key(ANA, "A", b"key").await.unwrap());
    assert!(!keys.has_same_base_key(ANA, "A", b"other").await.unwrap());
    keys.delete_base_key(ANA, "A").await.unwrap();
    assert!(!keys.has_same_base_key(ANA, "A", b"key").await.unwrap());
}

async fn device_lists_are_kept_by_user(keys: &dyn Backend) {
    let list = |user: &str, devices: u32| DeviceListRecord {
        user: user.into(),
        devices: (0..devices).map(|id| DeviceInfo::new(id, Some(id))).collect(),
        timestamp: 5,
        phash: Some("2:abc".into()),
        raw_id: Some(9),
    };
    keys.update_device_list(list("a", 1)).await.unwrap();
    keys.update_device_lists(vec![list("a", 2), list("b", 3)])
        .await
        .unwrap();
    let devices = keys.get_devices("a").await.unwrap().unwrap();
    assert_eq!((devices.devices.len(), devices.raw_id), (2, Some(9)));
    keys.delete_devices("a").await.unwrap();
    assert!(keys.get_devices("a").await.unwrap().is_none());
    assert_eq!(keys.get_devices("b").await.unwrap().unwrap().devices.len(), 3);
}

async fn group_metadata_is_kept(keys: &dyn Backend) {
    keys.put_group_metadata("1@g.us", b"one").await.unwrap();
    keys.put_group_metadata("1@g.us", b"two").await.unwrap();
    assert_eq!(
        keys.get_group_metadata("1@g.us").await.unwrap().as_deref(),
        Some(&b"two"[..])
    );
    keys.delete_group_metadata("1@g.us").await.unwrap();
    assert_eq!(keys.get_group_metadata("1@g.us").await.unwrap(), None);
}

async fn tokens_only_move_forward(keys: &dyn Backend) {
    keys.touch_tc_token_sender_timestamp("a", 50).await.unwrap();
    keys.touch_tc_token_sender_timestamp("a", 40).await.unwrap();
    let token = keys.get_tc_token("a").await.unwrap().unwrap();
    assert_eq!((token.token.len(), token.sender_timestamp), (0, Some(50)));
    // A placeholder never stands in the way of the first real one, whatever its time.
    keys.store_received_tc_token("a", b"first", 10).await.unwrap();
    keys.store_received_tc_token("a", b"newer", 20).await.unwrap();
    keys.store_received_tc_token("a", b"stale", 15).await.unwrap();
    let token = keys.get_tc_token("a").await.unwrap().unwrap();
    assert_eq!(
        (&token.token[..], token.token_timestamp, token.sender_timestamp),
        (&b"newer"[..], 20, Some(50))
    );
    keys.touch_tc_token_sender_timestamp("a", 60).await.unwrap();
    let token = keys.get_tc_token("a").await.unwrap().unwrap();
    assert_eq!((&token.token[..], token.sender_timestamp), (&b"newer"[..], Some(60)));
}

async fn dead_tokens_are_deleted(keys: &dyn Backend) {
    let token = |token: &[u8], at, sent| TcTokenEntry {
        token: token.to_vec(),
        token_timestamp: at,
        sender_timestamp: sent,
    };
    keys.put_tc_token("alive", &token(b"t", 100, None)).await.unwrap();
    keys.put_tc_token("sender", &token(b"t", 1, Some(100))).await.unwrap();
    keys.put_tc_token("dead", &token(b"t", 1, Some(1))).await.unwrap();
    keys.put_tc_token("empty", &token(b"", 100, None)).await.unwrap();
    assert_eq!(keys.delete_expired_tc_tokens(50, 50).await.unwrap(), 2);
    let left: HashSet<_> = keys.get_all_tc_token_jids().await.unwrap().into_iter().collect();
    assert_eq!(left, HashSet::from(["alive".to_owned(), "sender".to_owned()]));
    keys.delete_tc_token("alive").await.unwrap();
    assert!(keys.get_tc_token("alive").await.unwrap().is_none());
}

async fn sent_messages_are_taken_once(keys: &dyn Backend) {
    keys.store_sent_message(ANA, "A", b"payload").await.unwrap();
    keys.store_sent_message(ANA, "B", b"other").await.unwrap();
    assert_eq!(
        keys.take_sent_message(ANA, "A").await.unwrap().as_deref(),
        Some(&b"payload"[..])
    );
    assert_eq!(keys.take_sent_message(ANA, "A").await.unwrap(), None);
    assert_eq!(keys.delete_expired_sent_messages(1_000).await.unwrap(), 0);
    assert_eq!(keys.delete_expired_sent_messages(i64::MAX).await.unwrap(), 1);
    assert_eq!(keys.take_sent_message(ANA, "B").await.unwrap(), None);
}

async fn pending_messages_wait_until_they_are_deleted(keys: &dyn Backend) {
    let row = |id: &'static str, message: &'static [u8]| PendingInboundRow {
        chat: "group",
        sender: ANA,
        id,
        message,
    };
    keys.store_pending_inbound_batch(&[row("A", b"one"), row("B", b"two")])
        .await
        .unwrap();
    keys.store_pending_inbound("other", ANA, "A", b"three").await.unwrap();
    keys.store_pending_inbound("group", ANA, "A", b"again").await.unwrap();
    assert_eq!(
        keys.get_pending_inbound("group", ANA, "A").await.unwrap().as_deref(),
        Some(&b"again"[..])
    );
    let key = |id: &'static str| PendingInboundKey {
        chat: "group",
        sender: ANA,
        id,
    };
    keys.delete_pending_inbound_batch(&[key("A"), key("B"), key("C")])
        .await
        .unwrap();
    assert_eq!(keys.get_pending_inbound("group", ANA, "B").await.unwrap(), None);
    assert_eq!(
        keys.get_pending_inbound("other", ANA, "A").await.unwrap().as_deref(),
        Some(&b"three"[..])
    );
    assert_eq!(keys.delete_expired_pending_inbound(1_000).await.unwrap(), 0);
    keys.delete_pending_inbound("other", ANA, "A").await.unwrap();
    keys.delete_pending_inbound("other", ANA, "A").await.unwrap();
    assert_eq!(keys.delete_expired_pending_inbound(i64::MAX).await.unwrap(), 0);
}

fn secret(id: &str, byte: u8, expires_at: i64, message_ts: i64) -> MsgSecretEntry {
    MsgSecretEntry {
        chat: ANA.into(),
        sender: ANA.into(),
        msg_id: id.into(),
        secret: [byte; 32],
        expires_at,
        message_ts,
    }
}

async fn message_secrets_never_lose_time(keys: &dyn Backend) {
    assert_eq!(keys.put_msg_secrets(vec![]).await.unwrap(), 0);
    let first = vec![secret("A", 1, 100, 7), secret("B", 1, 0, 7), secret("C", 1, 100, 7)];
    assert_eq!(keys.put_msg_secrets(first).await.unwrap(), 3);
    let again = vec![secret("A", 2, 50, 0), secret("B", 2, 100, 9), secret("A", 3, 60, 0)];
    keys.put_msg_secrets(again).await.unwrap();
    keys.put_msg_secret(ANA, ANA, "D", &[4; 32]).await.unwrap();
    let of = async |id: &str| keys.get_msg_secret_with_ts(ANA, ANA, id).await.unwrap();
    assert_eq!(of("A").await, Some((vec![3; 32], 7)));
    assert_eq!(of("B").await, Some((vec![2; 32], 9)));
    assert_eq!(keys.delete_expired_msg_secrets(99).await.unwrap(), 0);
    assert_eq!(
        keys.delete_expired_msg_secrets(100).await.unwrap(),
        2,
        "A kept its deadline"
    );
    assert_eq!(of("A").await, None);
    assert_eq!(
        keys.get_msg_secret(ANA, ANA, "B").await.unwrap(),
        Some(vec![2; 32]),
        "never expires"
    );
    assert_eq!(of("D").await, Some((vec![4; 32], 0)));
}

async fn a_device_is_made_once_and_kept(keys: &dyn Backend) {
    assert!(!keys.exists().await.unwrap());
    assert!(keys.load().await.unwrap().is_none());
    keys.create().await.unwrap();
    assert!(keys.exists().await.unwrap());
    let mut device = keys.load().await.unwrap().unwrap();
    device.pn = Some("15550009999:3@s.whatsapp.net".parse().unwrap());
    device.push_name = "Olivia".into();
    keys.save(&device).await.unwrap();
    keys.create().await.unwrap();
    let loaded = keys.load().await.unwrap().unwrap();
    assert_eq!((loaded.pn, loaded.push_name.as_str()), (device.pn, "Olivia"));
    assert_eq!(loaded.noise_key.public_key, device.noise_key.public_key);
    assert_eq!(loaded.signed_pre_key_signature, device.signed_pre_key_signature);
}

#[tokio::test]
async fn devices_do_not_see_each_others_keys() {
    use whatsapp_rust::wacore::store::traits::SignalStore as _;
    let world = World::sqlite().await;
    let (first, second) = (keys(&world), keys(&world));
    first.put_session(ANA, b"first").await.unwrap();
    assert_eq!(second.get_session(ANA).await.unwrap(), None);
}

#[tokio::test]
async fn ages_are_told_by_the_houses_clock() {
    use whatsapp_rust::wacore::store::traits::ProtocolStore as _;
    let world = World::sqlite().await;
    let clock = Clock::fixed(Timestamp::from_secs(1_000));
    let keys = Keys::new(world.store.keyring(), DeviceId::generate(), clock.clone());
    keys.store_sent_message(ANA, "old", b"1").await.unwrap();
    clock.advance(10_000);
    keys.store_sent_message(ANA, "new", b"2").await.unwrap();
    assert_eq!(keys.delete_expired_sent_messages(1_000).await.unwrap(), 0);
    assert_eq!(keys.delete_expired_sent_messages(1_010).await.unwrap(), 1);
    assert!(keys.take_sent_message(ANA, "new").await.unwrap().is_some());
}
