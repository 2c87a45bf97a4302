//! Looks at a run at intervals, and at how far the consumers are behind: by Kafka's offsets and the shards' own
//! watermarks, as [`settlement`](crate::load::settlement) does.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::measured::Interval;
use crate::endpoints::Endpoints;
use crate::load::LoadError;
use crate::load::send::{Progress, Stage};
use crate::load::settlement::Log;
use crate::load::shards::Shards;

/// The last lag that was read, and when.
type Seen = Arc<Mutex<Option<(Instant, u64)>>>;

/// A lag older than so many intervals isn't told.
const FRESH_FOR_INTERVALS: u32 = 3;

/// Tells of each interval until it is dropped. Where the lag can't be read, intervals have none.
pub async fn watch(
    endpoints: Endpoints,
    progress: Arc<Progress>,
    interval: Duration,
    mut told: impl FnMut(Stage, &Interval),
) {
    let seen = Seen::default();
    let mut readers = JoinSet::new();
    readers.spawn(read(endpoints, interval, seen.clone()));
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let lag = *seen.lock().expect("no holder panics");
        let lag = lag.filter(|(read_at, _)| read_at.elapsed() <= interval * FRESH_FOR_INTERVALS);
        told(
            progress.stage(),
            &progress.meter.tick(lag.map(|(_, records)| records)),
        );
    }
}

/// Reads the lag again and again; connects anew where that fails.
async fn read(endpoints: Endpoints, interval: Duration, seen: Seen) {
    loop {
        // What can't be read now may be readable later: the platform may be failing over.
        let _ = follow(&endpoints, interval, &seen).await;
        tokio::time::sleep(interval).await;
    }
}

async fn follow(endpoints: &Endpoints, interval: Duration, seen: &Seen) -> Result<(), LoadError> {
    let (log, shards) = (Log::open(endpoints)?, Shards::connect(endpoints).await?);
    loop {
        let lag = log.lag(&shards).await?;
        *seen.lock().expect("no holder panics") = Some((Instant::now(), lag));
        tokio::time::sleep(interval).await;
    }
}
