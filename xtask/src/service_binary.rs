//! `cargo xtask service-binary`: `vvbill-ingest` with everything in it, so that an image needs no distribution.
//!
//! glibc is linked statically (docs/decisions/0012-a-static-service.md says why). The flag is for the target
//! alone: procedural macros are libraries, which can't be static, so the target has to be named.

use std::path::PathBuf;
use std::process::Command;

use clap::Args;

use crate::{Result, command, packages, setup};

#[derive(Args)]
pub(crate) struct Options {
    /// Builds without optimisation, as the tests use it
    #[arg(long)]
    debug: bool,
}

/// How it is compiled, and beside which vvbill it lies.
#[derive(Clone, Copy)]
pub(crate) enum Profile {
    Debug,
    Release,
}

impl Profile {
    const fn folder(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Release => "release",
        }
    }
}

const STATIC: &str = "-C target-feature=+crt-static";

pub(crate) fn run(options: &Options) -> Result<()> {
    setup::install(packages::BUILD_NEEDS)?;
    let profile = if options.debug {
        Profile::Debug
    } else {
        Profile::Release
    };
    let binary = build(profile)?;
    println!("{}", binary.display());
    Ok(())
}

/// Builds it into `target/PROFILE/vvbill-ingest-static`, stripped.
///
/// # Errors
/// When it can't be compiled, as on a system without a static glibc (Debian has it in libc6-dev, Fedora in
/// glibc-static).
pub(crate) fn build(profile: Profile) -> Result<PathBuf> {
    let triple = command::read(Command::new("rustc").args(["--print", "host-tuple"]))?;
    let triple = triple.trim();
    let mut cargo = command::cargo(&["build", "--package", "vvbill-ingest", "--target", triple]);
    if let Profile::Release = profile {
        cargo.arg("--release");
    }
    let given = std::env::var("RUSTFLAGS").unwrap_or_default();
    cargo
        .env("RUSTFLAGS", format!("{given} {STATIC}").trim())
        .env("CARGO_PROFILE_DEV_STRIP", "symbols")
        .env("CARGO_PROFILE_RELEASE_STRIP", "symbols");
    command::run(&mut cargo)?;
    let target = command::target()?;
    let built = target.join(triple).join(profile.folder()).join("vvbill-ingest");
    let beside = target.join(profile.folder()).join("vvbill-ingest-static");
    let copied =
        std::fs::create_dir_all(target.join(profile.folder())).and_then(|()| std::fs::copy(&built, &beside));
    copied.map_err(|why| format!("{} can't be copied: {why}", built.display()))?;
    Ok(beside)
}
