//! The VPC: subnets, ways out, endpoints, flow logs, and the sweepers of what a cluster leaves there.

use std::collections::BTreeMap;

use super::{Error, Layout, Place, global, log_days};
use crate::provider::aws::{
    ClusterNetworkLeftovers, ClusterVolumes, ElasticIp, EndpointKind, FlowLog, InternetGateway, LogGroup,
    NatGateway, RouteTable, RouteTarget, Subnet, Vpc, VpcEndpoint,
};
use crate::resource::{Field, Ref, Set};
use crate::spec::{Cidr, Nat};

const ANYWHERE: &str = "0.0.0.0/0";

/// Services that a route leads to; the others have an address in each private subnet.
const GATEWAYS: &[&str] = &["s3", "dynamodb"];

/// Days that flow logs are kept where the plan doesn't say: who looks into a break-in often comes months late, and a year's cost little.
const FLOW_LOG_RETENTION_DAYS: i32 = 365;

/// Seconds over which flow logs are gathered: the longer of the two that AWS offers, at fewer entries.
const FLOW_LOG_INTERVAL_SECONDS: i32 = 600;

/// The two kinds of subnet that each zone has.
#[derive(Clone, Copy)]
enum Side {
    /// Led to the internet gateway.
    Public,
    /// Led to a NAT gateway, or nowhere.
    Private,
}

impl Side {
    fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
        }
    }

    /// By which Kubernetes' controllers know where load balancers go.
    fn role_tag(self) -> &'static str {
        match self {
            Self::Public => "kubernetes.io/role/elb",
            Self::Private => "kubernetes.io/role/internal-elb",
        }
    }
}

impl Place<'_> {
    fn vpc(&self) -> Ref<String> {
        self.output("vpc", "main", "id")
    }

    /// The zone letters that have a NAT gateway.
    fn nat_letters(&self) -> Vec<&str> {
        let gateways = match self.network.nat {
            Nat::None => 0,
            Nat::Single => 1,
            Nat::PerZone => usize::MAX,
        };
        self.zone_letters().take(gateways).collect()
    }

    /// The subnets of a zone are neighbours, so that a further zone moves none of the others.
    fn subnet_cidr(&self, zone: usize, side: Side) -> Result<Cidr, Error> {
        let index = 2 * zone + side as usize;
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        self.cidr
            .subnet(self.network.subnet_prefix, index)
            .ok_or_else(|| Error::Unusable {
                field: "network.subnet_prefix".into(),
                why: format!(
                    "{} subnets of /{} don't fit into {}",
                    2 * self.zones.len(),
                    self.network.subnet_prefix,
                    self.cidr
                ),
                fix: "take a longer prefix, or a larger block".into(),
            })
    }
}

impl Layout<'_> {
    pub(super) fn network(&mut self, place: &Place<'_>) -> Result<(), Error> {
        let address = place.address("vpc", "main");
        let vpc = Vpc {
            cidr: place.cidr.to_string(),
            dns_hostnames: true,
            dns_support: true,
            tags: self.tags(&address),
        };
        self.add(&address, &vpc, "network", cidr_field(place));
        self.subnets(place)?;
        self.internet_gateway(place);
        self.nat_gateways(place);
        self.route_tables(place);
        self.endpoints(place);
        if place.network.flow_logs {
            self.flow_logs(place);
        }
        self.sweepers(place);
        Ok(())
    }

    fn subnets(&mut self, place: &Place<'_>) -> Result<(), Error> {
        for side in [Side::Public, Side::Private] {
            for (index, (zone, letter)) in place.zones.iter().zip(place.zone_letters()).enumerate() {
                let address = place.address("subnet", &format!("{}-{letter}", side.name()));
                let mut tags = self.tags(&address);
                if self.spec.eks.is_some() {
                    tags.insert(side.role_tag().into(), "1".into());
                }
                let subnet = Subnet {
                    vpc: place.vpc(),
                    zone: zone.clone(),
                    cidr: place.subnet_cidr(index, side)?.to_string(),
                    // What stands in a public one, gateways and load balancers, brings its own.
                    public_addresses: false,
                    tags,
                };
                self.add(&address, &subnet, "network", "network.subnet_prefix");
            }
        }
        Ok(())
    }

    fn internet_gateway(&mut self, place: &Place<'_>) {
        let address = place.address("internet_gateway", "main");
        let gateway = InternetGateway {
            vpc: place.vpc(),
            attached: true,
            tags: self.tags(&address),
        };
        self.add(&address, &gateway, "network", "network");
    }

    fn nat_gateways(&mut self, place: &Place<'_>) {
        let internet = place.address("internet_gateway", "main");
        for letter in place.nat_letters() {
            let address = place.address("elastic_ip", &format!("nat-{letter}"));
            let elastic_ip = ElasticIp {
                tags: self.tags(&address),
            };
            let added = self.add(&address, &elastic_ip, "network", "network.nat");
            // A gateway isn't let go of while public addresses are in use.
            added.depends_on.insert(internet.clone());
            let gateway = place.address("nat_gateway", letter);
            let nat = NatGateway {
                subnet: place.output("subnet", &format!("public-{letter}"), "id"),
                elastic_ip: Ref::output(&address, "id"),
                tags: self.tags(&gateway),
            };
            let added = self.add(&gateway, &nat, "network", "network.nat");
            added.depends_on.insert(internet.clone());
        }
    }

    fn route_tables(&mut self, place: &Place<'_>) {
        let internet = RouteTarget::Gateway(place.output("internet_gateway", "main", "id"));
        let subnets = place.subnets(Side::Public.name()).into_iter().collect();
        self.route_table(place, "public", Some(internet), subnets);
        let nats = place.nat_letters();
        for letter in place.zone_letters() {
            let nat = nats.iter().find(|nat| **nat == letter).or_else(|| nats.first());
            let out = nat.map(|nat| RouteTarget::NatGateway(place.output("nat_gateway", nat, "id")));
            let name = format!("private-{letter}");
            let subnets = Set(vec![place.output("subnet", &name, "id")]);
            self.route_table(place, &name, out, subnets);
        }
    }

    fn route_table(
        &mut self,
        place: &Place<'_>,
        name: &str,
        out: Option<RouteTarget>,
        associations: Set<Ref<String>>,
    ) {
        let address = place.address("route_table", name);
        let table = RouteTable {
            vpc: place.vpc(),
            routes: BTreeMap::from([(ANYWHERE.to_owned(), out)]),
            associations,
            tags: self.tags(&address),
        };
        self.add(&address, &table, "network", "network.nat");
    }

    fn endpoints(&mut self, place: &Place<'_>) {
        for service in &place.network.endpoints {
            let address = place.address("vpc_endpoint", service);
            let gateway = GATEWAYS.contains(&service.as_str());
            let mut endpoint = VpcEndpoint {
                vpc: place.vpc(),
                service: format!("com.amazonaws.{}.{service}", place.region),
                kind: EndpointKind::Gateway,
                route_tables: Set::default(),
                subnets: Set::default(),
                security_groups: Set::default(),
                private_dns: !gateway,
                tags: self.tags(&address),
            };
            if gateway {
                let private = place.zone_letters().map(|letter| format!("private-{letter}"));
                let tables = private.chain(["public".to_owned()]);
                endpoint.route_tables = tables
                    .map(|name| place.output("route_table", &name, "id"))
                    .collect();
            } else {
                endpoint.kind = EndpointKind::Interface;
                endpoint.subnets = place.subnets(Side::Private.name()).into_iter().collect();
                endpoint.security_groups = Set(vec![place.output("security_group", "endpoints", "id")]);
            }
            self.add(&address, &endpoint, "network", "network.endpoints");
        }
    }

    fn flow_logs(&mut self, place: &Place<'_>) {
        let group = place.address("log_group", "flow-logs");
        let log_group = LogGroup {
            name: format!("/aws/vpc/{}", self.named("flow-logs")),
            retention_days: Field::Value(log_days(
                place.network.flow_log_retention,
                FLOW_LOG_RETENTION_DAYS,
            )),
            tags: self.tags(&group),
        };
        self.add(&group, &log_group, "network", "network.flow_logs");
        let address = place.address("flow_log", "main");
        let flow_log = FlowLog {
            vpc: place.vpc(),
            log_group: Ref::output(&group, "name"),
            role: Ref::output(&global("iam_role", "flow-logs"), "arn"),
            traffic: "ALL".into(),
            interval_seconds: FLOW_LOG_INTERVAL_SECONDS,
            tags: self.tags(&address),
        };
        self.add(&address, &flow_log, "network", "network.flow_logs");
    }

    /// The cluster depends on both: they go after it.
    fn sweepers(&mut self, place: &Place<'_>) {
        let Some(eks) = self.spec.eks.as_ref().filter(|_| place.has_cluster()) else {
            return;
        };
        let leftovers = ClusterNetworkLeftovers {
            cluster: eks.name.clone(),
            vpc: place.vpc(),
        };
        let volumes = ClusterVolumes {
            cluster: eks.name.clone(),
            vpc: place.vpc(),
        };
        let address = place.address("cluster_network_leftovers", "main");
        let added = self.add(&address, &leftovers, "eks", "eks.name");
        for side in [Side::Public, Side::Private] {
            let subnets = place
                .zone_letters()
                .map(|letter| format!("{}-{letter}", side.name()));
            added
                .depends_on
                .extend(subnets.map(|name| place.address("subnet", &name)));
        }
        added.depends_on.insert(place.address("internet_gateway", "main"));
        let address = place.address("cluster_volumes", "main");
        self.add(&address, &volumes, "eks", "eks.name").protect = true;
    }
}

fn cidr_field(place: &Place<'_>) -> &'static str {
    match place.primary {
        true => "network.cidr",
        false => "network.secondary_cidr",
    }
}
