//! What is tried of each tier. Each attempt has its own connection or may do without those before it.

mod buffer;
mod database;
mod http;
mod kafka;
mod rows;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

pub(super) use http::Http;

use super::markers::{self, Acknowledged, Markers};
use super::outcome::Tier;
use super::stream::{Rhythm, Stream};
use super::{Trouble, kafka as cluster};
use crate::endpoints::Endpoints;
use crate::load::secret;

/// What an attempt may take; short, so that one that hangs doesn't count for longer than it has to.
const LIMIT: Duration = Duration::from_secs(2);

/// What was acknowledged so far.
#[derive(Debug, Default)]
pub(super) struct Acknowledgements {
    events: Mutex<Vec<Acknowledged>>,
    /// Partition, offset and when, of those whose row has not been seen yet.
    records: Mutex<Vec<(i32, i64, Duration)>>,
}

impl Acknowledgements {
    fn event(&self, account: u64, number: u32, at: Duration) {
        let one = Acknowledged { account, number, at };
        self.events
            .lock()
            .expect("nobody panics while holding it")
            .push(one);
    }

    fn record(&self, partition: i32, offset: i64, at: Duration) {
        let mut records = self.records.lock().expect("nobody panics while holding it");
        records.push((partition, offset, at));
    }

    pub(super) fn events(&self) -> Vec<Acknowledged> {
        self.events
            .lock()
            .expect("nobody panics while holding it")
            .clone()
    }
}

/// The probes of a platform, at work.
pub(super) struct Probes {
    pub(super) streams: Vec<Stream>,
    pub(super) acknowledged: Arc<Acknowledgements>,
    start_ms: i64,
    /// Account and way of each stream of markers.
    accounts: Vec<(u64, &'static str)>,
}

impl Probes {
    /// Begins to try everything that the platform has, with markers of that time.
    pub(super) async fn begin(
        endpoints: &Endpoints,
        clock: Instant,
        period: Duration,
        start_ms: i64,
    ) -> Result<Self, Trouble> {
        let rhythm = Rhythm {
            clock,
            period,
            limit: LIMIT,
        };
        let first = markers::first_account();
        let mut probes = Self {
            streams: Vec::new(),
            acknowledged: Arc::default(),
            start_ms,
            accounts: Vec::new(),
        };
        probes.http(endpoints, rhythm, first)?;
        probes.kafka(endpoints, rhythm, first + 1).await?;
        if let Some(redis) = &endpoints.redis {
            let probe = buffer::Write::new(redis, first, LIMIT)?;
            let stream = Stream::of(Tier::Buffer, "the master", rhythm, Arc::new(probe));
            probes.streams.push(stream);
        }
        for shard in &endpoints.shards {
            let what = format!("shard {}", shard.number);
            let probe = database::Commit::new(shard)?;
            let stream = Stream::of(Tier::Database, &what, rhythm, Arc::new(probe));
            probes.streams.push(stream);
        }
        Ok(probes)
    }

    fn http(&mut self, endpoints: &Endpoints, rhythm: Rhythm, account: u64) -> Result<(), Trouble> {
        if endpoints.api.is_empty() {
            return Ok(());
        }
        let http = Arc::new(Http::new(&endpoints.api, endpoints.api_key.as_deref())?);
        let post = http::Post {
            http: Arc::clone(&http),
            account,
            start_ms: self.start_ms,
            acknowledged: Arc::clone(&self.acknowledged),
            clock: rhythm.clock,
            limit: LIMIT,
        };
        let read = http::Read {
            http,
            account,
            limit: LIMIT,
        };
        self.accounts.push((account, "http"));
        self.streams
            .push(Stream::of(Tier::Ingest, "an event", rhythm, Arc::new(post)));
        self.streams
            .push(Stream::of(Tier::Api, "usage", rhythm, Arc::new(read)));
        Ok(())
    }

    async fn kafka(&mut self, endpoints: &Endpoints, rhythm: Rhythm, first: u64) -> Result<(), Trouble> {
        if endpoints.kafka.is_empty() {
            return Ok(());
        }
        let partitions = cluster::cluster(endpoints).await?.partitions;
        let producers = kafka::producers(endpoints, partitions.len(), LIMIT)?;
        let rhythm = Rhythm {
            period: kafka::period(rhythm.period, partitions.len()),
            ..rhythm
        };
        for (partition, producer) in partitions.iter().zip(producers.iter().cycle()) {
            let account = first + u64::from(partition.unsigned_abs());
            let probe = kafka::Produce {
                producer: producer.clone(),
                topic: endpoints.events_topic.clone(),
                partition: *partition,
                account,
                start_ms: self.start_ms,
                acknowledged: Arc::clone(&self.acknowledged),
                clock: rhythm.clock,
            };
            self.accounts.push((account, "kafka"));
            let what = format!("partition {partition}");
            self.streams
                .push(Stream::of(Tier::Kafka, &what, rhythm, Arc::new(probe)));
        }
        if !endpoints.shards.is_empty() {
            self.streams
                .extend(rows::watch(endpoints, &partitions, rhythm, &self.acknowledged));
        }
        Ok(())
    }

    /// Tries no more.
    pub(super) fn end(&self) {
        self.streams.iter().for_each(Stream::end);
    }

    /// The markers and which of them were acknowledged.
    pub(super) fn markers(&self) -> Markers {
        let acknowledged = self.acknowledged.events();
        let sent: Vec<(u64, &str, u32)> = self
            .accounts
            .iter()
            .map(|(account, way)| (*account, *way, self.sent(way, *account)))
            .collect();
        Markers::of(self.start_ms, &sent, &acknowledged)
    }

    /// Numbers that the account's stream has given out: every attempt has one, and those that hang still.
    fn sent(&self, way: &str, account: u64) -> u32 {
        let mut streams = self.streams.iter().filter(|stream| match way {
            "http" => stream.tier == Tier::Ingest,
            _ => stream.tier == Tier::Kafka,
        });
        let first = self.accounts.iter().find(|(_, other)| *other == way);
        let place = first.map_or(0, |(first, _)| account - first);
        let stream = streams.nth(usize::try_from(place).unwrap_or(usize::MAX));
        let attempts = stream.map_or(0, |stream| {
            let seen = stream.seen.lock().expect("nobody panics while holding it");
            seen.attempts.len()
        });
        u32::try_from(attempts + super::stream::AT_ONCE).unwrap_or(u32::MAX)
    }
}

fn password(reference: Option<&str>) -> Result<Option<String>, Trouble> {
    Ok(reference.map(secret::read).transpose()?)
}
