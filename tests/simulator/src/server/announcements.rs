//! Telling others that something about a person changed.
//!
//! Called by the families that keep such things: pictures, about, disappearing messages, business, number.
//! Everybody here has everybody in the address book, so every account with linked devices is told, unless
//! privacy or a block forbids it.

use whatsapp_rust::wacore_binary::Node;

use super::clock;
use super::companion::Device;
use super::person::Person;
use super::privacy::{self, Category};
use super::stanza::{SERVER, node};
use super::state::State;

/// Tells the linked devices of all other accounts, and the own ones except the one that made the change.
pub(crate) fn tell(
    state: &mut State,
    about: &str,
    by: Option<u16>,
    kind: &'static str,
    what: Option<Category>,
    child: &Node,
) {
    let (Ok(face), Ok(name)) = (
        state.person(about).map(Person::face),
        state.person(about).map(|person| person.name.clone()),
    ) else {
        return;
    };
    let own = state.person(about).map(Person::number_jid).unwrap_or_default();
    for number in accounts(state) {
        let is_own = number == about;
        if !is_own && !may_know(state, about, &number, what) {
            continue;
        }
        let notification = node("notification")
            .attr("from", if is_own { own.clone() } else { face.clone() })
            .attr("type", kind)
            .attr("id", state.next())
            .attr("t", clock::seconds())
            .attr("notify", &name)
            .children([child.clone()])
            .build();
        state.push_to_companions(&number, by.filter(|_| is_own), &notification);
    }
}

/// Tells the account's other devices that a setting of the account changed.
pub(crate) fn account_sync(state: &mut State, by: &Device, child: Node) {
    let notification = node("notification")
        .attr("from", SERVER)
        .attr("type", "account_sync")
        .attr("id", state.next())
        .attr("t", clock::seconds())
        .children([child])
        .build();
    state.push_to_companions(&by.number, Some(by.id), &notification);
}

/// The accounts with linked devices.
fn accounts(state: &State) -> Vec<String> {
    state
        .people
        .values()
        .filter(|person| !person.companions.is_empty())
        .map(|person| person.number.clone())
        .collect()
}

fn may_know(state: &State, about: &str, viewer: &str, what: Option<Category>) -> bool {
    !privacy::is_blocked(state, about, viewer) && what.is_none_or(|what| privacy::shows(state, about, what, viewer))
}
