//! Businesses: the profile a shop shows, and its verified name.
//!
//! Called by [`super::queries`] for the space `w:biz`, by [`super::usync`] for the verified name and by
//! `Contact`.

use anyhow::Context as _;
use whatsapp_rust::buffa::Message as _;
use whatsapp_rust::wacore_binary::{Node, NodeContent};
use whatsapp_rust::waproto::whatsapp as wa;

use super::announcements;
use super::person::Person;
use super::stanza::{self, Answer, Refusal, node};
use super::state::State;

/// Who issues the verified names of small businesses.
const ISSUER: &str = "smb:wa";

/// What a business shows of itself.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub struct Business {
    /// The verified name.
    pub name: String,
    /// What it does.
    pub description: String,
    /// Where it is.
    pub address: Option<String>,
    /// Where to write.
    pub email: Option<String>,
    /// Its pages.
    pub websites: Vec<String>,
    /// What it belongs to.
    pub categories: Vec<String>,
    /// The zone of its opening hours; it is open day and night.
    pub timezone: Option<String>,
}

/// Answers an IQ of the space `w:biz`.
pub(crate) fn answer(state: &State, iq: &Node) -> Answer {
    let asked = iq.get_optional_child("business_profile").ok_or(Refusal::BAD_REQUEST)?;
    let profiles = asked.get_children_by_tag("profile").filter_map(|profile| {
        let jid = stanza::address(profile, "jid")?;
        let number = state.resolve(&jid)?.number;
        let business = state.person(&number).ok()?.profile.business.as_ref()?;
        Some(shown(business).attr("jid", jid.to_non_ad()).build())
    });
    Ok(vec![
        node("business_profile").attr("v", "244").children(profiles).build(),
    ])
}

/// A person becomes a business, or stops being one; everybody is told.
pub(crate) fn set(state: &mut State, number: &str, business: Option<Business>) -> anyhow::Result<()> {
    let person = state.person_mut(number)?;
    person.profile.business = business;
    let face = person.face();
    let child = match verified_name(person) {
        Some(name) => {
            let mut name = name?;
            name.attrs.push("jid", face);
            name
        }
        None => node("remove").attr("jid", face).build(),
    };
    announcements::tell(state, number, None, "business", None, &child);
    Ok(())
}

/// The certificate of a business's name; `None` for people.
pub(crate) fn verified_name(person: &Person) -> Option<anyhow::Result<Node>> {
    let business = person.profile.business.as_ref()?;
    Some(
        certificate(person, business)
            .map(|certificate| node("verified_name").attr("v", "1").bytes(certificate).build()),
    )
}

/// What a business writes carries its verified name.
pub(crate) fn mark(person: &Person, message: &mut Node) {
    let Some(Ok(name)) = verified_name(person) else {
        return;
    };
    message.attrs.push("verified_level", "high");
    message.attrs.push("verified_name", person.lid.clone());
    if let Some(NodeContent::Nodes(children)) = &mut message.content {
        children.push(name);
    }
}

fn certificate(person: &Person, business: &Business) -> anyhow::Result<Vec<u8>> {
    let details = wa::verified_name_certificate::Details {
        serial: person.lid.parse().ok(),
        issuer: Some(ISSUER.to_owned()),
        verified_name: Some(business.name.clone()),
        ..Default::default()
    }
    .encode_to_vec();
    let signature = person
        .peer
        .private_key()
        .calculate_signature(&details, &mut crate::server::step::rng())
        .context("sign a verified name")?;
    Ok(wa::VerifiedNameCertificate {
        details: Some(details),
        signature: Some(signature.to_vec()),
        ..Default::default()
    }
    .encode_to_vec())
}

fn shown(business: &Business) -> whatsapp_rust::wacore_binary::builder::NodeBuilder {
    let text = |tag: &'static str, text: &str| node(tag).bytes(text.as_bytes().to_vec()).build();
    let mut children = vec![text("description", &business.description)];
    children.extend(business.address.as_deref().map(|one| text("address", one)));
    children.extend(business.email.as_deref().map(|one| text("email", one)));
    children.extend(business.websites.iter().map(|one| text("website", one)));
    let categories = business
        .categories
        .iter()
        .zip(1u64..)
        .map(|(name, id)| node("category").attr("id", id).bytes(name.as_bytes().to_vec()).build());
    children.push(node("categories").children(categories).build());
    if let Some(timezone) = &business.timezone {
        let days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"].map(|day| {
            node("business_hours_config")
                .attr("day_of_week", day)
                .attr("mode", "open_24h")
                .build()
        });
        children.push(node("business_hours").attr("timezone", timezone).children(days).build());
    }
    node("profile").children(children)
}
