//! A whole run: send, wait until all is durable, audit; and the account of it.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::Serialize;

use super::LoadError;
use super::audit::{Audit, audit};
use super::ledger::Ledger;
use super::send::{Answers, Options, Progress, Sending, Stage, send};
use super::settlement::{DeadLetters, Log};
use super::shards::Shards;
use super::usage::{self, Usage};
use crate::endpoints::Endpoints;

/// The account of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// What everything random was drawn from.
    pub seed: u64,
    /// Events sent over both channels, each counted once however often it was tried.
    pub sent: u64,
    /// Taken: 202 over HTTP, or acknowledged by Kafka.
    pub accepted: u64,
    /// Refused at once: 400 and 413.
    pub rejected: u64,
    /// Of these, refused for their size by 413.
    pub too_large: u64,
    /// Records that ended in the dead-letter topic.
    pub dead_lettered: u64,
    /// The same by reason.
    pub dead_letters: DeadLetters,
    /// Records that were dropped because their event was there already.
    pub duplicates: u64,
    /// Events whose first sending is of unknown fate, and which were sent again.
    pub resent: u64,
    /// What the shards hold.
    #[serde(flatten)]
    pub audit: Audit,
    /// What the generator says must have been refused, dead-lettered and dropped.
    pub expected: Expected,
    /// Answers that were not what the service promises.
    pub unexpected: u64,
    /// The first few of them.
    pub surprises: Vec<String>,
    /// One account's usage, asked in three ways.
    pub usage: Usage,
    /// Until the answer to a request over HTTP, in ms.
    pub http_latency_ms: Latency,
    /// Until Kafka's acknowledgement of an event, in ms.
    pub kafka_latency_ms: Latency,
    /// While sending.
    pub seconds_sending: f64,
    /// From the last answer until everything was durable.
    pub seconds_settling: f64,
}

/// What the generator expects besides rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Expected {
    /// Refused over HTTP.
    pub rejected: u64,
    /// Dead letters.
    pub dead_lettered: u64,
    /// Repeats.
    pub duplicates: u64,
}

/// Percentiles in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Latency {
    /// Half took no longer.
    pub p50: f64,
    /// 95 of 100 took no longer.
    pub p95: f64,
    /// 99 of 100 took no longer.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

impl Outcome {
    /// Nothing is lost or doubled, and everything else is where the generator says.
    pub fn is_clean(&self) -> bool {
        self.faults().is_empty()
    }

    /// What is not as it must be, in words.
    pub fn faults(&self) -> Vec<String> {
        let Self {
            audit,
            expected,
            resent,
            ..
        } = self;
        let mut faults = Vec::new();
        if !audit.is_clean() {
            faults.push(format!(
                "lost {}, doubled {}, Σ quantity {} where {} is right, in {} accounts",
                audit.lost, audit.doubled, audit.quantity, audit.quantity_expected, audit.wrong_accounts
            ));
        }
        // An event that was sent again may have arrived twice: one more record, dropped like any repeat.
        let mut compare = |what: &str, found: u64, expected: u64, more: u64| {
            if found < expected || found > expected + more {
                faults.push(format!("{what}: {found} where {expected} is right"));
            }
        };
        compare("rejected", self.rejected, expected.rejected, 0);
        compare(
            "dead letters",
            self.dead_lettered,
            expected.dead_lettered,
            *resent,
        );
        compare("duplicates", self.duplicates, expected.duplicates, *resent);
        faults.extend(self.usage.fault());
        if self.unexpected > 0 {
            faults.push(format!(
                "{} answers were wrong, among them: {}",
                self.unexpected,
                self.surprises.join("; ")
            ));
        }
        faults
    }
}

/// Sends the workload, waits until it is durable and makes its account.
///
/// # Errors
/// When the platform takes or commits nothing for the patience given, or can't be read.
pub async fn run(
    endpoints: &Endpoints,
    options: &Options,
    progress: &Progress,
) -> Result<Outcome, LoadError> {
    let log = Log::open(endpoints)?;
    let shards = Shards::connect(endpoints).await?;
    let before = log.mark()?;
    let sending = tokio::task::block_in_place(|| send(endpoints, options, progress))?;
    progress.enter(Stage::Settling);
    let sent_at = Instant::now();
    let after = log.settle(&shards, options.patience).await?;
    let settling = sent_at.elapsed();
    progress.enter(Stage::Auditing);
    let ledger = Ledger::of(&options.workload);
    let audit = audit(&options.workload, &ledger, &shards).await?;
    let dead_letters = tokio::task::block_in_place(|| log.dead_letters(&before, &after))?;
    let usage = usage::compare(endpoints, &options.workload, &ledger, &shards).await?;
    let records = Log::records(&before, &after);
    let outcome = account(
        options,
        &ledger,
        sending,
        settling,
        (audit, dead_letters, usage, records),
    );
    progress.enter(Stage::Done);
    Ok(outcome)
}

fn account(
    options: &Options,
    ledger: &Ledger,
    sending: Sending,
    settling: Duration,
    (audit, dead_letters, usage, records): (Audit, DeadLetters, Usage, u64),
) -> Outcome {
    let Sending { http, kafka, elapsed } = sending;
    let dead_lettered = dead_letters.values().sum();
    let rows: u64 = audit.rows.iter().sum();
    Outcome {
        seed: options.workload.seed,
        sent: ledger.http.events() + ledger.kafka.events(),
        accepted: http.accepted + kafka.accepted,
        rejected: http.rejected + http.too_large,
        too_large: http.too_large,
        dead_lettered,
        dead_letters,
        duplicates: records.saturating_sub(rows + dead_lettered),
        resent: http.resent + kafka.resent,
        audit,
        expected: expected(ledger, &http),
        unexpected: http.unexpected + kafka.unexpected,
        surprises: [http.surprises, kafka.surprises].concat(),
        usage,
        http_latency_ms: Latency::of(&http.latency),
        kafka_latency_ms: Latency::of(&kafka.latency),
        seconds_sending: elapsed.as_secs_f64(),
        seconds_settling: settling.as_secs_f64(),
    }
}

/// The API may judge an event's time itself or leave it to the worker, which has Kafka's clock: what it
/// accepts must then be a dead letter.
fn expected(ledger: &Ledger, http: &Answers) -> Expected {
    let certain = ledger.http.refused + ledger.http.too_large;
    let expired_at_once = (http.rejected + http.too_large)
        .saturating_sub(certain)
        .min(ledger.http.expired);
    let kafka = &ledger.kafka;
    Expected {
        rejected: certain + expired_at_once,
        dead_lettered: kafka.refused
            + kafka.too_large
            + kafka.expired
            + (ledger.http.expired - expired_at_once)
            + ledger.http.contradicted
            + kafka.contradicted,
        duplicates: ledger.http.repeated + kafka.repeated,
    }
}

impl Latency {
    fn of(microseconds: &Histogram<u64>) -> Self {
        let at = |quantile| microseconds.value_at_quantile(quantile) as f64 / 1_000.0;
        Self {
            p50: at(0.5),
            p95: at(0.95),
            p99: at(0.99),
            max: microseconds.max() as f64 / 1_000.0,
        }
    }
}
