//! What WhatsApp knows of channels, in the words of groups: a channel is one in which only those write who run it, and
//! whose followers are nobody's business. Called by the port beside `groups`.
//!
//! The library reads the answers too, but knows the viewer's role in small letters only, while the server is not seen to
//! keep to one spelling (`whatsapp-rust` 0.7.0: `features/newsletter.rs`, `parse_newsletter_metadata`).

use serde_json::{Value, json};
use whatsapp_rust::{
    Jid, MexError, MexRequest,
    request::IqError,
    types::events::MexNotification,
    wacore::iq::mex_operations::{fetch_all_newsletters_metadata, fetch_newsletter},
};

use super::{super::Error, Shared, ids, sending::read_iq_error, session::Session};
use crate::model::{
    Action, ChatId, ChatKind, DeviceId, Event, Group, GroupChange, GroupKind, GroupMember, MessageId, Rank, Sender,
    Timestamp,
};

/// What begins the names of notifications about channels.
const ABOUT_CHANNELS: &str = "NotificationNewsletter";

/// What is known of a channel. One that is not followed counts as a group one is not in.
pub(super) async fn group(shared: &Shared, session: &Session, jid: &Jid) -> Result<Group, Error> {
    session.ready(shared.config.connect_timeout()).await?;
    let asked = json!({
        "input": { "key": jid.to_string(), "type": "JID", "view_role": "GUEST" },
        "fetch_viewer_metadata": true,
        "fetch_full_image": true,
        "fetch_creation_time": true,
    });
    let request = MexRequest::new(fetch_newsletter::NAME, fetch_newsletter::DOC_ID, asked);
    let told = session.client().mex().query(request).await.map_err(read_mex_error)?;
    let told = told.data.unwrap_or_default();
    let (_, group) = read(&told["xwa2_newsletter"]).ok_or(Error::NotFound("the channel"))?;
    group
        .rank(&Sender::Owner)
        .map(|_| group)
        .ok_or(Error::NotFound("the channel"))
}

/// What is known of all channels the device follows.
pub(super) async fn groups(session: &Session) -> Result<Vec<(ChatId, Group)>, Error> {
    let request = MexRequest::new(
        fetch_all_newsletters_metadata::NAME,
        fetch_all_newsletters_metadata::DOC_ID,
        json!({}),
    );
    let told = session.client().mex().query(request).await.map_err(read_mex_error)?;
    let told = told.data.unwrap_or_default();
    let all = told["xwa2_newsletter_subscribed"].as_array();
    Ok(all.into_iter().flatten().filter_map(read).collect())
}

/// Reads what the server tells of a channel.
fn read(told: &Value) -> Option<(ChatId, Group)> {
    let jid: Jid = told["id"].as_str()?.parse().ok()?;
    let channel = ids::channel(&jid)?;
    let thread = &told["thread_metadata"];
    let text = |name: &str| thread[name]["text"].as_str().filter(|text| !text.is_empty());
    let role = told["viewer_metadata"]["role"].as_str().unwrap_or_default();
    let rank = match role.to_ascii_lowercase().as_str() {
        "guest" => None,
        "subscriber" => Some(Rank::Member),
        "owner" => Some(Rank::Superadmin),
        // Whoever is told nothing else is not kept from writing: the server has the last word.
        _ => Some(Rank::Admin),
    };
    let chat = ids::direct_chat(&channel);
    let mut members = vec![GroupMember {
        who: Sender::Contact(channel),
        rank: Rank::Superadmin,
    }];
    members.extend(rank.map(|rank| GroupMember {
        who: Sender::Owner,
        rank,
    }));
    let group = Group {
        kind: GroupKind::Channel,
        title: text("name").unwrap_or_default().to_owned(),
        topic: text("description").map(str::to_owned),
        announce: true,
        locked: true,
        members_add: true,
        members,
        ..Group::default()
    };
    Some((chat, group))
}

/// Reads a notification about a channel; `None` when it is about something else.
pub(super) fn news(device: DeviceId, told: &MexNotification, now: Timestamp) -> Option<Event> {
    let deed = told.op_name.strip_prefix(ABOUT_CHANNELS)?;
    let about = told.payload["data"].as_object()?.values().next()?;
    let jid: Jid = about["id"].as_str()?.parse().ok()?;
    let channel = ids::channel(&jid)?;
    let change = match deed {
        "Join" => GroupChange::Joined(vec![Sender::Owner]),
        "Leave" => GroupChange::Left(vec![Sender::Owner]),
        _ => GroupChange::Other,
    };
    let id = told.stanza_id.clone().unwrap_or_else(|| now.millis().to_string());
    Some(Event {
        device,
        chat: ids::direct_chat(&channel),
        chat_kind: ChatKind::Channel,
        id: MessageId::from_adapter(format!("channel:{id}")),
        sender: match change {
            GroupChange::Other => Sender::Contact(channel),
            _ => Sender::Owner,
        },
        sender_name: None,
        at: now,
        action: Action::Group(change),
    })
}

/// What the server of channels means by no: it answers, and the answer holds the errors, which the library then cannot read.
pub(super) fn read_mex_error(error: MexError) -> Error {
    match error {
        MexError::Request(error @ IqError::ParseError(_)) => Error::Refused(error.to_string()),
        MexError::Request(error) => read_iq_error(error, "the channel"),
        error => Error::Refused(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(role: &str) -> Value {
        json!({
            "id": "120363400000000001@newsletter",
            "thread_metadata": { "name": { "text": "Harbour News" }, "description": { "text": "" } },
            "viewer_metadata": { "role": role },
        })
    }

    #[test]
    fn b60_who_runs_a_channel_may_write_in_it_however_the_role_is_spelled() {
        for (role, rank) in [
            ("subscriber", Some(Rank::Member)),
            ("SUBSCRIBER", Some(Rank::Member)),
            ("ADMIN", Some(Rank::Admin)),
            ("owner", Some(Rank::Superadmin)),
            ("something new", Some(Rank::Admin)),
            ("GUEST", None),
        ] {
            let (_, group) = read(&told(role)).unwrap();
            assert_eq!(group.rank(&Sender::Owner), rank, "{role}");
            assert_eq!((group.title.as_str(), group.topic.as_deref()), ("Harbour News", None));
        }
        assert!(read(&json!({ "id": "1@s.whatsapp.net" })).is_none());
    }
}
