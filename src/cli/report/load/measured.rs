//! What a load test measured, for a person: a line an interval, a table of stages, a search's trials.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::super::style;
use super::super::table::Table;
use super::{Results, grouped};
use crate::load::open::measured::{Interval, Percentiles, Stage, Totals};
use crate::load::open::search::{Ended, Found, Trial};

/// One interval, on one line.
pub(crate) fn interval(interval: &Interval) -> String {
    let mut parts = vec![match interval.target_per_second {
        Some(target) => format!("{}/s of {}/s", whole(interval.sent_per_second), whole(target)),
        None => format!("{}/s", whole(interval.sent_per_second)),
    }];
    parts.push(format!("accepted {}/s", whole(interval.accepted_per_second)));
    for (name, latency) in [("HTTP", &interval.http_ms), ("Kafka", &interval.kafka_ms)] {
        if let Some(Percentiles { p50, p95, p99, .. }) = latency {
            parts.push(format!(
                "{name} p50 {} p95 {} p99 {} ms",
                ms(*p50),
                ms(*p95),
                ms(*p99)
            ));
        }
    }
    if !interval.errors.is_empty() {
        parts.push(format!("errors {}", errors(&interval.errors)));
    }
    if interval.backlog > 0 {
        parts.push(format!("backlog {}", grouped(interval.backlog)));
    }
    if let Some(lag) = interval.lag {
        parts.push(format!("lag {}", grouped(lag)));
    }
    parts.join(", ")
}

/// Stages, the whole, thresholds, and whether the generator kept up.
pub(crate) fn render(results: &Results) -> String {
    let measured = &results.measured;
    let mut table = Table::new([
        "Stage",
        "Asked/s",
        "Achieved/s",
        "Errors",
        "HTTP p50/p95/p99/max ms",
        "Kafka ms",
    ]);
    if measured.stages.len() > 1 {
        for (number, stage) in (1..).zip(&measured.stages) {
            table.row(row(
                &format!("{number}, {} s", tenth(stage.totals.seconds)),
                target(stage),
                &stage.totals,
            ));
        }
    }
    let asked = match measured.stages.as_slice() {
        [stage] => target(stage),
        _ => String::new(),
    };
    table.row(row(
        &format!("all, {} s", tenth(measured.total.seconds)),
        asked,
        &measured.total,
    ));
    let mut text = table.render();
    for judged in &results.thresholds {
        let (paint, word) = if judged.is_met {
            (style::ADD, "met")
        } else {
            (style::ERROR, "missed")
        };
        let _ = writeln!(text, "{} {}", style::paint(paint, word), judged.told());
    }
    let generator = &measured.generator;
    if generator.is_bottleneck {
        let _ = writeln!(
            text,
            "{}: the generator was the bottleneck, this is no measure of the platform: {}",
            style::paint(style::WARNING, "warning"),
            generator.why
        );
    } else if generator.late > 0 {
        let _ = writeln!(
            text,
            "{} sent over 10 ms late, {} of them by the generator's own doing; at most {} events were overdue",
            grouped(generator.late),
            grouped(generator.late_by_itself),
            grouped(generator.backlog_max)
        );
    }
    text
}

/// One trial of a search, on one line.
pub(crate) fn trial(trial: &Trial) -> String {
    let head = format!("{}/s", grouped(trial.rate_per_second));
    let figures = format!(
        "achieved {}/s, p95 {}, errors {}",
        whole(trial.totals.achieved_per_second),
        trial
            .totals
            .worst(|latency| latency.p95)
            .map_or_else(|| "unknown".to_owned(), |p95| format!("{} ms", ms(p95))),
        share(trial.totals.error_share)
    );
    match trial.has_passed {
        true => format!("{} {head}: {figures}", style::paint(style::ADD, "passed")),
        false => format!(
            "{} {head}: {figures}; {}",
            style::paint(style::ERROR, "failed"),
            trial.why.join("; ")
        ),
    }
}

/// The outcome of a search.
pub(crate) fn found(found: &Found) -> String {
    let mut text = match found.passed_per_second {
        Some(rate) => format!(
            "highest rate that passed: {}/s, {} a minute\n",
            grouped(rate),
            grouped(rate * 60)
        ),
        None => "no rate passed\n".to_owned(),
    };
    if let Some(rate) = found.failed_per_second {
        let _ = writeln!(
            text,
            "lowest that failed: {}/s: {}",
            grouped(rate),
            found.why.join("; ")
        );
    }
    if found.is_generator_bound {
        text += "the generator was the limit: the platform may hold more than what passed\n";
    }
    text += match found.ended {
        Ended::AtHighest => "the search ended at `--max-rate`\n",
        Ended::OutOfTime => "the search ended at `--max-time`, before both lay close together\n",
        Ended::Found | Ended::NothingPassed => "",
    };
    text
}

fn row(name: &str, asked: String, totals: &Totals) -> [(String, Option<anstyle::Style>); 6] {
    let failed = match totals.errors.is_empty() {
        true => "none".to_owned(),
        false => format!("{} ({})", errors(&totals.errors), share(totals.error_share)),
    };
    [
        (name.to_owned(), None),
        (asked, None),
        (whole(totals.achieved_per_second), None),
        (failed, None),
        (latency(totals.http_ms.as_ref()), None),
        (latency(totals.kafka_ms.as_ref()), None),
    ]
}

/// `1,000` or `1,000 to 5,000`; nothing where there is no target.
pub(super) fn target(stage: &Stage) -> String {
    match (stage.target_from_per_second, stage.target_to_per_second) {
        (Some(from), Some(to)) if whole(from) != whole(to) => format!("{} to {}", whole(from), whole(to)),
        (Some(from), _) => whole(from),
        _ => String::new(),
    }
}

/// `429 12, timeout 3`.
pub(super) fn errors(errors: &BTreeMap<String, u64>) -> String {
    let told = errors
        .iter()
        .map(|(kind, count)| format!("{kind} {}", grouped(*count)));
    told.collect::<Vec<_>>().join(", ")
}

fn latency(latency: Option<&Percentiles>) -> String {
    latency.map_or_else(String::new, |it| {
        format!(
            "{} / {} / {} / {}",
            ms(it.p50),
            ms(it.p95),
            ms(it.p99),
            ms(it.max)
        )
    })
}

/// A tenth of a millisecond where it is short, else whole ones.
pub(super) fn ms(value: f64) -> String {
    if value < 100.0 { tenth(value) } else { whole(value) }
}

pub(super) fn whole(value: f64) -> String {
    grouped(value.round() as u64)
}

pub(super) fn tenth(value: f64) -> String {
    format!("{value:.1}")
}

pub(super) fn share(share: f64) -> String {
    format!("{:.3}%", share * 100.0)
}
