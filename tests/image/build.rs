//! `service build`: the same parts give the same bytes, and only what can run is packed.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use flate2::read::GzDecoder;
use serde_json::{Value, json};

use super::bench::{Bench, compile, program};

/// A digest in a plan is worth something if anybody who builds the same service gets the same one, whenever,
/// wherever and as whom.
#[test]
fn the_same_program_gives_the_same_bytes() {
    let (one, other) = (Bench::new(), Bench::new());
    let copy = other.path("copied");
    std::fs::copy(program(), &copy).unwrap();
    std::fs::set_permissions(&copy, PermissionsExt::from_mode(0o700)).unwrap();
    let (first, second) = (one.build(program()), other.build(&copy));
    assert_eq!(first["digest"], second["digest"]);
    assert_eq!(
        one.files(".vvbill/local/image"),
        other.files(".vvbill/local/image")
    );
    // And again, over the one that is there.
    assert_eq!(one.build(program())["digest"], first["digest"]);
}

/// What is in the image decides its digest, and the date that is asked for.
#[test]
fn other_parts_give_another_digest() {
    let bench = Bench::new();
    let path = program().display().to_string();
    let digest = |date: Option<&str>, certificates: &str, program: &str| {
        let arguments = [
            "build",
            "plan.yaml",
            "--binary",
            program,
            "--ca-certificates",
            certificates,
        ];
        let mut command = bench.command(&arguments);
        command.envs(date.map(|date| ("SOURCE_DATE_EPOCH", date)));
        let output = command.output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    let changed = compile(folder.path(), "changed").display().to_string();
    let all = [
        digest(None, "authorities.pem", &path),
        digest(Some("1767225600"), "authorities.pem", &path),
        digest(None, "none", &path),
        digest(None, "authorities.pem", &changed),
    ];
    for (index, digest) in all.iter().enumerate() {
        assert!(
            digest.starts_with("sha256:") && digest.trim().len() == 71,
            "{digest}"
        );
        assert!(!all[..index].contains(digest), "{all:#?}");
    }
    assert_eq!(digest(Some(""), "authorities.pem", &path), all[0]);
}

/// A certificate bundle that changes must not have the program sent again, nor the other way round.
#[test]
fn the_program_has_a_layer_of_its_own() {
    let (one, other) = (Bench::new(), Bench::new());
    std::fs::write(
        other.path("authorities.pem"),
        "-----BEGIN CERTIFICATE-----\nMIIC\n",
    )
    .unwrap();
    let layers = |built: &Value| [0, 1].map(|index| built["layers"][index]["digest"].clone());
    let [ground, own] = layers(&one.build(program()));
    let [other_ground, other_own] = layers(&other.build(program()));
    assert_ne!(ground, other_ground);
    assert_eq!(own, other_own);
}

/// Nothing of the machine that built it gets in: root owns everything, nobody runs it, and there is no more in it
/// than the program needs.
#[test]
fn the_image_is_what_it_says() {
    let bench = Bench::new();
    let built = bench.build(program());
    let blob = |digest: &Value| {
        let name = digest.as_str().unwrap().strip_prefix("sha256:").unwrap();
        std::fs::read(bench.path(&format!(".vvbill/local/image/blobs/sha256/{name}"))).unwrap()
    };
    let manifest: Value = serde_json::from_slice(&blob(&built["digest"])).unwrap();
    let config: Value = serde_json::from_slice(&blob(&manifest["config"]["digest"])).unwrap();
    assert_eq!(config["os"], "linux");
    assert_eq!(config["created"], "1970-01-01T00:00:00Z");
    let mut run = config["config"].clone();
    let labels = run.as_object_mut().unwrap().remove("Labels").unwrap();
    let expected = json!({
        "User": "65532:65532",
        "ExposedPorts": { "8000/tcp": {} },
        "Env": [
            "VVBILL_INGEST_LISTEN=0.0.0.0:8000",
            "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt",
        ],
        "Entrypoint": ["/vvbill-ingest"],
        "Cmd": ["run", "--role", "api", "--role", "worker"],
        "WorkingDir": "/",
        "StopSignal": "SIGTERM",
    });
    assert_eq!(run, expected);
    assert_eq!(labels["org.opencontainers.image.title"], "vvbill-ingest");
    assert_eq!(
        labels["org.opencontainers.image.version"],
        env!("CARGO_PKG_VERSION")
    );
    let mut found = Vec::new();
    for layer in manifest["layers"].as_array().unwrap() {
        let bytes = blob(&layer["digest"]);
        let mut archive = tar::Archive::new(GzDecoder::new(bytes.as_slice()));
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let header = entry.header();
            assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0));
            assert_eq!(header.mtime().unwrap(), 0);
            let line = format!("{:o} {}", header.mode().unwrap(), entry.path().unwrap().display());
            if entry.path().unwrap() == Path::new("vvbill-ingest") {
                let mut content = Vec::new();
                entry.read_to_end(&mut content).unwrap();
                assert!(
                    content == std::fs::read(program()).unwrap(),
                    "another program was packed"
                );
            }
            found.push(line);
        }
    }
    let expected = [
        "755 etc/",
        "644 etc/group",
        "644 etc/nsswitch.conf",
        "644 etc/passwd",
        "755 etc/ssl/",
        "755 etc/ssl/certs/",
        "644 etc/ssl/certs/ca-certificates.crt",
        "755 vvbill-ingest",
    ];
    assert_eq!(found, expected);
}

/// Without a loader in the image a dynamic program would fail on the node, and say no more than "not found".
#[test]
fn what_could_not_run_is_not_packed() {
    let bench = Bench::new();
    let own = env!("CARGO_BIN_EXE_vvbill");
    let refused = bench.run(&["build", "plan.yaml", "--binary", own]).expect(1);
    refused.says(&[
        "can't be packed",
        "it needs the loader /lib",
        "cargo xtask service-binary",
    ]);
    std::fs::write(bench.path("script"), "#!/bin/sh\n").unwrap();
    let refused = bench.run(&["build", "plan.yaml", "--binary", "script"]).expect(1);
    refused.says(&["`script` can't be packed", "no program for 64-bit Linux"]);
    let refused = bench.run(&["build", "plan.yaml", "--binary", "absent"]).expect(1);
    refused.says(&["can't read the binary `absent`", "there is no such file"]);
    assert!(
        !bench.path(".vvbill/local/image").exists(),
        "something was written"
    );
}

/// What a person gave wrongly is said before anything is written.
#[test]
fn wrong_parts_are_refused() {
    let bench = Bench::new();
    let path = program().display().to_string();
    let arguments = [
        "build",
        "plan.yaml",
        "--binary",
        &path,
        "--ca-certificates",
        "plan.yaml",
    ];
    bench
        .run(&arguments)
        .expect(1)
        .says(&["`plan.yaml` holds no certificates", "PEM"]);
    let mut dated = bench.command(&["build", "plan.yaml", "--binary", &path]);
    let output = dated.env("SOURCE_DATE_EPOCH", "yesterday").output().unwrap();
    assert_eq!(output.status.code(), Some(64), "{output:?}");
    // Somebody's folder is not taken for an image.
    std::fs::create_dir(bench.path("mine")).unwrap();
    std::fs::write(bench.path("mine/letter"), "dear").unwrap();
    let refused = bench.run(&["build", "plan.yaml", "--binary", &path, "--out-dir", "mine"]);
    refused.expect(1).says(&["`mine` is no image, and is not empty"]);
    assert!(bench.path("mine/letter").exists());
}

/// A damaged image is not sent anywhere.
#[test]
fn a_damaged_image_is_not_pushed() {
    let bench = Bench::new();
    let push = ["push", "plan.yaml", "--to", "127.0.0.1:1/ingest"];
    bench.run(&push).expect(1).says(&[
        "there is no image in `.vvbill/local/image`",
        "vvbill service build",
    ]);
    let built = bench.build(program());
    let digest = built["layers"][1]["digest"].as_str().unwrap();
    let name = digest.strip_prefix("sha256:").unwrap();
    let layer = bench.path(&format!(".vvbill/local/image/blobs/sha256/{name}"));
    let mut bytes = std::fs::read(&layer).unwrap();
    bytes[1000] ^= 1;
    std::fs::write(&layer, bytes).unwrap();
    bench.run(&push).expect(1).says(&[
        "the image is damaged",
        "its bytes are not those of its digest",
        "makes it anew",
    ]);
}

/// Where an image goes is never guessed.
#[test]
fn a_push_wants_to_know_where_to() {
    let bench = Bench::new();
    bench.build(program());
    let refused = bench.run(&["push", "plan.yaml"]).expect(1);
    refused.says(&[
        "nothing says where the image of `local` goes",
        "--to names another one",
    ]);
    let refused = bench.run(&["push", "plan.yaml", "--to", "ingest"]).expect(1);
    refused.says(&["`ingest` is no repository: it names no registry"]);
    // The port of nobody.
    let refused = bench
        .run(&["push", "plan.yaml", "--to", "127.0.0.1:1/ingest"])
        .expect(1);
    refused.says(&["the registry 127.0.0.1:1 can't be reached: the connection is refused"]);
    let both = [
        "push",
        "plan.yaml",
        "--write",
        "--to",
        "127.0.0.1:1/a,127.0.0.1:1/b",
    ];
    bench.run(&both).expect(64).says(&["the plan names one image"]);
    let alone = ["push", "plan.yaml", "--to", "127.0.0.1:1/a", "--username", "me"];
    bench.run(&alone).expect(64).says(&["--password-stdin"]);
}
