//! Contact cards, one or several.

use anyhow::Context as _;
use whatsapp_rust::buffa::MessageField;
use whatsapp_rust::waproto::whatsapp as wa;

use super::speech::Card;

/// A message with these people.
pub(super) fn message(people: Vec<Card>) -> anyhow::Result<wa::Message> {
    let mut cards: Vec<_> = people
        .into_iter()
        .map(|Card { name, number }| wa::message::ContactMessage {
            vcard: Some(format!(
                "BEGIN:VCARD\nVERSION:3.0\nN:;{name};;;\nFN:{name}\nTEL;type=CELL;waid={number}:+{number}\nEND:VCARD"
            )),
            display_name: Some(name),
            ..Default::default()
        })
        .collect();
    let last = cards.pop().context("no contact to pass on")?;
    if cards.is_empty() {
        return Ok(wa::Message {
            contact_message: MessageField::some(last),
            ..Default::default()
        });
    }
    cards.push(last);
    Ok(wa::Message {
        contacts_array_message: MessageField::some(wa::message::ContactsArrayMessage {
            display_name: Some(format!("{} contacts", cards.len())),
            contacts: cards,
            ..Default::default()
        }),
        ..Default::default()
    })
}
