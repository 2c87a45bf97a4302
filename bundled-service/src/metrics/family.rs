//! The three kinds of value, and a family of one kind that is told apart by labels.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    },
};

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A number that is set.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    pub fn set(&self, value: i64) {
        self.0.store(value, Relaxed);
    }

    pub fn get(&self) -> i64 {
        self.0.load(Relaxed)
    }
}

/// How many observations fell below each edge.
#[derive(Debug)]
pub struct Histogram {
    edges: &'static [f64],
    /// One for each edge and one for what lies above them all.
    counts: Box<[AtomicU64]>,
    /// In millionths, so that it is an integer.
    sum_micro: AtomicI64,
}

impl Histogram {
    pub fn new(edges: &'static [f64]) -> Self {
        let counts = (0..=edges.len()).map(|_| AtomicU64::new(0)).collect();
        Self {
            edges,
            counts,
            sum_micro: AtomicI64::new(0),
        }
    }

    pub fn observe(&self, value: f64) {
        self.observe_many(value, 1);
    }

    /// Adds `count` observations of `value` at once.
    pub fn observe_many(&self, value: f64, count: u64) {
        let bucket = self.edges.partition_point(|edge| *edge < value);
        self.counts[bucket].fetch_add(count, Relaxed);
        self.sum_micro
            .fetch_add((value * 1e6) as i64 * count.cast_signed(), Relaxed);
    }
}

/// Values of one name, told apart by labels.
#[derive(Debug)]
pub struct Family<T> {
    name: &'static str,
    help: &'static str,
    labels: &'static [&'static str],
    make: fn() -> T,
    members: Mutex<BTreeMap<Vec<String>, Arc<T>>>,
}

impl<T> Family<T> {
    pub fn new(
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
        make: fn() -> T,
    ) -> Self {
        Self {
            name,
            help,
            labels,
            make,
            members: Mutex::default(),
        }
    }

    /// The member with these label values, in the order of the label names. Hot paths keep it.
    pub fn with(&self, values: &[&str]) -> Arc<T> {
        debug_assert_eq!(values.len(), self.labels.len(), "{}", self.name);
        let mut members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        let key = values.iter().map(|&value| value.to_owned()).collect();
        Arc::clone(members.entry(key).or_insert_with(|| Arc::new((self.make)())))
    }

    /// Forgets a member: its value no longer says anything.
    pub fn remove(&self, values: &[&str]) {
        let mut members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        members.retain(|key, _| key != values);
    }

    fn head(&self, kind: &str, out: &mut String) {
        let _ = writeln!(
            out,
            "# HELP {} {}\n# TYPE {} {kind}",
            self.name, self.help, self.name
        );
    }

    /// `{a="x",b="y"}`, with `more` put last; empty without labels.
    fn labels(&self, values: &[String], more: Option<&str>) -> String {
        let mut parts: Vec<String> = (self.labels.iter().zip(values))
            .map(|(name, value)| {
                let value = value
                    .replace('\\', "\\\\")
                    .replace('"', "\\\"")
                    .replace('\n', "\\n");
                format!("{name}=\"{value}\"")
            })
            .collect();
        parts.extend(more.map(str::to_owned));
        if parts.is_empty() {
            String::new()
        } else {
            format!("{{{}}}", parts.join(","))
        }
    }

    fn each(&self, mut visit: impl FnMut(&[String], &T)) {
        let members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        for (values, member) in members.iter() {
            visit(values, member);
        }
    }
}

impl Family<Counter> {
    pub fn counter(name: &'static str, help: &'static str, labels: &'static [&'static str]) -> Self {
        Self::new(name, help, labels, Counter::default)
    }

    pub(super) fn write(&self, out: &mut String) {
        self.head("counter", out);
        self.each(|values, member| {
            let _ = writeln!(out, "{}{} {}", self.name, self.labels(values, None), member.get());
        });
    }
}

impl Family<Gauge> {
    pub fn gauge(name: &'static str, help: &'static str, labels: &'static [&'static str]) -> Self {
        Self::new(name, help, labels, Gauge::default)
    }

    pub(super) fn write(&self, out: &mut String) {
        self.head("gauge", out);
        self.each(|values, member| {
            let _ = writeln!(out, "{}{} {}", self.name, self.labels(values, None), member.get());
        });
    }
}

impl Family<Histogram> {
    pub(super) fn write(&self, out: &mut String) {
        self.head("histogram", out);
        self.each(|values, member| {
            let mut total = 0;
            for (bucket, count) in member.counts.iter().enumerate() {
                total += count.load(Relaxed);
                let edge = match member.edges.get(bucket) {
                    Some(edge) => format!("le=\"{edge}\""),
                    None => "le=\"+Inf\"".to_owned(),
                };
                let labels = self.labels(values, Some(&edge));
                let _ = writeln!(out, "{}_bucket{labels} {total}", self.name);
            }
            let sum = member.sum_micro.load(Relaxed) as f64 / 1e6;
            let labels = self.labels(values, None);
            let _ = writeln!(
                out,
                "{}_sum{labels} {sum}\n{}_count{labels} {total}",
                self.name, self.name
            );
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Prometheus reads buckets as cumulative, an edge as inclusive.
    #[test]
    fn histogram_text() {
        let family = Family::new("t", "help", &["stage"], || Histogram::new(&[0.1, 1.0]));
        family.with(&["a\"b"]).observe_many(0.1, 3);
        family.with(&["a\"b"]).observe(2.0);
        let mut out = String::new();
        family.write(&mut out);
        assert_eq!(
            out,
            "# HELP t help\n# TYPE t histogram\nt_bucket{stage=\"a\\\"b\",le=\"0.1\"} 3\n\
             t_bucket{stage=\"a\\\"b\",le=\"1\"} 3\nt_bucket{stage=\"a\\\"b\",le=\"+Inf\"} 4\n\
             t_sum{stage=\"a\\\"b\"} 2.3\nt_count{stage=\"a\\\"b\"} 4\n"
        );
    }
}
