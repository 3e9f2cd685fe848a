//! People as the owner of a device knows them: the address book and those who were talked with, for the REST door; looking
//! them up at the network, and all of it anew.
//!
//! The owner's own names answer the owner only. Deliberately not here: how ghosts look (`faces`), and the same by command
//! (`commands::contacts`).

use std::{collections::BTreeMap, time::Duration};

use ruma::{OwnedRoomId, OwnedUserId, UserId};

use super::{
    Bridge, Error, Inner, Page,
    asking::{self, NamedDevice, in_time},
    error::Failure,
    faces, groups, reading, recipients,
    worker::Desk,
};
use crate::{
    model::{
        ChatId, ChatKind, ContactId, ContactInfo, Device, DeviceId, IdentityId, Lane, Platform, PortalKey, Recipient,
        Sender, Work,
    },
    store::{Part, Place, Portal, Tx},
};

/// Most numbers of one question.
const NUMBERS: usize = 50;
/// When a device has asked too often.
const TOO_OFTEN: Duration = Duration::from_secs(5);

/// Somebody, for reading.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ReadContact {
    /// The Matrix user that shows them.
    pub(crate) user: OwnedUserId,
    /// The number of the device that knows them.
    pub(crate) device: String,
    /// What the owner calls them.
    pub(crate) saved: Option<String>,
    /// What they call themselves, and their number.
    pub(crate) info: ContactInfo,
    /// The direct chat with them, and its room, when there is one.
    pub(crate) chat: Option<(ChatId, Option<OwnedRoomId>)>,
}

/// What became of a number that was looked up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct LookedUp {
    /// As it was spelled.
    pub(crate) phone: String,
    /// Who has it on the network: their Matrix user, and what they call themselves.
    pub(crate) found: Option<(OwnedUserId, Option<String>)>,
}

/// What can be asked for anew.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Resource {
    /// The address book, and the faces of those who are talked with.
    Contacts,
    /// All groups.
    Groups,
}

impl Bridge {
    /// A page of the people whom a device knows, in the order of names.
    ///
    /// # Errors
    /// `NotFound`, `Invalid` when there is no such page.
    pub(crate) async fn list_contacts(
        &self,
        identity: IdentityId,
        device: &NamedDevice,
        query: &str,
        (cursor, limit): (Option<&str>, u32),
    ) -> Result<Page<ReadContact>, Error> {
        list(&self.0, identity, device, query, (cursor, limit)).await
    }

    /// Somebody whom a device knows.
    ///
    /// # Errors
    /// `NotFound`.
    pub(crate) async fn find_contact(
        &self,
        identity: IdentityId,
        device: &NamedDevice,
        spelled: &str,
    ) -> Result<ReadContact, Error> {
        find(&self.0, identity, device, spelled).await
    }

    /// Asks the network who has these numbers.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`, `NotLinked`, `RateLimited`, `Offline`.
    pub(crate) async fn look_up(
        &self,
        identity: IdentityId,
        device: &NamedDevice,
        phones: &[String],
    ) -> Result<Vec<LookedUp>, Error> {
        look_up(&self.0, identity, device, phones).await
    }

    /// Promises to ask the network for what it knows, anew.
    ///
    /// # Errors
    /// `NotFound`, `NotLinked`.
    pub(crate) async fn sync(
        &self,
        identity: IdentityId,
        (platform, number): (Platform, &str),
        resources: &[Resource],
    ) -> Result<(), Error> {
        let bridge = &self.0;
        let mut tx = bridge.store.begin().await?;
        let device = asking::device(&mut tx, identity, &NamedDevice::Is(platform, number.to_owned())).await?;
        asking::must_be_linked(bridge, &device)?;
        if resources.contains(&Resource::Contacts) {
            push_sync(bridge, &mut tx, device.id).await?;
        }
        if resources.contains(&Resource::Groups) {
            groups::push_compare(&mut tx, device.id, bridge.clock().now()).await?;
        }
        Ok(tx.commit().await?)
    }
}

/// Promises to ask for the address book, and to look at those who are talked with; tells how many they are.
pub(super) async fn push_sync(bridge: &Inner, tx: &mut Tx, device: DeviceId) -> Result<u32, crate::store::Error> {
    let now = bridge.clock().now();
    tx.push_job(&Lane::contacts(device), &Work::SyncContacts { device }, now)
        .await?;
    let mut looked_at = 0;
    for portal in tx.list_portals(device).await? {
        let Some(contact) = bridge.network.direct_contact(&portal.key.chat) else {
            continue;
        };
        if tx.find_ghost(&contact).await?.is_some_and(|ghost| ghost.registered) {
            faces::promise(bridge, tx, device, &contact).await?;
            looked_at += 1;
        }
    }
    Ok(looked_at)
}

/// Does a job of kind `sync_contacts`.
pub(super) async fn sync(desk: &Desk<'_>, device: DeviceId) -> Result<(), Failure> {
    let bridge = desk.bridge;
    match bridge.network.address_book(device).await {
        Ok(Some(names)) => {
            let mut tx = bridge.store.begin().await?;
            tx.replace_address_book(device, &names).await?;
            desk.finish(tx).await
        }
        Ok(None) => desk.done().await,
        Err(error) if error.is_transient() => Err(error.into()),
        Err(error) => {
            tracing::info!(%error, "an address book could not be asked for");
            desk.done().await
        }
    }
}

/// Somebody on a list, before everything about them is looked up.
struct Listed {
    contact: ContactId,
    /// What they are sorted by.
    folded: String,
    saved: Option<String>,
    chat: Option<(ChatId, Option<OwnedRoomId>)>,
}

impl Listed {
    fn place(&self) -> Place {
        Place(0, self.folded.clone(), self.contact.as_str().to_owned())
    }

    fn key(&self) -> (&str, &str) {
        (&self.folded, self.contact.as_str())
    }
}

async fn list(
    bridge: &Inner,
    identity: IdentityId,
    named: &NamedDevice,
    query: &str,
    (cursor, limit): (Option<&str>, u32),
) -> Result<Page<ReadContact>, Error> {
    let part = match cursor {
        Some(cursor) => reading::part_of(cursor)?,
        None => Part::Newest,
    };
    let mut tx = bridge.store.read().await?;
    let device = asking::device(&mut tx, identity, named).await?;
    let mut people = everybody(bridge, &mut tx, device.id).await?;
    // The network looks people up in the same store.
    drop(tx);
    let words = query.trim().to_lowercase();
    people.retain(|one| one.folded.contains(&words) || is_number_of(bridge, &words, &one.contact));
    people.sort_by(|one, other| one.key().cmp(&other.key()));
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX).saturating_add(1);
    let people: Vec<_> = match &part {
        Part::Newest => people.into_iter().take(wanted).collect(),
        Part::Before(Place(_, folded, contact)) => {
            let after = |one: &Listed| one.key() > (folded.as_str(), contact.as_str());
            people.into_iter().filter(after).take(wanted).collect()
        }
        Part::After(Place(_, folded, contact)) => {
            people.retain(|one| one.key() < (folded.as_str(), contact.as_str()));
            people.split_off(people.len().saturating_sub(wanted))
        }
    };
    let Page { items, next, previous } = reading::page(people, &part, limit, Listed::place);
    let mut contacts = Vec::with_capacity(items.len());
    for one in items {
        contacts.push(read(bridge, &device, one).await?);
    }
    Ok(Page {
        items: contacts,
        next,
        previous,
    })
}

/// Part of a telephone number, with or without its plus.
fn is_number_of(bridge: &Inner, words: &str, contact: &ContactId) -> bool {
    let digits = words.strip_prefix('+').unwrap_or(words);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number && bridge.network.ghost_name(contact).contains(digits)
}

/// All whom the address book names, and all who were talked with.
async fn everybody(bridge: &Inner, tx: &mut Tx, device: DeviceId) -> Result<Vec<Listed>, Error> {
    let mut people = BTreeMap::new();
    for (contact, name) in tx.search_address_book(device, "", u32::MAX).await? {
        let listed = Listed {
            contact: contact.clone(),
            folded: name.to_lowercase(),
            saved: Some(name),
            chat: None,
        };
        people.insert(contact, listed);
    }
    for Portal { key, room, kind, .. } in tx.list_portals(device).await? {
        let Some(contact) = bridge
            .network
            .direct_contact(&key.chat)
            .filter(|_| kind == ChatKind::Direct)
        else {
            continue;
        };
        let chat = Some((key.chat, room));
        if let Some(listed) = people.get_mut(&contact) {
            listed.chat = chat;
            continue;
        }
        let ghost = tx.find_ghost(&contact).await?;
        let name = ghost.and_then(|ghost| ghost.name);
        let listed = Listed {
            contact: contact.clone(),
            folded: name.unwrap_or_default().to_lowercase(),
            saved: None,
            chat,
        };
        people.insert(contact, listed);
    }
    Ok(people.into_values().collect())
}

async fn read(bridge: &Inner, device: &Device, one: Listed) -> Result<ReadContact, Error> {
    let info = match bridge.network.contact(device.id, &one.contact).await {
        Ok(info) => info,
        Err(crate::network::Error::NotFound(_)) => ContactInfo::default(),
        Err(error) => return Err(error.into()),
    };
    let name = bridge.network.ghost_name(&one.contact);
    Ok(ReadContact {
        user: bridge.homeserver.names().ghost(&name),
        device: device.number.clone(),
        saved: one.saved,
        info,
        chat: one.chat,
    })
}

async fn find(bridge: &Inner, identity: IdentityId, named: &NamedDevice, spelled: &str) -> Result<ReadContact, Error> {
    let no = || Error::NotFound("Contact");
    let user = UserId::parse(spelled).ok();
    let name = match &user {
        Some(user) => bridge.homeserver.names().ghost_name(user).ok_or_else(no)?,
        None => spelled.strip_prefix('+').unwrap_or(spelled),
    };
    let contact = bridge.network.contact_of_ghost(name).await?;
    let mut tx = bridge.store.read().await?;
    let device = asking::device(&mut tx, identity, named).await?;
    let contact = contact.ok_or_else(no)?;
    let saved = tx.find_address_book_name(device.id, &contact).await?;
    let key = PortalKey::new(device.id, bridge.network.direct_chat(&contact));
    let portal = tx.find_portal(&key).await?;
    let is_known = saved.is_some()
        || portal.is_some()
        || tx.find_chat_facts(&key).await?.is_some()
        || tx.find_oldest_message(&key, false).await?.is_some()
        || tx.is_in_a_group(device.id, &Sender::Contact(contact.clone())).await?;
    drop(tx);
    if !is_known {
        return Err(no());
    }
    let one = Listed {
        contact,
        folded: String::new(),
        saved,
        chat: portal.map(|portal| (portal.key.chat, portal.room)),
    };
    read(bridge, &device, one).await
}

async fn look_up(
    bridge: &Inner,
    identity: IdentityId,
    named: &NamedDevice,
    spelled: &[String],
) -> Result<Vec<LookedUp>, Error> {
    let invalid = |why: &str| Error::Invalid {
        field: "phones",
        why: why.into(),
    };
    if spelled.is_empty() || spelled.len() > NUMBERS {
        return Err(invalid(&format!("1 to {NUMBERS}")));
    }
    let mut phones = Vec::with_capacity(spelled.len());
    for phone in spelled {
        match recipients::read(phone) {
            Some(Recipient::Phone(digits)) => phones.push(digits),
            _ => return Err(invalid("each is a whole telephone number, as +15550001111")),
        }
    }
    let device = asking::device(&mut bridge.store.read().await?, identity, named).await?;
    asking::must_be_linked(bridge, &device)?;
    if bridge.looks.check_key(&device.id).is_err() {
        return Err(Error::RateLimited(TOO_OFTEN));
    }
    let who = in_time(bridge.network.who(device.id, &phones)).await?;
    let mut looked_up = Vec::with_capacity(spelled.len());
    for (phone, contact) in spelled.iter().zip(who) {
        let found = match contact {
            Some(contact) => {
                let info = bridge.network.contact(device.id, &contact).await;
                let user = bridge.homeserver.names().ghost(&bridge.network.ghost_name(&contact));
                Some((user, info.ok().and_then(|info| info.name)))
            }
            None => None,
        };
        looked_up.push(LookedUp {
            phone: phone.clone(),
            found,
        });
    }
    Ok(looked_up)
}
