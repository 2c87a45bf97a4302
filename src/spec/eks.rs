//! The Kubernetes cluster and its nodes.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::units::{Bytes, Cidr, Duration};

/// An EKS cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Eks {
    /// Cluster name; AWS allows 100 characters: letters, digits, hyphens, underscores.
    pub name: String,
    /// Kubernetes version, such as `1.35`. AWS supports each minor version for 14 months, then 12 more at six
    /// times the price.
    pub version: String,
    /// What happens at the end of standard support. Unset: AWS's default, `EXTENDED`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub support_type: Option<SupportType>,
    /// Groups of nodes, by name.
    #[serde(default)]
    #[schemars(extend("propertyNames" = super::units::key_names()))]
    pub node_groups: BTreeMap<String, NodeGroup>,
    /// Whether the API server answers outside the VPC. Default true.
    #[serde(default = "yes")]
    pub public_endpoint: bool,
    /// Who may reach the public endpoint. Empty: anyone.
    #[serde(default)]
    pub public_access_cidrs: BTreeSet<Cidr>,
    /// Control-plane logs sent to CloudWatch.
    #[serde(default)]
    pub logs: BTreeSet<ControlPlaneLog>,
    /// How long CloudWatch keeps them; it offers certain numbers of days, such as 90d and 400d. Unset: 365d.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_retention: Option<Duration>,
    /// Add-ons by name, such as `vpc-cni`, with their version or `latest`.
    #[serde(default)]
    pub addons: BTreeMap<String, String>,
    /// Installs metrics-server, which pod autoscaling needs. Default false.
    #[serde(default)]
    pub metrics_server: bool,
    /// What adds nodes when pods don't fit. Default `none`.
    #[serde(default)]
    pub node_autoscaler: NodeAutoscaler,
    /// Whether `apply` makes what runs on the cluster. False where something else does, such as Argo CD with what
    /// `render` writes. Default true.
    #[serde(default = "yes")]
    pub apply_objects: bool,
    /// Encrypts Kubernetes' secrets with a KMS key. Default false.
    #[serde(default)]
    pub encrypt_secrets: bool,
}

pub(crate) const fn yes() -> bool {
    true
}

/// EKS's support policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SupportType {
    /// Upgrade by itself when standard support ends.
    Standard,
    /// Stay for twelve more months at 0.60 USD an hour instead of 0.10.
    Extended,
}

/// A kind of control-plane log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ControlPlaneLog {
    Api,
    Audit,
    Authenticator,
    ControllerManager,
    Scheduler,
}

/// What adds and removes nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NodeAutoscaler {
    /// Nothing: the number of nodes stays as it is.
    #[default]
    None,
    /// Kubernetes' cluster autoscaler: grows node groups within their bounds.
    ClusterAutoscaler,
    /// Karpenter: buys whatever instance fits.
    Karpenter,
}

/// Nodes of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeGroup {
    /// EC2 instance type, such as `m6i.xlarge` (4 vCPU, 16 GiB).
    pub instance_type: String,
    /// Nodes wanted at the start; between `min` and `max`.
    #[schemars(range(min = 0, max = 5000))]
    pub desired: u32,
    /// Fewest nodes.
    #[schemars(range(min = 0, max = 5000))]
    pub min: u32,
    /// Most nodes.
    #[schemars(range(min = 1, max = 5000))]
    pub max: u32,
    /// Size of each node's root disk; EBS allows 1 GiB to 64 TiB for gp3.
    pub volume_size: Bytes,
    /// Kind of the root disk. Default `gp3`.
    #[serde(default)]
    pub volume_type: VolumeType,
    /// Dedicated bandwidth to EBS. Unset: as the instance type has it by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ebs_optimized: Option<bool>,
    /// Operating system of the nodes. Unset: Amazon Linux 2023.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ami_family: Option<AmiFamily>,
    /// How the nodes are bought. Default `on-demand`.
    #[serde(default)]
    pub capacity: Capacity,
    /// Kubernetes labels of each node.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Taints that keep other pods away.
    #[serde(default)]
    pub taints: Vec<Taint>,
    /// Whether AWS manages the group. False: self-managed, as eksctl's `nodeGroups`. Default true.
    #[serde(default = "yes")]
    pub managed: bool,
}

/// Kind of an EBS volume.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum VolumeType {
    /// General purpose, speed bound to size.
    Gp2,
    /// General purpose, 3,000 IOPS and 125 MiB/s at any size.
    #[default]
    Gp3,
    /// Provisioned IOPS.
    Io1,
    /// Provisioned IOPS, more durable.
    Io2,
    /// Throughput on disks; no root volume.
    St1,
    /// Cold disks; no root volume.
    Sc1,
}

/// Operating system of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AmiFamily {
    /// Refused by EKS for 1.33 and later.
    AmazonLinux2,
    AmazonLinux2023,
    Bottlerocket,
    Ubuntu2204,
    Ubuntu2404,
}

/// How nodes are bought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Capacity {
    /// At list price, for as long as wanted.
    #[default]
    OnDemand,
    /// Cheaper, and taken away with two minutes' notice.
    Spot,
}

/// Keeps away pods that don't tolerate it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Taint {
    /// Key of the taint.
    pub key: String,
    /// Value of the taint. Default empty.
    #[serde(default)]
    pub value: String,
    /// As Kubernetes spells it; EKS's own API has `NO_SCHEDULE` for the same.
    pub effect: TaintEffect,
}

/// What a taint does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TaintEffect {
    /// New pods stay away.
    NoSchedule,
    /// New pods stay away if they can.
    PreferNoSchedule,
    /// Running pods leave as well.
    NoExecute,
}
