//! What apply and destroy share: plan, approval, the run with its interrupts, and the account of it.

use std::path::Path;
use std::time::Duration;

use super::arguments::{Budget, Execution, Locking};
use super::bill::{Bill, Prior};
use super::error::Error;
use super::exit::Exit;
use super::gate;
use super::interrupt::Interrupts;
use super::output;
use super::preflight;
use super::report::cost::delta;
use super::report::run::Narrator;
use super::report::stream::Stream;
use super::report::{self, Report, terraform};
use super::site::{Look, Site};
use crate::apply::{self, ApplyError, Interrupt, Observer, Outcome, Session};
use crate::plan::{Mode, Options, Plan};

/// How long a run may take to stop after the second interrupt.
const STOP_WITHIN: Duration = Duration::from_secs(2);

/// What is to be done, and how.
pub(crate) struct Order {
    /// `apply` or `destroy`: what the lock says.
    pub operation: &'static str,
    /// A saved plan; without one, a plan is made.
    pub plan: Option<Ready>,
    pub options: Options,
    pub approval: Approval,
    /// What the plan is held to, besides its own budget and policies; none: to nothing.
    pub budget: Option<Budget>,
    pub refresh: bool,
    pub parallelism: usize,
    pub json: bool,
}

/// A plan, and what stood before it, for its bill.
pub(crate) struct Ready {
    pub plan: Plan,
    pub prior: Option<Prior>,
}

/// Who says that it may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Approval {
    /// `--auto-approve`, or a saved plan.
    Given,
    /// A person at the terminal will be asked.
    Ask,
}

impl Approval {
    /// Fails where an answer would be needed and nobody is there to give one.
    pub(crate) fn of(execution: &Execution, json: bool, plan: &Path, report: &Report) -> Result<Self, Error> {
        if execution.auto_approve {
            return Ok(Self::Given);
        }
        let why = if json {
            "`--json` leaves no room for a question"
        } else if !execution.input {
            "`--input=false` lets nobody be asked"
        } else if !report.has_dialogue() {
            "there is no terminal to ask on"
        } else {
            return Ok(Self::Ask);
        };
        let plan = plan.display();
        Err(Error::new("nothing was done: it needs an approval")
            .because(why)
            .hint("`--auto-approve` does it without asking")
            .hint(format!(
                "or look first: `vvbill plan {plan} --out saved.plan`, then `vvbill apply saved.plan`"
            )))
    }
}

/// Who listens to the run.
pub(crate) enum Teller {
    Person(Narrator),
    Program(Stream),
}

impl Teller {
    fn observer(&self) -> &dyn Observer {
        match self {
            Self::Person(narrator) => narrator,
            Self::Program(stream) => stream,
        }
    }
}

/// Locks, plans, asks, does it, and tells how it went.
pub(crate) async fn run(
    site: &Site,
    order: Order,
    locking: &Locking,
    report: &Report,
) -> Result<Exit, Error> {
    let teller = match order.json {
        true => Teller::Program(Stream::new(report, order.operation, site.places.clone())),
        false => Teller::Person(Narrator::new(report)),
    };
    let result = locked(site, order, locking, &teller, report).await;
    if let (Teller::Program(stream), Err(error)) = (&teller, &result) {
        stream.failure(error);
    }
    result
}

async fn locked(
    site: &Site,
    order: Order,
    locking: &Locking,
    teller: &Teller,
    report: &Report,
) -> Result<Exit, Error> {
    let mut interrupts = Interrupts::listen()?;
    let observer = teller.observer();
    let mut session = interrupts
        .or_stop(site.open(order.operation, locking, observer))
        .await?;
    let done = decide_and_do(site, order, &mut session, &mut interrupts, teller, report).await;
    let closed = session.close().await;
    let done = done?;
    closed?;
    Ok(done)
}

async fn decide_and_do(
    site: &Site,
    order: Order,
    session: &mut Session,
    interrupts: &mut Interrupts,
    teller: &Teller,
    report: &Report,
) -> Result<Exit, Error> {
    let done = change(site, order, session, interrupts, teller, report).await?;
    if done.mode != Mode::Destroy {
        let outputs = output::of_state(site, session.state());
        match teller {
            Teller::Program(stream) => stream.outputs(&outputs),
            Teller::Person(_) => report.data(output::text(&outputs))?,
        }
    }
    Ok(Exit::Done)
}

/// What was done.
pub(crate) struct Done {
    pub mode: Mode,
    /// How many resources were changed.
    pub changes: usize,
}

/// Plans, asks and does it, under a lock that is held.
pub(crate) async fn change(
    site: &Site,
    order: Order,
    session: &mut Session,
    interrupts: &mut Interrupts,
    teller: &Teller,
    report: &Report,
) -> Result<Done, Error> {
    let Order {
        plan,
        options,
        approval,
        budget,
        refresh,
        parallelism,
        operation,
        ..
    } = order;
    let is_saved = plan.is_some();
    let Ready { plan, prior } = match plan {
        Some(ready) => ready,
        None => {
            let look = Look {
                parallelism,
                refresh,
                from_here: true,
            };
            let plan = interrupts
                .or_stop(site.plan(session, &options, &look, teller.observer()))
                .await?;
            let prior = match budget {
                Some(_) => Prior::of(&site.spec, &plan, session.state())?,
                None => None,
            };
            Ready { plan, prior }
        }
    };
    match teller {
        Teller::Program(stream) => stream.plan(&plan),
        Teller::Person(_) => report.say(report::plan::render(&plan).trim_end()),
    }
    if let Some(budget) = budget {
        pass(site, &plan, prior.as_ref(), budget, teller, report)?;
    }
    if is_saved {
        // It may have been made on another machine.
        let checked = preflight::check(site, &plan, session.state(), true, teller.observer());
        interrupts.or_stop(checked).await?;
    }
    let mode = plan.mode;
    if !plan.is_empty() {
        if approval == Approval::Ask {
            interrupts.or_stop(ask(operation, report)).await?;
        }
        let options = apply::Options {
            parallelism,
            verify: is_saved || approval == Approval::Ask,
            ..apply::Options::default()
        };
        let outcome = match carry_out(site, session, &plan, &options, interrupts, teller, report).await {
            Err(Stop::Run(ApplyError::Store { error, outcome })) => {
                tell(site, &outcome, teller, report);
                return Err(ApplyError::Store { error, outcome }.into());
            }
            Err(Stop::Run(error)) => return Err(error.into()),
            Err(Stop::AtOnce) => return Err(Error::reported(Exit::Interrupted)),
            Ok(outcome) => outcome,
        };
        tell(site, &outcome, teller, report);
        if outcome.interrupted {
            return Err(Error::reported(Exit::Interrupted));
        }
        if !outcome.is_success() {
            return Err(Error::reported(Exit::Failed));
        }
    }
    Ok(Done {
        mode,
        changes: plan.changes().count(),
    })
}

/// Tells what the plan costs, and stops what is over a budget or against a policy.
fn pass(
    site: &Site,
    plan: &Plan,
    prior: Option<&Prior>,
    budget: Budget,
    teller: &Teller,
    report: &Report,
) -> Result<(), Error> {
    let bill = prior.map(|prior| Bill::of(&site.spec, plan, prior)).transpose()?;
    let difference = bill.as_ref().map(Bill::difference);
    if let Some(difference) = &difference {
        match teller {
            Teller::Program(stream) => stream.cost(difference),
            Teller::Person(_) => report.say(format_args!("\n{}", delta::text(difference).trim_end())),
        }
    }
    let document = terraform::plan(plan, difference.as_ref());
    let verdict = gate::judge(&site.spec, &site.places, plan, bill.as_ref(), &document, budget);
    verdict.warn(teller.observer());
    if verdict.refusals.is_empty() {
        return Ok(());
    }
    for refusal in verdict.refusals {
        let refusal = refusal.hint("nothing was done");
        match teller {
            Teller::Program(stream) => stream.failure(&refusal),
            Teller::Person(_) => {}
        }
        report.failure(&refusal);
    }
    Err(Error::reported(Exit::OverBudget))
}

/// Only the word `yes` approves.
async fn ask(operation: &str, report: &Report) -> Result<(), Error> {
    let question = match operation {
        "destroy" => "\nRemove this? Only `yes` is accepted: ",
        _ => "\nDo this? Only `yes` is accepted: ",
    };
    let asked = report.clone();
    let answer = tokio::task::spawn_blocking(move || asked.ask(question))
        .await
        .map_err(|why| Error::new("the answer can't be read").caused_by(&why))?;
    match answer.as_deref() {
        Some("yes") => Ok(()),
        _ => Err(Error::new("not approved: nothing was done")),
    }
}

/// Why there is no outcome.
enum Stop {
    /// The run could not be begun or recorded.
    Run(ApplyError),
    /// It didn't end soon enough after the second interrupt.
    AtOnce,
}

/// Runs it; the first interrupt lets running operations finish, the second stops at once.
async fn carry_out(
    site: &Site,
    session: &mut Session,
    plan: &Plan,
    options: &apply::Options,
    interrupts: &mut Interrupts,
    teller: &Teller,
    report: &Report,
) -> Result<Outcome, Stop> {
    let interrupt = Interrupt::new();
    let providers = &site.platform.providers;
    let run = apply::apply(session, providers, plan, options, teller.observer(), &interrupt);
    tokio::pin!(run);
    tokio::select! {
        outcome = &mut run => return outcome.map_err(Stop::Run),
        () = interrupts.next() => {
            interrupt.first();
            report.say("Interrupted: nothing new is started; waiting for what runs. Once more stops at once.");
        }
    }
    tokio::select! {
        outcome = &mut run => return outcome.map_err(Stop::Run),
        () = interrupts.next() => {
            interrupt.second();
            report.say("Stopped at once: the next apply finds out what was in flight.");
        }
    }
    match tokio::time::timeout(STOP_WITHIN, run).await {
        Ok(outcome) => outcome.map_err(Stop::Run),
        Err(_) => Err(Stop::AtOnce),
    }
}

/// What succeeded, what failed and why, and what was not tried.
fn tell(site: &Site, outcome: &Outcome, teller: &Teller, report: &Report) {
    for failure in &outcome.failed {
        let error = failed(site, failure);
        match teller {
            Teller::Person(_) => report.say(format_args!("\n{}", report::failure::render(&error).trim_end())),
            // The event of the failure was told already.
            Teller::Program(_) => {}
        }
    }
    if let Teller::Person(_) = teller {
        report.say(format_args!("\n{}", report::outcome::render(outcome).trim_end()));
    }
}

fn failed(site: &Site, failure: &apply::Failure) -> Error {
    let (kind, name) = (failure.address.kind(), failure.address.name());
    let mut error = Error::new(format!(
        "the {kind} `{name}` could not be {}",
        report::run::past(failure.verb)
    ))
    .at(site.place(failure.origin.as_deref()))
    .on(&failure.address)
    .because(&failure.message);
    error.hints.extend(failure.hint.clone());
    error
}
