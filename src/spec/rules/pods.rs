//! VV130–139: whether pods fit on the nodes.

use super::facts::{eks, machine};
use super::{Applies, Breaches, Context, Rule, Severity, gib, thousands};
use crate::spec::{Eks, NodeGroup, Spec, TaintEffect, Workload};

const ALLOCATABLE: &str = "the EKS AMI's node configuration (`kubeReserved`); Kubernetes documentation, \"Reserve \
                           Compute Resources for System Daemons\"";

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "VV130",
        severity: Severity::Error,
        title: "a pod fits on no node",
        applies: Applies::OnAws,
        about: "Of a node's CPU and memory the kubelet keeps a part for itself: of 4 vCPU pods get 3,920 thousandths, \
                of 16 GiB about 15. A pod that asks for more than the largest node leaves stays pending.",
        source: ALLOCATABLE,
        remedy: "Ask for less, or take a larger instance type.",
        check: pod_fits_nowhere,
    },
    Rule {
        code: "VV131",
        severity: Severity::Error,
        title: "the replicas don't fit, even on all nodes the groups may have",
        applies: Applies::OnAws,
        about: "A node holds as many pods as its allocatable CPU and memory cover. Those that don't fit at a node \
                group's `max` never run.",
        source: ALLOCATABLE,
        remedy: "Raise the group's `max`, take larger nodes, or ask for less.",
        check: replicas_do_not_fit,
    },
    Rule {
        code: "VV132",
        severity: Severity::Warning,
        title: "the nodes leave no place for an update",
        applies: Applies::OnAws,
        about: "A rolling update starts `max_surge` pods before it stops as many. When every node is full, the new \
                pods stay pending and the update stands still until a node is added.",
        source: "Kubernetes documentation, \"Deployments\", rolling update",
        remedy: "Add a node, allow `max_unavailable`, or ask for less CPU a pod.",
        check: surge_does_not_fit,
    },
    Rule {
        code: "VV133",
        severity: Severity::Warning,
        title: "a limit lies above what any node can give",
        applies: Applies::OnAws,
        about: "A pod can't use CPU that its node doesn't leave to pods. A limit above it promises a headroom that \
                isn't there.",
        source: ALLOCATABLE,
        remedy: "Lower the limit to what a node leaves, or take larger nodes.",
        check: limit_is_out_of_reach,
    },
    Rule {
        code: "VV134",
        severity: Severity::Warning,
        title: "the autoscaler may ask for more pods than the groups can hold",
        applies: Applies::OnAws,
        about: "The autoscaler's maximum is a promise of capacity. Pods beyond what the groups hold at their `max` stay \
                pending just when the load is highest.",
        source: ALLOCATABLE,
        remedy: "Raise the group's `max`, or lower `autoscaling.max`.",
        check: autoscaler_outgrows_nodes,
    },
];

/// The groups that `workload`'s pods may run on: the one it names, or all without taints.
fn eligible<'a>(cluster: &'a Eks, workload: &Workload) -> Vec<(&'a String, &'a NodeGroup)> {
    let keeps_away = |group: &NodeGroup| {
        group
            .taints
            .iter()
            .any(|it| it.effect != TaintEffect::PreferNoSchedule)
    };
    cluster
        .node_groups
        .iter()
        .filter(|(name, group)| match &workload.node_group {
            Some(wanted) => *name == wanted,
            None => !keeps_away(group),
        })
        .collect()
}

/// How many of `workload`'s pods the nodes hold when each group has `count` of them; `None` when an
/// instance type is unknown or no group is eligible, so that nothing can be said.
pub(super) fn slots(cluster: &Eks, workload: &Workload, count: fn(&NodeGroup) -> u32) -> Option<u64> {
    let groups = eligible(cluster, workload);
    if groups.is_empty() {
        return None;
    }
    groups
        .into_iter()
        .map(|(_, group)| Some(u64::from(count(group)) * pods_a_node(group, workload)?))
        .sum()
}

/// How many of `workload`'s pods one node of `group` holds, before system pods take their part.
fn pods_a_node(group: &NodeGroup, workload: &Workload) -> Option<u64> {
    let node = machine::ec2(&group.instance_type)?;
    let requests = workload.resources.requests;
    let by_cpu = eks::allocatable_cpu_millis(&node).checked_div(requests.cpu.as_millis());
    let by_memory = eks::allocatable_memory_mib(&node).checked_div(requests.memory.as_mib());
    let by_count = u64::from(node.max_pods);
    Some(
        by_cpu
            .unwrap_or(by_count)
            .min(by_memory.unwrap_or(by_count))
            .min(by_count),
    )
}

/// The eligible node that leaves most CPU to pods, with its group's name: thousandths and MiB.
fn largest(cluster: &Eks, workload: &Workload) -> Option<(String, u64, u64)> {
    eligible(cluster, workload)
        .into_iter()
        .map(|(name, group)| {
            let node = machine::ec2(&group.instance_type)?;
            let (cpu, memory) = (
                eks::allocatable_cpu_millis(&node),
                eks::allocatable_memory_mib(&node),
            );
            Some((format!("{name} ({})", group.instance_type), cpu, memory))
        })
        .collect::<Option<Vec<_>>>()?
        .into_iter()
        .max_by_key(|(_, cpu, memory)| (*cpu, *memory))
}

fn pod_fits_nowhere(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(cluster) = &spec.eks else { return };
    for (name, workload) in &spec.workloads {
        let Some((node, cpu, memory)) = largest(cluster, workload) else {
            continue;
        };
        let requests = workload.resources.requests;
        let path = format!("workloads.{name}.resources.requests");
        if requests.cpu.as_millis() > cpu {
            let why = format!(
                "a pod asks for {}m CPU, a node of {node} leaves {}m to pods",
                thousands(requests.cpu.as_millis()),
                thousands(cpu)
            );
            found.add(
                &[&format!("{path}.cpu")],
                why,
                format!("set {path}.cpu: {cpu}m or less"),
            );
        }
        if requests.memory.as_mib() > memory {
            let why = format!(
                "a pod asks for {}, a node of {node} leaves at most {} to pods",
                requests.memory,
                gib(memory)
            );
            found.add(
                &[&format!("{path}.memory")],
                why,
                format!("set {path}.memory: {memory}MiB or less"),
            );
        }
    }
}

fn replicas_do_not_fit(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(cluster) = &spec.eks else { return };
    for (name, workload) in &spec.workloads {
        let Some(most) = slots(cluster, workload, |group| group.max) else {
            continue;
        };
        if most > 0 && u64::from(workload.replicas) > most {
            let path = format!("workloads.{name}.replicas");
            let why = format!(
                "the groups hold {most} such pods with all their nodes, {} are wanted",
                workload.replicas
            );
            found.add(
                &[&path, "eks.node_groups"],
                why,
                format!("set {path}: {most}, or raise a group's max"),
            );
        }
    }
}

fn surge_does_not_fit(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(cluster) = &spec.eks else { return };
    for (name, workload) in &spec.workloads {
        let surge = workload.strategy.max_surge;
        let Some(held) = slots(cluster, workload, |group| group.desired) else {
            continue;
        };
        let fits_without = held >= u64::from(workload.replicas);
        let needed = u64::from(workload.replicas) + u64::from(surge);
        if fits_without && held < needed && workload.strategy.max_unavailable == 0 {
            let groups = eligible(cluster, workload);
            let (group_name, group) = groups[0];
            let cpu = machine::ec2(&group.instance_type).map_or(0, |node| eks::allocatable_cpu_millis(&node));
            let why = format!(
                "a node of {group_name} leaves {}m CPU to pods, of which {name} asks {}m each: {} a node, {held} in \
                 all for {} replicas, and {surge} more while an update runs",
                thousands(cpu),
                thousands(workload.resources.requests.cpu.as_millis()),
                pods_a_node(group, workload).unwrap_or(0),
                workload.replicas,
            );
            let desired = format!("eks.node_groups.{group_name}.desired");
            let replicas = format!("workloads.{name}.replicas");
            let fix = format!(
                "set {desired}: {}, or workloads.{name}.strategy.max_unavailable: 1",
                group.desired + surge
            );
            found.add(&[&replicas, &desired], why, fix);
        }
    }
}

fn limit_is_out_of_reach(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(cluster) = &spec.eks else { return };
    for (name, workload) in &spec.workloads {
        let Some(limits) = workload.resources.limits else {
            continue;
        };
        let Some((node, cpu, _)) = largest(cluster, workload) else {
            continue;
        };
        if limits.cpu.as_millis() > cpu {
            let path = format!("workloads.{name}.resources.limits.cpu");
            let why = format!(
                "the limit is {}m, a node of {node} leaves {}m to all its pods",
                thousands(limits.cpu.as_millis()),
                thousands(cpu)
            );
            found.add(&[&path], why, format!("set {path}: {cpu}m, or take larger nodes"));
        }
    }
}

fn autoscaler_outgrows_nodes(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(cluster) = &spec.eks else { return };
    for (name, workload) in &spec.workloads {
        let Some(scale) = &workload.autoscaling else {
            continue;
        };
        let Some(most) = slots(cluster, workload, |group| group.max) else {
            continue;
        };
        if most > 0 && u64::from(scale.max) > most {
            let path = format!("workloads.{name}.autoscaling.max");
            let why = format!(
                "the groups hold {most} such pods with all their nodes, {} may be asked for",
                scale.max
            );
            found.add(
                &[&path, "eks.node_groups"],
                why,
                format!("set {path}: {most}, or raise a group's max"),
            );
        }
    }
}
