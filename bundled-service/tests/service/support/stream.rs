//! A stream of events over HTTP that goes on through every fault: what isn't acknowledged is sent again, as the same
//! events, until it is.

use super::{api::Client, events::Generator, eventually};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

const EVENTS_A_BATCH: usize = 25;
const PAUSE: Duration = Duration::from_millis(20);
/// How long the last batch may be sent again after the stream was told to stop.
const LAST_BATCH: Duration = Duration::from_secs(40);

/// Sends until it is told to stop, on a thread of its own.
pub(crate) struct Stream {
    stop: Arc<AtomicBool>,
    /// Nobody waits for the rest.
    abandoned: Arc<AtomicBool>,
    seen: Arc<Mutex<Seen>>,
    thread: Option<JoinHandle<Generator>>,
}

#[derive(Default)]
struct Seen {
    /// When the last acknowledged batch was begun.
    begun: Option<Instant>,
    acknowledged: usize,
    refused: usize,
}

impl Stream {
    pub(crate) fn start(client: &Client, mut generator: Generator) -> Self {
        let (stop, abandoned) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
        let seen = Arc::new(Mutex::default());
        let sender = Sender {
            client: client.clone(),
            stop: Arc::clone(&stop),
            abandoned: Arc::clone(&abandoned),
            seen: Arc::clone(&seen),
        };
        let thread = std::thread::spawn(move || {
            while !sender.stop.load(SeqCst) {
                let batch = generator.batch(EVENTS_A_BATCH, 50);
                let lines: Vec<&str> = batch.iter().map(|record| record.json.as_str()).collect();
                sender.send(&lines.join("\n"));
                std::thread::sleep(PAUSE);
            }
            generator
        });
        Self {
            stop,
            abandoned,
            seen,
            thread: Some(thread),
        }
    }

    /// Batches that were acknowledged, and tries that were not.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let seen = self.seen.lock().unwrap();
        (seen.acknowledged, seen.refused)
    }

    /// Waits for an acknowledgement of what is sent from now on; answers with the seconds that it took.
    pub(crate) fn wait_until_taken(&self, within_seconds: u64) -> f64 {
        let now = Instant::now();
        eventually("events are taken", within_seconds, || {
            let begun = self.seen.lock().unwrap().begun;
            begun.is_some_and(|begun| begun > now).then_some(())
        });
        now.elapsed().as_secs_f64()
    }

    /// Everything is acknowledged; answers with what must be there.
    pub(crate) fn finish(mut self) -> Generator {
        self.stop.store(true, SeqCst);
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.stop.store(true, SeqCst);
        self.abandoned.store(true, SeqCst);
    }
}

struct Sender {
    client: Client,
    stop: Arc<AtomicBool>,
    abandoned: Arc<AtomicBool>,
    seen: Arc<Mutex<Seen>>,
}

impl Sender {
    /// Until it is acknowledged.
    fn send(&self, body: &str) {
        let mut stopped = None;
        while !self.abandoned.load(SeqCst) {
            let begun = Instant::now();
            let answer = self.client.post(body);
            let mut seen = self.seen.lock().unwrap();
            match answer {
                Some(answer) if answer.status == 202 => {
                    seen.begun = Some(begun);
                    seen.acknowledged += 1;
                    return;
                }
                Some(answer) if !matches!(answer.status, 429 | 503) => {
                    panic!("{} {}", answer.status, answer.text)
                }
                // Nobody answered, or not now.
                _ => seen.refused += 1,
            }
            drop(seen);
            if self.stop.load(SeqCst) {
                let since = *stopped.get_or_insert_with(Instant::now);
                assert!(since.elapsed() < LAST_BATCH, "the last batch is not acknowledged");
            }
            std::thread::sleep(PAUSE);
        }
    }
}
