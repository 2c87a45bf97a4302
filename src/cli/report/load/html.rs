//! A load test as a page: one file, no scripts, for screens light and dark and for paper.

use serde::Serialize;

use super::chart::Plot;
use super::measured::{errors, ms, share, target, tenth, whole};
use super::{Results, grouped, plots};
use crate::load::open::measured::{Percentiles, Totals};
use crate::load::open::search::{Ended, Found};
use crate::load::open::{Measured, Threshold};
use crate::templates::{TemplateError, Templates, sources};

static TEMPLATES: Templates =
    Templates::new(sources!["report/load.html", "report/page.css", "report/plot.svg"]);

/// What the template is filled with. Texts are escaped there.
#[derive(Debug, Serialize)]
struct Values {
    title: String,
    basis: String,
    generated: String,
    version: &'static str,
    headline: String,
    is_good: bool,
    facts: Vec<String>,
    warnings: Vec<String>,
    plots: Vec<Plot>,
    tables: Vec<TableValues>,
}

#[derive(Debug, Serialize)]
struct TableValues {
    title: &'static str,
    headings: Vec<Heading>,
    rows: Vec<Vec<Cell>>,
}

#[derive(Debug, Serialize)]
struct Heading {
    text: &'static str,
    is_number: bool,
}

#[derive(Debug, Serialize)]
struct Cell {
    text: String,
    is_number: bool,
    /// `good`, `bad` or nothing.
    class: &'static str,
}

/// The page of a run.
pub(crate) fn run(results: &Results) -> Result<String, TemplateError> {
    let Results {
        measured, account, ..
    } = results;
    let audit = &account.audit;
    let missed = results.thresholds.iter().filter(|judged| !judged.is_met);
    let mut warnings = Vec::new();
    if measured.generator.is_bottleneck {
        warnings.push(format!(
            "The generator was the bottleneck, this is no measure of the platform: {}",
            measured.generator.why
        ));
    }
    warnings.extend(missed.map(|judged| format!("Missed {}", judged.told())));
    warnings.extend(account.faults());
    if !measured.open_loop {
        warnings.push(
            "Sent as fast as events were taken: each sender waited for its answer, so these latencies say \
             nothing of what a steady stream would have met."
                .to_owned(),
        );
    }
    TEMPLATES.fill(
        "report/load.html",
        &Values {
            title: format!("Load test of {}", results.plan),
            basis: basis(measured, account.seed),
            generated: generated(),
            version: env!("CARGO_PKG_VERSION"),
            headline: format!(
                "{} events, {} a second; lost {}, doubled {}",
                grouped(measured.total.sent),
                whole(measured.total.achieved_per_second),
                grouped(audit.lost),
                grouped(audit.doubled)
            ),
            is_good: account.is_clean() && results.thresholds.iter().all(|judged| judged.is_met),
            facts: vec![format!(
                "Everything was durable {} s after the last answer",
                tenth(account.seconds_settling)
            )],
            warnings,
            plots: plots::of_run(measured),
            tables: [
                thresholds(results),
                stages(measured),
                latencies(measured),
                generator(measured),
                account_table(results),
            ]
            .into_iter()
            .filter(|table| !table.rows.is_empty())
            .collect(),
        },
    )
}

/// The page of a search.
pub(crate) fn found(plan: &str, found: &Found, thresholds: &[Threshold]) -> Result<String, TemplateError> {
    let held: Vec<&str> = thresholds
        .iter()
        .map(|threshold| threshold.text.as_str())
        .collect();
    let failed = found.failed_per_second;
    let facts = failed.map(|rate| {
        format!(
            "Lowest that failed: {} a second: {}",
            grouped(rate),
            found.why.join("; ")
        )
    });
    let mut warnings = Vec::new();
    if found.is_generator_bound {
        warnings.push("The generator was the limit: the platform may hold more than what passed.".to_owned());
    }
    if found.ended == Ended::OutOfTime {
        warnings.push("The time was over before what passed and what failed lay close together.".to_owned());
    }
    TEMPLATES.fill(
        "report/load.html",
        &Values {
            title: format!("Highest rate of {plan}"),
            basis: format!(
                "held to {}, and consumers that don't fall behind",
                held.join(", ")
            ),
            generated: generated(),
            version: env!("CARGO_PKG_VERSION"),
            headline: found.passed_per_second.map_or_else(
                || "No rate passed".to_owned(),
                |rate| {
                    format!(
                        "{} events a second, {} a minute",
                        grouped(rate),
                        grouped(rate * 60)
                    )
                },
            ),
            is_good: found.passed_per_second.is_some(),
            facts: facts.into_iter().collect(),
            warnings,
            plots: plots::of_search(found).into_iter().collect(),
            tables: vec![trials(found)],
        },
    )
}

fn basis(measured: &Measured, seed: u64) -> String {
    let machine = &measured.machine;
    let shared = match machine.shared_with_platform {
        true => "shared with the platform",
        false => "apart from the platform",
    };
    format!(
        "seed {seed}; sent from {} cores, {}, {shared}; latency counts from when a request was due until its answer",
        machine.cores, machine.system
    )
}

fn generated() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// Each stage, then the whole.
fn parts(measured: &Measured) -> Vec<(String, String, &Totals)> {
    let stages = (1..).zip(&measured.stages);
    let stages = stages
        .map(|(number, stage): (u32, _)| (number.to_string(), target(stage), &stage.totals))
        .filter(|_| measured.stages.len() > 1);
    let asked = match measured.stages.as_slice() {
        [stage] => target(stage),
        _ => String::new(),
    };
    stages
        .chain([("all".to_owned(), asked, &measured.total)])
        .collect()
}

fn stages(measured: &Measured) -> TableValues {
    let row = |(name, asked, totals): (String, String, &Totals)| {
        vec![
            text(name),
            number(asked),
            number(tenth(totals.seconds)),
            number(grouped(totals.sent)),
            number(grouped(totals.accepted)),
            number(whole(totals.achieved_per_second)),
            failures(totals),
        ]
    };
    TableValues {
        title: "Stages",
        headings: headings(&[
            ("Stage", false),
            ("Asked/s", true),
            ("Seconds", true),
            ("Sent", true),
            ("Accepted", true),
            ("Achieved/s", true),
            ("Errors", false),
        ]),
        rows: parts(measured).into_iter().map(row).collect(),
    }
}

fn latencies(measured: &Measured) -> TableValues {
    let rows = parts(measured).into_iter().flat_map(|(name, _, totals)| {
        let channels = [
            ("HTTP, a request", totals.http_ms),
            ("Kafka, an event", totals.kafka_ms),
        ];
        channels.into_iter().filter_map(move |(channel, latency)| {
            let it = latency?;
            let mut row = vec![
                text(name.clone()),
                text(channel.to_owned()),
                number(grouped(it.count)),
            ];
            let figures = [it.p50, it.p90, it.p95, it.p99, it.p999, it.max];
            row.extend(figures.map(|figure| number(ms(figure))));
            Some(row)
        })
    });
    TableValues {
        title: "Latency, in ms",
        headings: headings(&[
            ("Stage", false),
            ("Channel", false),
            ("Answers", true),
            ("p50", true),
            ("p90", true),
            ("p95", true),
            ("p99", true),
            ("p99.9", true),
            ("longest", true),
        ]),
        rows: rows.collect(),
    }
}

fn trials(found: &Found) -> TableValues {
    let rows = found.trials.iter().map(|trial| {
        let p95 = |latency: Option<Percentiles>| latency.map_or_else(String::new, |it| ms(it.p95));
        let growth = trial.lag_growth_per_second;
        vec![
            number(grouped(trial.rate_per_second)),
            match trial.has_passed {
                true => Cell {
                    class: "good",
                    ..text("passed".to_owned())
                },
                false => Cell {
                    class: "bad",
                    ..text("failed".to_owned())
                },
            },
            number(whole(trial.totals.achieved_per_second)),
            failures(&trial.totals),
            number(p95(trial.totals.http_ms)),
            number(p95(trial.totals.kafka_ms)),
            number(growth.map_or_else(|| "unknown".to_owned(), |growth| format!("{growth:.0}"))),
            text(trial.why.join("; ")),
        ]
    });
    TableValues {
        title: "Trials, in order",
        headings: headings(&[
            ("Rate/s", true),
            ("", false),
            ("Achieved/s", true),
            ("Errors", false),
            ("HTTP p95 ms", true),
            ("Kafka p95 ms", true),
            ("Lag grew by, records/s", true),
            ("Why", false),
        ]),
        rows: rows.collect(),
    }
}

fn thresholds(results: &Results) -> TableValues {
    let rows = results.thresholds.iter().map(|judged| {
        let (word, class) = if judged.is_met {
            ("met", "good")
        } else {
            ("missed", "bad")
        };
        let verdict = Cell {
            class,
            ..text(word.to_owned())
        };
        vec![
            text(judged.threshold.clone()),
            number(judged.measured.clone()),
            verdict,
        ]
    });
    TableValues {
        title: "Thresholds",
        headings: headings(&[("Threshold", false), ("Measured", true), ("", false)]),
        rows: rows.collect(),
    }
}

fn generator(measured: &Measured) -> TableValues {
    let generator = &measured.generator;
    let rows = [
        ("Sent more than 10 ms late", grouped(generator.late)),
        (
            "of these by the generator's own doing",
            grouped(generator.late_by_itself),
        ),
        (
            "Its own delay of HTTP requests, p95",
            format!("{} ms", ms(generator.http_delay_p95_ms)),
        ),
        (
            "Its own delay of Kafka events, p95",
            format!("{} ms", ms(generator.kafka_delay_p95_ms)),
        ),
        ("Most events due and not sent", grouped(generator.backlog_max)),
        (
            "HTTP connections",
            format!(
                "{} of {} at most",
                generator.connections, generator.connections_max
            ),
        ),
        (
            "of the run, these waited for answers",
            share(generator.connections_busy),
        ),
    ];
    TableValues {
        title: "The generator",
        headings: headings(&[("", false), ("", true)]),
        rows: match measured.open_loop {
            true => rows
                .into_iter()
                .map(|(name, figure)| vec![text(name.to_owned()), number(figure)])
                .collect(),
            false => Vec::new(),
        },
    }
}

fn account_table(results: &Results) -> TableValues {
    let account = &results.account;
    let audit = &account.audit;
    let rows: u64 = audit.rows.iter().sum();
    let figures = [
        ("Sent", grouped(account.sent)),
        ("Accepted", grouped(account.accepted)),
        ("Rejected", grouped(account.rejected)),
        ("Dead-lettered", grouped(account.dead_lettered)),
        ("Duplicates dropped", grouped(account.duplicates)),
        ("Sent again by the sender", grouped(account.resent)),
        ("Rows in the shards", grouped(rows)),
        ("Rows that are right", grouped(audit.rows_expected)),
        ("Lost", grouped(audit.lost)),
        ("Doubled", grouped(audit.doubled)),
    ];
    TableValues {
        title: "The account",
        headings: headings(&[("", false), ("Events", true)]),
        rows: figures
            .into_iter()
            .map(|(name, figure)| vec![text(name.to_owned()), number(figure)])
            .collect(),
    }
}

fn failures(totals: &Totals) -> Cell {
    text(match totals.errors.is_empty() {
        true => "none".to_owned(),
        false => format!("{} ({})", errors(&totals.errors), share(totals.error_share)),
    })
}

fn headings(named: &[(&'static str, bool)]) -> Vec<Heading> {
    let heading = |(text, is_number): &(&'static str, bool)| Heading {
        text,
        is_number: *is_number,
    };
    named.iter().map(heading).collect()
}

fn text(text: String) -> Cell {
    Cell {
        text,
        is_number: false,
        class: "",
    }
}

fn number(text: String) -> Cell {
    Cell {
        text,
        is_number: true,
        class: "",
    }
}
