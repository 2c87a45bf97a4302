//! Which product of AWS's Price List stands for which price of a book.
//!
//! Pure: the caller asks the questions and hands the answers in; [`super::refresh`] makes a book of them.
//!
//! The attributes are those that AWS's offer files have in 2026 and that Infracost's resources filter by; the
//! usage types are those of AWS's invoices. AWS puts a region before a usage type (`EU-NatGateway-Hours`,
//! `us-east-1-KMS-Keys`) or, in its first region and with some services, nothing. So a question asks for the
//! region and the family, and the usage type without its region picks the product from the answers. That
//! keeps out what shares the family: capacity on Outposts, reserved capacity, previews.

use jiff::civil::Date;

use super::book::Price;
use super::item::{Item, Unit};
use super::price_document::{Document, Quote};
use super::quantity::plain;

/// A price that a book can have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wanted {
    /// What it is for.
    pub item: Item,
    /// Which of its kind.
    pub of: Option<String>,
    /// Where; none for what belongs to no region.
    pub region: Option<String>,
}

/// What the price list is asked, and which of its answers counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The service's code: `AmazonEC2`.
    pub service: &'static str,
    /// Attributes with their values; a product has them all.
    pub attributes: Vec<(&'static str, String)>,
    wanted: Wanted,
    usage: Usage,
    per: Unit,
    /// How often the price is paid for one of the book's unit.
    times: u32,
}

/// The usage type without its region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Usage {
    Is(&'static str),
    StartsWith(&'static str),
    /// The attributes say it all.
    Any,
}

/// What is asked alike in every region and of every kind: service, attribute with its value, usage type.
const ALIKE: &[(Item, &str, (&str, &str), &str)] = &[
    (
        Item::ControlPlane,
        "AmazonEKS",
        family("Compute"),
        "AmazonEKS-Hours:perCluster",
    ),
    (
        Item::ControlPlaneExtendedSupport,
        "AmazonEKS",
        family("Compute"),
        "AmazonEKS-Hours:extendedSupport",
    ),
    (
        Item::DatabaseBackup,
        "AmazonRDS",
        family("Storage Snapshot"),
        "Aurora:BackupUsage",
    ),
    (
        Item::DatabaseIo,
        "AmazonRDS",
        family("System Operation"),
        "Aurora:StorageIOUsage",
    ),
    (
        Item::DatabaseProxy,
        "AmazonRDS",
        family("RDSProxy"),
        "RDS:ProxyUsage",
    ),
    (
        Item::NatGateway,
        "AmazonEC2",
        family("NAT Gateway"),
        "NatGateway-Hours",
    ),
    (
        Item::NatData,
        "AmazonEC2",
        family("NAT Gateway"),
        "NatGateway-Bytes",
    ),
    (
        Item::PublicAddress,
        "AmazonVPC",
        ("group", "VPCPublicIPv4Address"),
        "PublicIPv4:InUseAddress",
    ),
    (
        Item::Endpoint,
        "AmazonVPC",
        family("VpcEndpoint"),
        "VpcEndpoint-Hours",
    ),
    (
        Item::LogsIngested,
        "AmazonCloudWatch",
        family("Data Payload"),
        "DataProcessing-Bytes",
    ),
    (
        Item::LogsStored,
        "AmazonCloudWatch",
        family("Storage Snapshot"),
        "TimedStorage-ByteHrs",
    ),
    (
        Item::CustomMetric,
        "AmazonCloudWatch",
        family("Metric"),
        "CW:MetricMonitorUsage",
    ),
    (
        Item::Alarm,
        "AmazonCloudWatch",
        family("Alarm"),
        "CW:AlarmMonitorUsage",
    ),
    (Item::Key, "awskms", family("Encryption Key"), "KMS-Keys"),
    (
        Item::Secret,
        "AWSSecretsManager",
        family("Secret"),
        "AWSSecretsManager-Secrets",
    ),
    (
        Item::HostedZone,
        "AmazonRoute53",
        ("usagetype", "HostedZone"),
        "HostedZone",
    ),
    (
        Item::HealthCheck,
        "AmazonRoute53",
        ("usagetype", "Health-Check-AWS"),
        "Health-Check-AWS",
    ),
    (
        Item::HealthCheckFeature,
        "AmazonRoute53",
        ("usagetype", "Health-Check-Option-AWS"),
        "Health-Check-Option-AWS",
    ),
];

/// The engine of every shard. Aurora's storage and backups belong to one engine or to any.
const ENGINE: &str = "Aurora PostgreSQL";
const ANY_ENGINE: &str = "Any";

const fn family(name: &'static str) -> (&'static str, &'static str) {
    ("productFamily", name)
}

impl Wanted {
    /// What AWS is to be asked for it; `other_region` is where data goes from its region. Else why nothing can
    /// be asked.
    pub fn question(&self, other_region: Option<&str>) -> Result<Question, String> {
        let alike = ALIKE.iter().find(|(item, ..)| *item == self.item);
        if let Some((_, service, attribute, usage)) = alike {
            return Ok(self.ask(service, &[*attribute], Usage::Is(usage)));
        }
        match self.item {
            Item::Instance | Item::Volume | Item::CacheNode => self.machine(),
            Item::TransferOut | Item::TransferBetweenZones | Item::TransferBetweenRegions => {
                self.transfer(other_region)
            }
            Item::LoadBalancer | Item::LoadBalancerUnit => self.load_balancer(),
            _ => self.database(),
        }
    }

    /// As messages and books name it: `instance of m6i.xlarge in us-east-1`.
    pub fn named(&self) -> String {
        let of = self.of.iter().map(|of| format!(" of {of}"));
        let region = self.region.iter().map(|region| format!(" in {region}"));
        let parts: String = of.chain(region).collect();
        format!("{}{parts}", self.item.name())
    }

    fn of(&self) -> &str {
        self.of.as_deref().unwrap_or_default()
    }

    fn unknown(&self) -> String {
        "which product of AWS's price list that is isn't known".into()
    }

    fn ask(&self, service: &'static str, attributes: &[(&'static str, &str)], usage: Usage) -> Question {
        let place = if service == "AWSDataTransfer" {
            "fromRegionCode"
        } else {
            "regionCode"
        };
        let region = self.region.iter().map(|region| (place, region.clone()));
        let given = attributes
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        Question {
            service,
            attributes: region.chain(given).collect(),
            wanted: self.clone(),
            usage,
            per: self.item.usual_unit(),
            times: 1,
        }
    }

    fn machine(&self) -> Result<Question, String> {
        let of = self.of();
        match self.item {
            Item::Instance if of.contains(' ') => {
                Err("the price list has prices on demand, and those of Spot change by the hour".into())
            }
            Item::Instance => {
                let attributes = [
                    family("Compute Instance"),
                    ("instanceType", of),
                    ("operatingSystem", "Linux"),
                    ("tenancy", "Shared"),
                    ("preInstalledSw", "NA"),
                    ("licenseModel", "No License required"),
                    ("capacitystatus", "Used"),
                ];
                Ok(self.ask("AmazonEC2", &attributes, Usage::StartsWith("BoxUsage:")))
            }
            Item::Volume => {
                let attributes = [family("Storage"), ("volumeApiName", of)];
                Ok(self.ask("AmazonEC2", &attributes, Usage::StartsWith("EBS:VolumeUsage")))
            }
            _ => {
                let (engine, node) = of.split_once(' ').ok_or_else(|| self.unknown())?;
                let engine = match engine {
                    "redis" => "Redis",
                    "valkey" => "Valkey",
                    _ => return Err(self.unknown()),
                };
                let attributes = [
                    family("Cache Instance"),
                    ("instanceType", node),
                    ("cacheEngine", engine),
                ];
                Ok(self.ask("AmazonElastiCache", &attributes, Usage::StartsWith("NodeUsage:")))
            }
        }
    }

    fn database(&self) -> Result<Question, String> {
        let of = self.of();
        // The usage type shortens classes (`db.r6g.2xl`), so they are asked for by their attribute.
        let member = |storage, usage| {
            let attributes = [
                family("Database Instance"),
                ("instanceType", of),
                ("databaseEngine", ENGINE),
                ("deploymentOption", "Single-AZ"),
                ("storage", storage),
            ];
            Ok(self.ask("AmazonRDS", &attributes, Usage::StartsWith(usage)))
        };
        let stored = |volume, usage| {
            let attributes = [family("Database Storage"), ("volumeType", volume)];
            Ok(self.ask("AmazonRDS", &attributes, Usage::Is(usage)))
        };
        match (self.item, of) {
            (Item::DatabaseInstance, _) => member("EBS Only", "InstanceUsage:"),
            (Item::DatabaseInstanceIoOptimized, _) => {
                member("Aurora IO Optimization Mode", "InstanceUsageIOOptimized:")
            }
            (Item::DatabaseStorage, "aurora") => stored("General Purpose-Aurora", "Aurora:StorageUsage"),
            (Item::DatabaseStorage, "aurora-iopt1") => {
                stored("IO Optimized-Aurora", "Aurora:IO-OptimizedStorageUsage")
            }
            (Item::DatabaseReplicatedIo, _) => {
                Ok(self.ask("AmazonRDS", &[family("Aurora Global Database")], Usage::Any))
            }
            _ => Err(self.unknown()),
        }
    }

    fn load_balancer(&self) -> Result<Question, String> {
        let family = match self.of() {
            "application" => family("Load Balancer-Application"),
            "network" => family("Load Balancer-Network"),
            _ => return Err(self.unknown()),
        };
        let usage = match self.item {
            Item::LoadBalancer => "LoadBalancerUsage",
            _ => "LCUUsage",
        };
        Ok(self.ask("AWSELB", &[family], Usage::Is(usage)))
    }

    fn transfer(&self, other_region: Option<&str>) -> Result<Question, String> {
        let ask = |attributes: &[(&'static str, &str)], usage| {
            let all = [&[family("Data Transfer")], attributes].concat();
            self.ask("AWSDataTransfer", &all, Usage::Is(usage))
        };
        match self.item {
            Item::TransferOut => Ok(ask(
                &[("transferType", "AWS Outbound"), ("toLocation", "External")],
                "DataTransfer-Out-Bytes",
            )),
            Item::TransferBetweenZones => Ok(Question {
                // Out of one zone, and into the other.
                times: 2,
                ..ask(&[("transferType", "IntraRegion")], "DataTransfer-Regional-Bytes")
            }),
            _ => {
                let to = other_region.ok_or("the plan has no second region that data could go to")?;
                let attributes = [("transferType", "InterRegion Outbound"), ("toRegionCode", to)];
                Ok(ask(&attributes, "AWS-Out-Bytes"))
            }
        }
    }
}

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
    fn what_has_no_product_says_why() {
        let check = |item, of, expect: &str| {
            let why = wanted(item, of, "us-east-1").question(None).unwrap_err();
            assert!(why.contains(expect), "{why}");
        };
        check(Item::Instance, Some("m6i.xlarge spot"), "Spot");
        check(Item::DatabaseInsights, Some("advanced"), "isn't known");
        check(Item::CacheNode, Some("memcached cache.r6g.large"), "isn't known");
        check(Item::TransferBetweenRegions, None, "no second region");
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
