//! The rollout's report as a page: one file, no scripts, for screens light and dark and for paper.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::View;
use super::gaps::{self, Gaps};
use super::human::result;
use super::lanes::{self, Lane, Mark};
use crate::cli::report::load::chart::{Plot, Tick};
use crate::cli::report::load::plots;
use crate::rollout::model::{Attempt, Comparison, Evidence, How, Measure, Verdict, words};
use crate::rollout::week::Placed;
use crate::rollout::{Week, found, measured};
use crate::templates::{TemplateError, Templates, sources};

static TEMPLATES: Templates = Templates::new(sources![
    "report/rollout.html",
    "report/page.css",
    "report/plot.svg"
]);

/// What the template is filled with. Texts are escaped there.
#[derive(Debug, Serialize)]
struct Values {
    title: String,
    basis: String,
    headline: String,
    is_good: bool,
    facts: Vec<String>,
    open: Vec<String>,
    has_costs: bool,
    weeks: Vec<WeekValues>,
    span: String,
    ticks: Vec<Tick>,
    lanes: Vec<Lane>,
    lanes_height: f64,
    /// Of each step that measured something over time.
    plots: Vec<PlotGroup>,
    /// The last run of each drill.
    drills: Vec<Gaps>,
    timeline: Vec<EventValues>,
    generated: String,
    version: &'static str,
}

#[derive(Debug, Serialize)]
struct PlotGroup {
    title: String,
    plots: Vec<Plot>,
}

#[derive(Debug, Serialize)]
struct WeekValues {
    id: String,
    title: String,
    standing: &'static str,
    has_passed: bool,
    steps_passed: usize,
    monthly: String,
    weekly: String,
    steps: Vec<StepValues>,
}

#[derive(Debug, Serialize)]
struct StepValues {
    id: String,
    title: &'static str,
    proves: &'static str,
    result: String,
    /// `good`, `bad`, or neither.
    class: &'static str,
    about: String,
    reason: String,
    measures: Vec<MeasureValues>,
    /// One line each.
    earlier: Vec<String>,
}

#[derive(Debug, Serialize)]
struct MeasureValues {
    name: String,
    value: String,
    bound: String,
    holds: bool,
}

#[derive(Debug, Serialize)]
struct EventValues {
    at: String,
    what: String,
    how: String,
}

/// The page, as of `now`.
pub(crate) fn render(view: &View<'_>, now: Timestamp) -> Result<String, TemplateError> {
    let attempts = view.ledger.attempts();
    let passed = view.weeks.iter().filter(|week| view.standing(week) == "passed");
    let (passed, all) = (passed.count(), view.weeks.len());
    let (ticks, lanes) = lanes::placed(&marks(view, &attempts));
    let forced = attempts.iter().filter(|attempt| attempt.forced).count();
    let facts = view.so_far().into_iter().chain(
        (forced > 0)
            .then(|| format!("{forced} attempts were made past a closed gate: their results say so.")),
    );
    let values = Values {
        title: format!("Rollout of {}", view.plan),
        basis: format!(
            "{} attempts at {} steps; each value was asked of the running system, each threshold is the plan's",
            attempts.len(),
            view.weeks.iter().map(|week| week.steps.len()).sum::<usize>()
        ),
        headline: match passed == all {
            true => format!("All {all} weeks have passed"),
            false => format!("{passed} of {all} weeks have passed"),
        },
        is_good: passed == all,
        facts: facts.collect(),
        open: view.open_ends(),
        has_costs: !view.costs.is_empty(),
        weeks: view
            .weeks
            .iter()
            .map(|week| week_values(view, week, &attempts))
            .collect(),
        span: span(&attempts),
        ticks,
        lanes_height: lanes::height(&lanes),
        lanes,
        plots: plot_groups(view, &attempts),
        drills: gaps::of_ledger(view.ledger),
        timeline: view
            .timeline()
            .into_iter()
            .map(|event| EventValues {
                at: format!("{:.0}", event.at),
                what: event.what,
                how: event.how,
            })
            .collect(),
        generated: now.strftime("%Y-%m-%d %H:%M UTC").to_string(),
        version: env!("CARGO_PKG_VERSION"),
    };
    TEMPLATES.fill("report/rollout.html", &values)
}

fn of_step<'a>(attempts: &'a [Attempt], step: &str) -> Vec<&'a Attempt> {
    attempts.iter().filter(|attempt| attempt.step == step).collect()
}

fn week_values(view: &View<'_>, week: &Week, attempts: &[Attempt]) -> WeekValues {
    let cost = view.costs.iter().find(|cost| cost.id == week.id);
    let holds = |placed: &&Placed| {
        let last = of_step(attempts, &placed.id).last().copied();
        last.is_some_and(|last| last.holds_for(&week.plan))
    };
    let standing = view.standing(week);
    WeekValues {
        id: week.id.clone(),
        title: week.title.clone(),
        standing,
        has_passed: standing == "passed",
        steps_passed: week.steps.iter().filter(holds).count(),
        monthly: view
            .monthly(&week.id)
            .unwrap_or_default()
            .replace(" USD a month", ""),
        weekly: cost.map_or_else(String::new, |cost| format!("{:.2}", cost.week)),
        steps: week
            .steps
            .iter()
            .map(|placed| step_values(week, placed, &of_step(attempts, &placed.id)))
            .collect(),
    }
}

fn step_values(week: &Week, placed: &Placed, attempts: &[&Attempt]) -> StepValues {
    // A look again measures less than the action did: where both hold, the action is what is shown.
    let last = attempts.last().copied();
    let shown = told(attempts, &week.plan).or(last);
    let evidence = shown.and_then(Attempt::evidence);
    let earlier = attempts
        .iter()
        .filter(|attempt| shown.is_none_or(|shown| shown.number != attempt.number));
    StepValues {
        id: placed.id.clone(),
        title: placed.step.title(),
        proves: placed.step.proves(),
        result: result(last, &week.plan).0,
        class: class(last, &week.plan),
        about: shown.map(about).unwrap_or_default(),
        reason: evidence
            .and_then(|evidence| evidence.reason.clone())
            .unwrap_or_default(),
        measures: evidence
            .map(|evidence| evidence.measures.iter().map(measure_values).collect())
            .unwrap_or_default(),
        earlier: earlier.map(|attempt| one_line(attempt, &week.plan)).collect(),
    }
}

/// The last attempt, or the one that acted for this plan where the last ones only looked at its traces and all hold.
fn told<'a>(attempts: &[&'a Attempt], plan: &str) -> Option<&'a Attempt> {
    for attempt in attempts.iter().rev() {
        let evidence = attempt.evidence()?;
        if !attempt.holds_for(plan) {
            return None;
        }
        if evidence.how == How::Ran {
            return Some(attempt);
        }
    }
    None
}

fn class(attempt: Option<&Attempt>, plan: &str) -> &'static str {
    match attempt.map(|attempt| (attempt.holds_for(plan), attempt.evidence())) {
        None | Some((_, None)) => "faint",
        Some((true, Some(evidence))) if evidence.verdict == Verdict::Skipped => "faint",
        Some((true, _)) => "good",
        Some((false, _)) => "bad",
    }
}

fn about(attempt: &Attempt) -> String {
    let plan = attempt.basis.plan.get(..12).unwrap_or(&attempt.basis.plan);
    let end = attempt
        .end
        .as_ref()
        .map_or_else(|| "cut off".to_owned(), |(at, _)| format!("until {at:.0}"));
    format!(
        "Attempt {}, {:.0} {end}; plan {plan}, serial {}{}.",
        attempt.number,
        attempt.began_at,
        attempt.basis.serial,
        if attempt.forced {
            ", forced past a closed gate"
        } else {
            ""
        }
    )
}

fn one_line(attempt: &Attempt, plan: &str) -> String {
    let misses = attempt.evidence().map(Evidence::misses).unwrap_or_default();
    let how = result(Some(attempt), plan).0;
    let why = if misses.is_empty() {
        String::new()
    } else {
        format!(": {}", misses.join("; "))
    };
    format!("{}, {:.0}: {how}{why}", attempt.number, attempt.began_at)
}

fn measure_values(measure: &Measure) -> MeasureValues {
    let sign = match measure.comparison {
        Comparison::Equal => "",
        Comparison::AtLeast => "≥ ",
        Comparison::AtMost => "≤ ",
    };
    let shown = |value: &Value| match words(value) {
        text if text.is_empty() => "none".to_owned(),
        text => text,
    };
    MeasureValues {
        name: measure.name.clone(),
        value: shown(&measure.measured),
        bound: format!("{sign}{}", shown(&measure.threshold)),
        holds: measure.holds,
    }
}

/// Each attempt as a stretch of time in its step's lane.
fn marks(view: &View<'_>, attempts: &[Attempt]) -> Vec<(String, Vec<Mark>)> {
    let steps = view
        .weeks
        .iter()
        .flat_map(|week| week.steps.iter().map(move |placed| (week, placed)));
    let lane = |(week, placed): (&Week, &Placed)| {
        let marks = of_step(attempts, &placed.id).into_iter().map(|attempt| Mark {
            from: attempt.began_at,
            to: attempt.end.as_ref().map_or(attempt.began_at, |(at, _)| *at),
            class: match attempt.evidence().map(|evidence| evidence.verdict) {
                Some(Verdict::Passed) => "good",
                Some(Verdict::Failed | Verdict::Inconclusive) => "bad",
                Some(Verdict::Skipped) | None => "",
            },
            title: one_line(attempt, &week.plan),
        });
        (placed.id.clone(), marks.collect::<Vec<_>>())
    };
    steps.map(lane).filter(|(_, marks)| !marks.is_empty()).collect()
}

fn span(attempts: &[Attempt]) -> String {
    let began = attempts.iter().map(|attempt| attempt.began_at).min();
    let ended = attempts
        .iter()
        .filter_map(|attempt| Some(attempt.end.as_ref()?.0))
        .max();
    match (began, ended) {
        (Some(began), Some(ended)) => format!("{began:.0} to {ended:.0}"),
        _ => String::new(),
    }
}

/// Curves of the last attempt at each step that measured any.
fn plot_groups(view: &View<'_>, attempts: &[Attempt]) -> Vec<PlotGroup> {
    let steps = view.weeks.iter().flat_map(|week| &week.steps);
    let group = |placed: &Placed| {
        let memories = of_step(attempts, &placed.id).into_iter().rev();
        let mut memories = memories.filter_map(|attempt| Some(&attempt.evidence()?.memory));
        let plots = memories.find_map(|memory| {
            let run = measured(memory).map(|measured| plots::of_run(&measured));
            run.or_else(|| Some(plots::of_search(&found(memory)?).into_iter().collect()))
        })?;
        (!plots.is_empty()).then(|| PlotGroup {
            title: format!("{}: {}", placed.id, placed.step.title()),
            plots,
        })
    };
    steps.filter_map(group).collect()
}
