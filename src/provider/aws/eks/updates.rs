//! Updates under way. EKS answers a change with an update's id, and the update may fail long after; what it
//! was to change then shows its old value again, as if nobody had asked.

use std::collections::BTreeMap;
use std::sync::Mutex;

use aws_sdk_eks::types::{Update, UpdateStatus};

use super::super::Region;
use super::super::error::Call;
use crate::provider::{ProviderError, Readiness};

/// The last update that was asked for, by what it changes. Lost with the process: then status words have to do.
#[derive(Default)]
pub(in super::super) struct Issued(Mutex<BTreeMap<String, String>>);

/// What is updated within a cluster.
#[derive(Clone, Copy)]
pub(super) enum Part<'a> {
    ControlPlane,
    NodeGroup(&'a str),
    Addon(&'a str),
}

/// How far the last update is.
pub(super) enum Progress {
    /// Done, or there is none.
    Settled,
    /// What it is and EKS's word for how far.
    Running(String),
    /// EKS's own reason.
    Failed(String),
}

impl Issued {
    fn get(&self, key: &str) -> Option<String> {
        let issued = self.0.lock().expect("nobody panics while holding it");
        issued.get(key).cloned()
    }

    fn set(&self, key: String, id: Option<String>) {
        let mut issued = self.0.lock().expect("nobody panics while holding it");
        match id {
            Some(id) => issued.insert(key, id),
            None => issued.remove(&key),
        };
    }
}

fn key(cluster: &str, part: Part<'_>) -> String {
    match part {
        Part::ControlPlane => cluster.to_owned(),
        Part::NodeGroup(name) => format!("{cluster}/node group/{name}"),
        Part::Addon(name) => format!("{cluster}/add-on/{name}"),
    }
}

/// Remembers the update that a call was answered with.
pub(super) fn issued(cloud: &Region, cluster: &str, part: Part<'_>, update: Option<Update>) {
    let id = update.and_then(|update| update.id);
    cloud.eks_updates().set(key(cluster, part), id);
}

/// How far the last update is that this process asked for. One that has ended is told once.
pub(super) async fn progress(
    cloud: &Region,
    cluster: &str,
    part: Part<'_>,
) -> Result<Progress, ProviderError> {
    let key = key(cluster, part);
    let Some(id) = cloud.eks_updates().get(&key) else {
        return Ok(Progress::Settled);
    };
    let request = cloud.eks().describe_update().name(cluster).update_id(id);
    let request = match part {
        Part::ControlPlane => request,
        Part::NodeGroup(name) => request.nodegroup_name(name),
        Part::Addon(name) => request.addon_name(name),
    };
    let answer = request.send().await.or_absent("eks:DescribeUpdate")?;
    let Some(update) = answer.and_then(|answer| answer.update) else {
        return Ok(Progress::Settled);
    };
    if update.status == Some(UpdateStatus::InProgress) {
        let kind = update.r#type.as_ref().map_or("update", |kind| kind.as_str());
        return Ok(Progress::Running(format!("{kind} is InProgress")));
    }
    cloud.eks_updates().set(key, None);
    Ok(match &update.status {
        Some(UpdateStatus::Failed | UpdateStatus::Cancelled) => Progress::Failed(reason(&update)),
        _ => Progress::Settled,
    })
}

fn reason(update: &Update) -> String {
    let kind = update.r#type.as_ref().map_or("update", |kind| kind.as_str());
    let errors: Vec<String> = update
        .errors()
        .iter()
        .map(|error| {
            let code = error.error_code.as_ref().map(|code| code.as_str());
            super::issue(code, error.error_message())
        })
        .collect();
    match errors.is_empty() {
        true => format!("{kind} failed; EKS gives no reason"),
        false => format!("{kind} failed: {}", errors.join("; ")),
    }
}

/// The error with which `update` asks to be called again: the engine repeats what is transient.
pub(super) fn waits(why: &str) -> ProviderError {
    ProviderError::transient(format!("the next change waits until this one is done: {why}"))
}

/// For `update`: nothing under way, or the error that says what.
pub(super) async fn settled(cloud: &Region, cluster: &str, part: Part<'_>) -> Result<(), ProviderError> {
    match progress(cloud, cluster, part).await? {
        Progress::Settled => Ok(()),
        Progress::Running(what) => Err(waits(&what)),
        Progress::Failed(why) => Err(ProviderError::refused(why)),
    }
}

/// For `readiness` of what is active.
pub(super) async fn readiness(
    cloud: &Region,
    cluster: &str,
    part: Part<'_>,
) -> Result<Readiness, ProviderError> {
    Ok(match progress(cloud, cluster, part).await? {
        Progress::Settled => Readiness::Ready,
        Progress::Running(what) => Readiness::Pending(what),
        Progress::Failed(why) => Readiness::Failed(why),
    })
}
