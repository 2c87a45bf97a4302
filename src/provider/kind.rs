//! A typed [`Resource`] erased to a [`Kind`], and a table of kinds as a [`Provider`].
//!
//! Canonical JSON stands between the typed side and the engine.

use futures::future::{BoxFuture, FutureExt};
use serde::Serialize;
use serde_json::Value;

use super::{KindFacts, Provider, ProviderError, Readiness, Resource};
use crate::resource::{Address, Change, Observed};

type Answer<'a, T> = BoxFuture<'a, Result<T, ProviderError>>;

/// A [`Resource`] with its type erased: one line in a provider's list of kinds.
pub struct Kind<C> {
    facts: KindFacts,
    observe: for<'a> fn(&'a C, &'a str) -> Answer<'a, Option<Observed>>,
    find: for<'a> fn(&'a C, Value, &'a str) -> Answer<'a, Option<String>>,
    create: for<'a> fn(&'a C, Value, &'a str) -> Answer<'a, String>,
    readiness: for<'a> fn(&'a C, Value, &'a str) -> Answer<'a, Readiness>,
    configure: for<'a> fn(&'a C, Value, &'a str) -> Answer<'a, ()>,
    update: for<'a> fn(&'a C, Value, &'a str, &'a [Change]) -> Answer<'a, ()>,
    reboot: for<'a> fn(&'a C, Value, &'a str) -> Answer<'a, ()>,
    delete: for<'a> fn(&'a C, &'a str) -> Answer<'a, ()>,
    outlives: for<'a> fn(&'a C, &'a str) -> Answer<'a, bool>,
    leftover: for<'a> fn(&'a C, &'a str) -> Answer<'a, Option<String>>,
}

impl<C: Send + Sync + 'static> Kind<C> {
    /// What the engine knows of it without calling it.
    pub const fn facts(&self) -> KindFacts {
        self.facts
    }

    /// Erases `R`.
    pub const fn of<R: Resource<Cloud = C>>() -> Self {
        Self {
            facts: KindFacts {
                name: R::KIND,
                replace_on: R::REPLACE_ON,
                reboot_on: R::REBOOT_ON,
                create_first: R::CREATE_FIRST,
                stable_outputs: R::STABLE_OUTPUTS,
                canonical: canonical_form::<R>,
                compare: R::compare,
                guard: R::GUARD,
                configures: R::CONFIGURES,
                found_by: R::FOUND_BY,
                deadline: R::DEADLINE,
            },
            observe: |cloud, id| {
                async move {
                    let found = R::observe(cloud, id).await?;
                    found
                        .map(|(resource, outputs)| {
                            Ok(Observed {
                                properties: canonical(&resource)?,
                                outputs: canonical(&outputs)?,
                            })
                        })
                        .transpose()
                }
                .boxed()
            },
            find: |cloud, properties, token| {
                async move { typed::<R>(properties)?.find(cloud, token).await }.boxed()
            },
            create: |cloud, properties, token| {
                async move { typed::<R>(properties)?.create(cloud, token).await }.boxed()
            },
            readiness: |cloud, properties, id| {
                async move { typed::<R>(properties)?.readiness(cloud, id).await }.boxed()
            },
            configure: |cloud, properties, id| {
                async move { typed::<R>(properties)?.configure(cloud, id).await }.boxed()
            },
            update: |cloud, properties, id, changes| {
                async move { typed::<R>(properties)?.update(cloud, id, changes).await }.boxed()
            },
            reboot: |cloud, properties, id| {
                async move { typed::<R>(properties)?.reboot(cloud, id).await }.boxed()
            },
            delete: |cloud, id| async move { R::delete(cloud, id).await }.boxed(),
            outlives: |cloud, id| async move { R::outlives(cloud, id).await }.boxed(),
            leftover: |cloud, id| async move { R::leftover(cloud, id).await }.boxed(),
        }
    }
}

fn typed<R: Resource>(properties: Value) -> Result<R, ProviderError> {
    serde_json::from_value(properties).map_err(|why| {
        ProviderError::refused(format!("the properties are not those of a {}: {why}", R::KIND))
            .with_hint("the saved plan or the state may come from another version of vvbill: plan again")
    })
}

fn canonical_form<R: Resource>(properties: Value) -> Value {
    let typed = R::deserialize(&properties).ok();
    let form = typed.and_then(|typed| serde_json::to_value(&typed).ok());
    form.unwrap_or(properties)
}

fn canonical<T: Serialize>(value: &T) -> Result<Value, ProviderError> {
    serde_json::to_value(value)
        .map_err(|why| ProviderError::refused(format!("what was observed can't be written as JSON: {why}")))
}

/// A provider made of a connection and a list of kinds.
pub struct Typed<C: 'static> {
    /// The first part of its addresses.
    pub name: &'static str,
    /// What the verbs are called with.
    pub cloud: C,
    /// One line a kind.
    pub kinds: &'static [Kind<C>],
}

impl<C> Typed<C> {
    fn kind(&self, name: &str) -> Result<&'static Kind<C>, ProviderError> {
        self.kinds
            .iter()
            .find(|kind| kind.facts.name == name)
            .ok_or_else(|| {
                ProviderError::refused(format!("{} has no kind `{name}`", self.name)).with_hint(
                    "the state may come from a newer vvbill: upgrade, or `vvbill state rm` the resource",
                )
            })
    }
}

impl<C: Send + Sync + 'static> Provider for Typed<C> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn facts(&self, kind: &str) -> Option<KindFacts> {
        self.kind(kind).ok().map(|kind| kind.facts)
    }

    fn observe<'a>(&'a self, address: &'a Address, id: &'a str) -> Answer<'a, Option<Observed>> {
        async move { (self.kind(address.kind())?.observe)(&self.cloud, id).await }.boxed()
    }

    fn find<'a>(
        &'a self,
        address: &'a Address,
        properties: Value,
        token: &'a str,
    ) -> Answer<'a, Option<String>> {
        async move { (self.kind(address.kind())?.find)(&self.cloud, properties, token).await }.boxed()
    }

    fn create<'a>(&'a self, address: &'a Address, properties: Value, token: &'a str) -> Answer<'a, String> {
        async move { (self.kind(address.kind())?.create)(&self.cloud, properties, token).await }.boxed()
    }

    fn readiness<'a>(
        &'a self,
        address: &'a Address,
        properties: Value,
        id: &'a str,
    ) -> Answer<'a, Readiness> {
        async move { (self.kind(address.kind())?.readiness)(&self.cloud, properties, id).await }.boxed()
    }

    fn configure<'a>(&'a self, address: &'a Address, properties: Value, id: &'a str) -> Answer<'a, ()> {
        async move { (self.kind(address.kind())?.configure)(&self.cloud, properties, id).await }.boxed()
    }

    fn update<'a>(
        &'a self,
        address: &'a Address,
        properties: Value,
        id: &'a str,
        changes: &'a [Change],
    ) -> Answer<'a, ()> {
        async move { (self.kind(address.kind())?.update)(&self.cloud, properties, id, changes).await }.boxed()
    }

    fn reboot<'a>(&'a self, address: &'a Address, properties: Value, id: &'a str) -> Answer<'a, ()> {
        async move { (self.kind(address.kind())?.reboot)(&self.cloud, properties, id).await }.boxed()
    }

    fn delete<'a>(&'a self, address: &'a Address, id: &'a str) -> Answer<'a, ()> {
        async move { (self.kind(address.kind())?.delete)(&self.cloud, id).await }.boxed()
    }

    fn outlives<'a>(&'a self, address: &'a Address, id: &'a str) -> Answer<'a, bool> {
        async move { (self.kind(address.kind())?.outlives)(&self.cloud, id).await }.boxed()
    }

    fn leftover<'a>(&'a self, address: &'a Address, id: &'a str) -> Answer<'a, Option<String>> {
        async move { (self.kind(address.kind())?.leftover)(&self.cloud, id).await }.boxed()
    }
}
