//! One series of attempts: begun at a fixed period, each on its own, so that one that hangs holds up no other.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::MissedTickBehavior;

use super::outcome::Tier;
use super::series::{self, Attempt, Figure, Window};

/// Something to try.
pub(super) trait Probe: Send + Sync + 'static {
    /// One attempt; the number counts them from 0.
    fn attempt(self: Arc<Self>, number: u32) -> BoxFuture<'static, Result<(), String>>;
}

/// What attempts came to.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) attempts: Vec<Attempt>,
    pub(super) last_failure: Option<String>,
}

/// A series that runs until it is dropped or ended.
pub(super) struct Stream {
    pub(super) tier: Tier,
    pub(super) what: String,
    pub(super) period: Duration,
    pub(super) seen: Arc<Mutex<Seen>>,
    task: Arc<Task>,
}

/// Ends with the last stream that it feeds.
pub(super) struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What is looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    /// From here on everything worked.
    pub(super) from: Duration,
    pub(super) fault: Duration,
    pub(super) until: Duration,
}

/// How attempts are made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rhythm {
    /// What times count from.
    pub(super) clock: Instant,
    pub(super) period: Duration,
    /// What an attempt may take.
    pub(super) limit: Duration,
}

/// What takes no longer is slow, not away.
const SLOW: Duration = Duration::from_millis(500);
/// The same for rows: a shard that has none to write moves its watermark every two seconds only.
const SLOW_ROWS: Duration = Duration::from_millis(2_500);
/// More attempts than this at once would be a load of its own: further ones fail at once.
pub(super) const AT_ONCE: usize = 64;

impl Stream {
    /// Begins to try.
    pub(super) fn of(tier: Tier, what: &str, rhythm: Rhythm, probe: Arc<dyn Probe>) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let task = tokio::spawn(keep_trying(probe, rhythm, Arc::clone(&seen)));
        Self::fed(tier, what, rhythm.period, seen, Arc::new(Task(task)))
    }

    /// One whose attempts are told by a task that feeds several.
    pub(super) fn fed(
        tier: Tier,
        what: &str,
        period: Duration,
        seen: Arc<Mutex<Seen>>,
        task: Arc<Task>,
    ) -> Self {
        Self {
            tier,
            what: what.to_owned(),
            period,
            seen,
            task,
        }
    }

    fn window(&self, span: Span) -> Window {
        let Span { from, fault, until } = span;
        Window {
            from,
            fault,
            until,
            period: self.period,
            slow: match self.tier {
                Tier::Rows => SLOW_ROWS,
                _ => SLOW,
            },
        }
    }

    /// What it came to between the fault and `until`.
    pub(super) fn figure(&self, span: Span) -> Figure {
        let seen = self.look();
        Figure {
            last_failure: seen.last_failure.clone(),
            ..series::figure(&self.what, &seen.attempts, &self.window(span))
        }
    }

    /// The longest outage, in seconds.
    pub(super) fn longest(&self, span: Span) -> f64 {
        let seen = self.look();
        let outages = series::outages(&seen.attempts, &self.window(span));
        let longest = outages.iter().map(series::Outage::length).max();
        longest.unwrap_or_default().as_secs_f64()
    }

    /// It works, and has for so long.
    pub(super) fn is_settled(&self, span: Span, hold: Duration) -> bool {
        series::is_settled(&self.look().attempts, &self.window(span), hold)
    }

    /// It doesn't work at the end of the span.
    pub(super) fn is_away(&self, span: Span) -> bool {
        let outages = series::outages(&self.look().attempts, &self.window(span));
        outages.last().is_some_and(|outage| !outage.is_over)
    }

    /// Something has worked.
    pub(super) fn works(&self) -> Result<(), String> {
        let seen = self.look();
        match seen.attempts.iter().any(|attempt| attempt.worked) {
            true => Ok(()),
            false => Err(seen.last_failure.clone().unwrap_or_else(|| "no answer".into())),
        }
    }

    /// What was tried where this one ends, and then elsewhere; where nothing was tried in between, it did not work.
    pub(super) fn joined(&self, then: &Self, between: Span) -> Self {
        let mut seen = self.look().clone();
        let Span { fault, until, .. } = between;
        let tried = |attempt: &Attempt| attempt.began >= fault && attempt.ended <= until;
        if !seen.attempts.iter().any(tried) {
            seen.attempts.push(Attempt {
                began: fault,
                ended: until,
                worked: false,
            });
        }
        let after = then.look().clone();
        seen.attempts.extend(after.attempts);
        seen.last_failure = after.last_failure.or(seen.last_failure);
        Self::fed(
            self.tier,
            &self.what,
            self.period,
            Arc::new(Mutex::new(seen)),
            Arc::clone(&then.task),
        )
    }

    fn look(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().expect("nobody panics while holding it")
    }

    /// Tries no more; what is under way is left.
    pub(super) fn end(&self) {
        self.task.0.abort();
    }
}

impl Task {
    pub(super) fn new(task: JoinHandle<()>) -> Arc<Self> {
        Arc::new(Self(task))
    }
}

/// Adds an attempt.
pub(super) fn note(seen: &Mutex<Seen>, began: Duration, ended: Duration, answer: Result<(), String>) {
    let mut seen = seen.lock().expect("nobody panics while holding it");
    seen.attempts.push(Attempt {
        began,
        ended,
        worked: answer.is_ok(),
    });
    if let Err(why) = answer {
        seen.last_failure = Some(why);
    }
}

async fn keep_trying(probe: Arc<dyn Probe>, rhythm: Rhythm, seen: Arc<Mutex<Seen>>) {
    let mut ticks = tokio::time::interval(rhythm.period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut running = JoinSet::new();
    for number in 0.. {
        ticks.tick().await;
        while running.try_join_next().is_some() {}
        let began = rhythm.clock.elapsed();
        if running.len() >= AT_ONCE {
            note(&seen, began, began, Err("too many attempts hang".into()));
            continue;
        }
        let (probe, seen) = (Arc::clone(&probe), Arc::clone(&seen));
        running.spawn(async move {
            let answer = tokio::time::timeout(rhythm.limit, probe.attempt(number)).await;
            let answer = answer.unwrap_or_else(|_| Err(format!("no answer within {:?}", rhythm.limit)));
            note(&seen, began, rhythm.clock.elapsed(), answer);
        });
    }
}
