//! A shard that is behind in a partition, from the moment that it is away until its rows go to it
//! again as they are read: waits for it, takes the partition on it, and has a catch-up reader go over
//! the log from its watermark.

use super::{
    Shared, Trouble,
    assignment::{Change, Changes},
    catch_up::{self, Reader},
    claim::{self, Asking},
    meeting::{Meeting, Step},
    track::Track,
};
use crate::postgres::{Claim, LedgerError};
use std::{sync::Arc, time::Duration};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// One (partition, shard) that is behind.
pub(super) struct Recovery {
    pub(super) shared: Arc<Shared>,
    pub(super) partition: i32,
    pub(super) shard: usize,
    pub(super) meeting: Arc<Meeting>,
    pub(super) changes: Arc<Changes>,
    pub(super) trouble: mpsc::UnboundedSender<Trouble>,
    /// Says that the partition is another's.
    pub(super) cancel: CancellationToken,
}

/// What there is to begin with.
pub(super) enum Start {
    /// A claim that was not answered yet.
    Asking(Asking),
    Claimed(Claim),
    /// Our epoch, from before the rows were dropped.
    Dropped(i64),
}

const LOOK_INTERVAL: Duration = Duration::from_millis(5);
/// A person is needed: there is no hurry.
const FAILED_PAUSE: Duration = Duration::from_secs(15);

impl Recovery {
    /// Starts a task for it, which ends with the partition.
    pub(super) fn start(self, start: Start) {
        let (shared, cancel) = (Arc::clone(&self.shared), self.cancel.clone());
        let task = async move { cancel.run_until_cancelled(self.run(start)).await };
        shared.tasks.spawn_on(task, &shared.runtime);
    }

    async fn run(self, start: Start) {
        let mut next = Some(start);
        while let Some(start) = next.take() {
            next = match self.round(start).await {
                Ok(next) => next,
                // Whoever stops the worker knows why.
                Err(_) if self.shared.stop.is_cancelled() => None,
                Err(error) => {
                    let _ = self.trouble.send(Trouble::Stop(error.to_string()));
                    None
                }
            };
        }
    }

    /// One time that the shard is back. Answers with how to begin another one.
    async fn round(&self, start: Start) -> Result<Option<Start>, LedgerError> {
        let (shared, partition, shard) = (&self.shared, self.partition, self.shard);
        let claim = match start {
            Start::Claimed(claim) => claim,
            Start::Asking(asking) => match asking.await {
                Ok(claim) => claim?,
                Err(_) => return Ok(None),
            },
            Start::Dropped(epoch) => match claim::claim_again(shared, partition, shard, epoch).await? {
                Some(claim) => claim,
                None => {
                    let _ = self.trouble.send(Trouble::Fenced { partition });
                    return Ok(None);
                }
            },
        };
        let (watermark, trouble) = (Arc::clone(&self.meeting.watermark), self.trouble.clone());
        let track = shared.track(partition, shard, claim, watermark, trouble, &self.cancel);
        match self.catch_up(track.await?).await {
            catch_up::End::Met(track) => {
                self.changes.push(Change::CaughtUp {
                    partition,
                    shard,
                    meeting: Arc::clone(&self.meeting),
                    track,
                });
                return Ok(None);
            }
            catch_up::End::Ended => return Ok(None),
            catch_up::End::Lost => tracing::warn!(partition, shard, "the shard is away again"),
            catch_up::End::Failed(why) => {
                tracing::error!(partition, shard, why, "the shard can't catch up");
                tokio::time::sleep(FAILED_PAUSE).await;
            }
        }
        Ok(Some(Start::Dropped(claim.epoch)))
    }

    async fn catch_up(&self, track: Track) -> catch_up::End {
        let position = track.start;
        self.meeting.withdraw();
        if track.cuts.is_empty() {
            self.meeting.ready(position);
        }
        // A shard that is not behind the partition's reader needs none of its own.
        loop {
            match self.meeting.step(position) {
                Step::Take => {
                    // Nobody is to wait for a reader that may not begin yet.
                    self.meeting.withdraw();
                    break;
                }
                Step::Wait => tokio::time::sleep(LOOK_INTERVAL).await,
                Step::Met(_) => return catch_up::End::Met(Box::new(track)),
            }
        }
        let permit = self.shared.catch_ups.acquire().await;
        tracing::info!(
            self.partition,
            self.shard,
            from = position,
            "the shard is catching up"
        );
        let reader = Reader::new(
            Arc::clone(&self.shared),
            (self.partition, self.shard),
            track,
            Arc::clone(&self.meeting),
            self.cancel.clone(),
        );
        let reading = (self.shared.tasks).spawn_blocking_on(move || reader.run(), &self.shared.runtime);
        let end = reading.await;
        drop(permit);
        let end = end.unwrap_or_else(|error| catch_up::End::Failed(error.to_string()));
        if !matches!(end, catch_up::End::Met(_)) {
            self.meeting.withdraw();
        }
        end
    }
}
