//! What runs in the cluster for the cluster: operators and controllers, each a Helm chart of a fixed version.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A Helm release; what is unset is vvbill's own choice for an operator that the plan needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Operator {
    /// Whether it is installed. False where somebody else does it. Default true.
    pub install: bool,
    /// Chart in the repository, such as `strimzi-kafka-operator`; or one that needs none: `oci://…`, `https://…`, or a
    /// path that starts with `/`, `./` or `../`. Needed for one that vvbill doesn't know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chart: Option<String>,
    /// URL of the chart's repository. Needed for one that vvbill doesn't know, unless its chart needs none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// Version of the chart. Needed for one that vvbill doesn't know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Namespace that it runs in. Unset: `operators`, or where its own guide puts it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Values of the chart by their path, such as `image.tag`, laid over vvbill's own; no secrets.
    #[schemars(extend("propertyNames" = super::units::key_names()))]
    pub values: BTreeMap<String, String>,
}

impl Default for Operator {
    fn default() -> Self {
        Self {
            install: true,
            chart: None,
            repository: None,
            version: None,
            namespace: None,
            values: BTreeMap::new(),
        }
    }
}
