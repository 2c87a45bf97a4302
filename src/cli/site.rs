//! What a command works on: a plan's values, the resources they ask for, who makes them, and the state.
//!
//! The steps that plan, apply, destroy and drift share: lock, look, plan.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

use super::arguments::{Locking, PlanFile, Refreshing, Selection};
use super::error::Error;
use super::gate;
use super::plan_file::{self, Findings};
use super::preflight;
use super::report::Report;
use super::report::snippet::Snippet;
use super::saved::Saved;
use super::target::{Platform, Targets};
use crate::apply::{self, Observer, Session};
use crate::plan::{self, Mode, Plan, PlanError};
use crate::provider::Connection;
use crate::resource::Address;
use crate::spec::Spec;
#[cfg(feature = "aws")]
use crate::state::store::s3::S3Store;
use crate::state::{LockOptions, State, Store, store::FileStore};

/// One platform, as far as it is known before anything is looked at.
pub(crate) struct Site {
    pub spec: Spec,
    pub platform: Platform,
    pub store: Arc<dyn Store>,
    /// Where the plan's fields stand that resources come from, and those that may stop it.
    pub places: BTreeMap<String, Snippet>,
}

impl Site {
    /// Of a plan file.
    pub(crate) fn of_plan(
        file: &PlanFile,
        findings: Findings,
        targets: Targets,
        report: &Report,
    ) -> Result<Self, Error> {
        let loaded = plan_file::load(file, findings, report)?;
        let platform = (targets.find)(&loaded.spec, &targets.connection).map_err(|why| {
            let place = why
                .origin
                .as_deref()
                .and_then(|field| plan_file::place(&loaded, field));
            Error::from(why).at(place)
        })?;
        let origins = platform.desired.iter().map(|desired| desired.origin.clone());
        let places = origins
            .chain(gate::fields(&loaded.spec))
            .filter_map(|field| {
                let place = plan_file::place(&loaded, &field)?;
                Some((field, place))
            })
            .collect();
        Self::new(loaded.spec, platform, places, &targets.connection)
    }

    /// Of a saved plan, whose values are the plan file's at the time.
    pub(crate) fn of_saved(saved: &Saved, targets: Targets) -> Result<Self, Error> {
        let platform = (targets.find)(&saved.spec, &targets.connection)?;
        Self::new(
            saved.spec.clone(),
            platform,
            saved.places.clone(),
            &targets.connection,
        )
    }

    fn new(
        spec: Spec,
        platform: Platform,
        places: BTreeMap<String, Snippet>,
        connection: &Connection,
    ) -> Result<Self, Error> {
        Ok(Self {
            store: store_of(&spec, connection)?,
            spec,
            platform,
            places,
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.spec.metadata.name
    }

    /// Where files about it lie on this machine, beside its state where that does, too.
    pub(crate) fn folder(&self) -> PathBuf {
        PathBuf::from(".vvbill").join(self.name())
    }

    /// Takes the lock, finishes what a dead run left in the journal, and opens the state.
    pub(crate) async fn open(
        &self,
        operation: &str,
        locking: &Locking,
        observer: &dyn Observer,
    ) -> Result<Session, Error> {
        let lock = self.lock_options(operation, locking);
        Ok(Session::open(self.store.clone(), lock, observer).await?)
    }

    /// How the lock is asked for; `None`: not at all.
    pub(crate) fn lock_options(&self, operation: &str, locking: &Locking) -> Option<LockOptions> {
        locking.lock.then(|| LockOptions {
            timeout: locking.lock_timeout,
            lease: self.spec.state.lease.as_std(),
            ..LockOptions::new(operation)
        })
    }

    /// The state as it is, without lock and without writing; `None` before the first apply.
    pub(crate) async fn state(&self) -> Result<Option<State>, Error> {
        Ok(apply::read_state(&*self.store).await?)
    }

    /// Looks at what exists and decides.
    pub(crate) async fn plan(
        &self,
        session: &mut Session,
        options: &plan::Options,
        look: &Look,
        observer: &dyn Observer,
    ) -> Result<Plan, Error> {
        let providers = &self.platform.providers;
        let observed = apply::observe(session, providers, look.parallelism, look.refresh, observer).await?;
        let input = plan::Input {
            name: self.name(),
            target: target_name(&self.spec),
            desired: self.platform.desired.clone(),
            state: session.state(),
            observed,
            facts: &|address| providers.facts(address),
            now: Timestamp::now(),
        };
        let plan = plan::make(input, options).map_err(|error| self.refusal(error))?;
        if look.refresh && plan.mode == Mode::Apply {
            preflight::check(self, &plan, session.state(), look.from_here, observer).await?;
        }
        Ok(plan)
    }

    /// Why there is no plan, at the line that brings the resource it is about.
    fn refusal(&self, error: PlanError) -> Error {
        let address = match &error {
            PlanError::Protected(blocked) => blocked.first().map(|blocked| &blocked.address),
            PlanError::Guarded(guarded) => guarded.first().map(|guarded| &guarded.address),
            PlanError::Cycle(circle) => circle.first(),
            PlanError::MissingDependency { dependent, .. } | PlanError::MissingOutput { dependent, .. } => {
                Some(dependent)
            }
            PlanError::Duplicate(address) | PlanError::UnknownKind(address) => Some(address),
            _ => None,
        };
        let desired = |address: &Address| {
            self.platform
                .desired
                .iter()
                .find(|desired| desired.address == *address)
        };
        let place = address
            .and_then(desired)
            .and_then(|desired| self.place(Some(&desired.origin)));
        Error::from(error).at(place)
    }

    /// The line of the plan that brings what comes from `origin`.
    pub(crate) fn place(&self, origin: Option<&str>) -> Option<Snippet> {
        self.places.get(origin?).cloned()
    }
}

/// How the world is looked at before a plan is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub parallelism: usize,
    pub refresh: bool,
    /// Whether this machine applies it next.
    pub from_here: bool,
}

/// What the flags ask of the engine.
pub(crate) fn options(selection: &Selection, refreshing: &Refreshing) -> plan::Options {
    plan::Options {
        mode: if refreshing.refresh_only {
            Mode::RefreshOnly
        } else {
            Mode::Apply
        },
        targets: selection.target.clone(),
        excludes: selection.exclude.clone(),
        replace: selection.replace.iter().cloned().collect(),
        destroy_data: false,
    }
}

/// In `.vvbill/<plan name>`, or where the plan says.
fn store_of(spec: &Spec, connection: &Connection) -> Result<Arc<dyn Store>, Error> {
    match spec.state.backend.as_deref() {
        None => Ok(Arc::new(FileStore::new(
            PathBuf::from(".vvbill").join(&*spec.metadata.name),
        ))),
        Some(url) if url.starts_with("s3://") => on_s3(url, &spec.metadata.name, connection),
        Some(url) if url.contains("://") => Err(Error::new(format!("the state can't be kept in `{url}`"))
            .because("a state is kept in a folder or on S3")
            .hint("write `state.backend: s3://bucket/key`, name a folder, or leave it out")),
        Some(folder) => Ok(Arc::new(FileStore::new(folder))),
    }
}

#[cfg(feature = "aws")]
fn on_s3(url: &str, plan: &str, connection: &Connection) -> Result<Arc<dyn Store>, Error> {
    let store = S3Store::from_environment(url, connection.endpoint_url.clone())?;
    Ok(Arc::new(store.of_plan(plan)))
}

#[cfg(not(feature = "aws"))]
fn on_s3(url: &str, _: &str, _: &Connection) -> Result<Arc<dyn Store>, Error> {
    Err(Error::new(format!("the state can't be kept in `{url}`"))
        .because("this vvbill was built without the feature `aws`")
        .hint("`cargo build --release` builds one with it"))
}

/// `local`, `aws`.
fn target_name(spec: &Spec) -> &'static str {
    match spec.target {
        crate::spec::Target::Aws => "aws",
        crate::spec::Target::Local => "local",
    }
}
