//! What ElastiCache has on offer: a question that changes nothing, for who checks a plan before it is applied.

use std::collections::BTreeSet;

use super::super::Region;
use super::super::error::Call;
use super::replication_read::canonical;
use crate::provider::ProviderError;

/// The versions of `engine`, `redis` or `valkey`, in the region, as a plan names them: `7.0`.
pub async fn cache_engine_versions(cloud: &Region, engine: &str) -> Result<BTreeSet<String>, ProviderError> {
    let mut found = BTreeSet::new();
    let mut marker = None;
    loop {
        let request = cloud
            .elasticache()
            .describe_cache_engine_versions()
            .engine(engine);
        let answer = request.set_marker(marker).send().await;
        let page = answer.called("elasticache:DescribeCacheEngineVersions")?;
        let versions = page.cache_engine_versions.unwrap_or_default().into_iter();
        found.extend(versions.filter_map(|it| it.engine_version.as_deref().map(canonical)));
        marker = page.marker.filter(|marker| !marker.is_empty());
        if marker.is_none() {
            return Ok(found);
        }
    }
}
