//! The way in, in each region: load balancer, listeners, target groups.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::eks::yes;
use super::units::{Duration, Port};

/// A load balancer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoadBalancer {
    /// Name; AWS allows 32 characters: letters, digits, hyphens.
    pub name: String,
    /// Default `application`.
    #[serde(default, rename = "type")]
    pub kind: LoadBalancerKind,
    /// Reachable only inside the VPC. Default false.
    #[serde(default)]
    pub internal: bool,
    /// Refuses deletion until it is turned off. Default true.
    #[serde(default = "yes")]
    pub deletion_protection: bool,
    /// HTTP/2 towards clients; `application` only. Default true.
    #[serde(default = "yes")]
    pub http2: bool,
    /// Spreads over targets in all zones; always on for `application`. Default true.
    #[serde(default = "yes")]
    pub cross_zone: bool,
    /// Idle connections are closed after it; AWS allows 1s to 4000s. Default 60s, as in AWS.
    #[serde(default = "default_idle")]
    pub idle_timeout: Duration,
    /// Listeners, by name. Without one nothing gets in.
    #[serde(default)]
    #[schemars(extend("propertyNames" = super::units::key_names()))]
    pub listeners: BTreeMap<String, LoadBalancerListener>,
    /// Target groups, by name.
    #[serde(default)]
    #[schemars(extend("propertyNames" = super::units::key_names()))]
    pub target_groups: BTreeMap<String, TargetGroup>,
    /// Further tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

const fn default_idle() -> Duration {
    Duration::from_secs(60)
}

/// Kind of a load balancer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LoadBalancerKind {
    /// HTTP: routes by path.
    #[default]
    Application,
    /// TCP and TLS: more connections, no paths.
    Network,
}

/// A port that takes connections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoadBalancerListener {
    /// Port that takes connections.
    pub port: Port,
    /// What is spoken there. HTTP and HTTPS: `application`; TCP and TLS: `network`.
    pub protocol: LoadBalancerProtocol,
    /// ACM certificate: an ARN, or `managed` for one made for the edge's domain. Needed for HTTPS and TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// Redirects to HTTPS on this port instead of forwarding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect_to: Option<Port>,
    /// Target group of what no workload's route takes. Needed unless it redirects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_group: Option<String>,
}

/// What a listener or a target speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum LoadBalancerProtocol {
    Http,
    Https,
    Tcp,
    Tls,
}

/// Targets of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetGroup {
    /// Port that takes connections.
    pub port: Port,
    /// What is spoken there. HTTP and HTTPS: `application`; TCP and TLS: `network`.
    pub protocol: LoadBalancerProtocol,
    /// What a target is. Unset: AWS's default, `instance`; pods need `ip`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_type: Option<TargetType>,
    /// The workload behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<String>,
    /// How targets are checked.
    pub health_check: HealthCheck,
    /// Time that a leaving target has to finish; AWS allows 0s to 3600s. Default 300s, as in AWS.
    #[serde(default = "default_deregistration")]
    pub deregistration_delay: Duration,
    /// Keeps a client on one target. Unset: no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stickiness: Option<Stickiness>,
}

const fn default_deregistration() -> Duration {
    Duration::from_secs(300)
}

/// What stands behind a target group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TargetType {
    /// A node, through a port of its own.
    Instance,
    /// A pod, directly.
    Ip,
}

/// How a target is checked. A dead one is out after `interval` × `unhealthy_threshold`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HealthCheck {
    /// Default true.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Path that is asked for.
    pub path: String,
    /// HTTP codes that count as well, such as `200` or `200-299`. Default `200`.
    #[serde(default = "default_matcher")]
    pub matcher: String,
    /// Between two checks; AWS allows 5s to 300s. Default 30s, as in AWS.
    #[serde(default = "default_interval")]
    pub interval: Duration,
    /// Longest wait for an answer; AWS allows 2s to 120s, below `interval`. Default 5s, as in AWS.
    #[serde(default = "default_check_timeout")]
    pub timeout: Duration,
    /// Good checks in a row that bring a target in, 2 to 10. Default 5, as in AWS.
    #[serde(default = "five")]
    #[schemars(range(min = 2, max = 10))]
    pub healthy_threshold: u32,
    /// Bad checks in a row that take a target out, 2 to 10. Default 2, as in AWS.
    #[serde(default = "two")]
    #[schemars(range(min = 2, max = 10))]
    pub unhealthy_threshold: u32,
}

fn default_matcher() -> String {
    "200".to_owned()
}

const fn default_interval() -> Duration {
    Duration::from_secs(30)
}

const fn default_check_timeout() -> Duration {
    Duration::from_secs(5)
}

const fn five() -> u32 {
    5
}

const fn two() -> u32 {
    2
}

/// Keeps a client on one target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stickiness {
    /// Default true.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Default `lb_cookie`.
    #[serde(default, rename = "type")]
    pub kind: StickinessKind,
    /// How long; AWS allows 1s to 7d. Default 1d.
    #[serde(default = "one_day")]
    pub cookie_duration: Duration,
}

const fn one_day() -> Duration {
    Duration::from_secs(86_400)
}

/// By what a client is known again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StickinessKind {
    /// A cookie that the load balancer makes.
    #[default]
    LbCookie,
    /// A cookie that the application makes.
    AppCookie,
    /// The client's address; `network` only.
    SourceIp,
}
