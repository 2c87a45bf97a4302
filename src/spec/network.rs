//! The private network: addresses, zones, ways out.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::units::{Cidr, Duration};

/// One VPC a region, with a public and a private subnet in each zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Addresses of the VPC; AWS allows /16 to /28.
    pub cidr: Cidr,
    /// Addresses of the second region's VPC; must not overlap the first. Needed when there is a second region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secondary_cidr: Option<Cidr>,
    /// Availability zones of the primary region, such as `us-east-1a`. Empty: the first three.
    #[serde(default)]
    pub zones: Vec<String>,
    /// Length of a subnet's prefix; AWS allows 16 to 28. Default 20 (4,091 usable addresses).
    #[serde(default = "default_subnet_prefix")]
    #[schemars(range(min = 16, max = 28))]
    pub subnet_prefix: u8,
    /// NAT gateways for what leaves private subnets. Default `per-zone`.
    #[serde(default)]
    pub nat: Nat,
    /// AWS services reached through VPC endpoints instead of NAT: `s3`, `ecr.api`, `ecr.dkr`, `logs`, `sts` …
    #[serde(default)]
    pub endpoints: BTreeSet<String>,
    /// Flow logs of the VPC to CloudWatch. Default false.
    #[serde(default)]
    pub flow_logs: bool,
    /// How long CloudWatch keeps them; it offers certain numbers of days, such as 90d and 400d. Unset: 365d.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow_log_retention: Option<Duration>,
}

const fn default_subnet_prefix() -> u8 {
    20
}

/// How many NAT gateways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Nat {
    /// None: private subnets reach only VPC endpoints.
    None,
    /// One for all zones: cheaper, and lost with its zone.
    Single,
    /// One in each zone.
    #[default]
    PerZone,
}
