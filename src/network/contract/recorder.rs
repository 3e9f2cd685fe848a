//! An intake that remembers what it was told, and refuses when asked to.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::Notify;

use super::PATIENCE;
use crate::{
    model::{DeviceId, Event, LinkSignal, News, Typing},
    network::{Intake, IntakeClosed},
};

#[derive(Debug, Default)]
pub(super) struct Recorder {
    told: Mutex<Told>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Told {
    events: Vec<Event>,
    news: Vec<News>,
    refusals_left: usize,
    refused: usize,
}

impl Recorder {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next so many batches are refused.
    pub(super) fn refuses(&self, batches: usize) {
        self.told().refusals_left = batches;
    }

    pub(super) fn refused(&self) -> usize {
        self.told().refused
    }

    pub(super) fn events(&self) -> Vec<Event> {
        self.told().events.clone()
    }

    /// Forgets the news, so that only new ones are waited for.
    pub(super) fn forgets_news(&self) {
        self.told().news.clear();
    }

    /// Waits until there are so many events, each message counted once.
    pub(super) async fn waits_for(&self, count: usize) -> Vec<Event> {
        self.until("events", |told| {
            let mut events = told.events.clone();
            let mut seen = std::collections::HashSet::new();
            events.retain(|event| seen.insert((event.chat.clone(), event.sender.clone(), event.id.clone())));
            (events.len() >= count).then_some(events)
        })
        .await
    }

    /// Waits for the first event of which `is_it` is true.
    pub(super) async fn until_event(&self, is_it: impl Fn(&Event) -> bool) -> Event {
        self.until("an event", |told| {
            told.events.iter().find(|event| is_it(event)).cloned()
        })
        .await
    }

    /// Waits for news of a link; `Lost` matches any moment.
    pub(super) async fn hears(&self, device: DeviceId, expected: LinkSignal) {
        let is_it = |signal: &LinkSignal| match (signal, &expected) {
            (LinkSignal::Lost(_), LinkSignal::Lost(_)) => true,
            (signal, expected) => signal == expected,
        };
        self.until(&format!("{expected:?}"), |told| {
            told.news
                .iter()
                .any(|news| matches!(news, News::Link { device: of, signal } if *of == device && is_it(signal)))
                .then_some(())
        })
        .await;
    }

    /// Waits for somebody to begin or stop typing.
    pub(super) async fn hears_typing(&self, expected: Typing) {
        self.until("typing", |told| {
            told.news
                .iter()
                .any(|news| matches!(news, News::Typing { typing, .. } if *typing == expected))
                .then_some(())
        })
        .await;
    }

    async fn until<T>(&self, what: &str, look: impl Fn(&Told) -> Option<T>) -> T {
        let found = async {
            loop {
                let changed = self.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if let Some(found) = look(&self.told()) {
                    return found;
                }
                changed.await;
            }
        };
        let found = tokio::time::timeout(PATIENCE, found).await.ok();
        found.unwrap_or_else(|| panic!("waited in vain for {what}; told so far: {:#?}", self.told()))
    }
}

#[async_trait]
impl Intake for Recorder {
    async fn accept(&self, events: Vec<Event>) -> Result<(), IntakeClosed> {
        let mut told = self.told();
        if told.refusals_left > 0 {
            told.refusals_left -= 1;
            told.refused += 1;
            return Err(IntakeClosed("told to refuse".into()));
        }
        told.events.extend(events);
        drop(told);
        self.changed.notify_waiters();
        Ok(())
    }

    async fn remember(&self, _: DeviceId, _: &str) -> Result<(), IntakeClosed> {
        Ok(())
    }

    fn news(&self, news: News) {
        self.told().news.push(news);
        self.changed.notify_waiters();
    }
}
