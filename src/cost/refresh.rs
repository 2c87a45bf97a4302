//! A new book from the answers of AWS's Price List.
//!
//! What AWS was not asked for, or had no answer to, keeps its price from the old book, and its source says so:
//! a book that lost prices could not keep a budget.

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::Input;
use super::book::{Book, Price};
use super::item::Item;
use super::price_list::Wanted;

/// What marks a price that was kept.
const KEPT: &str = "; kept from `";

/// A new book, and what AWS had no price for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refreshed {
    /// The book.
    pub book: Book,
    /// How many of its prices are AWS's of this day.
    pub fresh: usize,
    /// What AWS had no price for.
    pub without: Vec<Without>,
}

/// Something that AWS had no price for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Without {
    /// What it is.
    pub wanted: Wanted,
    /// Why not.
    pub why: String,
    /// Whether the old book's price stands in.
    pub kept: bool,
}

/// The regions of a plan, its first one first.
pub fn regions<'a>(input: &Input<'a>) -> Vec<&'a str> {
    let Some(regions) = &input.spec.regions else {
        return Vec::new();
    };
    let second = regions.secondary.as_ref().map(|second| second.name.as_str());
    [regions.primary.as_str()].into_iter().chain(second).collect()
}

/// What a new book is asked for: what the plan takes and what its book has, in each region of the plan.
pub fn wanted(input: &Input<'_>) -> BTreeSet<Wanted> {
    let of_plan = input.demands().into_iter().map(|demand| (demand.item, demand.of));
    let of_book = input
        .book
        .prices
        .iter()
        .map(|price| (price.item, price.of.clone()));
    let kinds: BTreeSet<(Item, Option<String>)> = of_plan
        .chain(of_book)
        .map(|(item, of)| (item, of.filter(|_| item.has_kinds())))
        .collect();
    let mut wanted = BTreeSet::new();
    for (item, of) in kinds {
        let mut add = |region: Option<&str>| {
            wanted.insert(Wanted {
                item,
                of: of.clone(),
                region: region.map(str::to_owned),
            })
        };
        if item.is_global() {
            add(None);
        } else {
            for region in regions(input) {
                add(Some(region));
            }
        }
    }
    wanted
}

/// The book `name` of a day: AWS's answers, and what `old` has beyond them.
pub fn refreshed(
    old: &Book,
    name: &str,
    as_of: Date,
    answers: Vec<(Wanted, Result<Price, String>)>,
) -> Refreshed {
    let mut prices = Vec::new();
    let mut without = Vec::new();
    for (wanted, answer) in answers {
        match answer {
            Ok(price) => prices.push(price),
            Err(why) => without.push(Without {
                wanted,
                why,
                kept: false,
            }),
        }
    }
    let fresh = prices.len();
    let places: BTreeSet<&str> = prices
        .iter()
        .filter_map(|price| price.region.as_deref())
        .collect();
    let places: Vec<&str> = places.into_iter().collect();
    let about = format!("AWS list prices on demand in {}", places.join(" and "));
    let kept: Vec<Price> = old
        .prices
        .iter()
        .filter(|price| !prices.iter().any(|fresh| fresh.key() == price.key()))
        .map(|price| kept(price, old))
        .collect();
    prices.extend(kept);
    prices.sort_by(|one, other| one.key().cmp(&other.key()));
    let mut commitments = old.commitments.clone();
    commitments
        .iter_mut()
        .for_each(|rate| rate.source = kept_source(&rate.source, old));
    let book = Book {
        name: name.to_owned(),
        dated: as_of,
        about,
        round_lines_to: None,
        scope: None,
        prices,
        commitments,
    };
    for missing in &mut without {
        let region = missing.wanted.region.as_deref().unwrap_or_default();
        let price = book.price(missing.wanted.item, missing.wanted.of.as_deref(), region);
        missing.kept = price.is_some();
    }
    Refreshed { book, fresh, without }
}

/// With where it comes from, said once.
fn kept(price: &Price, old: &Book) -> Price {
    let mut price = price.clone();
    price.source = kept_source(&price.source, old);
    price
}

fn kept_source(source: &str, old: &Book) -> String {
    match source.contains(KEPT) {
        true => source.to_owned(),
        false => format!("{source}{KEPT}{}` of {}", old.name, old.dated),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::Tier;
    use super::super::item::Unit;
    use super::*;
    use crate::spec::Money;

    fn wanted(item: Item, region: &str) -> Wanted {
        Wanted {
            item,
            of: None,
            region: Some(region.to_owned()),
        }
    }

    fn price(wanted: &Wanted, amount: &str) -> Price {
        let tier = Tier {
            up_to: None,
            price: amount.parse::<Money>().unwrap(),
        };
        Price::quoted(wanted, Unit::Month, vec![tier], "seen".into())
    }

    #[test]
    fn what_has_no_answer_keeps_its_price_and_is_told() {
        let old = "name: old\ndated: 2026-01-01\nabout: a book\nprices:\n\
            \x20 - { item: key, region: us-east-1, per: month, price: 1 USD, source: then }\n\
            \x20 - { item: alarm, region: us-east-1, per: month, price: 2 USD, source: then }\n";
        let old = Book::parse("old", old).unwrap();
        let day = "2026-11-30".parse().unwrap();
        let key = wanted(Item::Key, "us-east-1");
        let answers = vec![
            (key.clone(), Ok(price(&key, "3 USD"))),
            (wanted(Item::Alarm, "us-east-1"), Err("no product".to_owned())),
            (wanted(Item::Alarm, "eu-west-1"), Err("no product".to_owned())),
        ];
        let new = refreshed(&old, "new", day, answers);
        assert_eq!(new.fresh, 1);
        let told: Vec<(String, bool)> = new
            .without
            .iter()
            .map(|it| (it.wanted.named(), it.kept))
            .collect();
        assert_eq!(
            told,
            [
                ("alarm in us-east-1".to_owned(), true),
                ("alarm in eu-west-1".to_owned(), false)
            ]
        );
        let source = |item| new.book.price(item, None, "us-east-1").unwrap().source.clone();
        assert_eq!(source(Item::Key), "seen");
        assert_eq!(source(Item::Alarm), "then; kept from `old` of 2026-01-01");
        // Kept again, it still says where it was seen first.
        let again = refreshed(&new.book, "third", day, Vec::new());
        let alarm = again.book.price(Item::Alarm, None, "us-east-1").unwrap();
        assert_eq!(alarm.source, "then; kept from `old` of 2026-01-01");
        // As it is written, it is read.
        assert_eq!(Book::parse("new", &new.book.to_yaml()).unwrap(), new.book);
    }
}
