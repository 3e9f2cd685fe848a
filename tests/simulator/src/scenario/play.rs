//! A scenario on stage: the steps one after the other, and beside them the answers to what the account says.
//!
//! Called by the binary and by the control API. Time passes really, chance comes from the script's seed: two
//! plays of one script say the same in the same order.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use whatsapp_rust::wacore_binary::Jid;

use super::script::{Act, Circle, Deed, Pause, Rule, Script};
use crate::contact::{self, Attachment, Kind, Received, Speech, place, speech};
use crate::server::calls::{self, Occasion};
use crate::server::groups::{self, Draft};
use crate::server::person::Addressing;
use crate::server::state::{Shared, State};
use crate::server::{Typing, presence};

/// The picture people show when they have no other.
const HARBOUR: &[u8] = include_bytes!("../../media/harbour.png");
/// The voice message of somebody who has nothing to say.
const QUIET_ROOM: &[u8] = include_bytes!("../../media/voice.ogg");
/// The longest pause, in seconds.
const LONGEST: f64 = 86_400.0;

/// Plays a script until its end; one that repeats has none.
///
/// # Errors
/// When a person has no number.
pub(crate) async fn play(shared: Arc<Shared>, script: Script) -> anyhow::Result<()> {
    shared.act(|state| {
        state.ensure_person(&script.account, "Demo Phone")?;
        for cast in &script.people {
            let person = state.ensure_person(&cast.number, &cast.name)?;
            if cast.lid {
                person.conduct.addressing = Addressing::Lid;
            }
        }
        anyhow::Ok(())
    })?;
    account_is_linked(&shared, &script.account).await;
    let groups = shared.act(|state| {
        let made = script.groups.iter().map(|circle| {
            let address = found_or_made(state, &script, circle)?;
            anyhow::Ok((circle.name.clone(), address))
        });
        made.collect::<anyhow::Result<_>>()
    })?;
    let stage = Arc::new(Stage {
        labels: Mutex::default(),
        groups,
        script,
        shared,
    });
    let listeners: Vec<_> = (0..)
        .zip(&stage.script.people)
        .map(|(nth, cast)| {
            let stage = Arc::clone(&stage);
            let name = cast.name.clone();
            tokio::spawn(async move { stage.listens(&name, nth).await })
        })
        .collect();
    let mut dice = StdRng::seed_from_u64(stage.script.seed);
    loop {
        for step in &stage.script.steps {
            pause(step.after, &mut dice).await;
            let scene = stage.scene(&step.who, step.group.as_deref(), None);
            let id = stage.does(&scene, step.typing, &step.act).await;
            if let (Some(label), Some(id)) = (&step.label, id) {
                stage.label(label, id);
            }
        }
        if !stage.script.repeat || stage.script.steps.is_empty() {
            break;
        }
    }
    if stage.script.when.is_empty() {
        for listener in listeners {
            listener.abort();
        }
    } else {
        for listener in listeners {
            // A listener ends with the simulator; there is nothing more to do then.
            let _ = listener.await;
        }
    }
    Ok(())
}

/// Nobody writes before somebody can read.
async fn account_is_linked(shared: &Shared, account: &str) {
    let linked = || {
        shared.look(|state| {
            let account = state.person(account);
            account.is_ok_and(|person| person.companions.values().any(|one| one.socket.is_some()))
        })
    };
    let mut changes = shared.changes();
    while !linked() && changes.changed().await.is_ok() {}
}

/// The address of a group of the script; one that an earlier play made is used again.
fn found_or_made(state: &mut State, script: &Script, circle: &Circle) -> anyhow::Result<String> {
    let members: Vec<String> = circle
        .members
        .iter()
        .map(|name| script.number(name).to_owned())
        .collect();
    let (creator, others) = members.split_first().context("a group needs somebody")?;
    let known = state
        .groups
        .of(creator)
        .find(|group| group.creator == *creator && group.subject.text == circle.name && group.has(&script.account));
    if let Some(known) = known {
        return Ok(known.jid().to_string());
    }
    let mut people = others.to_vec();
    people.push(script.account.clone());
    let draft = Draft {
        subject: circle.name.clone(),
        people,
        by_lid: circle.lid,
        ..Draft::default()
    };
    let id = groups::create(state, creator, draft)?;
    Ok(state.groups.get(&id)?.jid().to_string())
}

struct Stage {
    shared: Arc<Shared>,
    script: Script,
    /// The addresses of the groups, by name.
    groups: BTreeMap<String, String>,
    labels: Mutex<BTreeMap<String, String>>,
}

/// Who does something, and where.
struct Scene<'a> {
    who: &'a str,
    /// A number or the address of a group.
    place: &'a str,
    /// The message that is answered.
    told: Option<&'a str>,
}

impl Stage {
    fn scene<'a>(&'a self, who: &'a str, group: Option<&str>, told: Option<&'a str>) -> Scene<'a> {
        let group = group.and_then(|name| self.groups.get(name));
        Scene {
            who: self.script.number(who),
            place: group.map_or(self.script.account.as_str(), String::as_str),
            told,
        }
    }

    fn label(&self, label: &str, id: String) {
        let mut labels = self.labels.lock().unwrap_or_else(PoisonError::into_inner);
        labels.insert(format!("@{label}"), id);
    }

    fn resolve(&self, scene: &Scene<'_>, id: &str) -> String {
        if let (Some(told), "@told") = (scene.told, id) {
            return told.to_owned();
        }
        let labels = self.labels.lock().unwrap_or_else(PoisonError::into_inner);
        labels.get(id).cloned().unwrap_or_else(|| id.to_owned())
    }

    /// Somebody does something; answers the id of a message.
    async fn does(&self, scene: &Scene<'_>, typing: f64, act: &Act) -> Option<String> {
        if typing > 0.0 {
            self.types(scene, typing).await;
        }
        match act {
            Act::Says(speech) => self.says(scene, speech.clone()),
            Act::Does(deed) => self.acts(scene, deed).await,
        }
    }

    async fn acts(&self, scene: &Scene<'_>, deed: &Deed) -> Option<String> {
        let (from, account) = (scene.who, self.script.account.as_str());
        match deed {
            Deed::Types { seconds } => self.types(scene, *seconds).await,
            Deed::Reads { id } => {
                let id = self.resolve(scene, id);
                self.shared.act(|state| place::reads(state, from, scene.place, &[id]));
            }
            Deed::Online => self.is_online(from, true),
            Deed::Offline => self.is_online(from, false),
            Deed::Calls { seconds, video } => {
                let occasion = Occasion {
                    is_video: *video,
                    group: place::group_id(scene.place).map(Jid::group),
                    ..Occasion::default()
                };
                let call = self.shared.act(|state| calls::offer(state, from, account, &occasion));
                sleep(*seconds).await;
                self.shared.act(|state| calls::hang_up(state, &call));
            }
            Deed::Image { file, caption } => {
                let bytes = file_or(file.as_deref(), HARBOUR)?;
                let caption = caption.as_deref();
                return self.sends(scene, Attachment::Image { bytes: &bytes, caption });
            }
            Deed::Voice { file, seconds } => {
                let bytes = file_or(file.as_deref(), QUIET_ROOM)?;
                let voice = Attachment::Audio {
                    bytes: &bytes,
                    seconds: *seconds,
                    is_voice: true,
                };
                return self.sends(scene, voice);
            }
            Deed::Document { name, text } => {
                let file = Attachment::Document {
                    bytes: text.as_bytes(),
                    name,
                    caption: None,
                };
                return self.sends(scene, file);
            }
        }
        None
    }

    fn is_online(&self, who: &str, online: bool) {
        self.shared.act(|state| presence::set_online(state, who, online, None));
    }

    fn sends(&self, scene: &Scene<'_>, attachment: Attachment<'_>) -> Option<String> {
        let message = contact::attached(&self.shared, attachment)
            .inspect_err(|error| tracing::warn!("a medium of the scenario failed: {error:#}"))
            .ok()?;
        let said = self
            .shared
            .act(|state| place::say(state, scene.who, scene.place, None, message));
        said.inspect_err(|error| tracing::warn!("a step of the scenario failed: {error:#}"))
            .ok()
    }

    fn says(&self, scene: &Scene<'_>, mut speech: Speech) -> Option<String> {
        if let Some(id) = speech.about_mut() {
            *id = self.resolve(scene, id);
        }
        let said = self.shared.act(|state| {
            let message = speech::compose(state, scene.who, scene.place, speech)?;
            place::say(state, scene.who, scene.place, None, message)
        });
        said.inspect_err(|error| tracing::warn!("a step of the scenario failed: {error:#}"))
            .ok()
    }

    async fn types(&self, scene: &Scene<'_>, seconds: f64) {
        let shows = |typing| {
            self.shared
                .act(|state| place::types(state, scene.who, scene.place, typing));
        };
        shows(Typing::Composing);
        sleep(seconds).await;
        shows(Typing::Paused);
    }

    /// Answers what the account tells one person, for as long as the simulator runs.
    async fn listens(&self, who: &str, nth: u64) {
        let number = self.script.number(who);
        let mut rules: Vec<(u32, &Rule)> = self
            .script
            .when
            .iter()
            .filter(|rule| rule.who == who)
            .map(|rule| (0, rule))
            .collect();
        let mut dice = StdRng::seed_from_u64(self.script.seed.wrapping_add(nth + 1));
        let mut changes = self.shared.changes();
        let mut heard = 0;
        loop {
            changes.borrow_and_update();
            let news: Vec<Arc<Received>> = self.shared.look(|state| {
                let person = state.person(number);
                person.map_or_else(|_| Vec::new(), |person| person.inbox.read_since(heard).to_vec())
            });
            heard += news.len();
            for told in news.iter().filter(|told| self.is_said_by_account(told)) {
                let text = told.text.as_deref().unwrap_or_default().to_lowercase();
                let rule = rules.iter_mut().find(|(times, rule)| {
                    let place = rule.group.as_ref().and_then(|name| self.groups.get(name));
                    place == told.chat.as_ref()
                        && (rule.times == 0 || *times < rule.times)
                        && text.contains(&rule.told.to_lowercase())
                });
                if let Some((times, rule)) = rule {
                    *times += 1;
                    self.answers(rule, &told.id, &mut dice).await;
                }
            }
            if news.is_empty() && changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Reactions and words between clients are not answered.
    fn is_said_by_account(&self, told: &Received) -> bool {
        told.from == self.script.account && !matches!(told.kind, Kind::Reaction | Kind::Protocol)
    }

    async fn answers(&self, rule: &Rule, told: &str, dice: &mut StdRng) {
        let scene = self.scene(&rule.who, rule.group.as_deref(), Some(told));
        let chosen = dice.random_range(0..rule.answers.len().max(1));
        for (index, reply) in rule.answers.iter().enumerate() {
            if !rule.choose || index == chosen {
                pause(reply.after, dice).await;
                self.does(&scene, reply.typing, &reply.act).await;
            }
        }
    }
}

async fn pause(pause: Pause, dice: &mut StdRng) {
    let seconds = match pause {
        Pause::Fixed(seconds) => seconds,
        Pause::Between([from, to]) if from < to => dice.random_range(from..to),
        Pause::Between([from, _]) => from,
    };
    sleep(seconds).await;
}

async fn sleep(seconds: f64) {
    tokio::time::sleep(Duration::from_secs_f64(seconds.clamp(0.0, LONGEST))).await;
}

fn file_or(file: Option<&Path>, usual: &[u8]) -> Option<Vec<u8>> {
    let Some(path) = file else {
        return Some(usual.to_vec());
    };
    std::fs::read(path)
        .inspect_err(|error| tracing::warn!("{} cannot be read: {error}", path.display()))
        .ok()
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;
    use whatsapp_rust::wacore_binary::marshal;

    use super::*;
    use crate::server::clock::Clock;
    use crate::server::companion::{Companion, Keys};
    use crate::server::outlet::pipe;
    use crate::server::queue::Socket;
    use crate::signal::Peer;

    /// The lively scenario from its first step to its last, with all its pauses, which take no time here: how long it took,
    /// and what the account's device is owed, byte for byte.
    async fn plays(seed: u64) -> anyhow::Result<(Duration, Vec<Vec<u8>>)> {
        let mut script = Script::read(include_str!("../../scenarios/harbour.toml"))?;
        (script.seed, script.repeat) = (seed, false);
        script.when.clear();
        let account = script.account.clone();
        let shared = Shared::new(Some(1), Clock::at(1_800_000_000));
        let (out, _inlet) = pipe();
        shared.act(|state| {
            state.ensure_person(&account, "Demo Phone")?;
            let keys = Keys::of_registration(&Peer::new(7)?.registration_data()).context("keys")?;
            let mut device = Companion::new(1, [1; 32], keys, Vec::new());
            device.socket = Some(Socket::new(1, out));
            state.person_mut(&account)?.companions.insert(1, device);
            anyhow::Ok(())
        })?;
        let begun = Instant::now();
        play(Arc::clone(&shared), script).await?;
        let took = begun.elapsed();
        let owed = shared.look(|state| {
            let device = state.person(&account)?.companions.get(&1).context("the device")?;
            let owed = device.queue.owed().map(|stanza| Ok(marshal(stanza)?));
            owed.collect::<anyhow::Result<Vec<_>>>()
        })?;
        Ok((took, owed))
    }

    #[tokio::test(start_paused = true)]
    async fn one_seed_plays_a_scenario_with_the_same_words_and_the_same_pauses() -> anyhow::Result<()> {
        let once = plays(7).await?;
        assert!(once.1.len() > 15, "{}", once.1.len());
        assert_eq!(once, plays(7).await?);
        // Another seed draws other pauses; what is said stands in the script.
        assert_ne!(once.0, plays(8).await?.0);
        Ok(())
    }
}
