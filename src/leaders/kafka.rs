//! Kafka: its metadata says who leads each partition, its quorum who is the controller.
//!
//! In KRaft mode the metadata name any broker as the controller, so the quorum is asked itself
//! (DescribeQuorum, version 0, KIP-595), which librdkafka has no call for.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use serde::Serialize;

use super::LIMIT;

/// Who leads in Kafka.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Kafka {
    /// The node that leads the quorum of controllers; null: nobody, or it could not be found out.
    pub controller: Option<i32>,
    /// How many partitions each node leads.
    pub partitions_led: BTreeMap<i32, usize>,
    /// How many partitions nobody leads.
    pub partitions_without_leader: usize,
    /// How many have replicas that lag.
    pub partitions_under_replicated: usize,
}

impl Kafka {
    pub(super) fn line(&self) -> String {
        let controller = match self.controller {
            Some(node) => format!("node {node} is the controller"),
            None => "no controller".to_owned(),
        };
        let led = self.partitions_led.iter();
        let led: Vec<String> = led
            .map(|(node, count)| format!("{count} by node {node}"))
            .collect();
        let mut line = format!("kafka: {controller}; partitions led: {}", led.join(", "));
        for (count, what) in [
            (self.partitions_without_leader, "without a leader"),
            (self.partitions_under_replicated, "not in sync everywhere"),
        ] {
            if count > 0 {
                line += &format!("; {count} {what}");
            }
        }
        line
    }
}

pub(super) async fn look(brokers: Vec<String>) -> Result<Kafka, String> {
    tokio::task::spawn_blocking(move || ask(&brokers))
        .await
        .map_err(|why| why.to_string())?
}

fn ask(brokers: &[String]) -> Result<Kafka, String> {
    let client: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers.join(","))
        .set("socket.timeout.ms", LIMIT.as_millis().to_string())
        .create()
        .map_err(|why| why.to_string())?;
    let metadata = client
        .fetch_metadata(None, LIMIT)
        .map_err(|why| why.to_string())?;
    let mut found = Kafka {
        controller: brokers
            .iter()
            .find_map(|broker| quorum_leader(broker).ok().flatten()),
        partitions_led: metadata.brokers().iter().map(|broker| (broker.id(), 0)).collect(),
        partitions_without_leader: 0,
        partitions_under_replicated: 0,
    };
    for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()) {
        match partition.leader() {
            node if node >= 0 => *found.partitions_led.entry(node).or_default() += 1,
            _ => found.partitions_without_leader += 1,
        }
        if partition.isr().len() < partition.replicas().len() {
            found.partitions_under_replicated += 1;
        }
    }
    Ok(found)
}

/// The partition that the controllers keep the cluster's metadata in.
const METADATA: &[u8] = b"__cluster_metadata";
/// An answer about one partition is a few hundred bytes; anything far above is no Kafka broker.
const ANSWER_BYTES_AT_MOST: u32 = 1 << 20;

/// The node that leads the quorum, as `broker` knows from the controllers.
fn quorum_leader(broker: &str) -> io::Result<Option<i32>> {
    let address = broker
        .to_socket_addrs()?
        .next()
        .ok_or(io::ErrorKind::AddrNotAvailable)?;
    let mut stream = TcpStream::connect_timeout(&address, LIMIT / 4)?;
    stream.set_read_timeout(Some(LIMIT / 2))?;
    stream.set_write_timeout(Some(LIMIT / 2))?;
    let request = request();
    let length = u32::try_from(request.len()).unwrap_or(u32::MAX);
    stream.write_all(&[&length.to_be_bytes()[..], &request].concat())?;
    let mut size = [0; 4];
    stream.read_exact(&mut size)?;
    let size = u32::from_be_bytes(size);
    if size > ANSWER_BYTES_AT_MOST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut answer = vec![0; size as usize];
    stream.read_exact(&mut answer)?;
    Ok(leader_in(&answer))
}

fn request() -> Vec<u8> {
    let mut request = Vec::new();
    request.extend_from_slice(&55_i16.to_be_bytes()); // DescribeQuorum
    request.extend_from_slice(&0_i16.to_be_bytes()); // version
    request.extend_from_slice(&1_i32.to_be_bytes()); // correlation id
    request.extend_from_slice(&(-1_i16).to_be_bytes()); // no client id
    request.push(0); // no tagged fields in the header
    request.push(2); // one topic: compact arrays and texts count from one
    request.push(METADATA.len() as u8 + 1);
    request.extend_from_slice(METADATA);
    request.push(2); // one partition
    request.extend_from_slice(&0_i32.to_be_bytes());
    request.extend_from_slice(&[0, 0, 0]); // no tagged fields in the partition, the topic, the request
    request
}

/// Correlation id, tags, error, one topic with its name, one partition with number, error and leader.
fn leader_in(answer: &[u8]) -> Option<i32> {
    let short = |at: usize| Some(i16::from_be_bytes(answer.get(at..at + 2)?.try_into().ok()?));
    let error_at = 4 + 1;
    let topics_at = error_at + 2;
    let partitions_at = topics_at + 2 + METADATA.len();
    let partition_error_at = partitions_at + 1 + 4;
    let leader_at = partition_error_at + 2;
    if short(error_at)? != 0
        || answer.get(topics_at + 2..partitions_at)? != METADATA
        || short(partition_error_at)? != 0
    {
        return None;
    }
    let leader = i32::from_be_bytes(answer.get(leader_at..leader_at + 4)?.try_into().ok()?);
    Some(leader).filter(|leader| *leader >= 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The layout of KIP-595: what a broker of three answers, cut after the leader's epoch.
    #[test]
    fn the_leader_is_read_from_the_answer_and_an_error_has_none() {
        let answer = |error: i16, leader: i32| {
            let mut bytes = vec![0, 0, 0, 1, 0, 0, 0, 2, 19];
            bytes.extend_from_slice(METADATA);
            bytes.extend_from_slice(&[2, 0, 0, 0, 0]);
            bytes.extend_from_slice(&error.to_be_bytes());
            bytes.extend_from_slice(&leader.to_be_bytes());
            bytes.extend_from_slice(&[0, 0, 0, 7]);
            bytes
        };
        assert_eq!(leader_in(&answer(0, 3)), Some(3));
        assert_eq!(leader_in(&answer(0, -1)), None);
        assert_eq!(leader_in(&answer(6, 3)), None);
        assert_eq!(leader_in(&answer(0, 3)[..30]), None);
    }
}
