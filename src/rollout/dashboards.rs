//! Dashboards: every query that they ask is one that the running Prometheus answers.

use std::collections::BTreeSet;

use futures::future::{BoxFuture, FutureExt};
use serde_json::Value;

use super::model::Measure;
use super::prometheus::Prometheus;
use super::step::{Scene, Step, Trouble};
use crate::render::{self, Format, Input};
use crate::spec::{Section, Spec};

pub(super) struct Dashboards;

/// A query of a dashboard.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Query {
    /// `lag: Records`.
    place: String,
    expression: String,
}

/// What our recording rules' series begin with.
const RECORDED: &str = "billing:";

impl Step for Dashboards {
    fn name(&self) -> &'static str {
        "dashboards-load"
    }

    fn home(&self) -> &'static str {
        "week-5"
    }

    fn title(&self) -> &'static str {
        "every query of the dashboards is asked"
    }

    fn proves(&self) -> &'static str {
        "Prometheus answers each query that Grafana would ask for a panel or a mark, with a series wherever it has one \
         of the metrics; no Grafana is asked"
    }

    fn sections(&self) -> &'static [Section] {
        &[Section::Monitoring, Section::Ingest]
    }

    fn skipped(&self, spec: &Spec) -> Option<String> {
        let wanted = spec
            .monitoring
            .as_ref()
            .is_some_and(|monitoring| monitoring.dashboards);
        (!wanted).then(|| "the plan has no dashboards (`monitoring.dashboards`)".into())
    }

    fn verify<'a>(&'a self, scene: &'a Scene, _: &'a Value) -> BoxFuture<'a, Result<Vec<Measure>, Trouble>> {
        async move {
            let (boards, queries) = queries(&scene.spec)?;
            let prometheus = Prometheus::of(&scene.endpoints)?;
            let (present, told_of) = (prometheus.names().await?, prometheus.told_of().await?);
            let mut seen = Seen::default();
            for query in &queries {
                let answer = prometheus.query(&query.expression).await;
                seen.take(query, answer.map(|values| values.len()), (&present, &told_of));
            }
            let told = |list: &[String]| list.join("; ");
            Ok(vec![
                Measure::at_least("dashboards that the plan renders", boards as f64, 1.0),
                Measure::equal(
                    format!("of their {} queries, those that Prometheus refuses", queries.len()),
                    told(&seen.refused),
                    "",
                ),
                Measure::equal("queries without a series, though their metrics are there", told(&seen.empty), ""),
                Measure::equal("recorded series that no rule records", told(&seen.unrecorded), ""),
                Measure::at_least(
                    format!(
                        "queries with series ({} have none yet, or only with an exporter that this target lacks)",
                        queries.len() - seen.with_series
                    ),
                    seen.with_series as f64,
                    1.0,
                ),
            ])
        }
        .boxed()
    }
}

/// What came of the queries.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    refused: Vec<String>,
    empty: Vec<String>,
    unrecorded: Vec<String>,
    with_series: usize,
}

impl Seen {
    /// `present`: names with a series; `told_of`: names that a target tells of.
    fn take(
        &mut self,
        query: &Query,
        series: Result<usize, Trouble>,
        (present, told_of): (&BTreeSet<String>, &BTreeSet<String>),
    ) {
        let place = format!("{} ({})", query.place, query.expression);
        let metrics = metrics(&query.expression);
        match series {
            Err(why) => self.refused.push(format!("{place}: {why}")),
            Ok(0) => {
                let unrecorded = metrics.iter().filter(|name| {
                    name.starts_with(RECORDED) && !present.contains(*name) && !told_of.contains(*name)
                });
                self.unrecorded
                    .extend(unrecorded.map(|name| format!("{}: {name}", query.place)));
                let is_there = !metrics.is_empty() && metrics.iter().all(|name| present.contains(name));
                if is_there && !narrows(&query.expression) {
                    self.empty.push(place);
                }
            }
            Ok(_) => self.with_series += 1,
        }
    }
}

/// How many dashboards the plan renders, and what they ask.
fn queries(spec: &Spec) -> Result<(usize, BTreeSet<Query>), Trouble> {
    let input = Input {
        spec,
        findings: &[],
        state: None,
    };
    let failed = |why: &dyn std::fmt::Display| Trouble::new("the plan's dashboards can't be rendered", why);
    let files = render::render(&input, &[Format::Grafana]).map_err(|why| failed(&why))?;
    let mut queries = BTreeSet::new();
    for file in &files {
        let board: Value = serde_json::from_str(&file.text).map_err(|why| failed(&why))?;
        collect(&board, &file.path, &mut queries);
    }
    Ok((files.len(), queries))
}

/// Everything under the name `expr`, wherever it stands.
fn collect(value: &Value, place: &str, queries: &mut BTreeSet<Query>) {
    match value {
        Value::Object(fields) => {
            let title = ["title", "name"]
                .iter()
                .find_map(|name| fields.get(*name)?.as_str());
            let inner = title.map_or_else(|| place.to_owned(), |title| format!("{}: {title}", first(place)));
            if let Some(expression) = fields.get("expr").and_then(Value::as_str) {
                queries.insert(Query {
                    place: inner.clone(),
                    expression: expression.to_owned(),
                });
            }
            fields.values().for_each(|field| collect(field, &inner, queries));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, place, queries)),
        _ => {}
    }
}

/// The file, of a place.
fn first(place: &str) -> &str {
    let path = place.split_once(": ").map_or(place, |(path, _)| path);
    path.rsplit('/').next().unwrap_or(path)
}

/// The names of the metrics in an expression.
fn metrics(expression: &str) -> BTreeSet<String> {
    const WORDS: [&str; 14] = [
        "and",
        "bool",
        "by",
        "group_left",
        "group_right",
        "ignoring",
        "inf",
        "nan",
        "offset",
        "on",
        "or",
        "unless",
        "without",
        "e",
    ];
    let bare = without_brackets(expression);
    let is_name = |sign: char| sign.is_ascii_alphanumeric() || sign == '_' || sign == ':';
    let mut names = BTreeSet::new();
    let mut rest = bare.as_str();
    while let Some(start) = rest.find(is_name) {
        let end = rest[start..]
            .find(|sign| !is_name(sign))
            .map_or(rest.len(), |length| start + length);
        let (word, after) = (&rest[start..end], rest[end..].trim_start());
        let is_function = after.starts_with('(') || after.starts_with("by ") || after.starts_with("without ");
        let is_number = word.starts_with(|sign: char| sign.is_ascii_digit());
        if !is_function && !is_number && !WORDS.contains(&word) {
            names.insert(word.to_owned());
        }
        rest = &rest[end..];
    }
    names
}

/// Without selectors, windows, texts and lists of labels.
fn without_brackets(expression: &str) -> String {
    let mut out = String::new();
    let mut until: Option<char> = None;
    for sign in expression.chars() {
        match (until, sign) {
            (Some(end), _) if sign == end => {
                until = None;
                // So that the bracket after a list of labels is seen as another.
                out.push(',');
            }
            (Some(_), _) => {}
            (None, '{') => until = Some('}'),
            (None, '[') => until = Some(']'),
            (None, '"') => until = Some('"'),
            (None, '(') if lists_labels(&out) => until = Some(')'),
            (None, _) => out.push(sign),
        }
    }
    out
}

/// Whether the bracket after this lists labels.
fn lists_labels(before: &str) -> bool {
    let word = before
        .trim_end()
        .rsplit(|sign: char| !sign.is_ascii_alphanumeric() && sign != '_');
    let word = word.into_iter().next().unwrap_or_default();
    matches!(
        word,
        "by" | "without" | "on" | "ignoring" | "group_left" | "group_right"
    )
}

/// Whether an expression may rightly give nothing though its metrics are there: it picks among their series.
fn narrows(expression: &str) -> bool {
    let mut quoted = false;
    expression.contains('{')
        || expression.chars().any(|sign| {
            quoted ^= sign == '"';
            !quoted && matches!(sign, '<' | '>')
        })
        || expression.contains(" unless ")
        || expression.contains(" and ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn an_expression_names_its_metrics() {
        let cases: [(&str, &[&str]); 5] = [
            (
                "sum by (result) (rate(events_processed_total[1m]))",
                &["events_processed_total"],
            ),
            (
                "histogram_quantile(0.95, sum by (le, shard) (rate(ingest_commit_duration_seconds_bucket{a=\"b\"}[5m])))",
                &["ingest_commit_duration_seconds_bucket"],
            ),
            ("billing:http_errors:ratio", &["billing:http_errors:ratio"]),
            (
                "max by (partition) (kafka_consumer_lag) > 0 and on (partition) min(changes(ingest_watermark[5m])) < 1",
                &["ingest_watermark", "kafka_consumer_lag"],
            ),
            ("a / (a + b) * 100", &["a", "b"]),
        ];
        for (expression, names) in cases {
            assert_eq!(metrics(expression), set(names), "{expression}");
        }
    }

    /// A query that is refused, one that shows nothing though it could, one whose rule is not there; and those that
    /// rightly show nothing yet.
    #[test]
    fn a_query_that_shows_nothing_is_seen() {
        let query = |expression: &str| Query {
            place: "board: panel".into(),
            expression: expression.into(),
        };
        let known = (&set(&["lag", "kept"]), &set(&["lag", "kept", "seldom_total"]));
        let mut seen = Seen::default();
        seen.take(&query("sum(("), Err(Trouble("parse error".into())), known);
        seen.take(&query("sum(kept)"), Ok(1), known);
        seen.take(&query("sum(lag)"), Ok(0), known);
        seen.take(&query("rate(seldom_total[5m])"), Ok(0), known);
        seen.take(&query("redis_of_an_exporter"), Ok(0), known);
        seen.take(&query("lag > 5"), Ok(0), known);
        seen.take(&query("billing:gone:ratio"), Ok(0), known);
        assert_eq!(
            seen.refused,
            ["board: panel (sum(():  parse error".replace("  ", " ")]
        );
        assert_eq!(seen.empty, ["board: panel (sum(lag))"]);
        assert_eq!(seen.unrecorded, ["board: panel: billing:gone:ratio"]);
        assert_eq!(seen.with_series, 1);
    }

    /// Panels and marks of every dashboard of a plan are found.
    #[test]
    fn every_query_of_a_dashboard_is_found() {
        let plan = json!({
            "metadata": { "name": "boards" }, "target": "local",
            "kafka": { "version": "4.3.1", "brokers": 3 }, "ingest": {}, "monitoring": {},
        });
        let (boards, queries) = queries(&serde_json::from_value(plan).unwrap()).unwrap();
        assert!(boards >= 3, "{boards}");
        let of = |text: &str| queries.iter().find(|query| query.expression.contains(text));
        assert_eq!(of("kafka_consumer_lag)").unwrap().place, "lag.json: Records");
        assert!(
            of("ingest_rebalances_total")
                .unwrap()
                .place
                .ends_with(".json: Rebalances")
        );
    }
}
