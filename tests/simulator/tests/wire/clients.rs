//! Several unmodified clients of different accounts talk to each other; the simulator only passes things on.

use simulator::{Phone, Speech};
use whatsapp_rust::prelude::*;
use whatsapp_rust::types::presence::ReceiptType;
use whatsapp_rust::wacore::store::traits::SignalStore as _;
use whatsapp_rust::{NodeBuilder, RevokeType};

use crate::PATIENCE;
use crate::device::{Device, OWNER, World};

const BOB: &str = "15550003333";
const CARA: &str = "15550004444";

fn at(number: &str) -> String {
    format!("{number}@s.whatsapp.net")
}

/// Two accounts with a client each.
struct Pair {
    world: World,
    owner: Device,
    bobs_phone: Phone,
    bob: Device,
}

impl Pair {
    async fn starts() -> anyhow::Result<Self> {
        let world = World::starts().await?;
        let bobs_phone = world.server.phone(BOB, "Bob");
        Ok(Self {
            owner: world.links().await?,
            bob: Device::linked(&world.server, &bobs_phone).await?,
            bobs_phone,
            world,
        })
    }
}

#[tokio::test]
async fn dm_a_message_between_clients_reaches_phone_and_companion_and_is_confirmed() -> anyhow::Result<()> {
    let pair = Pair::starts().await?;
    let id = pair.owner.says(&at(BOB), "hello Bob").await?;
    let got = pair.bob.gets_one().await?;
    assert_eq!((got.id.as_str(), got.chat.as_str()), (id.as_str(), at(OWNER).as_str()));
    let on_phone = pair
        .bobs_phone
        .waits_for(|received| received.id == id, PATIENCE)
        .await?;
    assert_eq!(on_phone.text.as_deref(), Some("hello Bob"));
    hears(&pair.owner, &id, ReceiptType::Delivered).await?;
    let chat: Jid = at(OWNER).parse()?;
    pair.bob.client.mark_as_read(&chat, None, &[id.as_str()]).await?;
    hears(&pair.owner, &id, ReceiptType::Read).await
}

#[tokio::test]
async fn dm_meta_and_reporting_that_a_client_puts_beside_a_message_reach_the_other_client() -> anyhow::Result<()> {
    let pair = Pair::starts().await?;
    let meta = NodeBuilder::new("meta").attr("appdata", "default").build();
    let token = NodeBuilder::new("reporting_token").attr("v", "2").bytes(vec![7; 16]);
    let reporting = NodeBuilder::new("reporting").children([token.build()]).build();
    let options = SendOptions::default().with_extra_stanza_nodes(vec![meta, reporting]);
    let to: Jid = at(BOB).parse()?;
    let sent = pair
        .owner
        .client
        .send_message_with_options(to, wa::Message::text("with a note"), options)
        .await?;
    let (appdata, token) = pair
        .bob
        .waits_for(|event| match event {
            Event::Messages(batch) => batch.into_iter().find(|one| one.info.id == sent.message_id).map(|one| {
                let beside = &one.info.meta_info;
                (beside.appdata.clone(), beside.reporting_token.clone())
            }),
            _ => None,
        })
        .await?;
    assert_eq!(appdata.as_deref(), Some("default"));
    assert!(token.is_some());
    Ok(())
}

#[tokio::test]
async fn dm_two_clients_hold_a_long_conversation_in_order() -> anyhow::Result<()> {
    let pair = Pair::starts().await?;
    for n in 0..25 {
        pair.owner.says(&at(BOB), &format!("ping {n}")).await?;
        assert_eq!(pair.bob.gets_one().await?.text, format!("ping {n}"));
        pair.bob.says(&at(OWNER), &format!("pong {n}")).await?;
        assert_eq!(pair.owner.gets_one().await?.text, format!("pong {n}"));
    }
    for texts in [pair.bobs_phone.received(), pair.world.phone.received()] {
        let incoming = texts.iter().filter(|one| one.to.is_none()).count();
        assert_eq!(incoming, 25);
    }
    Ok(())
}

#[tokio::test]
async fn dm_three_clients_talk_round_in_a_circle() -> anyhow::Result<()> {
    let Pair { world, owner, bob, .. } = Pair::starts().await?;
    let cara = Device::linked(&world.server, &world.server.phone(CARA, "Cara")).await?;
    for (from, to, number) in [(&owner, &bob, BOB), (&bob, &cara, CARA), (&cara, &owner, OWNER)] {
        let id = from.says(&at(number), "pass it on").await?;
        assert_eq!(to.gets_one().await?.id, id);
    }
    Ok(())
}

#[tokio::test]
async fn dm_what_was_written_to_a_client_that_is_away_comes_when_it_is_back() -> anyhow::Result<()> {
    let Pair {
        world: _world,
        owner,
        bob,
        ..
    } = Pair::starts().await?;
    owner.says(&at(BOB), "are you there?").await?;
    bob.gets_one().await?;
    let backend = bob.stops().await;
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(owner.says(&at(BOB), &format!("missed {n}")).await?);
    }
    let bob = Device::starts_with(owner.url(), backend, true).await?;
    let got = bob.gets(5).await?;
    assert_eq!(got.into_iter().map(|one| one.id).collect::<Vec<_>>(), ids);
    bob.connects().await?;
    bob.says(&at(OWNER), "here again").await?;
    assert_eq!(owner.gets_one().await?.text, "here again");
    Ok(())
}

#[tokio::test]
async fn dm_a_client_that_lost_its_session_asks_the_other_client_again() -> anyhow::Result<()> {
    let Pair {
        world, owner, mut bob, ..
    } = Pair::starts().await?;
    owner.says(&at(BOB), "first").await?;
    bob.gets_one().await?;
    bob.says(&at(OWNER), "second").await?;
    owner.gets_one().await?;
    let backend = bob.stops().await;
    let lid = world.server.contact(OWNER, "").lid();
    for address in [
        format!("{lid}@lid:1.0"),
        format!("{lid}:1@lid.0"),
        format!("{lid}@lid.0"),
        format!("{OWNER}:1@c.us.0"),
        format!("{OWNER}@c.us.0"),
    ] {
        backend.delete_session(&address).await?;
    }
    bob = Device::starts_with(owner.url(), backend, true).await?;
    bob.connects().await?;
    let id = owner.says(&at(BOB), "third").await?;
    let got = bob.gets_one().await?;
    assert_eq!((got.id, got.text), (id, "third".to_owned()));
    bob.says(&at(OWNER), "fourth").await?;
    assert_eq!(owner.gets_one().await?.text, "fourth");
    Ok(())
}

#[tokio::test]
async fn dm_a_client_is_linked_anew_and_the_other_one_goes_on_talking_to_it() -> anyhow::Result<()> {
    let Pair {
        world,
        owner,
        bobs_phone,
        bob,
    } = Pair::starts().await?;
    owner.says(&at(BOB), "to the first device").await?;
    bob.gets_one().await?;
    bobs_phone.unlinks_all();
    let bob = Device::linked(&world.server, &bobs_phone).await?;
    bob.says(&at(OWNER), "I have a new device").await?;
    assert_eq!(owner.gets_one().await?.text, "I have a new device");
    let id = owner.says(&at(BOB), "to the second device").await?;
    assert_eq!(bob.gets_one().await?.id, id);
    bobs_phone.waits_for(|received| received.id == id, PATIENCE).await?;
    Ok(())
}

async fn hears(device: &Device, id: &str, kind: ReceiptType) -> anyhow::Result<()> {
    device
        .waits_for(|event| match event {
            Event::Receipt(receipt) if receipt.r#type == kind && receipt.message_ids.iter().any(|one| one == id) => {
                Some(())
            }
            _ => None,
        })
        .await
}

/// The next message about another one: what the stanza says it is, and which message it is about.
async fn marked(device: &Device) -> anyhow::Result<(String, String)> {
    device
        .waits_for(|event| match event {
            Event::Messages(batch) => batch.into_iter().find_map(|one| {
                let about = one.message.protocol_message.as_option()?.key.id.clone()?;
                Some((one.info.edit.to_string_val().to_owned(), about))
            }),
            _ => None,
        })
        .await
}

#[tokio::test]
async fn dm_edits_and_deletions_are_marked_on_the_stanza() -> anyhow::Result<()> {
    let pair = Pair::starts().await?;
    // People's.
    let (ana, phone) = (&pair.world.ana, &pair.world.phone);
    let id = ana.says(phone, "hi");
    let text = "hello".to_owned();
    ana.speaks(phone, Speech::Edit { id: id.clone(), text })?;
    assert_eq!(marked(&pair.owner).await?, ("1".to_owned(), id.clone()));
    ana.speaks(phone, Speech::Delete { id: id.clone() })?;
    assert_eq!(marked(&pair.owner).await?, ("7".to_owned(), id));

    // Clients', passed on.
    let bob: Jid = at(BOB).parse()?;
    let id = pair.owner.says(&at(BOB), "hi Bob").await?;
    let text = wa::Message::text("hello Bob");
    pair.owner.client.edit_message(bob.clone(), id.as_str(), text).await?;
    assert_eq!(marked(&pair.bob).await?, ("1".to_owned(), id.clone()));
    pair.owner
        .client
        .revoke_message(bob, id.as_str(), RevokeType::Sender)
        .await?;
    assert_eq!(marked(&pair.bob).await?, ("7".to_owned(), id));
    Ok(())
}

#[tokio::test]
async fn groups_an_admin_deletes_what_somebody_else_wrote() -> anyhow::Result<()> {
    let pair = Pair::starts().await?;
    let (ana, phone) = (&pair.world.ana, &pair.world.phone);
    let group = pair.world.server.group("Family", &[ana, phone, &pair.bobs_phone])?;
    let id = pair.owner.says(&group.jid(), "oops").await?;
    ana.waits_for(|received| received.id == id, PATIENCE).await?;
    group.speaks(ana, Speech::Delete { id: id.clone() })?;
    assert_eq!(marked(&pair.bob).await?, ("8".to_owned(), id));
    Ok(())
}
