//! Week 5: what runs is watched.

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt};
use serde_json::Value;

use super::model::Measure;
use super::prometheus::Prometheus;
use super::step::{Scene, Step, Trouble};
use crate::spec::Section;

pub(super) fn steps() -> Vec<Arc<dyn Step>> {
    vec![Arc::new(ScrapeTargets)]
}

struct ScrapeTargets;

impl Step for ScrapeTargets {
    fn name(&self) -> &'static str {
        "scrape-targets"
    }

    fn home(&self) -> &'static str {
        "week-5"
    }

    fn title(&self) -> &'static str {
        "Prometheus scrapes every process of the service"
    }

    fn proves(&self) -> &'static str {
        "each target of Prometheus is up at its last scrape, and there are as many as the plan has processes"
    }

    fn sections(&self) -> &'static [Section] {
        &[Section::Monitoring, Section::Ingest]
    }

    fn verify<'a>(&'a self, scene: &'a Scene, _: &'a Value) -> BoxFuture<'a, Result<Vec<Measure>, Trouble>> {
        async move {
            let targets = Prometheus::of(&scene.endpoints)?.targets().await?;
            let down = targets.iter().filter(|target| target.health != "up");
            let down: Vec<String> = down
                .map(|target| format!("{} ({} {})", target.scrape_url, target.health, target.last_error))
                .collect();
            let ingest = scene.spec.ingest.as_ref();
            let processes = ingest.map_or(0, |ingest| ingest.api_replicas + ingest.worker_replicas);
            Ok(vec![
                Measure::at_least(
                    "targets that are scraped",
                    targets.len() as f64,
                    f64::from(processes),
                ),
                Measure::equal("targets that are not up", down.join("; "), ""),
            ])
        }
        .boxed()
    }
}
