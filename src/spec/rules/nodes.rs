//! VV110–119 and VV140: node groups, and what is placed on them.

use super::facts::machine;
use super::{Applies, Breaches, Context, Rule, Severity};
use crate::spec::{Bytes, Capacity, NodeGroup, Spec, VolumeType};

const MANAGED_NODES: &str = "Amazon EKS user guide, \"Simplify node lifecycle with managed node groups\"";
const TAINTS: &str = "Kubernetes documentation, \"Taints and Tolerations\"";

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "VV110",
        severity: Severity::Error,
        title: "a node group's desired size lies outside its bounds",
        applies: Applies::OnAws,
        about: "EKS and EC2 Auto Scaling refuse a group whose desired size is below its minimum or above its maximum.",
        source: MANAGED_NODES,
        remedy: "Keep `min` ≤ `desired` ≤ `max`.",
        check: desired_is_out_of_bounds,
    },
    Rule {
        code: "VV111",
        severity: Severity::Warning,
        title: "the instance type is not in vvbill's table",
        applies: Applies::OnAws,
        about: "Without its vCPUs and memory, vvbill can't tell whether pods fit on the nodes.",
        source: "Amazon EC2, \"Instance type specifications\"",
        remedy: "Check the name; if it is right, check by hand that the pods fit.",
        check: instance_type_is_unknown,
    },
    Rule {
        code: "VV112",
        severity: Severity::Warning,
        title: "nothing of the plan runs on a tainted node group",
        applies: Applies::OnAws,
        about: "A taint keeps away every pod that doesn't tolerate it. A tainted group that no part of the plan names \
                in `node_group` stays empty and is paid for, while what it was meant for runs among the others.",
        source: TAINTS,
        remedy: "Name the group in `kafka.node_group`, `buffer.node_group` or a workload's `node_group`; vvbill adds \
                 the toleration and the node selector.",
        check: tainted_group_is_unused,
    },
    Rule {
        code: "VV113",
        severity: Severity::Warning,
        title: "a tainted node group has no labels",
        applies: Applies::OnAws,
        about: "A taint only keeps others away. To bring its own pods to the group, a node selector needs a label; \
                without one they may run anywhere.",
        source: TAINTS,
        remedy: "Give the group a label with the taint's key and value.",
        check: tainted_group_has_no_labels,
    },
    Rule {
        code: "VV114",
        severity: Severity::Error,
        title: "no node group has that name",
        applies: Applies::OnAws,
        about: "Pods that are bound to a node group which doesn't exist stay pending for ever.",
        source: "Kubernetes documentation, \"Assigning Pods to Nodes\"",
        remedy: "Name a group of `eks.node_groups`.",
        check: group_is_unknown,
    },
    Rule {
        code: "VV115",
        severity: Severity::Error,
        title: "there are more brokers than nodes for them",
        applies: Applies::OnAws,
        about: "Brokers run one a node, so that a lost node takes one copy of a partition. A broker without a node of \
                its own stays pending.",
        source: "Apache Kafka documentation, \"Hardware and OS\"; Kubernetes pod anti-affinity",
        remedy: "Raise the group's `desired`, or lower `kafka.brokers`.",
        check: brokers_outnumber_nodes,
    },
    Rule {
        code: "VV116",
        severity: Severity::Error,
        title: "volumes are asked for, but the EBS CSI driver is missing",
        applies: Applies::OnAws,
        about: "Since Kubernetes 1.23 EBS volumes come from the EBS CSI driver, an add-on that EKS doesn't install by \
                itself. Without it every PersistentVolumeClaim, and so every broker, stays pending.",
        source: "Amazon EKS user guide, \"Use Kubernetes volume storage with Amazon EBS\"",
        remedy: "Add `aws-ebs-csi-driver` to `eks.addons`.",
        check: volume_driver_is_missing,
    },
    Rule {
        code: "VV117",
        severity: Severity::Warning,
        title: "Kafka's log lies on the nodes' root disks",
        applies: Applies::OnAws,
        about: "A node group's volume is the root disk, shared with images and logs and deleted with the node. A \
                replaced node copies its partitions anew over the network.",
        source: "Amazon EKS user guide, \"Customize managed nodes with launch templates\"",
        remedy: "Give the brokers volumes of their own with `kafka.storage`.",
        check: log_is_on_root_disk,
    },
    Rule {
        code: "VV118",
        severity: Severity::Warning,
        title: "data is kept on spot nodes",
        applies: Applies::OnAws,
        about: "EC2 takes spot nodes away with two minutes' notice, several at once when capacity is short: a quorum \
                of brokers or of Sentinels can go together.",
        source: "Amazon EC2 user guide, \"Spot Instance interruptions\"",
        remedy: "Set the group's `capacity: on-demand`.",
        check: data_on_spot,
    },
    Rule {
        code: "VV119",
        severity: Severity::Error,
        title: "EBS has no such volume",
        applies: Applies::OnAws,
        about: "Each kind of EBS volume has a smallest and a largest size; magnetic ones can't be a root disk.",
        source: "Amazon EBS user guide, \"Amazon EBS volume types\"",
        remedy: "Choose a size that the kind allows.",
        check: volume_is_impossible,
    },
    Rule {
        code: "VV140",
        severity: Severity::Error,
        title: "a node group isn't one that EKS manages",
        applies: Applies::OnAws,
        about: "EKS's own API makes managed node groups only. Self-managed ones are eksctl's: an Auto Scaling group \
                whose nodes somebody else has to drain and to replace at every upgrade. vvbill lays them out, renders \
                them and estimates their cost as managed ones.",
        source: MANAGED_NODES,
        remedy: "Set the group's `managed: true`.",
        check: group_is_self_managed,
    },
];

fn group_is_self_managed(spec: &Spec, _: &Context, found: &mut Breaches) {
    for (name, group, path) in groups(spec) {
        if !group.managed {
            let field = format!("{path}.managed");
            let why = format!("EKS's API makes no self-managed node group, as {name} is to be");
            found.add(&[&field], why, format!("set {field}: true"));
        }
    }
}

/// The plan's node groups, each with the path of its section.
fn groups(spec: &Spec) -> impl Iterator<Item = (&String, &NodeGroup, String)> {
    spec.eks
        .iter()
        .flat_map(|cluster| &cluster.node_groups)
        .map(|(name, group)| (name, group, format!("eks.node_groups.{name}")))
}

/// The fields that name a node group, with the name.
fn placements(spec: &Spec) -> Vec<(String, &str)> {
    let workloads = spec.workloads.iter().map(|(name, workload)| {
        (
            format!("workloads.{name}.node_group"),
            workload.node_group.as_deref(),
        )
    });
    let kafka = spec
        .kafka
        .iter()
        .map(|it| ("kafka.node_group".to_owned(), it.node_group.as_deref()));
    let buffer = spec
        .buffer
        .iter()
        .map(|it| ("buffer.node_group".to_owned(), it.node_group.as_deref()));
    workloads
        .chain(kafka)
        .chain(buffer)
        .filter_map(|(path, name)| Some((path, name?)))
        .collect()
}

fn desired_is_out_of_bounds(spec: &Spec, _: &Context, found: &mut Breaches) {
    for (_, group, path) in groups(spec) {
        if !(group.min..=group.max).contains(&group.desired) {
            found.add(
                &[
                    &format!("{path}.desired"),
                    &format!("{path}.min"),
                    &format!("{path}.max"),
                ],
                format!("{} is not between {} and {}", group.desired, group.min, group.max),
                format!(
                    "set {path}.desired: {}",
                    group.desired.clamp(group.min.min(group.max), group.max)
                ),
            );
        }
    }
}

fn instance_type_is_unknown(spec: &Spec, _: &Context, found: &mut Breaches) {
    for (_, group, path) in groups(spec) {
        if machine::ec2(&group.instance_type).is_none() {
            found.add(
                &[&format!("{path}.instance_type")],
                format!("vvbill doesn't know how big `{}` is", group.instance_type),
                "check it with `aws ec2 describe-instance-types`; such a name is `m6i.xlarge`",
            );
        }
    }
}

fn tainted_group_is_unused(spec: &Spec, _: &Context, found: &mut Breaches) {
    for (name, group, path) in groups(spec) {
        let used = placements(spec).iter().any(|(_, wanted)| wanted == name);
        if let (Some(taint), false) = (group.taints.first(), used) {
            let why = format!(
                "only pods that tolerate {}={} may run on the {} nodes of {name}, and nothing asks for them",
                taint.key, taint.value, group.desired
            );
            let asks = if taint.value == "redis" { "buffer" } else { "kafka" };
            found.add(
                &[&format!("{path}.taints")],
                why,
                format!("set {asks}.node_group: {name}"),
            );
        }
    }
}

fn tainted_group_has_no_labels(spec: &Spec, _: &Context, found: &mut Breaches) {
    for (name, group, path) in groups(spec) {
        if let (Some(taint), true) = (group.taints.first(), group.labels.is_empty()) {
            found.add(
                &[&format!("{path}.labels"), &format!("{path}.taints")],
                format!("{name} keeps other pods away, but has no label by which its own could choose it"),
                format!("set {path}.labels: {{{}: {}}}", taint.key, taint.value),
            );
        }
    }
}

fn group_is_unknown(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(cluster) = &spec.eks else { return };
    for (path, wanted) in placements(spec) {
        if !cluster.node_groups.contains_key(wanted) {
            let known: Vec<&str> = cluster.node_groups.keys().map(String::as_str).collect();
            let nearest = known
                .iter()
                .min_by_key(|name| strsim::damerau_levenshtein(name, wanted));
            let fix = match nearest {
                Some(name) => format!("set {path}: {name}"),
                None => format!("add eks.node_groups.{wanted}"),
            };
            found.add(
                &[&path],
                format!("the node groups are: {}", known.join(", ")),
                fix,
            );
        }
    }
}

fn brokers_outnumber_nodes(spec: &Spec, _: &Context, found: &mut Breaches) {
    let (Some(cluster), Some(kafka)) = (&spec.eks, &spec.kafka) else {
        return;
    };
    let Some(name) = &kafka.node_group else { return };
    let Some(group) = cluster.node_groups.get(name) else {
        return;
    };
    if kafka.brokers > group.desired {
        let desired = format!("eks.node_groups.{name}.desired");
        found.add(
            &["kafka.brokers", &desired],
            format!(
                "{} brokers, one a node, on {} nodes of {name}",
                kafka.brokers, group.desired
            ),
            format!("set {desired}: {}", kafka.brokers),
        );
    }
}

fn volume_driver_is_missing(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(cluster) = &spec.eks else { return };
    if cluster.addons.contains_key("aws-ebs-csi-driver") {
        return;
    }
    let kafka = spec
        .kafka
        .as_ref()
        .and_then(|it| it.storage.map(|size| ("kafka.storage", size)));
    let buffer = spec
        .buffer
        .as_ref()
        .and_then(|it| it.storage.map(|size| ("buffer.storage", size)));
    for (path, size) in kafka.into_iter().chain(buffer) {
        found.add(
            &["eks.addons", path],
            format!("a volume of {size} for each node of it needs the EBS CSI driver, which eks.addons doesn't name"),
            "set eks.addons: {aws-ebs-csi-driver: latest}",
        );
    }
}

fn log_is_on_root_disk(spec: &Spec, _: &Context, found: &mut Breaches) {
    let (Some(_), Some(kafka)) = (&spec.eks, &spec.kafka) else {
        return;
    };
    if kafka.storage.is_none() {
        found.add(
            &["kafka.storage"],
            "unset means the node's root disk, which goes with the node",
            "set kafka.storage: 500GiB, kafka.storage_class: gp3 and eks.addons.aws-ebs-csi-driver: latest",
        );
    }
}

fn data_on_spot(spec: &Spec, _: &Context, found: &mut Breaches) {
    for (path, wanted) in placements(spec) {
        let spot = groups(spec).any(|(name, group, _)| name == wanted && group.capacity == Capacity::Spot);
        if spot && !path.starts_with("workloads.") {
            let capacity = format!("eks.node_groups.{wanted}.capacity");
            let why = format!("the nodes of {wanted} may be taken away together, with two minutes' notice");
            found.add(&[&capacity, &path], why, format!("set {capacity}: on-demand"));
        }
    }
}

fn volume_is_impossible(spec: &Spec, _: &Context, found: &mut Breaches) {
    const GIB: u64 = 1 << 30;
    for (_, group, path) in groups(spec) {
        let (least, most) = match group.volume_type {
            VolumeType::Gp2 => (1, 16_384),
            VolumeType::Gp3 => (1, 65_536),
            VolumeType::Io1 | VolumeType::Io2 => (4, 16_384),
            VolumeType::St1 | VolumeType::Sc1 => {
                let kind = format!("{path}.volume_type");
                found.add(
                    &[&kind],
                    "a magnetic volume can't be a root disk",
                    format!("set {kind}: gp3"),
                );
                continue;
            }
        };
        let size = group.volume_size.as_bytes();
        if !(least * GIB..=most * GIB).contains(&size) {
            found.add(
                &[&format!("{path}.volume_size")],
                format!("{} is not between {least} GiB and {most} GiB", group.volume_size),
                format!(
                    "set {path}.volume_size: {}",
                    Bytes(size.clamp(least * GIB, most * GIB))
                ),
            );
        }
    }
}
