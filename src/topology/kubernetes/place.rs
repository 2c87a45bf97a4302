//! A region of the plan as Kubernetes sees it: what its cluster runs, and how much of it.

use super::token;
use crate::resource::Address;
use crate::spec::{Eks, NodeGroup, SecondaryMode, SecondaryRegion, Spec, TargetType, Tier, Workload};

/// The namespace that everything of the plan runs in, on every cluster.
pub const NAMESPACE: &str = "billing";

/// Who makes what stands outside the cluster.
const AWS: &str = "aws";

/// A region, and what it runs.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// `us-east-1`.
    pub region: &'a str,
    /// Takes writes.
    pub primary: bool,
    spec: &'a Spec,
}

/// The plan's regions, the primary first; none where it names none.
pub fn places(spec: &Spec) -> Vec<Place<'_>> {
    let place = |region, primary| Place {
        region,
        primary,
        spec,
    };
    let Some(regions) = &spec.regions else {
        return Vec::new();
    };
    let secondary = regions
        .secondary
        .as_ref()
        .map(|it| place(it.name.as_str(), false));
    std::iter::once(place(regions.primary.as_str(), true))
        .chain(secondary)
        .collect()
}

impl<'a> Place<'a> {
    fn secondary(&self) -> Option<&'a SecondaryRegion> {
        self.spec.regions.as_ref()?.secondary.as_ref()
    }

    /// Whether this part of the platform runs here: all of it in the primary region.
    pub fn runs(&self, tier: Tier) -> bool {
        self.primary || self.secondary().is_some_and(|it| it.runs.contains(&tier))
    }

    /// Whether something runs here that runs on Kubernetes.
    pub fn has_cluster(&self) -> bool {
        let tiers = [Tier::Api, Tier::Ingest, Tier::Kafka, Tier::Buffer];
        self.spec.eks.is_some() && tiers.into_iter().any(|tier| self.runs(tier))
    }

    /// Whether it waits until the first region is away.
    pub fn stands_by(&self) -> bool {
        !self.primary
            && self
                .secondary()
                .is_some_and(|it| it.mode == SecondaryMode::ActivePassive)
    }

    /// Whether the second region copies the log of the first.
    pub(super) fn is_mirrored(&self) -> bool {
        self.secondary().is_some_and(|it| it.runs.contains(&Tier::Kafka))
    }

    /// The region that takes writes.
    pub(super) fn first_region(&self) -> &'a str {
        let regions = self.spec.regions.as_ref();
        regions.map_or(self.region, |regions| regions.primary.as_str())
    }

    /// The address of what AWS has here.
    pub fn address(&self, kind: &str, name: &str) -> Address {
        Address::new(AWS, self.region, kind, name)
    }

    /// The token of an output of it.
    pub(super) fn output(&self, kind: &str, name: &str, output: &str) -> String {
        token(&self.address(kind, name), output)
    }

    /// Addresses of the network here: where load balancers, shards and caches are.
    pub fn cidr(&self) -> Option<String> {
        let network = self.spec.network.as_ref()?;
        match self.primary {
            true => Some(network.cidr.to_string()),
            false => network.secondary_cidr.as_ref().map(ToString::to_string),
        }
    }

    /// Pods of a workload at the start, and the autoscaler's least: half of it where the region stands by.
    pub(super) fn pods(&self, workload: &Workload) -> (u32, u32) {
        let least = workload
            .autoscaling
            .as_ref()
            .map_or(workload.replicas, |it| it.min);
        match self.stands_by() {
            false => (workload.replicas, least),
            true => {
                let half = least.div_ceil(2).max(1);
                (half, half)
            }
        }
    }

    /// Fewest nodes of a group and how many it starts with: half the fewest where the region stands by, but one
    /// for each broker and server of the buffer, as a copy that lacks replicas is none.
    pub fn nodes(&self, name: &str, group: &NodeGroup) -> (u32, u32) {
        if !self.stands_by() {
            return (group.min, group.desired);
        }
        let kafka = self.spec.kafka.as_ref().filter(|_| self.runs(Tier::Kafka));
        let kafka = kafka.filter(|kafka| kafka.node_group.as_deref() == Some(name));
        let buffer = self.spec.buffer.as_ref().filter(|_| self.runs(Tier::Buffer));
        let buffer = buffer.filter(|buffer| buffer.node_group.as_deref() == Some(name));
        let needed = kafka
            .map_or(0, |kafka| kafka.brokers)
            .max(buffer.map_or(0, |buffer| buffer.replicas + 1));
        let least = group.min.div_ceil(2).max(1).max(needed).min(group.max);
        (least, least)
    }

    pub(super) fn node_group(&self, name: Option<&str>) -> Option<(&'a str, &'a NodeGroup)> {
        let eks: &'a Eks = self.spec.eks.as_ref()?;
        let (name, group) = eks.node_groups.get_key_value(name?)?;
        Some((name.as_str(), group))
    }

    /// The target groups that stand in front of `workload` here, and whether their targets are nodes.
    pub(super) fn target_groups(&self, workload: &str) -> Vec<(&'a str, u16, bool)> {
        let balancer = self.spec.load_balancer.as_ref().filter(|_| self.runs(Tier::Edge));
        let groups = balancer.into_iter().flat_map(|balancer| &balancer.target_groups);
        groups
            .filter(|(_, group)| group.workload.as_deref() == Some(workload))
            .map(|(name, group)| {
                let nodes = group.target_type != Some(TargetType::Ip);
                (name.as_str(), group.port.get(), nodes)
            })
            .collect()
    }
}
