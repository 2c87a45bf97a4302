//! An operator that comes as a Helm chart: installed by the program `helm` where the plan says so, otherwise only
//! looked for, with the command that would install it.

mod place;
mod program;
mod record;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use self::place::Place;
pub(super) use self::program::lacking;
use self::program::{TIMEOUT, file_of, quoted};
use super::Cluster;
use super::client::Clusters;
use super::identity::Identity;
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{Change, diff};

/// A release of a chart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HelmRelease {
    /// Where it stands.
    pub cluster: Cluster,
    /// Unique in its namespace.
    pub name: String,
    /// Made if it isn't there.
    pub namespace: String,
    /// The chart's name in its repository, or `oci://…`.
    pub chart: String,
    /// The repository's URL; none for `oci://`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// The chart's version, one and no range.
    pub version: String,
    /// The values that differ from the chart's own.
    #[serde(default)]
    pub values: Map<String, Value>,
    /// False: somebody else installs it, and it is only looked for.
    pub install: bool,
    /// The CustomResourceDefinitions by which it is known, such as `kafkas.kafka.strimzi.io`.
    #[serde(default)]
    pub definitions: BTreeSet<String>,
}

/// What others may refer to.
#[derive(Debug, Serialize)]
pub struct Outputs {
    name: String,
    namespace: String,
}

impl HelmRelease {
    fn id(&self) -> Result<String, ProviderError> {
        let (cluster, namespace, name) = (self.cluster.key()?, &self.namespace, &self.name);
        Ok(match self.install {
            true => format!("{cluster}::helm/{namespace}/{name}"),
            false => {
                let definitions: Vec<&str> = self.definitions.iter().map(String::as_str).collect();
                format!("{cluster}::present/{namespace}/{name}/{}", definitions.join(","))
            }
        })
    }

    /// The arguments of `helm` that make it, but those that are about this machine's files.
    fn arguments(&self) -> Vec<String> {
        let mut arguments = ["upgrade", "--install", &self.name, &self.chart]
            .map(str::to_owned)
            .to_vec();
        let mut option = |name: &str, value: &str| arguments.extend([name.to_owned(), value.to_owned()]);
        if let Some(repository) = &self.repository {
            option("--repo", repository);
        }
        option("--version", &self.version);
        option("--namespace", &self.namespace);
        arguments.push("--create-namespace".into());
        arguments
    }

    /// The command that a person would type.
    fn command_line(&self) -> String {
        let mut line = "helm".to_owned();
        for argument in self.arguments() {
            line.push(' ');
            line.push_str(&quoted(&argument));
        }
        for (name, value) in &self.values {
            let _ = write!(line, " --set-json {}", quoted(&format!("{name}={value}")));
        }
        line
    }

    async fn install(&self, cloud: &Clusters) -> Result<(), ProviderError> {
        let values = file_of(&Value::Object(self.values.clone()))?;
        let mut arguments = self.arguments();
        arguments.extend(["--atomic", "--timeout", TIMEOUT, "--values"].map(str::to_owned));
        arguments.push(values.path().display().to_string());
        program::run(cloud, &self.cluster, &arguments).await
    }

    /// Refuses where something by which it is known isn't there.
    async fn refuse_absent(&self, cloud: &Clusters) -> Result<(), ProviderError> {
        let missing = missing(cloud, &self.cluster, &self.definitions).await?;
        if missing.is_empty() {
            return Ok(());
        }
        let missing: Vec<&str> = missing.iter().map(String::as_str).collect();
        Err(ProviderError::refused(format!(
            "{} {} is not installed: the cluster has no {}",
            self.chart,
            self.version,
            missing.join(", ")
        ))
        .with_hint(format!(
            "install it: `{}`; or let the plan do it with `install: true`",
            self.command_line()
        )))
    }
}

/// Which of these definitions the cluster lacks.
async fn missing(
    cloud: &Clusters,
    cluster: &Cluster,
    definitions: &BTreeSet<String>,
) -> Result<BTreeSet<String>, ProviderError> {
    let cluster = cloud.of(cluster).await?;
    let mut missing = BTreeSet::new();
    for name in definitions {
        let identity = Identity {
            group: "apiextensions.k8s.io".into(),
            kind: "CustomResourceDefinition".into(),
            namespace: None,
            name: name.clone(),
        };
        if cluster.get("apiextensions.k8s.io/v1", &identity).await?.is_none() {
            missing.insert(name.clone());
        }
    }
    Ok(missing)
}

/// Without the repository's path: Helm records the chart's own name.
fn own_name(chart: &Value) -> &str {
    let text = chart.as_str().unwrap_or_default();
    text.rsplit('/').next().unwrap_or(text)
}

impl Resource for HelmRelease {
    const KIND: &'static str = "helm_release";
    const REPLACE_ON: &'static [&'static str] = &["cluster", "namespace", "name", "install", "definitions"];
    const STABLE_OUTPUTS: &'static [&'static str] = &["name", "namespace"];
    const FOUND_BY: FoundBy = FoundBy::Name;
    const DEADLINE: Duration = Duration::from_secs(15 * 60);
    type Cloud = Clusters;
    type Outputs = Outputs;

    /// Helm records neither the repository nor the definitions; what is only looked for has nothing that differs.
    fn compare(desired: &Value, observed: &Value, recorded: Option<&Value>) -> Vec<Change> {
        let mut wanted = desired.clone();
        let Some(map) = wanted.as_object_mut() else {
            return diff(desired, observed);
        };
        let unrecorded = ["repository", "install", "definitions"].map(|key| (key, map.remove(key)));
        let installs = |properties: &Value| properties["install"] == true;
        if !installs(observed) {
            map.retain(|key, _| ["cluster", "namespace", "name"].contains(&key.as_str()));
            let mut changes = diff(&wanted, observed);
            if installs(desired) {
                changes.extend(diff(&serde_json::json!({ "install": true }), observed));
            } else {
                let definitions = serde_json::json!({ "definitions": desired["definitions"] });
                changes.extend(diff(&definitions, observed));
            }
            return changes;
        }
        if !installs(desired) {
            // Installed by us once, and from now on somebody else's: it stays as it is.
            return Vec::new();
        }
        if own_name(&desired["chart"]) == own_name(&observed["chart"]) {
            map.remove("chart");
        }
        let values = map.remove("values").unwrap_or_default();
        let mut changes = diff(&wanted, observed);
        if values != observed["values"] {
            let (before, after) = (observed["values"].clone(), values);
            changes.push(Change {
                path: "/values".into(),
                before,
                after,
            });
        }
        let [(_, repository), ..] = unrecorded;
        if let Some(recorded) = recorded {
            let (before, after) = (recorded["repository"].clone(), repository.unwrap_or_default());
            if before != after {
                changes.push(Change {
                    path: "/repository".into(),
                    before,
                    after,
                });
            }
        }
        changes
    }

    async fn observe(cloud: &Clusters, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let place = Place::parse(id)?;
        let Some(cluster) = cloud.at(&place.cluster).await? else {
            return Ok(None);
        };
        let outputs = Outputs {
            name: place.name.clone(),
            namespace: place.namespace.clone(),
        };
        let mut found = Self {
            cluster: cluster.cluster.clone(),
            name: place.name,
            namespace: place.namespace,
            chart: String::new(),
            repository: None,
            version: String::new(),
            values: Map::new(),
            install: place.looked_for.is_none(),
            definitions: BTreeSet::new(),
        };
        if let Some(definitions) = place.looked_for {
            let all_there = missing(cloud, &found.cluster, &definitions).await?.is_empty();
            found.definitions = definitions;
            return Ok(all_there.then_some((found, outputs)));
        }
        let Some(release) = record::read(&cluster, &found.namespace, &found.name).await? else {
            return Ok(None);
        };
        found.chart = release.chart.metadata.name;
        found.version = release.chart.metadata.version;
        if let Value::Object(values) = release.config {
            found.values = values;
        }
        Ok(Some((found, outputs)))
    }

    async fn find(&self, cloud: &Clusters, _token: &str) -> Result<Option<String>, ProviderError> {
        let id = self.id()?;
        let found = match self.install {
            true => {
                let cluster = cloud.of(&self.cluster).await?;
                record::read(&cluster, &self.namespace, &self.name)
                    .await?
                    .is_some()
            }
            false => missing(cloud, &self.cluster, &self.definitions).await?.is_empty(),
        };
        Ok(found.then_some(id))
    }

    async fn create(&self, cloud: &Clusters, _token: &str) -> Result<String, ProviderError> {
        match self.install {
            true => self.install(cloud).await?,
            false => self.refuse_absent(cloud).await?,
        }
        self.id()
    }

    async fn readiness(&self, cloud: &Clusters, id: &str) -> Result<Readiness, ProviderError> {
        let place = Place::parse(id)?;
        if place.looked_for.is_some() {
            return Ok(Readiness::Ready);
        }
        let cluster = cloud.of(&self.cluster).await?;
        let Some(release) = record::read(&cluster, &place.namespace, &place.name).await? else {
            return Ok(Readiness::seen(false));
        };
        Ok(match release.info.status.as_str() {
            "deployed" => Readiness::Ready,
            "failed" => Readiness::Failed(format!("the release failed: {}", release.info.description)),
            other => Readiness::Pending(format!("the release is {other}")),
        })
    }

    async fn update(&self, cloud: &Clusters, _id: &str, _changes: &[Change]) -> Result<(), ProviderError> {
        match self.install {
            true => self.install(cloud).await,
            false => Ok(()),
        }
    }

    async fn delete(cloud: &Clusters, id: &str) -> Result<(), ProviderError> {
        let place = Place::parse(id)?;
        if place.looked_for.is_some() {
            return Ok(());
        }
        let Some(cluster) = cloud.at(&place.cluster).await? else {
            return Ok(());
        };
        if record::read(&cluster, &place.namespace, &place.name)
            .await?
            .is_none()
        {
            return Ok(());
        }
        let arguments = [
            "uninstall",
            &place.name,
            "--namespace",
            &place.namespace,
            "--wait",
            "--timeout",
            TIMEOUT,
        ];
        program::run(cloud, &cluster.cluster, &arguments.map(str::to_owned)).await
    }

    async fn outlives(_cloud: &Clusters, id: &str) -> Result<bool, ProviderError> {
        Ok(Place::parse(id)?.looked_for.is_some())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn strimzi() -> HelmRelease {
        serde_json::from_value(json!({
            "cluster": { "kubeconfig": "config" },
            "name": "strimzi", "namespace": "kafka", "chart": "strimzi-kafka-operator",
            "repository": "https://strimzi.io/charts/", "version": "0.45.0",
            "values": { "watchNamespaces": ["kafka", "it's"] }, "install": true,
        }))
        .unwrap()
    }

    /// Protects: the command in the message can be typed as it stands.
    #[test]
    fn the_command_line_is_one_for_a_shell() {
        assert_eq!(
            strimzi().command_line(),
            "helm upgrade --install strimzi strimzi-kafka-operator --repo https://strimzi.io/charts/ \
             --version 0.45.0 --namespace kafka --create-namespace \
             --set-json 'watchNamespaces=[\"kafka\",\"it'\\''s\"]'"
        );
    }

    /// Protects: a second plan is empty, although Helm records neither repository nor definitions; another
    /// version, other values or another repository are changes.
    #[test]
    fn what_helm_does_not_record_is_no_difference() {
        let wanted = serde_json::to_value(strimzi()).unwrap();
        let mut found = wanted.clone();
        found["repository"] = Value::Null;
        let paths = |wanted: &Value, found: &Value, recorded: &Value| -> Vec<String> {
            let changes = HelmRelease::compare(wanted, found, Some(recorded));
            changes.into_iter().map(|change| change.path).collect()
        };
        assert!(paths(&wanted, &found, &wanted).is_empty());
        let mut other = wanted.clone();
        other["version"] = json!("0.46.0");
        other["values"] = json!({});
        other["repository"] = json!("https://mirror.example/");
        assert_eq!(
            paths(&other, &found, &wanted),
            ["/version", "/values", "/repository"]
        );
    }
}
