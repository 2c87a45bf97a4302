//! The contract between the engine and the world: one [`Resource`] implementation a file, erased to a
//! [`Kind`], gathered in a [`Provider`].
//!
//! A provider carries out verbs and answers questions. It never decides what to do, never writes
//! state and never prints.

#[cfg(feature = "aws")]
pub mod aws;
mod connection;
mod kind;
#[cfg(feature = "kubernetes")]
pub mod kubernetes;
pub mod local;
pub mod simulated;

pub use connection::Connection;
pub use kind::{Kind, Typed};

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::resource::{Address, Change, Observed, diff};

/// One kind of thing that exists outside. Each verb is safe to repeat.
///
/// The type itself is what a plan asks for. `observe` answers in the same type, canonicalised like it
/// (sets sorted, defaults filled in), so that one generic diff serves every kind.
pub trait Resource: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The kind's name, the third part of its addresses.
    const KIND: &'static str;
    /// Top-level properties that can't be changed in place: a change of one replaces the resource.
    const REPLACE_ON: &'static [&'static str];
    /// Properties whose change takes effect only after [`Resource::reboot`].
    const REBOOT_ON: &'static [&'static str] = &[];
    /// A replacement makes the new one before it deletes the old one.
    const CREATE_FIRST: bool = false;
    /// Outputs that stay what they are as long as it isn't replaced: what refers to them needs no look
    /// when this one is merely changed.
    const STABLE_OUTPUTS: &'static [&'static str] = &[];
    /// The property that, while it is true, has the service refuse deletion.
    const GUARD: Option<Guard> = None;
    /// How a half-made resource is found again after a crash.
    const FOUND_BY: FoundBy;
    /// Creation leaves something to [`Resource::configure`].
    const CONFIGURES: bool = false;
    /// How long creation, update or deletion may take before it counts as failed.
    const DEADLINE: Duration = Duration::from_secs(120);
    /// The connection to the world that its verbs need.
    type Cloud: Send + Sync + 'static;
    /// What others may refer to once it stands.
    type Outputs: Serialize;

    /// What differs between what is wanted and what was found, both canonical. `recorded` is what was wanted
    /// when it was last brought to that: it tells what a plan asks anew from what others have changed since.
    fn compare(desired: &Value, observed: &Value, _recorded: Option<&Value>) -> Vec<Change> {
        diff(desired, observed)
    }

    /// Looks, changes nothing. `None`: there is no such thing.
    fn observe(
        cloud: &Self::Cloud,
        id: &str,
    ) -> impl Future<Output = Result<Option<(Self, Self::Outputs)>, ProviderError>> + Send;

    /// The id of one that an interrupted `create` with this `token` has made, if there is one.
    fn find(
        &self,
        cloud: &Self::Cloud,
        token: &str,
    ) -> impl Future<Output = Result<Option<String>, ProviderError>> + Send;

    /// Starts making it and answers with its id at once, without waiting until it is ready.
    fn create(
        &self,
        cloud: &Self::Cloud,
        token: &str,
    ) -> impl Future<Output = Result<String, ProviderError>> + Send;

    /// Whether it can be depended on. Asked repeatedly after create, update and reboot.
    fn readiness(
        &self,
        cloud: &Self::Cloud,
        id: &str,
    ) -> impl Future<Output = Result<Readiness, ProviderError>> + Send;

    /// Brings what `create` has no argument for, once it is ready. Only kinds with `CONFIGURES` are asked.
    fn configure(
        &self,
        _cloud: &Self::Cloud,
        _id: &str,
    ) -> impl Future<Output = Result<(), ProviderError>> + Send {
        async { Ok(()) }
    }

    /// Starts to bring the given properties to what `self` says.
    fn update(
        &self,
        cloud: &Self::Cloud,
        id: &str,
        changes: &[Change],
    ) -> impl Future<Output = Result<(), ProviderError>> + Send;

    /// Restarts it, where changes wait for that.
    fn reboot(
        &self,
        _cloud: &Self::Cloud,
        _id: &str,
    ) -> impl Future<Output = Result<(), ProviderError>> + Send {
        async {
            Err(ProviderError::refused(format!(
                "a {} can't be rebooted",
                Self::KIND
            )))
        }
    }

    /// Starts to remove it; removing what is gone is no error. It is gone when `observe` finds nothing.
    fn delete(cloud: &Self::Cloud, id: &str) -> impl Future<Output = Result<(), ProviderError>> + Send;

    /// Whether its deletion leaves in place what it stands for, as that was only found, or is part of
    /// something else: then nobody waits until it is gone. Asked after `delete`.
    fn outlives(_cloud: &Self::Cloud, _id: &str) -> impl Future<Output = Result<bool, ProviderError>> + Send {
        async { Ok(false) }
    }

    /// What stays behind on purpose after it is gone, for a person to read: "the snapshot X". Asked once.
    fn leftover(
        _cloud: &Self::Cloud,
        _id: &str,
    ) -> impl Future<Output = Result<Option<String>, ProviderError>> + Send {
        async { Ok(None) }
    }
}

/// A switch of the service's own against deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guard {
    /// The top-level property; true: deletion is refused.
    pub property: &'static str,
    /// The command that lifts it.
    pub lifted_by: &'static str,
}

/// How a half-made resource is found again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoundBy {
    /// Its name is unique and its id follows from it.
    Name,
    /// The service answers a repeated token with what the first call made.
    ClientToken,
    /// By tag, which may take a while to be seen: only after this time does "none" mean none.
    Tag {
        /// Milliseconds after the call until tags are searchable.
        settles_after_ms: u64,
    },
    /// From its parts: its id is made of what its properties name.
    Composite,
}

/// The state of something that was asked to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Can be depended on.
    Ready,
    /// On its way; the text says how far ("2 of 3 replicas").
    Pending(String),
    /// Won't come; the text is the service's own reason.
    Failed(String),
}

impl Readiness {
    /// Of what is ready as soon as it can be seen.
    pub fn seen(there: bool) -> Self {
        match there {
            true => Self::Ready,
            false => Self::Pending("not seen yet".into()),
        }
    }
}

/// What the engine knows of a kind without calling it.
#[derive(Clone, Copy, Debug)]
pub struct KindFacts {
    /// `Resource::KIND`.
    pub name: &'static str,
    /// `Resource::REPLACE_ON`.
    pub replace_on: &'static [&'static str],
    /// `Resource::REBOOT_ON`.
    pub reboot_on: &'static [&'static str],
    /// `Resource::CREATE_FIRST`.
    pub create_first: bool,
    /// `Resource::STABLE_OUTPUTS`.
    pub stable_outputs: &'static [&'static str],
    /// Properties in the kind's canonical form: sets sorted, spellings unified. What isn't the kind's stays.
    pub canonical: fn(Value) -> Value,
    /// `Resource::compare`.
    pub compare: fn(&Value, &Value, Option<&Value>) -> Vec<Change>,
    /// `Resource::GUARD`.
    pub guard: Option<Guard>,
    /// `Resource::CONFIGURES`.
    pub configures: bool,
    /// `Resource::FOUND_BY`.
    pub found_by: FoundBy,
    /// `Resource::DEADLINE`.
    pub deadline: Duration,
}

/// All kinds of one target, erased: what the engine calls. The address says kind and region; properties
/// carry no unresolved reference.
pub trait Provider: Send + Sync {
    /// The first part of its addresses.
    fn name(&self) -> &'static str;
    /// `None`: it has no such kind.
    fn facts(&self, kind: &str) -> Option<KindFacts>;
    /// See [`Resource::observe`].
    fn observe<'a>(
        &'a self,
        address: &'a Address,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Observed>, ProviderError>>;
    /// See [`Resource::find`].
    fn find<'a>(
        &'a self,
        address: &'a Address,
        properties: Value,
        token: &'a str,
    ) -> BoxFuture<'a, Result<Option<String>, ProviderError>>;
    /// See [`Resource::create`].
    fn create<'a>(
        &'a self,
        address: &'a Address,
        properties: Value,
        token: &'a str,
    ) -> BoxFuture<'a, Result<String, ProviderError>>;
    /// See [`Resource::readiness`].
    fn readiness<'a>(
        &'a self,
        address: &'a Address,
        properties: Value,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Readiness, ProviderError>>;
    /// See [`Resource::configure`].
    fn configure<'a>(
        &'a self,
        address: &'a Address,
        properties: Value,
        id: &'a str,
    ) -> BoxFuture<'a, Result<(), ProviderError>>;
    /// See [`Resource::update`].
    fn update<'a>(
        &'a self,
        address: &'a Address,
        properties: Value,
        id: &'a str,
        changes: &'a [Change],
    ) -> BoxFuture<'a, Result<(), ProviderError>>;
    /// See [`Resource::reboot`].
    fn reboot<'a>(
        &'a self,
        address: &'a Address,
        properties: Value,
        id: &'a str,
    ) -> BoxFuture<'a, Result<(), ProviderError>>;
    /// See [`Resource::delete`].
    fn delete<'a>(&'a self, address: &'a Address, id: &'a str) -> BoxFuture<'a, Result<(), ProviderError>>;
    /// See [`Resource::outlives`].
    fn outlives<'a>(
        &'a self,
        address: &'a Address,
        id: &'a str,
    ) -> BoxFuture<'a, Result<bool, ProviderError>>;
    /// See [`Resource::leftover`].
    fn leftover<'a>(
        &'a self,
        address: &'a Address,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<String>, ProviderError>>;
    /// Looks, before anything is made, for what would stop it half-way; changes nothing.
    fn preflight<'a>(&'a self, _wanted: &'a [Wanted<'a>]) -> BoxFuture<'a, Vec<Concern>> {
        futures::future::ready(Vec::new()).boxed()
    }
}

/// A resource that is about to be made or changed, as far as it is known by then.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Where it will stand.
    pub address: &'a Address,
    /// Canonical properties; what becomes known only on the way is still a reference.
    pub properties: &'a Value,
    /// Nothing of it is recorded yet.
    pub is_new: bool,
}

/// What a look before the start has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Concern {
    /// How bad.
    pub gravity: Gravity,
    /// About which resource.
    pub address: Option<Address>,
    /// What it is, in the service's own words where it has some.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

/// How bad a [`Concern`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gravity {
    /// It would fail: nothing is started.
    Blocking,
    /// It would fail from this machine, which lacks something: no reason against a plan that another one applies.
    Lacking,
    /// It may fail, or is probably not what is wanted.
    Doubtful,
    /// It could not be asked, and why.
    Unasked,
}

/// The providers of one target, by the first part of an address.
#[derive(Clone, Default)]
pub struct Providers(Vec<Arc<dyn Provider>>);

impl Providers {
    /// These, each under its own name.
    pub fn new(providers: Vec<Arc<dyn Provider>>) -> Self {
        Self(providers)
    }

    /// The one that makes `address`.
    pub fn of(&self, address: &Address) -> Result<&dyn Provider, ProviderError> {
        let name = address.provider();
        let found = self.0.iter().find(|provider| provider.name() == name);
        found.map(|provider| &**provider).ok_or_else(|| {
            ProviderError::refused(format!("{address}: this target has no provider `{name}`"))
                .with_hint("the state may be of another target: check the plan's `target`")
        })
    }

    /// Each of them, for questions to all.
    pub fn all(&self) -> impl Iterator<Item = &dyn Provider> {
        self.0.iter().map(|provider| &**provider)
    }

    /// Has what is down brought up as its properties say; answers when it can be depended on.
    pub async fn start_again(
        &self,
        address: &Address,
        properties: &Value,
        id: &str,
        within: Duration,
    ) -> Result<(), ProviderError> {
        const LOOK_EVERY: Duration = Duration::from_millis(200);
        let provider = self.of(address)?;
        provider.update(address, properties.clone(), id, &[]).await?;
        let started = std::time::Instant::now();
        loop {
            match provider.readiness(address, properties.clone(), id).await? {
                Readiness::Ready => return Ok(()),
                Readiness::Failed(why) => return Err(ProviderError::refused(why)),
                Readiness::Pending(why) if started.elapsed() > within => {
                    return Err(ProviderError::refused(why));
                }
                Readiness::Pending(_) => tokio::time::sleep(LOOK_EVERY).await,
            }
        }
    }

    /// What the engine knows of the address's kind; `None`: no provider has it.
    pub fn facts(&self, address: &Address) -> Option<KindFacts> {
        self.of(address).ok()?.facts(address.kind())
    }
}

/// Why a verb failed, what that means for what it should have done, and what to do.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct ProviderError {
    /// What the engine does about it.
    pub class: ErrorClass,
    /// What failed and why, with the object's name, in the service's own words where it has some.
    pub message: String,
    /// What a person can do.
    pub hint: Option<String>,
}

/// What the engine does about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorClass {
    /// Nothing was done, and the same call may succeed: it is repeated with backoff.
    Transient,
    /// Nothing was done and fewer calls are wanted: repeated, more slowly.
    Throttled,
    /// It may or may not have been done (time-out, dropped connection): `find` or `observe` tells.
    Unknown,
    /// It won't be done however often it is asked.
    Refused,
}

impl ProviderError {
    /// It won't be done however often it is asked.
    pub fn refused(message: impl Into<String>) -> Self {
        Self {
            class: ErrorClass::Refused,
            message: message.into(),
            hint: None,
        }
    }

    /// Nothing was done, and the same call may succeed.
    pub fn transient(message: impl Into<String>) -> Self {
        Self {
            class: ErrorClass::Transient,
            message: message.into(),
            hint: None,
        }
    }

    /// It may or may not have been done.
    pub fn unknown(message: impl Into<String>) -> Self {
        Self {
            class: ErrorClass::Unknown,
            message: message.into(),
            hint: None,
        }
    }

    /// Adds what a person can do.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
