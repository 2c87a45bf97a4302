//! The plans that come with vvbill.

use std::fs;
use std::path::Path;

use vvbill::spec::{Loaded, Overrides, Target, load};

fn load_plan(name: &str) -> Loaded {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("plans");
    let mut read = |name: &str| fs::read(folder.join(name)).map_err(|error| error.to_string());
    load(name, &Overrides::default(), &mut read).unwrap_or_else(|problems| panic!("{}", problems.render()))
}

/// Protects every plan that comes with vvbill from a field that no longer exists or has another form.
#[test]
fn every_plan_loads() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("plans");
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert!(names.len() >= 2, "{names:?}");
    for name in names {
        load_plan(&name);
    }
}

/// Protects the local plan's shape: what the demo brings up.
#[test]
fn the_local_plan_has_every_part() {
    let spec = load_plan("local.yaml").spec;
    assert_eq!(spec.target, Target::Local);
    assert_eq!(spec.kafka.unwrap().brokers, 3);
    let buffer = spec.buffer.unwrap();
    assert_eq!((buffer.replicas, buffer.sentinel.unwrap().count), (2, 3));
    assert_eq!(spec.aurora.unwrap().shards, 2);
    let ingest = spec.ingest.unwrap();
    assert_eq!((ingest.api_replicas, ingest.worker_replicas), (2, 2));
    assert!(spec.monitoring.is_some());
}
