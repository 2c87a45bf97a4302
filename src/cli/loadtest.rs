//! `vvbill loadtest`: sends a seeded workload to a platform that stands, and accounts for every event of it.

mod find_max;
mod profile;
mod progress;
mod thresholds;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{ArgAction, ValueEnum};
use jiff::Timestamp;
use serde_json::json;

use super::arguments::{PlanFile, duration};
use super::error::Error;
use super::report::load::{Results, html, measured};
use super::report::{self, Report};
use super::target::Targets;
use super::{Exit, endpoints, wait};
use crate::endpoints::Endpoints;
use crate::load::open::threshold::Judged;
use crate::load::open::{Profile, Threshold};
use crate::load::{self, LoadError, Mix, Options, Popularity, Progress, Workload};
use crate::spec::Spec;
use crate::templates::TemplateError;
pub(super) use profile::rate;
use progress::{Telling, line, tell};

/// Send a seeded workload to the running platform and account for every event
///
/// Events go in over HTTP and Kafka. When all of them are durable, the rows of every shard are compared with
/// what was sent. Exits 1 when an event is lost, doubled or elsewhere than it should be, or a threshold is
/// missed.
///
/// With `--rate`, `--ramp` or `--steps` the clock says when each request is sent, whatever the platform does
/// (an open loop), and latency counts from that moment: a platform that stalls doesn't hide the wait of what
/// queues up behind. Where the generator itself can't keep up, the run says so: it is then no measure of the
/// platform.
///
/// `--json` ends in a line of type `load_result`. Its `result` has: `seed`, `open_loop`, `stages` (each with
/// `target_from_per_second`, `target_to_per_second`, `seconds`, `sent`, `accepted`, `rejected`, `errors` by kind,
/// `error_share`, `achieved_per_second`, and `http_ms` and `kafka_ms` with `count`, `p50`, `p90`, `p95`, `p99`,
/// `p99.9`, `max`), the same as `total`, `distribution`, `intervals`, `generator`, `machine`, `thresholds`,
/// `durable_after_seconds`, and `account`, with `lost` and `doubled`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vvbill loadtest plans/local.yaml                           100,000 events, as fast as they are taken
  vvbill loadtest plans/local.yaml --mix varied --seed 7     repeats, bad and late events among them
  vvbill loadtest plans/local.yaml --rate 5000 --zipf 1.1    an open loop: 5,000 events a second, come what may
  vvbill loadtest plans/local.yaml --rate 1M/min --duration 2m --assert 'p95<100ms' --assert 'errors<0.1%'
  vvbill loadtest plans/local.yaml --ramp 0..20000:1m --duration 1m --html load.html
  vvbill loadtest plans/local.yaml --steps 5000,10000,20000:30s --json
  vvbill loadtest plans/local.yaml --find-max --trial 20s    the highest rate at which the plan's promises hold")]
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
    /// HTTP connections that send at once: 4; in an open loop so many at most, opened as they are needed: 64
    #[arg(
        long,
        value_name = "COUNT",
        env = "VVBILL_CONNECTIONS",
        hide_env_values = true
    )]
    connections: Option<usize>,
    /// Events that one HTTP request carries at most: 1,000; in an open loop what is due in 10 ms, up to that
    #[arg(long, value_name = "EVENTS", env = "VVBILL_BATCH", hide_env_values = true)]
    batch: Option<u64>,
    /// How long to go on when nothing is taken or nothing more becomes durable: `30s`, `2m`
    #[arg(
        long, value_name = "DURATION", env = "VVBILL_PATIENCE", hide_env_values = true,
        default_value = "60s", value_parser = duration
    )]
    patience: Duration,
    #[command(flatten)]
    shape: profile::Shape,
    #[command(flatten)]
    search: find_max::Search,
    /// End in 1 where this doesn't hold: `p95<100ms`, `errors<0.1%`, `rate>=1M/min` (repeatable)
    ///
    /// Figures are p50, p90, p95, p99, p99.9 and max (of the slower channel), errors (the share of tries that
    /// failed) and rate (events accepted a second).
    #[arg(
        long, value_name = "THRESHOLD", env = "VVBILL_ASSERT", hide_env_values = true, value_delimiter = ',',
        action = ArgAction::Append, value_parser = thresholds::threshold
    )]
    assert: Vec<Threshold>,
    /// How often progress is told and measured
    #[arg(
        long, value_name = "DURATION", env = "VVBILL_INTERVAL", hide_env_values = true, default_value = "1s",
        value_parser = some_time
    )]
    interval: Duration,
    /// Write the result as a page with plots to this file
    #[arg(long, value_name = "FILE", env = "VVBILL_HTML", hide_env_values = true)]
    html: Option<PathBuf>,
    /// One JSON object a line: progress, then the account, then the result
    #[arg(long, env = "VVBILL_JSON", hide_env_values = true)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    Plain,
    Varied,
}

/// Connections that send at once as fast as events are taken, and at most by the clock.
const CONNECTIONS: usize = 4;
const CONNECTIONS_OPEN: usize = 64;
/// Events of a request, and how many requests a second a schedule makes of a rate.
const BATCH: u64 = 1_000;
const REQUESTS_PER_SECOND: f64 = 100.0;

pub(crate) fn run(arguments: &Arguments, targets: Targets, report: &Report) -> Result<Exit, Error> {
    let (endpoints, spec) = endpoints::and_plan(&arguments.file, targets, report)?;
    if arguments.search.find_max {
        let promised = || thresholds::promised(&spec.success_metrics);
        let thresholds = match arguments.assert.as_slice() {
            [] => promised().ok_or_else(|| {
                Error::usage("the plan promises no latency that a rate could be held to")
                    .hint("set `success_metrics.p95_latency`, or give `--assert p95<100ms`")
            })?,
            given => given.to_vec(),
        };
        return wait(find_max::run(arguments, &endpoints, &thresholds, report));
    }
    wait(once(arguments, &endpoints, &spec, report))
}

async fn once(
    arguments: &Arguments,
    endpoints: &Endpoints,
    spec: &Spec,
    report: &Report,
) -> Result<Exit, Error> {
    let profile = arguments.shape.profile(arguments.events);
    if arguments.shape.duration.is_some() && profile.is_none() {
        return Err(
            Error::usage("`--duration` needs a rate").hint("give `--rate 5000`, or `--ramp 0..5000:1m`")
        );
    }
    let options = options(arguments, profile);
    let progress = Arc::new(Progress::default());
    let telling = Telling {
        count: options.workload.count,
        interval: arguments.interval,
        json: arguments.json,
    };
    let teller = tell(endpoints, &progress, telling, report);
    let outcome = load::run(endpoints, &options, &progress).await;
    drop(teller);
    let outcome = outcome.map_err(|why| failed(&why))?;
    let measured = progress.meter.measured(is_shared(endpoints));
    let judged = arguments.assert.iter();
    let results = Results {
        plan: arguments.file.plan.display().to_string(),
        thresholds: judged.map(|threshold| threshold.judge(&measured.total)).collect(),
        measured,
        account: outcome,
    };
    print(arguments, &results, spec, report)?;
    conclude(&results)
}

fn print(arguments: &Arguments, results: &Results, spec: &Spec, report: &Report) -> Result<(), Error> {
    let account = report::load::render(&results.account);
    let figures = measured::render(results);
    if arguments.json {
        let body = json!({ "account": results.account, "plan": tested(spec) });
        report.line_of_json(&line(&account, "load_account", body));
        report.line_of_json(&line(
            &figures,
            "load_result",
            json!({ "result": results.json() }),
        ));
    } else {
        if results.measured.open_loop || !results.thresholds.is_empty() {
            report.data(format_args!("{figures}\n"))?;
        }
        report.data(account)?;
    }
    match &arguments.html {
        Some(path) => write_page(path, html::run(results)),
        None => Ok(()),
    }
}

fn write_page(path: &Path, page: Result<String, TemplateError>) -> Result<(), Error> {
    let page = page.map_err(|why| Error::new("can't make the page").caused_by(&why))?;
    std::fs::write(path, page).map_err(|why| Error::writing("page", path, &why))
}

fn options(arguments: &Arguments, profile: Option<Profile>) -> Options {
    let mix = match arguments.mix {
        Kind::Plain => Mix::PLAIN,
        Kind::Varied => Mix::VARIED,
    };
    let workload = Workload {
        seed: arguments.seed,
        count: profile.as_ref().map_or(arguments.events, Profile::count),
        start_ms: Timestamp::now().as_millisecond(),
        accounts: arguments.accounts,
        popularity: arguments.zipf.map_or(Popularity::Uniform, Popularity::Zipf),
        metrics: arguments.metrics,
        kafka_per_mille: arguments.kafka_share,
        mix,
    };
    let (connections, batch) = match &profile {
        None => (CONNECTIONS, BATCH),
        Some(profile) => {
            let due = (profile.peak() / REQUESTS_PER_SECOND).ceil() as u64;
            (CONNECTIONS_OPEN, due.clamp(1, BATCH))
        }
    };
    Options {
        workload,
        connections: arguments.connections.unwrap_or(connections),
        batch: arguments.batch.unwrap_or(batch),
        profile,
        give_up_after: None,
        patience: arguments.patience,
    }
}

/// Whether the API is on this machine, so that both share its cores.
fn is_shared(endpoints: &Endpoints) -> bool {
    let here = ["://127.", "://localhost", "://[::1]"];
    endpoints
        .api
        .iter()
        .any(|url| here.iter().any(|host| url.contains(host)))
}

fn some_time(text: &str) -> Result<Duration, String> {
    let least = Duration::from_millis(100);
    match duration(text)? {
        time if time < least => Err("an interval is 100ms or longer".to_owned()),
        time => Ok(time),
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

fn conclude(results: &Results) -> Result<Exit, Error> {
    let faults = results.account.faults();
    if !faults.is_empty() {
        let error = Error::new("the platform does not hold what was sent");
        return Err(faults.into_iter().fold(error, Error::because));
    }
    let generator = &results.measured.generator;
    let missed: Vec<&Judged> = results
        .thresholds
        .iter()
        .filter(|judged| !judged.is_met)
        .collect();
    if generator.is_bottleneck && !results.thresholds.is_empty() {
        return Err(
            Error::new("the generator was the bottleneck: the run says nothing of the platform")
                .because(generator.why.clone()),
        );
    }
    if missed.is_empty() {
        return Ok(Exit::Done);
    }
    let error = Error::new("the run missed what it was held to");
    Err(missed
        .into_iter()
        .fold(error, |error, judged| error.because(judged.told())))
}

fn failed(why: &LoadError) -> Error {
    let error = Error::new("the load test did not come to its end").caused_by(why);
    match why {
        LoadError::Missing { .. } | LoadError::Secret { .. } => error,
        _ => error.hint("`vvbill status PLAN` says what runs, `vvbill logs PLAN` why something doesn't"),
    }
}
