//! Helm releases of what runs in the cluster for the cluster, and the script that installs them.
//!
//! Each version is fixed here. Seen in the charts' own repositories: Strimzi 1.0.0 (April 2026, Kafka 4.1 and 4.2),
//! AWS load balancer controller 3.3.0 (May 2026), kube-prometheus-stack 88.2.0 (August 2026), cluster autoscaler
//! 9.56.0 (March 2026). Not looked up: Karpenter 1.8.1.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::monitoring::time;
use super::network::MONITORING_NAMESPACE;
use super::pieces::{block, quantity};
use super::{Error, NAMESPACE, Writer};
use crate::spec::{Monitoring, NodeAutoscaler, Operator, Tier};

const OPERATORS_NAMESPACE: &str = "operators";
const SYSTEM_NAMESPACE: &str = "kube-system";

/// A release before the plan has its say.
struct Known {
    chart: &'static str,
    repository: &'static str,
    version: &'static str,
    namespace: &'static str,
    values: Value,
    /// By which it is known.
    definitions: &'static [&'static str],
}

#[derive(Serialize)]
struct Script {
    cluster: String,
    releases: Vec<Release>,
}

/// A Helm release of an operator.
#[derive(Serialize)]
pub(in crate::topology) struct Release {
    /// The plan's name for it, and Helm's.
    pub(in crate::topology) name: String,
    pub(in crate::topology) chart: String,
    /// None where the chart is an `oci://` address.
    pub(in crate::topology) repository: Option<String>,
    pub(in crate::topology) version: String,
    pub(in crate::topology) namespace: String,
    #[serde(skip)]
    pub(in crate::topology) values: Value,
    /// False: somebody else does it.
    #[serde(skip)]
    pub(in crate::topology) install: bool,
    /// CustomResourceDefinitions that it brings, such as `kafkas.kafka.strimzi.io`.
    #[serde(skip)]
    pub(in crate::topology) definitions: &'static [&'static str],
}

#[derive(Serialize)]
struct ValuesFile {
    name: String,
    values: String,
}

impl Writer<'_> {
    pub(super) fn operators(&mut self) -> Result<(), Error> {
        let mut releases = self.releases()?;
        releases.retain(|release| release.install);
        if releases.is_empty() {
            return Ok(());
        }
        for release in &releases {
            let origin = format!("operators.{}", release.name);
            let file = ValuesFile {
                name: release.name.clone(),
                values: block(&release.values),
            };
            let path = format!("helm/{}.values", release.name);
            self.write(&path, "operator.values", ("operators", &origin), &file)?;
        }
        let script = Script {
            cluster: self
                .spec
                .eks
                .as_ref()
                .map_or_else(String::new, |eks| eks.name.clone()),
            releases,
        };
        let origin = ("operators", "operators");
        self.write("helm/install.sh", "install.sh", origin, &script)
    }

    /// Those that the plan installs, and those that it needs though somebody else installs them.
    pub(super) fn releases(&self) -> Result<Vec<Release>, Error> {
        let mut known = self.known();
        let mut releases = Vec::new();
        for (name, plan) in &self.spec.operators {
            let known = known.remove(name.as_str());
            if plan.install || known.is_some() {
                releases.push(release(name, known, plan)?);
            }
        }
        let default = Operator::default();
        for (name, known) in known {
            releases.push(release(name, Some(known), &default)?);
        }
        releases.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(releases)
    }

    /// What the plan needs here.
    fn known(&self) -> BTreeMap<&'static str, Known> {
        let mut known = BTreeMap::new();
        if let Some(kafka) = self.spec.kafka.as_ref().filter(|_| self.place.runs(Tier::Kafka)) {
            known.insert("strimzi", strimzi(&kafka.version));
        }
        let Some(eks) = &self.spec.eks else {
            return known;
        };
        if self.spec.load_balancer.is_some() && self.place.runs(Tier::Edge) {
            let vpc = self.place.output("vpc", "main", "id");
            known.insert(
                "aws-load-balancer-controller",
                load_balancer_controller(&eks.name, self.place.region, &vpc),
            );
        }
        if let Some(monitoring) = &self.spec.monitoring {
            known.insert("prometheus", prometheus(monitoring));
        }
        match eks.node_autoscaler {
            NodeAutoscaler::None => {}
            NodeAutoscaler::ClusterAutoscaler => {
                let autoscaler = cluster_autoscaler(&eks.name, &eks.version, self.place.region);
                known.insert("cluster-autoscaler", autoscaler);
            }
            NodeAutoscaler::Karpenter => {
                known.insert("karpenter", karpenter(&eks.name));
            }
        }
        known
    }
}

fn release(name: &str, known: Option<Known>, plan: &Operator) -> Result<Release, Error> {
    let lacks = |field: &str| Error::Unusable {
        field: format!("operators.{name}.{field}"),
        why: "vvbill has no operator of this name whose choice it could take, or the plan doesn't need it"
            .into(),
        fix: format!("set operators.{name}.{field}"),
    };
    let mut values = known
        .as_ref()
        .map_or_else(|| json!({}), |known| known.values.clone());
    for (path, value) in &plan.values {
        put(&mut values, path, typed(value));
    }
    let known = known.as_ref();
    let chart = plan.chart.clone().or(known.map(|it| it.chart.into()));
    let chart = chart.ok_or_else(|| lacks("chart"))?;
    let stands_alone = is_whole(&chart);
    let repository = plan.repository.clone().or(known.map(|it| it.repository.into()));
    let repository = repository.filter(|_| !stands_alone);
    if repository.is_none() && !stands_alone {
        return Err(lacks("repository"));
    }
    let version = plan.version.clone().or(known.map(|it| it.version.into()));
    let namespace = plan.namespace.clone().or(known.map(|it| it.namespace.into()));
    Ok(Release {
        name: name.to_owned(),
        chart,
        repository,
        version: version.ok_or_else(|| lacks("version"))?,
        namespace: namespace.unwrap_or_else(|| OPERATORS_NAMESPACE.into()),
        values,
        install: plan.install,
        definitions: known.map_or(&[][..], |it| it.definitions),
    })
}

/// Whether a chart needs no repository: an address, or a path on this machine.
fn is_whole(chart: &str) -> bool {
    ["oci://", "https://", "http://", "/", "./", "../"]
        .iter()
        .any(|opening| chart.starts_with(opening))
}

/// Sets what lies at a path with dots.
fn put(values: &mut Value, path: &str, value: Value) {
    let mut at = values;
    for key in path.split('.') {
        if !at.is_object() {
            *at = json!({});
        }
        at = &mut at[key];
    }
    *at = value;
}

/// As `helm --set` reads a text: numbers and truth values are such.
fn typed(text: &str) -> Value {
    match text {
        "true" => true.into(),
        "false" => false.into(),
        _ => text.parse::<i64>().map_or_else(|_| text.into(), Value::from),
    }
}

/// The last version that knows this Kafka.
fn strimzi(kafka: &str) -> Known {
    let newer = ["4.3.", "4.4."].iter().any(|version| kafka.starts_with(version));
    Known {
        chart: "strimzi-kafka-operator",
        repository: "https://strimzi.io/charts/",
        version: if newer { "1.1.0" } else { "1.0.0" },
        namespace: OPERATORS_NAMESPACE,
        definitions: &[
            "kafkas.kafka.strimzi.io",
            "kafkanodepools.kafka.strimzi.io",
            "kafkatopics.kafka.strimzi.io",
            "kafkausers.kafka.strimzi.io",
            "kafkamirrormaker2s.kafka.strimzi.io",
        ],
        values: json!({
            "watchNamespaces": [NAMESPACE],
            "replicas": 2,
            "extraEnvs": [{ "name": "STRIMZI_POD_SECURITY_PROVIDER_CLASS", "value": "restricted" }],
            "resources": {
                "requests": { "cpu": "200m", "memory": "512Mi" },
                "limits": { "cpu": "1", "memory": "512Mi" },
            },
        }),
    }
}

/// Load balancers are the plan's own; the controller only tells their target groups which pods there are.
fn load_balancer_controller(cluster: &str, region: &str, vpc: &str) -> Known {
    Known {
        chart: "aws-load-balancer-controller",
        repository: "https://aws.github.io/eks-charts",
        version: "3.3.0",
        namespace: SYSTEM_NAMESPACE,
        definitions: &["targetgroupbindings.elbv2.k8s.aws"],
        values: json!({
            "clusterName": cluster,
            "region": region,
            "vpcId": vpc,
            "replicaCount": 2,
            "enableServiceMutatorWebhook": false,
            "serviceAccount": { "create": true, "name": "aws-load-balancer-controller" },
            "resources": {
                "requests": { "cpu": "50m", "memory": "128Mi" },
                "limits": { "memory": "256Mi" },
            },
        }),
    }
}

fn prometheus(monitoring: &Monitoring) -> Known {
    let volume = json!({ "volumeClaimTemplate": { "spec": {
        "storageClassName": "gp3",
        "accessModes": ["ReadWriteOnce"],
        "resources": { "requests": { "storage": quantity(monitoring.storage) } },
    } } });
    Known {
        chart: "kube-prometheus-stack",
        repository: "https://prometheus-community.github.io/helm-charts",
        version: "88.2.0",
        namespace: MONITORING_NAMESPACE,
        definitions: &[
            "prometheusrules.monitoring.coreos.com",
            "servicemonitors.monitoring.coreos.com",
        ],
        values: json!({
            "prometheus": {
                "service": { "port": monitoring.port.get() },
                "prometheusSpec": {
                    "scrapeInterval": time(monitoring.scrape_interval),
                    "evaluationInterval": time(monitoring.evaluation_interval),
                    "retention": time(monitoring.retention),
                    "replicas": 2,
                    "storageSpec": volume,
                    // Whatever the plan writes into its namespace, without a label of this release.
                    "serviceMonitorSelectorNilUsesHelmValues": false,
                    "ruleSelectorNilUsesHelmValues": false,
                },
            },
            "grafana": {
                "enabled": monitoring.dashboards,
                "sidecar": { "dashboards": { "enabled": monitoring.dashboards, "searchNamespace": NAMESPACE } },
            },
        }),
    }
}

/// Its own version follows that of Kubernetes.
fn cluster_autoscaler(cluster: &str, kubernetes: &str, region: &str) -> Known {
    Known {
        chart: "cluster-autoscaler",
        repository: "https://kubernetes.github.io/autoscaler",
        version: "9.56.0",
        namespace: SYSTEM_NAMESPACE,
        definitions: &[],
        values: json!({
            "fullnameOverride": "cluster-autoscaler",
            "cloudProvider": "aws",
            "awsRegion": region,
            "autoDiscovery": { "clusterName": cluster },
            "image": { "tag": format!("v{kubernetes}.0") },
            "rbac": { "serviceAccount": { "create": true, "name": "cluster-autoscaler" } },
            "extraArgs": {
                "balance-similar-node-groups": true,
                "skip-nodes-with-local-storage": false,
            },
            "resources": {
                "requests": { "cpu": "50m", "memory": "256Mi" },
                "limits": { "memory": "512Mi" },
            },
        }),
    }
}

fn karpenter(cluster: &str) -> Known {
    Known {
        chart: "oci://public.ecr.aws/karpenter/karpenter",
        repository: "",
        version: "1.8.1",
        namespace: SYSTEM_NAMESPACE,
        definitions: &["ec2nodeclasses.karpenter.k8s.aws", "nodepools.karpenter.sh"],
        values: json!({ "settings": { "clusterName": cluster } }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_s_values_are_laid_over_vvbill_s_own() {
        let plan = Operator {
            version: Some("9.9.9".into()),
            values: [
                ("resources.requests.cpu", "1"),
                ("replicas", "3"),
                ("logLevel", "DEBUG"),
            ]
            .map(|(path, value)| (path.to_owned(), value.to_owned()))
            .into(),
            ..Operator::default()
        };
        let release = release("strimzi", Some(strimzi("4.1.0")), &plan).expect("a known one needs nothing");
        assert_eq!(release.version, "9.9.9");
        assert_eq!(release.values["replicas"], 3);
        assert_eq!(release.values["logLevel"], "DEBUG");
        assert_eq!(release.values["resources"]["requests"]["cpu"], 1);
        assert_eq!(release.values["resources"]["requests"]["memory"], "512Mi");
    }

    #[test]
    fn an_unknown_operator_says_what_it_lacks() {
        let why = release("other", None, &Operator::default())
            .err()
            .map(|why| why.to_string());
        assert!(why.is_some_and(|why| why.contains("operators.other.chart")));
    }
}
