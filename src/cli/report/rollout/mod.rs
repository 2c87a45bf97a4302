//! How far a rollout is, and its evidence, for people and programs.

pub(crate) mod human;
pub(crate) mod json;
pub(crate) mod markdown;

use crate::cost::curve;
use crate::rollout::ledger::Ledger;
use crate::rollout::{Week, gate};

/// A rollout as it stands.
pub(crate) struct View<'a> {
    pub plan: &'a str,
    pub weeks: &'a [Week],
    pub ledger: &'a Ledger,
    /// What a month costs by the end of each week, where something costs.
    pub costs: Vec<curve::Week>,
}

impl View<'_> {
    /// Every week has shown what it has to, and is approved where it asks for it.
    pub(crate) fn has_passed(&self) -> bool {
        self.weeks.iter().all(|week| self.standing(week) == "passed")
    }

    /// A week in one word.
    fn standing(&self, week: &Week) -> &'static str {
        let is_begun = week.steps.iter().any(|step| self.ledger.last(&step.id).is_some());
        match gate::open_ends(week, self.ledger).is_empty() {
            true if gate::unapproved(week, self.ledger).is_some() => "unapproved",
            true => "passed",
            false if is_begun => "open",
            false => "not begun",
        }
    }
}
