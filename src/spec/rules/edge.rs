//! VV540–549: DNS and CloudFront.

use super::{Applies, Breaches, Context, Rule, Severity, key};
use crate::spec::{Duration, RecordTarget, RoutingPolicy, Spec};

/// How long resolvers keep an alias record of a load balancer.
const ALIAS_TTL: Duration = Duration::from_secs(60);

/// Where events come in.
const WRITE_PATH: &str = "/v1/events";

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "VV540",
        severity: Severity::Error,
        title: "CloudFront fails over for reads only, and events are to go through it",
        applies: Applies::OnAws,
        about: "CloudFront tries the second origin for GET, HEAD and OPTIONS. A POST of events to a region that is away \
                fails, however healthy the other one is.",
        source: "Amazon CloudFront developer guide, \"Optimize high availability with origin failover\"",
        remedy: "Send ingest to the load balancers by a Route 53 failover record, and reads through CloudFront.",
        check: writes_do_not_fail_over,
    },
    Rule {
        code: "VV541",
        severity: Severity::Error,
        title: "a failover record has no health check",
        applies: Applies::OnAws,
        about: "Route 53 answers with the second region when the first one's health check fails. Without one it never \
                does.",
        source: "Amazon Route 53 developer guide, \"Active-active and active-passive failover\"",
        remedy: "Describe a health check, and name it in the record.",
        check: failover_is_blind,
    },
    Rule {
        code: "VV542",
        severity: Severity::Error,
        title: "a record chooses among regions, but there is one",
        applies: Applies::OnAws,
        about: "Failover and latency records need an answer in each of two regions.",
        source: "Amazon Route 53 developer guide, \"Choosing a routing policy\"",
        remedy: "Set `policy: simple`, or describe `regions.secondary`.",
        check: region_is_single,
    },
    Rule {
        code: "VV543",
        severity: Severity::Error,
        title: "a name of CloudFront's has no certificate",
        applies: Applies::OnAws,
        about: "CloudFront answers for names other than its own only with a certificate that covers them, in us-east-1.",
        source: "Amazon CloudFront developer guide, \"Requirements for using alternate domain names\"",
        remedy: "Set `edge.cloudfront.certificate`.",
        check: certificate_is_missing,
    },
    Rule {
        code: "VV544",
        severity: Severity::Error,
        title: "a health check lies outside what Route 53 accepts",
        applies: Applies::OnAws,
        about: "Route 53 checks every 10 or 30 seconds.",
        source: "Amazon Route 53 API reference, HealthCheckConfig",
        remedy: "Choose values that are accepted.",
        check: health_check_is_refused,
    },
    Rule {
        code: "VV545",
        severity: Severity::Error,
        title: "the promised recovery of a region is shorter than DNS takes",
        applies: Applies::OnAws,
        about: "The health check has to fail `failure_threshold` times, then resolvers keep the old answer for up to a \
                minute. Nothing that goes by DNS is faster.",
        source: "Amazon Route 53 developer guide, \"How Route 53 determines the status of health checks\"",
        remedy: "Promise a longer `recovery_time.region`, and check every 10 s.",
        check: region_failover_is_slow,
    },
    Rule {
        code: "VV546",
        severity: Severity::Error,
        title: "a record leads to what isn't there",
        applies: Applies::OnAws,
        about: "A record to CloudFront needs a distribution, one to a load balancer needs a load balancer.",
        source: "vvbill",
        remedy: "Describe it, or let the record lead elsewhere.",
        check: target_is_missing,
    },
];

fn writes_do_not_fail_over(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(edge) = &spec.edge else { return };
    let Some(cloudfront) = edge.cloudfront.as_ref().filter(|it| it.origin_failover) else {
        return;
    };
    for pattern in &cloudfront.paths {
        if covers(pattern, WRITE_PATH) {
            let why = format!("`{pattern}` takes in {WRITE_PATH}, whose POST stays with the first region");
            let fix = "leave writes out of edge.cloudfront.paths ([/v1/accounts/*]), and add a record with policy: \
                       failover to the load balancers for ingest";
            found.add(
                &["edge.cloudfront.paths", "edge.cloudfront.origin_failover"],
                why,
                fix,
            );
        }
    }
}

/// Whether a path pattern of CloudFront's, with `*` at its end or nowhere, takes in `path`.
fn covers(pattern: &str, path: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => path.starts_with(start),
        None => pattern == path,
    }
}

fn failover_is_blind(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(edge) = &spec.edge else { return };
    for (name, record) in &edge.records {
        let path = format!("{}.health_check", key("edge.records", name));
        let known: Vec<&str> = edge.health_checks.keys().map(String::as_str).collect();
        match &record.health_check {
            None if record.policy == RoutingPolicy::Failover => {
                found.add(
                    &[&path],
                    "nothing tells Route 53 that the first region is away",
                    format!("set {path}"),
                );
            }
            Some(check) if !edge.health_checks.contains_key(check) => {
                let why = format!("the health checks are: {}", known.join(", "));
                found.add(
                    &[&path, "edge.health_checks"],
                    why,
                    format!("describe edge.health_checks.{check}"),
                );
            }
            _ => {}
        }
    }
}

fn region_is_single(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(edge) = &spec.edge else { return };
    if spec
        .regions
        .as_ref()
        .is_some_and(|regions| regions.secondary.is_some())
    {
        return;
    }
    for (name, record) in &edge.records {
        if record.policy != RoutingPolicy::Simple {
            let path = format!("{}.policy", key("edge.records", name));
            let why = "there is no second region to answer with";
            found.add(&[&path, "regions.secondary"], why, format!("set {path}: simple"));
        }
    }
}

fn certificate_is_missing(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(cloudfront) = spec.edge.as_ref().and_then(|edge| edge.cloudfront.as_ref()) else {
        return;
    };
    if let (Some(alias), None) = (cloudfront.aliases.first(), &cloudfront.certificate) {
        let paths = ["edge.cloudfront.certificate", "edge.cloudfront.aliases"];
        found.add(
            &paths,
            format!("nothing proves that it answers for {alias}"),
            "set edge.cloudfront.certificate: managed",
        );
    }
}

fn health_check_is_refused(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(edge) = &spec.edge else { return };
    for (name, check) in &edge.health_checks {
        let path = key("edge.health_checks", name);
        if ![10, 30].map(Duration::from_secs).contains(&check.interval) {
            let why = format!("{} is neither 10s nor 30s", check.interval);
            found.add(
                &[&format!("{path}.interval")],
                why,
                format!("set {path}.interval: 10s"),
            );
        }
    }
}

fn region_failover_is_slow(spec: &Spec, _: &Context, found: &mut Breaches) {
    let (Some(edge), Some(promised)) = (&spec.edge, spec.success_metrics.recovery_time.region) else {
        return;
    };
    for record in edge
        .records
        .values()
        .filter(|record| record.policy == RoutingPolicy::Failover)
    {
        let Some((name, check)) = record
            .health_check
            .as_ref()
            .and_then(|name| edge.health_checks.get_key_value(name))
        else {
            continue;
        };
        let notices = check.interval.as_secs() * u64::from(check.failure_threshold);
        let takes = Duration::from_secs(notices + ALIAS_TTL.as_secs());
        if takes > promised {
            let why = format!(
                "{} × {} until it is noticed and {ALIAS_TTL} until resolvers ask again = {takes}; {promised} are promised",
                check.interval, check.failure_threshold
            );
            let interval = format!("{}.interval", key("edge.health_checks", name));
            let path = "success_metrics.recovery_time.region";
            found.add(&[path, &interval], why, format!("set {path}: {takes} or more"));
            return;
        }
    }
}

fn target_is_missing(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(edge) = &spec.edge else { return };
    for (name, record) in &edge.records {
        let (missing, what) = match record.to {
            RecordTarget::Cloudfront => (edge.cloudfront.is_none(), "edge.cloudfront"),
            RecordTarget::LoadBalancer => (spec.load_balancer.is_none(), "load_balancer"),
        };
        if missing {
            let path = format!("{}.to", key("edge.records", name));
            found.add(
                &[&path],
                format!("the plan has no {what}"),
                format!("describe {what}"),
            );
        }
    }
}
