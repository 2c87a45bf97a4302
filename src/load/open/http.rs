//! Sends a workload's share over HTTP by the clock: one thread keeps the schedule and hands each request to a
//! connection that is free, or opens one more. Only when all that may be are busy does a request wait.

use std::sync::{Condvar, Mutex};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use super::{Keeper, Meter};
use crate::load::LoadError;
use crate::load::http::{Connection, Target};
use crate::load::pace::Pace;
use crate::load::send::{Answers, Options, Progress};
use crate::load::workload::{Channel, Fate, Item, Series};

/// Some events that go together.
struct Request {
    number: usize,
    items: Vec<Item>,
    due: Instant,
    /// How late it was handed over by the schedule's own doing, and when that was.
    own: Duration,
    handed_over: Instant,
}

/// Requests on their way from the schedule to a connection.
#[derive(Default)]
struct Counter {
    state: Mutex<Line>,
    changed: Condvar,
}

#[derive(Default)]
struct Line {
    waiting: Vec<Request>,
    idle: usize,
    opened: usize,
    /// No more requests come.
    closed: bool,
}

pub(in crate::load) fn send(
    targets: &[Target],
    series: &Series,
    options: &Options,
    pace: &Pace,
    progress: &Progress,
) -> Result<Answers, LoadError> {
    let counter = Counter::default();
    thread::scope(|scope| {
        let post = || {
            let connections: Vec<Connection<'_>> = targets
                .iter()
                .map(|target| Connection::new(target, options.patience))
                .collect();
            let answers = serve(&counter, &connections, progress);
            if answers.is_err() {
                progress.stop();
            }
            counter.leave();
            answers
        };
        let open = &|| scope.spawn(post);
        let threads = keep(&counter, series, options, pace, progress, open);
        counter.close();
        let mut answers = Answers::new();
        for thread in threads {
            answers.merge(thread.join().expect("a sender does not panic")?);
        }
        Ok(answers)
    })
}

/// Keeps the schedule; answers with the connections that were opened.
fn keep<'scope>(
    counter: &Counter,
    series: &Series,
    options: &Options,
    pace: &Pace,
    progress: &Progress,
    open: &impl Fn() -> ScopedJoinHandle<'scope, Result<Answers, LoadError>>,
) -> Vec<ScopedJoinHandle<'scope, Result<Answers, LoadError>>> {
    let (mut threads, mut keeper, mut number) = (Vec::new(), Keeper::default(), 0);
    let most = options.connections.max(1);
    let (batch, count) = (options.batch.max(1), options.workload.count);
    for start in (0..count).step_by(usize::try_from(batch).unwrap_or(usize::MAX)) {
        // Made before it is due: what the schedule needs then is to hand it over.
        let prepared = prepare(series, start..(start + batch).min(count));
        let due = pace.wait(start);
        if progress.is_stopped() || pace.is_over() {
            let left = (start..count).filter(|index| series.channel(*index) == Channel::Http);
            progress.meter.give_up(left.count() as u64);
            break;
        }
        for items in prepared {
            let waited = counter.wait_for_connection(most, progress);
            keeper.excuse(waited);
            let request = Request {
                number,
                items,
                due,
                own: keeper.own(due.elapsed()),
                handed_over: Instant::now(),
            };
            if counter.hand_over(request, most, &progress.meter) {
                threads.push(open());
            }
            number += 1;
        }
    }
    threads
}

/// The events of this range that go over HTTP. 413 speaks of a whole request, so what is too large goes alone.
fn prepare(series: &Series, range: std::ops::Range<u64>) -> Vec<Vec<Item>> {
    let items = range.filter(|index| series.channel(*index) == Channel::Http);
    let (large, batch): (Vec<Item>, Vec<Item>) = items
        .map(|index| series.item(index))
        .partition(|item| item.fate == Fate::TooLarge);
    let mut requests: Vec<Vec<Item>> = large.into_iter().map(|item| vec![item]).collect();
    if !batch.is_empty() {
        requests.push(batch);
    }
    requests
}

/// One connection's work: requests until no more come.
fn serve(
    counter: &Counter,
    connections: &[Connection<'_>],
    progress: &Progress,
) -> Result<Answers, LoadError> {
    let mut answers = Answers::new();
    while let Some(request) = counter.take() {
        let Request { items, due, .. } = &request;
        let (connection, started) = (&connections[request.number % connections.len()], Instant::now());
        let own = request.own + request.handed_over.elapsed();
        progress
            .meter
            .sent(Channel::Http, *due, items.len() as u64, due.elapsed(), own);
        connection.post(items, *due, &mut answers, progress)?;
        progress.meter.busy(started.elapsed());
    }
    Ok(answers)
}

impl Counter {
    /// Waits while all connections are busy and there may not be more; answers with how long.
    fn wait_for_connection(&self, most: usize, progress: &Progress) -> Duration {
        let mut line = self.state.lock().expect("no holder panics");
        if line.has_room(most) {
            return Duration::ZERO;
        }
        let since = Instant::now();
        while !line.has_room(most) && !progress.is_stopped() {
            line = self.changed.wait(line).expect("no holder panics");
        }
        since.elapsed()
    }

    /// Answers whether a connection must be opened for it.
    fn hand_over(&self, request: Request, most: usize, meter: &Meter) -> bool {
        let mut line = self.state.lock().expect("no holder panics");
        let must_open = line.idle <= line.waiting.len() && line.opened < most;
        line.waiting.push(request);
        if must_open {
            line.opened += 1;
            meter.connections(line.opened, most);
        }
        self.changed.notify_all();
        must_open
    }

    /// The next request; none when no more come.
    fn take(&self) -> Option<Request> {
        let mut line = self.state.lock().expect("no holder panics");
        line.idle += 1;
        self.changed.notify_all();
        loop {
            if !line.waiting.is_empty() {
                line.idle -= 1;
                return Some(line.waiting.remove(0));
            }
            if line.closed {
                return None;
            }
            line = self.changed.wait(line).expect("no holder panics");
        }
    }

    /// A connection is gone for good: whoever waits looks again.
    fn leave(&self) {
        let _line = self.state.lock().expect("no holder panics");
        self.changed.notify_all();
    }

    fn close(&self) {
        self.state.lock().expect("no holder panics").closed = true;
        self.changed.notify_all();
    }
}

impl Line {
    /// Somebody will take one more request at once.
    fn has_room(&self, most: usize) -> bool {
        self.idle > self.waiting.len() || self.opened < most
    }
}
