//! The rollout as JSON.

use serde_json::{Value, json};

use super::View;
use crate::rollout::Week;
use crate::rollout::ledger::Entry;
use crate::rollout::model::Attempt;

/// Weeks, steps, what each proves.
pub(crate) fn list(plan: &str, weeks: &[Week]) -> Value {
    let weeks: Vec<Value> = weeks.iter().map(described).collect();
    json!({ "plan": plan, "weeks": weeks })
}

fn described(week: &Week) -> Value {
    let steps: Vec<Value> = week
        .steps
        .iter()
        .map(|placed| {
            json!({
                "id": placed.id,
                "title": placed.step.title(),
                "proves": placed.step.proves(),
            })
        })
        .collect();
    json!({
        "id": week.id,
        "title": week.title,
        "sections": week.sections,
        "approval": week.approval,
        "steps": steps,
    })
}

/// How far each week is, with the last attempt at each step.
pub(crate) fn status(view: &View<'_>) -> Value {
    let weeks: Vec<Value> = view
        .weeks
        .iter()
        .map(|week| {
            let mut weekly = described(week);
            let standing = view.standing(week);
            weekly["standing"] = json!(standing);
            weekly["passed"] = json!(standing == "passed");
            weekly["plan_digest"] = json!(week.plan);
            let approval = view.ledger.approval(&week.id, &week.plan);
            weekly["approved"] = json!(approval.map(|(who, at)| json!({ "who": who, "at": at })));
            for step in weekly["steps"].as_array_mut().into_iter().flatten() {
                let last = step["id"].as_str().and_then(|id| view.ledger.last(id));
                step["last"] = json!(last.as_ref().map(attempt));
            }
            weekly
        })
        .collect();
    let costs: Vec<Value> = view
        .costs
        .iter()
        .map(|week| {
            json!({
                "week": week.id,
                "usd_monthly": week.total.known.expected,
                "usd_that_week": week.week,
                "complete": week.total.unknown == 0,
            })
        })
        .collect();
    json!({
        "plan": view.plan,
        "passed": view.has_passed(),
        "weeks": weeks,
        "costs": costs,
        "costs_so_far": view.so_far(),
    })
}

/// Everything: how far it is, every attempt, what else was done.
pub(crate) fn account(view: &View<'_>) -> Value {
    let mut document = status(view);
    let attempts: Vec<Value> = view.ledger.attempts().iter().map(attempt).collect();
    document["attempts"] = json!(attempts);
    let events = view.ledger.entries().iter();
    let events: Vec<Value> = events
        .filter(|entry| !matches!(entry, Entry::Begun { .. } | Entry::Ended { .. }))
        .map(|entry| json!(entry))
        .collect();
    document["events"] = json!(events);
    document
}

fn attempt(attempt: &Attempt) -> Value {
    let mut document = match attempt.evidence() {
        Some(evidence) => json!(evidence),
        None => json!({ "verdict": null }),
    };
    document["number"] = json!(attempt.number);
    document["step"] = json!(attempt.step);
    document["began_at"] = json!(attempt.began_at);
    document["ended_at"] = json!(attempt.end.as_ref().map(|(at, _)| at));
    document["basis"] = json!(attempt.basis);
    document["forced"] = json!(attempt.forced);
    document
}
