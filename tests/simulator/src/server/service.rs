//! The small services around an account that mostly have nothing to say: properties, dirty bits, statistics.
//!
//! Called by [`super::queries`] for every space no family claims. A request that the real server answers
//! with an empty result is answered so here; what nobody knows is refused with 501.

use std::collections::BTreeMap;

use whatsapp_rust::wacore::iq::abprops::web;
use whatsapp_rust::wacore_binary::Node;

use super::clock;
use super::companion::Device;
use super::stanza::{self, Answer, Refusal, SERVER, node};
use super::state::State;

/// What a device was told to look at again, and when.
pub(crate) type Dirt = BTreeMap<(Device, String), u64>;

/// Answers an IQ of a space without a family of its own.
pub(crate) fn answer(state: &mut State, device: &Device, space: &str, iq: &Node) -> Answer {
    let child = stanza::first_child(iq);
    match space {
        // Clients of an older making ask here for properties; there are none.
        "w" => Ok(vec![node("props").attr("version", "1").build()]),
        "passive" | "w:p" | "urn:xmpp:ping" | "w:stats" | "urn:xmpp:whatsapp:push" | "w:growth" => Ok(Vec::new()),
        "urn:xmpp:whatsapp:dirty" => {
            let cleaned = iq.get_children_by_tag("clean").map(|one| stanza::attr(one, "type"));
            for kind in cleaned {
                state.dirt.remove(&(device.clone(), kind));
            }
            Ok(Vec::new())
        }
        "urn:xmpp:whatsapp:account" => Ok(vec![node("account").attr("creation", "1700000000").build()]),
        "tos" => Ok(vec![notices(child)]),
        "bot" => Ok(vec![node("bot").attr("v", "2").build()]),
        "waffle" | "fb:thrift_iq" => Err(Refusal::NOT_FOUND),
        _ => Err(Refusal::NOT_IMPLEMENTED),
    }
}

/// Tells the devices of an account to look at something again: `groups`, `account_sync`, `syncd_app_state`, ...
pub(crate) fn soil(state: &mut State, number: &str, kind: &str) {
    let devices: Vec<u16> = state
        .person(number)
        .map(super::person::Person::companion_ids)
        .unwrap_or_default();
    for id in devices {
        let device = Device {
            number: number.to_owned(),
            id,
        };
        state.dirt.insert((device.clone(), kind.to_owned()), clock::seconds());
        remind(state, &device);
    }
}

/// Tells a device again what it did not confirm.
pub(crate) fn remind(state: &mut State, device: &Device) {
    let dirt: Vec<Node> = state
        .dirt
        .iter()
        .filter(|((whose, _), _)| whose == device)
        .map(|((_, kind), since)| {
            let dirty = node("dirty").attr("type", kind).attr("timestamp", *since).build();
            node("ib").attr("from", SERVER).children([dirty]).build()
        })
        .collect();
    if let Some(companion) = state.companion_mut(device) {
        for stanza in dirt {
            companion.send_now(stanza);
        }
    }
}

/// Messages between two people carry a privacy token, as on the real server; an account that lives under its LID
/// is told so; how many mebibytes of media are taken only where a test said so, else clients go by their own values.
pub(super) fn properties(is_lid_migrated: bool, media: Option<u32>) -> Node {
    let migrated = is_lid_migrated.then_some(web::LID_ONE_ON_ONE_MIGRATION_ENABLED);
    let on = [web::PRIVACY_TOKEN_SENDING_ON_ALL_1_ON_1_MESSAGES]
        .into_iter()
        .chain(migrated)
        .map(|property| (property, 1));
    let limits = [
        web::DEFAULT_MEDIA_LIMIT_MB,
        web::DEFAULT_VIDEO_LIMIT_MB,
        web::DEFAULT_AUDIO_LIMIT_MB,
    ];
    let limits = media.into_iter().flat_map(|media| limits.map(|limit| (limit, media)));
    node("props")
        .attr("protocol", "1")
        .attr("hash", if is_lid_migrated { "sim-lid" } else { "sim" })
        .attr("refresh", 86_400u32)
        .children(on.chain(limits).map(|(property, value)| {
            node("prop")
                .attr("config_code", property.code)
                .attr("config_value", value)
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
