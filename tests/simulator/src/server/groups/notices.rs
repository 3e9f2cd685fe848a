//! `w:gp2`: every change of a group is told to all linked devices of its members, the acting one too.
//!
//! Called by whatever changes a group, which also writes the change into the group's past here.

use whatsapp_rust::wacore_binary::Node;

use super::nodes;
use super::store::Past;
use crate::server::clock;
use crate::server::stanza::node;
use crate::server::state::State;

/// Tells some people of a change somebody made.
pub(super) fn tell(state: &mut State, id: &str, by: &str, people: &[String], change: Node) {
    let notice = state.next().to_string();
    let Ok(group) = state.groups.get(id) else {
        return;
    };
    let by_lid = group.by_lid;
    let stanza = node("notification")
        .attr("from", group.jid())
        .attr("type", "w:gp2")
        .attr("id", notice)
        .attr("t", clock::seconds())
        .attr("addressing_mode", if by_lid { "lid" } else { "pn" });
    let stanza = match state.person(by) {
        Ok(author) => stanza.attr("notify", &author.name),
        Err(_) => stanza,
    };
    let names = ("participant", "participant_pn");
    let stanza = nodes::with_author(state, stanza, by_lid, by, names)
        .children([change])
        .build();
    for number in people {
        state.push_to_companions(number, None, &stanza);
    }
}

/// Tells all members of a change, and remembers it.
pub(super) fn tell_all(state: &mut State, id: &str, by: &str, change: Node) {
    let Ok(group) = state.groups.get(id) else {
        return;
    };
    let people = group.numbers();
    remember(state, id, by, &change.tag, &[]);
    tell(state, id, by, &people, change);
}

/// Writes a change into the group's past.
pub(super) fn remember(state: &mut State, id: &str, by: &str, what: &str, whom: &[String]) {
    if let Ok(group) = state.groups.get_mut(id) {
        group.past.push(Past {
            at: clock::seconds(),
            by: by.to_owned(),
            what: what.to_owned(),
            whom: whom.to_vec(),
        });
    }
}
