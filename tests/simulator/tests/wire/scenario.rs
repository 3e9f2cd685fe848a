//! Scenarios: people play by a file, and answer.

use simulator::Script;
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

#[test]
fn scenario_slips_of_the_pen_are_refused() {
    for text in [
        "people = 3",
        "people = []\n[[steps]]\nwho = \"Nobody\"\ndo = { kind = \"text\", text = \"x\" }",
        "people = []\nfoo = 1",
    ] {
        assert!(Script::read(text).is_err(), "{text}");
    }
}

async fn next(device: &crate::device::Device) -> anyhow::Result<wa::Message> {
    device
        .waits_for(|event| match event {
            Event::Messages(batch) => batch.into_iter().find_map(|one| {
                // Words between the account's own devices are not part of the play.
                (!one.info.source.is_from_me).then(|| (*one.message).clone())
            }),
            _ => None,
        })
        .await
}

#[test]
fn scenario_the_lively_one_can_be_read() -> anyhow::Result<()> {
    Script::read(include_str!("../../scenarios/harbour.toml")).map(|_| ())
}
