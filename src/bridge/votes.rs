//! Votes in polls as Matrix shows them. On a network an account has one vote, the latest, whichever of its people or
//! devices cast it; in Matrix each of those is a user of their own, and clients count one vote for every user. So the
//! votes of the account that stood before go when another one comes.
//!
//! Deliberately not here: how a vote crosses (`incoming::polls`, `outgoing::polls`).

use std::collections::HashMap;

use ruma::RoomId;

use super::{error::Failure, redact, worker::Desk};
use crate::{
    matrix::{Actor, outgoing::poll_results, transaction_id},
    model::{Poll, Sender},
    store::Vote,
};

/// Finishes the job that showed a vote or told the network of it: from now on it is the one of its voter that counts,
/// unless a later one was faster. A contact's votes are all one user's, of which clients count the latest by themselves.
pub(super) async fn counts(
    desk: &Desk<'_>,
    room: &RoomId,
    vote: &Vote,
    speaker: Option<&Actor>,
) -> Result<(), Failure> {
    let bridge = desk.bridge;
    let mut tx = bridge.store.begin().await?;
    // Before anybody looks which one is the latest: of two that come at once, each sees the other or is seen by it.
    tx.add_vote(vote).await?;
    tx.commit().await?;
    let mut votes = bridge.store.read().await?.list_votes(&vote.portal, &vote.poll).await?;
    votes.retain(|other| other.sender == vote.sender);
    votes.pop();
    if vote.sender == Sender::Owner {
        for former in &votes {
            let transaction = transaction_id(&["unvote", room.as_str(), former.event.as_str()]);
            redact::take_back(bridge, room, &former.event, &transaction, speaker, None).await?;
        }
    }
    let mut tx = bridge.store.begin().await?;
    for former in &votes {
        tx.remove_vote(former).await?;
    }
    desk.finish(tx).await
}

/// How a poll ended, in words, as far as its votes are known here.
pub(super) fn results(asked: &Poll, votes: &[Vote]) -> String {
    // In the order in which they count: a person's last one is left.
    let latest: HashMap<&Sender, &Vote> = votes.iter().map(|vote| (&vote.sender, vote)).collect();
    let count = |option: &String| latest.values().filter(|vote| vote.options.contains(option)).count();
    let counts: Vec<(&str, usize)> = asked
        .options
        .iter()
        .map(|option| (option.as_str(), count(option)))
        .collect();
    let is_known = counts.iter().any(|(_, count)| *count > 0);
    poll_results(&asked.question, if is_known { &counts } else { &[] })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ChatId, ContactId, DeviceId, JobId, MessageId, MessageRef, PortalKey};

    #[test]
    fn b11_the_result_counts_the_last_vote_of_each_person() {
        let asked = Poll {
            question: "When?".into(),
            options: vec!["Monday".into(), "Friday".into()],
            choices: 1,
            answers: Vec::new(),
            ends_at: None,
        };
        let portal = PortalKey::new(DeviceId::generate(), ChatId::from_adapter("1"));
        let ana = Sender::Contact(ContactId::from_adapter("1"));
        let vote = |turn: i64, sender: &Sender, option: Option<&str>| Vote {
            portal: portal.clone(),
            poll: MessageRef {
                id: MessageId::from_adapter("POLL"),
                sender: Sender::Owner,
            },
            sender: sender.clone(),
            event: format!("${turn}").try_into().unwrap(),
            options: option.into_iter().map(str::to_owned).collect(),
            turn: JobId(turn),
        };
        let votes = [
            vote(1, &Sender::Owner, Some("Monday")),
            vote(2, &ana, Some("Friday")),
            vote(3, &Sender::Owner, Some("Friday")),
        ];
        assert_eq!(
            results(&asked, &votes),
            "The poll “When?” is over.\nFriday: 2 votes\nMonday: 0 votes"
        );
        let taken_back = [vote(1, &ana, Some("Friday")), vote(2, &ana, None)];
        assert_eq!(results(&asked, &taken_back), "The poll “When?” is over.");
    }
}
