//! Looks for markers in the shards' rows.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::Trouble;
use super::markers::{Acknowledged, Found, Markers};
use crate::endpoints::Endpoints;
use crate::load::shards::Shards;

/// What is there of them now; what is lost has no time, as nobody knows any more when it was acknowledged.
pub async fn read_back(endpoints: &Endpoints, markers: &Markers) -> Result<Found, Trouble> {
    find(endpoints, markers, |_, _| Duration::ZERO).await
}

/// The same, where it is known how long before the fault each was acknowledged.
pub(super) async fn read(
    endpoints: &Endpoints,
    markers: &Markers,
    acknowledged: &[Acknowledged],
    fault: Duration,
) -> Result<Found, Trouble> {
    let times: HashMap<(u64, u32), Duration> = acknowledged
        .iter()
        .map(|one| ((one.account, one.number), one.at))
        .collect();
    let before_fault = |account: u64, number: u32| {
        let at = times.get(&(account, number)).copied().unwrap_or(fault);
        fault.saturating_sub(at)
    };
    find(endpoints, markers, before_fault).await
}

async fn find(
    endpoints: &Endpoints,
    markers: &Markers,
    before_fault: impl Fn(u64, u32) -> Duration,
) -> Result<Found, Trouble> {
    let shards = Shards::connect(endpoints).await?;
    let accounts: HashSet<u64> = markers.accounts.iter().map(|account| account.id).collect();
    let rows = shards.ids(&accounts).await?;
    Ok(markers.compare(&rows, before_fault))
}
