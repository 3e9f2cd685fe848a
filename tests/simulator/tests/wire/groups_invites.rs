//! Ways into a group: links, personal invitations, requests to the admins.

use whatsapp_rust::prelude::*;
use whatsapp_rust::wacore::iq::groups::{JoinGroupResult, MembershipApprovalMode};

use crate::PATIENCE;
use crate::device::OWNER;
use crate::groups::{Gathering, hears};

#[tokio::test]
async fn groups_iq_invite_get_reset_info_accept() -> anyhow::Result<()> {
    let at = Gathering::starts().await?;
    let groups = at.device.client.groups();
    let jid = at.jid()?;
    let old = groups.get_invite_link(&jid, false).await?;
    assert_eq!(old, at.group.invite_link(&at.world.phone)?);
    let new = groups.get_invite_link(&jid, true).await?;
    assert_ne!(old, new);
    hears(&at.device, "revoke").await?;
    let gone = groups.get_invite_info(&old).await;
    assert!(format!("{gone:?}").contains("410"), "{gone:?}");
    assert!(
        groups
            .get_invite_info("https://chat.whatsapp.com/nothing")
            .await
            .is_err()
    );

    let theirs = at.world.server.group("Theirs", &[&at.world.ana, &at.bob])?;
    let link = theirs.invite_link(&at.world.ana)?;
    let info = groups.get_invite_info(&link).await?;
    assert_eq!((info.subject.as_str(), info.size), ("Theirs", Some(2)));
    let joined = groups.join_with_invite_code(&link).await?;
    assert_eq!(joined, JoinGroupResult::Joined(theirs.jid().parse()?));
    assert!(theirs.members().iter().any(|number| number == OWNER));
    hears(&at.device, "create").await?;
    assert!(groups.join_with_invite_code(&link).await.is_err());
    theirs.removes(&at.world.ana, &[&at.world.phone])?;
    let removed = groups.join_with_invite_code(&link).await;
    assert!(format!("{removed:?}").contains("405"), "{removed:?}");
    Ok(())
}

#[tokio::test]
async fn groups_iq_accept_by_message() -> anyhow::Result<()> {
    let at = Gathering::starts().await?;
    let theirs = at.world.server.group("Theirs", &[&at.world.ana, &at.bob])?;
    let invitation = theirs.invites(&at.world.ana, &at.world.phone)?;
    at.world.ana.sends(&at.world.phone, invitation);
    let message = at
        .device
        .waits_for(|event| match event {
            Event::Messages(batch) => batch
                .into_iter()
                .find_map(|one| one.message.group_invite_message.as_option().cloned()),
            _ => None,
        })
        .await?;
    let (code, until) = (
        message.invite_code.unwrap_or_default(),
        message.invite_expiration.unwrap_or_default(),
    );
    let (jid, ana): (Jid, Jid) = (theirs.jid().parse()?, at.world.ana.jid().parse()?);
    let groups = at.device.client.groups();
    assert!(groups.join_with_invite_v4(&jid, "wrong", until, &ana).await.is_err());
    groups.join_with_invite_v4(&jid, &code, until, &ana).await?;
    assert!(theirs.members().iter().any(|number| number == OWNER));

    let eve = at.world.server.contact("15550004444", "Eve");
    let invitation = at.group.invites(&at.world.phone, &eve)?;
    eve.accepts(&invitation)?;
    hears(&at.device, "add").await?;
    let again = at.group.invites(&at.world.phone, &eve);
    assert!(again.is_err());
    Ok(())
}

#[tokio::test]
async fn groups_iq_requests_are_listed_approved_and_rejected() -> anyhow::Result<()> {
    let at = Gathering::by_lid().await?;
    let groups = at.device.client.groups();
    let jid = at.jid()?;
    groups.set_membership_approval(&jid, MembershipApprovalMode::On).await?;
    let link = groups.get_invite_link(&jid, false).await?;
    let server = &at.world.server;
    let (eve, mallory) = (
        server.contact("15550004444", "Eve"),
        server.contact("15550005555", "Mallory"),
    );
    assert!(!eve.follows(&link)?);
    hears(&at.device, "created_membership_requests").await?;
    assert!(!mallory.follows(&link)?);
    let open = groups.get_membership_requests(&jid).await?;
    assert_eq!(open.len(), 2);
    groups
        .approve_membership_requests(&jid, &[eve.lid_jid().parse()?])
        .await?;
    hears(&at.device, "add").await?;
    groups
        .reject_membership_requests(&jid, &[mallory.lid_jid().parse()?])
        .await?;
    hears(&at.device, "revoked_membership_requests").await?;
    assert!(at.group.requests().is_empty());
    assert!(at.group.members().iter().any(|number| number == eve.number()));
    assert!(!at.group.members().iter().any(|number| number == mallory.number()));
    Ok(())
}

#[tokio::test]
async fn groups_iq_joining_with_approval_makes_a_request_that_can_be_taken_back() -> anyhow::Result<()> {
    let at = Gathering::starts().await?;
    let theirs = at.world.server.group("Theirs", &[&at.world.ana, &at.bob])?;
    theirs.needs_approval(&at.world.ana, true)?;
    let link = theirs.invite_link(&at.world.ana)?;
    let jid: Jid = theirs.jid().parse()?;
    let groups = at.device.client.groups();
    let joined = groups.join_with_invite_code(&link).await?;
    assert_eq!(joined, JoinGroupResult::PendingApproval(jid.clone()));
    assert_eq!(theirs.requests(), [OWNER]);
    groups.cancel_membership_requests(&jid, &[Jid::pn(OWNER)]).await?;
    assert!(theirs.requests().is_empty());
    groups.join_with_invite_code(&link).await?;
    theirs.decides(&at.world.ana, true, &[&at.world.phone])?;
    hears(&at.device, "create").await?;
    theirs.says(&at.bob, "welcome")?;
    assert_eq!(at.device.gets_one().await?.text, "welcome");
    at.world.phone.waits_for_empty_backlog(PATIENCE).await
}

#[tokio::test]
async fn groups_iq_personal_invitations_can_be_taken_back() -> anyhow::Result<()> {
    let at = Gathering::starts().await?;
    let eve = at.world.server.contact("15550004444", "Eve");
    let invitation = at.group.invites(&at.world.phone, &eve)?;
    let jid = at.jid()?;
    at.device
        .client
        .groups()
        .revoke_request_code(&jid, &[eve.jid().parse()?])
        .await?;
    assert!(eve.accepts(&invitation).is_err());
    Ok(())
}
