//! App state: the settings the devices of an account share, in encrypted collections.
//!
//! [`answer`] is called by [`super::queries`], [`write()`] by the verbs of `Phone`. The phone decodes every
//! patch of a companion and refuses what it cannot verify, so a broken client shows at once; the real
//! server would store it unread. What a setting means is not here.

mod collection;
mod keys;
mod settings;
mod sync;

use std::collections::{BTreeMap, VecDeque};

use anyhow::Context as _;
use whatsapp_rust::wacore::appstate::schemas;
use whatsapp_rust::waproto::whatsapp as wa;

use super::clock;
use super::state::State;
use collection::{Change, Collection};
use keys::Keys;

pub(crate) use keys::{requested, share_keys_once};
pub use settings::Setting;
pub(crate) use sync::answer;

/// The collections of one account.
pub(crate) struct AppState {
    raw_id: u32,
    keys: Keys,
    collections: BTreeMap<&'static str, Collection>,
    faults: Faults,
    /// Patches of the phone carry their mutations in a blob.
    has_external_patches: bool,
}

/// What goes wrong on purpose with the next patches of companions.
#[derive(Default)]
struct Faults {
    /// The phone writes first, so that they conflict.
    conflicts: usize,
    refusals: VecDeque<u32>,
}

impl AppState {
    pub(crate) fn new() -> Self {
        Self {
            raw_id: crate::server::step::random::<u32>() >> 1,
            keys: Keys::new(),
            collections: schemas::COLLECTIONS
                .iter()
                .map(|collection| (collection.as_str(), Collection::new(collection.as_str())))
                .collect(),
            faults: Faults::default(),
            has_external_patches: false,
        }
    }

    /// The name under which the owner saved a number in the address book.
    pub(crate) fn saved_name(&self, number: &str) -> Option<String> {
        let index = ["contact".to_owned(), format!("{number}@s.whatsapp.net")];
        let contacts = self.collections.get("critical_unblock_low")?.settings();
        contacts.get(index.as_slice())?.contact_action.full_name.clone()
    }

    /// The number of the account's device list.
    pub(crate) fn raw_id(&self) -> u32 {
        self.raw_id
    }
}

/// The phone writes settings, all of one collection in one patch, and every companion is told.
pub(crate) fn write(state: &mut State, number: &str, changes: Vec<Change>) -> anyhow::Result<()> {
    let mut by_collection: BTreeMap<&'static str, Vec<Change>> = BTreeMap::new();
    for change in changes {
        let name = change.index.first().map(String::as_str).unwrap_or_default();
        let schema = schema(name).with_context(|| format!("no setting is called {name}"))?;
        by_collection
            .entry(schema.collection.as_str())
            .or_default()
            .push(change);
    }
    let mut versions = Vec::new();
    for (name, changes) in by_collection {
        let version = write_to(state, number, name, &changes)?;
        versions.push((name, version));
    }
    sync::notify(state, number, None, &versions);
    Ok(())
}

/// A new value under an index of settings.
pub(crate) fn set(index: &[&str], value: wa::SyncActionValue) -> Change {
    Change {
        index: index.iter().map(|part| (*part).to_owned()).collect(),
        value: wa::SyncActionValue {
            timestamp: value.timestamp.or_else(|| i64::try_from(clock::seconds() * 1000).ok()),
            ..value
        },
        is_removal: false,
    }
}

fn write_to(state: &mut State, number: &str, name: &'static str, changes: &[Change]) -> anyhow::Result<u64> {
    let State {
        people,
        blobs,
        media_host,
        ..
    } = state;
    let account = &mut people.get_mut(number).context("nobody has this number")?.app_state;
    let collection = account.collections.get_mut(name).context("no such collection")?;
    let store = account.has_external_patches.then_some((blobs, media_host.as_str()));
    collection.write(&account.keys, changes, store)
}

fn schema(action: &str) -> Option<&'static schemas::Schema> {
    schemas::ALL.iter().find(|schema| schema.name == action)
}
