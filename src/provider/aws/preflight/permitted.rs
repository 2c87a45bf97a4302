//! Calls that the caller's policies don't allow.

use std::collections::BTreeSet;

use super::super::{Region, permissions};
use super::{blocking, unasked};
use crate::provider::{Concern, Wanted};

/// What making one takes, by kind: the call that makes it, and those without which it is of no use.
const MAKING: &[(&str, &[&str])] = &[
    (
        "cache_parameter_group",
        &[
            "elasticache:CreateCacheParameterGroup",
            "elasticache:ModifyCacheParameterGroup",
        ],
    ),
    ("cache_replication_group", &["elasticache:CreateReplicationGroup"]),
    ("cache_subnet_group", &["elasticache:CreateCacheSubnetGroup"]),
    ("certificate", &["acm:RequestCertificate"]),
    ("db_cluster", &["rds:CreateDBCluster"]),
    (
        "db_cluster_parameter_group",
        &[
            "rds:CreateDBClusterParameterGroup",
            "rds:ModifyDBClusterParameterGroup",
        ],
    ),
    ("db_instance", &["rds:CreateDBInstance"]),
    ("db_proxy", &["rds:CreateDBProxy"]),
    (
        "db_proxy_target",
        &["rds:RegisterDBProxyTargets", "rds:ModifyDBProxyTargetGroup"],
    ),
    ("db_subnet_group", &["rds:CreateDBSubnetGroup"]),
    ("distribution", &["cloudfront:CreateDistribution"]),
    ("dns_record", &["route53:ChangeResourceRecordSets"]),
    ("ecr_repository", &["ecr:CreateRepository"]),
    ("eks_access_entry", &["eks:CreateAccessEntry"]),
    ("eks_addon", &["eks:CreateAddon"]),
    ("eks_cluster", &["eks:CreateCluster", "iam:PassRole"]),
    ("eks_node_group", &["eks:CreateNodegroup", "iam:PassRole"]),
    (
        "eks_pod_identity_association",
        &["eks:CreatePodIdentityAssociation", "iam:PassRole"],
    ),
    ("elastic_ip", &["ec2:AllocateAddress"]),
    ("flow_log", &["ec2:CreateFlowLogs", "iam:PassRole"]),
    ("global_cluster", &["rds:CreateGlobalCluster"]),
    ("health_check", &["route53:CreateHealthCheck"]),
    ("hosted_zone", &["route53:ListHostedZonesByName"]),
    ("iam_policy", &["iam:CreatePolicy"]),
    (
        "iam_role",
        &["iam:CreateRole", "iam:AttachRolePolicy", "iam:PutRolePolicy"],
    ),
    (
        "internet_gateway",
        &["ec2:CreateInternetGateway", "ec2:AttachInternetGateway"],
    ),
    ("kms_alias", &["kms:CreateAlias"]),
    ("kms_key", &["kms:CreateKey", "kms:EnableKeyRotation"]),
    ("launch_template", &["ec2:CreateLaunchTemplate"]),
    ("listener", &["elasticloadbalancing:CreateListener"]),
    ("listener_rule", &["elasticloadbalancing:CreateRule"]),
    (
        "load_balancer",
        &[
            "elasticloadbalancing:CreateLoadBalancer",
            "elasticloadbalancing:ModifyLoadBalancerAttributes",
        ],
    ),
    ("log_group", &["logs:CreateLogGroup", "logs:PutRetentionPolicy"]),
    ("metric_alarm", &["cloudwatch:PutMetricAlarm"]),
    ("nat_gateway", &["ec2:CreateNatGateway"]),
    (
        "route_table",
        &[
            "ec2:CreateRouteTable",
            "ec2:CreateRoute",
            "ec2:AssociateRouteTable",
        ],
    ),
    (
        "s3_bucket",
        &[
            "s3:CreateBucket",
            "s3:PutEncryptionConfiguration",
            "s3:PutBucketPublicAccessBlock",
        ],
    ),
    (
        "secret",
        &["secretsmanager:CreateSecret", "secretsmanager:GetRandomPassword"],
    ),
    (
        "security_group",
        &["ec2:CreateSecurityGroup", "ec2:RevokeSecurityGroupEgress"],
    ),
    (
        "security_group_rule",
        &[
            "ec2:AuthorizeSecurityGroupIngress",
            "ec2:AuthorizeSecurityGroupEgress",
        ],
    ),
    ("subnet", &["ec2:CreateSubnet", "ec2:ModifySubnetAttribute"]),
    ("target_group", &["elasticloadbalancing:CreateTargetGroup"]),
    (
        "vpc",
        &["ec2:CreateVpc", "ec2:ModifyVpcAttribute", "ec2:CreateTags"],
    ),
    ("vpc_endpoint", &["ec2:CreateVpcEndpoint"]),
];

pub(super) async fn check(cloud: &Region, wanted: &[Wanted<'_>]) -> Vec<Concern> {
    let kinds: BTreeSet<&str> = wanted
        .iter()
        .filter(|one| one.is_new)
        .map(|one| one.address.kind())
        .collect();
    let needed = MAKING.iter().filter(|(kind, _)| kinds.contains(kind));
    let actions: BTreeSet<&str> = needed.flat_map(|(_, actions)| actions.iter().copied()).collect();
    if actions.is_empty() {
        return Vec::new();
    }
    let actions: Vec<&str> = actions.into_iter().collect();
    match permissions::denied(cloud, &actions).await {
        Ok(denied) if denied.is_empty() => Vec::new(),
        Ok(denied) => vec![refused(wanted, &denied)],
        Err(why) => vec![unasked(cloud, "what the caller may do", why)],
    }
}

/// At the first resource that needs one of them.
fn refused(wanted: &[Wanted<'_>], denied: &[String]) -> Concern {
    let needs = |one: &&Wanted| {
        MAKING.iter().any(|(kind, actions)| {
            *kind == one.address.kind() && actions.iter().any(|action| denied.iter().any(|no| no == action))
        })
    };
    let first = wanted.iter().find(needs).map(|one| one.address);
    let list = denied.join(", ");
    blocking(
        first,
        format!("whoever runs this may not call {list}"),
        format!("attach a policy that allows {list}, or assume a role that may: --profile"),
    )
}
