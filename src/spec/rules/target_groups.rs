//! VV520–539: what stands behind a load balancer, and how it is checked.

use super::{Applies, Breaches, Context, Rule, Severity, key};
use crate::spec::{Duration, HealthCheck, LoadBalancer, Spec, TargetGroup, TargetType};

const HEALTH: &str = "Elastic Load Balancing, \"Health checks for Application Load Balancer target groups\"";

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
pub(super) fn target_groups(balancer: &LoadBalancer) -> impl Iterator<Item = (String, &TargetGroup)> {
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
