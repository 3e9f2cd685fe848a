//! Changes of groups by linked devices and by people, and what the others hear of them.

use whatsapp_rust::prelude::*;
use whatsapp_rust::wacore::iq::groups::{
    GroupDescription, GroupSubject, MemberAddMode, MemberLinkMode, MembershipApprovalMode,
};
use whatsapp_rust::wacore::stanza::groups::GroupNotificationAction;
use whatsapp_rust::{ParticipantChangeResponse, PictureType, PreviousDescription};

use crate::device::{ANA, OWNER};
use crate::groups::{BOB, Gathering, hears};

#[tokio::test]
async fn groups_iq_add_remove_promote_demote() -> anyhow::Result<()> {
    let at = Gathering::starts().await?;
    let eve = at.world.server.contact("15550004444", "Eve");
    let groups = at.device.client.groups();
    let (jid, bob): (Jid, Jid) = (at.jid()?, at.bob.jid().parse()?);

    let added = groups.add_participants(&jid, &[eve.jid().parse()?]).await?;
    assert!(added.iter().all(ParticipantChangeResponse::is_ok));
    let GroupNotificationAction::Add { participants, .. } = hears(&at.device, "add").await?.action else {
        anyhow::bail!("no addition");
    };
    assert_eq!(participants.first().map(|one| one.jid.to_string()), Some(eve.jid()));
    groups.promote_participants(&jid, std::slice::from_ref(&bob)).await?;
    assert_eq!(hears(&at.device, "promote").await?.participant, Some(Jid::pn(OWNER)));
    assert_eq!(at.group.admins(), [OWNER, BOB]);
    groups.demote_participants(&jid, std::slice::from_ref(&bob)).await?;
    hears(&at.device, "demote").await?;
    assert_eq!(at.group.admins(), [OWNER]);
    let removed = groups.remove_participants(&jid, std::slice::from_ref(&bob)).await?;
    assert!(removed.iter().all(ParticipantChangeResponse::is_ok));
    assert_eq!(at.group.members(), [OWNER, ANA, "15550004444"]);
    Ok(())
}

#[tokio::test]
async fn groups_iq_participants_are_refused_one_by_one() -> anyhow::Result<()> {
    let at = Gathering::starts().await?;
    let server = &at.world.server;
    let (shy, gone) = (
        server.contact("15550004444", "Shy"),
        server.contact("15550005555", "Gone"),
    );
    shy.refuses_group_adds(Some(403));
    gone.refuses_group_adds(Some(408));
    let asked: Vec<Jid> = [
        shy.jid(),
        gone.jid(),
        at.bob.jid(),
        "15550009999@s.whatsapp.net".to_owned(),
    ]
    .iter()
    .map(|jid| jid.parse())
    .collect::<Result<_, _>>()?;
    let jid = at.jid()?;
    let answers = at.device.client.groups().add_participants(&jid, &asked).await?;
    let errors: Vec<Option<String>> = answers.iter().map(|one| one.error.clone()).collect();
    let expected: Vec<Option<String>> = ["403", "408", "409", "404"].map(|code| Some(code.to_owned())).into();
    assert_eq!(errors, expected);
    let invitation = answers.first().and_then(|one| one.add_request.clone());
    assert!(invitation.is_some_and(|one| !one.code.is_empty() && one.expiration > 0));
    let stranger: Jid = shy.jid().parse()?;
    let answers = at.device.client.groups().remove_participants(&jid, &[stranger]).await?;
    assert_eq!(answers.first().and_then(|one| one.error.as_deref()), Some("404"));
    Ok(())
}

#[tokio::test]
async fn groups_iq_subject_and_description() -> anyhow::Result<()> {
    let at = Gathering::starts().await?;
    let groups = at.device.client.groups();
    let jid = at.jid()?;
    groups.set_subject(&jid, GroupSubject::new("Friends")?).await?;
    let GroupNotificationAction::Subject { subject, .. } = hears(&at.device, "subject").await?.action else {
        anyhow::bail!("no subject");
    };
    assert_eq!((subject.as_str(), at.group.subject().as_str()), ("Friends", "Friends"));

    let text = GroupDescription::new("All of us")?;
    groups
        .set_description(&jid, Some(text.clone()), PreviousDescription::Absent)
        .await?;
    hears(&at.device, "description").await?;
    assert_eq!(at.group.description().as_deref(), Some("All of us"));
    // Somebody who does not know the description there is loses against it.
    let outdated = groups
        .set_description(&jid, Some(text), PreviousDescription::Absent)
        .await;
    assert!(outdated.is_err());
    let known = groups.get_metadata(&jid).await?.description_id;
    groups
        .set_description(
            &jid,
            None,
            PreviousDescription::Id(known.as_deref().unwrap_or_default()),
        )
        .await?;
    assert_eq!(at.group.description(), None);
    Ok(())
}

#[tokio::test]
async fn groups_iq_settings() -> anyhow::Result<()> {
    let at = Gathering::starts().await?;
    let groups = at.device.client.groups();
    let jid = at.jid()?;
    groups.set_announce(&jid, true).await?;
    hears(&at.device, "announcement").await?;
    groups.set_locked(&jid, true).await?;
    hears(&at.device, "locked").await?;
    groups.set_ephemeral(&jid, 86_400).await?;
    hears(&at.device, "ephemeral").await?;
    groups.set_membership_approval(&jid, MembershipApprovalMode::On).await?;
    hears(&at.device, "membership_approval_mode").await?;
    groups.set_member_add_mode(&jid, MemberAddMode::AllMemberAdd).await?;
    // The client reads the mode of this notice, but not the one in the answer to a query: there it
    // expects a word of the dictionary, which this one is not.
    let GroupNotificationAction::MemberAddMode { mode } = hears(&at.device, "member_add_mode").await?.action else {
        anyhow::bail!("no mode");
    };
    assert_eq!(mode, "all_member_add");
    groups.set_no_frequently_forwarded(&jid, true).await?;
    hears(&at.device, "no_frequently_forwarded").await?;
    groups.set_allow_admin_reports(&jid, true).await?;
    groups.set_group_history(&jid, true).await?;
    groups.set_member_link_mode(&jid, MemberLinkMode::AllMemberLink).await?;
    groups.set_limit_sharing(&jid, true).await?;
    hears(&at.device, "limit_sharing_enabled").await?;
    groups.acknowledge(&jid).await?;

    let info = groups.get_metadata(&jid).await?;
    assert!(info.is_announcement && info.is_locked && info.membership_approval);
    assert!(info.no_frequently_forwarded && info.allow_admin_reports && info.has_group_history);
    // The client reads neither the notice nor the answer of this one.
    assert!(at.group.past().iter().any(|past| past.what == "member_link_mode"));
    assert_eq!(at.group.timer(), Some(86_400));
    groups.set_announce(&jid, false).await?;
    groups.set_locked(&jid, false).await?;
    groups.set_ephemeral(&jid, 0).await?;
    assert!(!at.group.is_announcement() && !at.group.is_locked());
    assert_eq!(at.group.timer(), None);
    Ok(())
}

#[tokio::test]
async fn groups_iq_who_is_no_admin_is_refused() -> anyhow::Result<()> {
    let at = Gathering::starts().await?;
    let theirs = at
        .world
        .server
        .group("Theirs", &[&at.bob, &at.world.phone, &at.world.ana])?;
    let jid: Jid = theirs.jid().parse()?;
    let groups = at.device.client.groups();
    let ana: Jid = at.world.ana.jid().parse()?;
    for refused in [
        groups.set_announce(&jid, true).await.map(|()| Vec::new()),
        groups.remove_participants(&jid, std::slice::from_ref(&ana)).await,
        groups.promote_participants(&jid, &[ana]).await,
    ] {
        assert!(format!("{refused:?}").contains("403"), "{refused:?}");
    }
    let link = groups.get_invite_link(&jid, false).await;
    assert!(format!("{link:?}").contains("401"), "{link:?}");
    // Everybody may rename it, until it is locked.
    groups.set_subject(&jid, GroupSubject::new("Ours")?).await?;
    theirs.locks(&at.bob, true)?;
    assert!(groups.set_subject(&jid, GroupSubject::new("Mine")?).await.is_err());
    assert_eq!(theirs.subject(), "Ours");
    Ok(())
}

#[tokio::test]
async fn groups_what_people_change_is_heard() -> anyhow::Result<()> {
    let at = Gathering::by_lid().await?;
    let eve = at.world.server.contact("15550004444", "Eve");
    let (group, phone) = (&at.group, &at.world.phone);
    group.promotes(phone, &[&at.world.ana])?;
    hears(&at.device, "promote").await?;
    group.renames(&at.world.ana, "Ana's family")?;
    let update = hears(&at.device, "subject").await?;
    assert_eq!(
        update.participant.map(|jid| jid.to_string()),
        Some(at.world.ana.lid_jid())
    );
    assert_eq!(
        update.participant_pn.map(|jid| jid.to_string()),
        Some(at.world.ana.jid())
    );
    assert!(update.is_lid_addressing_mode);
    group.describes(&at.world.ana, Some("hers"))?;
    hears(&at.device, "description").await?;
    group.describes(&at.world.ana, None)?;
    hears(&at.device, "description").await?;
    group.adds(&at.world.ana, &[&eve])?;
    hears(&at.device, "add").await?;
    assert!(group.removes(&eve, &[&at.bob]).is_err());
    group.leaves(&eve)?;
    hears(&at.device, "remove").await?;
    group.removes(&at.world.ana, &[&at.bob])?;
    hears(&at.device, "remove").await?;
    group.sets_timer(phone, Some(604_800))?;
    hears(&at.device, "ephemeral").await?;
    group.announces(phone, true)?;
    hears(&at.device, "announcement").await?;
    assert!(group.removes(&at.world.ana, &[phone]).is_err());
    let past: Vec<String> = group.past().into_iter().map(|past| past.what).collect();
    assert_eq!(past.first().map(String::as_str), Some("create"));
    assert_eq!(past.iter().filter(|what| *what == "remove").count(), 2);
    Ok(())
}

#[tokio::test]
async fn groups_iq_leave_takes_the_account_out() -> anyhow::Result<()> {
    let at = Gathering::starts().await?;
    at.device.client.groups().leave(&at.jid()?).await?;
    assert_eq!(at.group.members(), [ANA, BOB]);
    // Somebody has to be admin.
    assert_eq!(at.group.admins().len(), 1);
    hears(&at.device, "remove").await?;
    assert!(at.device.client.groups().get_participating().await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn groups_the_other_device_of_the_account_hears_changes_too() -> anyhow::Result<()> {
    let at = Gathering::starts().await?;
    let second = at.world.links().await?;
    at.device
        .client
        .groups()
        .set_subject(&at.jid()?, GroupSubject::new("Both")?)
        .await?;
    hears(&at.device, "subject").await?;
    hears(&second, "subject").await?;
    at.world.phone.waits_for_empty_backlog(crate::PATIENCE).await
}

#[tokio::test]
async fn groups_pictures_are_set_seen_and_removed() -> anyhow::Result<()> {
    let at = Gathering::starts().await?;
    let groups = at.device.client.groups();
    let jid = at.jid()?;
    let set = groups.set_profile_picture(&jid, vec![0xFF, 0xD8, 1, 2]).await?;
    let heard = at
        .device
        .waits_for(|event| match event {
            Event::PictureUpdate(update) => Some((update.jid.clone(), update.picture_id.clone())),
            _ => None,
        })
        .await?;
    assert_eq!(heard, (jid.clone(), Some(set.id.clone())));
    let seen = groups
        .get_profile_pictures(vec![jid.clone()], PictureType::Preview)
        .await?;
    assert_eq!(seen.first().and_then(|one| one.photo_id.clone()), Some(set.id));
    let picture = at.device.client.contacts().get_profile_picture(&jid, true).await?;
    assert!(picture.is_some());
    at.group.sets_picture(&at.world.phone, None)?;
    let gone = at
        .device
        .waits_for(|event| match event {
            Event::PictureUpdate(update) => Some(update.removed),
            _ => None,
        })
        .await?;
    assert!(gone);
    Ok(())
}
