//! What stands, as load tests, drills and people reach it.

use serde_json::Value;

use super::super::kubernetes::endpoints as services;
use crate::endpoints::{Endpoints, Shard};
use crate::provider::aws::NAME;
use crate::resource::Address;
use crate::spec::{RecordTarget, Spec};
use crate::state::State;

/// The first part of the addresses of what the cluster has.
const KUBERNETES: &str = "kubernetes";

/// Where the primary region's parts are reached from inside its network, and the API from outside.
pub(in crate::topology) fn endpoints(spec: &Spec, state: &State) -> Endpoints {
    let Some(regions) = &spec.regions else {
        return Endpoints::default();
    };
    let output = |kind: &str, name: &str, output: &str| -> Option<&Value> {
        let address = Address::new(NAME, &regions.primary, kind, name);
        state.resources.get(&address)?.outputs.get(output)
    };
    let text = |kind: &str, name: &str, of: &str| Some(output(kind, name, of)?.as_str()?.to_owned());
    let shard = |number: u32| {
        let aurora = spec.aurora.as_ref()?;
        let name = format!("shard-{number}");
        let port = output("db_cluster", &name, "port")?.as_u64()?;
        let host = text("db_proxy", &name, "endpoint").or_else(|| text("db_cluster", &name, "endpoint"))?;
        Some(Shard {
            number: u16::try_from(number).ok()?,
            hosts: vec![format!("{host}:{port}")],
            patroni: Vec::new(),
            database: aurora.database_name.clone(),
            user: aurora.master_username.clone(),
            password: text("db_cluster", &name, "secret_arn").map(|arn| format!("secretsmanager:{arn}")),
        })
    };
    let listens = text("load_balancer", "main", "dns_name");
    let ingest = spec.ingest.clone().unwrap_or_default();
    // What runs in the cluster is reached by the names of its services, from inside its network.
    let in_cluster = |kind: &str, name: &str| {
        let mut addresses = state.resources.keys();
        addresses.any(|address| {
            (
                address.provider(),
                address.region(),
                address.kind(),
                address.name(),
            ) == (KUBERNETES, &*regions.primary, kind, name)
        })
    };
    Endpoints {
        kafka: match in_cluster("kafka", "billing") {
            true => services::kafka(spec),
            false => Vec::new(),
        },
        redis: services::buffer(spec).filter(|_| in_cluster("statefulset", "buffer")),
        shards: (0..spec.aurora.as_ref().map_or(0, |aurora| aurora.shards))
            .filter_map(shard)
            .collect(),
        api: listens
            .map(|name| format!("{}://{}", scheme(spec), public_name(spec).unwrap_or(name)))
            .into_iter()
            .collect(),
        events_topic: ingest.topic,
        dead_letter_topic: ingest.dead_letter_topic,
        ..Endpoints::default()
    }
}

/// The name in DNS that leads to the load balancers.
fn public_name(spec: &Spec) -> Option<String> {
    let edge = spec.edge.as_ref()?;
    let (name, _) = edge
        .records
        .iter()
        .find(|(_, record)| record.to == RecordTarget::LoadBalancer)?;
    Some(match name.as_str() {
        "@" => edge.domain.clone(),
        name => format!("{name}.{}", edge.domain),
    })
}

/// `https` where a listener has a certificate.
fn scheme(spec: &Spec) -> &'static str {
    let balancer = spec.load_balancer.as_ref();
    let mut listeners = balancer
        .into_iter()
        .flat_map(|balancer| balancer.listeners.values());
    if listeners.any(|listener| listener.certificate.is_some()) {
        "https"
    } else {
        "http"
    }
}
