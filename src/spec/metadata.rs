//! Whose plan it is and where it runs.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::units::Name;

/// What the platform is called, and the tags that every resource of it carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    /// Name of the plan and prefix of what it makes: lower-case letters, digits and hyphens, at most 40,
    /// starting with a letter. The state of a local plan lies in `.vvbill/<name>/`.
    pub name: Name,
    /// `production`, `staging`, `local` …; becomes the tag `Environment`.
    #[serde(default = "default_environment")]
    pub environment: String,
    /// The team or person who answers for it; becomes the tag `Owner`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Further tags on every resource. AWS allows 50 a resource, keys to 128 and values to 256 characters,
    /// and no key that starts with `aws:`.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

fn default_environment() -> String {
    "production".to_owned()
}

/// Where the plan is made real.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// An AWS account.
    Aws,
    /// Processes on this machine, on the loopback interface.
    Local,
}
