//! The engine alone: plans and applies a tree of simulated resources, as a process of its own.
//!
//! `engine_simulated plan|apply|destroy --dir DIR --resources N [--seed S] [--parallelism P]` keeps state
//! and world in DIR and prints one line of JSON: `{"verb", "resources", "changes", "seconds"}`.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use vvbill::apply::{self, Event, Interrupt, Session};
use vvbill::plan::{self, Mode};
use vvbill::provider::{Providers, simulated};
use vvbill::state::{FileStore, LockOptions};

#[derive(Parser)]
struct Arguments {
    verb: Verb,
    /// Holds the state and the world.
    #[arg(long)]
    dir: PathBuf,
    /// How many resources the plan has.
    #[arg(long)]
    resources: usize,
    /// Of what the world does at random.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How many verbs run at once.
    #[arg(long, default_value_t = 10)]
    parallelism: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Verb {
    Plan,
    Apply,
    Destroy,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let started = Instant::now();
    let Arguments {
        verb,
        dir,
        resources,
        seed,
        parallelism,
    } = Arguments::parse();
    std::fs::create_dir_all(&dir)?;
    let world = simulated::World::open(&dir.join("world"), seed)?;
    let providers = Providers::new(vec![Arc::new(simulated::provider(world))]);
    let observer = |_: &Event| {};

    let store = Arc::new(FileStore::new(&dir));
    let mut session = Session::open(store, Some(LockOptions::new("simulation")), &observer).await?;
    let observed = apply::observe(&mut session, &providers, parallelism, true, &observer).await?;
    let mode = if verb == Verb::Destroy {
        Mode::Destroy
    } else {
        Mode::Apply
    };
    let input = plan::Input {
        name: "simulated",
        target: "simulated",
        desired: simulated::tree(resources),
        state: session.state(),
        observed,
        facts: &|address| providers.facts(address),
        now: jiff::Timestamp::now(),
    };
    let plan = plan::make(
        input,
        &plan::Options {
            mode,
            ..Default::default()
        },
    )?;
    if verb != Verb::Plan {
        let options = apply::Options {
            parallelism,
            ..Default::default()
        };
        let outcome = apply::apply(
            &mut session,
            &providers,
            &plan,
            &options,
            &observer,
            &Interrupt::new(),
        )
        .await?;
        if let Some(failure) = outcome.failed.first() {
            return Err(format!("{}: {}", failure.address, failure.message).into());
        }
    }
    session.close().await?;
    println!(
        "{}",
        serde_json::json!({
            "verb": if verb == Verb::Plan { "plan" } else if verb == Verb::Apply { "apply" } else { "destroy" },
            "resources": resources,
            "changes": plan.changes().count(),
            "seconds": started.elapsed().as_secs_f64(),
        })
    );
    Ok(())
}
