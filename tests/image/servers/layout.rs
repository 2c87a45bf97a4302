//! Other tools read what `service build` writes.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::registry::Registry;
use crate::bench::{Bench, program};

/// `skopeo ARGUMENTS` in the bench's folder; what it prints.
pub fn skopeo(bench: &Bench, arguments: &[&str]) -> String {
    let output = Command::new("skopeo")
        .args(["--insecure-policy", "--tmpdir"])
        .arg(bench.folder.path())
        .args(arguments)
        .current_dir(bench.folder.path())
        .output()
        .unwrap_or_else(|why| panic!("skopeo can't be started: {why}; run `cargo xtask setup`"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "skopeo {}: {said}", arguments.join(" "));
    String::from_utf8(output.stdout).unwrap()
}

/// Unpacks every layer of what `skopeo copy … dir:FOLDER` wrote.
pub fn unpack(folder: &Path) {
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(folder.join("manifest.json")).unwrap()).unwrap();
    for layer in manifest["layers"].as_array().unwrap() {
        let name = &layer["digest"].as_str().unwrap()[7..];
        let file = std::fs::File::open(folder.join(name)).unwrap();
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file));
        archive.unpack(folder.join("unpacked")).unwrap();
    }
}

/// The layout is the standard's, not ours: somebody else's program finds the image, its labels and its digest.
#[test]
fn skopeo_reads_the_layout() {
    let bench = Bench::new();
    let built = bench.build(program());
    let seen: Value = serde_json::from_str(&skopeo(&bench, &["inspect", "oci:.vvbill/local/image"])).unwrap();
    assert_eq!(seen["Digest"], built["digest"]);
    assert_eq!(seen["Os"], "linux");
    assert_eq!(seen["Labels"]["org.opencontainers.image.title"], "vvbill-ingest");
    let layers: Vec<&Value> = built["layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|layer| &layer["digest"])
        .collect();
    assert_eq!(
        seen["Layers"].as_array().unwrap().iter().collect::<Vec<_>>(),
        layers
    );
    // By the name that our push would give it, too.
    let tagged = format!("oci:.vvbill/local/image:{}", built["tag"].as_str().unwrap());
    skopeo(&bench, &["inspect", &tagged]);
}

/// Who has a tool of their own for pushing needs none of ours, and ours sees that all of it is there.
#[test]
fn what_skopeo_copies_to_a_registry_need_not_be_pushed_again() {
    let (bench, registry) = (Bench::new(), Registry::start());
    let built = bench.build(program());
    let tag = built["tag"].as_str().unwrap();
    let there = format!("docker://{}/billing/ingest:{tag}", registry.host());
    skopeo(
        &bench,
        &[
            "copy",
            "--dest-tls-verify=false",
            "oci:.vvbill/local/image",
            &there,
        ],
    );
    let to = format!("{}/billing/ingest", registry.host());
    let pushed = bench
        .run(&["push", "plan.yaml", "--to", &to, "--json"])
        .expect(0)
        .says(&["is there already"])
        .json();
    assert_eq!(
        (&pushed["blobs_sent"], &pushed["manifests_sent"]),
        (&0.into(), &0.into())
    );
}
