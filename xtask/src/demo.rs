//! `cargo xtask demo`: from a clone to a running platform, a million real events, a killed worker, and the
//! account of every event.

mod platform;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};

use crate::{Result, command, packages, setup};
use platform::Platform;

#[derive(Args)]
pub(crate) struct Options {
    /// Leaves the platform running at the end
    #[arg(long)]
    keep: bool,
    /// How many events, good and bad and repeated
    #[arg(long, value_name = "COUNT", default_value_t = 1_000_000)]
    events: u64,
    /// What the events are drawn from
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

const SPECIFICATION: &str = "plans/specification.yaml";
/// A worker is killed when so much of a hundred events is sent.
const KILLED_AT_PERCENT: u64 = 40;
/// So often progress is told.
const TOLD_EVERY: Duration = Duration::from_secs(5);

pub(crate) fn run(options: &Options) -> Result<()> {
    let started = Instant::now();
    setup::install(packages::NEEDS)?;
    let platform = Platform::new(build()?);
    setup::fetch_kafka(&platform.vvbill())?;
    platform.refuse_existing()?;
    validate_specification(&platform)?;
    let account = platform.apply().and_then(|()| exercise(&platform, options));
    let account = match account {
        Ok(account) => account,
        Err(reason) => return Err(give_up(&platform, options, &reason)),
    };
    if options.keep {
        println!("the platform runs on: {}", platform.hints());
    } else {
        platform.destroy()?;
    }
    conclude(account, started.elapsed())
}

/// Both programs in release mode; answers with their folder.
pub(crate) fn build() -> Result<std::path::PathBuf> {
    let arguments = [
        "build",
        "--release",
        "--no-default-features",
        "--package",
        "vvbill",
        "--package",
        "vvbill-ingest",
    ];
    command::run(command::cargo(&arguments).arg("--bins"))?;
    Ok(command::target()?.join("release"))
}

/// The specification as written can't run as it is; the demo shows why, and goes on with a plan that can.
fn validate_specification(platform: &Platform) -> Result<()> {
    println!("\nthe specification as written, and what has to change in it before it can run:");
    let status = platform.command(&["validate", SPECIFICATION]).status();
    match status
        .map_err(|error| format!("cannot run vvbill validate: {error}"))?
        .code()
    {
        Some(1) => println!("(exit 1, as expected: the findings above are the specification's own)\n"),
        other => {
            return Err(format!(
                "vvbill validate {SPECIFICATION} ended with {other:?}, 1 was expected"
            ));
        }
    }
    Ok(())
}

/// Sends the events, kills a worker on the way, reconciles; answers with the account.
fn exercise(platform: &Platform, options: &Options) -> Result<Value> {
    let (mut account, text) = send(platform, options)?;
    let (agrees, reconciliation) = platform.reconcile()?;
    let verdict = if agrees {
        "it agrees with every shard"
    } else {
        "IT DIFFERS from the shards"
    };
    // The account's last line is the verdict; it comes last here, too.
    println!(
        "\n{}",
        text.lines()
            .filter(|line| !line.starts_with("lost "))
            .collect::<Vec<_>>()
            .join("\n")
    );
    println!(
        "{:<19}{:>22}   Kafka read again, all of it: {verdict}",
        "reconcile", ""
    );
    account["reconciles"] = json!(agrees);
    account["reconciliation"] = reconciliation["summary"].clone();
    Ok(account)
}

/// Runs the load test; answers with its account as data and as text.
fn send(platform: &Platform, options: &Options) -> Result<(Value, String)> {
    let (events, seed) = (options.events.to_string(), options.seed.to_string());
    let mut load = platform.command(&["loadtest", platform::PLAN, "--json", "--mix", "varied"]);
    load.args(["--events", &events, "--seed", &seed])
        .stdout(Stdio::piped());
    let mut child = load
        .spawn()
        .map_err(|error| format!("cannot run vvbill loadtest: {error}"))?;
    let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let followed = follow(lines.map_while(std::result::Result::ok), platform, options.events);
    if followed.is_err() {
        // It may have ended by itself.
        let _ = child.kill();
    }
    let status = child
        .wait()
        .map_err(|error| format!("vvbill loadtest: {error}"))?;
    let (account, killed) = followed?;
    let (mut account, text) = account.ok_or(format!("vvbill loadtest made no account: {status}"))?;
    account["killed"] =
        json!(killed.ok_or("all was sent before a worker could be killed: send more events")?);
    account["clean"] = json!(status.success());
    Ok((account, text))
}

/// Data and text.
type Account = (Value, String);

/// Tells progress and kills a worker on the way; answers with the account and who was killed.
fn follow(
    lines: impl Iterator<Item = String>,
    platform: &Platform,
    events: u64,
) -> Result<(Option<Account>, Option<String>)> {
    let (mut account, mut killed, mut told) = (None, None, Instant::now());
    for line in lines {
        let event: Value =
            serde_json::from_str(&line).map_err(|error| format!("loadtest wrote `{line}`: {error}"))?;
        let message = event["@message"].as_str().unwrap_or_default();
        if event["type"] == "load_account" {
            account = Some((event["account"].clone(), message.to_owned()));
            continue;
        }
        if told.elapsed() >= TOLD_EVERY {
            println!("{message}");
            told = Instant::now();
        }
        let sent = event["sent"].as_u64().unwrap_or_default();
        if killed.is_none() && sent * 100 >= events * KILLED_AT_PERCENT {
            killed = Some(platform.kill_worker()?);
        }
    }
    Ok((account, killed))
}

/// Leaves nothing behind but the logs.
fn give_up(platform: &Platform, options: &Options, reason: &str) -> String {
    let logs = match platform.keep_logs() {
        Ok(folder) => format!("the logs are in {}", folder.display()),
        Err(error) => format!("the logs could not be kept: {error}"),
    };
    if options.keep {
        return format!("{reason}\n{logs}; what stands: {}", platform.hints());
    }
    match platform.destroy() {
        Ok(()) => format!("{reason}\n{logs}; the platform is destroyed"),
        Err(error) => format!("{reason}\n{logs}; and destroying failed: {error}"),
    }
}

/// Writes `target/demo.json` and fails when anything is not as it must be.
fn conclude(mut account: Value, elapsed: Duration) -> Result<()> {
    account["seconds"] = json!((elapsed.as_secs_f64() * 10.0).round() / 10.0);
    let file = command::target()?.join("demo.json");
    write(&file, &account)?;
    let figure = |name: &str| account[name].as_u64();
    println!(
        "{:.0} s; the account as data: {}",
        elapsed.as_secs_f64(),
        file.display()
    );
    println!(
        "lost {}, doubled {}",
        figure("lost").map_or("unknown".to_owned(), |lost| lost.to_string()),
        figure("doubled").map_or("unknown".to_owned(), |doubled| doubled.to_string())
    );
    let nothing = figure("lost") == Some(0) && figure("doubled") == Some(0);
    let right = nothing && account["clean"] == true && account["reconciles"] == true;
    if right {
        Ok(())
    } else {
        Err("the account is not what the generator says; see above".to_owned())
    }
}

fn write(file: &Path, value: &Value) -> Result<()> {
    let text = format!("{value:#}\n");
    std::fs::write(file, text).map_err(|error| format!("cannot write {}: {error}", file.display()))
}

/// Ends the process `pid` as a crash would.
pub(crate) fn kill(pid: u64) -> Result<()> {
    let status = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
    match status.map_err(|error| format!("cannot run kill: {error}"))? {
        status if status.success() => Ok(()),
        status => Err(format!("kill -KILL {pid}: {status}")),
    }
}
