//! What `vvbill render` writes, against the API server.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::cluster::Cluster;
use super::operators::OPERATORS;

/// Protects: the API server takes every object of every plan, and each field of it is one that it knows.
#[test]
fn every_object_is_accepted_under_strict_validation() {
    let cluster = Cluster::start(None);
    for definition in OPERATORS.iter().flat_map(|operator| operator.definitions()) {
        cluster.apply(&serde_yaml::from_str(&definition).unwrap(), false);
    }
    cluster.apply(
        &serde_json::json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "billing" } }),
        false,
    );
    for plan in ["production", "staging", "specification"] {
        let objects = rendered(plan);
        assert!(objects.len() > 30, "{plan} has only {} objects", objects.len());
        for object in &objects {
            cluster.apply(object, true);
        }
    }
}

/// The objects of a plan in `plans/`, those of every region.
fn rendered(plan: &str) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("plans/{plan}.yaml"));
    let render = Command::new(env!("CARGO_BIN_EXE_vvbill"))
        .arg("render")
        .arg(file)
        .args(["--only", "kubernetes", "--out-dir"])
        .arg(folder.path())
        .output()
        .unwrap();
    assert!(
        render.status.success(),
        "{plan}: {}",
        String::from_utf8_lossy(&render.stderr)
    );
    let regions = std::fs::read_dir(folder.path().join("kubernetes")).unwrap();
    let files = regions.flat_map(|region| std::fs::read_dir(region.unwrap().path()).unwrap());
    let mut objects = Vec::new();
    for path in files.map(|entry| entry.unwrap().path()) {
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let text = std::fs::read_to_string(&path).unwrap();
            let documents = text.split("\n---\n").filter(|text| text.contains("kind:"));
            objects.extend(documents.map(|text| -> Value { serde_yaml::from_str(text).unwrap() }));
        }
    }
    objects
}
