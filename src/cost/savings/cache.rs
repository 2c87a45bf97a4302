//! The cache: Valkey in the place of Redis.

use super::patch::Patch;
use super::{Idea, Risk};
use crate::spec::rules::facts::cache as facts;
use crate::spec::{Cache, CacheEngine, Spec, Target};

/// The version that speaks exactly what Redis 7.2 speaks; later ones add to it.
const VERSION: &str = "7.2";

pub(super) fn ideas(spec: &Spec) -> Vec<Idea> {
    let cache = spec.cache.as_ref().filter(|_| spec.target == Target::Aws);
    cache.and_then(valkey).into_iter().collect()
}

fn valkey(cache: &Cache) -> Option<Idea> {
    if cache.engine != CacheEngine::Redis {
        return None;
    }
    let family = facts::parameter_family("valkey", VERSION)?;
    let mut patch = Patch::of("cache.engine", "valkey").ok()?;
    patch = patch.and("cache.engine_version", VERSION).ok()?;
    if cache.parameter_family.is_some() {
        patch = patch.and("cache.parameter_family", family.as_str()).ok()?;
    }
    // The group of the other family has to stand beside the last one while the engine changes.
    if let Some(name) = &cache.parameter_group {
        let other = match name.contains("redis") {
            true => name.replace("redis", "valkey"),
            false => format!("{name}-{family}"),
        };
        patch = patch.and("cache.parameter_group", other).ok()?;
    }
    let what = format!("Valkey {VERSION} instead of Redis {}", cache.engine_version);
    let idea = Idea::new("valkey", what, Risk::Medium, patch)
        .because(
            "ElastiCache changes the engine in place, from Redis 5.0.6 on without downtime and with the same \
             endpoint; there is no way back to Redis but a snapshot taken before",
        )
        .because("Redis' modules and what it added after 7.2 are not there");
    Some(idea)
}
