//! What is stored, for those who read by REST: chats and messages, page by page.
//!
//! Whose they are is asked first, with every page: the device must be one of the caller's identity, the chat one of the
//! device. Deliberately not here: how an answer looks (`api::chats`).

use std::collections::HashMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ruma::{EventId, OwnedEventId, OwnedRoomId, OwnedUserId, RoomId};

use super::{
    Error, Inner,
    standing::{self, Standing},
};
use crate::{
    model::{
        ChatId, ChatKind, Content, Device, IdentityId, MessageId, MessageRef, Platform, PortalKey, Sender, Timestamp,
    },
    store::{DELETED, MessageState, Part, Place, StoredChat, StoredMessage, Tx, Whose},
};

/// Which page somebody wants.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Wanted {
    /// As a page before told; the others do not count then.
    pub(crate) cursor: Option<String>,
    /// Older than this message or time.
    pub(crate) before: Option<String>,
    /// Newer than this message or time.
    pub(crate) after: Option<String>,
    /// How many at most.
    pub(crate) limit: u32,
}

/// A page, newest first, and how to ask for those beside it; empty: there is none.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Page<T> {
    /// What is on it.
    pub(crate) items: Vec<T>,
    /// Leads to what is older.
    pub(crate) next: String,
    /// Leads to what is newer.
    pub(crate) previous: String,
}

/// A chat for reading.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ReadChat {
    /// The number of its device.
    pub(crate) device: String,
    /// Which chat.
    pub(crate) chat: ChatId,
    /// Its kind.
    pub(crate) kind: ChatKind,
    /// Its room, where there is one.
    pub(crate) room: Option<OwnedRoomId>,
    /// Its name.
    pub(crate) name: Option<String>,
    /// When something was said in it last.
    pub(crate) last_at: Timestamp,
    /// How many messages the owner has not read.
    pub(crate) unread: u32,
    /// How it stands.
    pub(crate) standing: Standing,
}

/// A message for reading.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct ReadMessage {
    /// In which chat.
    pub(crate) chat: ChatId,
    /// Its id on the network.
    pub(crate) id: MessageId,
    /// The room that shows it.
    pub(crate) room: Option<OwnedRoomId>,
    /// The event that it is there.
    pub(crate) event: Option<OwnedEventId>,
    /// Who said it.
    pub(crate) sender: Sender,
    /// What it holds; `None` when that was taken back or is no longer kept.
    pub(crate) content: Option<Content>,
    /// What it holds or held, in a word.
    pub(crate) kind: String,
    /// It was taken back.
    pub(crate) is_deleted: bool,
    /// The message it answers.
    pub(crate) reply_to: Option<MessageId>,
    /// How far it came, in a word, and why not further.
    pub(crate) state: &'static str,
    /// Why it failed.
    pub(crate) error: Option<String>,
    /// The owner starred it.
    pub(crate) starred: bool,
    /// When it was said.
    pub(crate) at: Timestamp,
    /// When it was edited last.
    pub(crate) edited_at: Option<Timestamp>,
    /// Who shows its sender in Matrix.
    pub(crate) user: OwnedUserId,
    /// The name of its sender.
    pub(crate) name: Option<String>,
    /// Marks on it: whose, and which.
    pub(crate) marks: Vec<(OwnedUserId, String)>,
}

impl ReadMessage {
    /// Takes away what it holds.
    pub(super) fn empty(&mut self) {
        DELETED.clone_into(&mut self.kind);
        self.is_deleted = true;
        self.content = None;
        self.error = None;
        self.marks.clear();
    }
}

/// Whose things are read.
pub(super) struct Reader {
    pub(super) device: Device,
    owner: OwnedUserId,
}

impl Reader {
    /// Somebody who reads the things of one of their devices.
    pub(super) async fn of(tx: &mut Tx, device: Device) -> Result<Self, Error> {
        let identity = tx.find_identity(device.identity).await?;
        let owner = identity.ok_or(Error::NotFound("Device"))?.user;
        Ok(Self { device, owner })
    }
}

async fn reader(tx: &mut Tx, identity: IdentityId, (platform, number): (Platform, &str)) -> Result<Reader, Error> {
    let device = tx.find_device_by_number(identity, platform, number).await?;
    Reader::of(tx, device.ok_or(Error::NotFound("Device"))?).await
}

/// A page of the chats of a device.
pub(super) async fn chats(
    bridge: &Inner,
    identity: IdentityId,
    device: (Platform, &str),
    wanted: &Wanted,
) -> Result<Page<ReadChat>, Error> {
    let mut tx = bridge.store.read().await?;
    let reader = reader(&mut tx, identity, device).await?;
    let whose = Whose::Device(reader.device.id);
    chats_of(&mut tx, whose, std::slice::from_ref(&reader.device), wanted).await
}

/// A page of the chats of all devices of an identity.
pub(super) async fn all_chats(bridge: &Inner, identity: IdentityId, wanted: &Wanted) -> Result<Page<ReadChat>, Error> {
    let mut tx = bridge.store.read().await?;
    let devices = tx.list_devices(identity).await?;
    chats_of(&mut tx, Whose::Identity(identity), &devices, wanted).await
}

async fn chats_of(tx: &mut Tx, whose: Whose, devices: &[Device], wanted: &Wanted) -> Result<Page<ReadChat>, Error> {
    let part = match &wanted.cursor {
        Some(cursor) => part_of(cursor)?,
        None => Part::Newest,
    };
    let found = tx.list_chats(whose, &part, wanted.limit.saturating_add(1)).await?;
    let place = |chat: &StoredChat| {
        let (at, name) = (chat.last_at.millis(), chat.chat.as_str().to_owned());
        Place(at, name, chat.device.to_string())
    };
    let Page { items, next, previous } = page(found, &part, wanted.limit, place);
    let mut chats = Vec::with_capacity(items.len());
    for stored in items {
        if let Some(device) = devices.iter().find(|device| device.id == stored.device) {
            let key = PortalKey::new(stored.device, stored.chat.clone());
            let standing = standing::of(tx, &key).await?;
            chats.push(read_chat(tx, device, stored, standing).await?);
        }
    }
    Ok(Page {
        items: chats,
        next,
        previous,
    })
}

/// A chat for reading, as it stands.
pub(super) async fn read_chat(
    tx: &mut Tx,
    device: &Device,
    stored: StoredChat,
    standing: Standing,
) -> Result<ReadChat, Error> {
    let key = PortalKey::new(stored.device, stored.chat.clone());
    // The times of messages are in whole seconds.
    let linked_at = device.linked_at.plus_millis(-1000);
    let since = tx.count_unseen(&key, linked_at).await?;
    // What the phone told of the time before holds until something of the chat is read.
    let before = match tx.find_newest_seen(&key).await? {
        Some(_) => 0,
        None => standing.facts.unread,
    };
    Ok(ReadChat {
        device: device.number.clone(),
        chat: stored.chat,
        kind: stored.kind,
        room: stored.room,
        name: stored.name,
        last_at: stored.last_at,
        unread: since.saturating_add(before),
        standing,
    })
}

/// A page of the messages of a chat.
pub(super) async fn messages(
    bridge: &Inner,
    identity: IdentityId,
    device: (Platform, &str),
    chat: &str,
    wanted: &Wanted,
) -> Result<Page<ReadMessage>, Error> {
    let mut tx = bridge.store.read().await?;
    let reader = reader(&mut tx, identity, device).await?;
    let key = self::chat(&mut tx, &reader.device, chat).await?;
    let part = match (&wanted.cursor, &wanted.before, &wanted.after) {
        (Some(cursor), ..) => part_of(cursor)?,
        (None, Some(before), _) => Part::Before(place_of(&mut tx, &key, before, "before").await?),
        (None, None, Some(after)) => Part::After(place_of(&mut tx, &key, after, "after").await?),
        (None, None, None) => Part::Newest,
    };
    let found = tx.list_messages(&key, &part, wanted.limit.saturating_add(1)).await?;
    let Page { items, next, previous } = page(found, &part, wanted.limit, |message| message.place.clone());
    let mut found = Vec::with_capacity(items.len());
    for stored in items {
        found.push(marked(&mut tx, stored).await?);
    }
    // Looking people up reads too: who keeps one connection while waiting for the next can wait for ever.
    drop(tx);
    let mut people = People::of(bridge, &reader);
    let mut messages = Vec::with_capacity(found.len());
    for marked in found {
        messages.push(people.read(marked).await?);
    }
    Ok(Page {
        items: messages,
        next,
        previous,
    })
}

fn told(
    stored: StoredMessage,
    (user, name): (OwnedUserId, Option<String>),
    marks: Vec<(OwnedUserId, String)>,
) -> ReadMessage {
    let message = stored.message;
    let kind = match &message.content {
        Some(content) => content.kind().to_owned(),
        None => message.kind.trim_start_matches("m.").to_owned(),
    };
    ReadMessage {
        chat: message.portal.chat,
        id: message.id,
        room: message.room,
        event: message.event,
        sender: message.sender,
        is_deleted: message.kind == DELETED,
        content: message.content,
        kind,
        reply_to: message.reply_to,
        state: state_name(message.state),
        error: message.error,
        starred: stored.starred,
        at: message.at,
        edited_at: message.edited_at,
        user,
        name,
        marks,
    }
}

/// How far a message came, in a word.
pub(super) fn state_name(state: MessageState) -> &'static str {
    match state {
        MessageState::Pending => "pending",
        MessageState::Sent => "sent",
        MessageState::Delivered => "delivered",
        MessageState::Read => "read",
        MessageState::Played => "played",
        MessageState::Failed => "failed",
    }
}

/// The chat that somebody means: by its own name, with the plus of a telephone number before it, or by its room.
pub(super) async fn chat(tx: &mut Tx, device: &Device, spelled: &str) -> Result<PortalKey, Error> {
    let no = || Error::NotFound("Chat");
    if spelled.starts_with('!') {
        let room = RoomId::parse(spelled).map_err(|_| no())?;
        let portal = tx.find_portal_by_room(&room).await?;
        let portal = portal.filter(|portal| portal.key.device == device.id);
        return portal.map(|portal| portal.key).ok_or_else(no);
    }
    let name = spelled.strip_prefix('+').unwrap_or(spelled);
    let key = PortalKey::new(device.id, ChatId::from_adapter(name));
    let is_known = tx.find_portal(&key).await?.is_some()
        || tx.find_chat_facts(&key).await?.is_some()
        || tx.find_oldest_message(&key, false).await?.is_some();
    if is_known { Ok(key) } else { Err(no()) }
}

/// Users and names of people, each looked up once.
pub(super) struct People<'a> {
    bridge: &'a Inner,
    reader: &'a Reader,
    known: HashMap<Sender, (OwnedUserId, Option<String>)>,
}

/// A message and the marks on it.
pub(super) struct Marked {
    stored: StoredMessage,
    marks: Vec<(Sender, String)>,
}

/// A message with the marks on it.
pub(super) async fn marked(tx: &mut Tx, stored: StoredMessage) -> Result<Marked, Error> {
    let reference = MessageRef {
        id: stored.message.id.clone(),
        sender: stored.message.sender.clone(),
    };
    let marks = tx.list_marks(&stored.message.portal, &reference).await?;
    Ok(Marked { stored, marks })
}

impl<'a> People<'a> {
    /// The people of a reader.
    pub(super) fn of(bridge: &'a Inner, reader: &'a Reader) -> Self {
        Self {
            bridge,
            reader,
            known: HashMap::new(),
        }
    }

    /// A message for reading.
    pub(super) async fn read(&mut self, Marked { stored, marks }: Marked) -> Result<ReadMessage, Error> {
        let said_by = self.find(&stored.message.sender).await?;
        let mut shown = Vec::with_capacity(marks.len());
        for (sender, emoji) in marks {
            shown.push((self.find(&sender).await?.0, emoji));
        }
        Ok(told(stored, said_by, shown))
    }

    /// Who shows somebody in Matrix, and their name. To be called without a transaction: it may open its own.
    pub(super) async fn find(&mut self, sender: &Sender) -> Result<(OwnedUserId, Option<String>), Error> {
        if let Some(known) = self.known.get(sender) {
            return Ok(known.clone());
        }
        let found = match sender {
            Sender::Owner => (self.reader.owner.clone(), None),
            Sender::Contact(contact) => {
                let ghost = self.bridge.store.read().await?.find_ghost(contact).await?;
                let name = match ghost.as_ref().and_then(|ghost| ghost.name.clone()) {
                    Some(name) => Some(name),
                    // Nobody made a user of somebody who is only stored.
                    None => match self.bridge.network.contact(self.reader.device.id, contact).await {
                        Ok(info) => info.name,
                        Err(_) => None,
                    },
                };
                let ghost_name = self.bridge.network.ghost_name(contact);
                let user = ghost.map_or_else(|| self.bridge.homeserver.names().ghost(&ghost_name), |ghost| ghost.user);
                (user, name)
            }
        };
        self.known.insert(sender.clone(), found.clone());
        Ok(found)
    }
}

/// The place of a message (by its id or its event) or of a time.
async fn place_of(tx: &mut Tx, key: &PortalKey, spelled: &str, field: &'static str) -> Result<Place, Error> {
    if let Some(at) = Timestamp::parse_rfc3339(spelled) {
        return Ok(Place(at.millis(), String::new(), String::new()));
    }
    let found = match EventId::parse(spelled) {
        Ok(event) => tx.find_message_by_event(&event).await?,
        Err(_) => tx.find_message_by_id(key, &MessageId::from_adapter(spelled)).await?,
    };
    let found = found.filter(|message| message.portal == *key);
    let message = found.ok_or(Error::Invalid {
        field,
        why: "no such message or time".into(),
    })?;
    let sender = match &message.sender {
        Sender::Owner => "owner".to_owned(),
        Sender::Contact(contact) => contact.as_str().to_owned(),
    };
    Ok(Place(message.at.millis(), message.id.as_str().to_owned(), sender))
}

/// Cuts a page out of what was found, which is one more than wanted when there is more.
pub(super) fn page<T>(mut found: Vec<T>, part: &Part, limit: u32, place: impl Fn(&T) -> Place) -> Page<T> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = found.len() > limit;
    let backwards = matches!(part, Part::After(_));
    if more {
        // The one too many is the furthest away.
        if backwards {
            found.remove(0);
        } else {
            found.truncate(limit);
        }
    }
    let older = if backwards { !found.is_empty() } else { more };
    let newer = if backwards { more } else { *part != Part::Newest };
    let cursor = |at: Option<&T>, towards: &str| at.map_or_else(String::new, |item| cursor(towards, &place(item)));
    Page {
        next: if older {
            cursor(found.last(), "o")
        } else {
            String::new()
        },
        previous: if newer {
            cursor(found.first(), "n")
        } else {
            String::new()
        },
        items: found,
    }
}

fn cursor(towards: &str, place: &Place) -> String {
    // Cannot fail: a number and texts.
    let json = serde_json::to_string(&(towards, place)).unwrap_or_default();
    URL_SAFE_NO_PAD.encode(json)
}

pub(super) fn part_of(cursor: &str) -> Result<Part, Error> {
    let wrong = Error::Invalid {
        field: "cursor",
        why: "it is none that was given out".into(),
    };
    let json = URL_SAFE_NO_PAD.decode(cursor).unwrap_or_default();
    match serde_json::from_slice::<(String, Place)>(&json) {
        Ok((towards, place)) if towards == "o" => Ok(Part::Before(place)),
        Ok((towards, place)) if towards == "n" => Ok(Part::After(place)),
        _ => Err(wrong),
    }
}

/// Asks the phone for older messages of a chat.
pub(super) async fn ask_for_older(
    bridge: &Inner,
    identity: IdentityId,
    device: (Platform, &str),
    chat: &str,
    count: u32,
) -> Result<(), Error> {
    let key = {
        let mut tx = bridge.store.read().await?;
        let reader = reader(&mut tx, identity, device).await?;
        self::chat(&mut tx, &reader.device, chat).await?
    };
    super::older::ask_by_rest(bridge, &key, count).await
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numbers(range: std::ops::Range<i64>) -> Vec<i64> {
        range.rev().collect()
    }

    fn at(number: i64) -> Place {
        Place(number, "id".into(), String::new())
    }

    #[test]
    fn a_page_leads_to_those_beside_it_and_nowhere_beyond_the_ends() {
        let first = page(numbers(7..10), &Part::Newest, 2, |number| at(*number));
        assert_eq!((first.items, first.previous.as_str()), (vec![9, 8], ""));
        assert_eq!(part_of(&first.next).unwrap(), Part::Before(at(8)));
        let last = page(numbers(0..2), &Part::Before(at(2)), 2, |number| at(*number));
        assert_eq!((last.items.len(), last.next.as_str()), (2, ""));
        assert_eq!(part_of(&last.previous).unwrap(), Part::After(at(1)));
        let back = page(numbers(2..5), &Part::After(at(1)), 2, |number| at(*number));
        assert_eq!(back.items, [3, 2]);
        assert_eq!(part_of(&back.previous).unwrap(), Part::After(at(3)));
    }

    proptest! {
        #[test]
        fn a_cursor_of_strangers_is_refused_and_never_harmful(text in "\\PC{0,60}") {
            let _ = part_of(&text);
        }
    }
}
