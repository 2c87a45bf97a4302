//! VV500–519: regions, addresses and zones.

use super::facts::logs::RETENTION_DAYS;
use super::{Applies, Breaches, Context, Rule, Severity};
use crate::spec::{Duration, Nat, Network, Spec};

const SUBNETS: &str = "Amazon VPC user guide, \"VPC CIDR blocks\" and \"Subnets for your VPC\"";

/// A VPC takes blocks of these prefixes.
const PREFIXES: std::ops::RangeInclusive<u8> = 16..=28;

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "VV500",
        severity: Severity::Error,
        title: "AWS takes no network of that size",
        applies: Applies::OnAws,
        about: "A VPC's block has a prefix of 16 to 28: at most 65,536 addresses, at least 16.",
        source: SUBNETS,
        remedy: "Choose a prefix between 16 and 28.",
        check: size_is_refused,
    },
    Rule {
        code: "VV501",
        severity: Severity::Error,
        title: "the subnets don't fit into the network",
        applies: Applies::OnAws,
        about: "Each zone gets a public and a private subnet. Together they have to fit into the VPC's block.",
        source: SUBNETS,
        remedy: "Take a larger block, or a longer `subnet_prefix`.",
        check: subnets_do_not_fit,
    },
    Rule {
        code: "VV502",
        severity: Severity::Error,
        title: "there are too few zones",
        applies: Applies::OnAws,
        about: "EKS, Aurora's subnet group and a load balancer each ask for subnets in at least two availability zones.",
        source: "Amazon EKS user guide, \"VPC and subnet requirements\"",
        remedy: "Name two zones, better three.",
        check: zones_are_too_few,
    },
    Rule {
        code: "VV503",
        severity: Severity::Error,
        title: "the zone lies in another region",
        applies: Applies::OnAws,
        about: "A zone is called after its region, with a letter behind. AWS refuses subnets and clusters in zones of \
                another one.",
        source: "Amazon EC2 user guide, \"Regions and Zones\"",
        remedy: "Name zones of the primary region.",
        check: zone_is_elsewhere,
    },
    Rule {
        code: "VV504",
        severity: Severity::Error,
        title: "the two regions can't be told apart",
        applies: Applies::OnAws,
        about: "A second region has a name of its own and addresses of its own: networks that overlap can't be joined, \
                and Kafka's mirror and Aurora's copy need them joined.",
        source: "Amazon VPC user guide, \"VPC peering\"",
        remedy: "Name another region, and give it a block that doesn't overlap.",
        check: regions_overlap,
    },
    Rule {
        code: "VV505",
        severity: Severity::Error,
        title: "nodes in private subnets reach nothing",
        applies: Applies::OnAws,
        about: "Without NAT, nodes get their images and credentials through VPC endpoints only. Without those of ECR, S3 \
                and STS they never join the cluster.",
        source: "Amazon EKS user guide, \"Deploy private clusters with limited internet access\"",
        remedy: "Set `network.nat`, or name the endpoints.",
        check: nothing_is_reachable,
    },
    Rule {
        code: "VV506",
        severity: Severity::Warning,
        title: "a lost zone takes the way out of all with it",
        applies: Applies::OnAws,
        about: "A NAT gateway lives in one zone. With a single one, the loss of its zone cuts off the nodes of the \
                others as well, and their traffic pays for crossing zones.",
        source: "Amazon VPC user guide, \"NAT gateways\"",
        remedy: "Set `network.nat: per-zone` where availability is promised.",
        check: way_out_is_single,
    },
    Rule {
        code: "VV507",
        severity: Severity::Error,
        title: "a section that AWS needs is missing",
        applies: Applies::OnAws,
        about: "Without a region and a network nothing can be made on AWS; workloads and Kafka need a cluster; a \
                database and a cache need the size of their instances.",
        source: "vvbill",
        remedy: "Add the section or the field.",
        check: section_is_missing,
    },
    Rule {
        code: "VV508",
        severity: Severity::Warning,
        title: "the subnets hold too few addresses for the pods",
        applies: Applies::OnAws,
        about: "With the VPC CNI each pod takes an address of the subnet, and each node keeps some in reserve. When they \
                are used up, pods stay pending with `failed to assign an IP address`.",
        source: "Amazon EKS best practices, \"VPC and subnet considerations\"",
        remedy: "Take a shorter `subnet_prefix`.",
        check: addresses_are_too_few,
    },
    Rule {
        code: "VV509",
        severity: Severity::Error,
        title: "CloudWatch keeps no log for that long",
        applies: Applies::OnAws,
        about: "A log group keeps what it takes in for one of 22 numbers of days, from 1 to 3,653. AWS refuses others.",
        source: "Amazon CloudWatch Logs API reference, PutRetentionPolicy",
        remedy: "Choose a number of days that CloudWatch offers, such as 90d, 365d or 400d.",
        check: log_is_kept_for_other_days,
    },
];

/// The number of zones that the network spans.
fn zone_count(network: &Network) -> u64 {
    if network.zones.is_empty() {
        3
    } else {
        network.zones.len() as u64
    }
}

fn log_is_kept_for_other_days(spec: &Spec, _: &Context, found: &mut Breaches) {
    let eks = spec.eks.as_ref().and_then(|eks| eks.log_retention);
    let network = spec
        .network
        .as_ref()
        .and_then(|network| network.flow_log_retention);
    for (path, retention) in [
        ("eks.log_retention", eks),
        ("network.flow_log_retention", network),
    ] {
        let Some(retention) = retention else { continue };
        let days = retention.as_days();
        let whole = retention == Duration::from_secs(days * 86_400);
        if whole && RETENTION_DAYS.contains(&days) {
            continue;
        }
        let longer = RETENTION_DAYS.iter().find(|offered| **offered > days);
        let fits = longer.or(RETENTION_DAYS.last()).copied().unwrap_or_default();
        found.add(
            &[path],
            format!("CloudWatch doesn't offer {retention}; the next is {fits}d"),
            format!("set {path}: {fits}d"),
        );
    }
}

fn size_is_refused(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(network) = &spec.network else { return };
    let blocks = [
        ("network.cidr", Some(network.cidr)),
        ("network.secondary_cidr", network.secondary_cidr),
    ];
    for (path, block) in blocks {
        if let Some(block) = block.filter(|block| !PREFIXES.contains(&block.prefix)) {
            let fix = format!("set {path}: {}/16", block.address);
            found.add(
                &[path],
                format!("/{} is not between /16 and /28", block.prefix),
                fix,
            );
        }
    }
}

fn subnets_do_not_fit(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(network) = &spec.network else { return };
    let zones = zone_count(network);
    let wanted = 2 * zones * (1 << (32 - u32::from(network.subnet_prefix)));
    if wanted > network.cidr.addresses() {
        let why = format!(
            "2 subnets × {zones} zones of /{} hold {wanted} addresses, {} has {}",
            network.subnet_prefix,
            network.cidr,
            network.cidr.addresses()
        );
        let fits = (16..=28).find(|prefix| 2 * zones * (1 << (32 - prefix)) <= network.cidr.addresses());
        let fix = match fits {
            Some(prefix) => format!("set network.subnet_prefix: {prefix}"),
            None => "take a larger network.cidr".to_owned(),
        };
        found.add(
            &["network.subnet_prefix", "network.cidr", "network.zones"],
            why,
            fix,
        );
    }
}

fn zones_are_too_few(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(network) = &spec.network else { return };
    if network.zones.len() == 1 {
        let region = spec
            .regions
            .as_ref()
            .map_or("us-east-1", |regions| regions.primary.as_str());
        let fix = format!("set network.zones: [{region}a, {region}b, {region}c]");
        found.add(&["network.zones"], format!("{} alone", network.zones[0]), fix);
    }
}

fn zone_is_elsewhere(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(regions) = &spec.regions else { return };
    let network = spec.network.iter().map(|it| ("network.zones", &it.zones));
    let aurora = spec.aurora.iter().map(|it| ("aurora.zones", &it.zones));
    for (path, zones) in network.chain(aurora) {
        for (index, zone) in zones.iter().enumerate() {
            let letter = zone.strip_prefix(regions.primary.as_str());
            if !letter.is_some_and(|rest| rest.len() == 1 && rest.chars().all(|c| c.is_ascii_lowercase())) {
                let path = format!("{path}[{index}]");
                let why = format!("{zone} is no zone of {}", regions.primary);
                let fix = format!(
                    "set {path}: {}{}",
                    regions.primary,
                    char::from(b'a' + (index % 6) as u8)
                );
                found.add(&[&path, "regions.primary"], why, fix);
            }
        }
    }
}

fn regions_overlap(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(regions) = &spec.regions else { return };
    let Some(second) = &regions.secondary else { return };
    if second.name == regions.primary {
        let why = format!("{} is the primary as well", second.name);
        found.add(
            &["regions.secondary.name", "regions.primary"],
            why,
            "name another region, or leave it out",
        );
    }
    let Some(network) = &spec.network else { return };
    match network.secondary_cidr {
        None => {
            let why = format!("{} has no addresses", second.name);
            found.add(
                &["network.secondary_cidr", "regions.secondary"],
                why,
                "set network.secondary_cidr: 10.1.0.0/16",
            );
        }
        Some(block) if block.contains(network.cidr) || network.cidr.contains(block) => {
            let why = format!("{block} overlaps {}", network.cidr);
            let fix = "set network.secondary_cidr to a block beside the first, such as 10.1.0.0/16";
            found.add(&["network.secondary_cidr", "network.cidr"], why, fix);
        }
        Some(_) => {}
    }
}

fn nothing_is_reachable(spec: &Spec, _: &Context, found: &mut Breaches) {
    let (Some(network), Some(_)) = (&spec.network, &spec.eks) else {
        return;
    };
    if network.nat != Nat::None {
        return;
    }
    let needed = ["ecr.api", "ecr.dkr", "s3", "sts", "ec2"];
    let missing: Vec<&str> = needed
        .into_iter()
        .filter(|name| !network.endpoints.contains(*name))
        .collect();
    if !missing.is_empty() {
        let why = format!(
            "without NAT, nodes need the endpoints {} as well",
            missing.join(", ")
        );
        let fix = format!(
            "add {} to network.endpoints, or set network.nat: per-zone",
            missing.join(", ")
        );
        found.add(&["network.endpoints", "network.nat"], why, fix);
    }
}

fn way_out_is_single(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(network) = &spec.network else { return };
    if let (Nat::Single, Some(availability)) = (network.nat, spec.success_metrics.availability) {
        let why = format!("{availability} are promised, and one zone holds the only way out");
        found.add(
            &["network.nat", "success_metrics.availability"],
            why,
            "set network.nat: per-zone",
        );
    }
}

fn section_is_missing(spec: &Spec, _: &Context, found: &mut Breaches) {
    let on_cluster =
        !spec.workloads.is_empty() || spec.kafka.is_some() || spec.buffer.is_some() || spec.ingest.is_some();
    let needs = [
        (
            spec.regions.is_none(),
            "regions",
            "set regions: {primary: us-east-1}",
        ),
        (
            spec.network.is_none(),
            "network",
            "set network: {cidr: 10.0.0.0/16}",
        ),
        (
            on_cluster && spec.eks.is_none(),
            "eks",
            "describe eks: the pods of this plan need a cluster",
        ),
        (
            spec.aurora.as_ref().is_some_and(|it| it.instance_class.is_none()),
            "aurora.instance_class",
            "set aurora.instance_class: db.r6g.2xlarge",
        ),
        (
            spec.cache.as_ref().is_some_and(|it| it.node_type.is_none()),
            "cache.node_type",
            "set cache.node_type: cache.r6g.large",
        ),
    ];
    for (_, path, fix) in needs.into_iter().filter(|need| need.0) {
        found.add(&[path], "the target is aws, which can't do without it", fix);
    }
}

fn addresses_are_too_few(spec: &Spec, _: &Context, found: &mut Breaches) {
    let (Some(network), Some(cluster)) = (&spec.network, &spec.eks) else {
        return;
    };
    let pods: u64 = cluster
        .node_groups
        .values()
        .filter_map(|group| {
            let node = super::facts::machine::ec2(&group.instance_type)?;
            Some(u64::from(group.max) * u64::from(node.max_pods.min(110)))
        })
        .sum();
    let usable = zone_count(network) * ((1 << (32 - u32::from(network.subnet_prefix))) - 5);
    if pods > usable {
        let why = format!("all nodes may run {pods} pods, the private subnets hold {usable} addresses");
        let fix = format!(
            "set network.subnet_prefix: {}",
            network.subnet_prefix.saturating_sub(2).max(16)
        );
        found.add(&["network.subnet_prefix", "eks.node_groups"], why, fix);
    }
}
