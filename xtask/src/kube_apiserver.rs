//! The real kube-apiserver, built from its Go module once by version and kept in the cache.
//!
//! `tests/support/kubernetes/` is the program that is built; its `go.mod` says which version.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::{Result, command, go};

/// Builds it where the cache has none of this version: four to seven minutes on two cores.
pub(crate) fn build() -> Result<PathBuf> {
    let source = command::workspace().join("tests/support/kubernetes");
    let modules = source.join("go.mod");
    let text = fs::read_to_string(&modules).map_err(|why| format!("{}: {why}", modules.display()))?;
    let version = version_in(&text).ok_or("tests/support/kubernetes/go.mod names no k8s.io/kubernetes")?;
    let folder = command::cache()?.join(format!("kube-apiserver-{version}"));
    let program = folder.join("kube-apiserver");
    if program.is_file() {
        return Ok(program);
    }
    fs::create_dir_all(&folder).map_err(|why| format!("{}: {why}", folder.display()))?;
    let unfinished = folder.join("unfinished");
    let flags = format!("-s -w -X k8s.io/component-base/version.gitVersion=v{version}");
    let wanted = text.lines().find_map(|line| line.strip_prefix("go "));
    let reason =
        "builds the kube-apiserver that the tests run against (`cargo xtask test --quick` does without)";
    let mut go = Command::new(go::program(wanted.unwrap_or("1.26"), reason)?);
    go.current_dir(&source)
        .args(["build", "-trimpath", "-ldflags", &flags, "-o"])
        .arg(&unfinished)
        .arg(".");
    command::run(&mut go)?;
    fs::rename(&unfinished, &program).map_err(|why| format!("{}: {why}", program.display()))?;
    Ok(program)
}

fn version_in(modules: &str) -> Option<&str> {
    let mut lines = modules.lines().map(str::trim);
    lines.find_map(|line| line.strip_prefix("k8s.io/kubernetes v"))
}

#[cfg(test)]
mod tests {
    use super::version_in;

    #[test]
    fn the_version_is_that_of_go_mod() {
        let text = include_str!("../../tests/support/kubernetes/go.mod");
        let version = version_in(text).unwrap_or_default();
        assert!(version.starts_with("1."), "{version:?}");
    }
}
