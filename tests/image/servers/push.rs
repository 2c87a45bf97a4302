//! From here to a registry and back, at the first try and at the second.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::layout::{skopeo, unpack};
use super::proxy::{Manner, Proxy};
use super::registry::Registry;
use crate::bench::{Bench, GREETING, compile, program};

/// Enough for every small part, and not for the program.
const CUT_AFTER_BYTES: usize = 200_000;

/// Pulls `reference` from a registry on loopback into `pulled/`, unpacked.
fn pull(bench: &Bench, reference: &str) {
    let from = format!("docker://{reference}");
    skopeo(bench, &["copy", "--src-tls-verify=false", &from, "dir:pulled"]);
    unpack(&bench.path("pulled"));
}

/// What a node pulls by the digest that we print is byte for byte what we built, and it runs.
#[test]
fn what_is_pushed_is_pulled_again() {
    let (bench, registry) = (Bench::new(), Registry::start());
    let built = bench.build(program());
    let to = format!("{}/billing/ingest", registry.host());
    let pushed = bench
        .run(&["push", "plan.yaml", "--to", &to, "--json"])
        .expect(0)
        .json();
    assert_eq!(pushed["digest"], built["digest"]);
    assert_eq!(pushed["blobs_sent"], 3);
    let reference = format!("{to}@{}", built["digest"].as_str().unwrap());
    assert_eq!(pushed["references"], json!([reference]));
    pull(&bench, &reference);
    let manifest = std::fs::read(bench.path("pulled/manifest.json")).unwrap();
    let name = &built["digest"].as_str().unwrap()[7..];
    let own = std::fs::read(bench.path(&format!(".vvbill/local/image/blobs/sha256/{name}"))).unwrap();
    assert!(manifest == own, "another manifest was pulled");
    let run = Command::new(bench.path("pulled/unpacked/vvbill-ingest"))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&run.stdout).trim(), GREETING);
    // And by its tag.
    let tagged = format!("docker://{to}:{}", built["tag"].as_str().unwrap());
    skopeo(&bench, &["inspect", "--tls-verify=false", &tagged]);
}

/// The service itself, as `cargo xtask service-binary` builds it: it needs nothing that isn't in the image.
#[test]
fn the_real_service_runs_from_its_image() {
    let (bench, registry) = (Bench::new(), Registry::start());
    let service = Path::new(env!("CARGO_BIN_EXE_vvbill")).with_file_name("vvbill-ingest-static");
    assert!(
        service.is_file(),
        "{} isn't there; run `cargo xtask setup`",
        service.display()
    );
    // It lies beside vvbill, so nobody has to name it.
    bench
        .run(&["build", "plan.yaml"])
        .expect(0)
        .says(&["vvbill-ingest-static"]);
    let to = format!("{}/ingest", registry.host());
    let pushed = bench
        .run(&["push", "plan.yaml", "--to", &to, "--tag", "real"])
        .expect(0);
    pull(&bench, pushed.stdout.trim());
    let mut packed = Command::new(bench.path("pulled/unpacked/vvbill-ingest"));
    let run = packed.arg("--version").env_clear().output().unwrap();
    let said = String::from_utf8_lossy(&run.stdout).into_owned();
    assert_eq!(
        said.trim(),
        format!("vvbill-ingest {}", env!("CARGO_PKG_VERSION"))
    );
    // Names are resolved without any library of this machine: nobody listens on the port of `localhost`.
    let mut packed = Command::new(bench.path("pulled/unpacked/vvbill-ingest"));
    let run = packed
        .args(["migrate", "--kafka-brokers", "localhost:1", "--shard"])
        .arg("host=localhost port=1 user=nobody dbname=none connect_timeout=5")
        .env_clear()
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(said.contains("refused") && !said.contains("lookup"), "{said}");
}

/// A push in CI, run for every commit, must cost nothing when nothing changed.
#[test]
fn the_second_push_sends_nothing() {
    let (bench, registry) = (Bench::new(), Registry::start());
    let proxy = Proxy::start(registry.port, Manner::default());
    bench.build(program());
    let to = format!("{}/ingest", proxy.host());
    let push = ["push", "plan.yaml", "--to", &to, "--json"];
    bench.run(&push).expect(0);
    let first = proxy.requests();
    let sending = |requests: &[String]| {
        let is_sending = |line: &&String| !line.starts_with("HEAD ") && !line.starts_with("GET ");
        requests.iter().filter(is_sending).count()
    };
    // Three for each of three blobs, and the manifest.
    assert_eq!(sending(&first), 10, "{first:#?}");
    let again = bench.run(&push).expect(0).json();
    let second = proxy.requests();
    assert_eq!(sending(&second), 0, "{second:#?}");
    assert_eq!(again["bytes_sent"], 0);
    // Another program: its layer goes, the one below it stays.
    let folder = tempfile::tempdir().unwrap();
    bench.build(&compile(folder.path(), "newer"));
    let newer = bench.run(&push).expect(0).json();
    assert_eq!(newer["blobs_sent"], 2, "the program and the configuration");
}

/// A connection that is cut on the way ends in words that help, and costs nothing that had arrived.
#[test]
fn a_push_that_broke_off_is_finished_by_the_next() {
    let (bench, registry) = (Bench::new(), Registry::start());
    let cutting = Manner {
        cut_after: Some(CUT_AFTER_BYTES),
        ..Manner::default()
    };
    let proxy = Proxy::start(registry.port, cutting);
    let built = bench.build(program());
    let to = format!("{}/ingest", proxy.host());
    let push = ["push", "plan.yaml", "--to", &to, "--json"];
    let failed = bench.run(&push).expect(1);
    assert_eq!(failed.stdout, "");
    let program = built["layers"][1]["digest"].as_str().unwrap();
    failed.says(&[
        &format!("the upload of {program} to {} broke off: ", proxy.host()),
        "broke off, starts anew",
        "run it again: what has arrived is not sent again",
    ]);
    proxy.behave(Manner::default());
    let pushed = bench.run(&push).expect(0).says(&["there already"]).json();
    assert_eq!(pushed["blobs_sent"], 2, "the program and the configuration");
    let reference = pushed["references"][0].as_str().unwrap();
    pull(&bench, reference);
}

/// One cut is not worth a person's time: the same push goes on by itself.
#[test]
fn a_push_survives_a_registry_that_comes_back() {
    let (bench, registry) = (Bench::new(), Registry::start());
    let cutting = Manner {
        cut_after: Some(CUT_AFTER_BYTES),
        ..Manner::default()
    };
    let proxy = Proxy::start(registry.port, cutting);
    bench.build(program());
    let to = format!("{}/ingest", proxy.host());
    let push = bench
        .command(&["push", "plan.yaml", "--to", &to])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let is_sending = |line: &String| line.starts_with("PATCH ");
    let mut seen = 0;
    // The small layer, and the first try with the program.
    while seen < 2 {
        seen += proxy.requests().iter().filter(|line| is_sending(line)).count();
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    proxy.behave(Manner::default());
    let output = push.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success() && said.contains("broke off, starts anew"),
        "{said}"
    );
}

/// The digest gets into the plan as a person would write it, and nothing else of the file changes.
#[test]
fn the_digest_is_written_into_the_plan() {
    let (bench, registry) = (Bench::new(), Registry::start());
    let built = bench.build(program());
    let to = format!("{}/ingest", registry.host());
    let before = bench.plan();
    let reference = format!("{to}@{}", built["digest"].as_str().unwrap());
    bench
        .run(&["push", "plan.yaml", "--to", &to])
        .expect(0)
        .says(&[&format!(
            "`ingest.image: {reference}` has the plan run it; --write writes that"
        )]);
    assert_eq!(bench.plan(), before, "nobody asked for that");
    bench
        .run(&["push", "plan.yaml", "--to", &to, "--write"])
        .expect(0)
        .says(&[&format!("plan.yaml: ingest.image: {reference}")]);
    let line = format!("ingest: # the service\n  image: {reference}\n");
    assert_eq!(bench.plan(), before.replace("ingest: # the service\n", &line));
    // From now on the plan itself says where to push, and a newer image takes the older one's place.
    let folder = tempfile::tempdir().unwrap();
    let newer = bench.build(&compile(folder.path(), "newer"));
    let pushed = bench.run(&["push", "plan.yaml", "--write"]).expect(0);
    let newer = format!("{to}@{}", newer["digest"].as_str().unwrap());
    assert_eq!(pushed.stdout.trim(), newer);
    let line = format!("ingest: # the service\n  image: {newer}\n");
    assert_eq!(bench.plan(), before.replace("ingest: # the service\n", &line));
}

/// A flag that overrides the image would have the written line mean nothing.
#[test]
fn what_would_have_no_effect_is_not_written() {
    let (bench, registry) = (Bench::new(), Registry::start());
    bench.build(program());
    let to = format!("{}/ingest", registry.host());
    let before = bench.plan();
    let overridden = ["--set", "ingest.image=elsewhere.example.com/a@sha256:00"];
    let push = [
        ["push", "plan.yaml", "--write", "--to", &to].as_slice(),
        &overridden,
    ]
    .concat();
    bench.run(&push).expect(1).says(&[
        "the image is pushed, but can't be written into `plan.yaml`",
        "write it yourself: `ingest.image: ",
    ]);
    assert_eq!(bench.plan(), before);
}
