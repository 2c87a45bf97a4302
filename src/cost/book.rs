//! Price books: dated lists of prices, each with its source.
//!
//! A book is a YAML text. Two are built in; a file of the same form can stand in their place.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::Deserialize;

use super::item::{Item, Row, Unit};
use super::price_list::Wanted;
use crate::spec::Money;

/// The built-in books, by name.
const BUILT_IN: &[(&str, &str)] = &[
    (
        "aws-2026-11",
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/prices/aws-2026-11.yaml")),
    ),
    (
        "specification",
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/prices/specification.yaml")),
    ),
];

/// A price book.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Book {
    /// What `--prices` and `cost.price_book` call it.
    pub name: String,
    /// The day that its prices were looked up.
    pub dated: Date,
    /// What it is, in a few words.
    pub about: String,
    /// Each line is rounded to a multiple of it, halves up, before lines are added. Unset: exact.
    #[serde(default)]
    pub round_lines_to: Option<Money>,
    /// What it covers. Unset: everything.
    #[serde(default)]
    pub scope: Option<Scope>,
    /// The prices.
    pub prices: Vec<Price>,
    /// Rates for who commits to a year.
    #[serde(default)]
    pub commitments: Vec<Commitment>,
}

/// What an hour costs who commits to a year without paying ahead: for an instance by a Compute Savings Plan, for
/// databases and caches by reserving them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commitment {
    /// What it is for.
    pub item: Item,
    /// Which of its kind.
    pub of: String,
    /// Where.
    pub region: String,
    /// Of an hour.
    pub price: Money,
    /// Where it was seen.
    pub source: String,
}

/// The part of a platform that a book, or who asks, wants priced.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// Why no more than this.
    pub why: String,
    /// Whose lines.
    pub regions: ScopeRegions,
    /// Which lines.
    pub rows: BTreeSet<Row>,
}

/// The regions of a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScopeRegions {
    /// The first region, and what belongs to none.
    Primary,
    /// Every region.
    All,
}

/// What something costs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// What it is for.
    pub item: Item,
    /// Which of its kind: an instance type, a storage class. Unset: any.
    #[serde(default)]
    pub of: Option<String>,
    /// Where. Unset: everywhere.
    #[serde(default)]
    pub region: Option<String>,
    /// What it is quoted in.
    pub per: Unit,
    /// One price for any amount.
    #[serde(default)]
    price: Option<Money>,
    /// Prices that fall with the amount.
    #[serde(default)]
    tiers: Vec<Tier>,
    /// The hours of a month where the book counts them otherwise than the plan.
    #[serde(default)]
    pub hours: Option<u32>,
    /// Where it was seen.
    pub source: String,
}

/// A price up to an amount.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// Where the tier ends, counted from nothing. Unset: it never does.
    #[serde(default)]
    pub up_to: Option<Decimal>,
    /// The price within it.
    pub price: Money,
}

/// A text that is no price book.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the price book `{name}` can't be used: {why}")]
pub struct BookError {
    /// The file, or the built-in book's name.
    pub name: String,
    /// What is wrong with it.
    pub why: String,
}

impl Book {
    /// The built-in book of this name.
    pub fn built_in(name: &str) -> Option<Result<Self, BookError>> {
        let (name, text) = BUILT_IN.iter().find(|(known, _)| *known == name)?;
        Some(Self::parse(name, text))
    }

    /// The names of the built-in books.
    pub fn names() -> impl Iterator<Item = &'static str> {
        BUILT_IN.iter().map(|(name, _)| *name)
    }

    /// Reads the text of the book that is called `name`.
    pub fn parse(name: &str, text: &str) -> Result<Self, BookError> {
        let unusable = |why: String| BookError {
            name: name.to_owned(),
            why,
        };
        let book: Self = serde_yaml::from_str(text).map_err(|why| unusable(why.to_string()))?;
        for (number, price) in book.prices.iter().enumerate() {
            price.check().map_err(&unusable)?;
            let twice = book.prices[..number].iter().any(|other| {
                (other.item, &other.of, &other.region) == (price.item, &price.of, &price.region)
            });
            if twice {
                return Err(unusable(format!("{} has two prices", price.named())));
            }
        }
        for (number, one) in book.commitments.iter().enumerate() {
            one.check().map_err(&unusable)?;
            let same = |other: &Commitment| {
                (other.item, &other.of, &other.region) == (one.item, &one.of, &one.region)
            };
            if book.commitments[..number].iter().any(same) {
                return Err(unusable(format!("{} has two rates", one.named())));
            }
        }
        Ok(book)
    }

    /// The price of `item`: the one for exactly this kind and region before those for any.
    pub fn price(&self, item: Item, of: Option<&str>, region: &str) -> Option<&Price> {
        let fits = |price: &&Price| {
            price.item == item
                && price.of.as_deref().is_none_or(|its| Some(its) == of)
                && price.region.as_deref().is_none_or(|its| its == region)
        };
        self.prices
            .iter()
            .filter(fits)
            .max_by_key(|price| (price.of.is_some(), price.region.is_some()))
    }

    /// The rate of exactly this for who commits to a year.
    pub fn commitment(&self, item: Item, of: &str, region: &str) -> Option<&Commitment> {
        self.commitments
            .iter()
            .find(|one| one.item == item && one.of == of && one.region == region)
    }

    /// As a file of it is written; [`Book::parse`] reads it back.
    pub fn to_yaml(&self) -> String {
        let mut text = format!(
            "# Written by `vvbill cost --refresh-prices`. What AWS's Price List had no price for says where it was kept from.\n\
             name: {}\ndated: {}\nabout: {}\n",
            quoted(&self.name),
            self.dated,
            quoted(&self.about)
        );
        if let Some(step) = self.round_lines_to {
            let _ = writeln!(text, "round_lines_to: {step}");
        }
        text.push_str(if self.prices.is_empty() {
            "prices: []\n"
        } else {
            "prices:\n"
        });
        for price in &self.prices {
            price.write(&mut text);
        }
        if !self.commitments.is_empty() {
            text.push_str("commitments:\n");
        }
        for rate in &self.commitments {
            rate.write(&mut text);
        }
        text
    }

    /// In what `item` is counted: as its price has it, else as the book has it elsewhere, else by its nature.
    pub(super) fn unit(&self, item: Item, price: Option<&Price>) -> Option<Unit> {
        let elsewhere = || self.prices.iter().find(|price| price.item == item);
        price.or_else(elsewhere).map(|price| price.per).or(item.unit())
    }
}

impl Commitment {
    fn write(&self, text: &mut String) {
        let item = self.item.name();
        let (of, region) = (quoted(&self.of), quoted(&self.region));
        let _ = writeln!(text, "  - item: {item}\n    of: {of}\n    region: {region}");
        let (price, source) = (self.price, quoted(&self.source));
        let _ = writeln!(text, "    price: {price}\n    source: {source}");
    }

    fn named(&self) -> String {
        format!(
            "the commitment to {} of {} in {}",
            self.item.name(),
            self.of,
            self.region
        )
    }

    fn check(&self) -> Result<(), String> {
        if !self.item.can_be_committed_to() {
            return Err(format!("{} is none that AWS sells", self.named()));
        }
        match self.source.trim() {
            "" => Err(format!("{} has no source", self.named())),
            _ => Ok(()),
        }
    }
}

impl Scope {
    /// What the specification's cost table has, whatever the book.
    pub fn table() -> Self {
        Self {
            why: "only what the specification's cost table lists was asked for".into(),
            regions: ScopeRegions::Primary,
            rows: Row::TABLE.iter().copied().collect(),
        }
    }

    /// Whether a line of `row` in a region is priced.
    pub fn covers(&self, row: Row, is_secondary: bool) -> bool {
        self.rows.contains(&row) && (self.regions == ScopeRegions::All || !is_secondary)
    }
}

impl Price {
    /// What `wanted` costs, and where that was seen.
    pub(super) fn quoted(wanted: &Wanted, per: Unit, tiers: Vec<Tier>, source: String) -> Self {
        let only = match tiers.as_slice() {
            [only] => Some(only.price),
            _ => None,
        };
        Self {
            item: wanted.item,
            of: wanted.of.clone(),
            region: wanted.region.clone(),
            per,
            price: only,
            tiers: if only.is_some() { Vec::new() } else { tiers },
            hours: None,
            source,
        }
    }

    /// What tells it from the others of a book, which are in this order.
    pub(super) fn key(&self) -> (Item, Option<&str>, Option<&str>) {
        (self.item, self.of.as_deref(), self.region.as_deref())
    }

    fn write(&self, text: &mut String) {
        let _ = writeln!(text, "  - item: {}", self.item.name());
        for (name, value) in [("of", &self.of), ("region", &self.region)] {
            if let Some(value) = value {
                let _ = writeln!(text, "    {name}: {}", quoted(value));
            }
        }
        let _ = writeln!(text, "    per: {}", self.per.name());
        if let Some(price) = self.price {
            let _ = writeln!(text, "    price: {price}");
        } else {
            text.push_str("    tiers:\n");
        }
        for tier in &self.tiers {
            let end = tier.up_to.map(|end| format!("up_to: {}, ", exact(end)));
            let end = end.unwrap_or_default();
            let _ = writeln!(text, "      - {{ {end}price: {} }}", tier.price);
        }
        if let Some(hours) = self.hours {
            let _ = writeln!(text, "    hours: {hours}");
        }
        let _ = writeln!(text, "    source: {}", quoted(&self.source));
    }

    /// Its tiers; a price for any amount is the only one.
    pub fn tiers(&self) -> Vec<Tier> {
        match self.price {
            Some(price) => vec![Tier { up_to: None, price }],
            None => self.tiers.clone(),
        }
    }

    fn named(&self) -> String {
        let of = self.of.iter().map(|of| format!(" of {of}"));
        let region = self.region.iter().map(|region| format!(" in {region}"));
        let parts: String = of.chain(region).collect();
        format!("{}{parts}", self.item.name())
    }

    fn check(&self) -> Result<(), String> {
        let named = self.named();
        if !self.item.takes(self.per) {
            return Err(format!("{named} can't be counted in {}", self.per.plural()));
        }
        if self.source.trim().is_empty() {
            return Err(format!("{named} has no source"));
        }
        if self.hours.is_some() && self.per != Unit::Hour {
            return Err(format!("{named} has `hours`, but isn't counted by the hour"));
        }
        if self.price.is_some() != self.tiers.is_empty() {
            return Err(format!("{named} needs either `price` or `tiers`"));
        }
        let ends: Vec<Option<Decimal>> = self.tiers().iter().map(|tier| tier.up_to).collect();
        let rising = ends.windows(2).all(|pair| match (pair[0], pair[1]) {
            (Some(one), Some(next)) => one > Decimal::ZERO && one < next,
            (one, next) => one > Some(Decimal::ZERO) && next.is_none(),
        });
        match rising && ends.last() == Some(&None) {
            true => Ok(()),
            false => Err(format!(
                "the tiers of {named} have to rise, and the last has no end"
            )),
        }
    }
}

/// In quotes, where it would not be read as the text that it is. JSON's strings are YAML's.
fn quoted(text: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || " .-".contains(letter);
    let is_plain = text.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && text.ends_with(|letter: char| letter.is_ascii_alphanumeric())
        && text.contains(['.', '-', ' '])
        && text.chars().all(plain);
    match is_plain {
        true => text.to_owned(),
        false => serde_json::Value::from(text).to_string(),
    }
}

/// A number that loses nothing where it is read: whole, or in quotes.
fn exact(number: Decimal) -> String {
    match number.is_integer() {
        true => number.normalize().to_string(),
        false => format!("\"{}\"", number.normalize()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_built_in_books_are_whole_and_call_themselves_by_their_names() {
        for name in Book::names() {
            assert_eq!(Book::built_in(name).unwrap().unwrap().name, name);
        }
    }

    #[test]
    fn a_book_that_would_misprice_is_refused_with_the_price_that_is_wrong() {
        let check = |price: &str, expect: &str| {
            let text = format!("name: b\ndated: 2026-11-24\nabout: a book\nprices:\n{price}");
            let why = Book::parse("b", &text).unwrap_err().to_string();
            assert!(why.contains(expect), "{why}");
        };
        let volume = "  - { item: volume, of: gp3, per: GB-month, price: 0.08 USD, source: seen }\n";
        check(&volume.repeat(2), "volume of gp3 has two prices");
        check(
            &volume.replace("GB-month", "hour"),
            "volume of gp3 can't be counted in hours",
        );
        check(&volume.replace("seen", "\"\""), "volume of gp3 has no source");
        check(&volume.replace("0.08 USD", "-1 USD"), "is not an amount of money");
        check(
            "  - { item: nat-data, per: GB, tiers: [{ price: 1 USD }, { up_to: 5, price: 2 USD }], source: s }\n",
            "have to rise",
        );
        let rate = "commitments:\n  - { item: volume, of: gp3, region: r, price: 1 USD, source: s }\n";
        check(&format!("{volume}{rate}"), "none that AWS sells");
        let rate = rate.replace("item: volume, of: gp3", "item: instance, of: m7g.large");
        check(
            &format!("{volume}{}", rate.replace("source: s", "source: ''")),
            "no source",
        );
        let twice = format!("{rate}{}", rate.trim_start_matches("commitments:\n"));
        check(&format!("{volume}{twice}"), "has two rates");
    }

    #[test]
    fn what_is_written_is_read_back_and_written_the_same() {
        for name in Book::names() {
            let book = Book {
                scope: None,
                ..Book::built_in(name).unwrap().unwrap()
            };
            let text = book.to_yaml();
            assert_eq!(Book::parse(name, &text).unwrap(), book, "{text}");
        }
        assert_eq!(quoted("m6i.xlarge"), "m6i.xlarge");
        assert_eq!(quoted("a: b"), "\"a: b\"");
        assert_eq!(
            quoted("gp3"),
            "\"gp3\"",
            "no word is taken for true, or 3e1 for a number"
        );
        assert_eq!(exact("2.50".parse().unwrap()), "\"2.5\"");
    }

    #[test]
    fn the_nearest_price_counts() {
        let text = "name: b\ndated: 2026-11-24\nabout: a book\nprices:\n\
            \x20 - { item: key, per: month, price: 1 USD, source: anywhere }\n\
            \x20 - { item: key, region: eu-west-1, per: month, price: 2 USD, source: there }\n\
            \x20 - { item: volume, of: gp3, region: us-east-1, per: GB-month, price: 3 USD, source: s }\n";
        let book = Book::parse("b", text).unwrap();
        let source = |item, of, region| book.price(item, of, region).map(|price| price.source.as_str());
        assert_eq!(source(Item::Key, None, "eu-west-1"), Some("there"));
        assert_eq!(source(Item::Key, None, "us-east-1"), Some("anywhere"));
        assert_eq!(source(Item::Volume, Some("gp2"), "us-east-1"), None);
        assert_eq!(source(Item::Volume, Some("gp3"), "eu-west-1"), None);
    }
}
