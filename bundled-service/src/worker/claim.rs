//! Taking partitions on the shards: each by itself, so that one that is down holds up no other.

use super::{
    Shared, Trouble,
    lane::{Lane, Parts, Watermark},
    track::Track,
};
use crate::{
    batch::Builder,
    postgres::{self, Claim, LedgerError, Owner},
    redis::Writer,
    slot::Shard,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

/// How long shards that answer wait for one that says nothing.
const GRACE: Duration = Duration::from_secs(2);
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// A claim that goes on until its shard answers.
pub(super) type Asking = AbortOnDropHandle<Result<Claim, LedgerError>>;

/// What became of a claim by the time that reading starts.
pub(super) enum Taken {
    Claimed(Claim),
    /// The shard is away.
    Asking(Asking),
}

/// How a claim stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Asked,
    /// Tried in vain at least once.
    Failing,
    Claimed,
    Refused,
}

/// May reading start? As soon as every partition has a shard that answered, and nothing more is to be
/// expected from the others soon.
fn is_enough(partitions: &[Vec<State>], waited: Duration) -> bool {
    let all = || partitions.iter().flatten();
    if all().any(|state| *state == State::Refused) {
        return true;
    }
    let served = |states: &Vec<State>| states.contains(&State::Claimed);
    let nothing_soon = waited >= GRACE || !all().any(|state| *state == State::Asked);
    partitions.iter().all(served) && nothing_soon
}

/// Where reading starts, given the watermarks of the shards that answered: at the smallest, but for those
/// that lie more than `far` records behind the largest. The others would wait until all that was read.
pub(super) fn start_of(watermarks: &[i64], far: i64) -> Option<i64> {
    let largest = watermarks.iter().max()?;
    let near = watermarks.iter().filter(|next| largest - *next <= far);
    near.min().copied()
}

/// Claims partitions, each with its oldest offset in Kafka, on every shard. Answers with a list for each
/// partition, in the order of the shards.
pub(super) async fn claim_all(
    shared: &Arc<Shared>,
    partitions: &[(i32, i64)],
) -> Result<Vec<Vec<Taken>>, String> {
    let started = Instant::now();
    let shards = shared.pools.len();
    let (sender, mut news) = mpsc::unbounded_channel();
    let mut states = vec![vec![State::Asked; shards]; partitions.len()];
    let mut asking: Vec<Vec<Asking>> = Vec::with_capacity(partitions.len());
    for (index, &(partition, oldest)) in partitions.iter().enumerate() {
        let ask = |shard| {
            let (shared, sender) = (Arc::clone(shared), sender.clone());
            AbortOnDropHandle::new(tokio::spawn(async move {
                let tell = |state| {
                    // Nobody listens any more once reading has started.
                    let _ = sender.send((index, shard, state));
                };
                let claim = claim(&shared, partition, shard, oldest, || tell(State::Failing)).await;
                tell(if claim.is_ok() {
                    State::Claimed
                } else {
                    State::Refused
                });
                claim
            }))
        };
        asking.push((0..shards).map(ask).collect());
    }
    while !is_enough(&states, started.elapsed()) {
        if shared.stop.is_cancelled() {
            return Err("told to stop while taking partitions".to_owned());
        }
        if let Ok(Some((index, shard, state))) = tokio::time::timeout(LOOK_INTERVAL, news.recv()).await {
            states[index][shard] = state;
        }
    }
    let mut taken = Vec::with_capacity(partitions.len());
    for (states, asking) in states.into_iter().zip(asking) {
        let mut of_partition = Vec::with_capacity(shards);
        for (state, asking) in states.into_iter().zip(asking) {
            of_partition.push(match state {
                State::Asked | State::Failing => Taken::Asking(asking),
                State::Claimed | State::Refused => {
                    let claim = asking.await.map_err(|error| error.to_string())?;
                    Taken::Claimed(claim.map_err(|error| error.to_string())?)
                }
            });
        }
        taken.push(of_partition);
    }
    Ok(taken)
}

/// Takes a partition on one shard, trying as long as it takes.
async fn claim(
    shared: &Shared,
    partition: i32,
    shard: usize,
    oldest: i64,
    mut failed: impl FnMut(),
) -> Result<Claim, LedgerError> {
    let mut pause = Pause::new(partition, shard);
    loop {
        let attempt = async {
            let log_id = shared.shards.log_id(shard).await?;
            postgres::claim(&shared.pools[shard], log_id, partition, oldest).await
        };
        match attempt.await {
            Err(error) if error.passes() && !shared.stop.is_cancelled() => {
                failed();
                pause.after(&error).await;
            }
            other => return other,
        }
    }
}

/// Takes a partition anew that we have under `epoch`, trying as long as it takes; `None` when another
/// took it since.
pub(super) async fn claim_again(
    shared: &Shared,
    partition: i32,
    shard: usize,
    epoch: i64,
) -> Result<Option<Claim>, LedgerError> {
    let mut pause = Pause::new(partition, shard);
    loop {
        let attempt = async {
            let log_id = shared.shards.log_id(shard).await?;
            postgres::claim_again(&shared.pools[shard], log_id, partition, epoch).await
        };
        match attempt.await {
            Err(error) if error.passes() && !shared.stop.is_cancelled() => pause.after(&error).await,
            other => return other,
        }
    }
}

/// Longer and longer pauses, the first with a warning.
struct Pause {
    partition: i32,
    shard: usize,
    next: Duration,
}

impl Pause {
    fn new(partition: i32, shard: usize) -> Self {
        Self {
            partition,
            shard,
            next: FIRST_PAUSE,
        }
    }

    async fn after(&mut self, error: &LedgerError) {
        let (partition, shard) = (self.partition, self.shard);
        if self.next == FIRST_PAUSE {
            tracing::warn!(%error, partition, shard, "the shard can't take the partition yet");
        } else {
            tracing::debug!(%error, partition, shard, "the shard can't take the partition yet");
        }
        tokio::time::sleep(self.next).await;
        self.next = (self.next * 2).min(LONGEST_PAUSE);
    }
}

impl Shared {
    /// A track with a lane of its own, for what was claimed.
    pub(super) async fn track(
        &self,
        partition: i32,
        shard: usize,
        claim: Claim,
        watermark: Arc<Watermark>,
        trouble: mpsc::UnboundedSender<Trouble>,
        cancel: &CancellationToken,
    ) -> Result<Track, LedgerError> {
        let log_id = self.shards.log_id(shard).await?;
        let labels = [&*partition.to_string(), &*shard.to_string()];
        self.metrics.ingest_owner_epoch.with(&labels).set(claim.epoch);
        self.metrics.ingest_watermark.with(&labels).set(claim.next);
        let place = Shard(shard as u16);
        let mut writer = Writer::new(
            Arc::clone(&self.lives),
            place,
            log_id,
            partition,
            claim.epoch,
            claim.next,
            self.pending_cap_bytes,
        );
        let claimed = writer.claim(claim.next, claim.next).await;
        let owner = Owner {
            log_id,
            epoch: claim.epoch,
            dead_letters: self.dead_letters.clone(),
            metrics: Arc::clone(&self.metrics),
        };
        let parts = Parts {
            pool: Arc::clone(&self.pools[shard]),
            lives: Arc::clone(&self.lives),
            writer,
            owner,
            start: claim.next,
            watermark,
            in_flight: Arc::clone(&self.in_flight),
            trouble,
        };
        let lane = Lane::start(parts, &self.tasks, cancel);
        let builder = Builder::new(partition, place, claim.next);
        Ok(Track::new(lane, log_id, claim.next, builder, claimed.cuts))
    }
}

#[cfg(test)]
mod tests {
    use super::{State::*, *};

    /// A shard that lies far behind is not what all others wait for.
    #[test]
    fn where_reading_starts() {
        assert_eq!(start_of(&[500, 400, 450], 100), Some(400));
        assert_eq!(start_of(&[500, 399, 450], 100), Some(450));
        assert_eq!(start_of(&[7], 0), Some(7));
        assert_eq!(start_of(&[], 100), None);
    }

    /// Reading starts without the shards that are down, and not without one that only takes a moment.
    #[test]
    fn when_reading_starts() {
        let now = Duration::ZERO;
        assert!(is_enough(&[vec![Claimed, Claimed], vec![Claimed, Claimed]], now));
        assert!(!is_enough(&[vec![Claimed, Asked], vec![Claimed, Claimed]], now));
        assert!(is_enough(&[vec![Claimed, Asked], vec![Claimed, Claimed]], GRACE));
        assert!(is_enough(&[vec![Claimed, Failing], vec![Claimed, Failing]], now));
        // Without any shard there is nothing to read for.
        assert!(!is_enough(
            &[vec![Failing, Failing], vec![Claimed, Failing]],
            GRACE * 9
        ));
        // It will not be better for waiting.
        assert!(is_enough(&[vec![Asked, Refused], vec![Asked, Asked]], now));
        assert!(is_enough(&[], now));
    }
}
