//! What a reconciliation found. Pure.

use super::{
    ledger::Row,
    log::{Content, Record},
};
use crate::{event::Timestamp, log_identity::LogIdentity};
use std::{collections::BTreeMap, fmt};

/// The account of a whole log.
#[derive(Debug, serde::Serialize)]
pub struct Report {
    pub cluster_id: String,
    pub topic: String,
    pub topic_id: String,
    pub shards: usize,
    pub summary: Summary,
    /// By partition and hour of Kafka's time.
    pub hours: Vec<Hour>,
    /// Single differences, at most 100.
    pub differences: Vec<Difference>,
    /// How many there are, whether listed or not.
    pub difference_count: u64,
    pub rollups: Vec<RollupDifference>,
    /// Records above the watermark of their shard: not due yet.
    pub pending: u64,
    /// Rows whose records Kafka does not keep any more: they can't be checked.
    pub expired_rows: u64,
    #[serde(skip)]
    places: BTreeMap<(i32, i64), usize>,
}

/// All hours together.
#[derive(Debug, Default, serde::Serialize)]
pub struct Summary {
    pub equal: bool,
    pub records: u64,
    /// By shard.
    pub rows: Vec<u64>,
    pub dead_letters: u64,
    pub repeats: u64,
    /// Records that nothing accounts for.
    pub lost: i64,
    /// Rows without a record.
    pub added: u64,
}

/// Most differences that are listed one by one.
pub(super) const MAX_DIFFERENCES: usize = 100;

/// One partition in one hour: `records` = sum of `rows` + `dead_letters` + `repeats`.
#[derive(Debug, Default, serde::Serialize)]
pub struct Hour {
    pub partition: i32,
    /// RFC 3339.
    pub hour: String,
    pub records: u64,
    /// By shard.
    pub rows: Vec<u64>,
    pub dead_letters: u64,
    pub repeats: u64,
    /// Rows without a record.
    pub added: u64,
}

impl Hour {
    /// Records that nothing accounts for.
    pub fn lost(&self) -> i64 {
        let known = self.rows.iter().sum::<u64>() + self.dead_letters + self.repeats;
        self.records.cast_signed() - known.cast_signed()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A record without row, dead letter, or an event that it repeats.
    Lost,
    /// A row without a record.
    Added,
    /// A row that says something else than its record.
    Changed,
    /// A bad record that was not sent to the dead-letter topic.
    DeadLetterMissing,
}

/// One record or row that does not fit.
#[derive(Debug, serde::Serialize)]
pub struct Difference {
    pub kind: Kind,
    pub partition: i32,
    pub offset: i64,
    pub hour: String,
    pub shard: Option<usize>,
    pub account_id: Option<i64>,
    pub event_id: Option<String>,
}

/// A rollup that is not the sum of its rows; `None` where one of both is missing.
#[derive(Debug, serde::Serialize)]
pub struct RollupDifference {
    pub shard: usize,
    pub account_id: i64,
    pub metric: String,
    pub hour: String,
    pub rows_millionths: Option<String>,
    pub rollup_millionths: Option<String>,
}

impl Report {
    pub(super) fn new(log: &LogIdentity, shards: usize) -> Self {
        Self {
            cluster_id: log.cluster_id.clone(),
            topic: log.topic.clone(),
            topic_id: log.topic_id.to_string(),
            shards,
            summary: Summary::default(),
            hours: Vec::new(),
            differences: Vec::new(),
            difference_count: 0,
            rollups: Vec::new(),
            pending: 0,
            expired_rows: 0,
            places: BTreeMap::new(),
        }
    }

    /// Everything is accounted for.
    pub fn is_equal(&self) -> bool {
        self.summary.equal
    }

    /// Adds the hours up, once all is compared.
    pub(super) fn finish(mut self) -> Self {
        let sum = |part: fn(&Hour) -> u64| self.hours.iter().map(part).sum::<u64>();
        let of_shard = |shard: usize| self.hours.iter().map(|hour| hour.rows[shard]).sum();
        let balanced = self.hours.iter().all(|hour| hour.lost() == 0);
        self.summary = Summary {
            equal: balanced && self.difference_count == 0 && self.rollups.is_empty(),
            records: sum(|hour| hour.records),
            rows: (0..self.shards).map(of_shard).collect(),
            dead_letters: sum(|hour| hour.dead_letters),
            repeats: sum(|hour| hour.repeats),
            lost: self.hours.iter().map(Hour::lost).sum(),
            added: sum(|hour| hour.added),
        };
        self
    }

    pub(super) fn hour(&mut self, partition: i32, hour: i64) -> &mut Hour {
        let (hours, shards) = (&mut self.hours, self.shards);
        let place = *self.places.entry((partition, hour)).or_insert_with(|| {
            let hour = Timestamp::from_hour(hour).to_string();
            hours.push(Hour {
                partition,
                hour,
                rows: vec![0; shards],
                ..Hour::default()
            });
            hours.len() - 1
        });
        &mut hours[place]
    }

    pub(super) fn differs(&mut self, kind: Kind, record: &Record, shard: Option<usize>) {
        let (account_id, event_id) = match &record.content {
            Content::Good(good) => (Some(good.account.get()), Some(good.id.to_string())),
            Content::Bad => (None, None),
        };
        self.note(Difference {
            kind,
            partition: record.partition,
            offset: record.offset,
            hour: Timestamp::from_hour(record.hour).to_string(),
            shard,
            account_id,
            event_id,
        });
    }

    /// A row without a record; `hour` is Kafka's, where it is known, else the row's own.
    pub(super) fn add_row(&mut self, shard: usize, row: &Row, hour: Option<i64>) {
        let hour = hour.unwrap_or_else(|| row.hour());
        self.hour(row.partition, hour).added += 1;
        self.note(Difference {
            kind: Kind::Added,
            partition: row.partition,
            offset: row.offset,
            hour: Timestamp::from_hour(hour).to_string(),
            shard: Some(shard),
            account_id: Some(row.account),
            event_id: Some(row.id.to_string()),
        });
    }

    fn note(&mut self, difference: Difference) {
        self.difference_count += 1;
        if self.differences.len() < MAX_DIFFERENCES {
            self.differences.push(difference);
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for difference in &self.differences {
            let what = match difference.kind {
                Kind::Lost => "record without row, dead letter or repeated event",
                Kind::Added => "row without a record",
                Kind::Changed => "row that differs from its record",
                Kind::DeadLetterMissing => "bad record without a dead letter",
            };
            write!(
                f,
                "partition {} offset {}",
                difference.partition, difference.offset
            )?;
            write!(f, " hour {}", difference.hour)?;
            if let Some(shard) = difference.shard {
                write!(f, " shard {shard}")?;
            }
            if let (Some(account), Some(event)) = (difference.account_id, &difference.event_id) {
                write!(f, " account {account} event {event}")?;
            }
            writeln!(f, ": {what}")?;
        }
        let listed = self.differences.len() as u64;
        if self.difference_count > listed {
            writeln!(f, "… and {} more", self.difference_count - listed)?;
        }
        for rollup in &self.rollups {
            let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
            writeln!(
                f,
                "shard {} hour {} account {} metric {}: rows add up to {} millionths, the rollup says {}",
                rollup.shard,
                rollup.hour,
                rollup.account_id,
                rollup.metric,
                text(&rollup.rows_millionths),
                text(&rollup.rollup_millionths)
            )?;
        }
        let summary = &self.summary;
        let rows: Vec<String> = summary.rows.iter().map(u64::to_string).collect();
        write!(
            f,
            "{}: {} records = {} rows + {} dead letters + {} repeats; {} not due yet",
            if summary.equal { "equal" } else { "DIFFERENT" },
            summary.records,
            rows.join(" + "),
            summary.dead_letters,
            summary.repeats,
            self.pending
        )
    }
}
