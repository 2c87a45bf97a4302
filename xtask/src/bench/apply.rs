//! `vvbill apply` on the fake AWS: the whole production plan against its critical path, and nineteen plain
//! resources beside Ansible's amazon.aws. Whole processes, timed from outside, both in the same run.

mod critical_path;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::{machine, today, write};
use crate::fake_aws::Fake;
use crate::{Result, command, python};

#[derive(Args)]
pub(crate) struct Options {
    /// Times another program on the same nineteen resources instead
    #[arg(long)]
    against: Option<Rival>,
    /// Seconds that stand for a minute of AWS: an EKS cluster takes ten
    #[arg(long, default_value_t = 6.0)]
    seconds_per_minute: f64,
    /// Keeps the result, dated, in docs/evidence/
    #[arg(long)]
    evidence: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Rival {
    /// Ansible's collection amazon.aws, installed from PyPI
    Ansible,
}

/// How much longer than its critical path an apply may take.
const OVER_CRITICAL_PATH_MAX: f64 = 1.1;
/// How much faster than Ansible apply and the empty second run must each be.
const FASTER_MIN: f64 = 10.0;

/// Minutes that AWS takes: its guides and operators' reports say 8 to 12 for EKS, 5 to 10 for an Aurora
/// instance, about 10 for a replication group, 2 to 4 for nodes.
const CREATION_MINUTES: &[(&str, f64)] = &[
    ("eks:cluster", 10.0),
    ("rds:instance", 8.0),
    ("elasticache:group", 10.0),
    ("eks:nodegroup", 3.0),
];

pub(crate) fn run(options: &Options) -> Result<()> {
    command::run(&mut command::cargo(&[
        "build",
        "--package",
        "vvbill",
        "--bin",
        "vvbill",
    ]))?;
    let python = python::moto()?;
    match options.against {
        None => against_critical_path(options, &python),
        Some(Rival::Ansible) => against_ansible(options, &python),
    }
}

fn against_critical_path(options: &Options, python: &Path) -> Result<()> {
    let creating: serde_json::Map<String, Value> = CREATION_MINUTES
        .iter()
        .map(|(kind, minutes)| ((*kind).to_owned(), json!(minutes * options.seconds_per_minute)))
        .collect();
    let fake = Fake::start(python, &json!({ "creating": creating }))?;
    let folder = fresh("bench/apply")?;
    let plan = command::workspace().join("plans/production.yaml");
    let events = folder.join("events.ndjson");
    let output = fs::File::create(&events).map_err(|why| format!("{}: {why}", events.display()))?;
    let arguments = [
        "--auto-approve",
        "--json",
        "--set",
        "edge.create_zone=true",
        // No cluster answers here.
        "--set",
        "eks.apply_objects=false",
    ];
    let mut apply = vvbill(&fake, &folder, "apply", &plan, &arguments)?;
    let wall = timed(apply.stdout(output))?;
    let state = command::read(&mut vvbill(
        &fake,
        &folder,
        "state",
        Path::new("pull"),
        &[&plan.display().to_string()],
    )?)?;
    let path = critical_path::find(&events, &state)?;
    let ratio = wall / path.seconds;
    let result = json!({
        "date": today()?,
        "machine": machine(),
        "seconds_per_minute_of_aws": options.seconds_per_minute,
        "resources": path.resources,
        "wall_seconds": rounded(wall),
        "critical_path_seconds": rounded(path.seconds),
        "wall_over_critical_path": rounded(ratio),
        "critical_path": path.steps,
    });
    println!("{result:#}");
    write("apply", &result, options.evidence)?;
    if ratio <= OVER_CRITICAL_PATH_MAX {
        return Ok(());
    }
    Err(format!(
        "{ratio:.3} × its critical path, and at most {OVER_CRITICAL_PATH_MAX} is wanted"
    ))
}

fn against_ansible(options: &Options, python: &Path) -> Result<()> {
    let sources = command::workspace().join("xtask/src/bench");
    let folder = fresh("bench/ansible")?;
    let playbook = python::ansible()?;
    let fake = Fake::start(python, &json!({}))?;
    let mut rival = Vec::new();
    for _ in 0..2 {
        let mut command = Command::new(&playbook);
        command
            .arg("--inventory")
            .arg("localhost,")
            .arg(sources.join("ansible.yaml"));
        command
            .env("ANSIBLE_LOCALHOST_WARNING", "false")
            .env("ANSIBLE_PYTHON_INTERPRETER", playbook.with_file_name("python"));
        rival.push(timed(
            fake.reached_by(command.current_dir(&folder))
                .stdout(Stdio::null()),
        )?);
    }
    let made = fake.inventory()?;
    drop(fake);
    let fake = Fake::start(python, &json!({}))?;
    let plan = sources.join("network.yaml");
    let mut ours = Vec::new();
    for _ in 0..2 {
        let mut command = vvbill(&fake, &folder, "apply", &plan, &["--auto-approve"])?;
        ours.push(timed(command.stdout(Stdio::null()).stderr(Stdio::null()))?);
    }
    let (theirs, own) = (made.len(), fake.inventory()?.len());
    let result = json!({
        "date": today()?,
        "machine": machine(),
        "resources": 19,
        "in_the_account_afterwards": { "vvbill": own, "ansible": theirs },
        "vvbill_seconds": { "apply": rounded(ours[0]), "nothing_to_change": rounded(ours[1]) },
        "ansible_seconds": { "apply": rounded(rival[0]), "nothing_to_change": rounded(rival[1]) },
        "faster": { "apply": rounded(rival[0] / ours[0]), "nothing_to_change": rounded(rival[1] / ours[1]) },
    });
    println!("{result:#}");
    write("apply-ansible", &result, options.evidence)?;
    let slowest = (rival[0] / ours[0]).min(rival[1] / ours[1]);
    if slowest >= FASTER_MIN {
        return Ok(());
    }
    Err(format!(
        "{slowest:.1} × as fast as Ansible, and {FASTER_MIN} is wanted"
    ))
}

/// `vvbill VERB FILE …` that sees this AWS.
fn vvbill(fake: &Fake, folder: &Path, verb: &str, file: &Path, arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(command::target()?.join("debug/vvbill"));
    command.arg(verb).arg(file).args(arguments).current_dir(folder);
    fake.reached_by(&mut command);
    Ok(command)
}

fn fresh(name: &str) -> Result<PathBuf> {
    let folder = command::target()?.join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|why| format!("{}: {why}", folder.display()))?;
    Ok(folder)
}

fn timed(command: &mut Command) -> Result<f64> {
    let started = Instant::now();
    command::run(command)?;
    Ok(started.elapsed().as_secs_f64())
}

fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
