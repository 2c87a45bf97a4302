//! The plan on AWS, one file a subsystem. What runs in both regions is laid out once for each.

mod cache;
mod certificate;
mod cluster;
mod database;
mod edge;
mod endpoints;
mod keys;
mod kubernetes;
mod load_balancer;
mod monitoring;
mod names;
mod network;
mod roles;
mod security;
mod storage;

use serde::Serialize;

pub(super) use endpoints::endpoints;

use super::{Error, erase};
use crate::provider::aws::{ADDRESS_TAG, GLOBAL, NAME, PLAN_TAG, Tags};
use crate::resource::{Address, Desired, Ref};
use crate::spec::{Cidr, Duration, Network, Spec, Tier};

pub(super) fn desired(spec: &Spec) -> Result<Vec<Desired>, Error> {
    let mut layout = Layout::new(spec);
    let places = places(spec)?;
    layout.roles(&places)?;
    for place in &places {
        layout.keys(place)?;
        layout.network(place)?;
        layout.security(place)?;
        layout.storage(place)?;
        layout.cluster(place)?;
        layout.database(place)?;
        layout.cache(place)?;
        layout.load_balancer(place)?;
        layout.monitoring(place)?;
    }
    layout.edge(&places)?;
    layout.kubernetes(&places)?;
    Ok(layout.desired)
}

/// What has been laid out so far.
struct Layout<'a> {
    spec: &'a Spec,
    desired: Vec<Desired>,
}

/// A region of the plan, and what it runs.
struct Place<'a> {
    /// `us-east-1`.
    region: &'a str,
    /// Takes writes.
    primary: bool,
    /// The network that both regions share but for their addresses.
    network: &'a Network,
    /// Addresses of the VPC here.
    cidr: &'a Cidr,
    /// Availability zones, such as `us-east-1a`; three unless the plan says otherwise.
    zones: Vec<String>,
    spec: &'a Spec,
}

impl Place<'_> {
    /// Whether this part of the platform runs here: all of it in the primary region.
    fn runs(&self, tier: Tier) -> bool {
        let secondary = || self.spec.regions.as_ref()?.secondary.as_ref();
        self.primary || secondary().is_some_and(|secondary| secondary.runs.contains(&tier))
    }

    /// The last letter of each zone: what subnets and the like are named after.
    fn zone_letters(&self) -> impl Iterator<Item = &str> {
        self.zones.iter().map(|zone| zone_letter(zone))
    }

    /// The address of a resource here.
    fn address(&self, kind: &str, name: &str) -> Address {
        Address::new(NAME, self.region, kind, name)
    }

    /// An output of a resource here.
    fn output(&self, kind: &str, name: &str, output: &str) -> Ref<String> {
        Ref::output(&self.address(kind, name), output)
    }

    /// The ids of this place's subnets, `public` or `private`, in the order of the zones.
    fn subnets(&self, side: &str) -> Vec<Ref<String>> {
        self.zone_letters()
            .map(|letter| self.output("subnet", &format!("{side}-{letter}"), "id"))
            .collect()
    }
}

fn zone_letter(zone: &str) -> &str {
    &zone[zone.len().saturating_sub(1)..]
}

/// Days that CloudWatch keeps a log, as the plan says or else.
fn log_days(retention: Option<Duration>, otherwise: i32) -> i32 {
    let days = retention.map(Duration::as_days);
    days.map_or(otherwise, |days| i32::try_from(days).unwrap_or(i32::MAX))
}

/// The address of a resource that belongs to no region.
fn global(kind: &str, name: &str) -> Address {
    Address::new(NAME, GLOBAL, kind, name)
}

/// The primary region first.
fn places(spec: &Spec) -> Result<Vec<Place<'_>>, Error> {
    let missing = |needs| Error::Missing {
        section: "target",
        needs,
    };
    let regions = spec.regions.as_ref().ok_or_else(|| missing("regions"))?;
    let network = spec.network.as_ref().ok_or_else(|| missing("network"))?;
    let zones = |region: &str, given: &[String]| match given {
        [] => ["a", "b", "c"].map(|letter| format!("{region}{letter}")).into(),
        given => given.to_vec(),
    };
    let mut places = vec![Place {
        region: &regions.primary,
        primary: true,
        network,
        cidr: &network.cidr,
        zones: zones(&regions.primary, &network.zones),
        spec,
    }];
    if let Some(secondary) = &regions.secondary {
        let cidr = network
            .secondary_cidr
            .as_ref()
            .ok_or_else(|| missing("network.secondary_cidr"))?;
        places.push(Place {
            region: &secondary.name,
            primary: false,
            network,
            cidr,
            zones: zones(&secondary.name, &[]),
            spec,
        });
    }
    Ok(places)
}

impl<'a> Layout<'a> {
    fn new(spec: &'a Spec) -> Self {
        Self {
            spec,
            desired: Vec::new(),
        }
    }

    /// Prefixed with the plan's name: what has to be unique in an account.
    fn named(&self, name: &str) -> String {
        format!("{}-{name}", self.spec.metadata.name.as_str())
    }

    /// The plan's tags, and those that say whose the resource at `address` is.
    fn tags(&self, address: &Address) -> Tags {
        let metadata = &self.spec.metadata;
        let mut tags: Tags = metadata.tags.clone();
        tags.insert("Environment".into(), metadata.environment.clone());
        if let Some(owner) = &metadata.owner {
            tags.insert("Owner".into(), owner.clone());
        }
        // What a person looks for in the console.
        tags.insert("Name".into(), self.named(address.name()));
        tags.insert(PLAN_TAG.into(), metadata.name.to_string());
        tags.insert(ADDRESS_TAG.into(), address.to_string());
        tags
    }

    /// Adds what the plan's field `origin` asks for; the caller may still protect it or add dependencies.
    fn add<R: Serialize>(
        &mut self,
        address: &Address,
        resource: &R,
        section: &str,
        origin: &str,
    ) -> &mut Desired {
        self.desired
            .push(erase(address.clone(), resource, section, origin));
        self.desired.last_mut().expect("just added")
    }
}
