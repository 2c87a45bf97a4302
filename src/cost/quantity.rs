//! How much of something is wanted, before anybody knows its price.

use rust_decimal::Decimal;

use super::item::{Item, Row};
use crate::resource::{Address, Desired};

/// A quantity, and between what it may move: node groups grow and shrink.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// The least that the plan allows.
    pub low: Decimal,
    /// What the plan asks for.
    pub expected: Decimal,
    /// The most that the plan allows.
    pub high: Decimal,
}

impl Range {
    /// A quantity that doesn't move.
    pub fn fixed(quantity: impl Into<Decimal>) -> Self {
        let quantity = quantity.into();
        Self {
            low: quantity,
            expected: quantity,
            high: quantity,
        }
    }

    /// Each of the three, changed alike.
    #[must_use]
    pub fn map(self, change: impl Fn(Decimal) -> Decimal) -> Self {
        Self {
            low: change(self.low),
            expected: change(self.expected),
            high: change(self.high),
        }
    }

    /// Whether it stays as it is.
    pub fn is_fixed(self) -> bool {
        self.low == self.expected && self.expected == self.high
    }
}

impl std::ops::Add for Range {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            low: self.low + other.low,
            expected: self.expected + other.expected,
            high: self.high + other.high,
        }
    }
}

impl std::iter::Sum for Range {
    fn sum<I: Iterator<Item = Self>>(ranges: I) -> Self {
        ranges.fold(Self::default(), std::ops::Add::add)
    }
}

/// What a demand counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Count {
    /// Things that are there all month; whether hours or months are counted, the price says.
    Running(Range),
    /// An amount in the month, in the unit of its price.
    Amount(Range),
    /// Only use can tell, and the plan doesn't say: the field that would.
    Unstated(&'static str),
}

/// One line of an estimate before it has a price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Demand {
    pub row: Row,
    pub region: String,
    /// Another name than the row's.
    pub title: Option<&'static str>,
    /// What tells lines of the same row and region apart; empty where there is one.
    pub part: String,
    /// What it is, in words: `8 × m6i.xlarge`.
    pub detail: String,
    pub item: Item,
    pub of: Option<String>,
    pub count: Count,
    /// How the quantity came about: `8 nodes (4 to 16)`.
    pub basis: String,
    /// The plan's section that brings it.
    pub section: String,
    /// The plan's field that decides it.
    pub origin: String,
    pub resources: Vec<Address>,
    /// Whether use decides it, and not that the thing is there.
    pub usage: bool,
}

impl Demand {
    /// Things that are there all month.
    pub(super) fn running(row: Row, item: Item, count: Range, whose: &[&Desired]) -> Self {
        Self::new(row, item, Count::Running(count), whose)
    }

    /// An amount that use decides.
    pub(super) fn amount(row: Row, item: Item, count: Count, whose: &[&Desired]) -> Self {
        Self {
            usage: true,
            ..Self::new(row, item, count, whose)
        }
    }

    fn new(row: Row, item: Item, count: Count, whose: &[&Desired]) -> Self {
        let first = whose.first();
        Self {
            row,
            region: first.map_or_else(String::new, |it| it.address.region().to_owned()),
            title: None,
            part: String::new(),
            detail: String::new(),
            item,
            of: None,
            count,
            basis: String::new(),
            section: first.map_or_else(String::new, |it| it.section.clone()),
            origin: first.map_or_else(String::new, |it| it.origin.clone()),
            resources: whose.iter().map(|it| it.address.clone()).collect(),
            usage: false,
        }
    }

    #[must_use]
    pub(super) fn of(mut self, of: impl Into<String>) -> Self {
        self.of = Some(of.into());
        self
    }

    #[must_use]
    pub(super) fn titled(mut self, title: &'static str) -> Self {
        self.title = Some(title);
        self
    }

    #[must_use]
    pub(super) fn part(mut self, part: impl Into<String>) -> Self {
        self.part = part.into();
        self
    }

    /// What it is in words, and how its quantity came about.
    #[must_use]
    pub(super) fn told(mut self, detail: impl Into<String>, basis: impl Into<String>) -> Self {
        self.detail = detail.into();
        self.basis = basis.into();
        self
    }

    #[must_use]
    pub(super) fn from(mut self, section: &str, origin: &str) -> Self {
        self.section = section.to_owned();
        self.origin = origin.to_owned();
        self
    }
}

/// `1 node`, `8 nodes`, `3 proxies`.
pub(super) fn counted(count: impl Into<Decimal>, noun: &str) -> String {
    let count = count.into();
    let (stem, ending) = match noun.as_bytes() {
        _ if count == Decimal::ONE => (noun, ""),
        [.., b's' | b'x'] => (noun, "es"),
        [.., before, b'y'] if !b"aeiou".contains(before) => (&noun[..noun.len() - 1], "ies"),
        _ => (noun, "s"),
    };
    format!("{} {stem}{ending}", plain(count))
}

/// A number with its thousands grouped and no more digits than it has: `5,760`, `0.192`.
pub fn plain(number: Decimal) -> String {
    let text = number.normalize().to_string();
    let (sign, text) = match text.strip_prefix('-') {
        Some(text) => ("-", text),
        None => ("", text.as_str()),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut grouped = String::new();
    for (number, digit) in whole.chars().enumerate() {
        if number > 0 && (whole.len() - number).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    match fraction {
        "" => format!("{sign}{grouped}"),
        fraction => format!("{sign}{grouped}.{fraction}"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn thousands_are_grouped_and_zeros_at_the_end_dropped() {
        for (number, expect) in [
            ("0", "0"),
            ("999", "999"),
            ("1000", "1,000"),
            ("-1234567.8900", "-1,234,567.89"),
            ("0.190", "0.19"),
        ] {
            assert_eq!(plain(number.parse().unwrap()), expect);
        }
    }
}
