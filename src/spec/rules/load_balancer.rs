//! VV520–539: load balancer, listeners, target groups.

use std::collections::BTreeMap;

use super::{Applies, Breaches, Context, Rule, Severity, key};
use crate::spec::{
    Duration, HealthCheck, LoadBalancer, LoadBalancerKind, LoadBalancerProtocol, Spec, StickinessKind,
    TargetType,
};

const HEALTH: &str = "Elastic Load Balancing, \"Health checks for Application Load Balancer target groups\"";
const LISTENERS: &str = "Elastic Load Balancing, \"Listeners for your Application Load Balancers\"";

/// What the shortest health check that AWS allows takes to eject a target: 5 s twice.
const FASTEST_EJECTION: Duration = Duration::from_secs(10);

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "VV520",
        severity: Severity::Warning,
        title: "a dead target gets traffic for longer than recovery may take",
        applies: Applies::OnAws,
        about: "A target is taken out after `interval` × `unhealthy_threshold`; until then it gets its share of the \
                requests, which fail. AWS's shortest is 5 s twice.",
        source: HEALTH,
        remedy: "Check every 5 s with a timeout of 2 s.",
        check: ejection_is_slow,
    },
    Rule {
        code: "VV521",
        severity: Severity::Error,
        title: "a health check lies outside what AWS accepts",
        applies: Applies::OnAws,
        about: "A check runs every 5 to 300 s, waits 2 to 120 s and less than the interval.",
        source: HEALTH,
        remedy: "Choose values that are accepted.",
        check: health_check_is_refused,
    },
    Rule {
        code: "VV522",
        severity: Severity::Error,
        title: "the load balancer listens nowhere",
        applies: Applies::OnAws,
        about: "Without a listener a load balancer takes no connection, whatever its target groups are.",
        source: LISTENERS,
        remedy: "Add an HTTPS listener with a certificate, and one for HTTP that redirects to it.",
        check: nothing_listens,
    },
    Rule {
        code: "VV523",
        severity: Severity::Error,
        title: "a listener that encrypts has no certificate",
        applies: Applies::OnAws,
        about: "AWS refuses an HTTPS or TLS listener without a certificate.",
        source: LISTENERS,
        remedy: "Set `certificate`: an ARN, or `managed`.",
        check: certificate_is_missing,
    },
    Rule {
        code: "VV524",
        severity: Severity::Warning,
        title: "a public listener forwards in the clear",
        applies: Applies::OnAws,
        about: "API keys and billing data would cross the internet unencrypted.",
        source: LISTENERS,
        remedy: "Redirect it to HTTPS with `redirect_to: 443`.",
        check: listener_is_clear,
    },
    Rule {
        code: "VV525",
        severity: Severity::Error,
        title: "a listener leads nowhere",
        applies: Applies::OnAws,
        about: "A listener either redirects or forwards to a target group of the same load balancer.",
        source: LISTENERS,
        remedy: "Name a target group in `target_group`, or a port in `redirect_to`.",
        check: listener_leads_nowhere,
    },
    Rule {
        code: "VV526",
        severity: Severity::Warning,
        title: "targets are nodes, not pods",
        applies: Applies::OnAws,
        about: "AWS's default target type is `instance`: requests go to a port of every node and from there, perhaps \
                over another zone, to a pod. Health checks and deregistration then see nodes, not pods.",
        source: "AWS Load Balancer Controller, \"Target type\"",
        remedy: "Set `target_type: ip`.",
        check: targets_are_nodes,
    },
    Rule {
        code: "VV527",
        severity: Severity::Error,
        title: "that kind of load balancer can't do this",
        applies: Applies::OnAws,
        about: "An Application Load Balancer speaks HTTP and HTTPS, keeps clients by cookie, and spreads over zones \
                always. A Network Load Balancer speaks TCP and TLS, and keeps clients by address.",
        source: "Elastic Load Balancing, product comparison",
        remedy: "Match protocols and stickiness to `load_balancer.type`.",
        check: kind_cannot,
    },
    Rule {
        code: "VV528",
        severity: Severity::Warning,
        title: "clients stick to a target for longer than it helps",
        applies: Applies::OnAws,
        about: "A stateless API gains nothing from stickiness. It keeps new pods idle after a scale-out and sends the \
                clients of a large customer to one pod; with HPA at work that is the opposite of what is wanted.",
        source: "Elastic Load Balancing, \"Sticky sessions\"",
        remedy: "Leave `stickiness` out, unless the application keeps sessions in memory.",
        check: stickiness_hinders_scaling,
    },
    Rule {
        code: "VV529",
        severity: Severity::Warning,
        title: "pods end before the load balancer has let go of them",
        applies: Applies::OnAws,
        about: "A leaving target keeps its connections for `deregistration_delay`. A pod that ends sooner cuts them off.",
        source: "Elastic Load Balancing, \"Deregistration delay\"; Kubernetes documentation, \"Pod Lifecycle\"",
        remedy: "Keep `deregistration_delay` at or below the workload's `termination_grace`.",
        check: pods_end_early,
    },
    Rule {
        code: "VV530",
        severity: Severity::Error,
        title: "a target group has no such workload behind it",
        applies: Applies::OnAws,
        about: "A target group fills with the pods of a workload of this plan, at a port that they open.",
        source: "vvbill",
        remedy: "Name a workload, and one of its ports.",
        check: workload_is_unknown,
    },
    Rule {
        code: "VV531",
        severity: Severity::Warning,
        title: "the way into production can be deleted by one call",
        applies: Applies::OnAws,
        about: "A deleted load balancer takes its name with it; DNS leads nowhere until another one stands.",
        source: "Elastic Load Balancing, \"Deletion protection\"",
        remedy: "Set `load_balancer.deletion_protection: true`.",
        check: production_is_unprotected,
    },
    Rule {
        code: "VV532",
        severity: Severity::Error,
        title: "two listeners share a port",
        applies: Applies::OnAws,
        about: "A load balancer has one listener a port; AWS refuses the second.",
        source: LISTENERS,
        remedy: "Give each listener a port of its own.",
        check: listeners_clash,
    },
    Rule {
        code: "VV533",
        severity: Severity::Error,
        title: "targets can't go unchecked",
        applies: Applies::OnAws,
        about: "AWS lets health checks be turned off for Lambda functions only; for pods and nodes it refuses.",
        source: HEALTH,
        remedy: "Leave `health_check.enabled` out.",
        check: targets_go_unchecked,
    },
];

/// The target groups, each with the path of its section.
fn target_groups(balancer: &LoadBalancer) -> impl Iterator<Item = (String, &crate::spec::TargetGroup)> {
    balancer
        .target_groups
        .iter()
        .map(|(name, group)| (key("load_balancer.target_groups", name), group))
}

fn ejection(check: &HealthCheck) -> Duration {
    Duration::from_millis(check.interval.as_millis() * u64::from(check.unhealthy_threshold))
}

fn ejection_is_slow(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(balancer) = &spec.load_balancer else {
        return;
    };
    let promised = &spec.success_metrics.recovery_time;
    let (promise, promise_path) = match (promised.api, promised.overall) {
        (Some(time), _) => (time, "success_metrics.recovery_time.api"),
        (None, Some(time)) => (time, "success_metrics.recovery_time.overall"),
        (None, None) => return,
    };
    for (path, group) in target_groups(balancer) {
        let takes = ejection(&group.health_check);
        if takes > promise.max(FASTEST_EJECTION) {
            let why = format!(
                "{} × {} checks = {takes} until a dead target is out; {promise} are promised",
                group.health_check.interval, group.health_check.unhealthy_threshold
            );
            let check = format!("{path}.health_check");
            let interval = format!("{check}.interval");
            let fix =
                format!("set {interval}: 5s and {check}.timeout: 2s ({FASTEST_EJECTION}, AWS's shortest)");
            found.add(
                &[&interval, &format!("{check}.unhealthy_threshold"), promise_path],
                why,
                fix,
            );
        }
    }
}

fn health_check_is_refused(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(balancer) = &spec.load_balancer else {
        return;
    };
    for (path, group) in target_groups(balancer) {
        let check = &group.health_check;
        let path = format!("{path}.health_check");
        let (interval, timeout) = (check.interval.as_secs(), check.timeout.as_secs());
        if !(5..=300).contains(&interval) {
            let fix = format!("set {path}.interval: {}s", interval.clamp(5, 300));
            found.add(
                &[&format!("{path}.interval")],
                format!("{} is not 5s to 300s", check.interval),
                fix,
            );
        } else if !(2..=120).contains(&timeout) || check.timeout >= check.interval {
            let why = format!(
                "{} is not 2s to 120s and below the interval of {}",
                check.timeout, check.interval
            );
            let fix = format!("set {path}.timeout: {}s", (interval / 2).clamp(2, 120));
            found.add(
                &[&format!("{path}.timeout"), &format!("{path}.interval")],
                why,
                fix,
            );
        }
    }
}

fn nothing_listens(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(balancer) = &spec.load_balancer else {
        return;
    };
    if balancer.listeners.is_empty() {
        let group = balancer.target_groups.keys().next().map_or("api", String::as_str);
        let fix = format!(
            "set load_balancer.listeners: {{https: {{port: 443, protocol: HTTPS, certificate: managed, target_group: \
             {group}}}, http: {{port: 80, protocol: HTTP, redirect_to: 443}}}}"
        );
        found.add(&["load_balancer.listeners"], "no port takes connections", fix);
    }
}

fn certificate_is_missing(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(balancer) = &spec.load_balancer else {
        return;
    };
    for (name, listener) in &balancer.listeners {
        let encrypts = matches!(
            listener.protocol,
            LoadBalancerProtocol::Https | LoadBalancerProtocol::Tls
        );
        if encrypts && listener.certificate.is_none() {
            let path = format!("{}.certificate", key("load_balancer.listeners", name));
            let why = format!(
                "port {} is to encrypt, with nothing to prove who answers",
                listener.port
            );
            found.add(&[&path], why, format!("set {path}: managed"));
        }
    }
}

fn listener_is_clear(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(balancer) = spec.load_balancer.as_ref().filter(|it| !it.internal) else {
        return;
    };
    for (name, listener) in &balancer.listeners {
        let clear = matches!(
            listener.protocol,
            LoadBalancerProtocol::Http | LoadBalancerProtocol::Tcp
        );
        if clear && listener.redirect_to.is_none() {
            let path = key("load_balancer.listeners", name);
            let why = format!("port {} is open to the internet and unencrypted", listener.port);
            found.add(
                &[&format!("{path}.redirect_to"), &path],
                why,
                format!("set {path}.redirect_to: 443"),
            );
        }
    }
}

fn listener_leads_nowhere(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(balancer) = &spec.load_balancer else {
        return;
    };
    for (name, listener) in &balancer.listeners {
        let path = format!("{}.target_group", key("load_balancer.listeners", name));
        let known: Vec<&str> = balancer.target_groups.keys().map(String::as_str).collect();
        match (&listener.target_group, listener.redirect_to) {
            (None, None) => {
                let fix = format!("set {path}: {}", known.first().unwrap_or(&"api"));
                found.add(&[&path], "it neither forwards nor redirects", fix);
            }
            (Some(group), _) if !balancer.target_groups.contains_key(group) => {
                let why = format!("the target groups are: {}", known.join(", "));
                found.add(
                    &[&path],
                    why,
                    format!("set {path}: {}", known.first().unwrap_or(&"api")),
                );
            }
            _ => {}
        }
    }
}

fn targets_are_nodes(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(balancer) = &spec.load_balancer else {
        return;
    };
    for (path, group) in target_groups(balancer) {
        if group.target_type != Some(TargetType::Ip) && group.workload.is_some() {
            let path = format!("{path}.target_type");
            found.add(
                &[&path],
                "unset means `instance`: requests go to nodes, not to pods",
                format!("set {path}: ip"),
            );
        }
    }
}

fn kind_cannot(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(balancer) = &spec.load_balancer else {
        return;
    };
    let application = balancer.kind == LoadBalancerKind::Application;
    let (name, speaks, keeps) = if application {
        ("an application load balancer", "HTTP and HTTPS", "cookie")
    } else {
        ("a network load balancer", "TCP and TLS", "address")
    };
    let is_http = |protocol| matches!(protocol, LoadBalancerProtocol::Http | LoadBalancerProtocol::Https);
    for (listener_name, listener) in &balancer.listeners {
        if is_http(listener.protocol) != application {
            let path = format!("{}.protocol", key("load_balancer.listeners", listener_name));
            let fix = format!("set {path} to one of {speaks}");
            found.add(
                &[&path, "load_balancer.type"],
                format!("{name} speaks {speaks}"),
                fix,
            );
        }
    }
    for (path, group) in target_groups(balancer) {
        if is_http(group.protocol) != application {
            let path = format!("{path}.protocol");
            let fix = format!("set {path} to one of {speaks}");
            found.add(
                &[&path, "load_balancer.type"],
                format!("{name} speaks {speaks}"),
                fix,
            );
        }
        let by_address = group.stickiness.map(|it| it.kind == StickinessKind::SourceIp);
        if by_address.is_some_and(|by_address| by_address == application) {
            let path = format!("{path}.stickiness.type");
            let why = format!("{name} keeps clients by {keeps}");
            let fix = format!(
                "set {path}: {}",
                if application { "lb_cookie" } else { "source_ip" }
            );
            found.add(&[&path, "load_balancer.type"], why, fix);
        }
    }
    if application && !balancer.cross_zone {
        let why = "an application load balancer spreads over zones always; AWS refuses to turn it off";
        found.add(
            &["load_balancer.cross_zone", "load_balancer.type"],
            why,
            "leave load_balancer.cross_zone out",
        );
    }
}

fn stickiness_hinders_scaling(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(balancer) = &spec.load_balancer else {
        return;
    };
    for (path, group) in target_groups(balancer) {
        let Some(stickiness) = group.stickiness.filter(|it| it.enabled) else {
            continue;
        };
        let workload = group.workload.as_ref().and_then(|name| spec.workloads.get(name));
        if workload.is_some_and(|it| it.autoscaling.is_some()) {
            let why = format!(
                "pods are added by load, but each client stays on its old one for {}",
                stickiness.cookie_duration
            );
            let path = format!("{path}.stickiness");
            found.add(&[&path], why, format!("leave {path} out"));
        }
    }
}

fn pods_end_early(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(balancer) = &spec.load_balancer else {
        return;
    };
    for (path, group) in target_groups(balancer) {
        let Some((name, workload)) = group
            .workload
            .as_ref()
            .and_then(|name| spec.workloads.get_key_value(name))
        else {
            continue;
        };
        if group.deregistration_delay > workload.termination_grace {
            let path = format!("{path}.deregistration_delay");
            let grace = format!("workloads.{name}.termination_grace");
            let why = format!(
                "connections are kept for {}, the pod for {}",
                group.deregistration_delay, workload.termination_grace
            );
            found.add(
                &[&path, &grace],
                why,
                format!("set {path}: {}", workload.termination_grace),
            );
        }
    }
}

fn workload_is_unknown(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(balancer) = &spec.load_balancer else {
        return;
    };
    for (path, group) in target_groups(balancer) {
        let Some(name) = &group.workload else { continue };
        let Some(workload) = spec.workloads.get(name) else {
            let known: Vec<&str> = spec.workloads.keys().map(String::as_str).collect();
            let why = format!("the workloads are: {}", known.join(", "));
            let fix = format!("set {path}.workload: {}", known.first().unwrap_or(&"billing-api"));
            found.add(&[&format!("{path}.workload"), "workloads"], why, fix);
            continue;
        };
        if let Some(port) = workload
            .ports
            .values()
            .next()
            .filter(|_| !workload.ports.values().any(|p| *p == group.port))
        {
            let why = format!("{name} opens no port {}", group.port);
            let ports = format!("workloads.{name}.ports");
            found.add(
                &[&format!("{path}.port"), &ports],
                why,
                format!("set {path}.port: {port}"),
            );
        }
    }
}

fn production_is_unprotected(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(balancer) = &spec.load_balancer else {
        return;
    };
    if spec.metadata.environment == "production" && !balancer.deletion_protection {
        found.add(
            &["load_balancer.deletion_protection"],
            "the environment is production",
            "set load_balancer.deletion_protection: true",
        );
    }
}

fn listeners_clash(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(balancer) = &spec.load_balancer else {
        return;
    };
    let mut owners: BTreeMap<u16, &str> = BTreeMap::new();
    for (name, listener) in &balancer.listeners {
        if let Some(owner) = owners.insert(listener.port.get(), name) {
            let path = format!("{}.port", key("load_balancer.listeners", name));
            let other = format!("{}.port", key("load_balancer.listeners", owner));
            let why = format!("{} is {owner}'s as well", listener.port);
            found.add(&[&path, &other], why, format!("set {path} to another port"));
        }
    }
}

fn targets_go_unchecked(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(balancer) = &spec.load_balancer else {
        return;
    };
    for (path, group) in target_groups(balancer) {
        if !group.health_check.enabled {
            let path = format!("{path}.health_check.enabled");
            found.add(
                &[&path],
                "a dead target would be sent requests for ever",
                format!("leave {path} out"),
            );
        }
    }
}
