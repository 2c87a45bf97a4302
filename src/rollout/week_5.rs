//! Week 5: what runs is watched.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use serde::Deserialize;
use serde_json::Value;

use super::model::Measure;
use super::service::get;
use super::step::{Scene, Step, Trouble};
use crate::spec::Section;

pub(super) fn steps() -> Vec<Arc<dyn Step>> {
    vec![Arc::new(ScrapeTargets)]
}

struct ScrapeTargets;

#[derive(Deserialize)]
struct Answer {
    data: Targets,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Targets {
    active_targets: Vec<Target>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Target {
    scrape_url: String,
    health: String,
    last_error: String,
}

const TIMEOUT: Duration = Duration::from_secs(10);

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
            let base = scene.endpoints.prometheus.as_deref();
            let base = base.ok_or_else(|| Trouble("the platform offers no Prometheus".into()))?;
            let url = format!("{}/api/v1/targets?state=active", base.trim_end_matches('/'));
            let (status, text) = get(url.clone(), TIMEOUT).await?;
            let answer: Answer = serde_json::from_str(&text)
                .map_err(|why| Trouble::new(format_args!("{url} answers {status}"), why))?;
            let targets = answer.data.active_targets;
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
