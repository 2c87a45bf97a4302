//! Prometheus: what it scrapes and the alerts that it evaluates.

use std::collections::BTreeMap;

use serde_json::json;

use super::members::{etcd_names, names_of};
use super::{Error, Group, Layout, kind, names, outputs_of};
use crate::provider::local::PrometheusServer;
use crate::spec::Spec;
use crate::topology::prometheus;

const SECTION: &str = "monitoring";
const NAME: &str = "prometheus";

impl Layout<'_> {
    pub(super) fn monitoring(&mut self) -> Result<(), Error> {
        let Some(monitoring) = &self.spec.monitoring else {
            return Ok(());
        };
        let mut targets = BTreeMap::new();
        if let Some(ingest) = &self.spec.ingest {
            for (job, count) in [
                ("ingest-api", ingest.api_replicas),
                ("ingest-worker", ingest.worker_replicas),
            ] {
                targets.insert(
                    job.to_string(),
                    outputs_of(kind::INGEST_PROCESS, &names(job, count, 1), "endpoint"),
                );
            }
        }
        if let Some(aurora) = self
            .spec
            .aurora
            .as_ref()
            .filter(|aurora| aurora.replicas_per_shard > 0)
        {
            let members = (0..aurora.shards).flat_map(|number| names_of(aurora.replicas_per_shard, number));
            let members: Vec<String> = members.collect();
            targets.insert(
                "patroni".into(),
                outputs_of(kind::PATRONI_MEMBER, &members, "rest"),
            );
            targets.insert(
                "etcd".into(),
                outputs_of(kind::ETCD_MEMBER, &etcd_names(), "endpoint"),
            );
        }
        let mut common = self.common(NAME, &[NAME]);
        // It watches both regions, whichever takes events.
        common.place = None;
        let server = PrometheusServer {
            common,
            port: self.port(NAME, Group::Prometheus, 0)?,
            data: self.data(NAME, SECTION, SECTION),
            scrape_interval_ms: monitoring.scrape_interval.as_millis(),
            evaluation_interval_ms: monitoring.evaluation_interval.as_millis(),
            retention_seconds: monitoring.retention.as_secs(),
            targets,
            rules: rules(self.spec),
        };
        self.add(kind::PROMETHEUS_SERVER, NAME, &server, SECTION, SECTION);
        Ok(())
    }
}

/// Recording rules and alerts as a rules file; JSON is YAML too.
fn rules(spec: &Spec) -> Option<String> {
    let groups = prometheus::groups(spec);
    (!groups.is_empty()).then(|| format!("{:#}\n", json!({ "groups": groups })))
}
