//! The rollout's report in Markdown.

use super::View;
use crate::cli::report::cost::markdown::cell;
use crate::rollout::model::{Attempt, Comparison, Measure, words};

/// How far it is, what is open, the timeline, every attempt's measured values, costs.
pub(crate) fn render(view: &View<'_>) -> String {
    let mut out = format!("# Rollout of {}\n\n", view.plan);
    out += &weeks(view);
    out += &open(view);
    out += &costs(view);
    out += &timeline(view);
    out += "\n## Evidence\n";
    for attempt in view.ledger.attempts() {
        out += &evidence(view, &attempt);
    }
    out
}

fn weeks(view: &View<'_>) -> String {
    let mut out = "| week | for | stands |\n|---|---|---|\n".to_owned();
    for week in view.weeks {
        out += &format!(
            "| {} | {} | {} |\n",
            week.id,
            cell(&week.title),
            view.standing(week)
        );
    }
    out
}

fn open(view: &View<'_>) -> String {
    let ends = view.open_ends();
    if ends.is_empty() {
        return "\nNothing is open.\n".into();
    }
    let lines: String = ends.iter().map(|end| format!("- {end}\n")).collect();
    format!("\n## Open\n\n{lines}")
}

fn costs(view: &View<'_>) -> String {
    if view.costs.is_empty() {
        return String::new();
    }
    let mut out =
        "\n## Costs\n\n| by the end of | USD a month | USD that week | stands |\n|---|---:|---:|---|\n"
            .to_owned();
    for cost in &view.costs {
        let incomplete = if cost.total.unknown == 0 {
            ""
        } else {
            " and what has no price"
        };
        let week = view.weeks.iter().find(|week| week.id == cost.id);
        let standing = week.map_or("", |week| view.standing(week));
        out += &format!(
            "| {} | {:.2}{incomplete} | {:.2} | {standing} |\n",
            cost.id, cost.total.known.expected, cost.week
        );
    }
    out
}

fn timeline(view: &View<'_>) -> String {
    let mut out = "\n## Timeline\n\n| when | what | how it ended |\n|---|---|---|\n".to_owned();
    for event in view.timeline() {
        let (what, how) = (cell(&event.what), cell(&event.how));
        out += &format!("| {:.0} | {what} | {how} |\n", event.at);
    }
    out
}

fn evidence(view: &View<'_>, attempt: &Attempt) -> String {
    let placed = view.weeks.iter().flat_map(|week| &week.steps);
    let title = placed
        .into_iter()
        .find(|placed| placed.id == attempt.step)
        .map(|placed| format!(": {}", placed.step.title()));
    let mut out = format!(
        "\n### {} {}{}\n\n",
        attempt.number,
        attempt.step,
        title.unwrap_or_default()
    );
    let Some((ended_at, evidence)) = &attempt.end else {
        return out + &format!("Cut off; began {:.0}.\n", attempt.began_at);
    };
    let forced = if attempt.forced {
        ", forced past a closed gate"
    } else {
        ""
    };
    out += &format!(
        "{}{forced}; {:.3} to {:.3}; plan `{}`, serial {}.\n",
        evidence.verdict.name(),
        attempt.began_at,
        ended_at,
        attempt.basis.plan.get(..12).unwrap_or(&attempt.basis.plan),
        attempt.basis.serial
    );
    if let Some(reason) = &evidence.reason {
        out += &format!("\n{}\n", cell(reason));
    }
    if !evidence.measures.is_empty() {
        out += "\n| measured | value | must be | holds |\n|---|---|---|---|\n";
        out += &evidence.measures.iter().map(row).collect::<String>();
    }
    out
}

fn row(measure: &Measure) -> String {
    let sign = match measure.comparison {
        Comparison::Equal => "",
        Comparison::AtLeast => "≥ ",
        Comparison::AtMost => "≤ ",
    };
    format!(
        "| {} | {} | {sign}{} | {} |\n",
        cell(&measure.name),
        cell(&words(&measure.measured)),
        cell(&words(&measure.threshold)),
        if measure.holds { "yes" } else { "**no**" }
    )
}
