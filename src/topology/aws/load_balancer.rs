//! The way in: load balancer, listeners, target groups, and which path goes where.

use super::{Error, Layout, Place};
use crate::provider::aws::{
    Listener, ListenerAction, ListenerRule, LoadBalancer, LoadBalancerKind as Kind, TargetGroup,
    TargetHealthCheck, TargetStickiness,
};
use crate::resource::Ref;
use crate::spec::{
    Ingest, LoadBalancer as Plan, LoadBalancerKind, LoadBalancerListener, LoadBalancerProtocol, Port, Spec,
    Stickiness, StickinessKind, TargetGroup as PlanGroup, TargetType, Tier,
};

const SECTION: &str = "load_balancer";

/// The target group of the bundled service, unless the plan has one of that name.
const INGEST: &str = "ingest";

/// What the bundled service answers to; the rest is the listener's own target group's.
const INGEST_PATHS: [&str; 2] = ["/v1/events*", "/v1/accounts/*"];

/// TLS 1.3 and 1.2 with forward secrecy, and key exchange that quantum computers don't break: what the
/// guides of both kinds of load balancer recommend ("Security policies", 2026).
const TLS_POLICY: &str = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09";

/// Paths that AWS takes in one rule.
const PATHS_A_RULE: usize = 5;

impl Layout<'_> {
    pub(super) fn load_balancer(&mut self, place: &Place<'_>) -> Result<(), Error> {
        let Some(plan) = &self.spec.load_balancer else {
            return Ok(());
        };
        if !place.runs(Tier::Edge) {
            return Ok(());
        }
        self.balancer_itself(place, plan);
        for (name, group) in &plan.target_groups {
            self.target_group(place, name, group)?;
        }
        let ingest = bundled(self.spec);
        if let Some(ingest) = ingest {
            self.ingest_group(place, plan, ingest);
        }
        self.listener_certificate(place)?;
        for (name, listener) in &plan.listeners {
            self.listener(place, name, listener)?;
            if plan.kind == LoadBalancerKind::Application && listener.redirect_to.is_none() {
                self.listener_rules(place, name, ingest.is_some());
            }
        }
        match ingest {
            Some(ingest) if plan.kind == LoadBalancerKind::Network => {
                self.ingest_listener(place, plan, ingest)
            }
            _ => Ok(()),
        }
    }

    fn balancer_itself(&mut self, place: &Place<'_>, plan: &Plan) {
        let address = place.address("load_balancer", "main");
        let application = plan.kind == LoadBalancerKind::Application;
        let side = if plan.internal { "private" } else { "public" };
        let mut tags = self.tags(&address);
        tags.extend(plan.tags.clone());
        let balancer = LoadBalancer {
            name: plan.name.clone(),
            kind: match application {
                true => Kind::Application,
                false => Kind::Network,
            },
            internal: plan.internal,
            subnets: place.subnets(side).into_iter().collect(),
            security_groups: [place.output("security_group", "load-balancer", "id")]
                .into_iter()
                .collect(),
            deletion_protection: plan.deletion_protection,
            http2: application.then_some(plan.http2),
            cross_zone: (!application).then_some(plan.cross_zone),
            idle_timeout_seconds: application.then(|| plan.idle_timeout.as_secs()),
            drop_invalid_headers: application.then_some(true),
            access_logs: Some(place.output("s3_bucket", "access-logs", "name")),
            tags,
        };
        self.add(&address, &balancer, SECTION, SECTION);
    }

    fn target_group(&mut self, place: &Place<'_>, name: &str, plan: &PlanGroup) -> Result<(), Error> {
        let check = &plan.health_check;
        let stickiness = plan.stickiness.filter(|it| it.enabled);
        let stickiness = stickiness.map(|it| stickiness_of(name, it)).transpose()?;
        let address = place.address("target_group", name);
        let group = TargetGroup {
            name: name.into(),
            port: plan.port.get().into(),
            protocol: protocol(plan.protocol).into(),
            target_type: match plan.target_type {
                Some(TargetType::Ip) => "ip".into(),
                Some(TargetType::Instance) | None => "instance".into(),
            },
            vpc: place.output("vpc", "main", "id"),
            health_check: TargetHealthCheck {
                protocol: checked_by(plan.protocol).into(),
                path: check.path.clone(),
                matcher: check.matcher.clone(),
                interval_seconds: seconds(check.interval.as_secs()),
                timeout_seconds: seconds(check.timeout.as_secs()),
                healthy_threshold: seconds(check.healthy_threshold.into()),
                unhealthy_threshold: seconds(check.unhealthy_threshold.into()),
            },
            deregistration_delay_seconds: plan.deregistration_delay.as_secs(),
            stickiness,
            tags: self.tags(&address),
        };
        let origin = format!("load_balancer.target_groups.{name}");
        self.add(&address, &group, SECTION, &origin);
        Ok(())
    }

    /// The bundled service says by `/ready` when it can take events, and that it is about to stop. AWS's
    /// fastest check, as with the plan's own groups in production.
    fn ingest_group(&mut self, place: &Place<'_>, plan: &Plan, ingest: &Ingest) {
        let address = place.address("target_group", INGEST);
        let group = TargetGroup {
            name: format!("{}-{INGEST}", plan.name),
            port: ingest.port.get().into(),
            protocol: match plan.kind {
                LoadBalancerKind::Application => "HTTP".into(),
                LoadBalancerKind::Network => "TCP".into(),
            },
            target_type: "ip".into(),
            vpc: place.output("vpc", "main", "id"),
            health_check: TargetHealthCheck {
                protocol: "HTTP".into(),
                path: "/ready".into(),
                matcher: "200".into(),
                interval_seconds: 5,
                timeout_seconds: 2,
                healthy_threshold: 2,
                unhealthy_threshold: 2,
            },
            deregistration_delay_seconds: ingest.stop_timeout.as_secs(),
            stickiness: None,
            tags: self.tags(&address),
        };
        self.add(&address, &group, SECTION, "ingest.port");
    }

    fn listener(&mut self, place: &Place<'_>, name: &str, plan: &LoadBalancerListener) -> Result<(), Error> {
        let origin = format!("load_balancer.listeners.{name}");
        let default = match (plan.redirect_to, &plan.target_group) {
            (Some(port), _) => ListenerAction::Redirect { port: port.get() },
            (None, Some(group)) => ListenerAction::Forward {
                target_group: place.output("target_group", group, "arn"),
            },
            // The plan's rules don't let this through.
            (None, None) => ListenerAction::FixedResponse {
                status: 404,
                body: "nothing listens here".into(),
            },
        };
        let encrypts = encrypts(plan.protocol);
        let certificate = plan.certificate.as_deref().filter(|_| encrypts);
        let address = place.address("listener", name);
        let listener = Listener {
            load_balancer: place.output("load_balancer", "main", "arn"),
            port: plan.port.get().into(),
            protocol: protocol(plan.protocol).into(),
            certificate: certificate
                .map(|given| place.certificate(given, &origin))
                .transpose()?,
            ssl_policy: encrypts.then(|| TLS_POLICY.into()),
            default,
            tags: self.tags(&address),
        };
        self.add(&address, &listener, SECTION, &origin);
        Ok(())
    }

    /// A network load balancer knows no paths, so the bundled service gets a port of its own, encrypted
    /// like the others.
    fn ingest_listener(&mut self, place: &Place<'_>, plan: &Plan, ingest: &Ingest) -> Result<(), Error> {
        let taken = plan.listeners.iter().find(|(_, it)| it.port == ingest.port);
        if let Some((name, _)) = taken {
            return Err(Error::Unusable {
                field: format!("load_balancer.listeners.{name}.port"),
                why: format!(
                    "a network load balancer sends to the ingestion service by its port, {}",
                    ingest.port
                ),
                fix: "choose another port for one of them (ingest.port)".into(),
            });
        }
        let secure = plan.listeners.values().find(|it| encrypts(it.protocol));
        let certificate = secure.and_then(|it| it.certificate.as_deref());
        let address = place.address("listener", INGEST);
        let listener = Listener {
            load_balancer: place.output("load_balancer", "main", "arn"),
            port: ingest.port.get().into(),
            protocol: certificate.map_or("TCP", |_| "TLS").into(),
            certificate: certificate
                .map(|given| place.certificate(given, "load_balancer.listeners"))
                .transpose()?,
            ssl_policy: certificate.map(|_| TLS_POLICY.into()),
            default: ListenerAction::Forward {
                target_group: place.output("target_group", INGEST, "arn"),
            },
            tags: self.tags(&address),
        };
        self.add(&address, &listener, SECTION, "ingest.port");
        Ok(())
    }

    /// The bundled service's paths first, then those of each workload that stands behind a target group.
    fn listener_rules(&mut self, place: &Place<'_>, listener: &str, ingest: bool) {
        let mut priority = 0;
        if ingest {
            let paths = INGEST_PATHS.map(str::to_owned);
            let name = format!("{listener}-{INGEST}");
            self.listener_rule(place, listener, &name, INGEST, &paths, &mut priority);
        }
        let plan = self.spec.load_balancer.iter();
        let groups = plan.flat_map(|plan| &plan.target_groups);
        for (group, workload) in groups.filter_map(|(name, group)| Some((name, group.workload.as_ref()?))) {
            let routes = self.spec.workloads.get(workload).map(|it| it.routes.as_slice());
            let paths: Vec<String> = routes
                .unwrap_or_default()
                .iter()
                .flat_map(|route| patterns(route))
                .collect();
            for (index, paths) in paths.chunks(PATHS_A_RULE).enumerate() {
                let name = match index {
                    0 => format!("{listener}-{group}"),
                    _ => format!("{listener}-{group}-{}", index + 1),
                };
                self.listener_rule(place, listener, &name, group, paths, &mut priority);
            }
        }
    }

    fn listener_rule(
        &mut self,
        place: &Place<'_>,
        listener: &str,
        name: &str,
        group: &str,
        paths: &[String],
        priority: &mut i32,
    ) {
        // Room for rules by hand in between.
        *priority += 10;
        let address = place.address("listener_rule", name);
        let rule = ListenerRule {
            listener: place.output("listener", listener, "arn"),
            priority: *priority,
            paths: paths.iter().cloned().collect(),
            target_group: place.output("target_group", group, "arn"),
            tags: self.tags(&address),
        };
        let origin = format!("load_balancer.listeners.{listener}");
        self.add(&address, &rule, SECTION, &origin);
    }
}

impl Place<'_> {
    /// `managed`, or the ARN of one that is in this region.
    fn certificate(&self, given: &str, origin: &str) -> Result<Ref<String>, Error> {
        if given == "managed" {
            return Ok(self.output("certificate_validation", "main", "arn"));
        }
        super::certificate::of_region(given, self.region, origin)
    }
}

/// The bundled service, unless the plan has a target group of its name and knows better.
fn bundled(spec: &Spec) -> Option<&Ingest> {
    let groups = &spec.load_balancer.as_ref()?.target_groups;
    spec.ingest.as_ref().filter(|_| !groups.contains_key(INGEST))
}

/// Each port that takes connections, by the name of its listener.
pub(super) fn open_ports(spec: &Spec) -> Vec<(&str, Port)> {
    let Some(plan) = &spec.load_balancer else {
        return Vec::new();
    };
    let listeners = plan.listeners.iter();
    let listeners = listeners.map(|(name, listener)| (name.as_str(), listener.port));
    let own = bundled(spec).filter(|_| plan.kind == LoadBalancerKind::Network);
    listeners.chain(own.map(|ingest| (INGEST, ingest.port))).collect()
}

fn stickiness_of(group: &str, plan: Stickiness) -> Result<TargetStickiness, Error> {
    match plan.kind {
        StickinessKind::LbCookie => Ok(TargetStickiness {
            kind: "lb_cookie".into(),
            cookie_seconds: Some(plan.cookie_duration.as_secs()),
        }),
        StickinessKind::SourceIp => Ok(TargetStickiness {
            kind: "source_ip".into(),
            cookie_seconds: None,
        }),
        StickinessKind::AppCookie => Err(Error::Unusable {
            field: format!("load_balancer.target_groups.{group}.stickiness.type"),
            why: "AWS wants the name of the application's cookie, for which the plan has no field".into(),
            fix: "set it to lb_cookie, or leave `stickiness` out".into(),
        }),
    }
}

/// A route takes in what lies below it.
fn patterns(route: &str) -> Vec<String> {
    match route.contains(['*', '?']) {
        true => vec![route.to_owned()],
        false => vec![route.to_owned(), format!("{}/*", route.trim_end_matches('/'))],
    }
}

pub(super) fn encrypts(protocol: LoadBalancerProtocol) -> bool {
    matches!(protocol, LoadBalancerProtocol::Https | LoadBalancerProtocol::Tls)
}

fn protocol(protocol: LoadBalancerProtocol) -> &'static str {
    match protocol {
        LoadBalancerProtocol::Http => "HTTP",
        LoadBalancerProtocol::Https => "HTTPS",
        LoadBalancerProtocol::Tcp => "TCP",
        LoadBalancerProtocol::Tls => "TLS",
    }
}

/// Targets are asked for a path, whatever else goes over their port.
fn checked_by(protocol: LoadBalancerProtocol) -> &'static str {
    if encrypts(protocol) { "HTTPS" } else { "HTTP" }
}

fn seconds(value: u64) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}
