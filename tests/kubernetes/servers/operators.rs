//! The operators of the plans as charts of our own: the kinds that each brings, and nothing that runs.
//!
//! The kinds take whatever is written. `VVBILL_TEST_DEFINITIONS` names a folder with the real
//! CustomResourceDefinitions, which are then used in their place.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

/// An operator's name in plans, its chart, that chart's version, and what it brings.
pub struct Operator {
    pub name: &'static str,
    chart: &'static str,
    version: &'static str,
    /// Group, plural, kind, version.
    kinds: &'static [(&'static str, &'static str, &'static str, &'static str)],
}

pub const OPERATORS: [Operator; 4] = [
    Operator {
        name: "aws-load-balancer-controller",
        chart: "aws-load-balancer-controller",
        version: "3.3.0",
        kinds: &[(
            "elbv2.k8s.aws",
            "targetgroupbindings",
            "TargetGroupBinding",
            "v1beta1",
        )],
    },
    Operator {
        name: "cluster-autoscaler",
        chart: "cluster-autoscaler",
        version: "9.56.0",
        kinds: &[],
    },
    Operator {
        name: "prometheus",
        chart: "kube-prometheus-stack",
        version: "88.2.0",
        kinds: &[
            ("monitoring.coreos.com", "prometheusrules", "PrometheusRule", "v1"),
            ("monitoring.coreos.com", "servicemonitors", "ServiceMonitor", "v1"),
        ],
    },
    Operator {
        name: "strimzi",
        chart: "strimzi-kafka-operator",
        version: "1.0.0",
        kinds: &[
            ("kafka.strimzi.io", "kafkas", "Kafka", "v1"),
            ("kafka.strimzi.io", "kafkanodepools", "KafkaNodePool", "v1"),
            ("kafka.strimzi.io", "kafkatopics", "KafkaTopic", "v1"),
            ("kafka.strimzi.io", "kafkausers", "KafkaUser", "v1"),
            (
                "kafka.strimzi.io",
                "kafkamirrormaker2s",
                "KafkaMirrorMaker2",
                "v1",
            ),
        ],
    },
];

impl Operator {
    /// The kinds that it brings, as text of YAML.
    pub fn definitions(&self) -> Vec<String> {
        let real = std::env::var_os("VVBILL_TEST_DEFINITIONS");
        let of = |(group, plural, kind, version): &(&str, &str, &str, &str)| match &real {
            Some(folder) => found_in(Path::new(folder), &format!("{plural}.{group}")),
            None => small(group, plural, kind, version).to_string(),
        };
        self.kinds.iter().map(of).collect()
    }

    /// Its chart, in a folder below this one; the path to it.
    pub fn chart(&self, folder: &Path) -> String {
        let chart = folder.join(self.chart);
        fs::create_dir_all(chart.join("crds")).unwrap();
        fs::create_dir_all(chart.join("templates")).unwrap();
        let about = json!({ "apiVersion": "v2", "name": self.chart, "version": self.version });
        fs::write(chart.join("Chart.yaml"), about.to_string()).unwrap();
        for (number, text) in self.definitions().iter().enumerate() {
            fs::write(chart.join(format!("crds/{number}.yaml")), text).unwrap();
        }
        let marker = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": { "name": "{{ .Release.Name }}" }, "data": { "is": "here" },
        });
        fs::write(chart.join("templates/marker.yaml"), marker.to_string()).unwrap();
        chart.display().to_string()
    }
}

fn small(group: &str, plural: &str, kind: &str, version: &str) -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": format!("{plural}.{group}"), "annotations": {
            // The API server asks for it where a group ends in k8s.io.
            "api-approved.kubernetes.io": "unapproved, for tests",
        } },
        "spec": {
            "group": group, "scope": "Namespaced",
            "names": { "plural": plural, "singular": kind.to_lowercase(), "kind": kind },
            "versions": [{
                "name": version, "served": true, "storage": true, "subresources": { "status": {} },
                "schema": { "openAPIV3Schema": { "type": "object", "properties": {
                    "spec": { "type": "object", "x-kubernetes-preserve-unknown-fields": true },
                    "status": { "type": "object", "x-kubernetes-preserve-unknown-fields": true },
                } } },
            }],
        },
    })
}

/// The text of the file that holds this definition.
fn found_in(folder: &Path, name: &str) -> String {
    let files = fs::read_dir(folder).unwrap_or_else(|why| panic!("{}: {why}", folder.display()));
    let mut texts = files.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    let line = format!("\n  name: {name}\n");
    let text = texts.find(|text| text.contains(&line));
    text.unwrap_or_else(|| panic!("{} has no {name}", folder.display()))
}
