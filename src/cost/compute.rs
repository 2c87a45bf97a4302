//! Kubernetes: control planes, nodes, and their disks.

use rust_decimal::Decimal;
use serde_json::Value;

use super::inventory::{Inventory, number, text};
use super::item::{Item, Row};
use super::quantity::{Count, Demand, Range, counted, plain};
use crate::resource::Desired;
use crate::spec::rules::facts::eks as facts;
use crate::spec::{Bytes, NodeAutoscaler, Tier};

pub(super) fn demands(inventory: &Inventory<'_>, demands: &mut Vec<Demand>) {
    for cluster in inventory.of("eks_cluster") {
        control_plane(inventory, cluster, demands);
    }
    for group in inventory.of("eks_node_group") {
        nodes(inventory, group, demands);
    }
    for cluster in inventory.of("eks_cluster") {
        claimed_volumes(inventory, cluster, demands);
    }
}

fn control_plane(inventory: &Inventory<'_>, cluster: &Desired, demands: &mut Vec<Demand>) {
    let one = Range::fixed(1);
    demands.push(
        Demand::running(Row::ControlPlane, Item::ControlPlane, one, &[cluster])
            .told("1 cluster", "1 cluster"),
    );
    let version = text(cluster, "/version").unwrap_or_default();
    let Some(support) = facts::find(version).filter(|found| inventory.as_of > found.standard_until) else {
        return;
    };
    let why = format!(
        "{version} has been in extended support since {}",
        support.standard_until
    );
    let extended = Demand::running(
        Row::ExtendedSupport,
        Item::ControlPlaneExtendedSupport,
        one,
        &[cluster],
    );
    demands.push(extended.told(why, "1 cluster").from("eks", "eks.version"));
}

fn nodes(inventory: &Inventory<'_>, group: &Desired, demands: &mut Vec<Demand>) {
    let name = group.address.name();
    let templates = inventory.in_region("launch_template", group.address.region());
    let template = templates.into_iter().find(|it| it.address.name() == name);
    let own = text(group, "/instance_types/0");
    let machine = own
        .or_else(|| template.and_then(|it| text(it, "/instance_type")))
        .unwrap_or("unknown");
    let count = node_count(inventory, group);
    let row = match is_for_kafka(inventory, group) {
        true => Row::KafkaNodes,
        false => Row::Workers,
    };
    let spot = text(group, "/capacity_type") == Some("SPOT");
    let of = format!("{machine}{}", if spot { " spot" } else { "" });
    let basis = in_words(count, "node");
    let whose: Vec<&Desired> = [Some(group), template].into_iter().flatten().collect();
    demands.push(
        Demand::running(row, Item::Instance, count, &whose)
            .part(name)
            .told(format!("{} × {of}", plain(count.expected)), basis.clone())
            .of(of),
    );
    let Some(template) = template else { return };
    let size = number(template, "/root_volume/size_gib").unwrap_or_default();
    let kind = text(template, "/root_volume/kind").unwrap_or("gp3");
    let amount = count.map(|nodes| nodes * size);
    let volumes = Demand::amount(
        Row::Volumes,
        Item::Volume,
        Count::Amount(amount),
        &[template, group],
    );
    demands.push(Demand {
        usage: false,
        ..volumes
            .part(name)
            .of(kind)
            .told(
                format!("root disks, {} GiB {kind} each", plain(size)),
                format!("{basis} × {} GiB", plain(size)),
            )
            .from("eks", &format!("eks.node_groups.{name}.volume_size"))
    });
}

/// As the plan says. At another rate an autoscaler changes what isn't a broker's within its bounds.
fn node_count(inventory: &Inventory<'_>, group: &Desired) -> Range {
    let at = |pointer| number(group, pointer);
    let low = at("/scaling/min").unwrap_or_default();
    let high = at("/scaling/max").unwrap_or(low);
    let start = at("/scaling/desired")
        .or_else(|| at("/scaling/initial"))
        .unwrap_or(low);
    let scales = inventory
        .spec
        .eks
        .as_ref()
        .is_some_and(|eks| eks.node_autoscaler != NodeAutoscaler::None);
    let expected = match scales && !is_for_kafka(inventory, group) {
        true => (start * inventory.load).ceil().clamp(low, high),
        false => start,
    };
    Range { low, expected, high }
}

/// Nodes that the plan gives to brokers: by name, or by what they are marked with.
fn is_for_kafka(inventory: &Inventory<'_>, group: &Desired) -> bool {
    let kafka = inventory.spec.kafka.as_ref();
    let named = kafka.and_then(|kafka| kafka.node_group.as_deref()) == Some(group.address.name());
    let labels = group.properties.get("labels").and_then(Value::as_object);
    let mut labels = labels.into_iter().flat_map(|labels| labels.values());
    let taints = group.properties.get("taints").and_then(Value::as_array);
    let mut taints = taints
        .into_iter()
        .flatten()
        .filter_map(|taint| taint.get("value"));
    named || labels.any(|value| value == "kafka") || taints.any(|value| value == "kafka")
}

/// Volumes that pods claim: of the brokers, the buffer and Prometheus.
fn claimed_volumes(inventory: &Inventory<'_>, cluster: &Desired, demands: &mut Vec<Demand>) {
    let region = cluster.address.region();
    let spec = inventory.spec;
    let mut claim = |part: &str, count: u32, size: Bytes, kind: &str, origin: &str| {
        let gib = Decimal::from(size.as_gib());
        let amount = Count::Amount(Range::fixed(gib * Decimal::from(count)));
        let volumes = Demand::amount(Row::Volumes, Item::Volume, amount, &[cluster]);
        let words = format!("{} × {} GiB", counted(count, "volume"), plain(gib));
        let section = origin.split('.').next().unwrap_or_default();
        demands.push(Demand {
            usage: false,
            ..volumes
                .part(part)
                .of(kind)
                .told(format!("{count} × {} GiB {kind}", plain(gib)), words)
                .from(section, origin)
        });
    };
    if let Some(kafka) = spec
        .kafka
        .as_ref()
        .filter(|_| inventory.runs(region, Tier::Kafka))
        && let Some(size) = kafka.storage
    {
        let kind = kafka.storage_class.as_deref().unwrap_or("gp3");
        claim("brokers", kafka.brokers, size, kind, "kafka.storage");
    }
    if let Some(buffer) = spec
        .buffer
        .as_ref()
        .filter(|_| inventory.runs(region, Tier::Buffer))
    {
        let twice = Bytes(buffer.maxmemory.as_bytes().saturating_mul(2));
        let size = buffer.storage.unwrap_or(twice);
        claim("buffer", buffer.replicas + 1, size, "gp3", "buffer.storage");
    }
    if let Some(monitoring) = &spec.monitoring {
        claim("prometheus", 1, monitoring.storage, "gp3", "monitoring.storage");
    }
}

/// `8 nodes`, with the bounds where it moves.
fn in_words(count: Range, noun: &str) -> String {
    let words = counted(count.expected, noun);
    match count.is_fixed() {
        true => words,
        false => format!("{words} ({} to {})", plain(count.low), plain(count.high)),
    }
}
