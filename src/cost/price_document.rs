//! One product of AWS's Price List as its API tells it: a JSON text with attributes and terms.
//!
//! The form is that of the API's reference (`aws_v1`). Amounts are strings there and stay exact.

use std::collections::BTreeMap;

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::Deserialize;

use super::book::Tier;
use super::item::Unit;
use super::quantity::plain;
use crate::spec::Money;

const MILLION: u32 = 1_000_000;
const CURRENCY: &str = "USD";
/// Where the last tier ends.
const ENDLESS: &str = "Inf";

/// A product that is for sale.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Document {
    product: Product,
    #[serde(default)]
    terms: Terms,
}

#[derive(Clone, Debug, Deserialize)]
struct Product {
    sku: String,
    #[serde(default)]
    attributes: Attributes,
}

/// Those that tell which of several products is meant.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Attributes {
    /// What an invoice calls the use: `EU-NatGateway-Hours`.
    #[serde(default, rename = "usagetype")]
    pub usage: String,
    /// Of RDS: whose product it is, `Aurora PostgreSQL` or `Any`.
    #[serde(default, rename = "databaseEngine")]
    pub engine: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Terms {
    #[serde(default, rename = "OnDemand")]
    on_demand: BTreeMap<String, Offer>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Offer {
    effective_date: String,
    price_dimensions: BTreeMap<String, Dimension>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Dimension {
    unit: String,
    #[serde(default)]
    begin_range: Option<String>,
    #[serde(default)]
    end_range: Option<String>,
    price_per_unit: BTreeMap<String, String>,
}

/// A price on demand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Quote {
    pub sku: String,
    pub effective: Date,
    pub tiers: Vec<Tier>,
}

impl Document {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        serde_json::from_str(text)
            .map_err(|why| format!("an answer of AWS's price list can't be read: {why}"))
    }

    pub(super) fn attributes(&self) -> &Attributes {
        &self.product.attributes
    }

    pub(super) fn is_for_sale(&self) -> bool {
        !self.terms.on_demand.is_empty()
    }

    /// What `times` of it cost in a book's unit, at the price that is in force on a day.
    pub(super) fn quote(&self, unit: Unit, times: u32, as_of: Date) -> Result<Quote, String> {
        let sku = &self.product.sku;
        let (effective, offer) = self.offer(as_of)?;
        let mut dimensions = offer
            .price_dimensions
            .values()
            .map(|dimension| dimension.tier(unit, times))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|why| format!("SKU {sku} {why}"))?;
        dimensions.sort_by_key(|(begin, _)| *begin);
        let ends = dimensions.iter().map(|(_, tier)| tier.up_to);
        let begins: Vec<Option<Decimal>> = dimensions.iter().map(|(begin, _)| Some(*begin)).collect();
        let follows = [Some(Decimal::ZERO)].into_iter().chain(ends);
        let follows: Vec<Option<Decimal>> = follows.collect();
        if follows.last() != Some(&None) || follows[..begins.len()] != begins[..] {
            return Err(format!("the tiers of SKU {sku} leave a gap"));
        }
        Ok(Quote {
            sku: sku.clone(),
            effective,
            tiers: dimensions.into_iter().map(|(_, tier)| tier).collect(),
        })
    }

    /// The latest of those that hold already.
    fn offer(&self, as_of: Date) -> Result<(Date, &Offer), String> {
        let sku = &self.product.sku;
        let dated = |offer: &'_ Offer| {
            let day = offer.effective_date.get(..10).unwrap_or_default();
            day.parse::<Date>().map_err(|_| {
                format!(
                    "SKU {sku} is in force since `{}`, which is no date",
                    offer.effective_date
                )
            })
        };
        let mut found: Option<(Date, &Offer)> = None;
        for offer in self.terms.on_demand.values() {
            let since = dated(offer)?;
            if since <= as_of && found.is_none_or(|(other, _)| other < since) {
                found = Some((since, offer));
            }
        }
        found.ok_or_else(|| format!("no price of SKU {sku} is in force on {as_of}"))
    }
}

impl Dimension {
    /// Where it begins, and the tier in a book's unit.
    fn tier(&self, unit: Unit, times: u32) -> Result<(Decimal, Tier), String> {
        if !is_counted_in(unit, &self.unit) {
            let wanted = unit.plural();
            return Err(format!("is priced by `{}`, and {wanted} are wanted", self.unit));
        }
        let Some(price) = self.price_per_unit.get(CURRENCY) else {
            let currencies: Vec<&str> = self.price_per_unit.keys().map(String::as_str).collect();
            let currencies = currencies.join(" and ");
            return Err(format!("is priced in {currencies}, and books are in {CURRENCY}"));
        };
        let price = amount(price)?;
        if price.is_sign_negative() {
            return Err(format!("costs {}, which is less than nothing", plain(price)));
        }
        let pieces = Decimal::from(if unit == Unit::Million { MILLION } else { 1 });
        let begin = self.begin_range.as_deref().map_or(Ok(Decimal::ZERO), amount)?;
        let end = match self.end_range.as_deref() {
            None | Some(ENDLESS) => None,
            Some(end) => Some((amount(end)? / pieces).normalize()),
        };
        let tier = Tier {
            up_to: end,
            price: Money((price * pieces * Decimal::from(times)).normalize()),
        };
        Ok(((begin / pieces).normalize(), tier))
    }
}

fn amount(text: &str) -> Result<Decimal, String> {
    Decimal::from_str_exact(text)
        .or_else(|_| Decimal::from_scientific(text))
        .map(|amount| amount.normalize())
        .map_err(|_| format!("has the amount `{text}`, which is no number"))
}

/// Whether AWS's many names of a unit mean a book's.
fn is_counted_in(unit: Unit, name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let by_the_hour = name.ends_with("hrs") || name.ends_with("hr") || name.contains("hour");
    let stored = ["gb-mo", "gb-month", "gb-months"].contains(&name.as_str());
    let moved = ["gb", "gigabyte", "gigabytes"].contains(&name.as_str());
    let requests = ["ios", "io", "requests", "request"].contains(&name.as_str());
    match unit {
        Unit::Hour => by_the_hour,
        Unit::GigabyteMonth => stored,
        Unit::Gigabyte => moved,
        Unit::Million => requests,
        // Things have each their own: `Keys`, `Secrets`, `Metrics`.
        Unit::Month => !(by_the_hour || stored || moved || requests || name == "quantity"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// As botocore's examples of `GetProducts` have it.
    const EXAMPLE: &str = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/cost/price_list_example.json"
    ));

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    #[test]
    fn the_example_of_the_reference_is_read() {
        let document = Document::parse(EXAMPLE).unwrap();
        assert_eq!(document.attributes().usage, "CAN1-EBS:VolumeUsage.piops");
        assert!(document.is_for_sale());
        let quote = document.quote(Unit::GigabyteMonth, 1, day("2026-11-30")).unwrap();
        assert_eq!(quote.sku, "WQGC34PB2AWS8R4U");
        assert_eq!(quote.effective, day("2017-08-01"));
        assert_eq!(quote.tiers.len(), 1);
        assert_eq!(quote.tiers[0].price.to_string(), "0.138 USD");
    }

    #[test]
    fn a_price_that_a_book_cannot_have_is_refused_with_the_reason() {
        let check = |from: &str, to: &str, expect: &str| {
            let text = EXAMPLE.replace(from, to);
            assert_ne!(text, EXAMPLE, "{from} is not in the example");
            let why = Document::parse(&text)
                .and_then(|document| document.quote(Unit::GigabyteMonth, 1, day("2026-11-30")))
                .unwrap_err();
            assert!(why.contains(expect), "{why}");
        };
        check("{\"product\"", "{\"products\"", "can't be read");
        check("\"USD\"", "\"CNY\"", "priced in CNY");
        check(
            "GB-Mo\"",
            "Quantity\"",
            "priced by `Quantity`, and GB-months are wanted",
        );
        check("0.1380000000", "zero", "`zero`, which is no number");
        check("0.1380000000", "-0.1380000000", "less than nothing");
        check("\"beginRange\":\"0\"", "\"beginRange\":\"100\"", "leave a gap");
        check("\"endRange\":\"Inf\"", "\"endRange\":\"100\"", "leave a gap");
        check("2017-08-01T", "2027-08-01T", "in force on 2026-11-30");
        check("2017-08-01T", "long ago   T", "which is no date");
    }

    #[test]
    fn tiers_come_in_their_order_and_in_the_unit_of_the_book() {
        let tier = |begin: &str, end: &str, price: &str| {
            format!(
                "{{\"unit\":\"IOs\",\"beginRange\":\"{begin}\",\"endRange\":\"{end}\",\
                 \"pricePerUnit\":{{\"USD\":\"{price}\"}}}}"
            )
        };
        let text = format!(
            "{{\"product\":{{\"sku\":\"S\"}},\"terms\":{{\"OnDemand\":{{\"T\":{{\
             \"effectiveDate\":\"2026-11-01T00:00:00Z\",\"priceDimensions\":{{\"a\":{},\"b\":{}}}}}}}}}}}",
            tier("2500000", "Inf", "0.0000001000"),
            tier("0", "2500000", "0.0000002000"),
        );
        let quote = Document::parse(&text)
            .unwrap()
            .quote(Unit::Million, 1, day("2026-11-30"))
            .unwrap();
        let told: Vec<String> = quote
            .tiers
            .iter()
            .map(|tier| format!("{:?} {}", tier.up_to.map(plain), tier.price))
            .collect();
        assert_eq!(told, ["Some(\"2.5\") 0.2 USD", "None 0.1 USD"]);
    }

    #[test]
    fn of_several_offers_the_one_that_holds_counts() {
        let offer = |since: &str, price: &str| {
            format!(
                "{{\"effectiveDate\":\"{since}T00:00:00Z\",\"priceDimensions\":{{\"d\":{{\"unit\":\"Hrs\",\
                 \"pricePerUnit\":{{\"USD\":\"{price}\"}}}}}}}}"
            )
        };
        let text = format!(
            "{{\"product\":{{\"sku\":\"S\"}},\"terms\":{{\"OnDemand\":{{\"a\":{},\"b\":{},\"c\":{}}}}}}}",
            offer("2026-01-01", "3.0"),
            offer("2026-12-01", "1.0"),
            offer("2026-06-01", "2.0"),
        );
        let quote = Document::parse(&text)
            .unwrap()
            .quote(Unit::Hour, 2, day("2026-11-30"))
            .unwrap();
        assert_eq!(quote.tiers[0].price.to_string(), "4 USD");
        assert_eq!(quote.effective, day("2026-06-01"));
    }
}
