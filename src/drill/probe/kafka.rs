//! A record to one partition, acknowledged by all in-sync replicas.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::{BoxFuture, FutureExt};
use rdkafka::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord};

use super::Acknowledgements;
use crate::drill::Trouble;
use crate::drill::markers;
use crate::drill::stream::Probe;
use crate::endpoints::Endpoints;

/// A request begins this often at most, to whichever partition: a probe must not be a load.
const REQUEST: Duration = Duration::from_millis(10);
/// Of many partitions, each is still tried this often.
const SELDOM: Duration = Duration::from_millis(500);
/// How long a leader waits for its replicas: what waits for one that is lost holds up the client's other records.
const REPLICAS_WITHIN: Duration = Duration::from_secs(1);
/// More clients than this would be threads without end.
const CLIENTS: usize = 8;

/// How often each of them is tried, where `period` was asked for.
pub(super) fn period(period: Duration, partitions: usize) -> Duration {
    let together = REQUEST * u32::try_from(partitions).unwrap_or(u32::MAX);
    period.max(together.min(SELDOM))
}

/// Clients that share `partitions` partitions. They find a new leader as soon as there is one, and give up a record
/// after `limit`, so that none is taken long after it was tried.
///
/// A broker answers a connection's requests one by one, and a request has the records of one partition: through one
/// client, a broker that leads most partitions would be asked faster than a busy machine answers, and the probe would
/// wait for itself. With one request under way, those that wait go into the next together.
pub(super) fn producers(
    endpoints: &Endpoints,
    partitions: usize,
    limit: Duration,
) -> Result<Vec<FutureProducer>, Trouble> {
    let one = || {
        ClientConfig::new()
            .set("bootstrap.servers", endpoints.kafka.join(","))
            .set("client.id", "vvbill-drill")
            .set("acks", "all")
            .set("linger.ms", "0")
            .set("topic.metadata.refresh.interval.ms", "250")
            .set("max.in.flight.requests.per.connection", "1")
            .set("message.timeout.ms", limit.as_millis().to_string())
            .set("request.timeout.ms", REPLICAS_WITHIN.as_millis().to_string())
            .set("retry.backoff.ms", "50")
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "500")
            .create()
            .map_err(|why| Trouble::new("can't make a client of Kafka", why))
    };
    (0..partitions.min(CLIENTS)).map(|_| one()).collect()
}

/// Sends one marker to one partition.
pub(super) struct Produce {
    pub(super) producer: FutureProducer,
    pub(super) topic: String,
    pub(super) partition: i32,
    pub(super) account: u64,
    pub(super) start_ms: i64,
    pub(super) acknowledged: Arc<Acknowledgements>,
    pub(super) clock: Instant,
}

impl Probe for Produce {
    fn attempt(self: Arc<Self>, number: u32) -> BoxFuture<'static, Result<(), String>> {
        async move {
            let body = markers::body(self.start_ms, self.account, number);
            let key = self.account.to_string();
            let record = FutureRecord::to(&self.topic)
                .partition(self.partition)
                .key(&key)
                .payload(&body);
            let delivery = self.producer.send(record, Duration::ZERO).await;
            let delivery = delivery.map_err(|(why, _)| why.to_string())?;
            let at = self.clock.elapsed();
            self.acknowledged.event(self.account, number, at);
            self.acknowledged.record(delivery.partition, delivery.offset, at);
            Ok(())
        }
        .boxed()
    }
}
