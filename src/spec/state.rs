//! Where vvbill keeps what it knows of the resources.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::units::Duration;

/// Backend and lock of the state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StateSettings {
    /// A folder relative to the working folder, or `s3://bucket/key`. Unset: `.vvbill/<plan name>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend: Option<String>,
    /// How long a lock outlives the last heartbeat of its holder. Default 60s.
    pub lease: Duration,
}

impl Default for StateSettings {
    fn default() -> Self {
        Self {
            backend: None,
            lease: Duration::from_secs(60),
        }
    }
}
