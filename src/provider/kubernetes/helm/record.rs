//! Helm's record of a release, as it keeps it in the cluster: a Secret for each revision.

use std::io::Read;

use base64::prelude::{BASE64_STANDARD, Engine};
use flate2::read::GzDecoder;
use serde::Deserialize;
use serde_json::Value;

use super::super::standing::Standing;
use crate::provider::ProviderError;

/// The most that a record may unpack to: a chart with everything in it is a few megabytes at most.
const LARGEST: u64 = 64 << 20;

/// The newest revision of a release.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct Release {
    pub(super) info: Info,
    pub(super) chart: Chart,
    /// The values that were given.
    #[serde(default)]
    pub(super) config: Value,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct Info {
    /// `deployed`, `failed`, `pending-install`, …
    pub(super) status: String,
    #[serde(default)]
    pub(super) description: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct Chart {
    pub(super) metadata: Metadata,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct Metadata {
    pub(super) name: String,
    pub(super) version: String,
}

/// Looks it up; `None`: there is no such release, or it was uninstalled.
pub(super) async fn read(
    cluster: &Standing,
    namespace: &str,
    name: &str,
) -> Result<Option<Release>, ProviderError> {
    let labels = format!("owner=helm,name={name}");
    let revisions = cluster.list("v1", "Secret", Some(namespace), &labels).await?;
    let number = |secret: &Value| -> u64 {
        let text = secret["metadata"]["labels"]["version"].as_str();
        text.and_then(|text| text.parse().ok()).unwrap_or_default()
    };
    let Some(newest) = revisions.iter().max_by_key(|secret| number(secret)) else {
        return Ok(None);
    };
    let release = newest["data"]["release"]
        .as_str()
        .and_then(decode)
        .ok_or_else(|| {
            ProviderError::refused(format!(
                "Helm's record of the release {namespace}/{name} can't be read"
            ))
            .with_hint(format!(
                "does `helm get all --namespace {namespace} {name}` read it?"
            ))
        })?;
    Ok(Some(release).filter(|release| release.info.status != "uninstalled"))
}

/// Base64 as in every Secret, then Helm's own base64, then gzip, then JSON.
fn decode(text: &str) -> Option<Release> {
    let outer = BASE64_STANDARD.decode(text).ok()?;
    let packed = BASE64_STANDARD.decode(outer).ok()?;
    let mut unpacked = Vec::new();
    GzDecoder::new(packed.as_slice())
        .take(LARGEST)
        .read_to_end(&mut unpacked)
        .ok()?;
    serde_json::from_slice(&unpacked).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_release_is_read_as_helm_writes_it() {
        let written = json!({
            "name": "strimzi", "version": 3, "config": { "replicas": 2 },
            "info": { "status": "deployed", "description": "Upgrade complete" },
            "chart": { "metadata": { "name": "strimzi-kafka-operator", "version": "0.45.0" }, "templates": [] },
        });
        let mut packer = GzEncoder::new(Vec::new(), Compression::default());
        packer.write_all(written.to_string().as_bytes()).unwrap();
        let once = BASE64_STANDARD.encode(packer.finish().unwrap());
        let release = decode(&BASE64_STANDARD.encode(once)).unwrap();
        assert_eq!(release.chart.metadata.version, "0.45.0");
        assert_eq!(release.config, json!({ "replicas": 2 }));
        assert_eq!(decode("bm90IGhlbG0="), None);
    }
}
