//! Everything the simulated WhatsApp knows, behind one lock: a stanza or a verb is one step.
//!
//! The stanza families get `&mut State`; nobody holds the lock while waiting. Nothing is kept on disk.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, ensure};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tokio::sync::watch;
use whatsapp_rust::wacore_binary::{Jid, Node};

use super::app_state::AppState;
use super::arrivals::Arrivals;
use super::blocklist::Report;
use super::calls::Calls;
use super::chat_state::ChatStates;
use super::clock::Clock;
use super::companion::{Companion, Device};
use super::faults::Faults;
use super::groups::Groups;
use super::history::Memory;
use super::link_code::CodeRequest;
use super::linking::Candidate;
use super::newsletters::Newsletters;
use super::outlet::{Out, Outlet};
use super::passkey::{self, Ceremony};
use super::person::{Conduct, Person};
use super::pictures::Pictures;
use super::presence::Presence;
use super::privacy::Privacy;
use super::profile::Profile;
use super::service::Dirt;
use super::step;
use crate::contact::Inbox;
use crate::media::Blobs;
use crate::signal::{Chains, Peer};
use crate::wire::{Identity, Pace};

/// The LIDs begin here; they are as long as real ones and look like no number.
const FIRST_LID: u64 = 100_000_000_000_001;

/// A running simulator, shared by its sockets, its control API and the library's handles.
pub(crate) struct Shared {
    state: Mutex<State>,
    changed: watch::Sender<u64>,
    clock: Clock,
    /// What goes wrong on the wire itself.
    pub(crate) pace: Pace,
}

impl Shared {
    /// A new world; the same seed and clock make the same one again.
    pub(crate) fn new(seed: Option<u64>, clock: Clock) -> Arc<Self> {
        let shared = Self {
            state: Mutex::default(),
            changed: watch::Sender::new(0),
            clock,
            pace: Pace::default(),
        };
        shared.act(|state| state.dice = seed.map(StdRng::seed_from_u64));
        shared.act(|state| state.noise = Identity::new());
        Arc::new(shared)
    }

    /// Does one step and tells everyone who waits.
    pub(crate) fn act<R>(&self, step: impl FnOnce(&mut State) -> R) -> R {
        let result = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let dice = state.dice.take().unwrap_or_else(rand::make_rng);
            let (result, dice) = step::within(dice, self.clock.now(), || step(&mut state));
            // A step that set the dice itself keeps its own.
            state.dice = state.dice.take().or(dice);
            result
        };
        self.changed.send_modify(|count| *count += 1);
        result
    }

    /// Looks without changing anything.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&State) -> R) -> R {
        look(&self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Wakes at every step.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}

/// All state.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) people: BTreeMap<String, Person>,
    lids: HashMap<String, String>,
    /// Noise keys of linked devices: the only thing a login is trusted for.
    pub(crate) logins: HashMap<[u8; 32], Device>,
    /// The server's questions that wait for an answer, by their id, and whom they were asked.
    pub(crate) pings: BTreeMap<String, String>,
    pub(crate) links: BTreeMap<u64, Link>,
    /// QR references shown by connections that wait to be linked.
    pub(crate) qr_refs: HashMap<String, u64>,
    pub(crate) codes: HashMap<String, CodeRequest>,
    pub(crate) faults: Faults,
    pub(crate) groups: Groups,
    /// The sender keys linked devices gave to people.
    pub(crate) chains: Chains,
    pub(crate) pictures: Pictures,
    pub(crate) chat_states: ChatStates,
    pub(crate) newsletters: Newsletters,
    pub(crate) calls: Calls,
    pub(crate) reports: Vec<Report>,
    pub(crate) blobs: Blobs,
    /// Who has written to whom from a linked device: they hear of each other's new devices.
    pub(crate) acquaintances: BTreeSet<(String, String)>,
    /// What devices were told to look at again and did not confirm yet.
    pub(crate) dirt: Dirt,
    /// Passkeys of accounts, by number.
    pub(crate) passkeys: HashMap<String, passkey::Known>,
    /// Connections that are being linked with a passkey.
    pub(crate) ceremonies: HashMap<u64, Ceremony>,
    /// Whoever measures listens here.
    pub(crate) arrivals: Arrivals,
    /// What happened to the connections of an account.
    pub(crate) history: HashMap<String, History>,
    /// How many key bundles clients fetched, each for one device.
    pub(crate) bundles_given: usize,
    /// The address media are up- and downloaded at.
    pub(crate) media_host: String,
    /// Who the server is to its clients.
    pub(crate) noise: Identity,
    /// Whether a phone is found by the push name of the registering client.
    pub(crate) phones_by_name: bool,
    counter: u64,
    /// Everything random comes from here; taken out while a step draws from it.
    dice: Option<StdRng>,
}

/// What happened to the connections of an account.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct History {
    /// The most devices connected at one time.
    pub(crate) most_sockets: usize,
    /// Logins that pushed an older connection of the same device out.
    pub(crate) replacements: usize,
    /// Logins by a full handshake, and by the short one of a client that knows the server's key.
    pub(crate) full_handshakes: usize,
    pub(crate) short_handshakes: usize,
    /// Logins by the handshake of a client that knew another key of the server.
    pub(crate) fallbacks: usize,
    /// Logins that began with the routing data of an earlier connection.
    pub(crate) routed: usize,
}

/// One open connection.
pub(crate) struct Link {
    pub(crate) out: Outlet,
    pub(crate) role: Role,
}

/// Who is at the other end.
pub(crate) enum Role {
    /// A device that wants to be linked.
    Candidate(Box<Candidate>),
    /// A linked device.
    Device(Device),
}

impl State {
    /// A number never used before in this simulator.
    pub(crate) fn next(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    /// A message id as phones make them: unique and unguessable.
    pub(crate) fn next_message_id(&mut self) -> String {
        format!("3EB0{:016X}{:04X}", step::random::<u64>(), self.next() & 0xFFFF)
    }

    /// The person with this number, made when there is none.
    pub(crate) fn ensure_person(&mut self, number: &str, name: &str) -> anyhow::Result<&mut Person> {
        check_number(number)?;
        if !self.people.contains_key(number) {
            let lid = (FIRST_LID + self.next()).to_string();
            let registration = u32::try_from(self.counter % 16_000).unwrap_or_default() + 1;
            let person = Person {
                number: number.to_owned(),
                lid: lid.clone(),
                name: name.to_owned(),
                conduct: Conduct::default(),
                peer: Peer::new(registration)?,
                companions: BTreeMap::new(),
                next_device: 1,
                app_state: AppState::new(),
                sent: HashMap::new(),
                inbox: Inbox::default(),
                memory: Memory::default(),
                profile: Profile::default(),
                privacy: Privacy::default(),
                presence: Presence::default(),
            };
            self.lids.insert(lid, number.to_owned());
            self.people.insert(number.to_owned(), person);
        }
        self.person_mut(number)
    }

    /// Gives a person another number; everything else stays.
    pub(crate) fn rename_person(&mut self, old: &str, new: &str) -> anyhow::Result<()> {
        let lid = self.ensure_person(new, "")?.lid.clone();
        let mut person = self.people.remove(old).context("nobody has this number")?;
        self.lids.remove(&lid);
        self.lids.insert(person.lid.clone(), new.to_owned());
        new.clone_into(&mut person.number);
        self.people.insert(new.to_owned(), person);
        Ok(())
    }

    pub(crate) fn person(&self, number: &str) -> anyhow::Result<&Person> {
        self.people.get(number).context("nobody has this number")
    }

    pub(crate) fn person_mut(&mut self, number: &str) -> anyhow::Result<&mut Person> {
        self.people.get_mut(number).context("nobody has this number")
    }

    pub(crate) fn companion_mut(&mut self, device: &Device) -> Option<&mut Companion> {
        self.people.get_mut(&device.number)?.companions.get_mut(&device.id)
    }

    /// The device behind an address, by number or LID; `None` when nobody answers there.
    pub(crate) fn resolve(&self, jid: &Jid) -> Option<Device> {
        let number = if jid.is_lid() {
            self.lids.get(jid.user.as_str())?.clone()
        } else if jid.is_pn() {
            jid.user.to_string()
        } else {
            return None;
        };
        let person = self.people.get(&number)?;
        (!person.conduct.is_unregistered).then_some(Device { number, id: jid.device })
    }

    /// Sends to a connection, whoever it is.
    pub(crate) fn send(&self, link: u64, stanza: Node) {
        if let Some(link) = self.links.get(&link) {
            // The connection may have ended this moment; then nobody misses the stanza.
            let _ = link.out.send(Out::Stanza(stanza));
        }
    }

    /// Ends a connection after what was sent before.
    pub(crate) fn close(&self, link: u64) {
        if let Some(link) = self.links.get(&link) {
            let _ = link.out.send(Out::Close);
        }
    }

    /// Owes a stanza to every companion of an account, except one.
    pub(crate) fn push_to_companions(&mut self, number: &str, except: Option<u16>, stanza: &Node) {
        if let Some(person) = self.people.get_mut(number) {
            for companion in person.companions.values_mut().filter(|one| Some(one.id) != except) {
                companion.push(stanza.clone());
            }
        }
    }

    /// The companions of an account with an open connection.
    pub(crate) fn sockets(&self, number: &str) -> usize {
        self.links
            .values()
            .filter(|link| matches!(&link.role, Role::Device(device) if device.number == number))
            .count()
    }
}

fn check_number(number: &str) -> anyhow::Result<()> {
    ensure!(
        !number.is_empty() && number.len() <= 15 && number.bytes().all(|byte| byte.is_ascii_digit()),
        "a number is 1 to 15 digits"
    );
    Ok(())
}
