//! The provider: secrets and Helm's releases are kinds of their own, every other kind is an object like any other.

use futures::future::{BoxFuture, FutureExt};
use serde_json::Value;

use super::client::Clusters;
use super::{HelmRelease, KubernetesObject, NAME, SecretObject, compare, object, preflight};
use crate::provider::{
    Concern, Kind, KindFacts, Provider, ProviderError, Readiness, Resource, Typed, Wanted,
};
use crate::resource::{Address, Change, Observed};

const KINDS: &[Kind<Clusters>] = &[
    Kind::of::<KubernetesObject>(),
    Kind::of::<SecretObject>(),
    Kind::of::<HelmRelease>(),
];

/// Every kind that a cluster serves.
pub struct Kubernetes {
    typed: Typed<Clusters>,
}

impl Kubernetes {
    /// Calls nothing yet.
    pub fn new(clusters: Clusters) -> Self {
        Self {
            typed: Typed {
                name: NAME,
                cloud: clusters,
                kinds: KINDS,
            },
        }
    }

    /// The same address under the name of the implementation that its kind has.
    fn implemented(address: &Address) -> Address {
        let kind = implementation(address.kind());
        Address::new(address.provider(), address.region(), kind, address.name())
    }
}

fn implementation(kind: &str) -> &'static str {
    match kind {
        SecretObject::KIND => SecretObject::KIND,
        HelmRelease::KIND => HelmRelease::KIND,
        _ => KubernetesObject::KIND,
    }
}

type Answer<'a, T> = BoxFuture<'a, Result<T, ProviderError>>;

impl Provider for Kubernetes {
    fn name(&self) -> &'static str {
        NAME
    }

    fn facts(&self, kind: &str) -> Option<KindFacts> {
        let implementation = implementation(kind);
        let mut facts = self.typed.facts(implementation)?;
        if implementation != HelmRelease::KIND {
            facts.deadline = object::deadline(kind);
            if self.typed.cloud.forces() {
                facts.compare = compare::properties_by_force;
            }
        }
        Some(facts)
    }

    fn observe<'a>(&'a self, address: &'a Address, id: &'a str) -> Answer<'a, Option<Observed>> {
        async move { self.typed.observe(&Self::implemented(address), id).await }.boxed()
    }

    fn find<'a>(
        &'a self,
        address: &'a Address,
        properties: Value,
        token: &'a str,
    ) -> Answer<'a, Option<String>> {
        async move {
            let address = Self::implemented(address);
            self.typed.find(&address, properties, token).await
        }
        .boxed()
    }

    fn create<'a>(&'a self, address: &'a Address, properties: Value, token: &'a str) -> Answer<'a, String> {
        async move {
            let address = Self::implemented(address);
            self.typed.create(&address, properties, token).await
        }
        .boxed()
    }

    fn readiness<'a>(
        &'a self,
        address: &'a Address,
        properties: Value,
        id: &'a str,
    ) -> Answer<'a, Readiness> {
        async move {
            let address = Self::implemented(address);
            self.typed.readiness(&address, properties, id).await
        }
        .boxed()
    }

    fn configure<'a>(&'a self, address: &'a Address, properties: Value, id: &'a str) -> Answer<'a, ()> {
        async move {
            let address = Self::implemented(address);
            self.typed.configure(&address, properties, id).await
        }
        .boxed()
    }

    fn update<'a>(
        &'a self,
        address: &'a Address,
        properties: Value,
        id: &'a str,
        changes: &'a [Change],
    ) -> Answer<'a, ()> {
        async move {
            let address = Self::implemented(address);
            self.typed.update(&address, properties, id, changes).await
        }
        .boxed()
    }

    fn reboot<'a>(&'a self, address: &'a Address, properties: Value, id: &'a str) -> Answer<'a, ()> {
        async move {
            let address = Self::implemented(address);
            self.typed.reboot(&address, properties, id).await
        }
        .boxed()
    }

    fn delete<'a>(&'a self, address: &'a Address, id: &'a str) -> Answer<'a, ()> {
        async move { self.typed.delete(&Self::implemented(address), id).await }.boxed()
    }

    fn outlives<'a>(&'a self, address: &'a Address, id: &'a str) -> Answer<'a, bool> {
        async move { self.typed.outlives(&Self::implemented(address), id).await }.boxed()
    }

    fn leftover<'a>(&'a self, address: &'a Address, id: &'a str) -> Answer<'a, Option<String>> {
        async move { self.typed.leftover(&Self::implemented(address), id).await }.boxed()
    }

    fn preflight<'a>(&'a self, wanted: &'a [Wanted<'a>]) -> BoxFuture<'a, Vec<Concern>> {
        preflight::check(&self.typed.cloud, wanted).boxed()
    }
}
