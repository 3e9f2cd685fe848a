//! Scenarios: people play by a file, and answer.

use std::collections::BTreeSet;

use anyhow::Context as _;
use simulator::{Kind, Received, Script};
use whatsapp_rust::prelude::*;

use crate::PATIENCE;
use crate::device::World;

const SCRIPT: &str = r#"
seed = 5
account = "15550001111"

[[people]]
name = "Ana"
number = "15550002222"

[[people]]
name = "Ben"
number = "15550003333"
lid = true

[[steps]]
who = "Ana"
label = "hello"
do = { kind = "text", text = "hello" }

[[steps]]
who = "Ana"
after = [0.0, 0.01]
do = { kind = "edit", id = "@hello", text = "hello there" }

[[steps]]
who = "Ben"
typing = 0.01
do = { kind = "text", text = "I am Ben" }

[[when]]
who = "Ana"
told = "COFFEE"
times = 1
answers = [
    { do = { kind = "reaction", id = "@told", emoji = "☕" } },
    { do = { kind = "reply", id = "@told", text = "gladly" } },
]
"#;

#[tokio::test]
async fn scenario_people_play_their_parts_and_answer() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let server = world.server.clone();
    let script = Script::read(SCRIPT)?;
    let device = world.links().await?;
    let play = tokio::spawn(async move { server.plays(script).await });
    let (hello, edit, ben) = (next(&device).await?, next(&device).await?, next(&device).await?);
    assert_eq!(hello.text_content(), Some("hello"));
    assert_eq!(edit.protocol_message.edited_message.text_content(), Some("hello there"));
    assert_eq!(ben.text_content(), Some("I am Ben"));

    let id = device.says(&world.ana.jid(), "Coffee at the pier?").await?;
    let reaction = next(&device).await?;
    assert_eq!(reaction.reaction_message.key.id.as_deref(), Some(id.as_str()));
    let reply = next(&device).await?;
    assert_eq!(reply.text_content(), Some("gladly"));
    // Once only.
    let id = device.says(&world.ana.jid(), "More coffee?").await?;
    world.ana.waits_for(|received| received.id == id, PATIENCE).await?;
    assert_eq!(world.ana.received_count(), 2);
    play.abort();
    Ok(())
}

const CREW: &str = r#"
account = "15550001111"

[[people]]
name = "Ana"
number = "15550002222"

[[people]]
name = "Ben"
number = "15550003333"

[[groups]]
name = "Crew"
members = ["Ana", "Ben"]

[[steps]]
who = "Ana"
in = "Crew"
typing = 0.01
label = "lunch"
do = { kind = "text", text = "Lunch?" }

[[steps]]
who = "Ben"
in = "Crew"
do = { kind = "reaction", id = "@lunch", emoji = "👍" }

[[steps]]
who = "Ben"
in = "Crew"
do = { kind = "image", caption = "The crane" }

[[steps]]
who = "Ana"
in = "Crew"
label = "where"
do = { kind = "poll", question = "Where?", options = ["Pier", "Yard"], selectable = 1 }

[[steps]]
who = "Ben"
in = "Crew"
do = { kind = "vote", id = "@where", options = ["Yard"] }

[[when]]
who = "Ben"
in = "Crew"
answers = [{ do = { kind = "reply", id = "@told", text = "in the group" } }]

[[when]]
who = "Ben"
answers = [{ do = { kind = "text", text = "alone" } }]
"#;

#[tokio::test]
async fn scenario_people_live_in_a_group_and_answer_where_they_are_told() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let url = format!("{}/scenario", world.server.control_url());
    let http = reqwest::Client::builder().build()?;
    let playing: serde_json::Value = http.post(&url).body(CREW).send().await?.json().await?;
    assert_eq!(playing["groups"][0], "Crew");
    assert_eq!(playing["people"][1]["number"], "15550003333");
    let (lunch, lunch_id, chat) = next_in(&device).await?;
    assert_eq!(lunch.text_content(), Some("Lunch?"));
    let group = world.server.find_group(&chat)?;
    assert_eq!(group.members(), ["15550001111", "15550002222", "15550003333"]);
    let reaction = next(&device).await?.reaction_message;
    assert_eq!(reaction.key.id.as_deref(), Some(lunch_id.as_str()));
    assert_eq!(reaction.key.participant.as_deref(), Some(world.ana.jid().as_str()));
    assert_eq!(next(&device).await?.image_message.caption.as_deref(), Some("The crane"));
    assert!(next(&device).await?.poll_creation_message_v3.as_option().is_some());
    assert!(next(&device).await?.poll_update_message.as_option().is_some());

    device.says(&chat, "Coming").await?;
    let (answer, _, place) = next_in(&device).await?;
    assert_eq!(
        (answer.text_content(), place.as_str()),
        (Some("in the group"), chat.as_str())
    );
    device.says("15550003333@s.whatsapp.net", "Ben?").await?;
    let (answer, _, place) = next_in(&device).await?;
    assert_eq!(answer.text_content(), Some("alone"));
    assert_ne!(place, chat);
    Ok(())
}

#[test]
fn scenario_slips_of_the_pen_are_refused() {
    for text in [
        "people = 3",
        "people = []\n[[steps]]\nwho = \"Nobody\"\ndo = { kind = \"text\", text = \"x\" }",
        "people = []\nfoo = 1",
        "people = []\n[[groups]]\nname = \"Empty\"\nmembers = []",
        "[[people]]\nname = \"A\"\nnumber = \"1\"\n[[steps]]\nwho = \"A\"\nin = \"No\"\ndo = { kind = \"online\" }",
    ] {
        assert!(Script::read(text).is_err(), "{text}");
    }
}

async fn next(device: &crate::device::Device) -> anyhow::Result<wa::Message> {
    Ok(next_in(device).await?.0)
}

/// The next message, its id and the chat it is in.
async fn next_in(device: &crate::device::Device) -> anyhow::Result<(wa::Message, String, String)> {
    device
        .waits_for(|event| match event {
            Event::Messages(batch) => batch.into_iter().find_map(|one| {
                let (info, message) = (&one.info, (*one.message).clone());
                // Words between the account's own devices are not part of the play.
                (!info.source.is_from_me).then(|| (message, info.id.clone(), info.source.chat.to_string()))
            }),
            _ => None,
        })
        .await
}

/// The lively scenario, played once and without its pauses: what happens and in which order is the same.
fn lively() -> anyhow::Result<Script> {
    let text = include_str!("../../scenarios/harbour.toml");
    let steps = text
        .lines()
        .filter(|line| !line.starts_with("after =") && !line.starts_with("typing ="));
    let text = steps.collect::<Vec<_>>().join("\n");
    let mut script = Script::read(&text.replace("\"calls\", seconds = 6", "\"calls\", seconds = 0"))?;
    script.repeat = false;
    Ok(script)
}

/// What an event of the play is.
fn kinds(event: &Event) -> Vec<&'static str> {
    match event {
        Event::Messages(batch) => batch.into_iter().filter_map(|one| kind(&one.message)).collect(),
        Event::IncomingCall(_) => vec!["call"],
        Event::GroupUpdate(update) if update.action.tag_name() == "create" => vec!["group"],
        _ => Vec::new(),
    }
}

fn kind(message: &wa::Message) -> Option<&'static str> {
    let table = [
        (message.image_message.is_set(), "image"),
        (message.audio_message.is_set(), "voice"),
        (message.reaction_message.is_set(), "reaction"),
        (message.poll_creation_message_v3.is_set(), "poll"),
        (message.poll_update_message.is_set(), "vote"),
        (message.location_message.is_set(), "location"),
        (message.document_message.is_set(), "document"),
        (message.protocol_message.edited_message.is_set(), "edit"),
        (message.text_content().is_some(), "text"),
    ];
    table.into_iter().find_map(|(is, kind)| is.then_some(kind))
}

#[tokio::test]
async fn scenario_the_lively_one_brings_the_client_something_of_every_kind() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let (server, script) = (world.server.clone(), lively()?);
    let play = tokio::spawn(async move { server.plays(script).await });
    let mut awaited = BTreeSet::from([
        "group", "text", "edit", "image", "reaction", "poll", "vote", "voice", "location", "document", "call",
    ]);
    while !awaited.is_empty() {
        let heard = device.waits_for(|event| Some(kinds(event)).filter(|kinds| !kinds.is_empty()));
        for kind in heard.await.with_context(|| format!("{awaited:?} did not come"))? {
            awaited.remove(kind);
        }
    }
    // The phone has it too: what was written in the group, and to the account alone.
    let said = |text: &'static str| move |received: &Received| received.text.as_deref() == Some(text);
    let lunch = world
        .phone
        .waits_for(said("Lunch at one, everybody?"), PATIENCE)
        .await?;
    assert!(lunch.chat.is_some_and(|chat| chat.ends_with("@g.us")));
    let sky = world.phone.waits_for(said("Look at that sky!"), PATIENCE).await?;
    assert_eq!((sky.kind, sky.chat), (Kind::Image, None));
    play.abort();
    Ok(())
}
