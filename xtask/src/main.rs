//! Everything a contributor runs: `cargo xtask setup | demo | rollout | test | lint | bench | fake-aws | service-binary`.
//!
//! Depends on clap and serde_json alone, so that `cargo xtask` is there within seconds of a clone: what
//! needs Kafka, Redis or Postgres is done by the programs it builds and drives. It never changes a tracked
//! file and never skips a check whose tool is missing: it installs the tool or fails.

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod bench;
mod command;
mod demo;
mod fake_aws;
mod go;
mod helm;
mod kube_apiserver;
mod lint;
mod own_folder;
mod packages;
mod python;
mod rollout;
mod service_binary;
mod setup;
mod terraform;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Why a task failed, in words for the person who ran it.
pub(crate) type Result<T> = std::result::Result<T, String>;

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    about,
    version,
    arg_required_else_help = true
)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Installs what building, testing and the local platform need and this machine lacks
    Setup(setup::Options),
    /// Applies plans/local.yaml, sends a million events, kills a worker, accounts for every event, destroys
    Demo(demo::Options),
    /// Runs all six weeks of plans/local-ha.yaml from nothing, each step proven, and writes the report
    Rollout(rollout::Options),
    /// Runs every test: those without servers first, then those with real Kafka, Redis, Postgres, kube-apiserver and moto's AWS
    Test(test::Options),
    /// Measures, prints the figures and writes them to target/bench/
    #[command(subcommand)]
    Bench(bench::Subject),
    /// Runs a command with a fake AWS, which lives as long as the command, in the place of the real one
    FakeAws(fake_aws::Options),
    /// Builds the service as a static binary beside vvbill, as `vvbill service build` packs it
    ServiceBinary(service_binary::Options),
    /// Checks formatting, clippy, rustdoc, dependencies (cargo-deny), spelling (typos), scripts and pipelines
    Lint,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().task {
        Task::Setup(options) => setup::run(&options),
        Task::Demo(options) => demo::run(&options),
        Task::Rollout(options) => rollout::run(&options),
        Task::Test(options) => test::run(&options),
        Task::Bench(subject) => bench::run(&subject),
        Task::FakeAws(options) => fake_aws::run(&options),
        Task::ServiceBinary(options) => service_binary::run(&options),
        Task::Lint => lint::run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("error: {reason}");
            ExitCode::FAILURE
        }
    }
}
