//! The simulator as a program: for demos, for scripts, for load.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use simulator::load::{self, Plan};
use simulator::{Clock, Options, Script, Server};
use tracing_subscriber::EnvFilter;

/// A simulated WhatsApp: clients at /ws/chat, control over HTTP at /admin.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
}

#[derive(Subcommand)]
enum Command {
    /// Lets people live by a file in a simulator that runs already.
    Play(Play),
    /// Links devices, lets them and people write to each other, and reports what arrived when.
    Load(Load),
}

#[derive(Args)]
struct Serve {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:7080", env = "SIMULATOR_LISTEN")]
    listen: SocketAddr,
    /// Whether to encrypt the transport, with a certificate made for this run.
    #[arg(long, value_enum, default_value_t = Tls::No, num_args = 0..=1, default_missing_value = "self-signed")]
    tls: Tls,
    /// Makes a run repeatable: keys, ids and everything else random come from this number.
    #[arg(long)]
    seed: Option<u64>,
    /// The second (since 1970) at which the time stands that is stamped on what people do.
    #[arg(long, value_name = "SECONDS")]
    clock: Option<u64>,
    /// A client's push name decides which phone scans its QR code (the same name is the same phone), unless this is false.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_value_t = true, default_missing_value = "true", action = ArgAction::Set)]
    phones_by_name: bool,
    /// People who live by this file as soon as a device is linked (TOML, see the README).
    #[arg(long)]
    scenario: Option<PathBuf>,
}

#[derive(Args)]
struct Play {
    /// The scenario (TOML, see the README).
    file: PathBuf,
    /// The control API of the simulator.
    #[arg(long, default_value = "http://127.0.0.1:7080/admin", env = "SIMULATOR_URL")]
    url: String,
}

#[derive(Args)]
struct Load {
    /// Devices, each of its own account.
    #[arg(long, default_value_t = 500)]
    devices: usize,
    /// People who write to them.
    #[arg(long, default_value_t = 100)]
    people: usize,
    /// Messages in a second, in both directions together.
    #[arg(long, default_value_t = 2000)]
    rate: u32,
    /// How long.
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// Where chance comes from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The percentage of messages that the devices write.
    #[arg(long, default_value_t = 50)]
    answers: u32,
    /// Does everything on one thread: the server, the people and the devices.
    #[arg(long)]
    one_core: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Tls {
    No,
    SelfSigned,
}

fn main() -> anyhow::Result<()> {
    let Arguments { command, serve } = Arguments::parse();
    // Two who write to each other at the same moment begin two sessions; the Signal library is loud about it.
    let usual = match &command {
        Some(Command::Load(_)) => "warn,wacore_libsignal=off",
        _ => "info",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(usual));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    let one_core = matches!(&command, Some(Command::Load(load)) if load.one_core);
    let mut runtime = if one_core {
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    runtime.enable_all().build()?.block_on(async {
        match command {
            Some(Command::Load(plan)) => run_load(plan).await,
            Some(Command::Play(play)) => run_play(play).await,
            None => run(serve).await,
        }
    })
}

async fn run(serve: Serve) -> anyhow::Result<()> {
    let script = serve.scenario.as_ref().map(|path| Script::read(&text_of(path)?));
    let script = script.transpose()?;
    let server = Server::start(Options {
        listen: serve.listen,
        tls: serve.tls == Tls::SelfSigned,
        seed: serve.seed,
        clock: serve.clock.map_or(Clock::System, Clock::at),
        phones_by_name: serve.phones_by_name,
        ..Options::default()
    })
    .await?;
    tracing::info!("clients: {}, control: {}", server.url(), server.control_url());
    if let Some(script) = script {
        let server = server.clone();
        tokio::spawn(async move {
            if let Err(error) = server.plays(script).await {
                tracing::error!("the scenario ended: {error:#}");
            }
        });
    }
    tokio::signal::ctrl_c().await?;
    server.stops().await;
    Ok(())
}

fn text_of(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Hands the file over; slips of the pen are told here, before the other side hears of them.
#[expect(clippy::print_stdout, reason = "who plays is what this command tells")]
async fn run_play(play: Play) -> anyhow::Result<()> {
    let text = text_of(&play.file)?;
    Script::read(&text)?;
    let url = format!("{}/scenario", play.url.trim_end_matches('/'));
    let answer = reqwest::Client::builder()
        .build()?
        .post(&url)
        .body(text)
        .send()
        .await
        .with_context(|| format!("no simulator answers at {url}"))?;
    let is_taken = answer.status().is_success();
    let words = answer.text().await?;
    anyhow::ensure!(is_taken, "the simulator refused the scenario: {words}");
    println!("{words}");
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the report is what this command is for")]
async fn run_load(load: Load) -> anyhow::Result<()> {
    let options = Options {
        seed: Some(load.seed),
        ..Options::default()
    };
    let server = Server::start(options).await?;
    let plan = Plan {
        devices: load.devices,
        people: load.people,
        rate: load.rate,
        seconds: load.seconds,
        seed: load.seed,
        answers: load.answers,
    };
    println!("{}", load::run(&server, &plan).await?);
    server.stops().await;
    Ok(())
}
