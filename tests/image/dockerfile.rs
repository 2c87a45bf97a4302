//! The Dockerfile makes the image that `service build` makes.

use std::path::{Path, PathBuf};

use super::bench::{Bench, program};

pub fn dockerfile() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("bundled-service/Dockerfile")
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
