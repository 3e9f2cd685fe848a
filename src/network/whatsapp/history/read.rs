//! A chat of before and its messages, in words of the house.

use std::ops::Range;

use whatsapp_rust::{
    Jid,
    wacore_binary::{JidExt as _, Server},
    waproto::whatsapp::{
        self as wa,
        conversation::EndOfHistoryTransferType,
        web_message_info::{Status, StubType},
    },
};

use super::super::{
    Shared, answers, directory,
    ids::{self, Spelling},
    incoming,
    keys::Keys,
    people::People,
    session::Session,
};
use crate::{
    model::{
        Action, ChatFacts, ChatId, ChatKind, Content, MessageId, PastChat, PastMark, PastMessage, Reached, Say, Sender,
        Timestamp,
    },
    store::keyring,
};

/// Where the messages of a chat were said.
struct Place {
    chat: ChatId,
    /// The other person of a direct chat, and how the wire spells them.
    peer: Option<Sender>,
    jid: Jid,
}

/// Learns who is who from what stands beside the chats.
pub(super) async fn learn_people(people: &People, rest: &wa::HistorySync) -> Result<(), keyring::Error> {
    for pair in &rest.phone_number_to_lid_mappings {
        let (phone, lid) = (parsed(pair.pn_jid.as_deref()), parsed(pair.lid_jid.as_deref()));
        if let Some(spelling) = phone.and_then(|phone| Spelling::of(&phone, lid.as_ref())) {
            people.contact(&spelling).await?;
        }
    }
    for name in &rest.pushnames {
        let called = name.pushname.as_deref().map(str::trim).filter(|name| !name.is_empty());
        let spelling = parsed(name.id.as_deref()).and_then(|jid| Spelling::of(&jid, None));
        if let (Some(called), Some(spelling)) = (called, spelling) {
            let contact = people.contact(&spelling).await?;
            people.is_called(&contact, called).await?;
        }
    }
    Ok(())
}

fn parsed(jid: Option<&str>) -> Option<Jid> {
    jid?.parse().ok()
}

/// A chat with some of its messages; `None` where we do not bridge.
pub(super) async fn chat(
    shared: &Shared,
    session: &Session,
    conversation: &wa::Conversation,
    messages: Range<usize>,
) -> Result<Option<PastChat>, keyring::Error> {
    let Some(place) = place(&shared.people, conversation).await? else {
        return Ok(None);
    };
    let mut past = PastChat {
        chat: place.chat.clone(),
        kind: if place.peer.is_some() {
            ChatKind::Direct
        } else {
            ChatKind::Group
        },
        facts: (messages.start == 0).then(|| facts(conversation)),
        messages: Vec::with_capacity(messages.len()),
    };
    for one in conversation.messages.get(messages).unwrap_or_default() {
        if let Some(info) = one.message.as_option() {
            past.messages.extend(message(shared, session, &place, info).await?);
        }
    }
    Ok(Some(past))
}

async fn place(people: &People, conversation: &wa::Conversation) -> Result<Option<Place>, keyring::Error> {
    let Some(jid) = parsed(Some(&conversation.id)) else {
        return Ok(None);
    };
    if jid.is_group() {
        return Ok(Some(Place {
            chat: ChatId::from_adapter(jid.to_non_ad_string()),
            peer: None,
            jid,
        }));
    }
    let other = if jid.is_lid() {
        parsed(conversation.pn_jid.as_deref())
    } else {
        parsed(conversation.lid_jid.as_deref())
    };
    let contact = match Spelling::of(&jid, other.as_ref()) {
        Some(spelling) => people.contact(&spelling).await?,
        // Statuses and channels are kept by themselves.
        None => match jid.server {
            Server::Bot | Server::Messenger | Server::Interop => match ids::stranger(&jid) {
                Some(contact) => contact,
                None => return Ok(None),
            },
            _ => return Ok(None),
        },
    };
    Ok(Some(Place {
        chat: ids::direct_chat(&contact),
        peer: Some(Sender::Contact(contact)),
        jid,
    }))
}

fn facts(conversation: &wa::Conversation) -> ChatFacts {
    let name = [&conversation.name, &conversation.display_name];
    let seconds = |seconds: u64| i64::try_from(seconds).ok().filter(|seconds| *seconds > 0);
    let last = conversation.last_msg_timestamp.or(conversation.conversation_timestamp);
    ChatFacts {
        name: name.into_iter().flatten().find(|name| !name.is_empty()).cloned(),
        unread: conversation.unread_count.unwrap_or(0),
        marked_unread: conversation.marked_as_unread == Some(true),
        archived: conversation.archived == Some(true),
        read_only: conversation.read_only == Some(true),
        pinned_at: conversation
            .pinned
            .filter(|pinned| *pinned > 0)
            .map(|pinned| Timestamp::from_secs(pinned.into())),
        muted_until: conversation.mute_end_time.filter(|end| *end > 0).map(muted_until),
        timer: conversation.ephemeral_expiration.filter(|seconds| *seconds > 0),
        timer_at: conversation
            .ephemeral_setting_timestamp
            .filter(|at| *at > 0)
            .map(Timestamp::from_secs),
        is_whole: conversation.end_of_history_transfer_type.is_some_and(|how| {
            matches!(
                how,
                EndOfHistoryTransferType::COMPLETE_AND_NO_MORE_MESSAGE_REMAIN_ON_PRIMARY
                    | EndOfHistoryTransferType::COMPLETE_ON_DEMAND_SYNC_WITH_MORE_MSG_ON_PRIMARY_BUT_NO_ACCESS
            )
        }),
        last_at: last.and_then(seconds).map(Timestamp::from_secs),
    }
}

/// The year 9999 stands for ever, which phones write in more than one way.
const FOR_EVER: i64 = 253_402_300_799_000;

fn muted_until(end: u64) -> Timestamp {
    let millis = match i64::try_from(end) {
        // Seconds in older phones, milliseconds in newer ones.
        Ok(end) if end < 100_000_000_000 => end.saturating_mul(1000),
        Ok(end) => end,
        Err(_) => FOR_EVER,
    };
    Timestamp::from_millis(millis.min(FOR_EVER))
}

/// A message; `None` when there is nothing that people would see.
async fn message(
    shared: &Shared,
    session: &Session,
    place: &Place,
    info: &wa::WebMessageInfo,
) -> Result<Option<PastMessage>, keyring::Error> {
    let Some(id) = info.key.id.as_deref().filter(|id| !id.is_empty()) else {
        return Ok(None);
    };
    let seconds = info.message_timestamp.and_then(|at| i64::try_from(at).ok());
    let (Some(sender), Some(seconds)) = (sender(&shared.people, place, info).await?, seconds) else {
        return Ok(None);
    };
    let said = match info.message.as_option() {
        _ if info.message_stub_type == Some(StubType::REVOKE) => None,
        Some(message) => match words(shared, session, place, (&sender, id, info), message).await? {
            Some(said) => Some(said),
            None => return Ok(None),
        },
        // Somebody joined, something was renamed: rooms tell that by themselves.
        None => return Ok(None),
    };
    let mut marks = Vec::new();
    for reaction in &info.reactions {
        let emoji = reaction.text.as_deref().filter(|emoji| !emoji.is_empty());
        if let (Some(emoji), Some(sender)) = (emoji, reactor(&shared.people, place, &reaction.key).await?) {
            marks.push(PastMark {
                sender,
                emoji: emoji.to_owned(),
                at: reaction
                    .sender_timestamp_ms
                    .map_or(Timestamp::from_secs(seconds), Timestamp::from_millis),
            });
        }
    }
    let reached = (sender == Sender::Owner).then_some(info.status).flatten();
    Ok(Some(PastMessage {
        id: MessageId::from_adapter(id),
        sender,
        at: Timestamp::from_secs(seconds),
        said,
        starred: info.starred == Some(true),
        kept: info.keep_in_chat.keep_type == Some(wa::KeepType::KEEP_FOR_ALL),
        reached: reached.and_then(|status| match status {
            Status::DELIVERY_ACK => Some(Reached::Phone),
            Status::READ => Some(Reached::Eyes),
            Status::PLAYED => Some(Reached::Ears),
            _ => None,
        }),
        marks,
    }))
}

/// Who said a message; the name that comes with it is remembered.
async fn sender(people: &People, place: &Place, info: &wa::WebMessageInfo) -> Result<Option<Sender>, keyring::Error> {
    let participant = info.participant.as_deref().or(info.key.participant.as_deref());
    let sender = who(people, place, info.key.from_me, participant).await?;
    let called = info.push_name.as_deref().map(str::trim).filter(|name| !name.is_empty());
    if let (Some(Sender::Contact(contact)), Some(called)) = (&sender, called) {
        people.is_called(contact, called).await?;
    }
    Ok(sender)
}

async fn reactor(people: &People, place: &Place, key: &wa::MessageKey) -> Result<Option<Sender>, keyring::Error> {
    who(people, place, key.from_me, key.participant.as_deref()).await
}

async fn who(
    people: &People,
    place: &Place,
    from_me: Option<bool>,
    participant: Option<&str>,
) -> Result<Option<Sender>, keyring::Error> {
    if from_me == Some(true) {
        return Ok(Some(Sender::Owner));
    }
    if let Some(peer) = &place.peer {
        return Ok(Some(peer.clone()));
    }
    let Some(jid) = parsed(participant) else {
        return Ok(None);
    };
    Ok(match Spelling::of(&jid, None) {
        Some(spelling) => Some(Sender::Contact(people.contact(&spelling).await?)),
        None => ids::stranger(&jid).map(Sender::Contact),
    })
}

/// What a message says, as it was edited last.
async fn words(
    shared: &Shared,
    session: &Session,
    place: &Place,
    (sender, id, info): (&Sender, &str, &wa::WebMessageInfo),
    message: &wa::Message,
) -> Result<Option<Say>, keyring::Error> {
    let Some(named) = incoming::named_in(message, None) else {
        return Ok(None);
    };
    let client = session.client();
    let author = match sender {
        Sender::Owner => client.pn(),
        Sender::Contact(_) if place.peer.is_some() => Some(place.jid.clone()),
        Sender::Contact(_) => parsed(info.participant.as_deref()),
    };
    if let Some(author) = author {
        let keys = Keys::new(shared.keyring.clone(), session.device(), shared.clock.clone());
        let author = author.to_non_ad_string();
        answers::remember_by(&keys, &place.chat, (author, id), message).await?;
    }
    let people = directory::look_up(&shared.people, client, &named).await?;
    let scene = incoming::Scene {
        actor: sender.clone(),
        peer: place.peer.clone(),
        by_admin: false,
        thread: None,
        opened: None,
        sealed: None,
        people: &people,
    };
    Ok(match incoming::read(message, &scene) {
        Some(Action::Say(said)) => Some(where_it_ended(said, info)),
        Some(Action::Edit { content, .. }) => Some(Say::new(content)),
        _ => None,
    })
}

/// A live location that is over stands where it ended.
fn where_it_ended(mut said: Say, info: &wa::WebMessageInfo) -> Say {
    let last = info.final_live_location.as_option().map(incoming::on_its_way);
    if let (Content::Location(location), Some(last)) = (&mut said.content, last)
        && location.is_live
    {
        (location.place, location.course) = (last.place, last.course);
    }
    said
}

#[cfg(test)]
mod tests {
    use whatsapp_rust::buffa::MessageField;

    use super::*;

    #[test]
    fn b26_a_live_location_that_is_over_stands_where_it_ended() {
        let at = |latitude, sequence| wa::message::LiveLocationMessage {
            degrees_latitude: Some(latitude),
            degrees_longitude: Some(2.0),
            sequence_number: Some(sequence),
            caption: (sequence == 1).then(|| "on my way".to_owned()),
            ..Default::default()
        };
        let info = wa::WebMessageInfo {
            final_live_location: MessageField::some(at(3.0, 9)),
            ..Default::default()
        };
        let begun = || Say::new(Content::Location(incoming::on_its_way(&at(1.0, 1))));
        let ended = |info: &wa::WebMessageInfo| {
            let Content::Location(location) = where_it_ended(begun(), info).content else {
                panic!("another kind");
            };
            assert_eq!(location.address.as_deref(), Some("on my way"));
            (location.place.latitude, location.course.sequence)
        };
        assert_eq!(ended(&info), (3.0, 9));
        assert_eq!(ended(&wa::WebMessageInfo::default()), (1.0, 1));
        let words = where_it_ended(Say::new(Content::words("hello")), &info);
        assert_eq!(words.content, Content::words("hello"));
    }
}
