//! Privacy tokens: proof that the receiver of a message trusts its sender.
//!
//! Called by [`super::privacy`] when a client gives its trust, by `Contact` when a person does, and by
//! [`super::messages`] before a message is accepted. Somebody who refuses strangers gets no message of an
//! account that does not show the token it was given (error 463).

use std::collections::HashMap;

use whatsapp_rust::wacore_binary::Node;

use super::clock;
use super::companion::Device;
use super::stanza::{self, node};
use super::state::State;

/// What a message without the token it needs is refused with.
const WITHOUT_TOKEN: u32 = 463;

/// The tokens a person gave to others, by their number.
pub(crate) type Tokens = HashMap<String, Token>;

/// A token and when it was given.
#[derive(Clone)]
pub(crate) struct Token {
    bytes: Vec<u8>,
    given: u64,
}

/// A client gives its account's trust.
pub(crate) fn issue(state: &mut State, device: &Device, tokens: &Node) -> Node {
    let mut answers = Vec::new();
    for wanted in tokens.get_children_by_tag("token") {
        let Some((jid, to)) = stanza::address(wanted, "jid").and_then(|jid| Some((jid.clone(), state.resolve(&jid)?)))
        else {
            continue;
        };
        if let Some(token) = trust(state, &device.number, &to.number) {
            answers.push(
                node("token")
                    .attr("jid", jid.to_non_ad())
                    .attr("t", token.given)
                    .attr("type", "trusted_contact")
                    .bytes(token.bytes)
                    .build(),
            );
        }
    }
    node("tokens").children(answers).build()
}

/// A person trusts another from now on; the devices of the other learn the token.
pub(crate) fn trust(state: &mut State, who: &str, whom: &str) -> Option<Token> {
    let token = Token {
        bytes: crate::server::step::random::<[u8; 16]>().to_vec(),
        given: clock::seconds(),
    };
    let person = state.people.get_mut(who)?;
    person.privacy.tokens.insert(whom.to_owned(), token.clone());
    let (face, lid) = (person.face(), person.lid_jid());
    let given = node("token")
        .attr("type", "trusted_contact")
        .attr("t", token.given)
        .bytes(token.bytes.clone())
        .build();
    let notification = node("notification")
        .attr("from", face)
        .attr("sender_lid", lid)
        .attr("type", "privacy_token")
        .attr("id", state.next())
        .attr("t", clock::seconds())
        .children([node("tokens").children([given]).build()])
        .build();
    state.push_to_companions(whom, None, &notification);
    Some(token)
}

/// Who writes first to somebody trusts them; it matters only to people who refuse strangers.
pub(crate) fn wrote(state: &mut State, who: &str, whom: &str) {
    let is_new = state
        .person(who)
        .is_ok_and(|person| person.privacy.refuses_strangers && !person.privacy.tokens.contains_key(whom));
    if is_new {
        trust(state, who, whom);
    }
}

/// Why a message of an account is refused by the one it is for.
pub(crate) fn refusal(state: &State, from: &str, to: &str, message: &Node) -> Option<u32> {
    let reader = &state.person(to).ok()?.privacy;
    if !reader.refuses_strangers || from == to {
        return None;
    }
    let shown = message.get_optional_child("tctoken").map(stanza::bytes);
    let given = reader.tokens.get(from).map(|token| token.bytes.as_slice());
    (shown.is_none() || shown != given).then_some(WITHOUT_TOKEN)
}
