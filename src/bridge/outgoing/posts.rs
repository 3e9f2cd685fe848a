//! Own statuses, where they may be posted from here: to whom the owner's address book names.

use super::{super::error::Failure, stage::Stage};
use crate::{
    model::{Action, ChatKind, MessageId, Quote, Sender},
    store::Portal,
};

/// Seconds for which a status is shown.
const SHOWN_FOR: u32 = 24 * 60 * 60;

/// After which time something that is said with this quote is gone: where statuses are shown, what is no answer is one.
pub(super) fn shown_for(portal: &Portal, quote: Option<&Quote>) -> Option<u32> {
    (portal.kind == ChatKind::Status && !is_answer(quote)).then_some(SHOWN_FOR)
}

fn is_answer(quote: Option<&Quote>) -> bool {
    matches!(quote.and_then(|quote| quote.sender.as_ref()), Some(Sender::Contact(_)))
}

/// Whether something that is done where statuses are shown is about a status of the owner's.
pub(super) fn is_own(portal: &Portal, action: &Action) -> bool {
    portal.kind == ChatKind::Status
        && match action {
            Action::Say(say) => !is_answer(say.reply_to.as_ref()),
            Action::Delete { target } => target.sender == Sender::Owner,
            _ => false,
        }
}

/// Posts a status or takes one back.
pub(super) async fn act(stage: &Stage<'_>, id: &MessageId, action: &Action) -> Result<(), Failure> {
    let bridge = stage.desk.bridge;
    if !bridge.config.status_posts {
        return Err(Failure::Never(
            "answer a status to write to its author; your own statuses are posted on the phone, or from here when \
             `bridge.status_posts` is switched on"
                .to_owned(),
        ));
    }
    let key = &stage.portal.key;
    let named = {
        let mut read = bridge.store.read().await?;
        read.search_address_book(key.device, "", u32::MAX).await?
    };
    let audience: Vec<_> = named.into_iter().map(|(contact, _)| contact).collect();
    bridge.network.post(key, id, action, &audience).await?;
    Ok(())
}
