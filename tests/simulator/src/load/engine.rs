//! Traffic by plan: devices are linked, people and devices write to each other at a rate, and what arrived is
//! written down.
//!
//! Called by `simulator load`, by the control API for the accounts of a running simulator, and by tests. Who
//! writes what to whom is drawn from the plan's seed; when, from the rate.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde::Deserialize;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::time::Instant;
use whatsapp_rust::prelude::MessageBuilderExt as _;
use whatsapp_rust::wacore_binary::Jid;
use whatsapp_rust::waproto::whatsapp as wa;

use super::device::{LightDevice, Order, Troubles};
use super::report::{Fate, Report};
use crate::contact;
use crate::phone::Phone;
use crate::server::Server;
use crate::server::arrivals::Arrival;
use crate::server::state::Shared;

/// So many devices are linked at one time.
const LINKED_AT_ONCE: usize = 32;
/// How often messages are sent: those due since the last time go out together.
const TICK: Duration = Duration::from_millis(5);
/// How long after the last message the last one may arrive.
const PATIENCE: Duration = Duration::from_secs(15);
/// The people every device talks to.
const FRIENDS: usize = 3;

/// What a load is made of.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plan {
    /// Devices of their own account each; 0 takes the linked accounts there are.
    pub devices: usize,
    /// People who write to them.
    pub people: usize,
    /// Messages in a second, in both directions together.
    pub rate: u32,
    /// How long.
    pub seconds: u32,
    /// Where chance comes from.
    pub seed: u64,
    /// The percentage of messages that the devices write; accounts that were there before only read.
    pub answers: u32,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            devices: 10,
            people: 10,
            rate: 100,
            seconds: 10,
            seed: 1,
            answers: 50,
        }
    }
}

/// Somebody who is written to, and writes when there are orders.
struct Party {
    number: String,
    friends: Vec<String>,
    orders: Option<UnboundedSender<Order>>,
}

/// Carries a plan out.
///
/// # Errors
/// When the plan is empty or the devices cannot be linked.
pub async fn run(server: &Server, plan: &Plan) -> anyhow::Result<Report> {
    let begun = Instant::now();
    let troubles = Arc::<Troubles>::default();
    let parties = linked(server, plan, &troubles).await?;
    let linking = begun.elapsed();
    let mut report = traffic(&server.shared, plan, &parties).await?;
    report.linking = linking;
    report.unreadable = troubles.unreadable.load(Ordering::Relaxed);
    report.refused = troubles.refused.load(Ordering::Relaxed);
    Ok(report)
}

/// Carries a plan out on the accounts that are linked already; devices of others only read.
pub(crate) async fn run_here(shared: &Arc<Shared>, plan: &Plan) -> anyhow::Result<Report> {
    let numbers: Vec<String> = shared.look(|state| {
        let linked = state.people.values().filter(|person| !person.companions.is_empty());
        linked.map(|person| person.number.clone()).collect()
    });
    let parties = numbers
        .into_iter()
        .enumerate()
        .map(|(index, number)| Party {
            number,
            friends: friends(index, plan.people),
            orders: None,
        })
        .collect::<Vec<_>>();
    make_people(shared, plan)?;
    traffic(shared, plan, &parties).await
}

async fn linked(server: &Server, plan: &Plan, troubles: &Arc<Troubles>) -> anyhow::Result<Vec<Party>> {
    make_people(&server.shared, plan)?;
    stream::iter(0..plan.devices)
        .map(|index| link(server, plan, index, Arc::clone(troubles)))
        .buffered(LINKED_AT_ONCE)
        .try_collect()
        .await
}

async fn link(server: &Server, plan: &Plan, index: usize, troubles: Arc<Troubles>) -> anyhow::Result<Party> {
    let phone: Phone = server.phone(&format!("15551{index:06}"), &format!("Account {index}"));
    let mut device = LightDevice::link(&server.url(), &phone, troubles)
        .await
        .with_context(|| format!("device {index}"))?;
    let friends = friends(index, plan.people);
    let jids: Vec<Jid> = friends.iter().map(|number| Jid::pn(number.as_str())).collect();
    device.meets(&jids).await?;
    let (orders, taken) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        if let Err(error) = device.lives(taken).await {
            tracing::warn!("device {index} ended: {error:#}");
        }
    });
    Ok(Party {
        number: phone.number,
        friends,
        orders: Some(orders),
    })
}

fn make_people(shared: &Shared, plan: &Plan) -> anyhow::Result<()> {
    ensure!(plan.people > 0 && plan.rate > 0, "a load needs people and a rate");
    (0..plan.people).try_for_each(|index| {
        let name = format!("Person {index}");
        shared.act(|state| state.ensure_person(&person(index), &name).map(|_| ()))
    })
}

fn person(index: usize) -> String {
    format!("15552{index:06}")
}

fn friends(index: usize, people: usize) -> Vec<String> {
    let count = FRIENDS.min(people);
    (0..count).map(|nth| person((index + nth) % people)).collect()
}

/// Sends at the rate and waits for what is on its way.
async fn traffic(shared: &Arc<Shared>, plan: &Plan, parties: &[Party]) -> anyhow::Result<Report> {
    ensure!(!parties.is_empty(), "no account has a linked device");
    let (tap, arrivals) = mpsc::unbounded_channel();
    shared.act(|state| state.arrivals.tap = Some(tap));
    let total = u64::from(plan.rate) * u64::from(plan.seconds);
    let mut dice = StdRng::seed_from_u64(plan.seed);
    let mut book = Book::new(arrivals);
    let begun = Instant::now();
    let mut ticks = tokio::time::interval(TICK);
    let mut sent = 0;
    while sent < total {
        ticks.tick().await;
        let due = begun.elapsed().as_micros() * u128::from(plan.rate) / 1_000_000;
        let due = u64::try_from(due).unwrap_or(total).min(total);
        while sent < due {
            send(shared, plan, parties, &mut dice, &mut book, sent);
            sent += 1;
        }
        book.read();
    }
    let sending = begun.elapsed();
    book.wait().await;
    shared.act(|state| state.arrivals.tap = None);
    Ok(Report::of(book.fates.into_values(), sending))
}

fn send(shared: &Shared, plan: &Plan, parties: &[Party], dice: &mut StdRng, book: &mut Book, nth: u64) {
    let (Some(party), answers) = (
        parties.get(dice.random_range(0..parties.len())),
        dice.random_range(0..100) < plan.answers,
    ) else {
        return;
    };
    let Some(friend) = party.friends.get(dice.random_range(0..party.friends.len().max(1))) else {
        return;
    };
    let id = format!("3EB0L{:06X}{nth:09X}", plan.seed & 0x00FF_FFFF);
    let text = format!("message {nth}");
    match &party.orders {
        Some(orders) if answers => {
            book.sent(&id, 1);
            let order = Order {
                to: Jid::pn(friend.as_str()),
                id,
                text,
            };
            // A device that ended is seen in what got lost.
            let _ = orders.send(order);
        }
        _ => {
            let readers = shared.look(|state| state.person(&party.number).map_or(0, |one| one.companions.len()));
            book.sent(&id, readers);
            shared.act(|state| {
                contact::say(state, friend, &party.number, Some(&id), wa::Message::text(text));
            });
        }
    }
}

/// What was sent and what came of it.
struct Book {
    arrivals: UnboundedReceiver<Arrival>,
    fates: HashMap<String, Fate>,
    open: usize,
}

impl Book {
    fn new(arrivals: UnboundedReceiver<Arrival>) -> Self {
        Self {
            arrivals,
            fates: HashMap::new(),
            open: 0,
        }
    }

    fn sent(&mut self, id: &str, readers: usize) {
        self.open += readers;
        self.fates.insert(id.to_owned(), Fate::new(readers));
    }

    fn read(&mut self) {
        while let Ok(arrival) = self.arrivals.try_recv() {
            self.note(&arrival);
        }
    }

    fn note(&mut self, arrival: &Arrival) {
        if let Some(fate) = self.fates.get_mut(&arrival.id)
            && fate.arrived(arrival)
        {
            self.open -= 1;
        }
    }

    /// Waits until all arrived or nothing more comes.
    async fn wait(&mut self) {
        let end = Instant::now() + PATIENCE;
        while self.open > 0 {
            match tokio::time::timeout_at(end, self.arrivals.recv()).await {
                Ok(Some(arrival)) => self.note(&arrival),
                Ok(None) | Err(_) => return,
            }
        }
        self.read();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::clock::Clock;
    use crate::server::companion::{Companion, Keys};
    use crate::signal::Peer;

    /// What a load brings two accounts whose devices are away: from whom, under which id, which words.
    async fn brings(seed: u64) -> anyhow::Result<Vec<[String; 4]>> {
        let shared = Shared::new(Some(1), Clock::at(1_800_000_000));
        let accounts = ["15550001111", "15550003333"];
        shared.act(|state| {
            for number in accounts {
                state.ensure_person(number, "Account")?;
                let keys = Keys::of_registration(&Peer::new(7)?.registration_data()).context("keys")?;
                let device = Companion::new(1, [1; 32], keys, Vec::new());
                state.person_mut(number)?.companions.insert(1, device);
            }
            anyhow::Ok(())
        })?;
        let plan = Plan {
            people: 5,
            rate: 40,
            seconds: 1,
            seed,
            ..Plan::default()
        };
        let report = run_here(&shared, &plan).await?;
        ensure!((report.sent, report.lost) == (40, 40), "{report}");
        shared.look(|state| {
            let mut all = Vec::new();
            for number in accounts {
                let got = state.person(number)?.inbox.all();
                all.extend(got.map(|one| {
                    let text = one.text.clone().unwrap_or_default();
                    [number.to_owned(), one.from.clone(), one.id.clone(), text]
                }));
            }
            Ok(all)
        })
    }

    #[tokio::test(start_paused = true)]
    async fn one_seed_lets_the_same_people_write_the_same_to_the_same_accounts() -> anyhow::Result<()> {
        let once = brings(7).await?;
        assert_eq!(once.len(), 40);
        assert_eq!(once, brings(7).await?);
        let who = |all: Vec<[String; 4]>| all.into_iter().map(|[to, from, ..]| (to, from)).collect::<Vec<_>>();
        assert_ne!(who(once), who(brings(8).await?));
        Ok(())
    }
}
