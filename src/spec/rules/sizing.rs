//! VV800–809: the bottleneck table against what the plan builds.

use super::facts::{cache, machine};
use super::{Applies, Breaches, Context, Rule, Severity, gib};
use crate::spec::{BUNDLED, LoadBalancerKind, Size, Spec};

const TABLE: &str = "the plan's own `sizing` section";

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "VV800",
        severity: Severity::Warning,
        title: "database instances are smaller than the table asks",
        applies: Applies::OnAws,
        about: "The sizing table says what is needed; the instance class says what is bought. A class has a fixed ratio \
                of memory to vCPUs, so that one of the two often decides.",
        source: TABLE,
        remedy: "Take the class that covers both, or correct the table.",
        check: database_is_smaller,
    },
    Rule {
        code: "VV801",
        severity: Severity::Warning,
        title: "the number of database instances differs from the table's",
        applies: Applies::OnAws,
        about: "A sharded layer has shards × (1 + replicas) instances. A single cluster where shards are asked for \
                neither spreads writes nor can be split without moving rows.",
        source: TABLE,
        remedy: "Set `aurora.shards` and `aurora.replicas_per_shard`, or correct the table.",
        check: shards_differ,
    },
    Rule {
        code: "VV802",
        severity: Severity::Warning,
        title: "the application is smaller than the table asks",
        applies: Applies::OnAws,
        about: "The table's instances and vCPUs are compared with the replicas and CPU limits of all workloads that are \
                not bundled.",
        source: TABLE,
        remedy: "Raise replicas or CPU, or correct the table.",
        check: application_is_smaller,
    },
    Rule {
        code: "VV803",
        severity: Severity::Warning,
        title: "the cache is smaller than the table asks, or not in cluster mode",
        applies: Applies::OnAws,
        about: "Without cluster mode every node holds the same data: memory counts once, whatever the replicas. Of a \
                node's memory a quarter is reserved for replication and backup.",
        source: "the plan's own `sizing` section; Amazon ElastiCache user guide, \"Managing reserved memory\"",
        remedy: "Set `cache.cluster_mode` with shards enough; three of cache.r6g.large with a replica each hold 29.4 GiB.",
        check: cache_is_smaller,
    },
    Rule {
        code: "VV804",
        severity: Severity::Warning,
        title: "there are fewer brokers than the table asks",
        applies: Applies::Everywhere,
        about: "The table's number is what the load needs; fewer brokers carry more partitions and more bytes each.",
        source: TABLE,
        remedy: "Raise `kafka.brokers`, or correct the table.",
        check: brokers_are_fewer,
    },
    Rule {
        code: "VV805",
        severity: Severity::Warning,
        title: "the table and the listing ask for different load balancers",
        applies: Applies::OnAws,
        about: "A Network Load Balancer takes more connections but knows no paths; an Application Load Balancer routes \
                `/v1/events` and the rest apart. Neither spans regions: each region has its own, and DNS joins them.",
        source: "Elastic Load Balancing, product comparison",
        remedy: "Choose `load_balancer.type`, and say the same in the table.",
        check: balancers_differ,
    },
    Rule {
        code: "VV806",
        severity: Severity::Warning,
        title: "a row of the table asks for less than there is",
        applies: Applies::Everywhere,
        about: "The table says where the platform grows to. A requirement below the present size is a slip of the pen, or \
                a saving that belongs elsewhere.",
        source: TABLE,
        remedy: "Swap or correct the figures.",
        check: requirement_shrinks,
    },
];

/// What the table asks of a component.
fn required<'a>(spec: &'a Spec, component: &str) -> Option<&'a Size> {
    spec.sizing.get(component).map(|row| &row.required)
}

fn database_is_smaller(spec: &Spec, _: &Context, found: &mut Breaches) {
    let (Some(required), Some(aurora)) = (required(spec, "database"), &spec.aurora) else {
        return;
    };
    let Some(class) = aurora.instance_class.as_deref() else {
        return;
    };
    let Some(machine) = machine::database(class) else {
        return;
    };
    let vcpu = required.vcpu.unwrap_or(0);
    let memory_mib = required.memory.map_or(0, |memory| memory.as_mib());
    if machine.vcpu < vcpu || machine.memory_mib < memory_mib {
        let why = format!(
            "{vcpu} vCPU and {} are asked for, a {class} has {} and {}",
            gib(memory_mib),
            machine.vcpu,
            gib(machine.memory_mib)
        );
        let fix = match machine::database_with(class, vcpu, memory_mib) {
            Some(larger) => {
                format!("set aurora.instance_class: {larger}, or correct sizing.database.required")
            }
            None => "correct sizing.database.required".to_owned(),
        };
        found.add(&["aurora.instance_class", "sizing.database.required"], why, fix);
    }
}

fn shards_differ(spec: &Spec, _: &Context, found: &mut Breaches) {
    let (Some(required), Some(aurora)) = (required(spec, "database"), &spec.aurora) else {
        return;
    };
    let Some(asked) = required.instances else { return };
    let a_shard = 1 + aurora.replicas_per_shard;
    let built = aurora.shards.saturating_mul(a_shard);
    if built != asked {
        let why = format!(
            "{asked} instances are asked for, {} shards × (1 primary + {} replicas) are {built}",
            aurora.shards, aurora.replicas_per_shard
        );
        let fix = if asked.is_multiple_of(a_shard) {
            format!("set aurora.shards: {}", asked / a_shard)
        } else {
            "set aurora.shards and aurora.replicas_per_shard".to_owned()
        };
        found.add(&["aurora.shards", "sizing.database.required.instances"], why, fix);
    }
}

fn application_is_smaller(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(required) = required(spec, "application") else {
        return;
    };
    let own: Vec<_> = spec
        .workloads
        .iter()
        .filter(|(_, workload)| workload.image != BUNDLED)
        .collect();
    let Some((name, first)) = own.first() else { return };
    let replicas: u32 = own.iter().map(|(_, workload)| workload.replicas).sum();
    if let Some(asked) = required.instances.filter(|asked| replicas < *asked) {
        let path = format!("workloads.{name}.replicas");
        let why = format!("{asked} instances are asked for, {replicas} replicas run");
        found.add(
            &[&path, "sizing.application.required.instances"],
            why,
            format!("set {path}: {asked}"),
        );
    }
    let most = |workload: &crate::spec::Workload| {
        workload
            .resources
            .limits
            .unwrap_or(workload.resources.requests)
            .cpu
            .as_millis()
    };
    let largest = own
        .iter()
        .map(|(_, workload)| most(workload))
        .max()
        .unwrap_or_else(|| most(first));
    if let Some(asked) = required
        .vcpu
        .filter(|asked| largest.div_ceil(1_000) < u64::from(*asked))
    {
        let path = format!("workloads.{name}.resources");
        let why = format!("{asked} vCPU each are asked for, a pod may use {largest}m");
        found.add(
            &[&path, "sizing.application.required.vcpu"],
            why,
            format!("set {path}.limits.cpu: \"{asked}\""),
        );
    }
}

fn cache_is_smaller(spec: &Spec, _: &Context, found: &mut Breaches) {
    let (Some(required), Some(store)) = (required(spec, "cache"), &spec.cache) else {
        return;
    };
    let Some(node_type) = store.node_type.as_deref() else {
        return;
    };
    let (Some(whole), Some(usable)) = (
        cache::node_memory_mib(node_type),
        cache::usable_memory_mib(node_type),
    ) else {
        return;
    };
    let (shards, a_shard) = store
        .cluster_mode
        .map_or((1, store.nodes), |it| (it.shards, 1 + it.replicas_per_shard));
    let nodes = shards.saturating_mul(a_shard);
    let mut short = Vec::new();
    let wants_cluster = required
        .note
        .as_ref()
        .is_some_and(|note| note.to_lowercase().contains("cluster mode"));
    if wants_cluster && store.cluster_mode.is_none() {
        short.push("cluster mode is asked for, and not set".to_owned());
    }
    if let Some(asked) = required.instances.filter(|asked| nodes < *asked) {
        short.push(format!("{asked} nodes are asked for, there are {nodes}"));
    }
    let held = whole * u64::from(shards);
    if let Some(asked) = required.memory.filter(|asked| held < asked.as_mib()) {
        short.push(format!(
            "{asked} are asked for, {shards} × {node_type} hold {} ({} after the reserve), whatever the replicas",
            gib(held),
            gib(usable * u64::from(shards))
        ));
    }
    if !short.is_empty() {
        let fix = "set cache.cluster_mode: {shards: 3, replicas_per_shard: 1} and cache.node_type: cache.r6g.large \
                   (39.2 GiB, 29.4 after the reserve)";
        found.add(&["cache", "sizing.cache.required"], short.join("; "), fix);
    }
}

fn brokers_are_fewer(spec: &Spec, _: &Context, found: &mut Breaches) {
    let (Some(required), Some(kafka)) = (required(spec, "kafka"), &spec.kafka) else {
        return;
    };
    if let Some(asked) = required.instances.filter(|asked| kafka.brokers < *asked) {
        let why = format!("{asked} brokers are asked for, {} run", kafka.brokers);
        let paths = ["kafka.brokers", "sizing.kafka.required.instances"];
        found.add(&paths, why, format!("set kafka.brokers: {asked}"));
    }
}

fn balancers_differ(spec: &Spec, _: &Context, found: &mut Breaches) {
    let (Some(required), Some(balancer)) = (required(spec, "load-balancer"), &spec.load_balancer) else {
        return;
    };
    let note = required.note.as_deref().unwrap_or_default().to_lowercase();
    let (asked, built) = match balancer.kind {
        LoadBalancerKind::Application => (note.contains("nlb") || note.contains("network"), "application"),
        LoadBalancerKind::Network => (note.contains("alb") || note.contains("application"), "network"),
    };
    if asked {
        let why = format!(
            "`{note}` is asked for, the load balancer is of type {built}; neither kind spans regions"
        );
        let fix = "keep one in each region and correct sizing.load-balancer.required.note, or set load_balancer.type";
        found.add(
            &["load_balancer.type", "sizing.load-balancer.required.note"],
            why,
            fix,
        );
    }
}

fn requirement_shrinks(spec: &Spec, _: &Context, found: &mut Breaches) {
    for (component, row) in &spec.sizing {
        let Some(current) = &row.current else { continue };
        let path = super::key("sizing", component);
        let figures = [
            (
                "instances",
                current.instances.map(u64::from),
                row.required.instances.map(u64::from),
            ),
            (
                "vcpu",
                current.vcpu.map(u64::from),
                row.required.vcpu.map(u64::from),
            ),
            (
                "memory",
                current.memory.map(|it| it.as_mib()),
                row.required.memory.map(|it| it.as_mib()),
            ),
        ];
        for (field, before, after) in figures {
            if let (Some(before), Some(after)) = (before, after)
                && after < before
            {
                let unit = if field == "memory" { " MiB" } else { "" };
                let required = format!("{path}.required.{field}");
                let why = format!("{after}{unit} are asked for, {before}{unit} are there");
                found.add(
                    &[&required, &format!("{path}.current.{field}")],
                    why,
                    format!("correct {required}"),
                );
            }
        }
    }
}
