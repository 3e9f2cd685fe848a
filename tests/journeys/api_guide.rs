//! `docs/api.md` from top to bottom: every command runs as it stands there, in one shell, and answers what the document
//! shows after it.

use std::{collections::VecDeque, process::Stdio};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use crate::support::{
    database::Engine,
    receiver::Receiver,
    rest::{CLIENT_ID, CLIENT_SECRET, Codes},
    waiting::SOON,
    world::{OWNER, World, gets},
};

/// What a reader of the document does, in its order.
#[derive(PartialEq, Eq, Debug)]
enum Step {
    /// Types a command.
    Runs(String),
    /// Compares what came.
    Expects(Value),
    /// Does something that is no command.
    Does(String),
}

fn steps() -> VecDeque<Step> {
    let document = include_str!("../../docs/api.md");
    let mut steps = VecDeque::new();
    let mut lines = document.lines();
    while let Some(line) = lines.next() {
        if let Some(what) = line.strip_prefix("<!-- ") {
            steps.push_back(Step::Does(what.trim_end_matches(" -->").to_owned()));
        } else if let Some(kind) = line.strip_prefix("```") {
            let block: Vec<_> = lines.by_ref().take_while(|line| !line.starts_with("```")).collect();
            let block = block.join("\n");
            match kind {
                "sh" => steps.push_back(Step::Runs(block)),
                "json" => steps.push_back(Step::Expects(
                    serde_json::from_str(&block).expect("the document shows JSON"),
                )),
                _ => {}
            }
        }
    }
    steps
}

/// A shell that remembers what the commands before set.
struct Shell {
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    _process: Child,
}

impl Shell {
    fn start(world: &World, receiver: &Receiver) -> Self {
        let mut process = Command::new("bash")
            .current_dir(world.dir())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("WHARF", world.wharf.url())
            .env("RECEIVER", receiver.url())
            .envs([("CLIENT_ID", CLIENT_ID), ("CLIENT_SECRET", CLIENT_SECRET)])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self {
            input: process.stdin.take().unwrap(),
            output: BufReader::new(process.stdout.take().unwrap()).lines(),
            _process: process,
        }
    }

    /// Runs a command and returns what it printed.
    async fn runs(&mut self, command: &str) -> String {
        let typed = format!("{command}\nprintf '\\nstatus %s\\n' $?\n");
        self.input.write_all(typed.as_bytes()).await.unwrap();
        let mut said = String::new();
        loop {
            let line = self.output.next_line().await.unwrap().expect("the shell goes on");
            if let Some(status) = line.strip_prefix("status ") {
                assert_eq!(status, "0", "{command}\n{said}");
                return said;
            }
            said.push_str(&line);
        }
    }
}

/// Every key of `shown` is there; values are equal unless the document shows them shortened (`…`) or they are numbers
/// and times of their own.
fn is_like(shown: &Value, got: &Value) {
    match (shown, got) {
        (Value::Object(shown), Value::Object(body)) => {
            for (key, value) in shown {
                is_like(
                    value,
                    body.get(key).unwrap_or_else(|| panic!("{key} is missing in {got}")),
                );
            }
        }
        (Value::Array(shown), Value::Array(body)) => {
            assert_eq!(shown.len(), body.len(), "{got}");
            shown.iter().zip(body).for_each(|(shown, got)| is_like(shown, got));
        }
        (Value::String(shown), Value::String(_)) if shown.contains('…') => {}
        (Value::Number(_), Value::Number(_)) => {}
        _ => assert_eq!(shown, got),
    }
}

on_both_engines! {
    async fn every_command_of_the_guide_to_the_api_answers_what_it_shows(engine: Engine) {
        let world = World::start(engine).await;
        let receiver = Receiver::start().await;
        let phone = world.whatsapp.phone(OWNER, "Owner");
        let ana = world.contact("15550001111", "Ana");
        world.contact("15550002222", "Ben");
        let mut shell = Shell::start(&world, &receiver);
        let (mut said, mut commands) = (String::new(), 0);
        for step in steps() {
            match step {
                Step::Runs(command) => {
                    said = shell.runs(&command).await;
                    commands += 1;
                }
                Step::Expects(shown) => is_like(&shown, &serde_json::from_str(&said).expect(&said)),
                Step::Does(what) if what == "the phone scans" => {
                    let linking: Value = serde_json::from_str(&said).unwrap();
                    let mut codes = Codes::open(linking["qr_code_url"].as_str().unwrap()).await;
                    phone.scans(&codes.code().await).unwrap();
                    codes.is_linked().await;
                }
                Step::Does(what) => {
                    assert_eq!(what, "Ana says hello");
                    gets(&ana, "Your order is *ready*.").await;
                    // The spelling that the payload shows is that of the last message.
                    world.settles(SOON).await;
                    ana.says(&phone, "hello");
                    said = receiver.gets("hello").await.body.to_string();
                }
            }
        }
        assert!(commands > 10, "the document has lost its commands");
    }
}
