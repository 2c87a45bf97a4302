//! Go: where it is, and programs built from Go modules once by version and kept in the cache.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Result, command};

/// Go as its own installer puts it, or as PATH has it. `reason` ends the sentence "Go, which …".
pub(crate) fn program(version: &str, reason: &str) -> Result<PathBuf> {
    command::find("go", &[Path::new("/usr/local/go/bin").to_owned()]).ok_or_else(|| {
        format!(
            "this machine lacks Go {version}, which {reason}: install it from https://go.dev/dl/, then run this \
             again"
        )
    })
}

/// Builds the program of `package` at `version`, where the cache has none of it.
pub(crate) fn install(package: &str, version: &str) -> Result<PathBuf> {
    let name = package.rsplit('/').next().unwrap_or(package);
    let folder = command::cache()?.join(format!("{name}-{version}"));
    let built = folder.join(name);
    if built.is_file() {
        return Ok(built);
    }
    let go = program("1.24", &format!("builds {name}"))?;
    let mut install = Command::new(go);
    // It puts the program where GOBIN says once it is whole.
    install
        .env("GOBIN", &folder)
        .args(["install", &format!("{package}@v{version}")]);
    command::run(&mut install)?;
    Ok(built)
}
