//! How a chat stands: what is stored of it, and over that what was asked for by REST and the network was not told yet.
//!
//! So whoever asks for something sees it at once, asking twice asks once, and what the network refuses is gone from here
//! with its job. Deliberately not here: the asking (`chat_changes`).

use crate::{
    model::{Action, ChatFacts, ChatMarks, Group, Lane, Mute, PortalKey, Work},
    store::{self, Tx},
};

/// How a chat stands.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Standing {
    /// As the phone told it when it was linked.
    pub(crate) facts: ChatFacts,
    /// How the owner marked it.
    pub(crate) marks: ChatMarks,
    /// Seconds after which new messages disappear.
    pub(crate) timer: Option<u32>,
    /// The group that it is, where that was looked up.
    pub(crate) group: Option<Group>,
    /// The owner is not in the group any more.
    pub(crate) gone: bool,
}

impl Standing {
    /// Carries out what is asked for; whether that changes anything.
    pub(super) fn apply(&mut self, action: &Action) -> bool {
        let before = self.clone();
        match action {
            Action::Mark(mark) => self.marks = self.marks.with(*mark),
            Action::Timer(timer) => self.timer = *timer,
            Action::Group(change) => {
                let Some(group) = &mut self.group else {
                    // Of a group that nobody knows anything is new.
                    return true;
                };
                group.apply(change);
            }
            _ => {}
        }
        *self != before
    }

    fn with(mut self, wishes: &[Action]) -> Self {
        for wish in wishes {
            self.apply(wish);
        }
        self
    }
}

/// How a chat stands, but for the group that it is.
pub(super) async fn of(tx: &mut Tx, key: &PortalKey) -> Result<Standing, store::Error> {
    let wishes = wishes(tx, key).await?;
    let standing = stored(tx, key).await?;
    Ok(standing.with(&wishes))
}

/// How a chat stands, the group that it is included.
pub(super) async fn with_group(tx: &mut Tx, key: &PortalKey) -> Result<Standing, store::Error> {
    let wishes = wishes(tx, key).await?;
    let mut standing = stored(tx, key).await?;
    if let Some(known) = tx.find_group(key).await? {
        standing.gone = known.gone;
        standing.group = Some(known.group);
    }
    Ok(standing.with(&wishes))
}

/// What was asked for and not told yet. To be looked up before what is stored: a wish that is fulfilled between the two is
/// then known by its effect, and carried out once more at most, which changes nothing.
async fn wishes(tx: &mut Tx, key: &PortalKey) -> Result<Vec<Action>, store::Error> {
    let jobs = tx.list_jobs(&Lane::outgoing(key), "change").await?;
    let wish = |work| match work {
        Work::Change(change) => Some(change.action),
        _ => None,
    };
    Ok(jobs.into_iter().filter_map(wish).collect())
}

async fn stored(tx: &mut Tx, key: &PortalKey) -> Result<Standing, store::Error> {
    let facts = tx.find_chat_facts(key).await?.unwrap_or_default();
    let mut marks = match tx.find_chat_marks(key).await? {
        Some(marked) => marked.marks,
        None => facts.marks(),
    };
    if !marks.is_muted(tx.now()) {
        marks.muted = Mute::No;
    }
    let timer = match tx.find_portal(key).await? {
        Some(_) => tx.find_portal_timer(key).await?,
        None => facts.timer,
    };
    Ok(Standing {
        facts,
        marks,
        timer,
        ..Standing::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ChatMark, GroupChange};

    #[test]
    fn what_is_asked_for_twice_changes_once() {
        let mut standing = Standing {
            group: Some(Group::default()),
            ..Standing::default()
        };
        let wishes = [
            Action::Mark(ChatMark::Archived(true)),
            Action::Mark(ChatMark::Muted(Mute::Forever)),
            Action::Timer(Some(86_400)),
            Action::Group(GroupChange::Title("Tea".into())),
        ];
        for wish in &wishes {
            assert!(standing.apply(wish), "{wish:?}");
            assert!(!standing.apply(wish), "{wish:?}");
        }
    }
}
