//! The service's Dockerfile makes the image that `service build` makes; both Dockerfiles build from what they get.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::bench::{Bench, program};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

/// The service's.
pub fn dockerfile() -> PathBuf {
    root().join("bundled-service/Dockerfile")
}

/// vvbill's own.
pub fn own_dockerfile() -> PathBuf {
    root().join("Dockerfile")
}

/// The files and folders at the top that go to a builder: `*` keeps everything back, `!NAME` lets one through.
fn let_through(ignored: &str) -> BTreeSet<String> {
    let text = text(&root().join(ignored));
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    assert_eq!(lines.next(), Some("*"), "{ignored}");
    let name = |line: &str| line.strip_prefix('!').map(str::to_owned);
    lines
        .map(|line| name(line).unwrap_or_else(|| panic!("{ignored}: {line}")))
        .collect()
}

/// The files of this tree that the compiler noted as read for the libraries that vvbill is made of.
fn read_by_the_build() -> BTreeSet<PathBuf> {
    let own = std::env::current_exe().unwrap();
    let notes = std::fs::read_dir(own.parent().unwrap()).unwrap();
    let notes = notes.map(|entry| entry.unwrap().path()).filter(|path| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with("vvbill") && name.ends_with(".d")
    });
    let mut read = BTreeSet::new();
    for note in notes {
        for line in text(&note).lines() {
            let (made, files) = line.split_once(": ").unwrap_or((line, ""));
            // What the tests read beside that is theirs.
            if !made.ends_with(".rlib") && !made.ends_with(".so") {
                continue;
            }
            let files = files.split_whitespace().map(Path::new);
            let below = files.map(|file| file.strip_prefix(root()).unwrap_or(file));
            // Notes of builds long ago name what is gone.
            read.extend(
                below
                    .filter(|file| file.is_relative() && root().join(file).is_file())
                    .map(Path::to_owned),
            );
        }
    }
    read
}

/// A folder that is new and that nobody let through is missed by the next who builds an image, and by nobody else.
#[test]
fn builders_get_what_the_build_reads() {
    let read = read_by_the_build();
    for known in [
        "src/lib.rs",
        "bundled-service/src/lib.rs",
        "revision/src/lib.rs",
        "prices/specification.yaml",
    ] {
        assert!(
            read.contains(Path::new(known)),
            "nothing notes that {known} was read"
        );
    }
    let manifest = text(&root().join("Cargo.toml"));
    let members = manifest.lines().find_map(|line| line.strip_prefix("members = "));
    let members: Vec<String> = serde_json::from_str(members.unwrap()).unwrap();
    for (ignored, of_the_service) in [
        (".dockerignore", false),
        ("bundled-service/Dockerfile.dockerignore", true),
    ] {
        let through = let_through(ignored);
        let is_through = |path: &Path| {
            let top = path.components().next().unwrap().as_os_str();
            through.contains(&*top.to_string_lossy())
        };
        // Cargo reads the manifests of all members, whatever is built.
        let cargos = ["Cargo.toml", "Cargo.lock", "src"].map(str::to_owned);
        for name in members.iter().chain(&cargos) {
            assert!(is_through(Path::new(name)), "{ignored} keeps back {name}");
        }
        for file in &read {
            let wanted = !of_the_service || file.starts_with("bundled-service");
            assert!(
                !wanted || is_through(file),
                "{ignored} keeps back {}",
                file.display()
            );
        }
    }
}

/// What an image is built with is what the tests ran with.
#[test]
fn the_builders_versions_are_those_of_the_workspace() {
    let manifest = text(&root().join("Cargo.toml"));
    let rust = manifest
        .lines()
        .find_map(|line| line.strip_prefix("rust-version = "));
    let rust = format!("FROM rust:{}-slim-", rust.unwrap().trim_matches('"'));
    for path in [dockerfile(), own_dockerfile()] {
        assert!(text(&path).contains(&rust), "{}: {rust}", path.display());
    }
    let own = text(&own_dockerfile());
    let helm = text(&root().join("xtask/src/helm.rs"));
    let (_, version) = own.split_once("/cmd/helm@v").unwrap();
    let version = version.split_whitespace().next().unwrap();
    assert!(
        helm.contains(&format!("helm-{version}/")),
        "helm {version} is not what the tests use"
    );
    let profile = own
        .split_once("--profile ")
        .unwrap()
        .1
        .split_whitespace()
        .next()
        .unwrap();
    assert!(manifest.contains(&format!("[profile.{profile}]")), "{profile}");
}

/// Who runs it in a pipeline has no rights there but those that the pipeline gives.
#[test]
fn vvbills_own_image_runs_it_without_rights() {
    let text = text(&own_dockerfile());
    let last_stage = text.rsplit("\nFROM ").next().unwrap();
    assert!(last_stage.contains("\nUSER 65532:65532\n"));
    assert!(last_stage.contains("\nENTRYPOINT [\"/usr/local/bin/vvbill\"]"));
}

/// Two ways to one image: whoever has the one must not find the other run as somebody else, on another port, or
/// with other arguments.
#[test]
fn the_dockerfile_runs_the_service_as_service_build_does() {
    let bench = Bench::new();
    let built = bench.build(program());
    let digest = built["digest"]
        .as_str()
        .unwrap()
        .strip_prefix("sha256:")
        .unwrap()
        .to_owned();
    let read = |name: &str| -> serde_json::Value {
        let path = bench.path(&format!(".vvbill/local/image/blobs/sha256/{name}"));
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    };
    let config = read(&digest)["config"]["digest"].as_str().unwrap()[7..].to_owned();
    let config = read(&config)["config"].clone();
    let text = std::fs::read_to_string(dockerfile()).unwrap();
    let last_stage = text.rsplit("\nFROM ").next().unwrap();
    let said = |instruction: &str| {
        let line = last_stage.lines().find_map(|line| line.strip_prefix(instruction));
        line.unwrap_or_else(|| panic!("the Dockerfile has no {instruction}"))
            .trim()
            .to_owned()
    };
    assert_eq!(said("USER "), config["User"]);
    assert_eq!(said("WORKDIR "), config["WorkingDir"]);
    assert_eq!(said("STOPSIGNAL "), config["StopSignal"]);
    assert!(config["ExposedPorts"].get(said("EXPOSE ")).is_some());
    let environment: Vec<String> = serde_json::from_value(config["Env"].clone()).unwrap();
    assert_eq!(said("ENV "), environment.join(" "));
    for (instruction, field) in [("ENTRYPOINT ", "Entrypoint"), ("CMD ", "Cmd")] {
        let words: serde_json::Value = serde_json::from_str(&said(instruction)).unwrap();
        assert_eq!(words, config[field], "{instruction}");
    }
}
