//! VV700–709: alerts that never fire, always fire, or fire too late.

use rust_decimal::Decimal;

use super::{Applies, Breaches, Context, Rule, Severity, key, thousands};
use crate::spec::Spec;

const PROMQL: &str = "Prometheus documentation, \"Query functions\" and \"Operators\"";

/// What counts events, whatever its suffix.
const THROUGHPUT_METRIC: &str = "events_processed_total";

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "VV700",
        severity: Severity::Warning,
        title: "the alert looks at each series alone",
        applies: Applies::Everywhere,
        about: "`rate(x[1m]) < limit` is judged for every series of `x`: each pod, shard and result has its own. With \
                eight pods that share the load each one is below a limit meant for all, so the alert always fires.",
        source: PROMQL,
        remedy: "Sum first: `sum(rate(x[1m])) < limit`.",
        check: rate_is_not_summed,
    },
    Rule {
        code: "VV701",
        severity: Severity::Warning,
        title: "the alert is silent while the promised rate is missed",
        applies: Applies::Everywhere,
        about: "A limit below the promised rate leaves a range in which the promise is broken and nobody is told.",
        source: "arithmetic",
        remedy: "Set the limit to the promised rate, in events a second.",
        check: limit_is_below_promise,
    },
    Rule {
        code: "VV702",
        severity: Severity::Warning,
        title: "the quantile is taken of each series alone",
        applies: Applies::Everywhere,
        about: "Without `sum by (le)` each pod and shard yields a P95 of its own; the alert fires for the slowest one's \
                share, and can't be compared with the promise, which is about all events.",
        source: PROMQL,
        remedy: "Sum the buckets first: `histogram_quantile(0.95, sum by (le) (rate(x_bucket[5m])))`.",
        check: quantile_is_not_summed,
    },
    Rule {
        code: "VV703",
        severity: Severity::Error,
        title: "the alert's expression doesn't hold together",
        applies: Applies::Everywhere,
        about: "Prometheus refuses its whole configuration for one expression with brackets that don't match.",
        source: PROMQL,
        remedy: "Close what is open.",
        check: brackets_do_not_match,
    },
    Rule {
        code: "VV704",
        severity: Severity::Warning,
        title: "a rate is taken over too few scrapes",
        applies: Applies::Everywhere,
        about: "`rate` needs two samples within its window, and four to outlast a missed scrape. With fewer it yields \
                nothing, and an alert on nothing never fires.",
        source: "Prometheus documentation, \"Query functions\", `rate`",
        remedy: "Take a window of at least four scrape intervals.",
        check: window_is_too_short,
    },
    Rule {
        code: "VV705",
        severity: Severity::Warning,
        title: "a promise has no alert",
        applies: Applies::Everywhere,
        about: "What is promised and not watched is found out by customers.",
        source: "vvbill",
        remedy: "Add an alert on the metric.",
        check: promise_is_not_watched,
    },
];

/// `expr` without blanks, for comparisons of form.
fn squeezed(expr: &str) -> String {
    expr.chars().filter(|c| !c.is_whitespace()).collect()
}

fn rate_is_not_summed(spec: &Spec, _: &Context, found: &mut Breaches) {
    for (name, alert) in &spec.alerts {
        let expr = squeezed(&alert.expr);
        let per_series = ["rate(", "irate(", "increase("]
            .iter()
            .any(|start| expr.starts_with(start));
        if per_series && expr.contains(THROUGHPUT_METRIC) {
            let path = format!("{}.expr", key("alerts", name));
            let pods = spec
                .ingest
                .as_ref()
                .map_or(0, |ingest| ingest.worker_replicas)
                .max(
                    spec.workloads
                        .values()
                        .map(|workload| workload.replicas)
                        .max()
                        .unwrap_or(0),
                );
            let why =
                format!("each of {pods} pods and each shard is compared with a limit that is meant for all");
            let end = alert.expr.find(['<', '>', '=']).unwrap_or(alert.expr.len());
            let (left, right) = alert.expr.split_at(end);
            found.add(&[&path], why, format!("set {path}: sum({}) {right}", left.trim()));
        }
    }
}

fn limit_is_below_promise(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(rate) = spec.success_metrics.rate else {
        return;
    };
    let needed = rate.per_second();
    for (name, alert) in &spec.alerts {
        let expr = squeezed(&alert.expr);
        let Some((left, right)) = expr.split_once('<') else {
            continue;
        };
        let Ok(limit) = right.trim_start_matches('=').parse::<Decimal>() else {
            continue;
        };
        if left.contains(THROUGHPUT_METRIC) && limit < needed.floor() {
            let path = format!("{}.expr", key("alerts", name));
            let why = format!(
                "{rate} are {} events/s; between {} and that, the promise is broken in silence",
                thousands(rate.per_second_ceil()),
                limit.normalize()
            );
            let fix = format!("set the limit of {path} to {}", rate.per_second_ceil());
            found.add(&[&path, "success_metrics.rate"], why, fix);
        }
    }
}

fn quantile_is_not_summed(spec: &Spec, _: &Context, found: &mut Breaches) {
    for (name, alert) in &spec.alerts {
        let expr = squeezed(&alert.expr);
        let summed = expr.contains("sumby(") || expr.contains("sum(") || expr.contains("sumwithout(");
        if expr.contains("histogram_quantile(") && expr.contains("_bucket") && !summed {
            let path = format!("{}.expr", key("alerts", name));
            let why = "each series has a P95 of its own";
            found.add(
                &[&path],
                why,
                format!(
                    "set {path}: {}",
                    alert
                        .expr
                        .replacen("rate(", "sum by (le) (rate(", 1)
                        .replacen("])", "]))", 1)
                ),
            );
        }
    }
}

fn brackets_do_not_match(spec: &Spec, _: &Context, found: &mut Breaches) {
    for (name, alert) in &spec.alerts {
        let mut open = Vec::new();
        let mut quoted = None;
        let mut broken = alert.expr.trim().is_empty();
        for c in alert.expr.chars() {
            match (quoted, c) {
                (Some(quote), c) if quote == c => quoted = None,
                (Some(_), _) => {}
                (None, '"' | '\'' | '`') => quoted = Some(c),
                (None, '(') => open.push(')'),
                (None, '[') => open.push(']'),
                (None, '{') => open.push('}'),
                (None, ')' | ']' | '}') => broken |= open.pop() != Some(c),
                (None, _) => {}
            }
        }
        if broken || !open.is_empty() || quoted.is_some() {
            let path = format!("{}.expr", key("alerts", name));
            let why = format!("brackets or quotes of `{}` don't match", alert.expr);
            found.add(&[&path], why, format!("close what {path} leaves open"));
        }
    }
}

fn window_is_too_short(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(monitoring) = &spec.monitoring else {
        return;
    };
    for (name, alert) in &spec.alerts {
        for window in windows(&alert.expr) {
            if window.as_millis() < 4 * monitoring.scrape_interval.as_millis() {
                let path = format!("{}.expr", key("alerts", name));
                let why = format!(
                    "[{window}] holds fewer than four scrapes of {}",
                    monitoring.scrape_interval
                );
                let least = crate::spec::Duration::from_millis(4 * monitoring.scrape_interval.as_millis());
                found.add(
                    &[&path, "monitoring.scrape_interval"],
                    why,
                    format!("take [{least}] or more"),
                );
            }
        }
    }
}

/// The ranges in brackets: `[5m]`.
fn windows(expr: &str) -> Vec<crate::spec::Duration> {
    expr.split('[')
        .skip(1)
        .filter_map(|rest| rest.split(&[']', ':']).next()?.parse().ok())
        .collect()
}

fn promise_is_not_watched(spec: &Spec, _: &Context, found: &mut Breaches) {
    if spec.monitoring.is_none() || spec.alerts.is_empty() {
        return;
    }
    let promised = &spec.success_metrics;
    let promises = [
        (promised.rate.is_some(), "success_metrics.rate", THROUGHPUT_METRIC),
        (
            promised.p95_latency.is_some(),
            "success_metrics.p95_latency",
            "event_processing_duration_seconds",
        ),
    ];
    for (_, path, metric) in promises.into_iter().filter(|promise| promise.0) {
        if !spec.alerts.values().any(|alert| alert.expr.contains(metric)) {
            let why = format!("no alert looks at {metric}");
            found.add(&["alerts", path], why, format!("add an alert on {metric}"));
        }
    }
}
