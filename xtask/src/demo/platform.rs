//! The demo's platform, seen as an operator sees it: through `vvbill` and `vvbill-ingest`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::kill;
use crate::{Result, command};

/// The plan that the demo runs.
pub(super) const PLAN: &str = "plans/local.yaml";
/// Where vvbill keeps what belongs to plans of this folder.
const STATE_FOLDER: &str = ".vvbill";
const PASSED_TO_RECONCILE: &str = "VVBILL_INGEST_";

pub(super) struct Platform {
    programs: PathBuf,
}

impl Platform {
    pub(super) fn new(programs: PathBuf) -> Self {
        Self { programs }
    }

    pub(super) fn vvbill(&self) -> PathBuf {
        self.programs.join("vvbill")
    }

    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.vvbill());
        command.args(arguments).current_dir(command::workspace());
        command
    }

    /// What is there already isn't the demo's to send to and to destroy.
    pub(super) fn refuse_existing(&self) -> Result<()> {
        let folder = command::workspace().join(STATE_FOLDER).join("local");
        if !folder.exists() {
            return Ok(());
        }
        let resources = command::read(&mut self.command(&["state", "list", PLAN]))?;
        if resources.trim().is_empty() {
            return Ok(());
        }
        Err(format!(
            "{PLAN} stands already, and the demo would destroy it: {}",
            self.hints()
        ))
    }

    pub(super) fn apply(&self) -> Result<()> {
        command::run(&mut self.command(&["apply", PLAN, "--auto-approve"]))
    }

    pub(super) fn destroy(&self) -> Result<()> {
        command::run(&mut self.command(&["destroy", PLAN, "--auto-approve", "--destroy-data"]))
    }

    /// What a person can do with it.
    pub(super) fn hints(&self) -> String {
        let vvbill = self.vvbill();
        let vvbill = vvbill
            .strip_prefix(command::workspace())
            .unwrap_or(&vvbill)
            .display();
        format!("`{vvbill} status {PLAN}` shows it, `{vvbill} destroy {PLAN} --destroy-data` removes it")
    }

    /// Kills one of the workers; the other has to take over. Answers with its address.
    pub(super) fn kill_worker(&self) -> Result<String> {
        let status = self.read_json(&["status", PLAN, "--json"])?;
        let resources = status["resources"].as_array().cloned().unwrap_or_default();
        let worker = resources.iter().find(|resource| {
            let address = resource["address"].as_str().unwrap_or_default();
            address.contains("ingest") && address.contains("worker") && resource["pid"].is_u64()
        });
        let worker = worker.ok_or("vvbill status names no worker with a pid")?;
        let address = worker["address"].as_str().unwrap_or_default().to_owned();
        kill(
            worker["pid"]
                .as_u64()
                .ok_or("vvbill status names no worker with a pid")?,
        )?;
        println!("killed {address} (SIGKILL) while events come in");
        Ok(address)
    }

    /// Has the service read Kafka again and compare it with every shard; answers whether they agree.
    pub(super) fn reconcile(&self) -> Result<(bool, Value)> {
        let outputs = self.read_json(&["output", PLAN, "--json"])?;
        let value = |name: &str| outputs[name]["value"].clone();
        let shards = value("shards").as_array().cloned().unwrap_or_default();
        let shards = shards.iter().map(connection_string).collect::<Result<Vec<_>>>()?;
        let brokers: Vec<String> =
            serde_json::from_value(value("kafka")).map_err(|error| error.to_string())?;
        let mut reconcile = Command::new(self.programs.join("vvbill-ingest"));
        reconcile.args(["reconcile", "--json"]);
        let topics = [
            ("TOPIC", value("events_topic")),
            ("DEAD_LETTER_TOPIC", value("dead_letter_topic")),
        ];
        for (name, topic) in topics {
            if let Some(topic) = topic.as_str() {
                reconcile.env(format!("{PASSED_TO_RECONCILE}{name}"), topic);
            }
        }
        reconcile.env(format!("{PASSED_TO_RECONCILE}KAFKA_BROKERS"), brokers.join(","));
        reconcile.env(format!("{PASSED_TO_RECONCILE}SHARDS"), shards.join(";"));
        let output = reconcile.stderr(Stdio::inherit()).output();
        let output = output.map_err(|error| format!("cannot run vvbill-ingest reconcile: {error}"))?;
        let account = serde_json::from_slice(&output.stdout)
            .map_err(|error| format!("vvbill-ingest reconcile ended with {}: {error}", output.status))?;
        Ok((output.status.success(), account))
    }

    /// Copies what the platform's processes logged to where destroying doesn't reach.
    pub(super) fn keep_logs(&self) -> Result<PathBuf> {
        let to = command::target()?.join("demo-logs");
        let failed = |error: std::io::Error| format!("{}: {error}", to.display());
        if to.exists() {
            fs::remove_dir_all(&to).map_err(failed)?;
        }
        fs::create_dir_all(&to).map_err(failed)?;
        copy_logs(&command::workspace().join(STATE_FOLDER), &to).map_err(failed)?;
        Ok(to)
    }

    fn read_json(&self, arguments: &[&str]) -> Result<Value> {
        let output = self.command(arguments).stderr(Stdio::inherit()).output();
        let output = output.map_err(|error| format!("cannot run vvbill {}: {error}", arguments.join(" ")))?;
        serde_json::from_slice(&output.stdout).map_err(|error| {
            format!(
                "vvbill {} ended with {}: {error}",
                arguments.join(" "),
                output.status
            )
        })
    }
}

/// A shard of `vvbill output` as libpq names it. The password is passed on by environment, never printed.
fn connection_string(shard: &Value) -> Result<String> {
    let text = |name: &str| shard[name].as_str().unwrap_or_default();
    let hosts = shard["hosts"].as_array().cloned().unwrap_or_default();
    let (hosts, ports): (Vec<String>, Vec<String>) = hosts
        .iter()
        .filter_map(|host| host.as_str()?.rsplit_once(':'))
        .map(|(host, port)| (host.to_owned(), port.to_owned()))
        .unzip();
    let mut parts = vec![
        format!("host={} port={}", hosts.join(","), ports.join(",")),
        format!("dbname={} user={}", text("database"), text("user")),
    ];
    if let Some(file) = text("password").strip_prefix("file:") {
        let password = fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
        parts.push(format!(
            "password='{}'",
            password.trim_end().replace('\\', "\\\\").replace('\'', "\\'")
        ));
    }
    Ok(parts.join(" "))
}

/// Copies every file of every folder called `logs` below `from`; data folders hold `.log` files of another kind.
fn copy_logs(from: &Path, to: &Path) -> std::io::Result<()> {
    let is_logs = from.file_name().is_some_and(|name| name == "logs");
    for entry in fs::read_dir(from)?.flatten() {
        // Follows links: the platform's folder may lie where its servers' user can reach it.
        if entry.path().is_dir() {
            copy_logs(&entry.path(), to)?;
        } else if is_logs && entry.path().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}
