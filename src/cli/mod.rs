//! The command line: one file a command, and `report`, the only place that prints.
//!
//! Reads the files that the pure layers ask for, hands their results to the next layer and turns what
//! comes back into text, JSON and exit codes. May depend on every other module; none depends on it.
//! It decides nothing about resources.

mod apply;
mod arguments;
mod bill;
mod completions;
mod cost;
mod destroy;
mod doctor;
mod drift;
mod drill;
mod endpoints;
mod engine_error;
mod error;
mod execution;
mod exit;
mod explain;
mod failover;
mod faults;
mod gate;
mod graph;
mod import;
mod interrupt;
mod loadtest;
mod logs;
mod man;
mod output;
mod phase;
mod plan;
mod plan_file;
mod preflight;
mod refresh_prices;
mod render;
mod report;
mod saved;
mod savings;
mod schema;
mod service;
mod show;
mod site;
mod slo;
mod state;
mod status;
mod target;
mod unlock;
mod validate;
mod version;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::provider::Connection;
use error::Error;
pub use exit::Exit;
use report::Report;
pub use target::{FindTarget, Platform, Targets, Trace, Unsupported};

/// Runs `vvbill` with these arguments (the program's own name first) and answers with its exit code.
///
/// `commit` is what the binary was compiled from, for `--version`.
pub fn run(arguments: impl IntoIterator<Item = OsString>, commit: &str) -> u8 {
    dispatch(arguments, target::built_in, commit)
}

/// The same on other targets than those that vvbill has: tests bring a simulated one.
pub fn run_on(arguments: impl IntoIterator<Item = OsString>, find: FindTarget) -> u8 {
    dispatch(arguments, find, "unknown")
}

fn dispatch(arguments: impl IntoIterator<Item = OsString>, find: FindTarget, commit: &str) -> u8 {
    let words: Vec<OsString> = arguments.into_iter().collect();
    let report = Report::new(arguments::asks_for_no_color(&words));
    let parsed = command()
        .long_version(version::long(commit))
        .try_get_matches_from(&words)
        .and_then(|matches| Arguments::from_arg_matches(&matches));
    let exit = match parsed {
        Err(why) => arguments::explain_usage(&why, &words, &report),
        Ok(Arguments { command: None, .. }) => report
            .data(command().render_long_help().ansi())
            .map_or_else(|why| why.exit, |()| Exit::Done),
        Ok(Arguments {
            global,
            command: Some(command),
        }) => start(&global, command, find, &report).unwrap_or_else(|why| {
            report.failure(&why);
            why.exit
        }),
    };
    exit.into()
}

/// The whole tree of commands, as completions, tests and documentation need it.
pub fn command() -> clap::Command {
    Arguments::command()
}

/// One typed plan for a high-volume billing platform: validate it, plan it, apply it, prove it.
#[derive(Debug, Parser)]
#[command(name = "vvbill", version, after_help = EXAMPLES, max_term_width = 100)]
struct Arguments {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Option<Command>,
}

const EXAMPLES: &str = "\
Examples:
  vvbill validate plans/specification.yaml     every problem of a plan, with its line and its fix
  vvbill plan plans/local.yaml                 what an apply would change
  vvbill apply plans/local.yaml                ask, then do it
  vvbill status plans/local.yaml               what runs, and whether it is well
  vvbill destroy plans/local.yaml              remove it; data stays unless --destroy-data

Every flag can be given by the environment as VVBILL_ and its name: VVBILL_PARALLELISM=4.
Exit codes: 0 done, 1 error, 2 changes are present (--detailed-exitcode), 3 over budget or against
a policy, 4 lock held, 5 drift, 6 a rollout gate is closed, 7 the saved plan is stale, 64 wrong usage,
130 interrupted.";

/// What every command takes.
#[derive(Debug, clap::Args)]
struct Global {
    /// Work in this folder: plans and the state in `.vvbill/` are looked for from there
    #[arg(
        short = 'C',
        long,
        global = true,
        value_name = "DIR",
        env = "VVBILL_CHDIR",
        hide_env_values = true,
        help_heading = "Global options"
    )]
    chdir: Option<PathBuf>,
    /// Print without colour (so do NO_COLOR, CI and a pipe)
    #[arg(
        long,
        global = true,
        env = "VVBILL_NO_COLOR",
        hide_env_values = true,
        help_heading = "Global options"
    )]
    no_color: bool,
    /// Log to standard error what matches, for example `debug` or `vvbill::apply=trace`
    #[arg(
        long,
        global = true,
        value_name = "FILTER",
        env = "VVBILL_LOG",
        hide_env_values = true,
        help_heading = "Global options"
    )]
    log: Option<String>,
    /// Send every call to AWS to this address instead: an emulator, or a proxy
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "VVBILL_ENDPOINT_URL",
        hide_env_values = true,
        help_heading = "AWS options"
    )]
    endpoint_url: Option<String>,
    /// Use this profile of `~/.aws/config`; a `role_arn` in it is assumed
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        env = "VVBILL_PROFILE",
        hide_env_values = true,
        help_heading = "AWS options"
    )]
    profile: Option<String>,
    /// Count a call to AWS as lost after this time: `30s`
    #[arg(
        long,
        global = true,
        value_name = "DURATION",
        env = "VVBILL_REQUEST_TIMEOUT",
        hide_env_values = true,
        default_value = "30s",
        value_parser = arguments::duration,
        help_heading = "AWS options"
    )]
    request_timeout: Duration,
}

impl Global {
    fn connection(&self) -> Connection {
        Connection {
            endpoint_url: self.endpoint_url.clone(),
            profile: self.profile.clone(),
            request_timeout: Some(self.request_timeout),
            force_conflicts: false,
        }
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    Validate(validate::Arguments),
    Schema(schema::Arguments),
    Explain(explain::Arguments),
    Render(render::Arguments),
    Plan(plan::Arguments),
    Show(show::Arguments),
    Apply(apply::Arguments),
    Destroy(destroy::Arguments),
    Status(status::Arguments),
    Drift(drift::Arguments),
    Import(import::Arguments),
    Output(output::Arguments),
    Cost(cost::Arguments),
    Savings(savings::Arguments),
    Phase(phase::Arguments),
    Slo(slo::Arguments),
    Drill(drill::Arguments),
    Failover(failover::Arguments),
    Loadtest(loadtest::Arguments),
    Logs(logs::Arguments),
    Service(service::Arguments),
    Graph(graph::Arguments),
    State(state::Arguments),
    Unlock(unlock::Arguments),
    Doctor(doctor::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
}

/// Does what every command needs first, then runs it.
fn start(global: &Global, command: Command, find: FindTarget, report: &Report) -> Result<Exit, Error> {
    let targets = Targets {
        find,
        connection: global.connection(),
    };
    if let Some(folder) = &global.chdir {
        std::env::set_current_dir(folder).map_err(|why| {
            Error::usage(format!("can't work in the folder `{}`", folder.display()))
                .because(error::plain(&why))
        })?;
    }
    report::log::start(global.log.as_deref(), report)?;
    match command {
        Command::Validate(arguments) => validate::run(&arguments, report),
        Command::Schema(arguments) => schema::run(&arguments, report),
        Command::Explain(arguments) => explain::run(&arguments, report),
        Command::Render(arguments) => render::run(&arguments, report),
        Command::Plan(arguments) => wait(plan::run(arguments, targets, report)),
        Command::Show(arguments) => show::run(&arguments, report),
        Command::Apply(arguments) => wait(apply::run(arguments, targets, report)),
        Command::Destroy(arguments) => wait(destroy::run(arguments, targets, report)),
        Command::Status(arguments) => wait(status::run(arguments, targets, report)),
        Command::Drift(arguments) => wait(drift::run(arguments, targets, report)),
        Command::Import(arguments) => wait(import::run(arguments, targets, report)),
        Command::Output(arguments) => wait(output::run(arguments, targets, report)),
        Command::Cost(arguments) => cost::run(arguments, &targets, report),
        Command::Savings(arguments) => savings::run(&arguments, report),
        Command::Phase(arguments) => wait(phase::run(arguments, targets, report)),
        Command::Slo(arguments) => wait(slo::run(arguments, targets, report)),
        Command::Drill(arguments) => wait(drill::run(arguments, targets, report)),
        Command::Failover(arguments) => wait(failover::run(arguments, targets, report)),
        Command::Loadtest(arguments) => loadtest::run(&arguments, targets, report),
        Command::Logs(arguments) => wait(logs::run(arguments, targets, report)),
        Command::Service(arguments) => service::run(&arguments, targets, report),
        Command::Graph(arguments) => graph::run(&arguments, targets, report),
        Command::State(arguments) => wait(state::run(arguments, targets, report)),
        Command::Unlock(arguments) => wait(unlock::run(arguments, targets, report)),
        Command::Doctor(arguments) => doctor::run(&arguments, targets, report),
        Command::Completions(arguments) => completions::run(&arguments, report),
        Command::Man(arguments) => man::run(&arguments, report),
    }
}

/// Runs a command to its end. What it leaves running (a question that nobody answers) is not waited for.
fn wait<T>(command: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|why| Error::new("can't start worker threads").caused_by(&why))?;
    let result = runtime.block_on(command);
    runtime.shutdown_background();
    result
}
