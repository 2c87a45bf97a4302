//! Which product of AWS's Price List stands for which price of a book.
//!
//! Pure: the caller asks the questions and hands the answers in ([`Question::price`]); [`super::refresh`] makes a
//! book of them.
//!
//! The attributes are those that AWS's offer files have in 2026 and that Infracost's resources filter by; the
//! usage types are those of AWS's invoices. AWS puts a region before a usage type (`EU-NatGateway-Hours`,
//! `us-east-1-KMS-Keys`) or, in its first region and with some services, nothing. So a question asks for the
//! region and the family, and the usage type without its region picks the product from the answers. That
//! keeps out what shares the family: capacity on Outposts, reserved capacity, previews.

use super::item::{Item, Unit};

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
    pub(super) wanted: Wanted,
    pub(super) usage: Usage,
    pub(super) per: Unit,
    /// How often the price is paid for one of the book's unit.
    pub(super) times: u32,
}

/// The usage type without its region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Usage {
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

/// The usage types of disks; those on Outposts share the family.
const VOLUMES: &[(&str, &str)] = &[
    ("gp3", "EBS:VolumeUsage.gp3"),
    ("gp2", "EBS:VolumeUsage.gp2"),
    ("io1", "EBS:VolumeUsage.piops"),
    ("io2", "EBS:VolumeUsage.io2"),
    ("st1", "EBS:VolumeUsage.st1"),
    ("sc1", "EBS:VolumeUsage.sc1"),
    ("standard", "EBS:VolumeUsage"),
];

/// The engine of every shard. Aurora's storage and backups belong to one engine or to any.
pub(super) const ENGINE: &str = "Aurora PostgreSQL";
pub(super) const ANY_ENGINE: &str = "Any";

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
                let usage = VOLUMES.iter().find(|(kind, _)| *kind == of);
                let (_, usage) = usage.ok_or_else(|| self.unknown())?;
                Ok(self.ask(
                    "AmazonEC2",
                    &[family("Storage"), ("volumeApiName", of)],
                    Usage::Is(usage),
                ))
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

    #[test]
    fn what_has_no_product_says_why() {
        let check = |item, of, expect: &str| {
            let why = wanted(item, of, "us-east-1").question(None).unwrap_err();
            assert!(why.contains(expect), "{why}");
        };
        check(Item::Instance, Some("m6i.xlarge spot"), "Spot");
        check(Item::DatabaseInsights, Some("advanced"), "isn't known");
        check(Item::Volume, Some("my-class"), "isn't known");
        check(Item::CacheNode, Some("memcached cache.r6g.large"), "isn't known");
        check(Item::TransferBetweenRegions, None, "no second region");
    }
}
