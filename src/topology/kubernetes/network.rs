//! Who may talk to whom: a policy for each component, over a namespace in which nobody may.

use serde::Serialize;
use serde_json::{Value, json};

use super::pieces::{COMPONENT, block};
use super::{Error, NAMESPACE, Writer};
use crate::spec::Tier;

/// Where Prometheus runs.
pub(super) const MONITORING_NAMESPACE: &str = "monitoring";

/// EKS's agent, which gives pods the credentials of their role.
const POD_IDENTITY_AGENT: &str = "169.254.170.23/32";

/// A component's policy, as its template takes it.
#[derive(Debug, Serialize)]
pub(super) struct Policy {
    component: String,
    /// As YAML.
    ingress: String,
    egress: String,
}

#[derive(Serialize)]
struct Values {
    comments: std::collections::BTreeMap<&'static str, Vec<String>>,
    volumes: bool,
}

impl Writer<'_> {
    pub(super) fn namespace(&mut self) -> Result<(), Error> {
        let spec = self.spec;
        let kafka = spec.kafka.as_ref().filter(|_| self.place.runs(Tier::Kafka));
        let of_kafka = kafka.is_some_and(|kafka| {
            kafka.storage.is_some() && kafka.storage_class.as_deref().unwrap_or("gp3") == "gp3"
        });
        let of_buffer = spec.buffer.is_some() && self.place.runs(Tier::Buffer);
        let values = Values {
            comments: self.said(&[("storage", &["kafka", "storage_class"])]),
            volumes: of_kafka || of_buffer || spec.monitoring.is_some(),
        };
        self.write("00-namespace.yaml", "namespace.yaml", ("eks", "eks"), &values)
    }
}

pub(super) fn policy(component: &str, ingress: Vec<Value>, egress: Vec<Value>) -> Policy {
    Policy {
        component: component.to_owned(),
        ingress: block(&ingress),
        egress: block(&egress),
    }
}

/// From pods of these components.
pub(super) fn from(components: &[&str], ports: &[u16]) -> Value {
    json!({ "from": peers(components), "ports": tcp(ports) })
}

/// To pods of these components.
pub(super) fn to(components: &[&str], ports: &[u16]) -> Value {
    json!({ "to": peers(components), "ports": tcp(ports) })
}

/// From whatever has an address of the network: load balancers.
pub(super) fn from_network(cidr: &str, ports: &[u16]) -> Value {
    json!({ "from": [{ "ipBlock": { "cidr": cidr } }], "ports": tcp(ports) })
}

/// To whatever has an address of the network: shards, their proxies, caches.
pub(super) fn to_network(cidr: &str, ports: &[u16]) -> Value {
    json!({ "to": [{ "ipBlock": { "cidr": cidr } }], "ports": tcp(ports) })
}

/// From Prometheus.
pub(super) fn from_monitoring(ports: &[u16]) -> Value {
    json!({
        "from": [{ "namespaceSelector": { "matchLabels": {
            "kubernetes.io/metadata.name": MONITORING_NAMESPACE
        } } }],
        "ports": tcp(ports),
    })
}

/// To Kubernetes' own API and those of AWS: both have addresses that nobody can tell before.
pub(super) fn to_https() -> Value {
    json!({ "to": [{ "ipBlock": { "cidr": "0.0.0.0/0" } }], "ports": tcp(&[443]) })
}

/// To what gives a pod the credentials of its role.
pub(super) fn to_credentials() -> Value {
    json!({ "to": [{ "ipBlock": { "cidr": POD_IDENTITY_AGENT } }], "ports": tcp(&[80]) })
}

fn peers(components: &[&str]) -> Vec<Value> {
    let peer = |component: &&str| json!({ "podSelector": { "matchLabels": { COMPONENT: component } } });
    components.iter().map(peer).collect()
}

fn tcp(ports: &[u16]) -> Vec<Value> {
    let mut ports = ports.to_vec();
    ports.sort_unstable();
    ports.dedup();
    ports
        .iter()
        .map(|port| json!({ "port": port, "protocol": "TCP" }))
        .collect()
}

/// A pod's name in the cluster's DNS, behind a service without an address of its own.
pub(super) fn pod_host(set: &str, number: u32, service: &str) -> String {
    format!("{set}-{number}.{}", service_host(service))
}

/// A service's name in the cluster's DNS.
pub(super) fn service_host(service: &str) -> String {
    format!("{service}.{NAMESPACE}.svc.cluster.local")
}
