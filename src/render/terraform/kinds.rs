//! What each of vvbill's kinds is in Terraform: its resource, the file that it goes to, and how others refer to it.

/// A kind that Terraform's provider has.
pub(super) struct Kind {
    /// Ours.
    pub(super) kind: &'static str,
    /// The provider's.
    pub(super) resource: &'static str,
    /// Each output that others refer to: an attribute, or an expression around `{}`, the resource.
    pub(super) outputs: &'static [(&'static str, &'static str)],
    /// Whether an import block can name it.
    pub(super) importable: bool,
}

/// Kinds that Terraform does without, each with the reason.
const LEFT_OUT: &[(&str, &str)] = &[
    (
        "cluster_network_leftovers",
        "sweeps, when the cluster goes, what its controllers made outside of any plan; `kubectl delete` before \
         `terraform destroy` does that",
    ),
    (
        "cluster_volumes",
        "sweeps, when the cluster goes, the volumes that its pods claimed; Terraform knows none of them",
    ),
];

const fn kind(
    kind: &'static str,
    resource: &'static str,
    outputs: &'static [(&'static str, &'static str)],
) -> Kind {
    Kind {
        kind,
        resource,
        outputs,
        importable: true,
    }
}

const NAME_AND_ARN: &[(&str, &str)] = &[("name", "name"), ("arn", "arn")];
const ID_AND_ARN: &[(&str, &str)] = &[("id", "id"), ("arn", "arn")];
const ID: &[(&str, &str)] = &[("id", "id")];

/// The others. Each has a template of its name in `templates/terraform/`.
pub(super) const KINDS: &[Kind] = &[
    kind(
        "certificate",
        "aws_acm_certificate",
        &[
            ("arn", "arn"),
            (
                "validation_name",
                "tolist({}.domain_validation_options)[0].resource_record_name",
            ),
            (
                "validation_type",
                "tolist({}.domain_validation_options)[0].resource_record_type",
            ),
            (
                "validation_value",
                "trimsuffix(tolist({}.domain_validation_options)[0].resource_record_value, \".\")",
            ),
        ],
    ),
    Kind {
        importable: false,
        ..kind(
            "certificate_validation",
            "aws_acm_certificate_validation",
            &[("arn", "certificate_arn")],
        )
    },
    kind(
        "distribution",
        "aws_cloudfront_distribution",
        &[
            ("id", "id"),
            ("arn", "arn"),
            ("domain_name", "domain_name"),
            ("zone_id", "hosted_zone_id"),
        ],
    ),
    kind(
        "metric_alarm",
        "aws_cloudwatch_metric_alarm",
        &[("name", "alarm_name"), ("arn", "arn")],
    ),
    kind(
        "elastic_ip",
        "aws_eip",
        &[("id", "id"), ("public_ip", "public_ip")],
    ),
    kind("flow_log", "aws_flow_log", ID),
    kind("internet_gateway", "aws_internet_gateway", ID),
    kind(
        "launch_template",
        "aws_launch_template",
        &[("id", "id"), ("latest_version", "latest_version")],
    ),
    kind(
        "nat_gateway",
        "aws_nat_gateway",
        &[("id", "id"), ("public_ip", "public_ip")],
    ),
    kind("route_table", "aws_route_table", ID),
    kind(
        "security_group",
        "aws_security_group",
        &[("id", "id"), ("name", "name")],
    ),
    // Its direction follows: `aws_vpc_security_group_ingress_rule`.
    kind("security_group_rule", "aws_vpc_security_group", ID),
    kind("subnet", "aws_subnet", ID),
    kind("vpc", "aws_vpc", &[("id", "id"), ("cidr", "cidr_block")]),
    kind("vpc_endpoint", "aws_vpc_endpoint", ID),
    kind(
        "ecr_repository",
        "aws_ecr_repository",
        &[("name", "name"), ("arn", "arn"), ("uri", "repository_url")],
    ),
    kind(
        "eks_access_entry",
        "aws_eks_access_entry",
        &[("arn", "access_entry_arn"), ("principal", "principal_arn")],
    ),
    kind(
        "eks_addon",
        "aws_eks_addon",
        &[
            ("name", "addon_name"),
            ("arn", "arn"),
            ("version", "addon_version"),
        ],
    ),
    kind(
        "eks_cluster",
        "aws_eks_cluster",
        &[
            ("name", "name"),
            ("arn", "arn"),
            ("endpoint", "endpoint"),
            ("certificate_authority", "certificate_authority[0].data"),
            ("security_group_id", "vpc_config[0].cluster_security_group_id"),
        ],
    ),
    kind(
        "eks_node_group",
        "aws_eks_node_group",
        &[
            ("name", "node_group_name"),
            ("arn", "arn"),
            ("autoscaling_group", "resources[0].autoscaling_groups[0].name"),
        ],
    ),
    kind(
        "eks_pod_identity_association",
        "aws_eks_pod_identity_association",
        &[("arn", "association_arn"), ("service_account", "service_account")],
    ),
    kind(
        "cache_parameter_group",
        "aws_elasticache_parameter_group",
        NAME_AND_ARN,
    ),
    kind(
        "cache_replication_group",
        "aws_elasticache_replication_group",
        &[
            ("id", "id"),
            (
                "endpoint",
                "coalesce({0}.configuration_endpoint_address, {0}.primary_endpoint_address)",
            ),
            ("reader_endpoint", "reader_endpoint_address"),
            ("port", "port"),
        ],
    ),
    kind("cache_subnet_group", "aws_elasticache_subnet_group", NAME_AND_ARN),
    kind("listener", "aws_lb_listener", &[("arn", "arn")]),
    kind("listener_rule", "aws_lb_listener_rule", &[("arn", "arn")]),
    kind(
        "load_balancer",
        "aws_lb",
        &[
            ("arn", "arn"),
            ("arn_suffix", "arn_suffix"),
            ("dns_name", "dns_name"),
            ("zone_id", "zone_id"),
        ],
    ),
    kind(
        "target_group",
        "aws_lb_target_group",
        &[("arn", "arn"), ("arn_suffix", "arn_suffix"), ("name", "name")],
    ),
    kind("iam_policy", "aws_iam_policy", NAME_AND_ARN),
    kind("iam_role", "aws_iam_role", NAME_AND_ARN),
    kind("kms_alias", "aws_kms_alias", NAME_AND_ARN),
    kind("kms_key", "aws_kms_key", &[("id", "key_id"), ("arn", "arn")]),
    kind("log_group", "aws_cloudwatch_log_group", NAME_AND_ARN),
    kind(
        "db_cluster",
        "aws_rds_cluster",
        &[
            ("id", "id"),
            ("arn", "arn"),
            ("endpoint", "endpoint"),
            ("reader_endpoint", "reader_endpoint"),
            ("port", "port"),
            ("secret_arn", "master_user_secret[0].secret_arn"),
        ],
    ),
    kind(
        "db_cluster_parameter_group",
        "aws_rds_cluster_parameter_group",
        NAME_AND_ARN,
    ),
    kind("db_instance", "aws_rds_cluster_instance", ID_AND_ARN),
    kind("db_master_secret", "aws_secretsmanager_secret", SECRET),
    kind(
        "db_proxy",
        "aws_db_proxy",
        &[("name", "name"), ("arn", "arn"), ("endpoint", "endpoint")],
    ),
    kind("db_proxy_target", "aws_db_proxy_target", ID),
    kind("db_subnet_group", "aws_db_subnet_group", NAME_AND_ARN),
    kind("global_cluster", "aws_rds_global_cluster", ID_AND_ARN),
    kind("dns_record", "aws_route53_record", &[("name", "fqdn")]),
    kind("health_check", "aws_route53_health_check", ID),
    kind(
        "hosted_zone",
        "aws_route53_zone",
        &[
            ("id", "zone_id"),
            ("name", "name"),
            ("name_servers", "name_servers"),
        ],
    ),
    kind("s3_bucket", "aws_s3_bucket", &[("name", "id"), ("arn", "arn")]),
    kind("secret", "aws_secretsmanager_secret", SECRET),
];

const SECRET: &[(&str, &str)] = &[("arn", "arn"), ("name", "name")];

/// The kind of that name, unless it is left out.
pub(super) fn of(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.kind == name)
}

/// Why Terraform does without the kind of that name; `None` for those that it has.
pub fn left_out(name: &str) -> Option<&'static str> {
    let reasons = LEFT_OUT.iter();
    reasons
        .filter(|(kind, _)| *kind == name)
        .map(|(_, why)| *why)
        .next()
}

/// The file that a resource of this kind and of this section of the plan goes to.
pub(super) fn file_of<'s>(kind: &str, section: &'s str) -> &'s str {
    match kind {
        "iam_role" | "iam_policy" => "iam",
        "kms_key" | "kms_alias" => "keys",
        "security_group" | "security_group_rule" => "security",
        _ => section,
    }
}

/// What the module answers with: kind, output, and what that is.
pub(super) const ANSWERS: &[(&str, &str, &str)] = &[
    (
        "cache_replication_group",
        "endpoint",
        "where clients of the cache connect to",
    ),
    ("db_cluster", "endpoint", "the writer"),
    ("db_cluster", "reader_endpoint", "the readers"),
    ("db_proxy", "endpoint", "the pooler"),
    ("distribution", "domain_name", "CloudFront's own name"),
    ("ecr_repository", "uri", "where images are pushed to"),
    ("eks_cluster", "endpoint", "the Kubernetes API"),
    (
        "eks_cluster",
        "name",
        "the cluster's name, for `aws eks update-kubeconfig`",
    ),
    (
        "hosted_zone",
        "name_servers",
        "the name servers that the parent zone has to name",
    ),
    ("load_balancer", "dns_name", "the load balancer's own name"),
];
