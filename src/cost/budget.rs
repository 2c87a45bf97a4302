//! Limits, and the lines that break them.

use rust_decimal::Decimal;

use super::difference::{Change, Difference, signed};
use super::estimate::{Estimate, Line};
use super::quantity::plain;

/// What may not be exceeded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// What a month may cost, and who says so: `cost.monthly_budget`.
    pub monthly: Vec<(String, Decimal)>,
    /// By how much a month may become dearer, and who says so.
    pub increase: Option<(String, Decimal)>,
}

/// A limit that is exceeded, or that nobody can say is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// Whose limit it is, as [`Limits`] names it.
    pub whose: String,
    /// What happened, in a sentence.
    pub message: String,
    /// The lines behind it, the dearest first.
    pub lines: Vec<String>,
}

/// The limits that an estimate breaks. A total with an unknown in it keeps no limit.
pub fn breaches(estimate: &Estimate, difference: Option<&Difference<'_>>, limits: &Limits) -> Vec<Breach> {
    let monthly = limits
        .monthly
        .iter()
        .filter_map(|(whose, limit)| over(estimate, whose, *limit));
    let increase = limits
        .increase
        .iter()
        .filter_map(|(whose, limit)| dearer(difference?, whose, *limit));
    monthly.chain(increase).collect()
}

/// Whether a month becomes no dearer, whatever the unknown lines cost: no limit is a reason against that.
pub fn saves(difference: &Difference<'_>) -> bool {
    let may_add = |change: &Change<'_>| change.delta.is_none() && change.after.is_some();
    difference.known() <= Decimal::ZERO && !difference.changes.iter().any(may_add)
}

fn over(estimate: &Estimate, whose: &str, limit: Decimal) -> Option<Breach> {
    let total = estimate.total();
    let known = total.known.expected;
    if known > limit {
        let more = if total.unknown > 0 { "at least " } else { "" };
        let message = format!(
            "a month costs {more}{} USD, {} USD over {whose} of {} USD",
            cents(known),
            cents(known - limit),
            cents(limit)
        );
        return Some(Breach {
            whose: whose.to_owned(),
            message,
            lines: dearest(&estimate.lines, limit),
        });
    }
    if total.unknown == 0 {
        return None;
    }
    let unknown = estimate.lines.iter().filter(|line| line.monthly.is_none());
    Some(Breach {
        whose: whose.to_owned(),
        message: format!(
            "nobody can say whether a month stays within {whose} of {} USD: {} USD are known, and {} have no cost",
            cents(limit),
            cents(known),
            super::quantity::counted(total.unknown as u64, "line")
        ),
        lines: unknown.map(named).collect(),
    })
}

/// The lines with which the limit is passed when the dearest come last: those that have to shrink.
fn dearest(lines: &[Line], limit: Decimal) -> Vec<String> {
    let mut known: Vec<(&Line, Decimal)> = lines
        .iter()
        .filter_map(|line| Some((line, line.monthly?.expected)))
        .filter(|(_, cost)| !cost.is_zero())
        .collect();
    known.sort_by_key(|(_, cost)| *cost);
    let mut sum = Decimal::ZERO;
    let mut over: Vec<String> = Vec::new();
    for (line, cost) in known {
        sum += cost;
        if sum > limit {
            over.push(format!("{}: {} USD", named(line), cents(cost)));
        }
    }
    over.reverse();
    over
}

fn dearer(difference: &Difference<'_>, whose: &str, limit: Decimal) -> Option<Breach> {
    let known = difference.known();
    let unknown = difference.unknown();
    if known <= limit && unknown == 0 {
        return None;
    }
    let mut changes: Vec<&Change<'_>> = difference
        .changes
        .iter()
        .filter(|change| change.delta.is_none_or(|delta| delta > Decimal::ZERO))
        .collect();
    changes.sort_by_key(|change| std::cmp::Reverse(change.delta));
    let message = match known > limit {
        true => format!(
            "a month becomes {} USD dearer, {} USD over {whose} of {} USD",
            cents(known),
            cents(known - limit),
            cents(limit)
        ),
        false => format!(
            "nobody can say whether a month becomes no more than {} USD dearer ({whose}): {} can't be put into money",
            cents(limit),
            super::quantity::counted(unknown as u64, "change")
        ),
    };
    let lines = changes.into_iter().map(|change| {
        let delta = change
            .delta
            .map_or("?".to_owned(), |delta| signed(delta.round_dp(2)));
        format!("{}: {delta} USD, {}", named(change.line()), change.why.join("; "))
    });
    Some(Breach {
        whose: whose.to_owned(),
        message,
        lines: lines.collect(),
    })
}

fn named(line: &Line) -> String {
    format!(
        "{}: {} in {} (`{}`)",
        line.row.group(),
        line.title,
        line.region,
        line.origin
    )
}

fn cents(amount: Decimal) -> String {
    plain(amount.round_dp(2))
}
