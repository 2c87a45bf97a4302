//! VV800–819: the bottleneck table against what the plan builds, and the inputs of its price.

use super::facts::{cache, machine};
use super::{Applies, Breaches, Context, Rule, Severity, gib};
use crate::spec::{AuroraStorage, Duration, LoadBalancerKind, Size, Spec};

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
    Rule {
        code: "VV810",
        severity: Severity::Note,
        title: "a month is not counted as AWS counts it",
        applies: Applies::OnAws,
        about: "AWS's own calculator takes 730 hours, a twelfth of a year. With 720 a year has 360 days and every price \
                by the hour comes out 1.4 % too low.",
        source: "AWS Pricing Calculator, assumptions",
        remedy: "Set `cost.hours_per_month: 730`.",
        check: month_is_not_730_hours,
    },
    Rule {
        code: "VV811",
        severity: Severity::Warning,
        title: "the rows kept don't fit the storage that is priced",
        applies: Applies::OnAws,
        about: "The shards keep `ingest.row_retention` of events. When that is more than `cost.database_storage`, the \
                price is for less than will be stored. A row with its index is taken as 200 bytes.",
        source: "estimate: two ids, three numbers, a few properties and the entry of the unique index",
        remedy: "Raise `cost.database_storage`, or shorten `ingest.row_retention`.",
        check: storage_is_underpriced,
    },
    Rule {
        code: "VV812",
        severity: Severity::Note,
        title: "part of the price is left out",
        applies: Applies::OnAws,
        about: "What use decides can't be read off the resources: requests to the database's storage, data between zones \
                and through NAT. Left out, the estimate says `unknown`, which is not zero.",
        source: "AWS price lists, November 2026",
        remedy: "State the amounts in `cost`, measured or estimated.",
        check: usage_is_unstated,
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
        .filter(|(_, workload)| workload.image != "bundled")
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

fn month_is_not_730_hours(spec: &Spec, _: &Context, found: &mut Breaches) {
    let hours = spec.cost.hours_per_month;
    if hours != 730 {
        let why = format!("{hours} hours make a year of {} days", hours / 2);
        found.add(&["cost.hours_per_month"], why, "set cost.hours_per_month: 730");
    }
}

fn storage_is_underpriced(spec: &Spec, _: &Context, found: &mut Breaches) {
    use rust_decimal::prelude::ToPrimitive;
    const ROW_BYTES: u64 = 200;
    let (Some(ingest), Some(priced)) = (&spec.ingest, spec.cost.database_storage) else {
        return;
    };
    let minutes = ingest.row_retention.as_secs() / 60;
    let rows = ingest.event_rate.per_minute() * rust_decimal::Decimal::from(minutes);
    let bytes = (rows * rust_decimal::Decimal::from(ROW_BYTES))
        .to_u64()
        .unwrap_or(u64::MAX);
    if bytes > priced.as_bytes() {
        let terabytes = bytes.div_ceil(1_000_000_000_000);
        let fits =
            rust_decimal::Decimal::from(priced.as_bytes() / ROW_BYTES) / ingest.event_rate.per_minute();
        let kept = Duration::from_secs(fits.to_u64().unwrap_or(0) * 60);
        let why = format!(
            "{} for {} at {ROW_BYTES} bytes a row are about {terabytes} TB; {} GB are priced, and full after {} h",
            ingest.event_rate,
            ingest.row_retention,
            priced.as_gb().normalize(),
            kept.as_secs() / 3_600
        );
        let fix = format!("set cost.database_storage: {terabytes}TB, or a shorter ingest.row_retention");
        found.add(
            &[
                "cost.database_storage",
                "ingest.row_retention",
                "ingest.event_rate",
            ],
            why,
            fix,
        );
    }
}

fn usage_is_unstated(spec: &Spec, _: &Context, found: &mut Breaches) {
    let cost = &spec.cost;
    let pays_by_request = spec
        .aurora
        .as_ref()
        .is_some_and(|it| it.storage_type != Some(AuroraStorage::IoOptimized));
    let amounts = [
        (
            pays_by_request && cost.database_io_monthly.is_none(),
            "cost.database_io_monthly",
        ),
        (
            spec.network.is_some() && cost.nat_data_monthly.is_none(),
            "cost.nat_data_monthly",
        ),
        (
            spec.kafka.is_some() && cost.transfer_between_zones_monthly.is_none(),
            "cost.transfer_between_zones_monthly",
        ),
    ];
    let unstated: Vec<&str> = amounts.into_iter().filter(|it| it.0).map(|it| it.1).collect();
    if !unstated.is_empty() {
        let why = format!("{} stay unknown in the estimate", unstated.join(", "));
        found.add(&unstated, why, format!("set {}", unstated.join(", ")));
    }
}
