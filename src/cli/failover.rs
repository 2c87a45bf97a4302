//! `vvbill failover`: the platform moves to its other region.

use std::time::Duration;

use serde_json::{Value, json};

use super::Exit;
use super::arguments::{Locking, PlanFile, duration};
use super::drill::catch::{self, Catch};
use super::error::Error;
use super::faults;
use super::interrupt::Interrupts;
use super::plan_file::Findings;
use super::report::Report;
use super::report::run::Narrator;
use super::site::Site;
use super::target::Targets;
use crate::failover::{FailoverError, Regions, Step};
use crate::spec::Target;

/// Move the platform to its other region, or back
///
/// To the second region: the first is fenced (nothing of it is started again until the way back), its shards' copies
/// become primaries, each shard goes on in the second region's copy of the log, and the service starts there. What
/// the copies had not got yet is missing there; it stays in the first region's log. Back to the first: the second
/// takes no more events and makes durable what it has, the first region's shards are made anew from its, and the
/// first region's log is read from where it was left, so that what was missing becomes rows.
///
/// Said again after an interruption, it finishes what is left. It is for platforms of this machine (`target: local`).
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vvbill failover plans/local-regions.yaml --to south                  ask, then do it
  vvbill failover plans/local-regions.yaml --to north --auto-approve   back again
  vvbill drill run plans/local-regions.yaml region                     the same, measured under load")]
pub(crate) struct Arguments {
    #[command(flatten)]
    file: PlanFile,
    /// The region that is to take events, as the plan's `regions` names it
    #[arg(long, value_name = "REGION", env = "VVBILL_TO", hide_env_values = true)]
    to: String,
    /// How long what the second region has accepted may take to become durable, on the way back
    #[arg(
        long, value_name = "DURATION", env = "VVBILL_PATIENCE", hide_env_values = true, default_value = "90s",
        value_parser = duration
    )]
    patience: Duration,
    /// One JSON object: where to, and what each part took
    #[arg(long, env = "VVBILL_JSON", hide_env_values = true)]
    json: bool,
    #[command(flatten)]
    catch: Catch,
    #[command(flatten)]
    locking: Locking,
}

pub(crate) async fn run(arguments: Arguments, targets: Targets, report: &Report) -> Result<Exit, Error> {
    let site = Site::of_plan(&arguments.file, Findings::PassOver, targets, report)?;
    let to = &arguments.to;
    known(&site, to)?;
    let can_ask = arguments.catch.can_ask(arguments.json, report);
    let question = arguments.catch.question(&site.spec, can_ask)?;
    let mut interrupts = Interrupts::listen()?;
    if question != catch::Question::None {
        report.say(format_args!(
            "{} ({}) moves to the region {to}.",
            site.name(),
            site.spec.metadata.environment
        ));
        interrupts
            .or_stop(catch::ask(question, &site.spec, report))
            .await?;
    }
    let mut session = interrupts
        .or_stop(site.open("failover", &arguments.locking, &Narrator::new(report)))
        .await?;
    let state = session.state();
    let Some(regions) = faults::regions_of(&site, state) else {
        session.close().await?;
        let plan = arguments.file.plan.display();
        return Err(
            Error::new(format!("`{}` has no second region that stands", site.name()))
                .hint(format!("`vvbill apply {plan}` makes it")),
        );
    };
    let moved = interrupts
        .or_stop(async { moved(&regions, &arguments, report).await })
        .await;
    // Where an interrupted move has come to is what the platform itself says.
    let active = Some(regions.active()).filter(|active| *active != regions.first);
    let noted = session
        .edit("failover", |state| {
            for record in state.resources.values_mut() {
                if let (true, Value::Object(outputs)) =
                    (record.kind == "platform_folder", &mut record.outputs)
                {
                    match &active {
                        Some(active) => outputs.insert("active_region".into(), json!(active)),
                        None => outputs.remove("active_region"),
                    };
                }
            }
            Ok::<_, crate::apply::SessionError>(())
        })
        .await;
    session.close().await?;
    let steps = moved?;
    noted?;
    tell(&steps, &arguments, report)?;
    Ok(Exit::Done)
}

/// The plan has such a region, and vvbill can move it there.
fn known(site: &Site, to: &str) -> Result<(), Error> {
    let regions = site.spec.regions.as_ref();
    let second = regions.and_then(|regions| regions.secondary.as_ref());
    let (Some(regions), Some(second)) = (regions, second) else {
        return Err(Error::new(format!(
            "the plan `{}` has one region: there is none to move to",
            site.name()
        ))
        .hint("`regions.secondary` describes a second one"));
    };
    if site.spec.target == Target::Aws {
        return Err(Error::new("vvbill moves no platform on AWS from one region to the other")
            .because("it moves platforms of this machine only; nothing was changed")
            .hint(
                "there, by hand: `aws rds failover-global-cluster --allow-data-loss` for each shard, \
                 `vvbill-ingest cut-over` in a pod of the second region, then its deployments' replicas and the DNS",
            ));
    }
    if to != regions.primary && to != second.name {
        return Err(
            Error::usage(format!("the plan has no region `{to}`")).hint(format!(
                "its regions are `{}` and `{}`",
                regions.primary, second.name
            )),
        );
    }
    Ok(())
}

async fn moved(regions: &Regions, arguments: &Arguments, report: &Report) -> Result<Vec<Step>, Error> {
    let say = |what: &str| report.say(what);
    let moved = match arguments.to == regions.second {
        true => regions.to_second(&say).await,
        false => regions.to_first(arguments.patience, &say).await,
    };
    moved.map_err(|why: FailoverError| {
        let plan = arguments.file.plan.display();
        Error::new(format!("the move to {} did not come to its end", arguments.to))
            .caused_by(&why)
            .hint(format!(
                "`vvbill failover {plan} --to {}` goes on with it",
                arguments.to
            ))
    })
}

fn tell(steps: &[Step], arguments: &Arguments, report: &Report) -> Result<(), Error> {
    if arguments.json {
        return report.json(&json!({ "region": arguments.to, "steps": steps }));
    }
    let mut out = format!("{} takes events.\n", arguments.to);
    for step in steps {
        out += &format!("  {:>5.1} s  {}\n", step.seconds, step.what);
    }
    report.data(out)
}
