//! `eksctl/`: eksctl's ClusterConfig, one a region.

use std::collections::BTreeMap;

use serde::Serialize;

use super::kubernetes::{known_output, output};
use super::{Error, File, Input, field};
use crate::resource::Address;
use crate::spec::{
    AmiFamily, Capacity, ControlPlaneLog, Eks, FieldPath, Nat, NodeAutoscaler, NodeGroup, SupportType,
    TaintEffect, Target, Tier, VolumeType,
};
use crate::templates::{Templates, sources};
use crate::topology::kubernetes::{NAMESPACE, Place, places};

static TEMPLATES: Templates = Templates::new(sources!["eksctl/cluster.yaml"]);

const VOLUME_DRIVER: &str = "aws-ebs-csi-driver";
const POD_IDENTITY_AGENT: &str = "eks-pod-identity-agent";

/// What the template is filled with.
#[derive(Debug, Serialize)]
struct Values {
    header: String,
    name: String,
    region: String,
    version: String,
    comments: BTreeMap<&'static str, Vec<String>>,
    tags: Vec<(String, String)>,
    support_type: Option<&'static str>,
    public_endpoint: bool,
    public_access: Vec<String>,
    vpc: Vpc,
    zones: Vec<String>,
    secrets_key: Option<String>,
    logs: Vec<&'static str>,
    addons: Vec<Addon>,
    identities: Vec<Identity>,
    groups: Vec<Groups>,
}

/// One that stands, or one to make.
#[derive(Debug, Serialize)]
struct Vpc {
    id: Option<String>,
    cidr: Option<String>,
    nat: &'static str,
    /// Side, zone and id of each subnet.
    subnets: Vec<(&'static str, Vec<(String, String)>)>,
}

#[derive(Debug, Serialize)]
struct Addon {
    name: String,
    version: String,
    comments: Vec<String>,
    configuration: Option<&'static str>,
    /// Account and eksctl's own policy for it.
    identity: Option<(&'static str, &'static str)>,
}

/// A service account, and the role that it acts with or eksctl's own policy for it.
#[derive(Debug, Serialize)]
struct Identity {
    namespace: &'static str,
    account: String,
    role: Option<String>,
    policy: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct Groups {
    key: &'static str,
    members: Vec<Group>,
}

#[derive(Debug, Serialize)]
struct Group {
    name: String,
    comments: Vec<String>,
    instance_type: String,
    desired: u32,
    min: u32,
    max: u32,
    volume_size: u64,
    volume_type: &'static str,
    ebs_optimized: Option<bool>,
    ami_family: &'static str,
    spot: bool,
    managed: bool,
    labels: Vec<(String, String)>,
    taints: Vec<Taint>,
}

#[derive(Debug, Serialize)]
struct Taint {
    key: String,
    value: String,
    effect: &'static str,
}

pub(super) fn files(input: &Input<'_>) -> Result<Vec<File>, Error> {
    let Some(eks) = input
        .spec
        .eks
        .as_ref()
        .filter(|_| input.spec.target == Target::Aws)
    else {
        return Ok(Vec::new());
    };
    places(input.spec)
        .iter()
        .filter(|place| place.has_cluster())
        .map(|place| {
            let values = values(input, eks, place);
            let text = TEMPLATES.fill("eksctl/cluster.yaml", &values)?;
            Ok(File {
                path: format!("{}-{}.yaml", eks.name, place.region),
                text: format!("{}\n", text.trim_end()),
            })
        })
        .collect()
}

fn values(input: &Input<'_>, eks: &Eks, place: &Place<'_>) -> Values {
    let metadata = &input.spec.metadata;
    let mut tags = metadata.tags.clone();
    tags.insert("Environment".into(), metadata.environment.clone());
    tags.extend(metadata.owner.clone().map(|owner| ("Owner".into(), owner)));
    let vpc = vpc(input, place);
    Values {
        header: input.header(),
        name: eks.name.clone(),
        region: place.region.to_owned(),
        version: eks.version.clone(),
        comments: comments(input),
        tags: tags.into_iter().collect(),
        support_type: eks.support_type.map(|kind| match kind {
            SupportType::Standard => "STANDARD",
            SupportType::Extended => "EXTENDED",
        }),
        public_endpoint: eks.public_endpoint,
        public_access: eks.public_access_cidrs.iter().map(ToString::to_string).collect(),
        zones: match vpc.id {
            Some(_) => Vec::new(),
            None => zones(input, place),
        },
        vpc,
        secrets_key: eks
            .encrypt_secrets
            .then(|| output(input, &place.address("kms_key", "eks"), "arn")),
        logs: eks.logs.iter().map(|log| log_name(*log)).collect(),
        addons: addons(input, eks),
        identities: identities(input, eks, place),
        groups: [("managedNodeGroups", true), ("nodeGroups", false)]
            .into_iter()
            .map(|(key, managed)| Groups {
                key,
                members: eks
                    .node_groups
                    .iter()
                    .filter(|(_, group)| group.managed == managed)
                    .map(|(name, group)| self::group(input, place, name, group))
                    .collect(),
            })
            .filter(|groups| !groups.members.is_empty())
            .collect(),
    }
}

fn comments(input: &Input<'_>) -> BTreeMap<&'static str, Vec<String>> {
    [
        ("version", "eks.version"),
        ("support_type", "eks.support_type"),
        ("endpoint", "eks.public_endpoint"),
        ("access", "eks.public_access_cidrs"),
        ("logs", "eks.logs"),
        ("secrets", "eks.encrypt_secrets"),
        ("vpc", "network"),
        ("metrics", "eks.metrics_server"),
        ("autoscaler", "eks.node_autoscaler"),
    ]
    .into_iter()
    .map(|(word, keys)| (word, input.comments(&field(keys))))
    .collect()
}

/// Where the state knows the network, that one; where it doesn't, eksctl makes one of the plan's addresses.
fn vpc(input: &Input<'_>, place: &Place<'_>) -> Vpc {
    let nat = match input.spec.network.as_ref().map(|network| network.nat) {
        Some(Nat::None) => "Disable",
        Some(Nat::Single) => "Single",
        Some(Nat::PerZone) | None => "HighlyAvailable",
    };
    let side = |side: &'static str| {
        let subnet = |zone: &String| {
            let letter = &zone[zone.len().saturating_sub(1)..];
            let address = place.address("subnet", &format!("{side}-{letter}"));
            Some((zone.clone(), known_output(input, &address, "id")?))
        };
        let known: Vec<(String, String)> = zones(input, place).iter().filter_map(subnet).collect();
        (side, known)
    };
    let id = known_output(input, &place.address("vpc", "main"), "id");
    let subnets = match id {
        Some(_) => [side("private"), side("public")]
            .into_iter()
            .filter(|(_, known)| !known.is_empty())
            .collect(),
        None => Vec::new(),
    };
    Vpc {
        id,
        cidr: place.cidr(),
        nat,
        subnets,
    }
}

fn zones(input: &Input<'_>, place: &Place<'_>) -> Vec<String> {
    let network = input.spec.network.as_ref().filter(|_| place.primary);
    match network.map(|network| network.zones.as_slice()) {
        None | Some([]) => ["a", "b", "c"]
            .map(|letter| format!("{}{letter}", place.region))
            .into(),
        Some(zones) => zones.to_vec(),
    }
}

/// The plan's, and those that something else of it needs.
fn addons(input: &Input<'_>, eks: &Eks) -> Vec<Addon> {
    let mut all = eks.addons.clone();
    let mut need = |name: &str| {
        all.entry(name.to_owned()).or_insert_with(|| "latest".to_owned());
    };
    need(POD_IDENTITY_AGENT);
    if eks.metrics_server {
        need("metrics-server");
    }
    let addon = |(name, version): (String, String)| Addon {
        comments: input.comments(&field("eks.addons").key(&name)),
        // Without it the policies of kubernetes/ are objects that nobody enforces.
        configuration: (name == "vpc-cni").then_some("enableNetworkPolicy: \"true\""),
        identity: (name == VOLUME_DRIVER).then_some(("ebs-csi-controller-sa", "ebsCSIController")),
        name,
        version,
    };
    all.into_iter().map(addon).collect()
}

fn identities(input: &Input<'_>, eks: &Eks, place: &Place<'_>) -> Vec<Identity> {
    let role = |name: &str| {
        let address = Address::new("aws", "global", "iam_role", name);
        known_output(input, &address, "arn")
    };
    let mut all = Vec::new();
    let mut controller = |account: &str, role: Option<String>, policy| {
        all.push(Identity {
            namespace: "kube-system",
            account: account.to_owned(),
            policy: role.is_none().then_some(policy),
            role,
        });
    };
    if eks.node_autoscaler == NodeAutoscaler::ClusterAutoscaler {
        controller("cluster-autoscaler", role("cluster-autoscaler"), "autoScaler");
    }
    if input.spec.load_balancer.is_some() && place.runs(Tier::Edge) {
        let known = role("load-balancer-controller");
        controller("aws-load-balancer-controller", known, "awsLoadBalancerController");
    }
    let workloads = input.spec.workloads.keys().filter(|_| place.runs(Tier::Api));
    let service = input.spec.ingest.is_some() && place.runs(Tier::Ingest);
    let service = service.then(|| "ingest".to_owned());
    // Their roles are the plan's own, which eksctl has no policy for.
    for account in workloads.cloned().chain(service) {
        if let Some(role) = role(&format!("workload-{account}")) {
            all.push(Identity {
                namespace: NAMESPACE,
                account,
                role: Some(role),
                policy: None,
            });
        }
    }
    all
}

fn group(input: &Input<'_>, place: &Place<'_>, name: &str, group: &NodeGroup) -> Group {
    let (min, desired) = place.nodes(name, group);
    let path: FieldPath = field("eks.node_groups").key(name);
    Group {
        name: name.to_owned(),
        comments: input.comments(&path),
        instance_type: group.instance_type.clone(),
        desired,
        min,
        max: group.max,
        volume_size: group.volume_size.as_gib(),
        volume_type: volume_name(group.volume_type),
        ebs_optimized: group.ebs_optimized,
        ami_family: family_name(group.ami_family),
        spot: group.capacity == Capacity::Spot,
        managed: group.managed,
        labels: group
            .labels
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
        taints: group
            .taints
            .iter()
            .map(|taint| Taint {
                key: taint.key.clone(),
                value: taint.value.clone(),
                effect: match taint.effect {
                    TaintEffect::NoSchedule => "NoSchedule",
                    TaintEffect::PreferNoSchedule => "PreferNoSchedule",
                    TaintEffect::NoExecute => "NoExecute",
                },
            })
            .collect(),
    }
}

fn volume_name(kind: VolumeType) -> &'static str {
    match kind {
        VolumeType::Gp2 => "gp2",
        VolumeType::Gp3 => "gp3",
        VolumeType::Io1 => "io1",
        VolumeType::Io2 => "io2",
        VolumeType::St1 => "st1",
        VolumeType::Sc1 => "sc1",
    }
}

fn family_name(family: Option<AmiFamily>) -> &'static str {
    match family {
        None | Some(AmiFamily::AmazonLinux2023) => "AmazonLinux2023",
        Some(AmiFamily::AmazonLinux2) => "AmazonLinux2",
        Some(AmiFamily::Bottlerocket) => "Bottlerocket",
        Some(AmiFamily::Ubuntu2204) => "Ubuntu2204",
        Some(AmiFamily::Ubuntu2404) => "Ubuntu2404",
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
