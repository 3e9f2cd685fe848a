//! The owner's own statuses: posted for those whom the owner's address book names and the owner's privacy lets see them.
//!
//! WhatsApp's server passes a status on to whom its sender names; phones name their address book, less or only those whom
//! the privacy of statuses says (`whatsapp-rust` 0.7.0: `features/status.rs` wants the recipients, and knows no way to ask
//! for that privacy). Deliberately not here: whether anything is posted at all, and who stands in the address book.

use std::collections::BTreeSet;

use tokio::time::timeout;
use whatsapp_rust::{
    Jid, StatusPrivacySetting, StatusSendOptions,
    buffa::MessageField,
    wacore::request::InfoQuery,
    wacore_binary::{JidExt as _, NodeContent, Server, builder::NodeBuilder},
    waproto::whatsapp as wa,
};

use super::{
    super::Error,
    Shared,
    desk::desk,
    ids::Spelling,
    outgoing,
    sending::{WRITE_DEADLINE, acknowledged, ask_about, read_iq_error, read_send_error},
    session::Session,
    unreachable,
};
use crate::model::{Action, ChatId, ContactId, MessageId, MessageRef};

/// The colour behind a text, as WhatsApp's clients have it first.
const BACKGROUND: u32 = 0xFF1E_6E4F;

/// Posts a status or takes one back.
///
/// # Errors
/// `Refused` when nobody could see it or WhatsApp does not say who may, `Unsupported` for other actions, and what sending
/// knows.
pub(super) async fn act(
    (shared, session): (&Shared, &Session),
    chat: &ChatId,
    id: &MessageId,
    action: &Action,
    audience: &[ContactId],
) -> Result<(), Error> {
    let mut audience: BTreeSet<_> = audience.iter().cloned().collect();
    session.ready(shared.config.connect_timeout()).await?;
    let (message, allowed) = match action {
        Action::Say(_) => {
            let desk = desk(shared, session, (chat, Jid::status_broadcast(), id), action).await?;
            (
                as_status(outgoing::write(action, &desk)?),
                allowed(shared, session).await?,
            )
        }
        // Whoever saw it must hear of it, whatever the privacy says by now.
        Action::Delete { target } => {
            if let Allowed::Only(only) = allowed(shared, session).await? {
                audience.extend(only);
            }
            (taken_back(target), Allowed::Contacts)
        }
        action => return Err(Error::Unsupported(format!("{} of a status", action.name()))),
    };
    let (readers, privacy) = match allowed {
        Allowed::Contacts => (audience, StatusPrivacySetting::Contacts),
        Allowed::Only(only) => (only, StatusPrivacySetting::AllowList),
        Allowed::Except(except) => {
            audience.retain(|contact| !except.contains(contact));
            (audience, StatusPrivacySetting::DenyList)
        }
    };
    let readers: Vec<_> = readers.into_iter().collect();
    let readers = addresses(shared, session, &readers).await?;
    if readers.is_empty() {
        return Err(Error::Refused("nobody of your address book may see it".to_owned()));
    }
    let options = StatusSendOptions {
        privacy,
        message_id: Some(id.as_str().to_owned()),
        ..StatusSendOptions::default()
    };
    let expected = session.acks().expect(id.as_str());
    let statuses = session.client().status();
    let written = timeout(WRITE_DEADLINE, statuses.send_raw(message, &readers, options));
    written.await.map_err(unreachable)?.map_err(read_send_error)?;
    acknowledged(expected, shared.config.ack_timeout()).await
}

/// Words alone are shown on a colour.
fn as_status(mut message: wa::Message) -> wa::Message {
    use wa::message::{ExtendedTextMessage, extended_text_message::FontType};
    if let Some(text) = message.conversation.take() {
        message.extended_text_message = MessageField::some(ExtendedTextMessage {
            text: Some(text),
            ..ExtendedTextMessage::default()
        });
    }
    if let Some(text) = message.extended_text_message.as_option_mut() {
        text.background_argb = Some(BACKGROUND);
        text.font = Some(FontType::SYSTEM);
    }
    message
}

fn taken_back(target: &MessageRef) -> wa::Message {
    use wa::message::{ProtocolMessage, protocol_message};
    wa::Message {
        protocol_message: MessageField::some(ProtocolMessage {
            key: MessageField::some(wa::MessageKey {
                remote_jid: Some(Jid::status_broadcast().to_string()),
                from_me: Some(true),
                id: Some(target.id.as_str().to_owned()),
                ..wa::MessageKey::default()
            }),
            r#type: Some(protocol_message::Type::REVOKE),
            ..ProtocolMessage::default()
        }),
        ..wa::Message::default()
    }
}

/// Who may see the owner's statuses.
enum Allowed {
    Contacts,
    Only(BTreeSet<ContactId>),
    Except(BTreeSet<ContactId>),
}

/// Asks for the privacy of statuses: `<iq xmlns="status" type="get"><privacy/></iq>`, answered by the lists of which one
/// is in force.
async fn allowed(shared: &Shared, session: &Session) -> Result<Allowed, Error> {
    let question = NodeContent::Nodes(vec![NodeBuilder::new("privacy").build()]);
    let question = InfoQuery::get("status", Jid::new("", Server::Pn), Some(question));
    let answer = session.client().send_iq(question).await;
    let answer = answer.map_err(|error| read_iq_error(error, "who may see your statuses"))?;
    let refused = || Error::Refused("WhatsApp does not say who may see your statuses".to_owned());
    let mut named = Vec::new();
    let kind = {
        let privacy = answer.get().get_optional_child("privacy").ok_or_else(refused)?;
        let lists: Vec<_> = privacy.get_children_by_tag("list").collect();
        let is_in_force = |value: &str| matches!(value, "true" | "1");
        let list = lists
            .iter()
            .find(|list| {
                list.attrs()
                    .optional_string("default")
                    .is_some_and(|it| is_in_force(&it))
            })
            .or_else(|| lists.first().filter(|_| lists.len() == 1))
            .ok_or_else(refused)?;
        named.extend(
            list.get_children_by_tag("user")
                .filter_map(|user| user.attrs().optional_jid("jid")),
        );
        list.attrs().optional_string("type").unwrap_or_default().into_owned()
    };
    let mut people = BTreeSet::new();
    for jid in named {
        if let Some(spelling) = Spelling::of(&jid, None) {
            people.insert(shared.people.contact(&spelling).await.map_err(unreachable)?);
        }
    }
    match kind.as_str() {
        "contacts" => Ok(Allowed::Contacts),
        "whitelist" => Ok(Allowed::Only(people)),
        "blacklist" => Ok(Allowed::Except(people)),
        _ => Err(refused()),
    }
}

/// The addresses of people. Statuses are addressed by LID, and the library passes over whom it knows none of.
async fn addresses(shared: &Shared, session: &Session, people: &[ContactId]) -> Result<Vec<Jid>, Error> {
    let mut found = BTreeSet::new();
    let mut unknown = Vec::new();
    for contact in people {
        match shared.people.spelling(contact).await.map_err(unreachable)? {
            Some(Spelling { lid: Some(lid), .. }) => {
                found.insert(lid);
            }
            Some(spelling) => unknown.extend(spelling.jid()),
            None => {}
        }
    }
    for some in unknown.chunks(ASKED_AT_ONCE) {
        for spelling in ask_about(session, some).await? {
            shared.people.contact(&spelling).await.map_err(unreachable)?;
            found.extend(spelling.lid);
        }
    }
    let own = session.client().lid();
    Ok(found
        .iter()
        .map(|lid| Jid::lid(lid.as_str()))
        .filter(|jid| own.as_ref().is_none_or(|own| !own.is_same_user_as(jid)))
        .collect())
}

/// So many people are asked about at once.
const ASKED_AT_ONCE: usize = 200;
