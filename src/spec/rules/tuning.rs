//! VV600–619: kernel settings of the nodes, and the application's workers.

use super::{Applies, Breaches, Context, Rule, Severity, key};
use crate::spec::{Distribution, Spec};

const KERNEL: &str = "Linux kernel documentation, \"Documentation for /proc/sys/net\"";

/// Ports that Kubernetes gives to services of type NodePort.
const NODE_PORTS: (u32, u32) = (30_000, 32_767);

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "VV600",
        severity: Severity::Warning,
        title: "two sections disagree on how many workers a pod runs",
        applies: Applies::OnAws,
        about: "The environment variable WORKERS and gunicorn's `workers` both decide; whichever the image reads last \
                wins. Memory and connections are counted by it, so it has to be one number.",
        source: "gunicorn documentation, \"Settings\", `workers`",
        remedy: "State one value: take WORKERS out, or set `gunicorn.workers` to it.",
        check: workers_disagree,
    },
    Rule {
        code: "VV601",
        severity: Severity::Warning,
        title: "the class of the workers is deprecated",
        applies: Applies::OnAws,
        about: "`uvicorn.workers` is deprecated in favour of the package `uvicorn-worker`, which goes on from it.",
        source: "Uvicorn documentation, \"Deployment\"",
        remedy: "Set `gunicorn.worker_class: uvicorn_worker.UvicornWorker`, and add `uvicorn-worker` to the image.",
        check: worker_class_is_deprecated,
    },
    Rule {
        code: "VV602",
        severity: Severity::Warning,
        title: "outgoing connections take ports that Kubernetes gives to services",
        applies: Applies::OnAws,
        about: "The kernel takes the local port of an outgoing connection from `ip_local_port_range`. Where that \
                overlaps the NodePorts 30000 to 32767, or ports that daemons of the node listen on, a connection can \
                hold the port that a service is about to bind.",
        source: KERNEL,
        remedy: "End the range below 30000, or reserve them with `net.ipv4.ip_local_reserved_ports`.",
        check: ports_overlap_node_ports,
    },
    Rule {
        code: "VV603",
        severity: Severity::Note,
        title: "the setting belongs to a network namespace, not to the node",
        applies: Applies::OnAws,
        about: "Each pod has a network namespace of its own, with the kernel's defaults: a node's `somaxconn` changes \
                nothing for pods. vvbill sets it as a pod sysctl, which the kubelet has to allow.",
        source: "Kubernetes documentation, \"Using sysctls in a Kubernetes Cluster\"",
        remedy: "Nothing; know that the kubelet gets `--allowed-unsafe-sysctls` for it.",
        check: setting_is_per_namespace,
    },
    Rule {
        code: "VV604",
        severity: Severity::Error,
        title: "that is no kernel setting",
        applies: Applies::OnAws,
        about: "A file under `/etc/sysctl.d` holds lines of `name = value`, names being words with dots. A command such \
                as `sudo sysctl -p` among them makes the file fail.",
        source: "sysctl.conf(5)",
        remedy: "Leave it out; vvbill applies the settings itself.",
        check: setting_is_malformed,
    },
    Rule {
        code: "VV605",
        severity: Severity::Warning,
        title: "Redis may have more waiting connections than the kernel keeps",
        applies: Applies::OnAws,
        about: "The kernel cuts `tcp-backlog` down to `net.core.somaxconn`; Redis warns of it at every start.",
        source: "Redis 7.0, redis.conf",
        remedy: "Raise `net.core.somaxconn`, or lower `buffer.tcp_backlog`.",
        check: backlog_is_cut,
    },
    Rule {
        code: "VV606",
        severity: Severity::Error,
        title: "a process may not open as many files as it is told",
        applies: Applies::OnAws,
        about: "`fs.nr_open` bounds what a process may open. Above it `setrlimit` fails, and with it the service's start.",
        source: "Linux kernel documentation, \"Documentation for /proc/sys/fs\"",
        remedy: "Raise `fs.nr_open`, or lower `operating_system.limits.open_files`.",
        check: open_files_exceed_kernel,
    },
    Rule {
        code: "VV607",
        severity: Severity::Warning,
        title: "all workers are replaced at the same time",
        applies: Applies::OnAws,
        about: "Workers that started together reach `max_requests` together. Without a jitter the pod answers nothing \
                while they are replaced.",
        source: "gunicorn documentation, \"Settings\", `max_requests_jitter`",
        remedy: "Set `gunicorn.max_requests_jitter`.",
        check: workers_go_together,
    },
    Rule {
        code: "VV608",
        severity: Severity::Warning,
        title: "the load balancer reuses connections that gunicorn has closed",
        applies: Applies::OnAws,
        about: "A load balancer keeps idle connections to its targets for `idle_timeout`. When gunicorn closes one first, \
                the next request on it is answered with 502.",
        source: "Elastic Load Balancing, \"Troubleshoot your Application Load Balancers\", HTTP 502",
        remedy: "Keep `gunicorn.keepalive` above `load_balancer.idle_timeout`.",
        check: connections_are_closed_early,
    },
    Rule {
        code: "VV609",
        severity: Severity::Warning,
        title: "the operating system that is tuned is not the nodes'",
        applies: Applies::OnAws,
        about: "Settings are written for one distribution; nodes of another read them elsewhere or not at all.",
        source: "vvbill",
        remedy: "Leave `operating_system.distribution` out, or match the node groups' `ami_family`.",
        check: distribution_is_anothers,
    },
];

fn workers_disagree(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(gunicorn) = &spec.gunicorn else { return };
    for (name, workload) in &spec.workloads {
        let Some(workers) = workload
            .env
            .get("WORKERS")
            .and_then(|text| text.trim().parse::<u32>().ok())
        else {
            continue;
        };
        let resources = &workload.resources;
        let cpu = resources.limits.unwrap_or(resources.requests).cpu;
        let whole = u32::try_from(cpu.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX);
        let by_gunicorn = gunicorn.workers.on(whole);
        if workers != by_gunicorn {
            let path = key(&format!("workloads.{name}.env"), "WORKERS");
            let why = format!(
                "WORKERS is {workers}, gunicorn's `{}` is {by_gunicorn} on {whole} CPU",
                gunicorn.workers
            );
            found.add(
                &["gunicorn.workers", &path],
                why,
                format!("set gunicorn.workers: {workers}, or take {path} out"),
            );
        }
    }
}

fn worker_class_is_deprecated(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(gunicorn) = &spec.gunicorn else { return };
    if let Some(class) = gunicorn.worker_class.strip_prefix("uvicorn.workers.") {
        let fix = format!("set gunicorn.worker_class: uvicorn_worker.{class}");
        found.add(
            &["gunicorn.worker_class"],
            "the module `uvicorn.workers` is deprecated",
            fix,
        );
    }
}

fn ports_overlap_node_ports(spec: &Spec, _: &Context, found: &mut Breaches) {
    let sysctl = &spec.operating_system.sysctl;
    let Some(range) = sysctl.get("net.ipv4.ip_local_port_range") else {
        return;
    };
    let bounds: Vec<u32> = range
        .split_whitespace()
        .filter_map(|bound| bound.parse().ok())
        .collect();
    let [first, last] = bounds[..] else { return };
    let reserved = sysctl
        .get("net.ipv4.ip_local_reserved_ports")
        .is_some_and(|ports| ports.split(',').any(|range| covers_node_ports(range.trim())));
    if first <= NODE_PORTS.1 && last >= NODE_PORTS.0 && !reserved {
        let path = key("operating_system.sysctl", "net.ipv4.ip_local_port_range");
        let why = format!(
            "{first} to {last} takes in the NodePorts {} to {}",
            NODE_PORTS.0, NODE_PORTS.1
        );
        let reserve = key("operating_system.sysctl", "net.ipv4.ip_local_reserved_ports");
        found.add(
            &[&path],
            why,
            format!(
                "set {reserve}: 30000-32767, or {path}: {} 65535",
                NODE_PORTS.1 + 1
            ),
        );
    }
}

fn covers_node_ports(range: &str) -> bool {
    let Some((first, last)) = range.split_once('-') else {
        return false;
    };
    let (first, last) = (first.parse::<u32>(), last.parse::<u32>());
    matches!((first, last), (Ok(first), Ok(last)) if first <= NODE_PORTS.0 && last >= NODE_PORTS.1)
}

fn setting_is_per_namespace(spec: &Spec, _: &Context, found: &mut Breaches) {
    let names = ["net.core.somaxconn", "net.ipv4.tcp_max_syn_backlog"];
    let paths: Vec<String> = names
        .iter()
        .filter(|name| spec.operating_system.sysctl.contains_key(**name))
        .map(|name| key("operating_system.sysctl", name))
        .collect();
    if let (Some(_), false) = (&spec.eks, paths.is_empty()) {
        let borrowed: Vec<&str> = paths.iter().map(String::as_str).collect();
        let why = "a pod has a network namespace of its own, with the kernel's defaults";
        found.add(&borrowed, why, "nothing: vvbill sets it for the pods as well");
    }
}

fn setting_is_malformed(spec: &Spec, _: &Context, found: &mut Breaches) {
    for name in spec.operating_system.sysctl.keys() {
        let words = name.contains('.')
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c));
        if !words {
            let path = key("operating_system.sysctl", name);
            found.add(
                &[&path],
                format!("`{name}` is not the name of a setting"),
                format!("take {path} out"),
            );
        }
    }
}

fn backlog_is_cut(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(buffer) = &spec.buffer else { return };
    let Some(kept) = setting(spec, "net.core.somaxconn") else {
        return;
    };
    if u64::from(buffer.tcp_backlog) > kept {
        let path = key("operating_system.sysctl", "net.core.somaxconn");
        let why = format!("Redis asks for {}, the kernel keeps {kept}", buffer.tcp_backlog);
        found.add(
            &["buffer.tcp_backlog", &path],
            why,
            format!("set {path}: {}", buffer.tcp_backlog),
        );
    }
}

/// A kernel setting that is one number.
fn setting(spec: &Spec, name: &str) -> Option<u64> {
    spec.operating_system.sysctl.get(name)?.trim().parse().ok()
}

fn open_files_exceed_kernel(spec: &Spec, _: &Context, found: &mut Breaches) {
    /// What the kernel has when nothing is said.
    const DEFAULT_NR_OPEN: u64 = 1_048_576;
    let Some(open_files) = spec.operating_system.limits.open_files else {
        return;
    };
    let most = setting(spec, "fs.nr_open").unwrap_or(DEFAULT_NR_OPEN);
    if open_files > most {
        let path = key("operating_system.sysctl", "fs.nr_open");
        let why = format!("{open_files} are above fs.nr_open, {most}");
        found.add(
            &["operating_system.limits.open_files", &path],
            why,
            format!("set {path}: {open_files}"),
        );
    }
}

fn workers_go_together(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(gunicorn) = &spec.gunicorn else { return };
    if gunicorn.max_requests > 0 && gunicorn.max_requests_jitter == 0 {
        let why = format!(
            "every worker is replaced after just {} requests",
            gunicorn.max_requests
        );
        let fix = format!(
            "set gunicorn.max_requests_jitter: {}",
            (gunicorn.max_requests / 10).max(1)
        );
        found.add(
            &["gunicorn.max_requests_jitter", "gunicorn.max_requests"],
            why,
            fix,
        );
    }
}

fn connections_are_closed_early(spec: &Spec, _: &Context, found: &mut Breaches) {
    let (Some(gunicorn), Some(balancer)) = (&spec.gunicorn, &spec.load_balancer) else {
        return;
    };
    if gunicorn.keepalive <= balancer.idle_timeout {
        let why = format!(
            "gunicorn closes an idle connection after {}, the load balancer after {}",
            gunicorn.keepalive, balancer.idle_timeout
        );
        let fix = format!("set gunicorn.keepalive: {}s", balancer.idle_timeout.as_secs() + 5);
        found.add(&["gunicorn.keepalive", "load_balancer.idle_timeout"], why, fix);
    }
}

fn distribution_is_anothers(spec: &Spec, _: &Context, found: &mut Breaches) {
    use crate::spec::AmiFamily;
    let (Some(cluster), Some(tuned)) = (&spec.eks, spec.operating_system.distribution) else {
        return;
    };
    for (name, group) in &cluster.node_groups {
        let runs = match group.ami_family {
            None | Some(AmiFamily::AmazonLinux2023) => Some(Distribution::AmazonLinux2023),
            Some(AmiFamily::AmazonLinux2) => Some(Distribution::AmazonLinux2),
            Some(AmiFamily::Ubuntu2204 | AmiFamily::Ubuntu2404) => Some(Distribution::Ubuntu),
            Some(AmiFamily::Bottlerocket) => None,
        };
        if runs != Some(tuned) {
            let path = format!("eks.node_groups.{name}.ami_family");
            let why = format!("the nodes of {name} run another system");
            let fix = "leave operating_system.distribution out";
            found.add(&["operating_system.distribution", &path], why, fix);
        }
    }
}
