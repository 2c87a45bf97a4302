//! `cargo xtask setup`: installs what is missing by apt-get, or says what to install and fails.

use std::path::Path;
use std::process::Command;

use clap::Args;

use crate::packages::{IMAGE_NEEDS, KUBERNETES_NEEDS, NEEDS, Need, PYTHON_NEEDS};
use crate::{Result, command, helm, kube_apiserver, python, service_binary, terraform};

#[derive(Args)]
pub(crate) struct Options {
    /// Only says what is missing; exits 1 when something is
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    if options.check {
        return check();
    }
    install(NEEDS)?;
    for_tests()?;
    let arguments = [
        "build",
        "--package",
        "vvbill",
        "--no-default-features",
        "--bin",
        "vvbill",
    ];
    command::run(&mut command::cargo(&arguments))?;
    fetch_kafka(&command::target()?.join("debug/vvbill"))?;
    println!("everything is there");
    Ok(())
}

/// What the tests need beside [`NEEDS`].
pub(crate) fn for_tests() -> Result<()> {
    install(IMAGE_NEEDS)?;
    install(PYTHON_NEEDS)?;
    python::for_tests()?;
    terraform::for_tests()?;
    install(KUBERNETES_NEEDS)?;
    kube_apiserver::build()?;
    helm::for_tests()?;
    service_binary::build(service_binary::Profile::Debug).map(drop)
}

/// Installs those of `needs` that the machine lacks.
///
/// # Errors
/// When the machine has no apt-get, no right to use it, or still lacks something afterwards.
pub(crate) fn install(needs: &'static [Need]) -> Result<()> {
    let missing = missing(needs);
    if missing.is_empty() {
        return Ok(());
    }
    let list = describe(&missing);
    if !is_debian() {
        return Err(format!(
            "this machine lacks\n{list}\ninstall them, then run this again"
        ));
    }
    println!("this machine lacks\n{list}\ninstalling them by apt-get, without starting any server");
    as_root(&["apt-get", "update", "--quiet"])?;
    let mut packages: Vec<&str> = Vec::new();
    for need in &missing {
        let package = need.packages.iter().copied().find(|package| is_offered(package));
        let package = package.ok_or_else(|| {
            format!(
                "no apt source of this machine offers {} for {}",
                need.packages.join(" or "),
                need.name
            )
        })?;
        if !packages.contains(&package) {
            packages.push(package);
        }
    }
    let script = include_str!("install.sh");
    as_root(&[&["sh", "-c", script, "install"], packages.as_slice()].concat())?;
    let still: Vec<&Need> = needs.iter().filter(|need| !need.is_met()).collect();
    if still.is_empty() {
        return Ok(());
    }
    Err(format!(
        "apt-get succeeded, and yet this machine lacks\n{}",
        describe(&still)
    ))
}

/// Has `vvbill` fetch Kafka's jars into its cache, when they aren't there.
pub(crate) fn fetch_kafka(vvbill: &Path) -> Result<()> {
    command::run(Command::new(vvbill).args(["doctor", "--install"]))
}

fn check() -> Result<()> {
    for need in NEEDS.iter().chain(IMAGE_NEEDS) {
        println!(
            "{} {}",
            if need.is_met() { "found  " } else { "missing" },
            need.name
        );
    }
    let missing = [missing(NEEDS), missing(IMAGE_NEEDS)].concat();
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!("this machine lacks\n{}", describe(&missing)))
}

fn missing(needs: &'static [Need]) -> Vec<&'static Need> {
    needs.iter().filter(|need| !need.is_met()).collect()
}

fn describe(needs: &[&Need]) -> String {
    let line = |need: &&Need| {
        format!(
            "  - {} ({}; on Debian: {})",
            need.name,
            need.reason,
            need.packages.join(" or ")
        )
    };
    needs.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn is_debian() -> bool {
    Path::new("/etc/debian_version").exists() && command::find("apt-get", &[]).is_some()
}

fn is_offered(package: &str) -> bool {
    let policy = command::read(Command::new("apt-cache").args(["policy", package])).unwrap_or_default();
    policy
        .lines()
        .any(|line| line.trim_start().starts_with("Candidate:") && !line.contains("(none)"))
}

/// Runs `line`, by sudo when this user isn't root.
fn as_root(line: &[&str]) -> Result<()> {
    let is_root = command::read(Command::new("id").arg("-u"))?.trim() == "0";
    let (program, arguments) = match (is_root, line) {
        (true, [program, arguments @ ..]) => (*program, arguments),
        _ if command::find("sudo", &[]).is_some() => ("sudo", line),
        _ => {
            return Err(format!(
                "`{}` needs root, and there is no sudo: run it as root",
                line.join(" ")
            ));
        }
    };
    let status = Command::new(program).args(arguments).status();
    match status.map_err(|error| format!("cannot run {program}: {error}"))? {
        status if status.success() => Ok(()),
        status => Err(format!("{} failed: {status}", line.first().unwrap_or(&program))),
    }
}
