//! Communities: parents, their groups, the announcements everybody hears.

use whatsapp_rust::CreateCommunityOptions;
use whatsapp_rust::prelude::*;

use crate::device::{ANA, OWNER};
use crate::groups::{Gathering, hears};

#[tokio::test]
async fn groups_communities_are_made_with_announcements() -> anyhow::Result<()> {
    let at = Gathering::starts().await?;
    let community = at.device.client.community();
    let made = community.create(CreateCommunityOptions::new("Village")).await?.metadata;
    let whole = at.world.server.find_group(&made.id.to_string())?;
    let parts = community.get_subgroups(&made.id).await?;
    assert_eq!(parts.iter().filter(|one| one.is_default_sub_group).count(), 1);
    assert!(whole.announcements()?.is_announcement());
    assert!(community.get_participating().await?.contains_key(&made.id));

    let linked = community.link_subgroups(&made.id, &[at.jid()?]).await?;
    assert_eq!((linked.linked_jids.len(), linked.failed_groups.len()), (1, 0));
    hears(&at.device, "link").await?;
    // Whoever is in one of its groups is in the community.
    assert!(whole.members().iter().any(|number| number == ANA));
    assert!(whole.announcements()?.members().iter().any(|number| number == ANA));
    let again = community.link_subgroups(&made.id, &[at.jid()?]).await?;
    assert_eq!(again.failed_groups.len(), 1);
    let counts = community.get_subgroup_participant_counts(&made.id).await?;
    assert!(counts.contains(&(at.jid()?, 3)));
    assert_eq!(community.get_linked_groups_participants(&made.id).await?.len(), 3);
    let info = community.query_linked_group(&made.id, &at.jid()?).await?;
    assert_eq!(info.parent_group_jid, Some(made.id.clone()));

    let unlinked = community.unlink_subgroups(&made.id, &[at.jid()?], true).await?;
    assert_eq!(unlinked.unlinked_jids.len(), 1);
    hears(&at.device, "unlink").await?;
    assert_eq!(whole.members(), [OWNER]);
    community.deactivate(&made.id).await?;
    hears(&at.device, "delete").await?;
    assert!(!whole.exists());
    assert!(at.group.exists());
    Ok(())
}

#[tokio::test]
async fn groups_communities_of_others_can_be_joined_group_by_group() -> anyhow::Result<()> {
    let at = Gathering::starts().await?;
    let server = &at.world.server;
    let village = server.community("Village", &[&at.world.ana, &at.world.phone])?;
    let choir = server.group("Choir", &[&at.world.ana, &at.bob])?;
    village.links(&at.world.ana, &choir, true)?;
    hears(&at.device, "link").await?;
    let community = at.device.client.community();
    let (whole, part): (Jid, Jid) = (village.jid().parse()?, choir.jid().parse()?);
    let joined = community.join_subgroup(&whole, &part).await?;
    assert_eq!((joined.subject.as_str(), joined.participants.len()), ("Choir", 3));
    let sub = community.create_subgroup("Chess", &[], &whole).await;
    assert!(sub.is_err());
    village.announcements()?.says(&at.world.ana, "hear all")?;
    assert_eq!(at.device.gets_one().await?.text, "hear all");
    village.removes_everywhere(&at.world.ana, &[&at.world.phone])?;
    assert!(!choir.members().iter().any(|number| number == OWNER));
    Ok(())
}
