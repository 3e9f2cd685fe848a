//! The names that the owner gave to people, asked for anew: one collection of what the owner's devices share.
//!
//! The library tells each change of it as it comes (`settings`), but not what is taken out. A whole copy says that: what
//! it does not name has no name any more.

use std::sync::{Arc, Mutex, PoisonError};

use whatsapp_rust::{
    Jid,
    prelude::{Event, EventHandler, EventInterest, EventKind},
    sync_task::MajorSyncTask,
    wacore::{appstate::patch_decode::WAPatchName, store::traits::AppSyncStore as _},
};

use super::{super::Error, Shared, ids::Spelling, keys::Keys, session::Session, settings, unreachable};
use crate::model::ContactId;

/// Where the address book is kept.
const BOOK: WAPatchName = WAPatchName::CriticalUnblockLow;

/// What was told while we listened.
#[derive(Default)]
struct Heard(Mutex<Vec<(Jid, Option<Jid>, String)>>);

impl EventHandler for Heard {
    fn handle_event(&self, event: Arc<Event>) {
        if let Event::ContactUpdate(update) = &*event
            && let Some(name) = settings::name(&update.action)
        {
            let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            heard.push((update.jid.clone(), settings::other(&update.action), name.to_owned()));
        }
    }

    fn interest(&self) -> EventInterest {
        EventInterest::of(&[EventKind::ContactUpdate])
    }
}

/// All names; `None` when the server did not tell. The library tries again by itself then, and tells as always.
///
/// # Errors
/// `NotLinked`, `Unreachable`.
pub(super) async fn ask(shared: &Shared, session: &Session) -> Result<Option<Vec<(ContactId, String)>>, Error> {
    session.ready(shared.config.connect_timeout()).await?;
    let keys = Keys::new(shared.keyring.clone(), session.device(), shared.clock.clone());
    let heard = Arc::new(Heard::default());
    let handler: Arc<dyn EventHandler> = Arc::<Heard>::clone(&heard);
    let listening = session.client().subscribe_handler(handler);
    // The library drops a copy that is not newer than what is stored (`snapshot_is_stale`). Without a version it asks for
    // everything; dying here only means that it does so at the next occasion.
    keys.forget_version(BOOK.as_str()).await.map_err(unreachable)?;
    let task = MajorSyncTask::AppStateSync {
        name: BOOK,
        full_sync: true,
    };
    session.client().process_sync_task(task).await;
    drop(listening);
    let now = keys.get_version(BOOK.as_str()).await.map_err(unreachable)?;
    // A part of the book that came meanwhile is told as always, and is not the whole.
    if now.version == 0 {
        return Ok(None);
    }
    let heard = std::mem::take(&mut *heard.0.lock().unwrap_or_else(PoisonError::into_inner));
    let mut names = Vec::with_capacity(heard.len());
    for (jid, other, name) in heard {
        if let Some(spelling) = Spelling::of(&jid, other.as_ref()) {
            names.push((shared.people.contact(&spelling).await.map_err(unreachable)?, name));
        }
    }
    Ok(Some(names))
}
