//! What a plan costs, as texts: one file a format. Nothing here computes a cost.

pub(in crate::cli::report) mod chart;
pub(crate) mod csv;
pub(crate) mod delta;
pub(crate) mod html;
pub(crate) mod human;
pub(crate) mod json;
pub(crate) mod markdown;

use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::Value;

use crate::cost::budget::Breach;
use crate::cost::curve::{Rate, Week};
use crate::cost::difference::Difference;
use crate::cost::{Component, Estimate, Line, Range, Total, Unit, Unknown, plain};

/// Everything that is known of the cost of a plan.
#[derive(Debug)]
pub(crate) struct View<'a> {
    /// The plan file.
    pub path: String,
    pub estimate: &'a Estimate,
    pub weeks: Vec<Week>,
    pub rates: Vec<Rate>,
    pub difference: Option<Difference<'a>>,
    /// What the other side is called: its file and its book.
    pub against: String,
    pub breaches: Vec<Breach>,
    pub generated: jiff::Timestamp,
}

impl View<'_> {
    /// `prices aws-2026-11 of 2026-11-24, 730 hours a month`.
    fn basis(&self) -> String {
        let estimate = self.estimate;
        format!(
            "prices `{}` of {}, {} hours a month",
            estimate.book, estimate.dated, estimate.hours
        )
    }

    /// What a million events cost, where the plan has events.
    fn a_million(&self) -> Option<String> {
        let cost = self.estimate.cost_of_a_million_events()?;
        let rate = self.estimate.events_a_minute?;
        let at_least = self.at_least();
        Some(format!(
            "{at_least}{} USD for a million events, at {} events a minute",
            plain(cost.round_dp(4)),
            plain(rate)
        ))
    }

    fn at_least(&self) -> &'static str {
        at_least(self.estimate.total())
    }

    /// One line for what differs from the other side.
    fn delta(&self) -> Option<String> {
        let difference = self.difference.as_ref()?;
        let unknown = difference.unknown();
        let known = signed_money(difference.known());
        Some(match unknown {
            0 => format!("{known} USD a month against {}", self.against),
            _ => format!(
                "{known} USD a month against {}, and {} without a cost",
                self.against,
                counted(unknown, "change")
            ),
        })
    }
}

/// Said before an amount to which something unknown comes.
fn at_least(total: Total) -> &'static str {
    match total.unknown {
        0 => "",
        _ => "at least ",
    }
}

/// `6,287 USD`, or `at least 9,012.34 USD, and 3 lines without a cost`.
fn total(total: Total, estimate: &Estimate) -> String {
    let known = money(total.known.expected, estimate);
    match total.unknown {
        0 => format!("{known} USD"),
        unknown => format!(
            "at least {known} USD, and {} without a cost",
            counted(unknown, "line")
        ),
    }
}

fn counted(count: usize, noun: &str) -> String {
    super::findings::counted(count, noun)
}

/// In whole dollars where the book rounds so, else in cents.
fn money(amount: Decimal, estimate: &Estimate) -> String {
    match estimate.rounded_to {
        Some(step) if step.fract().is_zero() && amount.fract().is_zero() => plain(amount),
        _ => cents(amount),
    }
}

/// `1,234.50`.
pub(super) fn cents(amount: Decimal) -> String {
    let amount = amount.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
    let text = plain(amount);
    match text.split_once('.') {
        None => format!("{text}.00"),
        Some((whole, fraction)) => format!("{whole}.{fraction:0<2}"),
    }
}

fn signed_money(amount: Decimal) -> String {
    match amount.is_sign_negative() {
        true => cents(amount),
        false => format!("+{}", cents(amount)),
    }
}

/// What is said where a cost is not.
const UNKNOWN: &str = "unknown";

/// Cost of a line, or that it is unknown.
fn monthly(line: &Line, estimate: &Estimate) -> String {
    line.monthly
        .map_or_else(|| UNKNOWN.to_owned(), |range| money(range.expected, estimate))
}

/// `547 to 2,189`, where the plan gives bounds.
fn bounds(range: Option<Range>, estimate: &Estimate) -> String {
    match range {
        Some(range) if !range.is_fixed() => {
            format!(
                "{} to {}",
                money(range.low, estimate),
                money(range.high, estimate)
            )
        }
        _ => String::new(),
    }
}

/// `5,760 hours`; things that are paid by the month are only counted.
fn quantity(component: &Component) -> String {
    let unit = component.unit.filter(|unit| *unit != Unit::Month);
    let unit = unit.map_or("", Unit::plural);
    match component.quantity {
        Some(range) => format!("{} {unit}", plain(range.expected.round_dp(2)))
            .trim_end()
            .to_owned(),
        None => "?".to_owned(),
    }
}

fn price(component: &Component) -> String {
    component.price.map_or_else(|| "?".to_owned(), plain)
}

/// How the cost comes about, or what is missing.
fn how(line: &Line, book: &str) -> String {
    match &line.unknown {
        None => line.formula.clone(),
        Some(Unknown::Price) => format!(
            "{}; `{book}` has no price for {} in {}",
            line.formula,
            line.item.name(),
            line.region
        ),
        Some(Unknown::Quantity(field)) => format!("set `{field}`: only use can tell"),
        Some(Unknown::Kind) => "vvbill knows no price for it".to_owned(),
    }
}

/// As programs read it; null where it is unknown.
fn decimal(amount: Option<Decimal>) -> Value {
    amount.map_or(Value::Null, |amount| {
        Value::String(amount.normalize().to_string())
    })
}

/// A few words for a rate: `0.1`, `10` million events a minute.
fn millions(events_a_minute: Decimal) -> String {
    plain(events_a_minute / Decimal::from(1_000_000))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn cents_are_always_two_and_halves_go_away_from_zero() {
        for (amount, expect) in [("6287", "6,287.00"), ("0.145", "0.15"), ("-1234.5", "-1,234.50")] {
            assert_eq!(cents(amount.parse().unwrap()), expect);
        }
        assert_eq!(signed_money(Decimal::ZERO), "+0.00");
    }
}
