//! Whether a week may begin: every week before it has passed, for the plan as it is. Pure.

use super::ledger::Ledger;
use super::week::Week;

/// What keeps the gate before `week` closed; empty: it is open.
pub fn closed_by(weeks: &[Week], week: &str, ledger: &Ledger) -> Vec<String> {
    weeks
        .iter()
        .take_while(|earlier| earlier.id != week)
        .flat_map(|earlier| {
            open_ends(earlier, ledger)
                .into_iter()
                .chain(unapproved(earlier, ledger))
        })
        .collect()
}

/// What a week has not shown yet.
pub fn open_ends(week: &Week, ledger: &Ledger) -> Vec<String> {
    if week.steps.is_empty() {
        return vec![format!(
            "{}: no step of this vvbill proves what it brings up",
            week.id
        )];
    }
    let attempts = ledger.attempts();
    let mut ends = Vec::new();
    for placed in &week.steps {
        let last = attempts.iter().rfind(|attempt| attempt.step == placed.id);
        let id = &placed.id;
        match last {
            None => ends.push(format!("{id} has not been run")),
            Some(attempt) if attempt.holds_for(&week.plan) => {}
            Some(attempt) => match attempt.evidence() {
                None => ends.push(format!("{id} was cut off")),
                Some(evidence) if evidence.verdict.opens_the_gate() => ends.push(format!(
                    "{id} {} for another plan than this one",
                    evidence.verdict.name()
                )),
                Some(evidence) => {
                    let verdict = evidence.verdict.name();
                    let misses = evidence.misses();
                    ends.extend(misses.iter().map(|miss| format!("{id} {verdict}: {miss}")));
                }
            },
        }
    }
    ends
}

/// The week waits for somebody's approval.
pub fn unapproved(week: &Week, ledger: &Ledger) -> Option<String> {
    let waits = week.approval && ledger.approval(&week.id, &week.plan).is_none();
    waits.then(|| format!("{} waits for an approval", week.id))
}
