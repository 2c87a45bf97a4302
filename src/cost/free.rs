//! Kinds of resources that are not a line of their own: those that cost nothing, and those of which only use
//! costs something that no field of a plan states.

use super::Input;
use super::estimate::NotCounted;
use crate::resource::Desired;

/// AWS charges nothing for them.
const FREE: &[&str] = &[
    "cache_parameter_group",
    "cache_subnet_group",
    "certificate",
    "certificate_validation",
    "cluster_network_leftovers",
    "cluster_volumes",
    "db_cluster_parameter_group",
    "db_proxy_target",
    "db_subnet_group",
    "dns_record",
    "eks_access_entry",
    "eks_addon",
    "eks_pod_identity_association",
    "iam_policy",
    "iam_role",
    "internet_gateway",
    "kms_alias",
    "launch_template",
    "listener",
    "listener_rule",
    "log_group",
    "route_table",
    "security_group",
    "security_group_rule",
    "subnet",
    "target_group",
    "vpc",
];

/// Kind, what of its use costs something, and what it costs.
const BY_USE: &[(&str, &str, &str)] = &[
    (
        "distribution",
        "CloudFront's requests",
        "0.01 USD for 10,000 by HTTPS",
    ),
    ("ecr_repository", "images kept in ECR", "0.10 USD a GB and month"),
    (
        "s3_bucket",
        "access logs kept in S3, and their delivery",
        "0.023 USD a GB and month",
    ),
    (
        "kms_key",
        "requests to KMS",
        "0.03 USD for 10,000, the first 20,000 free",
    ),
    (
        "vpc_endpoint",
        "data through interface endpoints",
        "0.01 USD a GB",
    ),
    (
        "cache_replication_group",
        "snapshots of the cache",
        "0.085 USD a GB and month, the latest free",
    ),
    (
        "flow_log",
        "flow logs, where `cost.logs_ingested_monthly` doesn't hold them",
        "0.50 USD a GB",
    ),
];

/// Whether a resource needs no line. Pods and the like run on nodes that are paid for; what runs on this
/// machine is nobody's invoice.
pub(super) fn needs_no_line(desired: &Desired) -> bool {
    let kind = desired.address.kind();
    desired.address.provider() != "aws" || FREE.contains(&kind) || BY_USE.iter().any(|(it, ..)| *it == kind)
}

/// What is left out of the estimate because nothing says how much it is.
pub(super) fn not_counted(input: &Input<'_>) -> Vec<NotCounted> {
    let is_there = |kind: &str| {
        let mut kinds = input.desired.iter().map(|desired| desired.address.kind());
        kinds.any(|it| it == kind)
    };
    BY_USE
        .iter()
        .filter(|(kind, ..)| is_there(kind))
        .map(|(_, what, price)| NotCounted { what, price })
        .collect()
}
