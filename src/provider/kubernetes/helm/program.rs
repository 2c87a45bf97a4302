//! The program `helm`: run on a cluster with files that go away, and its command line as a person would type it.

use std::io::Write;
use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;

use super::super::client::Clusters;
use super::super::cluster::Cluster;
use crate::provider::ProviderError;

/// What `helm` is given to come to an end itself, before our deadline does.
pub(super) const TIMEOUT: &str = "10m";

/// For a shell.
pub(super) fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,".contains(c);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

/// A file that only we can read and that goes away with its handle.
pub(super) fn file_of(content: &Value) -> Result<tempfile::NamedTempFile, ProviderError> {
    let written = || -> std::io::Result<tempfile::NamedTempFile> {
        let mut file = tempfile::Builder::new()
            .prefix("vvbill-")
            .suffix(".json")
            .tempfile()?;
        file.write_all(content.to_string().as_bytes())?;
        file.flush()?;
        Ok(file)
    };
    written().map_err(|why| {
        ProviderError::refused(format!("a file for helm can't be written: {why}"))
            .with_hint("TMPDIR names the folder for such files")
    })
}

/// Runs `helm` on a cluster.
pub(super) async fn run(
    cloud: &Clusters,
    cluster: &Cluster,
    arguments: &[String],
) -> Result<(), ProviderError> {
    let kubeconfig = file_of(&cloud.kubeconfig(cluster).await?)?;
    let output = Command::new("helm")
        .args(arguments)
        .arg("--kubeconfig")
        .arg(kubeconfig.path())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|why| no_helm(&why))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.trim().trim_start_matches("Error: ");
    let verb = arguments.first().map_or("helm", String::as_str);
    let message = format!("helm {verb}: {said}");
    // A run that was killed has left its mark, which passes with `--atomic` or by hand.
    Err(match said.contains("another operation") {
        true => ProviderError::refused(message)
            .with_hint("`helm history` shows the one that did not end; `helm rollback` ends it"),
        false => ProviderError::refused(message),
    })
}

fn no_helm(why: &std::io::Error) -> ProviderError {
    ProviderError::refused(format!("the program `helm` can't be started: {why}")).with_hint(
        "install it (https://helm.sh/docs/intro/install/), or write `install: false` into the plan and install the \
         operators another way",
    )
}

/// Before anything is made: whether what it takes to install it is there.
pub(in crate::provider::kubernetes) async fn lacking(properties: &Value) -> Option<ProviderError> {
    if properties["install"] != true {
        return None;
    }
    let mut helm = Command::new("helm");
    let asked = helm
        .args(["version", "--short"])
        .stdin(Stdio::null())
        .output()
        .await;
    asked.err().map(|why| no_helm(&why))
}
