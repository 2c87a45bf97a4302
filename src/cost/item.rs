//! What can be bought, and the rows that an estimate sorts it into.

use serde::{Deserialize, Serialize};

/// What a price is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Item {
    /// A Kubernetes control plane.
    ControlPlane,
    /// What a control plane of an old version costs on top.
    ControlPlaneExtendedSupport,
    /// A virtual machine; `of` its type.
    Instance,
    /// A disk; `of` its kind.
    Volume,
    /// A member of an Aurora cluster whose I/O is paid by request; `of` its class.
    DatabaseInstance,
    /// A member of an Aurora cluster whose I/O is included; `of` its class.
    DatabaseInstanceIoOptimized,
    /// Data in Aurora; `of` the storage type.
    DatabaseStorage,
    /// Backups beyond what is free.
    DatabaseBackup,
    /// I/O requests of Aurora's storage.
    DatabaseIo,
    /// Writes that a global database copies to another region.
    DatabaseReplicatedIo,
    /// A vCPU behind an RDS Proxy.
    DatabaseProxy,
    /// A vCPU whose performance is kept for longer than is free.
    DatabaseInsights,
    /// A cache node; `of` engine and type.
    CacheNode,
    /// A load balancer; `of` its kind.
    LoadBalancer,
    /// A load balancer's capacity unit; `of` its kind.
    LoadBalancerUnit,
    /// Data to the internet.
    TransferOut,
    /// Data from one zone to another.
    TransferBetweenZones,
    /// Data from one region to another.
    TransferBetweenRegions,
    /// A NAT gateway.
    NatGateway,
    /// Data through NAT gateways.
    NatData,
    /// A public IPv4 address.
    PublicAddress,
    /// An interface endpoint in one zone.
    Endpoint,
    /// Logs taken in.
    LogsIngested,
    /// Logs kept.
    LogsStored,
    /// A custom metric.
    CustomMetric,
    /// An alarm on one metric.
    Alarm,
    /// An encryption key.
    Key,
    /// A secret.
    Secret,
    /// A DNS zone.
    HostedZone,
    /// A health check of an endpoint within AWS.
    HealthCheck,
    /// What a health check does beyond the simplest.
    HealthCheckFeature,
}

/// In what a price is quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    /// An hour that a thing runs.
    #[serde(rename = "hour")]
    Hour,
    /// A month that a thing is there.
    #[serde(rename = "month")]
    Month,
    /// A gigabyte moved.
    #[serde(rename = "GB")]
    Gigabyte,
    /// A gigabyte kept for a month.
    #[serde(rename = "GB-month")]
    GigabyteMonth,
    /// A million requests.
    #[serde(rename = "million")]
    Million,
}

impl Unit {
    /// As a quantity has it: `hours`.
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Hour => "hours",
            Self::Month => "months",
            Self::Gigabyte => "GB",
            Self::GigabyteMonth => "GB-months",
            Self::Million => "million requests",
        }
    }
}

impl Unit {
    /// As a price book names it.
    pub(super) fn name(self) -> String {
        named(&self)
    }
}

impl Item {
    /// Whether it can be quoted in `unit`: what runs by the hour or the month, amounts in their own unit.
    pub const fn takes(self, unit: Unit) -> bool {
        match self {
            Self::Volume | Self::DatabaseStorage | Self::DatabaseBackup | Self::LogsStored => {
                matches!(unit, Unit::GigabyteMonth)
            }
            Self::TransferOut
            | Self::TransferBetweenZones
            | Self::TransferBetweenRegions
            | Self::NatData
            | Self::LogsIngested => matches!(unit, Unit::Gigabyte),
            Self::DatabaseIo | Self::DatabaseReplicatedIo => matches!(unit, Unit::Million),
            _ => matches!(unit, Unit::Hour | Unit::Month),
        }
    }

    /// Whether AWS sells it cheaper to who commits to it for a year.
    pub const fn can_be_committed_to(self) -> bool {
        matches!(
            self,
            Self::Instance | Self::DatabaseInstance | Self::DatabaseInstanceIoOptimized | Self::CacheNode
        )
    }

    /// The only unit that it takes, where there is only one.
    pub(super) fn unit(self) -> Option<Unit> {
        [Unit::Gigabyte, Unit::GigabyteMonth, Unit::Million]
            .into_iter()
            .find(|unit| self.takes(*unit))
    }

    /// What AWS's list quotes it in.
    pub(super) fn usual_unit(self) -> Unit {
        match self {
            Self::CustomMetric
            | Self::Alarm
            | Self::Key
            | Self::Secret
            | Self::HostedZone
            | Self::HealthCheck
            | Self::HealthCheckFeature => Unit::Month,
            _ => self.unit().unwrap_or(Unit::Hour),
        }
    }

    /// Whether its price depends on its kind, such as an instance's on its type.
    pub(super) const fn has_kinds(self) -> bool {
        matches!(
            self,
            Self::Instance
                | Self::Volume
                | Self::DatabaseInstance
                | Self::DatabaseInstanceIoOptimized
                | Self::DatabaseStorage
                | Self::DatabaseInsights
                | Self::CacheNode
                | Self::LoadBalancer
                | Self::LoadBalancerUnit
        )
    }

    /// Whether it belongs to no region.
    pub(super) const fn is_global(self) -> bool {
        matches!(
            self,
            Self::HostedZone | Self::HealthCheck | Self::HealthCheckFeature
        )
    }

    /// As a price book names it.
    pub fn name(self) -> String {
        named(&self)
    }
}

/// A row of the estimate. The first eleven are the specification's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Row {
    ControlPlane,
    Workers,
    KafkaNodes,
    Database,
    DatabaseStorage,
    DatabaseBackup,
    Cache,
    LoadBalancer,
    TransferOut,
    Logs,
    Metrics,
    ExtendedSupport,
    Volumes,
    DatabaseIo,
    DatabaseReplication,
    Proxies,
    Insights,
    LoadBalancerUnits,
    NatGateways,
    NatData,
    BetweenZones,
    BetweenRegions,
    Addresses,
    Endpoints,
    LogStorage,
    Alarms,
    Keys,
    Secrets,
    Names,
    HealthChecks,
    Unsupported,
}

impl Row {
    /// Those of the specification's cost table, in its order.
    pub const TABLE: &[Self] = &[
        Self::ControlPlane,
        Self::Workers,
        Self::KafkaNodes,
        Self::Database,
        Self::DatabaseStorage,
        Self::DatabaseBackup,
        Self::Cache,
        Self::LoadBalancer,
        Self::TransferOut,
        Self::Logs,
        Self::Metrics,
    ];

    /// Whether the specification's cost table has it.
    pub fn is_in_table(self) -> bool {
        Self::TABLE.contains(&self)
    }

    /// The heading it stands under, as the specification's table has it where it has it.
    pub const fn group(self) -> &'static str {
        match self {
            Self::ControlPlane | Self::Workers | Self::KafkaNodes | Self::ExtendedSupport | Self::Volumes => {
                "EKS Cluster"
            }
            Self::Database
            | Self::DatabaseStorage
            | Self::DatabaseBackup
            | Self::DatabaseIo
            | Self::DatabaseReplication
            | Self::Proxies
            | Self::Insights => "RDS Aurora",
            Self::Cache => "ElastiCache",
            Self::LoadBalancer | Self::TransferOut | Self::LoadBalancerUnits => "Load Balancer",
            Self::Logs | Self::Metrics | Self::LogStorage | Self::Alarms => "CloudWatch",
            Self::NatGateways
            | Self::NatData
            | Self::BetweenZones
            | Self::BetweenRegions
            | Self::Addresses
            | Self::Endpoints => "Network",
            Self::Keys | Self::Secrets => "Keys and Secrets",
            Self::Names | Self::HealthChecks => "Edge",
            Self::Unsupported => "Other",
        }
    }

    /// Its own name.
    pub const fn title(self) -> &'static str {
        match self {
            Self::ControlPlane => "Control Plane",
            Self::Workers => "Worker Nodes",
            Self::KafkaNodes => "Kafka Nodes",
            Self::Database => "Primary",
            Self::DatabaseStorage => "Storage",
            Self::DatabaseBackup => "Backups",
            Self::Cache => "Redis Cluster",
            Self::LoadBalancer => "ALB",
            Self::TransferOut => "Data Transfer",
            Self::Logs => "Logs",
            Self::Metrics => "Metrics",
            Self::ExtendedSupport => "Extended Support",
            Self::Volumes => "Volumes",
            Self::DatabaseIo => "I/O Requests",
            Self::DatabaseReplication => "Replicated Writes",
            Self::Proxies => "Poolers",
            Self::Insights => "Performance Insights",
            Self::LoadBalancerUnits => "Capacity Units",
            Self::NatGateways => "NAT Gateways",
            Self::NatData => "Data through NAT",
            Self::BetweenZones => "Data between Zones",
            Self::BetweenRegions => "Data between Regions",
            Self::Addresses => "Public Addresses",
            Self::Endpoints => "Endpoints",
            Self::LogStorage => "Logs Kept",
            Self::Alarms => "Alarms",
            Self::Keys => "Keys",
            Self::Secrets => "Secrets",
            Self::Names => "DNS Zone",
            Self::HealthChecks => "Health Checks",
            Self::Unsupported => "Without a Price",
        }
    }

    /// As a price book's scope and an estimate's lines name it.
    pub fn name(self) -> String {
        named(&self)
    }
}

fn named(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        _ => unreachable!("an enum without fields is a string"),
    }
}
