//! From what a probe saw to how long a tier was away. Pure.
//!
//! Only an attempt that began after the fault shows that the tier works again: one that was under way may have
//! been carried by what was struck. Times are those of answers, so that an attempt which hangs until the tier is
//! back counts as the outage that it was, and one that runs into its own limit says nothing of when that ended.
//! While no attempt is under way nothing is known: a time in which the probe itself was kept from trying is no
//! outage of what it tries.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One attempt, in time since the series began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When it was sent.
    pub began: Duration,
    /// When it was answered, or given up.
    pub ended: Duration,
    /// The answer was the right one.
    pub worked: bool,
}

/// What is looked at of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Where it begins: from here to the fault is what happens without one.
    pub from: Duration,
    /// When the fault struck.
    pub fault: Duration,
    /// Where the look ends: healing began, or now.
    pub until: Duration,
    /// How often an attempt is made.
    pub period: Duration,
    /// Right answers that are shorter than this apart are slow at most, if none has failed between them.
    pub slow: Duration,
}

/// A time without a right answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// The fault, or the last answer before it.
    pub from: Duration,
    /// The answer that ended it; the window's end where none did.
    pub to: Duration,
    /// An answer ended it.
    pub is_over: bool,
}

/// What a series comes to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// What was tried: `shard 0`, `partition 3`.
    pub what: String,
    /// The longest outage; 0: none that a probe of this period could see.
    pub away_seconds: f64,
    /// How many outages there were.
    pub outages: usize,
    /// It works at the window's end.
    pub is_back: bool,
    /// Attempts after the fault.
    pub attempts: usize,
    /// Of them, those that failed.
    pub failed: usize,
    /// How often it was tried.
    pub period_seconds: f64,
    /// The longest time between two right answers before the fault: what is shorter can't be told from it.
    pub quiet_seconds: f64,
    /// What the last failed attempt was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<String>,
}

/// Two outages with less than this between them are one: the tier was not stable yet.
pub const STABLE: Duration = Duration::from_secs(1);
/// No answer for so many periods is an outage.
const PERIODS: u32 = 2;

/// Every outage of the window, in order.
pub fn outages(attempts: &[Attempt], window: &Window) -> Vec<Outage> {
    let quiet = quiet(attempts, window);
    let mut answers: Vec<Duration> = attempts
        .iter()
        .filter(|attempt| attempt.worked && attempt.began >= window.fault && attempt.ended <= window.until)
        .map(|attempt| attempt.ended)
        .collect();
    answers.sort();
    let mut found: Vec<Outage> = Vec::new();
    let mut last = window.fault;
    let ends = answers.iter().map(|answer| (*answer, true));
    for (to, is_over) in ends.chain([(window.until, false)]) {
        let outage = Outage {
            from: tried_from(attempts, window, last),
            to,
            is_over,
        };
        if outage.counts(attempts, window, quiet) {
            match found.last_mut() {
                Some(before) if outage.from.saturating_sub(before.to) < STABLE => {
                    before.to = outage.to;
                    before.is_over = outage.is_over;
                }
                _ => found.push(outage),
            }
        }
        last = to;
    }
    found
}

/// Where the time without an answer begins: at the last answer, or, where nothing was tried then, at the next try.
fn tried_from(attempts: &[Attempt], window: &Window, last: Duration) -> Duration {
    let since = attempts.iter().filter(|attempt| attempt.ended > last);
    match since.map(|attempt| attempt.began).min() {
        Some(began) if began <= last + window.period * PERIODS => last,
        Some(began) => began,
        None => window.until,
    }
}

impl Outage {
    /// Longer than a probe needs, and either longer than what happens without a fault or with a failure in it.
    fn counts(&self, attempts: &[Attempt], window: &Window, quiet: Duration) -> bool {
        let length = self.length();
        let failed_within =
            |attempt: &Attempt| !attempt.worked && attempt.ended > self.from && attempt.began < self.to;
        let least = quiet.max(window.slow);
        length > window.period * PERIODS && (length > least || attempts.iter().any(failed_within))
    }

    /// How long it was.
    pub fn length(&self) -> Duration {
        self.to.saturating_sub(self.from)
    }
}

/// The longest time between two right answers before the fault.
pub fn quiet(attempts: &[Attempt], window: &Window) -> Duration {
    let before = attempts
        .iter()
        .filter(|attempt| attempt.worked && (window.from..window.fault).contains(&attempt.ended));
    let mut answers: Vec<Duration> = before.map(|attempt| attempt.ended).collect();
    answers.sort();
    let pauses = answers.windows(2).map(|pair| pair[1] - pair[0]);
    pauses.max().unwrap_or_default()
}

/// No outage is open, and none was within `hold` of the window's end.
pub fn is_settled(attempts: &[Attempt], window: &Window, hold: Duration) -> bool {
    let last = outages(attempts, window).last().copied();
    last.is_none_or(|outage| outage.is_over && window.until.saturating_sub(outage.to) >= hold)
}

/// What it comes to.
pub fn figure(what: &str, attempts: &[Attempt], window: &Window) -> Figure {
    let outages = outages(attempts, window);
    let longest = outages.iter().map(Outage::length).max().unwrap_or_default();
    let after = || {
        let within = |attempt: &&Attempt| attempt.began >= window.fault && attempt.began <= window.until;
        attempts.iter().filter(within)
    };
    Figure {
        what: what.to_owned(),
        away_seconds: longest.as_secs_f64(),
        outages: outages.len(),
        is_back: outages.last().is_none_or(|outage| outage.is_over),
        attempts: after().count(),
        failed: after().filter(|attempt| !attempt.worked).count(),
        period_seconds: window.period.as_secs_f64(),
        quiet_seconds: quiet(attempts, window).as_secs_f64(),
        last_failure: None,
    }
}
