//! Which of the products that AWS's Price List answers with is the one that was asked for, and its price.

use jiff::civil::Date;

use super::book::Price;
use super::price_document::{Document, Quote};
use super::price_list::{ANY_ENGINE, ENGINE, Question, Usage};
use super::quantity::plain;

impl Question {
    /// The price among the products that AWS answered with, on a day; else why there is none.
    pub fn price(&self, documents: &[String], as_of: Date) -> Result<Price, String> {
        if documents.is_empty() {
            return Err("AWS's price list has no such product".into());
        }
        let mut quotes = Vec::new();
        for text in documents {
            let document = Document::parse(text)?;
            if self.means(&document) {
                quotes.push(document.quote(self.per, self.times, as_of)?);
            }
        }
        quotes.sort_by(|one, other| one.sku.cmp(&other.sku));
        let Some(quote) = quotes.first() else {
            let count = documents.len();
            return Err(format!(
                "none of the {count} products that AWS answered with is it"
            ));
        };
        if quotes.iter().any(|other| other.tiers != quote.tiers) {
            let told: Vec<String> = quotes.iter().map(told).collect();
            return Err(format!("{} products match: {}", quotes.len(), told.join("; ")));
        }
        Ok(self.in_a_book(quote))
    }

    fn means(&self, document: &Document) -> bool {
        let attributes = document.attributes();
        let usage = without_region(&attributes.usage, self.wanted.region.as_deref());
        let is_it = match self.usage {
            Usage::Is(whole) => usage == whole,
            Usage::StartsWith(start) => usage.starts_with(start),
            Usage::Any => true,
        };
        let engine = attributes.engine.as_deref().unwrap_or(ANY_ENGINE);
        is_it && document.is_for_sale() && [ENGINE, ANY_ENGINE].contains(&engine)
    }

    fn in_a_book(&self, quote: &Quote) -> Price {
        let to = |(name, value): &(&str, String)| (*name == "toRegionCode").then(|| format!(", to {value}"));
        let to = self.attributes.iter().find_map(to).unwrap_or_default();
        let times = match self.times {
            1 => String::new(),
            times => format!(", × {times}: out of a zone and into the other"),
        };
        Price::quoted(
            &self.wanted,
            self.per,
            quote.tiers.clone(),
            format!(
                "AWS Price List, {}, SKU {}, effective {}{to}{times}",
                self.service, quote.sku, quote.effective
            ),
        )
    }
}

/// `SKU ABC, 0.1 USD`.
fn told(quote: &Quote) -> String {
    let prices: Vec<String> = quote.tiers.iter().map(|tier| plain(tier.price.0)).collect();
    format!("SKU {}, {} USD", quote.sku, prices.join(" then "))
}

/// A usage type without the regions before it: between regions there are two.
fn without_region<'t>(usage: &'t str, region: Option<&str>) -> &'t str {
    let named = |usage: &'t str| usage.strip_prefix(region?)?.strip_prefix('-');
    let coded = |usage: &'t str| {
        usage
            .split_once('-')
            .filter(|(head, _)| is_region_code(head))
            .map(|(_, rest)| rest)
    };
    let mut usage = usage;
    while let Some(rest) = named(usage).or_else(|| coded(usage)) {
        usage = rest;
    }
    usage
}

/// `USE1`, `APN2`; Ireland is `EU`.
fn is_region_code(text: &str) -> bool {
    let bytes = text.as_bytes();
    let has_form =
        bytes.len() == 4 && bytes[..3].iter().all(u8::is_ascii_uppercase) && bytes[3].is_ascii_digit();
    has_form || text == "EU"
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::item::Item;
    use super::super::price_list::Wanted;
    use super::*;

    fn wanted(item: Item, of: Option<&str>, region: &str) -> Wanted {
        Wanted {
            item,
            of: of.map(str::to_owned),
            region: Some(region.to_owned()),
        }
    }

    fn product(sku: &str, usage: &str, unit: &str, price: &str) -> String {
        format!(
            "{{\"product\":{{\"sku\":\"{sku}\",\"attributes\":{{\"usagetype\":\"{usage}\"}}}},\"terms\":\
             {{\"OnDemand\":{{\"t\":{{\"effectiveDate\":\"2026-11-01T00:00:00Z\",\"priceDimensions\":\
             {{\"d\":{{\"unit\":\"{unit}\",\"pricePerUnit\":{{\"USD\":\"{price}\"}}}}}}}}}}}}}}"
        )
    }

    fn day() -> Date {
        "2026-11-30".parse().unwrap()
    }

    #[test]
    fn regions_before_a_usage_type_are_left_out_and_nothing_else_is() {
        for (usage, region, expect) in [
            ("NatGateway-Hours", "us-east-1", "NatGateway-Hours"),
            ("EU-NatGateway-Hours", "eu-west-1", "NatGateway-Hours"),
            (
                "EU-RegionalNatGateway-Hours",
                "eu-west-1",
                "RegionalNatGateway-Hours",
            ),
            ("us-east-1-KMS-Keys", "us-east-1", "KMS-Keys"),
            ("USE1-EU-AWS-Out-Bytes", "us-east-1", "AWS-Out-Bytes"),
            ("TS-LoadBalancerUsage", "us-east-1", "TS-LoadBalancerUsage"),
            ("APN1-Outposts-LCUUsage", "ap-northeast-1", "Outposts-LCUUsage"),
            ("USE1", "us-east-1", "USE1"),
        ] {
            assert_eq!(without_region(usage, Some(region)), expect);
        }
    }

    #[test]
    fn of_what_shares_the_family_the_one_that_is_meant_counts() {
        let question = wanted(Item::NatGateway, None, "eu-west-1")
            .question(None)
            .unwrap();
        let documents = [
            product("A", "EU-RegionalNatGateway-Hours", "Hrs", "0.09"),
            product("B", "EU-NatGateway-Bytes", "GB", "0.07"),
            product("C", "EU-NatGateway-Hours", "Hrs", "0.0480000000"),
        ];
        let price = question.price(&documents, day()).unwrap();
        assert_eq!(price.tiers()[0].price.to_string(), "0.048 USD");
        assert_eq!(price.region.as_deref(), Some("eu-west-1"));
        assert_eq!(
            price.source,
            "AWS Price List, AmazonEC2, SKU C, effective 2026-11-01"
        );
        let why = question.price(&documents[..2], day()).unwrap_err();
        assert_eq!(why, "none of the 2 products that AWS answered with is it");
        assert!(
            question
                .price(&[], day())
                .unwrap_err()
                .contains("no such product")
        );
    }

    #[test]
    fn two_products_of_one_price_are_one_and_of_two_prices_are_none() {
        let question = wanted(Item::Alarm, None, "us-east-1").question(None).unwrap();
        let one = product("B", "CW:AlarmMonitorUsage", "Alarms", "0.10");
        let same = product("A", "USE1-CW:AlarmMonitorUsage", "Alarms", "0.1000");
        let other = product("C", "CW:AlarmMonitorUsage", "Alarms", "0.30");
        let price = question.price(&[one.clone(), same], day()).unwrap();
        assert!(
            price.source.contains("SKU A,"),
            "the same one each time: {}",
            price.source
        );
        let why = question.price(&[other, one], day()).unwrap_err();
        assert_eq!(why, "2 products match: SKU B, 0.1 USD; SKU C, 0.3 USD");
    }

    #[test]
    fn between_zones_a_gigabyte_is_paid_twice() {
        let question = wanted(Item::TransferBetweenZones, None, "us-east-1")
            .question(None)
            .unwrap();
        assert!(
            question
                .attributes
                .contains(&("fromRegionCode", "us-east-1".into()))
        );
        let documents = [product("Z", "DataTransfer-Regional-Bytes", "GB", "0.0100000000")];
        let price = question.price(&documents, day()).unwrap();
        assert_eq!(price.tiers()[0].price.to_string(), "0.02 USD");
        assert!(price.source.ends_with("× 2: out of a zone and into the other"));
    }
}
