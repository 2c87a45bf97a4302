//! The regions, and what runs in the second.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The primary region and, if wanted, a second.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Regions {
    /// AWS region that takes writes, such as `us-east-1`.
    pub primary: String,
    /// A second region. Without it everything runs in the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secondary: Option<SecondaryRegion>,
}

/// What the second region runs and how it stands to the first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecondaryRegion {
    /// AWS region, such as `eu-west-1`; not the primary.
    pub name: String,
    /// Whether it takes traffic all the time or only when the first is away. Default `active-passive`.
    #[serde(default)]
    pub mode: SecondaryMode,
    /// The parts of the platform that run there.
    pub runs: BTreeSet<Tier>,
}

/// How the second region stands to the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SecondaryMode {
    /// It waits, and takes traffic when the first is away.
    #[default]
    ActivePassive,
    /// Both take reads; writes go to the first.
    ActiveActive,
}

/// A part of the platform that can be told apart when it runs, fails or comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// Load balancer, DNS and CloudFront.
    Edge,
    /// The application's own API.
    Api,
    /// The bundled ingestion service.
    Ingest,
    /// The Kafka cluster.
    Kafka,
    /// The write-behind buffer (Redis with Sentinel).
    Buffer,
    /// The cache (ElastiCache).
    Cache,
    /// The database shards.
    Database,
}
