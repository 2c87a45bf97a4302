//! `vvbill loadtest` of a whole local platform, from nothing, by steps: released programs, latency from when a
//! request was due.

use clap::Args;
use serde_json::{Value, json};

use super::{machine, today, write};
use crate::own_folder::OwnFolder;
use crate::{Result, packages, setup};

#[derive(Args)]
pub(crate) struct Options {
    /// The plan
    #[arg(long, value_name = "FILE", default_value = "plans/local.yaml")]
    plan: String,
    /// Events a second, step by step, and how long each is held, as `vvbill loadtest --steps` takes them
    #[arg(long, value_name = "RATES", default_value = "1000,2000,4000,16667,25000:10s")]
    steps: String,
    /// Keeps the result, dated, in docs/evidence/
    #[arg(long)]
    evidence: bool,
}

/// So many events go first: what is compiled at its first use is compiled then.
const WARM_UP: &str = "200000";

pub(crate) fn run(options: &Options) -> Result<()> {
    setup::install(packages::NEEDS)?;
    let folder = OwnFolder::new("bench/load", &options.plan)?;
    let measured = folder
        .run("apply", &["--auto-approve"])
        .and_then(|()| folder.run("loadtest", &["--events", WARM_UP]))
        .and_then(|()| folder.read("loadtest", &["--steps", &options.steps, "--json"]));
    let destroyed = folder.destroy();
    let measured = measured?;
    destroyed?;
    let result = measured
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find(|line| line["type"] == "load_result")
        .ok_or("vvbill loadtest printed no result")?;
    let stages = result["result"]["stages"].as_array().cloned().unwrap_or_default();
    let stages: Vec<Value> = stages.iter().map(stage).collect();
    for stage in &stages {
        println!("{stage}");
    }
    let result = json!({
        "date": today()?,
        "machine": machine(),
        "plan": options.plan,
        "steps": options.steps,
        "stages": stages,
        "generator": result["result"]["generator"],
    });
    write("load", &result, options.evidence)
}

/// What is kept of a stage: rates in events a second, times in ms.
fn stage(stage: &Value) -> Value {
    let percentiles = |of: &str| {
        let of = &stage[of];
        json!({ "p50": of["p50"], "p95": of["p95"], "p99": of["p99"] })
    };
    json!({
        "target_per_second": stage["target_to_per_second"],
        "achieved_per_second": stage["achieved_per_second"],
        "http_ms": percentiles("http_ms"),
        "kafka_ms": percentiles("kafka_ms"),
    })
}
