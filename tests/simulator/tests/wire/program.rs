//! The simulator as a program: what its flags and its environment change.

use std::process::Stdio;

use anyhow::Context as _;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use whatsapp_rust::types::presence::ChatPresence;

use crate::PATIENCE;
use crate::device::{ANA, Device, OWNER};
use crate::presence::sees_typing;

/// The program, running; it ends with this value.
struct Program {
    _process: Child,
    clients: String,
    control: String,
    http: reqwest::Client,
}

impl Program {
    async fn starts(flags: &[&str], environment: &[(&str, &str)]) -> anyhow::Result<Self> {
        let mut process = Command::new(env!("CARGO_BIN_EXE_simulator"))
            .args(flags)
            .env("SIMULATOR_LISTEN", "127.0.0.1:0")
            .env("NO_COLOR", "1")
            .env("RUST_LOG", "info")
            .envs(environment.iter().copied())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut lines = BufReader::new(process.stderr.take().context("its words")?).lines();
        let (found, addresses) = oneshot::channel();
        // Read to the end, so that the program never waits for a reader.
        tokio::spawn(async move {
            let mut found = Some(found);
            while let Ok(Some(line)) = lines.next_line().await {
                let addresses = line
                    .split_once("clients: ")
                    .and_then(|(_, rest)| rest.split_once(", control: "));
                if let Some((clients, control)) = addresses
                    && let Some(found) = found.take()
                {
                    // An error means that nobody waits any more.
                    let _ = found.send((clients.to_owned(), control.trim().to_owned()));
                }
            }
        });
        let (clients, control) = tokio::time::timeout(PATIENCE, addresses).await??;
        Ok(Self {
            _process: process,
            clients,
            control,
            http: reqwest::Client::builder().build()?,
        })
    }

    async fn posts(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.http.post(format!("{}/{path}", self.control)).json(body);
        Ok(request.send().await?.error_for_status()?.json().await?)
    }

    /// A device of this name shows its code to whoever scans it; answers the number of the phone.
    async fn links(&self, name: &str) -> anyhow::Result<(Device, String)> {
        let device = Device::starts_named(&self.clients, name).await?;
        let scan = self.http.post(format!("{}/mock-phone/scan-qr", self.control));
        let scan = scan.body(device.shows_qr().await?);
        let answer: Value = scan.send().await?.error_for_status()?.json().await?;
        device.connects().await?;
        let number = answer["number"].as_str().context("a number")?.to_owned();
        Ok((device, number))
    }
}

#[tokio::test]
async fn control_the_program_finds_phones_by_name_unless_it_is_told_not_to() -> anyhow::Result<()> {
    for (flags, is_by_name) in [(&[][..], true), (&["--phones-by-name", "false"][..], false)] {
        let program = Program::starts(flags, &[]).await?;
        let (_device, number) = program.links("Olivia").await?;
        assert_eq!(number != OWNER, is_by_name, "{number}");
    }
    Ok(())
}

#[tokio::test]
async fn control_the_program_stands_still_at_its_clock_and_repeats_its_seed() -> anyhow::Result<()> {
    let mut invitations = Vec::new();
    for seed in ["7", "7", "8"] {
        let program = Program::starts(&["--seed", seed, "--clock", "1800000000"], &[]).await?;
        let channel = program.posts("newsletters", &json!({ "name": "News" })).await?;
        invitations.push(channel["invite"].as_str().context("an invitation")?.to_owned());
        for (number, name) in [(ANA, "Ana"), (OWNER, "Owner")] {
            program
                .posts("contacts", &json!({ "number": number, "name": name }))
                .await?;
        }
        let hello = json!({ "to": OWNER, "text": "what time is it" });
        program.posts(&format!("contacts/{ANA}/say"), &hello).await?;
        let url = format!("{}/contacts/{OWNER}/received", program.control);
        let got: Value = program.http.get(url).send().await?.json().await?;
        assert_eq!(got["received"][0]["timestamp"], 1_800_000_000_u64, "{got}");
    }
    assert_eq!(invitations[0], invitations[1]);
    assert_ne!(invitations[0], invitations[2]);
    Ok(())
}

#[tokio::test]
async fn control_the_program_is_told_by_its_environment_how_long_typing_lasts() -> anyhow::Result<()> {
    let program = Program::starts(&[], &[("CHATSTATE_TTL_SECS", "1")]).await?;
    let (device, number) = program.links("Olivia").await?;
    program
        .posts("contacts", &json!({ "number": ANA, "name": "Ana" }))
        .await?;
    let types = json!({ "to": number, "composing": true });
    program.posts(&format!("contacts/{ANA}/type"), &types).await?;
    assert_eq!(sees_typing(&device).await?.0, ChatPresence::Composing);
    // Nobody says so; usually it would last 25 seconds.
    assert_eq!(sees_typing(&device).await?.0, ChatPresence::Paused);
    Ok(())
}

#[tokio::test]
async fn control_the_program_encrypts_its_port_with_a_certificate_of_its_own() -> anyhow::Result<()> {
    let program = Program::starts(&["--tls"], &[]).await?;
    assert!(program.clients.starts_with("wss://") && program.control.starts_with("https://"));
    let state = format!("{}/state", program.control);
    assert!(program.http.get(&state).send().await.is_err());
    let trusting = reqwest::Client::builder()
        .tls_danger_accept_invalid_certs(true)
        .build()?;
    assert!(trusting.get(&state).send().await?.status().is_success());
    let plain = state.replacen("https", "http", 1);
    let refused = trusting.get(plain).send().await;
    assert!(!refused.is_ok_and(|answer| answer.status().is_success()));
    Ok(())
}
