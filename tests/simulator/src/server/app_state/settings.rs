//! The verbs of a phone on the settings its devices share.

use std::time::Duration;

use whatsapp_rust::buffa::MessageField;
use whatsapp_rust::waproto::whatsapp as wa;
use whatsapp_rust::waproto::whatsapp::sync_action_value as action;

use super::{clock, keys, set, write};
use crate::contact;
use crate::phone::Phone;

/// A setting the devices of an account share.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The collection it lives in.
    pub collection: &'static str,
    /// Its name and what it is about, as on the wire: `["mute", "15550002222@s.whatsapp.net"]`.
    pub index: Vec<String>,
    /// What it says.
    pub value: wa::SyncActionValue,
}

/// The zero that stands for nobody, and for no.
const NONE: &str = "0";
const YES: &str = "1";

impl Phone {
    /// All settings of the account, whichever device wrote them.
    pub fn app_state(&self) -> Vec<Setting> {
        self.shared.look(|state| {
            let Ok(person) = state.person(&self.number) else {
                return Vec::new();
            };
            let of = |collection: &super::Collection| {
                let name = collection.name();
                let setting = move |(index, value): (&Vec<String>, &wa::SyncActionValue)| Setting {
                    collection: name,
                    index: index.clone(),
                    value: value.clone(),
                };
                collection.settings().iter().map(setting).collect::<Vec<_>>()
            };
            person.app_state.collections.values().flat_map(of).collect()
        })
    }

    /// Waits until a setting is there.
    ///
    /// # Errors
    /// When none came in time.
    pub async fn waits_for_setting(&self, is_it: impl Fn(&Setting) -> bool, patience: Duration) -> anyhow::Result<()> {
        contact::until(&self.shared, || self.app_state().iter().any(&is_it), patience).await
    }

    /// Writes any setting, named by its index; every companion is told.
    ///
    /// # Errors
    /// When no setting has this name.
    pub fn sets(&self, index: &[&str], value: wa::SyncActionValue) -> anyhow::Result<()> {
        self.shared
            .act(|state| write(state, &self.number, vec![set(index, value)]))
    }

    /// Writes many settings; those of one collection in one step.
    ///
    /// # Errors
    /// When no setting has one of the names.
    pub fn sets_all(&self, settings: Vec<(Vec<String>, wa::SyncActionValue)>) -> anyhow::Result<()> {
        let changes = settings
            .into_iter()
            .map(|(index, value)| set(&index.iter().map(String::as_str).collect::<Vec<_>>(), value))
            .collect();
        self.shared.act(|state| write(state, &self.number, changes))
    }

    /// Removes a setting.
    ///
    /// # Errors
    /// When no setting has this name.
    pub fn unsets(&self, index: &[&str]) -> anyhow::Result<()> {
        let mut change = set(index, wa::SyncActionValue::default());
        change.is_removal = true;
        self.shared.act(|state| write(state, &self.number, vec![change]))
    }

    /// Mutes a chat until a time in milliseconds since 1970 (-1: for ever), or ends it.
    ///
    /// # Errors
    /// Never for a chat that has an address.
    pub fn mutes(&self, chat: &str, until: Option<i64>) -> anyhow::Result<()> {
        let value = wa::SyncActionValue {
            mute_action: MessageField::some(action::MuteAction {
                muted: Some(until.is_some()),
                mute_end_timestamp: Some(until.unwrap_or(0)),
                ..Default::default()
            }),
            ..Default::default()
        };
        self.sets(&["mute", chat], value)
    }

    /// Pins a chat, or ends it.
    ///
    /// # Errors
    /// Never for a chat that has an address.
    pub fn pins(&self, chat: &str, pinned: bool) -> anyhow::Result<()> {
        let value = wa::SyncActionValue {
            pin_action: MessageField::some(action::PinAction { pinned: Some(pinned) }),
            ..Default::default()
        };
        self.sets(&["pin_v1", chat], value)
    }

    /// Archives a chat, or takes it back.
    ///
    /// # Errors
    /// Never for a chat that has an address.
    pub fn archives(&self, chat: &str, archived: bool) -> anyhow::Result<()> {
        let value = wa::SyncActionValue {
            archive_chat_action: MessageField::some(action::ArchiveChatAction {
                archived: Some(archived),
                ..Default::default()
            }),
            ..Default::default()
        };
        self.sets(&["archive", chat], value)
    }

    /// Marks a chat as read or unread.
    ///
    /// # Errors
    /// Never for a chat that has an address.
    pub fn marks_read(&self, chat: &str, read: bool) -> anyhow::Result<()> {
        let value = wa::SyncActionValue {
            mark_chat_as_read_action: MessageField::some(action::MarkChatAsReadAction {
                read: Some(read),
                ..Default::default()
            }),
            ..Default::default()
        };
        self.sets(&["markChatAsRead", chat], value)
    }

    /// Stars a message of a chat, or ends it; `author` is `None` for its own and in chats of two.
    ///
    /// # Errors
    /// Never for a chat that has an address.
    pub fn stars(
        &self,
        chat: &str,
        (id, is_own): (&str, bool),
        author: Option<&str>,
        starred: bool,
    ) -> anyhow::Result<()> {
        let value = wa::SyncActionValue {
            star_action: MessageField::some(action::StarAction { starred: Some(starred) }),
            ..Default::default()
        };
        let own = if is_own { YES } else { NONE };
        self.sets(&["star", chat, id, own, author.unwrap_or(NONE)], value)
    }

    /// Deletes a message on all own devices, and nowhere else.
    ///
    /// # Errors
    /// Never for a chat that has an address.
    pub fn deletes_for_itself(
        &self,
        chat: &str,
        (id, is_own): (&str, bool),
        author: Option<&str>,
    ) -> anyhow::Result<()> {
        let value = wa::SyncActionValue {
            delete_message_for_me_action: MessageField::some(action::DeleteMessageForMeAction {
                delete_media: Some(true),
                ..Default::default()
            }),
            ..Default::default()
        };
        let own = if is_own { YES } else { NONE };
        self.sets(&["deleteMessageForMe", chat, id, own, author.unwrap_or(NONE)], value)
    }

    /// Deletes a chat.
    ///
    /// # Errors
    /// Never for a chat that has an address.
    pub fn deletes_chat(&self, chat: &str) -> anyhow::Result<()> {
        let value = wa::SyncActionValue {
            delete_chat_action: MessageField::some(action::DeleteChatAction::default()),
            ..Default::default()
        };
        self.sets(&["deleteChat", chat, YES], value)
    }

    /// Empties a chat of what was said in it until now.
    ///
    /// # Errors
    /// Never for a chat that has an address.
    pub fn clears_chat(&self, chat: &str) -> anyhow::Result<()> {
        let value = wa::SyncActionValue {
            clear_chat_action: MessageField::some(action::ClearChatAction {
                message_range: MessageField::some(action::SyncActionMessageRange {
                    last_message_timestamp: i64::try_from(clock::seconds()).ok(),
                    ..Default::default()
                }),
            }),
            ..Default::default()
        };
        self.sets(&["clearChat", chat, YES, YES], value)
    }

    /// Saves a number under a name in the address book.
    ///
    /// # Errors
    /// Never for digits.
    pub fn names_contact(&self, number: &str, name: &str) -> anyhow::Result<()> {
        let jid = format!("{number}@s.whatsapp.net");
        let lid = self.shared.look(|state| {
            let person = state.person(number).ok()?;
            Some(person.lid_jid().to_string())
        });
        let value = wa::SyncActionValue {
            contact_action: MessageField::some(action::ContactAction {
                full_name: Some(name.to_owned()),
                first_name: name.split(' ').next().map(ToOwned::to_owned),
                lid_jid: lid,
                save_on_primary_addressbook: Some(true),
                ..Default::default()
            }),
            ..Default::default()
        };
        self.sets(&["contact", &jid], value)
    }

    /// Takes a number out of the address book.
    ///
    /// # Errors
    /// Never for digits.
    pub fn forgets_contact(&self, number: &str) -> anyhow::Result<()> {
        self.unsets(&["contact", &format!("{number}@s.whatsapp.net")])
    }

    /// Makes or renames a label.
    ///
    /// # Errors
    /// Never.
    pub fn edits_label(&self, label: &str, name: &str, color: i32) -> anyhow::Result<()> {
        let value = wa::SyncActionValue {
            label_edit_action: MessageField::some(action::LabelEditAction {
                name: Some(name.to_owned()),
                color: Some(color),
                ..Default::default()
            }),
            ..Default::default()
        };
        self.sets(&["label_edit", label], value)
    }

    /// Puts a label on a chat, or takes it off.
    ///
    /// # Errors
    /// Never for a chat that has an address.
    pub fn labels(&self, label: &str, chat: &str, labeled: bool) -> anyhow::Result<()> {
        let value = wa::SyncActionValue {
            label_association_action: MessageField::some(action::LabelAssociationAction {
                labeled: Some(labeled),
                ..Default::default()
            }),
            ..Default::default()
        };
        self.sets(&["label_jid", label, chat], value)
    }

    /// From now on the settings of now are handed out as snapshots only, which are blobs.
    pub fn compacts_app_state(&self) {
        self.with_app_state(|account| {
            for collection in account.collections.values_mut() {
                collection.compact();
            }
        });
    }

    /// Whether what the phone writes from now on travels in blobs instead of in the patches.
    pub fn has_external_patches(&self, external: bool) {
        self.with_app_state(|account| account.has_external_patches = external);
    }

    /// The next patches of companions find that the phone was faster.
    pub fn is_faster_next(&self, times: usize) {
        self.with_app_state(|account| account.faults.conflicts += times);
    }

    /// The next patches of companions are refused with this code.
    pub fn refuses_settings(&self, code: u32, times: usize) {
        self.with_app_state(|account| account.faults.refusals.extend(std::iter::repeat_n(code, times)));
    }

    /// Writes with a new key from now on; the companions get it now, or have to ask for it.
    pub fn rotates_app_state_key(&self, is_shared: bool) {
        self.shared.act(|state| keys::rotate(state, &self.number, is_shared));
    }

    fn with_app_state(&self, change: impl FnOnce(&mut super::AppState)) {
        self.shared.act(|state| {
            if let Ok(person) = state.person_mut(&self.number) {
                change(&mut person.app_state);
            }
        });
    }
}
