//! hadolint judges the Dockerfiles.

use std::path::PathBuf;
use std::process::Command;

use crate::dockerfile::{dockerfile, own_dockerfile};

/// The environment that `cargo xtask setup` makes.
fn hadolint() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache"),
        PathBuf::from,
    );
    cache.join("vvbill/hadolint/bin/hadolint")
}

/// Floating base images, forgotten caches, root as the user: what a linter knows of Dockerfiles holds for ours.
#[test]
fn hadolint_accepts_the_dockerfiles() {
    let run = |file: &std::path::Path| {
        Command::new(hadolint())
            .arg(file)
            .output()
            .unwrap_or_else(|why| panic!("{}: {why}; run `cargo xtask setup`", hadolint().display()))
    };
    for path in [dockerfile(), own_dockerfile()] {
        let judged = run(&path);
        let said = String::from_utf8_lossy(&judged.stdout).into_owned();
        assert!(judged.status.success(), "{said}");
        // It does judge: the same with a floating base is refused.
        let folder = tempfile::tempdir().unwrap();
        let floating = folder.path().join("Dockerfile");
        let text = std::fs::read_to_string(path).unwrap();
        std::fs::write(&floating, text.replace("rust:1.95-slim-bookworm", "rust:latest")).unwrap();
        let judged = run(&floating);
        let said = String::from_utf8_lossy(&judged.stdout).into_owned();
        assert!(!judged.status.success() && said.contains("DL3007"), "{said}");
    }
}
