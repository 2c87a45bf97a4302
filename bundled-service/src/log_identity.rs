//! Which log offsets speak of: the cluster's id and the topic's id.
//!
//! A topic that was deleted and made anew has the same name and other records; only its id tells.
//! librdkafka's safe interface does not give the id away, so this asks a broker itself (Metadata,
//! version 12, KIP-516). It does nothing else with Kafka.

use std::{
    io::{self, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    time::{Duration, Instant},
};
use uuid::Uuid;

/// A log: offsets are comparable only within one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogIdentity {
    pub cluster_id: String,
    pub topic_id: Uuid,
    pub topic: String,
}

#[derive(Debug, thiserror::Error)]
pub enum LogIdentityError {
    #[error("no broker of {brokers} answered: {last}")]
    Unreachable { brokers: String, last: io::Error },
    #[error("the topic {0} does not exist; make it with `vvbill-ingest migrate --create-topics`")]
    NoTopic(String),
    #[error("the broker answered for topic {topic} with Kafka error code {code}")]
    Kafka { topic: String, code: i16 },
}

const TIMEOUT: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(100);
const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
/// A metadata answer for one topic is a few kilobytes; anything far above is no Kafka broker.
const MAX_ANSWER_BYTES: usize = 16 << 20;

impl LogIdentity {
    /// Asks the brokers until one answers; a topic that was made a moment ago, or a broker that has
    /// just started, gets a few seconds to be known. Blocks.
    pub fn fetch(brokers: &str, topic: &str) -> Result<Self, LogIdentityError> {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            match Self::fetch_once(brokers, topic) {
                Err(LogIdentityError::NoTopic(_)) if Instant::now() < deadline => {
                    std::thread::sleep(PAUSE);
                }
                other => return other,
            }
        }
    }

    /// Asks the brokers (`host:port,…`) one after the other, once. Blocks, for seconds at most each.
    pub fn fetch_once(brokers: &str, topic: &str) -> Result<Self, LogIdentityError> {
        let mut last = io::Error::new(io::ErrorKind::InvalidInput, "no broker is named");
        for broker in brokers.split(',') {
            match ask(broker.trim(), topic) {
                Ok((0, cluster_id, topic_id)) => {
                    return Ok(Self {
                        cluster_id,
                        topic_id,
                        topic: topic.to_owned(),
                    });
                }
                Ok((UNKNOWN_TOPIC_OR_PARTITION, ..)) => {
                    return Err(LogIdentityError::NoTopic(topic.to_owned()));
                }
                Ok((code, ..)) => {
                    return Err(LogIdentityError::Kafka {
                        topic: topic.to_owned(),
                        code,
                    });
                }
                Err(error) => last = error,
            }
        }
        Err(LogIdentityError::Unreachable {
            brokers: brokers.to_owned(),
            last,
        })
    }
}

fn ask(broker: &str, topic: &str) -> io::Result<(i16, String, Uuid)> {
    let mut stream = connect(broker)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let mut request = Vec::new();
    request.extend_from_slice(&3_i16.to_be_bytes()); // Metadata
    request.extend_from_slice(&12_i16.to_be_bytes()); // version
    request.extend_from_slice(&1_i32.to_be_bytes()); // correlation id
    request.extend_from_slice(&(-1_i16).to_be_bytes()); // no client id
    request.push(0); // no tagged fields in the header
    request.push(2); // one topic (compact arrays count from one)
    request.extend_from_slice(&[0; 16]); // asked for by name, not by id
    write_unsigned(&mut request, topic.len() as u32 + 1);
    request.extend_from_slice(topic.as_bytes());
    request.extend_from_slice(&[0, 0, 0, 0]); // tags, no auto-creation, no operations, tags
    stream.write_all(&(request.len() as u32).to_be_bytes())?;
    stream.write_all(&request)?;
    let mut size = [0; 4];
    stream.read_exact(&mut size)?;
    let size = u32::from_be_bytes(size) as usize;
    if size > MAX_ANSWER_BYTES {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "this is no Kafka broker",
        ));
    }
    let mut answer = vec![0; size];
    stream.read_exact(&mut answer)?;
    let truncated = || io::Error::new(io::ErrorKind::InvalidData, "the broker's answer is cut short");
    Answer(&answer).metadata().ok_or_else(truncated)
}

fn connect(broker: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, format!("{broker} has no address"));
    for address in broker.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, TIMEOUT) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn write_unsigned(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push((value as u8 & 0x7f) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// What is left to read of an answer; `None` where it ends too soon.
struct Answer<'a>(&'a [u8]);

impl Answer<'_> {
    /// Error code and id of the first topic, and the cluster's id.
    fn metadata(&mut self) -> Option<(i16, String, Uuid)> {
        self.bytes(4)?; // correlation id
        self.skip_tags()?;
        self.bytes(4)?; // throttle time
        for _ in 1..self.unsigned()? {
            self.bytes(4)?; // node id
            self.string()?; // host
            self.bytes(4)?; // port
            self.string()?; // rack
            self.skip_tags()?;
        }
        let cluster_id = self.string()?;
        self.bytes(4)?; // controller
        self.unsigned()?; // topics: one
        let code = i16::from_be_bytes(self.bytes(2)?.try_into().ok()?);
        self.string()?; // name
        let topic_id = Uuid::from_slice(self.bytes(16)?).ok()?;
        Some((code, cluster_id, topic_id))
    }

    fn bytes(&mut self, count: usize) -> Option<&[u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn unsigned(&mut self) -> Option<usize> {
        let mut value = 0;
        for shift in (0..35).step_by(7) {
            let byte = self.bytes(1)?[0];
            value |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// A compact string; null reads as empty.
    fn string(&mut self) -> Option<String> {
        let length = self.unsigned()?.saturating_sub(1);
        String::from_utf8(self.bytes(length)?.to_vec()).ok()
    }

    fn skip_tags(&mut self) -> Option<()> {
        for _ in 0..self.unsigned()? {
            self.unsigned()?;
            let length = self.unsigned()?;
            self.bytes(length)?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer that ends anywhere is an error, never a panic.
    #[test]
    fn a_short_answer_is_refused() {
        let bytes = [
            0, 0, 0, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1, 3, b'h', b'x', 0, 0, 35, 132, 0, 0, 4,
        ];
        for end in 0..bytes.len() {
            assert!(Answer(&bytes[..end]).metadata().is_none());
        }
    }
}
