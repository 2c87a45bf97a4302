//! Before anything is made: what the API server says to each manifest, without keeping it.
//!
//! What it can't be asked yet is left out: objects of a cluster, a namespace or a kind that comes in the same apply,
//! and manifests that wait for others' outputs.

use futures::stream::{self, StreamExt};
use serde::Deserialize as _;

use super::apply::{for_creation, for_update};
use super::client::Clusters;
use super::standing::Writing;
use super::{HelmRelease, KubernetesObject, SecretObject, helm, object};
use crate::provider::{Concern, ErrorClass, Gravity, ProviderError, Resource, Wanted};
use crate::resource::{Address, references};

/// The kind whose output images of a plan's own registry begin with.
const IMAGE_REPOSITORY: &str = "ecr_repository";

/// How many are asked at once.
const AT_ONCE: usize = 8;

/// Everything that speaks against what is wanted.
pub(super) async fn check(cloud: &Clusters, wanted: &[Wanted<'_>]) -> Vec<Concern> {
    let asked: Vec<_> = wanted.iter().map(|one| ask(cloud, one, wanted)).collect();
    let concerns: Vec<Option<Concern>> = stream::iter(asked).buffered(AT_ONCE).collect().await;
    concerns.into_iter().flatten().collect()
}

async fn ask(cloud: &Clusters, one: &Wanted<'_>, all: &[Wanted<'_>]) -> Option<Concern> {
    let lacking = match one.address.kind() {
        // The values of secrets are fetched for the call that writes them, and no other.
        SecretObject::KIND if one.is_new => SecretObject::deserialize(one.properties).ok()?.lacking(),
        SecretObject::KIND => None,
        HelmRelease::KIND => helm::lacking(one.properties).await,
        _ => {
            if let Some(repository) = unmade_repository(one).filter(|_| one.is_new) {
                return Some(waits_for_image(one, &repository));
            }
            let error = try_out(cloud, one, all).await.err()?;
            let gravity = match error.class {
                ErrorClass::Refused => Gravity::Blocking,
                _ => Gravity::Unasked,
            };
            return Some(concern(one, error, gravity));
        }
    };
    lacking.map(|error| concern(one, error, Gravity::Lacking))
}

fn waits_for_image(one: &Wanted<'_>, repository: &Address) -> Concern {
    Concern {
        gravity: Gravity::Doubtful,
        address: Some(one.address.clone()),
        message: format!("pods wait for their image: {repository}, which this makes, holds none yet"),
        hint: Some(format!(
            "make it first, with `--target {repository}`, then `vvbill service build` and `vvbill service push \
             --write`; or push while the pods wait"
        )),
    }
}

/// The registry's repository that its image is named after, while that doesn't stand.
fn unmade_repository(one: &Wanted<'_>) -> Option<Address> {
    let mut waits_for = references(one.properties).into_iter();
    waits_for.find(|of| of.kind() == IMAGE_REPOSITORY)
}

fn concern(one: &Wanted<'_>, error: ProviderError, gravity: Gravity) -> Concern {
    Concern {
        gravity,
        address: Some(one.address.clone()),
        message: error.message,
        hint: error.hint,
    }
}

async fn try_out(cloud: &Clusters, one: &Wanted<'_>, all: &[Wanted<'_>]) -> Result<(), ProviderError> {
    if !references(one.properties).is_empty() {
        return Ok(());
    }
    let Ok(wanted) = KubernetesObject::deserialize(one.properties) else {
        return Ok(());
    };
    let place = wanted.place()?;
    let cluster = cloud.of(&wanted.cluster).await?;
    if cluster
        .served(&place.api_version, &place.identity.kind)
        .await?
        .is_none()
    {
        return Ok(());
    }
    let live = object::look(&cluster, &place).await?;
    let waits_for_namespace = place.identity.namespace.as_deref().is_some_and(|namespace| {
        all.iter().any(|other| {
            let identity = &other.properties["identity"];
            other.is_new && identity["kind"] == "Namespace" && identity["name"] == namespace
        })
    });
    if live.is_none() && waits_for_namespace {
        return Ok(());
    }
    if one.is_new {
        KubernetesObject::refuse_taken(&place, live.as_ref(), cloud.forces())?;
    }
    let sent = match live {
        Some(live) => for_update(&wanted.object, &live, &[]),
        None => for_creation(&wanted.object),
    };
    let writing = Writing {
        force: cloud.forces(),
        dry_run: true,
    };
    cluster.apply(&sent, writing).await.map(drop)
}
