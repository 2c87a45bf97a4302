//! Aurora PostgreSQL: versions, parameters and their units.
//!
//! Versions: `DescribeDBEngineVersions` as cfn-lint 1.58 (October 2026) carries it, with its list of
//! deprecated ones. Parameters: the Aurora user guide, "Aurora PostgreSQL parameters", and what
//! `DescribeDBClusterParameters` answers for the family aurora-postgresql14.

/// Versions that a new cluster accepts, oldest first.
pub(crate) const OFFERED: &[&str] = &[
    "13.9", "13.23", "14.6", "14.17", "14.18", "14.19", "14.20", "14.22", "14.23", "14.24", "15.10", "15.12",
    "15.13", "15.14", "15.15", "15.17", "15.18", "15.19", "16.8", "16.9", "16.10", "16.11", "16.13", "16.14",
    "16.15", "17.4", "17.5", "17.6", "17.7", "17.9", "17.10", "17.11", "18.3", "18.4", "18.6",
];

/// Versions that once existed and that no new cluster accepts.
pub(crate) const DEPRECATED: &[&str] = &[
    "13.3", "13.4", "13.5", "13.6", "13.7", "13.8", "13.10", "13.11", "13.12", "13.13", "13.14", "13.15",
    "13.16", "13.18", "13.20", "13.21", "13.22", "14.3", "14.4", "14.5", "14.7", "14.8", "14.9", "14.10",
    "14.11", "14.12", "14.13", "14.15", "15.2", "15.3", "15.4", "15.5", "15.6", "15.7", "15.8", "16.1",
    "16.2", "16.3", "16.4", "16.6",
];

/// Whether AWS takes a version for a new cluster, as far as the tables go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Offered,
    Deprecated,
    /// In neither table: mistyped, or newer than they are.
    Unknown,
}

/// Looks a version up; 12 and older are deprecated as a whole.
pub(crate) fn standing(version: &str) -> Standing {
    if OFFERED.contains(&version) {
        Standing::Offered
    } else if DEPRECATED.contains(&version) || major(version).is_some_and(|major| major < 13) {
        Standing::Deprecated
    } else {
        Standing::Unknown
    }
}

/// The offered versions with the same major number, oldest first.
pub(crate) fn offered_of(version: &str) -> Vec<&'static str> {
    let wanted = major(version);
    OFFERED
        .iter()
        .copied()
        .filter(|offered| major(offered) == wanted)
        .collect()
}

/// `15.4` → 15.
pub(crate) fn major(version: &str) -> Option<u32> {
    version.split('.').next()?.parse().ok()
}

/// Parameters of Aurora's cluster parameter group that need a reboot (`ApplyType: static`).
pub(crate) const STATIC_PARAMETERS: &[&str] = &[
    "autovacuum_freeze_max_age",
    "autovacuum_max_workers",
    "max_connections",
    "max_locks_per_transaction",
    "max_prepared_transactions",
    "max_replication_slots",
    "max_wal_senders",
    "max_worker_processes",
    "rds.logical_replication",
    "shared_buffers",
    "shared_preload_libraries",
    "track_activity_query_size",
    "wal_buffers",
];

/// Parameters of community PostgreSQL that Aurora, whose storage writes no local WAL, doesn't offer.
pub(crate) const ABSENT_PARAMETERS: &[&str] = &[
    "archive_command",
    "archive_mode",
    "archive_timeout",
    "checkpoint_completion_target",
    "checkpoint_timeout",
    "data_directory",
    "full_page_writes",
    "hba_file",
    "max_wal_size",
    "min_wal_size",
    "recovery_target_time",
    "restore_command",
    "wal_keep_size",
    "wal_level",
    "wal_sync_method",
];

/// Parameters counted in pages of 8 kB, and the largest number PostgreSQL takes for them.
pub(crate) const PAGE_PARAMETERS: &[(&str, u64)] = &[
    ("shared_buffers", 1_073_741_823),
    ("effective_cache_size", 2_147_483_647),
    ("temp_buffers", 1_073_741_823),
];

/// Bytes of a page.
pub(crate) const PAGE_BYTES: u64 = 8_192;

/// Largest `max_connections` that Aurora accepts.
pub(crate) const MAX_CONNECTIONS_LIMIT: u64 = 262_143;

/// Aurora's own `max_connections`: `LEAST({DBInstanceClassMemory/9531392},5000)`.
pub(crate) const fn default_max_connections(memory_bytes: u64) -> u64 {
    let by_memory = memory_bytes / 9_531_392;
    if by_memory < 5_000 { by_memory } else { 5_000 }
}

/// The value of a parameter on an instance with `memory_bytes`: a plain number, or one of AWS's
/// formulas of the form `{DBInstanceClassMemory*3/32768}` (products and quotients only).
pub(crate) fn evaluate(value: &str, memory_bytes: u64) -> Option<u64> {
    let text = value.trim();
    let Some(formula) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
        return text.parse().ok();
    };
    let mut result: u128 = 1;
    let mut divide = false;
    let mut rest = formula;
    loop {
        let end = rest.find(['*', '/']).unwrap_or(rest.len());
        let factor: u128 = match rest[..end].trim() {
            "DBInstanceClassMemory" => u128::from(memory_bytes),
            number => number.parse().ok()?,
        };
        result = if divide {
            result.checked_div(factor)?
        } else {
            result.checked_mul(factor)?
        };
        if end == rest.len() {
            return u64::try_from(result).ok();
        }
        divide = rest.as_bytes()[end] == b'/';
        rest = &rest[end + 1..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB_64: u64 = 64 << 30;

    /// The specification's `shared_buffers` asks for 128 TiB on a machine of 64 GiB.
    #[test]
    fn formulas_are_evaluated() {
        let pages = evaluate("{DBInstanceClassMemory/4}", GIB_64).expect("a formula");
        assert_eq!(pages * PAGE_BYTES, 128 << 40);
        assert_eq!(
            evaluate("{DBInstanceClassMemory/32768}", GIB_64).map(|it| it * PAGE_BYTES),
            Some(16 << 30)
        );
        assert_eq!(evaluate("{DBInstanceClassMemory*3/4}", GIB_64), Some(48 << 30));
        assert_eq!(evaluate("2000", 0), Some(2_000));
        assert_eq!(
            evaluate("LEAST({DBInstanceClassMemory/9531392},5000)", GIB_64),
            None
        );
        assert_eq!(evaluate("{DBInstanceClassMemory/0}", GIB_64), None);
    }

    /// A version in both tables would be refused and suggested at once.
    #[test]
    fn no_version_is_both_offered_and_deprecated() {
        assert!(OFFERED.iter().all(|version| !DEPRECATED.contains(version)));
        assert_eq!(standing("15.4"), Standing::Deprecated);
        assert_eq!(standing("15.19"), Standing::Offered);
        assert_eq!(standing("12.9"), Standing::Deprecated);
        assert_eq!(standing("19.1"), Standing::Unknown);
    }
}
