//! How a cloud is reached, as far as the command line says; the rest is the SDK's own chain.

use std::time::Duration;

/// Beyond what the SDK reads from the environment and `~/.aws`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// Sends every call there instead of to AWS: an emulator, or a proxy.
    pub endpoint_url: Option<String>,
    /// The profile of `~/.aws/config`; a `role_arn` in it is assumed.
    pub profile: Option<String>,
    /// How long one call may take before it counts as lost. Unset: 30 s.
    pub request_timeout: Option<Duration>,
    /// Fields of Kubernetes objects that belong to others are taken from them.
    pub force_conflicts: bool,
}
