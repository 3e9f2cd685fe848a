//! A scenario on stage: the steps one after the other, and beside them the answers to what the account says.
//!
//! Called by the binary and by the control API. Time passes really, chance comes from the script's seed: two
//! plays of one script say the same in the same order.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::script::{Act, Deed, Pause, Rule, Script};
use crate::contact::{self, Attachment, Received, Speech, speech};
use crate::server::calls::{self, Occasion};
use crate::server::person::Addressing;
use crate::server::state::Shared;
use crate::server::{Typing, chat_state, presence, receipts};

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
    let stage = Arc::new(Stage {
        labels: Mutex::default(),
        script,
        shared,
    });
    stage.account_is_linked().await;
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
            let id = stage.does(&step.who, step.typing, &step.act).await;
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

struct Stage {
    shared: Arc<Shared>,
    script: Script,
    labels: Mutex<HashMap<String, String>>,
}

impl Stage {
    /// Nobody writes before somebody can read.
    async fn account_is_linked(&self) {
        let linked = || {
            self.shared.look(|state| {
                let account = state.person(&self.script.account);
                account.is_ok_and(|person| person.companions.values().any(|one| one.socket.is_some()))
            })
        };
        let mut changes = self.shared.changes();
        while !linked() && changes.changed().await.is_ok() {}
    }

    fn label(&self, label: &str, id: String) {
        let mut labels = self.labels.lock().unwrap_or_else(PoisonError::into_inner);
        labels.insert(format!("@{label}"), id);
    }

    fn resolve(&self, id: &str) -> String {
        let labels = self.labels.lock().unwrap_or_else(PoisonError::into_inner);
        labels.get(id).cloned().unwrap_or_else(|| id.to_owned())
    }

    /// Somebody does something; answers the id of a message.
    async fn does(&self, who: &str, typing: f64, act: &Act) -> Option<String> {
        let (from, account) = (self.script.number(who), self.script.account.as_str());
        if typing > 0.0 {
            self.types(from, typing).await;
        }
        match act {
            Act::Says(speech) => self.says(from, speech.clone()),
            Act::Does(deed) => self.acts(from, account, deed).await,
        }
    }

    async fn acts(&self, from: &str, account: &str, deed: &Deed) -> Option<String> {
        match deed {
            Deed::Types { seconds } => self.types(from, *seconds).await,
            Deed::Reads { id } => {
                let id = self.resolve(id);
                self.shared.act(|state| receipts::read(state, from, account, &[id]));
            }
            Deed::Online => self.is_online(from, true),
            Deed::Offline => self.is_online(from, false),
            Deed::Calls { seconds, video } => {
                let occasion = Occasion {
                    is_video: *video,
                    ..Occasion::default()
                };
                let call = self.shared.act(|state| calls::offer(state, from, account, &occasion));
                sleep(*seconds).await;
                self.shared.act(|state| calls::hang_up(state, &call));
            }
            Deed::Image { file, caption } => {
                let bytes = file_or(file.as_deref(), HARBOUR)?;
                let caption = caption.as_deref();
                return self.sends(from, Attachment::Image { bytes: &bytes, caption });
            }
            Deed::Voice { file, seconds } => {
                let bytes = file_or(file.as_deref(), QUIET_ROOM)?;
                let voice = Attachment::Audio {
                    bytes: &bytes,
                    seconds: *seconds,
                    is_voice: true,
                };
                return self.sends(from, voice);
            }
            Deed::Document { name, text } => {
                let file = Attachment::Document {
                    bytes: text.as_bytes(),
                    name,
                    caption: None,
                };
                return self.sends(from, file);
            }
        }
        None
    }

    fn is_online(&self, who: &str, online: bool) {
        self.shared.act(|state| presence::set_online(state, who, online, None));
    }

    fn sends(&self, from: &str, attachment: Attachment<'_>) -> Option<String> {
        let account = self.script.account.as_str();
        let message = contact::attached(&self.shared, attachment)
            .inspect_err(|error| tracing::warn!("a medium of the scenario failed: {error:#}"))
            .ok()?;
        let id = self
            .shared
            .act(|state| contact::say(state, from, account, None, message));
        Some(id)
    }

    fn says(&self, from: &str, mut speech: Speech) -> Option<String> {
        let account = self.script.account.as_str();
        if let Some(id) = speech.about_mut() {
            *id = self.resolve(id);
        }
        let said = self.shared.act(|state| {
            let message = speech::compose(state, from, account, speech)?;
            anyhow::Ok(contact::say(state, from, account, None, message))
        });
        said.inspect_err(|error| tracing::warn!("a step of the scenario failed: {error:#}"))
            .ok()
    }

    async fn types(&self, from: &str, seconds: f64) {
        let account = self.script.account.as_str();
        self.shared
            .act(|state| chat_state::type_to(state, from, account, Typing::Composing));
        sleep(seconds).await;
        self.shared
            .act(|state| chat_state::type_to(state, from, account, Typing::Paused));
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
            for told in news.iter().filter(|told| told.from == self.script.account) {
                self.label("told", told.id.clone());
                let text = told.text.as_deref().unwrap_or_default().to_lowercase();
                let rule = rules.iter_mut().find(|(times, rule)| {
                    (rule.times == 0 || *times < rule.times) && text.contains(&rule.told.to_lowercase())
                });
                if let Some((times, rule)) = rule {
                    *times += 1;
                    self.answers(who, rule, &mut dice).await;
                }
            }
            if news.is_empty() && changes.changed().await.is_err() {
                return;
            }
        }
    }

    async fn answers(&self, who: &str, rule: &Rule, dice: &mut StdRng) {
        let chosen = dice.random_range(0..rule.answers.len().max(1));
        for (index, reply) in rule.answers.iter().enumerate() {
            if !rule.choose || index == chosen {
                pause(reply.after, dice).await;
                self.does(who, reply.typing, &reply.act).await;
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
