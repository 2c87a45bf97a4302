//! The Kubernetes cluster: control plane, nodes, add-ons, and the roles that pods act with.

mod nodes;
mod user_data;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::{Error, Layout, Place, global, log_days};
use crate::provider::aws::LogGroup;
use crate::provider::aws::eks::{Addon, Cluster, Endpoint, PodIdentityAssociation};
use crate::resource::{Address, AtCreation, Field, Ref};
use crate::spec::{ControlPlaneLog, Eks, NodeAutoscaler, SupportType, Tier};
use crate::topology::kubernetes::NAMESPACE;

/// Where Kubernetes keeps its own.
const SYSTEM_NAMESPACE: &str = "kube-system";

/// How long the control plane's logs are kept where the plan doesn't say: a year, in which an audit asks for them.
const LOG_DAYS: i32 = 365;

const POD_IDENTITY_AGENT: &str = "eks-pod-identity-agent";
const METRICS_SERVER: &str = "metrics-server";
const NETWORK_PLUGIN: &str = "vpc-cni";
const VOLUME_DRIVER: &str = "aws-ebs-csi-driver";

impl Layout<'_> {
    pub(super) fn cluster(&mut self, place: &Place<'_>) -> Result<(), Error> {
        let Some(eks) = &self.spec.eks else {
            return Ok(());
        };
        if !place.has_cluster() {
            return Ok(());
        }
        self.cluster_log(place, eks);
        self.control_plane(place, eks);
        let addons = self.addons(eks);
        let (before, after): (Vec<_>, Vec<_>) = addons
            .into_iter()
            .partition(|(name, _)| Addon::BEFORE_NODES.contains(&name.as_str()));
        for (name, version) in &before {
            self.addon(place, name, version, &[]);
        }
        self.nodes(place, eks, &addresses(place, before.iter().map(|(name, _)| name)))?;
        let nodes: Vec<Address> = eks
            .node_groups
            .keys()
            .map(|name| place.address("eks_node_group", name))
            .collect();
        for (name, version) in &after {
            self.addon(place, name, version, &nodes);
        }
        self.pod_identities(place, eks);
        Ok(())
    }

    /// Made before the cluster: EKS would make one of its own, which keeps everything for ever.
    fn cluster_log(&mut self, place: &Place<'_>, eks: &Eks) {
        let address = place.address("log_group", "eks");
        let group = LogGroup {
            name: format!("/aws/eks/{}/cluster", eks.name),
            retention_days: Field::Value(log_days(eks.log_retention, LOG_DAYS)),
            tags: self.tags(&address),
        };
        self.add(&address, &group, "eks", "eks.logs");
    }

    fn control_plane(&mut self, place: &Place<'_>, eks: &Eks) {
        let address = place.address("eks_cluster", "main");
        let brought: BTreeSet<&str> = eks.addons.keys().map(String::as_str).collect();
        let complete = ["vpc-cni", "kube-proxy", "coredns"]
            .iter()
            .all(|name| brought.contains(name));
        let cluster = Cluster {
            name: eks.name.clone(),
            version: eks.version.clone(),
            role: Ref::output(&global("iam_role", "cluster"), "arn"),
            subnets: place.subnets("private").into_iter().collect(),
            endpoint: endpoint(eks),
            encryption_key: eks.encrypt_secrets.then(|| place.output("kms_key", "eks", "arn")),
            logs: eks.logs.iter().map(|log| log_name(*log).to_owned()).collect(),
            support_type: eks.support_type.map(|kind| support_name(kind).to_owned()),
            authentication_mode: "API".into(),
            creator_is_admin: AtCreation(Some(true)),
            self_managed_addons: AtCreation(Some(!complete)),
            deletion_protection: None,
            tags: self.tags(&address),
        };
        // What the sweepers look for appears while the cluster stands, so they go after it.
        let first = [
            place.address("log_group", "eks"),
            place.address("cluster_network_leftovers", "main"),
            place.address("cluster_volumes", "main"),
        ];
        self.add(&address, &cluster, "eks", "eks")
            .depends_on
            .extend(first);
    }

    /// The plan's, and those that something else of the plan needs.
    fn addons(&self, eks: &Eks) -> BTreeMap<String, String> {
        let mut addons = eks.addons.clone();
        let mut need = |name: &str| {
            addons.entry(name.to_owned()).or_insert_with(|| LATEST.to_owned());
        };
        need(POD_IDENTITY_AGENT);
        if eks.metrics_server {
            need(METRICS_SERVER);
        }
        addons
    }

    fn addon(&mut self, place: &Place<'_>, name: &str, version: &str, after: &[Address]) {
        let address = place.address("eks_addon", name);
        let role = || Ref::output(&global("iam_role", "ebs-csi"), "arn");
        let addon = Addon {
            cluster: place.output("eks_cluster", "main", "name"),
            name: name.to_owned(),
            version: (version != LATEST).then(|| version.to_owned()),
            roles: (name == VOLUME_DRIVER).then(|| [("ebs-csi-controller-sa".to_owned(), role())].into()),
            // Without it the agent that enforces network policies isn't started.
            configuration: (name == NETWORK_PLUGIN).then(|| json!({ "enableNetworkPolicy": "true" })),
            tags: self.tags(&address),
        };
        let origin = match name {
            METRICS_SERVER if !self.is_addon_of_plan(name) => "eks.metrics_server".to_owned(),
            _ if !self.is_addon_of_plan(name) => "eks.addons".to_owned(),
            _ => format!("eks.addons.{name}"),
        };
        self.add(&address, &addon, "eks", &origin)
            .depends_on
            .extend(after.iter().cloned());
    }

    fn is_addon_of_plan(&self, name: &str) -> bool {
        let eks = self.spec.eks.as_ref();
        eks.is_some_and(|eks| eks.addons.contains_key(name))
    }

    /// The volume driver's comes with its add-on.
    fn pod_identities(&mut self, place: &Place<'_>, eks: &Eks) {
        if eks.node_autoscaler == NodeAutoscaler::ClusterAutoscaler {
            let (name, origin) = ("cluster-autoscaler", "eks.node_autoscaler");
            self.pod_identity(place, SYSTEM_NAMESPACE, name, name, origin);
        }
        if self.spec.load_balancer.is_some() && place.runs(Tier::Edge) {
            let account = "aws-load-balancer-controller";
            let role = "load-balancer-controller";
            self.pod_identity(place, SYSTEM_NAMESPACE, account, role, "load_balancer");
        }
        if place.runs(Tier::Api) {
            for name in self.spec.workloads.keys() {
                let origin = format!("workloads.{name}");
                self.pod_identity(place, NAMESPACE, name, &format!("workload-{name}"), &origin);
            }
        }
        if self.spec.ingest.is_some() && place.runs(Tier::Ingest) {
            self.pod_identity(place, NAMESPACE, "ingest", "workload-ingest", "ingest");
        }
    }

    fn pod_identity(&mut self, place: &Place<'_>, namespace: &str, account: &str, role: &str, origin: &str) {
        let address = place.address("eks_pod_identity_association", account);
        let association = PodIdentityAssociation {
            cluster: place.output("eks_cluster", "main", "name"),
            namespace: namespace.to_owned(),
            service_account: account.to_owned(),
            role: Ref::output(&global("iam_role", role), "arn"),
            tags: self.tags(&address),
        };
        self.add(&address, &association, "eks", origin);
    }
}

/// The plan's word for: whatever version EKS takes by itself.
const LATEST: &str = "latest";

fn addresses<'n>(place: &Place<'_>, names: impl Iterator<Item = &'n String>) -> Vec<Address> {
    names.map(|name| place.address("eks_addon", name)).collect()
}

/// Nodes come from inside, whatever may come from outside.
fn endpoint(eks: &Eks) -> Endpoint {
    let listed = eks.public_access_cidrs.iter().map(ToString::to_string);
    let cidrs = match eks.public_access_cidrs.is_empty() {
        true => ["0.0.0.0/0".to_owned()].into(),
        false => listed.collect(),
    };
    Endpoint {
        public: eks.public_endpoint,
        private: true,
        public_cidrs: eks.public_endpoint.then_some(cidrs),
    }
}

fn log_name(log: ControlPlaneLog) -> &'static str {
    match log {
        ControlPlaneLog::Api => "api",
        ControlPlaneLog::Audit => "audit",
        ControlPlaneLog::Authenticator => "authenticator",
        ControlPlaneLog::ControllerManager => "controllerManager",
        ControlPlaneLog::Scheduler => "scheduler",
    }
}

fn support_name(kind: SupportType) -> &'static str {
    match kind {
        SupportType::Standard => "STANDARD",
        SupportType::Extended => "EXTENDED",
    }
}
