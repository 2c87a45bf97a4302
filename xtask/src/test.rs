//! `cargo xtask test`: set-up, then every test of the workspace.
//!
//! A test that needs a real server lies in a module called `servers`; the others run first, so that a plain
//! mistake shows within seconds.

use clap::Args;

use crate::{Result, command, packages, setup};

#[derive(Args)]
pub(crate) struct Options {
    /// Runs only what needs no server
    #[arg(long)]
    quick: bool,
    /// How many tests that start servers run at once; each may start a whole platform
    #[arg(long, value_name = "COUNT", default_value_t = 2)]
    server_threads: usize,
    /// Runs only tests whose path contains this
    filter: Option<String>,
}

/// The part of a test's path that says it starts real servers.
const SERVERS: &str = "servers::";

pub(crate) fn run(options: &Options) -> Result<()> {
    let needs = if options.quick {
        packages::BUILD_NEEDS
    } else {
        packages::NEEDS
    };
    setup::install(needs)?;
    command::run(&mut command::cargo(&["test", "--workspace", "--no-run"]))?;
    let filter: Vec<&str> = options.filter.as_deref().into_iter().collect();
    if options.quick {
        return cargo_test(
            &["--workspace"],
            &[filter.as_slice(), &["--skip", SERVERS]].concat(),
        );
    }
    setup::fetch_kafka(&command::target()?.join("debug/vvbill"))?;
    setup::for_tests()?;
    let threads = options.server_threads.to_string();
    if !filter.is_empty() {
        return cargo_test(
            &["--workspace"],
            &[filter.as_slice(), &["--test-threads", &threads]].concat(),
        );
    }
    let without = cargo_test(&["--workspace"], &["--skip", SERVERS]);
    let with = cargo_test(
        &["--workspace", "--tests"],
        &[SERVERS, "--test-threads", &threads],
    );
    without.and(with)
}

fn cargo_test(selection: &[&str], to_runner: &[&str]) -> Result<()> {
    let arguments = [&["test", "--no-fail-fast"], selection, &["--"], to_runner].concat();
    command::run(&mut command::cargo(&arguments))
}
