//! IAM: what cluster, nodes, monitoring and each workload may do. Roles belong to no region: both use the same.
//!
//! No role refers to what it is allowed: that would make the cluster wait for a database. Policies name the
//! plan's tags instead, which every resource of it carries.

mod documents;

use super::names::fitting;
use super::{Error, Layout, Place, global};
use crate::provider::aws::{IamRole, InlinePolicy, PolicyDocument};
use crate::resource::Ref;
use crate::spec::{Eks, NodeAutoscaler, PoolerKind, SecretReference, Tier};

/// Characters of a role's name.
const NAME_AT_MOST: usize = 64;
const VOLUME_DRIVER: &str = "aws-ebs-csi-driver";

/// A role as this file speaks of it.
struct Role<'r> {
    name: &'r str,
    description: &'r str,
    trust: PolicyDocument,
    /// Of AWS's own policies, what follows `arn:aws:iam::aws:policy/`.
    attached: &'r [&'r str],
    inline: Vec<(&'r str, PolicyDocument)>,
    section: &'r str,
    origin: &'r str,
}

impl Layout<'_> {
    pub(super) fn roles(&mut self, places: &[Place<'_>]) -> Result<(), Error> {
        if let Some(eks) = &self.spec.eks {
            self.cluster_roles(eks);
            self.controller_roles(eks, places);
            self.workload_roles();
        }
        self.database_roles();
        if self
            .spec
            .network
            .as_ref()
            .is_some_and(|network| network.flow_logs)
        {
            self.flow_log_role();
        }
        Ok(())
    }

    fn cluster_roles(&mut self, eks: &Eks) {
        let inline = match eks.encrypt_secrets {
            true => vec![("encryption", documents::encryption(&self.named("eks")))],
            false => Vec::new(),
        };
        self.role(Role {
            name: "cluster",
            description: "the Kubernetes control plane",
            trust: PolicyDocument::trusts(&["eks.amazonaws.com"]),
            attached: &["AmazonEKSClusterPolicy"],
            inline,
            section: "eks",
            origin: "eks",
        });
        self.role(Role {
            name: "nodes",
            description: "the Kubernetes nodes: they join, give pods addresses and pull images",
            trust: PolicyDocument::trusts(&["ec2.amazonaws.com"]),
            attached: &[
                "AmazonEKSWorkerNodePolicy",
                "AmazonEKS_CNI_Policy",
                "AmazonEC2ContainerRegistryPullOnly",
            ],
            inline: Vec::new(),
            section: "eks",
            origin: "eks.node_groups",
        });
    }

    /// What runs in the cluster for the cluster.
    fn controller_roles(&mut self, eks: &Eks, places: &[Place<'_>]) {
        if eks.addons.contains_key(VOLUME_DRIVER) {
            self.role(Role {
                name: "ebs-csi",
                description: "the volume driver: makes and attaches the pods' volumes",
                trust: documents::trusts_pods(),
                attached: &["service-role/AmazonEBSCSIDriverPolicy"],
                inline: Vec::new(),
                section: "eks",
                origin: "eks.addons",
            });
        }
        if eks.node_autoscaler == NodeAutoscaler::ClusterAutoscaler {
            self.role(Role {
                name: "cluster-autoscaler",
                description: "the autoscaler: sets the number of nodes",
                trust: documents::trusts_pods(),
                attached: &[],
                inline: vec![("scaling", documents::scaling(&eks.name))],
                section: "eks",
                origin: "eks.node_autoscaler",
            });
        }
        if self.spec.load_balancer.is_some() && places.iter().any(|place| place.runs(Tier::Edge)) {
            self.role(Role {
                name: "load-balancer-controller",
                description: "the load balancer controller: tells target groups which pods there are",
                trust: documents::trusts_pods(),
                attached: &[],
                inline: vec![("targets", documents::targets(self.spec.metadata.name.as_str()))],
                section: "load_balancer",
                origin: "load_balancer",
            });
        }
    }

    fn workload_roles(&mut self) {
        let spec = self.spec;
        for (name, workload) in &spec.workloads {
            let secrets = named(workload.secret_env.values());
            let inline = match secrets.is_empty() {
                true => Vec::new(),
                false => vec![("secrets", documents::secrets_by_name(&secrets))],
            };
            self.role(Role {
                name: &format!("workload-{name}"),
                description: &format!("the workload {name}"),
                trust: documents::trusts_pods(),
                attached: &[],
                inline,
                section: "workloads",
                origin: &format!("workloads.{name}"),
            });
        }
        if spec.ingest.is_some() {
            self.role(Role {
                name: "workload-ingest",
                description: "the ingestion service: reads the passwords of buffer, cache and shards",
                trust: documents::trusts_pods(),
                attached: &[],
                inline: self.secrets(&["secret", "db_master_secret"], &self.named_for_ingest()),
                section: "ingest",
                origin: "ingest",
            });
        }
    }

    fn database_roles(&mut self) {
        let Some(aurora) = &self.spec.aurora else {
            return;
        };
        if aurora.monitoring_interval.as_secs() > 0 {
            self.role(Role {
                name: "rds-monitoring",
                description: "enhanced monitoring: writes the shards' metrics",
                trust: PolicyDocument::trusts(&["monitoring.rds.amazonaws.com"]),
                attached: &["service-role/AmazonRDSEnhancedMonitoringRole"],
                inline: Vec::new(),
                section: "aurora",
                origin: "aurora.monitoring_interval",
            });
        }
        if aurora
            .pooler
            .is_some_and(|pooler| pooler.kind == PoolerKind::RdsProxy)
        {
            self.role(Role {
                name: "rds-proxy",
                description: "the shards' proxies: read the password that they log in with",
                trust: PolicyDocument::trusts(&["rds.amazonaws.com"]),
                attached: &[],
                inline: self.secrets(&["db_master_secret"], &named(Some(&aurora.master_password))),
                section: "aurora",
                origin: "aurora.pooler",
            });
        }
    }

    fn flow_log_role(&mut self) {
        let group = format!("/aws/vpc/{}", self.named("flow-logs"));
        self.role(Role {
            name: "flow-logs",
            description: "the network's flow logs: writes them",
            trust: PolicyDocument::trusts(&["vpc-flow-logs.amazonaws.com"]),
            attached: &[],
            inline: vec![("delivery", documents::log_delivery(&group))],
            section: "network",
            origin: "network.flow_logs",
        });
    }

    /// May read the secrets of these kinds that this plan makes, those that RDS makes for its shards, and those
    /// that the plan names.
    fn secrets(&self, kinds: &[&str], names: &[&str]) -> Vec<(&'static str, PolicyDocument)> {
        let plan = self.spec.metadata.name.as_str();
        let shards = self
            .spec
            .aurora
            .as_ref()
            .map(|aurora| aurora.identifier.to_lowercase());
        let mut policies = vec![("secrets", documents::secrets_of(plan, kinds, shards.as_deref()))];
        if !names.is_empty() {
            policies.push(("named-secrets", documents::secrets_by_name(names)));
        }
        policies
    }

    fn named_for_ingest(&self) -> Vec<&str> {
        let spec = self.spec;
        named(
            [
                spec.aurora.as_ref().map(|aurora| &aurora.master_password),
                spec.buffer.as_ref().and_then(|buffer| buffer.auth.as_ref()),
                spec.cache.as_ref().and_then(|cache| cache.auth_token.as_ref()),
                spec.ingest.as_ref().map(|ingest| &ingest.api_keys),
            ]
            .into_iter()
            .flatten(),
        )
    }

    fn role(&mut self, role: Role<'_>) {
        let address = global("iam_role", role.name);
        let aws = |policy: &&str| Ref::Known(format!("arn:aws:iam::aws:policy/{policy}"));
        let inline = role.inline.into_iter().map(|(name, document)| InlinePolicy {
            name: name.to_owned(),
            document,
        });
        let resource = IamRole {
            name: fitting(&self.named(role.name), NAME_AT_MOST),
            description: role.description.to_owned(),
            trust: role.trust,
            managed_policies: role.attached.iter().map(aws).collect(),
            inline_policies: inline.collect(),
            permissions_boundary: None,
            tags: self.tags(&address),
        };
        self.add(&address, &resource, role.section, role.origin);
    }
}

/// Those that the plan names in Secrets Manager.
fn named<'s>(secrets: impl IntoIterator<Item = &'s SecretReference>) -> Vec<&'s str> {
    let names = secrets.into_iter().filter_map(|secret| match secret {
        SecretReference::SecretsManager(name) => Some(name.as_str()),
        _ => None,
    });
    names.collect()
}
