//! What the library remembers about people, groups and messages on their way.
//!
//! Messages on their way in are next door, in `pending`.

use async_trait::async_trait;
use whatsapp_rust::wacore::store::{
    error::Result,
    traits::{DeviceListRecord, LidPnMappingEntry, PendingInboundKey, PendingInboundRow, ProtocolStore, TcTokenEntry},
};

use super::{Keys, borrowed, count, failed, from_json, joined, kind, to_json};
use crate::store::keyring::Change;

/// A device of a group that has our sender key, or needs it.
const HAS_KEY: &[u8] = &[1];
const NEEDS_KEY: &[u8] = &[0];

impl Keys {
    pub(super) async fn get_json<T: serde::de::DeserializeOwned>(&self, kind: &str, key: &str) -> Result<Option<T>> {
        let bytes = self.keyring.get(self.device, kind, key).await.map_err(failed)?;
        bytes.map(|bytes| from_json(&bytes)).transpose()
    }

    pub(super) async fn put_row(&self, kind: &str, key: &str, bytes: &[u8]) -> Result<()> {
        self.keyring
            .put(self.device, kind, &[(key, bytes, None)])
            .await
            .map_err(failed)
    }

    async fn remove_row(&self, kind: &str, key: &str) -> Result<()> {
        self.keyring
            .remove(self.device, kind, &[key])
            .await
            .map(drop)
            .map_err(failed)
    }

    /// Rows with a time of their own are deleted when older than `cutoff`; the keyring deletes up to and including.
    async fn remove_older(&self, kind: &str, cutoff: i64) -> Result<u32> {
        self.keyring
            .remove_expired(self.device, kind, cutoff.saturating_sub(1))
            .await
            .map(count)
            .map_err(failed)
    }
}

#[async_trait]
impl ProtocolStore for Keys {
    async fn get_sender_key_devices(&self, group_jid: &str) -> Result<Vec<(String, bool)>> {
        let prefix = joined(&[group_jid, ""]);
        let rows = self
            .keyring
            .list(self.device, kind::SENDER_KEY_DEVICE, Some(&prefix))
            .await
            .map_err(failed)?;
        let device = |key: String| key.strip_prefix(&prefix).map(ToOwned::to_owned);
        Ok(rows
            .into_iter()
            .filter_map(|(key, flag)| Some((device(key)?, flag == HAS_KEY)))
            .collect())
    }

    async fn set_sender_key_status(&self, group_jid: &str, entries: &[(&str, bool)]) -> Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        let keys: Vec<_> = entries.iter().map(|(device, _)| joined(&[group_jid, device])).collect();
        let rows: Vec<_> = keys
            .iter()
            .zip(entries)
            .map(|(key, (_, has_key))| (key.as_str(), if *has_key { HAS_KEY } else { NEEDS_KEY }, None))
            .collect();
        self.keyring
            .put(self.device, kind::SENDER_KEY_DEVICE, &rows)
            .await
            .map_err(failed)
    }

    async fn clear_sender_key_devices(&self, group_jid: &str) -> Result<()> {
        let prefix = joined(&[group_jid, ""]);
        self.keyring
            .remove_prefix(self.device, kind::SENDER_KEY_DEVICE, &prefix)
            .await
            .map(drop)
            .map_err(failed)
    }

    async fn delete_sender_key_device_rows(&self, device_jids: &[&str]) -> Result<()> {
        if device_jids.is_empty() {
            return Ok(());
        }
        let rows = self
            .keyring
            .list(self.device, kind::SENDER_KEY_DEVICE, None)
            .await
            .map_err(failed)?;
        let gone = |key: &String| {
            key.split_once('\n')
                .is_some_and(|(_, device)| device_jids.contains(&device))
        };
        let keys: Vec<_> = rows.into_iter().map(|(key, _)| key).filter(gone).collect();
        self.keyring
            .remove(self.device, kind::SENDER_KEY_DEVICE, &borrowed(&keys))
            .await
            .map(drop)
            .map_err(failed)
    }

    async fn clear_all_sender_key_devices(&self) -> Result<()> {
        self.keyring
            .clear_kind(self.device, kind::SENDER_KEY_DEVICE)
            .await
            .map(drop)
            .map_err(failed)
    }

    async fn get_lid_mapping(&self, lid: &str) -> Result<Option<LidPnMappingEntry>> {
        self.get_json(kind::LID, lid).await
    }

    async fn get_pn_mapping(&self, phone: &str) -> Result<Option<LidPnMappingEntry>> {
        let lid = self
            .keyring
            .get(self.device, kind::LID_OF_PHONE, phone)
            .await
            .map_err(failed)?;
        match lid.map(String::from_utf8).transpose().map_err(super::unreadable)? {
            Some(lid) => self.get_lid_mapping(&lid).await,
            None => Ok(None),
        }
    }

    async fn put_lid_mapping(&self, entry: &LidPnMappingEntry) -> Result<()> {
        self.put_lid_mappings(std::slice::from_ref(entry)).await
    }

    async fn put_lid_mappings(&self, entries: &[LidPnMappingEntry]) -> Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        let _turn = self.turn.lock().await;
        let lids: Vec<_> = entries.iter().map(|entry| entry.lid.as_str()).collect();
        let known = self
            .keyring
            .get_many(self.device, kind::LID, &lids)
            .await
            .map_err(failed)?;
        let mut phones = known
            .into_iter()
            .map(|(lid, bytes)| Ok((lid, from_json::<LidPnMappingEntry>(&bytes)?.phone_number)))
            .collect::<Result<std::collections::HashMap<_, _>>>()?;
        let mut changes = Vec::with_capacity(entries.len() * 3);
        for entry in entries {
            // A LID that moved to another number must no longer be found under the old one.
            if let Some(old) = phones.insert(entry.lid.clone(), entry.phone_number.clone())
                && old != entry.phone_number
            {
                changes.push(Change::Remove {
                    kind: kind::LID_OF_PHONE.into(),
                    key: old,
                });
            }
            let put = |kind: &str, key: &str, bytes| Change::Put {
                kind: kind.into(),
                key: key.to_owned(),
                bytes,
                expires: None,
            };
            changes.push(put(kind::LID, &entry.lid, to_json(entry)?));
            changes.push(put(
                kind::LID_OF_PHONE,
                &entry.phone_number,
                entry.lid.clone().into_bytes(),
            ));
        }
        self.keyring.batch(self.device, changes).await.map_err(failed)
    }

    async fn get_all_lid_mappings(&self) -> Result<Vec<LidPnMappingEntry>> {
        let rows = self.keyring.list(self.device, kind::LID, None).await.map_err(failed)?;
        rows.into_iter().map(|(_, bytes)| from_json(&bytes)).collect()
    }

    async fn save_base_key(&self, address: &str, message_id: &str, base_key: &[u8]) -> Result<()> {
        self.put_row(kind::BASE_KEY, &joined(&[address, message_id]), base_key)
            .await
    }

    async fn has_same_base_key(&self, address: &str, message_id: &str, current_base_key: &[u8]) -> Result<bool> {
        let key = joined(&[address, message_id]);
        let saved = self
            .keyring
            .get(self.device, kind::BASE_KEY, &key)
            .await
            .map_err(failed)?;
        Ok(saved.is_some_and(|saved| saved == current_base_key))
    }

    async fn delete_base_key(&self, address: &str, message_id: &str) -> Result<()> {
        self.remove_row(kind::BASE_KEY, &joined(&[address, message_id])).await
    }

    async fn update_device_list(&self, record: DeviceListRecord) -> Result<()> {
        self.put_row(kind::DEVICE_LIST, &record.user, &to_json(&record)?).await
    }

    async fn update_device_lists(&self, records: Vec<DeviceListRecord>) -> Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        let rows = records
            .iter()
            .map(|record| Ok((&record.user, to_json(record)?)))
            .collect::<Result<Vec<_>>>()?;
        let rows: Vec<_> = rows
            .iter()
            .map(|(user, bytes)| (user.as_str(), &bytes[..], None))
            .collect();
        self.keyring
            .put(self.device, kind::DEVICE_LIST, &rows)
            .await
            .map_err(failed)
    }

    async fn get_devices(&self, user: &str) -> Result<Option<DeviceListRecord>> {
        self.get_json(kind::DEVICE_LIST, user).await
    }

    async fn delete_devices(&self, user: &str) -> Result<()> {
        self.remove_row(kind::DEVICE_LIST, user).await
    }

    async fn get_group_metadata(&self, group_jid: &str) -> Result<Option<Vec<u8>>> {
        self.keyring
            .get(self.device, kind::GROUP, group_jid)
            .await
            .map_err(failed)
    }

    async fn put_group_metadata(&self, group_jid: &str, blob: &[u8]) -> Result<()> {
        self.put_row(kind::GROUP, group_jid, blob).await
    }

    async fn delete_group_metadata(&self, group_jid: &str) -> Result<()> {
        self.remove_row(kind::GROUP, group_jid).await
    }

    async fn get_tc_token(&self, jid: &str) -> Result<Option<TcTokenEntry>> {
        self.token(jid).await
    }

    async fn put_tc_token(&self, jid: &str, entry: &TcTokenEntry) -> Result<()> {
        self.put_token(jid, entry).await
    }

    async fn delete_tc_token(&self, jid: &str) -> Result<()> {
        self.remove_row(kind::TC_TOKEN, jid).await
    }

    async fn get_all_tc_token_jids(&self) -> Result<Vec<String>> {
        let rows = self
            .keyring
            .list(self.device, kind::TC_TOKEN, None)
            .await
            .map_err(failed)?;
        Ok(rows.into_iter().map(|(jid, _)| jid).collect())
    }

    async fn delete_expired_tc_tokens(&self, token_cutoff: i64, sender_cutoff: i64) -> Result<u32> {
        self.delete_dead_tokens(token_cutoff, sender_cutoff).await
    }

    async fn touch_tc_token_sender_timestamp(&self, jid: &str, sender_timestamp: i64) -> Result<()> {
        self.touch_token(jid, sender_timestamp).await
    }

    async fn store_received_tc_token(&self, jid: &str, received: &[u8], token_timestamp: i64) -> Result<()> {
        self.receive_token(jid, received, token_timestamp).await
    }

    async fn store_sent_message(&self, chat_jid: &str, message_id: &str, payload: &[u8]) -> Result<()> {
        let row = (&*joined(&[chat_jid, message_id]), payload, Some(self.now_secs()));
        self.keyring.put(self.device, kind::SENT, &[row]).await.map_err(failed)
    }

    async fn take_sent_message(&self, chat_jid: &str, message_id: &str) -> Result<Option<Vec<u8>>> {
        self.keyring
            .take(self.device, kind::SENT, &joined(&[chat_jid, message_id]))
            .await
            .map_err(failed)
    }

    async fn delete_expired_sent_messages(&self, cutoff_timestamp: i64) -> Result<u32> {
        self.remove_older(kind::SENT, cutoff_timestamp).await
    }

    async fn store_pending_inbound(&self, chat: &str, sender: &str, id: &str, message: &[u8]) -> Result<()> {
        self.store_pending(&[PendingInboundRow {
            chat,
            sender,
            id,
            message,
        }])
        .await
    }

    async fn get_pending_inbound(&self, chat: &str, sender: &str, id: &str) -> Result<Option<Vec<u8>>> {
        self.pending(chat, sender, id).await
    }

    async fn delete_pending_inbound(&self, chat: &str, sender: &str, id: &str) -> Result<()> {
        self.settle_pending(&[PendingInboundKey { chat, sender, id }]).await
    }

    async fn delete_expired_pending_inbound(&self, cutoff_timestamp: i64) -> Result<u32> {
        self.forget_pending(cutoff_timestamp).await
    }

    async fn store_pending_inbound_batch(&self, rows: &[PendingInboundRow<'_>]) -> Result<()> {
        self.store_pending(rows).await
    }

    async fn delete_pending_inbound_batch(&self, keys: &[PendingInboundKey<'_>]) -> Result<()> {
        self.settle_pending(keys).await
    }
}
