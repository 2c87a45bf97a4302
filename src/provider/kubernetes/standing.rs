//! A cluster that can be called, and the few calls that are made.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use kube::Client;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, Preconditions, PropagationPolicy};
use kube::core::Request;
use kube::core::params::{GetParams, ValidationDirective};
use serde_json::Value;

use super::cluster::{Cluster, ClusterKey};
use super::error::{called, late};
use super::identity::{Identity, group_of};
use super::{FIELD_MANAGER, ownership};
use crate::provider::ProviderError;

/// How long a signature of EKS is used, of the 15 minutes that it is good for.
const SIGNED_FOR: Duration = Duration::from_secs(12 * 60);
/// How long a kind that isn't served is waited for: its definition may have been taken in just now.
const LATE_KINDS: Duration = Duration::from_secs(120);
/// How long being unknown to the cluster may pass: access to a cluster that is new takes a while.
const LATE_ACCESS: Duration = Duration::from_secs(180);

/// A cluster that can be called.
pub(super) struct Standing {
    /// As properties name it.
    pub(super) cluster: Cluster,
    pub(super) key: ClusterKey,
    client: Client,
    made_at: Instant,
    /// When this run first called it.
    known_since: Instant,
    patience: Duration,
    kinds: Mutex<BTreeMap<(String, String), Served>>,
    unserved: Mutex<BTreeMap<(String, String), Instant>>,
}

/// How a kind is served.
#[derive(Clone, Debug)]
pub(super) struct Served {
    api_version: String,
    plural: String,
    namespaced: bool,
}

/// How an object is written.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Writing {
    /// Fields of others are taken from them.
    pub(super) force: bool,
    /// The API server checks and answers, and keeps nothing.
    pub(super) dry_run: bool,
}

impl Standing {
    /// `patience`: how long one call may take.
    pub(super) fn new(
        key: ClusterKey,
        cluster: Cluster,
        client: Client,
        known_since: Instant,
        patience: Duration,
    ) -> Self {
        Self {
            cluster,
            key,
            client,
            made_at: Instant::now(),
            known_since,
            patience,
            kinds: Mutex::default(),
            unserved: Mutex::default(),
        }
    }

    /// Since when this run knows it.
    pub(super) fn known_since(&self) -> Instant {
        self.known_since
    }

    /// Whether what it was signed in with still holds.
    pub(super) fn is_fresh(&self) -> bool {
        matches!(self.cluster, Cluster::Kubeconfig(_)) || self.made_at.elapsed() < SIGNED_FOR
    }

    /// The object as it is; `None`: there is none, or no such kind.
    pub(super) async fn get(
        &self,
        api_version: &str,
        identity: &Identity,
    ) -> Result<Option<Value>, ProviderError> {
        let Some(served) = self.served(api_version, &identity.kind).await? else {
            return Ok(None);
        };
        let request = Request::new(path(&served, identity)?).get(&identity.name, &GetParams::default());
        self.read(&format!("looking at {identity}"), request).await
    }

    /// Those of a namespace, or of the whole cluster, with these labels.
    pub(super) async fn list(
        &self,
        api_version: &str,
        kind: &str,
        namespace: Option<&str>,
        labels: &str,
    ) -> Result<Vec<Value>, ProviderError> {
        let Some(served) = self.served(api_version, kind).await? else {
            return Ok(Vec::new());
        };
        let request =
            Request::new(collection(&served, namespace)).list(&ListParams::default().labels(labels));
        let found = self.read(&format!("listing {kind}"), request).await?;
        let items = found.and_then(|mut found| found.get_mut("items").map(Value::take));
        Ok(match items {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        })
    }

    /// Server-side apply, with unknown fields refused.
    pub(super) async fn apply(&self, object: &Value, writing: Writing) -> Result<Value, ProviderError> {
        let identity = Identity::of(object);
        let api_version = object["apiVersion"].as_str().unwrap_or_default();
        let served = self.served_by_now(api_version, &identity.kind).await?;
        let parameters = PatchParams {
            dry_run: writing.dry_run,
            force: writing.force,
            field_manager: Some(FIELD_MANAGER.into()),
            field_validation: Some(ValidationDirective::Strict),
        };
        let request =
            Request::new(path(&served, &identity)?).patch(&identity.name, &parameters, &Patch::Apply(object));
        let what = format!("applying {identity}");
        let request = request.map_err(|why| ProviderError::refused(format!("{what}: {why}")))?;
        self.call(&what, self.client.request::<Value>(request)).await
    }

    /// Asks for something to be done with an object.
    pub(super) async fn post(&self, what: &str, path: &str, body: &Value) -> Result<(), ProviderError> {
        let request = http::Request::post(path)
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(body.to_string().into_bytes())
            .map_err(|why| ProviderError::refused(format!("{what}: {why}")))?;
        self.call(what, self.client.request::<Value>(request))
            .await
            .map(drop)
    }

    /// Merges `note` into an object that somebody else owns.
    pub(super) async fn note(
        &self,
        what: &str,
        path: &str,
        name: &str,
        note: &Value,
    ) -> Result<(), ProviderError> {
        let request = Request::new(path).patch(name, &PatchParams::default(), &Patch::Merge(note));
        let request = request.map_err(|why| ProviderError::refused(format!("{what}: {why}")))?;
        self.call(what, self.client.request::<Value>(request))
            .await
            .map(drop)
    }

    /// Starts to remove what is there; what depends on it goes with it.
    pub(super) async fn delete(
        &self,
        api_version: &str,
        identity: &Identity,
        waits_for_dependents: bool,
    ) -> Result<(), ProviderError> {
        let Some(served) = self.served(api_version, &identity.kind).await? else {
            return Ok(());
        };
        let Some(live) = self.get(api_version, identity).await? else {
            return Ok(());
        };
        let what = format!("deleting {identity}");
        if !ownership::is_managed(&live) {
            return Err(ProviderError::refused(format!(
                "{what}: it is not the one that vvbill made: somebody has made it anew ({})",
                ownership::managers(&live).join(", ")
            ))
            .with_hint("`vvbill state rm` forgets it, `kubectl delete` removes it"));
        }
        let parameters = DeleteParams {
            propagation_policy: Some(match waits_for_dependents {
                true => PropagationPolicy::Foreground,
                false => PropagationPolicy::Background,
            }),
            preconditions: live["metadata"]["uid"].as_str().map(|uid| Preconditions {
                uid: Some(uid.into()),
                resource_version: None,
            }),
            ..DeleteParams::default()
        };
        let request = Request::new(path(&served, identity)?).delete(&identity.name, &parameters);
        self.read(&what, request).await.map(drop)
    }

    /// `None` where the API server says that there is no such thing.
    async fn read(
        &self,
        what: &str,
        request: Result<http::Request<Vec<u8>>, kube::core::request::Error>,
    ) -> Result<Option<Value>, ProviderError> {
        let request = request.map_err(|why| ProviderError::refused(format!("{what}: {why}")))?;
        let answer = async {
            match self.client.request::<Value>(request).await {
                Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
                answer => answer.map(Some),
            }
        };
        self.call(what, answer).await
    }

    async fn call<T>(
        &self,
        what: &str,
        call: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, ProviderError> {
        let answer = tokio::time::timeout(self.patience, call).await;
        let mut error = match answer {
            Err(_) => return Err(late(what)),
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(kube::Error::Api(status))) if matches!(status.code, 401 | 403) => {
                let error = called(what, kube::Error::Api(status));
                match self.known_since.elapsed() < LATE_ACCESS && matches!(self.cluster, Cluster::Eks(_)) {
                    true => ProviderError::transient(error.message).with_hint(error.hint.unwrap_or_default()),
                    false => error,
                }
            }
            Ok(Err(error)) => called(what, error),
        };
        error.message = format!("{}: {}", self.key, error.message);
        Err(error)
    }

    /// How a kind is served, in this version or in another of its group; `None`: not at all.
    pub(super) async fn served(
        &self,
        api_version: &str,
        kind: &str,
    ) -> Result<Option<Served>, ProviderError> {
        let sought = (api_version.to_owned(), kind.to_owned());
        let kinds = || self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kinds().get(&sought).cloned() {
            return Ok(Some(known));
        }
        let mut found = self.served_in(api_version, kind).await?;
        let group = group_of(api_version);
        if found.is_none() && !group.is_empty() {
            let request = Request::new("/apis").get(group, &GetParams::default());
            let group = self.read(&format!("asking for {group}"), request).await?;
            let preferred = group.and_then(|group| {
                group["preferredVersion"]["groupVersion"]
                    .as_str()
                    .map(str::to_owned)
            });
            if let Some(preferred) = preferred.filter(|preferred| preferred != api_version) {
                found = self.served_in(&preferred, kind).await?;
            }
        }
        if let Some(found) = &found {
            kinds().insert(sought, found.clone());
        }
        Ok(found)
    }

    async fn served_in(&self, api_version: &str, kind: &str) -> Result<Option<Served>, ProviderError> {
        let request = match api_version.rsplit_once('/') {
            None => Request::new("/api").get(api_version, &GetParams::default()),
            Some((group, version)) => {
                Request::new(format!("/apis/{group}")).get(version, &GetParams::default())
            }
        };
        let list = self
            .read(&format!("asking what {api_version} has"), request)
            .await?;
        let resources = list.as_ref().and_then(|list| list["resources"].as_array());
        let found = resources.into_iter().flatten().find(|resource| {
            let is_main = resource["name"].as_str().is_some_and(|name| !name.contains('/'));
            is_main && resource["kind"] == kind
        });
        Ok(found.map(|resource| Served {
            api_version: api_version.into(),
            plural: resource["name"].as_str().unwrap_or_default().into(),
            namespaced: resource["namespaced"] == true,
        }))
    }

    /// The same for who is about to write: what isn't served may come within moments, and then it won't.
    async fn served_by_now(&self, api_version: &str, kind: &str) -> Result<Served, ProviderError> {
        let found = self.served(api_version, kind).await?;
        if let Some(served) = found.filter(|served| served.api_version == api_version) {
            return Ok(served);
        }
        let first = {
            let mut unserved = self.unserved.lock().unwrap_or_else(PoisonError::into_inner);
            *unserved
                .entry((api_version.to_owned(), kind.to_owned()))
                .or_insert_with(Instant::now)
        };
        let message = format!("{}: it serves no {kind} of {api_version}", self.key);
        Err(match first.elapsed() < LATE_KINDS {
            true => ProviderError::transient(message),
            false => ProviderError::refused(message).with_hint(
                "its CustomResourceDefinition is brought by an operator, which must be there first; \
                 `kubectl api-resources` lists what there is",
            ),
        })
    }
}

fn collection(served: &Served, namespace: Option<&str>) -> String {
    let root = match served.api_version.contains('/') {
        true => format!("/apis/{}", served.api_version),
        false => format!("/api/{}", served.api_version),
    };
    match namespace.filter(|_| served.namespaced) {
        Some(namespace) => format!("{root}/namespaces/{namespace}/{}", served.plural),
        None => format!("{root}/{}", served.plural),
    }
}

fn path(served: &Served, identity: &Identity) -> Result<String, ProviderError> {
    if served.namespaced && identity.namespace.is_none() {
        return Err(ProviderError::refused(format!(
            "{identity} names no namespace, and its kind stands in one"
        ))
        .with_hint("write metadata.namespace into the manifest"));
    }
    Ok(collection(served, identity.namespace.as_deref()))
}
