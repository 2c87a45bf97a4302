//! How far a rollout is, and its evidence, for people and programs.

mod gaps;
pub(crate) mod html;
pub(crate) mod human;
pub(crate) mod json;
mod lanes;
pub(crate) mod markdown;
#[cfg(test)]
mod tests;

use jiff::Timestamp;

use crate::cost::curve;
use crate::rollout::ledger::{Entry, Ledger};
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

    /// What keeps it from having passed.
    fn open_ends(&self) -> Vec<String> {
        let ends = self.weeks.iter().flat_map(|week| {
            let unapproved = gate::unapproved(week, self.ledger);
            gate::open_ends(week, self.ledger).into_iter().chain(unapproved)
        });
        ends.collect()
    }

    /// Everything that was done, in order.
    fn timeline(&self) -> Vec<Event> {
        let attempts = self.ledger.attempts();
        let event = |(number, entry): (usize, &Entry)| {
            let (what, how) = match entry {
                Entry::Ended { .. } => return None,
                Entry::Begun { attempt, step, .. } => {
                    let begun = attempts.iter().find(|one| one.number == *attempt);
                    let how = human::result(begun, self.digest_for(step)).0;
                    (format!("{step}, attempt {attempt}"), how)
                }
                Entry::Applied {
                    week,
                    changes,
                    serial,
                    ..
                } => (
                    format!("{week}: its sections are applied"),
                    format!("{changes} changes, serial {serial}"),
                ),
                Entry::Forced {
                    week, who, closed_by, ..
                } => (
                    format!("{week}: {who} goes on past a closed gate"),
                    closed_by.join("; "),
                ),
                Entry::Approved { week, who, .. } => (format!("{week}: approved by {who}"), String::new()),
                Entry::Striking { .. } if self.is_over(number) => return None,
                Entry::Striking { drill, .. } => (format!("drill {drill}"), "cut off".to_owned()),
                Entry::Drilled { drill, evidence, .. } => {
                    let how = [vec![evidence.verdict.name().to_owned()], evidence.misses()].concat();
                    (format!("drill {drill}"), how.join("; "))
                }
            };
            Some(Event {
                at: entry.at(),
                what,
                how,
            })
        };
        let entries = self.ledger.entries().iter().enumerate();
        entries.filter_map(event).collect()
    }

    /// The drill that starts with this entry came to its end.
    fn is_over(&self, number: usize) -> bool {
        let mut after = self.ledger.entries().iter().skip(number + 1);
        let next = after.find(|entry| matches!(entry, Entry::Striking { .. } | Entry::Drilled { .. }));
        matches!(next, Some(Entry::Drilled { .. }))
    }

    /// What the plan asks up to the week of a step.
    fn digest_for(&self, step: &str) -> &str {
        let of_step = |week: &&Week| step.split_once('/').is_some_and(|(id, _)| id == week.id);
        self.weeks.iter().find(of_step).map_or("", |week| &week.plan)
    }

    /// What a month costs of what is up by the end of a week, in words; none where nothing is priced.
    pub(crate) fn monthly(&self, week: &str) -> Option<String> {
        let cost = self.costs.iter().find(|cost| cost.id == week)?;
        let unknown = match cost.total.unknown {
            0 => String::new(),
            count => format!(", and {count} without a known price"),
        };
        Some(format!("{:.2} USD a month{unknown}", cost.total.known.expected))
    }

    /// The last week that something was done in.
    fn last_begun(&self) -> Option<&Week> {
        let is_begun = |week: &&Week| self.standing(week) != "not begun" || self.is_applied(&week.id);
        self.weeks.iter().rfind(is_begun)
    }

    fn is_applied(&self, id: &str) -> bool {
        let mut entries = self.ledger.entries().iter();
        entries.any(|entry| matches!(entry, Entry::Applied { week, .. } if week == id))
    }

    /// What a month costs so far, in a sentence.
    pub(crate) fn so_far(&self) -> Option<String> {
        let week = self.last_begun()?;
        let monthly = self.monthly(&week.id)?;
        Some(format!("What is up by the end of {} costs {monthly}.", week.id))
    }
}

/// Something that was done.
struct Event {
    at: Timestamp,
    what: String,
    how: String,
}
