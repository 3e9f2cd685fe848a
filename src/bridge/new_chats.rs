//! Chats that are asked for by REST: a group is made, an invite link followed, a direct chat found. The wish is stored and
//! answered when it is done; whoever cannot wait that long asks again with the same key.
//!
//! Deliberately not here: reading requests (`api::new_chats`), and the same by command (`commands`).

use std::sync::Arc;

use ruma::UserId;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout_at};

use super::{
    Bridge, Error, Inner,
    asking::{self, NamedDevice, PATIENCE},
    error::Failure,
    messages::Idempotency,
    portals, recipients,
    worker::Desk,
};
use crate::{
    model::{
        Action, ChatId, ChatKind, ChatRequestId, ContactId, Device, GroupChange, IdentityId, Lane, NewChat, Opened,
        Participant, PortalKey, Recipient, Sender, Timestamp, WantedChat, Work,
    },
    network::{self, Joined, NewGroup},
    store::Tx,
};

/// Longest name and topic of a group, in characters.
const TITLE: usize = 100;
const TOPIC: usize = 2048;
/// Most people of a request.
const PEOPLE: usize = 256;

/// A chat that somebody wants, as the door read it.
#[derive(Clone, Debug)]
pub(crate) struct ChatWish {
    /// For whom.
    pub(crate) identity: IdentityId,
    /// Through which device.
    pub(crate) device: NamedDevice,
    /// With whom; numbers, or ids of ghosts.
    pub(crate) participants: Vec<String>,
    /// The name of the group.
    pub(crate) title: Option<String>,
    /// What it is about.
    pub(crate) topic: Option<String>,
    /// The link of a group to join; the other fields do not count then.
    pub(crate) invite_link: Option<String>,
    /// Makes a repeated request the same request.
    pub(crate) idempotency: Option<Idempotency>,
}

/// How far a wish came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct OpenedChat {
    /// The number of the device.
    pub(crate) device: String,
    /// What became of it; `None`: it is still being done.
    pub(crate) opened: Option<Opened>,
    /// The same request was accepted before.
    pub(crate) is_repeat: bool,
}

/// What the key of a request stands for.
#[derive(Serialize, Deserialize)]
struct Accepted {
    request: ChatRequestId,
    device: String,
}

impl Bridge {
    /// Opens a chat, and waits for it.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`, `NotLinked`, `Taken` when the key was used for another request.
    pub(crate) async fn open_chat(&self, wish: ChatWish) -> Result<OpenedChat, Error> {
        let wanted = wanted(&self.0, &wish).await?;
        let (accepted, is_repeat) = match accept(&self.0, &wish, &wanted).await {
            // The same request at the same moment was faster: the second look finds it.
            Err(Error::Taken("idempotency key")) => accept(&self.0, &wish, &wanted).await?,
            done => done?,
        };
        Ok(OpenedChat {
            opened: wait(&self.0, accepted.request).await?,
            device: accepted.device,
            is_repeat,
        })
    }
}

/// Reads a wish.
async fn wanted(bridge: &Inner, wish: &ChatWish) -> Result<WantedChat, Error> {
    if let Some(link) = &wish.invite_link {
        let link = link.trim();
        return match recipients::read(link) {
            Some(Recipient::Invite(_)) if link.contains("chat.whatsapp.com/") => {
                Ok(WantedChat::Invited(link.to_owned()))
            }
            _ => Err(invalid("invite_link", "it begins with https://chat.whatsapp.com/")),
        };
    }
    if wish.participants.len() > PEOPLE {
        return Err(invalid("participants", &format!("at most {PEOPLE}")));
    }
    let mut people = Vec::with_capacity(wish.participants.len());
    for spelled in &wish.participants {
        let participant = participant(bridge, spelled).await?;
        if !people.contains(&participant) {
            people.push(participant);
        }
    }
    let said = |text: &Option<String>| {
        let text = text.as_deref().map(str::trim).unwrap_or_default();
        (!text.is_empty()).then(|| text.to_owned())
    };
    let topic = said(&wish.topic);
    if topic.as_ref().is_some_and(|topic| topic.chars().count() > TOPIC) {
        return Err(invalid("topic", &format!("at most {TOPIC} characters")));
    }
    match (said(&wish.title), people.pop()) {
        (Some(title), _) if title.chars().count() > TITLE => {
            Err(invalid("title", &format!("at most {TITLE} characters")))
        }
        (Some(title), last) => {
            people.extend(last);
            Ok(WantedChat::Group { title, topic, people })
        }
        (None, Some(only)) if people.is_empty() && topic.is_none() => Ok(WantedChat::Direct(only)),
        (None, _) => Err(invalid("title", "a group has a name")),
    }
}

fn invalid(field: &'static str, why: &str) -> Error {
    Error::Invalid { field, why: why.into() }
}

/// Somebody by number, or by the Matrix user that shows them.
async fn participant(bridge: &Inner, spelled: &str) -> Result<Participant, Error> {
    let names = bridge.homeserver.names();
    let user = UserId::parse(spelled.trim()).ok();
    if let Some(name) = user.as_ref().and_then(|user| names.ghost_name(user)) {
        let contact = bridge.network.contact_of_ghost(name).await?;
        if let Some(contact) = contact {
            return Ok(Participant::Contact(contact));
        }
    }
    match recipients::read(spelled) {
        Some(Recipient::Phone(number)) => Ok(Participant::Phone(number)),
        _ => Err(invalid(
            "participants",
            "each is a whole telephone number, as +15550001111",
        )),
    }
}

/// Stores a wish, unless the same request did before.
async fn accept(bridge: &Inner, wish: &ChatWish, wanted: &WantedChat) -> Result<(Accepted, bool), Error> {
    let now = bridge.clock().now();
    let mut tx = bridge.store.begin().await?;
    if let Some(accepted) = before(&mut tx, wish.idempotency.as_ref(), now).await? {
        return Ok((accepted, true));
    }
    let device = asking::device(&mut tx, wish.identity, &wish.device).await?;
    asking::must_be_linked(bridge, &device)?;
    let new = NewChat {
        id: ChatRequestId::generate(),
        device: device.id,
        wanted: wanted.clone(),
    };
    let accepted = Accepted {
        request: new.id,
        device: device.number,
    };
    tx.insert_chat_request(new.id, now).await?;
    tx.push_job(&Lane::new_chat(new.id), &Work::BeginChat(new), now).await?;
    if let Some(idempotency) = &wish.idempotency {
        let stored = serde_json::to_string(&accepted).map_err(|error| Error::Internal(Box::new(error)))?;
        tx.insert_idempotent(idempotency.token, &idempotency.key, &idempotency.request, &stored, now)
            .await?;
    }
    tx.commit().await?;
    Ok((accepted, false))
}

async fn before(tx: &mut Tx, idempotency: Option<&Idempotency>, now: Timestamp) -> Result<Option<Accepted>, Error> {
    let Some(idempotency) = idempotency else {
        return Ok(None);
    };
    let Some((request, response)) = tx.find_idempotent(idempotency.token, &idempotency.key, now).await? else {
        return Ok(None);
    };
    if request != idempotency.request {
        return Err(Error::Taken("idempotency key"));
    }
    let accepted = serde_json::from_str(&response);
    accepted.map(Some).map_err(|error| Error::Internal(Box::new(error)))
}

/// What became of a request, as soon as it is known and not later than somebody waits.
async fn wait(bridge: &Inner, request: ChatRequestId) -> Result<Option<Opened>, Error> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let changed = bridge.opened.notified();
        let opened = bridge.store.read().await?.find_opened(request).await?;
        if opened.is_some() {
            return Ok(opened);
        }
        tokio::select! {
            woken = timeout_at(deadline, changed) => if woken.is_err() {
                return Ok(None);
            },
            () = bridge.stop.cancelled() => return Ok(None),
        }
    }
}

/// Does a job of kind `begin_chat`.
pub(super) async fn begin(desk: &Desk<'_>, new: &NewChat) -> Result<(), Failure> {
    let bridge = desk.bridge;
    let device = bridge.store.read().await?.find_device(new.device).await?;
    let opened = match (device, &new.wanted) {
        (None, _) => Opened::NotLinked,
        (Some(device), WantedChat::Direct(who)) => direct(bridge, &device, who).await?,
        (Some(device), WantedChat::Invited(link)) => invited(bridge, &device, link).await?,
        (Some(device), WantedChat::Group { title, topic, people }) => {
            let people = match contacts(bridge, &device, people).await? {
                Ok(people) => people,
                Err(opened) => return settle(desk, new, &opened).await,
            };
            let group = NewGroup {
                title: title.clone(),
                people,
                asked_at: desk.job.created_at,
                others: Vec::new(),
            };
            let request = new.id.to_string();
            group_of(bridge, &device, (group, topic.as_deref()), &request).await?
        }
    };
    settle(desk, new, &opened).await
}

async fn settle(desk: &Desk<'_>, new: &NewChat, opened: &Opened) -> Result<(), Failure> {
    let mut tx = desk.bridge.store.begin().await?;
    tx.set_opened(new.id, opened).await?;
    desk.finish(tx).await?;
    desk.bridge.opened.notify_waiters();
    Ok(())
}

/// What is remembered of a request that was tried for too long.
pub(super) async fn given_up(tx: &mut Tx, new: &NewChat) -> Result<(), Failure> {
    Ok(tx.set_opened(new.id, &Opened::GivenUp).await?)
}

/// What the network's no means to who asked; what may pass is for later.
fn refusal(error: network::Error) -> Result<Opened, Failure> {
    match error {
        error if error.is_transient() => Err(error.into()),
        network::Error::NotLinked => Ok(Opened::NotLinked),
        network::Error::Refused(why) => Ok(Opened::Refused(why)),
        error => Ok(Opened::Refused(error.to_string())),
    }
}

async fn direct(bridge: &Arc<Inner>, device: &Device, who: &Participant) -> Result<Opened, Failure> {
    let chat = match who {
        Participant::Contact(contact) => bridge.network.direct_chat(contact),
        Participant::Phone(number) => match find(bridge, device, number).await? {
            Ok(chat) => chat,
            Err(opened) => return Ok(opened),
        },
    };
    here(bridge, device, &chat, ChatKind::Direct).await
}

async fn find(bridge: &Inner, device: &Device, number: &str) -> Result<Result<ChatId, Opened>, Failure> {
    let recipient = Recipient::Phone(number.to_owned());
    match bridge.network.find(device.id, &recipient).await {
        Ok(chat) => Ok(Ok(chat)),
        Err(network::Error::NotFound(_)) => Ok(Err(Opened::NotOnNetwork(vec![number.to_owned()]))),
        Err(error) => refusal(error).map(Err),
    }
}

/// The room of a chat.
async fn here(bridge: &Arc<Inner>, device: &Device, chat: &ChatId, kind: ChatKind) -> Result<Opened, Failure> {
    let key = PortalKey::new(device.id, chat.clone());
    let known = bridge.store.read().await?.find_portal(&key).await?;
    let room = portals::ensure(bridge, device, chat, kind, None).await?;
    Ok(Opened::Here {
        chat: chat.clone(),
        room: room.id,
        kind: room.kind,
        title: room.name,
        was_there: known.is_some_and(|portal| portal.ready),
        outside: Vec::new(),
    })
}

async fn invited(bridge: &Arc<Inner>, device: &Device, link: &str) -> Result<Opened, Failure> {
    let (chat, before) = match bridge.network.join(device.id, link).await {
        Ok(Joined::In(chat)) => (chat, false),
        Ok(Joined::Before(chat)) => (chat, true),
        Ok(Joined::Asked) => return Ok(Opened::Awaited),
        Err(network::Error::NotFound(_)) => return Ok(Opened::NoInvite),
        Err(error) => return refusal(error),
    };
    let mut opened = here(bridge, device, &chat, ChatKind::Group).await?;
    if let Opened::Here { was_there, .. } = &mut opened {
        *was_there = before;
    }
    Ok(opened)
}

/// Who shall be in a group; all who are not on the network are named at once.
async fn contacts(
    bridge: &Inner,
    device: &Device,
    people: &[Participant],
) -> Result<Result<Vec<ContactId>, Opened>, Failure> {
    let (mut contacts, mut strangers) = (Vec::new(), Vec::new());
    for who in people {
        let contact = match who {
            Participant::Contact(contact) => Some(contact.clone()),
            Participant::Phone(number) if *number == device.number => None,
            Participant::Phone(number) => match find(bridge, device, number).await? {
                Ok(chat) => bridge.network.direct_contact(&chat),
                Err(Opened::NotOnNetwork(numbers)) => {
                    strangers.extend(numbers);
                    None
                }
                Err(opened) => return Ok(Err(opened)),
            },
        };
        contacts.extend(contact.filter(|contact| !contacts.contains(contact)));
    }
    if strangers.is_empty() {
        Ok(Ok(contacts))
    } else {
        Ok(Err(Opened::NotOnNetwork(strangers)))
    }
}

async fn group_of(
    bridge: &Arc<Inner>,
    device: &Device,
    (group, topic): (NewGroup, Option<&str>),
    request: &str,
) -> Result<Opened, Failure> {
    let people = group.people.clone();
    let chat = match make_group(bridge, device, group, request).await? {
        Ok(chat) => chat,
        Err(error) => return refusal(error),
    };
    if let Some(topic) = topic {
        let key = PortalKey::new(device.id, chat.clone());
        let action = Action::Group(GroupChange::Topic(Some(topic.to_owned())));
        match bridge
            .network
            .act(&key, &bridge.network.message_id(request), &action)
            .await
        {
            Ok(()) => {}
            Err(error) if error.is_transient() => return Err(error.into()),
            Err(error) => tracing::warn!(%error, "a new group could not be given its topic"),
        }
    }
    let missing = outside(bridge, device, &chat, &people).await?;
    let mut opened = here(bridge, device, &chat, ChatKind::Group).await?;
    if let Opened::Here { was_there, outside, .. } = &mut opened {
        // The network may have told of the group before we were done.
        *was_there = false;
        *outside = missing;
    }
    Ok(opened)
}

/// Makes a group, once for each request however often it is tried.
pub(super) async fn make_group(
    bridge: &Inner,
    device: &Device,
    group: NewGroup,
    request: &str,
) -> Result<Result<ChatId, network::Error>, Failure> {
    let others = bridge
        .store
        .read()
        .await?
        .list_groups_of_others(device.id, request)
        .await?;
    let group = NewGroup { others, ..group };
    let chat = match bridge.network.create_group(device.id, &group).await {
        Ok(chat) => chat,
        Err(error) => return Ok(Err(error)),
    };
    let mut tx = bridge.store.begin().await?;
    let is_ours = tx.claim_made_group(device.id, &chat, request).await?;
    tx.commit().await?;
    if is_ours {
        return Ok(Ok(chat));
    }
    Err(Failure::Later {
        why: "another request for a group of that name was faster".into(),
        after: None,
    })
}

/// Who should be in a new group and is not: many people let only their contacts add them.
pub(super) async fn outside(
    bridge: &Inner,
    device: &Device,
    chat: &ChatId,
    people: &[ContactId],
) -> Result<Vec<String>, Failure> {
    let group = match bridge.network.group(device.id, chat).await {
        Ok(group) => group,
        Err(error) if error.is_transient() => return Err(error.into()),
        Err(_) => return Ok(Vec::new()),
    };
    let missing = people
        .iter()
        .filter(|contact| group.rank(&Sender::Contact((*contact).clone())).is_none());
    Ok(missing.map(|contact| bridge.network.ghost_name(contact)).collect())
}
