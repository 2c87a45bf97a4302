//! The second region's copy of the log, by MirrorMaker 2.

use serde::Serialize;
use serde_json::{Value, json};

use super::kafka::{CLUSTER, compression};
use super::network::{Policy, from_monitoring, policy, to, to_network};
use super::{Error, Writer, places};
use crate::spec::{Compression, Kafka, Tier};

/// Copiers at most: more have no partitions to share.
const TASKS_AT_MOST: u32 = 20;

#[derive(Serialize)]
struct Values {
    cluster: &'static str,
    version: String,
    bootstrap: String,
    source_region: String,
    source_bootstrap: String,
    replication_factor: u32,
    compression: &'static str,
    tasks: u32,
    topics: String,
    groups: String,
    policies: Vec<Policy>,
}

impl Writer<'_> {
    pub(super) fn mirror(&mut self) -> Result<(), Error> {
        let Some(kafka) = self.spec.kafka.as_ref() else {
            return Ok(());
        };
        let (Some(bootstrap), false) = (self.bootstrap(), self.place.primary) else {
            return Ok(());
        };
        let first = self.place.first_region();
        let port = self.mirror_policy_port(kafka).unwrap_or_default();
        let client_port = bootstrap.rsplit(':').next().and_then(|port| port.parse().ok());
        let to_source = self.other_cidr().map(|cidr| to_network(&cidr, &[port]));
        let local = to(&["kafka"], &[client_port.unwrap_or(9_092)]);
        // The workers of a copy share their work out among themselves.
        let among = to(&["mirror"], &[8_083]);
        let values = Values {
            cluster: CLUSTER,
            version: kafka.version.clone(),
            bootstrap,
            source_region: first.to_owned(),
            source_bootstrap: format!("{}:{port}", self.mirror_host(first, None)),
            replication_factor: kafka.default_replication_factor,
            compression: match kafka.compression {
                Compression::Producer | Compression::Uncompressed => "none",
                other => compression(other),
            },
            tasks: kafka.partitions.clamp(1, TASKS_AT_MOST),
            topics: self.mirrored_topics(kafka),
            groups: match &self.spec.ingest {
                Some(ingest) => exactly(&[ingest.consumer_group.as_str()]),
                None => ".*".to_owned(),
            },
            policies: vec![policy(
                "mirror",
                vec![
                    super::network::from(&["mirror"], &[8_083]),
                    from_monitoring(&[super::kafka::METRICS_PORT]),
                ],
                [local, among].into_iter().chain(to_source).collect(),
            )],
        };
        let origin = ("kafka", "regions.secondary.runs");
        self.write("22-mirror.yaml", "mirror.yaml", origin, &values)
    }

    fn mirrored_topics(&self, kafka: &Kafka) -> String {
        let mut names: Vec<&str> = kafka.topics.keys().map(String::as_str).collect();
        if let Some(ingest) = &self.spec.ingest {
            names.extend([ingest.topic.as_str(), ingest.dead_letter_topic.as_str()]);
        }
        names.sort_unstable();
        names.dedup();
        match names.as_slice() {
            [] => ".*".to_owned(),
            names => exactly(names),
        }
    }

    /// The listener that the second region's copy reads from: encrypted, by certificate, inside the network.
    pub(super) fn mirror_listener(&self, kafka: &Kafka) -> Value {
        let region = self.place.region;
        let internal = json!({
            "service.beta.kubernetes.io/aws-load-balancer-type": "nlb",
            "service.beta.kubernetes.io/aws-load-balancer-internal": "true",
        });
        let named = |host: String| {
            let mut annotations = internal.clone();
            annotations["external-dns.alpha.kubernetes.io/hostname"] = host.into();
            annotations
        };
        let brokers: Vec<Value> = (0..kafka.brokers)
            .map(|id| {
                let host = self.mirror_host(region, Some(id));
                json!({ "broker": id, "advertisedHost": host, "annotations": named(host.clone()) })
            })
            .collect();
        let bootstrap = self.mirror_host(region, None);
        let mut listener = json!({
            "name": "mirror",
            "port": self.mirror_policy_port(kafka),
            "type": "loadbalancer",
            "tls": true,
            "authentication": { "type": "tls" },
            "configuration": {
                "bootstrap": { "alternativeNames": [bootstrap], "annotations": named(bootstrap.clone()) },
                "brokers": brokers,
            },
        });
        if let Some(cidr) = self.other_cidr() {
            listener["networkPolicyPeers"] = json!([{ "ipBlock": { "cidr": cidr } }]);
            listener["configuration"]["loadBalancerSourceRanges"] = json!([cidr]);
        }
        listener
    }

    /// A name in the edge's domain, or one that has to be chosen where there is none.
    fn mirror_host(&self, region: &str, broker: Option<u32>) -> String {
        let domain = self.spec.edge.as_ref().map(|edge| edge.domain.to_string());
        let domain = domain.unwrap_or_else(|| "kafka.internal".to_owned());
        match broker {
            None => format!("kafka-{region}.{domain}"),
            Some(id) => format!("kafka-{id}-{region}.{domain}"),
        }
    }

    /// Addresses of the other region's network, where that runs Kafka.
    pub(super) fn other_cidr(&self) -> Option<String> {
        let mut others = places(self.spec).into_iter();
        let other = others.find(|place| place.primary != self.place.primary)?;
        other.cidr().filter(|_| other.runs(Tier::Kafka))
    }
}

/// A pattern of these names and no others.
fn exactly(names: &[&str]) -> String {
    let escaped: Vec<String> = names.iter().map(|name| name.replace('.', "\\.")).collect();
    escaped.join("|")
}
