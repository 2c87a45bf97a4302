//! Seeded events, with an account kept of what must come out.

use rand::{RngExt, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

/// One record: an account (its key) and a JSON event.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) account: u64,
    pub(crate) json: String,
}

/// Makes events, and knows what they add up to.
pub(crate) struct Generator {
    random: ChaCha8Rng,
    pub(crate) accounts: u64,
    /// Each distinct event.
    sent: Vec<Record>,
    /// Distinct events, and the sum of their quantities in millionths.
    pub(crate) distinct: i64,
    pub(crate) repeats: i64,
    pub(crate) by_account: BTreeMap<u64, (i64, i128)>,
}

const METRICS: [&str; 3] = ["api.calls", "storage.gb_hours", "egress.gb"];

impl Generator {
    /// Prints the seed, which `VVBILL_TEST_SEED` sets.
    pub(crate) fn new(test: &str, accounts: u64) -> Self {
        let given = std::env::var("VVBILL_TEST_SEED")
            .ok()
            .and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| rand::rng().random());
        eprintln!("{test}: seed {seed} (VVBILL_TEST_SEED={seed} repeats it)");
        Self {
            random: ChaCha8Rng::seed_from_u64(seed),
            accounts,
            sent: Vec::new(),
            distinct: 0,
            repeats: 0,
            by_account: BTreeMap::new(),
        }
    }

    /// `count` records, one in `one_in` a repeat of an earlier one.
    pub(crate) fn batch(&mut self, count: usize, one_in: u32) -> Vec<Record> {
        (0..count).map(|_| self.next(one_in)).collect()
    }

    fn next(&mut self, one_in: u32) -> Record {
        if !self.sent.is_empty() && self.random.random_ratio(1, one_in) {
            self.repeats += 1;
            return self.sent.choose(&mut self.random).unwrap().clone();
        }
        let record = self.fresh();
        self.sent.push(record.clone());
        record
    }

    fn fresh(&mut self) -> Record {
        let account = self.random.random_range(1..=self.accounts);
        let millionths = self.random.random_range(-2_000_000_i64..50_000_000);
        let now = jiff::Timestamp::now().as_millisecond();
        let occurred = now - self.random.random_range(0..6 * 3_600_000);
        let id = self.id(now);
        let metric = METRICS.choose(&mut self.random).unwrap();
        let quantity = vvbill_ingest::event::format_millionths(millionths.into());
        let json = format!(
            r#"{{"event_id":"{id}","account_id":{account},"metric":"{metric}","quantity":"{quantity}","occurred_at":{occurred}}}"#
        );
        self.distinct += 1;
        let sum = self.by_account.entry(account).or_default();
        *sum = (sum.0 + 1, sum.1 + i128::from(millionths));
        Record { account, json }
    }

    /// A UUIDv7 of this moment, whose random part comes from the seed.
    pub(crate) fn id(&mut self, millis: i64) -> uuid::Uuid {
        let random: [u8; 10] = self.random.random();
        uuid::Builder::from_unix_timestamp_millis(millis as u64, &random).into_uuid()
    }

    /// Event id → account and quantity in millionths, of each distinct event.
    pub(crate) fn rows(&self) -> BTreeMap<String, (i64, i64)> {
        let row = |record: &Record| {
            let event = vvbill_ingest::event::parse(record.json.as_bytes()).unwrap();
            let id = uuid::Uuid::from_bytes(*event.id.as_bytes()).to_string();
            (id, (event.account.get(), event.quantity.millionths()))
        };
        self.sent.iter().map(row).collect()
    }

    pub(crate) fn total(&self) -> i128 {
        self.by_account.values().map(|(_, sum)| sum).sum()
    }

    /// For choices of the test's own.
    pub(crate) fn random(&mut self) -> &mut ChaCha8Rng {
        &mut self.random
    }

    pub(crate) fn pause_ms(&mut self, range: std::ops::Range<u64>) -> u64 {
        self.random.random_range(range)
    }
}
