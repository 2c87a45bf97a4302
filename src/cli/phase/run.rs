//! `vvbill phase run`: brings weeks up and proves them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;

use super::super::Exit;
use super::super::arguments::{Budget, Execution, Locking, PlanFile, duration};
use super::super::error::Error;
use super::super::execution::{self, Approval, Order, Teller};
use super::super::interrupt::Interrupts;
use super::super::plan_file::Findings;
use super::super::report::run::Narrator;
use super::super::report::{Report, drill as drill_text, rollout as text};
use super::super::site::Site;
use super::super::target::Targets;
use super::super::{endpoints, faults};
use crate::apply::Session;
use crate::drill;
use crate::plan::{Options, Selector};
use crate::provider::Connection;
use crate::rollout::engine::{self, Ending, Listener};
use crate::rollout::ledger::{Book, Entry};
use crate::rollout::model::Evidence;
use crate::rollout::week::Placed;
use crate::rollout::{Drills, Processes, Scene, Switch, Week, gate};
use crate::state::LockOptions;

/// Bring weeks up and prove them, or single steps
///
/// Of a week: applies the sections that the plan gives to it (shows, asks, does), then runs its steps. Of a step:
/// runs only that. Refuses (6) while a week before it has not passed. A step that is satisfied already is only
/// checked, so that a run that was cut off goes on from where it stopped. A process that a step stops is started
/// again after it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vvbill phase run plans/local.yaml week-1                          show, ask, bring up, prove
  vvbill phase run plans/local.yaml --all --auto-approve            every week, from where it stopped
  vvbill phase run plans/local.yaml week-1/kafka-topics             one step, without an apply
  vvbill phase run plans/local.yaml week-3 --force                  past a closed gate; the evidence says so

Only the word `yes` approves. The first interrupt (Ctrl-C) lets the running step finish; the second stops at
once, and the next run goes on from there.")]
pub(super) struct Arguments {
    #[command(flatten)]
    file: PlanFile,
    /// Weeks (`week-1`) or steps (`week-1/kafka-topics`)
    #[arg(value_name = "WEEK|STEP", required_unless_present = "all")]
    names: Vec<String>,
    /// Every week of the plan, in order
    #[arg(long, env = "VVBILL_ALL", hide_env_values = true, conflicts_with = "names")]
    all: bool,
    /// Go on past a closed gate; every result then says that it was forced
    #[arg(long, env = "VVBILL_FORCE", hide_env_values = true)]
    force: bool,
    /// How many events a step sends
    #[arg(
        long, value_name = "COUNT", env = "VVBILL_EVENTS", hide_env_values = true, default_value_t = 1_000,
        value_parser = clap::value_parser!(u64).range(10..=1_000_000)
    )]
    events: u64,
    /// How long a value may take until it holds, and an answer until it comes
    #[arg(
        long, value_name = "DURATION", env = "VVBILL_PATIENCE", hide_env_values = true,
        default_value = "30s", value_parser = duration
    )]
    patience: Duration,
    /// How long week 4 holds each rate of its load: else as long as the week's gate says (`for`), else 30s
    ///
    /// Held for less than the gate says, the step fails: it has not shown what the gate asks. The search for the
    /// highest rate takes up to six times as long.
    #[arg(
        long, value_name = "DURATION", env = "VVBILL_LOAD_FOR", hide_env_values = true, value_parser = some_time
    )]
    load_for: Option<Duration>,
    #[command(flatten)]
    budget: Budget,
    #[command(flatten)]
    execution: Execution,
    #[command(flatten)]
    locking: Locking,
}

fn some_time(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        time if time < Duration::from_secs(1) => Err("a rate is held for `1s` or longer".into()),
        time => Ok(time),
    }
}

/// A week, and which of its steps; `None`: all, after an apply.
type Asked<'a> = (&'a Week, Option<Vec<String>>);

pub(super) async fn run(arguments: Arguments, targets: Targets, report: &Report) -> Result<Exit, Error> {
    let connection = targets.connection.clone();
    let site = Site::of_plan(&arguments.file, Findings::Stop, targets, report)?;
    let weeks = super::weeks(&site)?;
    let asked = asked(&weeks, &arguments)?;
    let approval = match asked.iter().any(|(_, steps)| steps.is_none()) {
        true => Approval::of(&arguments.execution, false, &arguments.file.plan, report)?,
        false => Approval::Given,
    };
    let mut interrupts = Interrupts::listen()?;
    let teller = Teller::Person(Narrator::new(report));
    let mut session = interrupts
        .or_stop(site.open("phase run", &arguments.locking, &Narrator::new(report)))
        .await?;
    let run = Run {
        site: &site,
        connection: &connection,
        weeks: &weeks,
        arguments: &arguments,
        approval,
        report,
    };
    let done = run.all(&asked, &mut session, &mut interrupts, &teller).await;
    let closed = session.close().await;
    let exit = done?;
    closed?;
    Ok(exit)
}

/// What is asked for, in the order of the weeks.
fn asked<'a>(weeks: &'a [Week], arguments: &Arguments) -> Result<Vec<Asked<'a>>, Error> {
    if arguments.all {
        return Ok(weeks.iter().map(|week| (week, None)).collect());
    }
    for name in &arguments.names {
        let (week, step) = name
            .split_once('/')
            .map_or((name.as_str(), None), |(week, _)| (week, Some(name)));
        let week = super::week(weeks, week)?;
        if let Some(step) = step
            && !week.steps.iter().any(|placed| placed.id == *step)
        {
            let known: Vec<&str> = week.steps.iter().map(|placed| placed.id.as_str()).collect();
            return Err(Error::usage(format!("{} has no step `{step}`", week.id))
                .hint(format!("its steps are {}", known.join(", "))));
        }
    }
    let named = |week: &Week| -> Option<Option<Vec<String>>> {
        if arguments.names.contains(&week.id) {
            return Some(None);
        }
        let steps = week.steps.iter().map(|placed| placed.id.clone());
        let steps: Vec<String> = steps.filter(|id| arguments.names.contains(id)).collect();
        (!steps.is_empty()).then_some(Some(steps))
    };
    Ok(weeks
        .iter()
        .filter_map(|week| Some((week, named(week)?)))
        .collect())
}

struct Run<'a> {
    site: &'a Site,
    connection: &'a Connection,
    weeks: &'a [Week],
    arguments: &'a Arguments,
    approval: Approval,
    report: &'a Report,
}

impl Run<'_> {
    async fn all(
        &self,
        asked: &[Asked<'_>],
        session: &mut Session,
        interrupts: &mut Interrupts,
        teller: &Teller,
    ) -> Result<Exit, Error> {
        let mut book = Book::open(self.site.store.clone(), session.fence()).await?;
        let costs = super::costs(self.site)?;
        for (week, steps) in asked {
            let done = self
                .one(week, steps.as_deref(), session, &mut book, interrupts, teller)
                .await;
            let view = text::View {
                plan: self.site.name(),
                weeks: self.weeks,
                ledger: book.ledger(),
                costs: costs.clone(),
            };
            // What is up costs, whatever its steps have shown.
            if let (None, Some(cost)) = (steps, view.monthly(&week.id)) {
                let id = &week.id;
                self.report
                    .say(format_args!("{id}: what is up by its end costs {cost}."));
            }
            done?;
        }
        let shown: Vec<Week> = asked.iter().map(|(week, _)| (*week).clone()).collect();
        let view = text::View {
            plan: self.site.name(),
            weeks: &shown,
            ledger: book.ledger(),
            costs,
        };
        self.report.data(text::human::status(&view))?;
        Ok(Exit::Done)
    }

    async fn one(
        &self,
        week: &Week,
        steps: Option<&[String]>,
        session: &mut Session,
        book: &mut Book,
        interrupts: &mut Interrupts,
        teller: &Teller,
    ) -> Result<(), Error> {
        let forced = self.gate(week, book).await?;
        if steps.is_none() {
            self.bring_up(week, session, book, interrupts, teller).await?;
        }
        let switch: Arc<dyn Switch> = Arc::new(Processes::new(
            session.state(),
            self.site.platform.providers.clone(),
        ));
        let scene = Scene {
            spec: Arc::new(self.site.spec.clone()),
            endpoints: endpoints::of(self.site, session.state(), self.connection).await,
            switch,
            events: self.arguments.events,
            patience: self.arguments.patience,
            drills: Drills {
                faults: Some(faults::of(self.site, session.state(), self.connection)),
                folder: self.site.folder(),
                listener: Some(Arc::new(Stages(self.report.clone()))),
                ..Drills::default()
            },
            load_for: self.arguments.load_for,
        };
        let is_interrupted = AtomicBool::new(false);
        let asked = || is_interrupted.load(Ordering::Relaxed);
        let order = engine::Order {
            week,
            only: steps,
            serial: session.state().serial,
            forced,
            is_interrupted: &asked,
        };
        let ending = {
            let listener = Spoken(self.report);
            let run = engine::run_week(&order, &scene, book, &listener);
            tokio::pin!(run);
            let first = tokio::select! {
                ending = &mut run => Some(ending),
                () = interrupts.next() => None,
            };
            match first {
                Some(ending) => Some(ending),
                None => {
                    is_interrupted.store(true, Ordering::Relaxed);
                    self.report.say("Interrupted: the running step is finished, nothing new is started. Once more stops at once.");
                    tokio::select! {
                        ending = &mut run => Some(ending),
                        () = interrupts.next() => None,
                    }
                }
            }
        };
        let Some(ending) = ending else {
            self.report
                .say("Stopped at once: what the step had stopped is started again.");
            scene.restore().await.map_err(|why| {
                Error::new("a process that the step had stopped could not be started again")
                    .caused_by(&why)
                    .hint("`vvbill apply PLAN` starts it")
                    .exiting(Exit::Interrupted)
            })?;
            return Err(Error::reported(Exit::Interrupted));
        };
        match ending? {
            Ending::Passed => Ok(()),
            Ending::Interrupted => Err(Error::reported(Exit::Interrupted)),
            Ending::NotPassed => Err(self.not_passed(week, book)),
        }
    }

    /// Whether the week is begun past a closed gate.
    async fn gate(&self, week: &Week, book: &mut Book) -> Result<bool, Error> {
        let closed_by = gate::closed_by(self.weeks, &week.id, book.ledger());
        if closed_by.is_empty() {
            return Ok(false);
        }
        if !self.arguments.force {
            let what = format!("{} can't begin: what comes before it has not passed", week.id);
            let plan = self.arguments.file.plan.display().to_string();
            return Err(super::closed(what, closed_by, self.weeks, &plan)
                .hint("`--force` goes on all the same; every result then says so"));
        }
        for reason in &closed_by {
            self.report
                .warn(format_args!("{} is begun although {reason}", week.id));
        }
        book.append(Entry::Forced {
            week: week.id.clone(),
            at: Timestamp::now(),
            who: LockOptions::new("phase run").who,
            closed_by,
        })
        .await?;
        Ok(true)
    }

    /// Applies the week's sections.
    async fn bring_up(
        &self,
        week: &Week,
        session: &mut Session,
        book: &mut Book,
        interrupts: &mut Interrupts,
        teller: &Teller,
    ) -> Result<(), Error> {
        let desired = &self.site.platform.desired;
        let there = |section: &&String| desired.iter().any(|desired| desired.section == **section);
        let sections = week.sections.iter().filter(there).cloned();
        let targets: Vec<Selector> = sections.map(Selector::Section).collect();
        if targets.is_empty() {
            return Ok(());
        }
        self.report.say(format_args!("{}: {}", week.id, week.title));
        let order = Order {
            operation: "apply",
            plan: None,
            options: Options {
                targets,
                ..Options::default()
            },
            approval: self.approval,
            budget: Some(self.arguments.budget),
            refresh: true,
            parallelism: self.arguments.execution.parallelism.into(),
            json: false,
        };
        let done = execution::change(self.site, order, session, interrupts, teller, self.report).await?;
        book.append(Entry::Applied {
            week: week.id.clone(),
            at: Timestamp::now(),
            changes: done.changes,
            serial: session.state().serial,
        })
        .await?;
        Ok(())
    }

    fn not_passed(&self, week: &Week, book: &Book) -> Error {
        let reasons = gate::open_ends(week, book.ledger());
        let plan = self.arguments.file.plan.display();
        let error = Error::new(format!("{} has not passed", week.id));
        reasons.into_iter().fold(error, Error::because).hint(format!(
            "mend it and run `vvbill phase run {plan} {}` again: what has passed is only checked",
            week.id
        ))
    }
}

/// Tells a person how the steps go.
struct Spoken<'a>(&'a Report);

/// Tells a person how a drill among them goes.
struct Stages(Report);

impl drill::Listener for Stages {
    fn stage(&self, drill: drill::Drill, stage: &drill::Stage) {
        if let Some(line) = drill_text::stage(drill, stage) {
            self.0.say(line);
        }
    }
}

impl Listener for Spoken<'_> {
    fn begun(&self, placed: &Placed) {
        self.0
            .say(format_args!("{}: {} …", placed.id, placed.step.title()));
    }

    fn ended(&self, placed: &Placed, evidence: &Evidence, took: Duration) {
        self.0
            .say(text::human::ended(&placed.id, evidence, took).trim_end());
    }
}
