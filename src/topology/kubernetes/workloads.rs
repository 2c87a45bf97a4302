//! The plan's own workloads: a deployment each, with what goes with it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Value, json};

use super::network::{
    Policy, from_monitoring, from_network, policy, to, to_credentials, to_https, to_network,
};
use super::pieces::{Placement, USER, block, object_name, port_name, quantity};
use super::{Error, Writer};
use crate::spec::{Amount, Probe, Tier, Workload};

/// Stands for the service that comes with vvbill.
const BUNDLED: &str = "bundled";

/// Time in which load balancers stop sending to a pod that is about to end.
const DRAIN_SECONDS: u64 = 10;

#[derive(Serialize)]
struct Values {
    comments: BTreeMap<&'static str, Vec<String>>,
    name: String,
    user: u32,
    image: String,
    replicas: u32,
    max_surge: u32,
    max_unavailable: u32,
    ports: Vec<(String, u16)>,
    args: Vec<String>,
    env: Vec<(String, String)>,
    /// Variable and where its Secret's value comes from.
    secret_env: Vec<(String, String)>,
    secret: String,
    requests: String,
    limits: Option<String>,
    liveness: Option<String>,
    readiness: Option<String>,
    startup: Option<String>,
    placement: Placement,
    grace: u64,
    drain: u64,
    autoscaling: Option<AutoscalingValues>,
    min_available: Option<u32>,
    service: &'static str,
    bindings: Vec<Binding>,
    policies: Vec<Policy>,
}

#[derive(Serialize)]
struct AutoscalingValues {
    min: u32,
    max: u32,
    target_cpu: String,
    scale_down_after: u64,
}

/// A target group that the workload's pods are the targets of.
#[derive(Serialize)]
struct Binding {
    name: String,
    arn: String,
    port: u16,
    kind: &'static str,
}

impl Writer<'_> {
    pub(super) fn workloads(&mut self) -> Result<(), Error> {
        if !self.place.runs(Tier::Api) {
            return Ok(());
        }
        for (key, workload) in &self.spec.workloads {
            let values = self.workload(key, workload);
            let path = format!("50-{}.yaml", values.name);
            let origin = format!("workloads.{key}");
            self.write(&path, "workload.yaml", ("workloads", &origin), &values)?;
        }
        Ok(())
    }

    fn workload(&self, key: &str, workload: &Workload) -> Values {
        let name = object_name(key);
        let (replicas, least) = self.place.pods(workload);
        let groups = self.place.target_groups(key);
        let on_nodes = groups.iter().any(|(_, _, nodes)| *nodes);
        let binding = |(group, port, nodes): &(&str, u16, bool)| Binding {
            name: object_name(group),
            arn: self.place.output("target_group", group, "arn"),
            port: *port,
            kind: if *nodes { "instance" } else { "ip" },
        };
        Values {
            comments: self.said_of_workload(key),
            user: USER,
            image: match workload.image.as_str() {
                BUNDLED => self.bundled_image(),
                image => image.to_owned(),
            },
            replicas,
            max_surge: workload.strategy.max_surge,
            max_unavailable: workload.strategy.max_unavailable,
            ports: ports(workload, &groups),
            args: workload.args.clone(),
            env: workload.env.clone().into_iter().collect(),
            secret_env: workload
                .secret_env
                .iter()
                .map(|(variable, from)| (variable.clone(), from.to_string()))
                .collect(),
            secret: format!("{name}-environment"),
            requests: block(&amount(&workload.resources.requests)),
            limits: workload.resources.limits.as_ref().map(|it| block(&amount(it))),
            liveness: workload.liveness.as_ref().map(|it| block(&probe(it))),
            readiness: workload.readiness.as_ref().map(|it| block(&probe(it))),
            startup: workload.liveness.as_ref().map(|it| block(&startup(it))),
            placement: self.placement(workload.node_group.as_deref()),
            grace: workload.termination_grace.as_secs() + DRAIN_SECONDS,
            drain: DRAIN_SECONDS,
            autoscaling: workload.autoscaling.as_ref().map(|it| AutoscalingValues {
                min: least,
                max: it.max,
                target_cpu: it.target_cpu.as_percent().round().to_string(),
                scale_down_after: it.scale_down_after.as_secs(),
            }),
            min_available: workload
                .min_available
                .map(|wanted| wanted.min(least.saturating_sub(1)).max(1)),
            service: if on_nodes { "NodePort" } else { "ClusterIP" },
            bindings: groups.iter().map(binding).collect(),
            policies: vec![self.workload_policy(&name, workload, &groups)],
            name,
        }
    }

    fn said_of_workload(&self, key: &str) -> BTreeMap<&'static str, Vec<String>> {
        let of = |field: &'static str| ["workloads", key, field];
        self.said(&[
            ("image", &of("image")),
            ("replicas", &of("replicas")),
            ("strategy", &of("strategy")),
            ("resources", &of("resources")),
            ("env", &of("env")),
            ("env", &of("secret_env")),
            ("liveness", &of("liveness")),
            ("readiness", &of("readiness")),
            ("autoscaling", &of("autoscaling")),
            ("budget", &of("min_available")),
            ("placement", &of("node_group")),
            ("grace", &of("termination_grace")),
            ("targets", &["load_balancer", "target_groups"]),
        ])
    }

    /// In: the load balancer and Prometheus. Out: everything that the platform offers, and AWS.
    fn workload_policy(&self, name: &str, workload: &Workload, groups: &[(&str, u16, bool)]) -> Policy {
        let spec = self.spec;
        let own: BTreeSet<u16> = workload.ports.values().map(|port| port.get()).collect();
        let own: Vec<u16> = own
            .into_iter()
            .chain(groups.iter().map(|(_, port, _)| *port))
            .collect();
        let mut into = Vec::new();
        if !own.is_empty() {
            into.push(from_monitoring(&own));
            into.extend(self.place.cidr().map(|cidr| from_network(&cidr, &own)));
        }
        let mut out = vec![to_https(), to_credentials()];
        if let Some(port) = self
            .bootstrap()
            .and_then(|at| at.rsplit(':').next()?.parse().ok())
        {
            out.push(to(&["kafka"], &[port]));
        }
        out.extend(self.to_buffer());
        if let Some(ingest) = spec.ingest.as_ref().filter(|_| self.place.runs(Tier::Ingest)) {
            out.push(to(&["ingest-api"], &[ingest.port.get()]));
        }
        let shards = spec.aurora.as_ref().map(|aurora| aurora.port.get());
        let cache = spec.cache.as_ref().map(|cache| cache.port.get());
        let stores: Vec<u16> = shards.into_iter().chain(cache).collect();
        if let (Some(cidr), false) = (self.place.cidr(), stores.is_empty()) {
            out.push(to_network(&cidr, &stores));
        }
        policy(name, into, out)
    }
}

/// The plan's, and those that target groups ask for without the workload naming them.
fn ports(workload: &Workload, groups: &[(&str, u16, bool)]) -> Vec<(String, u16)> {
    let mut ports: Vec<(String, u16)> = workload
        .ports
        .iter()
        .map(|(name, port)| (port_name(name), port.get()))
        .collect();
    for (_, port, _) in groups {
        if ports.iter().all(|(_, known)| known != port) {
            ports.push((format!("port-{port}"), *port));
        }
    }
    ports
}

fn amount(amount: &Amount) -> Value {
    json!({ "cpu": amount.cpu.to_string(), "memory": quantity(amount.memory) })
}

fn probe(probe: &Probe) -> Value {
    json!({
        "httpGet": { "path": probe.path, "port": probe.port.get() },
        "initialDelaySeconds": probe.initial_delay.as_secs(),
        "periodSeconds": probe.period.as_secs().max(1),
        "timeoutSeconds": probe.timeout.as_secs().max(1),
        "failureThreshold": probe.failure_threshold.max(1),
    })
}

/// A program that starts slowly isn't restarted for it: ten minutes, after which it is.
fn startup(probe: &Probe) -> Value {
    let period = 5;
    json!({
        "httpGet": { "path": probe.path, "port": probe.port.get() },
        "periodSeconds": period,
        "timeoutSeconds": probe.timeout.as_secs().max(1),
        "failureThreshold": 600 / period,
    })
}
