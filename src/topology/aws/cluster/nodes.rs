//! Node groups and the templates that their nodes are launched from.

use super::super::{Error, Layout, Place, global};
use super::user_data::user_data;
use crate::provider::aws::eks::{NodeGroup, Scaling, Taint};
use crate::provider::aws::{LaunchTemplate, RootVolume};
use crate::resource::{Address, AtCreation, Ref};
use crate::spec::{
    self, AmiFamily, Capacity, Eks, Nat, NodeAutoscaler, SecondaryMode, TaintEffect, Tier, VolumeType,
};

/// A token for metadata doesn't leave the node's own network. Pods need none: their roles come from the pod
/// identity agent, and what asks for region and VPC is told them.
const METADATA_HOPS: i32 = 1;

/// Nodes that an update may take away at once: the groups are sized for one.
const MAX_UNAVAILABLE: i32 = 1;

const GIB: u64 = 1 << 30;

impl Layout<'_> {
    /// `before` are the add-ons without which no node becomes ready.
    pub(super) fn nodes(&mut self, place: &Place<'_>, eks: &Eks, before: &[Address]) -> Result<(), Error> {
        for (name, group) in &eks.node_groups {
            // Self-managed ones, which a rule keeps from being applied, are laid out as what they would become.
            let family = family_of(name, group)?;
            self.launch_template(place, name, group, family);
            self.node_group(place, eks, name, group, family, before);
        }
        Ok(())
    }

    fn launch_template(&mut self, place: &Place<'_>, name: &str, group: &spec::NodeGroup, family: Family) {
        let address = place.address("launch_template", name);
        let nodes = self.tags(&place.address("eks_node_group", name));
        let template = LaunchTemplate {
            name: self.named(name),
            instance_type: Some(group.instance_type.clone()),
            root_volume: RootVolume {
                device: family.data_device().into(),
                size_gib: i32::try_from(group.volume_size.as_bytes().div_ceil(GIB)).unwrap_or(i32::MAX),
                kind: volume_name(group.volume_type).into(),
                encrypted: true,
            },
            ebs_optimized: group.ebs_optimized,
            metadata_tokens: "required".into(),
            metadata_hop_limit: METADATA_HOPS,
            user_data: user_data(&self.spec.operating_system, family == Family::Bottlerocket),
            instance_tags: nodes.clone(),
            volume_tags: nodes,
            tags: self.tags(&address),
        };
        let origin = format!("eks.node_groups.{name}");
        self.add(&address, &template, "eks", &origin);
    }

    fn node_group(
        &mut self,
        place: &Place<'_>,
        eks: &Eks,
        name: &str,
        group: &spec::NodeGroup,
        family: Family,
        before: &[Address],
    ) {
        let address = place.address("eks_node_group", name);
        let wanted = NodeGroup {
            cluster: place.output("eks_cluster", "main", "name"),
            name: name.to_owned(),
            version: eks.version.clone(),
            scaling: self.scaling(place, eks, name, group),
            instance_types: None,
            ami_type: family.ami_type(runs_arm(&group.instance_type)).into(),
            capacity_type: match group.capacity {
                Capacity::OnDemand => "ON_DEMAND".into(),
                Capacity::Spot => "SPOT".into(),
            },
            labels: group.labels.clone(),
            taints: group.taints.iter().map(taint).collect(),
            max_unavailable: MAX_UNAVAILABLE,
            launch_template: Some(place.output("launch_template", name, "id")),
            launch_template_version: Some(place.output("launch_template", name, "latest_version")),
            node_role: Ref::output(&global("iam_role", "nodes"), "arn"),
            subnets: place.subnets("private").into_iter().collect(),
            tags: self.tags(&address),
        };
        // A node that can't reach the cluster and its images never joins, so the ways out come first.
        let routes = place
            .zone_letters()
            .map(|letter| place.address("route_table", &format!("private-{letter}")));
        let first: Vec<Address> = routes
            .chain(endpoints(place))
            .chain(before.iter().cloned())
            .collect();
        let origin = format!("eks.node_groups.{name}");
        self.add(&address, &wanted, "eks", &origin)
            .depends_on
            .extend(first);
    }

    /// As the plan says; where the region only stands by, half of `min` and no more than that at the start.
    /// With an autoscaler the number is its own once the group stands.
    fn scaling(&self, place: &Place<'_>, eks: &Eks, name: &str, group: &spec::NodeGroup) -> Scaling {
        let (min, start) = match self.stands_by(place) {
            false => (group.min, group.desired),
            true => {
                let half = group.min.div_ceil(2).max(1);
                let min = half.max(self.needed_by_replicas(place, name)).min(group.max);
                (min, min)
            }
        };
        let start = count(start);
        let kept = eks.node_autoscaler == NodeAutoscaler::None;
        Scaling {
            min: count(min),
            max: count(group.max),
            desired: kept.then_some(start),
            initial: AtCreation((!kept).then_some(start)),
        }
    }

    fn stands_by(&self, place: &Place<'_>) -> bool {
        let regions = self.spec.regions.as_ref();
        let secondary = regions.and_then(|regions| regions.secondary.as_ref());
        !place.primary && secondary.is_some_and(|region| region.mode == SecondaryMode::ActivePassive)
    }

    /// Brokers and the buffer's servers stand on a node each, in a region that stands by as well: a copy that
    /// lacks replicas is none.
    fn needed_by_replicas(&self, place: &Place<'_>, name: &str) -> u32 {
        let kafka = self
            .spec
            .kafka
            .as_ref()
            .filter(|kafka| place.runs(Tier::Kafka) && kafka.node_group.as_deref() == Some(name));
        let buffer = self
            .spec
            .buffer
            .as_ref()
            .filter(|buffer| place.runs(Tier::Buffer) && buffer.node_group.as_deref() == Some(name));
        let brokers = kafka.map_or(0, |kafka| kafka.brokers);
        brokers.max(buffer.map_or(0, |buffer| buffer.replicas + 1))
    }
}

/// The endpoints that are the only way to AWS's services where there is no NAT gateway.
fn endpoints<'a>(place: &'a Place<'_>) -> impl Iterator<Item = Address> {
    let network = place.network;
    let services = network.endpoints.iter().filter(|_| network.nat == Nat::None);
    services.map(|service| place.address("vpc_endpoint", service))
}

/// An operating system that EKS launches by itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    AmazonLinux2,
    AmazonLinux2023,
    Bottlerocket,
}

impl Family {
    fn ami_type(self, arm: bool) -> &'static str {
        match (self, arm) {
            (Self::AmazonLinux2, false) => "AL2_x86_64",
            (Self::AmazonLinux2, true) => "AL2_ARM_64",
            (Self::AmazonLinux2023, false) => "AL2023_x86_64_STANDARD",
            (Self::AmazonLinux2023, true) => "AL2023_ARM_64_STANDARD",
            (Self::Bottlerocket, false) => "BOTTLEROCKET_x86_64",
            (Self::Bottlerocket, true) => "BOTTLEROCKET_ARM_64",
        }
    }

    /// Where images and containers lie. Bottlerocket has its system apart, on a disk that never grows.
    fn data_device(self) -> &'static str {
        match self {
            Self::Bottlerocket => "/dev/xvdb",
            Self::AmazonLinux2 | Self::AmazonLinux2023 => "/dev/xvda",
        }
    }
}

fn family_of(name: &str, group: &spec::NodeGroup) -> Result<Family, Error> {
    match group.ami_family {
        None | Some(AmiFamily::AmazonLinux2023) => Ok(Family::AmazonLinux2023),
        Some(AmiFamily::AmazonLinux2) => Ok(Family::AmazonLinux2),
        Some(AmiFamily::Bottlerocket) => Ok(Family::Bottlerocket),
        Some(AmiFamily::Ubuntu2204 | AmiFamily::Ubuntu2404) => {
            let field = format!("eks.node_groups.{name}.ami_family");
            Err(Error::Unusable {
                why: "EKS has no image of Ubuntu for node groups that it manages".into(),
                fix: format!("set {field}: AmazonLinux2023, or Bottlerocket"),
                field,
            })
        }
    }
}

/// Graviton's families have a `g` among the letters behind the generation: m6g, c7gn, x2gd; a1 was the first.
fn runs_arm(instance_type: &str) -> bool {
    let family = instance_type.split(['.', '-']).next().unwrap_or_default();
    let behind = family.trim_start_matches(|letter: char| letter.is_ascii_alphabetic());
    let letters = behind.trim_start_matches(|digit: char| digit.is_ascii_digit());
    family == "a1" || letters.contains('g')
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

fn taint(taint: &spec::Taint) -> Taint {
    Taint {
        key: taint.key.clone(),
        value: taint.value.clone(),
        effect: match taint.effect {
            TaintEffect::NoSchedule => "NO_SCHEDULE".into(),
            TaintEffect::PreferNoSchedule => "PREFER_NO_SCHEDULE".into(),
            TaintEffect::NoExecute => "NO_EXECUTE".into(),
        },
    }
}

/// The plan's schema ends at 5,000.
fn count(nodes: u32) -> i32 {
    i32::try_from(nodes).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn graviton_is_told_by_the_letters_behind_the_generation() {
        for arm in [
            "m6g.large",
            "c7gn.xlarge",
            "t4g.small",
            "x2gd.metal",
            "a1.large",
            "im4gn.large",
        ] {
            assert!(runs_arm(arm), "{arm}");
        }
        for other in [
            "m6i.xlarge",
            "g5.xlarge",
            "g4dn.xlarge",
            "m7i-flex.large",
            "t3.medium",
            "r7iz.large",
        ] {
            assert!(!runs_arm(other), "{other}");
        }
        assert!(runs_arm("g5g.xlarge"), "Graviton with a graphics card");
    }
}
