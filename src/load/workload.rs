//! What is sent: a seeded series of events, each a pure function of (workload, index).
//!
//! Nothing is kept, so any number of senders can produce any part of the series, and the same index gives
//! the same bytes when it is sent again. Writes its JSON itself rather than through the service's types: a
//! mistake there is then seen, not repeated. No IO.

use std::fmt::Write as _;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::accounts::{Accounts, Popularity};
use super::clock;

/// A series of events. Two equal workloads produce the same bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Workload {
    /// From which everything random is drawn.
    pub seed: u64,
    /// How many events, good and bad and repeated.
    pub count: u64,
    /// When the series begins, in ms since 1970: occurrences lie in the hour before.
    pub start_ms: i64,
    /// How many accounts are charged.
    pub accounts: u32,
    /// How the events spread over them.
    pub popularity: Popularity,
    /// How many metrics are measured.
    pub metrics: u16,
    /// The share that goes straight into Kafka, in thousandths; the rest goes over HTTP.
    pub kafka_per_mille: u16,
    /// How many of a million are not plain usage.
    pub mix: Mix,
}

impl Workload {
    /// The ids of its accounts: seed and start choose them, so that runs on one platform stay apart.
    pub fn account_ids(&self) -> std::ops::Range<u64> {
        let run = self.seed.rotate_left(32) ^ self.start_ms.cast_unsigned();
        let run = run.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - RUN_BITS);
        let first = (run << ACCOUNT_BITS) + 1;
        first..first + u64::from(self.accounts.max(1))
    }
}

/// How many of a million events are of which sort; the rest is plain usage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mix {
    /// Negative corrections: counted like usage.
    pub corrections: u32,
    /// Usage of past weeks that arrives only now: counted like usage.
    pub belated: u32,
    /// A producer's second sending of the same bytes: dropped.
    pub repeats: u32,
    /// A known identity with another payload: a dead letter.
    pub contradictions: u32,
    /// What can't be understood: refused over HTTP, a dead letter through Kafka.
    pub malformed: u32,
    /// What is too large: HTTP 413, a dead letter through Kafka.
    pub oversized: u32,
    /// What occurred longer ago than may be billed: refused.
    pub expired: u32,
}

impl Mix {
    /// Plain usage alone.
    pub const PLAIN: Self = Self {
        corrections: 0,
        belated: 0,
        repeats: 0,
        contradictions: 0,
        malformed: 0,
        oversized: 0,
        expired: 0,
    };

    /// Some of everything: what a demo shows.
    pub const VARIED: Self = Self {
        corrections: 10_000,
        belated: 1_000,
        repeats: 10_000,
        contradictions: 200,
        malformed: 1_000,
        oversized: 50,
        expired: 200,
    };
}

/// What becomes of an event that arrives once, in any order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Becomes a row.
    Counted {
        /// Millionths.
        quantity: i64,
    },
    /// Its row is already there, or comes with the other one.
    Repeated,
    /// Another payload with this identity wins or has won: a dead letter.
    Contradicted,
    /// Refused over HTTP; a dead letter through Kafka.
    Refused,
    /// Answered by 413 over HTTP; a dead letter through Kafka.
    TooLarge,
    /// Longer ago than may be billed.
    Expired,
}

/// The way an event takes into the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// `POST /v1/events`.
    Http,
    /// The topic itself, as other services of the same company would.
    Kafka,
}

/// One event as it goes over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its place in the series.
    pub index: u64,
    /// The number of its account within the workload.
    pub account: u32,
    /// Its identity within the account.
    pub event_id: Uuid,
    /// What must become of it.
    pub fate: Fate,
    /// JSON on one line, without the line's end.
    pub body: Vec<u8>,
}

/// More than the service takes as an event (16 KiB), less than Kafka takes as a record (1 MB).
const OVERSIZED_BYTES: usize = 20_000;
/// An account's id is a positive 63-bit number: the run above, the account's number below.
const RUN_BITS: u32 = 30;
const ACCOUNT_BITS: u32 = 32;
/// How far back a repeat looks for what it repeats.
const REPEAT_WINDOW: u64 = 20_000;
/// A contradiction contradicts the event that lies so many before it.
const CONTRADICTION_DISTANCE: u64 = 1_009;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Usage,
    Correction,
    Belated,
    Repeat,
    Contradiction,
    Malformed,
    Oversized,
    Expired,
}

/// Produces the events of a workload.
#[derive(Clone, Debug)]
pub struct Series {
    workload: Workload,
    accounts: Accounts,
    random: ChaCha8Rng,
}

impl Series {
    /// Prepares the workload's series.
    pub fn new(workload: &Workload) -> Self {
        Self {
            workload: workload.clone(),
            accounts: Accounts::new(workload.accounts, &workload.popularity),
            random: ChaCha8Rng::seed_from_u64(workload.seed),
        }
    }

    /// The account's id on the wire.
    pub fn account_id(&self, account: u32) -> u64 {
        self.workload.account_ids().start + u64::from(account)
    }

    /// The way that event `index` takes.
    pub fn channel(&self, index: u64) -> Channel {
        let mut random = self.random(index, Purpose::Channel);
        if random.next_u64() % 1_000 < u64::from(self.workload.kafka_per_mille) {
            Channel::Kafka
        } else {
            Channel::Http
        }
    }

    /// Event `index`.
    pub fn item(&self, index: u64) -> Item {
        match self.sort(index) {
            Sort::Repeat => match self.repeated(index) {
                Some(original) => Item {
                    index,
                    fate: Fate::Repeated,
                    ..self.fresh(original, self.sort(original))
                },
                None => self.fresh(index, Sort::Usage),
            },
            Sort::Contradiction => match self.contradicted(index) {
                Some(original) => self.contradict(index, original),
                None => self.fresh(index, Sort::Usage),
            },
            sort => self.fresh(index, sort),
        }
    }

    fn sort(&self, index: u64) -> Sort {
        let mix = &self.workload.mix;
        let sorts = [
            (mix.corrections, Sort::Correction),
            (mix.belated, Sort::Belated),
            (mix.repeats, Sort::Repeat),
            (mix.contradictions, Sort::Contradiction),
            (mix.malformed, Sort::Malformed),
            (mix.oversized, Sort::Oversized),
            (mix.expired, Sort::Expired),
        ];
        let mut draw = self.random(index, Purpose::Sort).next_u64() % 1_000_000;
        for (of_a_million, sort) in sorts {
            if draw < u64::from(of_a_million) {
                return sort;
            }
            draw -= u64::from(of_a_million);
        }
        Sort::Usage
    }

    /// A counted event of the recent past that nothing contradicts: whichever of several sendings comes
    /// first, the same bytes are counted.
    fn repeated(&self, index: u64) -> Option<u64> {
        let mut random = self.random(index, Purpose::Original);
        let window = index.min(REPEAT_WINDOW);
        (0..8).find_map(|_| {
            let original = index.checked_sub(1 + random.next_u64().checked_rem(window)?)?;
            let counts = matches!(
                self.sort(original),
                Sort::Usage | Sort::Correction | Sort::Belated
            );
            let contradicted = self.sort(original + CONTRADICTION_DISTANCE) == Sort::Contradiction;
            (counts && !contradicted).then_some(original)
        })
    }

    fn contradicted(&self, index: u64) -> Option<u64> {
        let original = index.checked_sub(CONTRADICTION_DISTANCE)?;
        (self.sort(original) == Sort::Usage).then_some(original)
    }

    /// The original's identity with other properties. Account and quantity are the same, so that totals
    /// come out the same whichever of the two arrives first.
    fn contradict(&self, index: u64, original: u64) -> Item {
        let original = self.fresh(original, Sort::Usage);
        let text = String::from_utf8_lossy(&original.body);
        let body = text
            .replacen("\"properties\":{", "\"properties\":{\"contradicts\":\"yes\",", 1)
            .into_bytes();
        Item {
            index,
            fate: Fate::Contradicted,
            body,
            ..original
        }
    }

    fn fresh(&self, index: u64, sort: Sort) -> Item {
        let mut random = self.random(index, Purpose::Content);
        let account = self.accounts.draw(&mut random);
        let fields = Fields {
            account_id: self.account_id(account),
            metric: random.next_u64() % u64::from(self.workload.metrics.max(1)),
            quantity: quantity(&mut random, sort),
            occurred_ms: self.occurred_ms(index, &mut random, sort),
            random: random.next_u64(),
            event_id: Uuid::nil(),
        };
        let event_id = event_id(fields.occurred_ms, &mut random);
        let fields = Fields { event_id, ..fields };
        let body = match sort {
            Sort::Malformed => fields.malformed(random.next_u64()),
            Sort::Oversized => fields.json(&"x".repeat(OVERSIZED_BYTES)),
            _ => fields.json("eu-central-1"),
        };
        let fate = match sort {
            Sort::Malformed => Fate::Refused,
            Sort::Oversized => Fate::TooLarge,
            Sort::Expired => Fate::Expired,
            _ => Fate::Counted {
                quantity: fields.quantity,
            },
        };
        Item {
            index,
            account,
            event_id,
            fate,
            body: body.into_bytes(),
        }
    }

    /// Occurrences rise with the index through the hour before the start, a little out of order.
    fn occurred_ms(&self, index: u64, random: &mut ChaCha8Rng, sort: Sort) -> i64 {
        let draw = i64::try_from(random.next_u64() >> 1).expect("63 bits fit");
        let start = self.workload.start_ms;
        match sort {
            Sort::Belated => start - DAY_MS - draw % (32 * DAY_MS),
            Sort::Expired => start - 35 * DAY_MS - draw % (300 * DAY_MS),
            _ => {
                let share = index as f64 / self.workload.count.max(1) as f64;
                start - HOUR_MS + (share * (HOUR_MS - 2_000) as f64) as i64 + draw % 2_000
            }
        }
    }

    fn random(&self, index: u64, purpose: Purpose) -> ChaCha8Rng {
        let mut random = self.random.clone();
        random.set_stream(index * Purpose::COUNT + purpose as u64);
        random
    }
}

/// What random numbers are drawn for: each has a stream of its own.
#[derive(Clone, Copy)]
enum Purpose {
    Sort,
    Channel,
    Original,
    Content,
}

impl Purpose {
    const COUNT: u64 = 4;
}

/// Mostly small whole numbers, some with all six places; corrections are negative.
fn quantity(random: &mut ChaCha8Rng, sort: Sort) -> i64 {
    let draw = random.next_u64();
    let size = i64::try_from(draw >> 32).expect("32 bits fit");
    let quantity = match draw % 10 {
        0 => size % 5_000_000_000 + 1,
        1 | 2 => (size % 10_000 + 1) * 10_000,
        _ => (size % 1_000 + 1) * 1_000_000,
    };
    if sort == Sort::Correction {
        -quantity
    } else {
        quantity
    }
}

/// A UUID of version 7: 48 bits of time, the rest random.
fn event_id(occurred_ms: i64, random: &mut ChaCha8Rng) -> Uuid {
    let mut bytes = [0; 10];
    random.fill_bytes(&mut bytes);
    uuid::Builder::from_unix_timestamp_millis(occurred_ms.unsigned_abs(), &bytes).into_uuid()
}

struct Fields {
    event_id: Uuid,
    account_id: u64,
    metric: u64,
    quantity: i64,
    occurred_ms: i64,
    random: u64,
}

impl Fields {
    fn json(&self, region: &str) -> String {
        self.json_with(&decimal(self.quantity, self.random & 1 == 1), region)
    }

    fn json_with(&self, quantity: &str, region: &str) -> String {
        let Self {
            event_id,
            account_id,
            metric,
            ..
        } = self;
        let occurred_at = self.occurred_at();
        format!(
            "{{\"event_id\":\"{event_id}\",\"account_id\":{account_id},\"metric\":\"metric-{metric:02}\",\
             \"quantity\":{quantity},\"occurred_at\":{occurred_at},\"properties\":{{\"region\":\"{region}\"}}}}"
        )
    }

    /// Both forms that the service takes: RFC 3339 and milliseconds.
    fn occurred_at(&self) -> String {
        if self.random & 2 == 2 {
            self.occurred_ms.to_string()
        } else {
            format!("\"{}\"", clock::rfc3339(self.occurred_ms))
        }
    }

    /// One of the ways in which an event can't be understood.
    fn malformed(&self, draw: u64) -> String {
        let good = self.json("eu-central-1");
        match draw % 9 {
            0 => good[..good.len() / 2].to_owned(),
            1 => good.replace("\"event_id\"", "\"id\""),
            2 => good.replace(&self.event_id.to_string(), "not-a-uuid"),
            3 => good.replace(&self.account_id.to_string(), "0"),
            4 => self.json_with("\"1.0000001\"", "eu-central-1"),
            5 => self.json_with("\"9223372036854.775808\"", "eu-central-1"),
            6 => self.json_with("\"NaN\"", "eu-central-1"),
            7 => good.replace(&self.occurred_at(), "\"yesterday\""),
            _ => format!("{} trailing", good),
        }
    }
}

/// Millionths as a decimal without needless places, as a JSON number or as a string.
fn decimal(millionths: i64, quoted: bool) -> String {
    let mut text = String::with_capacity(24);
    let magnitude = millionths.unsigned_abs();
    let sign = if millionths < 0 { "-" } else { "" };
    let (whole, rest) = (magnitude / 1_000_000, magnitude % 1_000_000);
    write!(text, "{sign}{whole}").expect("writing to a String cannot fail");
    if rest > 0 {
        let places = format!(".{rest:06}");
        text.push_str(places.trim_end_matches('0'));
    }
    if quoted { format!("\"{text}\"") } else { text }
}
