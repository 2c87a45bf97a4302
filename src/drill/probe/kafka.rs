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

/// One client for all partitions. It finds a new leader as soon as there is one, and gives up a record after
/// `limit`, so that none is taken long after it was tried.
///
/// A broker answers a connection's requests one by one, and a request has the records of one partition. With one
/// under way, those that wait go into the next together; with many, a broker that leads most partitions would be
/// asked faster than a busy machine answers, and the probe would wait for itself.
pub(super) fn producer(endpoints: &Endpoints, limit: Duration) -> Result<FutureProducer, Trouble> {
    ClientConfig::new()
        .set("bootstrap.servers", endpoints.kafka.join(","))
        .set("client.id", "vvbill-drill")
        .set("acks", "all")
        .set("linger.ms", "0")
        .set("max.in.flight.requests.per.connection", "1")
        .set("message.timeout.ms", limit.as_millis().to_string())
        .set("request.timeout.ms", limit.as_millis().to_string())
        .set("retry.backoff.ms", "50")
        .set("reconnect.backoff.ms", "50")
        .set("reconnect.backoff.max.ms", "500")
        .create()
        .map_err(|why| Trouble::new("can't make a client of Kafka", why))
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
