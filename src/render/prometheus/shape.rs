//! Reads an alert's expression far enough to make samples that it fires for, and samples that it is silent at.
//!
//! It knows a value, a rate or a quantile of one metric, summed or not, compared with a number. Everything else has
//! no shape here.

use super::cases::Series;

/// Samples are so far from the limit: near enough that a wrong limit shows.
const DISTANCE: f64 = 0.2;

/// An expression of a known form.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shape {
    metric: String,
    /// What the series must be labelled with: `result="inserted"`.
    labels: Vec<String>,
    measure: Measure,
    comparison: &'static str,
    limit: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Measure {
    Value,
    /// Growth in so many seconds.
    Growth(f64),
    /// Of a histogram's buckets.
    Quantile,
}

impl Shape {
    /// The shape of PromQL.
    pub(super) fn read(expr: &str) -> Option<Self> {
        let text: String = expr.chars().filter(|c| !c.is_whitespace()).collect();
        let (left, comparison, right) = compared(&text)?;
        let limit: f64 = right.parse().ok().filter(|limit: &f64| limit.is_finite())?;
        let (metric, labels, measure) = measured(left)?;
        Some(Self {
            metric,
            labels,
            measure,
            comparison,
            limit,
        })
    }

    /// Series that the expression is true for, and series that it is false for.
    pub(super) fn samples(&self, count: u64) -> Option<[Vec<Series>; 2]> {
        let limit = self.limit;
        let near = if limit == 0.0 { 1.0 } else { limit.abs() * DISTANCE };
        // A limit of zero is the lowest that a rate can be.
        let below = match (limit == 0.0, self.measure) {
            (true, Measure::Growth(_) | Measure::Quantile) => None,
            _ => Some(limit - near),
        };
        let (fires, silent) = match self.comparison {
            ">" if limit == 0.0 => (limit + near, limit),
            ">" | ">=" => (limit + near, below?),
            "<" => (below?, limit + near),
            "<=" if limit == 0.0 => (limit, limit + near),
            "<=" => (below?, limit + near),
            "==" => (limit, limit + near),
            _ => (limit + near, limit),
        };
        Some([self.series(fires, count)?, self.series(silent, count)?])
    }

    /// Series for which the left side is `value`.
    fn series(&self, value: f64, count: u64) -> Option<Vec<Series>> {
        match self.measure {
            Measure::Value => Some(vec![Series::flat(&self.named(&[]), value, count)]),
            Measure::Growth(seconds) if value >= 0.0 => {
                Some(vec![Series::growing(&self.named(&[]), value / seconds, count)])
            }
            Measure::Quantile if value > 0.0 => {
                let bucket = |edge: String, rate| {
                    let edge = format!("le=\"{edge}\"");
                    Series::growing(&self.named(&[edge]), rate, count)
                };
                // All observations lie in the narrow bucket around the value.
                Some(vec![
                    bucket((value * 0.99).to_string(), 0.0),
                    bucket((value * 1.01).to_string(), 1.0),
                    bucket("+Inf".into(), 1.0),
                ])
            }
            Measure::Growth(_) | Measure::Quantile => None,
        }
    }

    fn named(&self, more: &[String]) -> String {
        let labels: Vec<&str> = self.labels.iter().chain(more).map(String::as_str).collect();
        format!("{}{{{}}}", self.metric, labels.join(","))
    }
}

/// Left side, comparison and right side, when there is one comparison outside of brackets.
fn compared(text: &str) -> Option<(&str, &'static str, &str)> {
    let mut depth = 0_i32;
    let mut quoted = None;
    let mut found = None;
    for (position, c) in text.char_indices() {
        match (quoted, c) {
            (Some(quote), c) if quote == c => quoted = None,
            (Some(_), _) => {}
            (None, '"' | '\'' | '`') => quoted = Some(c),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth -= 1,
            (None, '<' | '>' | '=' | '!') if depth == 0 && found.is_none() => found = Some(position),
            _ => {}
        }
    }
    let (left, rest) = text.split_at(found?);
    [">=", "<=", "==", "!=", ">", "<"]
        .into_iter()
        .find_map(|comparison| Some((left, comparison, rest.strip_prefix(comparison)?)))
}

type Measured = (String, Vec<String>, Measure);

/// The metric within aggregations and functions. One series stands for all, so they leave its value as it is.
fn measured(text: &str) -> Option<Measured> {
    for name in ["sum", "max", "min", "avg", "abs"] {
        if let Some(inner) = text.strip_prefix(name).and_then(aggregated) {
            return measured(inner);
        }
    }
    if let Some(rest) = text.strip_prefix("histogram_quantile") {
        let (_, inner) = enclosed(rest)?.0.split_once(',')?;
        let (metric, labels, measure) = measured(inner)?;
        let is_rate = matches!(measure, Measure::Growth(_)) && metric.ends_with("_bucket");
        return is_rate.then_some((metric, labels, Measure::Quantile));
    }
    for name in ["rate", "irate", "increase"] {
        if let Some((inner, "")) = text.strip_prefix(name).and_then(enclosed) {
            let (metric, labels, window) = selected(inner)?;
            let seconds = if name == "increase" { window? } else { 1.0 };
            window?;
            return Some((metric, labels, Measure::Growth(seconds)));
        }
    }
    match selected(text)? {
        (metric, labels, None) => Some((metric, labels, Measure::Value)),
        _ => None,
    }
}

/// What is aggregated in `by(a)(…)`, `(…)by(a)` or `(…)`.
fn aggregated(text: &str) -> Option<&str> {
    let clause = |text: &'_ str| -> Option<usize> {
        let rest = ["by", "without"]
            .iter()
            .find_map(|word| text.strip_prefix(word))?;
        let (_, after) = enclosed(rest)?;
        Some(text.len() - after.len())
    };
    let text = &text[clause(text).unwrap_or(0)..];
    let (inner, after) = enclosed(text)?;
    (after.is_empty() || clause(after) == Some(after.len())).then_some(inner)
}

/// What stands in the brackets that open a text, and what follows them.
fn enclosed(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0_i32;
    for (position, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        match depth {
            0 if position == 0 => return None,
            0 => return Some((&text[1..position], &text[position + 1..])),
            _ => {}
        }
    }
    None
}

/// Name, labels and window in seconds of `name{label="value"}[5m]`.
fn selected(text: &str) -> Option<(String, Vec<String>, Option<f64>)> {
    let end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | ':')))
        .unwrap_or(text.len());
    let (name, mut rest) = text.split_at(end);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let mut labels = Vec::new();
    if let Some(inside) = rest.strip_prefix('{') {
        let (matchers, after) = inside.split_once('}')?;
        for matcher in matchers.split(',').filter(|matcher| !matcher.is_empty()) {
            let (label, value) = matcher.split_once("=\"")?;
            let value = value.strip_suffix('"')?;
            let plain = label.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            if !plain || value.contains(['"', '\\']) {
                return None;
            }
            labels.push(matcher.to_owned());
        }
        rest = after;
    }
    if rest.is_empty() {
        return Some((name.to_owned(), labels, None));
    }
    let window: crate::spec::Duration = rest.strip_prefix('[')?.strip_suffix(']')?.parse().ok()?;
    let seconds = window.as_millis() as f64 / 1_000.0;
    (seconds > 0.0).then(|| (name.to_owned(), labels, Some(seconds)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn form(expr: &str) -> Option<(String, Measure, &'static str, f64)> {
        let shape = Shape::read(expr)?;
        Some((shape.named(&[]), shape.measure, shape.comparison, shape.limit))
    }

    #[test]
    fn the_forms_of_the_specification_are_known() {
        let quantile = "histogram_quantile(0.95, sum by (le) (rate(a_bucket[5m]))) > 0.1";
        let known = [
            (quantile, ("a_bucket{}", Measure::Quantile, ">", 0.1)),
            (
                "sum(rate(a{b=\"c\"}[1m])) < 15000",
                ("a{b=\"c\"}", Measure::Growth(1.0), "<", 15_000.0),
            ),
            (
                "sum(increase(a[2m])) by (b) >= 1e3",
                ("a{}", Measure::Growth(120.0), ">=", 1e3),
            ),
            ("max(abs(a)) != 0", ("a{}", Measure::Value, "!=", 0.0)),
            ("max_of_a <= -1", ("max_of_a{}", Measure::Value, "<=", -1.0)),
        ];
        for (expr, (named, measure, comparison, limit)) in known {
            let expected = (named.to_owned(), measure, comparison, limit);
            assert_eq!(form(expr), Some(expected), "{expr}");
        }
    }

    /// Protects: a form that samples would be wrong for gets none, rather than a test that says nothing.
    #[test]
    fn other_forms_are_not_guessed() {
        for expr in [
            "a",
            "a > b",
            "a > 1 and b > 1",
            "a / b > 1",
            "a{b=~\"c\"} > 1",
            "rate(a[5m] offset 1h) > 1",
            "absent(a) == 1",
            "histogram_quantile(0.9, a) > 1",
            "1 > 0",
        ] {
            assert_eq!(form(expr), None, "{expr}");
        }
    }

    #[test]
    fn nothing_is_below_no_growth() {
        assert!(Shape::read("rate(a[1m]) < 0").unwrap().samples(1).is_none());
        let [_, silent] = Shape::read("rate(a[1m]) > 0").unwrap().samples(4).unwrap();
        assert_eq!(silent[0].values, "0+0x4");
    }
}
