//! `vvbill drill run`: strikes, measures, brings back, accounts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;

use super::super::arguments::{Locking, PlanFile, duration};
use super::super::error::Error;
use super::super::interrupt::Interrupts;
use super::super::plan_file::Findings;
use super::super::report::run::Narrator;
use super::super::report::{Report, drill as text};
use super::super::site::Site;
use super::super::target::Targets;
use super::super::{Exit, endpoints, faults, loadtest};
use super::catch::{self, Catch};
use crate::apply::Session;
use crate::drill::{self, Drill, Faults, Order, Trouble, catalogue};
use crate::endpoints::Endpoints;
use crate::provider::Connection;
use crate::rollout::drilled;
use crate::rollout::ledger::{Book, Entry, Ledger};
use crate::rollout::model::{Basis, Evidence, How, Verdict};
use crate::rollout::week;

/// Carry out drills: strike a part under load, measure, bring it back, account for every event
///
/// Before it strikes, the platform must be whole; after it, what was struck is started again and waited for. Each
/// recovery time is held to the plan's `success_metrics.recovery_time` (a tier without one is shown and held to
/// nothing), the recovery point to `recovery_point`, lost and doubled events to none. Ends in 0 where all hold, in
/// 1 where one doesn't. Every result is kept in the rollout's ledger.
///
/// `--json` prints lines of type `drill_progress` and `drill_done` (one a drill, with `verdict`, `measures` and the
/// whole `outcome`) and ends in one of type `drill_result`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vvbill drill run plans/local-ha.yaml redis-master                    ask, then do it
  vvbill drill run plans/local-ha.yaml shard-primary --rate 5000 --auto-approve
  vvbill drill run plans/local-ha.yaml --all --auto-approve --json     one after the other
  vvbill drill run plans/production.yaml service-api --i-know-this-is-production --confirm vv-billing

Only the word `yes` approves. The first interrupt (Ctrl-C) ends the watching and brings back what was struck;
the second brings it back at once and stops.")]
pub(super) struct Arguments {
    #[command(flatten)]
    file: PlanFile,
    /// The drills, as `vvbill drill list` names them; `all`: every one that the plan offers
    #[arg(value_name = "NAME", required_unless_present = "all")]
    names: Vec<String>,
    /// Every drill that the plan offers, one after the other
    #[arg(long, env = "VVBILL_ALL", hide_env_values = true, conflicts_with = "names")]
    all: bool,
    /// The load meanwhile: events a second (`500`), or as plans write it (`30k/min`)
    #[arg(
        long, value_name = "RATE", env = "VVBILL_RATE", hide_env_values = true, default_value = "500",
        value_parser = loadtest::rate
    )]
    rate: f64,
    /// How often each tier is tried: what is shorter is not seen
    #[arg(
        long, value_name = "DURATION", env = "VVBILL_PERIOD", hide_env_values = true, default_value = "50ms",
        value_parser = period
    )]
    period: Duration,
    /// How long a tier may take to work again, and the platform to be whole again
    #[arg(
        long, value_name = "DURATION", env = "VVBILL_PATIENCE", hide_env_values = true, default_value = "90s",
        value_parser = duration
    )]
    patience: Duration,
    /// One JSON object a line: progress, each drill's outcome, the result
    #[arg(long, env = "VVBILL_JSON", hide_env_values = true)]
    json: bool,
    #[command(flatten)]
    catch: Catch,
    #[command(flatten)]
    locking: Locking,
}

fn period(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        time if time < Duration::from_millis(20) => Err("a period is 20ms or longer".to_owned()),
        time => Ok(time),
    }
}

pub(super) async fn run(arguments: Arguments, targets: Targets, report: &Report) -> Result<Exit, Error> {
    // A promise that can't be kept is no reason not to measure by how much.
    let connection = targets.connection.clone();
    let site = Site::of_plan(&arguments.file, Findings::PassOver, targets, report)?;
    let drills = asked(&site, &arguments, report)?;
    let question = arguments
        .catch
        .question(&site.spec, arguments.catch.can_ask(arguments.json, report))?;
    let mut interrupts = Interrupts::listen()?;
    if question != catch::Question::None {
        report.say(text::announce(site.name(), &site.spec.metadata.environment, &drills).trim_end());
        interrupts
            .or_stop(catch::ask(question, &site.spec, report))
            .await?;
    }
    let session = interrupts
        .or_stop(site.open("drill run", &arguments.locking, &Narrator::new(report)))
        .await?;
    let done = all(
        (&site, &connection),
        &arguments,
        &drills,
        &session,
        &mut interrupts,
        report,
    )
    .await;
    let closed = session.close().await;
    let exit = done?;
    closed?;
    Ok(exit)
}

/// What is asked for, in the order in which it is named.
fn asked(site: &Site, arguments: &Arguments, report: &Report) -> Result<Vec<Drill>, Error> {
    let is_all = |name: &String| name == "all";
    if arguments.all || arguments.names.iter().any(is_all) {
        let mut drills = Vec::new();
        for offer in catalogue::offers(&site.spec) {
            match offer.lacks {
                None => drills.push(offer.drill),
                Some(why) => report.say(format_args!("{}: left out, {why}", offer.drill.name())),
            }
        }
        return match drills.is_empty() {
            true => Err(
                Error::new(format!("the plan `{}` has nothing to drill", site.name()))
                    .hint("`vvbill drill list PLAN` says what it lacks"),
            ),
            false => Ok(drills),
        };
    }
    let drill = |name: &String| {
        let drill = Drill::of(name).ok_or_else(|| {
            let known: Vec<&str> = Drill::ALL.iter().map(|drill| drill.name()).collect();
            Error::usage(format!("there is no drill `{name}`"))
                .hint(format!("the drills are {}, and `all`", known.join(", ")))
        })?;
        match drill.lacks(&site.spec) {
            None => Ok(drill),
            Some(why) => {
                let error = Error::new(format!("the plan `{}` does not offer {name}", site.name()));
                Err(error
                    .because(why)
                    .hint("`vvbill drill list PLAN` says what it offers"))
            }
        }
    };
    arguments.names.iter().map(drill).collect()
}

/// A drill that was done.
struct Done {
    drill: Drill,
    verdict: Verdict,
}

async fn all(
    (site, connection): (&Site, &Connection),
    arguments: &Arguments,
    drills: &[Drill],
    session: &Session,
    interrupts: &mut Interrupts,
    report: &Report,
) -> Result<Exit, Error> {
    let state = session.state();
    if state.resources.is_empty() {
        let plan = arguments.file.plan.display();
        return Err(Error::new(format!("nothing of `{}` stands", site.name()))
            .hint(format!("`vvbill apply {plan}` makes it")));
    }
    let mut book = Book::open(site.store.clone(), session.fence()).await?;
    let basis = Basis {
        plan: week::digest(&site.spec, ""),
        serial: state.serial,
    };
    let scene = Scene {
        site,
        arguments,
        endpoints: endpoints::of(site, state, connection).await,
        faults: faults::of(site, state, connection),
        report,
    };
    scene.say_what_was_cut_off(book.ledger()).await;
    let mut done = Vec::new();
    for drill in drills {
        let began_at = Timestamp::now();
        book.append(Entry::Striking {
            drill: drill.name().to_owned(),
            at: began_at,
        })
        .await?;
        let (evidence, was_interrupted) = scene.one(*drill, interrupts).await?;
        scene.tell(*drill, &evidence)?;
        let verdict = evidence.verdict;
        book.append(Entry::Drilled {
            drill: drill.name().to_owned(),
            at: began_at,
            until: Timestamp::now(),
            basis: basis.clone(),
            evidence,
        })
        .await?;
        done.push(Done {
            drill: *drill,
            verdict,
        });
        if was_interrupted {
            return Err(Error::reported(Exit::Interrupted));
        }
    }
    let results: Vec<(&str, Verdict)> = done
        .iter()
        .map(|done| (done.drill.name(), done.verdict))
        .collect();
    if arguments.json {
        report.line_of_json(&text::result_json(&results));
    } else if results.len() > 1 {
        report.data(text::summary(&results))?;
    }
    let held = done.iter().all(|done| done.verdict == Verdict::Passed);
    Ok(if held { Exit::Done } else { Exit::Failed })
}

/// What drills are done on.
struct Scene<'a> {
    site: &'a Site,
    arguments: &'a Arguments,
    endpoints: Endpoints,
    faults: Arc<dyn Faults>,
    report: &'a Report,
}

impl Scene<'_> {
    /// Where something is down, an earlier drill that was killed may be why.
    async fn say_what_was_cut_off(&self, ledger: &Ledger) {
        let Some((drill, at)) = ledger.cut_off_drill() else {
            return;
        };
        if !self.faults.missing().await.is_empty() {
            let plan = self.arguments.file.plan.display().to_string();
            self.report.warn(text::cut_off(drill, at, &plan));
        }
    }

    /// One drill, and whether somebody interrupted it.
    async fn one(&self, drill: Drill, interrupts: &mut Interrupts) -> Result<(Evidence, bool), Error> {
        let is_interrupted = AtomicBool::new(false);
        let asked = || is_interrupted.load(Ordering::Relaxed);
        let order = Order {
            drill,
            spec: &self.site.spec,
            endpoints: &self.endpoints,
            faults: &*self.faults,
            rate: self.arguments.rate,
            period: self.arguments.period,
            patience: self.arguments.patience,
            is_interrupted: &asked,
        };
        let teller = text::Teller::new(self.report, self.arguments.json);
        let outcome = {
            let run = drill::run(&order, &teller);
            tokio::pin!(run);
            let first = tokio::select! {
                outcome = &mut run => Some(outcome),
                () = interrupts.next() => None,
            };
            match first {
                Some(outcome) => Some(outcome),
                None => {
                    is_interrupted.store(true, Ordering::Relaxed);
                    self.report.say(
                        "Interrupted: what was struck is brought back, and all is accounted for. Once more stops at once.",
                    );
                    tokio::select! {
                        outcome = &mut run => Some(outcome),
                        () = interrupts.next() => None,
                    }
                }
            }
        };
        drop(teller);
        let Some(outcome) = outcome else {
            return self.stop_at_once().await.map(|evidence| (evidence, true));
        };
        Ok((self.evidence(outcome, asked()), asked()))
    }

    fn evidence(&self, outcome: Result<drill::Outcome, Trouble>, was_interrupted: bool) -> Evidence {
        match outcome {
            Ok(outcome) if was_interrupted => Evidence {
                verdict: Verdict::Inconclusive,
                reason: Some("interrupted before it was over".into()),
                ..drilled::evidence(&outcome, &self.site.spec)
            },
            Ok(outcome) => drilled::evidence(&outcome, &self.site.spec),
            Err(why) => Evidence::without(Verdict::Inconclusive, How::Ran, why.to_string()),
        }
    }

    /// After the second interrupt: only what was struck is brought back.
    async fn stop_at_once(&self) -> Result<Evidence, Error> {
        self.report
            .say("Stopped at once: what was struck is started again.");
        match self.faults.heal().await {
            Ok(()) => {
                let why = "stopped at once: what was struck was brought back, nothing was accounted for";
                Ok(Evidence::without(Verdict::Inconclusive, How::Ran, why))
            }
            Err(why) => Err(Error::new("what was struck could not be brought back")
                .caused_by(&why)
                .hint("`vvbill apply PLAN` starts it")
                .exiting(Exit::Interrupted)),
        }
    }

    fn tell(&self, drill: Drill, evidence: &Evidence) -> Result<(), Error> {
        if self.arguments.json {
            self.report.line_of_json(&text::done_json(drill, evidence));
            return Ok(());
        }
        self.report.data(text::done(drill, evidence))
    }
}
