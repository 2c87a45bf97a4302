//! A Secret. Where its values come from is managed; the values themselves are written and never read back.
//!
//! An annotation of the Secret notes the places, so that a plan that names another one is a change. A value that
//! changes in its place is taken up when its version does.

use std::collections::BTreeMap;

use base64::prelude::{BASE64_STANDARD, Engine};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::apply::{for_creation, for_update};
use super::client::Clusters;
use super::cluster::known;
use super::object::{Outputs, canonical, locate, look};
use super::standing::Writing;
use super::{Cluster, KubernetesObject, SecretSource, compare};
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{Change, Ref};

/// Where the values came from, and at which version.
const SOURCE: &str = "vvbill/source";

/// A Secret of a cluster.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct SecretObject {
    /// Where it stands.
    pub cluster: Cluster,
    /// Its manifest without `data`: `apiVersion`, `kind`, `metadata`, `type`.
    pub object: Value,
    /// Where each value comes from.
    pub data: BTreeMap<String, SecretSource>,
    /// By key: another version has the values fetched again. The output `version` of a secret of AWS, or a number
    /// that a person counts up.
    #[serde(default)]
    pub versions: BTreeMap<String, Ref<String>>,
    #[serde(default)]
    owned: Option<Value>,
    #[serde(default)]
    others: Option<Value>,
}

impl SecretObject {
    /// As it is wanted.
    pub fn new(cluster: Cluster, object: Value, data: BTreeMap<String, SecretSource>) -> Self {
        Self {
            cluster,
            object,
            data,
            versions: BTreeMap::new(),
            owned: None,
            others: None,
        }
    }

    /// The same, with its values fetched again when the version of this key becomes another one.
    #[must_use]
    pub fn with_version(mut self, key: &str, version: Ref<String>) -> Self {
        self.versions.insert(key.to_owned(), version);
        self
    }

    /// What can't be read on this machine, as its values would be when they are needed.
    pub(super) fn lacking(&self) -> Option<ProviderError> {
        let mut sources = self.data.iter();
        sources.find_map(|(key, source)| source.lacking().map(|error| of_key(key, error)))
    }

    fn as_object(&self) -> KubernetesObject {
        KubernetesObject::new(self.cluster.clone(), self.object.clone())
    }

    /// As it is found, without its values.
    fn found(cluster: Cluster, live: &Value) -> Result<Self, ProviderError> {
        let found = serde_json::to_value(KubernetesObject::found(cluster.clone(), live))
            .map_err(|why| ProviderError::refused(format!("a Secret that can't be read: {why}")))?;
        let (mut object, mut owned, mut others) = (
            found["object"].clone(),
            found["owned"].clone(),
            found["others"].clone(),
        );
        let source = take(&mut object, &["metadata", "annotations"], SOURCE).unwrap_or_default();
        take(
            &mut owned,
            &["f:metadata", "f:annotations"],
            &format!("f:{SOURCE}"),
        );
        if let Some(map) = object.as_object_mut() {
            map.remove("data");
        }
        let ours = take(&mut owned, &[], "f:data").unwrap_or_default();
        let theirs = take(&mut others, &[], "f:data").unwrap_or_default();
        let source: Value = source
            .as_str()
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default();
        let mut data = BTreeMap::new();
        for (key, place) in source["data"].as_object().into_iter().flatten() {
            let field = format!("f:{key}");
            let place = match (ours.get(&field), theirs.get(&field)) {
                (Some(_), _) => serde_json::from_value(place.clone()).ok(),
                (None, Some(manager)) => {
                    let manager = manager.as_str().unwrap_or("somebody else");
                    Some(SecretSource::Place(format!("written by {manager}")))
                }
                (None, None) => None,
            };
            data.extend(place.map(|place| (key.clone(), place)));
        }
        Ok(Self {
            cluster,
            object,
            data,
            versions: serde_json::from_value(source["versions"].clone()).unwrap_or_default(),
            owned: Some(owned),
            others: Some(others),
        })
    }

    /// The manifest with the values in it, for the call that writes it and nothing else.
    async fn with_values(&self, cloud: &Clusters, mut manifest: Value) -> Result<Value, ProviderError> {
        let mut data = Map::new();
        for (key, source) in &self.data {
            let value = source.fetch(cloud, &self.cluster).await;
            let value = value.map_err(|error| of_key(key, error))?;
            data.insert(key.clone(), BASE64_STANDARD.encode(value).into());
        }
        let mut versions = BTreeMap::new();
        for (key, version) in &self.versions {
            versions.insert(key, known(version)?);
        }
        let source = json!({ "data": self.data, "versions": versions });
        manifest["metadata"]["annotations"][SOURCE] = source.to_string().into();
        manifest["data"] = data.into();
        Ok(manifest)
    }
}

fn of_key(key: &str, mut error: ProviderError) -> ProviderError {
    error.message = format!("`{key}`: {}", error.message);
    error
}

/// Takes `key` out of the map at `path`, and maps that are empty then.
fn take(tree: &mut Value, path: &[&str], key: &str) -> Option<Value> {
    let map = tree.as_object_mut()?;
    let Some((first, rest)) = path.split_first() else {
        return map.remove(key);
    };
    let below = map.get_mut(*first)?;
    let taken = take(below, rest, key);
    if taken.is_some() && below.as_object().is_some_and(Map::is_empty) {
        map.remove(*first);
    }
    taken
}

impl Serialize for SecretObject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::Error;
        let mut whole = self.as_object();
        whole.object = canonical(&self.object);
        let mut map = match serde_json::to_value(&whole).map_err(S::Error::custom)? {
            Value::Object(map) => map,
            other => return other.serialize(serializer),
        };
        map.insert(
            "data".into(),
            serde_json::to_value(&self.data).map_err(S::Error::custom)?,
        );
        if !self.versions.is_empty() {
            map.insert(
                "versions".into(),
                serde_json::to_value(&self.versions).map_err(S::Error::custom)?,
            );
        }
        for (name, tree) in [("owned", &self.owned), ("others", &self.others)] {
            if let Some(tree) = tree {
                map.insert(name.into(), tree.clone());
            }
        }
        map.serialize(serializer)
    }
}

impl Resource for SecretObject {
    const KIND: &'static str = "secret";
    const REPLACE_ON: &'static [&'static str] = &["cluster", "identity"];
    const STABLE_OUTPUTS: &'static [&'static str] = &["name", "namespace", "uid"];
    const FOUND_BY: FoundBy = FoundBy::Name;
    type Cloud = Clusters;
    type Outputs = Outputs;

    fn compare(desired: &Value, observed: &Value, recorded: Option<&Value>) -> Vec<Change> {
        compare::properties(desired, observed, recorded)
    }

    async fn observe(cloud: &Clusters, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        match locate(cloud, id).await? {
            None => Ok(None),
            Some((cluster, live)) => Ok(Some((Self::found(cluster, &live)?, Outputs::of(&live)))),
        }
    }

    async fn find(&self, cloud: &Clusters, token: &str) -> Result<Option<String>, ProviderError> {
        self.as_object().find(cloud, token).await
    }

    async fn create(&self, cloud: &Clusters, _token: &str) -> Result<String, ProviderError> {
        let place = self.as_object().place()?;
        let cluster = cloud.of(&self.cluster).await?;
        let live = look(&cluster, &place).await?;
        KubernetesObject::refuse_taken(&place, live.as_ref(), cloud.forces())?;
        let manifest = self.with_values(cloud, for_creation(&self.object)).await?;
        let writing = Writing {
            force: cloud.forces(),
            dry_run: false,
        };
        cluster.apply(&manifest, writing).await?;
        Ok(place.to_string())
    }

    async fn readiness(&self, cloud: &Clusters, id: &str) -> Result<Readiness, ProviderError> {
        Ok(Readiness::seen(locate(cloud, id).await?.is_some()))
    }

    async fn update(&self, cloud: &Clusters, _id: &str, changes: &[Change]) -> Result<(), ProviderError> {
        let place = self.as_object().place()?;
        let cluster = cloud.of(&self.cluster).await?;
        let manifest = match look(&cluster, &place).await? {
            Some(live) if !cloud.forces() => for_update(&self.object, &live, changes),
            _ => for_creation(&self.object),
        };
        let manifest = self.with_values(cloud, manifest).await?;
        let writing = Writing {
            force: cloud.forces(),
            dry_run: false,
        };
        cluster.apply(&manifest, writing).await.map(drop)
    }

    async fn delete(cloud: &Clusters, id: &str) -> Result<(), ProviderError> {
        KubernetesObject::delete(cloud, id).await
    }
}
