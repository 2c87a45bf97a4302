//! `cargo xtask lint`: formatting, clippy, rustdoc, dependencies, spelling, scripts and pipelines.
//!
//! The linters are installed once, by version, into the cache. RustSec's advisories are not judged here: they
//! change from day to day and live outside the package registries.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Result, command, go, packages, python, setup};

/// Shell scripts as they are; those in `templates/` only become scripts when they are filled in.
const SCRIPTS: &[&str] = &[
    ".ci/run",
    "examples/add-a-shard.sh",
    "examples/ci/apply.sh",
    "examples/ci/plan.sh",
    "examples/first-event.sh",
    "xtask/src/install.sh",
];
const GITHUB_PIPELINE: &str = "examples/ci/github-actions.yaml";
const GITLAB_PIPELINE: &str = "examples/ci/gitlab-ci.yaml";

/// What isn't cargo's own.
struct Tools {
    typos: PathBuf,
    cargo_deny: PathBuf,
    actionlint: PathBuf,
    /// The folder of check-jsonschema and shellcheck.
    pipelines: PathBuf,
}

pub(crate) fn run() -> Result<()> {
    setup::install(packages::BUILD_NEEDS)?;
    setup::install(packages::PYTHON_NEEDS)?;
    let tools = Tools::install()?;
    let checks = [
        command::run(&mut command::cargo(&["fmt", "--all", "--check"])),
        command::run(&mut in_workspace(&tools.typos)),
        command::run(&mut tools.dependencies()),
        command::run(in_workspace(&tools.pipelines.join("shellcheck")).args(SCRIPTS)),
        command::run(&mut tools.github_pipeline()),
        command::run(&mut tools.gitlab_pipeline()),
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

impl Tools {
    fn install() -> Result<Self> {
        Ok(Self {
            typos: python::typos()?,
            cargo_deny: python::cargo_deny()?,
            actionlint: go::install("github.com/rhysd/actionlint/cmd/actionlint", "1.7.12")?,
            pipelines: python::for_pipelines()?,
        })
    }

    fn dependencies(&self) -> Command {
        let mut command = in_workspace(&self.cargo_deny);
        let checks = ["bans", "licenses", "sources"];
        command
            .args(["--workspace", "--all-features", "check"])
            .args(checks);
        command
    }

    /// It isn't in `.github/workflows`, where actionlint would find it; its scripts are judged by shellcheck.
    fn github_pipeline(&self) -> Command {
        let mut command = in_workspace(&self.actionlint);
        command
            .arg("-shellcheck")
            .arg(self.pipelines.join("shellcheck"))
            .arg(GITHUB_PIPELINE);
        command
    }

    fn gitlab_pipeline(&self) -> Command {
        let mut command = in_workspace(&self.pipelines.join("check-jsonschema"));
        command.args(["--builtin-schema", "vendor.gitlab-ci", GITLAB_PIPELINE]);
        command
    }
}

fn in_workspace(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(command::workspace());
    command
}
