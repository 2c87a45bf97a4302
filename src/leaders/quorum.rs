//! Asks a broker for the controllers' quorum: Kafka's DescribeQuorum (API key 55, version 0), which the client
//! library doesn't offer.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Who keeps the cluster's metadata.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quorum {
    /// The controller that leads; below 0: none.
    pub leader: i32,
    /// Up to here a majority has it.
    pub high_watermark: i64,
    /// Each voter and how far its log reaches.
    pub voters: Vec<(i32, i64)>,
}

const API_KEY: i16 = 55;
const CORRELATION: i32 = 7;
const LONGEST_ANSWER: i32 = 1 << 20;

impl Quorum {
    /// The controller that leads; none: nobody does.
    pub fn controller(&self) -> Option<i32> {
        Some(self.leader).filter(|leader| *leader >= 0)
    }
}

/// Asks the broker at `endpoint`.
///
/// # Errors
/// When it doesn't answer within `limit`, or not so.
pub async fn describe(endpoint: &str, limit: Duration) -> Result<Quorum, String> {
    let failed = |why: String| format!("{endpoint} does not tell the controllers' quorum: {why}");
    let asked = tokio::time::timeout(limit, ask(endpoint)).await;
    let answer = asked
        .map_err(|_| failed(format!("no answer within {} s", limit.as_secs())))?
        .map_err(|why| failed(why.to_string()))?;
    parse(&answer)
        .ok_or_else(|| failed("its answer can't be read".into()))?
        .map_err(|code| failed(format!("it answers with Kafka's error {code}")))
}

async fn ask(endpoint: &str) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(endpoint).await?;
    stream.write_all(&request()).await?;
    let length = stream.read_i32().await?;
    if !(0..=LONGEST_ANSWER).contains(&length) {
        return Err(std::io::Error::other(format!("an answer of {length} bytes")));
    }
    let mut answer = vec![0; usize::try_from(length).unwrap_or_default()];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

fn request() -> Vec<u8> {
    let client = b"vvbill";
    let topic = b"__cluster_metadata";
    let mut body = Vec::new();
    body.extend(API_KEY.to_be_bytes());
    body.extend(0_i16.to_be_bytes());
    body.extend(CORRELATION.to_be_bytes());
    body.extend((client.len() as i16).to_be_bytes());
    body.extend(client);
    body.push(0); // No tagged fields.
    body.push(2); // One topic: compact arrays and strings count from one.
    body.push(topic.len() as u8 + 1);
    body.extend(topic);
    body.push(2); // One partition.
    body.extend(0_i32.to_be_bytes());
    body.extend([0, 0, 0]); // No tagged fields of partition, topic and request.
    let mut framed = (body.len() as i32).to_be_bytes().to_vec();
    framed.extend(body);
    framed
}

/// `None`: not such an answer. `Err`: Kafka's error code.
fn parse(answer: &[u8]) -> Option<Result<Quorum, i16>> {
    let mut rest = Cursor(answer);
    if rest.int32()? != CORRELATION {
        return None;
    }
    rest.tags()?;
    let code = rest.int16()?;
    if code != 0 {
        return Some(Err(code));
    }
    (rest.array()? == 1).then_some(())?;
    let name = rest.array()?;
    rest.take(name)?;
    (rest.array()? == 1).then_some(())?;
    rest.int32()?;
    let code = rest.int16()?;
    if code != 0 {
        return Some(Err(code));
    }
    let leader = rest.int32()?;
    rest.int32()?;
    let high_watermark = rest.int64()?;
    let mut voters = Vec::new();
    for _ in 0..rest.array()? {
        voters.push((rest.int32()?, rest.int64()?));
        rest.tags()?;
    }
    Some(Ok(Quorum {
        leader,
        high_watermark,
        voters,
    }))
}

/// What is left to be read.
struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn take(&mut self, count: usize) -> Option<&[u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn int16(&mut self) -> Option<i16> {
        Some(i16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    fn int32(&mut self) -> Option<i32> {
        Some(i32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    fn int64(&mut self) -> Option<i64> {
        Some(i64::from_be_bytes(self.take(8)?.try_into().ok()?))
    }

    /// An unsigned number of 7 bits a byte, the lowest first.
    fn varint(&mut self) -> Option<usize> {
        let mut value = 0_usize;
        for shift in (0..28).step_by(7) {
            let byte = self.take(1)?[0];
            value |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// The length of a compact array or string.
    fn array(&mut self) -> Option<usize> {
        self.varint()?.checked_sub(1)
    }

    fn tags(&mut self) -> Option<()> {
        for _ in 0..self.varint()? {
            self.varint()?;
            let length = self.varint()?;
            self.take(length)?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(code: i16, leader: i32) -> Vec<u8> {
        let mut bytes = CORRELATION.to_be_bytes().to_vec();
        bytes.extend([0, 0, 0, 2, 3]); // No tags, no error, one topic of two letters.
        bytes.extend(b"ab");
        bytes.push(2);
        bytes.extend(0_i32.to_be_bytes());
        bytes.extend(code.to_be_bytes());
        bytes.extend(leader.to_be_bytes());
        bytes.extend(9_i32.to_be_bytes());
        bytes.extend(40_i64.to_be_bytes());
        bytes.push(3); // Two voters.
        for (id, end) in [(1_i32, 39_i64), (2, 40)] {
            bytes.extend(id.to_be_bytes());
            bytes.extend(end.to_be_bytes());
            bytes.push(0);
        }
        bytes.extend([1, 0, 0, 0]);
        bytes
    }

    #[test]
    fn an_answer_is_read_and_one_cut_short_is_none() {
        let quorum = Quorum {
            leader: 2,
            high_watermark: 40,
            voters: vec![(1, 39), (2, 40)],
        };
        assert_eq!(parse(&answer(0, 2)), Some(Ok(quorum)));
        assert_eq!(parse(&answer(6, 2)), Some(Err(6)));
        let whole = answer(0, 2);
        for length in 0..whole.len() - 4 {
            assert_eq!(parse(&whole[..length]), None, "{length} bytes");
        }
    }

    #[test]
    fn a_quorum_without_a_leader_has_no_controller() {
        let controller = |leader| {
            let quorum = parse(&answer(0, leader)).expect("an answer").expect("no error");
            quorum.controller()
        };
        assert_eq!((controller(3), controller(-1)), (Some(3), None));
    }
}
