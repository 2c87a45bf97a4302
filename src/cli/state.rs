//! `vvbill state`: looks into the state and changes it by hand, each change after a backup.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::Value;

use super::Exit;
use super::arguments::{Locking, PlanFile};
use super::error::Error;
use super::interrupt::Interrupts;
use super::plan_file::{self, Findings};
use super::report::run::Narrator;
use super::report::{Report, record, redact};
use super::site::Site;
use super::target::Targets;
use crate::apply::{self, SessionError};
use crate::resource::Address;
use crate::state::{Record, State};

/// Look into the state, or change it by hand
///
/// `rm`, `mv` and `push` change what vvbill knows, never what exists. Each writes a backup first and
/// says where it is.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vvbill state list plans/local.yaml
  vvbill state show plans/local.yaml local/global/kafka_broker/kafka-1
  vvbill state pull plans/local.yaml > backup.json")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    List(List),
    Show(Show),
    Rm(Remove),
    Mv(Move),
    Pull(Pull),
    Push(Push),
}

/// List the addresses that the state holds
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vvbill state list plans/local.yaml
  vvbill state list plans/local.yaml local/global/kafka_broker    those that start like this")]
struct List {
    #[command(flatten)]
    file: PlanFile,
    /// Only addresses that start like this
    #[arg(value_name = "PREFIX")]
    prefix: Option<String>,
}

/// Show what the state holds of one resource
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vvbill state show plans/local.yaml local/global/kafka_broker/kafka-1
  vvbill state show plans/local.yaml local/global/kafka_broker/kafka-1 --json | jq .outputs")]
struct Show {
    #[command(flatten)]
    file: PlanFile,
    /// Which resource
    #[arg(value_name = "ADDRESS")]
    address: Address,
    /// Print it as JSON
    #[arg(long, env = "VVBILL_JSON", hide_env_values = true)]
    json: bool,
}

/// Forget resources; they go on existing
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vvbill state rm plans/local.yaml local/global/prometheus_server/prometheus")]
struct Remove {
    #[command(flatten)]
    file: PlanFile,
    /// Which resources
    #[arg(value_name = "ADDRESS", required = true)]
    addresses: Vec<Address>,
    #[command(flatten)]
    locking: Locking,
}

/// Give a resource another address, of the same provider and kind
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vvbill state mv plans/local.yaml local/global/kafka_topic/events local/global/kafka_topic/billing-events")]
struct Move {
    #[command(flatten)]
    file: PlanFile,
    /// Its address now
    #[arg(value_name = "FROM")]
    from: Address,
    /// Its new address
    #[arg(value_name = "TO")]
    to: Address,
    #[command(flatten)]
    locking: Locking,
}

/// Print the whole state as JSON
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vvbill state pull plans/local.yaml > backup.json")]
struct Pull {
    #[command(flatten)]
    file: PlanFile,
}

/// Replace the whole state by a file
///
/// Refused where the file is of another lineage or older than what is there, unless `--force`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vvbill state push plans/local.yaml backup.json
  vvbill state push plans/local.yaml backup.json --force    even if it is older, or of another lineage")]
struct Push {
    #[command(flatten)]
    file: PlanFile,
    /// The file, as `state pull` printed it
    #[arg(value_name = "FILE")]
    state: PathBuf,
    /// Take it although it is older or of another lineage
    #[arg(long, env = "VVBILL_FORCE", hide_env_values = true)]
    force: bool,
    #[command(flatten)]
    locking: Locking,
}

pub(crate) async fn run(arguments: Arguments, targets: Targets, report: &Report) -> Result<Exit, Error> {
    let open = |file: &PlanFile| Site::of_plan(file, Findings::PassOver, targets, report);
    match arguments.verb {
        Verb::List(list) => print_list(&open(&list.file)?, &list, report).await,
        Verb::Show(show) => print_one(&open(&show.file)?, &show, report).await,
        Verb::Rm(remove) => forget(&open(&remove.file)?, &remove, report).await,
        Verb::Mv(moved) => rename(&open(&moved.file)?, &moved, report).await,
        Verb::Pull(pull) => {
            let state = recorded(&open(&pull.file)?).await?;
            report.data(String::from_utf8_lossy(&state.to_json()))?;
            Ok(Exit::Done)
        }
        Verb::Push(push) => replace(&open(&push.file)?, &push, report).await,
    }
}

async fn recorded(site: &Site) -> Result<State, Error> {
    site.state().await?.ok_or_else(|| {
        Error::new(format!("`{}` has no state yet", site.name())).hint("`vvbill apply PLAN` begins one")
    })
}

async fn print_list(site: &Site, list: &List, report: &Report) -> Result<Exit, Error> {
    let state = site.state().await?.unwrap_or_default();
    let prefix = list.prefix.as_deref().unwrap_or_default();
    let live = state.resources.keys().map(|address| (address, ""));
    let deposed = state.deposed.iter().map(|record| (&record.address, " (deposed)"));
    let lines: String = live
        .chain(deposed)
        .filter(|(address, _)| address.as_str().starts_with(prefix))
        .map(|(address, note)| format!("{address}{note}\n"))
        .collect();
    report.data(lines)?;
    Ok(Exit::Done)
}

async fn print_one(site: &Site, show: &Show, report: &Report) -> Result<Exit, Error> {
    let state = recorded(site).await?;
    let found = state
        .resources
        .get(&show.address)
        .ok_or_else(|| missing(&show.address, &state))?;
    match show.json {
        true => report.json(&to_json(found)?)?,
        false => report.data(record::render(found))?,
    }
    Ok(Exit::Done)
}

fn to_json(record: &Record) -> Result<Value, Error> {
    let value = serde_json::to_value(record)
        .map_err(|why| Error::new("the record can't be written as JSON").caused_by(&why))?;
    Ok(redact::redacted(&value))
}

/// Why a change by hand was not made.
#[derive(Debug)]
struct Refused(Error);

impl From<SessionError> for Refused {
    fn from(error: SessionError) -> Self {
        Self(error.into())
    }
}

/// Locks, changes after a backup, says where that is.
async fn edit(
    site: &Site,
    verb: &str,
    locking: &Locking,
    report: &Report,
    change: impl FnOnce(&mut State) -> Result<String, Error>,
) -> Result<Exit, Error> {
    let narrator = Narrator::new(report);
    let mut interrupts = Interrupts::listen()?;
    let operation = format!("state {verb}");
    let mut session = interrupts
        .or_stop(site.open(&operation, locking, &narrator))
        .await?;
    let edited = session.edit(verb, |state| change(state).map_err(Refused)).await;
    session.close().await?;
    let (done, backup) = edited.map_err(|Refused(error)| error)?;
    report.say(format_args!("{done}\nThe state before is in {backup}."));
    Ok(Exit::Done)
}

async fn forget(site: &Site, remove: &Remove, report: &Report) -> Result<Exit, Error> {
    edit(site, "rm", &remove.locking, report, |state| {
        let mut done = Vec::new();
        for address in &remove.addresses {
            if state.resources.remove(address).is_none() {
                return Err(missing(address, state));
            }
            done.push(format!("Forgot {address}; it goes on existing."));
        }
        Ok(done.join("\n"))
    })
    .await
}

async fn rename(site: &Site, moved: &Move, report: &Report) -> Result<Exit, Error> {
    let Move { from, to, .. } = moved;
    if (from.provider(), from.kind()) != (to.provider(), to.kind()) {
        return Err(Error::usage(format!("{from} can't become {to}"))
            .because("an id means something only to its own provider and kind")
            .hint("`vvbill state rm` forgets a resource"));
    }
    edit(site, "mv", &moved.locking, report, |state| {
        if state.resources.contains_key(to) {
            return Err(
                Error::new(format!("{to} is in the state already")).hint("`vvbill state rm` forgets it")
            );
        }
        let mut record = state.resources.remove(from).ok_or_else(|| missing(from, state))?;
        record.address = to.clone();
        state.resources.insert(to.clone(), record);
        for record in state.resources.values_mut().chain(&mut state.deposed) {
            if record.dependencies.remove(from) {
                record.dependencies.insert(to.clone());
            }
        }
        Ok(format!("{from} is {to} now."))
    })
    .await
}

async fn replace(site: &Site, push: &Push, report: &Report) -> Result<Exit, Error> {
    let bytes =
        plan_file::read_bounded(&push.state).map_err(|why| Error::reading("state", &push.state, &why))?;
    let lock = site.lock_options("state push", &push.locking);
    let backup = apply::push_state(site.store.clone(), lock, &bytes, push.force).await?;
    report.say(format_args!("The state is that of {} now.", push.state.display()));
    if let Some(backup) = backup {
        report.say(format_args!("The state before is in {backup}."));
    }
    Ok(Exit::Done)
}

/// The address isn't there; names the nearest that is.
fn missing(address: &Address, state: &State) -> Error {
    let error = Error::new(format!("the state holds no {address}"));
    let nearest = state
        .resources
        .keys()
        .map(|known| (strsim::jaro_winkler(known.as_str(), address.as_str()), known))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match nearest {
        Some((_, known)) => error.hint(format!("did you mean `{known}`?")),
        None => error.hint("`vvbill state list PLAN` lists what it holds"),
    }
}
