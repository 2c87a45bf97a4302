//! The targets as the command line needs them: what a plan is there, and who makes it.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use super::arguments::Conflicts;
use crate::endpoints::Endpoints;
#[cfg(feature = "kubernetes")]
use crate::provider::kubernetes::Clusters;
use crate::provider::local::{self, Machine};
use crate::provider::{Connection, Provider, Providers};
use crate::resource::Desired;
use crate::spec::Spec;
use crate::state::{Record, State};
use crate::topology;

/// A plan on its target.
pub struct Platform {
    /// What should exist.
    pub desired: Vec<Desired>,
    /// Who makes it.
    pub providers: Providers,
    /// Where to reach it, as the state knows.
    pub endpoints: fn(&Spec, &State) -> Endpoints,
    /// What a resource has on this machine.
    pub trace: fn(&Record) -> Trace,
}

/// What a resource has on this machine, where it is a process of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// The process, if it runs.
    pub pid: Option<i32>,
    /// The port that it listens on.
    pub port: Option<u16>,
    /// The files that it logs to.
    pub logs: Vec<PathBuf>,
}

/// Why a plan can't be made real on its target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unsupported {
    /// What can't be, and why.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    /// The field of the plan that it is about.
    pub origin: Option<String>,
}

/// Finds the target of a plan, and how it is reached.
pub type FindTarget = fn(&Spec, &Connection) -> Result<Platform, Unsupported>;

/// The targets, reached as the command line says.
#[derive(Clone, Debug)]
pub struct Targets {
    /// Finds the one that a plan names.
    pub find: FindTarget,
    /// For clouds.
    pub connection: Connection,
}

impl Targets {
    /// With or without what others own in Kubernetes objects.
    pub(crate) fn taking(mut self, conflicts: Conflicts) -> Self {
        self.connection.force_conflicts = conflicts.force_conflicts;
        self
    }
}

/// The targets that vvbill has.
pub(crate) fn built_in(spec: &Spec, connection: &Connection) -> Result<Platform, Unsupported> {
    let desired = topology::desired(spec).map_err(|error| Unsupported {
        message: error.to_string(),
        hint: Some(error.hint()),
        origin: error.origin().map(str::to_owned),
    })?;
    let folder = std::env::current_dir().map_err(|why| Unsupported {
        message: format!("the working folder can't be found: {why}"),
        hint: Some("`-C DIR` names another".into()),
        origin: None,
    })?;
    let local: Arc<dyn Provider> = Arc::new(local::provider(Machine::new(&folder)));
    Ok(Platform {
        desired,
        providers: Providers::new([vec![local], clouds(connection)].concat()),
        endpoints: topology::endpoints,
        trace: trace_of_process,
    })
}

#[cfg(feature = "aws")]
fn clouds(connection: &Connection) -> Vec<Arc<dyn Provider>> {
    let aws = Arc::new(crate::provider::aws::Aws::new(connection.clone()));
    let mut clouds: Vec<Arc<dyn Provider>> = vec![aws.clone()];
    #[cfg(feature = "kubernetes")]
    clouds.push(kubernetes(Clusters::new(connection.clone(), aws)));
    clouds
}

#[cfg(all(feature = "kubernetes", not(feature = "aws")))]
fn clouds(connection: &Connection) -> Vec<Arc<dyn Provider>> {
    vec![kubernetes(Clusters::new(connection.clone()))]
}

#[cfg(not(any(feature = "kubernetes", feature = "aws")))]
fn clouds(_: &Connection) -> Vec<Arc<dyn Provider>> {
    Vec::new()
}

#[cfg(feature = "kubernetes")]
fn kubernetes(clusters: Clusters) -> Arc<dyn Provider> {
    Arc::new(crate::provider::kubernetes::Kubernetes::new(clusters))
}

/// Of a record of the local target; nothing of another's.
fn trace_of_process(record: &Record) -> Trace {
    if record.address.provider() != local::NAME {
        return Trace::default();
    }
    let outputs = ["endpoint", "url"].map(|name| record.outputs.get(name).and_then(Value::as_str));
    let port = outputs
        .iter()
        .flatten()
        .find_map(|place| place.rsplit(':').next()?.parse().ok());
    Trace {
        // Only what listens is a process of its own; a platform's folder would answer with any of its processes.
        pid: port
            .and_then(|_: u16| local::process(&record.id))
            .map(|process| process.pid),
        port,
        logs: local::logs(&record.id),
    }
}
