//! The policies of this plan's roles.
//!
//! Regions and the account stay open in ARNs, as roles belong to no region and a plan knows no account; a
//! condition keeps what is meant to the account that the role is of.

use serde_json::{Value, json};

use crate::provider::aws::{ADDRESS_TAG, NAME, PLAN_TAG, PolicyDocument};

/// Pods, through EKS's agent on their node.
pub(super) fn trusts_pods() -> PolicyDocument {
    PolicyDocument::new(vec![json!({
        "Effect": "Allow",
        "Principal": { "Service": "pods.eks.amazonaws.com" },
        "Action": ["sts:AssumeRole", "sts:TagSession"],
    })])
}

/// Kubernetes' secrets are wrapped with the key behind this alias.
pub(super) fn encryption(alias: &str) -> PolicyDocument {
    PolicyDocument::new(vec![json!({
        "Effect": "Allow",
        "Action": ["kms:Encrypt", "kms:Decrypt", "kms:ListGrants", "kms:DescribeKey"],
        "Resource": "*",
        "Condition": {
            "StringEquals": in_this_account(),
            "ForAnyValue:StringEquals": { "kms:ResourceAliases": format!("alias/{alias}") },
        },
    })])
}

/// As the autoscaler's own guide has it. EKS tags the groups of its nodes so.
pub(super) fn scaling(cluster: &str) -> PolicyDocument {
    let mut own_group = serde_json::Map::new();
    let tag = format!("aws:ResourceTag/k8s.io/cluster-autoscaler/{cluster}");
    own_group.insert(tag, "owned".into());
    PolicyDocument::new(vec![
        json!({
            "Effect": "Allow",
            "Action": [
                "autoscaling:DescribeAutoScalingGroups",
                "autoscaling:DescribeAutoScalingInstances",
                "autoscaling:DescribeLaunchConfigurations",
                "autoscaling:DescribeScalingActivities",
                "autoscaling:DescribeTags",
                "ec2:DescribeImages",
                "ec2:DescribeInstanceTypes",
                "ec2:DescribeLaunchTemplateVersions",
                "ec2:GetInstanceTypesFromInstanceRequirements",
            ],
            "Resource": "*",
        }),
        json!({
            "Effect": "Allow",
            "Action": "eks:DescribeNodegroup",
            "Resource": format!("arn:aws:eks:*:*:nodegroup/{cluster}/*/*"),
        }),
        json!({
            "Effect": "Allow",
            "Action": ["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"],
            "Resource": "arn:aws:autoscaling:*:*:autoScalingGroup:*",
            "Condition": { "StringEquals": own_group },
        }),
    ])
}

/// The load balancers are the plan's own: the controller only keeps their targets.
pub(super) fn targets(plan: &str) -> PolicyDocument {
    PolicyDocument::new(vec![
        json!({
            "Effect": "Allow",
            "Action": [
                "ec2:DescribeAvailabilityZones",
                "ec2:DescribeInstances",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:DescribeVpcs",
                "elasticloadbalancing:DescribeListeners",
                "elasticloadbalancing:DescribeLoadBalancers",
                "elasticloadbalancing:DescribeTags",
                "elasticloadbalancing:DescribeTargetGroupAttributes",
                "elasticloadbalancing:DescribeTargetGroups",
                "elasticloadbalancing:DescribeTargetHealth",
            ],
            "Resource": "*",
        }),
        json!({
            "Effect": "Allow",
            "Action": ["elasticloadbalancing:RegisterTargets", "elasticloadbalancing:DeregisterTargets"],
            "Resource": "arn:aws:elasticloadbalancing:*:*:targetgroup/*/*",
            "Condition": { "StringEquals": tagged("aws:ResourceTag", PLAN_TAG, plan) },
        }),
    ])
}

pub(super) fn log_delivery(group: &str) -> PolicyDocument {
    PolicyDocument::new(vec![
        json!({
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            "Resource": [
                format!("arn:aws:logs:*:*:log-group:{group}"),
                format!("arn:aws:logs:*:*:log-group:{group}:*"),
            ],
        }),
        json!({ "Effect": "Allow", "Action": "logs:DescribeLogGroups", "Resource": "*" }),
    ])
}

/// The plan's secrets of these kinds, told by their tags; and those that RDS makes and renews itself for the
/// clusters whose names start with `shards`.
pub(super) fn secrets_of(plan: &str, kinds: &[&str], shards: Option<&str>) -> PolicyDocument {
    let addresses: Vec<String> = kinds.iter().map(|kind| format!("{NAME}/*/{kind}/*")).collect();
    let mut own = tagged("secretsmanager:ResourceTag", PLAN_TAG, plan);
    own.extend(in_this_account());
    let mut statements = vec![reading(
        "arn:aws:secretsmanager:*:*:secret:*",
        json!({
            "StringEquals": own,
            "StringLike": tagged("secretsmanager:ResourceTag", ADDRESS_TAG, &addresses),
        }),
    )];
    if let Some(shards) = shards {
        let clusters = format!("arn:aws:rds:*:*:cluster:{shards}*");
        statements.push(reading(
            "arn:aws:secretsmanager:*:*:secret:rds!cluster-*",
            json!({
                "StringEquals": in_this_account(),
                "StringLike": tagged("secretsmanager:ResourceTag", "aws:rds:primaryDBClusterArn", &clusters),
            }),
        ));
    }
    PolicyDocument::new(statements)
}

/// By name or ARN; AWS puts six characters behind a name.
pub(super) fn secrets_by_name(names: &[&str]) -> PolicyDocument {
    let arn = |name: &&str| match name.starts_with("arn:") {
        true => (*name).to_owned(),
        false => format!("arn:aws:secretsmanager:*:*:secret:{name}-??????"),
    };
    let arns: Vec<String> = names.iter().map(arn).collect();
    PolicyDocument::new(vec![json!({
        "Effect": "Allow",
        "Action": "secretsmanager:GetSecretValue",
        "Resource": arns,
    })])
}

fn reading(secrets: &str, condition: Value) -> Value {
    json!({
        "Effect": "Allow",
        "Action": ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"],
        "Resource": secrets,
        "Condition": condition,
    })
}

fn tagged(key: &str, tag: &str, value: impl serde::Serialize) -> serde_json::Map<String, Value> {
    [(format!("{key}/{tag}"), json!(value))].into_iter().collect()
}

fn in_this_account() -> serde_json::Map<String, Value> {
    [("aws:ResourceAccount".to_owned(), json!("${aws:PrincipalAccount}"))]
        .into_iter()
        .collect()
}
