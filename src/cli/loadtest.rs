//! `vvbill loadtest`: sends a seeded workload to a platform that stands, and accounts for every event of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use jiff::Timestamp;
use serde_json::json;

use super::arguments::{PlanFile, duration};
use super::error::Error;
use super::plan_file::{self, Findings};
use super::report::{self, Report};
use super::target::Targets;
use super::{Exit, endpoints, wait};
use crate::endpoints::Endpoints;
use crate::load::{self, LoadError, Mix, Options, Outcome, Popularity, Progress, Stage, Workload};
use crate::spec::Spec;

/// Send a seeded workload to the running platform and account for every event
///
/// Events go in over HTTP and Kafka. When all of them are durable, the rows of every shard are compared with
/// what was sent. Exits 1 when an event is lost, doubled or elsewhere than it should be.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vvbill loadtest plans/local.yaml                           100,000 events, as fast as they are taken
  vvbill loadtest plans/local.yaml --mix varied --seed 7     repeats, bad and late events among them
  vvbill loadtest plans/local.yaml --rate 5000 --zipf 1.1    an open loop: 5,000 events a second, come what may")]
pub(crate) struct Arguments {
    #[command(flatten)]
    file: PlanFile,
    /// How many events, good and bad and repeated
    #[arg(
        long,
        value_name = "COUNT",
        env = "VVBILL_EVENTS",
        hide_env_values = true,
        default_value_t = 100_000
    )]
    events: u64,
    /// What everything random is drawn from; a run with the same seed sends the same kinds of events
    #[arg(long, env = "VVBILL_SEED", hide_env_values = true, default_value_t = 1)]
    seed: u64,
    /// What the events are like: usage alone, or some of everything that can arrive
    #[arg(long, env = "VVBILL_MIX", hide_env_values = true, value_enum, default_value_t = Kind::Plain)]
    mix: Kind,
    /// How many accounts are charged
    #[arg(
        long,
        value_name = "COUNT",
        env = "VVBILL_ACCOUNTS",
        hide_env_values = true,
        default_value_t = 10_000
    )]
    accounts: u32,
    /// Charge few accounts most of it: the power that shares fall with; without it all are alike
    #[arg(long, value_name = "POWER", env = "VVBILL_ZIPF", hide_env_values = true)]
    zipf: Option<f64>,
    /// How many metrics are measured
    #[arg(
        long,
        value_name = "COUNT",
        env = "VVBILL_METRICS",
        hide_env_values = true,
        default_value_t = 20
    )]
    metrics: u16,
    /// Of a thousand events, how many go straight into Kafka; the others go over HTTP
    #[arg(
        long, value_name = "PER MILLE", env = "VVBILL_KAFKA_SHARE", hide_env_values = true, default_value_t = 500,
        value_parser = clap::value_parser!(u16).range(..=1000)
    )]
    kafka_share: u16,
    /// Events a second, whatever the platform does; without it, as fast as they are taken
    #[arg(long, value_name = "EVENTS", env = "VVBILL_RATE", hide_env_values = true)]
    rate: Option<u32>,
    /// HTTP connections that send at once
    #[arg(
        long,
        value_name = "COUNT",
        env = "VVBILL_CONNECTIONS",
        hide_env_values = true,
        default_value_t = 4
    )]
    connections: usize,
    /// Events that one HTTP request carries at most
    #[arg(
        long,
        value_name = "EVENTS",
        env = "VVBILL_BATCH",
        hide_env_values = true,
        default_value_t = 1_000
    )]
    batch: u64,
    /// How long to go on when nothing is taken or nothing more becomes durable: `30s`, `2m`
    #[arg(
        long, value_name = "DURATION", env = "VVBILL_PATIENCE", hide_env_values = true,
        default_value = "60s", value_parser = duration
    )]
    patience: Duration,
    /// One JSON object a line: progress, then the account
    #[arg(long, env = "VVBILL_JSON", hide_env_values = true)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    Plain,
    Varied,
}

/// How often progress is told.
const TOLD_EVERY: Duration = Duration::from_secs(1);
/// To a person less often.
const TOLD_PERSON_EVERY: u32 = 5;

pub(crate) fn run(arguments: &Arguments, targets: Targets, report: &Report) -> Result<Exit, Error> {
    let spec = plan_file::load(&arguments.file, Findings::PassOver, report)?.spec;
    let endpoints = endpoints::of(&arguments.file, targets, report)?;
    let outcome = wait(send(arguments, &endpoints, report))?;
    let text = report::load::render(&outcome);
    if arguments.json {
        let body = json!({ "account": outcome, "plan": tested(&spec) });
        report.line_of_json(&line(&text, "load_account", body));
    } else {
        report.data(text)?;
    }
    conclude(&outcome)
}

async fn send(arguments: &Arguments, endpoints: &Endpoints, report: &Report) -> Result<Outcome, Error> {
    let progress = Arc::new(Progress::default());
    let telling = tokio::spawn(tell(
        progress.clone(),
        arguments.events,
        arguments.json,
        report.clone(),
    ));
    let outcome = load::run(endpoints, &options(arguments), &progress).await;
    telling.abort();
    outcome.map_err(|why| failed(&why))
}

fn options(arguments: &Arguments) -> Options {
    let mix = match arguments.mix {
        Kind::Plain => Mix::PLAIN,
        Kind::Varied => Mix::VARIED,
    };
    let workload = Workload {
        seed: arguments.seed,
        count: arguments.events,
        start_ms: Timestamp::now().as_millisecond(),
        accounts: arguments.accounts,
        popularity: arguments.zipf.map_or(Popularity::Uniform, Popularity::Zipf),
        metrics: arguments.metrics,
        kafka_per_mille: arguments.kafka_share,
        mix,
    };
    Options {
        workload,
        connections: arguments.connections,
        batch: arguments.batch,
        per_second: arguments.rate,
        patience: arguments.patience,
    }
}

/// Tells how far a run is until it is aborted.
async fn tell(progress: Arc<Progress>, count: u64, json: bool, report: Report) {
    let mut ticks = 0;
    loop {
        tokio::time::sleep(TOLD_EVERY).await;
        ticks += 1;
        let (sent, stage) = (progress.sent(), progress.stage());
        let text = match stage {
            Stage::Sending => {
                format!(
                    "sent {} of {}",
                    report::load::grouped(sent),
                    report::load::grouped(count)
                )
            }
            Stage::Settling => "all is sent; waiting until all is durable".to_owned(),
            Stage::Auditing | Stage::Done => {
                "all is durable; comparing every row with what was sent".to_owned()
            }
        };
        if json {
            let stage = format!("{stage:?}").to_lowercase();
            let body = json!({ "stage": stage, "sent": sent, "count": count });
            report.line_of_json(&line(&text, "load_progress", body));
        } else if ticks % TOLD_PERSON_EVERY == 0 {
            report.say(text);
        }
    }
}

/// What was tested: figures of a run say nothing without it.
fn tested(spec: &Spec) -> serde_json::Value {
    let groups = spec.eks.iter().flat_map(|eks| &eks.node_groups);
    let nodes: BTreeMap<&String, u32> = groups.map(|(name, group)| (name, group.desired)).collect();
    let ingest = spec.ingest.as_ref();
    json!({
        "name": spec.metadata.name,
        "target": spec.target,
        "api_replicas": ingest.map(|ingest| ingest.api_replicas),
        "worker_replicas": ingest.map(|ingest| ingest.worker_replicas),
        "nodes": nodes,
    })
}

/// One NDJSON line in Terraform's envelope.
fn line(message: &str, kind: &str, body: serde_json::Value) -> serde_json::Value {
    let mut line = json!({
        "@level": "info",
        "@message": message,
        "@module": "vvbill.load",
        "@timestamp": Timestamp::now().to_string(),
        "type": kind,
    });
    if let (Some(line), serde_json::Value::Object(body)) = (line.as_object_mut(), body) {
        line.extend(body);
    }
    line
}

fn conclude(outcome: &Outcome) -> Result<Exit, Error> {
    let faults = outcome.faults();
    if faults.is_empty() {
        return Ok(Exit::Done);
    }
    let error = Error::new("the platform does not hold what was sent");
    Err(faults.into_iter().fold(error, Error::because))
}

fn failed(why: &LoadError) -> Error {
    let error = Error::new("the load test did not come to its end").caused_by(why);
    match why {
        LoadError::Missing { .. } | LoadError::Secret { .. } => error,
        _ => error.hint("`vvbill status PLAN` says what runs, `vvbill logs PLAN` why something doesn't"),
    }
}
