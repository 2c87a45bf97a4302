//! Who may talk to whom: security groups, and each rule as a resource of its own, so that a database doesn't
//! wait for the cluster whose pods it lets in.

use std::collections::BTreeSet;

use super::load_balancer::open_ports;
use super::{Error, Layout, Place};
use crate::provider::aws::{Direction, Ports, SecurityGroup, SecurityGroupRule, Source};
use crate::resource::{Desired, Ref};
use crate::spec::{Port, TargetType, Tier};

const ANYWHERE: &str = "0.0.0.0/0";

/// The rule that lets the network's own addresses reach AWS's services in it.
pub(super) const ENDPOINTS_RULE: &str = "endpoints-from-network";

/// What Kubernetes opens on each node for a service, as long as nobody tells it otherwise.
const NODE_PORTS: Ports = Ports {
    from: 30_000,
    to: 32_767,
};

impl Place<'_> {
    /// Whether something runs here that runs on Kubernetes.
    pub(super) fn has_cluster(&self) -> bool {
        let on_kubernetes = [Tier::Api, Tier::Ingest, Tier::Kafka, Tier::Buffer];
        self.spec.eks.is_some() && on_kubernetes.into_iter().any(|tier| self.runs(tier))
    }

    /// The group that EKS makes, which nodes and pods carry.
    fn cluster_group(&self) -> Ref<String> {
        self.output("eks_cluster", "main", "security_group_id")
    }

    fn group(&self, name: &str) -> Ref<String> {
        self.output("security_group", name, "id")
    }
}

/// A rule before it has an address.
struct Rule<'a> {
    name: &'a str,
    group: Ref<String>,
    direction: Direction,
    ports: Ports,
    source: Source,
}

impl Layout<'_> {
    pub(super) fn security(&mut self, place: &Place<'_>) -> Result<(), Error> {
        self.load_balancer_group(place);
        if place.runs(Tier::Database) {
            self.database_group(place);
        }
        if place.runs(Tier::Cache) {
            self.cache_group(place);
        }
        self.endpoints_group(place);
        Ok(())
    }

    fn load_balancer_group(&mut self, place: &Place<'_>) {
        let Some(balancer) = self
            .spec
            .load_balancer
            .as_ref()
            .filter(|_| place.runs(Tier::Edge))
        else {
            return;
        };
        self.group(
            place,
            "load-balancer",
            "what comes in from outside",
            "load_balancer",
        )
        // AWS makes no public load balancer in a VPC without a gateway; it comes after its group.
        .depends_on
        .insert(place.address("internet_gateway", "main"));
        let from = match balancer.internal {
            true => place.cidr.to_string(),
            false => ANYWHERE.into(),
        };
        for (name, port) in open_ports(self.spec) {
            let rule = Rule {
                name: &format!("load-balancer-{name}"),
                group: place.group("load-balancer"),
                direction: Direction::Ingress,
                ports: one(port),
                source: Source::Cidr(from.clone()),
            };
            self.rule(place, rule, "load_balancer", "load_balancer.listeners");
        }
        if place.has_cluster() {
            self.targets(place);
        }
    }

    /// From the load balancer to the pods, a rule at either end for each port.
    fn targets(&mut self, place: &Place<'_>) {
        for (name, ports) in self.target_ports() {
            let (here, there) = (place.group("load-balancer"), place.cluster_group());
            let out = Rule {
                name: &format!("load-balancer-to-{name}"),
                group: here.clone(),
                direction: Direction::Egress,
                ports,
                source: Source::Group(there.clone()),
            };
            self.rule(place, out, "load_balancer", "load_balancer.target_groups");
            let into = Rule {
                name: &format!("cluster-from-load-balancer-{name}"),
                group: there,
                direction: Direction::Ingress,
                ports,
                source: Source::Group(here),
            };
            self.rule(place, into, "load_balancer", "load_balancer.target_groups");
        }
    }

    /// Each range once, whatever number of target groups share it.
    fn target_ports(&self) -> Vec<(String, Ports)> {
        let balancer = self.spec.load_balancer.iter();
        let groups = balancer.flat_map(|balancer| balancer.target_groups.values());
        let mut ports: BTreeSet<Port> = BTreeSet::new();
        let mut nodes = false;
        for group in groups {
            ports.insert(group.port);
            nodes |= group.target_type != Some(TargetType::Ip);
        }
        ports.extend(self.spec.ingest.iter().map(|ingest| ingest.port));
        let named = ports.into_iter().map(|port| (port.to_string(), one(port)));
        let nodes = nodes.then(|| ("node-ports".to_owned(), NODE_PORTS));
        named.chain(nodes).collect()
    }

    /// The proxy in front of a shard carries the shard's group: its members talk to one another.
    fn database_group(&mut self, place: &Place<'_>) {
        let Some(aurora) = &self.spec.aurora else { return };
        let ports = one(aurora.port);
        self.group(place, "database", "the shards and their proxies", "aurora");
        for (name, direction) in [
            ("database-from-itself", Direction::Ingress),
            ("database-to-itself", Direction::Egress),
        ] {
            let rule = Rule {
                name,
                group: place.group("database"),
                direction,
                ports,
                source: Source::Group(place.group("database")),
            };
            self.rule(place, rule, "aurora", "aurora.port");
        }
        self.let_cluster_in(place, "database", ports, "aurora", "aurora.port");
    }

    fn cache_group(&mut self, place: &Place<'_>) {
        let Some(cache) = &self.spec.cache else { return };
        let ports = one(cache.port);
        self.group(place, "cache", "nodes of the cache", "cache");
        self.let_cluster_in(place, "cache", ports, "cache", "cache.port");
    }

    fn endpoints_group(&mut self, place: &Place<'_>) {
        if place.network.endpoints.is_empty() {
            return;
        }
        self.group(place, "endpoints", "AWS services inside the network", "network");
        let rule = Rule {
            name: ENDPOINTS_RULE,
            group: place.group("endpoints"),
            direction: Direction::Ingress,
            ports: Ports { from: 443, to: 443 },
            source: Source::Cidr(place.cidr.to_string()),
        };
        self.rule(place, rule, "network", "network.endpoints");
    }

    fn let_cluster_in(&mut self, place: &Place<'_>, to: &str, ports: Ports, section: &str, origin: &str) {
        if !place.has_cluster() {
            return;
        }
        let rule = Rule {
            name: &format!("{to}-from-cluster"),
            group: place.group(to),
            direction: Direction::Ingress,
            ports,
            source: Source::Group(place.cluster_group()),
        };
        self.rule(place, rule, section, origin);
    }

    fn group(&mut self, place: &Place<'_>, name: &str, description: &str, section: &str) -> &mut Desired {
        let address = place.address("security_group", name);
        let group = SecurityGroup {
            name: self.named(name),
            description: description.into(),
            vpc: place.output("vpc", "main", "id"),
            default_egress: false,
            tags: self.tags(&address),
        };
        self.add(&address, &group, section, section)
    }

    fn rule(&mut self, place: &Place<'_>, rule: Rule<'_>, section: &str, origin: &str) {
        let address = place.address("security_group_rule", rule.name);
        let rule = SecurityGroupRule {
            group: rule.group,
            direction: rule.direction,
            protocol: "tcp".into(),
            ports: Some(rule.ports),
            source: rule.source,
            tags: self.tags(&address),
        };
        self.add(&address, &rule, section, origin);
    }
}

fn one(port: Port) -> Ports {
    let port = i32::from(port.get());
    Ports { from: port, to: port }
}
