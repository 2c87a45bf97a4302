//! What may stop a plan before anything of it is done: budgets, and the plan's policies.

use std::collections::BTreeMap;

use serde_json::Value;

use super::arguments::{Budget, MONTHLY_BUDGET};
use super::bill::{self, Bill};
use super::error::Error;
use super::exit::Exit;
use super::report::snippet::Snippet;
use crate::apply::{Event, Observer, Severity};
use crate::cost::budget;
use crate::plan::{Mode, Plan};
use crate::spec::{self, BrokenPolicy, Spec};

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// Each of them ends in 3.
    pub refusals: Vec<Error>,
    /// What is over a budget and yet no reason to stop.
    pub warnings: Vec<String>,
}

impl Verdict {
    /// Tells the warnings to whoever listens.
    pub(crate) fn warn(&self, observer: &dyn Observer) {
        for warning in &self.warnings {
            observer.observe(&Event::Diagnostic {
                severity: Severity::Warning,
                summary: warning.clone(),
                detail: String::new(),
                address: None,
            });
        }
    }
}

/// The fields of a plan that a refusal points at.
pub(crate) fn fields(spec: &Spec) -> Vec<String> {
    let rules = (0..spec.policy.len()).map(rule_field);
    rules.chain([MONTHLY_BUDGET.to_owned()]).collect()
}

fn rule_field(index: usize) -> String {
    format!("policy[{index}].rule")
}

/// Judges a plan that changes something outside; `document` is what `plan --json` prints of it.
pub(crate) fn judge(
    spec: &Spec,
    places: &BTreeMap<String, Snippet>,
    plan: &Plan,
    bill: Option<&Bill>,
    document: &Value,
    budget: Budget,
) -> Verdict {
    if plan.mode != Mode::Apply {
        return Verdict::default();
    }
    let mut verdict = bill.map_or_else(Verdict::default, |bill| within(spec, places, bill, budget));
    let broken = spec::broken(&spec.policy, document);
    verdict
        .refusals
        .extend(broken.iter().map(|broken| against(broken, places)));
    verdict
}

/// What makes a month no dearer passes, whatever the budget.
fn within(spec: &Spec, places: &BTreeMap<String, Snippet>, bill: &Bill, budget: Budget) -> Verdict {
    let difference = bill.difference();
    let breaches = budget::breaches(&bill.after, Some(&difference), &budget.limits(spec));
    if budget::saves(&difference) {
        let warnings = breaches.into_iter().map(|breach| {
            let message = breach.message;
            format!("{message}; the plan makes it no dearer, so that is no reason to stop it")
        });
        return Verdict {
            warnings: warnings.collect(),
            ..Verdict::default()
        };
    }
    let refusals = breaches.iter().map(|breach| {
        let own = breach.whose == format!("`{MONTHLY_BUDGET}`");
        let place = places.get(MONTHLY_BUDGET).filter(|_| own);
        let error = bill::over(breach).at(place.cloned());
        match own {
            true => error.hint(format!(
                "make it cheaper, or raise `{MONTHLY_BUDGET}` in the plan"
            )),
            false => error,
        }
    });
    Verdict {
        refusals: refusals.collect(),
        ..Verdict::default()
    }
}

fn against(broken: &BrokenPolicy<'_>, places: &BTreeMap<String, Snippet>) -> Error {
    let policy = broken.policy;
    let message = match broken.undecided {
        None => format!("against the policy `{}`: {}", policy.name, policy.message),
        Some(_) => format!(
            "nobody can say whether the policy `{}` holds: {}",
            policy.name, policy.message
        ),
    };
    let place = places.get(&rule_field(broken.index));
    let error = Error::new(message).exiting(Exit::OverBudget).at(place.cloned());
    match &broken.undecided {
        None => error,
        Some(undecided) => error
            .because(undecided.why.clone())
            .hints(undecided.hint.map(str::to_owned)),
    }
}
