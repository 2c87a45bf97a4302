//! The rollout on a terminal.

use std::time::Duration;

use anstyle::Style;

use super::View;
use crate::cli::report::style;
use crate::cli::report::table::Table;
use crate::rollout::Week;
use crate::rollout::model::{Attempt, Evidence, How, Verdict};

/// Weeks, steps, what each proves.
pub(crate) fn list(weeks: &[Week]) -> String {
    let mut out = String::new();
    for week in weeks {
        let brings = match week.sections.is_empty() {
            true => String::new(),
            false => format!(", brings up {}", week.sections.join(", ")),
        };
        let approval = if week.approval {
            ", ends with an approval"
        } else {
            ""
        };
        let heading = format!("{}: {}", week.id, week.title);
        out += &format!("{}{brings}{approval}\n", style::paint(style::STRONG, heading));
        for placed in &week.steps {
            out += &format!("  {}  {}\n", placed.id, placed.step.title());
            let proves = format!("proves: {}", placed.step.proves());
            out += &format!("      {}\n", style::paint(style::FAINT, proves));
        }
        if week.steps.is_empty() {
            out += &format!(
                "  {}\n",
                style::paint(style::FAINT, "no step of this vvbill proves it")
            );
        }
    }
    out
}

/// The last result of each step, and what it missed.
pub(crate) fn status(view: &View<'_>) -> String {
    let mut table = Table::new(["STEP", "RESULT", "ATTEMPTS", "WHEN"]);
    let attempts = view.ledger.attempts();
    for week in view.weeks {
        let standing = view.standing(week);
        let color = if standing == "passed" {
            style::ADD
        } else {
            style::CHANGE
        };
        table.row([
            (format!("{}: {}", week.id, week.title), Some(style::STRONG)),
            (standing.to_owned(), Some(color)),
            ("-".to_owned(), None),
            ("-".to_owned(), None),
        ]);
        for placed in &week.steps {
            let of_step: Vec<&Attempt> = attempts
                .iter()
                .filter(|attempt| attempt.step == placed.id)
                .collect();
            let last = of_step.last().copied();
            let (result, color) = result(last, &week.plan);
            let when = last.map_or_else(|| "-".to_owned(), |last| format!("{:.0}", last.began_at));
            table.row([
                (format!("  {}", placed.id), None),
                (result, Some(color)),
                (of_step.len().to_string(), None),
                (when, None),
            ]);
            for miss in last
                .and_then(Attempt::evidence)
                .map(Evidence::misses)
                .unwrap_or_default()
            {
                table.note(&miss);
            }
        }
    }
    let so_far = view.so_far().map(|text| format!("{text}\n"));
    table.render() + &so_far.unwrap_or_default()
}

/// What the last attempt comes to for the plan as it is.
pub(super) fn result(last: Option<&Attempt>, plan: &str) -> (String, Style) {
    let Some(last) = last else {
        return ("not run".into(), style::FAINT);
    };
    let Some(evidence) = last.evidence() else {
        return ("cut off".into(), style::CHANGE);
    };
    let mut text = evidence.verdict.name().to_owned();
    if last.basis.plan != plan {
        text += ", for another plan";
    }
    if evidence.how == How::Checked {
        text += ", only checked";
    }
    if last.forced {
        text += ", forced";
    }
    let color = match evidence.verdict {
        Verdict::Failed => style::REMOVE,
        Verdict::Inconclusive => style::CHANGE,
        _ if last.basis.plan != plan => style::CHANGE,
        _ => style::ADD,
    };
    (text, color)
}

/// How one step ended, as soon as it has.
pub(crate) fn ended(id: &str, evidence: &Evidence, took: Duration) -> String {
    let color = match evidence.verdict {
        Verdict::Passed => style::ADD,
        Verdict::Skipped => style::FAINT,
        Verdict::Failed | Verdict::Inconclusive => style::REMOVE,
    };
    let how = match evidence.how {
        How::Checked => ", only checked",
        How::Ran | How::NotTried => "",
    };
    let verdict = style::paint(color, evidence.verdict.name());
    let mut out = format!("{id}: {verdict}{how} ({:.1} s)\n", took.as_secs_f64());
    for miss in evidence.misses() {
        out += &format!("    {miss}\n");
    }
    out
}
