//! Who comes, goes, rises and falls in a group.
//!
//! Called by [`super::queries`] for linked devices, by the library's `Group` for people on phones and by
//! [`super::invites`] for whoever comes by a link. A deed is done for each person by itself: one may be
//! refused while the next succeeds.

use whatsapp_rust::wacore_binary::{Jid, Node};

use super::life::LARGEST;
use super::refused::Refused;
use super::store::{Group, Member, Rank, Token};
use super::{communities, invites, life, nodes, notices};
use crate::server::clock;
use crate::server::stanza::node;
use crate::server::state::State;

/// How long a personal invitation is good for.
const TOKEN_SECONDS: u64 = 3 * 24 * 60 * 60;

/// What is done to members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    Add,
    Remove,
    /// Out of a community and all its groups.
    RemoveEverywhere,
    Promote,
    Demote,
}

impl Deed {
    /// Its name on the wire.
    pub(super) fn tag(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Remove | Self::RemoveEverywhere => "remove",
            Self::Promote => "promote",
            Self::Demote => "demote",
        }
    }
}

/// How a deed ended for one person.
pub(crate) struct Outcome {
    asked_as: Jid,
    number: Option<String>,
    pub(crate) refused: Option<Refused>,
    /// The personal invitation for somebody who cannot be added.
    token: Option<(String, u64)>,
}

impl Outcome {
    /// `<participant>` in the answer, by the address the group uses.
    pub(super) fn node(&self, state: &State, by_lid: bool) -> Node {
        let one = match &self.number {
            Some(number) => nodes::participant(state, by_lid, number),
            None => node("participant").attr("jid", &self.asked_as),
        };
        let one = match self.refused {
            Some(refused) => one.attr("error", refused.0),
            None => one,
        };
        match &self.token {
            Some((code, expiration)) => {
                let token = node("add_request")
                    .attr("code", code)
                    .attr("expiration", *expiration)
                    .build();
                one.children([token]).build()
            }
            None => one.build(),
        }
    }
}

/// Does something to members; fails as a whole only when `by` may not do it to anybody.
pub(crate) fn act(state: &mut State, id: &str, by: &str, deed: Deed, whom: &[Jid]) -> Result<Vec<Outcome>, Refused> {
    let group = state.groups.get(id)?;
    group.needs_member(by)?;
    if deed == Deed::Add && group.settings.approval && !group.is_admin(by) && group.settings.all_members_add {
        return Ok(propose(state, id, whom));
    }
    if deed != Deed::Add || !group.settings.all_members_add {
        group.needs_admin(by)?;
    }
    let mut outcomes = Vec::new();
    for jid in whom {
        let number = state.resolve(jid).map(|device| device.number);
        let group = state.groups.get(id)?;
        let refused = match &number {
            // Named twice: done once.
            Some(number) if is_done(&outcomes, number) => Some(Refused::CONFLICT),
            Some(number) => objection(state, group, deed, number),
            None => Some(Refused::NOT_FOUND),
        };
        let token = (deed == Deed::Add && refused == Some(Refused::FORBIDDEN))
            .then(|| number.as_ref().and_then(|number| new_token(state, id, number)))
            .flatten();
        outcomes.push(Outcome {
            asked_as: jid.clone(),
            number,
            refused,
            token,
        });
    }
    let done: Vec<String> = outcomes
        .iter()
        .filter(|one| one.refused.is_none())
        .filter_map(|one| one.number.clone())
        .collect();
    if !done.is_empty() {
        carry_out(state, id, by, deed, &done);
    }
    Ok(outcomes)
}

fn is_done(outcomes: &[Outcome], number: &str) -> bool {
    outcomes
        .iter()
        .any(|one| one.refused.is_none() && one.number.as_deref() == Some(number))
}

fn objection(state: &State, group: &Group, deed: Deed, number: &str) -> Option<Refused> {
    let rank = group.members.get(number).map(|member| member.rank);
    match (deed, rank) {
        (Deed::Add, Some(_)) => Some(Refused::CONFLICT),
        (Deed::Add, None) if group.members.len() >= LARGEST => Some(Refused::FULL),
        (Deed::Add, None) => state.groups.refusals.get(number).map(|code| Refused(*code)),
        (_, None) => Some(Refused::NOT_FOUND),
        (Deed::Promote, Some(_)) => None,
        (_, Some(rank)) => (rank == Rank::SuperAdmin).then_some(Refused::NOT_ALLOWED),
    }
}

fn carry_out(state: &mut State, id: &str, by: &str, deed: Deed, whom: &[String]) {
    match deed {
        Deed::Add => enter(state, id, by, whom, None),
        Deed::Remove => expel(state, id, by, whom),
        Deed::RemoveEverywhere => {
            for part in state.groups.children(id) {
                expel(state, &part, by, whom);
            }
            expel(state, id, by, whom);
        }
        Deed::Promote | Deed::Demote => {
            let rank = if deed == Deed::Promote {
                Rank::Admin
            } else {
                Rank::Member
            };
            let Ok(group) = state.groups.get_mut(id) else {
                return;
            };
            for number in whom {
                if let Some(member) = group.members.get_mut(number).filter(|one| one.rank != Rank::SuperAdmin) {
                    member.rank = rank;
                }
            }
            tell(state, id, by, deed.tag(), whom);
        }
    }
}

/// People come in, by whatever way; members of a group of a community are in the community too.
pub(super) fn enter(state: &mut State, id: &str, by: &str, whom: &[String], reason: Option<&'static str>) {
    let at = clock::seconds();
    let Ok(group) = state.groups.get_mut(id) else {
        return;
    };
    let before = group.numbers();
    for number in whom {
        group.members.insert(
            number.clone(),
            Member {
                rank: Rank::Member,
                since: at,
                label: None,
            },
        );
        group.removed.remove(number);
        group.requests.remove(number);
        group.tokens.remove(number);
    }
    let by_lid = group.by_lid;
    notices::remember(state, id, by, "add", whom);
    let mut told = nodes::people(state, by_lid, "add", whom);
    if let Some(reason) = reason {
        told.attrs.push("reason", reason);
    }
    notices::tell(state, id, by, &before, told);
    if let Some(told) = life::welcome(state, id, None, reason) {
        notices::tell(state, id, by, whom, told);
    }
    for number in whom {
        communities::joined(state, id, number);
    }
}

/// Somebody goes by himself.
pub(crate) fn leave(state: &mut State, id: &str, number: &str) -> Result<(), Refused> {
    let group = state.groups.get(id)?;
    group.needs_member(number)?;
    if group.community.is_parent {
        for part in state.groups.children(id) {
            if state.groups.get(&part)?.has(number) {
                take_out(state, &part, number, &[number.to_owned()]);
            }
        }
    }
    take_out(state, id, number, &[number.to_owned()]);
    Ok(())
}

/// A group is no more: those in it are told last.
pub(crate) fn end(state: &mut State, id: &str, by: &str) -> Result<(), Refused> {
    state.groups.get(id)?.needs_admin(by)?;
    notices::tell_all(state, id, by, node("delete").build());
    state.groups.all.remove(id);
    Ok(())
}

fn expel(state: &mut State, id: &str, by: &str, whom: &[String]) {
    let Ok(group) = state.groups.get_mut(id) else {
        return;
    };
    let whom: Vec<String> = whom.iter().filter(|number| group.has(number)).cloned().collect();
    group.removed.extend(whom.iter().cloned());
    take_out(state, id, by, &whom);
}

/// People are out: told to those who stay and to those who go. Nobody's old sender key is used again.
pub(super) fn take_out(state: &mut State, id: &str, by: &str, whom: &[String]) {
    let Ok(group) = state.groups.get_mut(id) else {
        return;
    };
    if whom.is_empty() {
        return;
    }
    let (before, by_lid, chat) = (group.numbers(), group.by_lid, group.jid().to_string());
    for number in whom {
        group.members.remove(number);
    }
    notices::remember(state, id, by, "remove", whom);
    let told = nodes::people(state, by_lid, "remove", whom);
    notices::tell(state, id, by, &before, told);
    for number in &before {
        state.groups.given.remove(&(chat.clone(), number.clone()));
        if let Ok(person) = state.person_mut(number) {
            person.peer.sender_keys.forget(&chat);
        }
    }
    appoint(state, id, by);
}

/// A group whose last admin went gets the oldest member as its next.
fn appoint(state: &mut State, id: &str, by: &str) {
    let Ok(group) = state.groups.get_mut(id) else {
        return;
    };
    if group.members.values().any(|member| member.rank >= Rank::Admin) {
        return;
    }
    let Some((number, member)) = group.members.iter_mut().min_by_key(|(_, member)| member.since) else {
        return;
    };
    member.rank = Rank::Admin;
    let next = [number.clone()];
    tell(state, id, by, "promote", &next);
}

/// A member without the right to let people in asks the admins to.
fn propose(state: &mut State, id: &str, whom: &[Jid]) -> Vec<Outcome> {
    whom.iter()
        .map(|jid| {
            let number = state.resolve(jid).map(|device| device.number);
            let refused = match (&number, state.groups.get(id)) {
                (Some(number), Ok(group)) => objection(state, group, Deed::Add, number),
                _ => Some(Refused::NOT_FOUND),
            };
            if let (Some(number), None) = (&number, refused) {
                invites::request(state, id, number, "non_admin_add");
            }
            Outcome {
                asked_as: jid.clone(),
                number,
                refused,
                token: None,
            }
        })
        .collect()
}

/// Makes a personal invitation.
pub(super) fn new_token(state: &mut State, id: &str, number: &str) -> Option<(String, u64)> {
    let (code, expiration) = (invites::new_code(), clock::seconds() + TOKEN_SECONDS);
    let token = Token {
        code: code.clone(),
        expiration,
    };
    state.groups.get_mut(id).ok()?.tokens.insert(number.to_owned(), token);
    Some((code, expiration))
}

/// A result of a deed that was not refused.
pub(super) fn outcome(asked_as: &Jid, number: Option<String>, refused: Option<Refused>) -> Outcome {
    Outcome {
        asked_as: asked_as.clone(),
        number,
        refused,
        token: None,
    }
}

fn tell(state: &mut State, id: &str, by: &str, tag: &'static str, whom: &[String]) {
    let Ok(group) = state.groups.get(id) else {
        return;
    };
    let (people, by_lid) = (group.numbers(), group.by_lid);
    let told = nodes::people(state, by_lid, tag, whom);
    notices::remember(state, id, by, tag, whom);
    notices::tell(state, id, by, &people, told);
}
