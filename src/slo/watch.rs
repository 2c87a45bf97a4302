//! What Prometheus has seen of the platform: rates by the minute, the latency under load, refused requests.

use std::time::Duration;

use jiff::Timestamp;

use crate::endpoints::Endpoints;
use crate::rollout::{Prometheus, Trouble};

/// Events that became rows or were known already, by the service's own count.
const PROCESSED: &str = "sum(rate(events_processed_total[1m]))";
/// Requests of customers, not of probes.
const CUSTOMERS: &str = "route=~\"/v1/.*\"";
/// Whether each process of the API answered its last scrape.
const API: &str = "up{job=~\".*ingest-api.*\"}";
/// The shortest distance between two looks: a rate over a minute says nothing more in less.
const STEP_AT_LEAST: Duration = Duration::from_secs(15);
/// Prometheus gives no more points of a series.
const POINTS: u32 = 10_000;

/// A stretch of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// Its first moment.
    pub from: Timestamp,
    /// Its last.
    pub until: Timestamp,
}

impl Span {
    /// Its length in seconds.
    pub fn seconds(self) -> f64 {
        self.until.duration_since(self.from).as_secs_f64()
    }
}

/// What was seen within the window.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Watched {
    /// Seconds in which Prometheus scraped anything.
    pub seconds: f64,
    /// The longest unbroken time at the promised rate or above.
    pub held: Option<Span>,
    /// The least rate of a minute within it, in events a second.
    pub held_least: Option<f64>,
    /// The highest rate of a minute, in events a second.
    pub highest: Option<f64>,
    /// The P95 from Kafka to the commit while it was held, in seconds.
    pub p95_seconds: Option<f64>,
    /// Requests of customers.
    pub requests: f64,
    /// Of them, those that were answered with an error of ours.
    pub refused: f64,
    /// Seconds in which no process of the API answered a scrape.
    pub dark_seconds: f64,
}

impl Watched {
    /// The share of the time or of the requests that was lost, whichever is more; none: nothing was asked.
    pub fn lost_share(&self) -> Option<f64> {
        let of_requests = (self.requests > 0.0).then(|| self.refused / self.requests);
        let of_time = (self.seconds > 0.0).then(|| self.dark_seconds / self.seconds);
        match (of_requests, of_time) {
            (Some(requests), time) => Some(requests.max(time.unwrap_or(0.0))),
            (None, Some(time)) if time > 0.0 => Some(time),
            _ => None,
        }
    }
}

/// Asks for the last `window`; `rate` is what is promised, in events a second.
///
/// # Errors
/// When the platform offers no Prometheus, or it doesn't answer as Prometheus does.
pub async fn watch(
    endpoints: &Endpoints,
    window: Duration,
    rate: Option<f64>,
    now: Timestamp,
) -> Result<Watched, Trouble> {
    let prometheus = Prometheus::of(endpoints)?;
    let step = (window / POINTS).max(STEP_AT_LEAST);
    let scrapes = prometheus.range("count(up == 1)", (now, window, step)).await?;
    let mut watched = Watched {
        seconds: scrapes.len() as f64 * step.as_secs_f64(),
        ..Watched::default()
    };
    // A look in every minute, however far apart the points are.
    let looks = match step > Duration::from_secs(60) {
        true => format!("min_over_time({PROCESSED}[{}s:1m])", step.as_secs()),
        false => PROCESSED.to_owned(),
    };
    let rates = prometheus.range(&looks, (now, window, step)).await?;
    let peak = format!("max_over_time({PROCESSED}[{}s:15s])", window.as_secs());
    watched.highest = prometheus.query_at(&peak, now).await?;
    if let Some(rate) = rate {
        watched.held = longest(&rates, rate, step);
    }
    if let Some(held) = watched.held {
        let within = rates
            .iter()
            .filter(|(at, _)| *at >= held.from && *at <= held.until);
        watched.held_least = within.map(|(_, value)| *value).reduce(f64::min);
        let seconds = (held.seconds().ceil() as u64).max(60);
        let p95 = format!(
            "histogram_quantile(0.95, sum by (le) \
             (increase(event_processing_duration_seconds_bucket{{stage=\"durable\"}}[{seconds}s])))"
        );
        watched.p95_seconds = prometheus.query_at(&p95, held.until).await?;
    }
    let over = window.as_secs();
    let requests = format!("sum(increase(http_requests_total{{{CUSTOMERS}}}[{over}s]))");
    let refused = format!("sum(increase(http_requests_total{{{CUSTOMERS},status=~\"5..\"}}[{over}s]))");
    watched.requests = prometheus.query_at(&requests, now).await?.unwrap_or(0.0);
    watched.refused = prometheus.query_at(&refused, now).await?.unwrap_or(0.0);
    let dark = format!("count({API}) unless count({API} == 1)");
    let dark = prometheus.range(&dark, (now, window, step)).await?;
    watched.dark_seconds = dark.len() as f64 * step.as_secs_f64();
    Ok(watched)
}

/// The longest run of points that are `step` apart and not below `rate`; a missing point ends it.
pub(super) fn longest(points: &[(Timestamp, f64)], rate: f64, step: Duration) -> Option<Span> {
    let mut best: Option<Span> = None;
    let mut run: Option<Span> = None;
    for (at, value) in points {
        let follows = |span: Span| at.duration_since(span.until).unsigned_abs() <= step.mul_f64(1.5);
        run = match run {
            _ if *value < rate => None,
            Some(span) if follows(span) => Some(Span { until: *at, ..span }),
            _ => Some(Span {
                from: *at,
                until: *at,
            }),
        };
        if let Some(span) = run
            && best.is_none_or(|best| span.seconds() > best.seconds())
        {
            best = Some(span);
        }
    }
    best
}
