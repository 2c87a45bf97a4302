//! A plan's resources on this machine: what there is, what depends on what, that every reference
//! leads somewhere, and that no two processes get one port.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use vvbill::resource::{Desired, references};
use vvbill::spec::{Overrides, Spec, load};
use vvbill::topology::desired;

pub(crate) fn spec(sets: &[&str]) -> Spec {
    spec_of("plans/local.yaml", sets)
}

fn spec_of(plan: &str, sets: &[&str]) -> Spec {
    let overrides = Overrides {
        sets: sets.iter().map(ToString::to_string).collect(),
        ..Overrides::default()
    };
    let loaded = load(plan, &overrides, &mut |name| {
        std::fs::read(name).map_err(|why| why.to_string())
    });
    loaded
        .unwrap_or_else(|problems| panic!("{}", problems.render()))
        .spec
}

fn layout(sets: &[&str]) -> Vec<Desired> {
    desired(&spec(sets)).unwrap_or_else(|why| panic!("{why}"))
}

fn count(layout: &[Desired], kind: &str) -> usize {
    layout
        .iter()
        .filter(|desired| desired.address.kind() == kind)
        .count()
}

/// The platform that the plan names is there whole, and what must survive is protected.
#[test]
fn the_local_plan_has_all_its_parts() {
    let layout = layout(&[]);
    let expected = [
        ("kafka_broker", 3),
        ("kafka_topic", 2),
        ("redis_server", 3),
        ("redis_sentinel", 3),
        ("postgres_server", 2),
        ("postgres_database", 2),
        ("ingest_process", 4),
        ("prometheus_server", 1),
        ("api_key", 1),
        ("ingest_migration", 1),
        ("data_folder", 12),
        ("platform_folder", 1),
    ];
    for (kind, expected) in expected {
        assert_eq!(count(&layout, kind), expected, "{kind}");
    }
    let kept = [
        "platform_folder",
        "data_folder",
        "secret_file",
        "api_key",
        "kafka_cluster",
    ];
    for desired in &layout {
        assert_eq!(
            desired.protect,
            kept.contains(&desired.address.kind()),
            "{}",
            desired.address
        );
    }
}

/// The second region has one of each server, waits with its service, and gets ports of its own.
#[test]
fn the_second_region_is_a_second_set_of_processes() {
    let layout = desired(&spec_of("plans/local-regions.yaml", &[])).unwrap();
    let second: Vec<&Desired> = layout
        .iter()
        .filter(|one| one.address.region() == "south")
        .collect();
    for (kind, expected) in [
        ("kafka_broker", 1),
        ("kafka_cluster", 1),
        ("kafka_topic", 2),
        ("kafka_mirror", 1),
        ("redis_server", 1),
        ("redis_sentinel", 1),
        ("postgres_server", 1),
        ("postgres_database", 1),
        ("ingest_process", 2),
        ("data_folder", 4),
    ] {
        let found = second.iter().filter(|one| one.address.kind() == kind).count();
        assert_eq!(found, expected, "{kind}");
    }
    let place = |address: &str| {
        let one = layout.iter().find(|one| one.address.as_str() == address).unwrap();
        one.properties
            .get("place")
            .map(|place| (place["region"].clone(), place["runs"].clone()))
    };
    let of = |region: &str, runs: &str| Some((region.into(), runs.into()));
    assert_eq!(
        place("local/global/kafka_broker/kafka-1"),
        of("north", "while_active")
    );
    assert_eq!(
        place("local/south/ingest_process/ingest-api-1"),
        of("south", "while_active")
    );
    assert_eq!(
        place("local/south/kafka_mirror/mirror"),
        of("south", "while_standing_by")
    );
    assert_eq!(place("local/south/postgres_server/shard-0"), None);
    assert_no_cycle(&layout);
    let (mut ports, mut homes) = (BTreeSet::new(), BTreeSet::new());
    for one in &layout {
        if let Some(port) = one.properties.get("port").and_then(Value::as_u64) {
            assert!(ports.insert(port), "{port} of {}", one.address);
            let block = if one.address.region() == "south" {
                18_560..18_624
            } else {
                18_400..18_464
            };
            assert!(block.contains(&port), "{port} of {}", one.address);
        }
        let name = one
            .properties
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let region = one
            .properties
            .get("region")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let home = (one.address.kind(), name, region);
        assert!(name.is_empty() || homes.insert(home), "{home:?} is there twice");
    }
    let of_one = self::layout(&[]);
    assert!(of_one.iter().all(|one| one.properties.get("place").is_none()));
}

/// A shard with replicas is one member for each, on an etcd of three, and one database over all of them.
#[test]
fn the_plan_with_replicas_has_members_in_place_of_single_servers() {
    let layout = desired(&spec_of("plans/local-ha.yaml", &[])).unwrap();
    for (kind, expected) in [
        ("postgres_server", 0),
        ("patroni_distribution", 1),
        ("etcd_member", 3),
        ("patroni_cluster", 2),
        ("patroni_member", 6),
        ("postgres_database", 2),
        ("data_folder", 10 + 3 + 6),
    ] {
        assert_eq!(count(&layout, kind), expected, "{kind}");
    }
    let makers = layout
        .iter()
        .filter(|one| one.properties["makes_cluster"] == true);
    let makers: Vec<&str> = makers.map(|one| one.address.name()).collect();
    assert_eq!(
        makers,
        ["shard-0-1", "shard-1-1"],
        "one member of each shard makes its cluster"
    );
    let database = layout
        .iter()
        .find(|one| one.address.kind() == "postgres_database")
        .unwrap();
    assert_eq!(database.properties["other_ports"].as_object().unwrap().len(), 2);
    assert_no_cycle(&layout);
    let mut ports = BTreeSet::new();
    for one in &layout {
        let properties = &one.properties;
        let peer = properties["peer_ports"].get(one.address.name());
        for port in [properties.get("port"), properties.get("rest_port"), peer] {
            let Some(port) = port.and_then(Value::as_u64) else {
                continue;
            };
            assert!(
                ports.insert(port) && (18_000..18_144).contains(&port),
                "{port} of {}",
                one.address
            );
        }
    }
}

/// Every address that is referred to or depended on is laid out, and nothing waits for itself.
#[test]
fn every_reference_leads_to_a_resource_and_there_is_no_cycle() {
    assert_no_cycle(&layout(&[]));
}

fn assert_no_cycle(layout: &[Desired]) {
    let mut waiting: BTreeMap<_, BTreeSet<_>> = layout
        .iter()
        .map(|desired| (desired.address.clone(), desired.dependencies()))
        .collect();
    assert_eq!(waiting.len(), layout.len(), "an address twice");
    assert!(
        layout
            .iter()
            .any(|desired| !references(&desired.properties).is_empty())
    );
    for (address, dependencies) in &waiting {
        for dependency in dependencies {
            assert!(
                waiting.contains_key(dependency),
                "{address} needs {dependency}, which nobody makes"
            );
        }
    }
    while !waiting.is_empty() {
        let free: Vec<_> = waiting
            .iter()
            .filter(|(_, needs)| needs.is_empty())
            .map(|(a, _)| a.clone())
            .collect();
        assert!(!free.is_empty(), "a cycle among {:?}", waiting.keys());
        for address in free {
            waiting.remove(&address);
            for needs in waiting.values_mut() {
                needs.remove(&address);
            }
        }
    }
}

/// Ports that the plan doesn't name come from `port_base`, each process another one, and one more
/// broker moves nobody else's.
#[test]
fn every_process_has_a_port_of_its_own() {
    let ports = |sets: &[&str]| -> BTreeMap<String, Value> {
        let ports = layout(sets).into_iter().filter_map(|desired| {
            let own = desired
                .properties
                .get("port")
                .filter(|port| port.is_u64())?
                .clone();
            Some((desired.address.name().to_string(), own))
        });
        ports.filter(|(name, _)| !name.is_empty()).collect()
    };
    let bare = ports(&["local.ports=null", "local.port_base=23000"]);
    let distinct: BTreeSet<u64> = bare.values().filter_map(Value::as_u64).collect();
    assert_eq!(distinct.len(), bare.len());
    assert!(
        distinct.iter().all(|port| (23_000..23_064).contains(port)),
        "{bare:?}"
    );
    let more = ports(&["local.ports=null", "local.port_base=23000", "kafka.brokers=4"]);
    assert!(bare.iter().all(|(name, port)| more[name] == *port));
}

/// A target that can't be applied, or a value that means nothing here, is an error that names the field.
#[test]
fn what_can_not_be_laid_out_is_named() {
    let origin = |sets: &[&str]| desired(&spec(sets)).unwrap_err().origin().map(str::to_string);
    assert_eq!(origin(&["target=aws"]).as_deref(), Some("target"));
    assert_eq!(origin(&["kafka=null"]).as_deref(), Some("ingest"));
    assert_eq!(
        origin(&["aurora.parameters.work_mem='{DBInstanceClassMemory/4}'"]).as_deref(),
        Some("aurora.parameters.work_mem")
    );
    assert_eq!(
        origin(&["buffer.auth=secretsmanager:redis"]).as_deref(),
        Some("buffer.auth")
    );
}

/// A field that is changed changes the resource that carries it out.
#[test]
fn a_changed_field_changes_its_resource() {
    let before = layout(&[]);
    let changed = |set: &str| -> BTreeSet<String> {
        let after = layout(&[set]);
        let same = |desired: &&Desired| before.iter().any(|old| old == *desired);
        after
            .iter()
            .filter(|desired| !same(desired))
            .map(|desired| desired.address.kind().to_string())
            .collect()
    };
    for (set, kind) in [
        ("kafka.retention=48h", "kafka_broker"),
        ("kafka.segment=64MiB", "kafka_broker"),
        ("kafka.compression=zstd", "kafka_broker"),
        ("kafka.replica_fetchers=4", "kafka_broker"),
        ("kafka.heap.max=512MiB", "kafka_broker"),
        ("kafka.jmx_port=19999", "kafka_broker"),
        ("kafka.socket_send_buffer=200KiB", "kafka_broker"),
        ("kafka.min_insync_replicas=1", "kafka_topic"),
        ("kafka.topics.billing-events.partitions=12", "kafka_topic"),
        ("buffer.maxmemory=256MiB", "redis_server"),
        ("buffer.hz=50", "redis_server"),
        ("buffer.appendfsync=always", "redis_server"),
        ("buffer.databases=4", "redis_server"),
        ("buffer.sentinel.down_after=2s", "redis_sentinel"),
        ("buffer.sentinel.quorum=3", "redis_sentinel"),
        ("aurora.parameters.max_connections=50", "postgres_server"),
        ("aurora.database_name=ledger", "postgres_database"),
        ("aurora.master_username=owner", "postgres_database"),
        ("ingest.batch_rows=5000", "ingest_process"),
        ("ingest.consumer_group=other", "ingest_process"),
        ("ingest.accept_past=10d", "ingest_process"),
        ("monitoring.scrape_interval=2s", "prometheus_server"),
        ("monitoring.retention=2d", "prometheus_server"),
        ("local.bind=127.0.0.2", "redis_server"),
        ("local.folder=/var/tmp/x", "platform_folder"),
        ("local.run_as=postgres", "platform_folder"),
        ("local.programs.java=/opt/java", "kafka_broker"),
        ("aurora.replicas_per_shard=1", "patroni_member"),
        ("success_metrics.recovery_time.kafka=10s", "kafka_broker"),
    ] {
        assert!(
            changed(set).contains(kind),
            "{set} changes {:?}, not {kind}",
            changed(set)
        );
    }
}
