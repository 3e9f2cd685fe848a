//! Where and by whom something was said, in the words of the house: every message has a place, whatever address it came from.
//!
//! Called by `delivery` and `session`. Deliberately not here: what was said (`incoming`).

use std::borrow::Cow;

use whatsapp_rust::{
    Jid,
    wacore::types::message::{BotEditType, MessageInfo, MessageSource},
    wacore_binary::JidExt as _,
};

use super::{
    Shared,
    ids::{self, Place, Spelling},
    people::People,
};
use crate::{
    model::{Action, ChatId, ChatKind, ContactId, MessageId, MessageRef, Sender},
    store::keyring::{self, Person},
};

/// Where and by whom a message was said.
pub(super) struct Said {
    /// The chat.
    pub(super) chat: ChatId,
    /// What kind of chat it is.
    pub(super) chat_kind: ChatKind,
    /// The other person, in a chat of two.
    pub(super) peer: Option<Sender>,
    /// Who said it.
    pub(super) sender: Sender,
    /// What they call themselves.
    pub(super) sender_name: Option<String>,
}

impl Said {
    /// Reads it from what stands around a message; `None` when the address is nobody's.
    pub(super) async fn of(people: &People, info: &MessageInfo) -> Result<Option<Self>, keyring::Error> {
        let Some(place) = ids::place_of(&info.source, info.peer_recipient_pn.as_ref()) else {
            return Ok(None);
        };
        let (chat, chat_kind, peer) = match place {
            Place::Direct(spelling) => {
                let contact = people.contact(&spelling).await?;
                (ids::direct_chat(&contact), ChatKind::Direct, Some(contact))
            }
            Place::Stranger(contact) => (ids::direct_chat(&contact), ChatKind::Direct, Some(contact)),
            Place::Group(chat) => (chat, ChatKind::Group, None),
            Place::Status(chat) => (chat, ChatKind::Status, None),
            Place::Channel(channel) => return Ok(Some(in_channel(info, channel))),
        };
        let sender = match (info.source.is_from_me, &peer) {
            (true, _) => Sender::Owner,
            (false, Some(peer)) => Sender::Contact(peer.clone()),
            (false, None) => match among_many(people, &info.source).await? {
                Some(contact) => Sender::Contact(contact),
                None => return Ok(None),
            },
        };
        let sender_name = match &sender {
            Sender::Owner => None,
            // Their names are not kept, so they are called the same whenever somebody asks.
            Sender::Contact(contact) if ids::stranger_jid(contact.as_str()).is_some() => None,
            Sender::Contact(contact) => name(people, contact, info).await?,
        };
        Ok(Some(Self {
            chat,
            chat_kind,
            peer: peer.map(Sender::Contact),
            sender,
            sender_name,
        }))
    }
}

fn in_channel(info: &MessageInfo, channel: ContactId) -> Said {
    let sender = if info.source.is_from_me {
        Sender::Owner
    } else {
        Sender::Contact(channel.clone())
    };
    Said {
        chat: ids::direct_chat(&channel),
        chat_kind: ChatKind::Channel,
        peer: Some(Sender::Contact(channel)),
        sender,
        sender_name: None,
    }
}

/// Who speaks where many do: a person, or an assistant.
async fn among_many(people: &People, source: &MessageSource) -> Result<Option<ContactId>, keyring::Error> {
    match Spelling::of(&source.sender, source.sender_alt.as_ref()) {
        Some(spelling) => people.contact(&spelling).await.map(Some),
        None => Ok(ids::stranger(&source.sender)),
    }
}

/// The name that the sender gave itself, remembered for later.
async fn name(people: &People, contact: &ContactId, info: &MessageInfo) -> Result<Option<String>, keyring::Error> {
    let verified = info
        .verified_name
        .as_ref()
        .and_then(|verified| verified.name.as_deref());
    if let Some(verified) = verified.filter(|name| !name.trim().is_empty()) {
        people.is_verified_as(contact, Some(verified)).await?;
    }
    if info.push_name.trim().is_empty() {
        return Ok(people.find(contact).await?.and_then(Person::called));
    }
    people.is_called(contact, &info.push_name).await.map(Some)
}

/// The same message once for each chat that it belongs to. What the owner sends to a broadcast list stands in the chat with
/// each of its recipients, as on the phone, where the copy names them (`<participants>`); everything else in one chat.
pub(super) fn to_each(info: &MessageInfo) -> Cow<'_, [MessageInfo]> {
    let source = &info.source;
    let mut chats: Vec<Jid> = Vec::new();
    if source.is_from_me && source.chat.is_broadcast_list() {
        let own = [Some(&source.sender), source.sender_alt.as_ref()];
        for recipient in &info.bcl_participants {
            let is_own = own.into_iter().flatten().any(|own| own.is_same_user_as(recipient));
            let chat = recipient.to_non_ad();
            if !is_own && !chats.contains(&chat) {
                chats.push(chat);
            }
        }
    }
    if chats.is_empty() {
        return Cow::Borrowed(std::slice::from_ref(info));
    }
    chats.into_iter().map(|chat| to_one(info, chat)).collect()
}

fn to_one(info: &MessageInfo, chat: Jid) -> MessageInfo {
    MessageInfo {
        source: MessageSource {
            recipient: Some(chat.clone()),
            chat,
            is_group: false,
            broadcast_list_owner: None,
            ..info.source.clone()
        },
        ..info.clone()
    }
}

/// An assistant says what it says in pieces, each longer than the one before and under an id of its own; each takes the place
/// of the first.
pub(super) fn continued(info: &MessageInfo, said: &Said, action: Action) -> Action {
    let bot = info.bot_info.as_ref();
    let first = bot
        .filter(|bot| matches!(bot.edit_type, Some(BotEditType::Inner | BotEditType::Last)))
        .and_then(|bot| bot.edit_target_id.as_deref())
        .filter(|first| !first.is_empty());
    match (action, first) {
        (Action::Say(say), Some(first)) if said.sender != Sender::Owner => Action::Edit {
            target: MessageRef {
                id: MessageId::from_adapter(first),
                sender: said.sender.clone(),
            },
            content: say.content,
        },
        (action, _) => action,
    }
}

/// The chat of a typing notice and who types; `None` where nobody is shown typing.
pub(super) async fn typing_in(
    shared: &Shared,
    source: &MessageSource,
) -> Result<Option<(ChatId, Sender)>, keyring::Error> {
    let Some(spelling) = Spelling::of(&source.sender, source.sender_alt.as_ref()) else {
        return Ok(None);
    };
    let contact = shared.people.contact(&spelling).await?;
    Ok(match ids::place_of(source, None) {
        Some(Place::Group(chat)) => Some((chat, Sender::Contact(contact))),
        Some(Place::Direct(_)) => Some((ids::direct_chat(&contact), Sender::Contact(contact))),
        // Nobody types to all.
        Some(Place::Status(_) | Place::Channel(_) | Place::Stranger(_)) | None => None,
    })
}

#[cfg(test)]
mod tests {
    use whatsapp_rust::wacore::types::message::MsgBotInfo;

    use super::*;
    use crate::model::{Content, Say};

    fn jid(text: &str) -> Jid {
        text.parse().unwrap()
    }

    fn to_a_list(recipients: &[&str]) -> MessageInfo {
        MessageInfo {
            source: MessageSource {
                chat: jid("1700000000@broadcast"),
                sender: jid("15550009999@s.whatsapp.net"),
                sender_alt: Some(jid("99@lid")),
                is_from_me: true,
                is_group: true,
                ..MessageSource::default()
            },
            bcl_participants: recipients.iter().map(|recipient| jid(recipient)).collect(),
            ..MessageInfo::default()
        }
    }

    #[test]
    fn what_goes_to_a_list_stands_in_the_chat_with_each_who_is_named() {
        let info = to_a_list(&[
            "15550001111@s.whatsapp.net",
            "15550001111:3@s.whatsapp.net",
            "42@lid",
            "99:1@lid",
            "15550009999@s.whatsapp.net",
        ]);
        let each = to_each(&info);
        let chats: Vec<_> = each.iter().map(|copy| copy.source.chat.to_string()).collect();
        assert_eq!(chats, ["15550001111@s.whatsapp.net", "42@lid"]);
        for copy in &*each {
            assert!(matches!(ids::place_of(&copy.source, None), Some(Place::Direct(_))));
            assert_eq!((copy.source.is_from_me, copy.source.is_group), (true, false));
        }
    }

    #[test]
    fn a_list_of_nobody_and_what_others_say_are_in_one_place() {
        let unnamed = to_a_list(&[]);
        assert_eq!(to_each(&unnamed).len(), 1);
        assert_eq!(to_each(&unnamed)[0].source.chat, unnamed.source.chat);
        let mut of_ana = to_a_list(&["15550009999@s.whatsapp.net", "42@lid"]);
        of_ana.source.is_from_me = false;
        assert_eq!(to_each(&of_ana).len(), 1);
    }

    #[test]
    fn the_pieces_of_an_answer_of_an_assistant_take_the_place_of_the_first() {
        let assistant = Sender::Contact(ContactId::from_adapter("bot_1"));
        let said = Said {
            chat: ChatId::from_adapter("bot_1"),
            chat_kind: ChatKind::Direct,
            peer: None,
            sender: assistant.clone(),
            sender_name: None,
        };
        let piece = |edit_type, target: Option<&str>| MessageInfo {
            bot_info: Some(MsgBotInfo {
                edit_type,
                edit_target_id: target.map(ToOwned::to_owned),
                edit_sender_timestamp_ms: None,
            }),
            ..MessageInfo::default()
        };
        let words = || Action::Say(Say::new(Content::words("It is")));
        let edit = Action::Edit {
            target: MessageRef {
                id: MessageId::from_adapter("3EB0AA"),
                sender: assistant,
            },
            content: Content::words("It is"),
        };
        for later in [BotEditType::Inner, BotEditType::Last] {
            assert_eq!(continued(&piece(Some(later), Some("3EB0AA")), &said, words()), edit);
        }
        let first = piece(Some(BotEditType::First), Some("3EB0AA"));
        for alone in [first, piece(Some(BotEditType::Last), None), MessageInfo::default()] {
            assert_eq!(continued(&alone, &said, words()), words());
        }
    }
}
