//! What a scenario file says: who is there, what they do one after the other, what they answer.
//!
//! Read by [`mod@super::play`]. TOML, because people write it by hand; unknown keys are refused, so that a slip of
//! the pen is noticed before anything is played.

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use serde::Deserialize;

use crate::contact::Speech;

/// A scenario.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// Where chance comes from: pauses between bounds, answers to choose from.
    #[serde(default)]
    pub seed: u64,
    /// The number of the account everybody writes to.
    #[serde(default = "usual_account")]
    pub account: String,
    /// Whether the steps begin again after the last one.
    #[serde(default)]
    pub repeat: bool,
    /// Who is there.
    pub people: Vec<Cast>,
    /// The groups they make with the account before they do anything else.
    #[serde(default)]
    pub groups: Vec<Circle>,
    /// What happens, in order.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// What is answered to the account.
    #[serde(default)]
    pub when: Vec<Rule>,
}

/// A person.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cast {
    /// The name, as the steps use it.
    pub name: String,
    /// The number.
    pub number: String,
    /// Whether the person is addressed by LID.
    #[serde(default)]
    pub lid: bool,
}

/// A group of people and the account.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Circle {
    /// What it is called, also by the steps.
    pub name: String,
    /// The names of those in it besides the account; the first one makes it.
    pub members: Vec<String>,
    /// Whether people are addressed by LID in it.
    #[serde(default)]
    pub lid: bool,
}

/// Something a person does.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Seconds before it, as a number or from–to.
    #[serde(default)]
    pub after: Pause,
    /// Who.
    pub who: String,
    /// The group it is done in; alone with the account when there is none.
    #[serde(rename = "in", default)]
    pub group: Option<String>,
    /// Seconds of typing before.
    #[serde(default)]
    pub typing: f64,
    /// The name under which later steps speak of this message: `id = "@name"`.
    #[serde(default)]
    pub label: Option<String>,
    /// What.
    #[serde(rename = "do")]
    pub act: Act,
}

/// An answer to what the account says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Who was told.
    pub who: String,
    /// The group it was told in; without one, what the account tells this person alone.
    #[serde(rename = "in", default)]
    pub group: Option<String>,
    /// Words that must be in it, in any case; none is anything.
    #[serde(default)]
    pub told: String,
    /// How often this is answered; 0 is always.
    #[serde(default)]
    pub times: u32,
    /// Whether one of the answers is drawn, instead of all being given.
    #[serde(default)]
    pub choose: bool,
    /// The answers; `@told` is the message told.
    pub answers: Vec<Reply>,
}

/// One answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// Seconds before it.
    #[serde(default)]
    pub after: Pause,
    /// Seconds of typing before.
    #[serde(default)]
    pub typing: f64,
    /// What.
    #[serde(rename = "do")]
    pub act: Act,
}

/// A pause in seconds.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged)]
pub enum Pause {
    /// Exactly so long.
    Fixed(f64),
    /// Drawn between these.
    Between([f64; 2]),
}

impl Default for Pause {
    fn default() -> Self {
        Self::Fixed(0.0)
    }
}

/// What a person does.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Act {
    /// Says something.
    Says(Speech),
    /// Does something else.
    Does(Deed),
}

/// What is no message.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Deed {
    /// Types, and stops.
    Types {
        /// How long, in seconds.
        seconds: f64,
    },
    /// Reads a message of the account.
    Reads {
        /// The message.
        id: String,
    },
    /// Sends a picture: a file, or the harbour at dusk.
    Image {
        /// The file.
        #[serde(default)]
        file: Option<PathBuf>,
        /// The words below it.
        #[serde(default)]
        caption: Option<String>,
    },
    /// Sends a voice message: a file, or three seconds of a quiet room.
    Voice {
        /// The file.
        #[serde(default)]
        file: Option<PathBuf>,
        /// How long it says it is.
        #[serde(default = "three")]
        seconds: u32,
    },
    /// Sends a file with this text in it.
    Document {
        /// Its name.
        name: String,
        /// What stands in it.
        text: String,
    },
    /// Rings so many seconds and gives up, or hangs up.
    Calls {
        /// How long.
        seconds: f64,
        /// Whether with a picture.
        #[serde(default)]
        video: bool,
    },
    /// Comes online.
    Online,
    /// Leaves.
    Offline,
}

impl Script {
    /// Reads a scenario.
    ///
    /// # Errors
    /// When it is no TOML, says what nobody understands, or speaks of people who are not there.
    pub fn read(text: &str) -> anyhow::Result<Self> {
        let script: Self = toml::from_str(text).context("the scenario cannot be read")?;
        let doers = script.steps.iter().map(|step| &step.who);
        for who in doers.chain(script.when.iter().map(|rule| &rule.who)) {
            ensure!(script.has(who), "nobody is called {who}");
        }
        for circle in &script.groups {
            ensure!(!circle.members.is_empty(), "nobody is in {}", circle.name);
            for who in &circle.members {
                ensure!(script.has(who), "nobody is called {who}");
            }
        }
        let places = script.steps.iter().map(|step| (&step.who, &step.group));
        for (who, group) in places.chain(script.when.iter().map(|rule| (&rule.who, &rule.group))) {
            if let Some(group) = group {
                let circle = script.groups.iter().find(|circle| circle.name == *group);
                let circle = circle.with_context(|| format!("no group is called {group}"))?;
                ensure!(circle.members.contains(who), "{who} is not in {group}");
            }
        }
        Ok(script)
    }

    fn has(&self, name: &str) -> bool {
        self.people.iter().any(|cast| cast.name == name)
    }

    /// The number of somebody by name.
    pub(super) fn number(&self, name: &str) -> &str {
        let cast = self.people.iter().find(|cast| cast.name == name);
        cast.map_or("", |cast| cast.number.as_str())
    }
}

fn usual_account() -> String {
    "15550001111".into()
}

fn three() -> u32 {
    3
}
