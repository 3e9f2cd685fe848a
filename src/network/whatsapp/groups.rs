//! What WhatsApp knows of groups, in the words of the house. Called by the port; what happens to groups is read by
//! `group_news`, and pictures are fetched by `pictures`.

use std::collections::HashMap;

use whatsapp_rust::{
    Client, Jid,
    features::{GroupMetadata, GroupParticipant},
    wacore::{
        iq::groups::{MemberAddMode, ParticipantType, PictureType},
        types::message::AddressingMode,
    },
};

use super::{
    super::Error, Shared, directory::is_own, ids, ids::Spelling, people::People, sending::read_group_error,
    session::Session, unreachable,
};
use crate::{
    model::{ChatId, Group, GroupKind, GroupMember, Rank, Sender},
    store::keyring,
};

/// How many groups are asked about at once; the library takes no more than 1,000.
const PICTURES_AT_ONCE: usize = 500;

/// What is known of one group.
pub(super) async fn group(shared: &Shared, session: &Session, chat: &ChatId) -> Result<Group, Error> {
    let jid = ids::group_jid(chat).ok_or(Error::NotFound("the group"))?;
    session.ready(shared.config.connect_timeout()).await?;
    let told = session.client().groups().get_metadata(&jid).await;
    let told = told.map_err(read_group_error)?;
    let mut group = read(&shared.people, session.client(), &told)
        .await
        .map_err(unreachable)?;
    group.picture = pictures(session, std::slice::from_ref(&jid)).await?.remove(&jid);
    Ok(group)
}

/// What is known of all groups of the device.
pub(super) async fn groups(shared: &Shared, session: &Session) -> Result<Vec<(ChatId, Group)>, Error> {
    session.ready(shared.config.connect_timeout()).await?;
    let told = session.client().groups().get_participating().await;
    let told = told.map_err(read_group_error)?;
    let all: Vec<Jid> = told.keys().cloned().collect();
    let mut pictures = pictures(session, &all).await?;
    let mut groups = Vec::with_capacity(all.len());
    for (jid, told) in told {
        let group = read(&shared.people, session.client(), &told).await;
        let mut group = group.map_err(unreachable)?;
        group.picture = pictures.remove(&jid);
        groups.push((ChatId::from_adapter(jid.to_non_ad_string()), group));
    }
    Ok(groups)
}

/// The ids of the pictures of groups, for those that have one.
async fn pictures(session: &Session, groups: &[Jid]) -> Result<HashMap<Jid, String>, Error> {
    let mut found = HashMap::new();
    for some in groups.chunks(PICTURES_AT_ONCE) {
        let asked = session.client().groups();
        let told = asked.get_profile_pictures(some.to_vec(), PictureType::Image).await;
        let told = told.map_err(read_group_error)?;
        found.extend(told.into_iter().filter_map(|it| Some((it.group_jid, it.photo_id?))));
    }
    Ok(found)
}

/// What the server tells of a group.
pub(super) async fn read(people: &People, client: &Client, told: &GroupMetadata) -> Result<Group, keyring::Error> {
    let mut members = Vec::with_capacity(told.participants.len());
    for participant in &told.participants {
        members.extend(member(people, client, participant).await?);
    }
    let owner = match &told.creator {
        Some(creator) => person(people, client, creator, told.creator_pn.as_ref()).await?,
        None => None,
    };
    Ok(Group {
        kind: if told.is_parent_group {
            GroupKind::Community
        } else if told.is_default_sub_group {
            GroupKind::Announcements
        } else {
            GroupKind::Plain
        },
        title: told.subject.clone(),
        topic: told.description.clone().filter(|topic| !topic.is_empty()),
        picture: None,
        owner,
        announce: told.is_announcement,
        locked: told.is_locked,
        approval: told.membership_approval,
        members_add: told.member_add_mode == Some(MemberAddMode::AllMemberAdd),
        timer: told
            .ephemeral
            .as_ref()
            .and_then(|timer| timer.expiration)
            .filter(|seconds| *seconds > 0),
        community: told
            .parent_group_jid
            .as_ref()
            .map(|parent| ChatId::from_adapter(parent.to_non_ad_string())),
        hides_numbers: told.addressing_mode == AddressingMode::Lid,
        members,
    })
}

async fn member(
    people: &People,
    client: &Client,
    told: &GroupParticipant,
) -> Result<Option<GroupMember>, keyring::Error> {
    let other = told.phone_number.as_ref().or(told.lid.as_ref());
    let who = person(people, client, &told.jid, other).await?;
    let rank = match told.participant_type {
        ParticipantType::Member => Rank::Member,
        ParticipantType::Admin => Rank::Admin,
        ParticipantType::SuperAdmin => Rank::Superadmin,
    };
    Ok(who.map(|who| GroupMember { who, rank }))
}

/// Who is behind a JID and the other JID that came with it.
pub(super) async fn person(
    people: &People,
    client: &Client,
    jid: &Jid,
    other: Option<&Jid>,
) -> Result<Option<Sender>, keyring::Error> {
    if is_own(client, jid) || other.is_some_and(|other| is_own(client, other)) {
        return Ok(Some(Sender::Owner));
    }
    match Spelling::of(jid, other) {
        Some(spelling) => Ok(Some(Sender::Contact(people.contact(&spelling).await?))),
        None => Ok(None),
    }
}
