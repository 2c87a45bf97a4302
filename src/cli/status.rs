//! `vvbill status`: what runs, and whether it is well.

use std::io::IsTerminal;
use std::time::Duration;

use serde_json::{Value, json};

use super::Exit;
use super::arguments::PlanFile;
use super::error::Error;
use super::interrupt::Interrupts;
use super::output;
use super::plan_file::Findings;
use super::report::table::Table;
use super::report::{Report, drill as drill_text, style};
use super::site::Site;
use super::target::{Targets, Trace};
use crate::apply::{self, Health};
use crate::leaders::{self, Leaders};
use crate::provider::Readiness;
use crate::rollout::ledger;
use crate::spec::Target;
use crate::state::{Record, State};

/// How many resources are asked at once.
const AT_ONCE: usize = 16;

/// Show what runs, and whether it is well
///
/// Asks every resource that the state holds; on the local target also Kafka, Sentinel and Patroni who leads.
/// Ends in 0 where all are well, in 1 where one isn't.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vvbill status plans/local.yaml
  vvbill status plans/local-ha.yaml --json | jq '.leaders.shards[].leader'
  vvbill status plans/local.yaml --watch                 again every two seconds, until Ctrl-C
  vvbill status plans/local.yaml --json | jq '.resources[] | select(.health != \"healthy\")'")]
pub(crate) struct Arguments {
    #[command(flatten)]
    file: PlanFile,
    /// Print it as JSON
    #[arg(long, env = "VVBILL_JSON", hide_env_values = true)]
    json: bool,
    /// Show it again every two seconds, until Ctrl-C
    #[arg(long, env = "VVBILL_WATCH", hide_env_values = true)]
    watch: bool,
}

/// One resource, recorded and asked.
struct Line<'a> {
    record: &'a Record,
    trace: Trace,
    health: &'static str,
    detail: Option<String>,
}

pub(crate) async fn run(arguments: Arguments, targets: Targets, report: &Report) -> Result<Exit, Error> {
    let site = Site::of_plan(&arguments.file, Findings::PassOver, targets, report)?;
    let mut interrupts = Interrupts::listen()?;
    loop {
        let exit = interrupts.or_stop(once(&site, &arguments, report)).await?;
        if !arguments.watch {
            return Ok(exit);
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(2)) => {}
            () = interrupts.next() => return Ok(exit),
        }
    }
}

async fn once(site: &Site, arguments: &Arguments, report: &Report) -> Result<Exit, Error> {
    let state = site.state().await?.unwrap_or_default();
    let health = apply::health(&state, &site.platform.providers, AT_ONCE).await;
    let leaders = match site.spec.target {
        Target::Local => leaders::look(&(site.platform.endpoints)(&site.spec, &state)).await,
        // In a network of its own, which this machine is no part of.
        Target::Aws => Leaders::default(),
    };
    let lines = lines(site, &state, &health);
    let is_healthy = lines.iter().all(|line| line.health == "healthy");
    if !is_healthy {
        say_what_was_cut_off(site, arguments, report).await;
    }
    if arguments.json {
        let document = to_json(site, &state, &lines, &leaders, is_healthy);
        match arguments.watch {
            true => report.compact_json(&document)?,
            false => report.json(&document)?,
        }
    } else if lines.is_empty() {
        report.say(format_args!(
            "Nothing of `{}` stands: `vvbill apply` makes it.",
            site.name()
        ));
    } else {
        if arguments.watch && std::io::stdout().is_terminal() {
            // Clears the screen, as `watch` does.
            report.data("\x1b[H\x1b[2J")?;
        }
        report.data(text(site, &state, &lines, &leaders))?;
    }
    Ok(if is_healthy { Exit::Done } else { Exit::Failed })
}

/// An earlier drill that was killed may be why something is down. Without a ledger that can be read nothing is known.
async fn say_what_was_cut_off(site: &Site, arguments: &Arguments, report: &Report) {
    let Ok(ledger) = ledger::read(&*site.store).await else {
        return;
    };
    if let Some((drill, at)) = ledger.cut_off_drill() {
        let plan = arguments.file.plan.display().to_string();
        report.warn(drill_text::cut_off(drill, at, &plan));
    }
}

fn lines<'a>(site: &Site, state: &'a State, health: &[Health]) -> Vec<Line<'a>> {
    health
        .iter()
        .filter_map(|found| {
            let record = state.resources.get(&found.address)?;
            let (health, detail) = verdict(found);
            Some(Line {
                record,
                trace: (site.platform.trace)(record),
                health,
                detail,
            })
        })
        .collect()
}

fn verdict(found: &Health) -> (&'static str, Option<String>) {
    match &found.readiness {
        Ok(Some(Readiness::Ready)) => ("healthy", None),
        Ok(Some(Readiness::Pending(why) | Readiness::Failed(why))) => ("unhealthy", Some(why.clone())),
        Ok(None) => (
            "missing",
            Some("it is not there any more: `vvbill apply` makes it again".into()),
        ),
        Err(why) => ("unknown", Some(why.to_string())),
    }
}

fn status(record: &Record) -> String {
    match json!(record.status) {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

fn text(site: &Site, state: &State, lines: &[Line<'_>], leaders: &Leaders) -> String {
    let mut table = Table::new(["ADDRESS", "STATE", "HEALTH", "PID", "PORT", "SINCE"]);
    for line in lines {
        let color = if line.health == "healthy" {
            style::ADD
        } else {
            style::REMOVE
        };
        let shown = |number: Option<i64>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
        table.row([
            (line.record.address.to_string(), None),
            (status(line.record), None),
            (line.health.to_owned(), Some(color)),
            (shown(line.trace.pid.map(i64::from)), None),
            (shown(line.trace.port.map(i64::from)), None),
            (format!("{:.0}", line.record.updated_at), None),
        ]);
        if let Some(detail) = &line.detail {
            table.note(detail);
        }
    }
    let well = lines.iter().filter(|line| line.health == "healthy").count();
    let mut out = table.render();
    out += &format!("\n{} of {} healthy\n", well, lines.len());
    let leading = leaders.lines();
    if !leading.is_empty() {
        out += &format!("\n{}\n", leading.join("\n"));
    }
    let endpoints = output::text(&output::of_state(site, state));
    if !endpoints.is_empty() {
        out += &format!("\n{endpoints}");
    }
    out
}

fn to_json(site: &Site, state: &State, lines: &[Line<'_>], leaders: &Leaders, is_healthy: bool) -> Value {
    let resources: Vec<Value> = lines
        .iter()
        .map(|line| {
            json!({
                "address": line.record.address,
                "kind": line.record.kind,
                "id": line.record.id,
                "status": status(line.record),
                "health": line.health,
                "detail": line.detail,
                "pid": line.trace.pid,
                "port": line.trace.port,
                "since": line.record.updated_at,
            })
        })
        .collect();
    json!({
        "plan": site.name(),
        "serial": state.serial,
        "healthy": is_healthy && !lines.is_empty(),
        "resources": resources,
        "leaders": leaders,
        "endpoints": (site.platform.endpoints)(&site.spec, state),
    })
}
