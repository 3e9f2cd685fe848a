//! Who and where, on the wire and in the house: JIDs on one side, `ContactId` and `ChatId` on the other.
//!
//! A person has a phone number, a LID (the number that hides the phone number), or both. Which of the two a stanza
//! uses says nothing; the store's record of the person decides, so one person stays one contact for life. The chat
//! with one person alone has the text of that person's contact id; a group has its JID.
//!
//! Deliberately not here: input and output; the record itself is the keyring's.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};
use whatsapp_rust::{
    Jid,
    wacore::types::message::MessageSource,
    wacore_binary::{JidExt, Server},
};

use crate::model::{ChatId, ContactId, MessageId};

/// Shortest and longest phone number, in digits; longer than E.164 allows, because WhatsApp has such test numbers.
const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 5..=20;
/// What stands before the number of a channel in its contact id.
const CHANNEL_PREFIX: &str = "channel_";
/// What stands before a LID in a contact id.
const LID_PREFIX: &str = "lid_";

/// The ways in which the wire spells one person.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Spelling {
    /// Phone number, digits only.
    pub(super) phone: Option<String>,
    /// LID, digits only.
    pub(super) lid: Option<String>,
}

impl Spelling {
    /// The person behind a JID and the other JID that came with it; `None` when the first is no person's.
    pub(super) fn of(jid: &Jid, other: Option<&Jid>) -> Option<Self> {
        let mut spelling = Self::default();
        spelling.learn(jid);
        if spelling == Self::default() {
            return None;
        }
        if let Some(other) = other {
            spelling.learn(other);
        }
        Some(spelling)
    }

    fn learn(&mut self, jid: &Jid) {
        let user = jid.user_base();
        if user.is_empty() || !user.bytes().all(|byte| byte.is_ascii_digit()) {
            return;
        }
        if jid.server.is_pn_family() && self.phone.is_none() {
            self.phone = Some(user.to_owned());
        } else if jid.server.is_lid_family() && self.lid.is_none() {
            self.lid = Some(user.to_owned());
        }
    }

    /// How to write to this person: by phone number when it is known; the library moves to LIDs by itself where the
    /// account was moved (`Client::is_lid_migrated`).
    pub(super) fn jid(&self) -> Option<Jid> {
        match (&self.phone, &self.lid) {
            (Some(phone), _) => Some(Jid::pn(phone.as_str())),
            (None, Some(lid)) => Some(Jid::lid(lid.as_str())),
            (None, None) => None,
        }
    }
}

/// Where a message was said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// With one person alone.
    Direct(Spelling),
    /// In a group.
    Group(ChatId),
    /// Shown to all contacts.
    Status(ChatId),
    /// Told to all who follow, by the channel itself.
    Channel(ContactId),
    /// With somebody who is no person here: an assistant, somebody of another messenger; or, by the owner, to a broadcast
    /// list whose recipients are not named.
    Stranger(ContactId),
}

/// Where a message was said; `None` only for an address without anybody. A message to an own list whose recipients are named
/// comes here once for each of them, see `said`.
pub(super) fn place_of(source: &MessageSource, peer_phone: Option<&Jid>) -> Option<Place> {
    let chat = &source.chat;
    if chat.is_group() {
        return Some(Place::Group(ChatId::from_adapter(chat.to_non_ad_string())));
    }
    if let Some(channel) = channel(chat) {
        return Some(Place::Channel(channel));
    }
    if chat.is_status_broadcast() {
        return Some(Place::Status(ChatId::from_adapter(chat.to_non_ad_string())));
    }
    if chat.is_broadcast_list() && !source.is_from_me {
        // A contact wrote to a list we are on: for us it is a message in the chat with that contact.
        return Spelling::of(&source.sender, source.sender_alt.as_ref())
            .map(Place::Direct)
            .or_else(|| stranger(&source.sender).map(Place::Stranger));
    }
    // On our own messages `sender_alt` is our own other name, and `recipient_alt` the peer's.
    let other = if source.is_from_me {
        source.recipient_alt.as_ref().or(peer_phone)
    } else {
        source.sender_alt.as_ref()
    };
    Spelling::of(chat, other)
        .map(Place::Direct)
        .or_else(|| stranger(chat).map(Place::Stranger))
}

/// The chat with one person alone.
pub(super) fn direct_chat(contact: &ContactId) -> ChatId {
    ChatId::from_adapter(contact.as_str())
}

/// The other person of a direct chat; groups have an address with an `@`.
pub(super) fn direct_contact(chat: &ChatId) -> Option<ContactId> {
    (!chat.as_str().contains('@')).then(|| ContactId::from_adapter(chat.as_str()))
}

/// Who speaks in a channel: the channel itself.
pub(super) fn channel(jid: &Jid) -> Option<ContactId> {
    let user = jid.user.as_str();
    let is_channel = jid.is_newsletter() && !user.is_empty() && user.bytes().all(|byte| byte.is_ascii_digit());
    is_channel.then(|| ContactId::from_adapter(format!("{CHANNEL_PREFIX}{user}")))
}

/// The JID of a channel, by its chat or by who speaks in it.
pub(super) fn channel_jid(text: &str) -> Option<Jid> {
    let user = text.strip_prefix(CHANNEL_PREFIX)?;
    format!("{user}@newsletter").parse().ok()
}

/// The contact behind an address that has neither a number nor a LID, by its server and user: `bot_867051314767696`. Every
/// kind of address has one, also those that WhatsApp may invent: nothing is dropped for where it was said.
pub(super) fn stranger(jid: &Jid) -> Option<ContactId> {
    let user = jid.user_base();
    (!user.is_empty()).then(|| ContactId::from_adapter(format!("{}_{user}", jid.server.as_str())))
}

/// The address of such a contact, by its chat or by who speaks in it.
pub(super) fn stranger_jid(text: &str) -> Option<Jid> {
    let (server, user) = text.split_once('_')?;
    let server = Server::try_from(server).ok()?;
    let jid = format!("{user}@{}", server.as_str()).parse::<Jid>().ok()?;
    Spelling::of(&jid, None).is_none().then_some(jid)
}

/// What to call such a contact.
pub(super) fn name_of_stranger(jid: &Jid) -> &'static str {
    match jid.server {
        Server::Bot => "Assistant",
        Server::Broadcast => "Broadcast list",
        _ => "Somebody of another messenger",
    }
}

/// Whether a chat is what contacts show to all.
pub(super) fn is_status(chat: &ChatId) -> bool {
    chat.as_str().parse::<Jid>().is_ok_and(|jid| jid.is_status_broadcast())
}

/// The JID of a group's chat.
pub(super) fn group_jid(chat: &ChatId) -> Option<Jid> {
    chat.as_str().parse::<Jid>().ok().filter(JidExt::is_group)
}

/// Reads `15550001111` or `lid_42`.
pub(super) fn read_contact(text: &str) -> Option<Spelling> {
    let (lid, digits) = match text.strip_prefix(LID_PREFIX) {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    if lid {
        return (!digits.is_empty()).then(|| Spelling {
            phone: None,
            lid: Some(digits.to_owned()),
        });
    }
    PHONE_DIGITS.contains(&digits.len()).then(|| Spelling {
        phone: Some(digits.to_owned()),
        lid: None,
    })
}

/// Reads an address as people paste it: a JID of a person or a group.
pub(super) fn read_address(text: &str) -> Option<Address> {
    let jid = text.trim().parse::<Jid>().ok()?;
    if jid.is_group() {
        return Some(Address::Group(ChatId::from_adapter(jid.to_non_ad_string())));
    }
    let jid = if jid.server == Server::Legacy {
        Jid::pn(jid.user_base())
    } else {
        jid
    };
    Spelling::of(&jid, None).map(Address::Person)
}

/// What an address leads to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Address {
    /// A person.
    Person(Spelling),
    /// A group.
    Group(ChatId),
}

/// The id of the message that `seed` becomes. `3EB0` and eighteen hexadecimal digits is what WhatsApp Web itself
/// makes, so nothing about our messages stands out.
pub(super) fn message_id(seed: &str) -> MessageId {
    let digest = Sha256::digest(seed.as_bytes());
    let mut id = String::from("3EB0");
    for byte in digest.iter().take(9) {
        // Writing to a string cannot fail.
        let _ = write!(id, "{byte:02X}");
    }
    MessageId::from_adapter(id)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn jid(text: &str) -> Jid {
        text.parse().unwrap()
    }

    fn person(phone: Option<&str>, lid: Option<&str>) -> Spelling {
        Spelling {
            phone: phone.map(ToOwned::to_owned),
            lid: lid.map(ToOwned::to_owned),
        }
    }

    #[test]
    fn both_names_of_a_person_are_learned_whichever_comes_first() {
        let both = Some(person(Some("15550001111"), Some("42")));
        assert_eq!(
            Spelling::of(&jid("15550001111:3@s.whatsapp.net"), Some(&jid("42:7@lid"))),
            both
        );
        assert_eq!(
            Spelling::of(&jid("42@lid"), Some(&jid("15550001111@s.whatsapp.net"))),
            both
        );
        assert_eq!(
            Spelling::of(&jid("15550001111@s.whatsapp.net"), None),
            Some(person(Some("15550001111"), None))
        );
        assert_eq!(Spelling::of(&jid("120363000000000001@g.us"), None), None);
    }

    #[test]
    fn an_own_message_belongs_to_the_chat_of_its_recipient() {
        let source = MessageSource {
            chat: jid("42@lid"),
            sender: jid("7:2@lid"),
            is_from_me: true,
            sender_alt: Some(jid("15559990000@s.whatsapp.net")),
            ..MessageSource::default()
        };
        let known = place_of(&source, Some(&jid("15550001111@s.whatsapp.net")));
        assert_eq!(known, Some(Place::Direct(person(Some("15550001111"), Some("42")))));
        assert_eq!(place_of(&source, None), Some(Place::Direct(person(None, Some("42")))));
    }

    #[test]
    fn a_message_to_a_list_belongs_to_the_chat_of_its_sender() {
        let mut source = MessageSource {
            chat: jid("1700000000@broadcast"),
            sender: jid("15550001111:2@s.whatsapp.net"),
            is_group: true,
            ..MessageSource::default()
        };
        assert_eq!(
            place_of(&source, None),
            Some(Place::Direct(person(Some("15550001111"), None)))
        );
        source.is_from_me = true;
        let list = ContactId::from_adapter("broadcast_1700000000");
        assert_eq!(place_of(&source, None), Some(Place::Stranger(list)), "nobody is named");
        source.chat = jid("status@broadcast");
        source.is_from_me = false;
        assert!(matches!(place_of(&source, None), Some(Place::Status(_))));
    }

    #[test]
    fn whoever_has_neither_number_nor_lid_has_a_place_too() {
        for (address, name) in [
            ("867051314767696@bot", "bot_867051314767696"),
            ("867051314767696:2@bot", "bot_867051314767696"),
            ("100012345@msgr", "msgr_100012345"),
            ("x@s.whatsapp.net", "s.whatsapp.net_x"),
        ] {
            let source = MessageSource {
                chat: jid(address).to_non_ad(),
                sender: jid(address),
                ..MessageSource::default()
            };
            let contact = ContactId::from_adapter(name);
            assert_eq!(place_of(&source, None), Some(Place::Stranger(contact)), "{address}");
            assert_eq!(stranger_jid(name), Some(jid(address).to_non_ad()), "{name}");
        }
        for text in ["15550001111", "lid_42", "channel_120363", "120363000000000001@g.us"] {
            assert_eq!(stranger_jid(text), None, "{text}");
        }
    }

    #[test]
    fn groups_keep_their_address_and_people_have_none() {
        let source = MessageSource {
            chat: jid("120363000000000001@g.us"),
            ..MessageSource::default()
        };
        let Some(Place::Group(chat)) = place_of(&source, None) else {
            panic!("not a group")
        };
        assert_eq!(direct_contact(&chat), None);
        assert_eq!(group_jid(&chat).unwrap().to_string(), "120363000000000001@g.us");
        let contact = ContactId::from_adapter("lid_42");
        assert_eq!(direct_contact(&direct_chat(&contact)), Some(contact));
    }

    #[test]
    fn only_what_can_be_a_contact_is_read_as_one() {
        assert_eq!(read_contact("15550001111"), Some(person(Some("15550001111"), None)));
        assert_eq!(read_contact("lid_42"), Some(person(None, Some("42"))));
        for text in [
            "",
            "1234",
            "lid_",
            "lid_x",
            "+15550001111",
            "bot",
            "123456789012345678901",
            "1555000111१",
        ] {
            assert_eq!(read_contact(text), None, "{text}");
        }
    }

    #[test]
    fn addresses_lead_to_people_or_groups() {
        let ana = Address::Person(person(Some("15550001111"), None));
        assert_eq!(read_address("15550001111@s.whatsapp.net"), Some(ana.clone()));
        assert_eq!(read_address(" 15550001111@c.us "), Some(ana));
        assert_eq!(read_address("42@lid"), Some(Address::Person(person(None, Some("42")))));
        assert!(matches!(
            read_address("120363000000000001@g.us"),
            Some(Address::Group(_))
        ));
        assert_eq!(read_address("status@broadcast"), None);
        assert_eq!(read_address("ana@example.org"), None);
    }

    proptest! {
        #[test]
        fn one_seed_makes_one_id_of_the_right_shape(seed in ".*", other in ".*") {
            let id = message_id(&seed);
            prop_assert_eq!(&id, &message_id(&seed));
            prop_assert_eq!(id.as_str().len(), 22);
            prop_assert!(id.as_str().starts_with("3EB0"));
            prop_assert!(id.as_str().bytes().all(|b| b.is_ascii_digit() || (b'A'..=b'F').contains(&b)));
            prop_assert_eq!(seed == other, id == message_id(&other));
        }

        #[test]
        fn reading_a_contact_never_panics_and_writes_back(text in "\\PC*") {
            if let Some(spelling) = read_contact(&text) {
                let back = spelling.phone.clone().or_else(|| spelling.lid.map(|lid| format!("lid_{lid}")));
                prop_assert_eq!(back.as_deref(), Some(text.as_str()));
            }
        }

        #[test]
        fn reading_an_address_never_panics(text in "\\PC*") {
            read_address(&text);
        }
    }
}
