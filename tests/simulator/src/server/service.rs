//! The small services around an account that mostly have nothing to say: properties, dirty bits, statistics.
//!
//! Called by [`super::queries`] for every space no family claims. A request that the real server answers
//! with an empty result is answered so here; what nobody knows is refused with 501.

use whatsapp_rust::wacore::iq::abprops::web;
use whatsapp_rust::wacore_binary::Node;

use super::clock;
use super::stanza::{self, Answer, Refusal, node};

/// Answers an IQ of a space without a family of its own.
pub(crate) fn answer(space: &str, iq: &Node) -> Answer {
    let child = stanza::first_child(iq);
    match space {
        // Clients of an older making ask here for properties; there are none.
        "w" => Ok(vec![node("props").attr("version", "1").build()]),
        "passive"
        | "w:p"
        | "urn:xmpp:ping"
        | "urn:xmpp:whatsapp:dirty"
        | "w:stats"
        | "urn:xmpp:whatsapp:push"
        | "w:growth" => Ok(Vec::new()),
        "urn:xmpp:whatsapp:account" => Ok(vec![node("account").attr("creation", "1700000000").build()]),
        "tos" => Ok(vec![notices(child)]),
        "bot" => Ok(vec![node("bot").attr("v", "2").build()]),
        "waffle" | "fb:thrift_iq" => Err(Refusal::NOT_FOUND),
        _ => Err(Refusal::NOT_IMPLEMENTED),
    }
}

/// Messages between two people carry a privacy token, as on the real server; an account that lives under its LID
/// is told so.
pub(super) fn properties(is_lid_migrated: bool) -> Node {
    let migrated = is_lid_migrated.then_some(web::LID_ONE_ON_ONE_MIGRATION_ENABLED);
    let on = [web::PRIVACY_TOKEN_SENDING_ON_ALL_1_ON_1_MESSAGES]
        .into_iter()
        .chain(migrated);
    node("props")
        .attr("protocol", "1")
        .attr("hash", if is_lid_migrated { "sim-lid" } else { "sim" })
        .attr("refresh", 86_400u32)
        .children(on.map(|property| {
            node("prop")
                .attr("config_code", property.code)
                .attr("config_value", "1")
                .build()
        }))
        .build()
}

/// Every notice a client asks about was accepted.
fn notices(asked: Option<&Node>) -> Node {
    let notices = asked
        .into_iter()
        .flat_map(|asked| asked.get_children_by_tag("notice"))
        .map(|notice| {
            node("notice")
                .attr("id", stanza::attr(notice, "id"))
                .attr("state", "ACCEPTED")
                .attr("t", clock::seconds())
                .build()
        });
    node("tos").children(notices).build()
}
