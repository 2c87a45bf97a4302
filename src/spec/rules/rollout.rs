//! VV728–729: the weeks of the rollout, against what is promised and what the plan holds.

use super::{Applies, Breaches, Context, Rule, Severity};
use crate::spec::{Duration, Section, Spec};

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "VV728",
        severity: Severity::Error,
        title: "a week's gate asks for more than is promised at the end",
        applies: Applies::Everywhere,
        about: "A gate above the load test's rate, or below the promised latency, keeps the rollout from going on \
                although the platform does all that it should.",
        source: "vvbill",
        remedy: "Bring the gate in line with `success_metrics`.",
        check: gate_exceeds_promise,
    },
    Rule {
        code: "VV729",
        severity: Severity::Warning,
        title: "no week brings up a section of the plan",
        applies: Applies::Everywhere,
        about: "The rollout brings up what its weeks name. A section that none names is never brought up, nor drilled.",
        source: "vvbill",
        remedy: "Name it in a week's `sections`.",
        check: section_is_never_brought_up,
    },
];

fn gate_exceeds_promise(spec: &Spec, _: &Context, found: &mut Breaches) {
    let promised = &spec.success_metrics;
    let most = promised.load_test_rate.or(promised.rate);
    for (name, week) in &spec.rollout {
        let gate = super::key("rollout", name) + ".gate";
        if let (Some(asked), Some(most)) = (week.gate.rate, most)
            && asked.per_minute() > most.per_minute()
        {
            let why = format!("{asked} are asked for, {most} are the most that is promised or tested");
            let path = format!("{gate}.rate");
            found.add(
                &[&path, "success_metrics.load_test_rate"],
                why,
                format!("set {path}: {most}"),
            );
        }
        let times = [
            (
                "p95_latency",
                week.gate.p95_latency,
                promised.p95_latency,
                "success_metrics.p95_latency",
            ),
            (
                "recovery_time",
                week.gate.recovery_time,
                slowest(spec),
                "success_metrics.recovery_time",
            ),
        ];
        for (field, asked, promise, promise_path) in times {
            if let (Some(asked), Some(promise)) = (asked, promise)
                && asked < promise
            {
                let path = format!("{gate}.{field}");
                let why = format!("{asked} are asked for, {promise} are promised");
                found.add(&[&path, promise_path], why, format!("set {path}: {promise}"));
            }
        }
    }
}

/// The longest recovery that is promised within a region: drills measure every tier.
fn slowest(spec: &Spec) -> Option<Duration> {
    let promised = &spec.success_metrics.recovery_time;
    let tiers = [
        promised.ingest,
        promised.api,
        promised.kafka,
        promised.buffer,
        promised.cache,
        promised.database,
    ];
    tiers.into_iter().chain([promised.overall]).flatten().max()
}

fn section_is_never_brought_up(spec: &Spec, _: &Context, found: &mut Breaches) {
    if spec.rollout.is_empty() {
        return;
    }
    let sections = [
        (spec.network.is_some(), Section::Network, "network"),
        (spec.eks.is_some(), Section::Eks, "eks"),
        (spec.kafka.is_some(), Section::Kafka, "kafka"),
        (spec.buffer.is_some(), Section::Buffer, "buffer"),
        (spec.cache.is_some(), Section::Cache, "cache"),
        (spec.aurora.is_some(), Section::Aurora, "aurora"),
        (spec.ingest.is_some(), Section::Ingest, "ingest"),
        (!spec.workloads.is_empty(), Section::Workloads, "workloads"),
        (
            spec.load_balancer.is_some(),
            Section::LoadBalancer,
            "load_balancer",
        ),
        (spec.edge.is_some(), Section::Edge, "edge"),
        (spec.gunicorn.is_some(), Section::Gunicorn, "gunicorn"),
        (spec.monitoring.is_some(), Section::Monitoring, "monitoring"),
        (!spec.alerts.is_empty(), Section::Alerts, "alerts"),
    ];
    for (_, section, name) in sections.into_iter().filter(|section| section.0) {
        if !spec.rollout.values().any(|week| week.sections.contains(&section)) {
            let week = spec.rollout.keys().next().map_or("week-1", |name| name.as_ref());
            let path = format!("{}.sections", super::key("rollout", week));
            found.add(
                &["rollout", name],
                format!("no week names {name}"),
                format!("add {name} to {path}"),
            );
        }
    }
}
