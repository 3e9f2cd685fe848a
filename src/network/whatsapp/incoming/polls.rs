//! Questions with options, votes and results.

use std::fmt::Write as _;

use whatsapp_rust::waproto::whatsapp::{self as wa, message};

use super::{Found, Opened, Scene, filled};
use crate::model::{Action, Content, Poll, Say, Timestamp};

/// A number of milliseconds below this is a number of seconds: 1973 as the one, the year 5138 as the other.
const LEAST_MILLIS: i64 = 100_000_000_000;

/// A message that is a poll or its result.
pub(super) fn read(message: &wa::Message) -> Option<Found<'_>> {
    if let Some(poll) = creation(message) {
        return Some(Found::new(Content::Poll(poll_of(poll)), poll.context_info.as_option()));
    }
    if let Some(result) = message
        .poll_result_snapshot_message
        .as_option()
        .or_else(|| message.poll_result_snapshot_message_v3.as_option())
    {
        let told = Content::Told(result_of(result));
        return Some(Found::new(told, result.context_info.as_option()));
    }
    // One that does not say which poll it is of: else it was done to the poll.
    let option = message.poll_add_option_message.as_option()?;
    let name = option.add_option.option_name.as_deref().unwrap_or_default();
    Some(Found::new(Content::Told(format!("New option of a poll: {name}")), None))
}

/// An option that somebody adds to a poll.
pub(super) fn added(message: &wa::Message, scene: &Scene<'_>) -> Option<Action> {
    let added = message.poll_add_option_message.as_option()?;
    Some(Action::AddOption {
        poll: scene.reference(added.poll_creation_message_key.as_option()?)?,
        option: filled(added.add_option.option_name.as_ref())?.to_owned(),
    })
}

/// The poll in a message, in whichever of its versions.
pub(super) fn creation(message: &wa::Message) -> Option<&message::PollCreationMessage> {
    [
        &message.poll_creation_message,
        &message.poll_creation_message_v2,
        &message.poll_creation_message_v3,
        &message.poll_creation_message_v5,
        &message.poll_creation_message_v6,
    ]
    .into_iter()
    .find_map(|field| field.as_option())
}

fn poll_of(poll: &message::PollCreationMessage) -> Poll {
    Poll {
        answers: Vec::new(),
        question: poll.name.clone().unwrap_or_default(),
        options: options_of(poll),
        choices: poll.selectable_options_count.unwrap_or_default(),
        ends_at: poll.end_time.filter(|at| *at > 0).map(moment),
    }
}

/// The end of a poll is told in milliseconds, all other moments in seconds: whoever mixes them up is understood.
fn moment(told: i64) -> Timestamp {
    if told < LEAST_MILLIS {
        Timestamp::from_secs(told)
    } else {
        Timestamp::from_millis(told)
    }
}

/// The names of the options; a vote names them by a hash of the name, so two of one name would be one.
pub(super) fn options_of(poll: &message::PollCreationMessage) -> Vec<String> {
    let mut options: Vec<String> = Vec::with_capacity(poll.options.len());
    for option in &poll.options {
        if let Some(name) = &option.option_name
            && !options.contains(name)
        {
            options.push(name.clone());
        }
    }
    options
}

fn result_of(result: &message::PollResultSnapshotMessage) -> String {
    let mut told = format!("Result of the poll “{}”", result.name.as_deref().unwrap_or_default());
    for vote in &result.poll_votes {
        let name = vote.option_name.as_deref().unwrap_or_default();
        // Writing to a string cannot fail.
        let _ = write!(told, "\n• {name}: {}", vote.option_vote_count.unwrap_or_default());
    }
    told
}

/// Somebody's vote.
pub(super) fn vote(message: &wa::Message, scene: &Scene<'_>) -> Option<Action> {
    let update = message.poll_update_message.as_option()?;
    let key = update.poll_creation_message_key.as_option();
    Some(match (&scene.opened, key.and_then(|key| scene.reference(key))) {
        (Some(Opened::Vote(options)), Some(poll)) => Action::Vote {
            poll,
            options: options.clone(),
        },
        // The poll is older than this device, so nobody here can open it.
        _ => Action::Say(Say::new(Content::Unsupported("vote in a poll".to_owned()))),
    })
}
