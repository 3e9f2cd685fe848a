//! What we do and ask at WhatsApp with a live session.

use std::time::Duration;

use fail::fail_point;
use tokio::time::timeout;
use whatsapp_rust::{
    Jid,
    client::ClientError,
    features::{AppStateError, ContactError, GroupError},
    request::IqError,
    send::{SendError, SendOptions},
    wacore_binary::JidExt as _,
    waproto::whatsapp as wa,
};

use super::{
    super::Error,
    Shared,
    acks::Expected,
    channels,
    desk::{desk, is_by_lid, jid_in},
    group_changes, ids,
    ids::{Address, Spelling},
    invites,
    link::Link,
    outgoing, receipts,
    session::Session,
    settings, status, unreachable,
};
use crate::model::{Action, ChatId, ContactId, MessageId, MessageRef, Recipient, Sender, Typing};

/// How long a message may take to be written: the library may first ask for the recipient's devices and keys.
pub(super) const WRITE_DEADLINE: Duration = Duration::from_mins(1);

/// Does one action.
pub(super) async fn act(
    shared: &Shared,
    session: &Session,
    chat: &ChatId,
    id: &MessageId,
    action: &Action,
) -> Result<(), Error> {
    if ids::is_status(chat) {
        return status::act((shared, session), chat, id, action).await;
    }
    if let Some(jid) = ids::channel_jid(chat.as_str()) {
        return channels::act((shared, session), (chat, jid), id, action).await;
    }
    if ids::stranger_jid(chat.as_str()).is_some() {
        return to_stranger(action);
    }
    let to = jid_of(shared, chat).await?;
    match action {
        Action::Typing(typing) => {
            connected(session)?;
            let to = own_jid_of(shared, session, chat, to).await?;
            let states = session.client().chatstate();
            let sent = match typing {
                Typing::Writing => states.send_composing(&to).await,
                Typing::Recording => states.send_recording(&to).await,
                Typing::Stopped => states.send_paused(&to).await,
            };
            sent.map_err(unreachable)
        }
        Action::Read { messages, quietly } => {
            session.ready(shared.config.connect_timeout()).await?;
            let to = own_jid_of(shared, session, chat, to).await?;
            receipts::send((shared, session), to, messages, *quietly).await
        }
        Action::Mark(mark) => {
            let to = own_jid_of(shared, session, chat, to).await?;
            settings::mark(shared, session, &to, *mark).await
        }
        Action::Forget { target } => {
            session.ready(shared.config.connect_timeout()).await?;
            forget(shared, session, &to, target).await
        }
        Action::Discard => {
            session.ready(shared.config.connect_timeout()).await?;
            let done = session.client().chat_actions();
            let to = own_jid_of(shared, session, chat, to).await?;
            let done = done.delete_chat(&to, true, None).await;
            done.map_err(read_setting_error)
        }
        Action::Timer(seconds) if to.is_group() => {
            session.ready(shared.config.connect_timeout()).await?;
            let groups = session.client().groups();
            let set = groups.set_ephemeral(&to, seconds.unwrap_or_default());
            set.await.map_err(read_group_error)
        }
        Action::Group(change) => group_changes::change(shared, session, chat, change).await,
        action => {
            session.ready(shared.config.connect_timeout()).await?;
            let desk = desk(shared, session, (chat, to, id), action).await?;
            let message = outgoing::write(action, &desk)?;
            send(session, shared.config.ack_timeout(), &desk.chat, id, message).await
        }
    }
}

/// What assistants, people of other messengers and own broadcast lists are told is shown; nothing of ours goes there.
fn to_stranger(action: &Action) -> Result<(), Error> {
    match action {
        Action::Typing(_)
        | Action::Read { .. }
        | Action::Mark(_)
        | Action::Forget { .. }
        | Action::Discard
        | Action::Clear { .. } => Ok(()),
        _ => {
            let what = "what is written to an assistant, to another messenger or to a broadcast list";
            Err(Error::Unsupported(what.to_owned()))
        }
    }
}

/// A message disappears from the owner's own devices: a word between them, which the server keeps for all of them.
async fn forget(shared: &Shared, session: &Session, chat: &Jid, target: &MessageRef) -> Result<(), Error> {
    let by_lid = is_by_lid(session, chat).await;
    let author = match &target.sender {
        Sender::Contact(contact) if chat.is_group() => jid_in(shared, contact, by_lid).await?,
        _ => None,
    };
    let from_me = target.sender == Sender::Owner;
    let actions = session.client().chat_actions();
    let done = actions.delete_message_for_me(chat, author.as_ref(), target.id.as_str(), from_me, false, None);
    done.await.map_err(read_setting_error)
}

fn read_setting_error(error: AppStateError) -> Error {
    match error {
        AppStateError::InvalidRequest(reason) => Error::Refused(reason),
        error => unreachable(error),
    }
}

/// The owner is there, or is not.
pub(super) async fn appear(session: &Session, online: bool) -> Result<(), Error> {
    connected(session)?;
    let presence = session.client().presence();
    let told = if online {
        presence.set_available().await
    } else {
        presence.set_unavailable().await
    };
    told.map_err(unreachable)
}

/// Asks to be told whether a contact is there.
pub(super) async fn watch(shared: &Shared, session: &Session, contact: &ContactId) -> Result<(), Error> {
    connected(session)?;
    let to = jid_of_contact(shared, contact)
        .await?
        .ok_or(Error::NotFound("the contact"))?;
    let to = own_jid_of(shared, session, &ids::direct_chat(contact), to).await?;
    session.client().presence().subscribe(to).await.map_err(unreachable)
}

/// What passes is not worth waiting for.
fn connected(session: &Session) -> Result<(), Error> {
    match session.link() {
        Link::Connected => Ok(()),
        Link::Trying => Err(Error::Unreachable("the device is not connected".into())),
        Link::Ended(_) => Err(Error::NotLinked),
    }
}

/// Sends and waits for the server's word. Repeating it with the same id is harmless: the server passes it on, and
/// every client shows one message for one id.
pub(super) async fn send(
    session: &Session,
    patience: Duration,
    to: &Jid,
    id: &MessageId,
    message: wa::Message,
) -> Result<(), Error> {
    let expected = session.acks().expect(id.as_str());
    fail_point!("whatsapp.send.before", |_| Err(Error::Unreachable("fail point".into())));
    let options = SendOptions::default().with_message_id(id.as_str());
    let written = timeout(
        WRITE_DEADLINE,
        session.client().send_message_with_options(to, message, options),
    )
    .await;
    written.map_err(unreachable)?.map_err(read_send_error)?;
    fail_point!("whatsapp.send.after", |_| Err(Error::Unreachable("fail point".into())));
    acknowledged(expected, patience).await
}

/// Waits for the server's word about what was sent.
pub(super) async fn acknowledged(expected: Expected, patience: Duration) -> Result<(), Error> {
    let answer = timeout(patience, expected.answer())
        .await
        .map_err(|_| Error::Unreachable("the server did not acknowledge the message in time".into()))?
        .ok_or_else(|| Error::Unreachable("the connection broke before the server answered".into()))?;
    fail_point!("whatsapp.ack.after", |_| Err(Error::Unreachable("fail point".into())));
    match answer {
        None => Ok(()),
        Some(code) => Err(outgoing::read_refusal(&code)),
    }
}

pub(super) fn read_send_error(error: SendError) -> Error {
    match error {
        SendError::InvalidRequest(reason) => Error::Refused(reason),
        SendError::NotLoggedIn | SendError::Client(ClientError::NotLoggedIn) => {
            Error::Unreachable("the device is not logged in yet".into())
        }
        SendError::Iq(error) => read_iq_error(error, "the recipient"),
        error => unreachable(error),
    }
}

/// What it means when the server answers a question with an error.
pub(super) fn read_iq_error(error: IqError, what: &'static str) -> Error {
    match &error {
        IqError::ServerError { code: 404, .. } => Error::NotFound(what),
        IqError::ServerError { code: 429, backoff, .. } => {
            Error::RateLimited(Duration::from_secs(backoff.unwrap_or(60).into()))
        }
        IqError::ServerError { code: 400..500, .. } => Error::Refused(error.to_string()),
        _ => unreachable(error),
    }
}

pub(super) fn read_group_error(error: GroupError) -> Error {
    match error {
        GroupError::Iq(error) => read_iq_error(error, "the group"),
        error => unreachable(error),
    }
}

/// Where to send for a chat.
pub(super) async fn jid_of(shared: &Shared, chat: &ChatId) -> Result<Jid, Error> {
    let jid = match ids::direct_contact(chat) {
        Some(contact) => jid_of_contact(shared, &contact).await?,
        None => ids::group_jid(chat),
    };
    jid.ok_or(Error::NotFound("the chat"))
}

/// How the owner's own devices name a chat: an account that was moved to LIDs names people by theirs. Messages are moved
/// by the library; what is not a message is not.
pub(super) async fn own_jid_of(shared: &Shared, session: &Session, chat: &ChatId, to: Jid) -> Result<Jid, Error> {
    let Some(contact) = ids::direct_contact(chat) else {
        return Ok(to);
    };
    if !session.client().is_lid_migrated().await {
        return Ok(to);
    }
    let spelling = shared.people.spelling(&contact).await.map_err(unreachable)?;
    let lid = spelling.and_then(|spelling| spelling.lid);
    Ok(lid.map_or(to, |lid| Jid::lid(lid.as_str())))
}

pub(super) async fn jid_of_contact(shared: &Shared, contact: &ContactId) -> Result<Option<Jid>, Error> {
    let spelling = shared.people.spelling(contact).await.map_err(unreachable)?;
    Ok(spelling.and_then(|spelling| spelling.jid()))
}

/// The chat with a recipient; known people are not asked for again.
pub(super) async fn find(shared: &Shared, session: &Session, recipient: &Recipient) -> Result<ChatId, Error> {
    let spelling = match recipient {
        Recipient::Phone(number) => ids::read_contact(number).ok_or(Error::NotFound("the number"))?,
        Recipient::Address(address) => match ids::read_address(address).ok_or(Error::NotFound("the address"))? {
            Address::Group(chat) => return Ok(chat),
            Address::Person(spelling) => spelling,
        },
        Recipient::Invite(link) => {
            session.ready(shared.config.connect_timeout()).await?;
            return invites::group(session, link).await;
        }
    };
    if let Some(phone) = &spelling.phone
        && let Some(contact) = shared.people.find_by_phone(phone).await.map_err(unreachable)?
    {
        return Ok(ids::direct_chat(&contact));
    }
    session.ready(shared.config.connect_timeout()).await?;
    let found = ask_who(session, &spelling).await?;
    let contact = shared.people.contact(&found).await.map_err(unreachable)?;
    Ok(ids::direct_chat(&contact))
}

/// Who has these numbers, each asked for anew.
pub(super) async fn who(
    shared: &Shared,
    session: &Session,
    phones: &[String],
) -> Result<Vec<Option<ContactId>>, Error> {
    session.ready(shared.config.connect_timeout()).await?;
    let jids: Vec<_> = phones.iter().map(|phone| Jid::pn(phone.as_str())).collect();
    let answers = session.client().contacts().is_on_whatsapp(&jids).await;
    let answers = answers.map_err(read_contact_error)?;
    let mut found = Vec::with_capacity(phones.len());
    for (phone, jid) in phones.iter().zip(&jids) {
        let answer = answers.iter().find(|answer| {
            let names = [Some(&answer.jid), answer.pn_jid.as_ref()];
            names.into_iter().flatten().any(|name| name.is_same_user_as(jid))
        });
        let spelling = match answer {
            Some(answer) if !answer.is_registered => None,
            Some(answer) => Spelling::of(&answer.jid, answer.lid.as_ref().or(answer.pn_jid.as_ref())),
            // The answer may spell a number differently; alone it is the answer all the same.
            None => match ask_who(session, &by_phone(phone)).await {
                Ok(spelling) => Some(spelling),
                Err(Error::NotFound(_)) => None,
                Err(error) => return Err(error),
            },
        };
        found.push(match spelling {
            Some(spelling) => Some(shared.people.contact(&spelling).await.map_err(unreachable)?),
            None => None,
        });
    }
    Ok(found)
}

fn by_phone(phone: &str) -> Spelling {
    Spelling {
        phone: Some(phone.to_owned()),
        lid: None,
    }
}

fn read_contact_error(error: ContactError) -> Error {
    match error {
        ContactError::Iq(error) => read_iq_error(error, "the number"),
        error => Error::Refused(error.to_string()),
    }
}

/// Asks the server who is behind a number; the answer may spell it differently (Brazil, Mexico).
async fn ask_who(session: &Session, spelling: &Spelling) -> Result<Spelling, Error> {
    let jid = spelling.jid().ok_or(Error::NotFound("the number"))?;
    let found = ask_about(session, std::slice::from_ref(&jid)).await?;
    found.into_iter().next().ok_or(Error::NotFound("the number"))
}

/// Those of some people who are on WhatsApp.
pub(super) async fn ask_about(session: &Session, people: &[Jid]) -> Result<Vec<Spelling>, Error> {
    let answers = session.client().contacts().is_on_whatsapp(people).await;
    let answers = answers.map_err(read_contact_error)?;
    let registered = answers.into_iter().filter(|answer| answer.is_registered);
    Ok(registered
        .filter_map(|answer| Spelling::of(&answer.jid, answer.lid.as_ref().or(answer.pn_jid.as_ref())))
        .collect())
}
