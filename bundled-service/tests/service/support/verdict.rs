//! What must hold after any fault, told from rows and answers that are read back.

use super::{api::Client, events::Generator, eventually, world::World};
use serde_json::Value;
use std::collections::BTreeMap;
use vvbill_ingest::event::Quantity;

impl World {
    /// Within so many seconds each event is exactly one row with its account and quantity, rollups are the sums of
    /// rows, and usage is what was sent; then each record is accounted for.
    pub(crate) fn assert_right(&self, generator: &Generator, client: &Client, seconds: u64) {
        self.wait_until_durable(seconds);
        self.assert_rows(generator);
        wait_for_usage(client, generator, seconds);
        self.assert_reconciled();
    }

    /// Each event is one row, and rollups are their sums.
    pub(crate) fn assert_rows(&self, generator: &Generator) {
        let (expected, found) = (generator.rows(), self.rows());
        let lost: Vec<_> = expected.keys().filter(|id| !found.contains_key(*id)).collect();
        assert!(
            lost.is_empty(),
            "{} of {} are not there: {:?}",
            lost.len(),
            expected.len(),
            lost.first()
        );
        assert!(found == expected, "rows differ from what was sent");
        assert_eq!(self.ledger(), (generator.distinct, generator.total()));
        self.assert_rollups();
    }

    /// Id → account and quantity of each row. A second row of an event fails.
    fn rows(&self) -> BTreeMap<String, (i64, i64)> {
        let mut rows = BTreeMap::new();
        for shard in 0..2 {
            let sql = "select event_id::text, account_id, quantity from events";
            for row in self.database(shard).query(sql) {
                let doubled = rows.insert(row.get(0), (row.get(1), row.get(2)));
                assert!(doubled.is_none(), "{} has two rows", row.get::<_, &str>(0));
            }
        }
        rows
    }

    pub(crate) fn assert_rollups(&self) {
        for shard in 0..2 {
            let sql = "select count(*) from (select account_id, metric, date_trunc('hour', occurred_at) h, \
                       sum(quantity) q, count(*) n from events group by 1, 2, 3) r \
                       full join usage_hourly u on u.account_id = r.account_id and u.metric = r.metric \
                       and u.hour = r.h where r.q is distinct from u.quantity or r.n is distinct from u.events";
            assert_eq!(self.database(shard).number(sql), 0, "rollups of shard {shard}");
        }
    }
}

/// Waits until the API says of every account what was sent.
pub(crate) fn wait_for_usage(client: &Client, generator: &Generator, seconds: u64) {
    let mut wrong = String::new();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(seconds);
    eventually("usage is answered", seconds, || {
        let right = generator.by_account.iter().all(|(account, expected)| {
            let found = usage(client, *account);
            wrong = format!("account {account}: {found:?}, not {expected:?}");
            found == Some(*expected)
        });
        assert!(right || std::time::Instant::now() < deadline, "{wrong}");
        right.then_some(())
    });
}

/// Events and millionths of the last day; `None` when the API can't say.
pub(crate) fn usage(client: &Client, account: u64) -> Option<(i64, i128)> {
    let answer = client.get(&format!("/v1/accounts/{account}/usage?granularity=total"))?;
    if answer.status != 200 {
        return None;
    }
    let mut sum = (0, 0);
    for part in answer.json()["usage"].as_array()? {
        let quantity = Quantity::parse(part["quantity"].as_str()?).ok()?;
        sum.0 += part["events"].as_i64()?;
        sum.1 += i128::from(quantity.millionths());
    }
    Some(sum)
}

/// Is usage answered by Redis or by Postgres?
pub(crate) fn source(client: &Client, account: u64) -> Option<String> {
    let answer = client.get(&format!("/v1/accounts/{account}/usage?granularity=total"))?;
    let source: &Value = &answer.json()["source"];
    source.as_str().map(str::to_owned)
}
