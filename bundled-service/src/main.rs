//! Arguments → the library → exit code: 0 done, 1 failed or different, 2 wrong usage.

use clap::Parser;
use std::{io::IsTerminal, process::ExitCode};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use vvbill_ingest::{
    api,
    config::{Cli, Command},
    cut_over, reconcile,
    service::{self, ServiceError},
};

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    start_log(cli.log_json);
    match execute(cli.command).await {
        Ok(code) => code,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn execute(command: Command) -> Result<ExitCode, ServiceError> {
    match command {
        Command::Run(run) => {
            let stop = CancellationToken::new();
            stop_on_signals(&stop)?;
            service::run(*run, stop).await?;
        }
        Command::Migrate(settings) => service::migrate(&settings).await?,
        Command::Reconcile(settings) => {
            let report = reconcile::run(&settings).await?;
            if settings.json {
                let text = serde_json::to_string_pretty(&report);
                print(&text.map_err(|error| ServiceError::Other(error.to_string()))?);
            } else {
                print(&report.to_string());
            }
            return Ok(if report.is_equal() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            });
        }
        Command::CutOver(settings) => {
            let report = cut_over::run(&settings).await?;
            if settings.json {
                let text = serde_json::to_string_pretty(&report);
                print(&text.map_err(|error| ServiceError::Other(error.to_string()))?);
            } else {
                print(report.to_string().trim_end());
            }
        }
        Command::Key(command) => print(&api::keys::run(&command)?),
    }
    Ok(ExitCode::SUCCESS)
}

/// What was asked for goes to standard output, everything else to standard error.
#[allow(clippy::print_stdout)]
fn print(answer: &str) {
    println!("{answer}");
}

fn start_log(json: bool) {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    if json { log.json().init() } else { log.init() }
}

/// SIGTERM and SIGINT stop gracefully.
fn stop_on_signals(stop: &CancellationToken) -> Result<(), ServiceError> {
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        let stop = stop.clone();
        let mut signals = signal(kind).map_err(|error| ServiceError::Other(error.to_string()))?;
        tokio::spawn(async move {
            if signals.recv().await.is_some() {
                tracing::info!("stopping");
                stop.cancel();
            }
        });
    }
    Ok(())
}
