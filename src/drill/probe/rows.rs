//! When what Kafka has acknowledged is durable in every shard, by the watermarks that the shards commit together
//! with the rows: an attempt begins with the acknowledgement and ends when the watermark is seen behind it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::Acknowledgements;
use super::database::CONNECT_EVERY;
use crate::drill::outcome::Tier;
use crate::drill::stream::{Rhythm, Seen, Stream, Task, note};
use crate::endpoints::Endpoints;
use crate::load::shards::Shards;

/// How long the shards may take to answer.
const LIMIT: Duration = Duration::from_secs(1);
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How often they are asked.
const LOOK_EVERY: Duration = Duration::from_millis(100);

type Kept = BTreeMap<i32, Arc<Mutex<Seen>>>;

/// A stream a partition.
pub(super) fn watch(
    endpoints: &Endpoints,
    partitions: &[i32],
    rhythm: Rhythm,
    acknowledged: &Arc<Acknowledgements>,
) -> Vec<Stream> {
    let kept: Kept = partitions
        .iter()
        .map(|partition| (*partition, Arc::default()))
        .collect();
    let task = tokio::spawn(follow(
        endpoints.clone(),
        kept.clone(),
        rhythm.clock,
        Arc::clone(acknowledged),
    ));
    let task = Task::new(task);
    kept.iter()
        .map(|(partition, seen)| {
            let what = format!("partition {partition}");
            let period = rhythm.period.max(LOOK_EVERY);
            Stream::fed(Tier::Rows, &what, period, Arc::clone(seen), Arc::clone(&task))
        })
        .collect()
}

async fn follow(endpoints: Endpoints, kept: Kept, clock: Instant, acknowledged: Arc<Acknowledgements>) {
    let mut shards: Option<Shards> = None;
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let connected = match shards.take() {
            Some(connected) => connected,
            None => match tokio::time::timeout(CONNECT_WITHIN, Shards::connect(&endpoints)).await {
                Ok(Ok(connected)) => connected,
                Ok(Err(why)) => {
                    say(&kept, &why.to_string());
                    tokio::time::sleep(CONNECT_EVERY).await;
                    continue;
                }
                Err(_) => {
                    say(&kept, "the shards can't be connected to");
                    continue;
                }
            },
        };
        let asked = connected.committed(&endpoints.events_topic);
        // What can't be asked now can be later: it may be what the drill has struck.
        let committed = match tokio::time::timeout(LIMIT, asked).await {
            Ok(Ok(committed)) => {
                shards = Some(connected);
                committed
            }
            Ok(Err(why)) => {
                say(&kept, &why.to_string());
                continue;
            }
            Err(_) => {
                say(
                    &kept,
                    &format!("the shards' watermarks can't be read within {LIMIT:?}"),
                );
                continue;
            }
        };
        let now = clock.elapsed();
        let is_durable = |partition: i32, offset: i64| {
            let next = |shard: &crate::load::settlement::Offsets| *shard.get(&partition).unwrap_or(&0);
            committed.iter().all(|shard| next(shard) > offset)
        };
        let mut records = acknowledged
            .records
            .lock()
            .expect("nobody panics while holding it");
        records.retain(|(partition, offset, at)| {
            let is_done = is_durable(*partition, *offset);
            if let Some(seen) = kept.get(partition).filter(|_| is_done) {
                note(seen, *at, now, Ok(()));
            }
            !is_done
        });
    }
}

/// Why nothing is seen at the moment.
fn say(kept: &Kept, why: &str) {
    for seen in kept.values() {
        let mut seen = seen.lock().expect("nobody panics while holding it");
        seen.last_failure = Some(why.to_owned());
    }
}
