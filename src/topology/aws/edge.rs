//! What the world sees: zone, health checks, records, CloudFront.

use std::collections::BTreeSet;

use super::certificate::{CLOUDFRONT_REGION, covered, listeners_are_managed};
use super::load_balancer::encrypts;
use super::{Error, Layout, Place, global};
use crate::provider::aws::{
    Behaviour, Distribution, DnsAlias, DnsRecord, HealthCheck, HostedZone, NAME, Origin,
};
use crate::resource::{Address, Ref};
use crate::spec::{
    CloudFront, Edge, EdgeHealthCheck, LoadBalancerListener, LoadBalancerProtocol, PriceClass, Record,
    RecordTarget, RoutingPolicy, Tier,
};

const SECTION: &str = "edge";

/// Where what isn't encrypted is listened to unless somebody says otherwise.
const HTTP_PORT: u16 = 80;

/// What reads. A group of origins takes no other methods.
const READS: [&str; 3] = ["GET", "HEAD", "OPTIONS"];
const WRITES: [&str; 4] = ["DELETE", "PATCH", "POST", "PUT"];

impl Layout<'_> {
    pub(super) fn edge(&mut self, places: &[Place<'_>]) -> Result<(), Error> {
        let Some(edge) = &self.spec.edge else {
            return Ok(());
        };
        let places: Vec<&Place<'_>> = places.iter().filter(|place| place.runs(Tier::Edge)).collect();
        self.hosted_zone(edge);
        for (name, check) in &edge.health_checks {
            self.health_check(name, check, places[0])?;
        }
        let mut proof = listeners_are_managed(self.spec).then(|| places[0].address("certificate", "main"));
        if let Some(cloudfront) = &edge.cloudfront {
            let names = names_of(edge, cloudfront);
            let certificate = self.cloudfront_certificate(edge, &names)?;
            let made = Address::new(NAME, CLOUDFRONT_REGION, "certificate", "cloudfront");
            let is_made = self.desired.iter().any(|desired| desired.address == made);
            proof = proof.or_else(|| is_made.then_some(made));
            self.distribution(cloudfront, names, certificate, &places)?;
        }
        if let Some(certificate) = proof {
            self.validation_record(&certificate);
        }
        for (name, record) in &edge.records {
            self.edge_record(edge, name, record, &places)?;
        }
        Ok(())
    }

    fn hosted_zone(&mut self, edge: &Edge) {
        let address = global("hosted_zone", "main");
        let zone = HostedZone {
            name: edge.domain.to_lowercase(),
            owned: edge.create_zone,
            tags: edge.create_zone.then(|| self.tags(&address)),
        };
        let added = self.add(&address, &zone, SECTION, "edge.domain");
        // A new zone has other name servers, which the parent zone doesn't know.
        added.protect = edge.create_zone;
    }

    fn health_check(&mut self, name: &str, plan: &EdgeHealthCheck, primary: &Place<'_>) -> Result<(), Error> {
        let listener = self.listener_at(plan.port.get())?;
        let secure = match listener.map(|listener| listener.protocol) {
            Some(LoadBalancerProtocol::Https | LoadBalancerProtocol::Tls) => true,
            Some(LoadBalancerProtocol::Http) => false,
            // What goes over TCP, only its targets know.
            Some(LoadBalancerProtocol::Tcp) | None => plan.port.get() == 443,
        };
        let address = global("health_check", name);
        let check = HealthCheck {
            host: primary.output("load_balancer", "main", "dns_name"),
            port: plan.port.get().into(),
            protocol: if secure { "HTTPS" } else { "HTTP" }.into(),
            path: plan.path.clone(),
            interval_seconds: i32::try_from(plan.interval.as_secs()).unwrap_or(i32::MAX),
            failure_threshold: i32::try_from(plan.failure_threshold).unwrap_or(i32::MAX),
            tags: self.tags(&address),
        };
        let origin = format!("edge.health_checks.{name}");
        self.add(&address, &check, SECTION, &origin);
        Ok(())
    }

    fn listener_at(&self, port: u16) -> Result<Option<&LoadBalancerListener>, Error> {
        let balancer = self.spec.load_balancer.as_ref().ok_or(Error::Missing {
            section: SECTION,
            needs: "load_balancer",
        })?;
        let mut listeners = balancer.listeners.values();
        Ok(listeners.find(|listener| listener.port.get() == port))
    }

    fn edge_record(
        &mut self,
        edge: &Edge,
        name: &str,
        plan: &Record,
        places: &[&Place<'_>],
    ) -> Result<(), Error> {
        let origin = format!("edge.records.{name}");
        let full = full_name(edge, name);
        if plan.to == RecordTarget::Cloudfront {
            // CloudFront has one name for the whole world, and decides on health by itself.
            let distribution = global("distribution", "main");
            let alias = DnsAlias {
                name: Ref::output(&distribution, "domain_name"),
                zone: Ref::output(&distribution, "zone_id"),
                evaluate_health: false,
            };
            self.add_edge_record(name, &alias_record(&full, alias), &origin);
            return Ok(());
        }
        if listeners_are_managed(self.spec) {
            covered(edge, &full, &origin)?;
        }
        if plan.policy != RoutingPolicy::Simple && places.len() < 2 {
            return Err(Error::Unusable {
                field: format!("{origin}.policy"),
                why: "only one region has a load balancer".into(),
                fix: "add `edge` to regions.secondary.runs, or set it to simple".into(),
            });
        }
        let check = plan.health_check.as_ref();
        let check = check.map(|check| Ref::output(&global("health_check", check), "id"));
        for place in places {
            let record = alias_record(&full, alias_of(place, plan.policy));
            let (name, record) = match plan.policy {
                RoutingPolicy::Simple if !place.primary => continue,
                RoutingPolicy::Simple => (name.to_owned(), record),
                RoutingPolicy::Failover => {
                    let role = if place.primary { "primary" } else { "secondary" };
                    let record = DnsRecord {
                        set_identifier: Some(role.into()),
                        failover: Some(role.to_uppercase()),
                        ..record
                    };
                    (format!("{name}-{role}"), record)
                }
                RoutingPolicy::Latency => {
                    let record = DnsRecord {
                        set_identifier: Some(place.region.into()),
                        region: Some(place.region.into()),
                        ..record
                    };
                    (format!("{name}-{}", place.region), record)
                }
            };
            // The check asks the primary region; without a choice there is nothing that it could decide.
            let decides = place.primary && plan.policy != RoutingPolicy::Simple;
            let health_check = check.clone().filter(|_| decides);
            self.add_edge_record(
                &name,
                &DnsRecord {
                    health_check,
                    ..record
                },
                &origin,
            );
        }
        Ok(())
    }

    fn add_edge_record(&mut self, name: &str, record: &DnsRecord, origin: &str) {
        let address = global("dns_record", name);
        self.add(&address, record, SECTION, origin);
    }

    fn distribution(
        &mut self,
        plan: &CloudFront,
        aliases: BTreeSet<String>,
        certificate: Option<Ref<String>>,
        places: &[&Place<'_>],
    ) -> Result<(), Error> {
        if plan.origin_failover && places.len() < 2 {
            return Err(Error::Unusable {
                field: "edge.cloudfront.origin_failover".into(),
                why: "only one region has a load balancer to go to".into(),
                fix: "add `edge` to regions.secondary.runs, or set it to false".into(),
            });
        }
        let used = if plan.origin_failover {
            places
        } else {
            &places[..1]
        };
        let (protocol, port) = self.origin_protocol(aliases.is_empty())?;
        let origins: Vec<Origin> = used
            .iter()
            .map(|place| Origin {
                id: place.region.into(),
                domain: place.output("load_balancer", "main", "dns_name"),
                protocol: protocol.into(),
                port,
            })
            .collect();
        let failover: Vec<String> = match plan.origin_failover {
            true => origins.iter().map(|origin| origin.id.clone()).collect(),
            false => Vec::new(),
        };
        let (default, behaviours) = behaviours(plan, places[0].region);
        let address = global("distribution", "main");
        let distribution = Distribution {
            comment: self.named(address.name()),
            aliases,
            certificate,
            price_class: price_class(plan.price_class).into(),
            origins,
            failover,
            default,
            behaviours,
            enabled: true,
            tags: self.tags(&address),
        };
        self.add(&address, &distribution, SECTION, "edge.cloudfront");
        Ok(())
    }

    /// How CloudFront reaches the load balancers: encrypted where they listen so.
    fn origin_protocol(&self, nameless: bool) -> Result<(&'static str, u16), Error> {
        let missing = |needs| Error::Missing {
            section: SECTION,
            needs,
        };
        let balancer = self.spec.load_balancer.as_ref().ok_or(missing("load_balancer"))?;
        if balancer.internal {
            return Err(Error::Unusable {
                field: "load_balancer.internal".into(),
                why: "CloudFront comes over the internet, where an internal load balancer isn't".into(),
                fix: "set it to false, or take edge.cloudfront out".into(),
            });
        }
        let mut listeners = balancer.listeners.values();
        if let Some(listener) = listeners.clone().find(|it| encrypts(it.protocol)) {
            if nameless {
                return Err(Error::Unusable {
                    field: "edge.cloudfront".into(),
                    why: "CloudFront passes on the name that it is asked by, which the load balancers' certificate \
                          has to cover; its own name is not among them"
                        .into(),
                    fix: "add a record with `to: cloudfront`".into(),
                });
            }
            return Ok(("https-only", listener.port.get()));
        }
        let open = listeners.find(|it| it.redirect_to.is_none());
        // Nobody listens where there is no listener, and a rule says so.
        Ok((
            "http-only",
            open.map_or(HTTP_PORT, |listener| listener.port.get()),
        ))
    }
}

/// Every name that the distribution has to answer for: those of the plan, and its records' own.
fn names_of(edge: &Edge, plan: &CloudFront) -> BTreeSet<String> {
    let records = edge.records.iter();
    let records = records.filter(|(_, record)| record.to == RecordTarget::Cloudfront);
    let names = records.map(|(name, _)| full_name(edge, name));
    names.chain(plan.aliases.iter().cloned()).collect()
}

fn full_name(edge: &Edge, name: &str) -> String {
    match name {
        "@" => edge.domain.to_lowercase(),
        name => format!("{name}.{}", edge.domain).to_lowercase(),
    }
}

fn alias_of(place: &Place<'_>, policy: RoutingPolicy) -> DnsAlias {
    DnsAlias {
        name: place.output("load_balancer", "main", "dns_name"),
        zone: place.output("load_balancer", "main", "zone_id"),
        evaluate_health: policy != RoutingPolicy::Simple,
    }
}

fn alias_record(name: &str, alias: DnsAlias) -> DnsRecord {
    DnsRecord {
        zone: Ref::output(&global("hosted_zone", "main"), "id"),
        name: Ref::Known(name.into()),
        kind: "A".into(),
        ttl_seconds: None,
        values: Default::default(),
        alias: Some(alias),
        set_identifier: None,
        failover: None,
        region: None,
        health_check: None,
    }
}

/// The default behaviour and those of the paths. What no path of the plan takes in can be read from the
/// first region, and nothing more: writes go to the load balancers.
fn behaviours(plan: &CloudFront, primary: &str) -> (Behaviour, Vec<Behaviour>) {
    let target = match plan.origin_failover {
        true => Distribution::GROUP,
        false => primary,
    };
    let methods = |writes: bool| {
        let writes = WRITES.into_iter().filter(|_| writes);
        READS.into_iter().chain(writes).map(str::to_owned).collect()
    };
    let behaviour = |path: Option<&String>, target: &str, writes: bool| Behaviour {
        path: path.cloned(),
        target: target.into(),
        methods: methods(writes),
        viewer_protocol: "https-only".into(),
        cache_policy: Distribution::CACHING_DISABLED.into(),
        origin_request_policy: Distribution::ALL_VIEWER.into(),
    };
    let everything = |path: &&String| ["*", "/*"].contains(&path.as_str());
    let writes = !plan.origin_failover;
    let default = match plan.paths.iter().any(|path| everything(&path)) {
        true => behaviour(None, target, writes),
        false => behaviour(None, primary, false),
    };
    let mut paths: Vec<&String> = plan.paths.iter().filter(|path| !everything(path)).collect();
    // The first that takes a path in has it: the closer ones go first.
    paths.sort_by_key(|path| std::cmp::Reverse(path.len()));
    let behaviours = paths
        .into_iter()
        .map(|path| behaviour(Some(path), target, writes));
    (default, behaviours.collect())
}

fn price_class(class: PriceClass) -> &'static str {
    match class {
        PriceClass::Class100 => "PriceClass_100",
        PriceClass::Class200 => "PriceClass_200",
        PriceClass::All => "PriceClass_All",
    }
}
