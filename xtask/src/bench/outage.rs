//! A shard of a whole local platform is away while millions of events pass: what that does to the other shards and to
//! the workers' memory, and how long it takes to catch up. The account of every event is the load test's.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};

use super::{machine, today, write};
use crate::own_folder::OwnFolder;
use crate::{Result, demo, packages, setup};

/// Variables that tell psql where a shard is: no password stands on a command line.
type Shard = Vec<(&'static str, String)>;

#[derive(Args)]
pub(crate) struct Options {
    /// The plan
    #[arg(long, value_name = "FILE", default_value = "plans/local.yaml")]
    plan: String,
    /// How many events pass, as fast as they are taken
    #[arg(long, value_name = "COUNT", default_value_t = 5_000_000)]
    events: u64,
    /// What the events are drawn from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Keeps the result, dated, in docs/evidence/
    #[arg(long)]
    evidence: bool,
}

/// The shard that is killed when so much of a thousand events is sent, and started when all of them are.
const SHARD: usize = 1;
const KILLED_AT_PER_MILLE: u64 = 10;
/// How often the others are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The load test waits so long for the last row.
const PATIENCE: &str = "20m";

pub(crate) fn run(options: &Options) -> Result<()> {
    setup::install(packages::NEEDS)?;
    let folder = OwnFolder::new("bench/outage", &options.plan)?;
    let measured = folder
        .run("apply", &["--auto-approve"])
        .and_then(|()| Outage::under_load(&folder, options));
    let destroyed = folder.destroy();
    let result = measured?;
    destroyed?;
    println!("{result:#}");
    write("outage", &result, options.evidence)?;
    if result["caught_up_after_seconds"].is_null() {
        return Err("the shard was not away and back again while events passed: send more of them".into());
    }
    let is_right = result["lost"] == 0 && result["doubled"] == 0;
    is_right
        .then_some(())
        .ok_or_else(|| "events are lost or doubled: see the account above".to_owned())
}

/// What is seen on the way.
struct Outage<'a> {
    folder: &'a OwnFolder,
    shards: Vec<Shard>,
    workers: Vec<u64>,
    killed: Option<Instant>,
    started: Option<Instant>,
    /// Of the first shard: its records at the last look, when they last grew, and the longest time in which they didn't
    /// while the other one was away.
    others: (u64, Instant, Duration),
    behind_at_most: u64,
    caught_up: Option<Duration>,
    peak_kilobytes: u64,
}

impl<'a> Outage<'a> {
    fn under_load(folder: &'a OwnFolder, options: &Options) -> Result<Value> {
        let outputs = json_of(folder, "output")?;
        let shards = outputs["shards"]["value"].as_array().cloned().unwrap_or_default();
        let mut outage = Self {
            folder,
            shards: shards.iter().map(reached_by).collect::<Result<_>>()?,
            workers: pids(folder, "ingest-worker")?,
            killed: None,
            started: None,
            others: (0, Instant::now(), Duration::ZERO),
            behind_at_most: 0,
            caught_up: None,
            peak_kilobytes: 0,
        };
        let (events, seed) = (options.events.to_string(), options.seed.to_string());
        let arguments = [
            "--json",
            "--events",
            &events,
            "--seed",
            &seed,
            "--patience",
            PATIENCE,
        ];
        let mut load = folder.command("loadtest", &arguments);
        let mut child = load
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot run vvbill loadtest: {error}"))?;
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let account = outage.follow(lines.map_while(std::result::Result::ok), options.events);
        if account.is_err() {
            // It may have ended by itself.
            let _ = child.kill();
        }
        let status = child
            .wait()
            .map_err(|error| format!("vvbill loadtest: {error}"))?;
        let account = account?.ok_or(format!("vvbill loadtest made no account: {status}"))?;
        let seconds = |time: Option<Duration>| time.map(|time| (time.as_secs_f64() * 10.0).round() / 10.0);
        let away = outage.killed.zip(outage.started).map(|(from, to)| to - from);
        Ok(json!({
            "date": today()?,
            "machine": machine(),
            "plan": options.plan,
            "seed": options.seed,
            "sent": account["sent"],
            "rows": account["rows"],
            "lost": account["lost"],
            "doubled": account["doubled"],
            "http_latency_ms": account["http_latency_ms"],
            "shard_away_seconds": seconds(away),
            "records_behind_at_most": outage.behind_at_most,
            "caught_up_after_seconds": seconds(outage.caught_up),
            "other_shard_longest_pause_seconds": seconds(Some(outage.others.2)),
            "worker_peak_mib": outage.peak_kilobytes >> 10,
        }))
    }

    /// Strikes, heals and looks, as the load test goes on; answers with its account.
    fn follow(&mut self, lines: impl Iterator<Item = String>, events: u64) -> Result<Option<Value>> {
        let (mut account, mut looked) = (None, Instant::now());
        for line in lines {
            let event: Value =
                serde_json::from_str(&line).map_err(|error| format!("loadtest wrote `{line}`: {error}"))?;
            if event["type"] == "load_account" {
                account = Some(event["account"].clone());
                continue;
            }
            let sent = event["sent"].as_u64().unwrap_or_default();
            if self.killed.is_none() && sent * 1_000 >= events * KILLED_AT_PER_MILLE {
                let pid = pids(self.folder, &format!("/shard-{SHARD}"))?;
                demo::kill(*pid.first().ok_or("vvbill status names no pid of the shard")?)?;
                self.killed = Some(Instant::now());
                self.others = (0, Instant::now(), Duration::ZERO);
                println!("killed shard {SHARD} when {sent} events were sent");
            }
            if self.killed.is_some() && self.started.is_none() && sent >= events {
                self.look()?;
                self.folder.run("apply", &["--auto-approve"])?;
                self.started = Some(Instant::now());
            }
            if looked.elapsed() >= LOOK_EVERY {
                println!("{}", event["@message"].as_str().unwrap_or_default());
                self.look()?;
                looked = Instant::now();
            }
        }
        self.look()?;
        Ok(account)
    }

    fn look(&mut self) -> Result<()> {
        let peaks = self.workers.iter().filter_map(|pid| peak_kilobytes(*pid)).max();
        self.peak_kilobytes = self.peak_kilobytes.max(peaks.unwrap_or_default());
        let Some(others) = records(&self.shards[0]) else {
            return Err("shard 0 doesn't answer, and only the other one was to be away: see its log".into());
        };
        let Some(started) = self.started else {
            let (before, grew, longest) = self.others;
            if others > before {
                self.others = (others, Instant::now(), longest.max(grew.elapsed()));
            }
            return Ok(());
        };
        let behind = others.saturating_sub(records(&self.shards[SHARD]).unwrap_or_default());
        self.behind_at_most = self.behind_at_most.max(behind);
        if behind == 0 && self.caught_up.is_none() {
            self.caught_up = Some(started.elapsed());
        }
        Ok(())
    }
}

/// A shard of `vvbill output`.
fn reached_by(shard: &Value) -> Result<Shard> {
    let text = |name: &str| shard[name].as_str().unwrap_or_default().to_owned();
    let hosts = shard["hosts"].as_array().cloned().unwrap_or_default();
    let (hosts, ports): (Vec<&str>, Vec<&str>) = hosts
        .iter()
        .filter_map(|host| host.as_str()?.rsplit_once(':'))
        .unzip();
    let mut reached = vec![
        ("PGHOST", hosts.join(",")),
        ("PGPORT", ports.join(",")),
        ("PGDATABASE", text("database")),
        ("PGUSER", text("user")),
        ("PGTARGETSESSIONATTRS", "read-write".to_owned()),
    ];
    if let Some(file) = text("password").strip_prefix("file:") {
        let password = std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
        reached.push(("PGPASSWORD", password.trim_end().to_owned()));
    }
    Ok(reached)
}

/// How many records of Kafka the shard has committed, over all partitions; `None` where it doesn't answer.
fn records(shard: &Shard) -> Option<u64> {
    let sum = "select coalesce(sum(next), 0) from watermarks";
    let mut psql = Command::new("psql");
    psql.args(["--no-psqlrc", "--tuples-only", "--no-align", "--command", sum]);
    psql.envs(shard.iter().map(|(name, value)| (name, value)));
    let output = psql.stderr(Stdio::null()).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

/// The most memory that a process ever held.
fn peak_kilobytes(pid: u64) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    peak.trim().trim_end_matches(" kB").parse().ok()
}

/// Those of the resources whose address contains `part`.
fn pids(folder: &OwnFolder, part: &str) -> Result<Vec<u64>> {
    let status = json_of(folder, "status")?;
    let resources = status["resources"].as_array().cloned().unwrap_or_default();
    let of = |resource: &Value| {
        let address = resource["address"].as_str().unwrap_or_default();
        resource["pid"].as_u64().filter(|_| address.contains(part))
    };
    Ok(resources.iter().filter_map(of).collect())
}

/// What a command says of a platform; `status` of one that is not whole ends with an exit code of its own.
fn json_of(folder: &OwnFolder, verb: &str) -> Result<Value> {
    let line = format!("vvbill {verb} --json");
    let output = folder.command(verb, &["--json"]).output();
    let output = output.map_err(|error| format!("cannot run {line}: {error}"))?;
    serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("{line} ended with {}: {error}", output.status))
}
