//! Groups: making them, asking about them, messages and receipts in them (rows "Groups" and "Groups IQ").

use simulator::{Contact, Group};
use whatsapp_rust::prelude::*;
use whatsapp_rust::types::events::GroupUpdate;
use whatsapp_rust::types::presence::ReceiptType;
use whatsapp_rust::{GroupCreateOptions, GroupParticipantOptions, NodeBuilder};

use crate::PATIENCE;
use crate::device::{ANA, Device, OWNER, World};

pub(crate) const BOB: &str = "15550003333";

/// A world with a group of the account, Ana and Bob, and a linked device.
pub(crate) struct Gathering {
    pub(crate) world: World,
    pub(crate) bob: Contact,
    pub(crate) group: Group,
    pub(crate) device: Device,
}

impl Gathering {
    pub(crate) async fn starts() -> anyhow::Result<Self> {
        Self::with(false).await
    }

    pub(crate) async fn by_lid() -> anyhow::Result<Self> {
        Self::with(true).await
    }

    async fn with(by_lid: bool) -> anyhow::Result<Self> {
        let world = World::starts().await?;
        let bob = world.server.contact(BOB, "Bob");
        let device = world.links().await?;
        let people: [&dyn simulator::Somebody; 3] = [&world.phone, &world.ana, &bob];
        let group = if by_lid {
            world.server.lid_group("Family", &people)?
        } else {
            world.server.group("Family", &people)?
        };
        Ok(Self {
            world,
            bob,
            group,
            device,
        })
    }

    pub(crate) fn jid(&self) -> anyhow::Result<Jid> {
        Ok(self.group.jid().parse()?)
    }
}

/// The next change of a group of this kind, as the device tells it.
pub(crate) async fn hears(device: &Device, tag: &str) -> anyhow::Result<GroupUpdate> {
    device
        .waits_for(|event| match event {
            Event::GroupUpdate(update) if update.action.tag_name() == tag => Some(update.clone()),
            _ => None,
        })
        .await
}

#[tokio::test]
async fn groups_iq_create_makes_a_group_by_number() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let ana: Jid = world.ana.jid().parse()?;
    let options = GroupCreateOptions::new("Books").with_participant(GroupParticipantOptions::new(ana));
    let made = device.client.groups().create_group(options).await?.metadata;
    assert_eq!((made.subject.as_str(), made.participants.len()), ("Books", 2));
    let group = world.server.find_group(&made.id.to_string())?;
    assert_eq!(group.members(), [OWNER, ANA]);
    assert_eq!(group.admins(), [OWNER]);
    let update = hears(&device, "create").await?;
    assert_eq!(update.group_jid, made.id);
    let known = device.client.groups().get_participating().await?;
    assert_eq!(known.get(&made.id).map(|one| one.subject.as_str()), Some("Books"));
    Ok(())
}

#[tokio::test]
async fn groups_iq_create_makes_a_group_by_lid() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let ana: Jid = world.ana.lid_jid().parse()?;
    let number: Jid = world.ana.jid().parse()?;
    let one = GroupParticipantOptions::new(ana.clone()).with_phone_number(number.clone());
    let options = GroupCreateOptions::new("Books").with_participant(one);
    let made = device.client.groups().create_group(options).await?.metadata;
    assert_eq!(made.addressing_mode.as_str(), "lid");
    let found = made.participants.iter().find(|one| one.jid == ana);
    assert_eq!(found.and_then(|one| one.phone_number.clone()), Some(number));
    Ok(())
}

#[tokio::test]
async fn groups_iq_query_answers_members_only() -> anyhow::Result<()> {
    let at = Gathering::starts().await?;
    let jid = at.jid()?;
    let info = at.device.client.groups().get_metadata(&jid).await?;
    assert_eq!((info.subject.as_str(), info.participants.len()), ("Family", 3));
    let others = at.world.server.group("Others", &[&at.world.ana, &at.bob])?;
    let refused = at.device.client.groups().get_metadata(&others.jid().parse()?).await;
    assert!(format!("{refused:?}").contains("403"), "{refused:?}");
    let unknown = at
        .device
        .client
        .groups()
        .get_metadata(&Jid::group("120363999999999999"))
        .await;
    assert!(format!("{unknown:?}").contains("404"), "{unknown:?}");
    let many = at
        .device
        .client
        .groups()
        .batch_get_info(vec![jid, others.jid().parse()?])
        .await?;
    assert_eq!(many.len(), 2);
    Ok(())
}

#[tokio::test]
async fn groups_iq_query_with_the_known_hash_answers_nothing_new() -> anyhow::Result<()> {
    use whatsapp_rust::wacore::iq::groups::{GroupInfoOutcome, GroupQueryIq};
    let at = Gathering::starts().await?;
    let jid = at.jid()?;
    let info = at.device.client.groups().query_info(&jid).await?;
    let hash = whatsapp_rust::wacore::messages::MessageUtils::participant_list_hash(&info.participants)?;
    let same = GroupQueryIq::with_phash(&jid, Some(hash));
    assert!(matches!(
        at.device.client.execute(same).await?,
        GroupInfoOutcome::NotModified
    ));
    let other = GroupQueryIq::with_phash(&jid, Some("2:AAAAAAAA".to_owned()));
    assert!(matches!(
        at.device.client.execute(other).await?,
        GroupInfoOutcome::Full(_)
    ));
    Ok(())
}

#[tokio::test]
async fn groups_messages_go_both_ways() -> anyhow::Result<()> {
    both_ways(Gathering::starts().await?).await
}

#[tokio::test]
async fn groups_messages_go_both_ways_by_lid() -> anyhow::Result<()> {
    let at = Gathering::by_lid().await?;
    at.group.says(&at.world.ana, "who am I")?;
    let got = at.device.gets_one().await?;
    assert_eq!(got.sender, at.world.ana.lid_jid());
    assert_eq!(got.sender_alt, Some(at.world.ana.jid()));
    both_ways(at).await
}

async fn both_ways(at: Gathering) -> anyhow::Result<()> {
    for text in ["one", "two", "three"] {
        let id = at.group.says(&at.world.ana, text)?;
        let got = at.device.gets_one().await?;
        assert_eq!((got.id.as_str(), got.text.as_str()), (id.as_str(), text));
        assert_eq!(got.chat, at.group.jid());
        at.world.ana.waits_for_receipt(&id, "delivery", PATIENCE).await?;
    }
    for text in ["four", "five"] {
        let id = at.device.says(&at.group.jid(), text).await?;
        assert_eq!(at.device.hears_ack(&id).await?, None);
        for person in [&at.world.ana, &at.bob] {
            let received = person.waits_for(|received| received.id == id, PATIENCE).await?;
            assert_eq!(received.text.as_deref(), Some(text));
            assert_eq!(received.chat, Some(at.group.jid()));
            assert_eq!(person.raw_count(&id), 1);
        }
        let copy = at.world.phone.waits_for(|received| received.id == id, PATIENCE).await?;
        assert_eq!(copy.chat, Some(at.group.jid()));
    }
    at.world.phone.waits_for_empty_backlog(PATIENCE).await
}

#[tokio::test]
async fn groups_messages_reach_every_device_of_every_member() -> anyhow::Result<()> {
    let at = Gathering::starts().await?;
    let second = at.world.links().await?;
    let bobs_phone = at.world.server.phone(BOB, "Bob");
    let bobs = Device::linked(&at.world.server, &bobs_phone).await?;
    for (text, is_first) in [("one", true), ("two", true), ("three", false)] {
        let (from, others) = if is_first {
            (&at.device, [&second, &bobs])
        } else {
            (&second, [&at.device, &bobs])
        };
        let id = from.says(&at.group.jid(), text).await?;
        for device in others {
            let got = device.gets_one().await?;
            assert_eq!((got.id.as_str(), got.text.as_str()), (id.as_str(), text));
            assert_eq!(got.chat, at.group.jid());
        }
        at.world.ana.waits_for(|received| received.id == id, PATIENCE).await?;
    }
    at.group.says(&at.world.ana, "to all devices")?;
    for device in [&at.device, &second, &bobs] {
        assert_eq!(device.gets_one().await?.text, "to all devices");
    }
    Ok(())
}

#[tokio::test]
async fn groups_the_phone_speaks_and_its_companions_hear_it() -> anyhow::Result<()> {
    let at = Gathering::by_lid().await?;
    let id = at.group.says(&at.world.phone, "from the phone")?;
    let got = at.device.gets_one().await?;
    assert_eq!((got.id, got.text.as_str()), (id, "from the phone"));
    assert!(got.is_from_me);
    assert_eq!(got.chat, at.group.jid());
    Ok(())
}

#[tokio::test]
async fn groups_an_answer_quotes() -> anyhow::Result<()> {
    let at = Gathering::starts().await?;
    let asked = at.device.says(&at.group.jid(), "when?").await?;
    at.bob.waits_for(|received| received.id == asked, PATIENCE).await?;
    at.group.replies(&at.bob, &asked, "now")?;
    let got = at.device.gets_one().await?;
    let context = &got.message.extended_text_message.context_info;
    assert_eq!(context.stanza_id.as_deref(), Some(asked.as_str()));
    assert_eq!(context.participant.as_deref(), Some("15550001111@s.whatsapp.net"));
    assert_eq!(context.quoted_message.text_content(), Some("when?"));
    Ok(())
}

#[tokio::test]
async fn groups_receipts_name_the_participant_both_ways() -> anyhow::Result<()> {
    let at = Gathering::starts().await?;
    let id = at.device.says(&at.group.jid(), "did you get it").await?;
    let mut readers = Vec::new();
    for _ in 0..2 {
        readers.push(receipt(&at.device, &id, ReceiptType::Delivered).await?);
    }
    readers.sort();
    assert_eq!(readers, [at.world.ana.jid(), at.bob.jid()]);
    at.group.reads(&at.bob, std::slice::from_ref(&id));
    assert_eq!(receipt(&at.device, &id, ReceiptType::Read).await?, at.bob.jid());

    let id = at.group.says(&at.world.ana, "read me")?;
    at.device.gets_one().await?;
    let (jid, ana): (Jid, Jid) = (at.jid()?, at.world.ana.jid().parse()?);
    at.device.client.mark_as_read(&jid, Some(&ana), &[id.as_str()]).await?;
    at.world.ana.waits_for_receipt(&id, "read", PATIENCE).await
}

async fn receipt(device: &Device, id: &str, kind: ReceiptType) -> anyhow::Result<String> {
    device
        .waits_for(|event| match event {
            Event::Receipt(receipt) if receipt.r#type == kind && receipt.message_ids.iter().any(|one| one == id) => {
                Some(receipt.source.sender.to_string())
            }
            _ => None,
        })
        .await
}

#[tokio::test]
async fn groups_a_phone_that_cannot_decrypt_asks_again() -> anyhow::Result<()> {
    for at in [Gathering::starts().await?, Gathering::by_lid().await?] {
        // The very first message brings the sender key, the later ones use it.
        for text in ["first", "second", "third"] {
            at.world.ana.fails_to_decrypt_next();
            let id = at.device.says(&at.group.jid(), text).await?;
            let received = at.world.ana.waits_for(|received| received.id == id, PATIENCE).await?;
            assert_eq!(received.text.as_deref(), Some(text));
            assert_eq!(received.chat, Some(at.group.jid()));
            assert_eq!(at.world.ana.raw_count(&id), 2);
            at.bob.waits_for(|received| received.id == id, PATIENCE).await?;
            assert_eq!(at.bob.raw_count(&id), 1);
        }
        let id = at.device.says(&at.group.jid(), "fourth").await?;
        at.world.ana.waits_for(|received| received.id == id, PATIENCE).await?;
        assert_eq!(at.world.ana.raw_count(&id), 1);
    }
    Ok(())
}

#[tokio::test]
async fn groups_a_device_that_cannot_decrypt_asks_again() -> anyhow::Result<()> {
    for at in [Gathering::starts().await?, Gathering::by_lid().await?] {
        for text in ["first", "second"] {
            at.world.ana.garbles_next();
            let id = at.group.says(&at.world.ana, text)?;
            let got = at.device.gets_one().await?;
            assert_eq!((got.id.as_str(), got.text.as_str()), (id.as_str(), text));
            assert!(at.world.ana.has_receipt(&id, "retry"));
        }
        at.group.says(&at.world.ana, "third")?;
        assert_eq!(at.device.gets_one().await?.text, "third");
        at.world.phone.waits_for_empty_backlog(PATIENCE).await?;
    }
    Ok(())
}

#[tokio::test]
async fn groups_typing_is_seen_both_ways() -> anyhow::Result<()> {
    let at = Gathering::starts().await?;
    at.group.types(&at.world.ana, true)?;
    let (chat, sender) = at
        .device
        .waits_for(|event| match event {
            Event::ChatPresence(presence) => {
                Some((presence.source.chat.to_string(), presence.source.sender.to_string()))
            }
            _ => None,
        })
        .await?;
    assert_eq!((chat, sender), (at.group.jid(), at.world.ana.jid()));
    at.device.client.chatstate().send_composing(&at.jid()?).await?;
    at.group.waits_for_typing(&at.world.phone, true, PATIENCE).await?;
    at.device.client.chatstate().send_paused(&at.jid()?).await?;
    at.group.waits_for_typing(&at.world.phone, false, PATIENCE).await
}

#[tokio::test]
async fn groups_a_message_to_where_one_may_not_write_is_refused() -> anyhow::Result<()> {
    let at = Gathering::starts().await?;
    at.group.promotes(&at.world.phone, &[&at.bob])?;
    at.group.demotes(&at.bob, &[&at.world.ana]).unwrap_or_default();
    let others = at.world.server.group("News", &[&at.bob, &at.world.phone])?;
    others.announces(&at.bob, true)?;
    let id = at.device.says(&others.jid(), "may I").await?;
    assert_eq!(at.device.hears_ack(&id).await?.as_deref(), Some("403"));
    assert!(at.bob.received().is_empty());

    at.group.removes(&at.bob, &[&at.world.ana])?;
    assert!(at.group.says(&at.world.ana, "still here").is_err());
    others.removes(&at.bob, &[&at.world.phone])?;
    hears(&at.device, "remove").await?;
    let id = at.device.says(&others.jid(), "hello").await;
    if let Ok(id) = id {
        assert_eq!(at.device.hears_ack(&id).await?.as_deref(), Some("403"));
    }
    Ok(())
}

#[tokio::test]
async fn groups_who_was_removed_does_not_hear_what_is_said_next() -> anyhow::Result<()> {
    let at = Gathering::starts().await?;
    let id = at.device.says(&at.group.jid(), "all of us").await?;
    at.bob.waits_for(|received| received.id == id, PATIENCE).await?;
    at.group.removes(&at.world.phone, &[&at.bob])?;
    hears(&at.device, "remove").await?;
    let id = at.device.says(&at.group.jid(), "without Bob").await?;
    at.world.ana.waits_for(|received| received.id == id, PATIENCE).await?;
    assert_eq!(at.bob.raw_count(&id), 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_of_a_thousand_cost_a_session_each_once_and_nothing_more() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let crowd: Vec<Contact> = (0..999)
        .map(|n| world.server.contact(&format!("1555100{n:04}"), "Member"))
        .collect();
    let mut people: Vec<&dyn simulator::Somebody> = vec![&world.phone];
    people.extend(crowd.iter().map(|one| one as &dyn simulator::Somebody));
    let device = world.links().await?;
    let group = world.server.group("Crowd", &people)?;
    let info = device.client.groups().get_metadata(&group.jid().parse()?).await?;
    assert_eq!(info.participants.len(), 1000);

    let speaker = crowd.first().ok_or_else(|| anyhow::anyhow!("nobody"))?;
    let listener = crowd.last().ok_or_else(|| anyhow::anyhow!("nobody"))?;
    for _ in 0..10 {
        group.says(speaker, "hello crowd")?;
    }
    assert_eq!(device.gets(10).await?.len(), 10);

    // The first message makes a session with everybody, the next one with nobody.
    let before = world.server.bundles_given();
    let id = device.says(&group.jid(), "hello back").await?;
    listener.waits_for(|received| received.id == id, PATIENCE).await?;
    let first = world.server.bundles_given();
    assert!((998..=1000).contains(&(first - before)), "{}", first - before);
    let id = device.says(&group.jid(), "and again").await?;
    listener.waits_for(|received| received.id == id, PATIENCE).await?;
    assert_eq!(world.server.bundles_given(), first);
    assert_eq!(receipts_of(&device, &id, 999).await?, 999);
    Ok(())
}

async fn receipts_of(device: &Device, id: &str, count: usize) -> anyhow::Result<usize> {
    let mut heard = 0;
    while heard < count {
        receipt(device, id, ReceiptType::Delivered).await?;
        heard += 1;
    }
    Ok(heard)
}

#[tokio::test]
async fn groups_a_message_that_names_people_the_wrong_way_is_refused_with_421() -> anyhow::Result<()> {
    let at = Gathering::starts().await?;
    let id = "3EB0000000000421";
    let stanza = NodeBuilder::new("message")
        .attr("to", at.jid()?)
        .attr("id", id)
        .attr("type", "text")
        .attr("addressing_mode", "lid")
        .build();
    at.device.client.send_node(stanza).await?;
    assert_eq!(at.device.hears_ack(id).await?.as_deref(), Some("421"));
    assert!(at.world.ana.received().is_empty());
    Ok(())
}
