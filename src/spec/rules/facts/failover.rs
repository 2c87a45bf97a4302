//! How long a failover takes, from measurements and from what the makers say.

/// Sentinel: `down-after-milliseconds` and the milliseconds from SIGKILL of the master until a write
/// was accepted again. Measured on loopback with Redis 7.0 and three Sentinels.
const SENTINEL_MEASURED: [(u64, u64); 3] = [(500, 1_000), (1_000, 2_300), (5_000, 6_200)];

/// Aurora's promise for a failover to a replica: "typically under 60 seconds, often under 30"
/// (Aurora user guide, "High availability for Amazon Aurora").
pub(crate) const AURORA_MS: u64 = 60_000;
pub(crate) const AURORA_OFTEN_MS: u64 = 30_000;

/// Milliseconds until a Sentinel failover is over, between and beyond the measured points by
/// straight lines: what is beyond `down-after` is voting, promotion and reconnecting.
pub(crate) fn sentinel_ms(down_after_ms: u64) -> u64 {
    let [low, middle, high] = SENTINEL_MEASURED;
    let (left, right) = if down_after_ms <= middle.0 {
        (low, middle)
    } else {
        (middle, high)
    };
    if down_after_ms <= low.0 {
        return down_after_ms + (low.1 - low.0);
    }
    left.1 + (down_after_ms - left.0) * (right.1 - left.1) / (right.0 - left.0)
}

/// The largest `down-after-milliseconds` whose failover ends within `limit_ms`; `None` when even
/// 500 ms would not do (less makes Sentinel fail over at every pause of the network).
pub(crate) fn sentinel_down_after_for(limit_ms: u64) -> Option<u64> {
    (5..=100)
        .rev()
        .map(|hundreds| hundreds * 100)
        .find(|down_after| sentinel_ms(*down_after) <= limit_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The estimate goes through the measurements.
    #[test]
    fn the_estimate_meets_the_measurements() {
        for (down_after, measured) in SENTINEL_MEASURED {
            assert_eq!(sentinel_ms(down_after), measured);
        }
        assert!(sentinel_ms(4_000) > sentinel_ms(3_000));
        assert!(sentinel_ms(sentinel_down_after_for(5_000).expect("reachable")) <= 5_000);
        assert_eq!(sentinel_down_after_for(900), None);
    }
}
