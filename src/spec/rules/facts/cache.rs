//! ElastiCache: engines, node types, parameters.
//!
//! Node memory: ElastiCache's "Supported node types" and `maxmemory` in "Redis OSS node-type
//! specific parameters". Versions: `DescribeCacheEngineVersions` as cfn-lint 1.58 (October 2026)
//! carries it.

/// What ElastiCache keeps back by default (`reserved-memory-percent`), for replication and backup.
pub(crate) const RESERVED_MEMORY_PERCENT: u64 = 25;

/// How many clients a node takes; no parameter group changes it.
pub(crate) const MAX_CLIENTS: u64 = 65_000;

/// Versions that a new replication group accepts; `7.x` style names count as their newest.
pub(crate) const REDIS_VERSIONS: &[&str] = &["4.0.10", "5.0.6", "6.0", "6.2", "7.0", "7.1"];
pub(crate) const VALKEY_VERSIONS: &[&str] = &["7.2", "8.0", "8.1", "8.2", "9.0", "9.1"];

/// Parameters that exist but that no parameter group can change.
pub(crate) const FIXED_PARAMETERS: &[&str] = &[
    "maxclients",
    "appendonly",
    "appendfsync",
    "bind",
    "dir",
    "maxmemory",
    "port",
    "save",
    "tcp-backlog",
    "requirepass",
    "masterauth",
    "replicaof",
];

/// The family of parameter groups that an engine's version belongs to: `redis7`, `valkey8`.
pub(crate) fn parameter_family(engine: &str, version: &str) -> Option<String> {
    let (major, rest) = version.split_once('.')?;
    Some(match (engine, major) {
        ("redis", "6") => "redis6.x".to_owned(),
        ("redis", "4" | "5") => format!("redis{major}.{}", rest.split('.').next()?),
        ("redis" | "valkey", _) => format!("{engine}{major}"),
        _ => return None,
    })
}

/// Family, then MiB of memory of large, xlarge, 2xlarge, 4xlarge, 8xlarge, 12xlarge, 16xlarge.
const MEMORY_MIB: &[(&str, [u64; 7])] = &[
    ("m6g", [6_533, 13_240, 26_665, 53_514, 106_168, 160_891, 214_579]),
    ("m7g", [6_533, 13_240, 26_665, 53_514, 106_168, 160_891, 214_579]),
    (
        "r6g",
        [13_384, 26_952, 54_088, 108_349, 214_579, 325_396, 429_148],
    ),
    (
        "r7g",
        [13_384, 26_952, 54_088, 108_349, 214_579, 325_396, 429_148],
    ),
];
const SIZES: [&str; 7] = [
    "large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge",
];

/// MiB of memory of the small ones.
const BURSTABLE_MIB: &[(&str, u64)] = &[("micro", 512), ("small", 1_403), ("medium", 3_164)];

/// `cache.r6g.xlarge` → 26,952 MiB (26.32 GiB), before the reserve.
pub(crate) fn node_memory_mib(node_type: &str) -> Option<u64> {
    let (family, size) = node_type.strip_prefix("cache.")?.split_once('.')?;
    if matches!(family, "t3" | "t4g") {
        return BURSTABLE_MIB.iter().find(|row| row.0 == size).map(|row| row.1);
    }
    let (_, memory) = MEMORY_MIB.iter().find(|row| row.0 == family)?;
    let at = SIZES.iter().position(|name| *name == size)?;
    Some(memory[at])
}

/// What one node holds of data: its memory less the reserve.
pub(crate) fn usable_memory_mib(node_type: &str) -> Option<u64> {
    node_memory_mib(node_type).map(|memory| memory * (100 - RESERVED_MEMORY_PERCENT) / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two figures that are often quoted: 26.32 GiB, of which 19.7 are usable.
    #[test]
    fn the_specifications_node_holds_19_gib() {
        let memory = node_memory_mib("cache.r6g.xlarge").expect("known");
        assert_eq!((memory * 100 + 512) / 1_024, 2_632);
        assert_eq!(
            usable_memory_mib("cache.r6g.xlarge").expect("known") * 10 / 1_024,
            197
        );
        assert_eq!(parameter_family("redis", "7.0").as_deref(), Some("redis7"));
        assert_eq!(parameter_family("redis", "6.2").as_deref(), Some("redis6.x"));
        assert_eq!(parameter_family("valkey", "8.1").as_deref(), Some("valkey8"));
    }
}
