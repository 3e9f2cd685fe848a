//! What people do to polls in Matrix: vote, take the vote back, end what they asked.

use ruma::EventId;

use super::{
    super::{error::Failure, votes},
    changes::reference,
    stage::Stage,
};
use crate::{
    matrix::outgoing::answer_id,
    model::{Action, Content, Poll, Quote, Say, Sender},
    store::Vote,
};

/// Why nothing was sent that was done to what is no poll.
const NO_POLL: &str = "that is no poll of the chat.";

/// Votes in a poll. The account has one vote in it, whoever of its members cast it: the one before goes.
pub(super) async fn vote(stage: &Stage<'_>, poll: &EventId, answers: &[String]) -> Result<(), Failure> {
    let Some(message) = stage.sent_message(poll).await? else {
        return stage.refuse("the poll is not in the chat.").await;
    };
    let Some(Content::Poll(asked)) = &message.content else {
        return stage.refuse(NO_POLL).await;
    };
    if asked.ends_at.is_some_and(|end| end <= stage.event.at) {
        return stage.refuse("the poll is over.").await;
    }
    let mut options: Vec<_> = answers.iter().filter_map(|answer| option(asked, answer)).collect();
    if options.is_empty() && !answers.is_empty() {
        return stage.refuse("the poll has no such option.").await;
    }
    // Clients may send more answers than the poll allows; the first ones count (MSC3381).
    if asked.choices > 0 {
        options.truncate(asked.choices.try_into().unwrap_or(usize::MAX));
    }
    let target = reference(&message);
    let action = Action::Vote {
        poll: target.clone(),
        options: options.clone(),
    };
    stage.act(&action).await?;
    let vote = Vote {
        portal: stage.portal.key.clone(),
        poll: target,
        sender: Sender::Owner,
        event: stage.event.event.clone(),
        options,
        turn: stage.desk.job.id,
    };
    votes::counts(stage.desk, &stage.event.room, &vote, None).await
}

/// The option that votes in Matrix call by this id.
fn option(poll: &Poll, answer: &str) -> Option<String> {
    let told = poll.answers.iter().position(|id| id == answer);
    let place = told.or_else(|| poll.options.iter().position(|option| answer_id(option) == answer));
    poll.options.get(place?).cloned()
}

/// A vote was taken back in Matrix: on the network too, when it is the one of the account that counts.
pub(super) async fn take_back(stage: &Stage<'_>, event: &EventId) -> Result<(), Failure> {
    let bridge = stage.desk.bridge;
    let found = bridge.store.read().await?.find_vote_by_event(event).await?;
    let Some(vote) = found.filter(|vote| vote.portal == stage.portal.key && vote.sender == Sender::Owner) else {
        return stage.desk.done().await;
    };
    let votes = bridge.store.read().await?.list_votes(&vote.portal, &vote.poll).await?;
    let counts = votes.iter().rfind(|vote| vote.sender == Sender::Owner) == Some(&vote);
    if counts && !vote.options.is_empty() {
        let action = Action::Vote {
            poll: vote.poll.clone(),
            options: Vec::new(),
        };
        stage.act(&action).await?;
    }
    let mut tx = bridge.store.begin().await?;
    tx.remove_vote(&vote).await?;
    stage.desk.finish(tx).await
}

/// Ends a poll. Where polls never end, its people are told instead: an answer to the poll says how it ended.
pub(super) async fn end(stage: &Stage<'_>, poll: &EventId, words: Option<String>) -> Result<(), Failure> {
    let bridge = stage.desk.bridge;
    let Some(message) = stage.sent_message(poll).await? else {
        return stage.refuse("the poll is not in the chat.").await;
    };
    if message.sender != Sender::Owner {
        return stage.refuse("only who asked can end a poll.").await;
    }
    let Some(Content::Poll(asked)) = &message.content else {
        return stage.refuse(NO_POLL).await;
    };
    let target = reference(&message);
    let action = Action::EndPoll { poll: target.clone() };
    if !stage.tries(&action).await? {
        let mut read = bridge.store.read().await?;
        let votes = read.list_votes(&stage.portal.key, &target).await?;
        drop(read);
        let (expires_in, timer_at) = stage.timer().await?;
        let words = words.unwrap_or_else(|| votes::results(asked, &votes));
        let said = Say {
            reply_to: Some(Quote {
                id: message.id,
                sender: Some(message.sender),
                text: message.text,
                content: message.content.map(Box::new),
            }),
            expires_in,
            timer_at,
            ..Say::new(Content::Told(words))
        };
        stage.act(&Action::Say(said)).await?;
    }
    stage.desk.done().await
}
