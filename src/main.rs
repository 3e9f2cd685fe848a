//! The binary: reads arguments and settings, starts the log, does what it was asked.
#![expect(
    clippy::print_stdout,
    reason = "answers to the person at the terminal go to standard output"
)]

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use wharf::{App, Config, check, registration, telemetry};

/// WhatsApp docks at Matrix.
#[derive(Parser, Debug)]
#[command(version, about)]
struct Arguments {
    /// The settings.
    #[arg(long, short, env = "WHARF_CONFIG", default_value = "config.toml", global = true)]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Runs the bridge until it is told to stop.
    Run,
    /// Writes the registration files for the homeserver, with new random tokens.
    Registration {
        /// The file for the bridge itself.
        #[arg(long, short, default_value = "registration.yaml")]
        output: PathBuf,
        /// The file that lets the bridge speak as real users (double puppeting).
        #[arg(long, default_value = "registration-doublepuppet.yaml")]
        double_puppet: PathBuf,
        /// Where the homeserver reaches us; default: the address we listen on.
        #[arg(long)]
        url: Option<String>,
        /// Replaces files that are there.
        #[arg(long)]
        force: bool,
    },
    /// Brings the database to the newest schema.
    Migrate {
        /// Only says what would be done.
        #[arg(long)]
        status: bool,
    },
    /// Tests settings, database and homeserver, and says in plain words what is wrong.
    Check,
}

/// Exit code for settings that cannot work.
const BAD_CONFIG: u8 = 2;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let config = match Config::read(&arguments.config) {
        Ok(config) => config,
        Err(wrong) => {
            eprintln!("{wrong}");
            return ExitCode::from(BAD_CONFIG);
        }
    };
    wharf::prepare_process();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("the runtime cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(perform(arguments.command, config)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn perform(command: Command, config: Config) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run => run(config).await,
        Command::Registration {
            output,
            double_puppet,
            url,
            force,
        } => {
            let files = registration::Files {
                output,
                double_puppet,
                force,
            };
            print!("{}", registration::write(&config, url, &files)?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Migrate { status } => {
            print!("{}", check::migrate(&config, status).await?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Check => {
            let report = check::everything(&config).await;
            print!("{report}");
            Ok(if report.is_good() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            })
        }
    }
}

async fn run(config: Config) -> anyhow::Result<ExitCode> {
    telemetry::start_log(&config.log)?;
    let mut app = App::start(config).await?;
    let failed = tokio::select! {
        () = told_to_stop() => None,
        error = app.failed() => Some(error),
    };
    app.stop().await;
    match failed {
        None => Ok(ExitCode::SUCCESS),
        Some(error) => Err(error),
    }
}

/// Returns at SIGINT or SIGTERM.
async fn told_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let wait = |kind| async move {
        match signal(kind) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(error) => {
                tracing::error!(%error, "a signal cannot be waited for");
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        () = wait(SignalKind::interrupt()) => {}
        () = wait(SignalKind::terminate()) => {}
    }
}
