//! Scenes with groups.

use std::io::Read as _;

use super::{Stage, ana};
use crate::{
    model::{Action, ChatId, ChatKind, Clock, GroupChange, GroupKind, PortalKey, Rank, Recipient, Sender},
    network::{Error, Joined, Linking, NewGroup, Picture},
};

const PICTURE: &[u8] = b"a picture of tea";

pub(super) async fn a_group_is_known_with_its_members(stage: &mut dyn Stage) {
    let device = stage.links(Linking::Qr).await;
    let chat = stage.ana_makes_group(device, "Tea", PICTURE).await;
    let network = stage.network();
    let group = network.group(device, &chat).await.unwrap();
    assert_eq!(
        (group.title.as_str(), group.kind, &group.topic),
        ("Tea", GroupKind::Plain, &None)
    );
    assert_eq!(group.rank(&Sender::Contact(ana())), Some(Rank::Superadmin));
    assert_eq!(group.rank(&Sender::Owner), Some(Rank::Member));
    assert_eq!(group.members.len(), 2);
    let all = network.groups(device).await.unwrap();
    assert_eq!(all, [(chat, group)]);
}

pub(super) async fn a_picture_is_fetched_once(stage: &mut dyn Stage) {
    let device = stage.links(Linking::Qr).await;
    let chat = stage.ana_makes_group(device, "Tea", PICTURE).await;
    let network = stage.network();
    let Picture::Another { id, mut file } = network.picture(device, &chat, None).await.unwrap() else {
        panic!("no picture")
    };
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, PICTURE);
    let again = network.picture(device, &chat, Some(&id)).await.unwrap();
    assert!(matches!(again, Picture::Same));
    let hers = network
        .picture(device, &network.direct_chat(&ana()), None)
        .await
        .unwrap();
    assert!(matches!(hers, Picture::None));
}

pub(super) async fn a_group_that_is_none_is_not_found(stage: &mut dyn Stage) {
    let device = stage.links(Linking::Qr).await;
    let chat = ChatId::from_adapter("120363999999999999@g.us");
    let asked = stage.network().group(device, &chat).await;
    assert!(matches!(asked, Err(Error::NotFound(_))), "{asked:?}");
}

pub(super) async fn a_group_is_made_once_changed_and_found_by_its_link(stage: &mut dyn Stage) {
    let device = stage.links(Linking::Qr).await;
    let network = stage.network();
    let new = NewGroup {
        title: "Cake".into(),
        people: vec![ana()],
        asked_at: Clock::System.now(),
        others: Vec::new(),
    };
    let chat = network.create_group(device, &new).await.unwrap();
    assert_eq!(
        network.create_group(device, &new).await.unwrap(),
        chat,
        "one request, one group"
    );
    let another = NewGroup {
        others: vec![chat.clone()],
        ..new.clone()
    };
    let another = network.create_group(device, &another).await.unwrap();
    assert_ne!(another, chat, "another request, another group");
    let alone = NewGroup {
        people: Vec::new(),
        others: vec![another.clone()],
        ..new.clone()
    };
    let alone = network.create_group(device, &alone).await.unwrap();
    assert!(
        alone != chat && alone != another,
        "a group with somebody else in it is another one"
    );
    let portal = PortalKey::new(device, chat.clone());
    let ana = || vec![Sender::Contact(ana())];
    for change in [
        GroupChange::Title("Pie".into()),
        GroupChange::Topic(Some("With cherries".into())),
        GroupChange::Announce(true),
        GroupChange::Promoted(ana()),
    ] {
        for seed in ["once", "and again"] {
            let id = network.message_id(seed);
            let done = network.act(&portal, &id, &Action::Group(change.clone())).await;
            done.unwrap_or_else(|error| panic!("{change:?}: {error}"));
        }
    }
    let group = network.group(device, &chat).await.unwrap();
    assert_eq!(
        (group.title.as_str(), group.topic.as_deref()),
        ("Pie", Some("With cherries"))
    );
    assert!(group.announce);
    assert_eq!(group.rank(&ana()[0]), Some(Rank::Admin));
    let link = network.invite_link(&portal).await.unwrap();
    let linked = Recipient::Invite(link.clone());
    assert_eq!(network.find(device, &linked).await.unwrap(), chat);
    assert_eq!(network.join(device, &link).await.unwrap(), Joined::Before(chat.clone()));
    let behind = network.look_behind(device, &link).await.unwrap();
    assert_eq!(
        (behind.chat, behind.title.as_str(), behind.size),
        (chat, "Pie", Some(2))
    );
}

pub(super) async fn a_change_of_a_group_is_told(stage: &mut dyn Stage) {
    let device = stage.links(Linking::Qr).await;
    let chat = stage.ana_makes_group(device, "Tea", PICTURE).await;
    stage.ana_renames(device, &chat, "Coffee").await;
    let wanted = Action::Group(GroupChange::Title("Coffee".into()));
    let told = stage
        .intake()
        .until_event(|event| event.chat == chat && event.action == wanted)
        .await;
    assert_eq!(told.sender, Sender::Contact(ana()));
    assert_eq!((told.chat_kind, told.device), (ChatKind::Group, device));
    let group = stage.network().group(device, &chat).await.unwrap();
    assert_eq!(group.title, "Coffee");
}
