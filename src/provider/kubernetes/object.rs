//! Any object of any kind, as its manifest says. The kind's name in its address is the manifest's, in small letters.

use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::apply::{for_creation, for_update};
use super::client::Clusters;
use super::identity::{Identity, Place};
use super::standing::{Standing, Writing};
use super::{Cluster, FIELD_MANAGER, compare, ownership, readiness};
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::Change;

/// An object of a cluster.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct KubernetesObject {
    /// Where it stands.
    pub cluster: Cluster,
    /// Its manifest: `apiVersion`, `kind`, `metadata.name` and, where the kind has one, `metadata.namespace` are
    /// known; anything else may be a reference, or `{"$at_creation": VALUE}`.
    pub object: Value,
    /// Of what was found: the fields that we own, as the API server notes them.
    #[serde(default)]
    owned: Option<Value>,
    /// Of what was found: the fields that others own.
    #[serde(default)]
    others: Option<Value>,
}

/// What others may refer to.
#[derive(Debug, Serialize)]
pub struct Outputs {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    uid: String,
    /// Of a service with a load balancer: its name or address.
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<String>,
}

impl KubernetesObject {
    /// As it is wanted.
    pub fn new(cluster: Cluster, object: Value) -> Self {
        Self {
            cluster,
            object,
            owned: None,
            others: None,
        }
    }

    /// As it is found: just the fields that we own, and who owns what.
    pub(super) fn found(cluster: Cluster, live: &Value) -> Self {
        let owned = ownership::ours(live).map_or_else(|| json!({}), |(fields, _)| fields.clone());
        let mut object = match ownership::is_managed(live) {
            true => ownership::project(live, &owned),
            false => json!({}),
        };
        for known_by in ["apiVersion", "kind"] {
            object[known_by] = live[known_by].clone();
        }
        object["metadata"]["name"] = live["metadata"]["name"].clone();
        if let Some(namespace) = live["metadata"].get("namespace") {
            object["metadata"]["namespace"] = namespace.clone();
        }
        Self {
            cluster,
            object,
            owned: Some(owned),
            others: Some(ownership::others(live)),
        }
    }

    pub(super) fn place(&self) -> Result<Place, ProviderError> {
        let identity = Identity::of(&self.object);
        let api_version = self.object["apiVersion"].as_str().unwrap_or_default();
        if identity.name.is_empty() || identity.kind.is_empty() || api_version.is_empty() {
            return Err(ProviderError::refused(
                "the manifest lacks apiVersion, kind or metadata.name, or one of them is a reference",
            ));
        }
        Ok(Place {
            cluster: self.cluster.key()?,
            api_version: api_version.into(),
            identity,
        })
    }

    /// Refuses what somebody else made: taking it over, we would delete it one day.
    pub(super) fn refuse_taken(
        place: &Place,
        live: Option<&Value>,
        forces: bool,
    ) -> Result<(), ProviderError> {
        let Some(live) = live else { return Ok(()) };
        let identity = &place.identity;
        if !live["metadata"]["deletionTimestamp"].is_null() {
            return Err(ProviderError::transient(format!(
                "{identity} is still going away: {}",
                finalizers(live)
            )));
        }
        if ownership::is_managed(live) || forces {
            return Ok(());
        }
        let managers = ownership::managers(live).join(", ");
        Err(
            ProviderError::refused(format!("there is a {identity} already, made by {managers}")).with_hint(
                format!(
                    "`vvbill import PLAN ADDRESS '{place}'` takes it up; --force-conflicts takes it over"
                ),
            ),
        )
    }
}

fn finalizers(live: &Value) -> String {
    let names = live["metadata"]["finalizers"].as_array().into_iter().flatten();
    let names: Vec<&str> = names.filter_map(Value::as_str).collect();
    match names.is_empty() {
        true => "its dependents are on their way".into(),
        false => format!("{} hold it", names.join(", ")),
    }
}

/// The live object, in the version of the API in which we wrote it.
pub(super) async fn look(cluster: &Standing, place: &Place) -> Result<Option<Value>, ProviderError> {
    let found = cluster.get(&place.api_version, &place.identity).await?;
    let written_in = found
        .as_ref()
        .and_then(ownership::ours)
        .map(|(_, version)| version.to_owned());
    match written_in {
        Some(version) if version != place.api_version && !version.is_empty() => {
            cluster.get(&version, &place.identity).await
        }
        _ => Ok(found),
    }
}

/// The cluster and the object that an id names, where both are there.
pub(super) async fn locate(cloud: &Clusters, id: &str) -> Result<Option<(Cluster, Value)>, ProviderError> {
    let place: Place = id.parse()?;
    let Some(cluster) = cloud.at(&place.cluster).await? else {
        return Ok(None);
    };
    let live = look(&cluster, &place).await?;
    Ok(live.map(|live| (cluster.cluster.clone(), live)))
}

impl Serialize for KubernetesObject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = Map::new();
        let cluster = serde_json::to_value(&self.cluster).map_err(serde::ser::Error::custom)?;
        let identity = serde_json::to_value(Identity::of(&self.object)).map_err(serde::ser::Error::custom)?;
        map.insert("cluster".into(), cluster);
        map.insert("identity".into(), identity);
        map.insert("object".into(), canonical(&self.object));
        for (name, tree) in [("owned", &self.owned), ("others", &self.others)] {
            if let Some(tree) = tree {
                map.insert(name.into(), tree.clone());
            }
        }
        map.serialize(serializer)
    }
}

/// The label by which an object says whose it is. Ours in any case: the API server notes no owner of an object that
/// has none of its fields from us, as a bare namespace.
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// Without what the API server writes, without nulls, which it drops, and with the label that says whose it is.
pub(super) fn canonical(object: &Value) -> Value {
    let mut object = without_nulls(object);
    if let Some(map) = object.as_object_mut() {
        map.remove("status");
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|key, _| {
            ![
                "creationTimestamp",
                "generation",
                "managedFields",
                "resourceVersion",
                "uid",
            ]
            .contains(&key.as_str())
        });
        let labels = metadata.entry("labels").or_insert_with(|| json!({}));
        if let Some(labels) = labels
            .as_object_mut()
            .filter(|labels| !labels.contains_key(MANAGED_BY))
        {
            labels.insert(MANAGED_BY.into(), FIELD_MANAGER.into());
        }
    }
    object
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key.clone(), without_nulls(value)))
            .collect::<Map<String, Value>>()
            .into(),
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

/// How long objects of a kind may take; the kind is an address's.
pub(super) fn deadline(kind: &str) -> Duration {
    let minutes = match kind {
        // A job does work of its own: a migration, a load.
        "job" => 60,
        // Brokers come one after the other, each with a volume.
        "kafka" | "kafkaconnect" | "kafkanodepool" => 30,
        // `progressDeadlineSeconds` is ten minutes by default, and says why.
        "deployment" | "daemonset" | "statefulset" | "namespace" => 20,
        _ => 5,
    };
    Duration::from_secs(60 * minutes)
}

impl Resource for KubernetesObject {
    const KIND: &'static str = "object";
    const REPLACE_ON: &'static [&'static str] = &["cluster", "identity"];
    const STABLE_OUTPUTS: &'static [&'static str] = &["name", "namespace", "uid"];
    const FOUND_BY: FoundBy = FoundBy::Name;
    type Cloud = Clusters;
    type Outputs = Outputs;

    fn compare(desired: &Value, observed: &Value, recorded: Option<&Value>) -> Vec<Change> {
        compare::properties(desired, observed, recorded)
    }

    async fn observe(cloud: &Clusters, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let Some((cluster, live)) = locate(cloud, id).await? else {
            return Ok(None);
        };
        Ok(Some((Self::found(cluster, &live), Outputs::of(&live))))
    }

    async fn find(&self, cloud: &Clusters, _token: &str) -> Result<Option<String>, ProviderError> {
        let place = self.place()?;
        let cluster = cloud.of(&self.cluster).await?;
        let found = look(&cluster, &place).await?;
        Ok(found.filter(ownership::is_managed).map(|_| place.to_string()))
    }

    async fn create(&self, cloud: &Clusters, _token: &str) -> Result<String, ProviderError> {
        let place = self.place()?;
        let cluster = cloud.of(&self.cluster).await?;
        let live = look(&cluster, &place).await?;
        Self::refuse_taken(&place, live.as_ref(), cloud.forces())?;
        let writing = Writing {
            force: cloud.forces(),
            dry_run: false,
        };
        cluster.apply(&for_creation(&self.object), writing).await?;
        Ok(place.to_string())
    }

    async fn readiness(&self, cloud: &Clusters, id: &str) -> Result<Readiness, ProviderError> {
        let found = locate(cloud, id).await?;
        Ok(found.map_or_else(|| Readiness::seen(false), |(_, live)| readiness::judge(&live)))
    }

    async fn update(&self, cloud: &Clusters, _id: &str, changes: &[Change]) -> Result<(), ProviderError> {
        let place = self.place()?;
        let cluster = cloud.of(&self.cluster).await?;
        let force = cloud.forces();
        let sent = match look(&cluster, &place).await? {
            Some(live) if !force => for_update(&self.object, &live, changes),
            _ => for_creation(&self.object),
        };
        let writing = Writing {
            force,
            dry_run: false,
        };
        cluster.apply(&sent, writing).await.map(drop)
    }

    async fn delete(cloud: &Clusters, id: &str) -> Result<(), ProviderError> {
        let place: Place = id.parse()?;
        let Some(cluster) = cloud.at(&place.cluster).await? else {
            return Ok(());
        };
        let waits = has_dependents(&place.identity.group);
        cluster.delete(&place.api_version, &place.identity, waits).await
    }

    /// Claims of volumes outlive what asked for them: they are data.
    async fn leftover(cloud: &Clusters, id: &str) -> Result<Option<String>, ProviderError> {
        let place: Place = id.parse()?;
        let identity = &place.identity;
        let Some(namespace) = identity
            .namespace
            .as_deref()
            .filter(|_| has_dependents(&identity.group))
        else {
            return Ok(None);
        };
        let Some(cluster) = cloud.at(&place.cluster).await? else {
            return Ok(None);
        };
        let claims = cluster
            .list("v1", "PersistentVolumeClaim", Some(namespace), "")
            .await?;
        let names: Vec<&str> = claims
            .iter()
            .filter(|claim| is_claim_of(claim, &identity.name))
            .filter_map(|claim| claim["metadata"]["name"].as_str())
            .collect();
        Ok((!names.is_empty()).then(|| {
            format!(
                "the volume claims {0} of {namespace}, with the data on them; \
                 `kubectl delete pvc --namespace {namespace} {1}` removes them",
                names.join(", "),
                names.join(" ")
            )
        }))
    }
}

/// Whether objects of this group make others: pods, above all. Those are waited for when they go.
fn has_dependents(group: &str) -> bool {
    matches!(group, "apps" | "batch") || group.contains('.') && !group.ends_with(".k8s.io")
}

/// A claim says whose it is by a label, or by its name: that of a stateful set is `TEMPLATE-SET-NUMBER`.
fn is_claim_of(claim: &Value, name: &str) -> bool {
    let labels = &claim["metadata"]["labels"];
    let labelled = [
        "app.kubernetes.io/instance",
        "strimzi.io/cluster",
        "strimzi.io/pool-name",
    ];
    let own_name = claim["metadata"]["name"].as_str().unwrap_or_default();
    let numbered = own_name
        .rsplit_once('-')
        .is_some_and(|(rest, number)| rest.ends_with(&format!("-{name}")) && number.parse::<u32>().is_ok());
    numbered || labelled.iter().any(|label| labels[*label] == name)
}

impl Outputs {
    pub(super) fn of(live: &Value) -> Self {
        let metadata = &live["metadata"];
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let ingress = &live["status"]["loadBalancer"]["ingress"][0];
        Self {
            name: text(&metadata["name"]).unwrap_or_default(),
            namespace: text(&metadata["namespace"]),
            uid: text(&metadata["uid"]).unwrap_or_default(),
            host: text(&ingress["hostname"]).or_else(|| text(&ingress["ip"])),
        }
    }
}
