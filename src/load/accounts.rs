//! Which account an event is charged to: all alike, or few with most of it. Pure.

use std::sync::Arc;

use rand_chacha::rand_core::Rng;
use serde::{Deserialize, Serialize};

/// How events spread over accounts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Popularity {
    /// Each as likely as any other.
    Uniform,
    /// The n-th account's share falls with the n-th power given here (1.1 is usual).
    Zipf(f64),
}

/// Draws account numbers.
#[derive(Clone, Debug)]
pub(super) struct Accounts {
    count: u32,
    /// For Zipf: the summed shares up to each account, rising to 1.
    shares: Arc<[f64]>,
}

impl Accounts {
    pub(super) fn new(count: u32, popularity: &Popularity) -> Self {
        let count = count.max(1);
        let shares = match popularity {
            Popularity::Uniform => Arc::from([]),
            Popularity::Zipf(power) => summed_shares(count, *power),
        };
        Self { count, shares }
    }

    pub(super) fn draw(&self, random: &mut impl Rng) -> u32 {
        let draw = random.next_u64();
        if self.shares.is_empty() {
            return u32::try_from(draw % u64::from(self.count)).expect("less than a u32");
        }
        let point = (draw >> 11) as f64 / (1_u64 << 53) as f64;
        let account = self.shares.partition_point(|share| *share <= point);
        u32::try_from(account)
            .expect("as many shares as accounts")
            .min(self.count - 1)
    }
}

fn summed_shares(count: u32, power: f64) -> Arc<[f64]> {
    let mut sum = 0.0;
    let mut shares: Vec<f64> = Vec::new();
    for rank in 1..=count {
        sum += f64::from(rank).powf(-power);
        shares.push(sum);
    }
    shares.iter().map(|share| share / sum).collect()
}
