//! Ways into a group besides being added: the link, a personal invitation, a request to the admins.
//!
//! Called by [`super::queries`] and by the library's `Group`.

use whatsapp_rust::wacore_binary::{Jid, Node};

use super::life::LARGEST;
use super::members::{self, Outcome};
use super::refused::Refused;
use super::store::{Group, Request};
use super::{nodes, notices};
use crate::server::clock;
use crate::server::stanza::node;
use crate::server::state::State;
use crate::server::step;

/// As long as real codes.
const CODE_LENGTH: usize = 22;
const SIGNS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// How somebody came through a door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Joined {
    /// In this group now.
    In(String),
    /// The admins of this group were asked.
    Asked(String),
}

/// A code nobody guesses.
pub(super) fn new_code() -> String {
    (0..CODE_LENGTH)
        .filter_map(|_| SIGNS.get(usize::from(step::random::<u8>()) % SIGNS.len()))
        .map(|sign| char::from(*sign))
        .collect()
}

/// The code of the link, for those who may see it.
pub(crate) fn code(state: &State, id: &str, by: &str) -> Result<String, Refused> {
    let group = state.groups.get(id)?;
    group.needs_member(by)?;
    if !group.settings.all_members_link && !group.is_admin(by) {
        return Err(Refused::NOT_AUTHORIZED);
    }
    Ok(group.invite.clone())
}

/// Makes a new link; the old one leads nowhere.
pub(crate) fn reset(state: &mut State, id: &str, by: &str) -> Result<String, Refused> {
    state.groups.get(id)?.needs_admin(by)?;
    let code = new_code();
    state.groups.codes.insert(code.clone(), id.to_owned());
    state.groups.get_mut(id)?.invite.clone_from(&code);
    notices::tell_all(state, id, by, node("revoke").build());
    Ok(code)
}

/// The group a code leads to.
pub(super) fn behind<'a>(state: &'a State, code: &str) -> Result<&'a Group, Refused> {
    let id = state.groups.codes.get(code).ok_or(Refused::NOT_ACCEPTABLE)?;
    let group = state.groups.get(id)?;
    if group.invite == code {
        Ok(group)
    } else {
        Err(Refused::GONE)
    }
}

/// Somebody follows a link.
pub(crate) fn follow(state: &mut State, code: &str, number: &str) -> Result<Joined, Refused> {
    let id = behind(state, code)?.id.clone();
    may_come(state, &id, number)?;
    let group = state.groups.get(&id)?;
    if group.removed.contains(number) {
        return Err(Refused::NOT_ALLOWED);
    }
    if group.settings.approval {
        request(state, &id, number, "invite_link");
        return Ok(Joined::Asked(id));
    }
    members::enter(state, &id, number, &[number.to_owned()], Some("invite"));
    Ok(Joined::In(id))
}

/// Somebody uses a personal invitation.
pub(crate) fn accept(state: &mut State, id: &str, number: &str, code: &str) -> Result<Joined, Refused> {
    may_come(state, id, number)?;
    let group = state.groups.get(id)?;
    let token = group
        .tokens
        .get(number)
        .filter(|token| token.code == code)
        .ok_or(Refused::NOT_ACCEPTABLE)?;
    if token.expiration < clock::seconds() {
        return Err(Refused::GONE);
    }
    members::enter(state, id, number, &[number.to_owned()], Some("invite"));
    Ok(Joined::In(id.to_owned()))
}

/// An admin makes a personal invitation; answers its code and when it ends.
pub(crate) fn invite(state: &mut State, id: &str, by: &str, number: &str) -> Result<(String, u64), Refused> {
    state.groups.get(id)?.needs_admin(by)?;
    may_come(state, id, number)?;
    members::new_token(state, id, number).ok_or(Refused::NOT_FOUND)
}

fn may_come(state: &State, id: &str, number: &str) -> Result<(), Refused> {
    let group = state.groups.get(id)?;
    if group.has(number) {
        return Err(Refused::CONFLICT);
    }
    if group.members.len() >= LARGEST {
        return Err(Refused::FULL);
    }
    Ok(())
}

/// Takes personal invitations back.
pub(super) fn take_back(state: &mut State, id: &str, by: &str, whom: &[Jid]) -> Result<Vec<Outcome>, Refused> {
    state.groups.get(id)?.needs_admin(by)?;
    let mut outcomes = Vec::new();
    for jid in whom {
        let number = state.resolve(jid).map(|device| device.number);
        let had = match &number {
            Some(number) => state.groups.get_mut(id)?.tokens.remove(number).is_some(),
            None => false,
        };
        outcomes.push(members::outcome(jid, number, (!had).then_some(Refused::NOT_FOUND)));
    }
    Ok(outcomes)
}

/// Asks the admins to let somebody in.
pub(super) fn request(state: &mut State, id: &str, number: &str, method: &'static str) {
    let asked = Request {
        at: clock::seconds(),
        method,
    };
    let Ok(group) = state.groups.get_mut(id) else {
        return;
    };
    if group.requests.insert(number.to_owned(), asked).is_some() {
        return;
    }
    let (admins, by_lid) = (admins(group), group.by_lid);
    let user = node("requested_user").attr("jid", nodes::face(state, by_lid, number));
    let user = match nodes::other_face(state, by_lid, number).filter(|_| by_lid) {
        Some(other) => user.attr("phone_number", other),
        None => user,
    };
    let told = node("created_membership_requests")
        .attr("request_method", method)
        .children([user.build()])
        .build();
    notices::remember(state, id, number, "created_membership_requests", &[number.to_owned()]);
    notices::tell(state, id, number, &admins, told);
    let own = node("membership_approval_request")
        .attr("request_method", method)
        .build();
    notices::tell(state, id, number, &[number.to_owned()], own);
}

/// The open requests, for admins.
pub(super) fn requests(state: &State, id: &str, by: &str) -> Result<Node, Refused> {
    let group = state.groups.get(id)?;
    group.needs_admin(by)?;
    let open = group.requests.iter().map(|(number, request)| {
        let one = node("membership_approval_request")
            .attr("jid", nodes::face(state, group.by_lid, number))
            .attr("request_method", request.method)
            .attr("request_time", request.at);
        match nodes::other_face(state, group.by_lid, number).filter(|_| group.by_lid) {
            Some(other) => one.attr("phone_number", other).build(),
            None => one.build(),
        }
    });
    Ok(node("membership_approval_requests").children(open).build())
}

/// An admin lets people in, or does not.
pub(crate) fn decide(
    state: &mut State,
    id: &str,
    by: &str,
    lets_in: bool,
    whom: &[Jid],
) -> Result<Vec<Outcome>, Refused> {
    state.groups.get(id)?.needs_admin(by)?;
    let (asked, outcomes) = close(state, id, whom)?;
    if lets_in && !asked.is_empty() {
        members::enter(state, id, by, &asked, Some("invite"));
    } else {
        tell_closed(state, id, by, &asked);
    }
    Ok(outcomes)
}

/// People take their requests back.
pub(crate) fn withdraw(state: &mut State, id: &str, by: &str, whom: &[Jid]) -> Result<Vec<Outcome>, Refused> {
    let own = |jid: &Jid| state.resolve(jid).is_some_and(|device| device.number == by);
    if !whom.iter().all(own) {
        return Err(Refused::FORBIDDEN);
    }
    let (asked, outcomes) = close(state, id, whom)?;
    tell_closed(state, id, by, &asked);
    Ok(outcomes)
}

fn close(state: &mut State, id: &str, whom: &[Jid]) -> Result<(Vec<String>, Vec<Outcome>), Refused> {
    let (mut asked, mut outcomes) = (Vec::new(), Vec::new());
    for jid in whom {
        let number = state.resolve(jid).map(|device| device.number);
        let had = match &number {
            Some(number) => state.groups.get_mut(id)?.requests.remove(number).is_some(),
            None => false,
        };
        asked.extend(number.clone().filter(|_| had));
        outcomes.push(members::outcome(jid, number, (!had).then_some(Refused::NOT_FOUND)));
    }
    Ok((asked, outcomes))
}

fn tell_closed(state: &mut State, id: &str, by: &str, whom: &[String]) {
    let Ok(group) = state.groups.get(id) else {
        return;
    };
    if whom.is_empty() {
        return;
    }
    let by_lid = group.by_lid;
    let people: Vec<String> = admins(group).into_iter().chain(whom.iter().cloned()).collect();
    let told = nodes::people(state, by_lid, "revoked_membership_requests", whom);
    notices::remember(state, id, by, "revoked_membership_requests", whom);
    notices::tell(state, id, by, &people, told);
}

fn admins(group: &Group) -> Vec<String> {
    group
        .numbers()
        .into_iter()
        .filter(|number| group.is_admin(number))
        .collect()
}
