//! What the price depends on besides the resources themselves.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::units::{Bytes, Money};

/// Price book, budget, and amounts that only use can tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Cost {
    /// Price book in `prices/`, without `.yaml`. Default `aws-2026-11`.
    pub price_book: String,
    /// Most that a month may cost; more ends `cost`, and `plan` and `apply` of what makes it dearer, with exit code
    /// 3. Unset: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monthly_budget: Option<Money>,
    /// Hours in a month, 672 to 744. Default 730 (a twelfth of a year).
    #[schemars(range(min = 672, max = 744))]
    pub hours_per_month: u32,
    /// Data in the database, over all shards. Unset: unknown, and said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database_storage: Option<Bytes>,
    /// Backups beyond what is free.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database_backup: Option<Bytes>,
    /// I/O requests of the database in a month, over all shards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database_io_monthly: Option<u64>,
    /// Data sent to the internet in a month.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transfer_out_monthly: Option<Bytes>,
    /// Data between zones in a month, counted once a direction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transfer_between_zones_monthly: Option<Bytes>,
    /// Data between regions in a month.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transfer_between_regions_monthly: Option<Bytes>,
    /// Data through NAT gateways in a month.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nat_data_monthly: Option<Bytes>,
    /// Logs taken in by CloudWatch in a month.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logs_ingested_monthly: Option<Bytes>,
    /// Logs kept by CloudWatch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logs_stored: Option<Bytes>,
    /// Custom CloudWatch metrics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom_metrics: Option<u64>,
    /// Load balancer capacity units, on average. Unset: computed from the event rate and size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_balancer_units: Option<u64>,
}

impl Default for Cost {
    fn default() -> Self {
        Self {
            price_book: "aws-2026-11".to_owned(),
            monthly_budget: None,
            hours_per_month: 730,
            database_storage: None,
            database_backup: None,
            database_io_monthly: None,
            transfer_out_monthly: None,
            transfer_between_zones_monthly: None,
            transfer_between_regions_monthly: None,
            nat_data_monthly: None,
            logs_ingested_monthly: None,
            logs_stored: None,
            custom_metrics: None,
            load_balancer_units: None,
        }
    }
}
