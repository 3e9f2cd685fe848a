//! What stands beside chats, in a real client: statuses, channels and calls.

use matrix_sdk::{
    notification_settings::RoomNotificationMode,
    ruma::{api::client::receipt::create_receipt::v3::ReceiptType, events::receipt::ReceiptThread},
};
use serde_json::{Value, json};
use simulator::Contact;

use crate::{
    rows::receives,
    support::{
        database::Engine,
        waiting::{SOON, eventually},
        world::{World, gets},
    },
    synapse::{self, BOT, Owner, Synapse},
};

const STATUS: &str = "status@broadcast";
const GHOST: &str = "@whatsapp_15550001111:hs.test";
const PNG: &[u8] = include_bytes!("../simulator/media/harbour.png");

fn about(event: &Value, key: &str) -> Value {
    json!({"m.relates_to": {"rel_type": "m.annotation", "event_id": event["event_id"], "key": key}})
}

/// Read, answered and marked; in a room that does not ring.
async fn statuses_of_others(world: &World<Synapse>, owner: &Owner, ana: &Contact) {
    let Owner { alice, phone, .. } = owner;
    let posted = ana.posts("at the harbour", &[phone]);
    let room = alice.is_shown_anywhere("at the harbour").await;
    let event = alice.shows(&room, "at the harbour").await;
    assert_eq!(event["sender"], GHOST);
    assert_eq!(room.display_name().await.unwrap().to_string(), "WhatsApp status");
    eventually("it is muted and low", SOON, || async {
        let settings = room.client().notification_settings().await;
        let mode = settings.get_user_defined_room_notification_mode(room.room_id()).await;
        (mode == Some(RoomNotificationMode::MentionsAndKeywordsOnly) && room.is_low_priority()).then_some(())
    })
    .await;

    alice.replies(&room, &event, "save me a seat").await;
    let got = gets(ana, "save me a seat").await;
    assert_eq!(
        (got.chat.as_deref(), got.quoted_id.as_deref()),
        (None, Some(posted.as_str()))
    );
    alice.sends(&room, "m.reaction", about(&event, "⛵")).await;
    let marked = receives(ana, "a mark", |got| got.message.reaction_message.is_set()).await;
    assert_eq!(marked.message.reaction_message.text.as_deref(), Some("⛵"));
    let read = event["event_id"].as_str().unwrap().try_into().unwrap();
    room.send_single_receipt(ReceiptType::Read, ReceiptThread::Unthreaded, read)
        .await
        .unwrap();
    ana.waits_for_receipt(&posted, "read", SOON).await.unwrap();
    ana.revokes_status(&posted, &[phone]);
    alice.sees_taken_back(&room, &event).await;
    assert!(
        world
            .count("select count(*) as number from jobs where kind = 'expire'")
            .await
            >= 1
    );
}

/// What the owner posts, on the phone and here; words and a picture.
async fn own_statuses(owner: &Owner, ana: &Contact) {
    let Owner { alice, phone, .. } = owner;
    phone.posts("from my phone", &[ana]);
    let room = alice.is_shown_anywhere("from my phone").await;
    assert_eq!(alice.shows(&room, "from my phone").await["sender"], alice.id());
    alice.says(&room, "six ships are in").await;
    assert_eq!(gets(ana, "six ships are in").await.chat.as_deref(), Some(STATUS));
    let address = alice.uploads("image/png", PNG).await;
    let content = json!({
        "msgtype": "m.image", "body": "my harbour", "filename": "harbour.png", "url": address,
        "info": {"mimetype": "image/png", "size": PNG.len()},
    });
    let event = alice.sends(&room, "m.room.message", content).await;
    let got = receives(ana, "a picture", |got| got.message.image_message.is_set()).await;
    assert_eq!(
        (got.chat.as_deref(), got.text.as_deref()),
        (Some(STATUS), Some("my harbour"))
    );
    let picture = image::load_from_memory(&ana.media_of(&got).unwrap()).unwrap();
    assert_eq!(picture.width(), image::load_from_memory(PNG).unwrap().width());
    alice.takes_back(&room, &event).await;
    receives(ana, "that it is gone", |it| {
        let told = &it.message.protocol_message;
        told.is_set() && told.key.id.as_ref() == Some(&got.id)
    })
    .await;
}

/// Followed, read, marked, and followed no more.
async fn a_channel(world: &World<Synapse>, owner: &Owner) {
    let Owner { alice, bot, .. } = owner;
    let channel = world.whatsapp.newsletter("Harbour News");
    let link = format!("https://whatsapp.com/channel/{}", channel.invite());
    alice.says(bot, &format!("follow {link}")).await;
    alice.hears(bot, BOT, "You follow Harbour News").await;
    let post = channel.posts("ship 6 is in");
    let room = alice.is_shown_anywhere("ship 6 is in").await;
    assert_eq!(room.display_name().await.unwrap().to_string(), "Harbour News");
    let shown = alice.shows(&room, "ship 6 is in").await;
    let voice = shown["sender"].as_str().unwrap();
    assert!(voice.starts_with("@whatsapp_channel_"), "{voice}");
    channel.edits(post, "ship six is in");
    let edit = alice
        .sees(&room, "the edit", |event| {
            event["content"]["m.new_content"]["body"] == "ship six is in"
        })
        .await;
    assert_eq!(edit["content"]["m.relates_to"]["event_id"], shown["event_id"]);
    alice.sends(&room, "m.reaction", about(&shown, "⛵")).await;
    channel
        .waits_for(|post| post.reactions.contains_key("⛵"), SOON)
        .await
        .unwrap();
    eventually("who only follows reads", SOON, || async {
        let user = room.own_user_id().to_owned();
        let levels = room.power_levels().await.unwrap();
        (!levels.user_can_send_message(&user, "m.room.message".into())).then_some(())
    })
    .await;
    channel.deletes(post);
    alice.sees_taken_back(&room, &shown).await;
    let unfollow = format!("in https://matrix.to/#/{} unfollow", room.room_id());
    alice.says(bot, &unfollow).await;
    alice.hears(bot, BOT, "You follow this channel no more.").await;
    alice.hears(&room, BOT, "You do not follow this channel any more").await;
    assert!(channel.followers().is_empty());
}

/// One notice for each call, which changes with it.
async fn calls(owner: &Owner, ana: &Contact) {
    let Owner { alice, phone, .. } = owner;
    ana.says(phone, "can I call?");
    let room = alice.is_shown_anywhere("can I call?").await;
    let call = ana.calls(phone, true);
    let first = alice
        .shows(&room, "📞 Incoming video call. Answer it on your phone.")
        .await;
    assert_eq!(
        (&first["sender"], &first["content"]["msgtype"]),
        (&json!(GHOST), &json!("m.notice"))
    );
    let is_now = async |words: &str| {
        let is = |event: &Value| {
            let new = &event["content"]["m.new_content"]["body"];
            new.as_str().is_some_and(|body| body.contains(words))
        };
        alice.sees(&room, words, is).await
    };
    phone.answers_call(&call);
    let edit = is_now("📞 Answered video call, on another device.").await;
    assert_eq!(edit["content"]["m.relates_to"]["event_id"], first["event_id"]);
    ana.hangs_up(&call);
    is_now("long.").await;
    let missed = ana.calls(phone, false);
    alice
        .shows(&room, "📞 Incoming voice call. Answer it on your phone.")
        .await;
    ana.hangs_up(&missed);
    is_now("📞 Missed voice call.").await;
}

/// B59, B60, B61
#[tokio::test(flavor = "multi_thread")]
async fn b59_b60_b61_statuses_channels_and_calls_reach_a_real_client() {
    let world = synapse::world_with(Engine::Sqlite, "status_posts = true").await;
    let owner = Owner::of(&world).await;
    let ana = world.contact("15550001111", "Ana");
    owner.phone.names_contact(ana.number(), "Ana").unwrap();
    let named = "select count(*) as number from address_book";
    world.counts("the address book is known", named, 1).await;
    statuses_of_others(&world, &owner, &ana).await;
    own_statuses(&owner, &ana).await;
    a_channel(&world, &owner).await;
    calls(&owner, &ana).await;
}
