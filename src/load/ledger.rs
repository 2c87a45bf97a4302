//! What must be in the platform once a workload has gone in: worked out from the workload alone.
//!
//! Holds totals, never events: its size depends on the number of accounts. No IO.

use uuid::Uuid;

use super::workload::{Channel, Fate, Series, Workload};

/// The account that a workload makes of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ledger {
    /// By account number.
    pub accounts: Vec<Total>,
    /// How many of each sort were sent each way.
    pub http: Sent,
    /// The same for Kafka.
    pub kafka: Sent,
}

/// What one account, shard or run comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Total {
    /// Rows.
    pub events: u64,
    /// Σ quantity in millionths.
    pub quantity: i128,
    /// Sum of the ids, wrapping: shows a lost event that another one's double hides.
    pub ids: u128,
}

/// What was sent over one channel, by what becomes of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Events that become rows.
    pub counted: u64,
    /// Second sendings of the same bytes.
    pub repeated: u64,
    /// Known identities with another payload.
    pub contradicted: u64,
    /// What can't be understood.
    pub refused: u64,
    /// What is too large.
    pub too_large: u64,
    /// What occurred too long ago.
    pub expired: u64,
}

impl Ledger {
    /// Goes through the whole series once, by a third of a microsecond an event.
    pub fn of(workload: &Workload) -> Self {
        let series = Series::new(workload);
        let accounts = vec![Total::default(); workload.accounts.max(1) as usize];
        let mut ledger = Self {
            accounts,
            http: Sent::default(),
            kafka: Sent::default(),
        };
        for index in 0..workload.count {
            let item = series.item(index);
            match series.channel(index) {
                Channel::Http => ledger.http.count(item.fate),
                Channel::Kafka => ledger.kafka.count(item.fate),
            }
            if let Fate::Counted { quantity } = item.fate {
                ledger.accounts[item.account as usize].add(item.event_id, quantity);
            }
        }
        ledger
    }

    /// Everything that must become a row.
    pub fn total(&self) -> Total {
        self.accounts.iter().copied().sum()
    }
}

impl Total {
    /// Counts one event.
    pub fn add(&mut self, event_id: Uuid, quantity: i64) {
        self.events += 1;
        self.quantity += i128::from(quantity);
        self.ids = self.ids.wrapping_add(event_id.as_u128());
    }
}

impl std::iter::Sum for Total {
    fn sum<I: Iterator<Item = Self>>(totals: I) -> Self {
        totals.fold(Self::default(), |sum, total| Self {
            events: sum.events + total.events,
            quantity: sum.quantity + total.quantity,
            ids: sum.ids.wrapping_add(total.ids),
        })
    }
}

impl Sent {
    /// Events of whatever sort.
    pub fn events(&self) -> u64 {
        self.counted + self.repeated + self.contradicted + self.refused + self.too_large + self.expired
    }

    fn count(&mut self, fate: Fate) {
        let counter = match fate {
            Fate::Counted { .. } => &mut self.counted,
            Fate::Repeated => &mut self.repeated,
            Fate::Contradicted => &mut self.contradicted,
            Fate::Refused => &mut self.refused,
            Fate::TooLarge => &mut self.too_large,
            Fate::Expired => &mut self.expired,
        };
        *counter += 1;
    }
}
