//! VV120–129: what a workload says of itself.

use std::collections::BTreeMap;

use super::{Applies, Breaches, Context, Rule, Severity};
use crate::spec::{BUNDLED, Spec};

const DEPLOYMENTS: &str = "Kubernetes documentation, \"Deployments\"";

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "VV120",
        severity: Severity::Warning,
        title: "the image has no fixed version",
        applies: Applies::OnAws,
        about: "`:latest`, or no tag, names another image tomorrow: two pods of one deployment may run different \
                code, a rollback brings back nothing, and nothing tells what ran when.",
        source: "Kubernetes documentation, \"Configuration Best Practices\"",
        remedy: "Name a version, or better a digest: `image@sha256:…`.",
        check: image_is_not_fixed,
    },
    Rule {
        code: "VV121",
        severity: Severity::Error,
        title: "pods ask for more than they may use",
        applies: Applies::OnAws,
        about: "Kubernetes refuses a pod whose request is above its limit.",
        source: "Kubernetes documentation, \"Resource Management for Pods and Containers\"",
        remedy: "Raise the limit or lower the request.",
        check: request_is_above_limit,
    },
    Rule {
        code: "VV122",
        severity: Severity::Error,
        title: "replicas lie outside the autoscaler's bounds",
        applies: Applies::OnAws,
        about: "Kubernetes refuses an autoscaler whose minimum is above its maximum. Replicas outside the bounds are \
                changed by the autoscaler at once: deployment and autoscaler would undo each other's work.",
        source: "Kubernetes documentation, \"Horizontal Pod Autoscaling\"",
        remedy: "Keep `min` ≤ `replicas` ≤ `max`.",
        check: replicas_are_out_of_bounds,
    },
    Rule {
        code: "VV123",
        severity: Severity::Warning,
        title: "pods scale by load, but nothing measures it",
        applies: Applies::OnAws,
        about: "A horizontal pod autoscaler reads processor time from metrics-server, which EKS doesn't install. \
                Without it the autoscaler reports `unknown` and never scales.",
        source: "Amazon EKS user guide, \"Scale pod deployments with Horizontal Pod Autoscaler\"",
        remedy: "Set `eks.metrics_server: true`.",
        check: nothing_measures_load,
    },
    Rule {
        code: "VV124",
        severity: Severity::Error,
        title: "an update could never start",
        applies: Applies::OnAws,
        about: "A rolling update either starts a pod more or stops one first. Kubernetes refuses a strategy that \
                allows neither.",
        source: DEPLOYMENTS,
        remedy: "Allow one: `strategy.max_surge: 1`.",
        check: update_cannot_start,
    },
    Rule {
        code: "VV125",
        severity: Severity::Warning,
        title: "the disruption budget allows no disruption",
        applies: Applies::OnAws,
        about: "With as many pods required as there are, no node can be drained: upgrades of nodes wait for ever, or \
                are forced.",
        source: "Kubernetes documentation, \"Specifying a Disruption Budget for your Application\"",
        remedy: "Set `min_available` below the fewest replicas.",
        check: budget_allows_nothing,
    },
    Rule {
        code: "VV126",
        severity: Severity::Error,
        title: "a probe asks a port that the container doesn't open",
        applies: Applies::OnAws,
        about: "A liveness probe that nobody answers restarts the container for ever; a readiness probe keeps it out \
                of service.",
        source: "Kubernetes documentation, \"Configure Liveness, Readiness and Startup Probes\"",
        remedy: "Probe one of the workload's `ports`.",
        check: probe_asks_closed_port,
    },
    Rule {
        code: "VV127",
        severity: Severity::Error,
        title: "two workloads claim the same path",
        applies: Applies::OnAws,
        about: "The load balancer sends a path to one place; with the same path twice it is chance to which.",
        source: "Elastic Load Balancing, \"Listener rules for your Application Load Balancer\"",
        remedy: "Leave the path with one of them.",
        check: paths_clash,
    },
    Rule {
        code: "VV128",
        severity: Severity::Warning,
        title: "a workload has no readiness probe",
        applies: Applies::OnAws,
        about: "Without a readiness probe a pod gets traffic as soon as its process runs, before it can answer, and \
                keeps it while it can't: each rolling update drops requests.",
        source: "Kubernetes documentation, \"Configure Liveness, Readiness and Startup Probes\"",
        remedy: "Add `readiness` with the path that answers when the pod can work.",
        check: readiness_is_missing,
    },
    Rule {
        code: "VV129",
        severity: Severity::Error,
        title: "gunicorn is killed before it has finished",
        applies: Applies::OnAws,
        about: "Kubernetes kills a pod `termination_grace` after SIGTERM. A `graceful_timeout` above it never gets to \
                its end, and requests in flight are cut off.",
        source: "Kubernetes documentation, \"Pod Lifecycle\"; gunicorn, `graceful_timeout`",
        remedy: "Keep `gunicorn.graceful_timeout` below the workload's `termination_grace`.",
        check: grace_is_too_short,
    },
];

fn image_is_not_fixed(spec: &Spec, _: &Context, found: &mut Breaches) {
    let workloads = spec
        .workloads
        .iter()
        .filter(|(_, workload)| workload.image != BUNDLED)
        .map(|(name, workload)| (format!("workloads.{name}.image"), &workload.image));
    let service = spec.ingest.iter().filter_map(|ingest| ingest.image.as_ref());
    let service = service.map(|image| ("ingest.image".to_owned(), image));
    for (path, image) in workloads.chain(service) {
        if image.contains("@sha256:") {
            continue;
        }
        let last = image.rsplit('/').next().unwrap_or_default();
        let tag = last.split_once(':').map(|(_, tag)| tag);
        if matches!(tag, None | Some("" | "latest")) {
            let repository = image.strip_suffix(":latest").unwrap_or(image);
            let fix = match image.as_str() {
                BUNDLED => "run `vvbill service push PLAN --write`, which writes its digest here".to_owned(),
                _ => format!("set {path}: {repository}:1.0.0, or {repository}@sha256:…"),
            };
            let why = format!("`{image}` is another image after the next push");
            found.add(&[&path], why, fix);
        }
    }
}

fn request_is_above_limit(spec: &Spec, _: &Context, found: &mut Breaches) {
    for (name, workload) in &spec.workloads {
        let Some(limits) = workload.resources.limits else {
            continue;
        };
        let requests = workload.resources.requests;
        let path = format!("workloads.{name}.resources");
        if requests.cpu > limits.cpu {
            found.add(
                &[&format!("{path}.limits.cpu"), &format!("{path}.requests.cpu")],
                format!("{} CPU are requested, {} allowed", requests.cpu, limits.cpu),
                format!("set {path}.limits.cpu: \"{}\"", requests.cpu),
            );
        }
        if requests.memory > limits.memory {
            found.add(
                &[
                    &format!("{path}.limits.memory"),
                    &format!("{path}.requests.memory"),
                ],
                format!("{} are requested, {} allowed", requests.memory, limits.memory),
                format!("set {path}.limits.memory: {}", requests.memory),
            );
        }
    }
}

fn replicas_are_out_of_bounds(spec: &Spec, _: &Context, found: &mut Breaches) {
    for (name, workload) in &spec.workloads {
        let Some(scale) = &workload.autoscaling else {
            continue;
        };
        let path = format!("workloads.{name}");
        if scale.min > scale.max {
            found.add(
                &[
                    &format!("{path}.autoscaling.min"),
                    &format!("{path}.autoscaling.max"),
                ],
                format!(
                    "the minimum of {} is above the maximum of {}",
                    scale.min, scale.max
                ),
                format!("set {path}.autoscaling.min: {}", scale.max),
            );
        } else if !(scale.min..=scale.max).contains(&workload.replicas) {
            let why = format!(
                "{} replicas are not between the autoscaler's {} and {}",
                workload.replicas, scale.min, scale.max
            );
            let bounds = format!("{path}.autoscaling");
            let within = workload.replicas.clamp(scale.min, scale.max);
            found.add(
                &[&format!("{path}.replicas"), &bounds],
                why,
                format!("set {path}.replicas: {within}"),
            );
        }
    }
}

fn nothing_measures_load(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(cluster) = &spec.eks else { return };
    if cluster.metrics_server || cluster.addons.contains_key("metrics-server") {
        return;
    }
    for (name, workload) in &spec.workloads {
        if let Some(scale) = &workload.autoscaling {
            found.add(
                &["eks.metrics_server", &format!("workloads.{name}.autoscaling")],
                format!(
                    "{name} is to be kept at {} CPU, which nothing measures",
                    scale.target_cpu
                ),
                "set eks.metrics_server: true",
            );
        }
    }
}

fn update_cannot_start(spec: &Spec, _: &Context, found: &mut Breaches) {
    for (name, workload) in &spec.workloads {
        if workload.strategy.max_surge == 0 && workload.strategy.max_unavailable == 0 {
            let path = format!("workloads.{name}.strategy.max_unavailable");
            found.add(
                &[&path, &format!("workloads.{name}.strategy.max_surge")],
                "no pod more and no pod less leaves no way to replace one",
                format!("set {path}: 1"),
            );
        }
    }
}

fn budget_allows_nothing(spec: &Spec, _: &Context, found: &mut Breaches) {
    for (name, workload) in &spec.workloads {
        let Some(required) = workload.min_available else {
            continue;
        };
        let fewest = workload
            .autoscaling
            .as_ref()
            .map_or(workload.replicas, |scale| scale.min);
        if required >= fewest {
            let path = format!("workloads.{name}.min_available");
            let why = format!("{required} pods must stay, and there may be no more than {fewest}");
            found.add(&[&path], why, format!("set {path}: {}", fewest.saturating_sub(1)));
        }
    }
}

fn probe_asks_closed_port(spec: &Spec, _: &Context, found: &mut Breaches) {
    for (name, workload) in &spec.workloads {
        if workload.ports.is_empty() {
            continue;
        }
        let probes = [
            ("liveness", &workload.liveness),
            ("readiness", &workload.readiness),
        ];
        for (kind, probe) in probes {
            let Some(probe) = probe else { continue };
            if !workload.ports.values().any(|port| *port == probe.port) {
                let path = format!("workloads.{name}.{kind}.port");
                let open: Vec<String> = workload.ports.values().map(ToString::to_string).collect();
                let why = format!("the container opens {}, not {}", open.join(", "), probe.port);
                let ports = format!("workloads.{name}.ports");
                found.add(&[&path, &ports], why, format!("set {path}: {}", open[0]));
            }
        }
    }
}

fn paths_clash(spec: &Spec, _: &Context, found: &mut Breaches) {
    let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, workload) in &spec.workloads {
        for route in &workload.routes {
            if let Some(owner) = owners.insert(route, name) {
                let path = format!("workloads.{name}.routes");
                let why = format!("`{route}` goes to {owner} as well");
                found.add(
                    &[&path, &format!("workloads.{owner}.routes")],
                    why,
                    format!("take {route} out of {path}"),
                );
            }
        }
    }
}

fn readiness_is_missing(spec: &Spec, _: &Context, found: &mut Breaches) {
    for (name, workload) in &spec.workloads {
        if workload.readiness.is_none() && workload.image != BUNDLED {
            let path = format!("workloads.{name}.readiness");
            let why = format!("a pod of {name} gets traffic before it can answer");
            found.add(&[&path], why, format!("set {path}: {{path: /ready, port: 8000}}"));
        }
    }
}

fn grace_is_too_short(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(gunicorn) = &spec.gunicorn else { return };
    for (name, workload) in &spec.workloads {
        if workload.image != BUNDLED && gunicorn.graceful_timeout > workload.termination_grace {
            let path = format!("workloads.{name}.termination_grace");
            let why = format!(
                "gunicorn finishes within {}, Kubernetes kills after {}",
                gunicorn.graceful_timeout, workload.termination_grace
            );
            let fix = format!("set {path}: {}s", gunicorn.graceful_timeout.as_secs() + 5);
            found.add(&[&path, "gunicorn.graceful_timeout"], why, fix);
        }
    }
}
