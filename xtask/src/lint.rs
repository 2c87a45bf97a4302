//! `cargo xtask lint`: formatting, clippy, rustdoc, dependencies, spelling.
//!
//! cargo-deny and typos are installed once, by version, into the cache. RustSec's advisories are not judged
//! here: they change from day to day and live outside the package registries.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Result, command, packages, python, setup};

const CARGO_DENY_VERSION: &str = "0.20.2";

pub(crate) fn run() -> Result<()> {
    setup::install(packages::BUILD_NEEDS)?;
    setup::install(packages::PYTHON_NEEDS)?;
    let spelling = python::typos()?;
    let dependencies = install_cargo_deny()?;
    let checks = [
        command::run(&mut command::cargo(&["fmt", "--all", "--check"])),
        command::run(Command::new(spelling).current_dir(command::workspace())),
        command::run(&mut deny(&dependencies)),
        command::run(&mut command::cargo(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ])),
        command::run(
            command::cargo(&["doc", "--workspace", "--no-deps", "--document-private-items"])
                .env("RUSTDOCFLAGS", "-D warnings"),
        ),
    ];
    let failed: Vec<String> = checks.into_iter().filter_map(Result::err).collect();
    if failed.is_empty() {
        Ok(())
    } else {
        Err(failed.join("\n       "))
    }
}

fn deny(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.args([
        "--workspace",
        "--all-features",
        "check",
        "bans",
        "licenses",
        "sources",
    ]);
    command.current_dir(command::workspace());
    command
}

/// Compiled once: several minutes on two cores.
fn install_cargo_deny() -> Result<PathBuf> {
    let folder = command::cache()?.join("cargo-deny").join(CARGO_DENY_VERSION);
    let program = folder.join("bin/cargo-deny");
    if !program.is_file() {
        let mut install = command::cargo(&[
            "install",
            // It runs for seconds; optimised, it takes minutes more to build than it saves.
            "--debug",
            "cargo-deny",
            "--locked",
            "--version",
            CARGO_DENY_VERSION,
        ]);
        command::run(install.arg("--root").arg(&folder))?;
    }
    Ok(program)
}
