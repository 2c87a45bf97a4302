//! VV100–109: the Kubernetes cluster and how long AWS supports it.

use jiff::civil::Date;

use super::facts::eks;
use super::{Applies, Breaches, Context, Rule, Severity};
use crate::spec::{AmiFamily, Distribution, Eks, NodeAutoscaler, Spec};

const CALENDAR: &str = "Amazon EKS user guide, \"Understand the Kubernetes version lifecycle on EKS\"";

/// How long before the end of standard support a plan is warned.
const NOTICE_DAYS: i32 = 60;

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "VV101",
        severity: Severity::Error,
        title: "EKS accepts no new cluster of this Kubernetes version",
        applies: Applies::OnAws,
        about: "EKS supports a minor version of Kubernetes for fourteen months, then for twelve more as extended \
                support. After that it creates no cluster of the version, and upgrades those that exist by itself.",
        source: CALENDAR,
        remedy: "Name the newest version under standard support in `eks.version`.",
        check: version_is_over,
    },
    Rule {
        code: "VV102",
        severity: Severity::Warning,
        title: "the Kubernetes version is in extended support",
        applies: Applies::OnAws,
        about: "A cluster in extended support costs 0.60 USD an hour instead of 0.10, and its version ends within \
                twelve months.",
        source: CALENDAR,
        remedy: "Name a version under standard support in `eks.version`.",
        check: version_is_extended,
    },
    Rule {
        code: "VV103",
        severity: Severity::Warning,
        title: "standard support of the Kubernetes version ends within 60 days",
        applies: Applies::OnAws,
        about: "At the end of standard support AWS upgrades the cluster by itself (`STANDARD`) or charges six times \
                the price (`EXTENDED`). A platform that is brought up over six weeks would meet that day soon after.",
        source: CALENDAR,
        remedy: "Start with a newer version.",
        check: version_ends_soon,
    },
    Rule {
        code: "VV104",
        severity: Severity::Warning,
        title: "the Kubernetes version is not in vvbill's table",
        applies: Applies::OnAws,
        about: "Either it is mistyped or EKS offers it since vvbill's table was written; vvbill can't tell whether \
                and how long AWS supports it.",
        source: CALENDAR,
        remedy: "Check it with `aws eks describe-cluster-versions`.",
        check: version_is_unknown,
    },
    Rule {
        code: "VV105",
        severity: Severity::Warning,
        title: "the cluster would slip into extended support",
        applies: Applies::OnAws,
        about: "EKS's default support policy is `EXTENDED`: when standard support ends, nothing is upgraded and the \
                control plane costs 0.60 USD an hour instead of 0.10.",
        source: "Amazon EKS user guide, \"Manage EKS extended support\"",
        remedy: "Set `eks.support_type: STANDARD`; or `EXTENDED`, if that is meant.",
        check: support_is_extended_by_default,
    },
    Rule {
        code: "VV106",
        severity: Severity::Error,
        title: "EKS has no Amazon Linux 2 image for this Kubernetes version",
        applies: Applies::OnAws,
        about: "EKS built its last Amazon Linux 2 images for Kubernetes 1.32. From 1.33 on a node group that asks for \
                one is refused.",
        source: "Amazon EKS user guide, \"Amazon Linux 2 to Amazon Linux 2023\"",
        remedy: "Use Amazon Linux 2023, or leave `ami_family` out.",
        check: amazon_linux_2_is_refused,
    },
    Rule {
        code: "VV107",
        severity: Severity::Warning,
        title: "Amazon Linux 2 nodes get no more updates",
        applies: Applies::OnAws,
        about: "EKS stopped publishing Amazon Linux 2 images on 2025-11-26: nodes that run it get no fixes, and keep \
                the cluster from being upgraded beyond Kubernetes 1.32.",
        source: "Amazon EKS user guide, \"Amazon Linux 2 to Amazon Linux 2023\"",
        remedy: "Use Amazon Linux 2023.",
        check: amazon_linux_2_is_old,
    },
    Rule {
        code: "VV108",
        severity: Severity::Warning,
        title: "pods scale beyond the nodes, and nothing adds nodes",
        applies: Applies::OnAws,
        about: "A horizontal pod autoscaler only asks for pods. Without Cluster Autoscaler or Karpenter, those that \
                don't fit stay pending and the node group's `max` is never reached.",
        source: "Amazon EKS user guide, \"Scale cluster compute\"",
        remedy: "Set `eks.node_autoscaler` to `cluster-autoscaler` or `karpenter`.",
        check: nothing_adds_nodes,
    },
    Rule {
        code: "VV109",
        severity: Severity::Warning,
        title: "the API server's endpoint is open to the whole internet",
        applies: Applies::OnAws,
        about: "A public endpoint without a list of addresses answers anyone; only credentials stand in between.",
        source: "Amazon EKS user guide, \"Control network access to cluster API server endpoint\"",
        remedy: "List your networks in `eks.public_access_cidrs`, or set `eks.public_endpoint: false`.",
        check: endpoint_is_open,
    },
];

fn suggestion() -> String {
    let newest = eks::newest();
    format!(
        "set eks.version: \"{}\" (standard support until {})",
        newest.name, newest.standard_until
    )
}

fn version_is_over(spec: &Spec, context: &Context, found: &mut Breaches) {
    let Some(version) = known_version(spec) else {
        return;
    };
    if context.today > version.extended_until {
        let why = format!(
            "Kubernetes {} was last supported on {} (standard support ended {}); EKS refuses new clusters of it",
            version.name, version.extended_until, version.standard_until
        );
        found.add(&["eks.version"], why, suggestion());
    }
}

fn version_is_extended(spec: &Spec, context: &Context, found: &mut Breaches) {
    let Some(version) = known_version(spec) else {
        return;
    };
    if (version.standard_until < context.today) && (context.today <= version.extended_until) {
        let why = format!(
            "standard support of Kubernetes {} ended {}; until {} the control plane costs 0.60 USD an hour \
             (438 USD a month) instead of 0.10 (73 USD)",
            version.name, version.standard_until, version.extended_until
        );
        found.add(&["eks.version"], why, suggestion());
    }
}

fn version_ends_soon(spec: &Spec, context: &Context, found: &mut Breaches) {
    let Some(version) = known_version(spec) else {
        return;
    };
    let days = days_between(context.today, version.standard_until);
    if (0..=NOTICE_DAYS).contains(&days) && version.name != eks::newest().name {
        let why = format!(
            "standard support of Kubernetes {} ends {}, in {days} days",
            version.name, version.standard_until
        );
        found.add(&["eks.version"], why, suggestion());
    }
}

fn days_between(from: Date, to: Date) -> i32 {
    from.until(to).map_or(0, |span| span.get_days())
}

fn version_is_unknown(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(cluster) = &spec.eks else { return };
    if eks::find(&cluster.version).is_none() {
        let newest = eks::newest().name;
        let why = format!(
            "vvbill knows EKS's versions {} to {newest}",
            eks::VERSIONS[0].name
        );
        found.add(
            &["eks.version"],
            why,
            format!("check it, or set eks.version: \"{newest}\""),
        );
    }
}

fn support_is_extended_by_default(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(cluster) = &spec.eks else { return };
    if cluster.support_type.is_none() {
        found.add(
            &["eks.support_type"],
            "unset means EXTENDED: past standard support the control plane costs 438 USD a month instead of 73",
            "set eks.support_type: STANDARD",
        );
    }
}

fn amazon_linux_2_is_refused(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(cluster) = &spec.eks else { return };
    let minor = eks::minor(&cluster.version).unwrap_or(0);
    if minor >= eks::FIRST_WITHOUT_AMAZON_LINUX_2 {
        for path in amazon_linux_2(spec, cluster) {
            let why = format!(
                "EKS {} has no Amazon Linux 2 image; the last was for 1.32",
                cluster.version
            );
            found.add(&[&path, "eks.version"], why, fix_for_amazon_linux(&path));
        }
    }
}

fn amazon_linux_2_is_old(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(cluster) = &spec.eks else { return };
    let minor = eks::minor(&cluster.version).unwrap_or(0);
    if minor < eks::FIRST_WITHOUT_AMAZON_LINUX_2 {
        for path in amazon_linux_2(spec, cluster) {
            let why = "EKS published its last Amazon Linux 2 image on 2025-11-26 and has none from 1.33 on";
            found.add(&[&path], why, fix_for_amazon_linux(&path));
        }
    }
}

fn fix_for_amazon_linux(path: &str) -> String {
    let value = if path.starts_with("eks.") {
        "AmazonLinux2023"
    } else {
        "amazon-linux-2023"
    };
    format!("set {path}: {value}")
}

/// The fields that ask for Amazon Linux 2.
fn amazon_linux_2(spec: &Spec, cluster: &Eks) -> Vec<String> {
    let groups = cluster
        .node_groups
        .iter()
        .filter(|(_, group)| group.ami_family == Some(AmiFamily::AmazonLinux2))
        .map(|(name, _)| format!("eks.node_groups.{name}.ami_family"));
    let tuning = (spec.operating_system.distribution == Some(Distribution::AmazonLinux2))
        .then(|| "operating_system.distribution".to_owned());
    groups.chain(tuning).collect()
}

fn nothing_adds_nodes(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(cluster) = &spec.eks else { return };
    if cluster.node_autoscaler != NodeAutoscaler::None {
        return;
    }
    for (name, workload) in &spec.workloads {
        let Some(autoscaling) = &workload.autoscaling else {
            continue;
        };
        let slots = super::pods::slots(cluster, workload, |group| group.desired);
        if slots.is_some_and(|slots| slots < u64::from(autoscaling.max)) {
            let why = format!(
                "{name} may grow to {} pods, the nodes wanted at the start hold {}, and nothing adds nodes",
                autoscaling.max,
                slots.unwrap_or(0)
            );
            let max = format!("workloads.{name}.autoscaling.max");
            found.add(
                &["eks.node_autoscaler", &max],
                why,
                "set eks.node_autoscaler: cluster-autoscaler",
            );
        }
    }
}

fn endpoint_is_open(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(cluster) = &spec.eks else { return };
    let open_to_all = cluster.public_access_cidrs.is_empty()
        || cluster.public_access_cidrs.iter().any(|block| block.prefix == 0);
    if cluster.public_endpoint && open_to_all {
        found.add(
            &["eks.public_access_cidrs"],
            "no address is excluded from the API server's public endpoint",
            "list your networks in eks.public_access_cidrs, or set eks.public_endpoint: false",
        );
    }
}

/// The table's row for the cluster's version.
fn known_version(spec: &Spec) -> Option<&'static eks::Version> {
    eks::find(&spec.eks.as_ref()?.version)
}
